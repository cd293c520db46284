"""A sweep that keeps a journal: what is in it and when, and what happens to the file."""

import os
import resource
import signal
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from makers import accuracy, loss_fn, make_loader, make_model, make_result, trainable
from torch import nn

import lrfind
from lrfind import StopReason, Sweep, load, range_test
from lrfind.sweep import journal as journal_module


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(journal_module, "perf_counter", lambda: Clock.now)
    return Clock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def optimizer_of(value=1.0):
    weight = nn.Parameter(torch.tensor(value))
    return weight, torch.optim.SGD([weight], lr=0.1)


def step(weight, optimizer):
    """One step on w**2 / 2; its loss."""
    optimizer.zero_grad()
    loss = weight**2 / 2
    loss.backward()
    optimizer.step()
    return loss


def bits(result):
    arrays = [result.lr, result.loss, result.probe, result.metric, *result.tasks.values()]
    return [each.tobytes() for each in arrays]


def two_tasks(model, batch):
    loss = loss_fn(model(batch[0]), batch[1])
    return {"a": loss, "b": 2 * loss}


def model_parts():
    model = make_model()
    return model, torch.optim.SGD(trainable(model), lr=0.1, momentum=0.9), make_loader()


OPTIONS = [
    {},
    {"diverge_th": None},
    {"probe": next(iter(make_loader())), "metric": accuracy, "probe_every": 3},
    {"accumulation_steps": 2, "confirm": True},
    {"forward": two_tasks},
    {"start_lr": 1.0, "end_lr": 1e30, "diverge_th": 1e30},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_journal_of_a_range_test_is_its_result_bit_for_bit(path, options):
    model, optimizer, loader = model_parts()
    function = None if "forward" in options else loss_fn
    settings = {"num_iter": 40, "journal": path, "progress": False} | options
    result = range_test(model, optimizer, function, loader, **settings)
    result.save(path.with_suffix(".json"))
    assert load(path) == result
    assert bits(load(path)) == bits(load(path.with_suffix(".json")))
    assert result.stop_reason in (
        StopReason.COMPLETED, StopReason.DIVERGED, StopReason.NON_FINITE,
    )  # fmt: skip


def test_a_journal_changes_nothing_of_the_result(path):
    results = [
        range_test(*parts[:2], loss_fn, parts[2], num_iter=30, journal=given, progress=False)
        for given in (None, path)
        for parts in [model_parts()]
    ]
    assert results[0] == results[1]


def test_layers_are_the_one_thing_that_it_lacks(path):
    model, optimizer, loader = model_parts()
    result = range_test(
        model, optimizer, loss_fn, loader, num_iter=20, layers=True, journal=path, progress=False
    )
    assert result.layers is not None
    assert load(path) == lrfind.RangeTestResult(**{**vars_of(result), "layers": None})


def vars_of(result):
    return {name: getattr(result, name) for name in result.__dataclass_fields__}


def test_skipped_steps_are_in_it(path):
    scales = iter([0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def forward(model, batch):
        loss = model(torch.ones(1, 1)).pow(2).mean()
        return loss * (1 + 0 * torch.tensor(1.0)) if not next(scales) else overflowing(loss)

    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    settings = {"num_iter": 6, "end_lr": 0.1, "scaler": scaler, "progress": False}
    result = range_test(model, optimizer, None, [0], forward=forward, journal=path, **settings)
    assert sum(result.skipped) == 3
    assert load(path) == result


def overflowing(loss):
    """The same loss, with a gradient that is infinite."""
    loss.register_hook(lambda gradient: gradient * torch.inf)
    return loss


def test_steps_are_in_the_file_a_second_later_and_the_rest_at_the_end(path, clock):
    weight, optimizer = optimizer_of()
    found = []
    with Sweep(optimizer, num_iter=40, end_lr=0.1, journal=path) as sweep:
        for _ in sweep.cycle([0]):
            clock.now += 0.1
            sweep.record(step(weight, optimizer))
            found.append(load(path).lr.size)
    # With the tenth step the next is due 1.1 s after the last writing: too late.
    assert found[:8] == [0] * 8
    flushes = [k + 1 for k in range(40) if found[k] == k + 1]
    assert flushes[0] in (9, 10)
    assert all(b - a in (9, 10) for a, b in pairwise(flushes))
    assert load(path) == sweep.result()


def test_each_slow_step_is_written_at_once(path, clock):
    weight, optimizer = optimizer_of()
    with Sweep(optimizer, num_iter=10, end_lr=0.1, journal=path) as sweep:
        for count, _ in enumerate(sweep.cycle([0]), 1):
            clock.now += 0.6
            sweep.record(step(weight, optimizer))
            so_far = load(path)
            assert so_far.lr.size == count
            assert so_far.stop_reason is StopReason.UNFINISHED
    whole = sweep.result()
    assert load(path) == whole
    assert so_far.loss.tobytes() == whole.loss.tobytes()


def test_what_is_still_on_a_device_is_written_when_it_has_arrived(path, clock, monkeypatch):
    """Each batch of copies arrives three steps later; the end waits for the rest."""

    class Late(journal_module.HostCopies):
        is_needed = True

        def __init__(self, values):
            super().__init__(values)
            self.due = clock.now + 3

        @property
        def is_done(self):
            return clock.now >= self.due

    monkeypatch.setattr(journal_module, "HostCopies", Late)
    weight, optimizer = optimizer_of()
    found = []
    with Sweep(optimizer, num_iter=10, end_lr=0.1, probe_every=2, journal=path) as sweep:
        for _ in sweep.cycle([0]):
            clock.now += 1
            loss = step(weight, optimizer).detach()
            probe = loss / 3 if sweep.probe_is_due else None
            sweep.record(loss, probe=probe, tasks={"a": loss})
            found.append(load(path).lr.size)
    assert found == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    assert load(path) == sweep.result()
    assert bits(load(path)) == bits(sweep.result())


def test_it_is_synced_every_few_seconds_and_at_the_end(path, clock, monkeypatch):
    synced = []
    monkeypatch.setattr(journal_module.os, "fsync", lambda handle: synced.append(clock.now))
    weight, optimizer = optimizer_of()
    with Sweep(optimizer, num_iter=20, end_lr=0.1, journal=path) as sweep:
        synced.clear()
        for _ in sweep.cycle([0]):
            clock.now += 1
            sweep.record(step(weight, optimizer))
    assert synced == [103, 106, 109, 112, 115, 118, 120]


def test_a_loop_that_fails_leaves_all_its_steps(path):
    weight, optimizer = optimizer_of()
    with pytest.raises(KeyboardInterrupt), Sweep(optimizer, num_iter=40, journal=path) as sweep:
        for count, _ in enumerate(sweep.cycle([0])):
            if count == 17:
                raise KeyboardInterrupt
            sweep.record(step(weight, optimizer))
    loaded = load(path)
    assert loaded.lr.size == 17
    assert loaded.stop_reason is StopReason.UNFINISHED
    assert loaded == sweep.result()


def test_an_exception_while_it_is_written_loses_no_step_and_doubles_none(path, clock, monkeypatch):
    weight, optimizer = optimizer_of()
    write, calls = journal_module.FileIO.write, []

    class Torn(journal_module.FileIO):
        def write(self, data):
            calls.append(len(data))
            if len(calls) == 3:
                write(self, data[: len(data) // 2])
                raise KeyboardInterrupt
            return write(self, data)

    monkeypatch.setattr(journal_module, "FileIO", Torn)
    with pytest.raises(KeyboardInterrupt), Sweep(optimizer, num_iter=40, journal=path) as sweep:
        for _ in sweep.cycle([0]):
            clock.now += 0.4
            sweep.record(step(weight, optimizer))
    assert len(calls) > 3
    assert load(path) == sweep.result()
    assert 3 < load(path).lr.size < 40


def test_a_sweep_that_is_entered_again_begins_a_new_one(path):
    weight, optimizer = optimizer_of()
    sweep = Sweep(optimizer, num_iter=5, end_lr=0.1, journal=path)
    for _ in range(2):
        with sweep:
            for _ in sweep.cycle([0]):
                sweep.record(step(weight, optimizer))
        assert load(path) == sweep.result()


def test_what_is_said_late_is_not_written_into_the_journal_of_another(path):
    weight, optimizer = optimizer_of()
    sweeps = [Sweep(optimizer, num_iter=5, end_lr=0.1, journal=path) for _ in range(2)]
    for sweep in sweeps:
        with sweep:
            for _ in sweep.cycle([0]):
                sweep.record(step(weight, optimizer))
    before = path.read_bytes()
    sweeps[0].journal.add(sweeps[0].result())
    assert path.read_bytes() == before
    sweeps[1].journal.add(sweeps[1].result())
    assert path.read_bytes() > before


def test_the_summary_and_the_picture_are_those_of_the_result(path):
    model, optimizer, loader = model_parts()
    result = range_test(model, optimizer, loss_fn, loader, journal=path, progress=False)
    assert str(load(path).summary()) == str(result.summary())


@pytest.mark.parametrize("content", [b"", None])
def test_an_empty_file_and_an_earlier_journal_are_replaced(path, content):
    weight, optimizer = optimizer_of()
    if content is None:
        with Sweep(optimizer, num_iter=7, end_lr=0.1, journal=path) as sweep:
            for _ in sweep.cycle([0]):
                sweep.record(step(weight, optimizer))
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    sweep = Sweep(optimizer, num_iter=5, end_lr=0.1, journal=path)
    assert path.read_bytes() == before, "nothing is replaced before the sweep is entered"
    with sweep:
        for _ in sweep.cycle([0]):
            sweep.record(step(weight, optimizer))
    assert load(path) == sweep.result()


def note(path):
    path.write_text("my notes")


def result_file(path):
    make_result().save(path)


def pipe(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


@pytest.mark.parametrize("make", [note, result_file, pipe, folder])
def test_what_is_no_journal_is_not_overwritten(path, make):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    model, optimizer, loader = model_parts()
    random = torch.get_rng_state()
    with pytest.raises(FileExistsError, match=r"`journal`.*is no journal"):
        range_test(model, optimizer, loss_fn, loader, journal=path)
    assert (path.read_bytes() if path.is_file() else None) == before
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("journal", "error", "said"),
    [
        ("missing/journal.jsonl", FileNotFoundError, "`journal`: the folder .*missing does not"),
        (3, TypeError, "`journal` must be a path, got int"),
        ("", FileExistsError, "`journal`"),
    ],
)
def test_a_path_that_cannot_be_written_is_named_before_anything_is_touched(
    tmp_path, monkeypatch, journal, error, said
):
    monkeypatch.chdir(tmp_path)
    _, optimizer = optimizer_of()
    with pytest.raises(error, match=said):
        Sweep(optimizer, journal=journal)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_folder_that_vanishes_before_the_sweep_leaves_the_rates_alone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    _, optimizer = optimizer_of()
    sweep = Sweep(optimizer, journal=gone / "journal.jsonl")
    gone.rmdir()
    with pytest.raises(FileNotFoundError, match="gone does not exist"), sweep:
        pass
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_full_disk_ends_the_journal_and_not_the_sweep(path, clock):
    weight, optimizer = optimizer_of()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sweep = Sweep(optimizer, num_iter=40, end_lr=0.1, journal=path)
    try:
        with warnings.catch_warnings(record=True) as said, sweep:
            warnings.simplefilter("always")
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limits[1]))
            for _ in sweep.cycle([0]):
                clock.now += 1
                sweep.record(step(weight, optimizer))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [f"the journal {path} ends here" in str(each.message) for each in said] == [True]
    result, loaded = sweep.result(), load(path)
    assert result.stop_reason is StopReason.COMPLETED
    count = loaded.lr.size
    assert 5 < count < 40
    np.testing.assert_array_equal(loaded.loss, result.loss[:count])
