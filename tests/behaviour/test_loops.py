"""Loops, optimizers, loaders and compilers as people really use them."""

import numpy as np
import pytest
import schedulefree
import torch
from makers import (
    accuracy,
    everything,
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
