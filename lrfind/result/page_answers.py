"""Every question that the interactive page can ask of a sweep, and the answers to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import CENTRED, RAW
from lrfind.analysis.defaults import BETA, SCHEDULES
from lrfind.analysis.flags import Flag
from lrfind.analysis.rules import DEFAULT, RULES
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.analysis.verdict import Verdict
from lrfind.result.brief import PEAK
from lrfind.result.sweep_analysis import Answer, SweepAnalysis
from lrfind.result.trust import trust_of
from lrfind.support.records import flag_names
from lrfind.support.text import words

SHOWN_BETAS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""The betas that the axis names."""
EVEN_BETAS = tuple(round(1 - 10 ** (-place / 25), 4) for place in range(76))
"""Betas from 0 to 0.999, evenly spaced in the logarithm of the window 1 / (1 - beta)."""
LENGTHS = (300, 1_000, 3_000, 10_000, 30_000, 100_000)
"""Lengths of a training, in optimizer steps."""
WORDS = {"said", "lowered", "untried"}
"""Names of the words in `answer_data`."""


class Choices(NamedTuple):
    """What can be chosen on the page."""

    betas: tuple[float, ...]
    """Where the slider stops."""
    lengths: tuple[int, ...]
    """Lengths of a training."""
    beta: float = BETA
    """Where the slider starts, one of `betas`."""


def choices(beta: float, asked: Answer | None) -> Choices:
    """The choices with those asked for among them."""
    betas, lengths = {*SHOWN_BETAS, *EVEN_BETAS, beta}, {*LENGTHS}
    if isinstance(asked, Suggestion):
        betas |= set() if asked.beta is None else {asked.beta}
        lengths |= set() if asked.total_steps is None else {asked.total_steps}
    return Choices(tuple(sorted(betas)), tuple(sorted(lengths)), beta)


def page_answers(record: SweepAnalysis, source: str, offered: Choices) -> dict[str, Any]:
    """The answer to every question that the page can ask, as `answer_data`, by `question_key`.

    Args:
        record: The sweep, without its trainings from scratch: the script takes these into account,
            since they depend on the factor of its slider.
        source: The losses.
        offered: What can be chosen.
    """
    return {
        key: answer_data(
            record.suggest(rule, source=source, **question), record.stop_reason.cut_short
        )
        for key, rule, question in _questions(offered)
    }


def with_words_once(answers: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The same with places in a list of words, of which few differ, and that list."""
    said: list[Any] = []
    found = {}
    for key, data in answers.items():
        found[key] = dict(data)
        for name in WORDS.intersection(data):
            if data[name] not in said:
                said.append(data[name])
            found[key][name] = said.index(data[name])
    return found, said


def _questions(offered: Choices) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for rule, kind in RULES.items():
        if not kind.reads_curve:
            for schedule in (None, *SCHEDULES):
                for steps in (None, *offered.lengths):
                    told: dict[str, Any] = {"schedule": schedule, "total_steps": steps}
                    yield question_key(rule, **told), rule, told
            continue
        for curve in ((RAW,) * kind.reads_raw) + (CENTRED,):
            yield question_key(rule, curve=curve), rule, {"curve": curve}
        for curve in SMOOTHERS:
            for place, beta in enumerate(offered.betas):
                key = question_key(rule, curve=curve, place=place)
                yield key, rule, {"curve": curve, "beta": beta}


def question_key(
    rule: str,
    *,
    schedule: str | None = None,
    total_steps: int | None = None,
    curve: str | None = None,
    place: int | None = None,
) -> str:
    """The key of a question, which the script forms too; of beta, its place on the slider."""
    parts = (rule, schedule, total_steps, curve, place)
    return "|".join("" if part is None else f"{part}" for part in parts)


def key_of(answer: Answer, offered: Choices, answers: Mapping[str, Any]) -> str:
    """The key of the question that an answer is for.

    A refusal does not say which curve it is of: that of the first question so refused.

    Args:
        answer: The answer.
        offered: What can be chosen.
        answers: Those of the page to all questions, each with its words in "said".
    """
    start = offered.betas.index(offered.beta)
    if isinstance(answer, CannotTell):
        refused = [
            key
            for key, each in answers.items()
            if key.partition("|")[0] == answer.rule and each["said"].get("refused") == answer.reason
        ]
        refused.sort(key=lambda key: not key.endswith(f"|{start}"))
        if refused or not RULES[answer.rule].reads_curve:
            return next(iter(refused), question_key(answer.rule))
        return question_key(answer.rule, curve=USUAL, place=start)
    if not RULES[answer.rule].reads_curve:
        return question_key(answer.rule, schedule=answer.schedule, total_steps=answer.total_steps)
    place = None if answer.beta is None else offered.betas.index(answer.beta)
    return question_key(answer.rule, curve=answer.curve, place=place)


def answer_data(answer: Answer, cut_short: bool) -> dict[str, Any]:
    """An answer: its numbers, and in "said" its words.

    Of a calibrated rule also the words of the same answer where trainings from scratch lowered it,
    and where they say nothing of its rate.
    """
    if isinstance(answer, CannotTell):
        return {"said": {"refused": answer.reason, "verdict": _verdict(answer.verdict)}}
    data = {
        "lr": answer.lr,
        "factor": answer.factor,
        "minimum": answer.minimum.lr,
        "interval": answer.interval,
        "said": _words(answer, cut_short),
    }
    if RULES[answer.rule].calibrated:
        lowered = replace(answer, verdict=Verdict.COLD_START)
        untried = replace(answer, flags=(*answer.flags, Flag.NOT_TRIED))
        data |= {"lowered": _words(lowered, cut_short), "untried": _words(untried, cut_short)}
    return data


def _words(answer: Suggestion, cut_short: bool) -> dict[str, Any]:
    trust = trust_of(answer, cut_short=cut_short)
    return {
        "verdict": _verdict(answer.verdict),
        "trust": trust.level,
        "why": trust.why,
        "remedy": trust.remedy,
        "for": PEAK[answer.schedule] if answer.rule == DEFAULT else answer.because,
        "cautions": flag_names(answer.cautions),
    }


def _verdict(verdict: Verdict | None) -> str:
    return "" if verdict is None else words(verdict.name)
