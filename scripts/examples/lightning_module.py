"""The range test of a Lightning module: `pip install "lrfind[lightning]"`."""

from lightning.pytorch import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from torch.utils.data import DataLoader

from lrfind.integrations.lightning import range_test

module = BoringModel()
trainer = Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False)
loader = DataLoader(module.train_dataloader().dataset, batch_size=8)
print(range_test(trainer, module, loader, num_iter=100).summary())
