"""The table of repeated runs, in every form that it is read in."""

import csv
import json

import pytest
from makers import FIVE, flat, grid, make_set, parabola

from lrfind import RepeatSet
from lrfind.repeats.runs import Run


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_in_all_its_forms_says_the_same(tmp_path):
    runs = grid()
    table = runs.table()
    rows = table.rows
    assert [row.lr for row in rows] == [group.suggest().lr for group in runs.by_setting()]
    assert [row.minimum_lr for row in rows] == pytest.approx([1e-1, 1e-1, 1e-2, 1e-2])
    assert [row.sd for row in rows] == pytest.approx([0.2] * 4)
    told = json.loads(json.dumps(table.to_dict()))
    assert (told["runs"], told["confidence"]) == (12, 0.9)
    assert list(told["rows"][0]) == [
        "settings", "runs", "missing", "minimum_lr", "sd", "lr", "low", "high", "note",
    ]  # fmt: skip
    assert [row["settings"] for row in told["rows"]] == [
        each.settings for each in runs.by_setting()
    ]
    assert [row["high"] for row in told["rows"]] == [row.high for row in rows]
    table.to_csv(tmp_path / "table.csv")
    read = read_csv(tmp_path / "table.csv")
    assert list(read[0]) == ["size", "kind", *list(told["rows"][0])[1:]]
    assert [(row["size"], row["kind"], float(row["lr"])) for row in read] == [
        (str(row.settings["size"]), row.settings["kind"], row.lr) for row in rows
    ]
    lines = str(table).splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["64", "a", "3"], ["64", "b", "3"], ["16", "a", "3"], ["16", "b", "3"],
    ]  # fmt: skip
    assert f"{rows[0].lr:.2e}" in lines[2]


def test_settings_stand_on_the_left_and_numbers_on_the_right():
    title, _, first, *_ = str(grid().table()).splitlines()
    assert title.startswith("size  kind  runs")
    assert first.startswith("64    a        3  1.00e-01")
    assert str(make_set(*FIVE).table()).splitlines()[2].startswith("   5  1.00e-01")


def test_a_row_that_cannot_tell_says_why_and_leaves_its_numbers_out(tmp_path):
    runs = RepeatSet((Run(0, {"a": 1}, parabola(-1.0)), flat(a=2)))
    table = runs.table()
    few, none = table.to_dict()["rows"]
    assert few["lr"] == pytest.approx(runs.runs[0].result.suggest().lr)
    assert (few["low"], none["lr"], none["minimum_lr"]) == (None, None, None)
    assert "at least 3 runs" in few["note"]
    assert "! a=2: 1 of 1 runs have no suggestion: the loss never fell" in str(table)
    assert "0 of 1*" in str(table)
    table.to_csv(tmp_path / "table.csv")
    assert [row["low"] for row in read_csv(tmp_path / "table.csv")] == ["nan", "nan"]


def test_what_stands_against_a_suggestion_is_noted_once_for_all_its_settings():
    runs = [Run(seed, {"n": seed // 3}, parabola(3.0)) for seed in range(6)]
    (note,) = RepeatSet(tuple(runs)).table().notes
    assert note.startswith("n=0; n=1: the curve was still falling when the sweep ended")


def test_a_rate_of_one_run_is_that_of_the_question_too():
    runs = make_set(-1.0)
    (row,) = runs.table(schedule="one_cycle").rows
    assert row.lr == pytest.approx(runs.runs[0].result.suggest(schedule="one_cycle").lr)
    assert not row.answer


def test_the_minima_are_those_of_the_curve_that_was_asked_for():
    runs = make_set(*FIVE)
    (row,) = runs.table(curve="debiased", beta=0.9).rows
    assert row.minima == runs.minima("debiased", beta=0.9) != runs.minima()
    assert row.answer == runs.suggest(curve="debiased", beta=0.9)


def test_the_confidence_is_that_of_the_intervals():
    table = make_set(*FIVE).table(confidence=0.99)
    assert "99 % interval" in str(table)
    (row,) = table.rows
    assert row.answer.confidence == 0.99
    assert table.to_dict()["confidence"] == 0.99
