"""A training from scratch at the suggested rate, where the sweep came with trained weights."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from makers import WALLED, Untouchable, walled

import lrfind
from lrfind.analysis.flags import Flag
from lrfind.analysis.question import ask
from lrfind.analysis.verdict import Verdict
from lrfind.loop.cold_start import FARTHER, FEWEST_STEPS, cold_starts, enough_of, steps_of
from lrfind.loop.loop import Loop
from lrfind.loop.options import with_defaults
from lrfind.result.cold_start import ColdStart
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.text import rate


def swept(start: float = 4.0, **settings: object) -> RangeTestResult:
    parts = walled(start)
    result = lrfind.range_test(*parts, **{**WALLED, **settings})
    assert float(parts[0].place.detach()) == start
    return result


def test_steps_down_until_a_training_from_scratch_starts() -> None:
    without, result = swept(), swept(confirm=True)
    tried = result.cold_starts
    assert without.cold_starts == ()
    assert tried[0].lr == without.suggest().lr
    assert [each.started for each in tried] == [False] * (len(tried) - 1) + [True]
    assert len(tried) > 1
    ratios = [one.lr / two.lr for one, two in pairwise(tried)]
    assert ratios == pytest.approx([math.sqrt(10)] * len(ratios))
    # On the plain nothing moves: every later loss is that of the plain.
    assert tried[0].loss == 11.0


def test_suggests_the_highest_rate_that_starts() -> None:
    result = swept(confirm=True)
    answer = result.suggest()
    assert answer.lr == result.cold_starts[-1].lr
    assert answer.verdict is Verdict.COLD_START
    assert f"{result.cold_starts[0].lr:.1e}" in answer.reason
    assert answer.lr * answer.factor == pytest.approx(answer.minimum.lr)
    # What a user asks of one curve is answered as asked.
    assert result.suggest("minimum").lr == swept().suggest("minimum").lr


def test_a_suggestion_that_starts_is_left_as_it_is() -> None:
    plain, result = swept(start=1.0), swept(start=1.0, confirm=True)
    assert [each.started for each in result.cold_starts] == [True]
    assert result.suggest() == plain.suggest()


def test_nothing_is_suggested_where_nothing_starts() -> None:
    result = swept(confirm=True)
    failed = tuple(each for each in result.cold_starts if not each.started)
    answer = lrfind.RangeTestResult(
        result.lr, result.loss, result.stop_reason, result.settings, cold_starts=failed
    ).suggest()
    assert not answer
    assert answer.verdict is Verdict.COLD_START


def test_the_training_to_start_is_the_one_asked_for() -> None:
    asked = {"schedule": "constant", "total_steps": 4800}
    plain = swept(start=1.0)
    result = swept(start=1.0, confirm=asked)
    assert result.cold_starts[0].lr == plain.suggest(**asked).lr < plain.suggest().lr
    assert Flag.NOT_TRIED in result.suggest().flags


def test_no_rate_below_the_swept_range_is_tried() -> None:
    # On the plain nothing starts, and two steps down there is nothing of the sweep left.
    plain = swept(start=1.0)
    start_lr = plain.suggest().lr / 5
    parts = walled(start=-7.0)
    short = swept(start=1.0, start_lr=start_lr)
    loop = Loop(*parts, **with_defaults({"progress": False}, "range_test"))
    tried = cold_starts(loop, short, ask())
    assert [each.started for each in tried] == [False, False]
    assert [each.lr for each in tried] == pytest.approx(
        [short.suggest().lr, short.suggest().lr / math.sqrt(10)]
    )
    assert tried[-1].lr >= short.lr[0] > tried[-1].lr / math.sqrt(10)


BAD = [
    ({"schedule": "sawtooth"}, ValueError, "`schedule` must be one of"),
    ({"total_steps": 0}, ValueError, "`total_steps` must be at least 1"),
    ({"rule": "minimum"}, TypeError, "`confirm` must be True, False or a dictionary of `schedule`"),
    ({"schedule": "constant", "factor": 3}, TypeError, "`confirm` must be True, False or a dict"),
    ({"steps": 3}, TypeError, "`confirm` must be"),
    ("constant", TypeError, "`confirm` must be True, False or a dictionary .* got 'constant'"),
    (1, TypeError, "`confirm` must be"),
    (None, TypeError, "`confirm` must be"),
]


@pytest.mark.parametrize(("confirm", "error", "message"), BAD)
def test_what_cannot_be_confirmed_is_refused_before_a_batch_is_taken(
    confirm: object, error: type[Exception], message: str
) -> None:
    model, optimizer, _, _ = walled()
    with pytest.raises(error, match=message):
        lrfind.range_test(model, optimizer, None, Untouchable(), confirm=confirm)


def test_an_iterator_is_refused_before_the_sweep() -> None:
    model, optimizer, _, batches = walled()
    rest = iter(batches)
    with pytest.raises(TypeError, match="`train_loader` is an iterator"):
        lrfind.range_test(model, optimizer, None, rest, confirm=True, num_iter=4)
    assert len(list(rest)) == len(batches)


def test_is_saved_and_said(tmp_path) -> None:
    result = swept(confirm=True)
    result.save(tmp_path / "result.json")
    loaded = lrfind.load(tmp_path / "result.json")
    assert loaded == result
    assert loaded.cold_starts == result.cold_starts
    for detail in (False, True):
        said = " ".join(str(result.summary(detail=detail)).split())
        for each in result.cold_starts:
            assert f"{rate(each.lr)} {'starts' if each.started else 'does not start'}" in said


def test_infinite_losses_survive_a_file(tmp_path) -> None:
    result = swept(confirm=True)
    diverged = ColdStart(0.1, 3, math.inf, 1.0)

    changed = replace(result, cold_starts=(diverged,))
    changed.save(tmp_path / "result.json")
    assert lrfind.load(tmp_path / "result.json").cold_starts == (diverged,)


def test_goes_twice_as_far_as_the_sweep() -> None:
    lr = np.geomspace(1e-6, 10, 300)
    settings = SweepSettings(1e-6, 10, 300, "exp", None)
    result = RangeTestResult(lr, np.ones(300), StopReason.COMPLETED, settings)
    steps = steps_of(result, 0.1)
    # The sum of a geometric series over its last term.
    growth = (10 / 1e-6) ** (1 / 299)
    assert steps == pytest.approx(FARTHER / (1 - 1 / growth), abs=1.5)
    assert steps_of(result, 1e-6) == FEWEST_STEPS


def test_half_of_the_decrease_is_enough() -> None:
    lr = np.geomspace(1e-4, 10, 300)
    loss = 2 - np.clip(np.log10(lr) + 3, 0, 1)
    settings = SweepSettings(1e-4, 10, 300, "exp", None)
    curves = RangeTestResult(lr, loss, StopReason.COMPLETED, settings).curves()
    assert enough_of(curves, 1.0) == pytest.approx(1.5, abs=0.02)
    # Where the sweep itself had not fallen, it must only not diverge.
    assert enough_of(curves, 2e-4) == pytest.approx(2.0, abs=0.05)
