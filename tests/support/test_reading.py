"""Files that hang, that are too large, and that hold what no sweep can be."""

import dataclasses
import json
import os
import tracemalloc

import numpy as np
import pytest
from makers import BEFORE, ROOT, make_controls, make_result, make_verification

import lrfind
from lrfind import Controls, ResultFileError, StopReason, Verification, from_history
from lrfind.checks.verification.trial import Trial
from lrfind.result.constant_run import ConstantRun
from lrfind.result.origin import Origin
from lrfind.result.settings import SweepSettings
from lrfind.support.reading import LARGEST, checksum, parsed_json

READERS = (lrfind.load, Controls.load, Verification.load, from_history)


def refusal(path, read=lrfind.load):
    """What is said of a file, which is short and can be printed."""
    with pytest.raises(ResultFileError) as error:
        read(path)
    text = str(error.value)
    assert len(text) < 300
    assert text.isprintable()
    return text


def pipe(path):
    os.mkfifo(path)


def zeros(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("make", [pipe, zeros, folder])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make, read):
    make(tmp_path / "run.json")
    assert refusal(tmp_path / "run.json", read).endswith("run.json is no regular file.")


@pytest.mark.parametrize("command", [["show"], ["plot", "-o", "a.png"], ["report", "-o", "a.html"]])
def test_nor_by_the_command(tmp_path, command):
    from click.testing import CliRunner

    from lrfind.cli import main

    os.mkfifo(tmp_path / "run.json")
    done = CliRunner().invoke(main, [*command, str(tmp_path / "run.json")])
    assert done.exit_code == 1
    assert done.stderr.endswith("run.json is no regular file.\n")


@pytest.mark.parametrize("name", ["a\0b", "\ud800.json"])
@pytest.mark.parametrize("read", READERS)
def test_what_is_no_name_of_a_file_is_refused(name, read):
    assert refusal(name, read).endswith("is not the name of a file.")


@pytest.mark.parametrize("read", READERS[:3])
def test_a_huge_file_is_not_read(tmp_path, read):
    with (tmp_path / "run.json").open("wb") as file:
        file.truncate(LARGEST + 1)
    said = "has 1,073,741,825 bytes, and no more than 1,073,741,824 are read."
    assert refusal(tmp_path / "run.json", read).endswith(said)


def test_a_byte_order_mark_is_passed_over_and_other_text_refused(tmp_path):
    path, result = tmp_path / "run.json", make_result()
    result.save(path)
    plain = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + plain)
    assert lrfind.load(path) == result
    path.write_bytes(plain.decode().encode("utf-16"))
    assert refusal(path).endswith("is not text in UTF-8.")


