"""Distances and means of learning rates of any size, whose ratio may be no number."""

from __future__ import annotations

import math
import sys

import numpy as np

from lrfind.support.arrays import Array

SMALLEST, LARGEST = sys.float_info.min, sys.float_info.max


def decades_between(low: float, high: float) -> float:
    """How far one learning rate lies above another, in decades.

    Args:
        low: A rate above 0.
        high: The other, above 0.

    Returns:
        `log10(high / low)`; negative if `high` is the lower one.

    Example:
        >>> decades_between(0.01, 1.0), round(decades_between(1e-300, 1e300))
        (2.0, 600)
    """
    ratio = float(high) / float(low)
    if SMALLEST <= ratio <= LARGEST:
        return math.log10(ratio)
    return math.log10(high) - math.log10(low)


def all_decades_between(low: Array, high: Array) -> Array:
    """`decades_between` of each pair of rates, shape `(k,)`; NaN where one of them is."""
    with np.errstate(over="ignore", under="ignore"):
        ratio = high / low
    usual = (ratio >= SMALLEST) & (ratio <= LARGEST)
    apart = np.log10(high) - np.log10(low)
    return np.asarray(np.log10(ratio, out=apart, where=usual))


def middle_rate(low: float, high: float) -> float:
    """The rate half-way between two, in log10.

    Example:
        >>> middle_rate(0.01, 1.0), round(math.log10(middle_rate(1e300, 1e200)))
        (0.1, 250)
    """
    product = float(low) * float(high)
    if SMALLEST <= product <= LARGEST:
        return math.sqrt(product)
    return math.sqrt(low) * math.sqrt(high)
