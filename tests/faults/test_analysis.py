"""The analysis of any finite losses at any rates: an answer in finite numbers, or one clear error.

Warnings are errors here as in all tests.
"""

import json
import sys
from contextlib import suppress

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from lrfind import CannotTellError, RangeTestResult, StopReason
from lrfind.analysis.curves import CURVES
from lrfind.analysis.rules import RULES
from lrfind.result.page_answers import Choices
from lrfind.result.page_data import page_data
from lrfind.result.settings import SweepSettings

LARGEST = 1e308
EDGES = [0.0, 5e-324, 1e-310, sys.float_info.min, 1e-16, 1.0, 1e16, 1e154, 1e300, LARGEST]
VALUES = st.one_of(
    st.floats(-LARGEST, LARGEST),
    st.floats(-1e3, 1e3),
    st.sampled_from([*EDGES, *(-e for e in EDGES)]),
)
SIZES = st.one_of(st.integers(2, 40), st.integers(2, 300))
KINDS = st.sampled_from(["values", "constant", "alternating", "steps", "trend", "well"])


@st.composite
def losses(draw, size):
    """Any finite losses, from arbitrary ones to those of a sweep on any scale."""
    kind = draw(KINDS)
    if kind == "values":
        return np.resize(draw(st.lists(VALUES, min_size=1, max_size=min(size, 60))), size)
    if kind in ("constant", "alternating", "steps"):
        some = draw(st.lists(VALUES, min_size=1, max_size=1 if kind == "constant" else 3))
        return (
            np.repeat(some, -(-size // len(some)))[:size]
            if kind == "steps"
            else np.resize(some, size)
        )
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    scale, noise = draw(st.floats(0, 1e307)), draw(st.sampled_from([0.0, 1e-12, 0.05, 1.0]))
    place = np.linspace(-1, 1, size)
    shape = draw(st.sampled_from([-1, 1])) * place
    if kind == "well":
        shape = 1 + (place - draw(st.floats(-0.9, 0.9))) ** 2
    values = (shape + noise * rng.standard_normal(size).clip(-3, 3)) * scale
    if draw(st.booleans()):
        values[draw(st.integers(0, size - 1)) :] = draw(VALUES)
    return values + draw(VALUES) / 10


@st.composite
def rates(draw, size):
    """Rising rates from 1e-300 to 1e300, evenly spaced in log10 or not."""
    low, high = sorted(draw(st.lists(st.floats(-300, 300), min_size=2, max_size=2)))
    if draw(st.booleans()):
        low, high = max(low, -9.0) if low < 0 else -9.0, 2.0
    spaced = 10 ** np.linspace(low, high, size)
    if draw(st.booleans()):
        spaced = np.linspace(10**low, 10**high, size)
    return spaced if (np.diff(spaced) > 0).all() else 10 ** np.linspace(-300, 300, size)


@st.composite
def sweeps(draw, sizes=SIZES):
    """A record with a probe, a metric and a task."""
    size = draw(sizes)
    lr = draw(rates(size))
    return RangeTestResult(
        lr,
        draw(losses(size)),
        draw(st.sampled_from(StopReason)),
        SweepSettings(
            float(lr[0]), float(lr[-1]), size, draw(st.sampled_from(["exp", "linear"])), None
        ),
        probe=draw(losses(size)),
        metric=draw(losses(size)),
    )


def finite(found, where="it"):
    """Raise if there is a number that is not finite anywhere in plain values."""
    if isinstance(found, dict):
        for name, value in found.items():
            finite(value, f"{where}[{name!r}]")
    elif isinstance(found, (list, tuple)):
        for place, value in enumerate(found):
            finite(value, f"{where}[{place}]")
    elif isinstance(found, (float, np.ndarray, np.floating)):
        assert np.isfinite(found).all(), f"{where} is {found}"


def fuzzed(default):
    return tried(
        max_examples=default, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def test_every_number_is_finite(cases):
    @fuzzed(cases(50))
    @given(sweeps(), st.sampled_from(["train", "probe"]))
    def check(result, source):
        numbers_of(result, source)

    check()


def test_every_figure_can_be_drawn(cases):
    @fuzzed(cases(500, among=100))  # a figure takes as long as a hundred answers
    @given(sweeps(st.integers(2, 60)))
    def check(result):
        figures_of(result)

    check()


KNOWN = {
    "constant and huge": (1e-6, 10, np.full(60, 1e300)),
    "alternating between the largest": (1e-6, 10, np.resize([LARGEST, -LARGEST], 60)),
    "one denormal": (1e-6, 10, np.eye(60)[30] * 5e-324),
    "a fall of one rounding error": (1e-6, 10, 1e16 - 2 * (np.arange(90) > 5)),
    "600 decades": (1e-300, 1e300, 1 + np.linspace(-1, 1, 60) ** 2),
    "600 decades, rising": (1e-300, 1e300, np.linspace(1, 2, 60)),
    "noise over 600 decades": (1e-300, 1e300, np.random.default_rng(0).normal(size=60)),
    "a step that smoothing moves by 333 decades": (1e-300, 1e300, np.repeat([1.0, 0.0], [4, 6])),
    "two losses": (1e-300, 1e300, np.array([LARGEST, -LARGEST])),
    "falling out of the floats": (1e-6, 10, np.geomspace(1, 1e-320, 200)),
}


def known(name):
    low, high, loss = KNOWN[name]
    lr = np.geomspace(low, high, loss.size)
    settings = SweepSettings(low, high, loss.size, "exp", None)
    return RangeTestResult(lr, loss, StopReason.COMPLETED, settings, probe=loss, metric=-loss)


def test_a_figure_whose_probe_alone_has_an_extreme_rate():
    lr, loss = np.array([1.0, 1e262]), np.zeros(2)
    settings = SweepSettings(1.0, 1e262, 2, "exp", None)
    figures_of(RangeTestResult(lr, loss, StopReason.COMPLETED, settings, probe=loss))


def test_rates_that_their_logarithms_cannot_tell_apart():
    lr, loss = np.linspace(1e-300, 1.0000000000001308e-300, 4), np.resize([0.0, 1.0], 4)
    settings = SweepSettings(float(lr[0]), float(lr[-1]), 4, "exp", None)
    numbers_of(RangeTestResult(lr, loss, StopReason.COMPLETED, settings, probe=loss), "train")


@pytest.mark.parametrize("name", KNOWN)
def test_known_extremes(name):
    numbers_of(known(name), "train")


@pytest.mark.parametrize("name", ["constant and huge", "noise over 600 decades"])
def test_known_extremes_can_be_drawn(name):
    figures_of(known(name))


def numbers_of(result, source):
    """Ask for everything that is a number or a text."""
    curves = result.curves(source)
    for name in CURVES:
        finite(curves.curve(name), name)
        finite(vars(curves.minimum(name)), name)
    finite(vars(curves.expected_minimum))
    finite([curves.plausible, curves.resolution, curves.fit.level])
    posterior = curves.posterior
    finite([posterior.chance, posterior.unaided, posterior.mean, posterior.deviation])
    finite([posterior.interval(), posterior.interval(0.0)])
    for rule, kind in RULES.items():
        for question in [{"curve": each} for each in CURVES] if kind.reads_curve else SCHEDULED:
            finite(result.suggest(rule, source=source, **question).to_dict(), rule)
    finite(result.compare((0.0, 0.9, 0.999), source=source).to_dict())
    str(result.compare(source=source))
    sensitivity = result.sensitivity((0.0, 0.98), source=source)
    finite(sensitivity.to_dict())
    str(sensitivity)
    for detail in (False, True):
        str(result.summary(detail=detail))
    finite(result.to_dict())
    json.dumps(page_data(result, "x", Choices((0.0, 0.98, 0.999), (300,))), allow_nan=False)
    with suppress(CannotTellError):
        finite(vars(result.bounds()))


SCHEDULED = [{}, {"schedule": "constant"}, {"schedule": "one_cycle", "total_steps": 1_000_000}]


def figures_of(result):
    """Draw everything and look at the limits of the axes."""
    for draw in (result.plot, lambda: result.plot(detail=True), result.plot_betas):
        ax = draw()
        ax.figure.canvas.draw()
        finite([*ax.get_xlim(), *ax.get_ylim()], "limits")
        plt.close(ax.figure)
