"""An option of another finder, or a misspelt one, is told by its name here."""

import inspect

import pytest
import torch
from makers import loss_fn, make_loader, make_model, trainable

from lrfind import Problem, controls, find_lr, range_test, repeat, verify
from lrfind.loop.options import LOOP_DEFAULTS
from lrfind.support.option_names import NAMES, SAID, hint

FUNCTIONS = (range_test, verify, find_lr, controls)


def refused(function, **option):
    """What the function says of an option that it does not have."""
    model = make_model()
    parts = [model, torch.optim.SGD(trainable(model), lr=0.1), loss_fn, make_loader()]
    parts += [] if function in (range_test, find_lr) else ["no result"]
    with pytest.raises(TypeError) as raised:
        function(*parts, **option)
    return str(raised.value)


def test_every_name_of_others_stands_for_an_option_and_is_none_itself():
    ours = {name for function in FUNCTIONS for name in inspect.signature(function).parameters}
    assert set(NAMES) <= ours
    taken = set(inspect.signature(range_test).parameters)
    theirs = [name for names in (*NAMES.values(), *SAID) for name in names.split()]
    assert taken.isdisjoint(set(theirs) - set(NAMES["budget"].split()))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("criterion", "loss_fn"),
        ("val_loader", "probe"),
        ("num_it", "num_iter"),
        ("num_training", "num_iter"),
        ("min_lr", "start_lr"),
        ("max_lr", "end_lr"),
        ("mode", "step_mode"),
        ("early_stop_threshold", "diverge_th"),
        ("gradient_accumulation_steps", "accumulation_steps"),
    ],
)
def test_a_name_of_another_finder_says_ours(theirs, ours):
    said = (
        f"range_test() got an unexpected keyword argument {theirs!r}: it is called `{ours}` here."
    )
    assert refused(range_test, **{theirs: 3}) == said


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_needs_no_option_is_told(function):
    said = "none is needed, as the batches are moved to the device of the model."
    assert refused(function, device="cuda").endswith(f"argument 'device': {said}")


def test_only_options_that_the_function_has_are_told():
    assert refused(find_lr, num_it=3).endswith("it is called `budget` here.")
    assert refused(find_lr, num_iter=3).endswith("it is called `budget` here.")
    assert refused(controls, num_it=3).endswith("unexpected keyword argument 'num_it'")


@pytest.mark.parametrize("name", LOOP_DEFAULTS)
def test_a_misspelt_option_says_which_is_meant(name):
    misspelt = name[:-2] + name[-1]
    assert refused(range_test, **{misspelt: 3}).endswith(f"{misspelt!r}: did you mean `{name}`?")


def test_a_problem_and_repeats_say_so_too():
    with pytest.raises(TypeError, match=r"`options` has 'num_it', .*: it is called `num_iter` h"):
        Problem(make_model(), None, loss_fn, [], options={"num_it": 3})
    with pytest.raises(ValueError, match=r"`settings` has 'num_it', .*: it is called `num_iter` h"):
        repeat(lambda: None, num_it=3)


def test_what_is_like_nothing_gets_no_hint():
    assert hint("qqqqq", LOOP_DEFAULTS) == ""
