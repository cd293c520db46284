"""The benchmark asks, keeps and judges; the locked families only when told to."""

import math

import benchmark_peers
import numpy as np
import oracle_finders
import pytest
from benchmark_peers import evaluate, judged, main, report
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_finders import SEEDS, Answer, load, save
from oracle_scores import FACTORS
from oracle_table import Entry, Table
from peer_finders import FINDERS

RATES = 10.0 ** np.arange(-5, 3)
OPEN = ["condition 10, SGD", "petals linear, Adagrad", "ratings factors, Adagrad"]
SHUT = [next(name for name in ORACLE_TASKS if FAMILY_OF[name] in LOCKED)]


def entry(best):
    losses = np.minimum(0.25 * np.abs(np.log10(RATES / best)), 1.0)
    shaped = np.broadcast_to(losses, (3, 2, 1, RATES.size))
    return Entry(RATES, (300,), np.ones((3, 2)), {"constant": shaped})


def answers(tasks, **rates):
    return {
        name: {(task, seed): Answer(lr, 100) for task in tasks for seed in SEEDS}
        for name, lr in rates.items()
    }


TABLE = Table({name: entry(0.1) for name in OPEN})


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Made-up trainings and answers, and a folder for everything that is written."""
    whole = Table(TABLE | {name: entry(1.0) for name in SHUT})
    monkeypatch.setattr(
        benchmark_peers, "load_table", lambda *, locked=False: whole if locked else TABLE
    )
    monkeypatch.setattr(benchmark_peers, "FOLDER", tmp_path)
    monkeypatch.setattr(benchmark_peers, "OUT", tmp_path / "out")
    for name in ("FILE", "LOCKED_FILE"):
        monkeypatch.setattr(benchmark_peers.oracle_automatic, name, tmp_path / "none.npz")
    save(answers(OPEN, peer=0.01), tmp_path / "oracle_answers.json")
    save(answers(SHUT, peer=0.01), tmp_path / "oracle_answers_locked.json")
    return tmp_path


def test_finders_stand_by_their_regret_first_plain_and_then_with_a_factor():
    found = judged(answers(OPEN, near=0.01, far=1e-3, none=math.nan), TABLE)
    assert [(each.finder, each.fitted) for each in found] == [
        ("near", False), ("none", False), ("far", False),
        ("near", True), ("far", True), ("none", True),
    ]  # fmt: skip
    assert [each.mean("constant") for each in found[:2]] == pytest.approx([0.25, 1 / 3])


def test_no_factor_is_fitted_for_the_documented_default():
    found = judged(answers(OPEN, **{"documented default": 0.01}), TABLE)
    assert [each.fitted for each in found] == [False]


def test_on_locked_families_the_factor_comes_from_all_others(made):
    scores, table = evaluate(locked=True, also=[])
    assert list(table) == SHUT
    plain, fitted = scores
    # Ten times too low where the factor is chosen, a hundred times where it is judged.
    assert plain.mean("constant") == pytest.approx(0.5)
    assert fitted.mean("constant") == pytest.approx(0.25)


def test_the_page_and_the_picture_are_written_without_asking(made):
    save(answers(OPEN, lrfind=0.1), made / "own.json")
    main(["--report", "--also", str(made / "own.json")])
    text = (made / "out" / "peers.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[2].startswith("| lrfind | 0.000 |")
    assert lines[3].startswith("| peer | 0.250 |")
    assert "over 3 tasks in 3 of 16 families" in text
    assert (made / "out" / "peers.png").exists()
    assert not (made / "out" / "peers_locked.md").exists()


def test_what_is_asked_stands_beside_what_was_answered_before(made, monkeypatch):
    monkeypatch.setattr(oracle_finders, "settle", lambda: None)
    monkeypatch.setattr(benchmark_peers, "FAMILY_OF", {name: FAMILY_OF[name] for name in OPEN})
    path = made / "oracle_answers.json"
    save(answers(OPEN, lightning=0.01), path)
    main(["--jobs", "1", "--only", "documented default"])
    found = load(path)
    assert list(found) == ["documented default", "lightning"]
    assert found["lightning"]["condition 10, SGD", 0].lr == 0.01
    assert found["documented default"]["condition 10, SGD", 0].lr == 1e-3


COMMITTED = benchmark_peers.FOLDER / "oracle_answers.json"


@pytest.mark.skipif(not COMMITTED.exists(), reason="nobody has been asked")
def test_the_committed_answers_are_those_of_every_finder_on_every_open_task():
    found = load(COMMITTED)
    assert list(found) == list(FINDERS)
    keys = {(n, seed) for n in ORACLE_TASKS if FAMILY_OF[n] not in LOCKED for seed in SEEDS}
    for of_finder in found.values():
        assert set(of_finder) == keys


def test_factors_are_a_twentieth_of_a_decade_apart():
    np.testing.assert_allclose(np.diff(np.log10(FACTORS)), 0.05)
    assert (FACTORS[0], FACTORS[-1]) == (0.01, 100)


def test_the_page_says_what_it_was_made_from():
    assert "Mean regret over 3 tasks" in report(judged(answers(OPEN, x=0.1), TABLE), TABLE)
