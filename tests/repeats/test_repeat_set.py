"""The set of runs: one answer in every form, and the record itself."""

import csv
import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from makers import FIVE, grid, make_set

from lrfind import RangeTestResult, RepeatSet
from lrfind.support.text import plain_text, rate

QUESTIONS = [
    {"schedule": None},
    {"schedule": "constant"},
    {"schedule": "one_cycle"},
    {"rule": "minimum", "curve": "debiased"},
]


def rates_in_files(runs, table, folder):
    """The rate of each row in JSON and in CSV."""
    runs.to_csv(folder / "table.csv", table=table)
    with open(folder / "table.csv", newline="") as file:
        in_csv = [float(row["lr"]) for row in csv.DictReader(file)]
    told = json.loads(json.dumps(runs.to_dict(table=table)))
    return [row["lr"] for row in told["rows"]], in_csv


def rate_lines(ax):
    """The rates at vertical lines."""
    lines = [np.asarray(line.get_xdata(), float) for line in ax.get_lines()]
    return [float(x[0]) for x in lines if x.size == 2 and x[0] == x[1]]


@pytest.mark.parametrize("question", QUESTIONS)
def test_words_files_and_picture_give_the_rate_of_one_question(question, tmp_path):
    runs = make_set(*FIVE)
    answer = runs.suggest(**question)
    table = runs.table(**question)
    assert rates_in_files(runs, table, tmp_path) == ([answer.lr], [answer.lr])
    assert f"{answer.lr:.2e}  " in str(table)
    assert str(table.rows[0].answer).startswith(f"Train at about {rate(answer.lr)} (")
    ax = runs.plot(table=table)
    assert rate_lines(ax) == [answer.lr]
    assert ax.get_title().startswith(f"Train at {rate(answer.lr)} (")


@pytest.mark.parametrize("question", QUESTIONS)
def test_so_they_do_for_several_settings(question, tmp_path):
    runs = grid()
    rates = [each.suggest(**question).lr for each in runs.by_setting()]
    table = runs.table(**question)
    assert rates_in_files(runs, table, tmp_path) == (rates, rates)
    lines = str(table).splitlines()[2:6]
    assert all(f"{lr:.2e}" in line for lr, line in zip(rates, lines, strict=True))
    legend = [text.get_text() for text in runs.plot(table=table).get_legend().get_texts()]
    assert [text.split()[-1] for text in legend[:-1]] == [rate(lr) for lr in rates]


def test_the_questions_have_different_answers():
    assert len({make_set(*FIVE).suggest(**question).lr for question in QUESTIONS}) == 4


def test_a_table_that_was_handed_over_is_not_asked_for_again(tmp_path, monkeypatch):
    runs = make_set(*FIVE)
    table = runs.table()
    monkeypatch.setattr(RangeTestResult, "suggest", None)
    monkeypatch.setattr(RepeatSet, "table", None)
    rates_in_files(runs, table, tmp_path)
    runs.plot(table=table)
    assert str(table)


def test_without_a_table_the_default_question_is_asked(tmp_path):
    runs = grid()
    table = runs.table()
    assert str(runs) == plain_text(runs) == str(table)
    assert runs.to_dict() == table.to_dict()
    assert runs.to_dict(confidence=0.5)["rows"][0]["low"] > table.rows[0].low
    runs.to_csv(tmp_path / "default.csv")
    table.to_csv(tmp_path / "table.csv")
    assert (tmp_path / "default.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_the_set_is_frozen_and_comparable_and_can_be_pickled():
    runs = grid()
    assert runs == grid() != make_set(*FIVE)
    again = pickle.loads(pickle.dumps(runs))
    assert again == runs
    for each in (runs, again):
        with pytest.raises(dataclasses.FrozenInstanceError):
            each.runs = ()
        with pytest.raises(TypeError, match="cannot be changed"):
            each.runs[0].settings["size"] = 3
    with pytest.raises(ValueError, match="at least one run"):
        RepeatSet(())
    assert repr(runs) == "<RepeatSet: 12 runs of 4 setting(s)>"


@pytest.mark.slow
def test_reading_and_drawing_runs_never_imports_torch():
    code = (
        "import sys, lrfind\n"
        "lrfind.load_repeats; lrfind.RepeatSet\n"
        "print(*(name in sys.modules for name in ('torch', 'joblib', 'matplotlib', 'rich')))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False"] * 4
