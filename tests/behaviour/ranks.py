"""What two processes under torchrun do; each writes what it saw to OUT/<scenario>.<rank>.json.

torchrun --nproc-per-node 2 ranks.py OUT SCENARIO [SCENARIO ...]
"""

import contextlib
import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from makers import everything, loss_fn, make_model, plain, trainable
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import lrfind

STEPS = 25


class Stop(Exception):
    """Raised on one rank only."""


def data(rank=None):
    """Batches of 8: all of them, or the half of each that a rank sees."""
    rng = torch.Generator().manual_seed(7)
    x, y = torch.randn(10, 8, 6, generator=rng), torch.randint(0, 3, (10, 8), generator=rng)
    half = slice(None) if rank is None else slice(4 * rank, 4 * rank + 4)
    return [(a[half], b[half]) for a, b in zip(x, y, strict=True)]


def network():
    """No batch norm, no dropout: two halves make the whole."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))


def momentum(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def joined(**options):
    """The same sweep in one process on the joined batches."""
    model = network()
    return lrfind.range_test(
        model, momentum(model), loss_fn, data(), num_iter=STEPS, all_ranks=False, **options
    )


def summary(result):
    return {
        "lr": result.lr.tolist(),
        "loss": result.loss.tolist(),
        "probe": result.probe.tolist(),
        "reason": result.stop_reason.name,
        "equal": [repr(result), result.seed, result.state_bytes],
    }


def ddp(rank, **options):
    model = DistributedDataParallel(network())
    optimizer = momentum(model)
    batches = data(rank)
    before = everything(model, optimizer, batches)
    journal = Path(sys.argv[1], f"{rank}.jsonl")
    result = lrfind.range_test(
        model, optimizer, loss_fn, batches, num_iter=STEPS, probe=batches[0], journal=journal,
        **options,
    )  # fmt: skip
    return summary(result) | {
        "kept": journal.exists() and lrfind.load(journal) == result,
        "restored": everything(model, optimizer, batches) == before,
        "joined": joined(probe=data()[0]).loss.tolist(),
        "joined_probe": joined(probe=data()[0]).probe.tolist(),
    }


def controls(rank, build=DistributedDataParallel):
    """The controls of one sweep over both, and of the same in one process."""
    found = []
    for each, model in (rank, build(network())), (None, network()):
        parts = model, momentum(model), loss_fn, data(each)
        ours = {"all_ranks": each is not None}
        result = lrfind.range_test(*parts, num_iter=STEPS, start_lr=1e-3, **ours)
        found.append(lrfind.controls(*parts, result, **ours))
        assert all(parameter.grad is None for parameter in model.parameters())
    losses = [[run.constant.loss.tolist(), run.frozen.tolist()] for run in found]
    return {"here": losses[0], "joined": losses[-1], "words": str(found[0])}


def sharded(model):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    fully_shard(model[0], mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def accumulated(rank):
    model = DistributedDataParallel(network())
    optimizer = momentum(model)
    result = lrfind.range_test(
        model, optimizer, loss_fn, data(rank), num_iter=10, accumulation_steps=2
    )
    alone = network()
    expected = lrfind.range_test(
        alone, momentum(alone), loss_fn, data(), num_iter=10, accumulation_steps=2, all_ranks=False
    )
    return summary(result) | {"joined": expected.loss.tolist()}


def diverging(rank):
    """One rank's loss explodes: both stop, at the step at which their mean diverges."""
    weight = nn.Parameter(torch.ones(1))
    losses = np.concatenate([np.full(12, 2.0), np.linspace(2, 1, 12), np.geomspace(1, 1e6, 40)])
    mine = losses if rank else np.full(64, 1.0)
    with lrfind.Sweep(torch.optim.SGD([weight], lr=0.1), num_iter=64) as sweep:
        for loss in mine:
            if not sweep.record(float(loss)):
                break
    alone = lrfind.Sweep(torch.optim.SGD([weight], lr=0.1), num_iter=64, all_ranks=False)
    with alone:
        for loss in (losses + 1) / 2:
            if not alone.record(float(loss)):
                break
    return summary(sweep.result()) | {
        "made": sweep.steps,
        "joined": alone.result().loss.tolist(),
        "joined_reason": alone.result().stop_reason.name,
    }


def nan_first(rank):
    """A rank whose loss turns NaN at step 9."""
    model = DistributedDataParallel(network())
    optimizer = momentum(model)
    batches = data(rank)
    before = everything(model, optimizer, batches)
    calls = []

    def poisoned(output, target):
        calls.append(1)
        return loss_fn(output, target) * (float("nan") if rank and len(calls) > 9 else 1.0)

    result = lrfind.range_test(model, optimizer, poisoned, batches, num_iter=STEPS, diverge_th=None)
    return summary(result) | {"restored": everything(model, optimizer, batches) == before}


