"""A full disk: what is found is told, what is there stays, and what cannot be written is named."""

import math
import random
import re
import resource
import textwrap
from functools import partial
from pathlib import Path

import pytest
from in_a_fork import call_each, command, do, mount, on_a_full_disk, unprinted
from makers import make_controls, make_result, make_trial, make_verification

import lrfind
from lrfind import StopReason
from lrfind.demo import digits_problem
from lrfind.repeats.files import RunKey, save_run

pytestmark = pytest.mark.slow

PROBLEM = """
    import torch
    from in_a_fork import fill
    from torch import nn

    class Batches(list):
        def __iter__(self):
            for step, batch in enumerate(super().__iter__()):
                if step == 20:
                    fill()
                yield batch

    def problem():
        model = nn.Linear(2, 1)
        data = Batches((x, x.sum(1, keepdim=True)) for x in torch.randn(40, 8, 2))
        return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data
"""
SHORT = ("--num-iter", 60, "--start-lr", 1e-3)
RUN = ("run", "problem.py:problem", "--out", "disk/out", "--force", *SHORT)
REPEAT = (
    "repeat", "problem.py:problem", "--out", "disk/out", "--force", "--seeds", 4, "--jobs", 1,
    *SHORT,
)  # fmt: skip
OLD = b"old"


@pytest.fixture(params=["files", "quota"])
def way(request, tmp_path):
    """By a limit on the size of a file, and by a small disk of one's own."""
    if request.param == "quota":
        (tmp_path / "disk").mkdir()
        if do(tmp_path, mount, "disk").code:
            pytest.skip("nobody but the administrator can mount a disk here")
    return request.param


def on_disk(folder, way, size, late, old, *job):
    """Do a job in a new folder; how it ended, and what is there, by path."""
    for name in ("disk", "old/out", "saved"):
        (folder / name).mkdir(parents=True)
    for name, data in old.items():
        (folder / "old" / name).write_bytes(data)
    (folder / "problem.py").write_text(textwrap.dedent(PROBLEM))
    make_result().save(folder / "saved" / "result.json")
    done = do(folder, on_a_full_disk, way, size, late, *job)
    left = folder / "left"
    paths = [path for path in left.rglob("*") if path.is_file()]
    return done, {str(path.relative_to(left)): path.read_bytes() for path in paths}


def undisturbed(folder, old, *job):
    done, files = on_disk(folder, "files", resource.RLIM_INFINITY, False, old, *job)
    assert done.code == 0, done.err
    return done, files


SEEDS = {"files": 13, "quota": 24}
"""With which the first journal is cut off, and the first disk has room for it, not for pictures."""


def sizes_of(way, files, count):
    """Random sizes at which not all of the files have room."""
    sizes = [len(data) for data in files.values()]
    most = max(sizes) if way == "files" else sum(sizes) / 2
    draws = random.Random(SEEDS[way])
    return [round(math.exp(draws.uniform(math.log(500), math.log(most)))) for _ in range(count)]


def unwritten(left, whole, old):
    """The files that are not those of the undisturbed job; they are as they were."""
    missing = {path for path, data in whole.items() if left.get(path) != data}
    for path in missing:
        assert left.get(path) == old.get(path), path
    assert left.keys() <= whole.keys() | old.keys(), "a temporary file is left"
    return missing


def named(text):
    """The paths in an error that says why each could not be written."""
    found = re.findall(r"(disk/\S+) \((?:No space left on device|File too large)\)", text)
    assert len({*found}) == len(found)
    return {path.removeprefix("disk/") for path in found}


JOURNAL = "out/journal.jsonl"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """What is there before the run: a journal, and files of which only the place is known."""
    path = tmp_path_factory.mktemp("earlier") / "journal.jsonl"
    digits_problem().range_test(num_iter=30, journal=path, progress=False)
    return {JOURNAL: path.read_bytes(), "out/result.json": OLD, "out/range_test.png": OLD}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("whole") / "run", {}, command, *RUN)


def test_a_run_tells_what_it_found_and_names_what_it_could_not_write(
    tmp_path, way, earlier, whole_run, cases
):
    told, whole = whole_run
    for case, size in enumerate(sizes_of(way, whole, cases(1))):
        late = (case % 2 == 0) == (way == "files")
        done, left = on_disk(tmp_path / str(case), way, size, late, earlier, command, *RUN)
        assert done.out == told.out
        check_journal(tmp_path / str(case) / "left", done.err, left.pop(JOURNAL), earlier, whole)
        missing = unwritten(left, {**whole, JOURNAL: None}, earlier) - {JOURNAL}
        assert named(done.err.splitlines()[-1]) == missing
        assert done.code == (1 if missing else 0)


