"""Histograms of stretches: every value is counted once, in its place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrfind.layers.histograms import histograms

values = arrays(float, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.floats(0, 1e9))


@given(values, st.integers(1, 12), st.integers(1, 20))
def test_every_finite_value_above_0_is_counted_once_in_its_stretch(table, stretches, bins):
    found = histograms(table, stretches, bins)
    parts = min(stretches, len(table))
    assert found.counts.shape == (table.shape[1], parts, bins)
    assert (found.starts[0], found.starts[-1], len(found.starts)) == (0, len(table), parts + 1)
    for number, (start, end) in enumerate(zip(found.starts, found.starts[1:], strict=False)):
        counted = (table[start:end] > 0).sum(axis=0)
        np.testing.assert_array_equal(found.counts[:, number].sum(axis=1), counted)


def test_counts_are_those_of_numpy_on_the_logarithms():
    table = 10.0 ** np.random.default_rng(0).uniform(-2, 2, size=(30, 2))
    found = histograms(table, stretches=3, bins=7)
    inside = np.clip(np.log10(table[10:20, 1]), found.edges[0], found.edges[-1])
    expected = np.histogram(inside, found.edges)[0]
    np.testing.assert_array_equal(found.counts[1, 1], expected)


def test_values_far_below_the_largest_are_counted_in_the_first_bin():
    found = histograms(np.array([[1e-30], [1e-2], [1.0]]), stretches=1, bins=4, span=3.0)
    np.testing.assert_allclose(found.edges, [-3, -2.25, -1.5, -0.75, 0])
    assert found.counts[0, 0].tolist() == [1, 1, 0, 1]


def test_one_value_far_above_the_others_is_counted_in_the_last_bin():
    table = np.geomspace(1, 10, 200)[:, None]
    table[-1] = 1e30
    found = histograms(table, stretches=1, bins=10)
    assert found.edges[-1] < 1
    assert found.counts.sum() == 200


def test_without_any_value_nothing_is_counted():
    found = histograms(np.array([[np.nan], [0.0], [np.inf]]), stretches=2)
    assert found.counts.sum() == 0


@pytest.mark.parametrize(
    ("options", "name"), [({"stretches": 0}, "stretches"), ({"bins": 0}, "bins"),
                          ({"span": 0.0}, "span")]
)  # fmt: skip
def test_bad_arguments_are_refused_by_name(options, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        histograms(np.ones((3, 1)), **({"stretches": 2} | options))
