"""The figures of several tasks, through the numbers they draw."""

import numpy as np
import pytest
from makers import SETTINGS, line, make_result
from matplotlib import pyplot

from lrfind import CannotTellError, RangeTestResult, StopReason, debiased_ema
from lrfind.support.text import rate


def noisy(gap=False):
    """A task of about 1000 and one of about 1, with the minimum elsewhere."""
    one = make_result().loss
    rng = np.random.default_rng(0)
    rul = 1000 * (one + rng.normal(scale=0.05, size=100))
    health = np.append(one[12:], np.geomspace(one[-1], 50, 12)) + rng.normal(scale=0.03, size=100)
    if gap:
        health[10:90:3] = np.nan
    lr = np.geomspace(1e-7, 10, 100)
    total = rul + np.nan_to_num(health)
    tasks = {"rul": rul, "health": health}
    return RangeTestResult(lr, total, StopReason.COMPLETED, SETTINGS, tasks=tasks)


def test_each_task_and_the_total_are_drawn_from_0_at_the_lowest_to_1_at_the_initial_level():
    result = noisy()
    ax = result.plot_tasks()
    for label, source in [("total", "train"), ("rul", "rul"), ("health", "health")]:
        fit = result.curves(source).fit
        rates, values = line(ax, f"{label}, minimum")
        drawn = np.isfinite(values)
        np.testing.assert_array_equal(rates, result.curves(source).lr)
        height = fit.level - fit.curve.min()
        np.testing.assert_allclose(
            values[drawn], (fit.curve[drawn] - fit.curve.min()) / height, atol=1e-9
        )
    assert ax.get_xscale() == "log"


def test_minima_are_marked_and_named_with_the_suggested_rates():
    result = noisy()
    ax = result.plot_tasks()
    lines = ax.get_lines()
    marks = {
        item.get_xdata()[0]: item.get_ydata()[0] for item in lines if len(item.get_xdata()) == 1
    }
    labels = [str(item.get_label()) for item in lines]
    upright = {
        item.get_xdata()[0]
        for item in lines
        if len(set(item.get_xdata())) == 1 and len(item.get_xdata()) == 2
    }
    for label, source in [("total", "train"), ("rul", "rul"), ("health", "health")]:
        lowest, suggested = (
            result.curves(source).minimum("centred").lr,
            result.suggest(source=source),
        )
        assert marks[lowest] == pytest.approx(0, abs=1e-9)
        assert suggested.lr in upright
        assert f"{label}, minimum {rate(lowest)}, train at {rate(suggested.lr)}" in labels


def test_a_task_without_a_minimum_or_without_losses_is_named_so():
    lr = np.geomspace(1e-7, 10, 100)
    tasks = {"flat": np.full(100, 2.0), "never": np.full(100, np.nan)}
    result = RangeTestResult(lr, make_result().loss, StopReason.COMPLETED, SETTINGS, tasks=tasks)
    labels = [str(item.get_label()) for item in result.plot_tasks().get_lines()]
    assert "flat, no minimum" in labels
    assert any(label.startswith("never: only 0 finite losses") for label in labels)
    upper, _ = result.plot_task_scales()
    assert upper.get_lines()


@pytest.mark.parametrize("gap", [False, True])
def test_scales_are_raw_losses_their_average_and_the_one_over_the_other(gap):
    result = noisy(gap)
    upper, lower = result.plot_task_scales(beta=0.9)
    for name, losses in result.tasks.items():
        has_it = np.isfinite(losses)
        steps, raw = line(upper, f"{name}, raw")
        np.testing.assert_array_equal(steps, np.flatnonzero(has_it))
        np.testing.assert_array_equal(raw, losses[has_it])
        average = line(upper, f"{name}, debiased EMA 0.9")[1]
        np.testing.assert_array_equal(average, debiased_ema(losses[has_it], 0.9))
        np.testing.assert_array_equal(line(lower, f"{name} / EMA")[1], raw / average)
    assert upper.get_yscale() == "log"


def test_axes_of_ones_own_are_drawn_on_and_a_wrong_number_of_them_refused():
    figure, (first, *axes) = pyplot.subplots(3)
    assert noisy().plot_task_scales(axes) == tuple(axes)
    assert noisy().plot_tasks(first) is first
    assert pyplot.get_fignums() == [figure.number]
    with pytest.raises(ValueError, match="`axes` must be two"):
        noisy().plot_task_scales([axes[0]])
    with pytest.raises(ValueError, match="`beta`"):
        noisy().plot_task_scales(beta=1.0)
    with pytest.raises(TypeError, match="`suggestion` must be an answer of `task_disagreement`"):
        noisy().plot_tasks(suggestion=True)


@pytest.mark.parametrize("method", ["plot_tasks", "plot_task_scales"])
def test_without_tasks_it_says_so_and_makes_no_figure(method):
    with pytest.raises(CannotTellError, match="no tasks were recorded"):
        getattr(make_result(), method)()
    assert pyplot.get_fignums() == []


def test_the_usual_figure_and_that_against_beta_can_be_drawn_of_a_task():
    result = noisy()
    ax = result.plot(source="health")
    np.testing.assert_array_equal(line(ax, "raw losses")[1], result.tasks["health"])
    assert result.plot_betas(source="rul").get_lines()
