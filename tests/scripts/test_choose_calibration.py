"""What is chosen on costs whose best way is known, without the family judged, and the file."""

import math
import re
from datetime import date
from statistics import NormalDist

import choose_calibration
import numpy as np
import oracle_sweeps
import oracle_table
import pytest
from choose_calibration import (
    ASKED,
    BELOW,
    COST_AT,
    FILE,
    GRID,
    HORIZONS,
    POWERS,
    Seen,
    Study,
    Way,
    interval,
    left_out,
    numbers,
    seen,
    text,
    transfers,
)
from oracle_families import FAMILY_OF
from oracle_regret import Case
from oracle_sweeps import SEEDS, Swept
from oracle_table import SCHEDULES, Entry, Table
from scipy import stats

from lrfind import RangeTestResult, StopReason
from lrfind.analysis import calibration
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.schedule import lr_sequence
from lrfind.result.settings import DEFAULTS

TASKS = ("condition 10, SGD", "petals linear, Adagrad", "ratings factors, Adagrad")
"""Of three families."""
FAMILIES = [FAMILY_OF[task] for task in TASKS]
OFFSETS = dict(zip(TASKS, (-0.3, 0.0, 0.3), strict=True))
"""How much farther below the minimum the best rate lies than in the mean."""
LAWS = {"constant": (0.9, 0.5), "one_cycle": (0.5, 0.2)}
"""By schedule: how far at 1200 steps, and how much farther for ten times as many."""
MINIMA = dict(zip(TASKS, (-1.0, -2.0, -1.5), strict=True))
SPREAD = dict(zip(SEEDS, (-0.2, -0.1, 0.0, 0.1, 0.2), strict=True))
"""Of the minima of five sweeps."""


def losses(best):
    """Before training the loss is 1: two decades off the best rate, and more, it still is."""
    return np.minimum((GRID - best) ** 2 / 4, 1)


def best_of(task, schedule, steps):
    below, power = LAWS[schedule]
    return MINIMA[task] - below - OFFSETS[task] - power * math.log10(steps / 1200)


def entry(task, horizons=HORIZONS):
    by_schedule = {
        schedule: np.broadcast_to(
            [losses(best_of(task, schedule, steps)) for steps in horizons],
            (3, 2, len(horizons), GRID.size),
        )
        for schedule in SCHEDULES
    }
    return Entry(10**GRID, horizons, np.ones((3, 2)), by_schedule)


def table():
    return Table({task: entry(task) for task in TASKS})


def sweep(minimum, answered=True):
    return Seen(minimum, within=0.1, low=-6.0, high=1.0, answered=answered)


def sweeps():
    return {
        (task, seed): sweep(minimum + SPREAD[seed])
        for task, minimum in MINIMA.items()
        for seed in SEEDS
    }


@pytest.fixture
def study():
    return Study(table(), sweeps())


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_power_law_that_loses_least_is_found(study, schedule):
    below, power = LAWS[schedule]
    way = study.choose((schedule,))
    assert way == Way(below, power, fixed=below)
    # The lengths lie four times above and below 1200.
    expected = [below - power * math.log10(4), below, below + power * math.log10(4)]
    assert [way.at(steps) for steps in HORIZONS] == pytest.approx(expected)
    assert way.at(None) == below


def test_of_both_schedules_it_is_the_middle(study):
    # 0.35 lies between two powers that can be chosen, which lose the same.
    way = study.choose(SCHEDULES)
    assert (way.below, way.fixed) == (0.7, 0.7)
    assert way.power in (0.3, 0.4)


@pytest.mark.parametrize(("without", "middle"), [*zip(TASKS, (0.15, 0.0, -0.15), strict=True)])
def test_without_a_family_it_is_the_middle_of_the_others(study, without, middle):
    for schedule, (below, power) in LAWS.items():
        way = study.choose((schedule,), FAMILY_OF[without])
        expected = pytest.approx(below + middle)
        assert (way.below, way.power, way.fixed) == (expected, power, expected)


