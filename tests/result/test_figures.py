"""The picture of a sweep, through the numbers it draws and where its words are."""

import io
import itertools
import pickle
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from curve_families import FAMILIES, valley
from makers import line, make_result, noisy_result
from matplotlib import pyplot
from matplotlib.text import Text

from lrfind import RangeTestResult, StopReason, debias_steps
from lrfind.analysis.smoothing import settled
from lrfind.result.figures import CLIMBED
from lrfind.result.marks import STYLES
from lrfind.result.settings import SweepSettings
from lrfind.support.text import rate


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def marks(ax):
    """Every single mark, as its place by its label."""
    return {
        str(item.get_label()): (float(item.get_xdata()[0]), float(item.get_ydata()[0]))
        for item in ax.get_lines()
        if len(item.get_xdata()) == 1
    }


def of_family(name, seed=0):
    """A sweep of a made-up shape."""
    lr, loss = FAMILIES[name].sweep(0.03, seed)
    steps = FAMILIES[name].steps
    return RangeTestResult(
        lr, loss, StopReason.COMPLETED, SweepSettings(lr[0], 10.0, steps, "exp", 4.0)
    )


def linear():
    lr = np.linspace(1e-4, 1, 200)
    loss = valley(np.log10(lr)) + np.random.default_rng(1).normal(0, 0.05, 200)
    return RangeTestResult(
        lr, loss, StopReason.COMPLETED, SweepSettings(1e-4, 1.0, 200, "linear", 4.0)
    )


def test_raw_losses_and_averages_are_drawn_at_the_rates_that_made_them():
    result = noisy_result()
    ax = result.plot(beta=0.9)
    curves = result.curves()
    for label, name in [("raw losses", "raw"), ("debiased EMA 0.9", "debiased")]:
        rates, values = line(ax, label)
        np.testing.assert_array_equal(rates, np.append(result.lr[0], result.lr[:-1]))
        np.testing.assert_array_equal(values, curves.curve(name, 0.9))
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.98])
def test_the_plain_ema_is_drawn_after_its_climb(beta):
    result = noisy_result()
    curves = result.curves()
    _, values = line(result.plot(beta=beta), "EMA")
    start = settled("ema", curves.fit.curve, beta)
    assert np.isnan(values[:start]).all()
    np.testing.assert_array_equal(values[start:], curves.curve("ema", beta)[start:])


def test_without_a_fall_it_is_drawn_once_hardly_anything_of_it_is_missing():
    loss = np.random.default_rng(0).normal(2.0, 0.1, size=100)
    _, values = line(make_result(loss).plot(beta=0.9), "EMA")
    assert int(np.isnan(values).sum()) == debias_steps(0.9, tolerance=CLIMBED)


@pytest.mark.parametrize(("first", "last"), [(10, 5), (0, 1), (98, 0), (0, 98)])
def test_skipped_losses_are_left_out_of_the_drawing_alone(first, last):
    result = noisy_result()
    options = {"beta": 0.9, "detail": True}
    whole = result.plot(**options)
    ax = result.plot(skip_start=first, skip_end=last, **options)
    assert result.lr.size == 100
    for label in ("raw losses", "EMA 0.9", "debiased EMA 0.9", "centred curve"):
        for drawn, all_of in zip(line(ax, label), line(whole, label), strict=True):
            np.testing.assert_array_equal(drawn, all_of[first : 100 - last])
    assert marks(ax) == marks(whole)


def test_skipped_losses_take_those_of_the_probe_with_them():
    result = noisy_result()
    result = replace(result, probe=result.loss)
    ax = result.plot(skip_start=10, skip_end=5)
    rates, losses = line(ax, "probe batch")
    # The probe loss after a step belongs to its own rate, at which the next loss is drawn.
    np.testing.assert_array_equal(rates, result.lr[9:94])
    np.testing.assert_array_equal(losses, result.loss[9:94])
    assert "probe batch" in words(ax)
    probe = result.plot(source="probe", skip_start=10, skip_end=5)
    np.testing.assert_array_equal(line(probe, "raw losses")[1], result.loss[10:95])


