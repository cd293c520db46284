"""Jobs in processes forked from one that has imported everything: to be killed, or on a full disk.

A job is a function that a child can import, such as those below. It is called in a folder, and may
write only to `disk/` there where the disk is to be full.
"""

import ctypes
import multiprocessing
import os
import resource
import shutil
import signal
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "pytest", "torch._dynamo", "matplotlib.backends.backend_agg", "PIL.PngImagePlugin",
        "bokeh.plotting", "lrfind.cli.hand_over", "lrfind.cli.repeat", "lrfind.problems.from_file",
        "lrfind.repeats.figure", "lrfind.repeats.run", "lrfind.reports.page", "lrfind.result.pages",
        "lrfind.result.report",
    ]
)  # fmt: skip


class Done(NamedTuple):
    """How a job ended."""

    code: int
    out: str
    err: str


def do(folder, job, *arguments, kill_after=None):
    """Do a job in a process of its own, in a folder.

    Kill it after some seconds, or when a function that is given the process returns.
    """
    (ready, theirs), out, err = (FORKS.Pipe(duplex=False) for _ in range(3))
    process = FORKS.Process(target=_start, args=(folder, theirs, out[1], err[1], job, arguments))
    process.start()
    for end in (theirs, out[1], err[1]):
        end.close()
    with ready, closing(process):
        ready.recv_bytes()
        if kill_after is not None:
            kill_after(process) if callable(kill_after) else time.sleep(kill_after)
            process.kill()
        texts = [_all_of(reader) for reader, _ in (out, err)]
        process.join()
        return Done(process.exitcode, *texts)


def _all_of(reader):
    with reader, open(os.dup(reader.fileno())) as file:
        return file.read()


def _start(folder, ready, out, err, job, arguments):
    # A lock that is made for another method outlives a process that is killed.
    multiprocessing.set_start_method("fork", force=True)
    os.chdir(folder)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    ready.send_bytes(b".")
    job(*arguments)


def command(*arguments):
    from lrfind.cli import main

    main([str(each) for each in arguments], prog_name="lrfind")


def over_and_over(*calls):
    while True:
        for call in calls:
            call()


# Full disks.

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
ROOM = 2**23
"""Bytes on a disk of one's own."""
_filling = []


def on_a_full_disk(way, size, late, job, *arguments):
    """Do a job that writes to `disk`, which gets full; what is there in the end comes to `left`.

    Args:
        way: "files": no file may be larger than the size. "quota": so much room is left, on a disk
            of one's own.
        size: Bytes.
        late: Whether the disk gets full only when the job calls `fill`.
    """
    if way == "quota":
        mount("disk")
    shutil.copytree("old", "disk", dirs_exist_ok=True)
    _filling.append(partial({"files": _limit, "quota": _leave}[way], size))
    try:
        if not late:
            fill()
        job(*arguments)
    finally:
        if way == "files":
            _limit(resource.RLIM_INFINITY)
        shutil.copytree("disk", "left", ignore=shutil.ignore_patterns("filler"))


def fill():
    """Make the disk full, unless it is; without one, do nothing."""
    while _filling:
        _filling.pop()()


def mount(folder):
    """Mount a small disk that this process alone has, and that goes with it."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no namespace")
    owners = {"setgroups": "deny", "uid_map": f"0 {user} 1", "gid_map": f"0 {group} 1"}
    for name, text in owners.items():
        Path("/proc/self", name).write_text(text)
    if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"size=%d" % ROOM):
        raise OSError(ctypes.get_errno(), "no mount")


def _limit(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error instead of the end
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _leave(size):
    with open("disk/filler", "wb", buffering=0) as filler:
        with suppress(OSError):
            while True:
                filler.write(bytes(2**12))
        filler.truncate(max(0, filler.tell() - size))


def call_each(*calls):
    """Call all, each of which may fail to write, and say how."""
    for call in calls:
        try:
            call()
        except OSError as error:
            print(error)


def unprinted(*arguments):
    """A command whose standard output is on a full disk."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    command(*arguments)
