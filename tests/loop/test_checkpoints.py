"""A sweep that was ended at any step goes on from its checkpoint, and is bit for bit the whole."""

import math
import random
import threading

import numpy as np
import pytest
import torch
from late_readback import LateReadback
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from whole_state import whole_state

import lrfind
from lrfind.loop import checkpoints
from lrfind.loop.checkpoint_file import read_checkpoint, write_checkpoint
from lrfind.state.digest import digest
from lrfind.state.random_state import seed_everything
from lrfind.support.errors import NotPortableError, ResultFileError
from lrfind.sweep import losses as losses_module

STEPS = 24


class Killed(Exception):
    """Ends a sweep in the middle."""


class Noisy(torch.utils.data.Dataset):
    """Draws from each of the global generators, between the draws of dropout."""

    def __init__(self):
        self.x = torch.randn(40, 4)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        drawn = torch.randn(4) + random.random() + np.random.rand()  # noqa: NPY002
        return self.x[index] + 0.1 * drawn, self.x[index].sum(0, keepdim=True)


class Stream(IterableDataset):
    """Differs from epoch to epoch, by what it draws and by a counter of its own."""

    def __init__(self):
        self.epoch = 0

    def __iter__(self):
        self.epoch += 1
        for _ in range(5):
            x = torch.randn(4) * self.epoch
            yield x, x.sum(0, keepdim=True)


class ByEpoch:
    """A sampler that is told the epoch, as `DistributedSampler` is."""

    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        generator = torch.Generator().manual_seed(self.epoch)
        return iter(torch.randperm(40, generator=generator).tolist())

    def __len__(self):
        return 40


