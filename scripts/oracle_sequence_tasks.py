"""The oracle's families of tasks on sequences and text."""

from __future__ import annotations

from functools import partial

from benchmark_tasks import CLASSES, SQUARES, momentum
from oracle_data_sequences import (
    adding,
    autoregression,
    brackets,
    copying,
    delayed_recall,
    lorenz,
    markov_text,
    parity,
    sines,
    words,
)
from oracle_networks import dense
from oracle_plain_tasks import lamb
from oracle_sequence_networks import Attention, Elman, Gated, Recurrent, Window
from oracle_task import SHORT, OracleTask
from torch.optim import SGD, Adagrad, Adam, AdamW, Muon, NAdam, RMSprop

twelve_letters, reader = partial(words, 1000, 12), partial(Attention, 11, 12)

MEMORY = {
    "adding gru, RMSprop": OracleTask(
        partial(adding, 2000, 12), partial(Recurrent, Gated, 2, 24, 1), RMSprop, SQUARES, 64
    ),
    "parity rnn, NAdam": OracleTask(
        partial(parity, 1200, 12),
        partial(Recurrent, Elman, 2, 24, 2, symbols=True, everywhere=True),
        NAdam,
        CLASSES,
        64,
        SHORT,
    ),
    "delayed recall gru, AdamW": OracleTask(
        partial(delayed_recall, 2000, 12, 6),
        partial(Recurrent, Gated, 6, 24, 6, symbols=True),
        AdamW,
        CLASSES,
        32,
        SHORT,
    ),
    "copying attention, Adam": OracleTask(
        partial(copying, 2000, 5, 8), partial(Attention, 8, 10, blocks=2), Adam, CLASSES, 16, SHORT
    ),
}
FORECASTING = {
    "sines rnn, momentum": OracleTask(
        partial(sines, 1000, 16, 0.1),
        partial(Recurrent, Elman, 1, 32, 1, everywhere=True),
        momentum,
        SQUARES,
        32,
    ),
    "lorenz mlp, Adam": OracleTask(
        partial(lorenz, 2000, 4), partial(dense, 12, 96, 96, 3), Adam, SQUARES, 64
    ),
    "autoregression linear, SGD": OracleTask(
        partial(autoregression, 1000, 8), partial(dense, 8, 1), SGD, SQUARES, 32
    ),
    "lorenz gru, LAMB": OracleTask(
        partial(lorenz, 2000, 6), partial(Recurrent, Gated, 3, 24, 3), lamb, SQUARES, 128
    ),
}
TEXT = {
    "markov attention, AdamW": OracleTask(
        partial(markov_text, 2000, 10, 10),
        partial(Attention, 10, 10, width=32),
        AdamW,
        CLASSES,
        32,
        SHORT,
    ),
    "markov window mlp, Adagrad": OracleTask(
        partial(markov_text, 2000, 10, 10), partial(Window, 10), Adagrad, CLASSES, 16
    ),
    "brackets gru, Adam": OracleTask(
        partial(brackets, 1500, 10),
        partial(Recurrent, Gated, 4, 24, 4, symbols=True, everywhere=True),
        Adam,
        CLASSES,
        32,
    ),
    "words attention, Muon": OracleTask(
        twelve_letters, partial(reader, width=24, bias=False), Muon, CLASSES, 16
    ),
    "words deep attention without norm, momentum": OracleTask(
        twelve_letters, partial(reader, blocks=3, norm=None), momentum, CLASSES, 16, SHORT
    ),
}
