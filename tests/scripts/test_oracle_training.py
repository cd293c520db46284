"""Lanes trained side by side are so many ordinary trainings."""

from functools import partial

import numpy as np
import pytest
import torch
from benchmark_tasks import CLASSES, SQUARES, momentum
from oracle_data_images import digit_images
from oracle_data_tables import quadratic
from oracle_networks import dense
from oracle_task import OracleTask, Run
from oracle_training import schedule, train, train_ordinarily
from ordinary_training import batches
from torch.optim import SGD, Adam

DIGITS = OracleTask(digit_images, partial(dense, 64, 24, 10, norm="batch"), momentum, CLASSES, 64)
LINEAR = OracleTask(partial(quadratic, 200, 5, 10, 0.1), partial(dense, 5, 1), SGD, SQUARES, 25)


@pytest.mark.parametrize("task", [DIGITS, LINEAR])
def test_batches_are_those_of_the_loader(task):
    samples, _ = task.split()[0]
    loader = task.build(3).train_loader
    for positions, (inputs, _) in zip(
        task.batch_positions(3, 30), batches(loader, 30), strict=True
    ):
        assert torch.equal(samples[positions], inputs)


def test_in_single_precision_a_lane_agrees_as_far_as_that_goes():
    run = Run("one_cycle", (30,))
    _, (losses,) = train(DIGITS, 0, runs=[run], rates=np.array([0.01]))
    np.testing.assert_allclose(losses[:, 0, 0], train_ordinarily(DIGITS, 0, run, 0.01), rtol=1e-4)


def test_the_initial_losses_are_those_of_no_step():
    initial, _ = train(DIGITS, 0, runs=[Run("constant", (1,))], rates=np.array([0.01]))
    none = train_ordinarily(DIGITS, 0, Run("constant", (0,)), 0.01)
    np.testing.assert_allclose(initial, none, rtol=1e-5)


def test_a_horizon_on_the_way_is_a_shorter_training():
    both = [Run("constant", (10, 30)), Run("one_cycle", (10,)), Run("one_cycle", (30,))]
    rates = np.array([0.003, 0.03])
    _, (way, short_cycle, cycle) = train(DIGITS, 0, runs=both, rates=rates, dtype=torch.float64)
    _, (short,) = train(DIGITS, 0, runs=[Run("constant", (10,))], rates=rates, dtype=torch.float64)
    _, (alone,) = train(DIGITS, 0, runs=both[1:2], rates=rates, dtype=torch.float64)
    np.testing.assert_allclose(way[:, :1], short, rtol=1e-10)
    np.testing.assert_allclose(short_cycle, alone, rtol=1e-10)
    assert np.all(way[:, 1] < way[:, 0])
    assert np.all(cycle != short_cycle)


def test_a_lane_that_blows_up_is_infinite_and_leaves_the_others_alone():
    runs = [Run("constant", (10, 60))]
    rates = np.array([0.01, 0.1, 1e20])
    _, (losses,) = train(LINEAR, 0, runs=runs, rates=rates, dtype=torch.float64)
    _, (alone,) = train(LINEAR, 0, runs=runs, rates=rates[:2], dtype=torch.float64)
    np.testing.assert_allclose(losses[..., :2], alone, rtol=1e-10)
    assert np.all(np.isinf(losses[:, 1, 2]))


def test_when_all_lanes_have_blown_up_the_training_is_over():
    runs = [Run("constant", (1_000_000,))]
    short = OracleTask(LINEAR.data, LINEAR.network, SGD, SQUARES, 25)
    positions = short.batch_positions(0, 100)
    object.__setattr__(short, "batch_positions", lambda seed, steps: positions)
    _, (losses,) = train(short, 0, runs=runs, rates=np.array([1e20]))
    assert np.all(np.isinf(losses))


def test_a_cycle_starts_low_peaks_at_the_rate_and_lowers_the_momentum_there():
    factors, momenta = schedule(DIGITS, Run("one_cycle", (100,)))
    assert factors[0] == pytest.approx(1 / 25)
    assert factors.max() == pytest.approx(1, rel=1e-3)
    assert momenta[0] == pytest.approx(0.95)
    assert momenta.min() == pytest.approx(0.85, rel=1e-3)
    constant, kept = schedule(DIGITS, Run("constant", (5,)))
    assert constant.tolist() == [1.0] * 5
    assert kept.tolist() == [0.9] * 5


def test_where_there_is_no_momentum_none_is_cycled():
    assert not schedule(LINEAR, Run("one_cycle", (20,)))[1].any()
    adam = OracleTask(LINEAR.data, LINEAR.network, Adam, SQUARES)
    assert schedule(adam, Run("one_cycle", (20,)))[1][0] == 0.95
