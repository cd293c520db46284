"""What is asked, and what cannot be meant."""

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
    ],
)
def test_a_bad_argument_is_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        ask(**arguments)
