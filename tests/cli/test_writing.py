"""What a command writes: all that it can, nothing of another program's, and the rest is named."""

import errno
import os
import resource
import signal
import subprocess
import sys

import pytest
from makers import files_of_at_most

import lrfind
from lrfind.cli.writing import Writing
from lrfind.support import files
from lrfind.support.text import rate


def test_a_file_of_another_program_is_not_replaced_and_nothing_is_run(invoke, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "beta.png").write_bytes(b"mine")
    done = invoke("demo", "--num-iter", 40, "--out", out)
    assert done.exit_code == 1
    assert done.stderr.strip() == (
        f"Error: {out / 'beta.png'} is not of lrfind: pass --force to replace it, or another --out."
    )
    assert [each.name for each in out.iterdir()] == ["beta.png"]
    assert (out / "beta.png").read_bytes() == b"mine"


def test_it_is_replaced_if_asked_and_our_own_files_always_are(invoke, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "beta.png").write_bytes(b"mine")
    assert invoke("demo", "--num-iter", 40, "--out", out, "--force").exit_code == 0
    first = lrfind.load(out / "result.json")
    assert invoke("demo", "--num-iter", 60, "--out", out).exit_code == 0
    assert lrfind.load(out / "result.json").lr.size != first.lr.size


@pytest.mark.parametrize(
    ("name", "content"),
    [("result.json", b"{}"), ("result.csv", b"a,b"), ("journal.jsonl", b"{}"), ("link", None)],
)
def test_what_bears_no_name_of_ours_is_not_ours(tmp_path, name, content):
    if content is None:
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Exception, match=f"{name} is not of lrfind"):
        Writing(tmp_path, [name])
    Writing(tmp_path, ["other"])
    Writing(tmp_path, [name], force=True)


def test_a_json_file_of_another_program_is_not_ours_beside_ours(tmp_path):
    (tmp_path / "result.json").write_bytes(b'{\n "format": "lrfind range test"}')
    (tmp_path / "controls.json").write_bytes(b"{}")
    Writing(tmp_path, ["result.json", "range_test.png"])
    with pytest.raises(Exception, match=r"controls.json is not of lrfind"):
        Writing(tmp_path, ["controls.json"])


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "result.json")
    with pytest.raises(Exception, match=r"result.json is not of lrfind"):
        Writing(tmp_path, ["result.json"])


def test_on_a_full_disk_the_rate_is_printed_and_each_file_is_named(invoke, tmp_path, monkeypatch):
    whole = invoke("demo", "--num-iter", 60, "--out", "whole")
    assert whole.output.index("Train at") < whole.output.index("Wrote")
    expected = whole.stdout

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    done = invoke("demo", "--num-iter", 60, "--out", "full")
    assert "No full/journal.jsonl: No space left on device. The run goes on without." in done.stderr
    assert done.stdout == expected
    assert (
        f"Train at  {rate(lrfind.load(tmp_path / 'whole' / 'result.json').suggest().lr)} "
        in expected
    )
    assert done.exit_code == 1
    error = done.stderr.strip().splitlines()[-1]
    names = ("result.json", "result.csv", "range_test.png", "beta.png", "report.html")
    assert error == "Error: could not write " + ", ".join(
        f"full/{name} (No space left on device)" for name in names
    )
    assert [*(tmp_path / "full").iterdir()] == []


def test_a_file_is_begun_only_where_there_is_room_for_more_than_its_name(tmp_path, capsys):
    writing = Writing(tmp_path, [])
    with files_of_at_most(1000):
        assert writing.begin("journal.jsonl") is None
    said = f"No {tmp_path / 'journal.jsonl'}: File too large. The run goes on without.\n"
    assert capsys.readouterr().err == said
    assert writing.begin("journal.jsonl") == tmp_path / "journal.jsonl"
    assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be_made_is_one_error_before_anything_is_run(invoke, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    done = invoke("demo", "--out", tmp_path / "file" / "out")
    assert done.exit_code == 1
    assert "cannot be made: Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_process_that_may_write_little_prints_its_rate_and_names_the_rest(tmp_path):
    """By a limit of the system on the size of files, above which nothing can be written."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error instead of the end
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = [sys.executable, "-m", "lrfind", "demo", "--num-iter", "60", "--out", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Train at" in done.stdout
    assert "Wrote result.json and result.csv to out/" in done.stderr
    assert "could not write out/range_test.png (File too large)" in done.stderr
    assert not (tmp_path / "out" / "range_test.png").exists()
    assert lrfind.load(tmp_path / "out" / "result.json").lr.size > 40
