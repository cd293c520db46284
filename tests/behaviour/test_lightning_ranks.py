"""The range test of a Lightning module over two ranks, by DDP with gloo."""

import numpy as np
import pytest
from makers import TESTS, both, torchrun

pytest.importorskip("lightning")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("ranks")
    done = torchrun(TESTS / "behaviour" / "lightning_ranks.py", made, cwd=made)
    assert done.returncode == 0, done.stderr
    return made


def test_the_sweep_is_that_of_one_process_on_the_joined_batches(folder):
    first, second = both(folder, "swept")
    assert first == second
    joined = first["joined"]
    assert len(first["loss"]) == 40
    assert (first["lr"], first["epoch_steps"]) == (joined["lr"], joined["epoch_steps"])
    np.testing.assert_allclose(first["loss"], joined["loss"], rtol=1e-5)


def test_short_trainings_are_those_of_one_process_on_the_joined_batches(folder):
    first, second = both(folder, "verified")
    assert first[0] == second[0]
    np.testing.assert_allclose(first[0], first[1], rtol=1e-5)
    assert np.shape(first[0]) == (2, 20)


def test_the_training_goes_on_as_without(folder):
    for plain, tested in both(folder, "trained"):
        assert len(plain) == 16
        assert plain == tested
