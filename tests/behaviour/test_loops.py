"""Loops, optimizers, loaders and compilers as people really use them."""

import gc
import weakref

import numpy as np
import pytest
import schedulefree
import torch
from makers import (
    everything,
    forever,
    loss_fn,
    make_loader,
    make_model,
    plain,
    train,
    trainable,
)
from torch import nn
from torchdata.stateful_dataloader import StatefulDataLoader

import lrfind


def test_a_small_gan_in_its_own_loop_with_two_optimizers_under_one_multiplier():
    generator, critic = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizers = [
        torch.optim.Adam(generator.parameters(), lr=1e-4),
        torch.optim.Adam(critic.parameters(), lr=4e-4),
    ]
    real, bce = torch.randn(16, 2) + 3, nn.BCEWithLogitsLoss()
    objects = (generator, critic, *optimizers)
    before = plain([m.state_dict() for m in objects])
    used = []
    with lrfind.preserve_state(*objects), lrfind.Sweep(optimizers, num_iter=30) as sweep:
        more = True
        while more:
            used.append([o.param_groups[0]["lr"] for o in optimizers])
            fake = generator(torch.randn(16, 2))
            optimizers[1].zero_grad()
            real_loss = bce(critic(real), torch.ones(16, 1))
            loss = real_loss + bce(critic(fake.detach()), torch.zeros(16, 1))
            loss.backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            bce(critic(fake), torch.ones(16, 1)).backward()
            optimizers[0].step()
            more = sweep.record(loss)
    result = sweep.result()
    assert result.optimizer == "Adam+Adam"
    assert result.group_scale == (0.25, 1.0)
    np.testing.assert_array_equal(np.array(used).T, result.group_lr)
    assert plain([m.state_dict() for m in objects]) == before
    assert [o.param_groups[0]["lr"] for o in optimizers] == [1e-4, 4e-4]


def test_muon_for_the_matrices_and_adamw_for_the_rest():
    model, loader = make_model(), make_loader()
    matrices = [p for p in trainable(model) if p.ndim == 2]
    rest = [p for p in trainable(model) if p.ndim != 2]
    optimizers = [torch.optim.Muon(matrices, lr=0.02), torch.optim.AdamW(rest, lr=1e-3)]
    train_like = [plain([o.state_dict() for o in optimizers]), plain(model.state_dict())]
    result = lrfind.range_test(model, optimizers, loss_fn, loader, num_iter=40, diverge_th=None)
    assert result.optimizer == "Muon+AdamW"
    assert result.group_scale == pytest.approx((1.0, 0.05))
    assert result.group_lr.shape == (2, 40)
    assert [plain([o.state_dict() for o in optimizers]), plain(model.state_dict())] == train_like


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", ["SGDScheduleFree", "AdamWScheduleFree", "RAdamScheduleFree"])
def test_schedule_free_optimizers_step_in_train_mode_and_come_back_in_their_own(name, mode):
    def fresh():
        model, loader = make_model(), make_loader()
        optimizer = getattr(schedulefree, name)(trainable(model), lr=0.01)
        optimizer.train()
        torch.manual_seed(3)
        train(model, optimizer, loader, 4)
        getattr(optimizer, mode)()
        return model, optimizer, loader

    def go_on(model, optimizer, loader):
        optimizer.train()
        return train(model, optimizer, loader, 20)

    untested = go_on(*fresh())
    model, optimizer, loader = fresh()
    before = everything(model, optimizer, loader)
    result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=20)
    assert everything(model, optimizer, loader) == before
    assert optimizer.param_groups[0]["train_mode"] is (mode == "train")
    assert result.lr.size > 5
    assert go_on(model, optimizer, loader) == untested


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_a_compiled_model_and_a_compiled_step_are_not_compiled_again():
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    compiled = torch.compile(model, backend="eager")
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-3))
    optimizer_step = torch.compile(optimizer.step, backend="eager", fullgraph=False)
    loader = make_loader(shuffle=False)

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(compiled(batch[0]), batch[1])
        loss.backward()
        optimizer_step()
        return loss

    for batch in list(loader)[:3]:
        step(batch)
    before = counters["stats"]["unique_graphs"]
    assert before > 0
    result = lrfind.range_test(compiled, optimizer, None, loader, step=step, num_iter=30)
    for batch in list(loader)[:3]:
        step(batch)
    assert result.lr.size > 10
    assert counters["stats"]["unique_graphs"] == before


