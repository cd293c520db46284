"""A range test of a fastai `Learner`; pip install "lrfind[fastai]"."""

import torch
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner

from lrfind.integrations.fastai import range_test

x = torch.randn(512, 8)
data = torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long())
dls = DataLoaders(DataLoader(data, bs=16, shuffle=True), DataLoader(data, bs=16))
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
learn = Learner(dls, model, torch.nn.CrossEntropyLoss())

result = range_test(learn, num_iter=100, apply=True)
print(result.summary())
print("learn.fit(n) will use", learn.lr)
