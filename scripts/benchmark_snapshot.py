"""What `preserve_state` costs for a large model, beside a plain copy of the same bytes.

Run with `.venv/bin/python scripts/benchmark_snapshot.py [--device cuda] [--megabytes 512]`. Taking
the copy and putting it back are timed against cloning every tensor and copying it back, in
interleaved rounds; on a GPU the device memory that the copy takes is reported too.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

import lrfind

WIDTH = 2048


def wait(device: str) -> None:
    """Let the device finish."""
    if device == "cuda":
        torch.cuda.synchronize()


def preserved(model: nn.Module, device: str, store: str) -> tuple[float, float]:
    """Seconds to take the copy and to put it back."""
    start = perf_counter()
    context = lrfind.preserve_state(model, store=store)
    context.__enter__()
    wait(device)
    taken = perf_counter()
    context.__exit__(None, None, None)
    wait(device)
    return taken - start, perf_counter() - taken


def plain(model: nn.Module, device: str, store: str) -> tuple[float, float]:
    """The same for a plain copy of every tensor."""
    start = perf_counter()
    target = device if store == "device" else "cpu"
    copies = [p.detach().to(target, copy=True) for p in model.parameters()]
    wait(device)
    taken = perf_counter()
    with torch.no_grad():
        for parameter, copy in zip(model.parameters(), copies, strict=True):
            parameter.copy_(copy)
    wait(device)
    return taken - start, perf_counter() - taken


def extra_memory(model: nn.Module, store: str) -> int:
    """Bytes of device memory that holding the copy takes."""
    before = torch.cuda.memory_allocated()
    with lrfind.preserve_state(model, store=store):
        return torch.cuda.memory_allocated() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    layers = max(1, arguments.megabytes * 2**20 // (4 * WIDTH * WIDTH))
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(layers))).to(arguments.device)
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    table = Table("store", "state, MB", "take, ms", "put back, ms", "both / plain copy", box=None)
    stores = ("cpu",) if arguments.device == "cpu" else ("cpu", "device")
    for store in stores:
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours.append(preserved(model, arguments.device, store))
            theirs.append(plain(model, arguments.device, store))
        ratios = sorted(sum(a) / sum(b) for a, b in zip(ours, theirs, strict=True))
        take, back = (1e3 * median(each) for each in zip(*ours, strict=True))
        spread = f"{ratios[0]:.2f} / {median(ratios):.2f} / {ratios[-1]:.2f}"
        table.add_row(store, f"{size / 1e6:.0f}", f"{take:.0f}", f"{back:.0f}", spread)
    Console().print(table)
    if arguments.device == "cuda":
        for store in stores:
            print(f"device memory for store={store!r}: {extra_memory(model, store)} bytes")


if __name__ == "__main__":
    main()
