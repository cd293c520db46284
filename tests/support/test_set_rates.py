"""A scheduler that is given other rates goes on as one that was made for them."""

import math
import warnings

import pytest
import torch
from torch.optim import lr_scheduler as schedulers

import lrfind
from lrfind.support.set_rates import set_group_rates

OLD, NEW = (0.3, 0.02), (0.0123, 0.00077)
STEPS, AFTER = (0, 1, 4, 7, 13), 24


def ramp(step):
    return min(1.0, (step + 1) / 5)


def slower(step):
    return 0.9 + 0.001 * step


def sequence(optimizer):
    warm = schedulers.LinearLR(optimizer, 0.1, total_iters=5)
    down = schedulers.CosineAnnealingLR(optimizer, 12, eta_min=1e-5)
    last = schedulers.MultiplicativeLR(optimizer, slower)
    return schedulers.SequentialLR(optimizer, [warm, down, last], [5, 14])


def chain(optimizer):
    parts = [
        schedulers.ConstantLR(optimizer, 0.1, 3),
        schedulers.CosineAnnealingLR(optimizer, 40, eta_min=1e-5),
        schedulers.ExponentialLR(optimizer, 0.9),
    ]
    return schedulers.ChainedScheduler(parts, optimizer)


def chained_sequence(optimizer):
    return schedulers.ChainedScheduler(
        [sequence(optimizer), schedulers.ExponentialLR(optimizer, 0.9)], optimizer
    )


MADE = {
    "LambdaLR": lambda each: schedulers.LambdaLR(each, ramp),
    "LambdaLR, one each": lambda each: schedulers.LambdaLR(each, [ramp, slower]),
    "MultiplicativeLR": lambda each: schedulers.MultiplicativeLR(each, slower),
    "StepLR": lambda each: schedulers.StepLR(each, 4, 0.3),
    "MultiStepLR": lambda each: schedulers.MultiStepLR(each, [2, 9, 9], 0.5),
    "ConstantLR": lambda each: schedulers.ConstantLR(each, 0.25, 6),
    "LinearLR": lambda each: schedulers.LinearLR(each, 0.1, total_iters=9),
    "LinearLR to 0": lambda each: schedulers.LinearLR(each, 1.0, 0.0, 30),
    "ExponentialLR": lambda each: schedulers.ExponentialLR(each, 0.8),
    "PolynomialLR": lambda each: schedulers.PolynomialLR(each, 20, 2.0),
    "CosineAnnealingLR": lambda each: schedulers.CosineAnnealingLR(each, 20),
    "CosineAnnealingLR to a minimum": lambda each: schedulers.CosineAnnealingLR(each, 6, 1e-4),
    "CosineAnnealingWarmRestarts": lambda each: schedulers.CosineAnnealingWarmRestarts(
        each, 3, 2, 1e-5
    ),
    "SequentialLR": sequence,
    "ChainedScheduler": chain,
    "ChainedScheduler of a sequence": chained_sequence,
}
"""Schedulers that start from the rates of their optimizer."""


def cycle(**options):
    return lambda each: schedulers.CyclicLR(
        each,
        [float(group["lr"]) / 10 for group in each.param_groups],
        [float(group["lr"]) for group in each.param_groups],
        **{"step_size_up": 3, "step_size_down": 5, "cycle_momentum": False, **options},
    )


def one_cycle(**options):
    return lambda each: schedulers.OneCycleLR(
        each, [float(group["lr"]) for group in each.param_groups], total_steps=60, **options
    )


CYCLES = {
    "CyclicLR": cycle(),
    "CyclicLR with momentum": cycle(cycle_momentum=True, mode="triangular2"),
    "CyclicLR, exponential": cycle(mode="exp_range", gamma=0.98),
    "OneCycleLR": one_cycle(),
    "OneCycleLR in three phases": one_cycle(three_phase=True, anneal_strategy="linear"),
    "OneCycleLR, other factors": one_cycle(div_factor=7, final_div_factor=30.0, pct_start=0.1),
}
"""Schedulers with a peak."""

every_scheduler = pytest.mark.parametrize("name", MADE | CYCLES)


def optimizer_with(rates, held=float):
    groups = [
        {"params": [torch.nn.Parameter(torch.ones(2))], "lr": held(rate), "momentum": 0.9}
        for rate in rates
    ]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def scheduled(name, rates, steps, held=float):
    optimizer = optimizer_with(rates, held)
    scheduler = (MADE | CYCLES)[name](optimizer)
    advance(optimizer, scheduler, steps)
    return optimizer, scheduler


