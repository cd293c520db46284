from .analysis.answers import CannotTell, Suggestion, Uncertainty
from .analysis.curves import Flag, Minimum
from .analysis.sensitivity import Sensitivity
from .analysis.smoothing import debias_steps, debiased_ema, ema
from .analysis.smoothing_figure import plot_debiasing, plot_ema
from .analysis.verdict import Verdict
from .batch_size.rescaling import rescale, rescale_beta
from .checks.controls.record import Controls
from .checks.controls.run import controls
from .checks.verification.find_lr import find_lr
from .checks.verification.record import Verification
from .checks.verification.verify import verify
from .comparison.compare import Comparison
from .layers.layer_norms import BlowUp, Layers
from .loop.range_test import range_test
from .multitask.disagreement import TaskDisagreement
from .multitask.loss import MultiTaskLoss
from .multitask.normalizer import EMANormalizer
from .problems.problem import Problem
from .repeats.agreement import RepeatSuggestion
from .repeats.files import load_repeats
from .repeats.repeat_set import RepeatSet
from .repeats.run import repeat
from .result.range_test_result import RangeTestResult, load
from .result.settings import StopReason
from .state.preserve import preserve_state
from .support.errors import CannotTellError, LrfindError, ResultFileError, RunsFailedError
from .sweep.sweep import Sweep

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
