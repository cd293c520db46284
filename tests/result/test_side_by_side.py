"""Results side by side: the numbers are those of each result, and what differs is said."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from makers import BEFORE, make_result
from rich.console import Console

import lrfind
from lrfind import Flag, RangeTestResult, StopReason, side_by_side
from lrfind.result.origin import Origin
from lrfind.result.settings import SweepSettings
from lrfind.result.side_by_side_table import value_words
from lrfind.support.text import decades, plain_text, rate


def parabola(at, size=200, **fields):
    """A sweep whose loss is lowest at a known rate."""
    lr = np.geomspace(1e-4, 1e2, size)
    settings = SweepSettings(1e-4, 1e2, size, "exp", None)
    loss = 0.2 + np.log10(lr / at) ** 2 / 10
    return RangeTestResult(lr, loss, StopReason.COMPLETED, settings, **fields)


LOW, HIGH = parabola(0.1, optimizer="SGD"), parabola(1.0, optimizer="Adam")
FLAT = replace(LOW, loss=np.full(LOW.lr.size, 2.3))
SHORT = replace(LOW, lr=LOW.lr[:1], loss=LOW.loss[:1])


def cells(found, name):
    """The cells of the first row of that name, in the printed table."""
    lines = (line.strip() for line in str(found).splitlines())
    line = next(line for line in lines if line.startswith(f"{name}  "))
    return line.removeprefix(name).split()


def test_two_parabolas_a_decade_apart_are_told_a_decade_apart():
    found = side_by_side(LOW, HIGH)
    assert found.apart == pytest.approx(1, abs=0.05)
    assert found.apart == math.log10(HIGH.suggest().lr / LOW.suggest().lr)
    factor = f"{10**found.apart:.2g}".rstrip(".")
    assert found.notes[0].startswith(f"The suggestions are {found.apart:.2f} decades ({factor}x)")


def test_the_table_holds_the_numbers_of_each_result():
    found, results = side_by_side(LOW, HIGH), (LOW, HIGH)
    tables = [result.compare((0.98,)) for result in results]
    raw = [rate(table.row("raw").minimum.lr) for table in tables]
    assert cells(found, "raw losses") == raw
    assert cells(found, "train at") == [rate(result.suggest().lr) for result in results]
    ends = [result.suggest().interval for result in results]
    assert cells(found, "90% interval from") == [rate(low) for low, _ in ends]
    assert cells(found, "to") == [rate(high) for _, high in ends]
    assert cells(found, "optimizer") == ["SGD", "Adam"]
    rows = [line.split() for line in str(found).splitlines() if "debiased EMA 0.98" in line]
    averages = [table.row("debiased", 0.98) for table in tables]
    assert [row[-2:] for row in rows] == [
        [rate(row.minimum.lr) for row in averages],
        [decades(row.from_raw.decades) for row in averages],
    ]


@pytest.mark.parametrize(
    ("ends", "overlap"),
    [
        ([(1, 3), (2, 4)], True),
        ([(1, 2), (2, 4)], True),
        ([(1, 2), (3, 4)], False),
        ([(1, 3), (2, 5), (4, 6)], False),
        ([(1, 4), (2, 5), (3, 6)], True),
    ],
)
def test_intervals_overlap_if_a_rate_lies_in_all(ends, overlap):
    found = side_by_side(*[LOW] * len(ends))
    answers = tuple(replace(LOW.suggest(), interval=each) for each in ends)
    found = replace(found, answers=answers)
    assert found.overlap is overlap
    words = "overlap" if overlap else "do not overlap"
    assert found.notes[0].endswith(f"; their intervals {words}.")


def test_the_same_result_twice_does_not_differ():
    found = side_by_side(LOW, LOW)
    assert (found.apart, found.overlap, found.same_losses, found.differences) == (0, True, True, {})
    assert found.notes[-1] == "Nothing differs."
    assert "what differs" not in str(found)


def test_losses_alone_and_settings_alone_are_told():
    other = replace(LOW, loss=LOW.loss + 1e-9)
    assert side_by_side(LOW, other).notes[-1] == "No setting differs, only the losses."
    reseeded = side_by_side(LOW, replace(LOW, seed=3))
    assert reseeded.notes[-1] == "The losses are the same."
    assert cells(reseeded, "seed") == ["-", "3"]
    assert "differ" not in side_by_side(LOW, HIGH).notes[-1]


def test_a_result_without_a_suggestion_gives_its_reason():
    found = side_by_side(LOW, FLAT, names=["a", "b"])
    assert (found.apart, found.overlap) == (None, None)
    assert found.notes[0] == f"b: {FLAT.suggest()}"
    assert cells(found, "train at") == [rate(LOW.suggest().lr), "-"]
    assert cells(found, "raw losses")[1] == "none"


def test_a_result_of_one_loss_has_no_minima():
    found = side_by_side(LOW, SHORT)
    assert found.comparisons[1] is None
    assert cells(found, "raw losses") == [rate(LOW.compare().row("raw").minimum.lr), "-"]
    assert found.to_dict()["results"][1]["rows"] == []
    assert "minimum" not in str(side_by_side(SHORT, SHORT)).partition("suggestion")[0]


def test_smoothed_losses_are_not_smoothed_again():
    smoothed = replace(LOW, origin=Origin("fastai", 0.98, "it was rounded"))
    assert Flag.SMOOTHED in smoothed.suggest().flags or not smoothed.suggest()
    found = side_by_side(LOW, smoothed)
    assert cells(found, "raw losses")[1] == cells(found, "EMA 0.98")[1] == "-"
    assert cells(found, "smoothed losses")[0] == "-"


def test_of_three_the_farthest_are_named():
    middle = parabola(0.3)
    found = side_by_side(HIGH, middle, LOW, names=["high", "middle", "low"])
    assert ", from low to high; " in found.notes[0]


def test_names_are_text_whatever_is_in_them():
    names = ["[red]a[bold].json", "runs/\x1b[31mb.json"]
    out = io.StringIO()
    console = Console(
        file=out, width=60, force_terminal=True, color_system="standard", highlight=False
    )
    console.print(side_by_side(LOW, replace(HIGH, optimizer="[bold]\x1b[0m"), names=names))
    shown = out.getvalue()
    assert "[red]a[bold].json" in shown
    assert r"\x1b[31mb.json" in shown
    assert r"[bold]\x1b[0m" in shown
    assert "\x1b[1m" in shown
    assert "\x1b[31m" not in shown


@pytest.mark.parametrize("name", ["result", "tasks", "probe_metric_layers", "non_finite"])
def test_two_results_fit_into_sixty_columns_and_nothing_is_cut(name):
    names = [f"results/of/the/{name}/file.json", "results/of/another/file.json"]
    found = side_by_side(lrfind.load(BEFORE / f"{name}.json"), make_result(), names=names)
    narrow, wide = plain_text(found, width=60), plain_text(found, width=200)
    assert max(map(len, narrow.splitlines())) <= 60
    # Only the notes are wrapped.
    table = wide[: wide.index(found.notes[0][:20])]
    assert narrow.startswith(table)
    assert all(head in table for head in ("minimum at lr", "suggestion", "what differs"))


def test_the_dictionary_is_json_with_the_same_numbers():
    found = side_by_side(LOW, HIGH, names=["a/r.json", "b/r.json"])
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [each["name"] for each in read["results"]] == ["a/r.json", "b/r.json"]
    for each, result in zip(read["results"], (LOW, HIGH), strict=True):
        assert each["suggestion"]["lr"] == result.suggest().lr
        table = result.compare((0.98,)).to_dict()["rows"]
        assert each["rows"] == json.loads(json.dumps(table))
    assert read["suggestions_apart"] == found.apart
    assert read["intervals_overlap"] is found.overlap
    assert read["differences"] == {"optimizer": ["SGD", "Adam"]}
    assert (read["same_losses"], read["notes"]) == (False, list(found.notes))


def test_another_beta_is_that_of_the_averages():
    assert "debiased EMA 0.5 " in str(side_by_side(LOW, HIGH, beta=0.5))


@pytest.mark.parametrize(
    ("results", "options", "error", "said"),
    [
        ((LOW,), {}, ValueError, "`results` must be at least two, got 1"),
        ((LOW, "r.json"), {}, TypeError, "`results` must be results of `range_test`"),
        (([LOW, HIGH],), {}, TypeError, "`results` must be results of `range_test`"),
        ((LOW, HIGH), {"names": ["a"]}, ValueError, "`names` must be 2, one for each result"),
        ((LOW, HIGH), {"names": ["a", 2]}, TypeError, "`names` must be strings"),
        ((LOW, HIGH), {"beta": 1.0}, ValueError, "`beta`"),
    ],
)
def test_bad_arguments_are_named(results, options, error, said):
    with pytest.raises(error, match=said):
        side_by_side(*results, **options)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (1e-06, "1e-06"),
        (10.0, "10"),
        (0.1234567891, "0.1234567891"),
        (300, "300"),
        ([1.0, 0.1], "1.0, 0.1"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
        ([], "-"),
        ("a\x1bb", r"a\x1bb"),
    ],
)
def test_a_setting_keeps_its_digits(value, words):
    assert value_words(value) == words
