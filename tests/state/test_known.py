"""Objects have their numbers in the order in which they became known."""

import pytest
import torch

from lrfind.state.known import Known, memory_of


def test_each_object_has_one_number():
    first, second, third = [], [], {}
    known = Known([first, second, first])
    assert [known.number(each) for each in (first, second, third)] == [0, 1, None]
    assert known.adopt(third) == 2
    assert known.adopt(second) == 1
    assert known[2] is third
    assert known.kinds() == ("builtins.list", "builtins.list", "builtins.dict")
    for number in (3, -1):
        with pytest.raises(IndexError):
            known[number]


def test_the_memory_of_tensors_is_known():
    weight = torch.ones(3)
    known = Known([weight, torch.empty(0), torch.ones(2, device="meta"), "text"])
    assert known.memory == {memory_of(weight)}
    assert memory_of(weight[1:]) in known.memory
    assert memory_of(weight.clone()) not in known.memory
