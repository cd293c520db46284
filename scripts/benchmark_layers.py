"""What recording every layer costs: a range test with `layers=True` against the bare steps.

The models are those of the demo, with batches that make steps of less than 1 to about 4 ms. Bare,
without and with layers are run in turn in one process, so that a busy machine hits all alike, and
each time is divided by that of the bare loop of its round: on the CPU that of the process, which a
busy machine changes less than that of the clock. Saving and restoring the state is part of it.

    python scripts/benchmark_layers.py [--device cuda] [--rounds 25] [--steps 100] [--markdown]
"""

from __future__ import annotations

import argparse
import platform
from statistics import median
from time import perf_counter, process_time

import torch
from benchmark_overhead import device_name
from rich.console import Console
from rich.table import Table

import lrfind
from lrfind.demo import digits_problem

PROBLEMS = {
    "mlp, batch 32": ("mlp", 32),
    "mlp, batch 96": ("mlp", 96),
    "cnn, batch 32": ("cnn", 32),
    "cnn, batch 128": ("cnn", 128),
}
CONTENDERS = ("bare", "without layers", "with layers")


def seconds(contender: str, problem: str, device: str, steps: int) -> float:
    """Time of one contender on a fresh problem, its batches ready on the device."""
    clock = perf_counter if device == "cuda" else process_time
    model, batch_size = PROBLEMS[problem]
    fresh = digits_problem(model=model, optimizer="adam", batch_size=batch_size)
    fresh.model.to(device)
    optimizer = torch.optim.Adam(fresh.model.parameters(), lr=1e-7)
    data = [tuple(part.to(device) for part in batch) for batch in fresh.train_loader]
    batches = [data[step % len(data)] for step in range(steps)]
    if device == "cuda":
        torch.cuda.synchronize()
    start = clock()
    if contender == "bare":
        for images, labels in batches:
            optimizer.zero_grad()
            fresh.loss_fn(fresh.model(images), labels).backward()
            optimizer.step()
    else:
        lrfind.range_test(
            fresh.model, optimizer, fresh.loss_fn, batches, end_lr=1e-4, num_iter=steps,
            diverge_th=None, progress=False, layers=contender == "with layers",
        )  # fmt: skip
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def measure(problem: str, device: str, rounds: int, steps: int) -> list[tuple[str, ...]]:
    """The ratios of both range tests to the bare loop, as lines of a table."""
    for contender in CONTENDERS:
        seconds(contender, problem, device, 20)
    times = [
        [seconds(contender, problem, device, steps) for contender in CONTENDERS]
        for _ in range(rounds)
    ]
    step = f"{1e3 * median(bare for bare, *_ in times) / steps:.2f}"
    lines = []
    for column, name in enumerate(CONTENDERS[1:], 1):
        ratios = [row[column] / row[0] for row in times]
        figures = (f"{pick(ratios):.3f}" for pick in (min, median, max))
        lines.append((problem, step, name, *figures))
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    head = ("problem", "bare step, ms", "range test", "min", "median", "max")
    lines = [
        line
        for problem in PROBLEMS
        for line in measure(problem, arguments.device, arguments.rounds, arguments.steps)
    ]
    if arguments.markdown:
        print("\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * 6, *lines]))
    else:
        table = Table(*head, box=None)
        for line in lines:
            table.add_row(*line)
        Console().print(table)
    print(
        f"\n{device_name(arguments.device)}; Python {platform.python_version()}; torch "
        f"{torch.__version__}; {arguments.rounds} interleaved rounds of {arguments.steps} steps."
    )


if __name__ == "__main__":
    main()
