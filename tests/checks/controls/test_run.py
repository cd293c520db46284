"""The controls of real sweeps: closed forms, the same batches to the bit, and no trace left."""

import warnings
from itertools import islice

import numpy as np
import pytest
import torch
from makers import OPTIMIZERS, everything, forever, loss_fn, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind import CannotTellError, Controls, controls, range_test
from lrfind.demo import digits_problem
from lrfind.loop.frozen_step import buffers_kept

STEPS = 15


def parts(optimizer="adam", **loader):
    model = make_model()
    made = model, OPTIMIZERS[optimizer](trainable(model)), loss_fn, make_loader(**loader)
    torch.manual_seed(3)
    return made


def swept(*made, num_iter=STEPS, start_lr=1e-3, **options):
    return range_test(*made, num_iter=num_iter, start_lr=start_lr, diverge_th=None, **options)


class Bowl(nn.Module):
    """One weight and the loss w^2 / 2, which SGD multiplies by (1 - lr)^2 at each step."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, batch):
        return self.weight**2 / 2


def bowl(start_lr, end_lr, num_iter=100, **options):
    model = Bowl()
    made = model, torch.optim.SGD(model.parameters(), lr=0.1), None, [torch.zeros(1)]
    result = range_test(*made, start_lr=start_lr, end_lr=end_lr, num_iter=num_iter, **options)
    return made, result


def test_on_a_bowl_the_share_of_time_has_its_closed_form():
    made, result = bowl(1e-3, 10)
    found = controls(*made, result)
    steps = np.arange(result.loss.size)
    np.testing.assert_allclose(found.constant.loss, 0.999 ** (2 * steps) / 2, rtol=1e-12)
    assert (found.frozen == 0.5).all()
    assert found.constant.lr == 1e-3
    time = found.time
    fallen = 0.5 - 0.999 ** (2 * time.step) / 2
    assert time.time_fall == pytest.approx(fallen, rel=1e-4)
    assert time.share == pytest.approx(fallen / 0.5, rel=1e-2)
    alone = controls(*made, result, frozen=False).time
    assert alone.share == pytest.approx(time.share, rel=1e-2)


def test_where_the_rate_hardly_rises_all_of_the_fall_is_time():
    made, result = bowl(0.05, 0.05001)
    found = controls(*made, result)
    assert found.time.share == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found.curves("time").loss, 0.5, atol=1e-4)


def test_where_all_of_a_networks_fall_is_time_no_minimum_is_left():
    problem = digits_problem(model="mlp", optimizer="sgd")
    result = problem.range_test(start_lr=0.01, end_lr=0.0101, num_iter=50)
    time = problem.controls(result).time
    assert time.fall > 1
    assert time.share == pytest.approx(1, abs=0.01)
    assert time.shift is None
    assert lrfind.Flag.NO_DESCENT in time.minimum.flags


def test_on_a_plateau_the_data_are_nearly_all_of_the_wiggle():
    problem = digits_problem(model="mlp", optimizer="sgd")
    found = problem.controls(problem.range_test())
    assert found.data.stretches[0].explained > 0.9
    assert found.data.stretches[0].correlation > 0.9
    assert 0.5 < found.data.sd / found.data.noise < 1.5
    assert abs(found.time.share) < 0.001
    assert found.time.shift == 0


@pytest.mark.parametrize("suggested", [True, 0.25])
def test_a_second_rate_is_trained_at_for_as_many_steps(suggested):
    made, result = bowl(1e-3, 10)
    found = controls(*made, result, suggested=suggested)
    rate = result.suggest().lr if suggested is True else suggested
    expected = (1 - rate) ** (2 * np.arange(result.loss.size)) / 2
    np.testing.assert_allclose(found.suggested.loss, expected, rtol=1e-9, atol=1e-300)
    assert found.suggested.lr == rate
    assert found.suggested_fall[-1] == pytest.approx(0.5, rel=1e-2)


def data_alone(batches):
    model = nn.Linear(1, 1)
    made = model, torch.optim.SGD(model.parameters(), lr=0.1), None, batches
    options = {"forward": lambda model, batch: batch.mean() + 0 * model(torch.ones(1)).sum()}
    return controls(*made, swept(*made, num_iter=60, **options), **options)


def test_where_the_loss_is_data_alone_the_frozen_control_explains_all_of_it():
    found = data_alone([torch.rand(4) for _ in range(60)])
    assert found.frozen.tolist() == found.result.loss.tolist() == found.constant.loss.tolist()
    assert found.data.stretches[0].explained == 1
    assert np.ptp(found.curves("data").loss) < 1e-12
    assert found.time.share is None


def test_equal_batches_leave_no_wiggle():
    found = data_alone([torch.ones(4)])
    assert found.data.sd == found.data.noise == 0
    assert found.data.stretches[0].explained is None


def by_hand(rate, steps):
    """The losses of training at a rate as a person would write it; of standing still at 0."""
    model, optimizer, _, loader = parts()
    optimizer.param_groups[0]["lr"] = rate
    losses = []
    for x, y in islice(forever(loader), steps):
        loss = loss_fn(model(x), y)
        losses.append(loss.item())
        if rate:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses


def test_both_controls_are_the_loops_that_a_person_would_write():
    """Over more than one pass: dropout masks and the order of the batches are the sweep's."""
    made = parts()
    found = controls(*made, swept(*made, num_iter=40), suggested=0.02)
    assert found.constant.loss.tolist() == by_hand(1e-3, 40)
    assert found.suggested.loss.tolist() == by_hand(0.02, 40)
    assert found.frozen.tolist() == by_hand(0, 40)
    assert found.same_numbers


