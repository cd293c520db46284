"""Models and batches in the shapes of well-known libraries, as small as they come."""

from types import SimpleNamespace

import torch
from torch import nn
from torch.nn.functional import cross_entropy as entropy

X, Y = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
TOKENS = torch.arange(40).reshape(4, 10) % 7


class Graph(nn.Module):
    """The arguments of a graph net of torch_geometric."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x, edge_index, batch):
        return self.layer(x).new_zeros(2, 3).index_add(0, batch, self.layer(x[edge_index[0]]))


class OnGraphs(Graph):
    def forward(self, data):
        return super().forward(data.x, data.edge_index, data.batch)


GRAPHS = SimpleNamespace(
    x=X, edge_index=torch.arange(16).reshape(2, 8) % 8, batch=torch.arange(8) // 4, y=Y[:2]
)


class Own(nn.Module):
    """A language model that returns a loss beside its logits, like nanoGPT."""

    def __init__(self, pick=lambda logits, loss: (logits, loss)):
        super().__init__()
        self.embedding, self.head, self.pick = nn.Embedding(7, 4), nn.Linear(4, 7), pick

    def forward(self, idx, targets=None):
        logits = self.head(self.embedding(idx))
        loss = None if targets is None else entropy(logits.flatten(0, 1), targets.flatten())
        return self.pick(logits if loss is not None else logits[:, [-1]], loss)


class ByName(nn.Module):
    """A model of Hugging Face: it takes labels by name and then has a loss."""

    def __init__(self, generates=False):
        super().__init__()
        self.embedding, self.head = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.can_generate = lambda: generates

    def forward(self, input_ids, attention_mask=None, labels=None):
        logits = self.head(self.embedding(input_ids))
        logits = logits if self.can_generate() else logits.mean(1)
        if labels is None:
            return Output(logits=logits)
        return Output(loss=entropy(logits.reshape(-1, 7), labels.flatten()), logits=logits)


class Output(dict):
    """A dictionary whose entries are attributes too; without a loss, its loss is None."""

    def __getattr__(self, name):
        return self.get(name)


class Lightning(nn.Module):
    """A LightningModule that needs no trainer, and has no `forward`."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def training_step(self, batch, batch_idx):
        return entropy(self.layer(batch[0]), batch[1])


class Variational(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(4, 4), nn.Linear(2, 4)

    def forward(self, x):
        mean, spread = self.encode(x).chunk(2, dim=1)
        return self.decode(mean), mean, spread


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, x, t):
        return self.layer(torch.cat([x, t], dim=1))