def test_the_raw_and_the_debiased_minimum_are_marked_and_named_where_they_are():
    result = noisy_result()
    ax = result.plot(beta=0.9)
    raw, debiased = (result.compare((0.9,)).row(*of) for of in [("raw",), ("debiased", 0.9)])
    named = {
        f"raw minimum {rate(raw.minimum.lr)}": raw.minimum,
        f"debiased EMA minimum {rate(debiased.minimum.lr)}": debiased.minimum,
    }
    assert {label: place for label, place in marks(ax).items() if not label.startswith("_")} == {
        label: (lowest.lr, lowest.loss) for label, lowest in named.items()
    }
    assert set(named) <= set(words(ax))
    assert ax.get_legend() is None


def test_extreme_losses_are_drawn_as_others_in_a_unit_of_their_own():
    usual = noisy_result()
    extreme = replace(usual, loss=usual.loss * 2.0**1000)
    unit = extreme.curves().unit
    assert unit > 1
    ax, drawn = usual.plot(), extreme.plot()
    assert drawn.get_ylabel() == f"loss / {unit:.2g}"
    assert marks(drawn).keys() == marks(ax).keys()
    high = max(drawn.get_ylim())
    for name, (lr, loss) in marks(ax).items():
        if "minimum" in name:
            assert marks(drawn)[name] == (lr, loss * (2.0**1000 / unit))
            assert marks(drawn)[name][1] < high
    assert len(words(drawn)) == len(words(ax))


def test_the_rates_one_decade_below_are_triangles_on_the_axis_and_a_label():
    result = noisy_result()
    ax = result.plot()
    below = [result.compare().row(*of).decade_below for of in [("raw",), ("debiased", 0.98)]]
    triangles = [item for item in ax.get_lines() if item.get_marker() == "^"]
    assert [float(item.get_xdata()[0]) for item in triangles] == below
    assert all(item.get_transform() == ax.get_xaxis_transform() for item in triangles)
    said = f"one decade below: raw {rate(below[0])}, debiased EMA {rate(below[1])}"
    assert said in words(ax)


def test_the_shift_is_an_arrow_and_what_it_joins():
    result = noisy_result()
    ax = result.plot()
    table = result.compare((0.98,))
    (arrow,) = [each for each in ax.texts if each.arrow_patch is not None and not each.get_text()]
    ends = table.row("raw").minimum.lr, table.row("debiased", 0.98).minimum.lr
    assert (arrow.xyann[0], arrow.xy[0]) == ends
    assert arrow.xyann[1] == arrow.xy[1] < result.loss.min()
    decades = np.log10(ends[1] / ends[0])
    said = f"raw to debiased EMA minimum:\n{ends[1] / ends[0]:.1f}x up"
    assert f"{said} ({decades:+.2f} decades)" in words(ax)


def test_a_large_shift_is_a_round_number_and_one_down_says_so():
    steps = np.arange(100)
    loss = 2 + ((steps - 40) / 40.0) ** 2
    loss[90] = 1.5
    assert any("x down" in each for each in words(make_result(loss).plot(beta=0.5)))
    assert any("800x up" in each for each in words(of_family("left well slightly deeper").plot()))


def test_no_shift_is_no_arrow():
    steps = np.arange(100)
    ax = make_result(2 + np.abs(steps - 60) / 10 + (steps > 60) * 1e3).plot(beta=0.0)
    assert not any("decades" in each for each in words(ax))
    assert all(text.get_text() for text in ax.texts)


def band(ax):
    """The green band, as its limits in the order left, right, bottom, top."""
    (found,) = [patch for patch in ax.patches if str(patch.get_label()).startswith("best rate")]
    (left, bottom), (right, top) = found.get_bbox().get_points()
    return left, right, bottom, top


