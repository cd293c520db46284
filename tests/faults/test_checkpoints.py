"""A checkpoint of any content resumes the sweep or is refused, and nothing else is changed."""

import warnings

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import mse_loss
from whole_state import whole_state

import lrfind
from lrfind.loop.checkpoint_file import read_checkpoint, write_checkpoint
from lrfind.support.errors import ResultFileError


class Killed(Exception):
    """Ends the sweep."""


class Training:
    """A problem with state of several kinds."""

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters())
        x = torch.randn(6, 2)
        data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
        self.loader = torch.utils.data.DataLoader(data, 2, shuffle=True)
        self.objects = self.model, self.optimizer, self.loader

    def swept(self, journal, kill=0, **options):
        calls = []

        def forward(model, batch):
            calls.append(1)
            if len(calls) == kill:
                raise Killed
            loss = mse_loss(model(batch[0]), batch[1])
            return {"a": loss, "b": loss / 2}

        return lrfind.range_test(
            *self.objects[:2], None, self.loader, forward=forward, num_iter=10, diverge_th=None,
            progress=False, journal=journal, **options,
        )  # fmt: skip


NONSENSE = st.sampled_from([
    None, True, -1, 0, 3, 2**70, 1.5, float("nan"), "", "known", "lr", (), ("known", 2), ("new",),
    ("known", -1), ("again", 0), ("tuple", ()), ("new", 0, ("list", (), None)), [], {}, {"a": 1},
    torch.zeros(0), torch.ones(3, 2), torch.ones(2, dtype=torch.uint8),
])  # fmt: skip


def mutated(data, draw, depth=0):
    """The content with one of its parts replaced, left out or given twice."""
    if depth > 1 and draw.draw(st.integers(0, 4)) == 0:
        return draw.draw(NONSENSE)
    if isinstance(data, dict) and data:
        key = draw.draw(st.sampled_from(list(data)))
        return {**data, key: mutated(data[key], draw, depth + 1)}
    if isinstance(data, tuple | list) and data:
        place = draw.draw(st.integers(0, len(data) - 1))
        kind = draw.draw(st.sampled_from(["in it", "in it", "in it", "without", "twice"]))
        parts = [mutated(data[place], draw, depth + 1)] if kind == "in it" else []
        parts = [data[place]] * 2 if kind == "twice" else parts
        return type(data)([*data[:place], *parts, *data[place + 1 :]])
    return draw.draw(NONSENSE)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    journal = tmp_path_factory.mktemp("kept") / "sweep.jsonl"
    with pytest.raises(Killed):
        Training().swept(journal, kill=9, checkpoint_every=2)
    return journal, read_checkpoint(journal.with_suffix(".ckpt"))


def test_a_checkpoint_of_any_content(kept, cases):
    journal, content = kept
    training = Training()
    before, seen = whole_state(*training.objects), set()

    @settings(
        max_examples=cases(60), deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=True, database=None,
    )  # fmt: skip
    @given(st.data())
    def resumed(draw):
        write_checkpoint(journal.with_suffix(".ckpt"), mutated(content, draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                training.swept(journal, resume=True)
            except (ResultFileError, ValueError, TypeError) as error:
                seen.add(type(error))
                told = str(error)
            else:
                told = ""
        assert len(told) < 300
        assert whole_state(*training.objects) == before

    resumed()
    assert ResultFileError in seen
