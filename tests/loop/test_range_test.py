"""One call: every shape of batch, every way to a loss, and a clear word for bad input."""

import io
import sys
from collections import UserDict, defaultdict, namedtuple

import nbformat
import numpy as np
import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable
from nbclient import NotebookClient
from torch import nn

from lrfind import StopReason, range_test
from lrfind.loop.batches import to_device


@pytest.fixture
def parts():
    model = make_model()
    return model, torch.optim.SGD(trainable(model), lr=0.1), make_loader()


def reference(model, optimizer, loader, num_iter, start_lr=1e-6, end_lr=10.0):
    """A range test written out by hand, on a model that may be used up."""
    lr = np.geomspace(start_lr, end_lr, num_iter)
    losses = []
    while len(losses) < num_iter:
        for x, y in loader:
            if len(losses) == num_iter:
                break
            optimizer.param_groups[0]["lr"] = lr[len(losses)]
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
    return lr, losses


def test_it_is_the_loop_that_a_person_would_write(parts):
    result = range_test(*parts[:2], loss_fn, parts[2], num_iter=40, diverge_th=None)
    lr, losses = reference(*parts, 40)
    assert result.lr.tolist() == lr.tolist()
    assert result.loss.tolist() == losses
    assert result.stop_reason is StopReason.COMPLETED
    assert result.state_bytes > sum(p.numel() * 4 for p in parts[0].parameters())


