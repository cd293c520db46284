"""A probe: its loss after each step, what may be read off it, and no trace in the training."""

import numpy as np
import pytest
import torch
from makers import (
    accuracy,
    everything,
    forever,
    loss_fn,
    make_loader,
    make_model,
    trainable,
)
from torch import nn

import lrfind


def probe_batch():
    return next(iter(make_loader(batch_size=32)))


@pytest.mark.parametrize("every", [1, 3])
def test_a_probe_is_the_loss_after_each_step_and_changes_no_training_loss(every):
    model, loader = make_model(), make_loader()
    model[4] = nn.Identity()  # the module whose hidden state follows what it sees
    optimizer = torch.optim.Adam(trainable(model))
    before = everything(model, optimizer, loader)
    options = {"num_iter": 30, "diverge_th": None}
    without = lrfind.range_test(model, optimizer, loss_fn, loader, **options)
    result = lrfind.range_test(
        model, optimizer, loss_fn, loader, probe=probe_batch(), probe_every=every, metric=accuracy,
        **options,
    )  # fmt: skip
    assert everything(model, optimizer, loader) == before
    assert result.loss.tolist() == without.loss.tolist()
    looked = np.isfinite(result.probe)
    assert looked.tolist() == [(k + 1) % every == 0 for k in range(30)]
    assert np.isfinite(result.metric).tolist() == looked.tolist()
    by_hand = []
    x, y = probe_batch()
    for step, batch in enumerate(forever(loader)):
        if step == 30:
            break
        optimizer.param_groups[0]["lr"] = result.lr[step]
        optimizer.zero_grad()
        loss_fn(model(batch[0]), batch[1]).backward()
        optimizer.step()
        modes = [m.training for m in model.modules()]
        model.eval()
        with torch.no_grad():
            by_hand.append((loss_fn(model(x), y).item(), accuracy(model, (x, y)).item()))
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode
    seen = list(zip(result.probe[looked].tolist(), result.metric[looked].tolist(), strict=True))
    assert seen == by_hand[every - 1 :: every]


def test_a_model_that_draws_random_numbers_in_eval_mode_sees_the_same_ones_at_each_look():
    class Sampling(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return x * self.weight + torch.randn(())

    def run(**probe):
        torch.manual_seed(0)
        model = Sampling()
        return lrfind.range_test(
            model, torch.optim.SGD(model.parameters(), lr=1.0), nn.MSELoss(),
            [(torch.ones(2), torch.zeros(2))], start_lr=1e-12, end_lr=1e-11, num_iter=20, **probe,
        )  # fmt: skip

    looked = run(probe=(torch.ones(2), torch.zeros(2)))
    assert looked.loss.tolist() == run().loss.tolist()
    assert np.ptp(looked.probe) < 1e-6 < np.ptp(looked.loss)


def test_minima_and_suggestion_can_be_read_off_the_probe():
    from lrfind.demo import digits_problem

    problem = digits_problem(model="mlp")
    images, labels = next(iter(problem.train_loader))
    result = problem.range_test(num_iter=200, probe=(images, labels), metric=accuracy)
    answer = result.suggest(source="probe")
    raw = result.compare(source="probe").row("raw").minimum
    assert raw.lr == result.lr[np.argmin(result.probe)]
    assert answer.lr == pytest.approx(result.curves("probe").posterior.mean / answer.factor)
    assert answer.lr != result.suggest().lr
    assert "probe batch" in [str(item.get_label()) for item in result.plot().get_lines()]
    assert result.plot(source="probe").get_lines()
    assert result.plot_betas(source="probe").get_lines()


def test_whatever_takes_part_in_a_step_comes_back():
    class Counting(nn.Module):
        def __init__(self, call):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))
            self.call = call

        def forward(self, *arguments):
            self.calls += 1
            return self.call(*arguments)

    model = make_model()
    forward = Counting(lambda m, b: loss_fn(m(b[0]), b[1]))
    metric, clip = Counting(accuracy), Counting(lambda parameters: None)
    lrfind.range_test(
        model, torch.optim.SGD(trainable(model), lr=0.1), None, make_loader(), num_iter=5,
        forward=forward, metric=metric, clip_grad=clip, probe=probe_batch(),
    )  # fmt: skip
    assert [each.calls.item() for each in (forward, metric, clip)] == [0, 0, 0]


