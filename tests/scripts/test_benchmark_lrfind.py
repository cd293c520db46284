"""What lrfind says is judged by figures that can be reckoned by hand, its own family left out."""

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import product

import benchmark_lrfind
import numpy as np
import oracle_sweeps
import pytest
from benchmark_lrfind import (
    QUESTIONS,
    Told,
    ask,
    ask_all,
    judged,
    left_out_transfers,
    main,
    page,
    using,
    worst,
)
from choose_calibration import Seen, Study, numbers
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_table import MEASURED, SCHEDULES, Entry, Table

import lrfind
from lrfind.analysis import calibration, transfer
from lrfind.analysis.calibration import COST_AT, HORIZONS
from lrfind.result.cold_start import ColdStart

FIRST, SECOND, THIRD = "condition 10, SGD", "petals linear, Adagrad", "ratings factors, Adagrad"
RATES = 10.0 ** np.arange(-6, 3)
NONE = (math.nan, (math.nan, math.nan))


def entry(best, horizons=HORIZONS):
    """A loss of 0 at the best rate, 0.25 more a decade away from it, up to that before training."""
    losses = np.minimum(0.25 * np.abs(np.log10(RATES / best)), 1.0)
    shaped = np.broadcast_to(losses, (3, 2, len(horizons), RATES.size))
    return Entry(RATES, horizons, np.ones((3, 2)), dict.fromkeys(SCHEDULES, shaped))


TABLE = Table({FIRST: entry(1.0), SECOND: entry(0.1)})
SAID = {
    (FIRST, 0): (1.0, (0.1, 10.0), "clear"),
    (FIRST, 1): (0.1, (0.01, 0.5), "clear"),
    (FIRST, 2): (*NONE, "no_descent"),
    (SECOND, 0): (10**-1.1, (0.01, 0.09995), "noisy"),
    (SECOND, 1): (10**-1.3, (0.10005, 5.0), "cliff"),
    (SECOND, 2): (10**-3.3, (1e-4, 1e-2), "flat"),
}
"""Regrets 0, 0.25, 0.75 (SGD's default is 0.001), 0.025, 0.075 and 0.575."""
LINE = "| 0.279 | 33% | 17% | 60% | 1.7 | 60% | 50% | 17% | 0.96 |"
"""Their mean; two are above 0.5, one was refused; of the other five, three intervals hold the best
rate (two up to its tolerance), widths are 2, 1.7, 1, 1.7 and 2 decades, and three rates are within
0.2 decades of one that costs less than 0.05. Two cost less themselves, one of them clear. One that
costs over 0.2 is clear. The rates of one task deviate by 0.71 decades, of the other by 1.22."""


def told(said=SAID, finder="lrfind", horizons=HORIZONS):
    return [
        Told(finder, task, seed, schedule, steps, lr, interval, 1.0, verdict)
        for (task, seed), (lr, interval, verdict) in said.items()
        for schedule, steps in product(SCHEDULES, horizons)
    ]


def test_every_figure_of_a_line_is_that_by_hand():
    head, rule, *lines = judged(told(), TABLE)
    assert head.count("|") == rule.count("|") == LINE.count("|") + 3
    assert lines == [
        f"| lrfind | {schedule} | {steps:,} {LINE}" for schedule in SCHEDULES for steps in HORIZONS
    ]


def test_each_finder_schedule_and_length_has_a_line_of_its_own():
    best = {(task, seed): (rate, (rate, rate), "clear")
            for task, rate in ((FIRST, 1.0), (SECOND, 0.1)) for seed in (0, 1)}  # fmt: skip
    lines = judged([*told(), *told(best, finder="other")], TABLE)[2:]
    assert len(lines) == 12
    assert all(line.endswith(LINE) for line in lines[:6])
    good = "| 0.000 | 0% | 0% | 100% | 0.0 | 100% | 100% | 0% | 0.00 |"
    assert lines[6:] == [
        f"| other | {schedule} | {steps:,} {good}" for schedule in SCHEDULES for steps in HORIZONS
    ]


