"""What other finders recorded, beside the raw losses and the rates of the steps that they made."""

import json
import math
import pickle

import numpy as np
import pytest
import torch
from finders import QUIET, Job, fastai, ignite, lightning, torch_lr_finder
from hypothesis import given
from hypothesis import strategies as st

import lrfind
from lrfind import StopReason, from_history
from lrfind.analysis.flags import Flag
from lrfind.analysis.schedule import lr_sequence
from lrfind.histories.averages import Average
from lrfind.histories.kinds import KINDS
from lrfind.result.origin import Origin

pytestmark = QUIET
LR = np.geomspace(1e-5, 3.0, 100)
CLEAN = 2.3 - 2 / (1 + np.exp(-4 * np.log10(LR / 3e-3))) + 0.3 * LR
RAW = CLEAN + 0.1 * np.random.default_rng(0).normal(size=100)
EMA = Average(seeded=True).of(RAW, 0.95)
"""Losses, and what torch-lr-finder keeps of them."""


# What each finder made.


@pytest.mark.parametrize("mode", ["exp", "linear"])
@pytest.mark.parametrize("smooth_f", [None, 0.3])
def test_torch_lr_finder_gives_back_its_raw_losses(mode, smooth_f):
    job = Job(1e-5)
    options = {} if smooth_f is None else {"smooth_f": smooth_f}
    finder = torch_lr_finder(job, step_mode=mode, **options)
    beta = None if smooth_f is None else 1 - smooth_f
    result = from_history(finder, beta=beta)
    job.assert_recorded(result)
    assert result.origin == Origin("torch-lr-finder", 0.95 if beta is None else beta)
    assert from_history(finder.history, "torch-lr-finder", beta=beta) == result
    assert result.settings.step_mode == mode
    asked = lr_sequence(1e-5, 3, 80, mode)
    np.testing.assert_allclose(result.lr, asked[: result.lr.size], rtol=1e-12)


def test_torch_lr_finder_without_smoothing_has_kept_its_raw_losses():
    job = Job(1e-5)
    result = from_history(torch_lr_finder(job, smooth_f=0), beta=0)
    job.assert_recorded(result, rtol=0)
    assert str(result.origin) == "Losses of torch-lr-finder, taken as raw."


def test_torch_lr_finder_with_accumulation_has_kept_means():
    job = Job(1e-5)
    result = from_history(torch_lr_finder(job, accumulation_steps=2))
    job.losses = np.reshape(job.losses, (-1, 2)).mean(axis=1)
    job.assert_recorded(result)


@pytest.mark.parametrize("mode", ["exp", "linear"])
@pytest.mark.parametrize("smooth_f", [None, 0.3])
def test_ignite_gives_back_its_raw_losses_and_the_rates_that_it_noted_a_step_early(mode, smooth_f):
    job = Job()
    options = {} if smooth_f is None else {"smooth_f": smooth_f}
    finder = ignite(job, step_mode=mode, **options)
    result = from_history(finder, beta=None if smooth_f is None else 1 - smooth_f)
    # The first step was made at the rate of the optimizer, which the record does not have.
    assert job.rates.pop(0) == pytest.approx(0.1, rel=0.06)
    job.losses.pop(0)
    job.assert_recorded(result)
    assert result.origin.tool == "ignite"
    assert not result.origin.smoothed


def test_ignite_with_groups_that_keep_their_ratios_gives_those():
    job = Job([0.01, 0.1])
    finder = ignite(job, start_lr=[1e-6, 1e-5], end_lr=[0.3, 3.0])
    result = from_history(finder)
    assert result.group_scale == pytest.approx((0.1, 1.0))
    np.testing.assert_allclose(result.group_lr[0], job.rates[1:], rtol=1e-12)
    np.testing.assert_array_equal(
        result.lr, [largest for _, largest in finder.get_results()["lr"]][:-1]
    )


def test_ignite_with_groups_of_one_end_says_what_to_leave():
    finder = ignite(Job([0.01, 0.1]), start_lr=[1e-6, 1e-5], end_lr=3.0)
    with pytest.raises(ValueError, match="`history` holds rates of parameter groups that do not"):
        from_history(finder)


@pytest.mark.parametrize("mode", ["exponential", "linear"])
def test_lightning_gives_back_its_raw_losses_at_the_rates_it_noted(tmp_path, mode):
    job = Job()
    finder = lightning(job, tmp_path, mode=mode)
    result = from_history(finder)
    job.assert_recorded(result)
    assert result.origin == Origin("Lightning", 0.98)
    assert from_history(finder.results, "lightning") == result
    # It jumps over the second rate: from the first to the third of the sweep that is asked for.
    asked = lr_sequence(1e-5, 3.0, 81, {"exponential": "exp"}.get(mode, mode))
    np.testing.assert_allclose(result.lr[:3], asked[[0, 2, 3]])