def test_a_metric_that_is_never_a_number_cannot_tell():
    model = make_model()
    result = lrfind.range_test(
        model, torch.optim.SGD(trainable(model), lr=0.1), loss_fn, make_loader(), num_iter=20,
        probe=probe_batch(), metric=lambda m, b: float("nan"),
    )  # fmt: skip
    with pytest.raises(lrfind.CannotTellError, match="only 0 finite values of the metric"):
        result.bounds()


def test_a_model_without_a_loss_in_eval_mode_is_told_so():
    model = make_model()
    with pytest.raises(TypeError, match="`probe` needs a scalar loss"):
        lrfind.range_test(
            model, torch.optim.SGD(trainable(model), lr=0.1), None, make_loader(), num_iter=5,
            forward=lambda m, b: loss_fn(m(b[0]), b[1]) if m.training else [],
            probe=probe_batch(),
        )  # fmt: skip


def test_without_a_probe_or_a_metric_it_says_so():
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    result = lrfind.range_test(model, optimizer, loss_fn, make_loader(), num_iter=20)
    assert "pass `probe=`" in result.suggest(source="probe").reason
    with pytest.raises(lrfind.CannotTellError, match="pass `metric=`"):
        result.bounds()
    with pytest.raises(ValueError, match="`source` must be one of 'train', 'probe'"):
        result.suggest(source="validation")


OPTIONS = {"num_iter": 12, "diverge_th": None}


def sgd(model, lr=0.1):
    return torch.optim.SGD(trainable(model), lr=lr)


class Reiterable:
    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize("kind", ["loader", "shuffled", "reiterable"])
def test_a_probe_may_be_a_loader_whose_mean_loss_is_taken(kind):
    batches = list(make_loader(shuffle=False, batch_size=32))
    probe = {
        "loader": make_loader(shuffle=False, batch_size=32),
        "shuffled": torch.utils.data.DataLoader(batches, batch_size=None, shuffle=True),
        "reiterable": Reiterable(batches),
    }[kind]

    def accuracy(model, batch):
        return (model(batch[0]).argmax(1) == batch[1]).float().mean()

    def run(probe, metric=accuracy):
        torch.manual_seed(3)
        model, loader = make_model(), make_loader()
        model[4] = nn.Identity()  # the module whose hidden state follows what it sees
        before = everything(model, sgd(model), loader)
        options = {"probe": probe, "metric": metric} if probe is not None else {}
        result = lrfind.range_test(model, sgd(model), loss_fn, loader, **options, **OPTIONS)
        assert everything(model, sgd(model), loader) == before
        return result

    together, single = run(probe), [run(batch) for batch in batches]
    np.testing.assert_array_equal(together.loss, run(None).loss)
    np.testing.assert_allclose(
        together.probe, np.mean([each.probe for each in single], 0), rtol=1e-5
    )
    np.testing.assert_allclose(
        together.metric, np.mean([each.metric for each in single], 0), rtol=1e-5
    )


def test_a_list_is_one_probe_batch():
    model, batch = make_model(), next(iter(make_loader()))
    seen = []

    def forward(model, batch):
        if not torch.is_grad_enabled():
            seen.append(type(batch))
        return loss_fn(model(batch[0]), batch[1])

    lrfind.range_test(
        model, sgd(model), None, make_loader(), forward=forward, probe=list(batch), **OPTIONS
    )
    assert seen == [list] * 12


@pytest.mark.parametrize(
    ("probe", "error", "message"),
    [
        (iter([1]), TypeError, "`probe` is an iterator"),
        (Reiterable([]), ValueError, "`probe` is empty"),
    ],
)
def test_a_probe_that_cannot_be_looked_at_again_or_is_empty_is_refused(probe, error, message):
    model, loader = make_model(), make_loader()
    before = everything(model, sgd(model), loader)
    with pytest.raises(error, match=message):
        lrfind.range_test(model, sgd(model), loss_fn, loader, probe=probe)
    assert everything(model, sgd(model), loader) == before
