"""Two ranks train with and without a range test before; started by `test_lightning_ranks.py`."""

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrfind.integrations.lightning import range_test


class Module(LightningModule):
    def __init__(self):
        super().__init__()
        self.net, self.seen = nn.Linear(3, 1), []

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.seen.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(*, tested):
    torch.manual_seed(0)
    inputs, module = torch.randn(64, 3), Module()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, **quiet)
    data = TensorDataset(inputs, inputs.sum(1, keepdim=True))
    loader = DataLoader(data, batch_size=4, shuffle=True)
    result = None
    if tested:
        result = range_test(trainer, module, loader, num_iter=40, end_lr=1.0)
    trainer.fit(module, loader)
    return module.seen, result, trainer.global_rank


if __name__ == "__main__":
    plain, _, _ = train(tested=False)
    tested, result, rank = train(tested=True)
    assert plain == tested
    assert len(tested) == 16
    print(f"rank {rank}: {result.loss.tolist()}", flush=True)
