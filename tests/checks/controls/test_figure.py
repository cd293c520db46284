"""The figure of the controls, through the numbers it draws."""

import numpy as np
import pytest
from makers import N, make_controls, make_result
from matplotlib import pyplot
from matplotlib.colors import to_hex

from lrfind import Controls
from lrfind.analysis.centred_line import centred_line
from lrfind.analysis.schedule import producing_lr
from lrfind.result.constant_run import ConstantRun
from lrfind.support.text import rate


def drawn(ax):
    """Every labelled line as (x, y), by the beginning of its label."""
    return {
        str(line.get_label()).partition(", minimum")[0]: np.array(line.get_data(), dtype=float)
        for line in ax.get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_every_run_is_drawn_where_the_sweep_had_the_same_batch():
    found = make_controls(suggested=ConstantRun(0.02, np.linspace(2, 1, 30)))
    lines = drawn(found.plot())
    rates = producing_lr(found.result.lr)
    for label, losses in [
        ("sweep", found.result.loss),
        ("constant LR 1.0e-07", found.constant.loss),
        ("constant LR 0.020", found.suggested.loss),
        ("frozen-weights control", found.frozen),
    ]:
        np.testing.assert_array_equal(lines.pop(label), [rates[: losses.size], losses])
    assert list(lines) == ["sweep, centred", "time-corrected, centred"]
    for (label, (_, values)), curves in zip(
        lines.items(), (found.result.curves(), found.curves("time")), strict=True
    ):
        np.testing.assert_array_equal(values, centred_line(curves), err_msg=label)


def test_both_minima_are_marked_and_in_the_legend():
    found = make_controls()
    ax = found.plot()
    marks = [line.get_xydata()[0].tolist() for line in ax.get_lines() if len(line.get_xdata()) == 1]
    lows = [each.minimum("centred") for each in (found.result.curves(), found.curves("time"))]
    for (lr, height), low in zip(marks, lows, strict=True):
        assert (lr, height) == (low.lr, pytest.approx(low.loss, rel=1e-9))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.split()[-1] for label in labels[-2:]] == [rate(low.lr) for low in lows]


def test_the_time_at_the_minimum_is_a_line_of_its_length():
    found = make_controls()
    ax = found.plot()
    (((x, low), (_, high)),) = ax.collections[0].get_segments()
    assert x == found.time.lr
    assert high - low == pytest.approx(found.time.time_fall)
    said = f"{found.time.share:.0%} of the loss decrease\nis training time alone"
    assert ax.texts[0].get_text() == said


def test_the_picture_holds_every_curve_of_a_usual_sweep():
    found = make_controls()
    low, high = found.plot().get_ylim()
    for curves in (found.result.curves(), found.curves("time")):
        lowest = curves.minimum("centred").step
        assert ((low < curves.loss[: lowest + 1]) & (curves.loss[: lowest + 1] < high)).all()
    assert ((low < found.frozen) & (found.frozen < high)).all()


def test_the_runs_are_told_apart_by_colour_and_it_draws_where_it_is_told():
    _, (_, right) = pyplot.subplots(1, 2)
    found = make_controls(suggested=ConstantRun(0.02, np.ones(N)))
    assert found.plot(right) is right
    labelled = [line for line in right.get_lines() if len(line.get_xdata()) > 1]
    assert len({to_hex(line.get_color()) for line in labelled}) == len(labelled) == 6


def test_a_sweep_without_a_fall_has_no_line_and_no_mark():
    flat = Controls(make_result(np.ones(N)), ConstantRun(1e-7, np.ones(N)))
    ax = flat.plot()
    assert not ax.collections
    assert all(len(line.get_xdata()) > 1 for line in ax.get_lines())


def test_the_probe_is_drawn_at_the_rates_that_moved_it():
    probe = make_result().loss + 0.1
    found = make_controls(probe=probe)
    np.testing.assert_array_equal(drawn(found.plot())["probe batch"], [found.result.lr, probe])
