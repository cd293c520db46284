"""A loader is brought to the batch after which another process stopped."""

import itertools
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from lrfind.loop.position import Position
from lrfind.state.random_state import seed_everything


def loader(seed=0):
    seed_everything(seed)
    return DataLoader(torch.arange(12.0), batch_size=4, shuffle=True)


def taken(position, count):
    """Batches of so many epochs and batches, with draws in between; the place after them."""
    batches = itertools.chain.from_iterable(iter(position) for _ in range(10))
    found = []
    for number in range(count):
        position.noting = number + 1 == count
        found.append(next(batches))
        torch.randn(number)
    return found, batches


@pytest.mark.parametrize("count", range(1, 8))
def test_the_batches_go_on_where_they_were_left(count):
    there = Position(mine := loader(), [mine])
    _, rest = taken(there, count)
    place = there.place
    state = torch.get_rng_state()
    left = 2 - (count - 1) % 3
    expected = [next(rest) for _ in range(left + 3)]
    here = Position(its := loader(1), [its])
    here.go_to(place, Path("x.ckpt"))
    torch.set_rng_state(state)
    batches = itertools.chain(iter(here), iter(here))
    assert len(found := list(batches)) == left + 3
    assert all(map(torch.equal, found[:left], expected[:left]))
    assert all(map(torch.equal, found[left:], expected[left:]))


def test_another_batch_is_told():
    there = Position(mine := loader(), [mine])
    taken(there, 2)
    other = DataLoader(torch.arange(12.0) + 1, batch_size=4, shuffle=True)
    with pytest.raises(ValueError, match="`resume`: `train_loader` gives another batch"):
        Position(other, [other]).go_to(there.place, Path("x.ckpt"))
    shorter = DataLoader(torch.arange(4.0), batch_size=4)
    with pytest.raises(ValueError, match="`resume`: `train_loader` gives another batch"):
        Position(shorter, [shorter]).go_to(there.place, Path("x.ckpt"))
