"""The range test through an ignite engine gives what `range_test` gives, and touches nothing."""

import pytest
import torch
from frameworks import same
from makers import plain
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import lrfind

pytest.importorskip("ignite")
from ignite.engine import Engine, Events, create_supervised_trainer
from ignite.handlers import LRScheduler

from lrfind.integrations.ignite import range_test

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


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, OSError])
def test_a_fault_leaves_everything_as_it_was(error):
    model, optimizer, data = job()
    usual = create_supervised_trainer(model, optimizer, mse_loss)._process_function

    def step(engine, batch):
        if engine.state.iteration == 9:
            raise error
        return usual(engine, batch)

    if error is OSError:
        data = DataLoader(Broken(torch.zeros(4, 3), torch.zeros(4, 1)), batch_size=2)
    trainer = Engine(step)
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
