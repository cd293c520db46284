"""What is meant by an attribute that a result does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lrfind.support.misnamed import did_you_mean

SAID = {
    "suggestion suggest_lr suggested_lr lr_suggestion best_lr": "`suggest()` gives the suggestion",
    "history results recorder": "`lr` and `loss` hold the recorded values",
    "lrs learning_rates": "the rates are in `lr`",
    "losses": "the raw losses are in `loss`",
    "reset": "everything has been put back already",
}
"""Names that other finders have."""


class SaysWhatIsMeant:
    """Names ours in the error for an attribute of another finder, or a misspelt one."""

    # Hidden from type checkers, which would take it to say that every attribute exists.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            kind = type(self)
            said = f"{kind.__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                meant = (f": {ours}." for names, ours in SAID.items() if name in names.split())
                said += next(meant, did_you_mean(name, dir(self)))
            raise AttributeError(said)
