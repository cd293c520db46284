"""What is taken where the user names nothing; each stands here and nowhere else.

Numbers that were chosen by measurement are in `lrfind.analysis.calibration`. This file imports
nothing, so that the command can show its defaults at once.
"""

START_LR, END_LR, NUM_ITER, STEP_MODE = 1e-6, 10.0, 300, "exp"
"""Of a sweep: first and last rate, number of steps, and how the rate grows."""

DIVERGE_TH = 4.0
"""How many times its own descent the loss may rise again before a sweep stops."""

BETA = 0.98
"""Weight of the old value in an average: fastai's, which nearly every finder shows."""

BETAS = (0.9, BETA)
"""Those of a table."""

FACTOR = 10.0
"""From a curve's minimum down to the rate: one decade, the rule that most people follow."""

NORMALIZER_BETA = 0.99
"""Of the average that the loss of a task is divided by."""
