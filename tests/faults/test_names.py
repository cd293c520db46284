"""Names with escapes, markup, emoji codes, formulas and half characters show as text everywhere."""

import csv
import dataclasses
import io
import json
import re
from html import unescape

import numpy as np
import pytest
from makers import make_result, parabola
from matplotlib.figure import Figure
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

import lrfind
from lrfind import RepeatSet, side_by_side
from lrfind.layers.figures import blow_up_sentence
from lrfind.repeats.runs import Run
from lrfind.result.origin import Origin
from lrfind.support.heads import whole

ODD = {
    "\x1b[31mred\x1b[0m\x07": r"\x1b[31mred\x1b[0m\x07",
    "[bold]b[/bold]": "[bold]b[/bold]",
    "[/no]": "[/no]",
    ":boom:": ":boom:",
    r"$\frac{$": r"$\frac{$",
    "half \ud800": r"half \ud800",
    "<script>1</script>": "<script>1</script>",
    "over\u202ewritten\r": r"over\u202ewritten\r",
    "two\nlines": r"two\nlines",
}
"""Each name, and how it shows."""
ANSI = re.compile(r"\x1b\[[0-9;]*m")


ALL = " and ".join(ODD)


@pytest.fixture(scope="module")
def result():
    """A result in which everything has one of these names, or all of them."""
    base = make_result()
    rates = np.outer(np.geomspace(1, 1e3, 100), np.ones(len(ODD)))
    return dataclasses.replace(
        base,
        tasks={name: base.loss / (place + 1) for place, name in enumerate(ODD)},
        layers=lrfind.Layers(tuple(ODD), base.lr, rates, rates, rates),
        optimizer=ALL,
        versions={name: name for name in ODD},
        origin=Origin("\x1b[/no]$:boom:\ud800", 0.9),
    )


def runs_of(*names):
    """Runs whose settings have these names and values."""
    settings = {name: name for name in names}
    return RepeatSet(tuple(Run(seed, settings, parabola(-1.0)) for seed in range(3)))


def printed(thing):
    """What a user's own console prints of it, with markup and emoji codes switched on."""
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system=None).print(thing, crop=False)
    return ANSI.sub("", out.getvalue())


def check(text, names=ODD):
    """The text shows the names, and holds nothing but characters that can be printed."""
    joined = " ".join(text.split())
    assert joined.isprintable()
    for name in names:
        assert " ".join(ODD[name].split()) in joined, text


def test_in_tables_and_texts(result):
    for thing in (result.summary(), result.summary(detail=True), runs_of(*ODD)):
        check(printed(thing))
        check(str(thing))
    check(str(result.task_disagreement()))
    assert str(result.origin).isprintable()
    assert r"of \x1b[/no]$:boom:\ud800 (beta 0.9)" in printed(result.summary(detail=True))
    for name in ODD:
        layers = dataclasses.replace(result.layers, names=(name,) * len(ODD))
        check(blow_up_sentence(layers.blow_ups()), [name])
    assert printed(result.summary()).split() == str(result.summary()).split()
    # Its heads are cut.
    both = side_by_side(result, make_result(), names=["two\nlines\x07", "[no]\ud800"])
    assert all(line.isprintable() for line in str(both).split("\n"))
    assert r"two\nlines\x07" in str(both)
    assert r"[no]\ud800" in str(both)


def test_in_html(result):
    texts = (result.summary(detail=True), ODD), (result.task_disagreement(), ODD)
    for thing, names in (*texts, *((runs_of(name), [name]) for name in ODD)):
        html = thing._repr_html_()
        check(unescape(re.sub(r'src="[^"]*"', "", html)), names)
        assert "<script" not in html


def test_in_figures(result):
    figure = Figure(figsize=(24, 24), layout="constrained")
    axes = figure.subplots(4, 3).flat
    for draw in (result.plot, result.plot_tasks, result.plot_layers):
        draw(next(axes))
    for name in ODD:
        runs_of(name).plot(next(axes))
    # Whatever is no text would warn here that it has no glyph, or raise as a formula.
    figure.savefig(io.BytesIO(), format="png")
    said = [str(each.get_text()) for each in figure.findobj(lambda it: hasattr(it, "get_text"))]
    assert all(each.replace("\n", "").isprintable() for each in said)
    for name in ODD.values():
        assert sum(name.replace("$", r"\$") in each for each in said) >= 2, name


def test_on_the_page(result, tmp_path):
    one = dataclasses.replace(result, tasks={ALL: result.loss}, layers=None)
    one.report(tmp_path / "page.html", make_result(), runs_of(next(iter(ODD))), names=[ALL, "b"])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'type="application/json"[^>]*>(.*?)</script>', page, re.S)[1])
    shown = data["results"][0]
    assert shown["name"] == shown["facts"]["optimizer"] == " and ".join(ODD.values())
    assert shown["name"] in [each["name"] for each in shown["sources"]]
    for name in ODD.values():
        assert shown["facts"][f"version of {name}"] == name
    assert not any(each in page for each in ("\x1b", "\x07", "\u202e", "<script>1"))


def test_in_csv_json_and_frames(result, tmp_path):
    result.to_csv(tmp_path / "a.csv")
    check((tmp_path / "a.csv").read_bytes().decode())
    columns = {f"task {name}" for name in ODD.values()}
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert columns <= set(next(csv.reader(file)))
    runs_of(*ODD).to_csv(tmp_path / "b.csv")
    check((tmp_path / "b.csv").read_bytes().decode())
    # In what is no text to look at, a name is what it was.
    named = {f"task {name}" for name in ODD}
    assert named <= set(result.to_dict()["columns"])
    assert named <= set(result.to_frame().columns)
    assert {whole(name) for name in named} <= set(result.to_frame("polars").columns)
    result.save(tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes().isascii()
    assert lrfind.load(tmp_path / "a.json") == result


def test_in_trackers(result, tmp_path):
    with SummaryWriter(tmp_path) as writer:
        result.log_to(writer)
    read = EventAccumulator(str(tmp_path)).Reload()
    (text,) = read.Tensors("lrfind/summary/text_summary")
    check(text.tensor_proto.string_val[0].decode())
    assert len({tag for tag in read.Tags()["scalars"] if "task" in tag}) == len(ODD)


@pytest.mark.parametrize("name", [each for each in ODD if "/" not in each and "\ud800" not in each])
def test_in_what_is_said_of_a_file(name, tmp_path):
    (tmp_path / name).write_text("{")
    for read in (lrfind.load, lrfind.Controls.load, lrfind.Verification.load, lrfind.from_history):
        with pytest.raises(lrfind.ResultFileError) as error:
            read(tmp_path / name)
        check(str(error.value), [name])