def changed(tmp_path, change, save=None):
    """A saved result with a change to its document."""
    path = tmp_path / "run.json"
    (save or everything()).save(path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def everything():
    """A result with every field."""
    lr = make_result().lr
    ones = np.ones((100, 2))
    return make_result(
        probe=np.ones(100),
        tasks={"a": np.ones(100)},
        skipped=(0,) * 101,
        layers=lrfind.Layers(("a", "b"), lr, ones, ones, ones),
        origin=Origin("ignite", 0.95),
        group_scale=(0.1, 1.0),
    )


def test_what_a_file_claims_takes_no_memory(tmp_path):
    path = changed(tmp_path, lambda it: it["settings"].update(num_iter=300_000_000))
    tracemalloc.start()
    try:
        assert lrfind.load(path).settings.num_iter == 300_000_000
        # The sequence of its rates alone would take 2.4 GB.
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("version", [-1, 0, 1.5, 1.0, "2", "1", None, True, [1], 1e400])
def test_a_version_is_an_integer_from_1(tmp_path, version):
    path = changed(tmp_path, lambda it: it.update(schema=version))
    said = "not valid JSON" if version == 1e400 else "`schema` must be an integer from 1, got"
    assert said in refusal(path)


def put(*where):
    """A change that puts the last of the arguments where the others say."""
    *path, name, value = where

    def change(document):
        for each in path:
            document = document[each]
        document[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *((put("settings", "diverge_th", x), "settings.diverge_th") for x in ("4", [4], True, 0)),
        *((put("settings", "num_iter", x), "settings.num_iter") for x in (2**63, 1, 99.0, -1)),
        *((put("settings", "start_lr", x), "settings.start_lr") for x in (0, -1.0, "1e-7", None)),
        (put("settings", "end_lr", 1e-8), "start_lr"),
        (put("settings", "end_lr", 1.0), "lr"),
        (put("settings", "start_lr", 1e-6), "lr"),
        (put("settings", "step_mode", "log"), "settings.step_mode"),
        (put("settings", "probe_every", 101), "probe_every"),
        (put("settings", "more", 1), "settings"),
        (put("loss", 50, "nan"), "loss[50]"),
        (put("loss", 50, "1.0"), "loss[50]"),
        (put("loss", 50, True), "loss[50]"),
        (put("loss", 50, [1.0]), "loss[50]"),
        (put("loss", 50, 10**400), "loss[50]"),
        (put("loss", {}), "loss"),
        (put("lr", 50, "nan"), "lr[50]"),
        (put("lr", 50, 1e-7), "lr"),
        (put("probe", [1.0] * 99), "probe"),
        (put("metric", [1.0]), "metric"),
        (put("tasks", "b", [1.0]), "tasks['b']"),
        (put("tasks", "train", [1.0] * 100), "tasks"),
        (put("tasks", [["a", 1.0]]), "tasks"),
        (put("skipped", [0] * 99), "skipped"),
        (put("skipped", 3, -1), "skipped[3]"),
        (put("skipped", 3, 0.5), "skipped[3]"),
        (put("group_scale", []), "group_scale"),
        (put("group_scale", [0.1, 0.5]), "group_scale"),
        (put("group_scale", [2.0, 1.0]), "group_scale"),
        (put("group_scale", [1.0, "nan"]), "group_scale[1]"),
        (put("group_scale", [1.0, -1.0]), "group_scale[1]"),
        (put("layers", "weight", 7, -1.0), "layers.weight[7]"),
        (put("layers", "update", [1.0] * 199), "layers.update"),
        (put("layers", "names", ["a", 1]), "layers.names[1]"),
        (put("layers", "rate_scale", [1.0]), "layers.rate_scale"),
        (put("origin", "beta", 1), "origin.beta"),
        (put("seed", -1), "seed"),
        (put("seed", 2**64), "seed"),
        (put("seed", 1.0), "seed"),
        (put("state_bytes", 2**63), "state_bytes"),
        (put("versions", "torch", 2), "versions"),
        (put("optimizer", None), "optimizer"),
        (put("stop_reason", "DIVERGED"), "stop_reason"),
        (put("epoch_steps", -1), "epoch_steps"),
    ],
)
def test_what_no_sweep_can_be_is_refused_by_its_field(tmp_path, change, field):
    text = refusal(changed(tmp_path, change))
    assert "run.json is damaged: " in text
    assert f"`{field}" in text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (put("constant", "loss", []), "constant.loss"),
        (put("constant", "loss", ["nan"]), "constant.loss"),
        (put("constant", "probe", [1.0]), "probe"),
        (put("frozen", [1.0]), "frozen"),
        (put("same_numbers", 1), "same_numbers"),
        (put("result", "settings", "num_iter", 2**63), "result.settings.num_iter"),
        (put("result", "loss", 3, "inf"), "loss[3]"),
    ],
)
def test_nor_what_no_controls_can_be(tmp_path, change, field):
    path = changed(tmp_path, change, make_controls())
    assert f"`{field}" in refusal(path, Controls.load)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (put("trials", []), "trials"),
        (put("trials", 0, "lr", 5.0), "trials"),
        (put("trials", 0, "loss", 0, "inf"), "loss[0]"),
        (put("trials", 0, "halfway", "1"), "trials[0].halfway"),
        (put("suggested", "nan"), "suggested"),
        (put("schedule", "cosine"), "schedule"),
        (put("total_steps", 0), "total_steps"),
        (put("regrets", [0.5]), "regrets"),
        (put("scale", [0.5]), "scale"),
        (put("sweep", {"minimum": 0, "deviation": 1.0, "lr": None}), "sweep.minimum"),
        (put("noise", -1), "noise"),
    ],
)
def test_nor_what_no_verification_can_be(tmp_path, change, field):
    trials = [Trial(ConstantRun(lr, np.ones(4)), 1.0, end) for lr, end in ((0.1, 0.5), (1.0, 0.9))]
    path = changed(tmp_path, change, make_verification(trials))
    assert f"`{field}" in refusal(path, Verification.load)


