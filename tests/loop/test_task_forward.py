"""A range test over a dictionary of losses: one curve per task, and everything put back."""

import numpy as np
import pytest
import torch
from makers import everything, make_loader, make_model, plain, trainable
from torch import nn

import lrfind
from lrfind import MultiTaskLoss, StopReason, Sweep

NAMES = ["first", "second"]
OPTIONS = {"num_iter": 12, "diverge_th": None}


def two_losses(output, target):
    """Of about 1000 and of about 1."""
    return {
        "first": 1000 * nn.functional.cross_entropy(output, target),
        "second": output.pow(2).mean() + 1,
    }


def fresh(optimizer=torch.optim.Adam):
    model = make_model()
    return model, optimizer(trainable(model), lr=1e-3), make_loader()


def kept(criterion):
    """All state of a criterion, as plain values."""
    return plain([criterion.state_dict(), criterion.metrics, criterion.training])


def test_without_a_total_the_sum_is_trained_on_and_each_loss_recorded():
    result = lrfind.range_test(*fresh()[:2], two_losses, fresh()[2], **OPTIONS)
    assert list(result.tasks) == NAMES
    np.testing.assert_allclose(sum(result.tasks.values()), result.loss, rtol=1e-6)

    def summed(output, target):
        return sum(two_losses(output, target).values())

    expected = lrfind.range_test(*fresh()[:2], summed, fresh()[2], **OPTIONS)
    np.testing.assert_array_equal(result.loss, expected.loss)
    assert expected.tasks == {}


def test_the_total_is_what_its_maker_makes_of_the_recorded_losses():
    criterion = MultiTaskLoss(NAMES, beta=0.9)
    result = lrfind.range_test(*fresh()[:2], two_losses, fresh()[2], total=criterion, **OPTIONS)
    again = MultiTaskLoss(NAMES, beta=0.9)
    totals = [
        again({name: torch.tensor(result.tasks[name][step]).float() for name in NAMES}).item()
        for step in range(12)
    ]
    np.testing.assert_array_equal(result.loss, totals)


