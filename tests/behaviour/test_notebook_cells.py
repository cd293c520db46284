"""What a notebook shows of a record at the end of a cell: well-formed, and whatever its content."""

import dataclasses
import functools
import pickle
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from kernel import run_cells
from makers import (
    flat,
    flat_trials,
    make_controls,
    make_result,
    make_set,
    make_trial,
    make_verification,
    noisy_result,
    parabola,
)

from lrfind import CannotTell, Layers, Verdict
from lrfind.analysis.cyclic_bounds import Bounds
from lrfind.multitask.disagreement import TaskDisagreement
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.repeats.runs import Run
from lrfind.support.html import picture_html
from lrfind.support.text import rate

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)> & <b>',
    r"$\frac$",
    "$$",
    "layer." * 1700,
)
PASSIVE = {"div", "p", "br", "table", "thead", "tbody", "tr", "th", "td", "img"}
"""The elements that a cell may hold."""


@functools.cache
def sweep():
    return noisy_result()


@functools.cache
def of_tasks(*names):
    """A sweep with these tasks, every second of which never falls."""
    losses = [sweep().loss if place % 2 == 0 else np.ones(100) for place in range(len(names))]
    return dataclasses.replace(sweep(), tasks=dict(zip(names, losses, strict=True)))


runs = functools.cache(lambda: make_set(-1.2, -1.0, -0.8))

RECORDS = {
    "result": (sweep, "Train at 0.0", True),
    "suggestion": (lambda: sweep().suggest(total_steps=600), "Best in 0.0", True),
    "comparison": (lambda: sweep().compare(), "debiased EMA 0.98", True),
    "controls": (make_controls, "time-corrected", True),
    "verification": (lambda: make_verification(flat_trials(1.0, 0.5, 1.5)), "0.0032", True),
    "repeats": (runs, "suggested rate", True),
    "repeat suggestion": (lambda: runs().suggest(), "the median suggestion of 3 runs", True),
    "sensitivity": (lambda: sweep().sensitivity(), "every 2nd loss, dec", False),
    "tasks": (lambda: of_tasks("kl", "x").task_disagreement(), "from total (decades)", False),
    "bounds": (lambda: Bounds(0.001, 0.006), "max_lr 0.0060", False),
    "refusal": (lambda: make_result(np.ones(100)).suggest(), "No rate. The loss", False),
    "summary": (lambda: sweep().summary(), "Next answer.apply", False),
    "detail": (lambda: sweep().summary(detail=True), "= smoothing (debiasing)", False),
}
"""How to make one of each, what stands in its cell, and whether there is a picture."""


def cell(record):
    """The elements of its cell, which must be well formed and passive."""
    found = ET.fromstring(record._repr_html_())
    assert {each.tag for each in found.iter()} <= PASSIVE
    assert not [name for each in found.iter() for name in each.attrib if name.startswith("on")]
    return found


def words_of(found):
    """The texts in a cell, with one space between any two of them."""
    return " ".join(" ".join(each.strip() for each in found.itertext()).split())


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_shows_its_table_its_words_and_its_picture(kind):
    make, words, picture = RECORDS[kind]
    found = cell(make())
    assert found.findall(".//table")
    assert words in words_of(found)
    images = found.findall(".//img")
    assert len(images) == picture
    for image in images:
        assert image.get("alt")
        assert image.get("src").startswith("data:image/png;base64,")


def test_a_result_shows_the_answer_of_its_summary_and_draws_its_plot():
    found = cell(sweep())
    said = words_of(found)
    for part in str(sweep().summary()).split("\n\n"):
        if "curve" not in part:
            assert " ".join(part.split()) in said
    (image,) = found.iter("img")
    assert image.get("src") == ET.fromstring(picture_html(sweep().plot, "")).get("src")


def test_what_there_is_to_do_stands_beside_a_suggestion():
    answer = sweep().suggest(schedule="cosine", total_steps=600)
    answer = dataclasses.replace(answer, verdict=Verdict.FLAT, reason="why so: do this")
    said = words_of(cell(answer))
    low, high = map(rate, answer.interval)
    assert f"Best in {low} to {high}" in said
    assert "Schedule cosine, taken as one-cycle" in said
    assert "Verdict flat: why so Next answer.apply(optimizer, scheduler) do this" in said


