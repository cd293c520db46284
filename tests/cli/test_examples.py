"""The help texts: no line wider than the terminal, and examples that run."""

import re
import shlex

import click
import pytest
from makers import make_result

from lrfind.cli import COMMANDS, main

WIDTHS = (60, 72, 80, 120)
PROBLEMS = """
import torch
from torch import nn
import lrfind

def build(size=8):
    data = [(torch.randn(size, 2), torch.zeros(size, 1)) for _ in range(4)]
    model = nn.Linear(2, 1)
    return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data

def problem():
    return build()
"""

SHORT = {
    "demo": ["--num-iter", "20"],
    "run": ["--num-iter", "20"],
    "repeat": ["--num-iter", "20", "--jobs", "1"],
}
"""What makes an example short."""


def help_of(*command):
    """The help text, in as many columns as the terminal has; click's own runner has 80."""
    context = click.Context(main, info_name="lrfind", **main.context_settings)
    for name in command:
        context = click.Context(main.get_command(context, name), context, info_name=name)
    return context.get_help()


def examples(text):
    """The lines of the section, without their indentation."""
    return [line.strip() for line in text.partition("\nExamples:\n")[2].splitlines()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_no_line_of_a_help_text_is_wider_than_the_terminal(monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = help_of(*command)
    assert max(map(len, text.splitlines())) <= width
    monkeypatch.setenv("COLUMNS", "80")
    assert examples(text) == examples(help_of(*command)) != []


def test_a_help_text_takes_the_room_that_there_is(monkeypatch):
    lines = {}
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        lines[width] = help_of("run").splitlines()
    assert len(lines[60]) > len(lines[80]) > len(lines[120])
    assert 80 < max(map(len, lines[120])) <= 100


@pytest.mark.slow
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
def test_every_example_runs(invoke, tmp_path, command):
    shown = examples(help_of(*command))
    if not command:  # what a command's own help shows is run there
        own = {line for name in COMMANDS for line in examples(help_of(name))}
        shown = [line for line in shown if line not in own]
    (tmp_path / "train.py").write_text(PROBLEMS)
    for name in ("result", "sgd", "adam", "lrfind-demo/result"):
        (tmp_path / f"{name}.json").parent.mkdir(exist_ok=True)
        make_result().save(tmp_path / f"{name}.json")
    make_result().to_csv(tmp_path / "history.csv")
    for line in shown:
        # What is evaluated is the output of a command.
        program, *words = shlex.split(re.sub(r'^eval "\$\((.*)\)"$', r"\1", line))
        short = [] if {"--num-iter", "--budget"} & {*words} else SHORT.get(words[0], [])
        done = invoke(*words, *short)
        assert (program, done.exit_code) == ("lrfind", 0), f"{line}: {done.output}"
