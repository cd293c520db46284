"""A verification as JSON."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import BEFORE, flat_trials, half_of, make_verification

from lrfind import ResultFileError, Verification
from lrfind.analysis.transfer import transfer
from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.scores import ALL_BLEW_UP
from lrfind.checks.verification.trial import Trial
from lrfind.result.constant_run import ConstantRun

BLOWN = math.inf


@pytest.mark.parametrize("name", ["verification", "find_lr", "blown_up"])
def test_the_numbers_of_the_version_before_give_its_document(name):
    document = json.loads((BEFORE / f"{name}.json").read_text())
    answer = Verification(
        tuple(trial_of(each) for each in document["trials"]),
        **{key: document[key] for key in ("suggested", "level", "noise", "steps", "schedule")},
    )
    if "cannot_tell" in document:
        document["cannot_tell"] = ALL_BLEW_UP  # the words may change
    else:
        document |= answered_now(document, answer)
    # That version was not told the length of the training, and kept nothing of the sweep.
    new = {"total_steps": None, "expected_minimum_lr": None}
    assert answer.to_dict() == document | new
    assert [key for key in answer.to_dict() if key not in new] == list(document)


BEFORE_BELOW = {None: 1.25, "one_cycle": 0.7}
BEFORE_DEVIATION = {None: 0.45, "one_cycle": 0.49}


def answered_now(document, answer):
    """The rate and the interval, where that version answered otherwise."""
    schedule = document["schedule"]
    # It divided the mean of the trials by a factor, beside a suggestion that holds up too.
    assert document["lr"] == answer.mean_lr / BEFORE_BELOW[schedule]
    lr = document["suggested"] if document["stands"] else answer.mean_lr
    # Its interval was around that, with the deviation on twelve tasks, and the normal quantile.
    low, high = document["interval"]
    assert math.sqrt(low * high) == pytest.approx(document["lr"])
    half = math.log10(high / low) / 2
    assert half == pytest.approx(1.6448536 * BEFORE_DEVIATION[schedule])
    half = half_of(transfer(schedule).deviation)
    interval = [answer.mean_lr / 10**half, answer.mean_lr * 10**half]
    assert list(answer.interval) == pytest.approx(interval)
    return {"lr": lr, "group_lr": [lr], "interval": list(answer.interval)}


def trial_of(document):
    run = ConstantRun(document["lr"], np.array(document["loss"], dtype=float))
    return Trial(run, float(document["halfway"]), float(document["end"]))


@given(st.lists(st.floats(0.01, 1.9) | st.just(BLOWN), min_size=2, max_size=6))
def test_every_answer_is_json(scores):
    answer = make_verification(flat_trials(*scores), suggested=1e-2)
    document = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert ("lr" in document) != ("cannot_tell" in document)
    assert ("cannot_tell" in document) == answer.all_blew_up
    assert [trial["loses"] for trial in document["trials"]] == answer.losses.tolist()


def test_it_is_saved_whole_with_infinities_as_strings(tmp_path):
    answer = make_verification(flat_trials(1.5, 0.5, BLOWN), suggested=1e-2, schedule="constant")
    answer.save(tmp_path / "verification.json")
    read = json.loads((tmp_path / "verification.json").read_text())
    assert read.items() >= answer.to_dict().items()
    assert read["trials"][2]["end"] == "inf"
    assert read["trials"][2]["loss"][-1] == "nan"
    assert (read["best"], read["stands"], read["verdict"]) == (answer.best, False, "clear")


SAYS = SweepSays(minimum=0.03, deviation=0.2, lr=None)
RECORDS = [
    {},
    {"schedule": "one_cycle", "total_steps": 900, "epochs": 3.5, "scale": (1.0, 0.1)},
    {"sweep": SAYS, "regrets": (0.9, 0.0, 2.0), "noise": np.nan},
]


@pytest.mark.parametrize("more", RECORDS)
def test_what_is_saved_is_loaded_again(more, tmp_path):
    answer = make_verification(flat_trials(1.5, 0.5, BLOWN), **more)
    answer.save(tmp_path / "verification.json")
    loaded = Verification.load(tmp_path / "verification.json")
    assert loaded.to_dict() == answer.to_dict()
    for each in dataclasses.fields(answer):
        assert repr(getattr(loaded, each.name)) == repr(getattr(answer, each.name))


def test_a_file_of_another_kind_or_a_damaged_one_is_no_verification(tmp_path):
    path = tmp_path / "verification.json"
    path.write_text('{"format": "lrfind range test"}')
    with pytest.raises(ResultFileError, match="is not an lrfind verification"):
        Verification.load(path)
    path.write_text('{"format": "lrfind verification"}')
    with pytest.raises(ResultFileError, match="is damaged"):
        Verification.load(path)


def test_what_a_search_was_told_and_found_is_saved():
    says = SweepSays(minimum=0.03, deviation=0.2, lr=0.004)
    regrets = (0.9, 0.0, 0.4)
    answer = make_verification(
        flat_trials(1.5, 0.5, 0.6), sweep=says, regrets=regrets, schedule="constant",
        total_steps=900,
    )  # fmt: skip
    document = answer.to_dict()
    assert (document["schedule"], document["total_steps"]) == ("constant", 900)
    assert document["expected_minimum_lr"] == 0.03
    assert tuple(trial["loses"] for trial in document["trials"]) == regrets
    assert (document["lr"], document["suggested"]) == (answer.lr, None)


def test_two_alike_are_equal():
    assert make_verification(flat_trials(1.5, 0.5)) == make_verification(flat_trials(1.5, 0.5))
    assert make_verification(flat_trials(1.5, 0.5)) != make_verification(flat_trials(1.5, 0.6))
