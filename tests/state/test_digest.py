"""Digests tell apart what differs in any bit."""

import numpy as np
import pytest
import torch

from lrfind.state.digest import digest

DIFFERENT = [
    0, 0.0, -0.0, False, None, "0", b"0", (), (0,), ((0,),), {"a": 0}, {"b": 0}, 1, "a", "ab",
    ("a", "b"), ("ab", ""), torch.zeros(1), -torch.zeros(1), torch.zeros(1, 1), torch.zeros(2),
    torch.zeros(1, dtype=torch.float64), np.zeros(1), np.zeros(1, np.int64), torch.float16,
    torch.tensor(float("nan")), torch.ones(2).to_sparse(), torch.ones(3).to_sparse(), print,
    torch.tensor(1j).conj(), torch.tensor(1j),
]  # fmt: skip


def test_whatever_differs_has_another_digest():
    assert digest([0]) == digest((0,))  # the encoder says which it is
    found = [digest(value) for value in DIFFERENT]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("one", [torch.randn(3, 4).T, torch.randn(4)[::2], torch.randn(2, 2)])
def test_the_memory_of_a_tensor_does_not_matter(one):
    assert digest(one) == digest(one.contiguous()) == digest(torch.nn.Parameter(one))
