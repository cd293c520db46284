"""The names of schedules, and what each is taken for."""

import functools

import pytest
import torch
from torch.optim import lr_scheduler as torch_schedulers

from lrfind.analysis.defaults import SCHEDULES
from lrfind.analysis.schedules import NAMES, Schedule, schedule_of, told_by, usual_names


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)


@pytest.mark.parametrize(
    ("name", "measured"),
    [
        ("constant", "constant"),
        ("Constant-With-Warmup", "constant"),
        ("one-cycle", "one_cycle"),
        ("OneCycleLR", "one_cycle"),
        ("onecycle", "one_cycle"),
        ("cosine", "one_cycle"),
        ("warmup_cosine", "one_cycle"),
        ("Cosine with warmup", "one_cycle"),
        ("linear", "one_cycle"),
        ("polynomial", "one_cycle"),
        ("CosineAnnealingLR", "one_cycle"),
        ("StepLR", "constant"),
        ("wsd", "constant"),
        ("inverse_sqrt", "constant"),
    ],
)
def test_the_names_people_use(name, measured):
    found = schedule_of(name)
    assert (found.measured, found.asked, found.total_steps) == (measured, name, None)


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
@pytest.mark.parametrize("spelt", [str.upper, str.title, lambda name: name.replace("_", " ")])
def test_case_spaces_hyphens_and_underscores_do_not_count(name, spelt):
    assert schedule_of(spelt(name))[::2] == schedule_of(name)[::2]
    assert schedule_of(spelt(name).replace("_", "-")).measured in SCHEDULES


def test_no_name_is_taken_for_two_things():
    plain = [
        "".join(filter(str.isalnum, name)).lower() for names in NAMES.values() for name in names
    ]
    assert len(plain) == len(set(plain))


def test_what_was_measured_needs_no_words_and_all_else_says_what_it_is_taken_for():
    assert [schedule_of(name).said for name in (*SCHEDULES, "OneCycleLR")] == [""] * 3
    assert schedule_of("cosine").said == (
        "cosine, taken as one-cycle: both decay from a peak to about zero"
    )
    for (measured, why), names in NAMES.items():
        taken = measured.replace("_", "-")
        assert not why or schedule_of(names[0]).said == f"{names[0]}, taken as {taken}: {why}"


@pytest.mark.parametrize("name", ["sawtooth", "", "linearlr", 3, True, ["cosine"], b"cosine"])
def test_an_unknown_name_is_refused_with_those_that_are_known(name):
    with pytest.raises(ValueError, match="`schedule` must be one of 'constant', ") as caught:
        schedule_of(name)
    assert all(repr(known) in str(caught.value) for known in usual_names())
    assert str(caught.value).endswith(f"got {name!r}.")


def warm_then_cosine(each):
    warm = torch_schedulers.LinearLR(each)
    return torch_schedulers.SequentialLR(
        each, [warm, torch_schedulers.CosineAnnealingLR(each, 90)], [10]
    )


SCHEDULERS = {
    "OneCycleLR": (lambda each: torch_schedulers.OneCycleLR(each, 1.0, 700), "one_cycle", 700),
    "CosineAnnealingLR": (
        lambda each: torch_schedulers.CosineAnnealingLR(each, 700), "one_cycle", None
    ),
    "CosineAnnealingWarmRestarts": (
        lambda each: torch_schedulers.CosineAnnealingWarmRestarts(each, 70), "one_cycle", None
    ),
    "PolynomialLR": (lambda each: torch_schedulers.PolynomialLR(each, 70), "one_cycle", None),
    "CyclicLR": (
        lambda each: torch_schedulers.CyclicLR(each, 0.1, 1.0, cycle_momentum=False),
        "one_cycle", None,
    ),
    "LinearLR": (lambda each: torch_schedulers.LinearLR(each), "constant", None),
    "LinearLR down": (
        lambda each: torch_schedulers.LinearLR(each, 1.0, 0.0, 50), "one_cycle", None
    ),
    "ConstantLR": (lambda each: torch_schedulers.ConstantLR(each), "constant", None),
    "StepLR": (lambda each: torch_schedulers.StepLR(each, 30), "constant", None),
    "MultiStepLR": (lambda each: torch_schedulers.MultiStepLR(each, [30]), "constant", None),
    "ExponentialLR": (lambda each: torch_schedulers.ExponentialLR(each, 0.9), "constant", None),
    "ReduceLROnPlateau": (lambda each: torch_schedulers.ReduceLROnPlateau(each), "constant", None),
    "SequentialLR": (warm_then_cosine, "one_cycle", None),
    "ChainedScheduler": (
        lambda each: torch_schedulers.ChainedScheduler(
            [torch_schedulers.ConstantLR(each), torch_schedulers.ExponentialLR(each, 0.9)]
        ),
        "constant", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_of_torch_is_taken_by_its_class(name):
    make, measured, steps = SCHEDULERS[name]
    found = schedule_of(make(optimizer()))
    assert (found.measured, found.total_steps) == (measured, steps)
    assert found.asked.startswith(name.split()[0])
    assert bool(found.said) == (name not in ("OneCycleLR", "ConstantLR"))


def _get_cosine_schedule_with_warmup_lr_lambda(step, *, num_training_steps):
    return 1.0 - step / num_training_steps


def _get_constant_lambda(step=None):
    return 1


def test_the_functions_of_transformers_are_taken_by_their_names():
    falling = functools.partial(_get_cosine_schedule_with_warmup_lr_lambda, num_training_steps=900)
    cosine = told_by(torch_schedulers.LambdaLR(optimizer(), falling))
    assert (cosine.measured, cosine.asked, cosine.total_steps) == (
        "one_cycle", "cosine_with_warmup", 900
    )  # fmt: skip
    constant = told_by(torch_schedulers.LambdaLR(optimizer(), _get_constant_lambda))
    assert constant == Schedule("constant", "constant")


def test_a_scheduler_of_timm_tells_its_length_if_it_counts_updates():
    class CosineLRScheduler:
        optimizer, t_in_epochs = None, True

        def step(self, epoch):
            raise NotImplementedError

        def get_cycle_length(self):
            return 310

    scheduler = CosineLRScheduler()
    assert schedule_of(scheduler)[:2] == ("one_cycle", "CosineLRScheduler")
    assert schedule_of(scheduler).total_steps is None
    scheduler.t_in_epochs = False
    assert schedule_of(scheduler).total_steps == 310


def test_a_scheduler_whose_shape_is_not_known_tells_nothing_and_is_refused():
    each = optimizer()
    unknown = torch_schedulers.LambdaLR(each, lambda step: 1.0)
    for scheduler in (
        unknown,
        torch_schedulers.MultiplicativeLR(each, lambda step: 0.9),
        torch_schedulers.SequentialLR(each, [torch_schedulers.LinearLR(each), unknown], [10]),
    ):
        assert told_by(scheduler) is None
        name = type(scheduler).__name__
        with pytest.raises(ValueError, match=f"got {name}, whose shape is not known"):
            schedule_of(scheduler)
