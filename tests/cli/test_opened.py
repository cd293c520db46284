"""`lrfind show` and `lrfind plot` on what another finder recorded."""

import json

import numpy as np
import pytest
import torch
from makers import make_result

import lrfind
from lrfind import from_history
from lrfind.histories.averages import Average

RAW = make_result(
    2 + np.exp(-np.arange(100) / 50) + 0.1 * np.random.default_rng(0).normal(size=100)
)
KEPT = {"lr": RAW.lr.tolist(), "loss": Average(seeded=True).of(RAW.loss, 0.95).tolist()}


@pytest.fixture
def history(tmp_path):
    (tmp_path / "history.json").write_text(json.dumps(KEPT))
    return "history.json"


def test_show_prints_the_summary_of_a_history(invoke, history):
    done = invoke("show", history, "--kind", "torch-lr-finder")
    assert done.exit_code == 0, done.stderr
    result = from_history(KEPT, "torch-lr-finder")
    shown = [line.rstrip() for line in done.stdout.splitlines()]
    assert shown == str(result.summary()).splitlines()
    assert "Raw losses recovered from the EMA of torch-lr-finder (beta 0.95)." in shown
    read = json.loads(invoke("show", history, "--kind", "torch_lr_finder", "--json").stdout)
    assert read == json.loads(json.dumps(result.to_dict()))


def test_plot_draws_a_history(invoke, history, tmp_path):
    done = invoke("plot", history, "--kind", "torch-lr-finder", "-o", "a.svg")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")


def test_a_csv_with_the_noise_of_batches_needs_no_kind(invoke, tmp_path):
    RAW.to_csv(tmp_path / "a.csv")
    done = invoke("show", "a.csv")
    assert done.exit_code == 0, done.stderr
    assert "Losses of a record, taken as raw." in done.stdout.splitlines()
    assert invoke("plot", "a.csv", "-o", "a.png").exit_code == 0


def test_losses_that_may_be_smoothed_ask_for_the_kind(invoke, history):
    for command in (["show"], ["plot", "-o", "a.png"]):
        done = invoke(*command, history)
        assert done.exit_code == 1
        assert "history.json is not an lrfind result: `kind` must say what" in done.stderr
        assert "'torch-lr-finder', 'lightning', 'ignite', 'fastai', 'raw'" in done.stderr
        assert "Traceback" not in done.output


def test_a_kind_that_is_none_is_named(invoke, history):
    done = invoke("show", history, "--kind", "keras")
    assert done.exit_code == 2
    assert "'keras' is not one of torch-lr-finder, lightning, ignite, fastai, raw" in (
        " ".join(done.stderr.split())
    )


@pytest.mark.parametrize("command", [["show"], ["plot", "-o", "a.png"]])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("step,accuracy\n1,2\n", "must have a column 'lr'"),
        ("lr,loss\n0.1,2\n0.1,1\n", "rise at every step"),
        ("cposix\nsystem\n(S'false'\ntR.", "must have a column 'lr'"),
        ('{"lr": [1, 2]}', "must have a column 'loss'"),
        ("[1]", "holds no table in JSON or CSV"),
    ],
)
def test_a_file_that_is_none_of_these_is_one_line_with_its_name(
    invoke, tmp_path, command, content, said
):
    (tmp_path / "a.txt").write_text(content)
    done = invoke(*command, "a.txt", "--kind", "raw")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: a.txt ")
    assert said in line


def test_a_saved_result_is_read_as_ever(invoke, saved):
    assert invoke("show", saved).exit_code == 0
    ours = invoke("show", saved, "--kind", "raw")
    assert ours.exit_code == 1
    assert "--kind is for what another LR finder recorded" in ours.stderr


@pytest.fixture
def cut(tmp_path):
    """The journal of a sweep that was killed: its last line is torn."""
    weight = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    path = tmp_path / "journal.jsonl"
    with lrfind.Sweep(optimizer, num_iter=100, diverge_th=None, journal=path) as sweep:
        for k in range(100):
            weight.grad = weight.detach().clone()
            optimizer.step()
            sweep.record(RAW.loss[k])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:91]) + lines[91][:20])
    return path


def test_a_journal_that_was_cut_short_is_shown_drawn_reported_and_compared(invoke, cut, tmp_path):
    result = lrfind.load(cut)
    assert result.loss.tolist() == RAW.loss[:90].tolist()
    shown = invoke("show", cut)
    assert shown.exit_code == 0, shown.stderr
    lines = [line.rstrip() for line in shown.stdout.splitlines()]
    assert lines == str(result.summary()).splitlines()
    read = json.loads(invoke("show", cut, "--json").stdout)
    assert (read["stop_reason"], read["steps"]) == ("unfinished", 90)
    RAW.save(tmp_path / "raw.json")
    for command in (
        ("plot", cut, "-o", "a.svg"), ("report", cut, "-o", "a.html"), ("compare", cut, "raw.json"),
    ):  # fmt: skip
        done = invoke(*command)
        assert done.exit_code == 0, done.stderr


def test_a_damaged_journal_is_one_line_that_names_the_line(invoke, cut):
    data = cut.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join([*data[:5], data[5].replace(b"loss", b"lost"), *data[6:]]))
    done = invoke("show", cut)
    assert done.exit_code != 0
    (said,) = done.stderr.splitlines()
    assert said.endswith("journal.jsonl is damaged: line 6 is not what was written.")
