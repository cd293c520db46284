from .analysis.answers import CannotTell as CannotTell
from .analysis.answers import Suggestion as Suggestion
from .analysis.curves import Minimum as Minimum
from .analysis.flags import Flag as Flag
from .analysis.sensitivity import Sensitivity as Sensitivity
from .analysis.smoothing import debias_steps as debias_steps
from .analysis.smoothing import debiased_ema, ema
from .analysis.smoothing_figure import plot_debiasing as plot_debiasing
from .analysis.smoothing_figure import plot_ema as plot_ema
from .analysis.uncertainty import Uncertainty as Uncertainty
from .analysis.verdict import Verdict
from .batch_size.rescaling import rescale
from .batch_size.rescaling import rescale_beta as rescale_beta
from .checks.controls.record import Controls as Controls
from .checks.controls.run import controls
from .checks.verification.find_lr import find_lr
from .checks.verification.record import Verification as Verification
from .checks.verification.verify import verify
from .comparison.compare import Comparison as Comparison
from .histories.from_history import from_history as from_history
from .layers.layer_norms import BlowUp as BlowUp
from .layers.layer_norms import Layers as Layers
from .loop.range_test import range_test
from .multitask.disagreement import TaskDisagreement as TaskDisagreement
from .multitask.loss import MultiTaskLoss
from .multitask.normalizer import EMANormalizer
from .problems.problem import Problem
from .repeats.agreement import RepeatSuggestion as RepeatSuggestion
from .repeats.files import load_repeats
from .repeats.repeat_set import RepeatSet as RepeatSet
from .repeats.run import repeat
from .result.range_test_result import RangeTestResult, load
from .result.settings import StopReason as StopReason
from .result.side_by_side import SideBySide as SideBySide
from .result.side_by_side import side_by_side as side_by_side
from .state.preserve import preserve_state
from .support.errors import (
    CannotTellError,
    LrfindError,
)
from .support.errors import (
    ResultFileError as ResultFileError,
)
from .support.errors import (
    RunsFailedError as RunsFailedError,
)
from .sweep.sweep import Sweep

__version__: str

__all__ = [
    "CannotTellError",
    "EMANormalizer",
    "LrfindError",
    "MultiTaskLoss",
    "Problem",
    "RangeTestResult",
    "Sweep",
    "Verdict",
    "__version__",
    "controls",
    "debiased_ema",
    "ema",
    "find_lr",
    "load",
    "load_repeats",
    "preserve_state",
    "range_test",
    "repeat",
    "rescale",
    "verify",
]
