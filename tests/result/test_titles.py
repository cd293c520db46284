"""The titles: the rate and whether to trust it, on one line."""

from dataclasses import replace

import numpy as np
import pytest
from makers import make_result, noisy_result
from matplotlib import pyplot

from lrfind import CannotTell, Verdict
from lrfind.analysis.flags import Flag
from lrfind.result.titles import title_answer
from lrfind.result.trust import TRUST


def titled(answer, width=8.0, engine="constrained"):
    """The axes with an answer as the title."""
    figure = pyplot.figure(figsize=(width, 3), layout=engine)
    ax = figure.subplots()
    title_answer(ax, answer)
    figure.canvas.draw()
    extent = ax.title.get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= figure.bbox.x1
    assert extent.y1 <= figure.bbox.y1
    assert extent.y0 >= ax.get_window_extent().y1
    return ax.get_title()


@pytest.fixture
def clear():
    return replace(noisy_result().suggest(), lr=0.018)


def test_a_clear_answer_is_its_rate_and_that_word(clear):
    assert titled(clear, 3.0) == "Train at 0.018 (clear)"


@pytest.mark.parametrize("engine", ["constrained", None])
@pytest.mark.parametrize("verdict", sorted(Verdict, key=lambda each: each.name))
def test_every_other_verdict_says_on_one_line_what_is_wrong(clear, verdict, engine):
    answer = replace(clear, verdict=verdict, reason=verdict.value)
    name = verdict.name.lower().replace("_", " ")
    words = f"{name}: {TRUST[verdict].short}" if TRUST[verdict].short else name
    assert titled(answer, 5.0, engine) == f"Train at 0.018 ({words})"
    assert titled(answer, 2.4) == f"Train at 0.018 ({name})"


def test_what_else_speaks_against_it_is_said_or_at_least_named(clear):
    answer = replace(clear, flags=(Flag.UNFINISHED,))
    assert titled(answer) == "Train at 0.018 (clear, but the sweep is not over)"
    assert titled(answer, 4.0) == "Train at 0.018 (clear, but unfinished)"


def test_a_flag_that_repeats_the_verdict_is_not_said_twice():
    answer = make_result(np.linspace(3, 1, 100)).suggest()
    assert answer.verdict is Verdict.AT_END
    assert titled(answer).endswith(" (at end: the loss still falls)")


@pytest.mark.parametrize("width", [5.0, 8.0])
@pytest.mark.parametrize("engine", ["constrained", None])
def test_without_a_rate_it_says_why_in_few_words(width, engine):
    answer = CannotTell("the loss is lowest where the sweep starts, so try: lower it", "expected")
    said = titled(answer, width, engine)
    assert said.startswith("No rate: the loss is lowest where the sweep starts")
    assert "lower it" not in said
