"""The README's table of features: ours by their tests, those of others by running them."""

import importlib.util
import re
from dataclasses import replace
from functools import partial

import peer_finders
import pytest
import torch
from makers import ROOT, loss_fn, make_loader, make_model

from lrfind import Problem

# What other packages warn of.
pytestmark = pytest.mark.filterwarnings("ignore")
PEERS = {
    "torch-lr-finder": ("torch_lr_finder", peer_finders.torch_lr_finder),
    "fastai": ("fastai", partial(peer_finders.fastai, "valley")),
    "Lightning": ("lightning", peer_finders.lightning),
    "ignite": ("ignite", peer_finders.ignite),
}
WEIGHTS, WEIGHTS_FAILED, RANDOM = (
    "weights put back", "weights after an exception", "random state put back",
)  # fmt: skip


def table():
    """The cells of the table by feature and finder."""
    text = (ROOT / "README.md").read_text()
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.count("|") == 7]
    head, _, *rest = [[cell.strip() for cell in row] for row in rows if len(row) == 6]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rest}


def test_every_yes_of_ours_leads_to_its_test():
    for feature, cells in table().items():
        (path,) = re.fullmatch(r"\[yes\]\((tests/\S+\.py)\)", cells["lrfind"]).groups()
        assert "def test_" in (ROOT / path).read_text(), feature


def outcome(run, fails):
    """Whether weights and random state are as before a finder's run, which may fail halfway."""
    calls = 0

    def failing(output, target):
        nonlocal calls
        calls += 1
        if fails and calls == 30:
            raise ZeroDivisionError
        return loss_fn(output, target)

    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    problem = Problem(model, optimizer, failing, make_loader())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    try:
        run(lambda: replace(problem))
    except ZeroDivisionError:
        assert fails
    except (RuntimeError, ValueError, IndexError):
        assert not fails  # no suggestion, which is not asked here
    assert calls >= 30
    same = all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    return same, torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("peer", PEERS)
def test_what_others_put_back_is_what_they_were_seen_to(peer):
    package, run = PEERS[peer]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    with peer_finders.quiet():
        done, failed = outcome(run, False), outcome(run, True)
    seen = {WEIGHTS: done[0], WEIGHTS_FAILED: failed[0], RANDOM: all((done[1], failed[1]))}
    told = {feature: cells[peer] == "yes" for feature, cells in table().items()}
    assert {feature: told[feature] for feature in seen} == seen
