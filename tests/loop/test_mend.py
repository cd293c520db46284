"""The first error of a batch that does not fit ends with a line that mends it, as it stands."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from makers import everything
from stand_ins import (
    GRAPHS,
    TOKENS,
    ByName,
    Denoiser,
    Graph,
    Lightning,
    OnGraphs,
    Own,
    Variational,
    X,
    Y,
)
from torch import nn
from torch.nn import functional

import lrfind
from lrfind import range_test

entropy, mse = functional.cross_entropy, functional.mse_loss


def linear(out=3):
    return nn.Linear(4, out)


def conv():
    return nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(2, 3))


def tagger():
    return nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7))


bce = functional.binary_cross_entropy_with_logits
DICT = {"image": X, "label": Y}
HUGGING = {"input_ids": TOKENS, "attention_mask": torch.ones_like(TOKENS)}
BOTH = (TOKENS, TOKENS)
MENDED = {
    # What torch_geometric yields.
    "graph": (Graph, entropy, GRAPHS,
              "loss_fn(model(batch.x, batch.edge_index, batch.batch), batch.y)"),
    "whole graph": (OnGraphs, entropy, GRAPHS, "loss_fn(model(batch), batch.y)"),
    # Modules that make their own loss.
    "lightning": (Lightning, None, (X, Y), "model.training_step(batch, 0)"),
    "lightning and loss_fn": (Lightning, entropy, (X, Y), "model.training_step(batch, 0)"),
    "(logits, loss)": (Own, None, BOTH, "model(*batch)[1]"),
    "(logits, loss) and loss_fn": (Own, entropy, BOTH, "model(*batch)[1]"),
    "(loss, logits)": (lambda: Own(lambda logits, loss: (loss, logits)), None, BOTH,
                       "model(*batch)[0]"),
    "its own loss and loss_fn": (ByName, entropy, HUGGING | {"labels": Y[:4]},
                                 "model(**batch).loss"),
    "label for labels": (
        ByName, None, HUGGING | {"label": Y[:4]},
        'model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], '
        'labels=batch["label"]).loss',
    ),
    "no labels": (lambda: ByName(True), None, HUGGING,
                  'model(**batch, labels=batch["input_ids"]).loss'),
    "a tuple for a model with labels": (ByName, entropy, (TOKENS, Y[:4]),
                                        "model(batch[0], labels=batch[1]).loss"),
    # Batches.
    "keys": (linear, entropy, DICT, 'loss_fn(model(batch["image"]), batch["label"])'),
    "further keys": (Own, None, {"idx": TOKENS, "text": TOKENS, "y": TOKENS},
                     'model(idx=batch["idx"], targets=batch["y"])[1]'),
    "inputs only": (lambda: linear(4), mse, (X,), "loss_fn(model(batch[0]), batch[0])"),
    "a dictionary and a target": (linear, entropy, ({"input": X}, Y),
                                  "loss_fn(model(**batch[0]), batch[1])"),
    "inputs in a tuple": (linear, entropy, ((X,), Y), "loss_fn(model(*batch[0]), batch[1])"),
    "several outputs": (Variational, mse, X, "loss_fn(model(batch)[0], batch)"),
    # Types and shapes.
    "bytes": (linear, entropy, (X.byte(), Y), "loss_fn(model(batch[0].float()), batch[1])"),
    "images": (linear, entropy, (X.reshape(8, 2, 2), Y),
               "loss_fn(model(batch[0].flatten(1)), batch[1])"),
    "grey images": (conv, entropy, (X.reshape(8, 2, 2), Y),
                    "loss_fn(model(batch[0].unsqueeze(1)), batch[1])"),
    "short labels": (linear, entropy, (X, Y.int()), "loss_fn(model(batch[0]), batch[1].long())"),
    "labels in a column": (linear, entropy, (X, Y[:, None]),
                           "loss_fn(model(batch[0]), batch[1].flatten())"),
    "yes and no": (lambda: linear(1), bce, (X, Y > 0),
                   "loss_fn(model(batch[0]).squeeze(-1), batch[1].float())"),
    "sequences": (tagger, entropy, BOTH,
                  "loss_fn(model(batch[0]).flatten(0, 1), batch[1].flatten())"),
    "a loss for each sample": (linear, nn.CrossEntropyLoss(reduction="none"), (X, Y),
                               "loss_fn(model(batch[0]), batch[1]).mean()"),
}  # fmt: skip
OPTIONS = {"num_iter": 12, "diverge_th": None}


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def first_error(model, loss, batch):
    """The error of a range test, which has changed nothing."""
    optimizer = sgd(model)
    before = everything(model, optimizer, None)
    with pytest.raises(Exception, match="\n") as raised:
        range_test(model, optimizer, loss, [batch], **OPTIONS)
    assert everything(model, optimizer, None) == before
    return raised.value


@pytest.mark.parametrize(("build", "loss", "batch", "line"), MENDED.values(), ids=MENDED)
def test_the_last_line_is_the_mend_and_runs_as_it_stands(build, loss, batch, line):
    model = build()
    *said, last = str(first_error(model, loss, batch)).splitlines()
    assert last == f"forward=lambda model, batch: {line}"
    assert said[-1].startswith("Pass None as `loss_fn`, and this" if loss else "Pass this, which")
    options = eval(f"dict({last})", {"loss_fn": loss})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert range_test(model, sgd(model), None, [batch], **options, **OPTIONS).lr.size == 12


def test_the_error_is_that_of_torch_with_its_message_and_its_traceback():
    error = first_error(OnGraphs(), entropy, GRAPHS)
    with pytest.raises(TypeError) as plain:
        entropy(OnGraphs()(GRAPHS), GRAPHS)
    assert type(error) is TypeError
    assert str(error).startswith(f"{plain.value}\n")
    names, trace = [], error.__traceback__
    while trace:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == "cross_entropy"


def test_what_a_line_leaves_out_is_said():
    *_, said, _ = str(first_error(Variational(), mse, X)).splitlines()
    assert said.endswith("works on this batch with one of the values that the model returns:")


class Trained(Lightning):
    """One that needs its trainer."""

    def training_step(self, batch, batch_idx):
        raise RuntimeError("no trainer is attached")


LIKELY = {
    "strings": (linear, entropy, (("a", "b"), Y[:2]), "holds strings",
                "loss_fn(model(encode(batch[0])), batch[1])"),
    "strings by name": (linear, entropy, {"text": ["a", "b"], "label": Y[:2]}, "holds strings",
                        'loss_fn(model(encode(batch["text"])), batch["label"])'),
    "noise and time": (Denoiser, mse, X, "the dots stand for what is missing",
                       "loss_fn(model(batch, ...), batch)"),
    "noise and time of a data set": (Denoiser, mse, (X,), "the dots stand for what is missing",
                                     "loss_fn(model(batch[0], ...), batch[0])"),
    "an object": (linear, entropy, SimpleNamespace(pixels=X), "the dots stand for what is missing",
                  "loss_fn(model(batch, ...), ...)"),
    "no loss_fn": (linear, None, (X, Y), "with a loss function of yours",
                   "loss_fn(model(batch[0]), batch[1])"),
    "a trainer": (Trained, None, (X, Y), "makes its loss in `training_step`",
                  "model.training_step(batch, 0)"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "loss", "batch", "said", "line"), LIKELY.values(), ids=LIKELY)
def test_where_nothing_works_the_last_line_shows_the_signature(build, loss, batch, said, line):
    *_, above, last = str(first_error(build(), loss, batch)).splitlines()
    assert said in above
    assert last == f"forward=lambda model, batch: {line}"
    assert callable(eval(f"dict({last})")["forward"])


USERS_OWN = {
    "sizes": (lambda: nn.Linear(5, 3), entropy, (X, Y), "cannot be multiplied"),
    "classes": (linear, entropy, (X, Y + 3), "out of bounds"),
    "no gradient": (lambda: linear().requires_grad_(False), entropy, (X, Y), "without gradient"),
}


@pytest.mark.parametrize(("build", "loss", "batch", "said"), USERS_OWN.values(), ids=USERS_OWN)
def test_an_error_that_no_forward_mends_is_left_as_it_is(build, loss, batch, said):
    model = build()
    with pytest.raises(Exception, match=said) as raised:
        range_test(model, sgd(model), loss, [batch], **OPTIONS)
    assert "\n" not in str(raised.value)


def test_an_error_after_the_first_batch_is_left_as_it_is():
    batches = [(X, Y), (X, Y.int())]
    model = linear()
    with pytest.raises(RuntimeError, match="Long") as raised:
        range_test(model, sgd(model), entropy, batches, **OPTIONS)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("way", ["forward", "step", "total"])
def test_an_error_in_a_function_of_the_users_own_is_left_as_it_is(way):
    model = linear()

    def broken(*_):
        return entropy(model(X), Y.int())

    loss = entropy if way == "total" else None
    with pytest.raises((RuntimeError, TypeError)) as raised:
        range_test(model, sgd(model), loss, [(X, Y)], **{way: broken}, **OPTIONS)
    assert "\n" not in str(raised.value)


def test_a_forward_that_returns_more_than_the_loss_is_told_so():
    model = Own()
    with pytest.raises(TypeError, match=r"`forward` must return a tensor, got tuple: return the"):
        range_test(model, sgd(model), None, [BOTH], forward=lambda m, b: m(*b), **OPTIONS)


def test_loss_fn_beside_forward_is_told_what_to_pass():
    model = linear()
    with pytest.raises(ValueError, match="`forward` may be given: pass None as `loss_fn`"):
        range_test(model, sgd(model), entropy, [(X, Y)], forward=lambda m, b: None)


def test_a_search_says_the_same():
    model = OnGraphs()
    with pytest.raises(TypeError, match=r"batch: loss_fn\(model\(batch\), batch\.y\)$"):
        lrfind.find_lr(model, sgd(model), entropy, [GRAPHS] * 4)


def test_with_other_ranks_nothing_is_tried(monkeypatch):
    monkeypatch.setattr("lrfind.loop.mend.rank_count", lambda: 2)
    model, calls = OnGraphs(), []
    model.register_forward_hook(lambda *_: calls.append(1))
    line = str(first_error(model, entropy, GRAPHS)).splitlines()[-1]
    assert (line, len(calls)) == (
        "forward=lambda model, batch: loss_fn(model(batch, ...), batch.y)", 1,
    )  # fmt: skip
