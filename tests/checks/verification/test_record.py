"""A verification as JSON."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import BEFORE, flat_trials, make_verification

from lrfind import Verification
from lrfind.analysis.calibration import VERIFIED
from lrfind.checks.verification.scores import ALL_BLEW_UP, Trial
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
    if document["stands"]:
        # That version answered with a rate of the trials beside the suggestion that holds up.
        assert document["lr"] == answer.mean_lr / VERIFIED[answer.schedule].factor
        document |= {"lr": answer.suggested, "group_lr": [answer.suggested]}
    if "cannot_tell" not in document:
        # Student's t instead of the normal quantile: the tasks of the calibration were twelve.
        wider, before = (
            math.log10(high / low) for low, high in (answer.interval, document["interval"])
        )
        assert wider == pytest.approx(before * 1.7958848 / 1.6448536)
        document["interval"] = list(answer.interval)
    assert answer.to_dict() == document
    assert list(answer.to_dict()) == list(document)


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
    assert read == answer.to_dict()
    assert read["trials"][2]["end"] == "inf"
    assert read["trials"][2]["loss"][-1] == "nan"
    assert (read["best"], read["stands"], read["verdict"]) == (answer.best, False, "clear")


def test_two_alike_are_equal():
    assert make_verification(flat_trials(1.5, 0.5)) == make_verification(flat_trials(1.5, 0.5))
    assert make_verification(flat_trials(1.5, 0.5)) != make_verification(flat_trials(1.5, 0.6))
