"""What stands in a notebook's cell: escaped, whole, and without any effect on the rest of it."""

import base64
import io
import xml.etree.ElementTree as ET

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.support.heads import printable
from lrfind.support.html import picture_html, table_html, text_html
from lrfind.support.text import new_table

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", r"$\frac$", "$$"]
PRINTED = st.text().map(printable)


def parsed(html):
    return ET.fromstring(f"<all>{html}</all>")


def cells(html, kind):
    return ["".join(each.itertext()) for each in parsed(html).iter(kind)]


def pixels(address):
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(data)), format="png")


def line(ax):
    ax.plot([1, 2], [3, 4])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_shown_as_it_is(text):
    assert cells(text_html(text), "p") == [text]


@given(PRINTED)
def test_every_text_is_shown_as_it_is(text):
    assert "".join(cells(text_html(text), "p")) == (text if text.strip() else "")


def test_paragraphs_and_line_breaks_are_kept():
    html = text_html("one\ntwo\n\n three\n \n\nfour\n")
    assert [ET.tostring(each, encoding="unicode") for each in parsed(html).iter("br")] == [
        "<br />two"
    ]
    assert cells(html, "p") == ["onetwo", " three", "four"]
    assert text_html(" \n\n") == ""


@pytest.mark.parametrize("text", HOSTILE)
def test_names_in_a_table_are_shown_as_they_are(text):
    table = new_table([text, "b"])
    table.add_row(text, text)
    assert cells(table_html(table), "th") == [text, "b"]
    assert cells(table_html(table), "td") == [text, text]


def test_a_table_is_read_by_headers_and_keeps_its_sides():
    table = new_table(["curve", "minimum\nat lr", "\nstep"])
    table.add_row("raw", "0.26", "3")
    table.add_row("EMA", "1.2", "")
    html = table_html(table)
    assert cells(html, "th") == ["curve", "minimum at lr", "step"]
    assert cells(html, "td") == ["raw", "0.26", "3", "EMA", "1.2", ""]
    assert {each.get("scope") for each in parsed(html).iter("th")} == {"col"}
    for row in parsed(html).iter("tr"):
        sides = [each.get("style").partition("text-align: ")[2].split(";")[0] for each in row]
        assert sides == ["left", "right", "right"]


def test_a_faint_row_is_faint_and_no_other():
    table = new_table(["curve"])
    table.add_row("usable")
    table.add_row("not", style="dim")
    _, usable, dim = parsed(table_html(table)).iter("tr")
    assert usable.get("style") is None
    assert "opacity" in dim.get("style")


def test_a_table_without_rows_or_headers_is_no_error():
    assert cells(table_html(new_table(["a"])), "th") == ["a"]
    bare = new_table(["", ""])
    bare.show_header = False
    bare.add_row("Train at", "0.1")
    assert cells(table_html(bare), "th") == []
    assert cells(table_html(bare), "td") == ["Train at", "0.1"]


def test_nothing_leaks_to_the_page_around():
    table = new_table(["curve"])
    table.add_row("raw", style="dim")
    for html in (text_html("a"), table_html(table), picture_html(line, "a line")):
        kinds = {each.tag for each in parsed(html).iter()}
        assert kinds <= {"all", "p", "div", "table", "thead", "tbody", "tr", "th", "td", "img"}
        assert "color:" not in html
        assert "background" not in html


def test_a_picture_holds_what_was_drawn_at_its_size():
    (image,) = parsed(picture_html(line, "a line", size=(4, 3))).iter("img")
    height, width, _ = pixels(image.get("src")).shape
    assert (width, height) == (4 * 144, 3 * 144)
    assert (image.get("alt"), image.get("width")) == ("a line", "384")
    assert "max-width: 100%" in image.get("style")


def test_a_picture_is_drawn_without_latex():
    with matplotlib.rc_context({"text.usetex": True}):
        html = picture_html(line, "a line", size=(4, 3))
        assert matplotlib.rcParams["text.usetex"]
    assert html == picture_html(line, "a line", size=(4, 3))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_words_for_a_picture_are_escaped(text):
    (image,) = parsed(picture_html(line, text, size=(1, 1))).iter("img")
    assert image.get("alt") == text


def test_nothing_of_the_user_s_is_changed_even_by_a_drawing_that_fails():
    def fails(ax):
        raise RuntimeError("no picture")

    before = dict(matplotlib.rcParams), plt.get_fignums()
    picture_html(line, "a line", size=(1, 1))
    with pytest.raises(RuntimeError, match="no picture"):
        picture_html(fails, "")
    assert (dict(matplotlib.rcParams), plt.get_fignums()) == before