@pytest.mark.parametrize("task", TASKS)
def test_the_family_left_out_is_never_seen(study, task):
    changed_table, changed_sweeps = table(), sweeps()
    changed_table[task] = Entry(
        10**GRID,
        HORIZONS,
        np.ones((3, 2)),
        {name: each[..., ::-1] for name, each in entry(task).losses.items()},
    )
    changed_sweeps |= {(task, seed): sweep(-3.0 - seed / 4, seed > 1) for seed in SEEDS}
    changed = Study(changed_table, changed_sweeps)
    assert dict(numbers(changed, FAMILY_OF[task])) == dict(numbers(study, FAMILY_OF[task]))
    # Who is not left out is seen.
    for without in ([], *([FAMILY_OF[each]] for each in TASKS if each != task)):
        assert changed.spread(SCHEDULES, None, *without) != study.spread(SCHEDULES, None, *without)


def test_the_spread_is_that_of_the_ways_over_tasks(study):
    # At 1200 steps the ways are 0.6, 0.9 and 1.2, and 0.2, 0.5 and 0.8.
    assert study.spread(("constant",), 1200) == pytest.approx((0.9, 0.3))
    assert study.spread(("one_cycle",), 1200) == pytest.approx((0.5, 0.3))
    # Around a mean of 0.7, four deviations of 0.1 or 0.5 and two of 0.2.
    deviation = math.sqrt((2 * 0.1**2 + 2 * 0.5**2 + 2 * 0.2**2) / 5)
    assert study.spread(SCHEDULES, 1200) == pytest.approx((0.7, deviation))
    without = study.spread(("constant",), 1200, FAMILIES[0])
    assert without == pytest.approx((1.05, 0.3 / math.sqrt(2)))


def test_the_way_of_a_task_starts_at_the_mean_minimum_of_the_sweeps_that_answered():
    of_all = sweeps()
    of_all |= {(TASKS[0], seed): sweep(5.0, answered=False) for seed in SEEDS[:3]}
    study = Study(table(), of_all)
    case = Case(TASKS[0], "constant", 1200)
    assert len(study.answered(case)) == 2
    assert len(study.all_of(case)) == 5
    # Those that answered lie at -0.9 and -0.8, so 0.15 above the mean of all.
    ways = [0.6 + 0.15, 0.9, 1.2]
    expected = (np.mean(ways), np.std(ways, ddof=1))
    assert study.spread(("constant",), 1200) == pytest.approx(expected)
    # The cost of each distance is the mean over the two.
    row = study.cases.index(case)
    costs = [np.interp(minimum - BELOW, GRID, study.costs[row]) for minimum in (-0.9, -0.8)]
    np.testing.assert_allclose(study.by_distance[row], np.mean(costs, axis=0))


def test_a_task_of_which_no_sweep_answered_has_no_part_in_a_choice():
    of_all = sweeps() | {(TASKS[0], seed): sweep(5.0, answered=False) for seed in SEEDS}
    study = Study(table(), of_all)
    without = Study(table(), sweeps())
    for schedule in SCHEDULES:
        assert study.choose((schedule,)) == without.choose((schedule,), FAMILIES[0])
        found = study.spread((schedule,), None)
        assert found == without.spread((schedule,), None, FAMILIES[0])


def test_costs_are_regrets_and_the_best_rate_is_where_they_are_least(study):
    case = Case(TASKS[1], "constant", 1200)
    row = study.cases.index(case)
    np.testing.assert_allclose(study.costs[row], losses(-2.9), atol=1e-12)
    assert study.best[row] == pytest.approx(-2.9)
    assert len(study.cases) == len(TASKS) * len(SCHEDULES) * len(HORIZONS)


def test_a_study_can_count_the_training_loss():
    entries = table()
    for task, each in entries.items():
        shifted = {name: np.array(values) for name, values in each.losses.items()}
        for values in shifted.values():
            values[:, 1, :, 4:] = values[:, 1, :, :-4]  # a tenth of a decade higher
        entries[task] = Entry(each.rates, each.horizons, each.initial, shifted)
    whole, training = (Study(entries, sweeps(), name) for name in ("validation", "training"))
    assert whole.choose(("constant",)) == Way(0.9, 0.5, 0.9)
    assert training.choose(("constant",)) == Way(pytest.approx(0.8), 0.5, pytest.approx(0.8))
    np.testing.assert_allclose(training.best, whole.best + 0.1)