@pytest.mark.parametrize(
    "options",
    [{"accumulation_steps": 3}, {"autocast": torch.bfloat16}, {"clip_grad": 0.1}, {"probe": None}],
    ids=lambda options: next(iter(options)),
)
def test_every_control_begins_with_the_loss_of_the_sweep(options):
    made = parts(shuffle=False)
    if "probe" in options:
        options = {"probe": next(iter(made[3])), "metric": lambda model, batch: 1.0}
    result = swept(*made, **options)
    found = controls(*made, result, **options)
    assert found.constant.loss[0] == found.frozen[0] == result.loss[0]
    assert found.frozen.size == result.loss.size


def test_batches_may_be_dictionaries_and_lbfgs_may_step():
    made = parts("lbfgs")
    batches = [{"input": x, "target": y} for x, y in made[3]]
    options = {"forward": lambda model, batch: loss_fn(model(batch["input"]), batch["target"])}
    made = *made[:2], None, batches
    found = controls(*made, swept(*made, **options), **options)
    assert found.frozen[0] == found.result.loss[0]
    # It looks at each batch several times, and draws a dropout mask each time.
    assert not found.same_numbers


def test_a_loss_may_need_gradients_of_its_own():
    model = nn.Linear(2, 1)
    made = model, torch.optim.SGD(model.parameters(), lr=0.1), None, torch.rand(8, 4, 2).unbind()

    def penalty(model, x):
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(x).square().sum(), x, create_graph=True)
        return slope.square().mean()

    result = swept(*made, forward=penalty)
    assert controls(*made, result, forward=penalty).frozen[0] == result.loss[0]


class Learning(nn.Module):
    """Its buffers move the loss: one changes in place, one is replaced."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.register_buffer("inside", torch.zeros(1))
        self.register_buffer("outside", torch.zeros(1))

    def forward(self, x):
        self.inside += 1
        self.outside = self.outside + 1
        return (self.layer(x) + self.inside + self.outside).square().mean()


def test_the_buffers_of_the_untouched_model_stand_still_too():
    model = Learning()
    made = model, torch.optim.SGD(model.parameters(), lr=0.1), None, [torch.ones(1, 1)]
    found = controls(*made, swept(*made))
    assert np.ptp(found.frozen) == 0
    assert np.ptp(found.constant.loss) > 0
    inside, outside = model.inside, model.outside
    with buffers_kept(model):
        model(torch.ones(1, 1))
    assert (model.inside is inside, model.outside is outside) == (True, True)
    assert (model.inside.item(), model.outside.item()) == (0, 0)


def test_steps_that_a_scaler_skipped_are_left_out_of_the_frozen_losses():
    model = nn.Linear(1, 1)
    made = model, torch.optim.SGD(model.parameters(), lr=0.1), None, torch.rand(40, 4, 1).unbind()
    scaler = torch.amp.GradScaler("cpu", init_scale=1e38)

    def steep_and_level(model, x):
        """A loss that is the batch's own, with a gradient that overflows at first."""
        output = 100 * model(x).sum()
        return x.mean() + (output - output.detach())

    options = {"forward": steep_and_level, "scaler": scaler}
    result = swept(*made, **options)
    assert result.skipped[0] > 0
    found = controls(*made, result, **options)
    assert found.frozen.tolist() == found.constant.loss.tolist() == result.loss.tolist()


