"""No two at once: who has a model or an optimizer, and until when."""

import copy
import gc
import threading

import pytest
import torch
from makers import Valley, loss_fn, make_loader, make_model, train, trainable, valley, valley_loss
from torch import nn
from whole_state import whole_state

import lrfind
from lrfind import Sweep, preserve_state
from lrfind.state.snapshot import Snapshot

SHORT = {"num_iter": 8, "start_lr": 1e-4, "progress": False}


def swept(optimizer, **options):
    return Sweep(optimizer, num_iter=8, start_lr=1e-4, **options)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.5)


SECOND = {
    "range_test": lambda *parts: lrfind.range_test(*parts, forward=valley_loss, **SHORT),
    "verify": lambda *parts: lrfind.verify(*parts, 0.1, forward=valley_loss, num_iter=4),
    "find_lr": lambda *parts: lrfind.find_lr(*parts, forward=valley_loss, budget=80),
    "Sweep": lambda model, optimizer, *_: swept(optimizer).__enter__(),
    "Sweep of the same weights": lambda model, *_: swept(sgd(model)).__enter__(),
    "preserve_state": lambda model, optimizer, *_: preserve_state(model, optimizer).__enter__(),
    "range_test of the same weights": lambda model, _, *rest: lrfind.range_test(
        model, sgd(model), *rest, forward=valley_loss, **SHORT
    ),
}


@pytest.mark.parametrize("second", SECOND)
def test_a_second_within_a_step_of_a_sweep_is_refused_before_anything_is_touched(second):
    alone = lrfind.range_test(*valley(), forward=valley_loss, **SHORT)
    parts, calls = valley(), []

    def forward(model, batch):
        calls.append(1)
        if len(calls) == 4:
            before = whole_state(*parts)
            with pytest.raises(RuntimeError, match=r"`optimizer` .* is in another range test"):
                SECOND[second](*parts)
            assert whole_state(*parts) == before
        return model()

    result = lrfind.range_test(*parts, forward=forward, **SHORT)
    assert result.loss.tolist() == alone.loss.tolist()
    SECOND[second](*valley())


def test_controls_within_a_sweep_are_refused():
    parts = valley()
    result = lrfind.range_test(*parts, forward=valley_loss, **SHORT)
    with swept(parts[1]) as sweep, pytest.raises(RuntimeError, match="`optimizer`"):
        sweep.exhausted()
        lrfind.controls(*parts, result)
    assert sweep.steps == 0
    lrfind.controls(*parts, result)


def test_the_same_sweep_entered_twice_is_refused_and_goes_on():
    model, optimizer, *_ = valley()
    with swept(optimizer) as sweep:
        for _ in sweep.cycle([1]):
            if not sweep.steps:
                with pytest.raises(RuntimeError, match="`optimizer`"), sweep:
                    pass
            optimizer.zero_grad()
            loss = model()
            loss.backward()
            optimizer.step()
            sweep.record(loss)
    assert sweep.result().loss.size == 8


def in_a_thread(work):
    """What a function raises in a thread, None if nothing."""
    raised = []

    def run():
        try:
            work()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


@pytest.mark.parametrize(
    ("second", "name"),
    [
        (lambda model, optimizer: preserve_state(model), "`model` (Valley)"),
        (lambda model, optimizer: preserve_state(optimizer), "`optimizer` (SGD)"),
        (lambda model, optimizer: preserve_state(nn.ModuleList([model])), "`model` (ModuleList)"),
        (lambda model, optimizer: preserve_state(sgd(model)), "`optimizer` (SGD)"),
        (lambda model, optimizer: swept(optimizer), "`optimizer` (SGD)"),
    ],
)
@pytest.mark.parametrize("first", ["preserve_state", "range_test"])
def test_a_second_in_another_thread_is_refused_until_the_first_has_ended(first, second, name):
    model, optimizer, *rest = valley()

    def other():
        with second(model, optimizer) as entered:
            if isinstance(entered, Sweep):
                entered.exhausted()
                for _ in range(8):
                    optimizer.step()
                    entered.record(0.5)

    def forward(model, batch):
        error = in_a_thread(other)
        assert isinstance(error, RuntimeError)
        assert str(error).startswith(f"{name} is in another range test")
        assert "of another thread" in str(error)
        return model()

    if first == "range_test":
        lrfind.range_test(model, optimizer, *rest, forward=forward, num_iter=2, progress=False)
    else:
        with preserve_state(model, optimizer):
            forward(model, None)
    with second(model, optimizer) as entered:
        if isinstance(entered, Sweep):
            while entered.record(optimizer.step() or 0.5):
                pass