@pytest.mark.parametrize("detail", [False, True])
def test_the_suggested_rate_is_a_labelled_line_in_the_band_of_its_interval(detail):
    result = noisy_result()
    answer = result.suggest()
    ax = result.plot(detail=detail)
    assert set(line(ax, "train at")[0]) == {answer.lr}
    assert f"train at {rate(answer.lr)}" in words(ax)
    assert band(ax) == (*answer.interval, 0, 1)
    assert "best rate, 90% interval" in words(ax)
    assert ax.get_title() == f"Train at {rate(answer.lr)} (clear)"


def test_another_answer_is_drawn_as_given():
    result = noisy_result()
    answer = result.suggest(curve="debiased", beta=0.9)
    ax = result.plot(suggestion=answer)
    assert set(line(ax, "train at")[0]) == {answer.lr}


def test_without_a_suggestion_there_are_the_losses_and_their_average_alone():
    ax = make_result(np.full(100, 2.0)).plot()
    assert ax.get_title() == "No rate: the loss never fell by more than its noise"
    assert not ax.patches
    assert not marks(ax)
    assert words(ax) == ["debiased EMA, beta 0.98", "raw losses"]


def test_the_room_for_labels_has_no_ticks_where_no_loss_could_lie():
    result = noisy_result()
    ax = result.plot()
    assert ax.get_ylim()[0] < 0 < result.loss.min()
    assert min(ax.get_yticks()) == 0
    below_zero = make_result(result.loss - 3).plot()
    assert -3.5 < min(below_zero.get_yticks()) < -2


def test_the_explosion_leaves_the_picture_and_the_descent_fills_it():
    result = make_result()
    low, high = result.plot().get_ylim()
    assert result.loss.max() > 10
    assert low < result.loss.min()
    assert result.loss[0] < high < 2 * result.loss[0]


def test_bad_batches_leave_the_picture_and_a_hump_stays():
    loss = noisy_result().loss.copy()
    usual = make_result(loss).plot().get_ylim()[1]
    spiked = loss.copy()
    spiked[[5, 25, 40]] = 30.0
    assert make_result(spiked).plot().get_ylim()[1] < 1.2 * usual
    hump = loss + 4 * np.exp(-(((np.arange(100) - 40) / 3.0) ** 2))
    assert make_result(hump).plot().get_ylim()[1] > hump[:60].max()


def test_a_loss_that_only_rises_is_seen_whole():
    low, high = make_result(np.geomspace(2, 50, 100)).plot().get_ylim()
    assert low < 2
    assert high > 48


@pytest.mark.parametrize("draw", ["plot", "plot_betas"])
def test_it_draws_on_the_axes_given_and_shows_and_sets_nothing(draw, monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda: pytest.fail("nothing is to be shown"))
    before = dict(matplotlib.rcParams)
    _, axes = pyplot.subplots(1, 2)
    assert getattr(noisy_result(), draw)(axes[1]) is axes[1]
    assert not axes[0].has_data()
    assert dict(matplotlib.rcParams) == before


def test_keywords_reach_the_raw_points():
    ax = noisy_result().plot(ms=9, alpha=1.0, label="my losses", c="red")
    points = next(item for item in ax.get_lines() if item.get_label() == "my losses")
    assert (points.get_markersize(), points.get_alpha(), points.get_color()) == (9, 1.0, "red")


def test_curves_differ_in_style_and_in_grey():
    shown = [STYLES[name] for name in ("centred", "ema", "debiased")]
    greys = sorted(
        np.dot(matplotlib.colors.to_rgb(style["color"]), [0.3, 0.59, 0.11]) for style in shown
    )
    assert len({style["linestyle"] for style in shown}) == 3
    assert len({style["marker"] for style in shown}) == 3
    assert min(np.diff(greys)) > 0.15


# Where the words are.

