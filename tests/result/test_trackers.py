"""A sweep in TensorBoard, W&B and MLflow: what the libraries wrote to disk is read back."""

import html
import io
import json
import re
import struct
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_result, noisy_result
from matplotlib import rc_context
from PIL import Image

from lrfind import RangeTestResult, StopReason
from lrfind.result.logged import tags
from lrfind.result.settings import SweepSettings

STEPS = np.arange(100)
RESULT = noisy_result(
    group_scale=(0.1, 1.0),
    probe=np.where(STEPS % 2, make_result().loss, np.nan),
    tasks={"a?b": make_result().loss, "a b": np.where(STEPS < 9, 2.0 + STEPS, np.inf)},
    skipped=(2, *[0] * 99),
    optimizer="<b>AdamW</b>",
    seed=7,
    versions={"lrfind": "0.1.0"},
)
ANSWER = RESULT.suggest(total_steps=2000)
SETTINGS = {
    "start_lr": 1e-7, "end_lr": 10.0, "num_iter": 100, "step_mode": "exp", "diverge_th": 4.0,
    "probe_every": 1, "optimizer": "<b>AdamW</b>", "seed": 7, "version_lrfind": "0.1.0",
}  # fmt: skip
WORDS = {"verdict": ANSWER.verdict.name.lower(), "stop_reason": "diverged"}
TAGS = {
    "lr": "lr", "loss": "loss", "ema": "ema", "debiased": "debiased", "probe": "probe",
    "task a?b": "task_a_b", "task a b": "task_a_b_", "lr group 0": "lr_group_0",
    "lr group 1": "lr_group_1", "skipped": "skipped",
}  # fmt: skip
"""The columns, and their names in TensorBoard and MLflow."""
ALL_NAN = make_result(np.full(3, np.nan))
ABBREVIATED = [make_result(loss) for loss in (np.empty(0), np.ones(1), [1.0, np.inf])] + [ALL_NAN]


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_sent():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        for name, value in {
            "MODE": "offline",
            "CONSOLE": "off",
            "ERROR_REPORTING": "false",
        }.items():
            patch.setenv(f"WANDB_{name}", value)
        for name in ("SILENT", "DISABLE_GIT"):
            patch.setenv(f"WANDB_{name}", "true")
        yield


def numbers():
    """What the table of runs holds of the answer."""
    rows = {row.curve: row for row in RESULT.compare((0.98,)).rows}
    minima = {f"{name}_minimum": row.minimum.lr for name, row in rows.items()}
    assert len(minima) == 5
    return minima | {
        "steps": 100.0,
        "suggested_lr": ANSWER.lr,
        "interval_low": ANSWER.interval[0],
        "interval_high": ANSWER.interval[1],
        "shift_decades": rows["debiased"].from_raw.decades,
    }


def text():
    return str(RESULT.summary(suggestion=ANSWER))


def finite_columns():
    """Every column of a frame by its tag: the steps with a finite value, and these."""
    frame = RESULT.to_frame()
    assert list(frame) == list(TAGS)
    for name, tag in TAGS.items():
        values = frame[name].to_numpy(float)
        kept = np.flatnonzero(np.isfinite(values))
        yield f"lrfind/{tag}", kept.tolist(), values[kept]


def is_a_figure(file):
    with Image.open(file) as picture:
        return picture.size == (800, 500) and len(picture.convert("RGB").getcolors(99999)) > 20


