"""The figures, through the numbers they draw."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from makers import line, make_result, noisy_result
from matplotlib import pyplot

from lrfind import Verdict
from lrfind.result.beta_figure import BETAS, minima_against_beta
from lrfind.result.figures import STYLES


def test_raw_losses_and_all_curves_are_drawn_at_the_rates_that_made_them():
    result = noisy_result()
    ax = result.plot(beta=0.9)
    for label, name in [("raw", "raw"), ("EMA 0.9", "ema"), ("debiased EMA 0.9", "debiased")]:
        rates, values = line(ax, label)
        np.testing.assert_array_equal(rates, np.append(result.lr[0], result.lr[:-1]))
        np.testing.assert_array_equal(values, result.curves().curve(name, 0.9))
    _, values = line(ax, "centred")
    drawn = np.isfinite(values)
    np.testing.assert_array_equal(values[drawn], result.curves().curve("centred")[drawn])
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(("first", "last"), [(10, 5), (0, 1), (98, 0), (0, 98)])
def test_skipped_losses_are_left_out_of_the_drawing_alone(first, last):
    result = noisy_result()
    whole, ax = result.plot(), result.plot(skip_start=first, skip_end=last)
    assert result.lr.size == 100
    for label in ("raw", "EMA 0.98", "debiased EMA 0.98", "centred"):
        for drawn, all_of in zip(line(ax, label), line(whole, label), strict=True):
            np.testing.assert_array_equal(drawn, all_of[first : 100 - last])
    labels = [text.get_text() for text in whole.get_legend().get_texts()]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == labels


def test_skipped_losses_take_those_of_the_probe_with_them():
    result = noisy_result()
    result = replace(result, probe=result.loss)
    rates, losses = line(result.plot(skip_start=10, skip_end=5), "probe batch")
    # The probe loss after a step belongs to its own rate, at which the next loss is drawn.
    np.testing.assert_array_equal(rates, result.lr[9:94])
    np.testing.assert_array_equal(losses, result.loss[9:94])
    probe = result.plot(source="probe", skip_start=10, skip_end=5)
    np.testing.assert_array_equal(line(probe, "raw")[1], result.loss[10:95])


@pytest.mark.parametrize(
    ("skips", "error", "message"),
    [
        ({"skip_start": -1}, ValueError, "`skip_start` must be at least 0, got -1"),
        ({"skip_end": -1}, ValueError, "`skip_end` must be at least 0, got -1"),
        ({"skip_start": 1.5}, TypeError, "`skip_start` must be an integer"),
        ({"skip_end": True}, TypeError, "`skip_end` must be an integer"),
        ({"skip_start": 99}, ValueError, "must leave at least 2 of the 100 losses, got 99 and 0"),
        ({"skip_start": 60, "skip_end": 60}, ValueError, "`skip_start` and `skip_end` must leave"),
        ({"suggest_lr": True}, TypeError, "`suggest_lr` is no option of `plot`: pass `suggestion="),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name_before_anything_is_drawn(skips, error, message):
    ax = pyplot.figure().subplots()
    with pytest.raises(error, match=message):
        noisy_result().plot(ax, **skips)
    assert not ax.has_data()


def test_every_minimum_is_marked_where_the_table_says():
    result = noisy_result()
    ax = result.plot(beta=0.9)
    marks = {
        (float(item.get_xdata()[0]), float(item.get_ydata()[0]))
        for item in ax.get_lines()
        if len(item.get_xdata()) == 1
    }
    rows = result.compare((0.9,)).rows
    assert {mark for mark in marks if mark[1]} == {
        (row.minimum.lr, row.minimum.loss) for row in rows
    }
    # On the axis, the rates that people take.
    below = {(row.decade_below, 0.0) for row in rows if row.curve != "expected"}
    assert {mark for mark in marks if not mark[1]} == below


def test_the_shift_is_an_arrow_with_its_decades():
    result = noisy_result()
    ax = result.plot()
    table = result.compare((0.98,))
    arrow = next(text for text in ax.texts if text.arrow_patch is not None)
    assert (arrow.xyann[0], arrow.xy[0]) == (
        table.row("raw").minimum.lr,
        table.row("debiased", 0.98).minimum.lr,
    )
    shift = table.row("debiased", 0.98).from_raw.decades
    assert f"{shift:+.2f} decades" in [text.get_text() for text in ax.texts]


def band(ax):
    """The green band, as its four limits in the order left, right, bottom, top."""
    (found,) = [patch for patch in ax.patches if str(patch.get_label()).startswith("best rate")]
    (left, bottom), (right, top) = found.get_bbox().get_points()
    return found.get_label(), (left, right, bottom, top)


def test_the_suggested_rate_is_a_labelled_line_in_the_band_of_its_interval():
    result = noisy_result()
    answer = result.suggest()
    ax = result.plot()
    ax.figure.draw_without_rendering()
    (above,) = ax.child_axes
    assert [label.get_text() for label in above.get_xticklabels()] == [f"suggested {answer.lr:.2e}"]
    assert list(above.get_xticks()) == [answer.lr]
    assert any(list(item.get_xdata()) == [answer.lr] * 2 for item in ax.get_lines())
    label, limits = band(ax)
    assert limits == (*answer.interval, 0, 1)
    assert label == "best rate, 90% interval (clear)"


def test_the_uncertainty_of_the_minimum_is_a_bar_at_the_centred_minimum():
    result = noisy_result()
    rates, heights = line(result.plot(), "mean minimum over seeds, 90% interval")
    low, high = result.curves().posterior.interval()
    assert list(rates) == [low, result.curves().posterior.mean, high]
    assert set(heights) == {result.curves().minimum("centred").loss}


@pytest.mark.parametrize("draw", ["plot", "plot_betas"])
def test_a_verdict_that_is_not_clear_is_seen(draw):
    result = make_result(np.linspace(3, 1, 100))
    answer = result.suggest()
    ax = getattr(result, draw)()
    assert " ".join(ax.get_title().split()) == f"Verdict: at end - {answer.verdict.value}"
    label, limits = band(ax)
    assert "(at end)" in label
    assert limits == ((*answer.interval, 0, 1) if draw == "plot" else (0, 1, *answer.interval))


@pytest.mark.parametrize("size", [(8, 5), (4, 3)])
@pytest.mark.parametrize("draw", ["plot", "plot_betas"])
def test_the_words_above_are_clear_of_the_axes_and_not_cut_off(size, draw):
    figure = pyplot.figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    getattr(make_result(np.linspace(3, 1, 100)), draw)(ax)
    figure.canvas.draw()
    title, top = ax.title.get_window_extent(), ax.get_window_extent().y1
    labels = [
        label.get_window_extent() for each in ax.child_axes for label in each.get_xticklabels()
    ]
    assert title.y0 > max([top, *(label.y1 for label in labels)])
    for words in (title, *labels):
        assert words.x0 >= 0
        assert words.x1 <= figure.bbox.width
        assert words.y1 <= figure.bbox.height


@pytest.mark.parametrize(("size", "shown"), [((8, 5), "cause"), ((4, 3), "name")])
def test_without_a_layout_engine_the_title_is_as_short_as_it_must_be(size, shown):
    figure = pyplot.figure(figsize=size)
    result = make_result(np.linspace(3.0, 1.0, 100))
    verdict = Verdict.NOISY
    answer = replace(result.suggest(), verdict=verdict, reason=verdict.value)
    ax = result.plot(figure.subplots(), suggestion=answer)
    figure.canvas.draw()
    cause = " - the loss fell by less than three times its batch-to-batch noise"
    title = " ".join(ax.get_title().split())
    assert title.startswith("Verdict: noisy" + (cause if shown == "cause" else ""))
    assert "shuffle the data" not in title
    assert ax.title.get_window_extent().y1 <= figure.bbox.height


def test_the_legend_of_a_small_picture_leaves_the_curves_room():
    def share(size):
        figure = pyplot.figure(figsize=size, layout="constrained")
        ax = noisy_result().plot(figure.subplots())
        figure.canvas.draw()
        legend, axes = ax.get_legend().get_window_extent(), ax.get_window_extent()
        return legend.width * legend.height / (axes.width * axes.height)

    assert share((8, 5)) < 0.25
    assert share((4, 3)) < 0.3


def test_without_a_suggestion_the_title_says_why():
    ax = make_result(np.full(100, 2.0)).plot()
    assert "No suggestion: the loss never fell" in ax.get_title()


def test_the_explosion_leaves_the_picture_and_the_descent_fills_it():
    result = make_result()
    low, high = result.plot().get_ylim()
    assert result.loss.max() > 10
    assert low < result.loss.min()
    assert result.loss[0] < high < 2 * result.loss[0]


def test_a_loss_that_only_rises_is_seen_whole():
    low, high = make_result(np.geomspace(2, 50, 100)).plot().get_ylim()
    assert low < 2
    assert high > 48


def test_what_stands_against_a_suggestion_is_the_title():
    assert "still falling" in make_result(np.linspace(3, 1, 100)).plot().get_title()
    assert noisy_result().plot().get_title() == ""


def test_no_shift_is_no_arrow():
    steps = np.arange(100)
    ax = make_result(2 + np.abs(steps - 60) / 10 + (steps > 60) * 1e3).plot(beta=0.0)
    assert not any("decades" in text.get_text() for text in ax.texts)


def test_the_second_figure_of_a_flat_sweep_says_why_it_is_empty():
    ax = make_result(np.full(100, 2.0)).plot_betas()
    assert "the loss never fell" in ax.get_title()
    assert not ax.get_lines()


@pytest.mark.parametrize(
    ("loss", "verdict", "said"),
    [
        (np.full(100, 2.0), Verdict.NO_DESCENT, "the loss never fell by more than its noise"),
        (np.linspace(1, 3, 100), Verdict.AT_START, "the loss is lowest where the sweep starts"),
        (np.linspace(3, 1, 9), Verdict.TOO_SHORT, "fewer than 10 finite losses were recorded"),
    ],
)
def test_both_figures_say_the_same_of_a_sweep_without_a_minimum(loss, verdict, said):
    result = make_result(loss)
    assert result.curves().verdict is verdict
    title = result.plot_betas().get_title()
    assert title.startswith(f"No suggestion: {said}")
    assert title == result.plot().get_title()


def test_the_second_figure_draws_the_minimum_for_every_beta():
    result = noisy_result()
    ax = result.plot_betas()
    window, minima = line(ax, "debiased")
    np.testing.assert_allclose(1 - 1 / window, BETAS)
    expected = [result.compare((beta,)).rows[-1].minimum.lr for beta in BETAS[::10]]
    np.testing.assert_array_equal(minima[::10], expected)
    np.testing.assert_allclose(line(ax, "one decade below")[1], minima / 10)
    for start, rate in [
        ("centred", result.compare().row("centred").minimum.lr),
        ("raw", result.compare().row("raw").minimum.lr),
        ("suggested", result.suggest().lr),
    ]:
        assert set(line(ax, start)[1]) == {rate}
    assert (BETAS[0], BETAS[-1]) == (0, 0.99)


def test_a_beta_whose_ema_has_no_minimum_is_a_gap():
    early = make_result(2.3 - 0.1 * np.exp(-(((np.arange(100) - 60) / 10) ** 2)))
    minima = minima_against_beta(early.curves(), "ema")
    assert np.isfinite(minima[0])
    assert np.isnan(minima[-1])


def test_tenths_that_are_not_below_the_raw_minimum_are_crossed():
    steps = np.arange(300)
    loss = 0.3 + ((steps - 180) / 100.0) ** 2
    result = make_result(loss[:100])
    long = type(result)(np.geomspace(1e-7, 10, 300), loss, result.stop_reason, result.settings)
    raw = long.compare().row("raw").minimum.lr
    _, crossed = line(long.plot_betas(), "not below")
    assert crossed.size
    assert (crossed >= raw).all()


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
