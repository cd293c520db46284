"""The range test of a Lightning module over two ranks, by DDP with gloo."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lightning")


@pytest.mark.slow
def test_two_ranks_record_the_same_mean_losses_and_train_on_as_without():
    script = str(Path(__file__).with_name("lightning_ranks.py"))
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    made = subprocess.run([sys.executable, *run], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    # The lines of two processes may run into one another.
    told = dict(re.findall(r"rank (\d): ([^r\n]+)", made.stdout))
    assert set(told) == {"0", "1"}
    assert told["0"] == told["1"]
    assert len(told["0"].split(",")) == 40