def test_a_training_at_which_no_rate_learns_is_not_judged():
    table = Table(TABLE | {THIRD: entry(1.0)})
    hopeless = dict(table[THIRD].losses, constant=np.ones((3, 2, 3, RATES.size)))
    table[THIRD] = Entry(RATES, HORIZONS, np.ones((3, 2)), hopeless)
    bad = {(THIRD, seed): (1e-5, (1e-5, 1e-5), "clear") for seed in (0, 1)}
    lines = judged([*told(), *told(bad)], table)[2:]
    assert [line.endswith(LINE) for line in lines] == [True] * 3 + [False] * 3


def test_the_tasks_that_lose_most_come_first():
    assert worst(told(), TABLE)[2:] == [
        f"| {FIRST} | {FAMILY_OF[FIRST]} | 0.33 |",
        f"| {SECOND} | {FAMILY_OF[SECOND]} | {(0.025 + 0.075 + 0.575) / 3:.2f} |",
    ]
    assert worst(told(finder="other"), TABLE)[2:] == []


def test_the_page_has_all_of_it():
    for locked, words in ((False, "open families, left out"), (True, "nothing is chosen")):
        written = page(told(), TABLE, locked)
        assert words in written.splitlines()[0]
        assert ("were chosen on the others" in written) is not locked
        assert "2 tasks, 3 seeds" in written
        for line in (*judged(told(), TABLE), *worst(told(), TABLE)):
            assert line in written.splitlines()


@pytest.mark.parametrize("locked", [False, True])
def test_what_was_told_before_is_judged_without_asking(locked, monkeypatch, tmp_path, capsys):
    shut = next(name for name in ORACLE_TASKS if FAMILY_OF[name] in LOCKED)
    said = {key: told_ for key, told_ in SAID.items() if key[0] == FIRST}
    both = told(said) + told({(shut, key[1]): told_ for key, told_ in said.items()})
    mine = [each for each in both if (each.task == shut) is locked]
    whole = Table({FIRST: entry(1.0)} | ({shut: entry(1.0)} if locked else {}))
    monkeypatch.setattr(benchmark_lrfind, "load", lambda locked: whole)
    monkeypatch.setattr(benchmark_lrfind, "TOLD", tmp_path)
    monkeypatch.setattr(benchmark_lrfind, "PAGE", tmp_path / "pages" / "lrfind.md")
    suffix = "_locked" if locked else ""
    lines = [json.dumps(vars(each)) for each in mine]
    (tmp_path / f"told_lrfind{suffix}.json").write_text("\n".join(lines) + "\n")
    main(["--report", *(["--locked"] if locked else [])])
    written = (tmp_path / "pages" / f"lrfind{suffix}.md").read_text()
    assert written == page(mine, Table({name: whole[name] for name in {mine[0].task}}), locked)
    assert capsys.readouterr().out == written + "\n"


def straight_down(below):
    """Tables in which every way is that many decades."""
    table = {
        key: (below, 0.0, 0.5, 0.0, (0.0,) * len(COST_AT))
        for key in product((None, *SCHEDULES), (None, *HORIZONS))
    }
    return table, table


@pytest.fixture
def asked(monkeypatch):
    """Asking leaves the threads and precision of this process as they are."""
    monkeypatch.setattr(benchmark_lrfind, "settle", lambda: None)


