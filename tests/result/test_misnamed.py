"""An attribute that a result does not have says which one is meant."""

import copy
import pickle

import pytest
from makers import make_result


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("suggestion", ": `suggest()` gives the suggestion."),
        ("history", ": `lr` and `loss` hold the recorded values."),
        ("losses", ": the raw losses are in `loss`."),
        ("sugest", ": did you mean `suggest`?"),
        ("state_byte", ": did you mean `state_bytes`?"),
        ("qqqqq", ""),
        ("_suggest", ""),
    ],
)
def test_the_name_that_is_meant_is_told(name, said):
    with pytest.raises(AttributeError) as raised:
        getattr(make_result(), name)
    assert str(raised.value) == f"'RangeTestResult' object has no attribute {name!r}{said}"


def test_a_result_is_copied_and_pickled_as_before():
    result = make_result()
    assert copy.deepcopy(result) == pickle.loads(pickle.dumps(result)) == result
