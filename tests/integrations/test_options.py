"""What all frameworks share: imported when used, one error without them, a short example."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "scripts" / "examples").glob("*.py"))


def run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_runs(path):
    pytest.importorskip(path.stem.split("_")[0])
    assert len(path.read_text().splitlines()) < 20
    made = run(str(path))
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("<RangeTestResult: ")


@pytest.mark.slow
def test_a_framework_is_imported_when_it_is_used_and_its_extra_named_without_it():
    made = run(
        "-c",
        "import sys, lrfind, lrfind.integrations\n"
        "lrfind.range_test\n"
        "assert not {'lightning', 'ignite'} & set(sys.modules)\n"
        "for name in 'lightning', 'ignite':\n"
        "    sys.modules[name] = None\n"
        "    try:\n"
        "        getattr(lrfind.integrations, name)\n"
        "    except ImportError as error:\n"
        "        print(error)\n",
    )
    assert made.returncode == 0, made.stderr
    assert 'pip install "lrfind[lightning]"' in made.stdout
    assert 'pip install "lrfind[ignite]"' in made.stdout
