"""Every test starts from the same random state, on one thread, and leaves no figure open."""

import os

# The models are tiny: two threads would only wait for each other. Read when NumPy and torch are
# imported, here and in every process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"
# What torch asks for where a GPU is to give the same bits every time.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import random
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import settings

matplotlib.use("agg")
# No deadline: these machines are shared. Derandomised: a failure is one for everybody.
settings.register_profile("lrfind", deadline=None, derandomize=True)
settings.load_profile("lrfind")


TOGETHER = {
    "tests/behaviour/test_cluster.py": "processes",
    "tests/behaviour/test_one_rate.py": "one rate",
    "tests/behaviour/test_package.py": "package",
    "tests/behaviour/test_ranks.py": "processes",
    "tests/behaviour/test_task_ranks.py": "processes",
    "tests/behaviour/test_lightning_ranks.py": "processes",
    "tests/repeats/test_workers.py": "processes",
    "tests/faults/test_full_disk.py": "forks",
    "tests/faults/test_killed.py": "forks",
    "tests/integrations/test_fastai.py": "fastai",
    "tests/integrations/test_transformers.py": "transformers",
    "tests/reports/test_page.py": "page",
    "tests/behaviour/test_two_tasks.py": "two tasks",
    "tests/result/test_trackers.py": "trackers",
    "tests/scripts/test_experiment_lamb.py": "LAMB",
}
"""Files whose tests one worker runs, one after another: they start several processes each, or
share what took long to make or to import."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadscope`, a scope is one of these, and otherwise a single test.

    The mark `xdist_group` would say the same, but xdist 3.8 loses it under pytest 9.
    """
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER.get(nodeid.partition("::")[0], nodeid)

    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that need a GPU are skipped without one.

    Slow tests come first where workers share them out: in the end only short ones are left.
    """
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu") is not None:
                item.add_marker(pytest.mark.skip(reason="needs a GPU"))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


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
