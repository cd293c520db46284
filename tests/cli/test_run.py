"""`lrfind run` as a person meets it."""

import errno
import json
from dataclasses import replace

import pytest
from makers import SWEEP_FILES, TRIAL_FILES

import lrfind
from lrfind.support import files
from lrfind.support.text import rate


@pytest.mark.parametrize("function", ["parts", "record"])
def test_a_problem_of_the_users_own_gets_the_same_files(invoke, problem, tmp_path, function):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", "--betas", "0.5")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == SWEEP_FILES
    assert "debiased EMA 0.5" in done.stdout


@pytest.mark.parametrize("function", ["parts", "record"])
def test_controls_are_two_more_files_and_their_words(invoke, problem, tmp_path, function):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", "--num-iter", 40, "--controls")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {*SWEEP_FILES, "controls.json", "controls.png"}
    found = lrfind.Controls.load(tmp_path / "mine" / "controls.json")
    assert found.result == lrfind.load(tmp_path / "mine" / "result.json")
    assert str(found) in done.stdout
    assert (tmp_path / "mine" / "controls.png").read_bytes()[:4] == b"\x89PNG"


def test_options_reach_the_sweep(invoke, problem, tmp_path):
    invoke(
        "run", f"{problem}:parts", "--start-lr", 1e-4, "--end-lr", 0.1, "--num-iter", 20,
        "--step-mode", "linear", "--diverge-th", 0, "--out", "mine",
    )  # fmt: skip
    settings = lrfind.load(tmp_path / "mine" / "result.json").settings
    assert settings == type(settings)(1e-4, 0.1, 20, "linear", None)


@pytest.mark.parametrize("option", [["--verify"], ["--budget", 100]])
def test_a_problem_with_options_of_its_own_is_verified_too(invoke, problem, tmp_path, option):
    done = invoke("run", f"{problem}:record", "--out", "mine", "--start-lr", 1e-3, *option)
    assert done.exit_code == 0, done.stderr
    assert set(TRIAL_FILES) <= {p.name for p in (tmp_path / "mine").iterdir()}


def test_what_cannot_be_verified_is_one_line_after_the_report_of_the_sweep(
    invoke, problem, tmp_path
):
    done = invoke("run", f"{problem}:parts", "--out", "mine", "--num-iter", 5, "--verify")
    assert done.exit_code == 1
    assert done.stderr.count("no learning rate can be suggested: fewer than 10") == 1
    assert "No rate." in done.stdout
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == SWEEP_FILES


def test_the_suggestion_is_confirmed_from_the_start_and_that_is_said(invoke, problem, tmp_path):
    done = invoke("run", f"{problem}:parts", "--out", "mine")
    assert done.exit_code == 0, done.stderr
    tried = lrfind.load(tmp_path / "mine" / "result.json").cold_starts
    assert tried
    said = " ".join(done.stdout.split())
    for each in tried:
        assert str(each) in said


def test_unless_that_is_not_wanted(invoke, problem, tmp_path):
    bare = invoke("run", f"{problem}:parts", "--out", "mine", "--no-confirm")
    assert bare.exit_code == 0, bare.stderr
    assert lrfind.load(tmp_path / "mine" / "result.json").cold_starts == ()
    assert "from scratch" not in bare.stdout
    # Nothing else of the sweep depends on it.
    invoke("run", f"{problem}:parts", "--out", "again", "--confirm")
    confirmed = lrfind.load(tmp_path / "again" / "result.json")
    assert replace(confirmed, cold_starts=()) == lrfind.load(tmp_path / "mine" / "result.json")


@pytest.mark.parametrize(("option", "confirmed"), [([], False), (["--confirm"], True)])
def test_a_problem_may_say_so_itself(invoke, problem, tmp_path, option, confirmed):
    done = invoke("run", f"{problem}:unconfirmed", "--out", "mine", *option)
    assert done.exit_code == 0, done.stderr
    result = lrfind.load(tmp_path / "mine" / "result.json")
    assert (result.cold_starts != ()) is confirmed


ASKED = ["--schedule", "constant", "--total-steps", 4800]


@pytest.mark.parametrize("function", ["parts", "record"])
@pytest.mark.parametrize("asked", [[], ASKED, [*ASKED, "--rule", "expected"]])
def test_the_rate_that_is_asked_for_is_the_one_that_is_tried(
    invoke, problem, tmp_path, function, asked
):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", *asked)
    assert done.exit_code == 0, done.stderr
    result = lrfind.load(tmp_path / "mine" / "result.json")
    told = {"schedule": "constant", "total_steps": 4800} if asked else {}
    plain = replace(result, cold_starts=()).suggest(**told)
    assert result.cold_starts[0].lr == plain.lr
    assert not result.suggest(**told) or lrfind.Flag.NOT_TRIED not in result.suggest(**told).flags


OF_ANOTHER_RATE = [["--rule", "steepest"], ["--curve", "raw"], ["--factor", 4],
                   ["--curve", "ema", "--beta", 0.9]]  # fmt: skip


@pytest.mark.parametrize("asked", OF_ANOTHER_RATE)
def test_another_rate_than_lrfinds_own_is_not_tried(invoke, problem, tmp_path, asked):
    told = ASKED if "--factor" in asked else []  # other rules are for no schedule
    done = invoke("run", f"{problem}:parts", "--out", "mine", *told, *asked)
    assert done.exit_code == 0, done.stderr
    assert lrfind.load(tmp_path / "mine" / "result.json").cold_starts == ()
    assert "from scratch" not in done.stdout
    done = invoke("run", f"{problem}:parts", "--out", "other", *asked, "--confirm")
    assert done.exit_code == 2
    listed = ", ".join(option for option in asked if str(option).startswith("--"))
    assert f"--confirm cannot be combined with {listed}." in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("other/*.json"))


