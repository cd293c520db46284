from ._errors import CannotTellError, LrfindError, ResultFileError, RunsFailedError
from .analysis.agreement import RepeatSuggestion
from .analysis.comparison import Comparison
from .analysis.curves import Flag, Minimum
from .analysis.layers import BlowUp, Layers
from .analysis.rescaling import rescale, rescale_beta
from .analysis.sensitivity import Sensitivity
from .analysis.smoothing import debias_steps, debiased_ema, ema
from .analysis.suggestion import CannotTell, Suggestion, Uncertainty
from .analysis.tasks import TaskDisagreement
from .analysis.verdict import Verdict
from .analysis.verification import Verification
from .controlled import Controls
from .display.averages import plot_debiasing, plot_ema
from .repeats import RepeatSet
from .result import RangeTestResult
from .run_files import load_repeats
from .settings import StopReason
from .storage import load
from .training.controls import controls
from .training.multitask import MultiTaskLoss
from .training.normalizer import EMANormalizer
from .training.preserve import preserve_state
from .training.problem import Problem
from .training.range_test import range_test
from .training.repeat import repeat
from .training.sweep import Sweep
from .training.verify import find_lr, verify

__version__: str

__all__ = [
    "BlowUp",
    "CannotTell",
    "CannotTellError",
    "Comparison",
    "Controls",
    "EMANormalizer",
    "Flag",
    "Layers",
    "LrfindError",
    "Minimum",
    "MultiTaskLoss",
    "Problem",
    "RangeTestResult",
    "RepeatSet",
    "RepeatSuggestion",
    "ResultFileError",
    "RunsFailedError",
    "Sensitivity",
    "StopReason",
    "Suggestion",
    "Sweep",
    "TaskDisagreement",
    "Uncertainty",
    "Verdict",
    "Verification",
    "__version__",
    "controls",
    "debias_steps",
    "debiased_ema",
    "ema",
    "find_lr",
    "load",
    "load_repeats",
    "plot_debiasing",
    "plot_ema",
    "preserve_state",
    "range_test",
    "repeat",
    "rescale",
    "rescale_beta",
    "verify",
]
