import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.loss_unit import in_full, loss_unit
from lrfind.analysis.suggestion import suggest


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_a_unit_is_a_power_of_two_and_leaves_room_for_sums(losses):
    unit = loss_unit(np.array(losses))
    assert np.frexp(unit)[0] == 0.5
    assert np.abs(np.array(losses) / unit).max() <= 2.0**960
    assert unit == 1 or np.abs(losses).max() >= 2.0**960


def test_in_full_stays_within_the_floats():
    assert in_full(3.0, 4.0) == 12.0
    assert in_full(2.0**1023, 2.0) == sys.float_info.max
    assert in_full(-(2.0**1023), 2.0) == -sys.float_info.max


@pytest.mark.parametrize("power", [-900, -300, 300, 900, 1000, 1010])
def test_losses_on_any_scale_have_the_same_answer(power):
    lr = np.geomspace(1e-6, 10, 200)
    noise = np.random.default_rng(0).normal(scale=0.02, size=200)
    loss = (np.log10(lr) + 1.5) ** 2 + 0.5 + noise
    one, scaled = SweepCurves(lr, loss), SweepCurves(lr, loss * 2.0**power)
    assert suggest(scaled).lr == suggest(one).lr
    assert suggest(scaled).interval == suggest(one).interval
    assert scaled.minimum("debiased").loss == one.minimum("debiased").loss * 2.0**power
    assert scaled.every(2).unit == scaled.unit
