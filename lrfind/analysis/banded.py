"""The banded matrices of the Whittaker smoother: O(n) products, factors and traces.

With P the inverse correlation matrix of AR(1) noise, which is tridiagonal, and D the second
difference, the normal equations are `(P + stiffness * D'D) curve = P values`: five bands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lrfind.support.arrays import Array


@lru_cache(maxsize=4096)
def residual_freedom(size: int, stiffness: float, correlation: float) -> float:
    """Degrees of freedom of the residual, `n - trace(A^-1 P)` with `A = P + stiffness * D'D`.

    The trace is n - d log det A / d log stiffness, and the banded Cholesky factor gives the
    determinant: two O(n) factorisations and no inverse. None of it depends on the losses, so
    sweeps of one length share it.
    """
    step = 1e-3
    up, down = (
        _log_det(normal_factor(size, stiffness * np.exp(s), correlation)) for s in (step, -step)
    )
    return (up - down) / (2 * step)


def _precision_bands(size: int, correlation: float) -> tuple[Array, float]:
    """Diagonal and off-diagonal of the inverse of the correlation matrix `correlation**|i - j|`."""
    scale = 1 / (1 - correlation**2)
    diagonal = np.full(size, (1 + correlation**2) * scale)
    diagonal[[0, -1]] = scale
    return diagonal, -correlation * scale


def precision_times(values: Array, correlation: float) -> Array:
    """The product of the inverse of the correlation matrix with shape `(n,)` values."""
    if correlation == 0:
        return values
    diagonal, beside = _precision_bands(values.size, correlation)
    product = diagonal * values
    product[1:] += beside * values[:-1]
    product[:-1] += beside * values[1:]
    return product


def normal_factor(size: int, stiffness: float, correlation: float = 0.0) -> Array:
    """Banded Cholesky factor (upper form) of `P + stiffness * D'D`, D the second difference."""
    from scipy.linalg import cholesky_banded

    ones = np.ones(size - 2)
    diagonal, beside = _precision_bands(size, correlation)
    bands = np.zeros((3, size))
    bands[2] = diagonal + stiffness * np.convolve(ones, [1, 4, 1])
    bands[1, 1:] = beside + stiffness * np.convolve(ones, [-2, -2])
    bands[0, 2:] = stiffness
    return np.asarray(cholesky_banded(bands, overwrite_ab=True, check_finite=False))


def _log_det(factor: Array) -> float:
    return float(2 * np.log(factor[2]).sum())