def test_a_run_ends_for_the_comparison_where_its_skips_and_the_sweeps_part():
    model = nn.Linear(1, 1)
    made = model, torch.optim.SGD(model.parameters(), lr=0.1), None, [torch.ones(4, 1)]
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    options = {"forward": lambda model, x: model(x).square().mean(), "scaler": scaler}
    result = swept(*made, **options)
    object.__setattr__(result, "skipped", (0, 0, 0, 0, 2, *result.skipped[5:]))
    found = controls(*made, result, **options)
    assert found.constant.loss.size == 4
    assert found.frozen.size == result.loss.size
    assert found.same_numbers


class Noisy(torch.optim.SGD):
    """Draws random numbers when it steps."""

    def step(self, closure=None):
        torch.rand(1)
        return super().step(closure)


def test_random_numbers_that_the_step_draws_are_told():
    made = parts()
    made = made[0], Noisy(trainable(made[0]), lr=0.1), *made[2:]
    found = controls(*made, swept(*made))
    assert not found.same_numbers
    assert "draws random numbers itself" in str(found)


def test_frozen_parameters_and_modules_in_eval_mode_stand_still_during_the_controls():
    model, optimizer, _, loader = parts()
    fixed, norm = model[5].weight, model[6]
    kept = fixed.clone(), norm.running_mean.clone(), norm.num_batches_tracked.clone()
    moved = []

    def watched(output, target):
        assert all(map(torch.equal, (fixed, norm.running_mean, norm.num_batches_tracked), kept))
        assert (fixed.requires_grad, norm.training, fixed.grad) == (False, False, None)
        moved.append(model[0].weight.clone())
        return loss_fn(output, target)

    made = model, optimizer, watched, loader
    result = swept(*made)
    moved.clear()
    controls(*made, result)
    assert len(moved) == 2 * STEPS
    assert not torch.equal(moved[0], moved[STEPS - 1])
    assert all(torch.equal(moved[0], each) for each in moved[STEPS:])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_nothing_has_changed_afterwards(optimizer):
    made = parts(optimizer)
    result = swept(*made)
    before = everything(made[0], made[1], made[3])
    first = controls(*made, result, suggested=0.01)
    assert everything(made[0], made[1], made[3]) == before
    assert controls(*made, result, suggested=0.01) == first


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [0, 4, STEPS + 4, 2 * STEPS + 4])
def test_nothing_has_changed_after_an_error_in_any_of_the_runs(at, error):
    made = parts()
    result = swept(*made)
    before = everything(made[0], made[1], made[3])
    calls = []

    def faulty(output, target):
        calls.append(1)
        if len(calls) > at:
            raise error
        return loss_fn(output, target)

    with pytest.raises(error):
        controls(*made[:2], faulty, made[3], result, suggested=0.01)
    # Only after an error on the very first batch is it tried what would work.
    assert (len(calls) > at + 1) is (at == 0 and error is RuntimeError)
    assert everything(made[0], made[1], made[3]) == before


def trained_since(made):
    made[0][0].weight.data.mul_(1.5)


def reseeded(made):
    torch.manual_seed(99)


def shuffled_since(made):
    made[3].generator.manual_seed(5)


