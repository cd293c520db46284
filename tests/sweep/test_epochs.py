"""A loader, epoch after epoch, until the sweep is over."""

import multiprocessing

import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import lrfind
from lrfind import StopReason


def fresh():
    model = make_model()
    return model, torch.optim.SGD(trainable(model), lr=0.1), make_loader()


def own_loop(model, optimizer, loader, *, every=1, **options):
    """The loop of the README, with one optimizer step for so many batches."""
    with lrfind.preserve_state(model, optimizer, loader), lrfind.Sweep(optimizer, **options) as it:
        for number, (inputs, target) in enumerate(it.cycle(loader), 1):
            loss = loss_fn(model(inputs), target)
            (loss / every).backward()
            if number % every == 0:
                optimizer.step()
                optimizer.zero_grad()
            it.record(loss)
    return it.result()


@pytest.mark.parametrize("every", [1, 5])
def test_an_own_loop_gives_the_result_of_range_test(every):
    model, optimizer, loader = fresh()
    before = everything(model, optimizer, loader)
    own = own_loop(model, optimizer, loader, every=every, num_iter=40)
    assert everything(model, optimizer, loader) == before
    ours = lrfind.range_test(
        model, optimizer, loss_fn, loader, num_iter=40, accumulation_steps=every
    )
    assert own.loss.tolist() == pytest.approx(ours.loss.tolist(), rel=1e-6)
    assert own.stop_reason is ours.stop_reason
    assert own.epoch_steps == ours.epoch_steps == 12 / every


def test_a_loader_without_a_length_has_no_epochs():
    model, optimizer, loader = fresh()

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from loader

    result = own_loop(
        model, optimizer, DataLoader(Stream(), batch_size=None), num_iter=30, diverge_th=None
    )
    assert (result.lr.size, result.epoch_steps) == (30, None)


def sgd():
    return torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.25)


def test_each_batch_is_given_once_and_the_last_ends_the_sweep():
    sweep = lrfind.Sweep(sgd(), num_iter=8)
    for _ in range(2):  # a sweep that is entered again starts over
        with sweep:
            seen = [(batch, sweep.record(1.0)) for batch in sweep.cycle("abc")]
            assert [batch for batch, _ in seen] == list("abcabcab")
            assert [more for _, more in seen] == [True] * 7 + [False]
            assert list(sweep.cycle("abc")) == []
        assert sweep.result().stop_reason is StopReason.COMPLETED


@pytest.mark.filterwarnings("ignore:the loop ended after")
@pytest.mark.parametrize("recorded", [True, False])
def test_a_loop_that_is_left_early_knows_the_length_of_its_epochs(recorded):
    with lrfind.Sweep(sgd()) as sweep:
        for number, _ in enumerate(sweep.cycle([0] * 7)):
            if number == 5 and not recorded:
                break
            sweep.record(1.0)
            if number == 5:
                break
    result = sweep.result()
    assert (result.lr.size, result.epoch_steps) == (5 + recorded, 7)
    assert result.suggest().reason.startswith(
        "the sweep is not over: it still runs, was killed, or its loop"
    )


def test_a_diverged_sweep_ends_the_loop():
    with lrfind.Sweep(sgd(), num_iter=50) as sweep:
        for _ in sweep.cycle([0]):
            sweep.record(float("nan") if sweep.steps == 4 else 1.0)
    assert (sweep.steps, sweep.result().stop_reason) == (5, StopReason.NON_FINITE)


def test_an_iterator_ends_with_its_data_and_the_answer_says_so_first():
    with lrfind.Sweep(sgd()) as sweep:
        for _ in sweep.cycle(iter([0] * 30)):
            sweep.record(1.0)
    result = sweep.result()
    assert (result.lr.size, result.stop_reason) == (30, StopReason.EXHAUSTED)
    assert result.suggest().reason.startswith("`train_loader` ran out")


@pytest.mark.parametrize("empty", [[], iter([])])
def test_an_empty_loader_is_refused_and_the_rates_are_put_back(empty):
    optimizer = sgd()
    with pytest.raises(ValueError, match="`train_loader` is empty"), lrfind.Sweep(optimizer) as it:
        for _ in it.cycle(empty):
            raise AssertionError
    assert optimizer.param_groups[0]["lr"] == 0.25


def test_a_loop_that_never_records_ends_with_an_error():
    taken = []
    with (
        pytest.raises(RuntimeError, match=r"no loss in 1000 batches: call `sweep\.record\(loss\)`"),
        lrfind.Sweep(sgd()) as sweep,
    ):
        for batch in sweep.cycle([0, 1]):
            taken.append(batch)
    assert len(taken) == 1000


def test_a_loop_may_record_once_in_several_epochs():
    with lrfind.Sweep(sgd(), num_iter=3) as sweep:
        for number, _ in enumerate(sweep.cycle([0, 1]), 1):
            if number % 900 == 0:
                sweep.record(1.0)
    assert sweep.steps == 3
    assert sweep.result().epoch_steps == pytest.approx(2 / 900)


def test_batches_are_given_within_the_block_only():
    sweep = lrfind.Sweep(sgd(), num_iter=2)
    with pytest.raises(RuntimeError, match="use `with Sweep"):
        sweep.cycle([0])
    with sweep:
        for _ in sweep.cycle([0]):
            sweep.record(1.0)
    with pytest.raises(RuntimeError, match="use `with Sweep"):
        sweep.cycle([0])


def test_a_dataset_is_no_loader():
    with (
        pytest.raises(TypeError, match=r"`train_loader` must be iterable.*: wrap it in a DataL"),
        lrfind.Sweep(sgd()) as sweep,
    ):
        sweep.cycle(TensorDataset(torch.ones(3)))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["break", "error", "end"])
def test_the_workers_of_the_loader_are_gone_when_the_sweep_is_left(way):
    loader = DataLoader(TensorDataset(torch.ones(64)), batch_size=1, num_workers=1)
    held = {process.pid for process in multiprocessing.active_children()}

    def run():
        with lrfind.Sweep(sgd(), num_iter=9) as sweep:
            batches = sweep.cycle(loader)  # whoever else holds them
            for _ in batches:
                sweep.record(1.0)
                if way == "break":
                    break
                if way == "error":
                    raise ZeroDivisionError
        return batches

    if way == "error":
        with pytest.raises(ZeroDivisionError) as kept:
            run()
        assert kept.value.__traceback__ is not None
    elif way == "break":
        with pytest.warns(UserWarning, match=r"after 1 of the 9 steps.*`sweep\.cycle\(train_load"):
            kept = run()
    else:
        kept = run()
    assert {process.pid for process in multiprocessing.active_children()} <= held


def test_a_sampler_that_shuffles_by_epoch_is_told_of_each_and_put_back():
    data = TensorDataset(torch.arange(6.0))
    sampler = DistributedSampler(data, num_replicas=1, rank=0, shuffle=True)
    loader = DataLoader(data, batch_size=1, sampler=sampler)
    sampler.set_epoch(3)
    with lrfind.preserve_state(loader), lrfind.Sweep(sgd(), num_iter=18) as sweep:
        seen = []
        for batch in sweep.cycle(loader):
            seen.append(batch[0].item())
            sweep.record(1.0)
    assert sampler.epoch == 3
    for number, epoch in enumerate((3, 4, 5)):
        sampler.set_epoch(epoch)
        assert seen[6 * number :][:6] == [batch[0].item() for batch in loader]