def test_lightning_with_accumulation_has_kept_the_last_batch_of_each_step(tmp_path):
    job = Job()
    result = from_history(lightning(job, tmp_path, accumulate=2))
    job.losses = np.array(job.losses[1::2]) / 2
    job.assert_recorded(result)


@pytest.mark.parametrize("job", [{"before": 37}, {"accumulate": 3}])
def test_lightning_with_steps_that_it_has_no_loss_of_keeps_its_average(tmp_path, job):
    # 3 does not divide the 32 batches of an epoch: the step at its end is not recorded.
    finder = lightning(Job(), tmp_path, early_stop_threshold=None, **job)
    result = from_history(finder)
    assert result.origin == Origin("Lightning", 0.98, "global step unknown")
    np.testing.assert_array_equal(result.loss, finder.results["loss"])


def test_lightning_after_a_training_stops_at_once_and_that_is_no_sweep(tmp_path):
    finder = lightning(Job(), tmp_path, before=40)
    assert len(finder.results["loss"]) == 1
    with pytest.raises(ValueError, match="`history` must hold 2 to 50,000 finite losses, got 1"):
        from_history(finder)


@pytest.mark.filterwarnings("ignore")
def test_the_callback_of_lightning_is_read_too(tmp_path):
    finder = lightning(Job(), tmp_path)
    from lightning.pytorch.callbacks import LearningRateFinder

    callback = LearningRateFinder()
    callback.optimal_lr = finder
    assert from_history(callback) == from_history(finder)


def single_precision(learn, beta):
    """What rounding to it makes of the losses: undoing the average multiplies its last place."""
    kept = np.array([each.item() for each in learn.recorder.losses])
    return 2.0**-23 * (1 + beta) / (1 - beta) * kept


def test_fastai_gives_back_its_raw_losses(tmp_path):
    job = Job()
    learn = fastai(job, tmp_path)
    result = from_history(learn)
    job.assert_recorded(result, atol=single_precision(learn, 0.98))
    assert result.origin == Origin("fastai", 0.98)
    # It never comes to the last rate of the sweep that is asked for.
    asked = lr_sequence(1e-7, 10.0, 101)
    np.testing.assert_allclose(result.lr, asked[: result.lr.size], rtol=1e-12)
    assert asked[99] == pytest.approx(8.3, abs=0.05)
    assert from_history(learn.recorder) == result
    table = {"lrs": learn.recorder.lrs, "losses": learn.recorder.losses}
    assert from_history(table, "fastai") == result


def test_the_beta_of_a_recorder_of_fastai_is_that_of_its_average(tmp_path):
    job = Job()
    learn = fastai(job, tmp_path, beta=0.9)
    result = from_history(learn)
    job.assert_recorded(result, atol=single_precision(learn, 0.9))
    assert result.origin == Origin("fastai", 0.9)


# Tables and files.


def as_csv(table, path):
    rows = zip(*table.values(), strict=True)
    path.write_text("\n".join([",".join(table), *(",".join(map(repr, row)) for row in rows)]))
    return path


def test_a_file_gives_what_its_table_gives(tmp_path):
    table = {"lr": LR.tolist(), "loss": EMA.tolist()}
    expected = from_history(table, "torch-lr-finder")
    np.testing.assert_allclose(expected.loss, RAW, rtol=1e-12)
    (tmp_path / "a.json").write_text(json.dumps(table))
    rows = [{"lr": lr, "loss": loss} for lr, loss in zip(*table.values(), strict=True)]
    (tmp_path / "b.json").write_text(json.dumps(rows))
    as_csv(table, tmp_path / "c.csv")
    renamed = {"step": list(range(100)), "Learning_Rate": table["lr"], "train_loss": table["loss"]}
    (tmp_path / "d.csv").write_text(as_csv(renamed, tmp_path / "e").read_text().replace(",", ";"))
    for name in ("a.json", "b.json", "c.csv", "d.csv"):
        assert from_history(tmp_path / name, "torch-lr-finder") == expected
        assert from_history(str(tmp_path / name), "torch-lr-finder") == expected


def test_a_csv_of_ours_is_the_sweep_again(tmp_path):
    result = from_history({"lr": LR, "loss": RAW})
    result.to_csv(tmp_path / "a.csv")
    assert from_history(tmp_path / "a.csv") == result