@pytest.mark.parametrize("change", [trained_since, reseeded, shuffled_since])
def test_another_first_loss_is_an_error_after_one_step_and_leaves_no_trace(change):
    made = parts()
    result = swept(*made)
    change(made)
    before = everything(made[0], made[1], made[3])
    updates = []
    hook = made[1].register_step_post_hook(lambda *_: updates.append(1))
    message = "they did not start from the same state on the same batches"
    with pytest.raises(ValueError, match=message) as caught:
        controls(*made, result)
    hook.remove()
    assert len(updates) == 1
    assert repr(float(result.loss[0])) in str(caught.value)
    assert ("seed was 3 and is 99" in str(caught.value)) == (change is reseeded)
    assert everything(made[0], made[1], made[3]) == before


def test_another_optimizer_or_number_of_groups_is_an_error():
    made = parts("sgd")
    result = swept(*made)
    with pytest.raises(ValueError, match="`optimizer` is Adam, but that of `result` is SGD"):
        controls(made[0], OPTIMIZERS["adam"](trainable(made[0])), *made[2:], result)
    one, *others = trainable(made[0])
    groups = [{"params": [one], "lr": 0.1}, {"params": others, "lr": 0.2}]
    with pytest.raises(
        ValueError, match="`optimizer` has 2 parameter groups, but that of `result` had 1"
    ):
        controls(made[0], torch.optim.SGD(groups), *made[2:], result)


def refused(made, result, error, match, **options):
    before = everything(made[0], made[1], made[3])
    with pytest.raises(error, match=match):
        controls(*made, result, **options)
    assert everything(made[0], made[1], made[3]) == before


def test_what_cannot_be_controlled_is_refused_at_the_door():
    made = parts()
    result = swept(*made)
    calls = []
    refused(made, "a result", TypeError, "`result` must be")
    refused(made, result, ValueError, "`suggested`", suggested=-1.0)
    refused(made, result, TypeError, "`suggested`", suggested="yes")
    refused(made, result, ValueError, "`accumulation_steps`", accumulation_steps=0)
    refused(made, result, TypeError, "num_iter", num_iter=5)
    refused((*made[:3], iter(made[3])), result, TypeError, "`train_loader` is an iterator")
    refused((*made[:2], None, made[3]), result, ValueError, "`frozen=False`", step=calls.append)
    assert not calls
    nothing = swept(made[0], made[1], lambda *_: loss_fn(*_) * float("nan"), made[3])
    refused(made, nothing, CannotTellError, "finite loss")


def test_a_rate_that_cannot_be_suggested_cannot_be_trained_at():
    made = parts()
    flat = swept(*made, start_lr=1e-9, end_lr=1e-8)
    assert not flat.suggest()
    refused(made, flat, CannotTellError, "no learning rate can be suggested", suggested=True)


def test_a_step_of_the_users_own_has_its_control_at_a_constant_rate():
    made = parts()

    def step(batch):
        made[1].zero_grad()
        loss = loss_fn(made[0](batch[0]), batch[1])
        loss.backward()
        made[1].step()
        return loss

    own = *made[:2], None, made[3]
    result = swept(*own, step=step)
    found = controls(*own, result, step=step, frozen=False)
    assert found.constant == controls(*made, result).constant
    with pytest.raises(CannotTellError, match="no frozen-weights control"):
        _ = found.data


def test_a_problem_passes_on_how_it_trains_and_not_how_it_was_swept():
    made = parts()
    options = {"num_iter": 12, "start_lr": 1e-3, "accumulation_steps": 2, "probe_every": 3}
    problem = lrfind.Problem(*made, options=options)
    result = problem.range_test()
    found = problem.controls(result, suggested=0.1)
    assert found == controls(*made, result, suggested=0.1, accumulation_steps=2)
    stepping = lrfind.Problem(*made[:2], None, made[3], options={"step": lambda batch: 1.0})
    constant_alone = stepping.controls(stepping.range_test(num_iter=12))
    assert isinstance(constant_alone, Controls)
    assert constant_alone.frozen.size == 0


def test_the_warnings_are_those_of_the_range_test():
    made = parts()
    result = swept(*made)
    made[0].eval()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="begins"):
            controls(*made, result)
    assert [w.filename for w in seen if "eval mode" in str(w.message)] == [__file__]
