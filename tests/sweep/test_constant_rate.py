"""A short training at one rate has a closed form on w^2 / 2, and leaves the state as it was."""

import numpy as np
import torch

from lrfind.demo import digits_problem
from lrfind.loop.loop import Loop
from lrfind.sweep.constant_rate import constant_rate, constant_run


def test_every_loss_has_its_closed_form():
    weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    with constant_rate(optimizer, 0.1, 20) as recorder:
        more = True
        while more:
            optimizer.zero_grad()
            loss = weight**2 / 2
            loss.backward()
            optimizer.step()
            more = recorder.record(loss)
    run = constant_run(recorder.recording())
    np.testing.assert_allclose(run.loss, 0.9 ** (2 * np.arange(20)) / 2, rtol=1e-12)
    assert run.lr == 0.1
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_runs_of_one_loop_start_alike_and_leave_no_trace():
    problem = digits_problem(model="mlp", optimizer="sgd", seed=3)
    before = [parameter.clone() for parameter in problem.model.parameters()]
    loop = Loop(problem.model, problem.optimizer, problem.loss_fn, problem.train_loader)
    runs = []
    for lr in (0.01, 0.3, 0.01):
        recorder = constant_rate(problem.optimizer, lr, 12)
        loop.run(recorder)
        runs.append(constant_run(recorder.recording()))
    assert runs[0] == runs[2]
    assert runs[0] != runs[1]
    assert runs[0].loss[0] == runs[1].loss[0]
    assert all(map(torch.equal, problem.model.parameters(), before))


def test_a_non_finite_loss_ends_it():
    problem = digits_problem(model="mlp", optimizer="sgd", seed=3)
    loop = Loop(
        problem.model,
        problem.optimizer,
        None,
        problem.train_loader,
        forward=lambda model, batch: model(batch[0]).square().mean().exp().exp(),
    )
    recorder = constant_rate(problem.optimizer, 1e4, 12)
    loop.run(recorder)
    run = constant_run(recorder.recording())
    assert run.loss.size < 12
    assert np.isfinite(run.loss[:-1]).all()
    assert not np.isfinite(run.loss[-1])
