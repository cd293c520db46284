"""Seeds and figures: every test starts from the same random state and leaves no figure open."""

import random
from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import settings

matplotlib.use("agg")
# No deadline: these machines are shared. Derandomised: a failure is one for everybody.
settings.register_profile("lrfind", deadline=None, derandomize=True)
settings.load_profile("lrfind")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _figures_closed() -> Iterator[None]:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # The models are tiny: two threads only wait for each other.
    torch.set_num_threads(1)
