"""Sequences and text of the oracle's tasks, all generated from a fixed seed."""

from __future__ import annotations

import torch
from benchmark_tasks import Data
from oracle_data_tables import generator, standard
from torch import Tensor


def _distinct(text: Tensor, *, targets: int = 1) -> Tensor:
    """Sequences without those whose symbols, but for the last `targets`, have come before."""
    rows = text.unique(dim=0)
    inputs = rows[:, : rows.shape[1] - targets]
    new = (inputs[1:] != inputs[:-1]).any(1)
    return torch.cat([rows[:1], rows[1:][new]])


def adding(size: int, length: int) -> Data:
    """The adding problem (Hochreiter & Schmidhuber 1997): sum of the two marked of the numbers."""
    draw = generator()
    values, marks = torch.rand(size, length, generator=draw), torch.zeros(size, length)
    marks.scatter_(1, torch.rand(size, length, generator=draw).topk(2).indices, 1.0)
    sums = (values * marks).sum(1, keepdim=True)
    return torch.stack([values, marks], 2), (sums - 1) * 2.4


def parity(size: int, length: int) -> Data:
    """Whether the number of ones so far is odd, at every place of a random row of bits."""
    bits = _distinct(torch.randint(2, (size, length), generator=generator()), targets=0)
    return bits, bits.cumsum(1) % 2


def delayed_recall(size: int, length: int, symbols: int) -> Data:
    """Which symbol came first; the rest of the sequence is noise."""
    text = _distinct(torch.randint(symbols, (size, length), generator=generator()), targets=0)
    return text, text[:, 0]


def copying(size: int, length: int, symbols: int) -> Data:
    """Symbols, a separator, and the symbols again; the next symbol is the target."""
    text = torch.randint(1, symbols, (size, length), generator=generator())
    text = _distinct(text, targets=0)
    whole = torch.cat([text, torch.zeros(len(text), 1, dtype=torch.long), text], 1)
    return whole[:, :-1], whole[:, 1:]


def sines(size: int, length: int, noise: float) -> Data:
    """Noisy sines of random frequency and phase; the next value is the target."""
    draw = generator()
    frequency, phase = (
        0.2 + torch.rand(size, 1, generator=draw),
        torch.rand(size, 1, generator=draw),
    )
    curve = torch.sin(frequency * torch.arange(length + 1.0) + 6.28 * phase)
    curve = curve + noise * torch.randn(curve.shape, generator=draw)
    return curve[:, :-1].unsqueeze(2), curve[:, 1:].unsqueeze(1)


def _lorenz(steps: int) -> Tensor:
    """The Lorenz system (1963), every fifth of small Runge-Kutta steps, standardised."""

    def slope(point: Tensor) -> Tensor:
        x, y, z = point
        return torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    point, way, small = torch.tensor([1.0, 1.0, 20.0]).double(), [], 0.02
    for _ in range(5 * steps):
        first = slope(point)
        second = slope(point + small / 2 * first)
        third = slope(point + small / 2 * second)
        fourth = slope(point + small * third)
        point = point + small / 6 * (first + 2 * second + 2 * third + fourth)
        way.append(point)
    return standard(torch.stack(way)[::5]).float()


def lorenz(size: int, window: int) -> Data:
    """A window of the Lorenz system; the point that follows is the target."""
    way = _lorenz(size + window)
    windows = way.unfold(0, window, 1)[:size].mT
    return windows.contiguous(), way[window : window + size]


def autoregression(size: int, window: int) -> Data:
    """A window of a process of second order with noise; the next value is the target."""
    noise = torch.randn(size + window + 100, generator=generator()).tolist()
    values = [0.0, 0.0]
    for each in noise:
        values.append(1.6 * values[-1] - 0.8 * values[-2] + each)
    series = standard(torch.tensor(values[102:]))
    windows = series.unfold(0, window + 1, 1)[:size]
    return windows[:, :-1].contiguous(), windows[:, -1:].contiguous()


def markov_text(size: int, length: int, symbols: int, *, strange: float = 0.0) -> Data:
    """Text in which every symbol is drawn by the two before it; the next symbol is the target.

    Args:
        size: Sequences.
        length: Symbols read of each.
        symbols: Size of the alphabet.
        strange: How far the chances differ from those of the same text without it.
    """
    draw = generator()
    logits = 2.5 * torch.randn(symbols, symbols, symbols, generator=draw)
    logits = logits + strange * torch.randn(logits.shape, generator=draw)
    text = torch.randint(symbols, (size, 2), generator=draw)
    for _ in range(length - 1):
        chances = logits[text[:, -2], text[:, -1]].softmax(-1)
        text = torch.cat([text, torch.multinomial(chances, 1, generator=draw)], 1)
    text = _distinct(text)
    return text[:, :-1], text[:, 1:]


def brackets(size: int, length: int) -> Data:
    """Balanced brackets of two kinds, cut off at a length; the next symbol is the target."""
    draw = generator()
    drawn = torch.rand(size, length + 1, 2, generator=draw).tolist()
    texts = []
    for row in drawn:
        open_, text = [], []
        for closes, kind in row:
            if open_ and (closes < 0.5 or len(open_) == 4):
                text.append(open_.pop() + 2)
            else:
                open_.append(int(kind < 0.5))
                text.append(open_[-1])
        texts.append(text)
    text = _distinct(torch.tensor(texts))
    return text[:, :-1], text[:, 1:]


def words(size: int, length: int) -> Data:
    """Twenty made-up words of three to six of ten letters, in random order with spaces between."""
    draw = generator()
    lengths = torch.randint(3, 7, (20,), generator=draw).tolist()
    made = [torch.randint(1, 11, (n,), generator=draw).tolist() for n in lengths]
    order = torch.randint(20, (size, length // 4 + 2), generator=draw).tolist()
    texts = [[letter for word in row for letter in [*made[word], 0]] for row in order]
    starts = torch.randint(4, (size,), generator=draw).tolist()
    cut = [row[a : a + length + 1] for row, a in zip(texts, starts, strict=True)]
    text = _distinct(torch.tensor(cut))
    return text[:, :-1], text[:, 1:]
