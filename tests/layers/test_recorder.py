"""The recording of every layer: closed forms, an independent measurement, and no trace of it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from makers import OPTIMIZERS, everything, loss_fn, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind.layers.recorder import LayerRecorder

STEPS = 12


def fresh(optimizer="adam"):
    model, loader = make_model(), make_loader()
    made = OPTIMIZERS[optimizer](trainable(model))
    torch.manual_seed(3)
    return model, made, loader


def hooks_of(optimizer):
    # torch tells of the hooks on an optimizer by no public name.
    return len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)


def norm(tensor):
    return tensor.detach().double().pow(2).sum().sqrt().item()


class Watched:
    """Measures one tensor after the other, in float64, around every step: slow and plain."""

    def __init__(self, model, optimizer, gradient_scale=1.0):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.weight, self.gradient, self.update = [], [], []
        inner = optimizer.step

        def step(*arguments):
            before = [p.detach().clone() for p in self.parameters]
            self.weight.append([norm(p) for p in before])
            if not arguments:
                self.gradient.append([norm(p.grad) / gradient_scale for p in self.parameters])
            out = inner(*arguments)
            pairs = zip(before, self.parameters, strict=True)
            self.update.append([norm(p - b) for b, p in pairs])
            return out

        optimizer.step = step

    def agrees_with(self, layers, rtol=1e-5):
        for name in ("weight", "gradient", "update"):
            expected = np.array(getattr(self, name))
            if expected.size:
                np.testing.assert_allclose(
                    getattr(layers, name), expected, rtol=rtol, atol=1e-12, err_msg=name
                )


def one_weight(decay=0.0):
    weight = nn.Parameter(torch.full((1,), 3.0, dtype=torch.float64))
    model = nn.ParameterDict({"w": weight})
    optimizer = torch.optim.SGD([weight], lr=0.1, weight_decay=decay)

    def step():
        loss = (weight**2 / 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, optimizer, step


def swept(model, optimizer, step, **options):
    with lrfind.Sweep(optimizer, layers=model, diverge_th=None, **options) as sweep:
        while sweep.record(step()):
            pass
    return sweep.result().layers


def test_on_a_quadratic_every_norm_has_its_closed_form():
    layers = swept(*one_weight(), start_lr=1e-3, end_lr=1.5, num_iter=30)
    before = 3 * np.cumprod(np.concatenate([[1.0], np.abs(1 - layers.lr[:-1])]))
    np.testing.assert_allclose(layers.weight[:, 0], before, rtol=1e-12)
    np.testing.assert_allclose(layers.gradient[:, 0], before, rtol=1e-12)
    np.testing.assert_allclose(layers.update[:, 0], before * layers.lr, rtol=1e-12)
    np.testing.assert_allclose(layers.update_ratio[:, 0], layers.lr, rtol=1e-12)
    np.testing.assert_allclose(layers.lamb_ratio, 1, rtol=1e-12)
    np.testing.assert_allclose(layers.lars_ratio, 1, rtol=1e-12)


def test_weight_decay_is_in_the_update_and_in_the_lars_ratio_but_not_in_the_gradient():
    layers = swept(*one_weight(decay=0.25), start_lr=1e-3, end_lr=1.5, num_iter=30)
    np.testing.assert_allclose(layers.gradient, layers.weight, rtol=1e-12)
    np.testing.assert_allclose(layers.update_ratio[:, 0], 1.25 * layers.lr, rtol=1e-12)
    np.testing.assert_allclose(layers.lars_ratio, 1 / 1.25, rtol=1e-12)
    assert layers.weight_decay == (0.25,)


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_the_norms_are_those_of_a_plain_measurement(optimizer_name):
    model, optimizer, loader = fresh(optimizer_name)
    watched = Watched(model, optimizer)
    result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=STEPS, layers=True)
    assert result.layers.names == tuple(
        name for name, p in model.named_parameters() if p.requires_grad
    )
    assert result.layers.weight.shape == (STEPS, 9)
    watched.agrees_with(result.layers)


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_the_sweep_is_bit_equal_with_and_without_and_everything_is_put_back(optimizer_name):
    plain = lrfind.range_test(*fresh(optimizer_name)[:2], loss_fn, make_loader(), num_iter=40)
    model, optimizer, loader = fresh(optimizer_name)
    before = everything(model, optimizer, loader)
    seen = []
    optimizer.register_step_pre_hook(lambda *_: seen.append(hooks_of(optimizer)))
    result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=40, layers=True)
    assert result.loss.tobytes() == plain.loss.tobytes()
    assert everything(model, optimizer, loader) == before
    assert (seen[0], hooks_of(optimizer)) == (3, 1), "ours came and went, the user's stays"
    assert plain.layers is None
    assert result.layers.lr.tobytes() == result.lr.tobytes()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_after_an_exception_no_hook_is_left_and_everything_is_put_back(error):
    model, optimizer, loader = fresh()
    before = everything(model, optimizer, loader)
    calls = []

    def failing(output, target):
        calls.append(1)
        if len(calls) == 5:
            raise error
        return loss_fn(output, target)

    with pytest.raises(error):
        lrfind.range_test(model, optimizer, failing, loader, num_iter=STEPS, layers=True)
    assert hooks_of(optimizer) == 0
    assert everything(model, optimizer, loader) == before


def test_the_gradient_is_that_of_the_whole_step_after_clipping():
    model, optimizer, loader = fresh("sgd")
    watched = Watched(model, optimizer)
    options = {"accumulation_steps": 3, "clip_grad": 0.05, "num_iter": STEPS, "layers": True}
    layers = lrfind.range_test(model, optimizer, loss_fn, loader, **options).layers
    watched.agrees_with(layers)
    np.testing.assert_allclose(np.sqrt((layers.gradient**2).sum(axis=1)), 0.05, rtol=1e-3)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("clip_grad", [None, 0.1])
def test_with_a_scaler_the_gradient_is_unscaled(fused, clip_grad):
    def run(scaler):
        model, _, loader = fresh()
        optimizer = torch.optim.AdamW(trainable(model), fused=fused)
        return lrfind.range_test(
            model, optimizer, loss_fn, loader, num_iter=STEPS, layers=True, scaler=scaler,
            clip_grad=clip_grad,
        ).layers  # fmt: skip

    plain, scaled = run(None), run(torch.amp.GradScaler("cpu", init_scale=1024.0))
    for name in ("weight", "gradient"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(plain, name), rtol=1e-4)


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_the_scaler_skips_is_not_recorded(fused):
    weight = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight], fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    model = nn.ParameterDict({"w": weight})
    calls = []
    with lrfind.Sweep(optimizer, num_iter=6, layers=model, scaler=scaler) as sweep:
        more = True
        while more:
            loss = (weight**2).sum()
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            calls.append(1)
            if len(calls) in (1, 4):
                weight.grad.fill_(torch.inf)
            scaler.step(optimizer)
            scaler.update()
            more = sweep.record(loss)
    result = sweep.result()
    assert result.skipped == (1, 0, 1, 0, 0, 0)
    assert len(calls) == 8
    assert np.isfinite(result.layers.gradient).all()
    assert (result.layers.update > 0).all()


def test_with_a_closure_the_gradient_is_that_of_the_first_evaluation():
    model, optimizer, loader = fresh("lbfgs")
    first = []

    def noting(output, target):
        loss = loss_fn(output, target)
        if not first or first[-1] is None:
            parameters = trainable(model)
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
            first.append([norm(gradient) for gradient in gradients])
        return loss

    optimizer.register_step_pre_hook(lambda *_: first.append(None))
    layers = lrfind.range_test(model, optimizer, noting, loader, num_iter=STEPS, layers=True).layers
    expected = [each for each in first if each is not None]
    np.testing.assert_allclose(layers.gradient, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_closure_of_ones_own_loop_is_measured_too(by_name):
    model, optimizer, _ = one_weight()

    def step():
        def closure():
            optimizer.zero_grad()
            loss = (model["w"] ** 2 / 2).sum()
            loss.backward()
            return loss

        return optimizer.step(closure=closure) if by_name else optimizer.step(closure)

    layers = swept(model, optimizer, step, start_lr=1e-3, end_lr=1.5, num_iter=30)
    np.testing.assert_allclose(layers.gradient, layers.weight, rtol=1e-12)
    np.testing.assert_allclose(layers.update_ratio[:, 0], layers.lr, rtol=1e-12)


def test_a_step_of_ones_own_is_measured():
    model, optimizer, loader = fresh("momentum")
    watched = Watched(model, optimizer)

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()  # the gradient is gone before the step returns
        return loss

    result = lrfind.range_test(
        model, optimizer, None, loader, step=step, num_iter=STEPS, layers=True
    )
    assert result.layers.gradient.shape == (STEPS, len(result.layers.names))
    assert (result.layers.gradient > 0).any()
    watched.agrees_with(result.layers)


def test_several_optimizers_and_groups_keep_their_rates_and_strangers_are_named_by_place():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    temperature = nn.Parameter(torch.ones(2))
    first = torch.optim.SGD(model[1].parameters(), lr=0.1)
    second = torch.optim.SGD(
        [
            {"params": [temperature], "weight_decay": 0.5},
            {"params": list(model[0].parameters()), "lr": 0.01},
        ],
        lr=0.1,
    )

    def step(x):
        for optimizer in (first, second):
            optimizer.zero_grad()
        loss = (model(x) * temperature).pow(2).mean()
        loss.backward()
        for optimizer in (first, second):
            optimizer.step()
        return loss

    data = [torch.randn(8, 3) for _ in range(4)]
    result = lrfind.range_test(
        model, [first, second], None, data, step=step, preserve=[temperature], num_iter=10,
        layers=True,
    )  # fmt: skip
    layers = result.layers
    names = ("0.weight", "0.bias", "1.weight", "1.bias", "group 1, tensor 0")
    assert layers.names == names
    np.testing.assert_allclose(layers.rate_scale, [0.1, 0.1, 1, 1, 1])
    assert layers.weight_decay == (0.0, 0.0, 0.0, 0.0, 0.5)
    # Plain SGD's step per unit of rate is the gradient, whatever the group's rate.
    fast = result.lr > 1e-2
    assert fast.sum() > 2
    np.testing.assert_allclose(layers.step[fast, :4], layers.gradient[fast, :4], rtol=2e-3)


def test_several_types_are_measured_each_in_its_own_and_half_precision_does_not_overflow():
    model = nn.ParameterDict(
        {
            "f16": nn.Parameter(torch.full((4,), 60000.0, dtype=torch.float16)),
            "f64": nn.Parameter(torch.full((4,), 1e-30, dtype=torch.float64)),
            "b16": nn.Parameter(torch.full((9,), 2.0, dtype=torch.bfloat16)),
            "f32": nn.Parameter(torch.full((), 5.0)),
            "c64": nn.Parameter(torch.full((1,), 3 + 4j)),
        }
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        for parameter in model.values():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        return 1.0

    layers = swept(model, optimizer, step, num_iter=3, start_lr=1e-7, end_lr=1e-6)
    weights = dict(zip(layers.names, layers.weight[0], strict=True))
    gradients = dict(zip(layers.names, layers.gradient[0], strict=True))
    expected = {"f16": 120000, "f64": 2e-30, "b16": 6, "f32": 5, "c64": 5}
    assert weights == pytest.approx(expected, rel=1e-6, abs=0)
    assert gradients == pytest.approx({"f16": 2, "f64": 2, "b16": 3, "f32": 1, "c64": 1})


def test_a_tensor_without_gradient_has_none_and_a_sparse_one_has_that_of_the_dense():
    model = nn.ModuleDict({"table": nn.Embedding(6, 2, sparse=True), "unused": nn.Linear(2, 2)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    dense = []

    def step():
        optimizer.zero_grad()
        loss = model["table"](torch.tensor([1, 1, 4])).pow(2).sum()
        loss.backward()
        dense.append(norm(model["table"].weight.grad.to_dense()))
        optimizer.step()
        return loss

    layers = swept(model, optimizer, step, num_iter=5)
    np.testing.assert_allclose(layers.gradient[:, 0], dense, rtol=1e-6)
    assert np.isnan(layers.gradient[:, 1:]).all()
    assert (layers.update[:, 1:] == 0).all()
    assert (layers.lamb_ratio[:, 1:] == 1).all()
    assert np.isnan(layers.lars_ratio[:, 1:]).all()


def test_a_step_that_was_not_made_is_nan():
    model, optimizer, loader = fresh("sgd")
    calls = []

    def poisoned(output, target):
        calls.append(1)
        return loss_fn(output, target) * (float("nan") if len(calls) == 4 else 1)

    layers = lrfind.range_test(
        model, optimizer, poisoned, loader, num_iter=STEPS, layers=True
    ).layers
    assert layers.weight.shape[0] == 4
    assert np.isfinite(layers.update[:3]).all()
    assert np.isnan(layers.update[3]).all()


def test_steps_beyond_the_last_are_ignored():
    model, optimizer, step = one_weight()
    with lrfind.Sweep(optimizer, num_iter=3, layers=model) as sweep:
        while sweep.record(step()):
            pass
        step()
    assert sweep.result().layers.weight.shape == (3, 1)


@pytest.mark.filterwarnings("ignore:the loop ended after")
def test_a_sweep_can_be_run_again_and_ended_early():
    model, optimizer, step = one_weight()
    sweep = lrfind.Sweep(optimizer, num_iter=5, layers=model)
    for count in (2, 3):
        with sweep:
            for _ in range(count):
                sweep.record(step())
        assert sweep.result().layers.weight.shape == (count, 1)
        assert hooks_of(optimizer) == 0


def test_what_cannot_be_measured_is_refused_at_the_door():
    model, optimizer, _ = one_weight()
    with pytest.raises(TypeError, match=r"`layers` must be a torch\.nn\.Module, got bool"):
        lrfind.Sweep(optimizer, layers=True)

    class NoHooks:
        param_groups = optimizer.param_groups

    with pytest.raises(TypeError, match="`layers` needs step hooks, which NoHooks does not"):
        lrfind.Sweep(NoHooks(), layers=model)
    model["w"].requires_grad_(False)
    with pytest.raises(ValueError, match="`layers` found no trainable parameter"):
        LayerRecorder(model, [optimizer])


def test_parameters_sharded_over_ranks_are_refused():
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, distribute_tensor

    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    try:
        shard = distribute_tensor(torch.ones(3), init_device_mesh("cpu", (1,)), [Replicate()])
        model = nn.ParameterDict({"w": nn.Parameter(shard)})
        with pytest.raises(ValueError, match="`layers` cannot measure parameters that are sharded"):
            LayerRecorder(model, [torch.optim.SGD(model.parameters(), lr=0.1)])
    finally:
        torch.distributed.destroy_process_group()


def test_when_a_sweep_cannot_begin_no_hook_is_left():
    model, optimizer, _ = one_weight()
    sweep = lrfind.Sweep(optimizer, layers=model)
    optimizer.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr=-1"), sweep:
        pass
    assert hooks_of(optimizer) == 0


@pytest.mark.gpu
def test_on_a_gpu_the_norms_agree_and_nothing_waits_for_it():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    recorder, x, steps = LayerRecorder(model, [optimizer]), torch.randn(32, 8).cuda(), []
    recorder.attach(6, lambda: len(steps))
    mode = torch.cuda.get_sync_debug_mode()
    before = []
    try:
        for number in range(6):
            before.append([p.detach().clone() for p in model.parameters()])
            optimizer.zero_grad()
            model(x).pow(2).mean().backward()
            torch.cuda.set_sync_debug_mode("error" if number else mode)
            optimizer.step()
            torch.cuda.set_sync_debug_mode(mode)
            steps.append(number)
    finally:
        torch.cuda.set_sync_debug_mode(mode)
        recorder.detach()
    layers = recorder.layers(np.full(6, 0.1), [1.0])
    expected = [[norm(p) for p in weights] for weights in before]
    np.testing.assert_allclose(layers.weight, expected, rtol=1e-5)
    changes = [[norm(b - a) for a, b in zip(*pair, strict=True)] for pair in pairwise(before)]
    np.testing.assert_allclose(layers.update[:-1], changes, rtol=1e-4)
