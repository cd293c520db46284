"""LAMB and LARS of an optimizer library in the range test, and trust ratios by their formulas."""

import numpy as np
import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, train, trainable
from pytorch_optimizer import LARS, Lamb
from torch import nn

import lrfind

LARGE_BATCH = {
    "lamb": lambda p: Lamb(p, lr=1e-3, weight_decay=0.01, weight_decouple=False),
    "lamb_decoupled": lambda p: Lamb(p, lr=1e-3, weight_decay=0.01),
    "lamb_one_by_one": lambda p: Lamb(p, lr=1e-3, foreach=False),
    "lars": lambda p: LARS(p, lr=1e-1, weight_decay=1e-4),
}
STEPS = 30


@pytest.mark.parametrize("name", LARGE_BATCH)
def test_everything_is_put_back_and_training_goes_on_as_if_untested(name):
    def fresh():
        model, loader = make_model(), make_loader()
        optimizer = LARGE_BATCH[name](trainable(model))
        torch.manual_seed(3)
        train(model, optimizer, loader, 5)
        return model, optimizer, loader

    untested = train(*fresh(), 20)
    model, optimizer, loader = fresh()
    before = everything(model, optimizer, loader)
    result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=40, layers=True)
    assert result.lr.size > 10
    assert (result.layers.update > 0).any()
    assert everything(model, optimizer, loader) == before
    assert train(model, optimizer, loader, 20) == untested


@pytest.mark.parametrize("name", LARGE_BATCH)
def test_recording_the_layers_changes_no_bit_of_the_sweep(name):
    def losses(layers):
        model, loader = make_model(), make_loader()
        optimizer = LARGE_BATCH[name](trainable(model))
        torch.manual_seed(3)
        options = {"num_iter": 40, "layers": layers}
        return lrfind.range_test(model, optimizer, loss_fn, loader, **options).loss.tobytes()

    assert losses(True) == losses(False)


class Regression:
    """Two layers in float64, one of them large, on one batch; every step is kept."""

    def __init__(self, make):
        self.model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1)).double()
        with torch.no_grad():
            self.model[0].weight.mul_(40)
            self.model[1].bias.zero_()
        self.optimizer = make(self.model.parameters())
        self.x, self.y = torch.randn(64, 4).double(), torch.randn(64, 1).double()
        self.weights, self.gradients = [], []

    def step(self):
        self.optimizer.zero_grad()
        loss = (self.model(self.x) - self.y).pow(2).mean()
        loss.backward()
        self.weights.append([p.detach().numpy().copy() for p in self.model.parameters()])
        self.gradients.append([p.grad.numpy().copy() for p in self.model.parameters()])
        self.optimizer.step()
        return loss

    def layers(self):
        options = {"start_lr": 1e-3, "end_lr": 1e-1, "num_iter": STEPS, "diverge_th": None}
        with lrfind.Sweep(self.optimizer, layers=self.model, **options) as sweep:
            while sweep.record(self.step()):
                pass
        return sweep.result().layers

    def adam_steps(self, beta1, beta2, eps, *, debiased, decay=0.0):
        """The step of Adam before the rate, of every tensor, by the formula of the paper."""
        m = [np.zeros_like(w) for w in self.weights[0]]
        v = [np.zeros_like(w) for w in self.weights[0]]
        steps = []
        for t, (weights, gradients) in enumerate(zip(self.weights, self.gradients, strict=True), 1):
            m = [beta1 * a + (1 - beta1) * g for a, g in zip(m, gradients, strict=True)]
            v = [beta2 * a + (1 - beta2) * g * g for a, g in zip(v, gradients, strict=True)]
            c1, c2 = (1 - beta1**t, 1 - beta2**t) if debiased else (1.0, 1.0)
            steps.append(
                [
                    (a / c1) / (np.sqrt(b / c2) + eps) + decay * w
                    for a, b, w in zip(m, v, weights, strict=True)
                ]
            )
        return steps


def norms(tables):
    return np.array([[np.sqrt(np.sum(tensor**2)) for tensor in row] for row in tables])


def test_the_ratio_of_adam_is_r1_over_r2_by_the_formula():
    problem = Regression(lambda p: torch.optim.AdamW(p, lr=1e-3, weight_decay=0.01))
    layers = problem.layers()
    r1 = norms(problem.weights)
    r2 = norms(problem.adam_steps(0.9, 0.999, 1e-8, debiased=True, decay=0.01))
    np.testing.assert_allclose(layers.weight, r1, rtol=1e-12)
    np.testing.assert_allclose(layers.step, r2, rtol=1e-9)
    np.testing.assert_allclose(layers.lamb_ratio, np.where(r1 > 0, r1 / r2, 1), rtol=1e-9)
    assert layers.weight[0, 3] == 0
    assert layers.lamb_ratio[0, 3] == 1
    assert not layers.applied.size