LAYOUTS = [
    ((5, 3), None, False),
    ((5, 3), "constrained", False),
    ((6.4, 4.8), None, False),
    ((6.4, 4.8), None, True),
    ((8, 5), "constrained", True),
    ((12, 8), "constrained", False),
]
"""Size in inches, layout engine, and whether in detail."""
SWEEPS = {
    name: lambda name=name: of_family(name)
    for name in (
        "valley", "V", "parabola", "steep wall", "slope and wall", "cliff", "slow rise",
        "narrow well", "late descent", "early descent", "two falls", "left well slightly deeper",
        "hump before", "spikes", "noise grows", "huge", "negative", "50 steps",
        "flat well, 3 decades", "still falling", "white noise",
    )
}  # fmt: skip
SWEEPS |= {"noisy": noisy_result, "linear": linear}


def apart(one, other):
    return one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0


def check_layout(ax):
    """No word covers another, a minimum or a rate below it, and all lie within the figure."""
    figure = ax.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    hidden = [text.get_text() for text in ax.texts if not text.get_visible()]
    shown = [text for text in ax.texts if text.get_text() and text.get_visible()]
    boxes = {text.get_text(): Text.get_window_extent(text, renderer) for text in shown}
    boxes["title"] = ax.title.get_window_extent(renderer)
    if ax.get_legend() is not None:
        boxes["legend"] = ax.get_legend().get_window_extent(renderer)
    for (first, one), (second, other) in itertools.combinations(boxes.items(), 2):
        assert apart(one, other), f"{first!r} and {second!r}"
    for item in ax.get_lines():
        if len(item.get_xdata()) == 1:
            place = item.get_transform().transform((item.get_xdata()[0], item.get_ydata()[0]))
            radius = item.get_markersize() / 2 * figure.dpi / 72
            for text, box in boxes.items():
                assert not box.padded(radius).contains(*place), f"{text!r} on {item.get_label()}"
    for text, box in boxes.items():
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert box.y1 <= figure.bbox.y1, text
    return hidden


@pytest.mark.parametrize("name", sorted(SWEEPS))
def test_no_word_covers_another_or_a_minimum_and_all_are_seen(name):
    result = SWEEPS[name]()
    answer = result.suggest()
    for size, engine, detail in LAYOUTS:
        figure = pyplot.figure(figsize=size, layout=engine)
        ax = result.plot(figure.subplots(), suggestion=answer, detail=detail)
        assert check_layout(ax) == [], (size, engine, detail)
        pyplot.close(figure)


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "classic"])
def test_in_every_style_too_and_in_its_colours(style):
    with pyplot.style.context(style):
        figure = pyplot.figure(figsize=(8, 5), layout="constrained")
        ax = noisy_result().plot(figure.subplots(), detail=True)
        assert check_layout(ax) == []
        raw = next(text for text in ax.texts if text.get_text().startswith("raw minimum"))
        assert raw.get_color() == matplotlib.rcParams["axes.labelcolor"]
        ground = matplotlib.colors.to_rgba(matplotlib.rcParams["axes.facecolor"], 0.8)
        assert raw.get_bbox_patch().get_facecolor() == pytest.approx(ground)


def test_the_words_find_their_places_again_when_the_figure_changes():
    figure = pyplot.figure(figsize=(8, 5))
    ax = noisy_result().plot(figure.subplots())
    assert check_layout(ax) == []
    # Each has a resolution of its own.
    for suffix in ("svg", "pdf", "png"):
        figure.savefig(io.BytesIO(), format=suffix, dpi=200)
    figure.set_size_inches(7, 4.5)
    assert check_layout(ax) == []
    ax.set_xlim(1e-4, 20)
    assert check_layout(ax) == []


def test_so_small_a_figure_that_words_do_not_fit_shows_those_that_do():
    figure = pyplot.figure(figsize=(2, 1.8))
    ax = noisy_result().plot(figure.subplots())
    hidden = check_layout(ax)
    shown = set(words(ax)) - set(hidden)
    assert hidden
    assert shown
    figure.set_size_inches(8, 5)
    assert check_layout(ax) == []


def test_a_figure_can_be_pickled():
    figure = noisy_result().plot().figure
    again = pickle.loads(pickle.dumps(figure))
    assert check_layout(again.axes[0]) == []
