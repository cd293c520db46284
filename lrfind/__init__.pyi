from ._errors import CannotTellError, LrfindError, ResultFileError
from .analysis.comparison import Comparison
from .analysis.curves import Flag, Minimum
from .analysis.layers import BlowUp, Layers
from .analysis.smoothing import debias_steps, debiased_ema, ema
from .analysis.suggestion import CannotTell, Suggestion
from .display.averages import plot_debiasing, plot_ema
from .result import RangeTestResult
from .settings import StopReason
from .storage import load
from .training.preserve import preserve_state
from .training.problem import Problem
from .training.range_test import range_test
from .training.sweep import Sweep

__version__: str

__all__ = [
    "BlowUp",
    "CannotTell",
    "CannotTellError",
    "Comparison",
    "Flag",
    "Layers",
    "LrfindError",
    "Minimum",
    "Problem",
    "RangeTestResult",
    "ResultFileError",
    "StopReason",
    "Suggestion",
    "Sweep",
    "__version__",
    "debias_steps",
    "debiased_ema",
    "ema",
    "load",
    "plot_debiasing",
    "plot_ema",
    "preserve_state",
    "range_test",
]
