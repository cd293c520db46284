"""Runs on disk: found again when they are the ones asked for, and only then."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from makers import TESTS, parabola

import lrfind
from lrfind import RepeatSet, ResultFileError, load_repeats
from lrfind.repeats.files import RunKey, check_one_build, find_run, save_run
from lrfind.repeats.runs import Run

EARLIER = TESTS / "fixtures" / "5a026df" / "repeats"
"""Four runs of the digits, two seeds with two batch sizes, that an earlier version wrote."""
KEY = RunKey(3, {"size": 64, "kind": "a/b c"}, {"num_iter": 81}, "build 0123")
RESULT = parabola(-1.0)


def test_a_run_is_found_again_and_is_an_ordinary_result_too(tmp_path):
    save_run(tmp_path, KEY, RESULT)
    assert find_run(tmp_path, KEY) == RESULT
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("size=64_kind=a_b_c_num_iter=81_seed=3-")
    assert lrfind.load(path) == RESULT


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"grid": {"size": 65, "kind": "a/b c"}},
        {"grid": {"size": 64.0, "kind": "a/b c"}},
        {"grid": {"size": 64, "kind": "a_b_c"}},
        {"sweep": {}},
        {"sweep": {"num_iter": 82}},
        {"build": "build 0124"},
    ],
)
def test_a_run_of_anything_else_is_no_match(tmp_path, change):
    save_run(tmp_path, KEY, RESULT)
    other = dataclasses.replace(KEY, **change)
    assert other.file_name != KEY.file_name
    assert find_run(tmp_path, other) is None


def cut(text):
    return text[: len(text) // 2]


def of_another(text):
    document = json.loads(text)
    document["run"]["seed"] = 5
    return json.dumps(document)


def without_losses(text):
    document = json.loads(text)
    del document["loss"]
    return json.dumps(document)


@pytest.mark.parametrize("harm", [cut, of_another, without_losses, lambda text: "[]"])
def test_a_file_that_is_not_what_its_name_says_is_set_aside(tmp_path, harm):
    path = tmp_path / KEY.file_name
    for _ in range(2):
        save_run(tmp_path, KEY, RESULT)
        harmed = harm(path.read_text())
        path.write_text(harmed)
        with pytest.warns(UserWarning, match="renamed to .*, and the run is repeated"):
            assert find_run(tmp_path, KEY) is None
    assert not path.exists()
    assert [aside.read_text() for aside in tmp_path.iterdir()] == [harmed] * 2


def test_a_very_long_setting_still_has_a_name_of_its_own(tmp_path):
    keys = [dataclasses.replace(KEY, grid={"text": "x" * 500 + end}) for end in "ab"]
    for key, best in zip(keys, (-1.0, -2.0), strict=True):
        save_run(tmp_path, key, parabola(best))
    assert [find_run(tmp_path, key) for key in keys] == [parabola(-1.0), parabola(-2.0)]


def test_a_folder_holds_runs_of_one_build(tmp_path):
    save_run(tmp_path, KEY, RESULT)
    (tmp_path / "mine.json").write_text("{")
    check_one_build(tmp_path, KEY.build)
    with pytest.raises(ValueError, match="another `build`"):
        check_one_build(tmp_path, "build 9")


def test_a_folder_is_read_in_order_and_other_files_are_passed_over(tmp_path):
    for size in (128, 16):
        for seed in (10, 2):
            save_run(
                tmp_path, RunKey(seed, {"size": size}, {"num_iter": 81}, "b"), parabola(-seed / 5)
            )
    RESULT.save(tmp_path / "single.json")
    (tmp_path / "repeats.csv").write_text("size\n")
    assert load_repeats(tmp_path) == RepeatSet(
        tuple(
            Run(seed, {"size": size}, parabola(-seed / 5)) for size in (16, 128) for seed in (2, 10)
        )
    )


def test_settings_of_the_sweep_are_told_where_they_differ(tmp_path):
    for steps in (81, None):
        asked = {} if steps is None else {"num_iter": steps}
        save_run(tmp_path, RunKey(0, {}, {"start_lr": 1e-6, **asked}, "b"), RESULT)
    assert [run.settings for run in load_repeats(tmp_path).runs] == [
        {"num_iter": 81}, {"num_iter": None},
    ]  # fmt: skip


def test_a_folder_that_is_not_right_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        load_repeats(tmp_path / "nowhere")
    with pytest.raises(ResultFileError, match="holds no runs"):
        load_repeats(tmp_path)
    save_run(tmp_path, KEY, RESULT)
    save_run(tmp_path, dataclasses.replace(KEY, build="other"), RESULT)
    with pytest.raises(ResultFileError, match="several problems"):
        load_repeats(tmp_path)
    path = tmp_path / KEY.file_name
    path.write_text(cut(path.read_text()))
    with pytest.raises(ResultFileError, match="not valid JSON"):
        load_repeats(tmp_path)


def test_runs_of_an_earlier_version_are_read():
    runs = load_repeats(EARLIER)
    assert [(run.seed, run.settings) for run in runs.runs] == [
        (seed, {"model": "mlp", "batch_size": size}) for size in (64, 128) for seed in (0, 1)
    ]
    assert all(np.isfinite(run.result.loss).all() for run in runs.runs)
    assert all(row.answer.lr for row in runs.table().rows if row.answer)


def test_and_found_again_by_what_they_say_they_are(tmp_path):
    folder = shutil.copytree(EARLIER, tmp_path / "out")
    for path in EARLIER.glob("*.json"):
        key = RunKey(**json.loads(path.read_text())["run"])
        assert key.file_name == path.name
        assert find_run(folder, key) == lrfind.load(path)


def test_and_not_done_again(tmp_path):
    def never_called(model, batch_size):
        raise AssertionError

    folder = shutil.copytree(EARLIER, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    never_called.fingerprint = json.loads(min(before).read_text())["run"]["build"]
    grid = {"model": ["mlp"], "batch_size": [64, 128]}
    runs = lrfind.repeat(never_called, seeds=2, grid=grid, n_jobs=1, num_iter=25, out=folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert runs == load_repeats(EARLIER)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (3, "damaged: `run`: expected `object`, got `int`"),
        ({}, "damaged: `run.seed` is missing"),
        ({"seed": "1", "grid": {}, "sweep": {}, "build": "b"}, "damaged: `run.seed`: expected"),
        ({"seed": True, "grid": {}, "sweep": {}, "build": "b"}, "damaged: `run.seed`: expected"),
        ({"seed": 1, "grid": {"a": []}, "sweep": {}, "build": "b"}, "damaged: `run.grid"),
    ],
)
def test_a_damaged_key_is_named(tmp_path, key, message):
    path = edited(tmp_path, lambda document: document.update(run=key), checksum=False)
    assert path.name.startswith("size=64")
    with pytest.raises(ResultFileError, match=message):
        load_repeats(tmp_path)


def edited(folder, change, *, checksum=True):
    """A saved run that somebody has edited."""
    save_run(folder, KEY, RESULT)
    path = folder / KEY.file_name
    document = json.loads(path.read_text())
    change(document)
    if not checksum:
        del document["checksum"]
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["loss"].__setitem__(40, document["loss"][40] + 1e-15),
        lambda document: document.update(seed=1),
        lambda document: document["run"]["grid"].update(kind="b"),
        lambda document: document.update(note="mine"),
        lambda document: document.update(checksum=None),
    ],
)
def test_an_edited_run_is_noticed(tmp_path, change):
    path = edited(tmp_path, change)
    for read in (lrfind.load, lambda it: load_repeats(it.parent)):
        with pytest.raises(ResultFileError, match="was edited or damaged: its `checksum`"):
            read(path)
    with pytest.warns(UserWarning, match="was edited or damaged.*renamed to"):
        assert find_run(tmp_path, KEY) is None
    assert [each.name for each in tmp_path.iterdir()] == [f"{path.name}.damaged"]


def test_a_run_that_was_only_written_anew_is_not(tmp_path):
    path = edited(tmp_path, lambda document: None)
    path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
    assert find_run(tmp_path, KEY) == RESULT


def pipe(path):
    os.mkfifo(path)


def dangling(path):
    path.symlink_to(path.parent / "nowhere")


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, dangling, device, Path.mkdir])
def test_what_is_no_file_is_set_aside(tmp_path, make):
    path = tmp_path / KEY.file_name
    make(path)
    with pytest.raises(ResultFileError, match="holds no runs"):
        load_repeats(tmp_path)
    check_one_build(tmp_path, "build 9")
    with pytest.warns(UserWarning, match="renamed to .*, and the run is repeated"):
        assert find_run(tmp_path, KEY) is None
    assert [each.name for each in tmp_path.iterdir()] == [f"{path.name}.damaged"]
    save_run(tmp_path, KEY, RESULT)
    make(tmp_path / f"a{path.name}")
    assert len(load_repeats(tmp_path)) == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_run_counts_once_and_a_copy_does_not_take_its_place(tmp_path):
    save_run(tmp_path, KEY, parabola(-2.0))
    shutil.copy(tmp_path / KEY.file_name, tmp_path / "a copy.json")
    shutil.copy(tmp_path / KEY.file_name, tmp_path / "z copy.json")
    (tmp_path / "link.json").symlink_to(KEY.file_name)
    save_run(tmp_path, KEY, RESULT)
    assert [run.result for run in load_repeats(tmp_path).runs] == [RESULT]


def test_a_file_that_is_not_ours_is_passed_over(tmp_path):
    save_run(tmp_path, KEY, RESULT)
    for name, text in (("a", "{"), ("b", "[1]"), ("c", '{"run": null}'), ("d", '{"run": 1}')):
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "e.json").write_bytes(b"\xff")
    assert len(load_repeats(tmp_path)) == 1


def test_a_damaged_run_that_another_process_has_set_aside_is_no_error(tmp_path, monkeypatch):
    path = edited(tmp_path, lambda document: document.update(seed=1))
    monkeypatch.setattr(Path, "rename", lambda path, aside: path.unlink() or path.stat())
    assert find_run(tmp_path, KEY) is None
    assert not path.exists()