@pytest.mark.parametrize(
    "loss",
    [
        [],
        [1.0],
        [1.0, 0.9],
        np.ones(12),
        np.ones(100),
        np.full(100, np.nan),
        [np.nan],
        [np.inf] * 9,
    ],
    ids=["none", "one", "two", "twelve", "equal", "all NaN", "one NaN", "infinite"],
)
def test_a_result_that_cannot_be_analysed_shows_its_reason(loss):
    record = make_result(np.array(loss))
    said = words_of(cell(record))
    answer = record.suggest()
    assert not answer
    assert "No rate." in said or answer.reason in said
    assert words_of(cell(answer)).startswith("No rate.")


def test_other_records_show_why_there_is_nothing_to_show():
    blown_up = make_verification([make_trial(0.1, np.nan, np.nan), make_trial(1.0, np.nan, np.nan)])
    assert "No learning rate can be suggested" in words_of(cell(blown_up))
    assert "runs have no suggestion" in words_of(cell(RepeatSet(tuple(flat(k) for k in range(3)))))
    one = make_set(-1.0)
    assert words_of(cell(one.suggest())).startswith("No rate.")
    cell(one)
    many = RepeatSet(tuple(dataclasses.replace(flat(), settings={"size": k}) for k in range(9)))
    assert "the runs have 9 settings, but a figure can show" in words_of(cell(many)).lower()
    refusal = CannotTell("it never fell", "expected", guess=0.01)
    assert "A guess 0.010" in words_of(cell(refusal))
    nothing = TaskDisagreement(refusal, {})
    assert "it never fell" in words_of(cell(nothing))


def test_a_name_is_only_ever_a_name():
    names = tuple(HOSTILE)
    result = of_tasks(*names)
    layered = dataclasses.replace(
        result, layers=Layers(names, result.lr, *np.ones((3, 100, len(names))))
    )
    runs = RepeatSet(tuple(Run(0, {"kind": name}, parabola(-1.0)) for name in names))
    disagreement = result.task_disagreement()
    for record in (layered, disagreement, runs):
        cell(record)
    for name in names:
        assert name in words_of(cell(disagreement))
        assert name in words_of(cell(runs.table()))
    for draw in (result.plot_tasks, layered.plot_layers):
        assert picture_html(draw, "")
    for figure in (result.plot_task_scales()[0].figure, layered.plot_layer_histograms("weight")):
        figure.draw_without_rendering()


def test_a_figure_shows_a_name_as_it_is_and_a_long_one_in_part():
    ax = of_tasks(*HOSTILE).plot_tasks()
    shown = [text.get_text().rsplit(",", 1)[0] for text in ax.get_legend().get_texts()]
    assert any(each.startswith("layer.layer.layer.layer.layer.l…") for each in shown)
    assert any(each.startswith(r"\$\frac\$") for each in shown), "drawn without these strokes"
    assert max(map(len, shown)) < 100


@pytest.mark.slow
def test_in_a_real_kernel_every_record_shows_itself_without_torch(tmp_path):
    records = {kind: make() for kind, (make, _, _) in RECORDS.items()}
    (tmp_path / "records").write_bytes(pickle.dumps(records))
    first = "import pickle, sys\n"
    first += f"records = pickle.load(open({str(tmp_path / 'records')!r}, 'rb'))"
    last = "print('torch' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    cells = [f"records[{kind!r}]" for kind in records]
    _, *outputs, (printed,) = run_cells(tmp_path, first, *cells, last)
    assert printed.text == "False False\n"
    for (kind, (_, _, picture)), (shown,) in zip(RECORDS.items(), outputs, strict=True):
        assert shown.output_type == "execute_result"
        assert shown.data["text/plain"] == repr(records[kind])
        html = shown.data["text/html"]
        assert html.count("<img ") == picture, kind
        assert "<table" in html, kind
