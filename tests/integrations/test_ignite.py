"""The range test through an ignite engine gives what `range_test` gives, and touches nothing."""

import numpy as np
import pytest
import torch
from frameworks import same, the_checks_work
from makers import plain
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import lrfind

pytest.importorskip("ignite")
from ignite.engine import Engine, Events, create_supervised_trainer
from ignite.handlers import LRScheduler

from lrfind.integrations import ignite as integration
from lrfind.integrations.ignite import prepared, range_test

WIDE = {"start_lr": 1e-5, "end_lr": 1.0, "num_iter": 40}


def job():
    model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 1))
    groups = [{"params": model[0].parameters(), "lr": 0.005}, {"params": model[3].parameters()}]
    optimizer = torch.optim.Adam(groups, lr=0.05)
    inputs = torch.randn(64, 3)
    data = TensorDataset(inputs, inputs.sum(1, keepdim=True))
    return model, optimizer, DataLoader(data, batch_size=8, shuffle=True)


def state_of(trainer, model, optimizer):
    handlers = {event: list(each) for event, each in trainer._event_handlers.items()}
    own = {name: value for name, value in vars(trainer.state).items() if name != "batch"}
    return (
        plain(model.state_dict()),
        plain(optimizer.state_dict()),
        [(p.grad is None, p.requires_grad) for p in model.parameters()],
        torch.get_rng_state().tolist(),
        (handlers, plain(own), id(trainer.state), trainer.should_terminate),
        (trainer._dataloader_iter, trainer._init_iter, trainer._internal_run_generator),
    )


@pytest.mark.parametrize("count", [1, 2])
def test_the_numbers_are_those_of_range_test(count):
    model, optimizer, data = job()
    trainer = create_supervised_trainer(
        model, optimizer, mse_loss, gradient_accumulation_steps=count
    )
    before = state_of(trainer, model, optimizer)
    result = range_test(trainer, optimizer, data, **WIDE)
    assert state_of(trainer, model, optimizer) == before
    same(
        result,
        lrfind.range_test(model, optimizer, mse_loss, data, accumulation_steps=count, **WIDE),
    )


@pytest.mark.parametrize(
    ("output", "options"),
    [
        (lambda loss: loss, {}),
        (lambda loss: loss.item(), {}),
        (lambda loss: {"loss": loss, "more": 1}, {}),
        (lambda loss: ("more", loss), {"output_transform": lambda output: output[1]}),
    ],
)
def test_an_engine_may_have_any_output(output, options):
    model, optimizer, data = job()

    def step(engine, batch):
        optimizer.zero_grad()
        loss = mse_loss(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return output(loss.detach())

    trainer = Engine(step)
    before = state_of(trainer, model, optimizer)
    result = range_test(trainer, optimizer, data, **options, **WIDE)
    assert state_of(trainer, model, optimizer) == before
    same(result, lrfind.range_test(model, optimizer, mse_loss, data, **WIDE))


def test_an_output_without_a_loss_says_what_to_pass():
    model, optimizer, data = job()
    trainer = create_supervised_trainer(
        model, optimizer, mse_loss, output_transform=lambda x, y, guess, loss: (guess, y)
    )
    before = state_of(trainer, model, optimizer)
    with pytest.raises(TypeError, match="is a tuple: pass `output_transform=`"):
        range_test(trainer, optimizer, data, **WIDE)
    with pytest.raises(TypeError, match="no loss for 100 batches"):
        range_test(trainer, optimizer, data, output_transform=lambda output: None, **WIDE)
    with pytest.raises(TypeError, match="no option `num_itre`: did you mean `num_iter`"):
        range_test(trainer, optimizer, data, num_itre=3)
    assert state_of(trainer, model, optimizer) == before


def training(*, tested):
    torch.manual_seed(3)
    model, optimizer, data = job()
    trainer, losses = create_supervised_trainer(model, optimizer, mse_loss), []
    # A scheduler and a log of the user's own, which the sweep does not call.
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    trainer.add_event_handler(Events.ITERATION_STARTED, LRScheduler(schedule))
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output)
    )
    for part in range(2):
        if tested:
            before = state_of(trainer, model, optimizer), list(losses)
            result = range_test(trainer, optimizer, data, diverge_th=None, **WIDE)
            assert len(result.loss) == 40
            assert (state_of(trainer, model, optimizer), losses) == before
        trainer.state.max_epochs = None
        trainer.run(data, max_epochs=2 + part)
    return losses


