"""Whatever interrupts the restoration, and wherever: it is made to the end, and then told."""

import ctypes
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from makers import Stateful, Trained, loss_fn, make_loader, make_model, train, trainable
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks as optimizer_hooks
from whole_state import whole_state

import lrfind
from lrfind.state import undo
from lrfind.state.in_use import Claim
from lrfind.sweep.recorder import Recorder


class Fault(Exception):
    """Raised on purpose."""


class Stop(BaseException):
    """The same, of the kind that `except Exception` lets pass."""


class TakesApart(Stateful):
    """Leaves nothing of the state that it loads, as some schedulers do in the middle of it."""

    def load_state_dict(self, state):
        value = state.pop("value")
        self.value.clear()
        self.value.extend(value)


class Rich(Trained):
    """A bit of everything that is restored, trained for some steps."""

    def __init__(self):
        super().__init__()
        self.own = TakesApart()
        self.generators = [random.Random(1), np.random.default_rng(1), torch.Generator()]
        self.arrays = [np.arange(3.0), {"set": {1, 2}}, bytearray(b"abc")]
        self.seen = []
        self.model[0].register_forward_hook(lambda *_: self.seen.append(1))
        self.objects = [
            self.loader, self.model, *self.optimizers, *self.schedulers, self.scaler, self.own,
            *self.generators, *self.arrays,
        ]  # fmt: skip
        self.change()

    def change(self):
        """A step of training, and more."""
        x, y = next(iter(self.loader))
        for each in self.optimizers:
            each.zero_grad()
        self.scaler.scale(loss_fn(self.model(x), y)).backward()
        for each in self.optimizers:
            self.scaler.step(each)
        self.scaler.update()
        self.schedulers[0].step()
        self.schedulers[1].step(1.0)
        self.own.value.append(2)
        for draw in (self.generators[0].random, self.generators[1].random, random.random):
            draw()
        torch.randn(2, generator=self.generators[2])
        self.arrays[0] += 1
        self.arrays[1]["set"].add(len(self.arrays[1]["set"]) + 5)
        self.arrays[2].append(1)
        for module in self.model:
            module.train(not module.training)
        self.model[1].weight.grad = None
        self.model[0].register_forward_pre_hook(lambda *_: None)
        self.model[7].bias.requires_grad_(False)
        self.model[1].register_buffer("late", torch.ones(1))

    def state(self):
        return whole_state(*self.objects)


def raising_at(number, error, there):
    """A function for `sys.settrace`, which raises at that of the lines of some files; the lines."""
    lines = []

    def trace(frame, event, _):
        if frame.f_code.co_filename not in there:
            return None
        if event == "line":
            lines.append((Path(frame.f_code.co_filename).name, frame.f_lineno))
            if len(lines) == number:
                raise error
        return trace

    return trace, lines


ROOM = Path(undo.__file__).parent
UNDOING = {str(path) for path in ROOM.glob("*.py")} - {str(ROOM / "preserve.py")}
"""Where a single `with preserve_state` bears an exception at any line.

Not where Python enters its `__exit__`, before any code of it has run.
"""


def restored_with(rich, number, error):
    """Change everything and restore it, with an exception at one of the lines that do so."""
    trace, lines = raising_at(number, error, UNDOING)
    preserved = lrfind.preserve_state(*rich.objects)
    before = sys.gettrace()
    try:
        with preserved:
            rich.change()
            sys.settrace(trace)
    finally:
        sys.settrace(before)
    return lines


POP = next(
    number
    for number, line in enumerate(Path(undo.__file__).read_text().splitlines(), 1)
    if line.strip() == "self._pieces.pop()"
)


def places(lines, count):
    """Numbers of lines: all where a piece has run, so that it runs again; and so many others.

    Among these the first and the last time of each line, the rest evenly spread.
    """
    first, last = {}, {}
    for number, line in enumerate(lines, 1):
        first.setdefault(line, number)
        last[line] = number
    pieces = [number for number, line in enumerate(lines, 1) if line == ("undo.py", POP)]
    spread = np.linspace(1, len(lines), count).round().astype(int).tolist()
    return sorted({*pieces, *first.values(), *last.values(), *spread})


def test_an_exception_at_any_line_of_the_restoration_meets_all_of_it_done(cases):
    rich = Rich()
    before = rich.state()
    lines = restored_with(rich, None, None)
    assert rich.state() == before
    assert {"undo.py", "restore.py", "snapshot.py", "in_use.py"} <= {name for name, _ in lines}
    kinds = itertools.cycle([Fault, Stop, Fault])
    for number in places(lines, cases(0)):
        error = next(kinds)(number)
        with pytest.raises(type(error)) as caught:
            restored_with(rich, number, error)
        assert caught.value is error
        assert rich.state() == before, lines[number - 1]
    lrfind.range_test(rich.model, rich.optimizers, loss_fn, rich.loader, num_iter=2)
    assert rich.state() == before


