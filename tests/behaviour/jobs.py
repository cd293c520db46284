"""What every job is held to: few lines of ours, everything put back, and a result of its length."""

import ast
import inspect
import re
from textwrap import dedent

import numpy as np
import pytest
from makers import everything, forever

import lrfind
from lrfind import CannotTell, RangeTestResult, StopReason, Suggestion
from lrfind.result.settings import DEFAULTS

MOST_LINES = 4
STEPS = 24
SHORT = {"num_iter": STEPS, "end_lr": 1.0, "diverge_th": None}
"""A range without a divergence, so that the length of the result is known."""


def lines_of_ours(function):
    """How many lines of a function name this package or its sweep."""
    source = dedent(inspect.getsource(function))
    lines, count = source.splitlines(), 0
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef):
            last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno
            said = lines[node.lineno - 1 : last]
            count += len(said) if re.search(r"\b(lrfind|sweep)\b", "\n".join(said)) else 0
    return count


def check(ours, *parts, loss=None):
    """The result of our part of a job.

    Args:
        ours: The code, as a function without arguments.
        parts: Every (model, optimizer, loader) that is to be as before.
        loss: The loss of (model, batch) as its user would write it. The losses of the sweep are
            then those of a plain training with the first of the parts, at the rates of the sweep.
    """
    assert 1 <= lines_of_ours(ours) <= MOST_LINES
    before = [everything(*each) for each in parts]
    result = ours()
    assert [everything(*each) for each in parts] == before
    assert type(result) is RangeTestResult
    assert (result.lr.size, result.stop_reason) == (STEPS, StopReason.COMPLETED)
    ends = DEFAULTS.start_lr, SHORT["end_lr"]
    assert (result.lr[0], result.lr[-1]) == pytest.approx(ends, rel=1e-12)
    assert np.isfinite(result.loss).all()
    assert isinstance(result.suggest(), Suggestion | CannotTell)
    if loss is not None:
        np.testing.assert_allclose(result.loss, by_hand(loss, result, *parts), rtol=1e-6)
        assert result.loss[-1] != result.loss[0]
    return result


def by_hand(loss_of, result, *parts):
    """The losses of a plain training loop at the rates of a sweep; everything is put back."""
    model, optimizer, loader = parts[0]
    kept = [each for others in parts for each in others]
    losses = []
    with lrfind.preserve_state(*kept):
        for rate, batch in zip(result.lr, forever(loader), strict=False):
            for group, scale in zip(optimizer.param_groups, result.group_scale, strict=True):
                group["lr"] = rate * scale
            loss = loss_of(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def last_line(naive, *parts):
    """The last line of the error that a first try ends with; it has changed nothing."""
    before = [everything(*each) for each in parts]
    with pytest.raises((TypeError, ValueError, RuntimeError, AttributeError)) as raised:
        naive()
    assert [everything(*each) for each in parts] == before
    return str(raised.value).splitlines()[-1]


def options_of(line, **names):
    """A last line, pasted into a call of the user's."""
    assert line.startswith("forward=lambda model, batch: ")
    return eval(f"dict({line})", names)


def mended(model, optimizer, loss_fn, train_loader, *others, loss=None, **more):
    """What is done after a first try that did not run: the last line of its error is pasted.

    Args:
        model, optimizer, loss_fn, train_loader: What is swept.
        others: More parts that are to be as before.
        loss: As for `check`.
        more: Options of the sweep beside the line.

    Returns:
        The line, and the result of the sweep with it.
    """
    parts = (model, optimizer, train_loader), *others

    def naive():
        return lrfind.range_test(model, optimizer, loss_fn, train_loader, **SHORT)

    line = last_line(naive, *parts)
    options = options_of(line, loss_fn=loss_fn) | more

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, **options, **SHORT)

    return line, check(ours, *parts, loss=loss)
