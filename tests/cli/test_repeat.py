"""`lrfind repeat` as a person meets it."""

import csv
import textwrap

import click
import pytest
from makers import files_of_at_most

import lrfind
from lrfind.cli.repeat import parse_grid
from lrfind.support.text import rate

PROBLEM = """
    import torch
    from torch import nn

    def problem(batch_size=8, kind="sgd"):
        if kind == "bad":
            raise RuntimeError("no such kind")
        model = nn.Linear(2, 1)
        x = torch.randn(40, batch_size, 2)
        data = [(batch, batch.sum(1, keepdim=True)) for batch in x]
        return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data

    def seeded(seed):
        torch.manual_seed(100 + seed)
        return problem()
"""


@pytest.fixture
def repeat(invoke, tmp_path):
    """Short sweeps of the functions in a file, in this process unless told."""
    (tmp_path / "trial.py").write_text(textwrap.dedent(PROBLEM))
    short = ("--num-iter", 30, "--start-lr", 1e-3)
    return lambda *arguments, jobs=1: invoke("repeat", *arguments, *short, "--jobs", jobs)


def test_it_leaves_the_runs_a_table_and_a_picture(repeat, tmp_path):
    done = repeat("trial.py:problem", "--seeds", "3", "--out", "mine")
    assert done.exit_code == 0, done.output
    runs = lrfind.load_repeats(tmp_path / "mine")
    assert len(runs) == 3
    assert str(runs).splitlines()[2] in done.stdout
    assert f"Train at about {rate(runs.suggest().lr)}, the median" in done.stdout
    assert done.output.index("Train at about") < done.output.index("Wrote")
    assert (tmp_path / "mine" / "repeats.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "mine" / "repeats.csv").read_text().startswith("runs,missing,minimum_lr")
    assert "Wrote 3 runs to mine/\nWrote repeats.csv and repeats.png to mine/" in done.stderr


@pytest.mark.slow
def test_processes_give_the_same_files(repeat, tmp_path):
    repeat("trial.py:problem", "--seeds", "2", "--out", "one")
    repeat("trial.py:problem", "--seeds", "2", "--out", "two", jobs=2)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / out).glob("*.json")}
        for out in ("one", "two")
    )
    assert one == two
    assert len(one) == 2


def test_a_grid_is_a_row_for_each_setting(repeat):
    done = repeat(
        "trial.py:problem", "--seeds", "1", "--grid", "batch_size=4,8", "--grid", "kind=x"
    )
    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.stdout.splitlines()[2:4]] == [["4", "x"], ["8", "x"]]


def test_many_settings_have_a_table_and_no_picture(repeat, tmp_path):
    done = repeat("trial.py:problem", "--seeds", "1", "--grid", "batch_size=1,2,3,4,5,6,7,8")
    assert done.exit_code == 0, done.output
    assert "too many settings for a figure" in done.stderr
    assert not (tmp_path / "lrfind-repeats" / "repeats.png").exists()


def test_the_function_gets_the_seed_if_it_asks_for_it(repeat, tmp_path):
    repeat("trial.py:seeded", "--seeds", "2")
    results = [run.result.seed for run in lrfind.load_repeats(tmp_path / "lrfind-repeats").runs]
    assert results == [100, 101]


def test_a_failed_run_is_one_line_and_the_others_are_kept(repeat, tmp_path):
    done = repeat("trial.py:problem", "--seeds", "1", "--grid", "kind=sgd,bad")
    assert done.exit_code == 1
    assert "1 of 2 runs failed; the 1 finished ones are in lrfind-repeats." in done.stderr
    said = "trial.py, line 7, in problem: RuntimeError: no such kind\n"
    assert f"kind=bad, num_iter=30, start_lr=0.001, seed=0: {said}" in done.stderr
    assert "Traceback" not in done.output
    runs = lrfind.load_repeats(tmp_path / "lrfind-repeats")
    assert len(runs) == 1
    assert str(runs.table()).splitlines()[2].split()[2:] == done.stdout.splitlines()[2].split()[2:]
    shown = repeat("trial.py:problem", "--seeds", "1", "--grid", "kind=bad", "--traceback")
    assert isinstance(shown.exception, lrfind.RunsFailedError)


