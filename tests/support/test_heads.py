"""Heads of columns: short, different, and nothing in them that a terminal obeys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.support.heads import LONGEST, cut, heads, whole


def test_the_last_parts_of_paths_that_tell_them_apart():
    assert heads(["a/b/r.json", "c/s.json"]) == ("r.json", "s.json")
    assert heads(["a/x/r.json", "b/x/r.json"]) == ("a/x/r.json", "b/x/r.json")
    assert heads(["./r.json", "../r.json"]) == ("r.json", "../r.json")


def test_the_same_path_twice_is_numbered():
    assert heads(["r.json", "./r.json", "r.json"]) == ("r.json", "r.json (2)", "r.json (3)")
    assert heads(["r", "r", "r (2)"]) == ("r", "r (2)", "r (2) (2)")


def test_what_a_terminal_would_obey_is_written_out():
    assert heads(["\x1b[31mr\n.json", "\u202er.json", "b\udcff.json"]) == (
        r"\x1b[31mr\n.json", r"\u202er.json", r"b\udcff.json",
    )  # fmt: skip


def test_a_long_name_keeps_its_ends():
    (head, _) = heads(["start" + 100 * "x" + "end.json", "b"])
    assert (len(head), head[:5], head[-8:]) == (LONGEST - 1, "start", "end.json")


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_heads_of_any_names_differ_and_can_be_printed(names):
    shown = heads(names)
    assert len(set(shown)) == len(names)
    assert all(head.isprintable() and head for head in shown)


@pytest.mark.parametrize(("text", "shown"), [("abcdef", "abcdef"), ("abcdefgh", "ab...gh")])
def test_a_text_is_cut_in_the_middle(text, shown):
    assert cut(text, 7) == shown


@given(st.text())
def test_a_text_is_whole_unless_it_holds_half_a_character(text):
    assert whole(text) == text
    assert whole(f"\ud800{text}") == rf"\ud800{text}"
