"""The README is true: its code runs, its output is that of the committed run, its links exist."""

import ast
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from makers import README, ROOT

import lrfind
from lrfind import StopReason
from lrfind.cli import main
from lrfind.comparison.table import COLUMNS
from lrfind.support.text import rate

COMMITTED = ROOT / ".github" / "demo" / "result.json"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(program):
    """The words of every `$ program ...` line."""
    lines = re.findall(rf"^\$ ({program}\b.*)$", README, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def without_spaces_at_ends(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.slow
def test_every_python_block_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    names = {}
    # Those of frameworks run with the examples of the frameworks.
    blocks_of_code = [block for block in blocks("python") if "trainer, " not in block]
    exec(blocks_of_code[0], names)
    answer, optimizer = names["answer"], names["optimizer"]
    assert f"Train at  {rate(answer.lr)} " in capsys.readouterr().out
    assert (tmp_path / "range_test.png").exists()
    assert names["scheduler"].base_lrs == [answer.lr]
    assert optimizer.param_groups[0]["lr"] == answer.lr
    for block in blocks_of_code[1:]:
        exec(block, names)
    assert names["result"].stop_reason in (StopReason.COMPLETED, StopReason.DIVERGED)


def test_it_is_read_in_two_minutes():
    assert len(README.split()) <= 1200


def test_one_s_own_model_takes_twelve_statements():
    tree = ast.parse(blocks("python")[0])
    imports = (ast.Import, ast.ImportFrom)
    assert sum(not isinstance(each, imports) for each in tree.body) <= 12


def test_the_printed_table_is_that_of_the_committed_run():
    shown = CliRunner().invoke(main, ["show", str(COMMITTED)]).stdout
    assert without_spaces_at_ends(shown) in map(without_spaces_at_ends, blocks("console"))


def test_the_committed_run_is_the_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(main, ["demo"]).stdout
    assert without_spaces_at_ends(printed) in map(without_spaces_at_ends, blocks("console"))
    fresh, committed = lrfind.load("lrfind-demo/result.json"), lrfind.load(COMMITTED)
    assert fresh.settings == committed.settings
    np.testing.assert_allclose(fresh.loss, committed.loss, rtol=1e-6)


def test_the_demo_fits_a_terminal_and_names_one_rate():
    (shown,) = [block for block in blocks("console") if "Train at" in block]
    lines = shown.splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 72
    assert f"Train at  {rate(lrfind.load(COMMITTED).suggest().lr)} " in shown


@pytest.mark.slow
def test_every_lrfind_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(
        "from lrfind.demo import digits_problem\n\ndef problem():\n    return digits_problem()\n"
    )
    named = [shlex.split(each) for each in re.findall(r"`lrfind ([a-z]+ [^`]+)`", README)]
    found = [words for _, *words in commands("lrfind")] + named
    assert len(found) == 7
    for arguments in found:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output


def test_every_script_and_link_exists():
    scripts = [words[0] for words in commands("scripts/[a-z]+")]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert {"scripts/demo", "scripts/test", "scripts/check"} == set(scripts)
    scripts += re.findall(r"`(scripts/[^`]+)`", README)
    if (ROOT / "notebooks").exists():  # not in the source distribution
        scripts += re.findall(r"`(notebooks/[^`]+)`", README)
    else:
        links = [link for link in links if not link.startswith("notebooks/")]
    assert len(links) >= 2
    assert all((ROOT / name).exists() for name in scripts + links)


def test_every_column_is_explained():
    page = (ROOT / ".github" / "columns.md").read_text()
    explained = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    terms = {term.strip() for cell in explained for term in cell.split(",")}
    for column in COLUMNS:
        name = column.strip().replace("\n", " ").removesuffix(" dec (steps)")
        assert name.removesuffix(" (debiasing)") in terms


def rows_of(text):
    """The rows of figures of markdown tables, by the first cell."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) > 3}


def test_the_table_of_finders_is_that_of_the_locked_families():
    shown = rows_of(README)
    measured = rows_of((ROOT / ".github" / "benchmark" / "peers_locked.md").read_text())
    named = {
        "lrfind, schedule and length told": "lrfind",
        "lrfind, nothing told": "lrfind, nothing known",
        "`lrfind.find_lr`": "lrfind.find_lr",
        "by hand, 12 rates of 33 steps": "grid of 12 rates x 33 steps",
        "fastai valley": "fastai valley",
        "torch-lr-finder": "torch-lr-finder",
    }
    for name, finder in named.items():
        constant, one_cycle, steps = shown[name]
        figures = [f"{float(figure):.2f}" for figure in measured[finder][:6]]
        assert f"{constant}, {one_cycle}".split(", ") == figures
        assert steps == measured[finder][8]


def by_finder(page, column):
    """A column of figures of a page of `.github/benchmark/`, by finder and then by row."""
    lines = (ROOT / ".github" / "benchmark" / page).read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    (head,) = [row for row in rows if row[0] == "finder"]
    found = {}
    for row in rows:
        if row[0].startswith("lrfind"):
            found.setdefault(row[0], []).append(float(row[head.index(column)].rstrip("%")))
    return {name: np.array(values) for name, values in found.items()}


def test_the_figures_beside_the_table_are_those_of_the_pages():
    words = " ".join(README.split())
    held = by_finder("lrfind_locked.md", "interval holds")
    told, untold = held["lrfind"], held["lrfind, nothing known"]
    assert f"in {untold.mean():.0f} to {told.mean():.0f} %, at worst" in words
    assert f"(4,800 steps, untold) in {min(told.min(), untold.min()):.0f} %" in words
    lost = by_finder("lrfind.md", "regret")
    told, untold = lost["lrfind"], lost["lrfind, nothing known"]
    both = np.concatenate([told, untold])
    assert f"lrfind loses [{both.min():.2f} to {both.max():.2f}]" in words
    assert f"told {told.mean():.2f} in the mean and untold {untold.mean():.2f}" in words
