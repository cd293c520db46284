"""What two processes under torchrun do with losses of several tasks; see ranks.py.

torchrun --nproc-per-node 2 task_ranks.py OUT SCENARIO [SCENARIO ...]
"""

import json
import math
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from makers import everything
from ranks import data, momentum, network
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import lrfind
from lrfind import MultiTaskLoss

NAMES = ["rul", "health"]
NAN = math.nan
# Of each step (rul, health) on both ranks; None is absent, and NaN is skipped.
STEPS = [
    ((1000.0, 1.0), (3000.0, 2.0)),
    ((500.0, None), (700.0, 4.0)),
    ((800.0, None), (900.0, None)),
    ((400.0, 3.0), (NAN, 5.0)),
    ((NAN, 3.0), (NAN, 1.0)),
    ((100.0, 0.5), (300.0, 0.1)),
]


def given(pair):
    return {n: torch.tensor(x) for n, x in zip(NAMES, pair, strict=True) if x is not None}


def averages(rank, compiled=False):
    """The averages after each step."""
    criterion = MultiTaskLoss(NAMES, beta=0.9, non_finite="skip")
    call = torch.compile(criterion, backend="aot_eager", fullgraph=True) if compiled else criterion
    seen = []
    for step in STEPS:
        total = call(given(step[rank])).item()
        seen.append([criterion.normalizer.value.tolist(), criterion.normalizer.steps.tolist()])
        alone = MultiTaskLoss(NAMES, all_ranks=False)
        if rank:  # one rank alone may look, or train by itself, without waiting for the other
            criterion.eval()(given(step[rank]))
            alone(given(step[rank]))
        criterion.train()
    return {"seen": seen, "total": total}


def refusing(rank):
    """A loss that is NaN on the second rank is refused on both."""
    criterion = MultiTaskLoss(NAMES, non_finite="refuse")
    criterion(given((1.0, 1.0)))
    try:
        criterion(given((NAN if rank else 1.0, 1.0)))
    except ValueError as error:
        return {"error": str(error), "steps": criterion.normalizer.steps.tolist()}
    return {}


def two_losses(output, target):
    return {
        "rul": 1000 * nn.functional.cross_entropy(output, target),
        "health": output.pow(2).mean() + 1,
    }


def sweep(rank):
    """The same sweep over two ranks and over one on the joined batches."""
    model = DistributedDataParallel(network())
    optimizer, batches = momentum(model), data(rank)
    criterion = MultiTaskLoss(NAMES)
    before = everything(model, optimizer, batches)
    result = lrfind.range_test(model, optimizer, two_losses, batches, total=criterion, num_iter=20)
    alone = network()
    joined = lrfind.range_test(
        alone, momentum(alone), two_losses, data(), num_iter=20, all_ranks=False,
        total=MultiTaskLoss(NAMES, all_ranks=False),
    )  # fmt: skip
    return {
        "tasks": {name: each.tolist() for name, each in result.tasks.items()},
        "joined": {name: each.tolist() for name, each in joined.tasks.items()},
        "restored": everything(model, optimizer, batches) == before
        and criterion.normalizer.steps.tolist() == [0, 0],
    }


def unlike(rank):
    """Own loops whose ranks have unlike tasks, at unlike steps."""
    with lrfind.Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0), num_iter=4) as own:
        for k in range(4):
            tasks = {"mine" if rank else "yours": float(k), "both": torch.tensor(k + 10.0 * rank)}
            if k == 2:
                tasks = {"both": 2.0} if rank else {}
            own.record(1.0, tasks=tasks)
    tasks = own.result().tasks
    return {"tasks": {name: [str(x) for x in each.tolist()] for name, each in tasks.items()}}


SCENARIOS = {
    "averages": averages,
    "compiled": lambda rank: averages(rank, compiled=True),
    "refusing": refusing,
    "sweep": sweep,
    "unlike": unlike,
}


def main():
    out, *scenarios = sys.argv[1:]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=timedelta(seconds=60))
    rank = dist.get_rank()
    for name in scenarios:
        Path(out, f"{name}.{rank}.json").write_text(json.dumps(SCENARIOS[name](rank)))
    dist.barrier()
    os._exit(0)


if __name__ == "__main__":
    main()
