"""Files of learning rates and losses, whole, odd and hostile."""

import json
import pickle

import pytest

from lrfind.histories.files import LARGEST, read_table
from lrfind.support.errors import ResultFileError


@pytest.mark.parametrize(
    ("content", "table"),
    [
        ("lr,loss\n0.1,2\n", {"lr": ["0.1"], "loss": ["2"]}),
        ("\ufefflr;loss\r\n0.1;2\r\n", {"lr": ["0.1"], "loss": ["2"]}),
        ("lr\tloss\n0.1\t2", {"lr": ["0.1"], "loss": ["2"]}),
        ('"lr","loss"\n0.1\n0.2,1,5\n', {"lr": ["0.1", "0.2"], "loss": ["", "1"]}),
        ("", {}),
        (' {"lr": [0.1], "loss": [2]}', {"lr": [0.1], "loss": [2]}),
        ('[{"lr": 0.1, "loss": 2}, {"lr": 0.2}]', {"lr": [0.1, 0.2], "loss": [2, None]}),
        ("[]", {}),
    ],
)
def test_the_columns_of_a_file(tmp_path, content, table):
    (tmp_path / "a").write_text(content, encoding="utf-8", newline="")
    assert read_table(tmp_path / "a") == table


@pytest.mark.parametrize(
    "content",
    [
        b'{"lr": [0.1',
        b"[0.1, 0.2]",
        b'{"lr": ' * 3000,
        b"[" * 3000,
        b'[{"lr": ' + b"9" * 5000 + b"}]",
        b"lr,loss\n" + b"1" * 200_000 + b",1\n",
    ],
)
def test_what_holds_no_table_is_one_error_with_its_name(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ResultFileError, match=r"a\.csv holds no table in JSON or CSV: .*\.$"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00", b"lr,loss\n\xff\xfe,1\n"])
def test_what_is_no_text_is_one_error_with_its_name(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ResultFileError, match=r"a\.csv is not text in UTF-8\.$"):
        read_table(tmp_path / "a.csv")


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit",)


def test_nothing_in_a_file_is_executed(tmp_path):
    (tmp_path / "a").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ResultFileError):
        read_table(tmp_path / "a")
    # With protocol 0 it is text.
    (tmp_path / "a").write_bytes(pickle.dumps(Trap(), protocol=0))
    assert "lr" not in read_table(tmp_path / "a")
    code = "__import__('os')._exit(1)"
    (tmp_path / "a").write_text(json.dumps({"lr": code, "loss": [code]}))
    assert read_table(tmp_path / "a") == {"lr": code, "loss": [code]}


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(
        ResultFileError, match="a has 10,000,001 bytes, and no more than 10,000,000"
    ):
        read_table(tmp_path / "a")


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "a")
