"""Size of the interactive page, time until it can be used, and time of one step of its slider.

    python scripts/benchmark_page.py [--rounds 40]

In a headless Chromium without a GPU. A slider step is from its event to the frame after the figures
are drawn again; `script` is the part in which the page computes and nothing else can happen.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from lrfind import RangeTestResult, StopReason
from lrfind.analysis.schedule import lr_sequence
from lrfind.result.settings import SweepSettings
from lrfind.support.text import new_table, plain_text

STEPS = (300, 1_000, 10_000)
SLIDE = """async (rounds) => {
  const slider = document.getElementById("beta");
  const drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const script = [], whole = [];
  for (let round = 0; round < rounds; round++) {
    await drawn();
    slider.value = 20 + (round % 50);
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    script.push(performance.now() - start);
    await drawn();
    whole.push(performance.now() - start);
  }
  return [script, whole];
}"""


def sweep(steps: int) -> RangeTestResult:
    """A sweep of so many steps: a fall, noise, and a divergence."""
    lr = lr_sequence(1e-6, 10, steps)
    place, rng = np.log10(lr), np.random.default_rng(0)
    loss = 2.3 - 1.8 / (1 + np.exp(-2 * (place + 3))) + np.exp(3 * place)
    settings = SweepSettings(1e-6, 10.0, steps, "exp", None)
    loss += rng.normal(0, 0.1, steps)
    return RangeTestResult(lr, loss, StopReason.COMPLETED, settings)


def measure(page: Page, path: Path, rounds: int) -> list[str]:
    """Seconds until the page is ready; milliseconds of a step, median and largest."""
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    ready = time.perf_counter() - start
    script, whole = page.evaluate(SLIDE, rounds)
    return [
        f"{path.stat().st_size / 1e6:.2f}",
        f"{ready:.2f}",
        f"{statistics.median(script):.0f} ({max(script):.0f})",
        f"{statistics.median(whole):.0f} ({max(whole):.0f})",
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    table = new_table(["steps", "write, s", "MB", "ready, s", "script, ms", "slider step, ms"])
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for steps in STEPS:
            path, result = Path(folder) / f"{steps}.html", sweep(steps)
            start = time.perf_counter()
            result.report(path)
            written = time.perf_counter() - start
            page = browser.new_page()
            table.add_row(f"{steps:,}", f"{written:.1f}", *measure(page, path, rounds))
            page.close()
        browser.close()
    print(plain_text(table))


if __name__ == "__main__":
    main()