def test_an_exception_at_any_line_that_leaves_a_range_test_meets_it_restored():
    training = Training()

    def left_with(number, error):
        trace, lines = raising_at(number, error, {str(ROOM / "preserve.py")})
        before = sys.gettrace()

        def last(batch):
            sys.settrace(trace)

        arguments = training.model, training.optimizer, None, training.loader
        try:
            lrfind.range_test(*arguments, step=last)
        finally:
            sys.settrace(before)
        return lines

    def ending():
        number = 0
        while True:
            number += 1
            try:
                left_with(number, Fault(number))
            except Fault:
                yield number
            except TypeError:  # there is no loss, as there is none without the fault
                return

    numbers = []
    for number in ending():
        numbers.append(number)
        assert training.state() == training.before
        training.test()
    assert len(numbers) > 2


def test_a_piece_that_fails_each_time_is_told_and_the_others_are_restored():
    class Broken(Stateful):
        tried = 0

        def load_state_dict(self, state):
            self.tried += 1
            raise Fault(self.tried)

    rich, broken = Rich(), Broken()
    before = rich.state()
    with pytest.raises(Fault, match="1"), lrfind.preserve_state(*rich.objects, broken):
        rich.change()
    assert rich.state() == before
    assert broken.tried == undo.TRIES


def test_a_state_is_whole_when_it_is_loaded_again():
    class FailsOnce(Stateful):
        failed = False

        def load_state_dict(self, state):
            value = state.pop("value")
            if not self.failed:
                self.failed = True
                raise Fault
            self.value = value

    own = FailsOnce()
    with pytest.raises(Fault), lrfind.preserve_state(own):
        own.value = []
    assert own.value == [1]


dropped_by_python = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""What comes in a finalizer or a callback of the garbage collector is dropped, and told by pytest.

Neither is of the package: the callback is Hypothesis's.
"""
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGCHLD")
    if hasattr(signal, name)
]


@pytest.fixture
def handlers():
    """Raises a `TimeoutError` at each signal, and sets the handlers again afterwards."""

    def handler(number, frame):
        raise TimeoutError(number)

    before = {number: signal.signal(number, handler) for number in SIGNALS}
    yield handler
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, each in before.items():
        signal.signal(number, each)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_restoring_is_held_and_its_handler_called_afterwards(number, handlers):
    class Signalling(Stateful):
        def load_state_dict(self, state):
            os.kill(os.getpid(), number)
            super().load_state_dict(state)

    rich, own = Rich(), Signalling()
    before = rich.state()
    preserved = lrfind.preserve_state(*rich.objects, own)
    with pytest.raises(TimeoutError, match=str(int(number))), preserved:
        rich.change()
        own.value = []
    assert rich.state() == before
    assert own.value == [1]
    assert all(signal.getsignal(each) is handlers for each in SIGNALS)


def test_each_of_several_held_signals_calls_its_handler(handlers):
    called = []

    def noting(number, frame):
        called.append(number)
        raise TimeoutError(number)

    class Signalling(Stateful):
        def load_state_dict(self, state):
            for number in SIGNALS:
                os.kill(os.getpid(), number)

    for number in SIGNALS:
        signal.signal(number, noting)
    with pytest.raises(TimeoutError), lrfind.preserve_state(Signalling()):
        pass
    assert sorted(called) == sorted(SIGNALS)
    assert all(signal.getsignal(each) is noting for each in SIGNALS)


def test_a_handler_that_is_set_while_restoring_stays(handlers):
    def another(number, frame):
        pass

    class Setting(Stateful):
        def load_state_dict(self, state):
            signal.signal(signal.SIGUSR1, another)

    with lrfind.preserve_state(Setting()):
        pass
    assert signal.getsignal(signal.SIGUSR1) is another


class Training:
    """The arguments of a range test of a dozen steps, and what they were."""

    def __init__(self):
        self.model, self.loader = make_model(), make_loader()
        self.optimizer = torch.optim.Adam(trainable(self.model))
        train(self.model, self.optimizer, self.loader, 2)
        self.before = self.state()

    def state(self):
        return whole_state(self.model, self.optimizer, self.loader)

    def test(self):
        return lrfind.range_test(
            self.model, self.optimizer, loss_fn, self.loader, num_iter=12, progress=False
        )

    def seconds(self):
        self.test()
        start = time.perf_counter()
        self.test()
        return time.perf_counter() - start


ENTERING = {
    str(ROOM.parent / path)
    for path in (
        "layers/recorder.py", "state/in_use.py", "state/preserve.py", "sweep/journal.py",
        "sweep/recorder.py", "sweep/step_watch.py", "sweep/sweep.py", "sweep/taken.py",
    )
}  # fmt: skip


def own_sweep(training, journal):
    """Enter a sweep, traced, and leave it."""
    sweep = lrfind.Sweep(training.optimizer, layers=training.model, journal=journal)
    sweep.__enter__()
    sys.settrace(None)
    sweep.leave()


def range_test(training, journal):
    """A range test of two steps, traced up to the first loss."""

    def first_loss(output, target):
        sys.settrace(None)
        return loss_fn(output, target)

    lrfind.range_test(
        training.model, training.optimizer, first_loss, training.loader,
        num_iter=2, progress=False, layers=True, journal=journal,
    )  # fmt: skip


@dropped_by_python
def test_a_signal_at_any_moment_of_a_range_test_finds_everything_restored(handlers, cases):
    training, draw = Training(), np.random.default_rng(0)
    seconds, met, count = training.seconds(), 0, cases(40)
    for _ in range(count):
        try:
            signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.01, 1) * seconds)
            training.test()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeoutError:
            met += 1
            # Whoever asks does so where the exception is met, and may test again.
            assert training.state() == training.before
            assert training.test().lr.size == 12
        assert training.state() == training.before
    assert met > count // 4
    assert all(signal.getsignal(each) is handlers for each in SIGNALS)


@dropped_by_python
def test_an_exception_set_in_a_thread_at_any_moment_finds_everything_restored(cases):
    training, draw = Training(), np.random.default_rng(0)
    seconds, count, met, wrong = training.seconds(), cases(40), [], []

    def work(number):
        try:
            try:
                training.test()
            except Fault:
                met.append(number)
            if training.state() != training.before:
                wrong.append(number)
        except Fault:  # it came when the test was over
            pass

    for number in range(count):
        thread = threading.Thread(target=work, args=[number])
        thread.start()
        time.sleep(draw.uniform(0.01, 1) * seconds)
        asked = ctypes.c_ulong(thread.ident), ctypes.py_object(Fault)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(*asked)
        thread.join()
    assert not wrong
    assert len(met) > count // 4
    assert training.state() == training.before
    training.test()  # and nobody is left who has the model


def test_exit_in_a_handler_is_met_with_everything_restored(handlers):
    def leave(number, frame):
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    training, seen = Training(), []

    def killed(output, target):
        seen.append(1)
        if len(seen) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss_fn(output, target)

    with pytest.raises(SystemExit) as caught:
        lrfind.range_test(training.model, training.optimizer, killed, training.loader)
    assert caught.value.code == 143
    assert training.state() == training.before


@pytest.mark.slow
def test_a_process_without_a_handler_ends_by_the_signal():
    program = """