def test_two_range_tests_of_one_model_in_threads_leave_one_result_and_everything_restored():
    model, loader = make_model(), make_loader()
    optimizer = torch.optim.Adam(trainable(model))
    train(model, optimizer, loader, 2)
    before = whole_state(model, optimizer, loader)
    inside, tried, refused = threading.Event(), threading.Event(), []

    def waiting(output, target):
        inside.set()
        assert tried.wait(60)
        return loss_fn(output, target)

    def other():
        assert inside.wait(60)
        try:
            lrfind.range_test(model, optimizer, loss_fn, loader, **SHORT)
        except RuntimeError as error:
            refused.append(str(error))
        tried.set()

    thread = threading.Thread(target=other)
    thread.start()
    result = lrfind.range_test(model, optimizer, waiting, loader, **SHORT)
    thread.join()
    assert len(refused) == 1
    assert result.loss.size == 8
    assert whole_state(model, optimizer, loader) == before


def test_what_is_nested_goes_on_working():
    model, optimizer, *rest = valley()
    with preserve_state(model, optimizer), preserve_state(model), preserve_state(optimizer):
        result = lrfind.range_test(model, optimizer, *rest, forward=valley_loss, **SHORT)
        lrfind.verify(model, optimizer, *rest, 0.1, forward=valley_loss, num_iter=4)
        with preserve_state(model, optimizer), swept(optimizer) as sweep:
            for _ in sweep.cycle([1]):
                optimizer.zero_grad()
                loss = model()
                loss.backward()
                optimizer.step()
                with preserve_state(model), torch.no_grad():  # an evaluation, put back at once
                    model.w.zero_()
                sweep.record(loss)
    assert sweep.result().loss.tolist() == result.loss.tolist()


def test_two_optimizers_of_other_weights_are_swept_at_once():
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    with swept(sgd(first)) as one, swept(sgd(second)) as other:
        one.exhausted()
        other.exhausted()
    assert one.stop_reason is other.stop_reason is lrfind.StopReason.EXHAUSTED


def test_several_threads_test_several_models_that_share_what_is_frozen():
    shared = nn.Linear(6, 6).requires_grad_(False)
    alone = []

    def make(seed):
        torch.manual_seed(seed)
        model = nn.Sequential(shared, nn.Linear(6, 3))
        return model, torch.optim.SGD(model[1].parameters(), lr=0.1), loss_fn

    batches = list(make_loader())
    parts = [make(seed) for seed in range(3)]
    before = [whole_state(*each[:2]) for each in parts]
    alone = [lrfind.range_test(*copy.deepcopy(each), batches, **SHORT) for each in parts]
    together = [None] * 3

    def work(number):
        together[number] = lrfind.range_test(*parts[number], batches, **SHORT)

    threads = [threading.Thread(target=work, args=[number]) for number in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for one, other in zip(alone, together, strict=True):
        assert one.loss.tolist() == other.loss.tolist()
    assert [whole_state(*each[:2])[:2] for each in parts] == [each[:2] for each in before]


def test_a_range_test_in_a_thread_restores_everything_where_no_other_draws():
    model, loader = make_model(), make_loader()
    optimizer = torch.optim.Adam(trainable(model))
    before = whole_state(model, optimizer, loader)
    results = []

    def work():
        results.append(lrfind.range_test(model, optimizer, loss_fn, loader, **SHORT))

    assert in_a_thread(work) is None
    assert whole_state(model, optimizer, loader) == before
    assert results == [lrfind.range_test(model, optimizer, loss_fn, loader, **SHORT)]


def test_the_random_state_of_the_beginning_is_put_back_under_a_thread_that_drew():
    model, optimizer, *rest = valley()
    state = torch.get_rng_state()

    def forward(model, batch):
        assert in_a_thread(lambda: torch.rand(1)) is None
        return model()

    lrfind.range_test(model, optimizer, *rest, forward=forward, **SHORT)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_sweep_that_was_never_left_frees_its_optimizer_when_it_is_gone():
    optimizer = sgd(Valley())
    sweep = swept(optimizer)
    sweep.__enter__()
    with pytest.raises(RuntimeError, match="`optimizer`"):
        swept(optimizer).__enter__()
    del sweep
    gc.collect()
    again = swept(optimizer)
    with again:
        again.exhausted()


@pytest.mark.parametrize("thing", [3, nn.LazyLinear(1)])
def test_a_refused_preserve_state_leaves_everything_free(thing):
    model, optimizer, *_ = valley()
    with pytest.raises((TypeError, ValueError)), preserve_state(model, optimizer, thing):
        pass

    def other():
        with preserve_state(model, optimizer):
            pass

    assert in_a_thread(other) is None


def test_one_preserve_state_is_entered_once():
    preserved = preserve_state(Valley())
    with preserved, pytest.raises(RuntimeError, match="entered before"), preserved:
        pass


def test_a_model_is_free_when_the_last_copy_has_arrived_and_no_sooner(monkeypatch):
    # On an accelerator the copies are still on their way when the last has been begun.
    model, raised = Valley(), []
    wait = Snapshot.wait

    def waiting(snapshot):
        raised.append(in_a_thread(lambda: preserve_state(model).__enter__()))
        wait(snapshot)

    monkeypatch.setattr(Snapshot, "wait", waiting)
    with preserve_state(model):
        pass
    assert [type(each) for each in raised] == [RuntimeError, RuntimeError]
    monkeypatch.undo()

    def other():
        with preserve_state(model):
            pass

    assert in_a_thread(other) is None