class Remembers(nn.Module):
    """Has state that is in no `state_dict`, and new objects of several kinds."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls, self.last, self.seen = nn.GRU(4, 3, batch_first=True), 0, None, {}
        self.out, self.generator = nn.Linear(3, 1), np.random.default_rng(1)

    def forward(self, x):
        self.calls += 1
        hidden = self.last if self.last is not None and self.last.shape[1] == len(x) else None
        states, last = self.inner(x[:, None], hidden)
        self.last = last.detach()
        self.seen[self.calls] = [np.float32(self.calls), (len(x), {"more": np.arange(2)})]
        return self.out(states[:, -1]) + self.generator.normal() * 0.01


def net():
    parts = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 1)
    return nn.Sequential(*parts)


def data(**settings):
    x = torch.randn(40, 4)
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, **settings)


def plain():
    model = net()
    return model, torch.optim.Adam(model.parameters()), mse_loss, data(shuffle=True), {}


def drawing():
    model = net()
    loader = DataLoader(Noisy(), batch_size=8, shuffle=True)
    return model, torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), mse_loss, loader, {}


def workers():
    model = net()
    loader = DataLoader(Noisy(), batch_size=8, shuffle=True, num_workers=2)
    return model, torch.optim.SGD(model.parameters(), 0.1), mse_loss, loader, {}


def persistent():
    model = torch.compile(net(), backend="eager")
    loader = data(shuffle=True, num_workers=1, persistent_workers=True)
    return model, torch.optim.AdamW(model.parameters(), fused=True), mse_loss, loader, {}


def own_generator():
    model = net()
    loader = data(shuffle=True, generator=torch.Generator().manual_seed(3), drop_last=True)
    return model, torch.optim.AdamW(model.parameters(), amsgrad=True), mse_loss, loader, {}


def told_epochs():
    model = net()
    return model, torch.optim.Rprop(model.parameters()), mse_loss, data(sampler=ByEpoch()), {}


def stream():
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), torch.tensor(0.1))
    return model, optimizer, mse_loss, DataLoader(Stream(), batch_size=2), {}


def remembering():
    model = Remembers()
    groups = [{"params": model.inner.parameters(), "lr": 0.1}, {"params": model.out.parameters()}]
    return model, torch.optim.NAdam(groups, lr=0.01), mse_loss, data(shuffle=True), {}


def accumulated():
    model = net()
    optimizers = [torch.optim.Adam(model[:2].parameters()), torch.optim.SGD(model[4].parameters())]
    schedulers = [torch.optim.lr_scheduler.StepLR(each, 3) for each in optimizers]
    options = {"accumulation_steps": 2, "clip_grad": 1.0, "preserve": schedulers}
    return model, optimizers, mse_loss, list(data()), options


def scaled():
    model = net()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120, growth_interval=3)
    options = {"scaler": scaler, "autocast": torch.bfloat16}
    return model, torch.optim.SGD(model.parameters(), 0.1), mse_loss, data(shuffle=True), options


def tasks():
    model = net()

    def forward(model, batch):
        loss = mse_loss(model(batch[0]), batch[1])
        return {"a": loss, "b": loss * random.random()}

    options = {"forward": forward}
    return model, torch.optim.Adagrad(model.parameters()), None, data(shuffle=True), options


def own_step():
    model, loader = net(), data(shuffle=True)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def step(batch):
        def closure():
            optimizer.zero_grad()
            loss = mse_loss(model(batch[0]), batch[1])
            loss.backward()
            return loss

        return optimizer.step(closure)

    return model, optimizer, None, loader, {"step": step}


def an_iterator():
    model = net()
    return model, torch.optim.SGD(model.parameters(), 0.1), mse_loss, iter(list(data()) * 20), {}


MAKERS = [
    plain, drawing, workers, persistent, own_generator, told_epochs, stream, remembering,
    accumulated, scaled, tasks, own_step, an_iterator,
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:`train_loader` is an iterator")


def swept(make, journal=None, *, kill=None, seed=0, **settings):
    """The sweep of a problem that is built anew, with a digest of the model at each step."""
    seed_everything(seed)
    model, optimizer, loss_fn, loader, options = make()
    calls = []

    def metric(model, batch):
        calls.append(1)
        if len(calls) == kill:
            raise Killed
        return float(int(digest(list(model.state_dict().values()))[:12], 16))

    if "step" not in options:
        options |= {"probe": (torch.ones(8, 4), torch.ones(8, 1)), "metric": metric}
    elif kill is not None:
        own = options["step"]

        def step(batch):
            calls.append(1)
            if len(calls) == kill:
                raise Killed
            return own(batch)

        options["step"] = step
    settings = {"num_iter": STEPS, "end_lr": 1.0, "diverge_th": None, **settings}
    return lrfind.range_test(
        model, optimizer, loss_fn, loader, journal=journal, progress=False, **options, **settings
    )


@pytest.mark.parametrize("make", MAKERS)
def test_a_killed_sweep_goes_on_bit_for_bit(make, tmp_path):
    whole, journal = swept(make), tmp_path / "sweep.jsonl"
    checkpoint = journal.with_suffix(".ckpt")
    kills = [(11, 5)] if make in (workers, persistent) else [(2, 1), (11, 5), (23, 7)]
    for kill, every in kills:
        with pytest.raises(Killed):
            swept(make, journal, kill=kill, checkpoint_every=every)
        assert checkpoint.exists()
        before = lrfind.load(journal)
        assert before.lr.size <= kill
        assert swept(make, journal, resume=True) == whole
        assert lrfind.load(journal) == whole
        assert not checkpoint.exists()
    assert whole.lr.size == STEPS


def killed(make, journal, kill=14, **settings):
    with pytest.raises(Killed):
        swept(make, journal, kill=kill, **{"checkpoint_every": 4, **settings})
    return journal.with_suffix(".ckpt")


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "sweep.jsonl"


def test_a_resumed_sweep_restores_all_state_and_goes_on_with_its_checkpoints(journal):
    checkpoint = killed(plain, journal)
    seed_everything(0)
    model, optimizer, loss_fn, loader, _ = plain()
    objects = model, optimizer, loader
    before, sizes = whole_state(*objects), []

    def metric(model, batch):
        sizes.append(checkpoint.stat().st_mtime_ns)
        return float(int(digest(list(model.state_dict().values()))[:12], 16))

    probe = torch.ones(8, 4), torch.ones(8, 1)
    result = lrfind.range_test(
        model, optimizer, loss_fn, loader, num_iter=STEPS, end_lr=1.0, diverge_th=None,
        probe=probe, metric=metric, journal=journal, resume=True, progress=False,
    )  # fmt: skip
    assert whole_state(*objects) == before
    assert result == swept(plain)
    assert len(sizes) == STEPS - 12
    assert len(set(sizes)) == 3  # those after 12, 16 and 20 steps


def test_without_a_checkpoint_there_is_nothing_to_resume(journal):
    with pytest.raises(FileNotFoundError, match=r"`resume`: there is no .*sweep.ckpt"):
        swept(plain, journal, resume=True)
    with pytest.raises(ValueError, match="`checkpoint_every` needs a `journal`"):
        swept(plain, checkpoint_every=2)
    with pytest.raises(ValueError, match="`resume` needs a `journal`"):
        swept(plain, resume=True)
    with pytest.raises(ValueError, match="`layers` cannot be combined"):
        swept(plain, journal, checkpoint_every=2, layers=True)
    with pytest.raises(ValueError, match="`checkpoint_every` must be at least 1"):
        swept(plain, journal, checkpoint_every=0)
    assert not journal.exists()
    journal.with_suffix(".ckpt").write_text("mine")
    with pytest.raises(FileExistsError, match="no checkpoint: name another journal"):
        swept(plain, journal, checkpoint_every=2)
    with pytest.raises(ResultFileError, match="is no checkpoint"):
        swept(plain, journal, resume=True)
    assert journal.with_suffix(".ckpt").read_text() == "mine"


def test_another_sweep_is_not_resumed_and_loses_nothing(journal):
    killed(plain, journal)
    files = {path.name: path.read_bytes() for path in journal.parent.iterdir()}
    for message, settings in [
        ("there num_iter is 24, and here 25", {"num_iter": 25}),
        ("there end_lr is 1.0, and here 2.0", {"end_lr": 2.0}),
        ("there loss_fn is NoneType|there forward is", {"make": tasks}),
        ("there accumulation_steps is 1, and here 2", {"make": accumulated}),
        ("another beginning", {"make": own_generator}),
        ("another beginning: a tensor of shape .* differs", {"seed": 1}),
    ]:
        with pytest.raises(ValueError, match=message):
            swept(**{"make": plain, "journal": journal, "resume": True, **settings})
        assert {path.name: path.read_bytes() for path in journal.parent.iterdir()} == files
    assert swept(plain, journal, resume=True) == swept(plain)


def test_other_ratios_of_the_groups_are_told(journal):
    killed(accumulated, journal, start_lr=[1e-6, 1e-5], end_lr=[1e-1, 1.0])
    with pytest.raises(ResultFileError, match="does not fit: `start_lr` has other ratios here"):
        swept(accumulated, journal, resume=True, start_lr=[2e-6, 1e-5], end_lr=[0.2, 1.0])


@pytest.mark.parametrize("every", [1, 4, 7])
def test_a_loss_that_arrives_late_ends_the_sweep_at_a_checkpoint_too(journal, monkeypatch, every):
    def breaking():
        seed_everything(0)
        model = net()
        losses = iter([1.0] * 9 + [math.nan] + [1.0] * 90)
        loss_fn = lambda output, target: mse_loss(output, target) * next(losses)  # noqa: E731
        return model, torch.optim.SGD(model.parameters(), 0.1), loss_fn, data()

    monkeypatch.setattr(losses_module, "readback_for", lambda *_: LateReadback([6] * 99))
    parts = breaking()
    whole = lrfind.range_test(*parts, num_iter=STEPS, progress=False)
    assert whole.stop_reason is lrfind.StopReason.NON_FINITE
    parts = breaking()
    kept = lrfind.range_test(
        *parts, num_iter=STEPS, progress=False, journal=journal, checkpoint_every=every
    )
    assert kept.loss.tobytes() == whole.loss.tobytes()
    assert kept.stop_reason is whole.stop_reason


def test_a_loader_that_cannot_be_brought_to_the_same_batch_is_told(journal):

    class Buffered(IterableDataset):
        """Shuffles by the global generator, whose draws dropout has moved in the meantime."""

        def __init__(self):
            self.x = torch.randn(40, 4)

        def __iter__(self):
            rest = list(range(40))
            while rest:
                x = self.x[rest.pop(int(torch.randint(len(rest), ())))]
                yield x, x.sum(0, keepdim=True)

    def buffered():
        model = net()
        loader = DataLoader(Buffered(), batch_size=8)
        return model, torch.optim.SGD(model.parameters(), 0.1), mse_loss, loader, {}

    killed(buffered, journal, 15, checkpoint_every=7)
    before = journal.read_bytes()
    with pytest.raises(ValueError, match="`resume`: `train_loader` gives another batch"):
        swept(buffered, journal, resume=True)
    assert journal.read_bytes() == before


def test_state_that_no_file_can_hold_is_told_and_the_sweep_goes_on(journal):
    class Locked(nn.Linear):
        def forward(self, x):
            self.lock = threading.Lock()
            return super().forward(x)

    def locked():
        model = Locked(4, 1)
        return model, torch.optim.SGD(model.parameters(), 0.1), mse_loss, data(), {}

    with pytest.warns(UserWarning, match="`lock` holds a new _thread.lock") as caught:
        result = swept(locked, journal, checkpoint_every=2)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert result == swept(locked) == lrfind.load(journal)


def test_objects_that_another_process_meets_in_another_order_are_told_before_the_sweep(journal):
    class Unordered(nn.Linear):
        def __init__(self):
            super().__init__(4, 1)
            self.parts = {nn.Linear(1, 1), nn.Linear(1, 1)}

    def unordered():
        model = Unordered()
        return model, torch.optim.SGD(model.parameters(), 0.1), mse_loss, data(), {}

    with pytest.raises(NotPortableError, match="a set of Linear objects, whose order differs"):
        swept(unordered, journal, checkpoint_every=2)
    assert not journal.exists()


def test_a_checkpoint_of_other_content_is_damaged(journal):
    checkpoint = killed(plain, journal)
    content = read_checkpoint(checkpoint)
    for name, value in [
        ("settings", 3), ("run", ("tuple", ())), ("run", None), ("state", [("tensor", 99999, ())]),
        ("state", [("system", 0, ())]), ("state", 5), ("fingerprint", 0), ("every", 0),
        ("every", "x"), ("state", [("tensor", 0, ("tuple", (("again", 3),)))]),
    ]:  # fmt: skip
        write_checkpoint(checkpoint, content | {name: value})
        with pytest.raises((ResultFileError, ValueError, TypeError)) as caught:
            swept(plain, journal, resume=True)
        assert len(str(caught.value)) < 300
    write_checkpoint(checkpoint, content)
    assert swept(plain, journal, resume=True) == swept(plain)


def test_a_checkpoint_that_cannot_be_written_is_told_once(journal, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_checkpoint", full)
    with pytest.warns(UserWarning, match="no checkpoint can be written: .*No space left") as caught:
        result = swept(plain, journal, checkpoint_every=2)
    assert len(caught) == 1
    assert result == swept(plain)
