"""The learning-rate range test that says how far smoothing moved the minimum.

`__all__`, and what completion offers, are the names that you type. The names of records and of less
usual functions are here too. All stand in `__init__.pyi` and are imported on first use, so that
reading a saved result does not import torch.
"""

from typing import Any

import lazy_loader

from lrfind._version import __version__

_load, _, _names = lazy_loader.attach_stub(__name__, __file__)

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

_FINDERS = "FastaiLRFinder LRFinder LearningRateFinder Tuner find lr_find lr_finder lr_range_test"


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> Any:
    if name in _names:
        return _load(name)
    raise AttributeError(f"module 'lrfind' has no attribute {name!r}{_meant(name)}")


def _meant(name: str) -> str:
    """What is meant by a name of another finder, of a method, or by a misspelt one."""
    from difflib import get_close_matches

    if name in _FINDERS.split():
        test = "lrfind.range_test(model, optimizer, loss_fn, train_loader)"
        return f": the range test is `{test}`."
    if not name.startswith("_") and hasattr(_load("RangeTestResult"), name):
        return f": `{name}` belongs to what `lrfind.range_test` returns."
    near = get_close_matches(name, _names, n=1)
    return f": did you mean `{near[0]}`?" if near else ""
