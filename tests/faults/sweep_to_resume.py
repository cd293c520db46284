"""A sweep that keeps checkpoints, slow enough to be killed in the middle, and goes on from them.

    python sweep_to_resume.py FOLDER SECONDS_PER_STEP

It writes `result.json` when it has ended.
"""

import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import lrfind

STEPS, EVERY = 400, 7


class Counts(nn.Module):
    """Keeps text in a set, whose order is another in each process, and a list that grows."""

    def __init__(self):
        super().__init__()
        self.inner, self.names, self.sizes = nn.Linear(4, 8), {"a", "b", "c"}, []

    def forward(self, x):
        self.names.add(f"batch {len(self.sizes) % 9}")
        self.sizes = [*self.sizes[-5:], len(x)]
        return self.inner(x) + len(self.names) * 1e-3


def main(folder, pause):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = nn.Sequential(Counts(), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1))
    x = torch.randn(50, 4)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126, growth_interval=50)

    def forward(model, batch):
        time.sleep(pause)
        return mse_loss(model(batch[0]), batch[1])

    result = lrfind.range_test(
        model, optimizer, None, loader, forward=forward, scaler=scaler, num_iter=STEPS, end_lr=1.0,
        diverge_th=None, progress=False, journal=folder / "journal.jsonl", checkpoint_every=EVERY,
        resume=(folder / "journal.ckpt").exists(),
    )  # fmt: skip
    result.save(folder / "result.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
