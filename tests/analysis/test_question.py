"""What is asked, and what cannot be meant: an argument without effect is an error."""

import pytest

from lrfind.analysis.question import ask


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"rule": "best"}, "rule"),
        ({"curve": "median"}, "curve"),
        ({"rule": "expected", "curve": "raw"}, "curve"),
        ({"schedule": "cosine"}, "schedule"),
        ({"curve": "ema", "beta": 1.0}, "beta"),
        ({"factor": 0}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"beta": 0.9}, "beta"),
        ({"beta": 0.9, "curve": "raw"}, "beta"),
        ({"beta": 0.9, "rule": "steepest"}, "beta"),
        ({"factor": 4, "rule": "steepest"}, "factor"),
    ],
)
def test_a_bad_argument_is_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        ask(**arguments)