import os, signal, torch, lrfind
model = torch.nn.Linear(1, 1)
def step(batch):
    os.kill(os.getpid(), signal.SIGTERM)
lrfind.range_test(model, torch.optim.SGD(model.parameters()), None, [1], step=step)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert run.returncode == -signal.SIGTERM
    assert run.stderr == b""


def test_the_modes_of_torch_that_an_interrupted_step_leaves_are_restored():
    training = Training()

    def failing(output, target):
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_autocast_enabled("cpu", True)
        torch.set_autocast_dtype("cpu", torch.float16)
        training.model.eval()
        raise Fault

    with pytest.raises(Fault):
        lrfind.range_test(training.model, training.optimizer, failing, training.loader)
    assert training.state() == training.before


@pytest.mark.parametrize("run", [own_sweep, range_test])
def test_an_exception_at_any_line_that_enters_a_sweep_leaves_its_optimizer_to_others(
    run, tmp_path, cases
):
    training, hooks = Training(), len(optimizer_hooks)
    arguments = training, tmp_path / "journal.jsonl"

    def entered_with(number, error):
        trace, lines = raising_at(number, error, ENTERING)
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            run(*arguments)
        finally:
            sys.settrace(before)
        return lines

    entered_with(None, None)  # once before, since the first time more lines may be run
    lines = entered_with(None, None)
    assert {"in_use.py", "journal.py", "recorder.py", "sweep.py"} <= {name for name, _ in lines}
    for number in places(lines, cases(0)):
        with pytest.raises(Fault) as caught:
            entered_with(number, Fault(number))
        # The frames of the run still live: what it has, no other can have.
        assert caught.tb
        Claim([training.optimizer], swept=True).check()
        assert training.state() == training.before
        assert len(optimizer_hooks) == hooks


def test_a_sweep_of_its_own_gives_its_rates_back_when_a_signal_comes_on_leaving(handlers):
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    sweep, lines = lrfind.Sweep(optimizer), []
    code = Recorder.__exit__.__code__

    def trace(frame, event, _):
        if frame.f_code is code and event == "line" and not lines:
            lines.append(1)
            os.kill(os.getpid(), signal.SIGTERM)
        return trace

    before = sys.gettrace()
    try:
        with pytest.raises(TimeoutError), sweep:
            sys.settrace(trace)
    finally:
        sys.settrace(before)
    assert lines
    assert optimizer.param_groups[0]["lr"] == 0.5
    with lrfind.Sweep(optimizer) as sweep:  # nobody has it any more
        sweep.exhausted()
