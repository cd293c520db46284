"""A sweep in a loop with Accelerate; pip install "lrfind[accelerate]"."""

import torch
from accelerate import Accelerator

import lrfind

data = [(x, (x[0] > 0).long()) for x in torch.randn(512, 8)]
loader, model = torch.utils.data.DataLoader(data, 16, shuffle=True), torch.nn.Linear(8, 2)
accelerator = Accelerator(gradient_accumulation_steps=2)
parts = accelerator.prepare(model, torch.optim.AdamW(model.parameters()), loader)
model, optimizer, loader = parts
with lrfind.preserve_state(accelerator, *parts), lrfind.Sweep(optimizer) as sweep:
    for inputs, target in sweep.cycle(loader):
        with accelerator.accumulate(model):
            loss = torch.nn.functional.cross_entropy(model(inputs), target)
            accelerator.backward(loss)
            optimizer.step(), optimizer.zero_grad(), sweep.record(loss)
print(sweep.result().summary())
