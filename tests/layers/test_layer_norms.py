"""Norms layer by layer: their ratios by closed forms, and which layer blows up first."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind import BlowUp, Layers
from lrfind.layers.layer_norms import QUANTITIES

positive = st.floats(1e-6, 1e6)


def make_layers(n=60, names=("a.weight", "a.bias", "b.weight"), **changes):
    """Three tensors: one stays, one starts at 0, one grows ten-fold from step 39 on."""
    lr = np.geomspace(1e-4, 1, n)
    weight = np.ones((n, len(names)))
    weight[0, 1] = 0
    weight[40:, 2] = 12
    values = {
        "names": names, "lr": lr, "weight": weight, "gradient": 2 * weight + 1,
        "update": lr[:, None] * (weight + 1),
    }  # fmt: skip
    return Layers(**(values | changes))


@given(positive, positive, positive, positive, st.floats(0, 1), st.floats(0.01, 1))
def test_the_ratios_are_their_formulas(lr, weight, gradient, update, decay, scale):
    layers = Layers(("w",), [lr], [[weight]], [[gradient]], [[update]], (scale,), (decay,))
    assert layers.update_ratio[0, 0] == pytest.approx(update / weight)
    assert layers.step[0, 0] == pytest.approx(update / (lr * scale))
    assert layers.lamb_ratio[0, 0] == pytest.approx(weight / (update / (lr * scale)))
    assert layers.lars_ratio[0, 0] == pytest.approx(weight / (gradient + decay * weight))


@given(positive, positive, positive, positive)
def test_the_ratio_that_was_applied_is_divided_out_of_the_step(lr, weight, update, applied):
    layers = Layers(("w",), [lr], [[weight]], [[1.0]], [[update]], applied=[[applied]])
    assert layers.step[0, 0] == pytest.approx(update / lr / applied)
    assert layers.lamb_ratio[0, 0] == pytest.approx(weight * lr * applied / update)


@pytest.mark.parametrize(
    ("weight", "gradient", "update", "lamb", "lars"),
    [
        (0.0, 2.0, 3.0, 1.0, 1.0),
        (4.0, 0.0, 3.0, 4.0 / 3.0, 1.0),
        (4.0, 2.0, 0.0, 1.0, 2.0),
        (0.0, 0.0, 0.0, 1.0, 1.0),
        (4.0, np.nan, 3.0, 4.0 / 3.0, np.nan),
        (np.nan, np.nan, np.nan, np.nan, np.nan),
    ],
)
def test_a_ratio_is_1_where_a_norm_is_0_and_nan_where_one_is(weight, gradient, update, lamb, lars):
    layers = Layers(("w",), [1.0], [[weight]], [[gradient]], [[update]])
    np.testing.assert_allclose(layers.lamb_ratio, [[lamb]])
    np.testing.assert_allclose(layers.lars_ratio, [[lars]])


def test_a_tensor_of_0_has_no_update_ratio():
    assert np.isnan(make_layers().update_ratio[0, 1])
    assert np.isfinite(make_layers().update_ratio[1:]).all()


def test_the_layer_that_grew_ten_fold_blew_up_at_the_step_that_made_it():
    layers = make_layers()
    assert layers.blow_ups() == (BlowUp("b.weight", 39, layers.lr[39], 12.0),)
    assert layers.blow_ups(factor=12.5) == ()


def test_blow_ups_come_in_order_and_infinite_weights_count():
    layers = make_layers(4)
    weight = np.array([[1, 2, 3], [1, 20, 30], [10, 50, 3], [np.inf, 2, 3]])
    found = dataclasses.replace(layers, weight=weight).blow_ups()
    assert [(each.layer, each.step, each.growth) for each in found] == [
        ("a.bias", 0, 10), ("b.weight", 0, 10), ("a.weight", 1, 10),
    ]  # fmt: skip


@pytest.mark.parametrize("n", [0, 1])
def test_a_sweep_of_no_step_or_one_has_no_blow_up(n):
    empty = np.ones((n, 3))
    layers = make_layers(n, weight=empty, gradient=empty, update=empty) if n else Layers(
        ("w",), [], np.empty((0, 1)), np.empty((0, 1)), np.empty((0, 1))
    )  # fmt: skip
    assert layers.blow_ups() == ()
    assert layers.update_ratio.shape == layers.weight.shape


@pytest.mark.parametrize("factor", [1, 0.5, -1, np.nan])
def test_a_factor_that_is_no_growth_is_refused(factor):
    with pytest.raises(ValueError, match="`factor` must be"):
        make_layers().blow_ups(factor)


def test_every_quantity_can_be_asked_for_by_name():
    layers = make_layers(applied=np.full((60, 3), 0.5))
    for name in QUANTITIES:
        assert layers.quantity(name).shape == (60, 3)
    with pytest.raises(ValueError, match="`quantity` must be one of 'weight', 'gradient'"):
        layers.quantity("norm")
    with pytest.raises(ValueError, match="the optimizer stored no trust ratio"):
        make_layers().quantity("applied")


def test_it_is_frozen_compared_by_content_and_says_what_it_is():
    layers = make_layers()
    assert layers == make_layers()
    assert layers != make_layers(weight_decay=(0, 0, 0.1))
    assert layers != make_layers(weight=np.ones((60, 3)))
    assert layers != "layers"
    assert repr(layers) == "<Layers: 3 parameter tensors, 60 steps>"
    with pytest.raises(ValueError, match="read-only"):
        layers.weight[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        layers.names = ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"update": np.ones((60, 2))}, r"`update` must have shape \(60, 3\), got \(60, 2\)"),
        ({"applied": np.ones((2, 3))}, "`applied` must have shape"),
        ({"rate_scale": (1.0,)}, "`rate_scale` must hold 3 finite numbers"),
        ({"weight_decay": (0, 0, np.nan)}, "`weight_decay` must hold 3 finite numbers"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        make_layers(**change)