def advance(optimizer, scheduler, steps):
    seen = []
    for _ in range(steps):
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a sequence steps its parts in a deprecated way
            scheduler.step()
        seen.append(state(optimizer))
    return seen


def state(optimizer):
    return [
        (float(group["lr"]), group["momentum"], *map(float, group.get("betas", ())))
        for group in optimizer.param_groups
    ]


def same(found, wanted):
    for each, other in zip(found, wanted, strict=True):
        for group, of in zip(each, other, strict=True):
            assert group == pytest.approx(of, rel=1e-12, abs=1e-300)


@every_scheduler
@pytest.mark.parametrize("steps", STEPS)
def test_a_scheduler_at_any_step_goes_on_as_one_made_for_the_rates(name, steps):
    optimizer, scheduler = scheduled(name, OLD, steps)
    set_group_rates(optimizer, NEW, scheduler)
    wanted, reference = scheduled(name, NEW, steps)
    same([state(optimizer)], [state(wanted)])
    assert scheduler.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-12)
    same(advance(optimizer, scheduler, AFTER), advance(wanted, reference, AFTER))


@pytest.mark.parametrize("name", MADE)
def test_what_starts_from_the_rates_of_the_optimizer_goes_on_exactly(name):
    optimizer, scheduler = scheduled(name, OLD, 6)
    set_group_rates(optimizer, NEW, scheduler)
    wanted, reference = scheduled(name, NEW, 6)
    assert advance(optimizer, scheduler, AFTER) == advance(wanted, reference, AFTER)


@every_scheduler
@pytest.mark.parametrize("steps", [0, 4])
def test_rates_held_as_tensors_are_filled_in_place(name, steps):
    optimizer, scheduler = scheduled(name, OLD, steps, torch.tensor)
    held = [group["lr"] for group in optimizer.param_groups]
    set_group_rates(optimizer, NEW, scheduler)
    assert all(
        group["lr"] is each for group, each in zip(optimizer.param_groups, held, strict=True)
    )
    wanted, reference = scheduled(name, NEW, steps, torch.tensor)
    found = advance(optimizer, scheduler, AFTER)
    for each, other in zip(found, advance(wanted, reference, AFTER), strict=True):
        for group, of in zip(each, other, strict=True):
            assert group == pytest.approx(of, rel=1e-6, abs=1e-30)


def snapshot(*parts):
    """All rates and settings that `set_group_rates` could touch, as plain values."""
    found = []
    for part in parts:
        groups = getattr(part, "param_groups", None)
        if groups is not None:
            found += [
                {name: str(group[name]) for name in group if name != "params"} for group in groups
            ]
        else:
            held = {name: value for name, value in vars(part).items() if name != "optimizer"}
            found.append({name: str(value) for name, value in held.items()})
            found += snapshot(*getattr(part, "_schedulers", ()))
    return found


@every_scheduler
def test_only_rates_are_written(name):
    optimizer, scheduler = scheduled(name, OLD, 4)
    before = snapshot(optimizer, scheduler)
    set_group_rates(optimizer, NEW, scheduler)
    rates = {"lr", "initial_lr", "max_lr", "min_lr", "base_lrs", "max_lrs", "_last_lr"}
    for was, is_now in zip(before, snapshot(optimizer, scheduler), strict=True):
        assert was.keys() == is_now.keys()
        changed = {key for key in was if was[key] != is_now[key]} - {"_schedulers"}
        assert changed <= rates


@every_scheduler
def test_the_same_rates_again_change_nothing(name):
    optimizer, scheduler = scheduled(name, NEW, 5)
    before = state(optimizer), scheduler.get_last_lr()
    set_group_rates(optimizer, NEW, scheduler)
    assert (state(optimizer), scheduler.get_last_lr()) == before


def test_rates_that_were_set_by_hand_meanwhile_do_not_matter():
    optimizer, scheduler = scheduled("CosineAnnealingLR", OLD, 3)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = 5.0
    set_group_rates(optimizer, NEW, scheduler)
    wanted, reference = scheduled("CosineAnnealingLR", NEW, 3)
    assert advance(optimizer, scheduler, AFTER) == advance(wanted, reference, AFTER)


def test_a_scheduler_that_is_made_afterwards_starts_at_the_rates():
    optimizer, scheduler = scheduled("StepLR", OLD, 3)
    set_group_rates(optimizer, NEW, scheduler)
    assert schedulers.ExponentialLR(optimizer, 0.9).base_lrs == list(NEW)


