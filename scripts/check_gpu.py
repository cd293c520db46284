"""Proves lrfind on a GPU, step by step, and measures what it costs there.

`scripts/check_gpu` makes an environment and runs this. Every step prints one line: ok, FAILED or
skipped, what it found, and its seconds. `--out` gets `gpu.md`, with the rows for the README, and
`gpu.json`. The exit status is 1 if a step failed, and 2 if nothing could be run.

    python scripts/check_gpu.py [--device cpu] [--out lrfind-gpu] [--minutes 7.5] [--only WORDS]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.util import find_spec
from math import log
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("lazy_loader", "msgspec", "numpy", "scipy", "torch", "tqdm", "typing_extensions")
"""Without these nothing can be run."""

PEERS = {"torch_lr_finder": "torch-lr-finder", "ignite": "pytorch-ignite", "lightning": "lightning"}
TARGETS_MS = (0.3, 1.0, 5.0)
TESTS_S = 150
"""The longest that the tests may take."""

SIZES = (
    (32, 1, 16), (64, 2, 32), (128, 2, 32), (184, 2, 32), (256, 3, 64), (384, 3, 128),
    (512, 4, 128), (512, 8, 128), (512, 12, 512), (1024, 8, 1024), (1024, 8, 2048),
    (1024, 8, 4096), (1024, 8, 8192), (1024, 8, 16384),
)  # fmt: skip
"""Models from small to large; weights grow slower than the work, as they do in practice."""


@dataclass(frozen=True)
class Step:
    """One step: its name, and a function that returns what it found."""

    name: str
    run: Callable[[], str]


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    name: str
    state: str
    found: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.state:8} {self.name:47} {self.found}  ({self.seconds:.1f} s)"


@dataclass
class Costs:
    """What was measured of the overhead."""

    rounds: int
    steps: int
    rows: list[tuple[str, ...]] = field(default_factory=list)
    ratios: list[dict[str, Any]] = field(default_factory=list)


def outcome_of(step: Step) -> Outcome:
    """Run a step; a failure is told on the error stream, and does not end the rest."""
    from gpu_state import Skip

    start = perf_counter()
    try:
        state, found = "ok", step.run()
    except Skip as reason:
        state, found = "skipped", str(reason)
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        state, found = "FAILED", f"{type(error).__name__}: {lines[0]}"
    return Outcome(step.name, state, found, perf_counter() - start)


def wait_steps(device: str) -> Iterator[Step]:
    """That no step of a sweep waits for the device."""
    import gpu_waits as waits
    from gpu_state import Skip

    place = device if device == "cuda" else waits.PRETENDED
    by = "torch's own guard" if device == "cuda" else "the meta device in place of a GPU"

    def no_wait(loop: waits.Guarded, *, pinned: bool = False, only_cuda: bool = False) -> str:
        if only_cuda and device == "cpu":
            raise Skip("not on a CPU")
        return f"{waits.check(loop, place, pinned=pinned)} batches, {by}"

    def seen(name: str) -> str:
        return waits.seen(name, place)[:70]

    def counted() -> str:
        if device == "cpu":
            raise Skip("not on a CPU")
        return profiled()

    for name in waits.FAULTS:
        yield Step(f"a wait is seen: {name}", partial(seen, name))
    for name, loop in waits.LOOPS.items():
        yield Step(f"no wait: {name}", partial(no_wait, loop))
    for name, loop in waits.CUDA_ONLY.items():
        yield Step(f"no wait: {name}", partial(no_wait, loop, only_cuda=True))
    pinned = partial(no_wait, waits.plain, pinned=True, only_cuda=True)
    yield Step("no wait: batches in pinned memory", pinned)
    yield Step("waits per step, by the profiler", counted)


def profiled() -> str:
    """The waits per step of every loop on CUDA, by the profiler."""
    import gpu_waits as waits

    assert waits.waits_per_step(waits.waiting) > 0.9, "the profiler sees no wait"
    each = {name: waits.waits_per_step(loop) for name, loop in waits.LOOPS.items()}
    # A few waits of the allocator in the longer run are none per step.
    assert max(each.values()) < 0.2, each
    scaled, bare = map(waits.waits_per_step, (waits.scaled, waits.bare_scaled))
    assert scaled < bare + 0.2, f"with a GradScaler {scaled:g}, and {bare:g} without lrfind"
    return f"0 in {len(each)} loops; with a GradScaler {scaled:.2g}, without lrfind {bare:.2g}"


def proof_steps(device: str) -> Iterator[Step]:
    """That every bit is put back, and that the record is what a plain loop makes."""
    from gpu_state import PROOFS

    for name, proof in PROOFS.items():
        yield Step(name, partial(proof, device))


def tests(device: str) -> str:
    """The tests that need a GPU."""
    from gpu_state import Skip

    if device == "cpu":
        raise Skip("not on a CPU")
    if missing := [name for name in ("pytest", "hypothesis") if not find_spec(name)]:
        raise Skip(f"not installed: {', '.join(missing)}")
    files = [
        str(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "mark.gpu" in path.read_text()
    ]  # fmt: skip
    # The slow ones are the proofs that this script makes itself.
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu and not slow", *files]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TESTS_S, check=False
    )
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        raise AssertionError(last)
    return last


def cost_steps(device: str, costs: Costs, until: float) -> Iterator[Step]:
    """What `Sweep`, `range_test` and `layers=True` cost, beside the finders of others."""
    from gpu_state import Skip

    found: dict[float, tuple[int, int, int]] = {}

    def sizes() -> str:
        found.update(sizes_near(device))
        return ", ".join(f"{target:g} ms: {size}" for target, size in found.items())

    def cost(target: float, share: float) -> str:
        from benchmark_overhead import measure, rows_of

        if target not in found:
            raise Skip("there is no model for it")
        end = perf_counter() + max(until - perf_counter(), 0.0) * share
        step, ratios = measure(found[target], device, costs.rounds, costs.steps, until=end)
        costs.rows += rows_of(step, ratios)
        for name, own in ratios.items():
            low, middle, high = min(own), median(own), max(own)
            figures = {"min": low, "median": middle, "max": high, "rounds": len(own)}
            costs.ratios.append({"step_ms": step, "finder": name, **figures})
        ours = {name: median(own) for name, own in ratios.items() if name.startswith("lrfind")}
        return f"{step:.2f} ms; " + ", ".join(f"{ratio:.3f}" for ratio in ours.values())

    def others() -> str:
        missing = [name for package, name in PEERS.items() if not find_spec(package)]
        if missing:
            raise Skip(f"left out, as not installed: {', '.join(missing)}")
        return ", ".join(PEERS.values())

    yield Step("overhead: the finders of others", others)
    yield Step("overhead: models for the steps", sizes)
    for number, target in enumerate(TARGETS_MS):
        share = target / sum(TARGETS_MS[number:])  # of the time left
        name = f"overhead: {target:g} ms, Sweep, range_test, layers"
        yield Step(name, partial(cost, target, share))


def sizes_near(device: str) -> dict[float, tuple[int, int, int]]:
    """The models whose bare step takes closest to each of `TARGETS_MS`."""
    from benchmark_overhead import bare, seconds

    times = {}
    for size in SIZES:
        seconds(bare, size, device, 20)
        times[size] = 1e3 * min(seconds(bare, size, device, 20) for _ in range(5)) / 20
        if times[size] > 2 * max(TARGETS_MS):
            break
    return {
        target: min(times, key=lambda size: abs(log(times[size] / target)))
        for target in TARGETS_MS
    }  # fmt: skip


def about(device: str) -> dict[str, str]:
    """What the figures were measured on."""
    import torch
    from benchmark_overhead import device_name, versions

    machine = {
        "device": device_name(device),
        "versions": versions(),
        "torch": str(torch.__version__),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if device == "cuda":
        machine |= {"cuda": str(torch.version.cuda), "driver": driver()}
    return machine


def driver() -> str:
    """The version of the GPU's driver."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return said.stdout.strip().partition("\n")[0] or "unknown"