def test_every_length_has_the_same_weight():
    # Two tasks are not trained for long: the third alone stands for that length.
    entries = {task: entry(task, HORIZONS[:2]) for task in TASKS[:2]} | {TASKS[2]: entry(TASKS[2])}
    study = Study(Table(entries), sweeps())
    single = [study.cost(("constant",), steps) for steps in HORIZONS]
    np.testing.assert_allclose(study.cost(("constant",), None), np.mean(single, axis=0))
    rows = study.rows(("constant",), 4800)
    assert [study.cases[row].task for row in np.flatnonzero(rows)] == [TASKS[2]]
    np.testing.assert_array_equal(single[2], study.by_distance[rows][0])


def test_the_half_width_of_an_interval_is_a_quantile_of_student_s_t(study):
    each = sweep(-1.0)
    low, high = interval(study, each, 0.9, 0.3)
    # With two degrees of freedom, as there are three tasks.
    half = 2.919986 * math.sqrt(0.1**2 + BETWEEN_RUNS**2 + 0.3**2)
    assert (low, high) == pytest.approx((-1.9 - half, -1.9 + half), rel=1e-6)
    wide = interval(study, each, 0.9, 30.0)
    assert wide == (each.low, each.high)


def test_the_figures_left_out_are_those_of_numbers_chosen_on_the_other_families(study):
    found = left_out(study, ("constant",), 1200, known=True)
    # The first is led 0.45 decades too far down and the third as much too little; to that comes
    # what a sweep's minimum is off.
    rates_off = np.array([-0.45, 0.0, 0.45])[:, None] + np.array(list(SPREAD.values()))
    regrets = rates_off**2 / 4
    assert found.regret == pytest.approx(regrets.mean(), abs=1e-4)
    # Below 0.05 are rates less than sqrt(0.2) = 0.447 decades off, in steps of 0.025.
    assert found.close == np.mean(np.abs(rates_off) <= 0.425 + 0.2 + 1e-9)
    assert (found.refused, found.ruined) == (0.0, 0.0)
    half = stats.t.ppf(0.95, 2) * np.hypot(
        np.hypot(0.1, BETWEEN_RUNS), np.array([0.3, 0.6, 0.3]) / math.sqrt(2)
    )
    # Around a middle that is as far off as the rate.
    assert found.held == np.mean(np.abs(rates_off) <= half[:, None])
    middle = np.array([[MINIMA[task] + off for off in SPREAD.values()] for task in TASKS])
    middle -= np.array([1.05, 0.9, 0.75])[:, None]
    low, high = np.maximum(middle - half[:, None], -6), np.minimum(middle + half[:, None], 1)
    assert found.width == pytest.approx((high - low).mean())


def test_a_refusal_is_judged_as_the_documented_default():
    of_all = sweeps() | {(TASKS[1], 0): sweep(-2.0, answered=False)}
    of_all[TASKS[1], 1] = Seen(-2.0, within=0.1, low=-2.5, high=1.0, answered=True)
    study = Study(table(), of_all)
    found = left_out(study, ("constant",), 1200, known=True)
    assert found.refused == pytest.approx(2 / 15)  # of one the rate lies below what was swept
    before = left_out(Study(table(), sweeps()), ("constant",), 1200, known=True)
    assert before.refused == 0
    # Adagrad's default is 0.01, 0.9 decades off the best.
    way = {task: study.choose(("constant",), FAMILY_OF[task]).at(1200) for task in TASKS}
    off = [
        [each.minimum - way[task] - best_of(task, "constant", 1200)
         for seed, each in ((seed, of_all[task, seed]) for seed in SEEDS)
         if (task, seed) not in ((TASKS[1], 0), (TASKS[1], 1))]
        for task in TASKS
    ]  # fmt: skip
    expected = [*(np.concatenate(off) ** 2 / 4), 0.9**2 / 4, 0.9**2 / 4]
    assert found.regret == pytest.approx(np.mean(expected), abs=1e-4)