@pytest.mark.parametrize("steps", [0, 3])
def test_a_plateau_keeps_its_lowest_rates(steps):
    optimizer = optimizer_with(OLD)
    scheduler = schedulers.ReduceLROnPlateau(optimizer, patience=3, min_lr=[1e-3, 1e-4], eps=0)
    other = optimizer_with(NEW)
    reference = schedulers.ReduceLROnPlateau(other, patience=3, min_lr=[1e-3, 1e-4], eps=0)
    for each in (scheduler, reference):
        for _ in range(steps):
            each.step(1.0)
    set_group_rates(optimizer, NEW, scheduler)
    for _ in range(20):
        assert (state(optimizer), scheduler.get_last_lr()) == (
            state(other),
            reference.get_last_lr(),
        )
        scheduler.step(1.0)
        reference.step(1.0)


def plateau_that_lowered(optimizer):
    scheduler = schedulers.ReduceLROnPlateau(optimizer, patience=1)
    for _ in range(4):
        scheduler.step(1.0)
    return scheduler


def told_its_step(optimizer):
    scheduler = schedulers.CosineAnnealingWarmRestarts(optimizer, 4)
    scheduler.step(2.5)
    return scheduler


def with_a_cycle_inside(optimizer):
    parts = [cycle()(optimizer), schedulers.StepLR(optimizer, 3)]
    return schedulers.ChainedScheduler(parts, optimizer)


def without_a_peak(optimizer):
    return schedulers.OneCycleLR(optimizer, [1.0, 0.0], total_steps=60)


class Counted(schedulers.LRScheduler):
    """Counts its steps itself."""

    calls = 0

    def get_lr(self):
        self.calls += 1
        return [rate / self.calls for rate in self.base_lrs]


def counted(optimizer):
    scheduler = Counted(optimizer)
    optimizer.step()
    scheduler.step()
    return scheduler


class OfNoKind:
    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.last_epoch = 0

    def step(self):
        raise NotImplementedError


