"""What Accelerate prepares, in `range_test` and in a loop of one's own."""

import numpy as np
import pytest
import torch
from makers import TESTS, both, torchrun

import lrfind

accelerate = pytest.importorskip("accelerate")
cross_entropy = torch.nn.functional.cross_entropy


def made(prepare=lambda *objects: objects):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(16, 2)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    x = torch.randn(72, 8)
    data = torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long())
    loader = torch.utils.data.DataLoader(data, 8, shuffle=True)
    return prepare(model, optimizer, loader, scheduler)


@pytest.fixture
def accelerator():
    """Makes an `Accelerator`; there is one configuration in a process until it is reset."""

    def make(**settings):
        accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
        accelerate.state.GradientState._reset_state()
        return accelerate.Accelerator(cpu=True, **settings)

    yield make
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()


def train(accelerator, model, optimizer, loader, scheduler, steps=None, sweep=None):
    """A loop by the book of Accelerate; its losses."""
    losses = []
    for inputs, target in loader:
        with accelerator.accumulate(model):
            loss = cross_entropy(model(inputs), target)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if sweep is not None:
            sweep.record(loss)
        if len(losses) == steps:
            break
    return losses


def sweep_of(run, **options):
    torch.manual_seed(1)
    model, optimizer, loader, scheduler = run
    return lrfind.range_test(
        model, optimizer, cross_entropy, loader, num_iter=40, preserve=[scheduler],
        progress=False, **options,
    )  # fmt: skip


def test_prepared_objects_give_what_plain_ones_give(accelerator):
    plain, prepared = sweep_of(made()), sweep_of(made(accelerator().prepare))
    np.testing.assert_array_equal(prepared.lr, plain.lr)
    assert prepared.loss.size > 20
    np.testing.assert_array_equal(prepared.loss, plain.loss)


@pytest.mark.parametrize("settings", [{}, {"mixed_precision": "bf16"}])
def test_prepared_objects_go_on_as_without_a_test(accelerator, settings):
    def after(test):
        acc = accelerator(**settings)
        run = made(acc.prepare)
        first = train(acc, *run)
        if test:
            state = torch.get_rng_state()
            sweep_of(run)
            torch.set_rng_state(state)
        return first + [loss for _ in range(3) for loss in train(acc, *run)]

    assert after(test=True) == after(test=False)


def test_mixed_precision_is_that_of_the_prepared_model(accelerator):
    def losses(settings, options):
        model, optimizer, _, scheduler = made(accelerator(**settings).prepare)
        batches = list(made()[2])
        return sweep_of((model, optimizer, batches, scheduler), **options).loss

    half = losses({"mixed_precision": "bf16"}, {})
    np.testing.assert_allclose(half, losses({}, {"autocast": torch.bfloat16}), rtol=1e-2)
    assert not np.array_equal(half, losses({}, {}))


@pytest.mark.parametrize("count", [1, 3, 4])
def test_accumulation_in_a_loop_of_ones_own_is_counted_in_optimizer_steps(accelerator, count):
    """Also at the end of an epoch, where Accelerate steps on what it has."""
    acc = accelerator(gradient_accumulation_steps=count)
    run = made(acc.prepare)
    made_steps = []
    run[1].optimizer.register_step_post_hook(
        lambda optimizer, *_: made_steps.append(optimizer.param_groups[0]["lr"])
    )
    with (
        lrfind.preserve_state(acc, *run),
        lrfind.Sweep(run[1], num_iter=12, end_lr=0.1, diverge_th=None) as sweep,
    ):
        losses = train(acc, *run[:2], sweep.cycle(run[2]), run[3], sweep=sweep)
    result = sweep.result()
    assert made_steps == result.lr.tolist()
    assert result.lr.size == 12
    # 9 batches an epoch: windows of 3, or of 4, 4 and 1.
    ends = {1: range(1, 10), 3: (3, 6, 9), 4: (4, 8, 9)}[count]
    epochs = [9 * epoch + end for epoch in range(12) for end in ends][:12]
    windows = np.split(np.array(losses), epochs)[:12]
    np.testing.assert_allclose(result.loss, [each.mean() for each in windows], rtol=1e-6)


@pytest.mark.parametrize("error", [None, RuntimeError("broken"), KeyboardInterrupt()])
def test_a_loop_of_ones_own_goes_on_as_without_a_sweep(accelerator, error):
    def after(test):
        acc = accelerator(gradient_accumulation_steps=4)
        run = made(acc.prepare)
        first = train(acc, *run, steps=6)
        state = torch.get_rng_state()
        if test and error is None:
            with lrfind.preserve_state(acc, *run), lrfind.Sweep(run[1], num_iter=5) as sweep:
                train(acc, *run[:2], sweep.cycle(run[2]), run[3], sweep=sweep)
        elif test:
            with pytest.raises(type(error)), lrfind.preserve_state(acc, *run):
                train(acc, *run, steps=6)
                raise error
        assert torch.equal(torch.get_rng_state(), state)
        return first + [loss for _ in range(3) for loss in train(acc, *run)]

    assert after(test=True) == after(test=False)


@pytest.mark.slow
def test_two_processes_make_one_sweep(tmp_path):
    done = torchrun(TESTS / "behaviour" / "accelerate_ranks.py", tmp_path)
    assert done.returncode == 0, done.stderr
    for scenario in ("range_test", "trainer"):
        first, second = both(tmp_path, scenario)
        assert first == second
        assert first["restored"]
        assert len(first["loss"]) == 20
        np.testing.assert_allclose(first["loss"], first["joined"], rtol=1e-5)
