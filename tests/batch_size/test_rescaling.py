"""Settings for another batch size: the published formulas, their groups, and what they refuse."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lrfind
from lrfind import rescale, rescale_beta
from lrfind.batch_size.rules import RULES

ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
SGD = {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
DAMPED = SGD | {"dampening": 0.9}
RMSPROP = {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0}

batches = st.integers(1, 65536)
close_batches = st.integers(32, 256)
"""Within a factor of 8 of each other."""
long_betas = st.floats(0.9, 0.9999)


def assert_same(settings, expected):
    assert settings.keys() == expected.keys()
    for name in settings:
        np.testing.assert_allclose(settings[name], expected[name], rtol=1e-9, err_msg=name)


# The origin's rule


def test_ema_from_batch_b_to_1_is_the_bth_root_as_in_the_article():
    new = rescale(ADAM, 32, 1, rule="ema")
    assert new["betas"] == (0.9 ** (1 / 32), 0.999 ** (1 / 32))
    assert new["lr"] == 1e-3 / 32
    assert (new["weight_decay"], new["eps"]) == (0.01, 1e-8)


def test_ema_from_batch_1_to_b_is_the_bth_power_as_in_the_article():
    new = rescale(ADAM, 1, 32, rule="ema")
    assert new["betas"] == (0.9**32, 0.999**32)
    assert new["lr"] == pytest.approx(0.032, rel=1e-15)
    assert (new["weight_decay"], new["eps"]) == (0.01, 1e-8)


def test_ema_on_a_damped_momentum_is_literal_since_that_is_an_average():
    new = rescale(DAMPED, 32, 128, rule="ema")
    assert_same(new, {"lr": 0.4, "momentum": 0.9**4, "dampening": 0.9**4, "weight_decay": 5e-4})


@pytest.mark.parametrize("dampening", [None, 0.0])
def test_ema_sum_holds_the_rate_of_the_average(dampening):
    settings = SGD if dampening is None else SGD | {"dampening": dampening}
    new = rescale(settings, 32, 128, rule="ema_sum")
    assert new["momentum"] == pytest.approx(0.6561)
    average_before, average_after = 0.1 / (1 - 0.9), new["lr"] / (1 - new["momentum"])
    assert average_after == pytest.approx(4 * average_before)


def walk(settings, gradients):
    """Where torch's SGD goes under given gradients, whatever the weights."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], **settings)
    for gradient in gradients:
        weight.grad = torch.tensor([float(gradient)], dtype=torch.float64)
        optimizer.step()
    return weight.item()


# Momentum starts to act within some 1 / (1 - m) steps, and its weight dies away within as many.
PUSH = np.concatenate([np.ones(400), np.zeros(400)])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_ema_sum_keeps_how_far_torch_sgd_goes_per_sample(momentum):
    settings = {"lr": 0.1, "momentum": momentum}
    small = walk(rescale(settings, 64, 16, rule="ema_sum"), np.repeat(PUSH, 4))
    assert small == pytest.approx(walk(settings, PUSH), rel=1e-9)


def test_with_lr_times_k_alone_torch_sgd_goes_almost_4_times_as_far():
    literal = rescale({"lr": 0.1, "momentum": 0.9}, 64, 16, rule="ema")
    assert_same(literal, {"lr": 0.1 / 4, "momentum": 0.9 ** (1 / 4)})
    far = walk(literal, np.repeat(PUSH, 4)) / walk({"lr": 0.1, "momentum": 0.9}, PUSH)
    assert far == pytest.approx((1 - 0.9) / (1 - 0.9 ** (1 / 4)), rel=1e-9)
    assert far > 3.8


def test_ema_on_torch_muon_takes_its_momentum_for_the_average_it_is():
    group = {"lr": 0.02, "momentum": 0.95, "ns_steps": 5, "eps": 1e-7}
    new = rescale(group, 32, 64, rule="ema")
    assert_same(new, group | {"lr": 0.04, "momentum": 0.9025})


# The others


def test_linear_multiplies_the_rate_and_leaves_the_momentum():
    # Goyal et al.: 0.1 for 256 images, 3.2 for 8192.
    assert_same(rescale(SGD, 256, 8192, rule="linear"), SGD | {"lr": 3.2})


def test_sqrt_is_the_rule_of_malladi():
    new = rescale(ADAM, 256, 1024, rule="sqrt")
    expected = {"lr": 2e-3, "betas": (0.6, 0.996), "eps": 5e-9, "weight_decay": 0.01}
    assert_same(new, expected)


def test_sqrt_on_rmsprop_changes_alpha():
    new = rescale(RMSPROP, 64, 16, rule="sqrt")
    assert_same(new, {"lr": 5e-3, "alpha": 0.9975, "eps": 2e-8, "momentum": 0})


