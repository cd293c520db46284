"""A checkpoint is read as it was written, or refused; nothing in it is run."""

import io
import json
import os
import pickle
from hashlib import blake2b

import pytest
import torch

from lrfind.loop.checkpoint_file import is_checkpoint, read_checkpoint, write_checkpoint
from lrfind.support.errors import ResultFileError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sweep.ckpt"


CONTENT = {"a": torch.arange(3), "b": ("x", 1.5, None, [1])}


def test_it_comes_back(path):
    assert not is_checkpoint(path)
    write_checkpoint(path, CONTENT)
    found = read_checkpoint(path)
    assert torch.equal(found.pop("a"), CONTENT["a"])
    assert found == {"b": CONTENT["b"]}
    assert is_checkpoint(path)


def test_any_byte_that_is_missing_or_another_is_noticed(path):
    write_checkpoint(path, CONTENT)
    data = path.read_bytes()
    for place in [*range(0, len(data), 37), len(data) - 1]:
        for damaged in (data[:place], data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(ResultFileError):
                read_checkpoint(path)


def sealed(body, **more):
    seal = {
        "format": "lrfind checkpoint",
        "schema": 1,
        "blake2b": blake2b(body, digest_size=16).hexdigest(),
    }
    return json.dumps(seal | more).encode() + b"\n" + body


def test_code_in_it_is_not_run(path, tmp_path):
    class Harms:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harmed"),)

    whole = io.BytesIO()
    torch.save({"a": Harms()}, whole)
    for body in (pickle.dumps(Harms()), whole.getvalue(), b"", b"PK", pickle.dumps(3)):
        path.write_bytes(sealed(body))
        with pytest.raises(ResultFileError, match=r"cannot be read|is no checkpoint"):
            read_checkpoint(path)
    assert not (tmp_path / "harmed").exists()


def test_other_files_are_refused(path, tmp_path):
    write_checkpoint(path, CONTENT)
    body = path.read_bytes().partition(b"\n")[2]
    path.write_bytes(sealed(body, schema=2))
    with pytest.raises(ResultFileError, match="has schema 2"):
        read_checkpoint(path)
    for data in (b"", b"text", b'{"format": "lrfind result"}\n', b"\x00" * 300):
        path.write_bytes(data)
        assert not is_checkpoint(path)
        with pytest.raises(ResultFileError, match="is no checkpoint"):
            read_checkpoint(path)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ResultFileError):
            read_checkpoint(other)
