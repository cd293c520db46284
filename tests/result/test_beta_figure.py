"""The picture against beta, through the numbers it draws."""

import numpy as np
import pytest
from makers import line, make_result, noisy_result
from matplotlib import pyplot

from lrfind import Verdict
from lrfind.result.beta_figure import BETAS, minima_against_beta


def test_it_draws_the_minimum_for_every_beta():
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
        ("train at", result.suggest().lr),
    ]:
        assert set(line(ax, start)[1]) == {rate}
    assert (BETAS[0], BETAS[-1]) == (0, 0.99)


def test_the_interval_is_a_band_and_the_answer_the_title():
    result = make_result(np.linspace(3, 1, 100))
    answer = result.suggest()
    ax = result.plot_betas()
    (found,) = [patch for patch in ax.patches if patch.get_label() == "best rate, 90% interval"]
    assert [float(y) for y in found.get_bbox().intervaly] == list(answer.interval)
    assert ax.get_title() == result.plot().get_title()
    assert ax.get_title().endswith("(at end: the loss still falls)")


def test_a_flat_sweep_says_why_it_is_empty():
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
    assert title.startswith(f"No rate: {said}")
    assert title == result.plot().get_title()


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


@pytest.mark.parametrize("size", [(5, 4), (8, 5)])
def test_the_legend_lies_below_the_axes_and_within_the_figure(size):
    figure = pyplot.figure(figsize=size, layout="constrained")
    ax = noisy_result().plot_betas(figure.subplots())
    figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    assert legend.y1 < ax.xaxis.label.get_window_extent().y0
    assert legend.y0 >= 0
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.x1
