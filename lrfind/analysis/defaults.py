"""What is taken where the user names nothing; each stands here and nowhere else.

The defaults of a sweep are those of `lrfind.result.settings.SweepSettings`, the numbers that were
chosen by measurement those of `lrfind.analysis.calibration`.
"""

from __future__ import annotations

BETA = 0.98
"""Weight of the old value in an average: fastai's, which nearly every finder shows."""

BETAS = (0.9, BETA)
"""Those of a table."""

FACTOR = 10.0
"""From a curve's minimum down to the rate: one decade, the rule that most people follow."""

NORMALIZER_BETA = 0.99
"""Of the average that the loss of a task is divided by."""
