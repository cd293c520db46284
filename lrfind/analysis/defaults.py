"""Defaults of the analysis, defined here only.

The calibrated constants are in `lrfind.analysis.calibration`. This file imports nothing, so that
the command can show its defaults quickly.
"""

START_LR, END_LR, NUM_ITER, STEP_MODE = 1e-6, 10.0, 300, "exp"
"""Defaults of a sweep: first and last learning rate, number of steps, and spacing."""

DIVERGE_TH = 4.0
"""How far the loss may rise before a sweep stops, as a multiple of its decrease so far."""

BETA = 0.98
"""Weight of the old value in an average: fastai's default, which most LR finders adopted."""

BETAS = (0.9, BETA)
"""The betas of a table."""

FACTOR = 10.0
"""What the minimum of a curve is divided by: one decade, the usual rule of thumb."""

SCHEDULES = ("constant", "one_cycle")
"""The LR schedules that a training run may have."""

NORMALIZER_BETA = 0.99
"""Beta of the average that a task's loss is divided by."""
