"""Optimizers that have a mind of their own about the learning rate."""

import warnings

import pytest
import pytorch_optimizer
import schedulefree
import torch
from makers import loss_fn, make_loader, make_model, trainable

import lrfind


def warm(**options):
    return schedulefree.AdamWScheduleFree(trainable(make_model()), lr=0.01, **options)


def relative(**options):
    return pytorch_optimizer.AdaFactor(trainable(make_model()), lr=0.01, **options)


@pytest.mark.parametrize(
    ("optimizer", "remedy"),
    [
        (warm(warmup_steps=10_000), r"`optimizer` \(AdamWScheduleFree\) .*`warmup_steps=0`"),
        (relative(relative_step=True), r"`optimizer` \(AdaFactor\) .*`relative_step=False`"),
    ],
)
def test_a_rate_of_its_own_is_warned_of_once(optimizer, remedy):
    plain = torch.optim.SGD(trainable(make_model()), lr=0.1)
    with pytest.warns(UserWarning, match=remedy) as warned:
        lrfind.Sweep([plain, optimizer])
    assert len(warned) == 1
    assert warned[0].filename == __file__


def test_the_one_call_warns_once_and_gives_its_result():
    model, loader = make_model(), make_loader()
    optimizer = schedulefree.SGDScheduleFree(trainable(model), lr=0.1, warmup_steps=100)
    with pytest.warns(UserWarning, match="warmup_steps") as warned:
        result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=10)
    assert (len(warned), result.lr.size) == (1, 10)


def test_a_warm_up_that_is_over_or_not_asked_for_is_not():
    over = warm(warmup_steps=3)
    for group in over.param_groups:
        group["k"] = 3
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for optimizer in (over, warm(), relative(relative_step=False)):
            lrfind.Sweep(optimizer)
    assert warned == []
