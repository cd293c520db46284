"""Files are replaced whole, links kept, and what killed processes left is cleaned up."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrfind.support import files
from lrfind.support.files import LEFT_OVER, OLD, write_whole

posix = pytest.mark.skipif(os.name != "posix", reason="links and modes as on POSIX")


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "result.json"
    for data in (b"old", b"new"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert [*tmp_path.iterdir()] == [path]


@posix
def test_the_file_behind_a_link_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "links").mkdir()
    real, link, chain = (
        tmp_path / name for name in ("real/result.json", "links/result.json", "links/chain.json")
    )
    real.write_bytes(b"old")
    link.symlink_to(real)
    chain.symlink_to(link.name)
    write_whole(chain, b"new")
    assert real.read_bytes() == b"new"
    assert link.is_symlink()
    assert chain.is_symlink()
    assert [each.name for each in (tmp_path / "real").iterdir()] == ["result.json"]


@posix
def test_a_dangling_link_makes_the_file_that_it_names(tmp_path):
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@posix
def test_the_mode_of_a_file_stays_and_a_new_one_has_the_usual(tmp_path):
    path = tmp_path / "secret.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o640
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@posix
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match=f"{name} is not a regular file"):
            write_whole(tmp_path / name, b"new")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "pipe"]


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127, "学" * 85])
def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path, name):
    path = tmp_path / name
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


@posix
def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    # Root reads every folder, so it is the opening that is refused.
    def closed(path, flags, *more, opened=os.open):
        if os.path.isdir(path):
            raise PermissionError(path)
        return opened(path, flags, *more)

    monkeypatch.setattr(files.os, "open", closed)
    write_whole(tmp_path / "result.json", b"new")
    assert (tmp_path / "result.json").read_bytes() == b"new"


def left_over(folder, name="result.json", age=0.0):
    path = folder / f".{name}.abcdefgh{LEFT_OVER}"
    path.write_bytes(b"part")
    os.utime(path, (time.time() - age,) * 2)
    return path


def names_in(folder):
    return {each.name for each in folder.iterdir()}


def test_what_a_killed_process_left_goes_and_nothing_else_does(tmp_path):
    kept = {left_over(tmp_path, "other.json").name, ".result.json.swp"}
    (tmp_path / ".result.json.swp").write_bytes(b"of another program")
    left_over(tmp_path)
    write_whole(tmp_path / "result.json", b"new")
    assert names_in(tmp_path) == {*kept, "result.json"}


@posix
@pytest.mark.parametrize(("age", "stays"), [(OLD / 2, True), (OLD * 2, False)])
def test_what_is_being_written_stays_unless_it_is_very_old(tmp_path, age, stays):
    path = left_over(tmp_path, age=age)
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_whole(tmp_path / "result.json", b"new")
        assert path.exists() == stays


def test_where_there_are_no_locks_only_what_is_old_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "fcntl", None)
    young = left_over(tmp_path, age=OLD / 2)
    write_whole(tmp_path / "result.json", b"new")
    assert names_in(tmp_path) == {young.name, "result.json"}
    left_over(tmp_path, age=OLD * 2)
    write_whole(tmp_path / "result.json", b"new")
    assert names_in(tmp_path) == {"result.json"}


@posix
def test_a_file_that_was_taken_for_left_over_at_its_birth_is_made_again(tmp_path, monkeypatch):
    begun, born = tempfile.mkstemp, []

    def taken_once(*arguments):
        handle, name = begun(*arguments)
        born.append(name)
        if len(born) == 1:
            os.unlink(name)
        return handle, name

    monkeypatch.setattr(files.tempfile, "mkstemp", taken_once)
    write_whole(tmp_path / "result.json", b"new")
    assert len(born) == 2
    assert (tmp_path / "result.json").read_bytes() == b"new"
    assert names_in(tmp_path) == {"result.json"}


@posix
def test_those_who_write_one_file_at_once_leave_each_other_alone(tmp_path):
    path = tmp_path / "result.json"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda text: write_whole(path, text), [b"a", b"b", b"c", b"d"] * 100))
    assert path.read_bytes() in (b"a", b"b", b"c", b"d")
    assert names_in(tmp_path) == {"result.json"}


def test_what_cannot_be_written_is_named_and_not_its_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    path.write_bytes(b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match=re.escape(f"No space left on device: {str(path)!r}")):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == {"result.json"}


def test_a_name_with_wildcards_cleans_up_after_itself_alone(tmp_path):
    of_another = left_over(tmp_path)
    write_whole(tmp_path / "*", b"new")
    assert of_another.exists()


@posix
def test_the_folder_is_synced_after_the_file_has_its_name(tmp_path, monkeypatch):
    done = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(files.os, "replace", lambda *names: (done.append("name"), replace(*names)))

    def synced(handle):
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", synced)
    write_whole(tmp_path / "result.json", b"new")
    assert done == ["file", "name", "folder"]


WRITER = """
import sys
from lrfind.support.files import write_whole
while True:
    for letter in (b"a", b"b"):
        write_whole(sys.argv[1], letter * 1_000_000)
        print(flush=True)
"""


@pytest.mark.slow
@posix
def test_a_process_killed_while_it_writes_leaves_a_whole_file(tmp_path):
    path = tmp_path / "data"
    for moment in (0.0, 0.003, 0.007, 0.013):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(moment)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        data = path.read_bytes()
        assert len(data) == 1_000_000
        assert data in (b"a" * 1_000_000, b"b" * 1_000_000)
    write_whole(path, b"whole")
    assert names_in(tmp_path) == {"data"}
