"""Files that are damaged in any way: each is a record that can be analysed, or one clear error."""

import copy
import dataclasses
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from makers import make_controls, make_result, make_verification

import lrfind
from lrfind import CannotTellError, Controls, ResultFileError, Verification, from_history
from lrfind.checks.verification.trial import Trial
from lrfind.repeats.files import RunKey, save_run
from lrfind.result.cold_start import ColdStart
from lrfind.result.constant_run import ConstantRun
from lrfind.result.origin import Origin

N = 24
MOST = 5_000_000
"""Bytes that reading a file of 20,000 may take."""


def sweep(**more):
    """A short sweep with everything that a record may hold."""
    noise = np.random.default_rng(0).normal(scale=0.05, size=100)
    whole = make_result(make_result().loss + noise)
    take = slice(100 - N, None)
    lr, loss = whole.lr[take], whole.loss[take]
    norms = {name: np.exp(noise[: 2 * N]).reshape(N, 2) for name in ("weight", "gradient")}
    return dataclasses.replace(
        whole,
        lr=lr,
        loss=loss,
        probe=np.where(np.arange(N) % 2, loss, np.nan),
        metric=np.where(np.arange(N) % 2, -loss, np.nan),
        tasks={"a": loss / 2, "b": loss / 2},
        skipped=(0, 2, *[0] * (N - 2)),
        group_scale=(0.1, 1.0),
        layers=lrfind.Layers(("a", "b"), lr, **norms, update=norms["weight"] / 9),
        cold_starts=(ColdStart(0.01, 12, np.inf, 1.0), ColdStart(0.003, 12, 0.5, 1.0)),
        settings=dataclasses.replace(whole.settings, num_iter=N, start_lr=lr[0], probe_every=2),
        epoch_steps=7.5,
        seed=3,
        versions={"torch": "2"},
        **more,
    )


def saved(name, folder):
    """A valid file of a kind."""
    path = folder / f"{name}.json"
    if name == "result":
        sweep().save(path)
    elif name == "other":
        sweep(origin=Origin("ignite", 0.95)).save(path)
    elif name == "controls":
        make_controls(suggested=ConstantRun(1e-3, np.array([2.3, 7.0, np.inf]))).save(path)
    elif name == "verification":
        trial = Trial(ConstantRun(0.1, np.ones(6), np.ones(6)), 1.0, 0.5)
        late = Trial(ConstantRun(0.3, np.array([1.0, np.inf])), np.inf, np.inf)
        make_verification([trial, late], sweep=None).save(path)
    elif name == "run":
        key = RunKey(1, {"size": 64, "kind": "a"}, {"num_iter": N}, "build 1")
        save_run(folder, key, sweep())
        (path,) = folder.glob("*.json")
    else:
        path.write_text(json.dumps({"lr": sweep().lr.tolist(), "loss": sweep().loss.tolist()}))
    return path


def analysed(result):
    """Everything that is told of a sweep."""
    for source in ("train", "probe", *result.tasks):
        attempt(lambda source=source: result.suggest(source=source))
    attempt(lambda: str(result.summary(detail=True)))
    attempt(lambda: json.dumps(result.to_dict(), allow_nan=False))
    attempt(lambda: str(result.compare()))
    attempt(lambda: str(result.task_disagreement()) if result.tasks else "")
    repr(result), result.layers and result.layers.blow_ups()


def attempt(tell):
    """What can be told, or the documented reason why it cannot."""
    try:
        return tell()
    except CannotTellError as error:
        return str(error)


def told(record):
    """Everything that is told of controls or a verification."""
    attempt(lambda: str(record))
    attempt(lambda: json.dumps(record.to_dict(), allow_nan=False))
    repr(record)


def analysed_runs(runs):
    attempt(lambda: str(runs))
    analysed(runs.runs[0].result)


READERS = {
    "result": (lrfind.load, analysed),
    "other": (lrfind.load, analysed),
    "controls": (Controls.load, told),
    "verification": (Verification.load, told),
    "run": (lambda path: lrfind.load_repeats(path.parent), analysed_runs),
    "history": (lambda path: from_history(path, "raw"), analysed),
}