def test_rows_without_one_of_the_two_are_left_out(tmp_path):
    lines = [
        f"{lr!r},{loss!r},\n,,0.5\n" for lr, loss in zip(LR.tolist(), RAW.tolist(), strict=True)
    ]
    (tmp_path / "a.csv").write_text("lr,loss,accuracy\n" + "".join(lines))
    assert from_history(tmp_path / "a.csv") == from_history({"lr": LR, "loss": RAW})


@pytest.mark.parametrize(
    "form",
    [
        list,
        torch.tensor,
        lambda x: [torch.tensor(each, dtype=torch.float64) for each in x],
        lambda x: [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in x],
        lambda x: list(map(str, x)),
    ],
)
def test_numbers_may_have_any_form(form):
    read = from_history({"lr": form(LR.tolist()), "loss": form(RAW.tolist())}, "raw")
    rtol = 1e-6 if form is torch.tensor else 0
    np.testing.assert_allclose(read.lr, LR, rtol=rtol)
    np.testing.assert_allclose(read.loss, RAW, rtol=rtol)


# Which losses they are.


def test_losses_that_alternate_as_raw_ones_do_are_taken_as_raw():
    result = from_history({"lr": LR, "loss": RAW})
    np.testing.assert_array_equal(result.loss, RAW)
    assert str(result.origin) == "Losses of a record, taken as raw."


@pytest.mark.parametrize("loss", [EMA, CLEAN])
def test_losses_that_may_be_smoothed_ask_for_the_kind(loss):
    with pytest.raises(ValueError, match=r"^`kind` must say what recorded `history`") as raised:
        from_history({"lr": LR, "loss": loss})
    assert all(repr(kind) in str(raised.value) for kind in KINDS)
    np.testing.assert_array_equal(from_history({"lr": LR, "loss": loss}, "raw").loss, loss)


SMOOTHED = {
    "rounded": ({"loss": np.round(EMA, 3)}, {}),
    "not of beta 0.95": ({"loss": RAW}, {}),
    "not of beta 0.99": ({}, {"beta": 0.99}),
    "numbers too large": ({"loss": np.append(EMA[:-1], 1e308)}, {}),
}


@pytest.mark.parametrize("obstacle", SMOOTHED)
def test_an_average_that_cannot_be_undone_is_used_as_it_is_and_says_so(obstacle):
    table, options = SMOOTHED[obstacle]
    table = {"lr": LR, "loss": EMA} | table
    result = from_history(table, "torch-lr-finder", **options)
    np.testing.assert_array_equal(result.loss, table["loss"])
    assert result.origin == Origin("torch-lr-finder", options.get("beta", 0.95), obstacle)
    said = str(result.summary()).splitlines()
    assert said.count(f"Smoothed losses of torch-lr-finder, used as they are: {obstacle}.") == 1
    assert "raw losses" not in str(result.summary()).lower()
    assert not result.suggest()
    assert Flag.SMOOTHED in result.suggest().flags


def test_a_record_with_enough_digits_is_not_rounded():
    result = from_history({"lr": LR, "loss": np.round(EMA, 5)}, "torch-lr-finder")
    # Half a unit of the last decimal, times (1 + beta) / (1 - beta).
    np.testing.assert_allclose(result.loss, RAW, rtol=0, atol=0.5e-5 * 39 * 1.001)
    assert not result.origin.smoothed


def test_what_is_recovered_gives_the_answer_of_the_raw_losses():
    found = from_history({"lr": LR, "loss": EMA}, "torch-lr-finder").suggest()
    assert found.lr == pytest.approx(from_history({"lr": LR, "loss": RAW}).suggest().lr, rel=1e-9)


@given(
    loss=st.lists(st.floats(0.1, 10.0), min_size=20, max_size=60),
    kind=st.sampled_from([name for name in KINDS if name != "raw"]),
    beta=st.floats(0.01, 0.99),
)
def test_losses_come_back_whatever_they_and_the_beta_are(loss, kind, beta):
    raw = np.array(loss)
    lr = np.geomspace(1e-5, 1.0, raw.size)
    result = from_history({"lr": lr, "loss": KINDS[kind].average.of(raw, beta)}, kind, beta=beta)
    first = 1 if kind == "ignite" else 0
    if not result.origin.smoothed:  # losses of few different values may look rounded
        np.testing.assert_allclose(result.loss, raw[first:], rtol=1e-9)
        np.testing.assert_array_equal(result.lr, lr[: raw.size - first])


# How they end, and what is kept of them.