def document(machine: dict[str, str], outcomes: Sequence[Outcome], costs: Costs) -> str:
    """All of it as Markdown."""
    from benchmark_overhead import markdown

    rounds = {each["rounds"] for each in costs.ratios}
    most = f"{min(rounds)} to {max(rounds)}" if len(rounds) > 1 else f"{max(rounds, default=0)}"
    lines = [
        f"# lrfind on {machine['device']}",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        "",
        "| check | result | found | seconds |",
        "| --- | --- | --- | --- |",
        *(f"| {o.name} | {o.state} | {o.found} | {o.seconds:.1f} |" for o in outcomes),
        "",
        "Time of a run divided by that of the bare loop of its round, with state saved and put "
        f"back; {most} interleaved rounds of {costs.steps} steps:",
        "",
        markdown(costs.rows),
    ]
    return "\n".join(lines) + "\n"


def refusal(device: str) -> str | None:
    """Why nothing can be run; None if it can."""
    if missing := [name for name in NEEDED if not find_spec(name)]:
        return f"not installed: {', '.join(missing)}."
    import torch

    if device == "cpu" or torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA: install a build with it."
    return f"torch {torch.__version__} sees no GPU (CUDA {torch.version.cuda}, driver {driver()})."


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--out", type=Path, default=Path("lrfind-gpu"))
    parser.add_argument("--rounds", type=int, default=15, help="at most; fewer if time runs out")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=7.5, help="when no round begins any more")
    parser.add_argument("--only", default="", help="run the steps whose name holds this")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all steps; print and write what they found."""
    start, options = perf_counter(), parsed(arguments)
    # For deterministic algorithms; read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if (reason := refusal(options.device)) is not None:
        print(f"check_gpu: {reason}", file=sys.stderr)
        return 2
    import torch
    from benchmark_overhead import quieten

    quieten()
    if options.device == "cpu":
        torch.set_num_threads(1)
    costs = Costs(options.rounds, options.steps)
    steps = [
        *wait_steps(options.device),
        *proof_steps(options.device),
        Step("the tests that need a GPU", partial(tests, options.device)),
        *cost_steps(options.device, costs, start + 60 * options.minutes),
    ]
    chosen = [step for step in steps if options.only in step.name]
    if not chosen:
        names = "".join(f"\n  {step.name}" for step in steps)
        print(f"check_gpu: no step has {options.only!r} in its name:{names}", file=sys.stderr)
        return 2
    machine, outcomes = about(options.device), []
    print(f"{machine['device']}; {machine['versions']}")
    for step in chosen:
        outcomes.append(outcome_of(step))
        print(outcomes[-1], flush=True)
    states = [outcome.state for outcome in outcomes]
    count = {state: states.count(state) for state in ("ok", "FAILED", "skipped")}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.md").write_text(document(machine, outcomes, costs))
    parts = {"machine": machine, "checks": [*map(asdict, outcomes)], "overhead": costs.ratios}
    (options.out / "gpu.json").write_text(json.dumps(parts, indent=1) + "\n")
    said = ", ".join(f"{number} {state}" for state, number in count.items())
    print(f"{said} in {perf_counter() - start:.0f} s; written to {options.out}/gpu.md and gpu.json")
    return 1 if count["FAILED"] else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