# TensorBoard.


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = dict.fromkeys(("scalars", "tensors", "images"), 0)
    return EventAccumulator(str(folder), size_guidance=everything).Reload()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a writer that wrote before and after the sweep."""
    from torch.utils.tensorboard import SummaryWriter

    folder = tmp_path_factory.mktemp("tensorboard")
    with SummaryWriter(folder) as writer:
        writer.add_scalar("loss", 3.0, 0)
        RESULT.log_to(writer, suggestion=ANSWER)
        # Flushed: it is there while the writer is open.
        assert tensorboard(folder).Images("lrfind/beta")
        writer.add_scalar("loss", 2.0, 1)
    return folder


def test_tensorboard_holds_every_column_against_the_step(written):
    read = tensorboard(written)
    for tag, steps, values in finite_columns():
        events = read.Scalars(tag)
        assert [event.step for event in events] == steps
        assert [event.value for event in events] == np.float32(values).tolist()
    assert set(read.Tags()["scalars"]) == {"loss", *(f"lrfind/{tag}" for tag in TAGS.values())}


def test_tensorboard_holds_the_figures_and_the_text_as_it_is(written):
    read = tensorboard(written)
    assert read.Tags()["images"] == ["lrfind/range_test", "lrfind/beta"]
    for name in read.Tags()["images"]:
        (image,) = read.Images(name)
        assert is_a_figure(io.BytesIO(image.encoded_image_string))
    (event,) = read.Tensors("lrfind/summary/text_summary")
    (markdown,) = event.tensor_proto.string_val
    lines = markdown.decode().splitlines()
    assert all(line.startswith("    ") for line in lines)
    assert "\n".join(line[4:] for line in lines) == text()


def test_tensorboard_shows_settings_and_numbers_in_its_table_of_runs(written):
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    read = tensorboard(written / "lrfind")
    start = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    told = HParamsPluginData.FromString(start).session_start_info.hparams
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in told.items()}
    assert values == SETTINGS | WORDS
    found = {name: read.Scalars(f"lrfind/{name}")[0].value for name in numbers()}
    assert found == {name: np.float32(value) for name, value in numbers().items()}


def test_a_writer_of_tensorboard_stays_the_users(written):
    assert [(e.step, e.value) for e in tensorboard(written).Scalars("loss")] == [(0, 3), (1, 2)]
    # A second file beside the first would keep TensorBoard from reading on in that.
    assert len([path for path in written.iterdir() if path.is_file()]) == 1


def test_no_figure_is_left_to_pyplot(tmp_path):
    from matplotlib import pyplot
    from torch.utils.tensorboard import SummaryWriter

    mine = pyplot.figure()
    with SummaryWriter(tmp_path) as writer:
        RESULT.log_to(writer)
    assert pyplot.get_fignums() == [mine.number]
    assert pyplot.gcf() is mine


def test_the_figures_are_drawn_without_latex(written, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with rc_context({"text.usetex": True}), SummaryWriter(tmp_path) as writer:
        RESULT.log_to(writer, suggestion=ANSWER)
    for name in ("lrfind/range_test", "lrfind/beta"):
        ((tex,), (plain,)) = (tensorboard(each).Images(name) for each in (tmp_path, written))
        assert tex.encoded_image_string == plain.encoded_image_string


@pytest.mark.parametrize("result", ABBREVIATED, ids=["none", "one", "two", "all NaN"])
def test_an_abbreviated_sweep_is_logged_with_the_reason(result, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        result.log_to(writer)
    read, beside = tensorboard(tmp_path), tensorboard(tmp_path / "lrfind")
    kept = np.isfinite(result.loss).sum()
    assert len(read.Scalars("lrfind/loss") if kept else []) == kept
    assert ("lrfind/loss" in read.Tags()["scalars"]) == bool(kept)
    (event,) = read.Tensors("lrfind/summary/text_summary")
    assert str(result.suggest()) in event.tensor_proto.string_val[0].decode()
    assert beside.Tags()["scalars"] == ["lrfind/steps"]


# Weights & Biases.


def wandb_records(path):
    """What a file of W&B holds: records in the log format of LevelDB, in blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if (left := -place % 32768) and left < 7:
            place += left
            continue
        size, kind = struct.unpack_from("<HB", data, place + 4)
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(whole)
            whole = b""


def items_of(part):
    return {each.key or "/".join(each.nested_key): json.loads(each.value_json) for each in part}


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """The folder of an offline run that logged before, between and after two sweeps."""
    folder = tmp_path_factory.mktemp("wandb")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DIR", "CACHE_DIR", "DATA_DIR", "CONFIG_DIR"):
            patch.setenv(f"WANDB_{name}", str(folder))
        import wandb

        run = wandb.init(project="tests", config={"mine": 1})
        RESULT.log_to(run, suggestion=ANSWER)
        assert run.step == 0
        for step in (0, 1, 5):
            run.log({"mine": 10.0 + step}, step=step)
        ABBREVIATED[1].log_to(wandb)
        assert run.step == 5
        run.finish()
        wandb.teardown()
    (found,) = (folder / "wandb").glob("offline-run-*")
    return found


@pytest.fixture(scope="module")
def records(offline):
    (path,) = offline.glob("*.wandb")
    return list(wandb_records(path))