def test_the_training_goes_on_as_without_before_and_after_a_run():
    losses = training(tested=False)
    assert len(losses) == 40
    assert training(tested=True) == losses


def test_a_test_from_a_handler_of_a_running_engine():
    seen = []
    for tested in (False, True):
        torch.manual_seed(3)
        model, optimizer, data = job()
        trainer, losses = create_supervised_trainer(model, optimizer, mse_loss), []
        seen.append(losses)

        @trainer.on(Events.ITERATION_COMPLETED)
        def record(engine, losses=losses, tested=tested, optimizer=optimizer, data=data):
            losses.append(engine.state.output)
            if tested and engine.state.iteration == 11:
                range_test(engine, optimizer, data, **WIDE)

        trainer.run(data, max_epochs=3)
    assert len(seen[0]) == 24
    assert seen[0] == seen[1]


class Broken(TensorDataset):
    def __getitem__(self, place):
        raise OSError("in the loader")


def failing(model, optimizer, iteration, error):
    """A trainer whose step fails at one iteration."""
    usual = create_supervised_trainer(model, optimizer, mse_loss)._process_function

    def step(engine, batch):
        if engine.state.iteration == iteration:
            raise error
        return usual(engine, batch)

    return Engine(step)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, OSError])
def test_a_fault_leaves_everything_as_it_was(error):
    model, optimizer, data = job()
    if error is OSError:
        data = DataLoader(Broken(torch.zeros(4, 3), torch.zeros(4, 1)), batch_size=2)
    trainer = failing(model, optimizer, 9, error)
    trainer.logger.disabled = True
    before = state_of(trainer, model, optimizer)
    with pytest.raises(error):
        range_test(trainer, optimizer, data, **WIDE)
    assert state_of(trainer, model, optimizer) == before


def test_data_that_runs_out_ends_the_sweep():
    model, optimizer, data = job()
    trainer = create_supervised_trainer(model, optimizer, mse_loss)
    result = range_test(trainer, optimizer, iter(list(data)), **WIDE)
    assert (len(result.loss), result.stop_reason) == (8, "exhausted")


def counting(model, optimizer):
    """A step whose loss depends on all that an engine counts; it accumulates over two batches."""

    def step(engine, batch):
        at = engine.state.iteration + 3 * engine.state.epoch
        loss = mse_loss(model(batch[0]), batch[1]) * (1 + 0.01 * at)
        (loss / 2).backward()
        if engine.state.iteration % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach()

    return Engine(step)


