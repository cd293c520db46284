"""Proves that the steps of a range test never wait for the accelerator.

Each of `LOOPS` makes steps on batches whose loader turns a guard on before the third batch and off
before the last, so that only the steps are guarded, not what comes before and after them. On CUDA
the guard is torch's own, `torch.cuda.set_sync_debug_mode("error")`; as it does not know every wait,
`waits_per_step` also counts those that the profiler saw.

Without a GPU, tensors on torch's `meta` device pass for those of an accelerator (`pretending`):
they have no values, so whatever needs one fails, and copies between them and the host are refused.
That shows what the package asks for. It cannot show what the kernels of a GPU, its events and its
pinned memory do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import lrfind
import lrfind.loop.probe as probe_module
import lrfind.sweep.losses as losses_module
import lrfind.sweep.recorder as recorder_module

PRETENDED = "meta"
STEPS = 12
FIRST_GUARDED = 2
"""The first steps allocate what later ones use again."""

SWEEP: dict[str, Any] = {"start_lr": 1e-6, "end_lr": 1e-3, "diverge_th": None}
"""Low rates: nothing diverges, so that all steps are made."""

WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy")
"""Calls that block the host, by the names that the profiler gives them."""


def nothing() -> None:
    """Do nothing."""


class Watched:
    """A loader that tells which steps are to be guarded.

    It calls functions, as what it would note itself is put back after a range test.

    Args:
        batches: Its batches.
        begin: Called before the first step to be guarded.
        finish: Called after the last.
        end: Called at the end, be it an error.
        note: Called before every step.
    """

    def __init__(
        self,
        batches: list[Any],
        begin: Callable[[], object] = nothing,
        finish: Callable[[], object] = nothing,
        end: Callable[[], object] = nothing,
        note: Callable[[], object] = nothing,
    ) -> None:
        self.batches = batches
        self._begin, self._finish, self._end, self._note = begin, finish, end, note

    def __iter__(self) -> Iterator[Any]:
        last = len(self.batches) - 1
        try:
            for number, batch in enumerate(self.batches):
                if number == FIRST_GUARDED:
                    self._begin()
                if number == last:
                    self._finish()
                self._note()
                yield batch
        finally:
            self._end()


class WaitError(Exception):
    """Something waited for the accelerator, or would have."""


class _Copies(TorchDispatchMode):
    """Refuses copies between the pretended device and the host."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = function.overloadpacket.__name__
        devices = {each.device.type for each in args if isinstance(each, torch.Tensor)}
        if name == "_to_copy" and (kwargs or {}).get("device") is not None:
            devices.add(torch.device(kwargs["device"]).type)
        if name in ("_to_copy", "copy_") and PRETENDED in devices and len(devices) > 1:
            raise WaitError(f"a copy between {' and '.join(sorted(devices))}")
        return function(*args, **(kwargs or {}))


class _Made(TorchFunctionMode):
    """Refuses tensors that are made on the host and copied to the pretended device."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function in (torch.tensor, torch.as_tensor, torch.Tensor.new_tensor)
        result = function(*args, **(kwargs or {}))
        if made and result.device.type == PRETENDED and result is not args[0]:
            raise WaitError(f"a tensor made on the host by torch.{function.__name__}")
        return result


class Guard:
    """Makes a wait for the device an error between `begin` and `end`.

    Args:
        device: "cuda", or the pretended one.

    Attributes:
        finished: Whether all steps were made.
        steps: How many of them were guarded.
    """

    def __init__(self, device: str) -> None:
        self._device, self.finished, self.steps = device, False, 0
        self._modes: ExitStack | None = None

    def begin(self) -> None:
        """From now on a wait is an error."""
        if self._device == "cuda":
            torch.cuda.set_sync_debug_mode("error")
            return
        self._modes = ExitStack()
        self._modes.enter_context(_Copies())
        self._modes.enter_context(_Made())

    @property
    def is_on(self) -> bool:
        """Whether a wait is an error."""
        if self._device == "cuda":
            return torch.cuda.get_sync_debug_mode() > 0
        return self._modes is not None

    def note(self) -> None:
        """A step begins."""
        self.steps += self.is_on

    def finish(self) -> None:
        """All steps were made, and no error."""
        self.finished = True
        self.end()

    def end(self) -> None:
        """From now on it is none; also if it was none before."""
        if self._device == "cuda":
            torch.cuda.set_sync_debug_mode("default")
        elif self._modes is not None:
            modes, self._modes = self._modes, None
            modes.close()


class _Unread:
    """A readback of the pretended device: the losses have no values, so it makes some up."""

    def __init__(self) -> None:
        self._waiting = 0

    def put(self, loss: Any) -> None:
        """Take a loss and do not look at it."""
        self._waiting += 1

    def arrived(self) -> list[float]:
        """All but the last three."""
        return self._give(self._waiting - 3)

    def rest(self) -> list[float]:
        """All."""
        return self._give(self._waiting)

    def _give(self, count: int) -> list[float]:
        count = max(count, 0)
        self._waiting -= count
        return [1.0] * count


@contextmanager
def pretending() -> Iterator[None]:
    """Take tensors on the `meta` device for tensors on an accelerator."""

    def on_device(loss: Any) -> bool:
        return isinstance(loss, torch.Tensor) and loss.is_meta

    changes = (
        (recorder_module, "is_on_device", on_device),
        (losses_module, "readback_for", lambda *_: _Unread()),
        # It draws no random numbers, and has no generator to put back.
        (probe_module, "device_restore", lambda device: lambda: None),
        (torch.random, "fork_rng", lambda *_, **__: nullcontext()),
    )
    with ExitStack() as stack:
        for place, name, value in changes:
            stack.enter_context(mock.patch.object(place, name, value))
        yield


class Parts:
    """A model with batch norm and dropout, its optimizer, its loss and a batch.

    Args:
        device: Where they are.
        tensor_rate: Whether the optimizer holds its rate as a tensor on the device.
    """

    def __init__(self, device: str, *, tensor_rate: bool = False) -> None:
        torch.manual_seed(0)
        layers = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1)
        self.model = nn.Sequential(*layers).to(device)
        parameters = list(self.model.parameters())
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(parameters, lr=1e-3)
        if tensor_rate:
            rate = torch.full((), 1e-3, device=device)
            self.optimizer = torch.optim.Adam(parameters, lr=rate, capturable=True)
        self.batch = torch.ones(4, 8, device=device), torch.zeros(4, 1, device=device)
        self.loss_fn = nn.MSELoss()

    def step(self, batch: Any) -> torch.Tensor:
        """One training step of a loop of one's own."""
        self.optimizer.zero_grad()
        loss: torch.Tensor = self.loss_fn(self.model(batch[0]), batch[1])
        loss.backward()
        self.optimizer.step()
        return loss


