"""When the losses behind an average are not to be trusted, and when losses are raw."""

import numpy as np
import pytest
from curve_families import FAMILIES

from lrfind.histories.averages import Average
from lrfind.histories.recovery import alternates, recovered

SEEDED = Average(seeded=True)
RAW = 1 + 0.1 * np.random.default_rng(0).normal(size=200)
EMA = SEEDED.of(RAW, 0.95)


def test_an_average_in_full_precision_is_undone():
    loss, obstacle = recovered(EMA, SEEDED, 0.95)
    np.testing.assert_allclose(loss, RAW, rtol=1e-12)
    assert obstacle == ""


def test_a_record_in_single_precision_is_undone():
    loss, obstacle = recovered(EMA.astype(np.float32).astype(np.float64), SEEDED, 0.95)
    # Half a unit in the last place of 1, times (1 + beta) / (1 - beta).
    np.testing.assert_allclose(loss, RAW, rtol=0, atol=2.0**-24 * 39)
    assert obstacle == ""


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_significant_digits_count_whatever_the_scale(scale):
    # Noise of 0.1 tolerates an error of about 0.01, which is 2.5e-4 of the average.
    for digits, obstacle in ((6, ""), (3, "rounded")):
        kept = np.array([float(f"{each:.{digits}g}") for each in scale * EMA])
        assert recovered(kept, SEEDED, 0.95)[1] == obstacle


def test_a_few_numbers_with_more_or_fewer_digits_do_not_count():
    # Four decimals, and one number that ends in zeros: an error of 2e-3, with noise of 0.1.
    kept = np.append(np.round(EMA, 4), 100.0)
    assert recovered(kept, SEEDED, 0.95)[1] == ""
    # Four significant digits, and one small number with more decimals: an error of 20, with 100.
    kept = np.append([float(f"{each:.4g}") for each in 1000 * EMA + 1000], 0.1234567)
    assert recovered(kept, SEEDED, 0.95)[1] == "rounded"


def test_losses_that_do_not_change_have_no_noise_that_rounding_could_hide():
    assert recovered(np.full(50, 0.25), SEEDED, 0.95)[1] == "rounded"
    assert recovered(np.full(50, np.pi), SEEDED, 0.95) == (pytest.approx(np.full(50, np.pi)), "")
    assert recovered(np.zeros(50), SEEDED, 0.95)[1] == ""


def test_a_beta_that_is_too_high_shows_in_losses_below_zero():
    noisy = np.abs(RAW * np.random.default_rng(1).exponential(size=200))
    kept = SEEDED.of(noisy, 0.9)
    assert recovered(kept, SEEDED, 0.98)[1] == "not of beta 0.98"
    assert recovered(kept, SEEDED, 0.9)[1] == ""
    below = SEEDED.of(noisy - 5, 0.9)  # such as a log-likelihood
    assert recovered(below, SEEDED, 0.98)[1] == ""


def test_a_loss_of_exactly_zero_is_not_below_it():
    kept = SEEDED.of(np.where(RAW > 1, RAW, 0.0), 0.95)
    assert recovered(kept, SEEDED, 0.95)[1] == ""


def test_numbers_that_overflow_are_no_losses():
    assert recovered(np.array([1.0, 1e307, 1.7e308]), SEEDED, 0.95)[1] == "numbers too large"


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.95, 0.98])
@pytest.mark.parametrize("average", [SEEDED, Average(debias=1)])
def test_raw_losses_alternate_and_no_average_of_them_does(beta, average):
    _, loss = next(iter(FAMILIES.values())).sweep(0.1, 0)
    assert alternates(average.of(loss, beta)) == (beta == 0)


def test_a_loss_without_noise_does_not_alternate():
    assert not alternates(np.linspace(2.0, 1.0, 100) ** 2)
    assert not alternates(np.ones(100))
    assert not alternates(np.array([1.0, 2.0, 1.0]))