def test_what_is_told_is_what_lrfind_suggests(asked):
    said, steps = ask(FIRST, 0, None)
    result = ORACLE_TASKS[FIRST].build(0).range_test(confirm=True, progress=False)
    horizons = ORACLE_TASKS[FIRST].horizons
    cases = [*product(SCHEDULES, horizons)]
    assert Counter(each.finder for each in said) == dict.fromkeys(
        (*QUESTIONS, "lrfind.find_lr"), len(cases)
    )
    for each in said:
        assert (each.task, each.seed) == (FIRST, 0)
        if each.finder == "lrfind.find_lr":
            continue
        known = {"schedule": each.schedule, "total_steps": each.steps}
        answer = result.suggest(**(known if QUESTIONS[each.finder].known else {}))
        assert (each.lr, each.interval) == (answer.lr, answer.interval)
        assert each.verdict == answer.verdict.name.lower()
        assert each.minimum == result.curves().posterior.mean
    taken = result.lr.size + sum(each.steps for each in result.cold_starts)
    assert steps["lrfind"] == steps["lrfind, nothing known"] == taken
    assert steps["lrfind, not confirmed"] == result.lr.size < taken
    by_case = {(x.schedule, x.steps): x for x in said if x.finder == "lrfind.find_lr"}
    for schedule, horizon in (cases[0], cases[-1]):
        problem = ORACLE_TASKS[FIRST].build(0)
        found = problem.find_lr(schedule=schedule, total_steps=horizon, progress=False)
        told_ = by_case[schedule, horizon]
        assert (told_.lr, told_.interval) == (found.lr, found.interval)
        assert told_.verdict == found.verdict.name.lower()
        assert steps["lrfind.find_lr"] == found.steps


def test_what_a_sweep_says_unconfirmed_is_told_apart(asked, monkeypatch):
    plain = ORACLE_TASKS[FIRST].build(0).range_test(progress=False)
    lr = plain.suggest().lr
    lowered = tuple(ColdStart(rate, 30, rate, lr / 2) for rate in (lr, lr / 3))
    result = replace(plain, cold_starts=lowered)
    monkeypatch.setattr(lrfind.Problem, "range_test", lambda self, **options: result)
    said, _ = ask(FIRST, 0, None)
    by_finder = {finder: [x for x in said if x.finder == finder] for finder in QUESTIONS}
    assert {each.lr for each in by_finder["lrfind, nothing known"]} == {lr / 3}
    for each in by_finder["lrfind, not confirmed"]:
        answer = plain.suggest(schedule=each.schedule, total_steps=each.steps)
        assert (each.lr, each.verdict) == (answer.lr, answer.verdict.name.lower())
    assert {each.verdict for each in by_finder["lrfind"]} > {"cold_start"}


def test_other_tables_are_asked_in_place_of_the_committed_ones(asked):
    said, _ = ask(FIRST, 0, straight_down(1.0))
    swept = [each for each in said if each.finder in QUESTIONS]
    assert [each.lr for each in swept] == [each.minimum / 10 for each in swept]
    assert len({each.interval for each in swept}) == 1
    assert transfer.TRANSFERS is calibration.TRANSFERS
    assert transfer.WITHOUT_OVERFITTING is calibration.WITHOUT_OVERFITTING


def test_other_tables_are_put_back_whatever_happens():
    one, two = straight_down(1.0)[0], straight_down(2.0)[0]
    usual = transfer.transfer("constant", 300), transfer.transfer("constant", 300, 5)
    with pytest.raises(KeyboardInterrupt), using((one, two)):
        found = [transfer.transfer("constant", 300, epochs) for epochs in (None, 5)]
        assert [way.below for way in found] == [1.0, 2.0]
        raise KeyboardInterrupt
    with using(None):
        assert (transfer.transfer("constant", 300), transfer.transfer("constant", 300, 5)) == usual
    assert (transfer.transfer("constant", 300), transfer.transfer("constant", 300, 5)) == usual


