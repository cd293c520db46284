from ._errors import CannotTellError, LrfindError, ResultFileError, RunsFailedError
from .analysis.agreement import RepeatSuggestion
from .analysis.comparison import Comparison
from .analysis.curves import Flag, Minimum
from .analysis.smoothing import debiased_ema, ema
from .analysis.suggestion import CannotTell, Suggestion
from .repeats import RepeatSet
from .result import RangeTestResult
from .run_files import load_repeats
from .settings import StopReason
from .storage import load
from .training.preserve import preserve_state
from .training.problem import Problem
from .training.range_test import range_test
from .training.repeat import repeat
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
    "RepeatSet",
    "RepeatSuggestion",
    "ResultFileError",
    "RunsFailedError",
    "StopReason",
    "Suggestion",
    "Sweep",
    "__version__",
    "debiased_ema",
    "ema",
    "load",
    "load_repeats",
    "preserve_state",
    "range_test",
    "repeat",
]
