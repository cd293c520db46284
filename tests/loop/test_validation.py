"""What cannot be meant is refused by name, before anything has changed."""

import numpy as np
import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind import range_test


@pytest.mark.parametrize("rate", [None, float("nan"), -1.0])
def test_a_parameter_group_without_a_rate_is_refused(parts, rate):
    parts[1].param_groups[0]["lr"] = rate
    with pytest.raises(ValueError, match="`optimizer` has lr="):
        range_test(*parts[:2], loss_fn, parts[2])


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
    ({"start_lr": np.array([1e-3, 1e-2])}, ValueError, "start_lr"),
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


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"accumulation_steps": 0}, ValueError, "accumulation_steps"),
        ({"accumulation_steps": 1.5}, TypeError, "accumulation_steps"),
        ({"autocast": "bf16"}, TypeError, "autocast"),
        ({"clip_grad": -1.0}, ValueError, "clip_grad"),
        ({"clip_grad": "norm"}, TypeError, "clip_grad"),
        ({"scaler": 3}, TypeError, "scaler"),
        ({"metric": lambda m, b: 0.0}, ValueError, "metric"),
        ({"probe": 3, "probe_every": 0}, ValueError, "probe_every"),
    ],
)
def test_a_bad_option_is_refused_by_name(options, error, name):
    model, loader = make_model(), make_loader()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    before = everything(model, optimizer, loader)
    with pytest.raises(error, match=f"`{name}`"):
        lrfind.range_test(model, optimizer, loss_fn, loader, **options)
    assert everything(model, optimizer, loader) == before


@pytest.mark.parametrize("option", ["accumulation_steps", "autocast", "clip_grad", "probe"])
def test_an_option_that_a_step_of_the_users_own_cannot_obey_is_refused(option):
    value = {"accumulation_steps": 2, "autocast": torch.bfloat16}.get(option, 1.0)
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    with pytest.raises(ValueError, match=f"`{option}` has no effect with `step`"):
        lrfind.range_test(model, optimizer, None, [0], step=lambda b: 1.0, **{option: value})


def test_a_dataset_is_told_to_be_wrapped():
    model = make_model()
    with pytest.raises(TypeError, match=r"`train_loader` .* wrap it in a DataLoader"):
        range_test(model, torch.optim.SGD(trainable(model), lr=0.1), loss_fn, make_loader().dataset)