@pytest.mark.parametrize("foreach", [True, False])
@pytest.mark.parametrize("published", [True, False])
def test_the_ratio_that_lamb_applied_is_recorded_and_divided_out(foreach, published):
    problem = Regression(
        lambda p: Lamb(
            p, weight_decay=0.01, weight_decouple=False, eps=1e-6, foreach=foreach,
            adam_debias=published,
        )
    )  # fmt: skip
    layers = problem.layers()
    r1 = norms(problem.weights)
    r2 = norms(problem.adam_steps(0.9, 0.999, 1e-6, debiased=False, decay=0.01))
    # The library bounds the norm of the weights by 10, as the paper's phi does, not the ratio.
    applied = np.where(r1 > 0, np.minimum(r1, 10) / (r2 + 1e-6), 1)
    np.testing.assert_allclose(layers.applied, applied, rtol=1e-8)
    # By default it divides its rate by 1 - beta1**t, outside of the ratio: ten-fold first steps.
    if not published:
        r2 /= 1 - 0.9 ** np.arange(1, STEPS + 1)[:, None]
    np.testing.assert_allclose(layers.step, r2, rtol=1e-8)
    np.testing.assert_allclose(layers.lamb_ratio, np.where(r1 > 0, r1 / r2, 1), rtol=1e-8)
    assert r1[0, 0] > 30, "one layer was to be beyond the bound"


def test_without_weight_decay_the_step_is_that_of_the_article_whose_debiasing_cancels():
    # There m and v are debiased, and the step is lr * |w| * s / |s| with s = m / sqrt(v + eps).
    problem = Regression(lambda p: Lamb(p, lr=1e-3, eps=1e-14, adam_debias=True))
    layers = problem.layers()
    steps = problem.adam_steps(0.9, 0.999, 1e-14, debiased=True)
    compared = 0
    for t, s in enumerate(steps[:-1]):
        for before, after, step in zip(problem.weights[t], problem.weights[t + 1], s, strict=True):
            size, length = np.linalg.norm(before), np.linalg.norm(step)
            if 0 < size < 10:
                expected = before - layers.lr[t] * size * step / length
                np.testing.assert_allclose(after, expected, rtol=1e-8, atol=1e-12)
                compared += 1
    assert compared > 2 * (STEPS - 1)


def test_lamb_may_apply_a_ratio_above_10():
    weight = nn.Parameter(torch.full((1,), 9.0, dtype=torch.float64))
    optimizer = Lamb([weight], lr=1e-3)
    model = nn.ParameterDict({"w": weight})
    with lrfind.Sweep(
        optimizer, layers=model, start_lr=1e-8, end_lr=1e-7, num_iter=50, diverge_th=None
    ) as sweep:
        more = True
        while more:
            # Gradients that cancel: the step of Adam becomes small, and the ratio large.
            weight.grad = torch.full((1,), (-1.0) ** sweep.steps, dtype=torch.float64)
            optimizer.step()
            more = sweep.record(1.0)
    assert sweep.result().layers.applied.max() > 30


def test_the_ratio_of_lars_scales_its_step_by_the_formula():
    decay, coefficient = 0.01, 1e-3
    problem = Regression(lambda p: LARS(p, weight_decay=decay, momentum=0.0))
    layers = problem.layers()
    r1, g = norms(problem.weights), norms(problem.gradients)
    both = (r1 > 0) & (g > 0)
    ratio = np.where(both, r1 / np.where(both, g + decay * r1, 1), 1)
    np.testing.assert_allclose(layers.lars_ratio, ratio, rtol=1e-12)
    # The library leaves vectors alone, overwrites the gradient, and multiplies by 0.001.
    pairs = zip(problem.gradients, problem.weights, strict=True)
    decayed = norms([[a + decay * b for a, b in zip(*pair, strict=True)] for pair in pairs])
    matrices, vectors = [0, 2], [1, 3]
    expected = coefficient * ratio[:, matrices] * decayed[:, matrices]
    np.testing.assert_allclose(layers.step[:, matrices], expected, rtol=1e-9)
    np.testing.assert_allclose(layers.step[:, vectors], g[:, vectors], rtol=1e-9)