def run_at(lr, scale):
    """The mean losses of the steps of the engine's own run at these rates."""
    torch.manual_seed(3)
    model, optimizer, data = job()
    engine, losses = counting(model, optimizer), []

    @engine.on(Events.ITERATION_STARTED)
    def set_rates(engine):
        for group, each in zip(optimizer.param_groups, scale, strict=True):
            group["lr"] = lr[(engine.state.iteration - 1) // 2] * each

    @engine.on(Events.ITERATION_COMPLETED)
    def record(engine):
        losses.append(engine.state.output.item())

    torch.manual_seed(4)
    engine.run(data, max_epochs=len(lr) * 2 // len(data))
    return [np.float32(losses[k : k + 2]).mean() for k in range(0, len(losses), 2)]


def test_the_steps_are_those_of_a_run_at_the_same_rates():
    torch.manual_seed(3)
    model, optimizer, data = job()
    trainer = counting(model, optimizer)
    torch.manual_seed(4)
    before = state_of(trainer, model, optimizer)
    with prepared(trainer, optimizer, data) as problem:
        result = problem.range_test(**WIDE, diverge_th=None, progress=False)
        checked = problem.verify(rates=(1e-3, 3e-2), num_iter=40, progress=False)
    assert state_of(trainer, model, optimizer) == before
    assert result.epoch_steps == 4
    assert list(result.loss) == run_at(result.lr, result.group_scale)
    for trial in checked.trials[:2]:
        assert list(trial.run.loss) == run_at([trial.run.lr] * 40, result.group_scale)


def test_the_checks_work_on_a_prepared_engine():
    model, optimizer, data = job()
    trainer = create_supervised_trainer(model, optimizer, mse_loss)
    the_checks_work(
        integration,
        trainer,
        optimizer,
        data,
        state_of=lambda trainer: ({}, state_of(trainer, model, optimizer)),
    )


def test_a_fault_within_leaves_everything_as_it_was():
    model, optimizer, data = job()
    trainer = failing(model, optimizer, 20, KeyboardInterrupt)
    before = state_of(trainer, model, optimizer)
    with pytest.raises(KeyboardInterrupt), prepared(trainer, optimizer, data) as problem:
        problem.verify(rates=(1e-3, 3e-2), num_iter=40, progress=False)
    assert state_of(trainer, model, optimizer) == before


def test_the_model_is_what_the_process_function_trains():
    model, optimizer, data = job()
    trainer = create_supervised_trainer(model, optimizer, mse_loss)
    with prepared(trainer, optimizer, data) as problem:
        assert problem.model is model
    names = range_test(trainer, optimizer, data, layers=True, **WIDE).layers.names
    assert range_test(trainer, optimizer, data, layers=model, **WIDE).layers.names == names
    assert "0.weight" in names


def test_several_models_are_one_and_one_that_is_not_seen_is_its_parameters():
    head, (body, optimizer, data) = nn.Linear(1, 1), job()
    optimizer.add_param_group({"params": head.parameters()})

    def step(engine, batch):
        loss = mse_loss(head(body(batch[0])), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    with prepared(Engine(step), optimizer, data) as problem:
        assert set(problem.model) == {head, body}
    namespace = {"usual": step}
    exec("def step(engine, batch): return usual(engine, batch)", namespace)
    with prepared(Engine(namespace["step"]), optimizer, data) as problem:
        assert [id(each) for each in problem.model.parameters()] == [
            id(each) for group in optimizer.param_groups for each in group["params"]
        ]
        problem.range_test(num_iter=5, progress=False)
    parts = [body[0], body]  # one within the other
    with prepared(Engine(namespace["step"]), optimizer, data, preserve=parts) as problem:
        assert problem.model is body


def test_the_process_function_is_given_the_batches_as_they_are():
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = [np.ones((4, 3), dtype=np.float32)] * 4

    def step(engine, batch):
        assert engine.state.batch is batch
        assert type(batch) is np.ndarray
        assert (engine.state.epoch_length, engine.state.dataloader) == (4, data)
        assert engine.state.epoch == 1 + (engine.state.iteration - 1) // 4
        loss = model(torch.from_numpy(batch)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    assert len(range_test(Engine(step), optimizer, data, **WIDE).loss) == 40


def test_the_process_function_may_end_an_epoch_or_the_run():
    model, optimizer, data = job()
    usual = create_supervised_trainer(model, optimizer, mse_loss)._process_function
    seen = []

    def step(engine, batch):
        seen.append((engine.state.epoch, engine.state.iteration))
        if engine.state.iteration == 3:
            engine.terminate_epoch()
        if engine.state.iteration == 13:
            engine.terminate()
        return usual(engine, batch)

    trainer = Engine(step)
    trainer.run(data, max_epochs=3)
    trained = seen.copy()
    assert (trained[2:4], trained[-1]) == ([(1, 3), (2, 4)], (3, 13))
    for _ in range(2):
        seen.clear()
        result = range_test(trainer, optimizer, data, **WIDE)
        assert (len(result.loss), result.stop_reason) == (13, "exhausted")
        assert seen == trained