def check_journal(left, said, found, earlier, whole):
    """It is the earlier one, the start of this one, or this one, and which is said."""
    if f"No disk/{JOURNAL}: " in said:
        assert found == earlier[JOURNAL]
    elif f"the journal disk/{JOURNAL} ends here" in said:
        part = lrfind.load(left / JOURNAL)
        assert part.stop_reason is StopReason.UNFINISHED
        # But for a last line that is cut off.
        *lines, _ = found.split(b"\n")
        assert lines == whole[JOURNAL].split(b"\n")[: len(lines)]
        assert part.lr.size <= 60
    else:
        assert found == whole[JOURNAL]


@pytest.fixture(scope="module")
def whole_repeat(tmp_path_factory):
    return undisturbed(tmp_path_factory.mktemp("whole") / "repeat", {}, command, *REPEAT)


def test_a_repeat_finishes_its_runs_and_names_what_it_could_not_write(
    tmp_path, way, whole_repeat, cases
):
    told, whole = whole_repeat
    runs = sorted(path for path in whole if path.endswith(".json"))
    assert len(runs) == 4
    old = {"out/repeats.csv": OLD, "out/repeats.png": OLD, runs[0]: whole[runs[0]]}
    for case, size in enumerate(sizes_of(way, whole, cases(1))):
        late = case % 2 == 1
        done, left = on_disk(tmp_path / str(case), way, size, late, old, command, *REPEAT)
        assert done.out == told.out
        missing = unwritten(left, whole, old)
        assert named(done.err.splitlines()[-1]) == missing
        assert f"Wrote {len(runs) - len(missing & {*runs})} runs to disk/out/\n" in done.err
        assert done.code == (1 if missing else 0)


@pytest.mark.parametrize(("word", "name"), [("plot", "picture.png"), ("report", "page.html")])
def test_a_picture_or_page_that_cannot_be_written_is_named_and_stays(tmp_path, word, name):
    words = (word, "saved/result.json", "-o", f"disk/{name}")
    done, left = on_disk(tmp_path / "1", "files", 1000, False, {name: OLD}, command, *words)
    assert done.err == f"Error: [Errno 27] File too large: 'disk/{name}'\n"
    assert (done.code, done.out, left) == (1, "", {name: OLD})


def test_what_cannot_be_saved_is_named_and_stays(tmp_path, way, monkeypatch, cases):
    records = {
        "out/result.json": make_result().save,
        "out/result.csv": make_result().to_csv,
        "out/controls.json": make_controls().save,
        "out/verification.json": make_verification([make_trial(0.1, 1.0, 0.5)] * 200).save,
    }
    key = RunKey(0, {}, {}, "build 0")
    path = f"out/{key.file_name}"
    calls = [partial(save, f"disk/{name}") for name, save in records.items()]
    calls.append(partial(save_run, Path("disk/out"), key, make_result()))
    (tmp_path / "disk" / "out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for call in calls:
        call()
    whole = {name: (tmp_path / "disk" / name).read_bytes() for name in (*records, path)}
    old = dict.fromkeys(["out/result.json", "out/verification.json", path], OLD)
    for case, size in enumerate(sizes_of(way, whole, cases(4))):
        done, left = on_disk(tmp_path / str(case), way, size, False, old, call_each, *calls)
        assert done.code == 0, done.err
        said = re.findall(r"^\[Errno \d+\] [\w ]+: 'disk/(.*)'$", done.out, re.MULTILINE)
        assert len(said) == len(done.out.splitlines())
        assert {*said} == unwritten(left, whole, old)


TABLES = [
    ("show", "saved/result.json"),
    ("show", "saved/result.json", "--json"),
    ("show", "saved/result.json", "--plot"),
    ("compare", "saved/result.json", "saved/result.json"),
    ("completion", "bash"),
]


def test_a_table_that_cannot_be_printed_is_one_error(tmp_path, cases):
    (tmp_path / "saved").mkdir()
    make_result().save(tmp_path / "saved" / "result.json")
    for words in TABLES[: cases(len(TABLES))]:
        done = do(tmp_path, unprinted, *words)
        said = "Error: could not write standard output (No space left on device)\n"
        assert (done.code, done.err) == (1, said), words


def test_and_the_files_are_written_all_the_same(tmp_path, whole_repeat):
    done, left = on_disk(
        tmp_path / "1", "files", resource.RLIM_INFINITY, False, {}, unprinted, *REPEAT
    )
    assert done.code == 1
    assert done.err.startswith("Error: could not write standard output (No space left on device)\n")
    assert left == whole_repeat[1]
