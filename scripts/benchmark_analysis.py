"""How long the analysis of a sweep takes, and how fast the command starts.

Run with `.venv/bin/python scripts/benchmark_analysis.py`. Prints the median of several warm calls
of `compare` and `suggest` together, on a new result each time so that nothing is cached, the median
wall time of whole commands, and time and peak memory of the first `suggest` of a long sweep in a
fresh process, above what the sweep and the libraries take.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from lrfind import RangeTestResult, StopReason
from lrfind.result.settings import SweepSettings

REPEATS = 9
LONG = (100_000, 1_000_000)
FRESH = """
import resource, sys, time
from benchmark_analysis import noisy_result
noisy_result(300, 0).suggest()  # imports scipy
result = noisy_result(int(sys.argv[1]), 0)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = peak(), time.perf_counter()
result.suggest()
print(1e3 * (time.perf_counter() - start), peak() - before, peak())
"""


def noisy_result(size: int, seed: int) -> RangeTestResult:
    """A plateau, a descent and an explosion under noise."""
    decades = np.linspace(-7, 1, size)
    loss = 2.3 - 2 / (1 + np.exp(-4 * (decades + 2))) + np.exp(np.minimum(6 * decades, 20))
    loss += np.random.default_rng(seed).normal(scale=0.05, size=size)
    settings = SweepSettings(1e-7, 10.0, size, "exp", None)
    return RangeTestResult(10**decades, loss, StopReason.COMPLETED, settings)


def milliseconds(call, *arguments) -> float:
    """Wall time of one call."""
    start = perf_counter()
    call(*arguments)
    return 1e3 * (perf_counter() - start)


def analyse(result: RangeTestResult) -> None:
    """What the issue's bar is about."""
    result.compare()
    result.suggest()


def run(*command: str) -> None:
    """Run a command to its end, unseen."""
    subprocess.run(command, check=True, capture_output=True)


def fresh(size: int) -> list[float]:
    """Milliseconds, megabytes more and megabytes in all of `suggest` in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(size)],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parent,
    )  # fmt: skip
    return [float(each) for each in done.stdout.split()]


def main() -> None:
    """Measure and print."""
    table = Table("what", "median ms", box=None)
    analyse(noisy_result(100, 0))  # imports scipy
    for size in (100, 300, 1000, 10_000):
        times = [milliseconds(analyse, noisy_result(size, seed)) for seed in range(REPEATS)]
        table.add_row(f"compare + suggest, {size} points", f"{median(times):.1f}")
    for size in LONG:
        times, more, peak = zip(*(fresh(size) for _ in range(3)), strict=True)
        name = f"suggest, {size:,} points, {max(more):.0f} MB more, {max(peak):.0f} in all"
        table.add_row(name, f"{median(times):.0f}")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "result.json")
        noisy_result(300, 0).save(path)
        commands = [("lrfind", "--help"), ("lrfind", "show", path)]
        commands.append(("lrfind", "plot", path, "-o", str(Path(folder) / "out.png")))
        for command in commands:
            times = [milliseconds(run, *command) for _ in range(REPEATS)]
            table.add_row(" ".join(command[:2]), f"{median(times):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
