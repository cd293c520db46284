"""A learning rate for each parameter group: closed forms on two weights, ratios that hold."""

from collections import deque

import numpy as np
import pytest
import torch

import lrfind
from lrfind import Sweep, range_test
from lrfind.sweep.swept_range import swept_range

START = [1e-4, 1e-3, 1e-5]
SCALE = (0.1, 1.0, 0.01)


def weights():
    return [torch.nn.Parameter(torch.ones((), dtype=torch.float64)) for _ in START]


def three_groups(held):
    """An optimizer of three groups, whose own rates are in other ratios."""
    rates = (0.3, 0.2, 0.1)
    return torch.optim.SGD(
        [{"params": [each], "lr": lr} for each, lr in zip(held, rates, strict=True)]
    )


def two_optimizers(held):
    first = torch.optim.SGD([{"params": [each], "lr": 0.2} for each in held[:2]])
    return [first, torch.optim.SGD(held[2:], lr=0.3)]


class Bowls(torch.nn.Module):
    """The loss of three weights, w^2 / 2 each, which SGD multiplies by 1 - lr."""

    def __init__(self):
        super().__init__()
        self.held = torch.nn.ParameterList(weights())

    def forward(self, batch):
        return sum(each**2 / 2 for each in self.held)


def bowls():
    model = Bowls()
    return model, three_groups(model.held), None, [torch.zeros(1)]


def closed_form(rates):
    """The losses of steps at these rates, shape `(groups, n)`."""
    left = np.cumprod(np.concatenate([np.ones((len(rates), 1)), 1 - rates[:, :-1]], 1), 1)
    return (left**2 / 2).sum(0)


RANGES = [
    (START, 1.0),
    (tuple(START), [0.1, 1.0, 0.01]),
    (1e-3, [0.1, 1.0, 0.01]),
    (np.array(START).tolist(), np.float64(1.0)),
    (np.array(START), 1.0),
    (1e-3, np.array([0.1, 1.0, 0.01])),
    (torch.tensor(START, dtype=torch.float64), np.array([0.1, 1.0, 0.01])),
    (deque(START), np.array(1.0)),
]


@pytest.mark.parametrize("make", [three_groups, two_optimizers])
@pytest.mark.parametrize(("start_lr", "end_lr"), RANGES)
def test_every_group_goes_from_its_own_start_to_its_own_end(start_lr, end_lr, make):
    start, end, scale = swept_range(start_lr, end_lr, make(weights()))
    assert (start, end) == (1e-3, 1.0)
    assert scale == pytest.approx(SCALE, rel=1e-12)


@pytest.mark.parametrize("step_mode", ["exp", "linear"])
@pytest.mark.parametrize("make", [three_groups, two_optimizers])
def test_every_loss_is_that_of_the_rates_of_all_groups_and_these_are_put_back(make, step_mode):
    held = weights()
    made = make(held)
    every = made if isinstance(made, list) else [made]
    before = [group["lr"] for each in every for group in each.param_groups]
    options = {"num_iter": 40, "step_mode": step_mode, "diverge_th": None}
    with Sweep(made, start_lr=START, end_lr=1.0, **options) as sweep:
        more = True
        while more:
            loss = sum(each**2 / 2 for each in held)
            for each in every:
                each.zero_grad()
            loss.backward()
            for each in every:
                each.step()
            more = sweep.record(loss)
    result = sweep.result()
    assert [group["lr"] for each in every for group in each.param_groups] == before
    np.testing.assert_allclose(result.group_lr[:, 0], START, rtol=1e-12)
    np.testing.assert_allclose(result.group_lr[:, -1], [0.1, 1.0, 0.01], rtol=1e-12)
    spaced = {"exp": np.geomspace, "linear": np.linspace}[step_mode](1e-3, 1, 40)
    expected = closed_form(np.outer(SCALE, spaced))
    np.testing.assert_allclose(result.loss, expected, rtol=1e-9)
    assert (result.settings.start_lr, result.settings.end_lr) == (1e-3, 1.0)


def test_the_suggestion_and_the_file_have_the_ratios_that_were_given(tmp_path):
    made = bowls()
    result = range_test(*made, start_lr=START, num_iter=60)
    assert result.group_scale == pytest.approx(SCALE, rel=1e-12)
    answer = result.suggest()
    assert answer.group_lr == pytest.approx([answer.lr * each for each in SCALE])
    result.save(tmp_path / "result.json")
    assert lrfind.load(tmp_path / "result.json") == result
    assert [group["lr"] for group in made[1].param_groups] == [0.3, 0.2, 0.1]


