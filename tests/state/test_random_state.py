"""Every generator of random numbers comes back."""

import random

import numpy as np
import torch

from lrfind import preserve_state


def draws(generators):
    return [
        random.random(),
        np.random.random(),  # noqa: NPY002
        torch.rand(1).item(),
        generators[0].random(),
        generators[1].random(),
        generators[2].random_sample(),
        torch.rand(1, generator=generators[3]).item(),
    ]


def test_every_random_generator_comes_back():
    generators = [
        random.Random(1),
        np.random.default_rng(1),
        np.random.RandomState(1),
        torch.Generator().manual_seed(1),
    ]
    with preserve_state(*generators):
        first = draws(generators)
    assert draws(generators) == first
