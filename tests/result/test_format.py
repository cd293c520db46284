"""Files: bit-exact round trips, whole or not at all, one clear error for a bad one."""

import csv
import dataclasses
import json
import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_result

import lrfind
from lrfind import ResultFileError, StopReason
from lrfind.result.cold_start import ColdStart
from lrfind.support.files import write_whole


@given(
    loss=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=99),
    last=st.lists(st.floats(), max_size=1),
    reason=st.sampled_from(StopReason),
)
def test_a_result_comes_back_bit_for_bit(tmp_path_factory, loss, last, reason):
    path = tmp_path_factory.mktemp("results") / "run.json"
    loss = loss + last
    result = make_result(
        loss, group_scale=(1.0, 1 / 3), seed=2**63 + 1, versions={"torch": "2"}, state_bytes=7
    )
    object.__setattr__(result, "stop_reason", reason)
    result.save(path)
    again = lrfind.load(path)
    assert again == result
    assert again.lr.tobytes() == result.lr.tobytes()
    finite = ~np.isnan(result.loss)
    assert again.loss[finite].tobytes() == result.loss[finite].tobytes()


@pytest.mark.parametrize("epoch_steps", [None, 12.0, 1 / 3])
@pytest.mark.parametrize("losses", [(), (0.1,), (np.inf, 1 / 3)])
def test_cold_starts_and_the_length_of_an_epoch_come_back(tmp_path, epoch_steps, losses):
    tried = tuple(ColdStart(0.1 / 10**k, 12 + k, loss, 2 / 3) for k, loss in enumerate(losses))
    result = make_result(epoch_steps=epoch_steps, cold_starts=tried)
    result.save(tmp_path / "run.json")
    again = lrfind.load(tmp_path / "run.json")
    assert again == result
    assert (again.epoch_steps, again.cold_starts) == (epoch_steps, tried)
    document = json.loads((tmp_path / "run.json").read_text())
    assert ("cold_starts" in document) == bool(tried)


def test_the_file_is_strict_json_with_a_schema(tmp_path):
    make_result([1.0, np.inf]).save(tmp_path / "run.json")

    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    document = json.loads((tmp_path / "run.json").read_text(), parse_constant=refuse)
    assert (document["format"], document["schema"]) == ("lrfind range test", 1)
    assert document["loss"] == [1.0, "inf"]


def damaged(document):
    del document["loss"]


def of_other_length(document):
    document["loss"].pop()


def without_a_reason(document):
    document["stop_reason"] = None


def with_a_huge_number(document):
    document["state_bytes"] = 1e400


def with_a_rate_of_0(document):
    document["lr"][0] = 0.0


def with_rates_backwards(document):
    document["lr"].reverse()


def without_groups(document):
    document["group_scale"] = []


def with_a_word_for_a_seed(document):
    document["seed"] = "abc"


def with_other_settings(document):
    document["settings"]["unknown"] = 1


def older(document):
    del document["schema"], document["settings"]


def newer(document):
    document["schema"] = 2


def foreign(document):
    document["format"] = "something else"


def with_an_epoch_of_0(document):
    document["epoch_steps"] = 0


def with_a_cold_start_at_0(document):
    document["cold_starts"] = [{"lr": 0.0, "steps": 1, "loss": 1.0, "enough": 1.0}]


def with_half_a_cold_start(document):
    document["cold_starts"] = [{"lr": 0.1, "steps": 1, "loss": 1.0}]


