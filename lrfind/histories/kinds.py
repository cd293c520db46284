"""The LR finders whose records are read, and what each keeps."""

from __future__ import annotations

from typing import NamedTuple

from lrfind.histories.averages import Average


class Kind(NamedTuple):
    """What a finder keeps of a sweep.

    Attributes:
        tool: Its name for display; empty for none.
        average: Its average of the losses.
        beta: The default weight of the old value in it; 0 if the losses are raw.
        modules: The packages that its objects come from.
        rates_ahead: Whether the rate beside a loss is that of the next step.
    """

    tool: str = ""
    average: Average = Average()
    beta: float = 0.0
    modules: tuple[str, ...] = ()
    rates_ahead: bool = False


RAW = "raw"

KINDS = {
    "torch-lr-finder": Kind("torch-lr-finder", Average(seeded=True), 0.95, ("torch_lr_finder",)),
    # It divides by `1 - beta**(global_step + 1)`, and at the first loss global_step is 1 already.
    "lightning": Kind("Lightning", Average(debias=2), 0.98, ("lightning", "pytorch_lightning")),
    # After a step it notes the rate that it then sets for the next; for the first it sets none.
    "ignite": Kind("ignite", Average(seeded=True), 0.95, ("ignite",), rates_ahead=True),
    "fastai": Kind("fastai", Average(debias=1), 0.98, ("fastai",)),
    RAW: Kind(),
}
"""By the name that `kind` takes."""


def kind_of(thing: object) -> str | None:
    """The finder that an object comes from, by the packages of its classes; None if from none."""
    packages = {each.__module__.partition(".")[0] for each in type(thing).__mro__}
    found = (name for name, kind in KINDS.items() if packages & {*kind.modules})
    return next(found, None)