def bare(loader: Watched, device: str) -> None:
    """The training steps alone."""
    parts = Parts(device)
    for batch in loader:
        parts.step(batch)


def waiting(loader: Watched, device: str) -> None:
    """A loop that reads every loss, as it must not be."""
    parts = Parts(device)
    for batch in loader:
        parts.step(batch).item()


def copying(loader: Watched, device: str) -> None:
    """A loop that copies a tensor from pageable memory at every step, as it must not be."""
    parts = Parts(device)
    for batch in loader:
        parts.step(batch).detach().mul_(torch.ones(()).to(device))


def own_loop(loader: Watched, device: str) -> None:
    """`Sweep` in a loop of one's own."""
    parts = Parts(device)
    with lrfind.Sweep(parts.optimizer, num_iter=len(loader.batches), **SWEEP) as sweep:
        for batch in loader:
            if not sweep.record(parts.step(batch)):
                break


def swept(
    parts: Parts, loader: Watched, *, loss_fn: Any = None, steps: int | None = None, **options: Any
) -> None:
    """A range test over all batches."""
    lrfind.range_test(
        parts.model, parts.optimizer, loss_fn or parts.loss_fn, loader,
        num_iter=steps or len(loader.batches), progress=False, **SWEEP, **options,
    )  # fmt: skip


def plain(loader: Watched, device: str) -> None:
    """`range_test`."""
    swept(Parts(device), loader)


def layers(loader: Watched, device: str) -> None:
    """`range_test(layers=True)`."""
    swept(Parts(device), loader, layers=True)


def tensor_rate(loader: Watched, device: str) -> None:
    """An optimizer that holds its rate as a tensor on the device."""
    swept(Parts(device, tensor_rate=True), loader)


def accumulated(loader: Watched, device: str) -> None:
    """`accumulation_steps=2, clip_grad=1.0`."""
    steps = len(loader.batches) // 2
    swept(Parts(device), loader, steps=steps, accumulation_steps=2, clip_grad=1.0)