def test_half_life_changes_nothing_but_the_betas():
    new = rescale(ADAM, 64, 32, rule="half_life")
    assert_same(new, ADAM | {"betas": (math.sqrt(0.9), math.sqrt(0.999))})
    assert_same(rescale({"beta": 0.98}, 32, 64, rule="half_life"), {"beta": 0.9604})


@given(long_betas, close_batches, close_batches)
def test_half_life_in_samples_stays(beta, old, new):
    def samples(beta, batch):
        return math.log(0.5) / math.log(beta) * batch

    after = rescale_beta(beta, old, new)
    assert samples(after, new) == pytest.approx(samples(beta, old), rel=1e-9)
    assert rescale({"beta": beta}, old, new, rule="half_life") == {"beta": after}


@given(long_betas, close_batches, close_batches)
def test_smaller_and_noisier_batches_get_a_higher_beta_and_larger_ones_a_lower(beta, old, new):
    after = rescale_beta(beta, old, new)
    assert (after > beta, after < beta) == (new < old, new > old)


@given(st.floats(0.5, 0.9999), st.integers(2, 8))
def test_an_average_over_each_batch_k_times_is_that_over_the_batches(beta, k):
    # Batches k times as small with the same loss: only the number of steps differs.
    loss = np.random.default_rng(0).normal(size=50)
    small = rescale_beta(beta, 8 * k, 8)
    np.testing.assert_allclose(
        lrfind.ema(np.repeat(loss, k), small)[k - 1 :: k], lrfind.ema(loss, beta), atol=1e-9
    )
    np.testing.assert_allclose(
        lrfind.debiased_ema(np.repeat(loss, k), small)[k - 1 :: k],
        lrfind.debiased_ema(loss, beta),
        atol=1e-8,
    )


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("ema", ADAM),
        ("ema", SGD),
        ("ema_sum", SGD),
        ("ema", DAMPED),
        ("ema", RMSPROP),
        ("linear", SGD),
        ("sqrt", ADAM | {"betas": (0.99, 0.999)}),
        ("half_life", ADAM),
    ],
)
@given(close_batches, close_batches, close_batches)
def test_there_and_back_is_the_identity_and_two_steps_are_one(rule, settings, first, second, third):
    there = rescale(settings, first, second, rule=rule)
    assert_same(rescale(there, second, first, rule=rule), settings)
    assert_same(
        rescale(there, second, third, rule=rule), rescale(settings, first, third, rule=rule)
    )


@pytest.mark.parametrize("rule", RULES)
@given(batches)
def test_the_same_batch_size_changes_nothing(rule, batch):
    settings = SGD if rule in ("linear", "ema_sum") else ADAM
    assert_same(rescale(settings, batch, batch, rule=rule), settings)


@given(long_betas, st.integers(1, 64), st.integers(1, 64))
def test_sqrt_is_refused_exactly_where_beta_would_be_0_or_less(beta, old, new):
    settings = {"lr": 0.1, "betas": (beta, 0.9999)}
    if 1 - new / old * (1 - beta) > 0:
        assert 0 < rescale(settings, old, new, rule="sqrt")["betas"][0] < 1
    else:
        with pytest.raises(ValueError, match="gradient noise dominates"):
            rescale(settings, old, new, rule="sqrt")


# Settings and optimizers


def test_what_a_rule_does_not_name_is_kept_and_the_old_settings_are_untouched():
    settings = ADAM | {"amsgrad": True, "fused": None, "mine": object()}
    before = dict(settings)
    new = rescale(settings, 32, 64, rule="sqrt")
    assert settings == before
    assert all(new[name] is settings[name] for name in ("amsgrad", "fused", "mine"))


def two_groups(make, **options):
    first, second = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))
    groups = [{"params": [first]}, {"params": [second], "lr": 0.01, "weight_decay": 0.0}]
    return make(groups, lr=0.1, **options)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (torch.optim.SGD, "linear"),
        (lambda *a, **k: torch.optim.SGD(*a, momentum=0.9, **k), "ema"),
        (torch.optim.Adam, "sqrt"),
        (torch.optim.AdamW, "half_life"),
        (torch.optim.RMSprop, "sqrt"),
    ],
)
def test_an_optimizer_is_left_untouched_and_takes_the_new_settings(make, rule):
    optimizer = two_groups(make)
    before = [dict(group) for group in optimizer.param_groups]
    new = rescale(optimizer, 32, 64, rule=rule)
    assert [dict(group) for group in optimizer.param_groups] == before
    for group, old, settings in zip(optimizer.param_groups, before, new, strict=True):
        assert "params" not in settings
        assert settings == rescale(
            {name: value for name, value in old.items() if name != "params"}, 32, 64, rule=rule
        )
        assert settings != {name: value for name, value in old.items() if name != "params"}
        group.update(settings)
    for group in optimizer.param_groups:
        group["params"][0].grad = torch.ones_like(group["params"][0])
    optimizer.step()
    assert rescale(optimizer, 32, 64, rule=rule)[1]["lr"] > new[1]["lr"] or rule == "half_life"


