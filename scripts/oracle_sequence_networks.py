"""Networks of the oracle's tasks for sequences and text: recurrent, attending, windowed."""

from __future__ import annotations

import torch
from oracle_networks import Norm, dense, normalisation
from torch import Tensor, nn


class Elman(nn.Module):
    """The plain recurrent cell, h' = tanh(W x + U h + b)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.given, self.kept = nn.Linear(inputs, width), nn.Linear(width, width, bias=False)

    def forward(self, given: Tensor, state: Tensor) -> Tensor:
        """The next state."""
        return torch.tanh(self.given(given) + self.kept(state))


class Gated(nn.Module):
    """The gated recurrent unit (Cho et al. 2014)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.given, self.kept = nn.Linear(inputs, 3 * width), nn.Linear(width, 3 * width)

    def forward(self, given: Tensor, state: Tensor) -> Tensor:
        """The next state."""
        reset, update, new = self.given(given).chunk(3, -1)
        old_reset, old_update, old = self.kept(state).chunk(3, -1)
        proposed = torch.tanh(new + torch.sigmoid(reset + old_reset) * old)
        return proposed + torch.sigmoid(update + old_update) * (state - proposed)


class Recurrent(nn.Module):
    """A cell that reads a sequence, and a linear head on its states.

    Args:
        cell: Makes the cell from the widths of input and state.
        inputs: Features at each place, or symbols if `symbols`.
        width: Of the state.
        outputs: Of the head.
        symbols: Whether the input are symbols.
        everywhere: Whether every state is read, or the last.
    """

    def __init__(
        self,
        cell: type[nn.Module],
        inputs: int,
        width: int,
        outputs: int,
        *,
        symbols: bool = False,
        everywhere: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(inputs, width) if symbols else None
        self.cell = cell(width if symbols else inputs, width)
        self.head = nn.Linear(width, outputs)
        self.width, self.everywhere = width, everywhere

    def forward(self, sequence: Tensor) -> Tensor:
        """Outputs, shape (batch, outputs), or (batch, outputs, length) if everywhere."""
        given = sequence if self.embedding is None else self.embedding(sequence)
        state = given.new_zeros(len(given), self.width)
        states = []
        for place in given.unbind(1):
            state = self.cell(place, state)
            states.append(state)
        if self.everywhere:
            return self.head(torch.stack(states, 1)).mT
        return self.head(state)


class Block(nn.Module):
    """Attention and a fully connected part, each with a norm before it and added to its input."""

    def __init__(self, width: int, heads: int, *, norm: Norm, bias: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(normalisation(norm, width, affine=bias) for _ in range(2))
        self.ask = nn.Linear(width, 3 * width, bias=bias)
        self.merge = nn.Linear(width, width, bias=bias)
        self.think = nn.Sequential(
            nn.Linear(width, 2 * width, bias=bias),
            nn.GELU(),
            nn.Linear(2 * width, width, bias=bias),
        )
        self.heads = heads

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states, shape (batch, length, width); `mask` is added to the scores."""
        asked = self.ask(self.norms[0](hidden)).unflatten(-1, (3, self.heads, -1))
        query, key, value = (part.transpose(1, 2) for part in asked.unbind(2))
        scores = query @ key.mT / query.shape[-1] ** 0.5 + mask
        found = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        hidden = hidden + self.merge(found)
        return hidden + self.think(self.norms[1](hidden))


class Attention(nn.Module):
    """A causal transformer over symbols; logits in the shape of cross-entropy.

    Args:
        symbols: Size of the alphabet.
        length: Of the sequences.
        width: Of the hidden states.
        blocks: Layers.
        heads: Of each layer.
        norm: "layer" or None.
        bias: Without, all parameters are matrices.
    """

    def __init__(
        self,
        symbols: int,
        length: int,
        *,
        width: int = 16,
        blocks: int = 1,
        heads: int = 2,
        norm: Norm = "layer",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.symbols = nn.Embedding(symbols, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, norm=norm, bias=bias) for _ in range(blocks)
        )
        self.norm = normalisation(norm, width, affine=bias)
        self.head = nn.Linear(width, symbols, bias=bias)

    def forward(self, text: Tensor) -> Tensor:
        """Logits, shape (batch, symbols, length)."""
        hidden = self.symbols(text) + self.places
        ahead = torch.full((text.shape[1],) * 2, -1e9, dtype=hidden.dtype).triu(1)
        for block in self.blocks:
            hidden = block(hidden, ahead)
        return self.head(self.norm(hidden)).mT


class Window(nn.Module):
    """The last few symbols, embedded, read by a fully connected network at every place."""

    def __init__(self, symbols: int, *, window: int = 3, width: int = 8, hidden: int = 32) -> None:
        super().__init__()
        self.symbols = nn.Embedding(symbols, width)
        self.read = dense(window * width, hidden, symbols)
        self.window = window

    def forward(self, text: Tensor) -> Tensor:
        """Logits, shape (batch, symbols, length); before the start stands the first symbol."""
        before = text[:, :1].expand(-1, self.window - 1)
        embedded = self.symbols(torch.cat([before, text], 1))
        length = text.shape[1]
        shifted = [embedded[:, k : k + length] for k in range(self.window)]
        flat = torch.cat(shifted, -1).flatten(0, 1)
        return self.read(flat).unflatten(0, (-1, length)).mT