def test_a_long_value_and_a_long_name_are_cut_and_escapes_shown(tmp_path):
    long = tmp_path / f"{'a' * 200}\x1b[31m.json"
    changed(tmp_path, put("stop_reason", "\x1b[2J" + "x" * 10_000)).rename(long)
    text = refusal(long)
    assert "\\x1b[31m.json is damaged: `stop_reason`: invalid enum value '\\x1b[2Jxxx" in text


def test_a_field_that_stands_twice_is_refused(tmp_path):
    path = changed(tmp_path, lambda it: None)
    path.write_text(path.read_text().replace('"a":', '"a": [], "a":', 1))
    assert "is not valid JSON: 'a' stands twice in one object." in refusal(path)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", '{"a": 1, "a": 1}', "9" * 5000])
def test_json_is_strict(text):
    with pytest.raises(ValueError, match=r"no JSON|stands twice|Exceeds the limit"):
        parsed_json(text)


def test_the_order_of_fields_does_not_change_a_checksum_and_a_number_does():
    assert checksum({"a": 1, "b": {"c": 2, "d": 3}}) == checksum({"b": {"d": 3, "c": 2}, "a": 1})
    assert checksum({"a": 1}) == checksum({"a": 1, "checksum": "any"})
    assert len({checksum({"a": 1}), checksum({"a": 1.0}), checksum({"a": "1"})}) == 3


LINEAR = SweepSettings(0.1, 1.0, 10, "linear", None)
RATES = np.linspace(0.1, 1.0, 10)


@pytest.mark.parametrize("reason", StopReason)
@pytest.mark.parametrize("steps", [0, 1, 2, 10])
def test_whatever_a_sweep_can_be_comes_back(tmp_path, steps, reason):
    gaps = np.where(np.arange(steps) % 2, 1.0, np.nan)
    last = np.append(np.full(steps - 1, 2.0), -np.inf) if steps else np.empty(0)
    norms = {name: np.full((steps, 2), np.inf) for name in ("weight", "gradient", "update")}
    result = lrfind.RangeTestResult(
        RATES[:steps], last, reason, LINEAR, (0.0, 1.0, 1 / 3), gaps, -last,
        {"\ud800": gaps, "\x1b[31m": last}, (30,) * (steps + 1), "Odd\n", 2**64 - 1,
        versions={"\ud800": "\0"}, layers=lrfind.Layers(("", ""), RATES[:steps], **norms),
    )  # fmt: skip
    result.save(tmp_path / "run.json")
    again = lrfind.load(tmp_path / "run.json")
    assert again == result
    assert again.loss.tobytes() == result.loss.tobytes()
    assert dataclasses.replace(again, seed=None) != result


OF_BEFORE = [path for path in BEFORE.rglob("*.json") if '"format"' in path.read_text()[:40]]


@pytest.mark.parametrize(
    "path", [*OF_BEFORE, ROOT / ".github" / "demo" / "result.json"], ids=lambda path: path.stem
)
def test_every_file_of_before_is_read_with_every_number(tmp_path, path):
    assert len(OF_BEFORE) == 9
    document = json.loads(path.read_text())
    record = (Controls if "constant" in document else lrfind).load(path)
    record.save(tmp_path / "again.json")
    again = json.loads((tmp_path / "again.json").read_text())
    # Fields that came since have defaults; what identifies a run is no part of its result.
    document.pop("run", None)
    for newer, older in ((again, document), (again.get("result", {}), document.get("result", {}))):
        assert {name: newer[name] for name in older if name != "result"} == {
            name: value for name, value in older.items() if name != "result"
        }