VALUES = (
    None, True, False, 0, -1, 1, 2, 3.5, -0.5, 1e-300, 1e30, -1e30, 10**18, 2**31, 2**63, -(2**63),
    2**64, 10**400, float("nan"), float("inf"), "", "nan", "inf", "-inf", "1", "NaN", "x" * 10_000,
    "\x1b[31m\x07", "\ud800", ":boom:", "[red]$x$", [], {}, [1], [[1.0]], {"a": 1}, {"\ud800": []},
)  # fmt: skip
"""What a field may be replaced by."""


def fields_in(value, path=()):
    """Where the values of a document are, and of each list the first, the last and one between."""
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from fields_in(value[name], (*path, name))
    elif isinstance(value, list) and value:
        for place in sorted({0, len(value) // 2, len(value) - 1}):
            yield from fields_in(value[place], (*path, place))


def holder(document, path):
    """What holds a field; None where an earlier change has removed it."""
    for name in path:
        try:
            document = document[name]
        except (KeyError, IndexError, TypeError):
            return None
    return document if isinstance(document, dict | list) else None


def with_value(document, path, value):
    inside = holder(document, path[:-1])
    if isinstance(inside, dict) or (isinstance(inside, list) and path[-1] in range(len(inside))):
        inside[path[-1]] = copy.deepcopy(value)


def without(document, path, value):
    inside = holder(document, path[:-1])
    if isinstance(inside, dict):
        inside.pop(path[-1], None)
    elif inside:
        inside.pop()


def with_more(document, path, value):
    inside = holder(document, path[:-1])
    if isinstance(inside, dict):
        inside[f"{path[-1]} "] = copy.deepcopy(value)
    elif inside is not None:
        inside.append(copy.deepcopy(value))


def nested(document, path, value):
    inside = value
    for _ in range(60):
        inside = [inside]
    with_value(document, path, inside)


CHANGES = (with_value, with_value, with_value, without, with_more, nested)


def cut(data, place, value):
    return data[: place % len(data)]


def flipped(data, place, value):
    place %= len(data)
    return data[:place] + bytes([data[place] ^ (1 << value % 8)]) + data[place + 1 :]


def filled(data, place, value):
    place %= len(data)
    return (
        data[:place]
        + (b'[{"a":' * 2000, b"9" * 5000, b"\x00", b"\xff\xfe")[value % 4]
        + data[place:]
    )


DAMAGES = (cut, flipped, flipped, filled)
BIG = st.integers(0, 10**6)
DAMAGE = st.tuples(st.booleans(), st.lists(st.tuples(BIG, BIG, BIG), min_size=1, max_size=3))


def damaged(data, places, damage):
    """The data with some changes, of its fields or of its bytes."""
    in_fields, changes = damage
    if not in_fields:
        for kind, place, value in changes:
            data = DAMAGES[kind % len(DAMAGES)](data or b" ", place, value)
        return data
    document = json.loads(data)
    for kind, place, value in changes:
        change = CHANGES[kind % len(CHANGES)]
        change(document, places[place % len(places)], VALUES[value % len(VALUES)])
    return json.dumps(document).encode()


def frugally(read, path):
    """What is in a file, read in little memory."""
    tracemalloc.start()
    try:
        return read(path)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MOST


def check_refusal(error, path):
    text = str(error)
    assert len(text) < 300, text
    assert text.isprintable(), text
    assert path.name[-20:] in text or path.parent.name[-20:] in text, text
    assert text.endswith("."), text


@pytest.mark.parametrize("name", READERS)
def test_whatever_a_file_holds_it_is_a_record_or_one_clear_error(name, cases, tmp_path):
    path = saved(name, tmp_path)
    whole = path.read_bytes()
    places = list(fields_in(json.loads(whole)))
    read, analyse = READERS[name]
    analyse(read(path))
    count = {"read": 0, "refused": 0}

    @settings(
        max_examples=cases(2000, len(READERS)), deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(DAMAGE)
    def check(damage):
        data = damaged(whole, places, damage)
        path.write_bytes(data)
        try:
            record = frugally(read, path)
        except ResultFileError as error:
            count["refused"] += 1
            check_refusal(error, path)
        else:
            count["read"] += 1
            analyse(record)

    check()
    # Of the changes some do no harm, as in the words of a version; most do.
    assert 0 < count["read"] < count["refused"]