@pytest.mark.parametrize("way", ["forward", "model", "loss_fn of a dictionary"])
def test_every_way_from_a_batch_to_its_losses_may_return_several(way):
    class OwnLosses(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make_model()

        def forward(self, x, y):
            return two_losses(self.inner(x), y)

    model, optimizer, loader = fresh()
    options = dict(OPTIONS)
    loss_fn = None
    if way == "model":
        model = OwnLosses()
        optimizer = torch.optim.Adam(trainable(model), lr=1e-3)
    elif way == "forward":
        options["forward"] = lambda model, batch: two_losses(model(batch[0]), batch[1])
    else:
        loader = [{"input": x, "y": y} for x, y in make_loader(shuffle=False)]

        def loss_fn(output, batch):
            return two_losses(output, batch["y"])

        class ByName(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = make_model()

            def forward(self, input, y):
                return self.inner(input)

        model = ByName()
        optimizer = torch.optim.Adam(trainable(model), lr=1e-3)
    result = lrfind.range_test(model, optimizer, loss_fn, loader, **options)
    assert {name: each.size for name, each in result.tasks.items()} == dict.fromkeys(NAMES, 12)


@pytest.mark.parametrize("end", ["peaceful", "error", "interrupt"])
@pytest.mark.parametrize("warm", [False, True])
def test_the_state_of_the_total_comes_back_bit_for_bit(warm, end):
    model, optimizer, loader = fresh()
    criterion = MultiTaskLoss(NAMES)
    if warm:
        for _ in range(3):
            criterion({"first": torch.tensor(900.0), "second": torch.tensor(1.5)})
    before, state = everything(model, optimizer, loader), kept(criterion)
    calls = []

    def failing(output, target):
        calls.append(criterion.normalizer.steps.clone())
        if len(calls) == 7 and end != "peaceful":
            raise {"error": ArithmeticError, "interrupt": KeyboardInterrupt}[end]
        return two_losses(output, target)

    try:
        lrfind.range_test(model, optimizer, failing, loader, total=criterion, **OPTIONS)
    except (ArithmeticError, KeyboardInterrupt):
        assert end != "peaceful"
    assert calls[-1].tolist() == [len(calls) - 1 + 3 * warm] * 2, "it did move meanwhile"
    assert kept(criterion) == state
    assert everything(model, optimizer, loader) == before


def test_micro_batches_are_averaged_and_a_task_by_those_that_have_it():
    model, optimizer, loader = fresh()
    calls, single = [], []

    def now_and_then(output, target):
        calls.append(1)
        given = two_losses(output, target)
        if len(calls) % 4 == 0:
            del given["second"]
        single.append({name: loss.item() for name, loss in given.items()})
        return given

    result = lrfind.range_test(
        model, optimizer, now_and_then, loader, accumulation_steps=2, **OPTIONS
    )
    for step in range(12):
        pair = single[2 * step : 2 * step + 2]
        for name in NAMES:
            mean = np.mean([each[name] for each in pair if name in each])
            assert result.tasks[name][step] == pytest.approx(mean, rel=1e-6)


def test_an_absent_task_is_nan_at_its_step_and_does_not_advance():
    model, optimizer, loader = fresh()
    criterion = MultiTaskLoss(NAMES)
    calls, steps = [], []

    def now_and_then(output, target):
        steps.append(criterion.normalizer.steps.tolist())
        calls.append(1)
        given = two_losses(output, target)
        return given if len(calls) % 3 == 1 else {"first": given["first"]}

    result = lrfind.range_test(model, optimizer, now_and_then, loader, total=criterion, **OPTIONS)
    assert np.isfinite(result.tasks["second"]).tolist() == [k % 3 == 0 for k in range(12)]
    assert steps[-1] == [11, 4]
    assert result.curves("second").loss.size == 4


def test_a_probe_moves_no_average_and_changes_no_loss():
    batch = next(iter(make_loader(batch_size=32)))

    def run(**probe):
        torch.manual_seed(0)
        model, optimizer, loader = fresh()
        model[4] = nn.Identity()
        return lrfind.range_test(
            model, optimizer, two_losses, loader, total=MultiTaskLoss(NAMES), **OPTIONS, **probe
        )

    probed = run(probe=batch)
    np.testing.assert_array_equal(probed.loss, run().loss)
    assert all(each.size == 12 for each in probed.tasks.values())
    assert np.isfinite(probed.probe).all()


def test_an_optimizer_with_a_closure_records_the_losses_before_its_step():
    model, optimizer, loader = fresh(lambda p, lr: torch.optim.LBFGS(p, lr=1e-3, max_iter=3))
    result = lrfind.range_test(model, optimizer, two_losses, loader, **OPTIONS)
    np.testing.assert_allclose(sum(result.tasks.values()), result.loss, rtol=1e-6)


def test_a_task_that_turns_nan_ends_the_sweep_with_its_value_kept():
    model, optimizer, loader = fresh()
    calls = []

    def poisoned(output, target):
        calls.append(1)
        given = two_losses(output, target)
        return given | {"second": given["second"] * (float("nan") if len(calls) == 9 else 1)}

    result = lrfind.range_test(
        model, optimizer, poisoned, loader, total=MultiTaskLoss(NAMES), **OPTIONS
    )
    assert result.stop_reason is StopReason.NON_FINITE
    assert np.isnan(result.tasks["second"]).tolist() == [False] * 8 + [True]
    assert np.isfinite(result.tasks["first"]).all()
    calls.clear()
    model, optimizer, loader = fresh()
    refusing = MultiTaskLoss(NAMES, non_finite="refuse")
    before = everything(model, optimizer, loader), kept(refusing)
    with pytest.raises(ValueError, match="'second' is not"):
        lrfind.range_test(model, optimizer, poisoned, loader, total=refusing, **OPTIONS)
    assert (everything(model, optimizer, loader), kept(refusing)) == before


@pytest.mark.parametrize(
    ("returned", "total", "error", "message"),
    [
        ({}, None, ValueError, "`loss_fn` returned an empty dictionary"),
        ({"a": 1.0}, None, TypeError, "task 'a' must be a tensor"),
        ({"a": torch.ones(2)}, None, ValueError, "task 'a' must be a scalar"),
        (torch.ones(()), MultiTaskLoss(["a"]), TypeError, "`total` needs a dictionary"),
        ({"a": torch.ones(())}, lambda losses: 3.0, TypeError, "`total` must return a tensor"),
        ({"a": torch.ones(())}, MultiTaskLoss, TypeError, "`total` is a class"),
        ({"a": torch.ones(())}, 3, TypeError, "`total` must be callable"),
        ({"probe": torch.ones((), requires_grad=True)}, None, ValueError, "named 'probe'"),
        ({"a": torch.ones(())}, None, ValueError, "without gradient"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_and_everything_put_back(
    returned, total, error, message
):
    model, optimizer, loader = fresh()
    before = everything(model, optimizer, loader)
    with pytest.raises(error, match=message):
        lrfind.range_test(
            model, optimizer, lambda output, target: returned, loader, total=total, **OPTIONS
        )
    assert everything(model, optimizer, loader) == before


def test_a_total_has_no_effect_with_a_step_of_ones_own_and_is_refused():
    model, optimizer, loader = fresh()
    with pytest.raises(ValueError, match="`total` has no effect with `step`"):
        lrfind.range_test(
            model, optimizer, None, loader, step=lambda batch: 1.0, total=MultiTaskLoss(NAMES)
        )


def test_a_run_that_was_broken_off_leaves_no_losses_to_the_next(monkeypatch):
    from lrfind.loop.loop import Loop

    model, optimizer, loader = fresh()
    calls = []

    def failing_once(output, target):
        calls.append(1)
        return two_losses(output, target)

    loop = Loop(model, optimizer, failing_once, loader, accumulation_steps=2)
    with monkeypatch.context() as patch, pytest.raises(ArithmeticError):
        patch.setattr(optimizer, "step", lambda *_: (_ for _ in ()).throw(ArithmeticError))
        loop.run(Sweep(optimizer, num_iter=5))
    assert len(calls) == 2
    sweeps = [Sweep(optimizer, num_iter=5), Sweep(optimizer, num_iter=5)]
    for sweep in sweeps:
        loop.run(sweep)
    assert sweeps[0].result() == sweeps[1].result()
    assert sweeps[0].result().tasks


def with_parts(output, target):
    """A loss beside the parts it is made of, and what else a model returns."""
    parts = two_losses(output, target)
    beside = {"kl": parts["second"].item(), "preds": output, "names": ["a"], "mask": None}
    return {"loss": parts["first"] + 0.5 * parts["second"], "recon": parts["first"], **beside}


class WithParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = make_model()

    def forward(self, x, y):
        return with_parts(self.inner(x), y)


@pytest.mark.parametrize("way", ["loss_fn", "forward", "model"])
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_a_loss_among_several_is_trained_on_and_its_numbers_recorded(way, micro_batches):
    def run(way, **options):
        model = WithParts() if way == "model" else make_model()
        optimizer, loader = torch.optim.Adam(trainable(model), lr=1e-3), make_loader()
        loss_fn = {"loss_fn": with_parts, "plain": lambda *pair: with_parts(*pair)["loss"]}
        torch.manual_seed(3)
        return lrfind.range_test(
            model, optimizer, loss_fn.get(way), loader, accumulation_steps=micro_batches,
            **options, **OPTIONS,
        )  # fmt: skip

    forward = {"forward": lambda model, batch: with_parts(model(batch[0]), batch[1])}
    result = run(way, **forward if way == "forward" else {})
    np.testing.assert_array_equal(result.loss, run("plain").loss)
    assert list(result.tasks) == ["recon", "kl"]
    combined = result.tasks["recon"] + 0.5 * result.tasks["kl"]
    np.testing.assert_allclose(combined, result.loss, rtol=1e-6)


def test_a_total_is_given_a_loss_among_several_like_any_other():
    seen = []

    def total(losses):
        seen.append(list(losses))
        return losses["loss"]

    def three(output, target):
        parts = two_losses(output, target)
        return {"loss": sum(parts.values()), **parts}

    result = lrfind.range_test(*fresh()[:2], three, fresh()[2], total=total, **OPTIONS)
    assert seen[0] == list(result.tasks) == ["loss", *NAMES]
    np.testing.assert_array_equal(result.tasks["loss"], result.loss)


@pytest.mark.parametrize("loss", [1.0, torch.ones(2, requires_grad=True), torch.tensor(1.0)])
def test_a_loss_among_several_that_cannot_be_trained_on_is_refused(loss):
    model, optimizer, loader = fresh()
    before = everything(model, optimizer, loader)
    with pytest.raises((TypeError, ValueError), match="`loss_fn`"):
        lrfind.range_test(model, optimizer, lambda *_: {"loss": loss, "a": 1.0}, loader)
    assert everything(model, optimizer, loader) == before
