"""The scripts are sound shell, and the pins are pins."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("demo", "test", "check", "check_gpu", "_environment.sh")
SCRIPTS = [ROOT / "scripts" / name for name in NAMES]


@pytest.mark.parametrize("script", [*SCRIPTS, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_a_script_parses(script):
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_every_requirement_of_the_environment_is_pinned_exactly():
    lines = (ROOT / "scripts" / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.match(r"[a-zA-Z0-9_-]+==[^;]+(; python_version .*)?$", line) for line in pins)
    assert "torch==2.13.0" in pins


def test_ci_calls_the_scripts_a_person_calls():
    run = (ROOT / ".ci" / "run").read_text()
    assert "scripts/check" in run
    assert "scripts/test" in run
