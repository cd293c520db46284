"""Runs the tests of faults with many more cases, and prints a table of areas.

    scripts/fuzz [--share 0.1] [AREA ...]

An area is a file `tests/faults/test_AREA.py`. Each prints its failures as pytest does.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

from lrfind.support.text import new_table, plain_text

FAULTS = Path(__file__).parents[1] / "tests" / "faults"
CASES = {
    "readers": 100_000,
    "analysis": 100_000,
    "random_restorations": 300,
    "checkpoints": 2_000,
    "killed": 20,
    "resumed": 20,
    "full_disk": 20,
}
"""Cases of each test of an area; the tests of others try all that there is."""


class Tried(NamedTuple):
    """What was tried in an area."""

    cases: int
    failures: int


def areas() -> list[str]:
    """The areas, by the names of their files."""
    return sorted(path.stem.removeprefix("test_") for path in FAULTS.glob("test_*.py"))


def try_out(area: str, share: float) -> Tried:
    """Run the tests of an area with that share of their long number of cases."""
    command = [sys.executable, "-m", "pytest", "-q", str(FAULTS / f"test_{area}.py")]
    if area in CASES:
        command += ["--cases", str(max(1, round(share * CASES[area])))]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run([*command, f"--junitxml={report}"], check=False)
        return counted(report)


def counted(report: Path) -> Tried:
    """The cases in a report, one for each test that names no number of them, and its failures."""
    cases = failures = 0
    for test in ET.parse(report).iter("testcase"):
        if test.find("skipped") is not None:
            continue
        named = [each.get("value") for each in test.iter("property") if each.get("name") == "cases"]
        cases += sum(int(each) for each in named if each) if named else 1
        failures += test.find("failure") is not None or test.find("error") is not None
    return Tried(cases, failures)


def main(arguments: list[str] | None = None) -> int:
    """Try the areas, print the table, and return whether anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help="Default: all.")
    parser.add_argument("--share", type=float, default=1.0, help="Share of the cases. Default: 1.")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.areas) - set(areas()):
        parser.error(f"no such area: {', '.join(sorted(unknown))}; there are {', '.join(areas())}.")
    table = new_table(["area", "cases tried", "failures"])
    failed = 0
    for area in asked.areas or areas():
        tried = try_out(area, asked.share)
        failed += tried.failures
        table.add_row(area.replace("_", " "), f"{tried.cases:,}", str(tried.failures))
    print(plain_text(table))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
