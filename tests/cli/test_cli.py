"""The command as a whole: its help, its two names, and what it does not import."""

import subprocess
import sys

import pytest

import lrfind
from lrfind.cli import COMMANDS


def test_help_and_version(invoke):
    shown = invoke("--help").stdout
    assert all(f"  {name} " in shown and text in shown for name, text in COMMANDS.items())
    assert lrfind.__version__ in invoke("--version").stdout


@pytest.mark.slow
def test_the_installed_command_and_the_module_are_the_same():
    outputs = [
        subprocess.run([*command, "--help"], capture_output=True, check=True).stdout
        for command in (["lrfind"], [sys.executable, "-m", "lrfind"])
    ]
    assert outputs[0] == outputs[1]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["show", "RESULT"], ["plot", "RESULT", "-o", "OUT.png"]])
def test_show_and_plot_never_import_torch(saved, tmp_path, arguments):
    named = {"RESULT": str(saved), "OUT.png": str(tmp_path / "out.png")}
    code = (
        "import sys; from lrfind.cli import main\n"
        f"main({[named.get(a, a) for a in arguments]!r}, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
