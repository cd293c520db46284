"""What the range test promises of a device, proved on the CPU, and on a GPU if there is one."""

import gpu_state
import pytest
import torch
from gpu_state import PROOFS, Skip, Training, bits, deterministic, overflowing, restored

import lrfind
from lrfind.state.undo import Undo
from lrfind.sweep.skipped_steps import SkippedSteps

CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.slow])


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("name", PROOFS)
def test_a_promise_is_kept(name, device):
    if "compiled" in name:
        pytest.importorskip("torch._dynamo")
    try:
        assert PROOFS[name](device)
    except Skip:
        assert (device, name) == ("cpu", "put back: capturable Adam")


def test_a_range_test_that_puts_nothing_back_is_found_out(monkeypatch):
    monkeypatch.setattr(Undo, "finish", lambda self: None)
    with pytest.raises(AssertionError, match="the state of an untrained model"):
        restored("cpu", "SGD")


@pytest.mark.parametrize("lost", ["running_mean", "momentum_buffer", "random", "scaler"])
def test_every_part_of_the_state_counts(lost):
    training = Training("cpu", "SGD", scale=2.0**8)
    training.train()
    before = training.state()
    assert training.state() == before
    if lost == "running_mean":
        training.model[1].running_mean[0] += 1e-7
    elif lost == "momentum_buffer":
        next(iter(training.optimizer.state.values()))["momentum_buffer"].view(-1)[0] += 1e-7
    elif lost == "random":
        torch.rand(())
    else:
        training.scaler.update(2.0**9)
    assert training.state() != before


def test_values_are_compared_by_their_bits():
    assert bits(torch.tensor([0.0])) != bits(torch.tensor([-0.0]))
    assert bits({"a": [torch.tensor(float("nan"))]}) == bits({"a": [torch.tensor(float("nan"))]})


def test_a_rate_that_moves_on_at_a_skipped_step_is_found_out(monkeypatch):
    monkeypatch.setattr(SkippedSteps, "was_skipped", lambda self, **known: False)
    with pytest.raises(AssertionError):
        overflowing("cpu", "fused Adam")


def test_another_loss_than_by_hand_is_found_out(monkeypatch):
    honest = lrfind.range_test

    def shifted(*arguments, **options):
        result = honest(*arguments, **options)
        result.loss.flags.writeable = True
        result.loss[3] *= 1 + 1e-7
        return result

    monkeypatch.setattr(gpu_state.lrfind, "range_test", shifted)
    with pytest.raises(AssertionError):
        PROOFS["layers=True"]("cpu")


def test_the_algorithms_are_deterministic_only_for_a_while():
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.are_deterministic_algorithms_enabled() is before
