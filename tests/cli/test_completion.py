"""`lrfind completion`: the scripts, in the shells that they are for."""

import os
import shutil
import subprocess
import sys

import pexpect
import pytest
from click.shell_completion import BashComplete

from lrfind.cli import COMMANDS, main
from lrfind.cli.completion import PLACES

SHELLS = [
    pytest.param(
        shell,
        marks=pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed"),
    )
    for shell in PLACES
]
START = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-i"],
}
"""How a shell is started that a person types into."""


def proposed(*words):
    """What is proposed for the last of these words, with what a shell is to make of it."""
    completion = BashComplete(main, {}, "lrfind", "_LRFIND_COMPLETE")
    return [
        (each.value, each.type) for each in completion.get_completions([*words[:-1]], words[-1])
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([""], [*COMMANDS]),
        (["com"], ["compare", "completion"]),
        (["show", "--ru"], ["--rule"]),
        (["show", "--rule", "s"], ["steepest", "slide"]),
        (["show", "r.json", "--curve", "c"], ["centred"]),
        (["show", "--kind", "li"], ["lightning"]),
        (["run", "--schedule", "c"], ["constant", "cosine"]),
        (["run", "--step-mode", ""], ["exp", "linear"]),
        (["demo", "--model", "m"], ["mlp"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_commands_options_and_names_are_proposed(words, found):
    assert proposed(*words) == [(each, "plain") for each in found]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["show", "re"], "file"),
        (["plot", "re"], "file"),
        (["plot", "result.json", "-o", "re"], "file"),
        (["compare", "a.json", "re"], "file"),
        (["run", "re"], "file"),
        (["repeat", "re"], "file"),
        (["run", "--out", "re"], "dir"),
    ],
)
def test_the_shell_is_left_to_complete_paths(words, kind):
    assert proposed(*words) == [("re", kind)]


@pytest.mark.parametrize("shell", PLACES)
def test_a_script_says_in_its_last_line_where_to_put_it(invoke, shell):
    done = invoke("completion", shell)
    assert (done.exit_code, done.stderr) == (0, "")
    *script, last = done.stdout.splitlines()
    assert last == f"# Write this to {PLACES[shell]}."
    assert [line for line in script if line.startswith("#")] == (
        ["#compdef lrfind"] if shell == "zsh" else []
    )


def test_an_unknown_shell_is_exit_code_2(invoke):
    done = invoke("completion", "tcsh")
    assert done.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.stderr


@pytest.mark.slow
def test_neither_script_nor_completion_needs_torch_nor_the_script_its_shell(tmp_path):
    code = (
        "import sys; from lrfind.cli import main\n"
        "from click.shell_completion import BashComplete\n"
        "main(['completion', 'bash'], standalone_mode=False)\n"
        "asked = BashComplete(main, {}, 'lrfind', 'LRFIND').get_completions\n"
        "assert asked(['run'], '--num') and asked(['show', '--rule'], 's') and asked([], '')\n"
        "assert 'torch' not in sys.modules"
    )
    alone = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=alone, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("_lrfind_completion() {")


@pytest.fixture
def folder(tmp_path, invoke):
    """A folder with the scripts, a result, and a start file of zsh."""
    for shell in PLACES:
        (tmp_path / f"script.{shell}").write_text(invoke("completion", shell).stdout)
    (tmp_path / "result.json").touch()
    zshrc = f"autoload -U compinit; compinit -u -D; source {tmp_path}/script.zsh\n"
    (tmp_path / ".zshrc").write_text(zshrc)
    return tmp_path


def typed(shell, folder, line, whole):
    """Type a line and the key TAB, and wait until the shell shows the whole word."""
    env = {**os.environ, "TERM": "dumb", "PS1": "$ ", "ZDOTDIR": str(folder), "HISTFILE": ""}
    child = pexpect.spawn(shell, START[shell], cwd=folder, env=env, timeout=30, encoding="utf-8")
    if shell == "bash":
        child.sendline(f"source {folder}/script.bash")
    child.sendline("echo rea''dy")
    child.expect("ready")
    child.send(f"{line}\t")
    child.expect_exact(whole)
    child.close(force=True)


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("lrfind compl", "completion"),
        ("lrfind show --ru", "--rule"),
        ("lrfind show --rule ste", "steepest"),
        ("lrfind show resu", "result.json"),
    ],
)
def test_a_shell_completes_what_was_begun(shell, folder, line, whole):
    if shell != "fish":
        typed(shell, folder, line, whole)
        return
    asked = f"source {folder}/script.fish; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", asked],
        cwd=folder,
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [each.split("\t")[0] for each in done.stdout.splitlines()] == [whole]
