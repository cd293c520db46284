"""What a function holds: its closure, its defaults, its partials, and the object of a method."""

import functools
import random

import numpy as np
import pytest
import torch
from makers import everything, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind.state.held_by import DEPTH, held_by


class Trainer:
    """A plain object with a second model, a counter and a record of its own."""

    def __init__(self):
        self.teacher, self.steps, self.history = nn.Linear(1, 1), 0, []

    def step(self, batch):
        self.steps += 1
        return 1.0


def holders(thing):
    """Functions that hold a thing, each in another way."""

    def with_default(batch, held=thing):
        return held

    def with_keyword(batch, *, held=thing):
        return held

    def attribute(batch):
        return attribute.held

    attribute.held = thing

    @functools.wraps(with_default)
    def wrapped(*arguments):
        return with_default(*arguments)

    return {
        "closure": lambda batch: thing,
        "nested closure": lambda batch: (lambda: thing)(),
        "closure over a closure": (lambda inner: lambda batch: inner())(lambda: thing),
        "partial": functools.partial(print, thing),
        "partial by keyword": functools.partial(print, file=thing),
        "partial of a partial": functools.partial(functools.partial(print, thing), 2),
        "partial of a closure": functools.partial(lambda batch: thing),
        "default": with_default,
        "keyword default": with_keyword,
        "attribute": attribute,
        "wrapped": wrapped,
        "list": (lambda models: lambda batch: models[0])([thing]),
        "dictionary": (lambda models: lambda batch: models["a"])({"a": (thing,)}),
    }


THINGS = {
    "module": nn.Linear(1, 1),
    "optimizer": torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0),
    "generator": torch.Generator(),
    "numpy generator": np.random.default_rng(0),
    "python generator": random.Random(0),
    "loader": make_loader(),
    "scaler": torch.amp.GradScaler("cpu"),
    "trainer": Trainer(),
}


@pytest.mark.parametrize("way", holders(None))
@pytest.mark.parametrize("name", THINGS)
def test_a_thing_with_state_is_found_however_a_function_holds_it(name, way):
    thing = THINGS[name]
    assert [each is thing for each in held_by(holders(thing)[way])] == [True]


def test_the_object_of_a_method_and_a_callable_object_are_found_once():
    trainer, module = Trainer(), nn.Linear(1, 1)
    assert held_by(trainer.step) == [trainer]
    assert held_by(module) == [module]
    assert held_by(module.forward) == [module]
    assert held_by(lambda batch: (trainer.step(batch), trainer.step, trainer)) == [trainer]
    assert held_by(functools.partial(trainer.step, trainer)) == [trainer]


@pytest.mark.parametrize(
    "thing", [None, 1.0, "text", print, np.mean, nn.Linear, torch, [1], {"a": 1}, torch.ones(1)]
)
def test_what_has_no_state_is_not_taken_for_it(thing):
    assert held_by(thing) == []
    assert held_by(lambda batch: thing) == []


def test_functions_that_hold_each_other_come_to_an_end():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert held_by(even) == []


def test_a_variable_that_was_never_set_holds_nothing():
    def function():
        return later

    assert held_by(function) == []
    if not held_by(function):
        later = 1
    assert function() == 1


def test_it_goes_only_so_deep():
    function = functools.partial(THINGS["module"])
    for _ in range(DEPTH):
        function = (lambda inner: lambda: inner())(function)
    assert held_by(function) == []


@pytest.mark.parametrize(
    ("option", "way"),
    [
        (option, way)
        for option in ("loss_fn", "forward", "step", "metric", "clip_grad", "total")
        for way in ("closure", "partial", "default", "nested closure", "method")
        if way != "method" or option in ("step", "metric", "clip_grad")  # it computes no loss
    ],
)
def test_what_a_function_of_the_user_holds_is_put_back(option, way):
    class Other:
        def __init__(self):
            self.model, self.calls = nn.BatchNorm1d(3), 0

        def touch(self, *_):
            self.calls += 1
            return self.model(torch.randn(4, 3)).sum()

    model, loader, other = make_model(), make_loader(), Other()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    entropy = nn.functional.cross_entropy

    def loss_of(*arguments):
        touch, *rest = arguments
        touch()
        if option == "loss_fn":
            return entropy(*rest)
        if option == "forward":
            return entropy(rest[0](rest[1][0]), rest[1][1])
        return rest[0]["a"] if option == "total" else 1.0

    held = {
        "closure": lambda *arguments: loss_of(other.touch, *arguments),
        "partial": functools.partial(loss_of, other.touch),
        "default": lambda *arguments, touch=other.touch: loss_of(touch, *arguments),
        "nested closure": lambda *a: (lambda: loss_of(other.touch, *a))(),
        "method": other.touch,
    }[way]
    options = {option: held}
    if option == "metric":
        options["probe"] = next(iter(loader))
    if option == "total":
        options["loss_fn"] = lambda output, target: {"a": entropy(output, target)}
    if option in ("metric", "clip_grad"):
        options["loss_fn"] = entropy
    before = [*everything(model, optimizer, loader).values(), other.model.state_dict().copy()]
    running = other.model.running_mean.clone()
    loss_fn = options.pop("loss_fn", None)
    lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=5, **options)
    assert other.calls == 0
    assert torch.equal(other.model.running_mean, running)
    assert [*everything(model, optimizer, loader).values()] == before[:-1]


def test_what_a_function_writes_down_for_its_user_stays():
    model, seen = make_model(), []
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)

    def loss(output, target):
        seen.append(output.mean().item())
        return nn.functional.cross_entropy(output, target)

    lrfind.range_test(model, optimizer, loss, make_loader(), num_iter=5)
    assert len(seen) == 5
