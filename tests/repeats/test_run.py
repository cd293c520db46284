"""Repeats: the same whatever runs them, each on disk as soon as it is done."""

import os
import random
import subprocess
import sys
from contextlib import suppress
from functools import partial

import makers
import numpy as np
import pytest
import torch
from makers import SHORT, by_hand, files_of_at_most, parabola, plain

import lrfind
from lrfind import RunsFailedError, load_repeats, repeat
from lrfind.repeats.files import RunKey, save_run
from lrfind.repeats.runs import Run


def test_a_run_is_the_range_test_of_a_freshly_seeded_problem():
    runs = repeat(makers.regression, seeds=[3, 7], n_jobs=1, **SHORT)
    assert [run.seed for run in runs.runs] == [3, 7]
    assert [run.result for run in runs.runs] == [by_hand(3), by_hand(7)]
    assert runs.runs[0].result != runs.runs[1].result


def test_the_grid_goes_to_the_problem_and_the_sweep_grid_to_the_sweep():
    runs = repeat(
        makers.regression, seeds=1, n_jobs=1, start_lr=1e-4,
        grid={"width": [2, 4], "optimizer": ["adam", "sgd"]}, sweep_grid={"num_iter": [12, 15]},
    )  # fmt: skip
    assert [tuple(run.settings.values()) for run in runs.runs] == [
        (width, name, steps) for width in (2, 4) for name in ("adam", "sgd") for steps in (12, 15)
    ]
    for run in runs.runs:
        assert run.result.settings.num_iter == run.settings["num_iter"]
        assert run.result.settings.start_lr == 1e-4
        assert run.result.optimizer.lower() == run.settings["optimizer"]


def test_the_problems_own_options_hold_unless_given():
    (run,) = repeat(makers.as_problem, seeds=1, n_jobs=1, start_lr=1e-3).runs
    assert (run.result.settings.num_iter, run.result.settings.start_lr) == (25, 1e-3)


@pytest.mark.parametrize("build", [makers.all_generators, makers.picky])
def test_the_callers_random_state_and_threads_are_left_alone(build):
    torch.set_num_threads(2)
    try:
        before = plain([random.getstate(), np.random.get_state(), torch.get_rng_state()])  # noqa: NPY002
        with suppress(RunsFailedError):
            repeat(build, seeds=2, n_jobs=1, **SHORT)
        after = plain([random.getstate(), np.random.get_state(), torch.get_rng_state()])  # noqa: NPY002
        assert before == after
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_seeds_that_change_nothing_are_told():
    with pytest.warns(UserWarning, match="every seed gave the same losses"):
        repeat(makers.own_seed, seeds=2, n_jobs=1, **SHORT)


def test_nothing_finished_is_an_error_without_runs():
    with pytest.raises(RunsFailedError) as caught:
        repeat(makers.picky, seeds=[1], n_jobs=1)
    assert caught.value.finished is None


def test_a_second_call_does_only_what_is_missing(tmp_path):
    out, calls = tmp_path / "new" / "out", tmp_path / "calls"
    calls.mkdir()
    ask = partial(repeat, makers.counted, grid={"folder": [str(calls)]}, out=out, n_jobs=1, **SHORT)
    first = ask(seeds=2)
    seconds = ask(seeds=4)
    assert sorted(int(path.name.split("-")[0]) for path in calls.iterdir()) == [0, 1, 2, 3]
    assert seconds.runs[:2] == first.runs
    assert ask(seeds=4) == seconds
    assert len(list(calls.iterdir())) == 4


def test_every_run_is_on_disk_as_soon_as_it_is_finished(tmp_path):
    seen = []

    def build(seed):
        seen.append(len(list(tmp_path.glob("*.json"))))
        return makers.regression()

    repeat(build, seeds=3, n_jobs=1, out=tmp_path, **SHORT)
    assert seen == [0, 1, 2]


