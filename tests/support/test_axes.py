"""Names of the user's in a figure."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from lrfind.support.axes import no_formula, shown_name, title


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
