"""What people take instead of searching a rate: optimizers that need none, trained in full.

Usage: python scripts/oracle_automatic.py [--jobs 2] [--locked]
Needs the extra `bench`. 40 minutes of one core; each task is saved when it is done, and a command
that was stopped goes on with the next. Writes scripts/oracle_automatic.npz, or with `--locked`,
which trains the locked families alone, scripts/oracle_automatic_locked.npz.

Every optimizer has its documented defaults and a constant rate. A task that is trained with SGD
takes the variant made from SGD where there are two, all others that made from Adam. Data, batches,
initial weights, seeds and horizons are those of the oracle, so that regret is against the best
constant rate of the task's own optimizer; where an optimizer beats it, regret is negative.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from make_oracle import FOLDER, digest, settle
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_regret import cases
from oracle_scores import COLUMNS, FAILURE, Score
from oracle_table import Table, file_of, write
from oracle_task import SEEDS, OracleTask
from pytorch_optimizer import DAdaptAdam, DAdaptSGD, Prodigy
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from tqdm import tqdm

FILE = Path(__file__).with_name("oracle_automatic.npz")
LOCKED_FILE = Path(__file__).with_name("oracle_automatic_locked.npz")
MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]

AUTOMATIC: dict[str, tuple[MakeOptimizer, MakeOptimizer]] = {
    "Prodigy": (Prodigy, Prodigy),
    "D-Adaptation": (DAdaptSGD, DAdaptAdam),
    "schedule-free": (SGDScheduleFree, AdamWScheduleFree),
}
"""For tasks trained with SGD, and for all others."""
RECALIBRATED = 50
"""Training batches that batch norm sees before an averaging optimizer is judged, as it asks."""


def optimizer_for(task: OracleTask, name: str) -> MakeOptimizer:
    """The variant of an automatic optimizer that fits the task's own."""
    with_sgd, with_adam = AUTOMATIC[name]
    return with_sgd if task.optimizer_class in (SGD, SGDScheduleFree) else with_adam


def train(task: OracleTask, seed: int, make: MakeOptimizer) -> np.ndarray:
    """Train from scratch with an optimizer of one's own.

    Returns:
        Validation loss at each horizon, infinite where the training blew up.
    """
    problem = task.build(seed)
    model, optimizer = problem.model, make(problem.model.parameters())
    inputs, targets = task.split()[0]
    positions = task.batch_positions(seed, task.horizons[-1])
    losses = []
    _turn(optimizer, "train")
    for step, batch in enumerate(positions, 1):
        optimizer.zero_grad()
        problem.loss_fn(model(inputs[batch]), targets[batch]).backward()
        optimizer.step()
        if step in task.horizons:
            seen = inputs[positions[:RECALIBRATED]]
            losses.append(validation_loss(task, model, optimizer, seen))
    return np.where(np.isfinite(losses), losses, np.inf)


@torch.no_grad()
def validation_loss(
    task: OracleTask, model: nn.Module, optimizer: Optimizer, seen: Iterable[Tensor]
) -> float:
    """The loss on the validation samples in eval mode; the training goes on as if not asked.

    Args:
        task: The task.
        model: The model in training.
        optimizer: One that averages weights is asked for its average.
        seen: Training batches for the statistics of batch norm at that average.
    """
    _turn(optimizer, "eval")
    judged = deepcopy(model)
    if hasattr(optimizer, "eval"):
        for batch in seen:
            judged(batch)
    judged.eval()
    given, wanted = task.measured()["validation"]
    loss = float(task.loss_fn(judged(given), wanted))
    _turn(optimizer, "train")
    return loss


def _turn(optimizer: Optimizer, mode: str) -> None:
    """Schedule-free optimizers have modes."""
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()


def train_and_save(name: str, folder: Path) -> None:
    """Train a task with every automatic optimizer and seed, unless that is saved already."""
    settle()
    task, path = ORACLE_TASKS[name], file_of(name, folder)
    now = f"{digest(task)} {'; '.join(AUTOMATIC)}"
    if path.exists():
        with np.load(path) as file:
            if str(file["digest"]) == now:
                return
    losses = [[train(task, seed, optimizer_for(task, each)) for seed in SEEDS]
              for each in AUTOMATIC]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write({"losses": np.array(losses, dtype=np.float32), "digest": np.array(now)}, path)


def pack(names: Sequence[str], folder: Path, path: Path) -> None:
    """Put the files of single tasks into one, an array (optimizers, seeds, horizons) each."""
    arrays = {}
    for name in names:
        with np.load(file_of(name, folder)) as file:
            arrays[name] = file["losses"]
    write(arrays, path)


def load(path: Path = FILE) -> dict[str, np.ndarray]:
    """Final validation losses by task, shape (optimizers, seeds, horizons)."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def scores(losses: dict[str, np.ndarray], table: Table) -> list[Score]:
    """The regret of every automatic optimizer, of the median over seeds as in the oracle.

    Args:
        losses: What `load` gives.
        table: The full trainings at the task's own optimizer.
    """
    found = []
    for number, name in enumerate(AUTOMATIC):
        by_column: dict[tuple[str, int], list[float]] = {}
        for case in cases(table, ["constant"]):
            entry = table[case.task]
            of_seeds = losses[case.task][number, :, entry.horizons.index(case.steps)]
            value = np.median(np.minimum(of_seeds, entry.initial[:, 0]))
            initial = np.median(entry.initial[:, 0])
            best = entry.best(case.schedule, case.steps)[1]
            regret = float((value - best) / (initial - best))
            by_column.setdefault((case.schedule, case.steps), []).append(regret)
        means = {c: float(np.mean(by_column[c])) for c in COLUMNS if c in by_column}
        everything = np.concatenate(list(by_column.values()))
        found.append(Score(name, means, float(np.mean(everything > FAILURE)), 0.0, 0.0))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, and pack it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER / "automatic")
    parser.add_argument("--locked", action="store_true")
    arguments = parser.parse_args(argv)
    names = [name for name in ORACLE_TASKS if (FAMILY_OF[name] in LOCKED) is arguments.locked]
    work = Parallel(arguments.jobs, return_as="generator_unordered")(
        delayed(train_and_save)(name, arguments.folder) for name in names
    )
    for _ in tqdm(work, total=len(names)):
        pass
    pack(names, arguments.folder, LOCKED_FILE if arguments.locked else FILE)


if __name__ == "__main__":
    main()