def test_without_a_list_the_ratios_are_those_of_the_optimizer():
    assert swept_range(1e-6, 1.0, None) == (1e-6, 1.0, None)
    result = range_test(*bowls(), num_iter=20)
    assert result.group_scale == pytest.approx((1.0, 2 / 3, 1 / 3))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"start_lr": [1e-4, 1e-3]}, ValueError, "`start_lr` must be one number, or a list with on"
         "e for each of the 3 parameter groups of `optimizer`, got 2"),
        ({"end_lr": []}, ValueError, "`end_lr` must be one number, or a list .* got 0"),
        ({"start_lr": [1e-4, 0, 1e-3]}, ValueError, "`start_lr` must be a finite number above 0"),
        ({"start_lr": np.array([1e-4, 1e-3])}, ValueError, "must be one number, or .* got 2"),
        ({"end_lr": np.array([[1.0]] * 3)}, TypeError, r"`end_lr` must be a number, got \[1.0\]"),
        ({"end_lr": np.array([1.0, 0, 1.0])}, ValueError, "a finite number above 0, got 0.0"),
        ({"start_lr": np.array(["1"] * 3)}, TypeError, "`start_lr` must be a number, got '1'"),
        ({"start_lr": {1e-4, 1e-3, 1e-5}}, TypeError, "`start_lr` must be a number"),
        ({"end_lr": [1, -1, 1]}, ValueError, "`end_lr` must be a finite number above 0"),
        ({"end_lr": [1, float("nan"), 1]}, ValueError, "`end_lr` must be a finite number above 0"),
        ({"start_lr": [1e-4, "low", 1e-3]}, TypeError, "`start_lr` must be a number"),
        ({"start_lr": "low"}, TypeError, "`start_lr` must be a number"),
        ({"start_lr": [1, 2, 3], "end_lr": 3}, ValueError, "`start_lr` must be below `end_lr`"),
        ({"start_lr": START, "end_lr": [1, 1, 1]}, ValueError, "`end_lr` must be the same multiple "
         "of `start_lr` in every parameter group, .* got 10000, 1000, 100000"),
    ],
)  # fmt: skip
def test_what_one_multiplier_cannot_sweep_is_refused_before_anything_is_touched(
    given, error, message
):
    made = bowls()
    with pytest.raises(error, match=message):
        range_test(*made, **given)
    assert [group["lr"] for group in made[1].param_groups] == [0.3, 0.2, 0.1]
    assert all(each == 1 for each in made[0].held)


def test_a_check_and_its_answer_keep_the_ratios_of_the_sweep():
    made = bowls()
    result = range_test(*made, start_lr=START, num_iter=60)
    by_result = lrfind.verify(*made, result, num_iter=8)
    for answer in (
        by_result,
        lrfind.verify(*made, result.suggest(), num_iter=8),
        lrfind.verify(*made, by_result, num_iter=8),
        lrfind.verify(*made, 0.1, result=result, num_iter=8),
    ):
        assert answer.scale == pytest.approx(SCALE)
        assert answer.group_lr == pytest.approx([answer.lr * each for each in SCALE])
        for trial in answer.trials:
            rates = np.outer(SCALE, np.full(8, trial.run.lr))
            np.testing.assert_allclose(trial.run.loss, closed_form(rates), rtol=1e-9)
    own = lrfind.verify(*made, 0.1, num_iter=8)
    assert own.scale == pytest.approx((1.0, 2 / 3, 1 / 3))
    assert [group["lr"] for group in made[1].param_groups] == [0.3, 0.2, 0.1]


def test_a_search_keeps_the_ratios_it_was_given():
    made = bowls()
    found = lrfind.find_lr(*made, start_lr=START, budget=120)
    assert found.scale == pytest.approx(SCALE)
    for trial in found.trials:
        rates = np.outer(SCALE, np.full(trial.run.loss.size, trial.run.lr))
        np.testing.assert_allclose(trial.run.loss, closed_form(rates), rtol=1e-9)
    assert [group["lr"] for group in made[1].param_groups] == [0.3, 0.2, 0.1]


def test_the_controls_train_at_the_ratios_of_the_sweep():
    made = bowls()
    result = range_test(*made, start_lr=START, num_iter=60)
    found = lrfind.controls(*made, result)
    rates = np.outer(SCALE, np.full(result.loss.size, 1e-3))
    np.testing.assert_allclose(found.constant.loss, closed_form(rates), rtol=1e-9)
    assert [group["lr"] for group in made[1].param_groups] == [0.3, 0.2, 0.1]