REFUSED = {
    "ReduceLROnPlateau.* may have lowered the rate already": plateau_that_lowered,
    "CosineAnnealingWarmRestarts.* is at .* apply to one that was just made": told_its_step,
    "ChainedScheduler.* holds a cycle": with_a_cycle_inside,
    "OneCycleLR.* has a peak of 0": without_a_peak,
    "Counted.* is at .*, where 1 steps from 0.3 lead to": counted,
    "OfNoKind.* is of no kind that is known": OfNoKind,
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_scheduler_that_cannot_be_given_other_rates_is_refused_and_nothing_changed(message):
    optimizer = optimizer_with(OLD)
    scheduler = REFUSED[message](optimizer)
    before = snapshot(optimizer, scheduler)
    with pytest.raises(ValueError, match=f"`scheduler` .{message}"):
        set_group_rates(optimizer, NEW, scheduler)
    assert snapshot(optimizer, scheduler) == before


def test_a_function_that_fails_is_named():
    def fails_later(step):
        if len(calls) > 2:
            raise RuntimeError("the data are gone")
        calls.append(step)
        return 1.0

    calls = []
    optimizer = optimizer_with(OLD[:1])
    scheduler = schedulers.LambdaLR(optimizer, fails_later)
    advance(optimizer, scheduler, 2)
    with pytest.raises(ValueError, match=r"\(LambdaLR\) cannot be replayed: the data are gone"):
        set_group_rates(optimizer, NEW[:1], scheduler)


@pytest.mark.parametrize("wrong", ["cosine", 3, {"scheduler": None}, optimizer_with(OLD)])
def test_what_is_no_scheduler_is_refused(wrong):
    optimizer = optimizer_with(OLD)
    with pytest.raises(TypeError, match="`scheduler` must be an LR scheduler of torch or timm"):
        set_group_rates(optimizer, NEW, wrong)
    assert state(optimizer) == state(optimizer_with(OLD))


def test_several_optimizers_have_a_scheduler_each():
    first, cosine = scheduled("CosineAnnealingLR", OLD, 2)
    second, steps = scheduled("StepLR", (0.5,), 2)
    third = optimizer_with((0.7,))
    set_group_rates([first, second, third], (*NEW, 0.05, 0.07), [steps, cosine])
    wanted, reference = scheduled("CosineAnnealingLR", NEW, 2)
    assert advance(first, cosine, AFTER) == advance(wanted, reference, AFTER)
    wanted, reference = scheduled("StepLR", (0.05,), 2)
    assert advance(second, steps, AFTER) == advance(wanted, reference, AFTER)
    assert state(third) == [(0.07, 0.9)]


def test_a_scheduler_of_another_optimizer_or_two_of_one_are_refused_and_nothing_changed():
    optimizer, one = scheduled("StepLR", OLD, 1)
    other, its_own = scheduled("StepLR", OLD, 1)
    before = snapshot(optimizer, one, other, its_own)
    with pytest.raises(ValueError, match="`scheduler` drives another optimizer"):
        set_group_rates(optimizer, NEW, its_own)
    with pytest.raises(ValueError, match="`scheduler` holds two for the same optimizer"):
        set_group_rates(optimizer, NEW, [one, one])
    with pytest.raises(ValueError, match=r"`scheduler` \(OfNoKind\) is of no kind"):
        set_group_rates([optimizer, other], (*NEW, *NEW), [one, OfNoKind(other)])
    assert snapshot(optimizer, one, other, its_own) == before


def test_a_wrapped_optimizer_passes_on_the_same_groups():
    class Wrapped:
        def __init__(self, optimizer):
            self.optimizer = optimizer

        @property
        def param_groups(self):
            return self.optimizer.param_groups

    optimizer, scheduler = scheduled("StepLR", OLD, 0)
    set_group_rates(Wrapped(optimizer), NEW, scheduler)
    assert scheduler.base_lrs == list(NEW)


@pytest.mark.parametrize("name", ["CosineAnnealingLR", "OneCycleLR"])
def test_a_scheduler_that_is_not_given_is_warned_of_once(name):
    optimizer, _ = scheduled(name, OLD, 0)
    with pytest.warns(UserWarning, match="has an LR scheduler.*: pass it as `scheduler`") as caught:
        set_group_rates(optimizer, NEW)
    assert len(caught) == 1
    assert [(group["lr"], group["initial_lr"]) for group in optimizer.param_groups] == [
        (rate, rate) for rate in NEW
    ]


def test_a_plateau_that_is_not_given_keeps_no_rates():
    optimizer = optimizer_with(OLD)
    schedulers.ReduceLROnPlateau(optimizer)
    set_group_rates(optimizer, NEW)
    assert state(optimizer) == state(optimizer_with(NEW))
    assert all("initial_lr" not in group for group in optimizer.param_groups)


class CosineLRScheduler:
    """What timm's does, as far as it concerns rates: it is told its step and multiplies the scale.

    `test_the_schedulers_of_timm` runs timm's own, where it is installed.
    """

    def __init__(self, optimizer, t_initial, lr_min=0.0, warmup_t=0, warmup_lr_init=0.0):
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_values = [group["initial_lr"] for group in optimizer.param_groups]
        self.t_initial, self.lr_min = t_initial, lr_min
        self.warmup_t, self.warmup_lr_init = warmup_t, warmup_lr_init
        self.warmup_steps = [
            (value - warmup_lr_init) / warmup_t if warmup_t else 1 for value in self.base_values
        ]
        starts = [warmup_lr_init] * len(self.base_values) if warmup_t else self.base_values
        self.update_groups(starts)

    def update_groups(self, values):
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            group["lr"] = value * group.get("lr_scale", 1)

    def step(self, epoch):
        if epoch < self.warmup_t:
            values = [self.warmup_lr_init + epoch * each for each in self.warmup_steps]
        else:
            way = 0.5 * (1 + math.cos(math.pi * epoch / self.t_initial))
            values = [self.lr_min + (each - self.lr_min) * way for each in self.base_values]
        self.update_groups(values)


SCALES = (1.0, 0.3)


def scaled(rates, scales=SCALES):
    """An optimizer with layer decay; the rates are those without it."""
    optimizer = optimizer_with(rates)
    for group, scale in zip(optimizer.param_groups, scales, strict=True):
        group["lr_scale"] = scale
    return optimizer


def rates_over(scheduler, optimizer, steps=30):
    found = []
    for step in range(1, steps):
        scheduler.step(step)
        found.append([group["lr"] for group in optimizer.param_groups])
    return found


def check_timm(make):
    """A scheduler given rates with the layer decay goes on as one made for those without."""
    optimizer, wanted = scaled((0.3, 0.3)), scaled((0.0123, 0.0123))
    scheduler, reference = make(optimizer), make(wanted)
    set_group_rates(optimizer, [0.0123 * scale for scale in SCALES], scheduler)
    for group, other in zip(optimizer.param_groups, wanted.param_groups, strict=True):
        for name in ("lr", "initial_lr", "lr_scale"):
            assert group[name] == pytest.approx(other[name], rel=1e-12)
    for found, of in zip(
        rates_over(scheduler, optimizer), rates_over(reference, wanted), strict=True
    ):
        assert found == pytest.approx(of, rel=1e-12)
    with pytest.raises(ValueError, match="was stepped already: apply to one that was just made"):
        set_group_rates(optimizer, NEW, scheduler)


@pytest.mark.parametrize("options", [{}, {"lr_min": 1e-5}, {"warmup_t": 5, "warmup_lr_init": 1e-6}])
def test_layer_decay_is_kept_by_a_scheduler_that_multiplies_it(options):
    check_timm(lambda each: CosineLRScheduler(each, 40, **options))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("CosineLRScheduler", {"t_initial": 40, "lr_min": 1e-5}),
        ("CosineLRScheduler", {"t_initial": 40, "warmup_t": 5, "warmup_prefix": True}),
        ("CosineLRScheduler", {"t_initial": 9, "cycle_limit": 3, "cycle_decay": 0.5}),
        ("TanhLRScheduler", {"t_initial": 40, "warmup_t": 5, "warmup_lr_init": 1e-6}),
        ("PolyLRScheduler", {"t_initial": 40, "warmup_t": 5, "power": 2.0}),
        ("StepLRScheduler", {"decay_t": 7, "decay_rate": 0.5, "warmup_t": 3}),
        ("MultiStepLRScheduler", {"decay_t": [7, 12], "decay_rate": 0.5}),
    ],
)
def test_the_schedulers_of_timm(name, options):
    timm = pytest.importorskip("timm.scheduler")
    made = getattr(timm, name, None) or getattr(timm.multistep_lr, name)
    check_timm(lambda each: made(each, **options))


