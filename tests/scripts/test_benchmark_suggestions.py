"""The benchmark measures what it says: tasks, oracle, regret and the peers' rules."""

import json
import math
from functools import partial

import numpy as np
import pytest
import torch
from benchmark_oracle import RATES, SCHEDULES, batches, train, validation_loss
from benchmark_suggestions import (
    FASTAI,
    Answer,
    Oracle,
    documented_default,
    fastai_curve,
    markdown,
    minimum_coverage,
    peer,
    row,
    sweep_finder,
    true_minimum,
)
from benchmark_tasks import STEPS, TASKS
from makers import README, ROOT
from peer_finders import short_grid

from lrfind.analysis.rules import RULES, Seen


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_made_by_its_seed_alone_and_its_untrained_loss_is_finite(name):
    task = TASKS[name]
    first, again, other = (task.build(seed) for seed in (0, 0, 1))
    for one, two in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)
    batch, same = (next(iter(each.train_loader))[0] for each in (first, again))
    assert torch.equal(batch, same)
    assert not torch.equal(batch, next(iter(other.train_loader))[0])
    assert math.isfinite(validation_loss(task, first.model))


@pytest.mark.parametrize("name", TASKS)
def test_no_validation_sample_is_trained_on(name):
    (train_inputs, _), (rest, _) = TASKS[name].split()
    seen = {sample.numpy().tobytes() for sample in train_inputs}
    held_out = [sample.numpy().tobytes() for sample in rest]
    # Some of the generated texts come twice.
    assert sum(sample in seen for sample in held_out) <= 0.05 * len(held_out)


def test_the_oracle_has_every_task_schedule_and_rate():
    table = json.loads((ROOT / "scripts" / "benchmark_oracle.json").read_text())
    assert (table["steps"], table["rates"]) == (STEPS, RATES.tolist())
    assert list(table["tasks"]) == list(TASKS)
    for task in table["tasks"].values():
        for schedule in SCHEDULES:
            assert len(task[schedule]) == len(RATES)
            assert 0 < min(task[schedule]) < max(task[schedule]) <= task["initial"] + 1e-6


def test_a_training_of_the_oracle_can_be_made_again():
    name = "digits softmax, SGD"
    values = Oracle().values(name, "constant")
    again = [train(TASKS[name], RATES[20], "constant", seed) for seed in range(5)]
    assert np.median(again) == pytest.approx(values[20], rel=0.01)


def oracle():
    losses = [2.0, 1.0, 0.5] + [2.0] * 22
    return Oracle({"tasks": {name: {"initial": 2.0, **dict.fromkeys(SCHEDULES, losses)}
                             for name in TASKS}})  # fmt: skip


def test_regret_is_the_share_of_the_improvement_that_is_lost():
    name = next(iter(TASKS))
    assert oracle().best(name, "constant") == RATES[2]
    assert oracle().regret(name, "constant", RATES[2]) == 0
    assert oracle().regret(name, "constant", RATES[1]) == pytest.approx(1 / 3)
    assert oracle().regret(name, "constant", math.sqrt(RATES[1] * RATES[2])) == pytest.approx(1 / 6)
    default = documented_default(TASKS[name], 0, "constant").lr
    refused = oracle().regret(name, "constant", math.nan)
    assert refused == oracle().regret(name, "constant", default)


def test_the_true_minimum_is_that_of_the_median_sweep():
    name = "digits softmax, SGD"
    place = true_minimum(name)
    found = [
        math.log10(sweep_finder()(TASKS[name], seed, "constant").minimum[0]) for seed in (0, 1)
    ]
    assert found == pytest.approx([place] * 2, abs=0.4)


def test_the_interval_of_the_minimum_is_judged_by_the_true_one():
    # In every task one of two intervals holds the truth; the errors of 0.3 are all between runs.
    answers = {
        ("lrfind", task, seed, "constant"): Answer(
            1.0, 300, "clear", minimum=(10**0.3, high / 10, high), within=0.0
        )
        for task in TASKS
        for seed, high in enumerate((2.0, 0.5))
    }
    told = minimum_coverage(answers, dict.fromkeys(TASKS, 0.0))
    assert "in 50% (50% to 50% by task)" in told
    assert "Between runs: 0.30 decades; left out 0.30 to 0.30, which hold it in 100%" in told


def test_the_row_counts_failures_warnings_and_coverage():
    verdicts = {0: "clear", 1: "noisy"}
    answers = {
        ("x", task, seed, schedule): Answer(
            RATES[2] if seed == 0 else RATES[0], 300, verdicts[seed], (RATES[1], RATES[3])
        )
        for task in TASKS for seed in (0, 1) for schedule in SCHEDULES
    }  # fmt: skip
    found = row("x", answers, oracle(), range(2))
    runs = 4 * len(TASKS)
    assert (found["runs"], found["bad"], found["warned"]) == (runs, runs // 2, runs // 2)
    assert (found["worst"], found["clear"], found["coverage"]) == (1, 1, 1)
    assert found["mean constant"] == found["mean one_cycle"] == 0.5
    assert found["spread"] == pytest.approx(0.5 / math.sqrt(2))
    assert found["width"] == pytest.approx(0.5)
    assert "| x | 0.500 | 0.500 | 1.00 |" in markdown([found])


def test_the_recomputed_fastai_rules_are_those_of_the_package():
    task = TASKS["digits mlp, momentum"]
    rates, losses = fastai_curve(task, 0)
    assert rates[0] == 1e-7
    assert rates[50] == pytest.approx(1e-3)
    inner = slice(losses.size // 10, losses.size - 5)
    seen = Seen(rates, losses, int(losses.argmin()), math.nan)
    for name in ("valley", "slide"):
        expected = RULES[name].rate(seen)
        assert FASTAI[name](rates[inner], losses[inner]) == expected
    assert FASTAI["minimum"](rates, losses) == rates[losses.argmin()] / 10


def test_finders_that_need_no_peer_answer():
    task = TASKS["digits softmax, SGD"]
    assert documented_default(task, 0, "constant").lr == 1e-3
    assert peer(partial(short_grid, 3, 5))(task, 0, "constant").steps == 15
    answer = sweep_finder(num_iter=60)(task, 0, "constant")
    assert 1e-3 < answer.lr < 10
    low, high = answer.interval
    assert low < answer.lr < high


def test_batches_run_over_as_many_epochs_as_it_takes():
    assert list(batches([1, 2, 3], 7)) == [1, 2, 3, 1, 2, 3, 1]


def test_the_table_of_the_readme_is_the_committed_one():
    table, *rest = (ROOT / ".github" / "benchmark" / "suggestions.md").read_text().split("\n\n")
    assert table in README
    every = {cells(line)[0]: cells(line) for part in rest for line in part.splitlines()}
    for line in table.splitlines()[2:]:
        name, *shown, steps = cells(line)
        in_full = every.get(name) or every[f"lrfind, {name}"]
        assert steps == in_full[-1]
        if not name.startswith("lrfind"):
            assert shown[:2] == [f"{float(regret):.2f}" for regret in in_full[1:3]]


def cells(line):
    """The cells of one line of a table."""
    return [cell.strip() for cell in line.strip("|").split("|")]
