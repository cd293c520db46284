"""Two rounds of trials on w^2 / 2, where every loss has a closed form."""

import numpy as np
import pytest
from makers import (
    everything,
    learning,
    loss_fn,
    valley,
    valley_loss,
    valley_losses,
    valley_step,
)

from lrfind.checks.verification.halving import FIRST, SHORTEST, halving
from lrfind.checks.verification.scores import TrialScores
from lrfind.checks.verification.trials import run_trials
from lrfind.loop.loop import Loop
from lrfind.loop.options import with_defaults


def loop_of(*parts, **options):
    return Loop(*parts, **with_defaults(options, "verify"))


def in_the_valley(rates, steps):
    return halving(loop_of(*valley(), forward=valley_loss), rates, steps, (1.0,), 0.5)


def regrets_by_hand(rates, steps):
    """Of trials that long: the decay is carried on exactly, over as many steps again."""
    scores = np.array([valley_losses(rate, 2 * steps + 1)[-1] for rate in rates])
    return np.minimum((scores - scores.min()) / (0.5 - scores.min()), 2.0)


def lengths(ran):
    return [trial.run.loss.size for trial in ran.trials]


def test_the_first_round_takes_a_third_and_the_better_two_the_rest():
    rates = [0.0005, 0.001, 0.002, 0.004]
    ran, regrets = in_the_valley(rates, 400)
    # 400 / 3 / 4 is 33, an even 32; (400 - 4 * 32) / 2 is 136.
    assert lengths(ran) == [32, 32, 136, 136]
    assert ran.steps == 4 * 32 + 2 * 136 == 400
    assert (ran.level, ran.scale) == (0.5, (1.0,))
    first, second = regrets_by_hand(rates, 32), regrets_by_hand(rates[2:], 136)
    np.testing.assert_allclose(regrets, [*first[:2], *second], rtol=1e-9)
    for trial, rate, steps in zip(ran.trials, rates, lengths(ran), strict=True):
        assert trial.run.lr == rate
        np.testing.assert_allclose(trial.run.loss, valley_losses(rate, steps), rtol=1e-10)


def test_the_better_are_those_that_lose_least_wherever_they_lie():
    rates = [1e-4, 0.01, 0.05, 2.5]  # the last one rises
    ran, regrets = in_the_valley(rates, 400)
    assert lengths(ran) == [32, 136, 136, 32]
    first, second = regrets_by_hand(rates, 32), regrets_by_hand(rates[1:3], 136)
    assert first[3] == regrets[3] == 2.0
    np.testing.assert_allclose(regrets, [first[0], *second, 2.0], rtol=1e-9)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_half_of_them_go_on_rounded_down(count):
    rates = [0.002 * (k + 1) for k in range(count)]
    ran, _ = in_the_valley(rates, 600)
    short = 2 * (int(600 * FIRST) // count // 2)
    longer = 2 * ((600 - count * short) // (count // 2) // 2)
    assert lengths(ran) == [short] * (count - count // 2) + [longer] * (count // 2)


@pytest.mark.parametrize("steps", range(20, 300, 31))
def test_no_more_steps_than_given_and_hardly_fewer(steps):
    ran, _ = in_the_valley([0.001, 0.002, 0.004, 0.008], steps)
    assert steps - 8 < ran.steps <= steps


def test_steps_too_few_for_two_rounds_are_one():
    rates = [0.001, 0.002, 0.004, 0.008]
    fewest = 3 * 4 * SHORTEST
    ran, regrets = in_the_valley(rates, fewest - 1)
    assert lengths(ran) == [2 * ((fewest - 1) // 8)] * 4
    np.testing.assert_allclose(regrets, regrets_by_hand(rates, lengths(ran)[0]), rtol=1e-9)
    ran, _ = in_the_valley(rates, fewest + 1)
    assert lengths(ran)[0] == SHORTEST < lengths(ran)[-1]


def test_the_steps_that_a_trial_given_up_took_count():
    ran, regrets = in_the_valley([0.01, 0.05, 0.2, 1e200], 400)
    blown_up = ran.trials[3].run.loss.size
    assert blown_up == 2
    longer = 2 * ((400 - 3 * 32 - blown_up) // 4)
    assert lengths(ran) == [32, longer, longer, blown_up]
    assert ran.steps == 3 * 32 + blown_up + 2 * longer
    assert regrets[3] == 2.0


def test_when_all_blow_up_nothing_is_best():
    ran, regrets = in_the_valley([1e199, 1e200, 1e201, 1e202], 400)
    assert not any(trial.finite for trial in ran.trials)
    assert list(regrets) == [2.0] * 4


def test_when_those_that_go_on_blow_up_the_best_of_the_others_is_best():
    def ends_at_a_wall(model, batch):
        return model() * (1.0 if model.w > 0.9 else float("nan"))

    loop = loop_of(*valley(), forward=ends_at_a_wall)
    ran, regrets = halving(loop, [0.0005, 0.001, 0.002, 0.003], 400, (1.0,), 0.5)
    assert [trial.finite for trial in ran.trials] == [True, True, False, False]
    assert list(regrets[1:]) == [0.0, 2.0, 2.0]
    assert 0 < regrets[0] < 2


def test_with_a_step_of_ones_own_the_better_two_go_on():
    model, optimizer, _, batches = valley()
    loop = loop_of(model, optimizer, None, batches, step=valley_step(model, optimizer))
    ran, regrets = halving(loop, [0.0005, 0.001, 0.002, 0.004], 400, (1.0,), 0.5)
    assert lengths(ran) == [32, 32, 136, 136]
    assert 2 > regrets[0] > regrets[1] > regrets[2] > regrets[3] == 0


def test_a_longer_trial_starts_from_the_start_and_leaves_nothing():
    model, optimizer, loader = learning("adam")
    before = everything(model, optimizer, loader)
    loop = loop_of(model, optimizer, loss_fn, loader)
    rates = [1e-4, 1e-3, 1e-2, 1e-1]
    ran, regrets = halving(loop, rates, 200, (1.0,), 0.5)
    assert everything(model, optimizer, loader) == before
    better = [k for k, size in enumerate(lengths(ran)) if size == max(lengths(ran))]
    alone = run_trials(loop, [rates[k] for k in better], max(lengths(ran)), (1.0,))
    assert [ran.trials[k] for k in better] == alone.trials
    assert ran.level == alone.level
    scores = TrialScores(tuple(alone.trials), None, alone.level, 0.0, alone.steps)
    np.testing.assert_array_equal(regrets[better], scores.losses)
