"""The lines of a journal: what is in them, what may be missing, and what must not be."""

import dataclasses
import json
from zlib import crc32

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makers import make_result

import lrfind
from lrfind import ResultFileError, StopReason
from lrfind.result.cold_start import ColdStart
from lrfind.result.journal import header_line, is_journal, result_line, sealed

STEPS = 12
WHOLE = dataclasses.replace(
    make_result(make_result().loss[:STEPS]),
    probe=np.where(np.arange(STEPS) % 2, np.arange(STEPS) / 3, np.nan),
    metric=np.full(STEPS, -0.0),
    tasks={"a\ud800\n\u2028": np.arange(STEPS) / 7, "b": np.full(STEPS, 1e-300)},
    skipped=(0, 2, *[0] * (STEPS - 2), 1),
    group_scale=(0.1, 1.0),
    optimizer="SGD+Adam",
    seed=2**64 - 1,
    state_bytes=99,
    epoch_steps=7.5,
    versions={"torch": "2"},
    cold_starts=(ColdStart(0.01, 12, np.inf, 1.0),),
)
NOT_KNOWN = {
    "stop_reason": StopReason.UNFINISHED,
    "state_bytes": 0,
    "epoch_steps": None,
    "cold_starts": (),
}
"""What a header has of that."""


def text(value):
    return float(value) if np.isfinite(value) else str(value)


def step_line(result, step):
    """The line of a step, as a sweep writes it."""
    row = {"lr": float(result.lr[step]), "loss": text(result.loss[step])}
    if not np.isnan(result.probe[step]):
        row["probe"] = float(result.probe[step])
    row["metric"] = float(result.metric[step])
    row["tasks"] = {name: text(losses[step]) for name, losses in result.tasks.items()}
    return sealed({**row, "skipped": result.skipped[step]})


def lines_of(result):
    """A journal: its header, its steps and its end."""
    blank = dataclasses.replace(result, **NOT_KNOWN)
    steps = [step_line(result, step) for step in range(result.lr.size)]
    return [header_line(blank), *steps, result_line(result)]


def first(count):
    """The result after some of the steps."""
    cut = {name: getattr(WHOLE, name)[:count] for name in ("lr", "loss", "metric", "skipped")}
    # Before the first step with a probe there is none, and so with tasks and the rest.
    return dataclasses.replace(
        WHOLE,
        **cut,
        probe=WHOLE.probe[:count] if count > 1 else np.empty(0),
        tasks={name: losses[:count] for name, losses in WHOLE.tasks.items()} if count else {},
        **NOT_KNOWN,
    )


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines_of(WHOLE)))
    return path


def bits(result):
    """All arrays of a result, as bytes."""
    arrays = [result.lr, result.loss, result.probe, result.metric, *result.tasks.values()]
    return [each.tobytes() for each in arrays]


def refusal(path):
    with pytest.raises(ResultFileError) as error:
        lrfind.load(path)
    assert len(str(error.value)) < 300
    return str(error.value).removeprefix(f"{path} ")


def test_a_whole_journal_is_the_result_bit_for_bit(journal):
    loaded = lrfind.load(journal)
    assert loaded == WHOLE
    assert bits(loaded) == bits(WHOLE)


def test_each_line_is_json_and_ends_in_the_checksum_of_what_stands_before(journal):
    for line in journal.read_bytes().splitlines():
        body, _, seal = line.rpartition(b',"crc":"')
        assert json.loads(line)["crc"] == seal[:-2].decode() == f"{crc32(body):08x}"


def test_cut_anywhere_it_has_the_steps_whose_lines_are_whole(tmp_path):
    lines = lines_of(WHOLE)
    data, path = b"".join(lines), tmp_path / "journal.jsonl"
    starts = np.cumsum([len(line) for line in lines])
    for size in range(len(data)):
        path.write_bytes(data[:size])
        whole = int(np.searchsorted(starts, size, side="right"))
        if whole == 0:
            assert refusal(path)
        else:
            assert lrfind.load(path) == first(whole - 1), size


@pytest.mark.parametrize("number", [1, 2, 7, STEPS + 1])
def test_a_damaged_line_is_named(journal, number):
    lines = journal.read_bytes().splitlines(keepends=True)
    for place in range(len(b'{"format":"lrfind journal",') if number == 1 else 0, 40):
        damaged = bytearray(lines[number - 1])
        damaged[place] ^= 1
        journal.write_bytes(b"".join([*lines[: number - 1], damaged, *lines[number:]]))
        assert refusal(journal) == f"is damaged: line {number} is not what was written."


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed_wherever_it_is(tmp_path, place, flip):
    path, data = tmp_path / "one.jsonl", bytearray(b"".join(lines_of(WHOLE)))
    place %= len(data) - 1
    data[place] ^= flip
    path.write_bytes(data)
    assert refusal(path)


def test_a_line_lost_or_twice_is_noticed(journal):
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:5], lines[4], *lines[5:]]))
    assert refusal(journal) == "is damaged: `lr` must be rising."
    journal.write_bytes(b"".join(lines[1:]))
    assert not is_journal(journal)
    assert refusal(journal)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"lr": "x", "loss": 1.0}, "line 2: Expected `float`, got `str` - at `$.lr`"),
        ({"lr": 1e-5, "loss": 1.0, "other": 1}, "line 2: Object contains unknown field `other`"),
        ({"lr": 1e-5}, "line 2: Object missing required field `loss`"),
        ({"result": {"seed": -1}}, "`seed`: expected `int` >= 0"),
        ({"result": {"stop_reason": "x"}}, "`stop_reason`: invalid enum value 'x'"),
        ({"what": 1}, "line 2: Object contains unknown field `what`"),
        ({"": 1}, "line 2: Object contains unknown field ``"),
        ([], None),
    ],
)
def test_a_sound_checksum_makes_no_nonsense_right(journal, content, said):
    line = sealed(content) if said else b"\n"
    journal.write_bytes(lines_of(WHOLE)[0] + line)
    expected = said or "line 2 is not what was written"
    assert refusal(journal).startswith(f"is damaged: {expected}")


def test_a_journal_of_a_newer_version_says_so(journal):
    header = json.loads(lines_of(WHOLE)[0])
    del header["crc"]
    journal.write_bytes(sealed({**header, "schema": 99}))
    assert "upgrade lrfind" in refusal(journal)


def test_a_task_may_begin_late_and_miss_steps(journal):
    rows = [{}, {"a": 1.0}, {}, {"b": 2.0, "a": "nan"}]
    lines = [
        sealed({"lr": float(WHOLE.lr[k]), "loss": 1.0, "tasks": row}) for k, row in enumerate(rows)
    ]
    journal.write_bytes(b"".join([lines_of(WHOLE)[0], *lines]))
    tasks = lrfind.load(journal).tasks
    np.testing.assert_array_equal(tasks["a"], [np.nan, 1.0, np.nan, np.nan])
    np.testing.assert_array_equal(tasks["b"], [np.nan] * 3 + [2.0])


def test_what_became_known_last_holds(journal):
    with journal.open("ab") as file:
        file.write(result_line(dataclasses.replace(WHOLE, epoch_steps=3.0, state_bytes=5)))
    loaded = lrfind.load(journal)
    assert (loaded.epoch_steps, loaded.state_bytes) == (3.0, 5)