def test_a_failed_run_on_a_full_disk_hides_neither(repeat, tmp_path):
    with files_of_at_most(100):
        done = repeat("trial.py:problem", "--seeds", "1", "--grid", "kind=sgd,bad")
    assert done.exit_code == 1
    assert "sgd" in done.stdout.splitlines()[2]
    *_, note, error = done.stderr.splitlines()
    out = "lrfind-repeats"
    assert (
        note == f"Could not write {out}/repeats.csv (File too large), {out}/repeats.png (File "
        "too large)"
    )
    assert error.startswith("Error: 1 of 2 runs failed; the 1 finished ones are")
    assert "RuntimeError: no such kind; could not write lrfind-repeats/kind=sgd" in error
    assert [*(tmp_path / out).iterdir()] == []


def test_an_edited_file_does_not_mix_with_its_older_runs(repeat, tmp_path):
    repeat("trial.py:problem", "--seeds", "1")
    with open(tmp_path / "trial.py", "a") as file:
        file.write("\n# edited\n")
    assert repeat("trial.py:problem", "--seeds", "1").exit_code == 0
    with open(tmp_path / "trial.py", "a") as file:
        file.write("\nedited = True\n")
    done = repeat("trial.py:problem", "--seeds", "1")
    assert done.exit_code == 1
    assert "older version of it" in done.stderr


@pytest.mark.slow
def test_a_failure_in_a_worker_process_has_its_line_too(repeat):
    done = repeat("trial.py:problem", "--seeds", "2", "--grid", "kind=bad", jobs=2)
    assert done.exit_code == 1
    assert done.stderr.count("trial.py, line 7, in problem: RuntimeError: no such kind") == 2


def test_no_runs_at_a_time_is_a_wrong_call(repeat, tmp_path):
    done = repeat("trial.py:problem", jobs=0)
    assert done.exit_code == 2
    assert "Invalid value for '--jobs': 0 runs at a time" in done.stderr
    assert not (tmp_path / "lrfind-repeats").exists()


@pytest.mark.parametrize("target", ["trial.py", "trial.py:not a name", ":problem"])
def test_a_wrong_target_is_exit_code_2(repeat, target):
    assert repeat(target).exit_code == 2


def test_a_missing_file_or_function_is_named(repeat):
    assert "nowhere.py does not exist" in repeat("nowhere.py:problem").stderr
    assert "has no function `other`" in repeat("trial.py:other").stderr


def test_the_values_of_a_grid_are_read_as_json_where_they_are():
    text = ("a=1,2.5", "b=true,null,1e-3", "c=sgd,[1]")
    assert parse_grid(None, None, text) == {
        "a": [1, 2.5],
        "b": [True, None, 1e-3],
        "c": ["sgd", "[1]"],
    }


@pytest.mark.parametrize("text", [("a",), ("a=",), ("a b=1",), ("a=1", "a=2")])
def test_what_is_no_grid_is_refused(text):
    with pytest.raises(click.BadParameter):
        parse_grid(None, None, text)


@pytest.mark.parametrize(
    ("options", "question"),
    [
        (("--schedule", "one-cycle"), {"schedule": "one_cycle"}),
        (("--curve", "debiased", "--beta", "0.9"), {"curve": "debiased", "beta": 0.9}),
    ],
    ids=["schedule", "curve"],
)
def test_table_and_sentence_and_file_answer_the_question_that_was_asked(
    repeat, tmp_path, options, question
):
    done = repeat("trial.py:problem", "--seeds", "3", "--out", "mine", *options)
    assert done.exit_code == 0, done.output
    runs = lrfind.load_repeats(tmp_path / "mine")
    answer = runs.suggest(**question)
    assert f"Train at about {rate(answer.lr)}, the median" in done.stdout
    (row,) = csv.DictReader((tmp_path / "mine" / "repeats.csv").read_text().splitlines())
    assert float(row["lr"]) == answer.lr
    assert str(runs.table(**question)).splitlines()[2] in done.stdout
