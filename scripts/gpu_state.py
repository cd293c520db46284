"""Proves on a device that a range test puts back every bit and records what a plain loop makes.

Each of `PROOFS` takes a device, "cpu" or "cuda", and returns what it found in a few words; it
raises AssertionError where a promise is broken, and `Skip` where the device cannot do it. Torch is
held to deterministic algorithms, so that equal means equal in every bit; on CUDA that needs the
environment variable CUBLAS_WORKSPACE_CONFIG=:4096:8.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

import lrfind

SWEEP: dict[str, Any] = {"start_lr": 1e-5, "end_lr": 1e-2, "diverge_th": None, "progress": False}

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "fused Adam": lambda p: torch.optim.Adam(p, lr=1e-3, fused=True),
    "capturable Adam": lambda p: torch.optim.Adam(p, lr=torch.tensor(1e-3), capturable=True),
}


class Skip(Exception):
    """The device cannot do this."""


@contextmanager
def deterministic() -> Iterator[None]:
    """Hold torch to algorithms that give the same bits every time."""
    before = torch.are_deterministic_algorithms_enabled()
    tuned, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, False
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = tuned


class Training:
    """A convolution with batch norm and dropout, its optimizer, scaler and scheduler, and data.

    Args:
        device: Where it is.
        optimizer: A name of `OPTIMIZERS`.
        scale: The first scale of a gradient scaler; None for a training in float32.
    """

    def __init__(self, device: str, optimizer: str = "Adam", *, scale: float | None = None) -> None:
        torch.manual_seed(0)
        layers = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten()
        self.model = nn.Sequential(*layers, nn.Linear(144, 3)).to(device)
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"] = group["lr"].to(device)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.95)
        self.scaler = None if scale is None else torch.amp.GradScaler(device, init_scale=scale)
        rng = torch.Generator().manual_seed(1)
        self.batches = [
            (torch.randn(8, 1, 8, 8, generator=rng).to(device), torch.arange(8, device=device) % 3)
            for _ in range(5)
        ]
        self.loss_fn = nn.CrossEntropyLoss()
        self.device = device
        self.losses: list[float] = []

    def autocast(self) -> AbstractContextManager[Any]:
        """`torch.autocast` to half precision if there is a scaler."""
        if self.scaler is None:
            return nullcontext()
        return torch.autocast(self.device, dtype=torch.float16)

    def train(self, epochs: int = 1) -> None:
        """Train on all batches, and step the scheduler."""
        for inputs, target in self.batches * epochs:
            self.optimizer.zero_grad()
            with self.autocast():
                loss = self.loss_fn(self.model(inputs), target)
            if self.scaler is None:
                loss.backward()
                self.optimizer.step()
            else:
                self.scaler.scale(loss).backward()
                self.scaler.step(self.optimizer)
                self.scaler.update()
            self.scheduler.step()
            self.losses.append(loss.item())

    def test(self, **options: Any) -> lrfind.RangeTestResult:
        """A range test, which is to leave no trace."""
        half = None if self.scaler is None else torch.float16
        options = SWEEP | {"num_iter": 12, "autocast": half, "scaler": self.scaler} | options
        parts = self.model, self.optimizer, self.loss_fn, self.batches
        return lrfind.range_test(*parts, preserve=[self.scheduler], **options)

    def state(self) -> Any:
        """All of its state, as values that can be compared bit for bit."""
        generators = [torch.get_rng_state()]
        if self.device == "cuda":
            generators.append(torch.cuda.get_rng_state())
        gradients = [each.grad for each in self.model.parameters()]
        return bits(
            [
                self.model.state_dict(), gradients, self.optimizer.state_dict(), generators,
                self.scheduler.state_dict(), self.scaler and self.scaler.state_dict(),
            ]
        )  # fmt: skip


def bits(value: Any) -> Any:
    """Tensors in it as their type and their bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.detach().cpu().contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: bits(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [bits(each) for each in value]
    return value


def restored(device: str, optimizer: str, *, scale: float | None = None, **options: Any) -> str:
    """Ten steps with a range test before them and amid them are the ten without, bit for bit."""
    if optimizer.startswith("capturable") and device == "cpu":
        raise Skip("not on a CPU")
    with deterministic():
        plain = Training(device, optimizer, scale=scale)
        plain.train(2)
        tested = Training(device, optimizer, scale=scale)
        before = tested.state()
        tested.test(**options)  # no optimizer state yet
        assert tested.state() == before, "the state of an untrained model"
        tested.train()
        before = tested.state()
        result = tested.test(**options)
        assert tested.state() == before, "the state in the middle of a training"
        tested.train()
    assert result.lr.size == 12, result.stop_reason
    assert tested.losses == plain.losses, "the losses afterwards"
    assert tested.state() == plain.state(), "the state in the end"
    return f"{len(plain.losses)} losses and all state equal"


def overflowing(device: str, optimizer: str) -> str:
    """A first scale at which gradients overflow: the skips are counted, and the rate waits."""
    scale = 2.0**40
    with deterministic():
        training = Training(device, optimizer, scale=scale)
        scaler = training.scaler
        assert scaler is not None
        scales: list[float] = []
        rates: list[float] = []

        def noting(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            scales.append(scaler.get_scale())
            rates.append(float(training.optimizer.param_groups[0]["lr"]))
            loss: torch.Tensor = cross_entropy(output, target)
            return loss

        cross_entropy, training.loss_fn = training.loss_fn, noting  # type: ignore[assignment]
        result = training.test()
    skipped = sum(result.skipped)
    assert result.stop_reason is lrfind.StopReason.COMPLETED, result.stop_reason
    assert skipped > 0, "no gradient overflowed"
    assert len(rates) == result.lr.size + skipped, "every attempt is a step or a skip"
    expected = [
        rate
        for rate, skips in zip(result.lr.tolist(), result.skipped, strict=True)
        for _ in range(skips + 1)
    ]
    assert rates == expected, "a rate changed at a skipped step"
    assert scales[-1] == scale / 2.0**skipped, "the scale is halved at every skip, and only there"
    assert scaler.get_scale() == scale, "the scale was put back"
    return f"{skipped} skips, {result.lr.size} steps"


def by_hand(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Any], torch.Tensor],
    batches: Sequence[Any],
    rates: Sequence[float],
) -> list[float]:
    """The losses of plain training steps at given rates."""
    losses = []
    for number, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = loss_of(batches[number % len(batches)])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def same_as_by_hand(training: Training, **options: Any) -> str:
    """The losses of a range test are those of plain steps at the same rates, bit for bit."""
    half = options.get("autocast")

    def loss_of(batch: Any) -> torch.Tensor:
        with torch.autocast(training.device, dtype=half) if half else nullcontext():
            return training.loss_fn(training.model(batch[0]), batch[1])

    with deterministic():
        random = torch.get_rng_state()
        result = training.test(**options)
        assert torch.equal(torch.get_rng_state(), random)
        parts = training.model, training.optimizer, loss_of, training.batches
        losses = by_hand(*parts, result.lr.tolist())
    assert result.loss.tolist() == losses
    return f"{len(losses)} losses equal"


