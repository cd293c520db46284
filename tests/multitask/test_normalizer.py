"""The moving average that losses are divided by: right from its first step, and its state."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrfind import EMANormalizer, debiased_ema

LOSSES = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60)
BETAS = st.sampled_from([0.0, 0.5, 0.9, 0.98, 0.99, 0.9999])


def fed(losses, beta=0.99, **options):
    normalizer = EMANormalizer(beta, **options)
    for loss in losses:
        normalizer.update(loss)
    return normalizer


@pytest.mark.parametrize(("step", "reads"), [(1, 10.0), (2, 19.9), (10, 95.6), (100, 634.0)])
def test_from_0_the_average_of_1000_reads_what_the_origin_says_and_its_debiased_value_1000(
    step, reads
):
    normalizer = fed([1000.0] * step)
    assert normalizer.average.item() == pytest.approx(reads, rel=1e-3)
    assert normalizer.average.item() == pytest.approx(1000 * (1 - 0.99**step), rel=1e-6)
    assert normalizer.value.item() == pytest.approx(1000, rel=1e-6)


@pytest.mark.parametrize(
    ("beta", "wrong"),
    [
        (0.9, {1: 10, 2: 5.26, 5: 2.44, 10: 1.54}),
        (0.98, {1: 50, 2: 25.3, 5: 10.4, 10: 5.47, 50: 1.57}),
        (0.99, {1: 100, 2: 50.3, 5: 20.4, 10: 10.5, 50: 2.53}),
    ],
)
def test_a_constant_loss_of_1_has_value_1_at_each_step_and_never_the_over_corrected_one(
    beta, wrong
):
    average, values, over_corrected = 1.0, {}, {}
    normalizer = EMANormalizer(beta)
    for step in range(1, 51):
        assert normalizer(torch.tensor(1.0)).item() == pytest.approx(1, rel=1e-6)
        values[step] = normalizer.value.item()
        average = beta * average + (1 - beta)  # starts at the first loss, and yet:
        over_corrected[step] = average / (1 - beta**step)
    assert list(values.values()) == pytest.approx([1.0] * 50, rel=1e-6)
    for step, figure in wrong.items():
        assert over_corrected[step] == pytest.approx(figure, rel=5e-3)
        assert abs(over_corrected[step] / values[step] - 1) > 0.5


@given(LOSSES, BETAS)
def test_the_value_is_the_debiased_average_of_the_analysis_at_every_step(losses, beta):
    normalizer, values = EMANormalizer(beta), []
    for loss in losses:
        normalizer.update(loss)
        values.append(normalizer.value.item())
    np.testing.assert_allclose(values, debiased_ema(losses, beta), rtol=1e-4)


def test_a_million_steps_of_a_beta_near_1_lose_no_digits():
    normalizer = EMANormalizer(0.9999)
    normalizer.steps.fill_(999_999)
    normalizer.average.fill_(1000.0)
    normalizer.update(1000.0)
    assert normalizer.value.item() == pytest.approx(1000, rel=1e-6)
    early = fed([1000.0] * 3, 0.9999)
    assert early.value.item() == pytest.approx(1000, rel=1e-6)


@pytest.mark.parametrize(("beta", "window"), [(0.0, 1), (0.9, 10), (0.99, 100)])
def test_the_window_is_one_over_one_minus_beta(beta, window):
    assert EMANormalizer(beta).window == pytest.approx(window)


@pytest.mark.parametrize("beta", [-0.1, 1.0, 1.5, math.nan])
def test_a_beta_outside_of_0_to_1_is_refused(beta):
    with pytest.raises(ValueError, match=r"`beta` must be in \[0, 1\)"):
        EMANormalizer(beta)


@pytest.mark.parametrize("min_value", [0, -1, math.inf])
def test_a_floor_that_is_none_is_refused(min_value):
    with pytest.raises(ValueError, match="`min_value`"):
        EMANormalizer(min_value=min_value)


def test_before_any_loss_the_value_is_nan_and_not_1():
    assert EMANormalizer().value.isnan()
    assert EMANormalizer(0.0).value.isnan()
    assert EMANormalizer(shape=(3,)).value.isnan().all()


def test_the_divisor_is_at_least_the_floor():
    normalizer = EMANormalizer(min_value=0.5)
    assert normalizer(torch.tensor(0.1)).item() == pytest.approx(0.2)
    assert normalizer.value.item() == pytest.approx(0.1)
    assert EMANormalizer()(torch.tensor(0.0)).item() == 0.0


def test_the_divisor_has_no_gradient():
    weight = torch.tensor(3.0, requires_grad=True)
    (EMANormalizer()(weight**2)).backward()
    assert weight.grad.item() == pytest.approx(6 / 9)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_moves_nothing(bad):
    normalizer = fed([2.0, 4.0])
    before = normalizer.state_dict()["average"].clone()
    assert not normalizer(torch.tensor(bad)).isfinite()
    assert torch.equal(normalizer.average, before)
    assert normalizer.steps.item() == 2


def test_each_element_counts_its_own_steps_and_an_absent_one_stands_still():
    normalizer = EMANormalizer(0.9, shape=(2,))
    normalizer(torch.tensor([10.0, 1.0]))
    normalizer(torch.tensor([20.0, 1.0]), torch.tensor([True, False]))
    assert normalizer.steps.tolist() == [2, 1]
    assert normalizer.value.tolist() == pytest.approx([(0.9 * 10 + 20) / 1.9, 1.0])


@pytest.mark.parametrize("quiet", ["eval", "no_grad"])
def test_in_eval_mode_or_without_gradients_the_average_stands(quiet):
    normalizer = fed([2.0])
    new = EMANormalizer()
    normalizer.train(quiet != "eval")
    new.train(quiet != "eval")
    with torch.set_grad_enabled(quiet != "no_grad"):
        assert normalizer(torch.tensor(8.0)).item() == pytest.approx(4)
        assert new(torch.tensor(8.0)).item() == 1.0
    assert (normalizer.steps.item(), new.steps.item()) == (1, 0)


def test_the_state_is_saved_and_goes_on_elsewhere_to_the_bit():
    one, other = fed([3.0, 5.0, 2.0]), EMANormalizer()
    assert set(one.state_dict()) == {"average", "steps"}
    other.load_state_dict(one.state_dict())
    one.update(7.0)
    other.update(7.0)
    assert torch.equal(one.average, other.average)
    assert torch.equal(one.steps, other.steps)


def test_reset_forgets_all_in_place():
    normalizer = fed([3.0, 5.0])
    average = normalizer.average
    assert normalizer.reset() is normalizer
    assert normalizer.average is average
    assert (average.item(), normalizer.steps.item()) == (0.0, 0)
    assert normalizer.value.isnan()


@pytest.mark.parametrize("turn", ["half", "bfloat16", "double"])
def test_a_model_of_another_precision_leaves_the_average_in_float32(turn):
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), fed([1e6] * 3))
    getattr(model, turn)()
    assert model[0].weight.dtype != torch.float32
    assert (model[1].average.dtype, model[1].steps.dtype) == (torch.float32, torch.int64)
    assert model[1].value.item() == pytest.approx(1e6)
    assert model[1].to("meta").average.is_meta


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_losses_of_any_precision_come_back_in_float32_at_least(dtype):
    scaled = EMANormalizer()(torch.tensor(1024.0, dtype=dtype))
    assert scaled.dtype == torch.promote_types(dtype, torch.float32)
    assert scaled.item() == pytest.approx(1)


def test_a_loss_on_another_device_is_refused_and_not_waited_for():
    normalizer = EMANormalizer()
    for call in (normalizer, normalizer.update):
        with pytest.raises(ValueError, match="`loss` is on meta, but its average is on cpu"):
            call(torch.tensor(1.0, device="meta"))


def test_the_representation_says_what_it_is():
    assert repr(EMANormalizer(0.9)) == "EMANormalizer(beta=0.9, min_value=1e-08, shape=())"


@pytest.mark.gpu
def test_a_gpu_is_not_waited_for_where_the_loss_is_a_number():
    normalizer = EMANormalizer().cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        normalizer.update(2.0)  # raises at any wait
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert normalizer.value.item() == pytest.approx(2.0)
