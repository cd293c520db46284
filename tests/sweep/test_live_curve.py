"""The picture of a sweep that runs: what it draws, and how seldom."""

import io
import math

import numpy as np
import pytest
from makers import make_result
from matplotlib import rc_context
from matplotlib.image import imread

from lrfind import debiased_ema
from lrfind.sweep import live_curve
from lrfind.sweep.live_curve import LiveCurve, limits

SPAN = (1e-7, 10.0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, and how long each publishing of a picture takes by it."""

    class Clock:
        now, takes = 100.0, 0.0

        def pass_by(self, *_):
            self.now += self.takes

    made = Clock()
    monkeypatch.setattr(live_curve, "perf_counter", lambda: made.now)
    return made


def drawn(loss, lr=None):
    """The curve of a sweep with these losses."""
    lr = make_result().lr[: len(loss)] if lr is None else lr
    curve = LiveCurve(SPAN, len)
    curve.draw(lr, loss, "a title")
    return curve


def test_it_draws_the_losses_and_their_average_on_the_planned_range():
    result = make_result()
    ax = drawn(list(result.loss[:50])).ax
    raw, average = ax.lines
    np.testing.assert_array_equal(raw.get_xydata(), np.c_[result.lr[:50], result.loss[:50]])
    np.testing.assert_array_equal(average.get_xdata(), result.lr[:50])
    np.testing.assert_array_equal(average.get_ydata(), debiased_ema(result.loss[:50], 0.98))
    assert ax.get_xscale() == "log"
    assert ax.get_xlim() == SPAN
    assert ax.get_title() == "a title"


@pytest.mark.parametrize(("steps", "shown"), [(499, 499), (500, 500), (501, 251), (1234, 412)])
def test_of_many_losses_it_draws_every_k_th_and_the_last(steps, shown):
    lr, loss = np.geomspace(1e-7, 10, steps), np.sin(np.arange(steps))
    for line, values in zip(
        drawn(list(loss), lr).ax.lines, (loss, debiased_ema(loss, 0.98)), strict=True
    ):
        x, y = line.get_data()
        assert x.size == shown <= 500
        assert (x[-1], y[-1]) == (lr[-1], values[-1])
        np.testing.assert_array_equal(values[np.searchsorted(lr, x)], y)


@pytest.mark.parametrize("loss", [[], [math.nan], [math.inf], [2.0], [2.0, math.inf], [1.0, 1.0]])
def test_few_losses_or_none_are_no_error(loss):
    raw, _ = drawn(loss).ax.lines
    assert raw.get_ydata().tolist() == [each for each in loss if math.isfinite(each)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("span", [SPAN, (1e-300, 1e300), (5e-324, 1.7e308)])
@pytest.mark.parametrize("size", [1e308, -1.7e308, 1e-310, 5e-324, 0.0])
def test_no_size_of_losses_or_rates_ends_the_sweep(size, span):
    curve = LiveCurve(span, len)
    lr = np.geomspace(*span, 9)
    for loss in (size * np.linspace(1, -1, 9), np.full(9, size), size * np.array([1e-9, 1])):
        curve.draw(lr[: loss.size], loss, "a title")
    assert ("loss / " in curve.ax.get_ylabel()) == (abs(size) > 1e290)


def test_the_fall_fills_the_picture_and_a_blow_up_leaves_it():
    loss = make_result().loss
    low, high = limits(loss, debiased_ema(loss, 0.98))
    assert low < loss.min()
    assert loss[:60].max() < high < loss.max()
    assert limits(np.array([2.0]), np.array([2.0])) == (1.9, 2.35)


def test_each_picture_is_a_whole_png():
    pictures = []
    curve = LiveCurve(SPAN, pictures.append)
    assert not pictures, "nothing is drawn before there is a loss"
    for count in (1, 20):
        curve.draw(make_result().lr[:count], list(make_result().loss[:count]), "")
    assert [imread(io.BytesIO(each)).shape for each in pictures] == [(256, 480, 4)] * 2


def test_it_is_drawn_without_latex():
    pictures = []
    for tex in (False, True):
        with rc_context({"text.usetex": tex}):
            curve = LiveCurve(SPAN, pictures.append)
            curve.draw(make_result().lr[:20], list(make_result().loss[:20]), "a title")
    plain, asked = pictures
    assert plain == asked


@pytest.mark.parametrize(("takes", "pause"), [(0.0, 0.5), (0.004, 0.5), (0.02, 2.0), (1.0, 100.0)])
def test_it_is_drawn_again_after_half_a_second_and_in_a_hundredth_of_the_time(clock, takes, pause):
    curve = LiveCurve(SPAN, clock.pass_by)
    assert not curve.is_due
    clock.now += 0.5
    assert curve.is_due
    clock.takes = takes
    curve.draw(np.array([1.0]), [1.0], "")
    clock.now += pause - 1e-6
    assert not curve.is_due
    clock.now += 2e-6
    assert curve.is_due


def test_of_a_long_sweep_drawing_takes_one_percent(clock):
    curve, start, drawn = LiveCurve(SPAN, clock.pass_by), clock.now, []
    clock.takes = 1.0
    while clock.now < start + 300:
        clock.now += 0.125
        if curve.is_due:
            drawn.append(clock.now - start)
            curve.draw(np.array([1.0]), [1.0], "")
    assert drawn == [0.5, 101.5, 202.5]
