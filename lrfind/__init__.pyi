from ._errors import CannotTellError, LrfindError, ResultFileError
from .analysis.comparison import Comparison
from .analysis.curves import Flag, Minimum
from .analysis.sensitivity import Sensitivity
from .analysis.smoothing import debiased_ema, ema
from .analysis.suggestion import CannotTell, Spread, Suggestion
from .analysis.verdict import Verdict
from .analysis.verification import Verification
from .result import RangeTestResult
from .settings import StopReason
from .storage import load
from .training.preserve import preserve_state
from .training.problem import Problem
from .training.range_test import range_test
from .training.sweep import Sweep
from .training.verify import find_lr, verify

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
    "Sensitivity",
    "Spread",
    "StopReason",
    "Suggestion",
    "Sweep",
    "Verdict",
    "Verification",
    "__version__",
    "debiased_ema",
    "ema",
    "find_lr",
    "load",
    "preserve_state",
    "range_test",
    "verify",
]
