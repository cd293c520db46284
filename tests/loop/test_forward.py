"""From a batch to its loss: every shape of batch, and models that make their own loss."""

from collections import UserDict, defaultdict, namedtuple

import pytest
import torch
from torch import nn

from lrfind import range_test


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


def test_a_loss_module_of_one_argument_gets_one():
    class OwnLossOf(nn.Module):
        def forward(self, output):
            return output["loss"]

    model = Regressor()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = {"x": x, "target": t}
    assert range_test(model, optimizer, OwnLossOf(), [batch], num_iter=3).lr.size == 3


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


class Wrapped(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *inputs, **named):
        return self.module(*inputs, **named)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x, *, scale=1.0):
        return self.layer(x) * scale


SURPLUS = {
    "values": (lambda: nn.Sequential(nn.Linear(2, 1)), (x, x, t), r"Sequential\.forward\(input"),
    "keys": (Scaled, {"x": x, "target": t}, r"Scaled\.forward\(x, \*, scale=1\.0\)"),
    "missing keys": (Scaled, {"scale": 2.0}, r"Scaled\.forward\(x, \*, scale=1\.0\)"),
    "wrapped": (lambda: Wrapped(Scaled()), {"x": x, "target": t}, r"Scaled\.forward\(x"),
}


@pytest.mark.parametrize(("build", "batch", "signature"), SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize("way", ["train_loader", "probe", "own loss"])
def test_a_batch_that_the_model_does_not_take_is_told_with_the_remedy(build, batch, signature, way):
    model = build()
    good = {"x": x} if isinstance(batch, dict) else (x, t)
    loader = [batch if way != "probe" else good]
    loss = None if way == "own loss" else lambda output, target: output.mean()
    if way == "own loss" and not isinstance(batch, dict):
        batch = loader[0] = (x, x)
    options = {"probe": batch} if way == "probe" else {}
    with pytest.raises(TypeError, match=rf"`{signature}.*pass `forward=`") as raised:
        range_test(model, torch.optim.SGD(model.parameters(), lr=0.1), loss, loader, **options)
    assert isinstance(raised.value.__cause__, TypeError)
    assert "forward()" in str(raised.value.__cause__)


def test_a_type_error_inside_the_model_is_the_users_own():
    class Broken(Scaled):
        def forward(self, x):
            return self.layer(x, x)

    model = Broken()
    with pytest.raises(TypeError, match=r"^Linear\.forward\(\) takes 2") as raised:
        range_test(model, torch.optim.SGD(model.parameters(), lr=0.1), mse, [(x, t)])
    assert raised.value.__cause__ is None