@pytest.mark.parametrize("last", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_sweep(last):
    # The average of torch-lr-finder never recovers from one.
    table = {"lr": LR, "loss": [*EMA[:80], *[last] * 20]}
    result = from_history(table, "torch-lr-finder")
    assert result.stop_reason is StopReason.NON_FINITE
    np.testing.assert_allclose(result.loss[:-1], RAW[:80], rtol=1e-9)
    np.testing.assert_array_equal(result.lr, LR[:81])
    assert not np.isfinite(result.loss[-1])
    table["loss"][-1] = None
    assert from_history(table, "torch-lr-finder").lr.size == 81


def test_the_end_is_that_of_the_losses():
    assert from_history({"lr": LR, "loss": RAW}).stop_reason is StopReason.COMPLETED
    risen = np.append(RAW[:-6], [1e3] * 6)
    assert from_history({"lr": LR, "loss": risen}).stop_reason is StopReason.DIVERGED


def test_a_history_is_kept_in_files_and_says_nothing_of_a_training_that_was_put_back(tmp_path):
    result = from_history({"lr": LR, "loss": EMA}, "torch-lr-finder")
    result.save(tmp_path / "a.json")
    loaded = lrfind.load(tmp_path / "a.json")
    assert loaded == result == pickle.loads(pickle.dumps(result))
    assert loaded.origin == result.origin
    assert str(loaded.summary()) == str(result.summary())
    assert "as it was before" not in str(result.summary())
    assert loaded != from_history({"lr": LR, "loss": result.loss}, "raw")


# What is refused.


@pytest.mark.parametrize(
    ("history", "kind", "said"),
    [
        ({"lr": LR, "loss": RAW[:-1]}, "raw", "as many learning rates as losses, got 100 and 99"),
        ({"lr": LR[::-1], "loss": RAW}, "raw", "rise at every step, got"),
        ({"lr": [*LR[:-1], LR[-2]], "loss": RAW}, "raw", "at step 99"),
        ({"lr": LR - LR[0], "loss": RAW}, "raw", r"got \[0.0\] at step 0"),
        ({"lr": [*LR[:50], math.nan, *LR[51:]], "loss": RAW}, "raw", r"nan\] at step 50"),
        ({"lr": [], "loss": []}, "raw", "2 to 50,000 finite losses, got 0"),
        ({"lr": [0.1], "loss": [1.0]}, "raw", "got 1"),
        ({"lr": [0.1, 0.2], "loss": [math.nan, 1.0]}, "raw", "got 0"),
        ({"lr": np.arange(1, 50_002), "loss": np.ones(50_001)}, "raw", "got 50,001"),
        ({"lr": ["a"] * 100, "loss": RAW}, "raw", "numbers as learning rates"),
        ({"lr": LR, "loss": [[1.0, 2.0]] * 100}, "raw", r"one number a step as losses, got shape"),
        ({"lr": LR, "loss": [10**400] * 100}, "raw", "numbers as losses"),
        ({"lr": LR}, "raw", "must have a column 'loss' or 'losses' or 'train_loss', found 'lr'"),
        ({}, "raw", "found none"),
    ],
)
def test_what_is_no_sweep_is_one_error_that_names_the_history(history, kind, said):
    with pytest.raises(ValueError, match=said) as raised:
        from_history(history, kind)
    assert str(raised.value).startswith("`history` ")


@pytest.mark.parametrize("history", [None, 3, [1.0], object(), (LR, RAW)])
def test_what_no_finder_recorded_names_the_finders(history):
    with pytest.raises(TypeError, match=r"^`history` must be what an LR finder recorded") as raised:
        from_history(history)
    assert all(repr(kind) in str(raised.value) for kind in KINDS)


def test_a_wrong_kind_or_beta_is_named():
    table = {"lr": LR, "loss": EMA}
    with pytest.raises(ValueError, match=r"^`kind` must be one of 'torch-lr-finder', "):
        from_history(table, "keras")
    with pytest.raises(ValueError, match=r"^`beta` must be in \[0, 1\), got 1"):
        from_history(table, "ignite", beta=1)
    with pytest.raises(ValueError, match=r"^`beta` has no effect with the kind 'raw'"):
        from_history(table, "raw", beta=0.9)


def test_an_object_of_another_finder_than_the_kind_is_refused():
    finder = torch_lr_finder(Job(1e-5))
    with pytest.raises(ValueError, match=r"^`kind` is 'ignite', but `history` is of 'torch-lr-fin"):
        from_history(finder, "ignite")


def test_an_object_that_is_no_finder_is_refused():
    pytest.importorskip("lightning")
    from lightning.pytorch import LightningModule

    with pytest.raises(TypeError, match=r"^`history` must be .* got LightningModule"):
        from_history(LightningModule())


def test_a_file_of_ours_names_what_reads_it(tmp_path):
    from_history({"lr": LR, "loss": RAW}).save(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"a\.json is a file of lrfind: use `lrfind\.load`\.$"):
        from_history(tmp_path / "a.json")
