"""The ticks of a loss axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.ticker import AutoLocator

from lrfind.support.ticks import TicksFrom


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(-1e6, 1e6))
def test_they_are_those_of_matplotlib_less_what_lies_too_low(low, height, lowest):
    usual = AutoLocator().tick_values(low, low + height)
    assert TicksFrom(lowest).tick_values(low, low + height) == pytest.approx(usual[usual >= lowest])