def own_accumulated(loader: Watched, device: str) -> None:
    """A `step` that accumulates two batches by itself."""
    parts, calls = Parts(device), 0

    def step(batch: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        loss: torch.Tensor = parts.loss_fn(parts.model(batch[0]), batch[1])
        (loss / 2).backward()
        if calls % 2 == 0:
            parts.optimizer.step()
            parts.optimizer.zero_grad()
        return loss

    lrfind.range_test(
        parts.model, parts.optimizer, None, loader, step=step,
        num_iter=len(loader.batches) // 2, progress=False, **SWEEP,
    )  # fmt: skip


def several_tasks(loader: Watched, device: str) -> None:
    """Task losses, combined by a `MultiTaskLoss` that skips those that are not finite."""
    parts = Parts(device)
    total = lrfind.MultiTaskLoss(["near", "far"], non_finite="skip").to(device)

    def losses(output: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"near": parts.loss_fn(output, target), "far": parts.loss_fn(output, target + 100)}

    swept(parts, loader, loss_fn=losses, total=total, accumulation_steps=1)


def probed(loader: Watched, device: str) -> None:
    """`probe`, `metric` and `probe_every=2`."""
    parts = Parts(device)

    def metric(model: nn.Module, batch: Any) -> torch.Tensor:
        return (model(batch[0]) > batch[1]).float().mean()

    swept(parts, loader, probe=parts.batch, metric=metric, probe_every=2)


def half_precision(loader: Watched, device: str) -> None:
    """`autocast=torch.bfloat16`."""
    swept(Parts(device), loader, autocast=torch.bfloat16)


def scaled(loader: Watched, device: str) -> None:
    """`autocast=torch.float16` with a gradient scaler."""
    scaler = torch.amp.GradScaler(device, init_scale=2.0)
    swept(Parts(device), loader, autocast=torch.float16, scaler=scaler)


def bare_scaled(loader: Watched, device: str) -> None:
    """The same training steps alone."""
    parts, scaler = Parts(device), torch.amp.GradScaler(device, init_scale=2.0)
    for batch in loader:
        parts.optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.float16):
            loss = parts.loss_fn(parts.model(batch[0]), batch[1])
        scaler.scale(loss).backward()
        scaler.step(parts.optimizer)
        scaler.update()


Guarded = Callable[[Watched, str], None]

LOOPS: dict[str, Guarded] = {
    "the training steps alone": bare,
    "Sweep": own_loop,
    "range_test": plain,
    "layers=True": layers,
    "accumulation and clipping": accumulated,
    "accumulation in a step of one's own": own_accumulated,
    "task losses": several_tasks,
    "a probe and a metric": probed,
}
CUDA_ONLY: dict[str, Guarded] = {
    "a rate held as a tensor": tensor_rate,
    "autocast to bfloat16": half_precision,
}
"""Loops that need a device whose tensors have values."""

FAULTS: dict[str, tuple[Guarded, str]] = {
    "a loss that is read": (waiting, "Tensor.item() cannot be called on meta tensors"),
    "a tensor that is copied": (copying, "a copy between cpu and meta"),
}
"""Loops that wait, to see that it is noticed, and what is said of it of the pretended device."""

ON_CUDA = "called a synchronizing CUDA operation"
"""What torch's own guard says of any wait."""


def batches_for(device: str, steps: int, *, pinned: bool = False) -> list[Any]:
    """Batches on the device, or in pinned memory."""
    batch = Parts("cpu" if pinned else device).batch
    return [tuple(part.pin_memory() for part in batch) if pinned else batch] * steps


def check(loop: Guarded, device: str, *, pinned: bool = False) -> int:
    """Run a loop under the guard.

    Args:
        loop: One of `LOOPS`.
        device: "cuda", or the pretended one.
        pinned: Whether the batches are in pinned memory.

    Returns:
        How many steps were guarded: all but the first and the last.

    Raises:
        WaitError: It waits for the device, or fails otherwise.
    """
    guard = Guard(device)
    batches = batches_for(device, STEPS, pinned=pinned)
    loader = Watched(batches, guard.begin, guard.finish, guard.end, guard.note)
    with nullcontext() if device == "cuda" else pretending():
        try:
            loop(loader, device)
        except Exception as error:
            # What has no values cannot be read back at the end of the sweep either.
            at_end = guard.finished and device == PRETENDED
            if not (at_end and isinstance(error, NotImplementedError)):
                raise WaitError(f"{type(error).__name__}: {error}") from error
        finally:
            guard.end()
    if not guard.finished:
        raise WaitError("the loop ended before its last batch")
    return guard.steps


def seen(fault: str, device: str) -> str:
    """What the guard says of a loop that waits.

    Args:
        fault: A name of `FAULTS`.
        device: "cuda", or the pretended one.

    Raises:
        AssertionError: The guard says nothing, or the loop failed for another reason.
    """
    loop, on_pretended = FAULTS[fault]
    try:
        check(loop, device)
    except WaitError as error:
        said = str(error).partition("\n")[0]
        wanted = ON_CUDA if device == "cuda" else on_pretended
        if wanted not in said:
            raise AssertionError(f"no wait, but another error: {said}") from error
        return said
    raise AssertionError("the guard saw nothing")


def waits_among(names: list[str]) -> int:
    """How many of the calls that a profiler saw block the host."""
    return sum(name in WAITS for name in names)


def waits_per_step(loop: Guarded) -> float:
    """Waits that each further step of a loop on CUDA adds, by the profiler.

    That of a long loop less that of a short one: what comes before and after the steps is in both.
    """
    from torch.profiler import ProfilerActivity, profile

    counts = []
    for steps in (10, 10, 30):  # the first is left out: it loads kernels
        loader = Watched(batches_for("cuda", steps))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the profiler, about itself
            with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
                loop(loader, "cuda")
            counts.append(waits_among([event.name for event in seen.events()]))
    return (counts[2] - counts[1]) / 20