@pytest.mark.filterwarnings("ignore:`train_loader` is an iterator")
def test_what_an_iterator_gives_is_swept_and_not_tried(invoke, problem, tmp_path):
    done = invoke("run", f"{problem}:iterator", "--out", "mine")
    assert done.exit_code == 0, done.stderr
    assert lrfind.load(tmp_path / "mine" / "result.json").cold_starts == ()
    done = invoke("run", f"{problem}:iterator", "--out", "other", "--confirm")
    assert done.exit_code == 1
    assert "`train_loader` is an iterator" in " ".join(done.stderr.split())


@pytest.mark.parametrize("option", [[], ["--no-confirm"]])
def test_trials_do_not_confirm_a_second_time(invoke, problem, tmp_path, option):
    invoke("run", f"{problem}:parts", "--out", "mine", "--verify", *option)
    answer = json.loads((tmp_path / "mine" / "verification.json").read_text())
    assert answer["steps"] == sum(len(trial["loss"]) for trial in answer["trials"])
    assert answer["suggested"] == lrfind.load(tmp_path / "mine" / "result.json").suggest().lr


@pytest.mark.parametrize("more", [["--verify"], ["--budget", 200]])
def test_the_length_of_the_training_reaches_the_trials(invoke, problem, tmp_path, more):
    asked = ["--schedule", "constant", "--total-steps", 900]
    done = invoke("run", f"{problem}:parts", "--out", "mine", *asked, *more)
    assert done.exit_code == 0, done.stderr
    answer = json.loads((tmp_path / "mine" / "verification.json").read_text())
    assert (answer["schedule"], answer["total_steps"]) == ("constant", 900)
    assert f"ain at about {rate(answer['lr'])}" in " ".join(done.stdout.split())
    if more == ["--verify"]:
        result = lrfind.load(tmp_path / "mine" / "result.json")
        assert answer["suggested"] == result.suggest(schedule="constant", total_steps=900).lr


def test_modules_beside_the_file_can_be_imported(invoke, problem, tmp_path):
    (tmp_path / "outer.py").write_text("from problem import parts\n")
    assert invoke("run", "outer.py:parts").exit_code == 0


def test_a_run_keeps_a_journal_of_its_sweep_and_overwrites_no_other_file(invoke, problem, tmp_path):
    asked = ("run", f"{problem}:parts", "--num-iter", 40, "--out", "mine")
    for _ in range(2):  # the second replaces what the first left
        done = invoke(*asked)
        assert done.exit_code == 0, done.stderr
        result = lrfind.load(tmp_path / "mine" / "result.json")
        assert lrfind.load(tmp_path / "mine" / "journal.jsonl") == result
    (tmp_path / "mine" / "journal.jsonl").write_text("my notes")
    done = invoke(*asked)
    assert done.exit_code == 1
    assert "journal.jsonl is not of lrfind: pass --force" in done.stderr
    assert (tmp_path / "mine" / "journal.jsonl").read_text() == "my notes"
    done = invoke(*asked, "--force")
    assert done.exit_code == 0, done.stderr
    assert lrfind.load(tmp_path / "mine" / "journal.jsonl") == result


def test_a_budget_keeps_one_too(invoke, problem, tmp_path):
    done = invoke("run", f"{problem}:parts", "--budget", 80, "--out", "mine")
    assert done.exit_code == 0, done.stderr
    assert lrfind.load(tmp_path / "mine" / "journal.jsonl").settings.num_iter == 60


def test_a_killed_run_is_resumed(invoke, problem, tmp_path):
    (tmp_path / "stops.py").write_text(
        "import os\n"
        "from torch.nn.functional import mse_loss\n"
        "from problem import parts\n"
        "def made():\n"
        "    model, optimizer, loss_fn, loader = parts()\n"
        "    def stopping(output, target):\n"
        "        if os.environ.get('STOP') and float(optimizer.param_groups[0]['lr']) > 1e-3:\n"
        "            raise KeyboardInterrupt\n"
        "        return loss_fn(output, target)\n"
        "    return model, optimizer, stopping, loader\n"
    )
    asked = ("run", "stops.py:made", "--num-iter", 40, "--no-confirm", "--out")
    whole = invoke(*asked, "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOP", "1")
        invoke(*asked, "mine", "--checkpoint-every", 3)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "journal.ckpt", "journal.jsonl",
    ]  # fmt: skip
    other = invoke(*asked, "mine", "--resume", "--seed", 1)
    assert other.exit_code == 1
    assert "`resume`: mine/journal.ckpt was made from another beginning" in other.stderr
    done = invoke(*asked, "mine", "--resume")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == whole.stdout
    assert lrfind.load(tmp_path / "mine" / "result.json") == lrfind.load(
        tmp_path / "whole" / "result.json"
    )
    again = invoke(*asked, "mine", "--resume")
    assert again.exit_code == 1
    assert "`resume`: there is no mine/journal.ckpt: the sweep has ended" in again.stderr


@pytest.mark.parametrize("option", [["--resume"], ["--checkpoint-every", 5]])
def test_a_budget_is_not_resumed(invoke, problem, option):
    done = invoke("run", f"{problem}:parts", "--budget", 80, *option)
    assert done.exit_code == 2
    assert f"--budget cannot be combined with {option[0]}" in done.stderr


def test_a_run_on_a_full_disk_goes_on_without_checkpoints(invoke, problem, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    done = invoke("run", f"{problem}:parts", "--num-iter", 40, "--checkpoint-every", 5)
    assert "Train at" in done.stdout
    assert "The run goes on without." in done.stderr
    assert "could not write lrfind-out/result.json (No space left on device)" in done.stderr
    assert done.exit_code == 1
