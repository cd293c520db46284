from ._errors import CannotTellError, LrfindError, ResultFileError
from .analysis.comparison import Comparison
from .analysis.curves import Flag, Minimum
from .analysis.rescaling import rescale, rescale_beta
from .analysis.smoothing import debiased_ema, ema
from .analysis.suggestion import CannotTell, Suggestion
from .result import RangeTestResult
from .settings import StopReason
from .storage import load
from .training.preserve import preserve_state
from .training.problem import Problem
from .training.range_test import range_test
from .training.sweep import Sweep

__version__: str

__all__ = [
    "CannotTell",
    "CannotTellError",
    "Comparison",
    "Flag",
    "LrfindError",
    "Minimum",
    "Problem",
    "RangeTestResult",
    "ResultFileError",
    "StopReason",
    "Suggestion",
    "Sweep",
    "__version__",
    "debiased_ema",
    "ema",
    "load",
    "preserve_state",
    "range_test",
    "rescale",
    "rescale_beta",
]
