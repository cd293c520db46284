"""Two gloo processes under torchrun: one sweep, one end, and everything put back on both."""

import numpy as np
import pytest
from makers import ROOT, SWEEP_FILES, TESTS, TRIAL_FILES, both, torchrun

pytestmark = pytest.mark.slow

SCRIPT = TESTS / "behaviour" / "ranks.py"


@pytest.fixture(scope="module")
def peaceful(tmp_path_factory):
    """The scenarios that end well, in one start of two processes."""
    folder = tmp_path_factory.mktemp("ranks")
    done = torchrun(
        SCRIPT, folder, "ddp", "accumulated", "diverging", "nan_first", "fsdp",
        "controls", "controls_fsdp", "verified", "uneven",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("scenario", ["ddp", "accumulated", "diverging", "nan_first", "fsdp"])
def test_every_rank_has_the_same_result(peaceful, scenario):
    first, second = both(peaceful, scenario)
    keys = ["lr", "probe", "reason"] + (["equal"] if scenario != "diverging" else [])
    assert [first[key] for key in keys] == [second[key] for key in keys]
    np.testing.assert_array_equal(first["loss"], second["loss"])


@pytest.mark.parametrize("scenario", ["ddp", "accumulated"])
def test_the_result_is_that_of_one_process_on_the_joined_batches(peaceful, scenario):
    first, _ = both(peaceful, scenario)
    np.testing.assert_allclose(first["loss"], first["joined"], rtol=1e-5)
    if scenario == "ddp":
        np.testing.assert_allclose(first["probe"], first["joined_probe"], rtol=1e-5)
        assert len(first["probe"]) == len(first["loss"]) > 20


def test_the_first_rank_keeps_the_journal_and_its_end_has_the_means(peaceful):
    assert [seen["kept"] for seen in both(peaceful, "ddp")] == [True, False]


@pytest.mark.parametrize("scenario", ["controls", "controls_fsdp"])
def test_controls_over_ranks_are_those_of_one_process_on_the_joined_batches(peaceful, scenario):
    first, second = both(peaceful, scenario)
    assert (first["here"], first["words"]) == (second["here"], second["words"])
    np.testing.assert_allclose(first["here"], first["joined"], rtol=1e-5)


def test_both_stop_at_the_step_at_which_their_mean_diverges(peaceful):
    first, second = both(peaceful, "diverging")
    assert first["reason"] == first["joined_reason"] == "DIVERGED"
    assert first["loss"] == pytest.approx(first["joined"])
    assert first["made"] == second["made"] == len(first["loss"]) + 8


def test_a_rank_whose_loss_is_nan_first_ends_the_sweep_on_both(peaceful):
    for seen in both(peaceful, "nan_first"):
        assert seen["reason"] == "NON_FINITE"
        assert len(seen["loss"]) == 10
        assert np.isnan(seen["loss"][9])
        assert seen["restored"]


def test_trials_are_the_same_on_both_and_those_of_one_process_on_the_joined_batches(peaceful):
    first, second = both(peaceful, "verified")
    assert first["answer"] == second["answer"]
    for key in ("lr", "level"):
        assert first["answer"][key] == pytest.approx(first["joined"][key], rel=1e-5)
    for mine, alone in zip(first["answer"]["trials"], first["joined"]["trials"], strict=True):
        assert mine["loss"] == pytest.approx(alone["loss"], rel=1e-5)
        assert (mine["halfway"], mine["end"]) == pytest.approx(
            (alone["halfway"], alone["end"]), rel=1e-5
        )
    assert first["restored"] == second["restored"] == [True, True]
    assert first["found"] == second["found"]


def test_an_epoch_is_as_long_on_both_where_one_has_fewer_batches(peaceful):
    first, second = both(peaceful, "uneven")
    assert first["epochs"] == second["epochs"] == [100 / 10] * 3
    assert first["answers"] == second["answers"]


def test_ddp_is_put_back_on_both(peaceful):
    assert all(seen["restored"] for seen in both(peaceful, "ddp"))


def test_shards_are_put_back_on_both_also_after_an_error_in_the_forward_pass(peaceful):
    for seen in both(peaceful, "fsdp"):
        assert seen["restored"] == [True] * 4
        assert seen["same_training"]


@pytest.mark.parametrize(
    ("scenario", "error"), [("raises", "Stop"), ("interrupted", "KeyboardInterrupt")]
)
def test_when_one_rank_fails_both_end_with_their_state_put_back(tmp_path, scenario, error):
    torchrun(SCRIPT, tmp_path, scenario)
    survivor, failed = both(tmp_path, scenario)
    assert failed == {"error": error, "restored": True, "calls": 7}
    assert survivor["restored"]
    assert survivor["error"] == "RuntimeError", "the connection closed by the other rank"


def test_lrfind_run_works_under_torchrun_and_only_the_first_rank_writes_and_prints(tmp_path):
    example = ROOT / "scripts" / "example_torchrun.py"
    done = torchrun(
        "-m", "lrfind", "run", f"{example}:problem", "--out", "here", "--verify", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Train at  ") == 1, "once for the sweep"
    assert done.stdout.count("rain at about") == 1, "once for the trials"
    assert done.stderr.count("Wrote result.json") == 1
    assert done.stderr.count("Wrote verification.json") == 1
    written = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert written == SWEEP_FILES + TRIAL_FILES