class Regressor(nn.Module):
    """Takes its inputs by name and can make its own loss."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x, shift=0.0, target=None):
        output = self.layer(x) + shift
        return output if target is None else {"loss": (output - target).pow(2).mean()}


Output = namedtuple("Output", "loss logits")


class OwnLoss(Regressor):
    def forward(self, x, target):
        output = self.layer(x)
        return Output((output - target).pow(2).mean(), output)


x, t = torch.randn(4, 2, generator=torch.Generator().manual_seed(0)), torch.ones(4, 1)
mse = nn.MSELoss()
Named = namedtuple("Named", "x target")


@pytest.mark.parametrize(
    ("model", "loss", "batch", "forward"),
    [
        (Regressor, mse, (x, t), None),
        (Regressor, mse, [x, t], None),
        (Regressor, mse, Named(x, t), None),
        (Regressor, mse, (x, torch.zeros(1), t), None),
        (Regressor, lambda out, batch: mse(out, t), {"x": x}, None),
        (Regressor, lambda out: out["loss"], {"x": x, "target": t}, None),
        (Regressor, None, {"x": x, "target": t}, None),
        (OwnLoss, None, {"x": x, "target": t}, None),
        (OwnLoss, None, (x, t), None),
        (Regressor, lambda out, batch: mse(out, torch.ones_like(out)), x, None),
        (Regressor, None, {"in": [x], "out": t}, lambda m, b: mse(m(b["in"][0]), b["out"])),
    ],
    ids=[
        "tuple",
        "list",
        "named",
        "two_inputs",
        "dict_and_loss_of_two",
        "dict_and_loss_of_one",
        "own_loss_in_dict",
        "own_loss_as_attribute",
        "own_loss_of_tuple",
        "bare",
        "forward",
    ],
)
def test_every_shape_of_batch_gives_the_same_losses(model, loss, batch, forward):
    torch.manual_seed(0)
    network = model()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    result = range_test(
        network, optimizer, loss, [batch], num_iter=20, forward=forward, diverge_th=None
    )
    torch.manual_seed(0)
    plain = Regressor()
    expected = range_test(
        plain, torch.optim.SGD(plain.parameters(), lr=0.1), mse, [(x, t)], num_iter=20,
        diverge_th=None,
    )  # fmt: skip
    assert result.loss.tolist() == expected.loss.tolist()


def test_a_step_of_the_users_own_makes_the_whole_step(parts):
    model, optimizer, loader = parts

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss.item()

    own = range_test(model, optimizer, None, loader, step=step, num_iter=30)
    ours = range_test(model, optimizer, loss_fn, loader, num_iter=30)
    assert own.loss.tolist() == ours.loss.tolist()


def test_lbfgs_takes_one_rate_per_step_however_often_it_evaluates():
    weight = nn.Parameter(torch.tensor([4.0, -3.0]))
    optimizer = torch.optim.LBFGS([weight], lr=0.1, max_iter=5)
    seen = []

    def forward(model, batch):
        seen.append(optimizer.param_groups[0]["lr"])
        return (weight**2).sum()

    result = range_test(
        nn.ParameterList([weight]),
        optimizer,
        None,
        [0],
        forward=forward,
        num_iter=10,
        start_lr=0.1,
        end_lr=0.5,
    )
    assert list(dict.fromkeys(seen)) == result.lr.tolist()
    assert len(seen) > 10
    assert result.loss[0] == 25


def test_a_loss_module_of_one_argument_gets_one():
    class OwnLossOf(nn.Module):
        def forward(self, output):
            return output["loss"]

    model = Regressor()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = {"x": x, "target": t}
    assert range_test(model, optimizer, OwnLossOf(), [batch], num_iter=3).lr.size == 3


def test_a_step_of_the_users_own_gets_its_batch_on_the_models_device():
    model, seen = Elsewhere(), []
    optimizer = torch.optim.SGD([model.near], lr=0.1)

    def step(batch):
        seen.append(batch[0].device.type)
        return 1.0

    range_test(model, optimizer, None, [(x, t)], step=step, num_iter=2)
    assert seen == ["meta", "meta"]


def test_a_step_of_the_users_own_may_drive_optimizers_that_need_a_closure():
    model = nn.Linear(2, 1)
    both = [torch.optim.LBFGS(model.parameters()), torch.optim.SGD(model.parameters(), lr=1)]
    assert range_test(model, both, None, [0], step=lambda b: 1.0, num_iter=3).lr.size == 3


def test_later_losses_are_checked_like_the_first(parts):
    losses = iter([1, 1, 0])
    with pytest.raises(ValueError, match="`loss_fn` must return a scalar"):
        range_test(
            *parts[:2],
            lambda out, y: loss_fn(out, y) if next(losses) else out.sum(1),
            parts[2],
            num_iter=5,
        )


def test_batches_in_mappings_of_any_kind_go_in_by_name():
    class Features(UserDict):
        pass

    model = Regressor()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = [
        range_test(model, optimizer, None, [batch], num_iter=5, diverge_th=None).loss.tolist()
        for batch in (
            {"x": x, "target": t},
            defaultdict(list, x=x, target=t),
            Features(x=x, target=t),
        )
    ]
    assert losses[0] == losses[1] == losses[2]


@pytest.mark.parametrize("rate", [None, float("nan"), -1.0])
def test_a_parameter_group_without_a_rate_is_refused(parts, rate):
    parts[1].param_groups[0]["lr"] = rate
    with pytest.raises(ValueError, match="`optimizer` has lr="):
        range_test(*parts[:2], loss_fn, parts[2])


def test_an_optimizer_whose_step_takes_no_closure_is_driven_too():
    class Plain(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 0.1})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad

    model = nn.Linear(2, 1)
    options = {"num_iter": 20, "diverge_th": None}
    ours = range_test(model, Plain(model.parameters()), mse, [(x, t)], **options)
    sgd = range_test(model, torch.optim.SGD(model.parameters(), lr=0.1), mse, [(x, t)], **options)
    np.testing.assert_allclose(ours.loss, sgd.loss, rtol=1e-5)


def test_a_learnable_or_stateful_loss_is_put_back_too():
    class Learnable(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.calls = nn.Parameter(torch.ones(())), 0

        def forward(self, output, target):
            self.calls += 1
            return (output - target).pow(2).mean() * self.scale

    model, loss = nn.Linear(2, 1), Learnable()
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    range_test(model, optimizer, loss, [(x, t)], num_iter=5)
    assert (loss.scale.item(), loss.calls) == (1.0, 0)


def test_further_objects_are_put_back(parts):
    history = []
    range_test(
        *parts[:2], None, parts[2], num_iter=5, preserve=[{"history": history}],
        forward=lambda m, b: history.append(1) or loss_fn(m(b[0]), b[1]),
    )  # fmt: skip
    assert history == []


def test_a_short_loader_is_restarted(parts):
    short = list(parts[2])[:3]
    result = range_test(*parts[:2], loss_fn, short, num_iter=10, diverge_th=None)
    assert result.lr.size == 10


def test_an_iterator_that_runs_out_is_named_as_the_reason_and_warned_of(parts):
    batches = iter(list(parts[2])[:4])
    with pytest.warns(UserWarning, match="`train_loader` is an iterator"):
        result = range_test(*parts[:2], loss_fn, batches, num_iter=10)
    assert (result.lr.size, result.stop_reason) == (4, StopReason.EXHAUSTED)


def test_an_iterable_dataset_is_enough():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from ((x, t) for _ in range(3))

    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = torch.utils.data.DataLoader(Stream(), batch_size=None)
    assert range_test(model, optimizer, mse, loader, num_iter=8, diverge_th=None).lr.size == 8


class Elsewhere(nn.Module):
    """Its first parameter is on another device; its loss is made of the second, on the CPU."""

    def __init__(self):
        super().__init__()
        self.far, self.near = (
            nn.Parameter(torch.ones(1, device="meta")),
            nn.Parameter(torch.ones(1)),
        )


def test_batches_move_to_the_models_device():
    model, seen = Elsewhere(), []

    def forward(model, batch):
        seen.append((batch["a"][0].device.type, batch["a"][1][0].device.type, batch["a"][1][1]))
        seen.append((type(batch["n"]), batch["n"].x.device.type, batch["n"].target))
        return (model.near**2).sum()

    batch = {"a": [x, (t, "name")], "n": Named(x, 3)}
    optimizer = torch.optim.SGD([model.near], lr=0.1)
    range_test(model, optimizer, None, [batch], forward=forward, num_iter=2)
    assert seen == [("meta", "meta", "name"), (Named, "meta", 3)] * 2


def test_batches_with_a_way_of_their_own_to_move_use_it():
    class Moving:
        def __init__(self, device):
            self.device = device

        def to(self, device):
            return Moving(device)

    assert to_device([Moving("here")], torch.device("meta"))[0].device.type == "meta"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "notebook", "progress", "shown"),
    [
        (Terminal, False, None, True),
        (Terminal, False, False, False),
        (Terminal, False, 0, False),
        (io.StringIO, False, None, False),
        (io.StringIO, True, None, True),
        (io.StringIO, True, False, False),
        (io.StringIO, False, True, True),
    ],
)
def test_a_bar_is_shown_in_a_terminal_or_notebook_unless_told(
    parts, monkeypatch, stream, notebook, progress, shown
):
    monkeypatch.setattr(sys, "stderr", stream())
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    else:  # another test may have started a kernel
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    range_test(*parts[:2], loss_fn, parts[2], num_iter=5, progress=progress)
    assert ("range test: 100%" in sys.stderr.getvalue()) is shown


def test_in_a_real_notebook_the_bar_comes_without_a_warning():
    cell = nbformat.v4.new_code_cell(
        "from lrfind.demo import digits_problem\n"
        "result = digits_problem(model='mlp').range_test(num_iter=5)"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, kernel_name="python3").execute()
    (shown,) = {output.get("name", "widget") for output in cell.outputs}
    text = "".join(output.get("text", "") for output in cell.outputs)
    assert shown == "widget" or "range test: 100%" in text
    assert "Warning" not in text


def unlike(loss):
    return {"loss_fn": lambda output, target: loss}


BAD = [
    ({"start_lr": 1.0, "end_lr": 0.1}, ValueError, "start_lr"),
    ({"start_lr": -1.0}, ValueError, "start_lr"),
    ({"end_lr": float("nan")}, ValueError, "end_lr"),
    ({"num_iter": 1}, ValueError, "num_iter"),
    ({"diverge_th": -1}, ValueError, "diverge_th"),
    ({"store": "disk"}, ValueError, "store"),
    ({"train_loader": []}, ValueError, "train_loader"),
    ({"train_loader": 3}, TypeError, "train_loader"),
    ({"train_loader": [(torch.ones(2, 6),)]}, ValueError, "train_loader"),
    ({"model": "model"}, TypeError, "model"),
    ({"optimizer": None}, TypeError, "optimizer"),
    ({"optimizer": torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1)}, ValueError, "optimizer"),
    ({"loss_fn": 3}, TypeError, "loss_fn"),
    ({"forward": lambda m, b: None}, ValueError, "loss_fn"),
    ({"loss_fn": None, "step": 3}, TypeError, "step"),
    (unlike(3.0), TypeError, "loss_fn"),
    (unlike(None), TypeError, "loss_fn"),
    (unlike(torch.ones(2, requires_grad=True)), ValueError, "loss_fn"),
    (unlike(torch.tensor(1.0)), ValueError, "loss_fn"),
    ({"preserve": [3]}, TypeError, "preserve"),
    ({"preserve": nn.Sequential(nn.Linear(1, 1))}, TypeError, "preserve"),
    ({"preserve": None}, TypeError, "preserve"),
    ({"loss_fn": nn.CrossEntropyLoss}, TypeError, "loss_fn"),
    ({"loss_fn": None, "forward": lambda m, b: 1.0}, TypeError, "forward"),
    ({"loss_fn": None, "step": lambda b: None}, TypeError, "step"),
    ({"start_lr": np.array([1e-3, 1e-2])}, TypeError, "start_lr"),
    ({"end_lr": 10**400}, TypeError, "end_lr"),
]


@pytest.mark.parametrize(("changes", "error", "name"), BAD)
def test_bad_input_is_refused_by_name_and_nothing_has_changed(parts, changes, error, name):
    model, optimizer, loader = parts
    arguments = {
        "model": model, "optimizer": optimizer, "loss_fn": loss_fn, "train_loader": loader,
    } | changes  # fmt: skip
    before = everything(*parts)
    with pytest.raises(error, match=f"`{name}"):
        range_test(**arguments)
    assert everything(*parts) == before


def test_a_model_in_eval_mode_is_tested_as_it_is_with_a_warning(parts):
    model = parts[0].eval()
    with pytest.warns(UserWarning, match="`model` is in eval mode"):
        range_test(*parts[:2], loss_fn, parts[2], num_iter=5)
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("finite", [0, 1])
def test_one_finite_loss_or_none_is_a_result_that_says_why_it_cannot_tell(parts, finite):
    losses = iter([1.0] * finite + [float("nan")])
    before = everything(*parts)
    result = range_test(
        *parts[:2], lambda out, y: loss_fn(out, y) * 0 + next(losses), parts[2], num_iter=20
    )
    assert result.stop_reason is StopReason.NON_FINITE
    assert "`start_lr`" in result.suggest().reason
    assert everything(*parts) == before