def test_a_sweep_that_suggests_nothing_is_a_refusal(asked, monkeypatch):
    def refuse(*arguments, **options):
        raise lrfind.CannotTellError("the loss never fell")

    result = ORACLE_TASKS[FIRST].build(0).range_test(num_iter=40, end_lr=1e-5, progress=False)
    monkeypatch.setattr(lrfind.Problem, "range_test", lambda self, **options: result)
    monkeypatch.setattr(lrfind.Problem, "find_lr", refuse)
    said, steps = ask(FIRST, 0, None)
    assert not result.suggest()
    assert all(math.isnan(each.lr) and np.isnan(each.interval).all() for each in said)
    assert {each.verdict for each in said if each.finder in QUESTIONS} == {"no_descent"}
    assert {each.verdict for each in said if each.finder not in QUESTIONS} == {"refused"}
    assert steps == dict.fromkeys(QUESTIONS, 40) | {"lrfind.find_lr": 0}


@pytest.mark.parametrize("locked", [False, True])
def test_open_families_are_asked_with_their_own_tables_and_locked_ones_with_the_file(
    locked, monkeypatch
):
    shut = [next(name for name in ORACLE_TASKS if FAMILY_OF[name] in LOCKED)]
    tasks = {name: ORACLE_TASKS[name] for name in (FIRST, SECOND, *shut)}

    def answer(task, seed, tables):
        said = told({(task, seed): (1.0, (1.0, 1.0), str(tables))})
        return said, {"lrfind": 300 + seed}

    monkeypatch.setattr(benchmark_lrfind, "ORACLE_TASKS", tasks)
    monkeypatch.setattr(benchmark_lrfind, "ask", answer)
    monkeypatch.setattr(benchmark_lrfind, "left_out_transfers", lambda family: f"no {family}")
    said, answers = ask_all(locked, jobs=1)
    mine = shut if locked else [FIRST, SECOND]
    expected = {task: "None" if locked else f"no {FAMILY_OF[task]}" for task in mine}
    assert {each.task: each.verdict for each in said} == expected
    assert set(answers["lrfind"]) == set(product(mine, benchmark_lrfind.SEEDS))
    found = answers["lrfind"][mine[0], 1]
    assert found.steps == 301
    assert found.lr == {f"{name} {steps}": 1.0 for name, steps in product(SCHEDULES, HORIZONS)}


def studies(**changes):
    """Three families whose best rates lie one, two and three decades below their minima."""
    table = Table({
        name: entry(changes.get(name, 10.0**-place))
        for place, name in enumerate((FIRST, SECOND, THIRD), start=1)
    })  # fmt: skip
    sweeps = {
        (name, seed): Seen(0.0, within=0.1, low=-6.0, high=1.0, answered=True)
        for name in table
        for seed in oracle_sweeps.SEEDS
    }
    return {name: Study(table, sweeps, name) for name in MEASURED}


@pytest.mark.parametrize(("left_out", "ways"), [(FIRST, (2, 3)), (SECOND, (1, 3)), (THIRD, (1, 2))])
def test_the_tables_without_a_family_have_never_seen_it(left_out, ways, monkeypatch):
    made = studies()
    monkeypatch.setattr(benchmark_lrfind, "study", made.__getitem__)
    whole, training = found = left_out_transfers(FAMILY_OF[left_out])
    assert set(whole) == set(training) == set(calibration.TRANSFERS)
    for row in (*whole.values(), *training.values()):
        assert row[1] == pytest.approx(np.mean(ways))
        assert ways[0] <= row[0] <= ways[1]
    everything = tuple(dict(numbers(made[name])) for name in MEASURED)
    assert found != everything
    assert whole != calibration.TRANSFERS
    assert training != calibration.WITHOUT_OVERFITTING
    monkeypatch.setattr(benchmark_lrfind, "study", studies(**{left_out: 10.0}).__getitem__)
    assert left_out_transfers(FAMILY_OF[left_out]) == found


def test_each_table_is_that_of_its_own_loss(monkeypatch):
    made = studies() | {"training": studies(**{THIRD: 1e-5})["training"]}
    monkeypatch.setattr(benchmark_lrfind, "study", made.__getitem__)
    whole, training = left_out_transfers(FAMILY_OF[FIRST])
    assert (whole[None, None][1], training[None, None][1]) == (2.5, 3.5)
