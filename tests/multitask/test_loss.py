"""Several losses made one: by weight and not by unit, without waiting, compiled or not."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.utils._python_dispatch import TorchDispatchMode

from lrfind import EMANormalizer, MultiTaskLoss

NAMES = ["rul", "health"]


def losses(rul=1000.0, health=1.0, **options):
    return {
        name: torch.tensor(value, **options)
        for name, value in (("rul", rul), ("health", health))
        if value is not None
    }


def test_the_example_of_the_origin_500_of_one_task_against_one_half_of_each():
    plain = MultiTaskLoss(NAMES, weights=[0.5, 0.5], normalize=False)
    total = plain(losses())
    assert total.item() == 500.5
    assert 0.5 * 1000 / total.item() == pytest.approx(0.999, abs=1e-4)
    scaled = MultiTaskLoss(NAMES, weights=[0.5, 0.5])
    assert scaled(losses()).item() == 1.0
    parts = [0.5 * scaled.metrics[name]["normalized"].item() for name in NAMES]
    assert parts == [0.5, 0.5]
    assert scaled.normalizer.window == pytest.approx(100)


@given(
    st.lists(
        st.tuples(st.none() | st.floats(1e-2, 1e5), st.floats(1e-2, 1e5)),
        min_size=1,
        max_size=20,
    )
)
def test_the_total_is_that_of_one_normaliser_for_each_task_an_absent_one_standing_still(steps):
    criterion = MultiTaskLoss(NAMES, weights={"health": 0.3, "rul": 2.0}, beta=0.9)
    alone = {name: EMANormalizer(0.9) for name in NAMES}
    for rul, health in steps:
        given = losses(rul, health)
        expected = sum(
            {"health": 0.3, "rul": 2.0}[name] * alone[name](loss).item()
            for name, loss in given.items()
        )
        assert criterion(given).item() == pytest.approx(expected, rel=1e-5)
    assert criterion.normalizer.steps.tolist() == [alone[name].steps.item() for name in NAMES]


def test_metrics_hold_raw_normalized_and_ema_of_each_task_detached():
    criterion = MultiTaskLoss(NAMES)
    assert criterion.metrics == {}
    criterion(losses(requires_grad=True))
    criterion(losses(2000.0, None, requires_grad=True))
    rul, health = (criterion.metrics[name] for name in NAMES)
    average = (0.99 * 1000 + 2000) / 1.99
    assert rul["raw"].item() == 2000
    assert rul["ema"].item() == pytest.approx(average)
    assert rul["normalized"].item() == pytest.approx(2000 / average)
    assert health["raw"].isnan()
    assert health["normalized"].isnan()
    assert health["ema"].item() == pytest.approx(1)
    assert not any(value.requires_grad for each in (rul, health) for value in each.values())
    criterion.reset()
    assert criterion.metrics == {}
    assert criterion.normalizer.steps.tolist() == [0, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_passed_on_a_loss_that_is_not_finite_is_seen_in_the_total_and_moves_no_average(bad):
    criterion = MultiTaskLoss(NAMES)
    criterion(losses())
    assert not criterion(losses(bad)).isfinite()
    assert criterion.normalizer.steps.tolist() == [1, 2]
    assert criterion.normalizer.value.tolist() == pytest.approx([1000, 1])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_skipped_it_leaves_the_other_tasks_and_a_gradient_of_0(bad):
    criterion = MultiTaskLoss(NAMES, non_finite="skip")
    given = losses(bad, 3.0, requires_grad=True)
    total = criterion(given)
    total.backward()
    assert total.item() == 0.5
    assert given["rul"].grad.item() == 0
    assert given["health"].grad.item() == pytest.approx(0.5 / 3)
    assert criterion.normalizer.steps.tolist() == [0, 1]


def test_skipping_cannot_mend_a_nan_further_up_but_leaving_the_task_out_does():
    def gradient(tasks):
        weight = torch.tensor(1.0, requires_grad=True)
        made = {"rul": (weight - math.nan) ** 2, "health": weight**2 + 1}
        total = MultiTaskLoss(NAMES, non_finite="skip")({name: made[name] for name in tasks})
        total.backward()
        assert total.item() == 0.5
        return weight.grad

    assert gradient(["rul", "health"]).isnan()
    assert gradient(["health"]).item() == pytest.approx(0.5)


def test_refused_it_raises_with_the_names_and_leaves_the_averages_alone():
    criterion = MultiTaskLoss(NAMES, non_finite="refuse")
    criterion(losses())
    with pytest.raises(ValueError, match="`losses` must be finite, but 'rul' is not"):
        criterion(losses(math.nan))
    assert criterion.normalizer.steps.tolist() == [1, 1]
    criterion({"health": torch.tensor(1.0)})
    assert criterion.normalizer.steps.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([torch.tensor(1.0)], TypeError, "`losses` must be a mapping"),
        ({}, ValueError, "`losses` must hold tasks"),
        ({"other": torch.tensor(1.0)}, ValueError, "`losses` must hold tasks"),
        ({"rul": 1.0}, TypeError, "task 'rul' must be a tensor"),
        ({"rul": torch.ones(2)}, ValueError, "task 'rul' must be a scalar"),
    ],
)
def test_what_are_no_losses_of_these_tasks_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        MultiTaskLoss(NAMES)(given)


@pytest.mark.parametrize(
    ("names", "options", "error", "message"),
    [
        ("rul", {}, TypeError, "`task_names`"),
        ([1], {}, TypeError, "`task_names`"),
        ([], {}, ValueError, "`task_names`"),
        (["a", "a"], {}, ValueError, "`task_names`"),
        (NAMES, {"weights": [1.0]}, ValueError, "`weights` must hold 2"),
        (NAMES, {"weights": {"rul": 1.0}}, ValueError, "`weights` must name"),
        (NAMES, {"weights": [1.0, -1.0]}, ValueError, "`weights` must be finite"),
        (NAMES, {"weights": [0.0, 0.0]}, ValueError, "not all 0"),
        (NAMES, {"weights": ["1", 1]}, TypeError, "`weights` must be a number"),
        (NAMES, {"beta": 1.0}, ValueError, "`beta`"),
        (NAMES, {"min_value": 0.0}, ValueError, "`min_value`"),
        (NAMES, {"non_finite": "ignore"}, ValueError, "`non_finite`"),
        (NAMES, {"scalarizer": 3}, TypeError, "`scalarizer`"),
        (NAMES, {"scalarizer": torch.sum, "weights": [1, 1]}, ValueError, "`scalarizer`"),
        (NAMES, {"scalarizer": torch.sum, "non_finite": "skip"}, ValueError, "`scalarizer`"),
    ],
)
def test_arguments_are_checked_at_the_door(names, options, error, message):
    with pytest.raises(error, match=message):
        MultiTaskLoss(names, **options)


def test_a_scalarizer_takes_the_vector_and_needs_all_of_it():
    seen = []

    def largest(values):
        seen.append(values)
        return values.max()

    criterion = MultiTaskLoss(NAMES, scalarizer=largest)
    criterion(losses())
    assert criterion(losses(3000.0)).item() == seen[-1].max().item() > 1
    assert seen[-1].shape == (2,)
    with pytest.raises(ValueError, match="`scalarizer` needs all"):
        criterion(losses(None))


def test_a_module_as_scalarizer_brings_its_parameters_and_state():
    class Learnt(nn.Module):
        def __init__(self):
            super().__init__()
            self.share = nn.Parameter(torch.zeros(2))

        def forward(self, values):
            return (values * self.share.softmax(0)).sum()

    criterion = MultiTaskLoss(NAMES, scalarizer=Learnt())
    criterion(losses()).backward()
    assert [name for name, _ in criterion.named_parameters()] == ["scalarizer.share"]
    assert set(criterion.state_dict()) == {
        "normalizer.average", "normalizer.steps", "scalarizer.share",
    }  # fmt: skip


def test_the_state_goes_on_elsewhere():
    one, other = MultiTaskLoss(NAMES), MultiTaskLoss(NAMES)
    for step in range(1, 5):
        one(losses(1000.0 * step, 1.0 / step))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(losses()), other(losses()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_under_autocast_averages_and_total_are_float32(dtype):
    head = nn.Linear(4, 1)
    criterion = MultiTaskLoss(NAMES)
    x = torch.ones(2, 4)
    with torch.autocast("cpu", dtype=dtype):
        output = head(x)
        total = criterion({"rul": output.mean() * 0 + 1024, "health": output.float().pow(2).mean()})
    assert output.dtype == dtype
    assert total.dtype == criterion.normalizer.average.dtype == torch.float32
    assert total.item() == pytest.approx(1)
    total.backward()
    assert head.weight.grad.isfinite().all()


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("options", [{}, {"non_finite": "skip"}, {"scalarizer": torch.amax}])
def test_compiled_it_is_one_graph_made_once_and_gives_the_same(options):
    torch._dynamo.reset()
    counter = CompileCounter()
    eager, criterion = MultiTaskLoss(NAMES, **options), MultiTaskLoss(NAMES, **options)
    compiled = torch.compile(criterion, backend=counter, fullgraph=True)
    for step in range(6):
        given = losses(1000.0 / (step + 1), math.nan if step == 3 else 1.0, requires_grad=True)
        expected, got = eager(given), compiled(given)
        assert torch.equal(expected, got) or (expected.isnan() and got.isnan())
        for name in NAMES:
            both = (each.metrics[name].values() for each in (eager, criterion))
            assert all(map(torch.Tensor.allclose, *both, [0] * 3, [1e-6] * 3, [True] * 3))
    assert counter.frame_count == 1
    compiled(losses(None, 1.0, requires_grad=True)) if not options.get("scalarizer") else None
    assert counter.frame_count <= 2


class NoWaiting(TorchDispatchMode):
    """Fails where the host would read a value of a tensor."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item"), name
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("non_finite", ["pass", "skip"])
def test_a_step_reads_no_value_back(non_finite):
    criterion = MultiTaskLoss(NAMES, non_finite=non_finite)
    with NoWaiting():
        for given in (losses(requires_grad=True), losses(None, math.nan, requires_grad=True)):
            criterion(given).backward()
            assert set(criterion.metrics) == set(NAMES)
        with pytest.raises(AssertionError, match="_local_scalar_dense"):
            criterion.metrics["rul"]["ema"].item()


def test_on_a_device_without_values_everything_stays_there():
    criterion = MultiTaskLoss(NAMES).to("meta")
    total = criterion(losses(None, 1.0, device="meta", requires_grad=True))
    assert total.is_meta
    assert all(value.is_meta for each in criterion.metrics.values() for value in each.values())


@pytest.mark.gpu
def test_a_gpu_is_not_waited_for():
    criterion = MultiTaskLoss(NAMES, non_finite="skip").cuda()
    given = losses(None, 1.0, device="cuda", requires_grad=True)
    torch.cuda.set_sync_debug_mode("error")
    try:
        total = criterion(given)
        total.backward()  # raises at any wait
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert total.isfinite()
