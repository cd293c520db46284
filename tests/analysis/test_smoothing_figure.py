"""The figures of the moving averages, through the numbers they draw."""

import numpy as np
import pytest
from matplotlib import pyplot

import lrfind

BETAS = (0.5, 0.9, 0.98)


def test_each_beta_is_drawn_without_and_with_debiasing():
    noisy = 1 + np.random.default_rng(0).normal(size=80)
    figure = lrfind.plot_ema(noisy, BETAS)
    for ax, average in zip(figure.axes, (lrfind.ema, lrfind.debiased_ema), strict=True):
        values, *lines = ax.get_lines()
        np.testing.assert_array_equal(values.get_ydata(), noisy)
        assert [line.get_label() for line in lines] == ["beta 0.5", "beta 0.9", "beta 0.98"]
        for line, beta in zip(lines, BETAS, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 81))
            np.testing.assert_array_equal(line.get_ydata(), average(noisy, [beta])[0])
    assert len({line.get_linestyle() for line in lines}) == 3


def test_the_factor_is_drawn_over_steps_and_marked_where_it_is_gone():
    _, ax = pyplot.subplots()
    assert lrfind.plot_debiasing(BETAS, ax) is ax
    lines, dots = ax.get_lines()[::2], ax.get_lines()[1::2]
    for line, dot, beta in zip(lines, dots, BETAS, strict=True):
        steps = line.get_xdata()
        np.testing.assert_allclose(line.get_ydata(), 1 / (1 - beta**steps), rtol=1e-12)
        assert dot.get_xdata() == lrfind.debias_steps(beta)
        assert dot.get_ydata() == pytest.approx(1, abs=0.0102)
    assert lines[1].get_label() == "beta 0.9: factor 10 at step 1, negligible after 44"


@pytest.mark.parametrize("draw", [lambda b: lrfind.plot_ema([1.0], b), lrfind.plot_debiasing])
def test_a_beta_outside_0_to_1_is_refused_by_name_before_anything_is_drawn(draw):
    with pytest.raises(ValueError, match=r"`beta` must be in \[0, 1\)"):
        draw([0.9, 1.0])
    assert not pyplot.get_fignums()