@pytest.fixture(scope="module")
def rows(records):
    return [items_of(each.history.item) for each in records if each.HasField("history")]


def table(offline, row):
    return json.loads((offline / "files" / row["lrfind/sweep_table/path"]).read_text())


@pytest.mark.slow
def test_wandb_holds_every_column_in_a_table(offline, rows):
    read = table(offline, rows[0])
    frame = RESULT.to_frame("polars")
    assert read["columns"] == frame.columns
    for name, values in zip(read["columns"], zip(*read["data"], strict=True), strict=True):
        wanted = [value if np.isfinite(value) else None for value in frame[name].to_list()]
        assert list(values) == wanted, name


@pytest.mark.slow
def test_wandb_draws_the_table_against_the_step(records):
    config = [items_of(each.config.update) for each in records if each.HasField("config")]
    (chart,) = [each for each in config if "_wandb/visualize/lrfind/sweep" in each][:1]
    drawn = chart["_wandb/visualize/lrfind/sweep"]["panel_config"]["fieldSettings"]
    assert (drawn["x"], drawn["y"]) == ("step", "loss")


@pytest.mark.slow
def test_wandb_holds_the_figures_and_the_text_escaped(offline, rows):
    for name in ("range_test", "beta"):
        assert is_a_figure(offline / "files" / rows[0][f"lrfind/{name}/path"])
    page = (offline / "files" / rows[0]["lrfind/summary/path"]).read_text()
    (inner,) = re.fullmatch(r"<pre>([^<]*)</pre>", page).groups()
    assert html.unescape(inner) == text()


@pytest.mark.slow
def test_wandb_shows_settings_and_numbers_in_its_table_of_runs(records):
    config = [items_of(each.config.update) for each in records if each.HasField("config")]
    told = [each["lrfind"] for each in config if "lrfind" in each]
    assert told[0] == SETTINGS
    assert told[1]["optimizer"] == ""
    summaries = [items_of(each.summary.update) for each in records if each.HasField("summary")]
    found = [each for each in summaries if "lrfind/verdict" in each]
    assert found[0] == {f"lrfind/{name}": value for name, value in (numbers() | WORDS).items()}
    assert found[1]["lrfind/verdict"] == "too_short"


@pytest.mark.slow
def test_a_run_of_wandb_counts_its_own_steps_as_if_nothing_had_been_logged(offline, rows):
    assert [(row["_step"], row["mine"]) for row in rows] == [(0, 10.0), (1, 11.0), (5, 15.0)]
    # The second sweep is written with the row after which it was logged, when the run ends.
    assert [("lrfind/sweep_table/path" in row) for row in rows] == [True, False, True]
    assert table(offline, rows[2])["data"] == [[0, 1e-7, 1.0, 1 - 0.98, 1.0]]


# MLflow.


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A client of a local store, and the experiment in it."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        import mlflow

        place = (folder / "artifacts").as_uri()
        yield mlflow.MlflowClient(), mlflow.create_experiment("sweeps", artifact_location=place)


@pytest.fixture(scope="module")
def mlflow_run(store):
    """The client, and the id of a run that was the active one before and after the sweep."""
    import mlflow

    client, experiment = store
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_metric("loss", 3.0, step=0)
        RESULT.log_to(run, suggestion=ANSWER)
        assert mlflow.active_run() is run
        mlflow.log_metric("loss", 2.0, step=1)
    return client, run.info.run_id


# Of SQLAlchemy 2.1, by a store of MLflow.
warned = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@warned
def test_mlflow_holds_every_column_against_the_step(mlflow_run):
    client, run = mlflow_run
    for tag, steps, values in finite_columns():
        history = client.get_metric_history(run, tag)
        assert [each.step for each in history] == steps
        assert [each.value for each in history] == values.tolist()
    assert [(e.step, e.value) for e in client.get_metric_history(run, "loss")] == [(0, 3), (1, 2)]


@warned
def test_mlflow_holds_the_figures_and_the_text(mlflow_run, tmp_path):
    client, run = mlflow_run
    names = ["lrfind/beta.png", "lrfind/range_test.png", "lrfind/summary.txt"]
    assert sorted(each.path for each in client.list_artifacts(run, "lrfind")) == names
    *figures, summary = (client.download_artifacts(run, name, str(tmp_path)) for name in names)
    assert all(map(is_a_figure, figures))
    with open(summary, encoding="utf-8") as file:
        assert file.read() == text()