def in_bfloat16(device: str) -> str:
    """`autocast=torch.bfloat16`."""
    return same_as_by_hand(Training(device), autocast=torch.bfloat16)


def recording_layers(device: str) -> str:
    """`layers=True` changes no loss."""
    return same_as_by_hand(Training(device), layers=True)


def compiled(device: str) -> str:
    """A compiled model, by inductor where there is a compiler for the device."""
    training = Training(device)
    backend = "aot_eager"
    if device == "cuda":
        try:
            import triton  # noqa: F401

            backend = "inductor"
        except ImportError:
            pass
    torch._dynamo.reset()
    training.model = torch.compile(training.model, backend=backend)  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of inductor, about faster settings
        return f"{same_as_by_hand(training)}, {backend}"


def probed(device: str) -> str:
    """A probe changes no loss, and its loss is that of the model in eval mode after each step."""
    held_out = Training(device).batches[0]
    with deterministic():
        plain = Training(device).test()
        training = Training(device)
        wanted: list[float] = []

        def metric(model: nn.Module, batch: Any) -> torch.Tensor:
            assert not model.training
            loss = training.loss_fn(model(batch[0]), batch[1])
            wanted.append(loss.item())
            return -loss

        result = training.test(probe=held_out, metric=metric)
    assert result.loss.tolist() == plain.loss.tolist(), "the probe changed a loss"
    assert result.probe.tolist() == wanted == [-value for value in result.metric.tolist()]
    return f"{len(wanted)} probe losses equal"


class Recurrent(nn.Module):
    """A GRU on packed sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(3, 8), nn.Linear(8, 1)

    def forward(self, packed: PackedSequence) -> torch.Tensor:
        """The mean output of each sequence."""
        outputs, lengths = pad_packed_sequence(self.gru(packed)[0])
        mean: torch.Tensor = outputs.sum(0) / lengths.to(outputs.device)[:, None]
        out: torch.Tensor = self.head(mean)
        return out


def packed(device: str) -> str:
    """Packed sequences, moved from the host at every step."""
    torch.manual_seed(0)
    model = Recurrent().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = [
        (
            pack_sequence([torch.randn(n, 3) for n in lengths], enforce_sorted=False),
            torch.ones(3, 1),
        )
        for lengths in ((2, 5, 3), (4, 1, 6))
    ]
    loss_fn = nn.MSELoss()

    def loss_of(batch: Any) -> torch.Tensor:
        return loss_fn(model(batch[0].to(device)), batch[1].to(device))

    with deterministic():
        result = lrfind.range_test(model, optimizer, loss_fn, batches, num_iter=8, **SWEEP)
        losses = by_hand(model, optimizer, loss_of, batches, result.lr.tolist())
    assert result.loss.tolist() == losses
    assert all(map(math.isfinite, losses))
    return f"{len(losses)} losses equal"


PROOFS: dict[str, Callable[[str], str]] = {
    **{
        f"put back: {name}": lambda device, name=name: restored(device, name)  # type: ignore[misc]
        for name in OPTIMIZERS
    },
    "put back: Adam, copy on the device": lambda device: restored(device, "Adam", store="device"),
    "put back: SGD, float16, GradScaler": lambda device: restored(device, "SGD", scale=2.0**8),
    "put back: fused Adam, float16, GradScaler": lambda device: restored(
        device, "fused Adam", scale=2.0**8
    ),
    "overflow: Adam": lambda device: overflowing(device, "Adam"),
    "overflow: fused Adam": lambda device: overflowing(device, "fused Adam"),
    "bfloat16": in_bfloat16,
    "layers=True": recording_layers,
    "a probe": probed,
    "packed sequences": packed,
    "a compiled model": compiled,
}