def learnable(batches):
    return [(x, x[:, :3].argmax(1)) for x, _ in batches]


def verified(rank):
    """Trials at three rates, scored on the batches after them; and a budget."""
    model = DistributedDataParallel(network())
    optimizer = momentum(model)
    batches = learnable(data(rank))
    before = everything(model, optimizer, batches)
    trials = {"rates": (0.01, 0.1, 0.5), "num_iter": 8}
    answer = lrfind.verify(model, optimizer, loss_fn, batches, **trials)
    restored = [everything(model, optimizer, batches) == before]
    found = lrfind.find_lr(model, optimizer, loss_fn, batches, budget=120, start_lr=1e-4)
    restored.append(everything(model, optimizer, batches) == before)
    alone = network()
    expected = lrfind.verify(
        alone, momentum(alone), loss_fn, learnable(data()), all_ranks=False, **trials
    )
    return {
        "answer": answer.to_dict(),
        "joined": expected.to_dict(),
        "found": found.to_dict(),
        "restored": restored,
    }


def uneven(rank):
    """The second rank has two batches fewer."""
    model = DistributedDataParallel(network())
    parts = model, momentum(model), loss_fn, learnable(data(rank)[2 * rank :])
    result = lrfind.range_test(*parts, num_iter=STEPS)
    checked = lrfind.verify(*parts, rates=(0.01, 0.1), num_iter=4, total_steps=100)
    found = lrfind.find_lr(*parts, budget=80, start_lr=1e-4, total_steps=100)
    return {
        "epochs": [100 / result.epoch_steps, checked.epochs, found.epochs],
        "answers": [checked.to_dict(), found.to_dict()],
    }


def fsdp(rank):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (2,))
    model = network()
    fully_shard(model[0], mesh=mesh)
    fully_shard(model, mesh=mesh)  # the root holds the parameters of the last layer
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = data(rank)

    def shards():
        values = [
            (p.to_local(), None if p.grad is None else p.grad.to_local())
            for p in model.parameters()
        ]
        state = [
            {
                k: v.to_local() if hasattr(v, "to_local") else v
                for k, v in optimizer.state[p].items()
            }
            for p in optimizer.state
        ]
        return plain([values, state, optimizer.param_groups[0]["lr"]])

    def go_on(steps):
        losses = []
        for x, y in batches[:steps]:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    go_on(3)
    before = shards()
    with lrfind.preserve_state(model, optimizer):
        untested = go_on(5)
    restored_once = shards() == before
    result = lrfind.range_test(model, optimizer, loss_fn, batches, num_iter=STEPS)
    restored = shards() == before

    def failing(model, batch):
        model(batch[0])  # leaves the root's parameters gathered
        raise Stop

    with contextlib.suppress(Stop):
        lrfind.range_test(model, optimizer, None, batches, forward=failing)
    torch.distributed.barrier()
    sharded = all(hasattr(p, "to_local") for p in model.parameters())
    return summary(result) | {
        "restored": [restored_once, restored, shards() == before, sharded],
        "same_training": go_on(5) == untested,
    }


def ends_badly(rank, error):
    """One rank raises in the middle; both have their state back before they die."""
    model = DistributedDataParallel(make_model())
    optimizer = torch.optim.Adam(trainable(model))
    batches = data(rank)
    before = everything(model, optimizer, batches)
    calls = []

    def failing(output, target):
        calls.append(1)
        if rank == 1 and len(calls) == 7:
            if error is KeyboardInterrupt:
                os.kill(os.getpid(), signal.SIGINT)
            else:
                raise error
        return loss_fn(output, target)

    try:
        lrfind.range_test(model, optimizer, failing, batches, num_iter=STEPS)
    except BaseException as caught:
        seen = type(caught).__name__
    else:
        seen = "nothing"
    restored = everything(model, optimizer, batches) == before
    return {"error": seen, "restored": restored, "calls": len(calls)}


SCENARIOS = {
    "ddp": ddp,
    "accumulated": accumulated,
    "diverging": diverging,
    "nan_first": nan_first,
    "fsdp": fsdp,
    "controls": controls,
    "controls_fsdp": lambda rank: controls(rank, sharded),
    "verified": verified,
    "uneven": uneven,
    "raises": lambda rank: ends_badly(rank, Stop),
    "interrupted": lambda rank: ends_badly(rank, KeyboardInterrupt),
}


def main():
    out, *scenarios = sys.argv[1:]
    torch.set_num_threads(1)
    # Without a backend's name, as many scripts do it.
    dist.init_process_group(timeout=timedelta(seconds=60))
    rank = dist.get_rank()
    for name in scenarios:
        seen = SCENARIOS[name](rank)
        Path(out, f"{name}.{rank}.json").write_text(json.dumps(seen))
    # Not destroyed: after a failure on one rank the other waits for what never comes.
    os._exit(0)


if __name__ == "__main__":
    main()