def test_ctrl_c_keeps_what_is_finished_and_puts_the_state_back(tmp_path):
    def build(seed):
        if seed == 2:
            raise KeyboardInterrupt
        return makers.regression()

    before = plain(torch.get_rng_state())
    with pytest.raises(KeyboardInterrupt):
        repeat(build, seeds=3, n_jobs=1, out=tmp_path, **SHORT)
    assert plain(torch.get_rng_state()) == before
    assert [run.seed for run in load_repeats(tmp_path).runs] == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seeds": 0}, ValueError, "`seeds` must be at least 1"),
        ({"seeds": [1, 1]}, ValueError, "`seeds` must hold different"),
        ({"seeds": []}, ValueError, "`seeds` must hold different"),
        ({"seeds": "12"}, TypeError, "`seeds`"),
        ({"n_jobs": 0}, ValueError, "`n_jobs` must not be 0"),
        ({"seeds": [0, 2**64]}, ValueError, "`seeds` must hold seeds below"),
        ({"seeds": [-1]}, ValueError, "`seeds` must be at least 0"),
        ({"grid": {"depth": [1]}}, TypeError, "`build` cannot be called .*depth"),
        ({"grid": {"width": 4}}, TypeError, "list of values for `width`"),
        ({"grid": {"optimizer": "sgd"}}, TypeError, "list of values for `optimizer`"),
        ({"grid": {"width": []}}, ValueError, "different values for `width`"),
        ({"grid": {"width": [2, 2]}}, ValueError, "different values for `width`"),
        ({"grid": {"optimizer": [torch.optim.SGD]}}, TypeError, "`optimizer` must be a number"),
        ({"grid": {"seed": [1]}}, ValueError, "`grid` holds `seed`"),
        ({"grid": [1]}, TypeError, "`grid` must map names"),
        ({"sweep_grid": {"width": [1]}}, ValueError, "`sweep_grid` has 'width', which is"),
        ({"sweep_grid": {"num_iter": [5]}, "num_iter": 5}, ValueError, "given twice"),
        ({"num_itr": 5}, ValueError, "did you mean `num_iter`"),
        ({"start_lr": float("nan")}, ValueError, "`start_lr` must be finite"),
        ({"probe": torch.ones(3)}, TypeError, "`probe` must be a number"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_runs(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        repeat(makers.regression, **{"n_jobs": 1, "out": tmp_path / "out"} | arguments)
    assert not (tmp_path / "out").exists()


def test_no_function_is_refused():
    with pytest.raises(TypeError, match="`build` must be a function"):
        repeat(3)


def test_numpy_values_are_plain_values():
    runs = repeat(makers.regression, seeds=1, grid={"width": np.array([4, 8])}, n_jobs=1, **SHORT)
    assert [type(run.settings["width"]) for run in runs.runs] == [int, int]


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_counts_runs_those_found_too(tmp_path, capsys, shown):
    ask = partial(repeat, makers.regression, n_jobs=1, out=tmp_path, progress=shown, **SHORT)
    ask(seeds=1)
    ask(seeds=3)
    assert ("1/3" in capsys.readouterr().err) == shown


def test_the_exported_name_is_this():
    assert lrfind.repeat is repeat


TWO_AT_ONCE = """
import sys
from lrfind import repeat
import makers
runs = repeat(makers.regression, seeds=12, n_jobs=1, out=sys.argv[1], progress=False, num_iter=40)
print(len(runs))
"""


@pytest.mark.slow
def test_two_calls_at_once_on_one_folder_do_not_harm_each_other(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-W", "error", "-c", TWO_AT_ONCE, out]
    path = os.pathsep.join([str(makers.TESTS), *sys.path])
    both = [
        subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [(each.communicate(timeout=120)[0], each.returncode) for each in both] == [
        (b"12\n", 0)
    ] * 2
    runs = load_repeats(out)
    assert [run.seed for run in runs.runs] == list(range(12))
    # Nothing is left of what was half written.
    assert len(list(out.iterdir())) == 12
    assert repeat(makers.regression, seeds=12, n_jobs=1, out=out, num_iter=40) == runs


def test_a_folder_that_another_build_has_begun_since_is_not_mixed(tmp_path):
    def slow():
        # Another process begins in the same folder while this run is made.
        save_run(tmp_path, RunKey(0, {}, {}, "another"), parabola(-1.0))
        return makers.regression()

    with pytest.raises(ValueError, match="another `build`"):
        repeat(slow, seeds=1, n_jobs=1, out=tmp_path, **SHORT)
    assert [run.result for run in load_repeats(tmp_path).runs] == [parabola(-1.0)]


def with_journal(path, **settings):
    return lrfind.Problem(*makers.regression(**settings), options={"journal": path})


def test_a_journal_is_for_one_run(tmp_path):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(ValueError, match="`journal` is for one run"):
        repeat(makers.regression, seeds=2, journal=str(path), **SHORT)
    runs = repeat(partial(with_journal, str(path)), seeds=2, n_jobs=1, **SHORT)
    assert [run.result for run in runs.runs] == [by_hand(0), by_hand(1)]
    assert not path.exists()


LARGE, SMALL = 400, 12
"""Steps of runs whose files have about 22 and 2 KB."""


@pytest.fixture
def ask(tmp_path):
    """Two large runs and then two small ones, in a folder; each makes a file in `calls`."""
    (tmp_path / "calls").mkdir()
    return partial(
        repeat, makers.counted, seeds=2, grid={"folder": [str(tmp_path / "calls")]},
        sweep_grid={"num_iter": [LARGE, SMALL]}, n_jobs=1, out=tmp_path / "out", end_lr=1e-2,
    )  # fmt: skip


def test_a_run_that_cannot_be_written_costs_no_other_and_is_returned(tmp_path, ask):
    whole = ask(out=None)
    with files_of_at_most(10_000), pytest.warns(UserWarning, match="could not write") as said:
        runs = ask()
    assert runs == whole
    (warning,) = said
    assert warning.filename == __file__
    text = str(warning.message)
    assert text.count(f"{tmp_path / 'out'}/") == text.count("(File too large)") == 2
    assert text.endswith(": these runs are only in what is returned.")
    small = [run for run in whole.runs if run.settings["num_iter"] == SMALL]
    assert load_repeats(tmp_path / "out").runs == tuple(
        Run(run.seed, {"folder": str(tmp_path / "calls")}, run.result) for run in small
    )
    assert len([*(tmp_path / "out").iterdir()]) == 2
    # And the next call makes these two alone.
    before = len([*(tmp_path / "calls").iterdir()])
    assert ask() == whole
    assert len([*(tmp_path / "calls").iterdir()]) == before + 2


def test_the_error_of_failed_runs_has_those_that_could_not_be_written(tmp_path):
    ask = partial(repeat, makers.picky, seeds=3, n_jobs=1, out=tmp_path / "out", **SHORT)
    with files_of_at_most(100), pytest.raises(RunsFailedError) as caught:
        ask()
    assert [run.result for run in caught.value.finished.runs] == [by_hand(0), by_hand(2)]
    text = str(caught.value)
    assert "the 2 finished ones are in `finished` of this error. num_iter" in text
    assert "; could not write " in text
    assert text.count(f"{tmp_path / 'out'}/") == text.count("(File too large)") == 2
    assert "in picky" in str(caught.value.__cause__)
    assert [*(tmp_path / "out").iterdir()] == []