@warned
def test_mlflow_shows_settings_and_numbers_in_its_table_of_runs(mlflow_run):
    client, run = mlflow_run
    read = client.get_run(run).data
    assert read.params == {f"lrfind/{name}": str(value) for name, value in SETTINGS.items()}
    assert {name: read.tags[f"lrfind/{name}"] for name in WORDS} == WORDS
    assert {name: read.metrics[f"lrfind/{name}"] for name in numbers()} == numbers()


@warned
def test_mlflow_takes_any_sweep_of_its_active_run_once_the_settings_are_the_same(store):
    import mlflow
    from mlflow.exceptions import MlflowException

    client, experiment = store
    with mlflow.start_run(experiment_id=experiment) as run:
        for result in ABBREVIATED:
            result.log_to(mlflow)
        before = client.get_run(run.info.run_id).data.to_dictionary()
        assert before["metrics"]["lrfind/steps"] == 3.0
        with pytest.raises(MlflowException, match="lrfind/optimizer"):
            RESULT.log_to(mlflow)
        assert client.get_run(run.info.run_id).data.to_dictionary() == before
    assert client.get_run(run.info.run_id).info.status == "FINISHED"


@warned
def test_mlflow_takes_a_long_sweep_in_few_calls(store, monkeypatch):
    import mlflow

    client, experiment = store
    sizes, log_batch = [], mlflow.MlflowClient.log_batch

    def counted(self, run_id, metrics=(), **rest):
        sizes.append(len(metrics))
        return log_batch(self, run_id, metrics=metrics, **rest)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", counted)
    lr, settings = np.geomspace(1e-7, 10, 1001), SweepSettings(1e-7, 10.0, 1001, "exp", None)
    long = RangeTestResult(lr, np.cos(np.arange(1001)), StopReason.COMPLETED, settings)
    run = client.create_run(experiment)
    long.log_to(run)
    assert (len(sizes), max(sizes)) == (7, 1000)
    history = client.get_metric_history(run.info.run_id, "lrfind/debiased")
    assert [each.value for each in history] == long.to_frame()["debiased"].tolist()


@warned
def test_mlflow_takes_the_longest_names(store):
    client, experiment = store
    tasks = {"t" * 9_000 + end: RESULT.loss for end in "ab"}
    named = replace(make_result(tasks=tasks), versions={"v" * 9_000: "1"})
    run = client.create_run(experiment)
    named.log_to(run)
    read = client.get_run(run.info.run_id).data
    assert len([name for name in read.metrics if name.startswith("lrfind/task_")]) == 2
    assert len([name for name in read.params if name.startswith("lrfind/version_")]) == 1


# What is no run.


@pytest.mark.parametrize("target", [None, "runs/1", sys, object(), RESULT, {"run": 1}])
def test_what_is_no_run_is_refused_with_the_kinds_that_are(target):
    with pytest.raises(
        TypeError, match=r"`target` must be a SummaryWriter of torch.*wandb.*mlflow"
    ):
        RESULT.log_to(target)


def test_a_module_without_an_active_run_is_refused():
    import mlflow
    import wandb

    for module in (mlflow, wandb):
        with pytest.raises(ValueError, match=f"an active run, but {module.__name__} has none"):
            RESULT.log_to(module)
    # Names alone make no tracker.
    with pytest.raises(TypeError, match="`target` must be"):
        RESULT.log_to(ModuleType("wandb.sdk"))


def test_a_suggestion_that_is_none_is_refused_before_anything_is_written(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer, pytest.raises(TypeError, match="`suggestion`"):
        RESULT.log_to(writer, suggestion=0.1)
    assert tensorboard(tmp_path).Tags()["scalars"] == []


@given(st.lists(st.text(), unique=True))
def test_every_column_has_a_name_of_its_own_that_a_tracker_takes(names):
    found = tags(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"lrfind/[-.\w]*", tag, re.ASCII) for tag in found.values())


def test_the_name_of_a_long_column_is_cut_and_still_its_own():
    names = [f"task {'t' * 9_000}{end}{'t' * 9_000}" for end in "ab"]
    found = tags(names)
    assert len({*found.values()}) == 2
    assert max(map(len, found.values())) <= 250