def test_a_rate_held_as_a_tensor_gives_a_float_and_stays_as_it_was():
    optimizer = two_groups(torch.optim.Adam, capturable=True)
    optimizer.param_groups[0]["lr"] = held = torch.tensor(0.25)
    (first, _) = rescale(optimizer, 16, 64, rule="sqrt")
    assert first["lr"] == 0.5
    assert type(first["lr"]) is float
    assert optimizer.param_groups[0]["lr"] is held
    assert held.item() == 0.25


def test_asgd_has_an_alpha_that_is_no_average():
    optimizer = torch.optim.ASGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    (new,) = rescale(optimizer, 32, 64, rule="ema")
    assert new["alpha"] == 0.75
    assert rescale(optimizer, 32, 64, rule="linear")[0]["lr"] == 0.2


# Refusals


@pytest.mark.parametrize(
    ("settings", "rule", "says"),
    [
        (ADAM, "linear", "'linear' is for SGD"),
        (RMSPROP, "linear", "'linear' is for SGD"),
        (SGD, "sqrt", "'sqrt' is for Adam"),
        (RMSPROP | {"momentum": 0.9}, "sqrt", "RMSprop without momentum"),
        ({"lr": 0.1}, "half_life", "`betas`, `beta`, `momentum`"),
        ({"momentum": 0.9}, "linear", "must hold `lr`"),
        ({"betas": (0.9, 0.99)}, "ema", "must hold `lr`"),
        (ADAM | {"betas": (0.0, 0.9)}, "sqrt", "`betas` of 0 .* above 0"),
        (ADAM | {"betas": (0.9, 1.0)}, "ema", r"`betas` must be in \[0, 1\)"),
        (SGD | {"momentum": -0.1}, "ema", r"`momentum` must be in \[0, 1\)"),
        (SGD | {"lr": math.nan}, "linear", "`lr` must be finite"),
        (SGD | {"lr": -0.1}, "linear", "`lr` must be finite"),
        (SGD, "cubic", "`rule` must be one of 'ema', 'ema_sum', 'linear', 'sqrt', 'half_life'"),
        (SGD, None, "`rule`"),
    ],
)
def test_what_a_rule_cannot_do_is_refused_in_words(settings, rule, says):
    with pytest.raises(ValueError, match=says):
        rescale(settings, 32, 64, rule=rule)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (SGD | {"lr": "0.1"}, "`lr`"),
        (SGD | {"momentum": (0.9, 0.9)}, "`momentum`"),
        (ADAM | {"betas": 0.9}, "`betas`"),
        (ADAM | {"betas": ("a", "b")}, "`betas`"),
        (0.1, "`settings` must be a mapping of settings or an optimizer, got float"),
        (None, "`settings`"),
    ],
)
def test_a_setting_of_the_wrong_type_names_itself(settings, says):
    with pytest.raises(TypeError, match=says):
        rescale(settings, 32, 64, rule="ema")


@pytest.mark.parametrize("which", ["old_batch", "new_batch"])
def test_batch_sizes_are_whole_numbers_of_at_least_1(which):
    for value, error in ((0, ValueError), (-4, ValueError), (32.0, TypeError), (True, TypeError)):
        sizes = {"old_batch": 32, "new_batch": 32, which: value}
        with pytest.raises(error, match=f"`{which}`"):
            rescale(SGD, **sizes, rule="linear")
        with pytest.raises(error, match=f"`{which}`"):
            rescale_beta(0.9, **sizes)


def test_an_average_that_a_float_cannot_hold_is_refused():
    with pytest.raises(ValueError, match=r"`betas` of 0\.9 would become 0 .* shorter"):
        rescale(ADAM, 1, 65536, rule="ema")
    with pytest.raises(ValueError, match=r"`beta` of 1 would become 1 .* longer"):
        rescale_beta(1 - 2**-53, 65536, 1)
    with pytest.raises(ValueError, match=r"`beta` must be in \[0, 1\)"):
        rescale_beta(1.0, 32, 64)


def test_no_average_stays_no_average():
    assert rescale_beta(0, 32, 64) == 0
    assert rescale({"lr": 0.1, "momentum": 0}, 32, 64, rule="ema") == {"lr": 0.2, "momentum": 0}


def test_every_rule_states_its_formula_assumption_and_source():
    for name, rule in RULES.items():
        assert rule.__name__ == name
        assert all(word in rule.__doc__ for word in ("'", "Assumes:", "Source:", "arXiv:"))
        assert f'"{name}"' in rescale.__doc__
