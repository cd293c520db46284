"""What all frameworks share: imported when used, one error without them, a short example."""

import subprocess
import sys
from pathlib import Path

import pytest

from lrfind.integrations.options import check_names

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


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("num_training", ": it is called `num_iter` here."),
        ("min_lr", ": it is called `start_lr` here."),
        ("max_lr", ": it is called `end_lr` here."),
        ("mode", ": it is called `step_mode` here."),
        ("early_stop_threshold", ": it is called `diverge_th` here."),
        ("num_itre", ": did you mean `num_iter`?"),
        ("qqqqq", "."),
    ],
)
def test_an_option_that_lightning_or_ignite_calls_otherwise_is_told(name, said):
    with pytest.raises(TypeError) as raised:
        check_names({"num_iter": 30, name: 3})
    assert str(raised.value) == f"`range_test` has no option `{name}`{said}"
