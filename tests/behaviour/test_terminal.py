"""Colour on a terminal, and nowhere else: not where it is not wanted, nor in a file."""

import os
import sys

import pexpect
import pytest
from makers import make_result

import lrfind

pytestmark = pytest.mark.slow

READERS = [
    ["--help"],
    ["show", "a.json", "--plot"],
    ["compare", "a.json", "b.json"],
    ["show", "a.json", "--detail"],
]
READ = f"""
from lrfind.cli import main
for command in {READERS!r}:
    print('>', *command)
    main(command, standalone_mode=False)
"""
SWEEP = """
from lrfind.demo import digits_problem
digits_problem(model='mlp').range_test(num_iter=40).save('a.json')
"""
WANTED = {
    name: value
    for name, value in os.environ.items()
    if name not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")
}


def shown(folder, code, **environment):
    """What a program prints to a terminal of 60 columns."""
    for name in ("a", "b"):
        make_result().save(folder / f"{name}.json")
    output, status = pexpect.run(
        f'{sys.executable} -c "{code}"',
        withexitstatus=True, timeout=120, cwd=folder, encoding="utf-8",
        env=WANTED | environment, dimensions=(40, 60),
    )  # fmt: skip
    assert status == 0, output
    return output.replace("\r\n", "\n")


def part(output, command):
    """What one of the commands prints."""
    return output.partition(f"> {' '.join(command)}\n")[2].partition("\n> ")[0]


def test_a_terminal_has_colour(tmp_path):
    output = shown(tmp_path, READ, TERM="xterm-256color")
    for command in READERS[1:]:
        assert "\x1b[" in part(output, command), command


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_where_none_is_wanted_there_is_no_escape_code(tmp_path, environment):
    output = shown(tmp_path, READ, **environment)
    assert "\x1b" not in output
    for command in READERS:
        assert len(part(output, command).splitlines()) > 10
    # Nor is anything wider than the terminal but the table of every detail.
    for command in READERS[:-1]:
        assert max(map(len, part(output, command).splitlines())) <= 60


def test_the_bar_shows_rate_and_loss_without_an_escape_code(tmp_path):
    # After each step, however fast they are.
    output = shown(tmp_path, SWEEP, NO_COLOR="1", TERM="xterm", TQDM_MININTERVAL="0")
    assert "\x1b" not in output
    result = lrfind.load(tmp_path / "a.json")
    bars = [line for line in output.split("\r") if line.startswith("range test: ")]
    assert len(bars) > result.lr.size
    last = f" {result.lr.size}/40, lr="
    assert last in bars[-1]
    assert f", loss={result.loss[-1]:.3g} [" in bars[-1]
    assert max(len(line.rstrip()) for line in bars if "\n" not in line) <= 60
