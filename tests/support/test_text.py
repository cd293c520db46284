"""Numbers as a person reads them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.support.text import rate, times


@pytest.mark.parametrize(
    ("lr", "shown"),
    [
        (0.018234, "0.018"),
        (0.1, "0.10"),
        (2.0, "2.0"),
        (12.3, "12"),
        (1e-6, "1.0e-06"),
        (0.0, "0.0"),
    ],
)
def test_a_rate_has_two_digits(lr, shown):
    assert rate(lr) == shown


@given(st.floats(1e-12, 99.4))
def test_a_rate_is_read_back_within_half_of_its_last_digit(lr):
    shown = rate(lr)
    assert math.isclose(float(shown), lr, rel_tol=0.05)
    assert not shown.endswith(".")


@pytest.mark.parametrize("distance", [333.4, -333.4])
def test_a_factor_beyond_the_floats_is_told_by_its_exponent(distance):
    assert times(distance) == f"1e+333x {'up' if distance > 0 else 'down'}"


@given(st.floats(-9, 9))
def test_a_factor_has_its_direction_unless_it_is_one(distance):
    factor, _, way = times(distance).partition(" ")
    assert math.isclose(float(factor[:-1].replace(",", "")), 10 ** abs(distance), rel_tol=0.051)
    assert way == ("" if factor == "1.0x" else "up" if distance > 0 else "down")
