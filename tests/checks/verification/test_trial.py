"""The loss that a short training is heading for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_trial


@pytest.mark.parametrize(
    ("halfway", "end", "straight", "expected"),
    [
        (1.0, 0.5, False, 0.5 * 0.5**2),
        (0.8, 0.6, False, 0.6 * 0.75**2),
        (0.5, 1.0, False, 1.0),
        (0.5, 0.5, False, 0.5),
        (1.0, 0.5, True, 0.5 - 2 * 0.5),
        (-1.0, -2.0, True, -4.0),
        (-2.0, -1.0, True, -1.0),
        (1.0, math.inf, False, math.inf),
        (math.nan, 1.0, False, math.inf),
    ],
)
def test_a_fall_is_carried_on_and_a_rise_is_not(halfway, end, straight, expected):
    assert make_trial(0.1, halfway, end).heading(straight=straight) == pytest.approx(expected)


@given(st.floats(0.01, 10), st.floats(0.05, 0.95), st.integers(1, 40))
def test_an_exponential_decay_is_carried_on_exactly(start, factor, half):
    """Twice as far again: from 2 halves to 4."""
    at = [start * factor ** (half * k) for k in range(5)]
    if at[4] > 1e-300:
        assert make_trial(0.1, at[1], at[2]).heading() == pytest.approx(at[4], rel=1e-9)