def test_the_numbers_of_a_row_are_rounded_and_its_costs_lie_at_those_distances(study):
    rows = dict(numbers(study))
    assert list(rows) == [(name, steps) for name, _ in ASKED for steps in (None, *HORIZONS)]
    below, best, deviation, lost, costs = rows["constant", 1200]
    assert (below, best, deviation) == (0.9, 0.9, 0.3)
    assert lost == round(study.costs_left_out(("constant",))[1200], 3)
    cost = study.cost(("constant",), 1200)
    np.testing.assert_allclose(costs, np.interp(COST_AT, BELOW, cost), atol=0.0005001)
    assert rows["constant", 300][0] == round(0.9 - 0.5 * math.log10(4), 3)
    assert rows["constant", None][0] == 0.9


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_cost_told_of_a_rate_is_that_of_rates_chosen_without_the_family(study, schedule):
    found = study.costs_left_out((schedule,))
    # Led 0.45 decades too far down, right, and as much too little; a sweep's minimum is off, too.
    off = np.array([-0.45, 0.0, 0.45])[:, None] + np.array(list(SPREAD.values()))
    at_one_length = (off**2 / 4).mean()
    # Looked up at distances a twentieth of a decade apart.
    missed = 0.05**2 / 16
    assert [found[steps] for steps in HORIZONS] == pytest.approx([at_one_length] * 3, abs=missed)
    # The best rates of the others lie off by as much as the power of the length makes.
    power = LAWS[schedule][1] * math.log10(4)
    expected = np.mean([((off + by) ** 2 / 4).mean() for by in (-power, 0.0, power)])
    assert found[None] == pytest.approx(expected, abs=missed)


def test_the_cost_told_without_a_family_leaves_out_one_more(study):
    # Each of the two that are left is led by the other, 0.3 decades off.
    found = study.costs_left_out(("constant",), FAMILIES[0])
    off = np.array([-0.3, 0.3])[:, None] + np.array(list(SPREAD.values()))
    assert found[1200] == pytest.approx((off**2 / 4).mean(), abs=1e-4)
    assert dict(numbers(study, FAMILIES[0]))["constant", 1200][3] == round(found[1200], 3)


def test_tasks_without_a_suggestion_are_not_told_of():
    of_all = sweeps() | {(TASKS[0], seed): sweep(5.0, answered=False) for seed in SEEDS}
    of_all[TASKS[1], 0] = sweep(5.0, answered=False)
    study = Study(table(), of_all)
    assert (study.tasks, study.told) == (3, list(TASKS[1:]))
    # The interval is as wide as a deviation over two tasks makes it.
    low, high = interval(study, sweep(-1.0), 0.9, 0.3)
    half = 6.313752 * math.sqrt(0.1**2 + BETWEEN_RUNS**2 + 0.3**2)
    assert (low, high) == pytest.approx((-1.9 - half, -1.9 + half), rel=1e-6)


def test_the_source_of_the_rows_is_the_rows(study):
    source = "{" + "\n".join(transfers(study)) + "}"
    assert eval(source) == dict(numbers(study))
    assert all(len(line) <= 100 for line in source.splitlines())


def test_nothing_was_chosen_at_the_edge_of_what_is_tried():
    np.testing.assert_allclose(np.diff(BELOW), 0.05)
    np.testing.assert_allclose(np.diff(POWERS), 0.1)
    for table_ in (calibration.TRANSFERS, calibration.WITHOUT_OVERFITTING):
        for name, _ in ASKED:
            assert BELOW[0] < table_[name, None][0] < BELOW[-1]
            assert BELOW[0] < table_[name, 1200][0] < BELOW[-1]
            power = (table_[name, 4800][0] - table_[name, 1200][0]) / math.log10(4)
            assert POWERS[0] < power < POWERS[-1]


def test_a_sweep_says_what_its_analysis_says():
    rates = lr_sequence(DEFAULTS.start_lr, DEFAULTS.end_lr, DEFAULTS.num_iter)
    x = np.log10(rates)
    loss = 2 - 1.5 * np.array([NormalDist(-2.5, 0.5).cdf(each) for each in x])
    loss += np.exp(np.minimum((x + 0.2) * 5, 4)) + 0.02 * np.random.default_rng(0).normal(
        size=x.size
    )
    result = RangeTestResult(rates, loss, StopReason.COMPLETED, DEFAULTS)
    found = seen(Swept(rates, loss, np.empty(0)))
    curves = result.curves()
    assert found == Seen(
        math.log10(curves.posterior.mean),
        curves.posterior.deviation,
        math.log10(curves.lr[0]),
        math.log10(curves.lr[-1]),
        answered=True,
    )
    assert not seen(Swept(rates, np.full(rates.size, 2.0), np.empty(0))).answered


