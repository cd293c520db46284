"""Names of the user's in a figure, and the figures of pyplot."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_result
from matplotlib import pyplot
from matplotlib.figure import Figure

from lrfind.support.axes import KEPT, new_axes, no_formula, shown_name, title


def pixels(text, **how):
    figure = Figure(figsize=(4, 1), dpi=50)
    figure.text(0, 0.5, text, **how)
    image = io.BytesIO()
    figure.savefig(image, format="raw")
    return np.frombuffer(image.getvalue(), np.uint8)


@pytest.mark.parametrize("name", ["$x$", "$$", r"$\frac$", r"a\$b$", "_$a", "one $ only", "plain"])
def test_a_name_is_drawn_letter_by_letter(name):
    letters = pixels(name, parse_math=False)
    if r"\$" not in name:  # which matplotlib draws as "$" wherever it stands
        assert np.array_equal(pixels(shown_name(name)), letters)
    assert pixels(shown_name(name)).size == letters.size


@given(st.text(alphabet="$\\{}_^ab", max_size=12))
def test_no_name_is_a_formula(name):
    from matplotlib.cbook import is_math_text

    assert not is_math_text(no_formula(name))


def test_a_long_name_is_cut_at_either_end():
    name = "abcdefgh" * 8
    assert shown_name(name) == name[:31] + "…"
    assert shown_name(name, end=True) == "…" + name[-31:]
    assert shown_name(name[:32]) == name[:32]


def test_a_title_with_a_name_is_drawn():
    figure = Figure()
    ax = figure.add_subplot()
    title(ax, r"the task $\frac$ has no losses")
    figure.savefig(io.BytesIO(), format="png")
    assert ax.get_title() == r"the task \$\frac\$ has no losses"


@pytest.fixture
def no_figures():
    """No figures of pyplot before and after a test."""
    pyplot.close("all")
    yield
    pyplot.close("all")


@pytest.mark.usefixtures("no_figures")
def test_fifty_figures_on_a_server_are_kept_by_who_holds_them_alone():
    mine = pyplot.figure()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's, of more than 20
        figures = [new_axes().figure for _ in range(50)]
    assert pyplot.get_fignums()[0] == mine.number
    kept = [pyplot.figure(number) for number in pyplot.get_fignums()[1:]]
    assert kept == figures[-KEPT:]
    first = figures[0]
    first.axes[0].plot([1, 2])
    image = io.BytesIO()
    first.savefig(image)
    assert image.getvalue()[:4] == b"\x89PNG"


@pytest.mark.usefixtures("no_figures")
def test_the_last_figure_is_the_current_one():
    for _ in range(KEPT + 2):
        ax = new_axes()
        assert pyplot.gca() is ax


@pytest.mark.usefixtures("no_figures")
def test_where_figures_are_shown_all_stay_open(monkeypatch):
    monkeypatch.setattr(pyplot, "get_backend", lambda: "TkAgg")
    for _ in range(15):
        new_axes()
    assert len(pyplot.get_fignums()) == 15


@pytest.mark.usefixtures("no_figures")
def test_plots_of_a_result_in_a_loop_warn_of_nothing():
    result = make_result()
    answer = result.suggest()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(25):
            result.plot_betas(suggestion=answer)
    assert len(pyplot.get_fignums()) == KEPT
