"""Finders are asked on the tasks of the oracle, and their answers kept."""

import math

import numpy as np
import oracle_finders
import pytest
from oracle_finders import SEEDS, Answer, ask, ask_all, load, save
from oracle_regret import Case

NAME, OTHER = "condition 10, SGD", "condition 1000, momentum"


@pytest.fixture(autouse=True)
def as_it_is(monkeypatch):
    """Asking leaves the threads and the precision of this very process alone."""
    monkeypatch.setattr(oracle_finders, "settle", lambda: None)


def test_a_rate_may_depend_on_the_training_it_is_for():
    assert Answer(0.1, 100).rate(Case(NAME, "constant", 300)) == 0.1
    by_case = Answer({"constant 300": 0.1, "one_cycle 300": 0.2}, 100)
    assert by_case.rate(Case(NAME, "one_cycle", 300)) == 0.2
    with pytest.raises(KeyError):
        by_case.rate(Case(NAME, "constant", 1200))


def test_every_finder_is_asked_on_every_task_with_every_seed():
    answers = ask_all(["documented default"], [NAME, OTHER], jobs=1)
    keys = {(task, seed) for task in (NAME, OTHER) for seed in SEEDS}
    assert set(answers["documented default"]) == keys
    assert {answer.lr for answer in answers["documented default"].values()} == {1e-3}


def test_the_grid_answers_on_a_task_of_the_oracle():
    answer = ask("grid of 12 rates x 33 steps", NAME, 0)
    assert answer.steps == 396
    assert answer.lr in np.logspace(-5, 0.5, 12)


def test_what_is_saved_is_loaded(tmp_path):
    by_case = {"constant 300": 0.12346, "constant 1200": math.nan}
    answers = {
        "one": {(NAME, 0): Answer(0.1, 100), (NAME, 1): Answer(math.nan, 7, "IndexError: few")},
        "two": {(OTHER, 0): Answer(by_case, 300)},
    }
    path = tmp_path / "answers.json"
    save(answers, path)
    loaded = load(path)
    assert loaded["one"][NAME, 0] == answers["one"][NAME, 0]
    assert math.isnan(loaded["one"][NAME, 1].lr)
    assert loaded["one"][NAME, 1].error == "IndexError: few"
    assert loaded["two"][OTHER, 0].lr["constant 300"] == 0.1235
    assert math.isnan(loaded["two"][OTHER, 0].lr["constant 1200"])
    save(loaded, tmp_path / "again.json")
    assert path.read_text() == (tmp_path / "again.json").read_text()
    assert f'  "{NAME}": [{{"lr": 0.1, "steps": 100}}, {{"lr": null' in path.read_text()