made = pytest.mark.skipif(
    not (oracle_sweeps.FILE.exists() and oracle_table.TABLE.exists()),
    reason="the table or the sweeps have not been made",
)


NUMBER = re.compile(r"\d+(?:\.\d+)?")
ROUNDING = 0.0101


def flat(rows):
    """All numbers of a table, in the order of its rows."""
    return [number for *ways, costs in rows.values() for number in (*ways, *costs)]


@made
@pytest.mark.slow
def test_the_committed_file_is_what_the_script_writes():
    whole, of_all = oracle_table.load(), oracle_sweeps.load()
    told = {key: seen(each) for key, each in of_all.items()}
    studies = [Study(whole, told, name) for name in ("validation", "training")]
    tables = [calibration.TRANSFERS, calibration.WITHOUT_OVERFITTING]
    for study, table_ in zip(studies, tables, strict=True):
        assert flat(dict(numbers(study))) == pytest.approx(flat(table_), abs=ROUNDING)
        for family in set(study.families):
            assert study.spread(SCHEDULES, None, family) != study.spread(SCHEDULES, None), family
    written = FILE.read_text()
    today = date.fromisoformat(re.search(r" on (\d{4}-\d\d-\d\d);", written)[1])
    # Another processor may round a figure to the other side, a share in per cent among them.
    words, figures = NUMBER.split(written), NUMBER.findall(written)
    again = text(*studies, today)
    assert NUMBER.split(again) == words
    for figure, same in zip(NUMBER.findall(again), figures, strict=True):
        allowed = ROUNDING if "." in figure else 1
        assert float(figure) == pytest.approx(float(same), abs=allowed)


@made
@pytest.mark.parametrize("asked", [("constant", 300), ("one_cycle", 4800)])
def test_the_interval_judged_is_the_one_that_is_suggested(asked):
    whole, of_all = oracle_table.load(), oracle_sweeps.load()
    told = {task for (task, _), each in of_all.items() if seen(each).answered}
    study = Study(whole, {key: sweep(0.0, answered=key[0] in told) for key in of_all})
    assert len(study.told) == calibration.TASKS
    below, best, deviation, *_ = calibration.TRANSFERS[asked]
    schedule, steps = asked
    for key in ((TASKS[0], 0), (TASKS[1], 3)):
        swept = of_all[key]
        result = RangeTestResult(swept.lr, swept.loss, StopReason.DIVERGED, DEFAULTS)
        answer = result.suggest(schedule=schedule, total_steps=steps)
        low, high = interval(study, seen(swept), best, deviation)
        assert np.log10(answer.interval) == pytest.approx((low, high), abs=1e-9)
        # The factor has two digits.
        assert math.log10(answer.lr) == pytest.approx(seen(swept).minimum - below, abs=0.022)


def test_a_dry_run_prints_and_writes_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(choose_calibration, "FILE", tmp_path / "calibration.py")
    monkeypatch.setattr(choose_calibration, "load", table)
    monkeypatch.setattr(choose_calibration.oracle_sweeps, "load", sweeps)
    monkeypatch.setattr(choose_calibration, "seen", lambda each: each)
    choose_calibration.main(["--dry-run"])
    printed = capsys.readouterr().out
    assert "TASKS = 3" in printed
    assert not (tmp_path / "calibration.py").exists()
    choose_calibration.main([])
    assert (tmp_path / "calibration.py").read_text() + "\n" == capsys.readouterr().out == printed
    values = {}
    exec(printed, values)
    study = Study(table(), sweeps())
    assert values["TRANSFERS"] == dict(numbers(study))
    assert values["HORIZONS"] == HORIZONS
    assert values["COST_AT"] == tuple(COST_AT)