def test_a_scheduler_takes_no_part_and_goes_on_as_if_nothing_had_been():
    def fresh():
        model, loader = make_model(), make_loader()
        optimizer = torch.optim.SGD(trainable(model), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=40)
        torch.manual_seed(3)
        return model, optimizer, loader, scheduler

    def go_on(model, optimizer, loader, scheduler):
        seen = []
        for _ in range(10):
            seen += train(model, optimizer, loader, 1)
            scheduler.step()
            seen += scheduler.get_last_lr()
        return seen

    untested = go_on(*fresh())
    model, optimizer, loader, scheduler = fresh()
    before = plain(scheduler.state_dict())
    lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=20)
    assert plain(scheduler.state_dict()) == before
    assert go_on(model, optimizer, loader, scheduler) == untested


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
@pytest.mark.parametrize("started", [0, 3])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_stateful_dataloader_keeps_its_position_in_the_epoch(started, workers):
    def fresh():
        torch.manual_seed(4)
        return StatefulDataLoader(list(range(40)), batch_size=4, shuffle=True, num_workers=workers)

    def position_after(tested):
        loader = fresh()
        batches = iter(loader)
        seen = [next(batches).tolist() for _ in range(started)]
        if tested:
            with lrfind.preserve_state(loader):
                for _ in range(2):
                    assert len(list(loader)) == 10
        state = loader.state_dict()
        rest = [batch.tolist() for batch in batches]
        resumed = fresh()
        resumed.load_state_dict(state)
        return seen, rest, [batch.tolist() for batch in resumed]

    seen, rest, resumed = position_after(tested=True)
    assert (seen, rest, resumed) == position_after(tested=False)
    assert len(seen) + len(rest) == 10


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_a_stateful_dataloader_that_never_ran_is_left_so():
    def epochs(tested):
        torch.manual_seed(4)
        loader = StatefulDataLoader(list(range(40)), batch_size=4, shuffle=True)
        if tested:
            with lrfind.preserve_state(loader):
                list(loader)
        return [[batch.tolist() for batch in loader] for _ in range(2)]

    assert epochs(tested=True) == epochs(tested=False)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_iterable_dataset_with_workers_and_a_loader_shorter_than_the_sweep(workers):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            for seed in range(6):
                x = torch.randn(6, generator=torch.Generator().manual_seed(seed))
                yield x, seed % 3

    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    loader = torch.utils.data.DataLoader(Stream(), batch_size=3, num_workers=workers)
    result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=9, diverge_th=None)
    assert result.lr.size == 9


def accuracy(model, batch):
    return (model(batch[0]).argmax(1) == batch[1]).float().mean()


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


def test_smiths_two_rates_off_a_linear_sweep_go_into_the_schedulers():
    from lrfind.demo import digits_problem

    problem = digits_problem(model="mlp")
    images, labels = next(iter(problem.train_loader))
    result = problem.range_test(
        start_lr=1e-4, end_lr=1.0, num_iter=200, step_mode="linear", diverge_th=None,
        probe=(images, labels), metric=accuracy,
    )  # fmt: skip
    bounds = result.bounds()
    assert 1e-4 <= bounds.base_lr < bounds.max_lr < 1.0
    peak = result.metric.max()
    near = result.metric[np.argmin(np.abs(result.lr - bounds.max_lr))]
    assert near > 0.8 * peak
    optimizer = torch.optim.SGD(problem.model.parameters(), lr=0.1, momentum=0.9)
    cyclic = torch.optim.lr_scheduler.CyclicLR(optimizer, **bounds.cyclic())
    assert cyclic.get_last_lr() == pytest.approx([bounds.base_lr])
    one = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, **result.suggest().one_cycle(), total_steps=10
    )
    assert max(group["max_lr"] for group in optimizer.param_groups) == result.suggest().lr
    assert one.total_steps == 10


@pytest.mark.filterwarnings("ignore:the loop ended after")
def test_a_value_noted_beside_the_loss_may_change_afterwards():
    running = torch.zeros(())
    with lrfind.Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)) as sweep:
        for k in range(4):
            running.fill_(k)
            sweep.record(1.0, probe=nn.Parameter(torch.tensor(float(k))) * 2, metric=running)
    assert sweep.result().metric.tolist() == [0, 1, 2, 3]
    assert sweep.result().probe.tolist() == [0, 2, 4, 6]


@pytest.mark.filterwarnings("ignore:the loop ended after")
def test_a_value_recorded_beside_the_loss_keeps_no_graph():
    weight = nn.Parameter(torch.ones(1))
    kept = weakref.ref(weight)
    with lrfind.Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)) as sweep:
        sweep.record(1.0, probe=weight * 2, metric=weight * 3, tasks={"a": weight * 4})
        del weight
        gc.collect()
        assert kept() is None


@pytest.mark.filterwarnings("ignore:the loop ended after")
def test_a_probe_or_metric_that_is_no_number_or_comes_at_the_wrong_step_is_refused():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    with lrfind.Sweep(optimizer, probe_every=2) as sweep:
        with pytest.raises(ValueError, match="`probe_every` says"):
            sweep.record(1.0, probe=1.0)
        sweep.record(1.0)
        with pytest.raises(TypeError, match="`metric` must be"):
            sweep.record(1.0, metric=torch.ones(3))
    with pytest.raises(ValueError, match="`probe_every` must be at most"):
        lrfind.Sweep(optimizer, num_iter=5, probe_every=6)


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
    with pytest.raises(TypeError, match="`probe` needs a loss"):
        lrfind.range_test(
            model, torch.optim.SGD(trainable(model), lr=0.1), None, make_loader(), num_iter=5,
            forward=lambda m, b: loss_fn(m(b[0]), b[1]) if m.training else [],
            probe=probe_batch(),
        )  # fmt: skip


def test_one_optimizer_of_several_takes_its_own_groups():
    minimum, rates = lrfind.Minimum(1, 10.0, 0.0), (1.0, 0.5, 0.1)
    answer = lrfind.Suggestion(
        1.0, "minimum", 10.0, "centred", None, minimum, (), rates, lrfind.Verdict.CLEAR
    )
    assert answer.one_cycle(slice(1, 3)) == {"max_lr": [0.5, 0.1]}
    with pytest.raises(lrfind.CannotTellError, match="because"):
        lrfind.CannotTell("because", "minimum").one_cycle()


def test_without_a_probe_or_a_metric_it_says_so():
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    result = lrfind.range_test(model, optimizer, loss_fn, make_loader(), num_iter=20)
    assert "pass `probe=`" in result.suggest(source="probe").reason
    with pytest.raises(lrfind.CannotTellError, match="pass `metric=`"):
        result.bounds()
    with pytest.raises(ValueError, match="`source` must be one of 'train', 'probe'"):
        result.suggest(source="validation")