def unknown_reason(document):
    document["stop_reason"] = "tired"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged, "is damaged: `loss` is missing"),
        (of_other_length, "is damaged"),
        (unknown_reason, "is damaged: `stop_reason`: invalid enum value 'tired'"),
        (without_a_reason, "is damaged"),
        (with_a_huge_number, "is not valid JSON: Infinity is no JSON"),
        (with_a_rate_of_0, r"is damaged: `lr\[0\]`: expected `float` > 0"),
        (with_rates_backwards, "is damaged: `lr`"),
        (without_groups, "is damaged: `group_scale`"),
        (with_a_word_for_a_seed, "is damaged: `seed`"),
        (with_other_settings, "is damaged"),
        (with_an_epoch_of_0, "is damaged: `epoch_steps`"),
        (with_a_cold_start_at_0, r"is damaged: `cold_starts\[0\]\.lr`: expected `float` > 0"),
        (with_half_a_cold_start, r"is damaged: `cold_starts\[0\]\.enough` is missing"),
        (older, "is damaged: `schema` must be an integer from 1, got None"),
        (newer, "schema 2, but this version reads only 1: upgrade"),
        (foreign, "is not an lrfind result"),
    ],
)
def test_a_changed_file_gives_one_clear_error_with_its_name(tmp_path, change, message):
    path = tmp_path / "run.json"
    make_result().save(path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ResultFileError, match=message) as error:
        lrfind.load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'"text"', b"null", b"[" * 100_000]
)
def test_a_file_that_is_no_result_gives_one_clear_error(tmp_path, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(ResultFileError, match=r"run\.json"):
        lrfind.load(path)


def test_every_truncation_is_noticed(tmp_path):
    path = tmp_path / "run.json"
    make_result([1.0, 2.0]).save(path)
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ResultFileError):
            lrfind.load(path)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        lrfind.load(tmp_path / "none.json")


def test_a_crash_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    make_result(seed=1).save(path)

    def crash(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        make_result(seed=2).save(path)
    assert lrfind.load(path).seed == 1
    assert os.listdir(tmp_path) == ["run.json"]


def test_files_get_the_mode_of_any_new_file_and_keep_that_of_an_old_one(tmp_path):
    plain, written = tmp_path / "plain", tmp_path / "written"
    plain.touch()
    write_whole(written, b"")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    written.chmod(0o640)
    write_whole(written, b"again")
    assert stat.S_IMODE(written.stat().st_mode) == 0o640


def test_csv_has_one_row_per_step_in_full_precision(tmp_path):
    result = make_result()
    result.to_csv(tmp_path / "run.csv", beta=0.9)
    with (tmp_path / "run.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["step", "lr", "loss", "ema", "debiased"]
    columns = np.array(rows, dtype=float).T
    expected = [
        np.arange(100),
        result.lr,
        result.loss,
        lrfind.ema(result.loss, 0.9),
        lrfind.debiased_ema(result.loss, 0.9),
    ]
    np.testing.assert_array_equal(columns, expected)


def with_layers(n=20, **changes):
    result = make_result(np.linspace(3.0, 1.0, n))
    rng = np.random.default_rng(0)
    norms = {name: np.exp(rng.normal(size=(n, 3))) for name in ("weight", "gradient", "update")}
    norms["gradient"][2:4, 1] = np.nan
    norms["weight"][-1:, 2] = np.inf
    layers = lrfind.Layers(("a", "b", "c"), result.lr, **(norms | changes))
    return dataclasses.replace(result, layers=layers)


@pytest.mark.parametrize("n", [0, 1, 20])
@pytest.mark.parametrize("applied", [False, True])
def test_layers_come_back_bit_for_bit(tmp_path, n, applied):
    changes = {"rate_scale": (1.0, 1 / 3, 0.1), "weight_decay": (0.01, 0.0, 0.0)}
    if applied and n:
        changes["applied"] = np.random.default_rng(1).uniform(size=(n, 3))
    result = with_layers(n, **changes)
    result.save(tmp_path / "run.json")
    again = lrfind.load(tmp_path / "run.json")
    assert again == result
    assert again.layers.update.tobytes() == result.layers.update.tobytes()
    assert again != dataclasses.replace(result, layers=None)


def test_a_file_without_layers_has_none_and_what_can_be_computed_is_not_stored(tmp_path):
    make_result().save(tmp_path / "run.json")
    assert "layers" not in json.loads((tmp_path / "run.json").read_text())
    assert lrfind.load(tmp_path / "run.json").layers is None
    with_layers().save(tmp_path / "run.json")
    stored = json.loads((tmp_path / "run.json").read_text())["layers"]
    tables = {"weight", "gradient", "update", "applied"}
    assert set(stored) == tables | {"names", "rate_scale", "weight_decay"}


@pytest.mark.parametrize("key", ["names", "update", "applied", "rate_scale"])
def test_damaged_layers_give_one_clear_error(tmp_path, key):
    path = tmp_path / "run.json"
    with_layers(applied=np.ones((20, 3))).save(path)
    document = json.loads(path.read_text())
    document["layers"][key].pop()
    path.write_text(json.dumps(document))
    with pytest.raises(ResultFileError, match="is damaged"):
        lrfind.load(path)
