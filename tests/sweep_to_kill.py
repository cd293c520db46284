"""A sweep that keeps a journal, slow enough to be killed in the middle.

Each step adds two bytes to the file `made`, for its loss and its probe, before it is recorded.
"""

import os
import time

import torch
from torch.nn.functional import mse_loss

import lrfind
from lrfind.sweep import journal


def main(folder, steps, pause, flush):
    journal.FLUSH_S = flush
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    data = [(x, x.sum(1, keepdim=True)) for x in torch.randn(8, 16, 4)]
    made = os.open(folder / "made", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def forward(model, batch):
        time.sleep(pause)
        os.write(made, b".")
        loss = mse_loss(model(batch[0]), batch[1])
        return {"a": loss, "b": 0.1 * loss}

    result = lrfind.range_test(
        model, torch.optim.Adam(model.parameters()), None, data, forward=forward, probe=data[0],
        num_iter=steps, diverge_th=None, journal=folder / "journal.jsonl", progress=False,
    )  # fmt: skip
    result.save(folder / "result.json")
