"""No step of a range test waits for the accelerator, and a wait would be seen.

Without a GPU the `meta` device passes for one: whatever reads a value there fails.
"""

import pytest
import torch
from gpu_waits import (
    CUDA_ONLY,
    FAULTS,
    FIRST_GUARDED,
    LOOPS,
    PRETENDED,
    STEPS,
    Guard,
    Parts,
    WaitError,
    Watched,
    bare_scaled,
    check,
    plain,
    scaled,
    seen,
    waits_among,
    waits_per_step,
)

from lrfind.sweep.group_rates import GroupRates
from lrfind.sweep.micro_batches import MicroBatches
from lrfind.sweep.series import Series

# The script makes the proofs of these itself, so that it leaves the slow ones out.
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.slow])

GUARDED = STEPS - FIRST_GUARDED - 1
"""All steps but the first, and the last."""


@pytest.mark.parametrize("device", [PRETENDED, CUDA])
@pytest.mark.parametrize("name", LOOPS)
def test_no_step_waits_for_the_device(name, device):
    assert check(LOOPS[name], device) == GUARDED


@pytest.mark.parametrize("device", [CUDA])
@pytest.mark.parametrize("name", CUDA_ONLY)
def test_no_step_waits_for_a_gpu(name, device):
    assert check(CUDA_ONLY[name], device) == GUARDED


@pytest.mark.parametrize("device", [CUDA])
def test_batches_in_pinned_memory_are_not_waited_for(device):
    assert check(plain, device, pinned=True) == GUARDED


@pytest.mark.parametrize("device", [PRETENDED, CUDA])
@pytest.mark.parametrize("name", FAULTS)
def test_a_wait_is_seen(name, device):
    assert seen(name, device)


def broken(self, batch):
    raise TypeError("a mistake in the loop")


@pytest.mark.parametrize("name", FAULTS)
def test_another_error_is_no_wait_that_was_seen(name, monkeypatch):
    monkeypatch.setattr(Parts, "step", broken)
    with pytest.raises(AssertionError, match="another error: TypeError: a mistake in the loop"):
        seen(name, PRETENDED)


def test_a_guard_that_sees_no_wait_is_found_out(monkeypatch):
    monkeypatch.setitem(FAULTS, "none", (LOOPS["the training steps alone"], ""))
    with pytest.raises(AssertionError, match="the guard saw nothing"):
        seen("none", PRETENDED)


READERS = {
    "every loss": (Series, "note", lambda self, step, value: float(value), "a probe and a metric"),
    "a loss of a task": (Series, "note", lambda self, step, value: bool(value), "task losses"),
    "a loss that is kept": (
        MicroBatches, "keep", lambda self, loss, tasks: loss.tolist(),
        "accumulation in a step of one's own",
    ),
    "a loss on the way to a list": (
        MicroBatches, "keep", lambda self, loss, tasks: loss.cpu(),
        "accumulation in a step of one's own",
    ),
    "a number on its way to the device": (
        GroupRates, "set", lambda self, lr: torch.tensor(lr, device=PRETENDED), "range_test",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_a_package_that_waited_would_be_caught(name, monkeypatch):
    owner, method, wait, loop = READERS[name]
    before, calls = getattr(owner, method), []

    def waiting(self, *arguments):
        calls.append(arguments)
        if len(calls) == 4:
            wait(self, *arguments)
        return before(self, *arguments)

    monkeypatch.setattr(owner, method, waiting)
    with pytest.raises(WaitError):
        check(LOOPS[loop], PRETENDED)
    assert len(calls) == 4


def test_a_loop_that_ends_early_proves_nothing():
    with pytest.raises(WaitError, match="ended before its last batch"):
        check(lambda loader, device: next(iter(loader)), PRETENDED)


def test_a_guard_that_is_never_on_has_guarded_nothing(monkeypatch):
    monkeypatch.setattr(Guard, "begin", lambda self: None)
    assert check(LOOPS["the training steps alone"], PRETENDED) == 0


def test_the_guard_is_on_from_the_third_batch_to_the_last_but_one_and_off_after_an_error():
    said = []
    loader = Watched(
        list(range(5)),
        lambda: said.append("begin"),
        lambda: said.append("finish"),
        lambda: said.append("end"),
    )
    for batch in loader:
        said.append(batch)
    assert said == [0, 1, "begin", 2, 3, "finish", 4, "end"]
    said.clear()
    for batch in loader:
        said.append(batch)
        if batch == 3:
            break
    assert said == [0, 1, "begin", 2, 3, "end"]
    guard = Guard(PRETENDED)
    guard.begin()
    with pytest.raises(WaitError, match=r"torch\.tensor"):
        torch.tensor(1.0, device=PRETENDED)
    assert guard.is_on
    guard.end()
    guard.end()
    assert not guard.is_on
    assert torch.tensor(1.0, device=PRETENDED).is_meta


def test_only_calls_that_block_the_host_count_as_waits():
    blocking = ["cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaStreamSynchronize"]
    assert waits_among([*blocking, "cudaLaunchKernel", "cudaMemcpyAsync", "cudaEventQuery"]) == 3
    assert waits_among(["aten::item", "cudaEventRecord", "Memcpy DtoH (Device -> Pinned)"]) == 0


@pytest.mark.parametrize("device", [CUDA])
def test_a_scaler_waits_as_often_as_without_a_range_test(device):
    assert waits_per_step(scaled) < waits_per_step(bare_scaled) + 0.2
