"""What every job is held to: few lines of ours, everything put back, and a result of its length."""

import ast
import inspect
import re
from textwrap import dedent

import numpy as np
import pytest
from makers import everything

from lrfind import CannotTell, RangeTestResult, Suggestion

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


def check(ours, *parts):
    """The result of our part of a job.

    Args:
        ours: The code, as a function without arguments.
        parts: Every (model, optimizer, loader) that is to be as before.
    """
    assert 1 <= lines_of_ours(ours) <= MOST_LINES
    before = [everything(*each) for each in parts]
    result = ours()
    assert [everything(*each) for each in parts] == before
    assert type(result) is RangeTestResult
    assert result.lr.size == STEPS
    assert np.isfinite(result.loss).all()
    assert isinstance(result.suggest(), Suggestion | CannotTell)
    return result


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
