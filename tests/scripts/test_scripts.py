"""The scripts are sound shell, and the pins are pins."""

import os
import re
import shutil
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


PYTHON = r"""#!/usr/bin/env bash
[ "$*" = "-m venv .venv" ] || exit 0
mkdir -p .venv/bin
for name in python lrfind pytest; do
    printf '#!/usr/bin/env bash\necho "$(basename "$0") ${*: -1}" >>log\n' >.venv/bin/$name
    chmod +x .venv/bin/$name
done
"""
"""An interpreter whose environments write down what is called and with which last word."""


def test_the_demo_installs_the_package_and_the_tests_the_rest_each_once(tmp_path):
    shutil.copytree(
        ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("oracle*")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    python = tmp_path / "python3"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def called(script):
        (tmp_path / "log").write_text("")
        command = [tmp_path / "scripts" / script, "last"]
        subprocess.run(command, env=os.environ | {"PYTHON": str(python)}, check=True)
        return (tmp_path / "log").read_text().splitlines()

    # After the rest, fastai with what its learner needs.
    rest = ["python .[dev]", "python starlette", "pytest last"]
    assert called("demo") == ["python .[report]", "lrfind last"]
    assert called("demo") == ["lrfind last"]
    assert called("test") == rest
    assert called("demo") == ["lrfind last"]
    assert called("test") == ["pytest last"]
    with (tmp_path / "scripts" / "constraints.txt").open("a") as pins:
        pins.write("other==1.0\n")
    assert called("demo") == ["python .[report]", "lrfind last"]
    assert called("test") == rest
