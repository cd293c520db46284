import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lrfind.support.rates import all_decades_between, decades_between, middle_rate

RATES = st.floats(1e-300, 1e300)


@given(st.floats(1e-12, 1e6), st.floats(1e-12, 1e6))
def test_an_ordinary_distance_is_the_logarithm_of_the_ratio_to_the_last_bit(low, high):
    assert decades_between(low, high) == math.log10(high / low)
    found = all_decades_between(np.array([low]), np.array([high]))
    assert found.tolist() == np.log10(np.array([high]) / np.array([low])).tolist()
    assert middle_rate(low, high) == math.sqrt(low * high)


@given(RATES, RATES)
def test_any_distance_is_finite(low, high):
    wanted = math.log10(high) - math.log10(low)
    assert math.isclose(decades_between(low, high), wanted, abs_tol=1e-12)
    found = all_decades_between(np.array([low]), np.array([high]))
    assert math.isclose(float(found[0]), wanted, abs_tol=1e-12)
    between = (math.log10(low) + math.log10(high)) / 2
    assert math.isclose(math.log10(middle_rate(low, high)), between, abs_tol=1e-12)


def test_the_largest_distance():
    assert math.isclose(decades_between(1e-300, 1e300), 600)
    assert math.isclose(decades_between(1e300, 1e-300), -600)
    assert math.isnan(float(all_decades_between(np.array([np.nan]), np.array([1.0]))[0]))
