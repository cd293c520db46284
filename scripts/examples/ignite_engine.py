"""The range test of an ignite engine: `pip install "lrfind[ignite]"`."""

import torch
from ignite.engine import create_supervised_trainer

from lrfind.integrations.ignite import range_test

model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = [(x, x.sum(1, keepdim=True)) for x in torch.randn(8, 16, 3)]
trainer = create_supervised_trainer(model, optimizer, torch.nn.functional.mse_loss)
print(range_test(trainer, optimizer, data, num_iter=100).summary())
