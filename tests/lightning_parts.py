"""What the tests of Lightning train, and all of its state."""

import signal

import torch
from lightning.pytorch import LightningModule, Trainer
from makers import plain
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset


class Module(LightningModule):
    def __init__(self, returns="tensor", lr=0.05):
        super().__init__()
        self.save_hyperparameters()
        self.backbone = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.1))
        self.head, self.calls, self.fails_at, self.fault = nn.Linear(8, 1), 0, None, RuntimeError
        self.seen = []

    def loss_of(self, batch):
        return mse_loss(self.head(torch.tanh(self.backbone(batch[0]))), batch[1])

    def training_step(self, batch, batch_idx):
        self.calls += 1
        if self.calls == self.fails_at:
            raise self.fault("in the step")
        loss = self.loss_of(batch)
        self.log("loss", loss)
        self.seen.append(loss.item())
        if self.hparams.returns == "dict":
            return {"loss": loss, "more": 1}
        return None if self.hparams.returns == "none" and self.calls % 3 == 0 else loss

    def configure_optimizers(self):
        body = {"params": [p for p in self.backbone.parameters() if p.requires_grad], "lr": 0.005}
        optimizer = torch.optim.Adam([body, {"params": self.head.parameters()}], self.hparams.lr)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]


def loader():
    inputs = torch.randn(64, 3)
    data = TensorDataset(inputs, inputs.sum(1, keepdim=True))
    return DataLoader(data, batch_size=8, shuffle=True)


def trainer_of(**options):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    defaults = {"max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False}
    return Trainer(**(quiet | defaults | options))


def optimizer_of(module):
    return module.configure_optimizers()[0][0]


def state_of(trainer, module):
    own = {name: value for name, value in vars(module).items() if name not in ("_trainer",)}
    return (
        plain(module.state_dict()),
        [(p.requires_grad, p.grad is None) for p in module.parameters()],
        [each.training for each in module.modules()],
        sorted(own),
        (module.calls, list(module.seen), module._trainer),
        torch.get_rng_state().tolist(),
        {name: id(value) for name, value in vars(trainer).items() if name != "should_stop"},
        trainer.fit_loop.state_dict(),
        plain(dict(trainer.callback_metrics)),
        (trainer.global_step, trainer.current_epoch, str(trainer.state), trainer.should_stop),
        signal.getsignal(signal.SIGINT),
    )


class Manual(Module):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizer, loss = self.optimizers(), self.loss_of(batch)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss
