"""Every task has a page, and the locked ones have no results on it."""

import numpy as np
import pytest
from makers import ROOT
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_pages import call, page, pages
from oracle_table import Entry

NAME = "friedman 1 mlp, Nesterov"


def entry():
    losses = np.ones((2, 2, 3, 29))
    losses[..., 16] = 0.25
    rates = ORACLE_TASKS[NAME].rates
    return Entry(rates, (300, 1200, 4800), np.full((2, 2), 2.0), {"constant": losses})


def test_a_page_tells_data_network_optimizer_epochs_and_results():
    text = page(NAME, "regression tables", ORACLE_TASKS[NAME], entry())
    for part in ("friedman(number=1, size=2000, noise=0.2)", "1500 training", "9,729 parameters",
                 "3 Linear", "SGD (momentum=0.9", "batches of 32", "at 4,800 steps",
                 "| constant | 300 | 0.1 | 0.25 |"):  # fmt: skip
        assert part in text, part


def test_a_page_of_a_locked_family_has_no_results():
    name = next(name for name in ORACLE_TASKS if FAMILY_OF[name] in LOCKED)
    text = page(name, FAMILY_OF[name], ORACLE_TASKS[name], entry())
    assert "(locked)" in text
    assert "best rate" not in text


@pytest.mark.slow
def test_every_task_has_a_page():
    text = pages(None)
    for name in ORACLE_TASKS:
        assert text.count(f"\n### {name}\n") == 1
    assert " object at 0x" not in text


def test_functions_and_partials_are_named_with_their_arguments():
    assert call(len) == "len"
    assert call(ORACLE_TASKS["iris mlp, Adam"].network) == "dense(widths=(4, 16, 3))"


def test_the_committed_pages_are_those_of_the_tasks():
    text = (ROOT / ".github" / "oracle" / "tasks.md").read_text()
    headings = [line[4:] for line in text.splitlines() if line.startswith("### ")]
    assert headings == list(ORACLE_TASKS)
