"""The README is true: its code runs, its output is that of the committed run, its links exist."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from makers import README, ROOT

import lrfind
from lrfind.cli import main
from lrfind.comparison.table import COLUMNS
from lrfind.demo import digits_problem

COMMITTED = ROOT / ".github" / "demo" / "result.json"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands(program):
    """The words of every `$ program ...` line."""
    lines = re.findall(rf"^\$ ({program} .*)$", README, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


def without_spaces_at_ends(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.slow
def test_every_python_block_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    problem = digits_problem()
    names = {
        "model": problem.model,
        "optimizer": problem.optimizer,
        "loss_fn": problem.loss_fn,
        "train_loader": problem.train_loader,
    }
    for block in blocks("python"):
        exec(block, names)
    assert "debiased EMA 0.98" in capsys.readouterr().out
    assert (tmp_path / "run.json").exists()
    assert names["result"].lr.size > 0


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


def test_the_claims_about_the_run_hold():
    debiased = lrfind.load(COMMITTED).compare().row("debiased", 0.98)
    assert debiased.from_centred.decades == pytest.approx(1.22, abs=0.005)
    assert debiased.smoothing == pytest.approx(1.15, abs=0.005)
    assert debiased.error == pytest.approx(0.14, abs=0.005)
    assert debiased.debiasing == pytest.approx(0, abs=0.005)
    assert abs(debiased.noise_from_raw) > 0.3, "the raw minimum is a stroke of luck"


@pytest.mark.slow
def test_every_lrfind_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(
        "from lrfind.demo import digits_problem\n\n"
        "def problem(seed=0):\n    return digits_problem(seed=seed)\n"
    )
    found = commands("lrfind")
    assert len(found) == 6
    for _, *arguments in found:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output


def test_every_script_and_link_exists():
    scripts = [words[0] for words in commands("scripts/[a-z]+")]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert {"scripts/demo", "scripts/test"} == set(scripts)
    assert len(links) >= 2
    assert all((ROOT / name).is_file() for name in scripts + links)


def test_every_column_is_explained():
    explained = re.findall(r"^\| ([^|]+) \|", README, re.MULTILINE)
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
