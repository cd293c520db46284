"""What all frameworks share: imported when used, one error without them, a short example."""

import ast
import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from makers import README

from lrfind.integrations.options import check_names

EXAMPLES = sorted((Path(__file__).parents[2] / "scripts" / "examples").glob("*.py"))


@pytest.fixture
def in_a_process_of_its_own(monkeypatch, tmp_path):
    """What the frameworks write goes to a folder; Accelerate forgets what other tests set up."""
    monkeypatch.chdir(tmp_path)

    def reset():
        if "accelerate" in sys.modules:
            from accelerate.state import AcceleratorState, GradientState

            AcceleratorState._reset_state(reset_partial_state=True)
            GradientState._reset_state()

    reset()
    yield
    reset()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of the frameworks, which are not ours
@pytest.mark.usefixtures("in_a_process_of_its_own")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_tells_a_rate(path, capsys):
    framework = path.stem.split("_")[0]
    pytest.importorskip(framework)
    assert len(path.read_text().splitlines()) < 20
    names = runpy.run_path(str(path))
    told = capsys.readouterr().out
    assert "Train at" in told or "No rate" in told
    for statement in of_the_readme(framework):
        module = importlib.import_module(f"lrfind.integrations.{framework}")
        exec(statement, names | {framework: module, "answer": 1e-2})
    if framework == "lightning":
        assert "0.010" in capsys.readouterr().out


def of_the_readme(framework):
    """The statements of the README on a framework."""
    (block,) = [each for each in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
                if "lightning.range_test" in each]  # fmt: skip
    for node in ast.parse(block).body:
        if any(isinstance(each, ast.Name) and each.id == framework for each in ast.walk(node)):
            yield ast.unparse(node)


def run(code):
    """What a fresh process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


FRAMEWORKS = {
    "accelerate", "fastai", "fastcore", "ignite", "lightning", "peft", "transformers",
}  # fmt: skip


@pytest.mark.slow
def test_the_room_gives_its_integrations_and_imports_a_framework_when_it_is_used():
    run(
        "import sys, lrfind.integrations\n"
        "lrfind.range_test\n"
        "lrfind.integrations.fastai.range_test, lrfind.integrations.transformers.range_test\n"
        "assert {'fastai', 'ignite', 'lightning', 'transformers'} <= {*dir(lrfind.integrations)}\n"
        f"assert not {FRAMEWORKS} & {{*sys.modules}}\n"
    )


WITHOUT = ("ignite", "lightning", "fastai", "transformers")
"""Each is missed in turn by one process."""


@pytest.mark.slow
def test_without_a_framework_one_error_has_the_line_that_installs_it():
    told = run(
        "import sys, lrfind.integrations\n"
        f"for name in {WITHOUT}:\n"
        "    sys.modules[name] = None\n"
        "    try:\n"
        "        getattr(lrfind.integrations, name).range_test(object())\n"
        "    except ImportError as error:\n"
        "        print(type(error).__name__, error)\n"
        "    del sys.modules[name]\n"
    )
    assert told.splitlines() == [
        f'ImportError {name} is not installed: pip install "lrfind[{name}]"' for name in WITHOUT
    ]


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
