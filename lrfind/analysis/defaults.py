"""Defaults of the analysis, defined here only.

For the defaults of a sweep see `lrfind.result.settings.SweepSettings`, for the calibrated constants
`lrfind.analysis.calibration`.
"""

from __future__ import annotations

BETA = 0.98
"""Weight of the old value in an average: fastai's default, which most LR finders adopted."""

BETAS = (0.9, BETA)
"""The betas of a table."""

FACTOR = 10.0
"""What the minimum of a curve is divided by: one decade, the usual rule of thumb."""

NORMALIZER_BETA = 0.99
"""Beta of the average that a task's loss is divided by."""
