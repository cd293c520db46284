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


@lru_cache(maxsize=4)
def _both_bands(size: int, correlation: float) -> tuple[Array, Array]:
    """The upper bands of P and of `D'D`, shape `(3, size)`: the same for every stiffness."""
    ones = np.ones(size - 2)
    precision, roughness = (np.zeros((3, size), order="F") for _ in range(2))
    precision[2], precision[1, 1:] = _precision_bands(size, correlation)
    roughness[2] = np.convolve(ones, [1, 4, 1])
    roughness[1, 1:] = np.convolve(ones, [-2, -2])
    roughness[0, 2:] = 1
    return precision, roughness


def normal_factor(size: int, stiffness: float, correlation: float = 0.0) -> Array:
    """Banded Cholesky factor (upper form) of `P + stiffness * D'D`, D the second difference."""
    from scipy.linalg.lapack import dpbtrf

    precision, roughness = _both_bands(size, correlation)
    # Without the checks of `cholesky_banded`, which take longer than the factor.
    factor, failed = dpbtrf(precision + stiffness * roughness, overwrite_ab=True)
    assert not failed, "the matrix is positive definite"
    return np.asarray(factor)


def solved(factor: Array, values: Array) -> Array:
    """The solution of the normal equations, shape `(n,)`, from their factor."""
    from scipy.linalg.lapack import dpbtrs

    return np.asarray(dpbtrs(factor, values)[0])


def _log_det(factor: Array) -> float:
    return float(2 * np.log(factor[2]).sum())