def test_a_scheduler_that_forgets_its_arguments_is_refused():
    class Forgetful(CosineLRScheduler):
        def __init__(self, optimizer, length):
            super().__init__(optimizer, length)

    optimizer = scaled(OLD)
    scheduler = Forgetful(optimizer, 40)
    with pytest.raises(ValueError, match=r"\(Forgetful\) does not keep the arguments"):
        set_group_rates(optimizer, NEW, scheduler)
    assert [group["initial_lr"] for group in optimizer.param_groups] == list(OLD)


def test_layer_decay_without_a_scheduler_is_said_and_is_right_for_one_of_timm_made_next():
    optimizer = scaled(OLD)
    with pytest.warns(UserWarning, match="groups with an `lr_scale`"):
        set_group_rates(optimizer, [0.01 * scale for scale in SCALES])
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.003]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.01, 0.01]
    scheduler = CosineLRScheduler(optimizer, 40)
    assert scheduler.base_values == [0.01, 0.01]
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.003]


def test_a_scale_of_1_or_0_is_no_reason_to_warn_or_fail():
    optimizer = scaled(OLD, (1.0, 1.0))
    set_group_rates(optimizer, NEW)
    assert [group["lr"] for group in optimizer.param_groups] == list(NEW)
    frozen = scaled((0.3, 0.3), (1.0, 0.0))
    scheduler = CosineLRScheduler(frozen, 40)
    set_group_rates(frozen, (0.01, 0.0), scheduler)
    assert [group["lr"] for group in frozen.param_groups] == [0.01, 0.0]


def test_a_scheduler_of_torch_starts_from_rates_that_have_the_layer_decay():
    optimizer = scaled((0.3, 0.09))
    scheduler = schedulers.CosineAnnealingLR(optimizer, 20)
    set_group_rates(optimizer, (0.01, 0.003), scheduler)
    assert scheduler.base_lrs == [0.01, 0.003]
    with pytest.warns(UserWarning, match="has an LR scheduler"):
        set_group_rates(optimizer, (0.02, 0.006))
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.02, 0.006]


@pytest.mark.parametrize("made_before", [True, False])
def test_layer_decay_goes_from_the_sweep_into_the_schedule(made_before):
    """A sweep scales the groups as training will, and what is applied is what was swept."""
    model = torch.nn.Linear(2, 1)
    groups = [
        {"params": [model.weight], "lr_scale": 1.0},
        {"params": [model.bias], "lr_scale": 0.3},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    scheduler = CosineLRScheduler(optimizer, 40) if made_before else None
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(320, 2, generator=generator)
    batches = [(each, each.sum(1, keepdim=True)) for each in inputs.split(32)]
    result = lrfind.range_test(model, optimizer, torch.nn.MSELoss(), batches, progress=False)
    assert result.group_scale == pytest.approx(SCALES)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if made_before else "ignore")
        answer = result.apply(optimizer, scheduler)
    if not made_before:
        scheduler = CosineLRScheduler(optimizer, 40)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(answer.group_lr)
    scheduler.step(10)
    half_way = 0.5 + 0.5**1.5
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
        [rate * half_way for rate in answer.group_lr]
    )
