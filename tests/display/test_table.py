"""The table, read back from its text."""

import numpy as np
import pytest
from test_result import make_result

from lrfind.display.sentences import advice, ending, shift_sentence
from lrfind.display.table import TEXT_WIDTH


def noisy():
    return make_result(make_result().loss + np.random.default_rng(0).normal(scale=0.05, size=100))


def test_every_row_shows_its_numbers():
    table = noisy().compare((0.9,))
    lines = str(table).splitlines()
    for row, line in zip(table.rows, lines[2:], strict=False):
        cells = line.split()
        assert f"{row.minimum.lr:.2e}" in cells
        assert str(row.minimum.step) in cells
        assert f"{row.decade_below:.2e}" in cells
        if row.from_raw:
            assert f"{row.from_raw.decades + 0.0:+.2f} ({row.from_raw.steps:+d})" in line
            assert f"{row.noise_from_raw:+.2f}" in line
        assert line.startswith(row.label + ("*" if row.minimum.flags else ""))


def test_nothing_is_cut_off_and_no_line_is_too_wide():
    text = str(noisy().compare((0.5, 0.9, 0.98, 0.99)))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= TEXT_WIDTH


def test_a_flag_is_a_star_in_its_row_and_a_note_below():
    text = str(make_result(np.linspace(3, 1, 100)).compare((0.9,)))
    assert "raw*" in text
    assert "! at_end (every curve)" in text
    assert "raise `end_lr`" in text


def test_advice_names_the_rate_and_what_it_was_read_from():
    result = noisy()
    answer = result.suggest()
    said = advice(result)
    assert said.startswith(f"Train at about {answer.lr:.2e}, one decade below")
    assert f"{answer.minimum.lr:.2e}" in said
    assert "But" not in said


def test_advice_lists_the_rates_of_the_groups_and_what_stands_against_it():
    said = advice(make_result(np.linspace(3, 1, 100), group_scale=(0.5, 1.0)))
    assert "for the parameter groups" in said
    assert "But the curve was still falling" in said


def test_advice_without_a_suggestion_says_why():
    said = advice(make_result(np.full(100, 2.0)))
    assert said.startswith("No learning rate can be suggested: the loss never fell")


def test_the_shift_is_told_with_its_parts():
    row = noisy().compare((0.98,)).row("debiased", 0.98)
    said = shift_sentence(row)
    for part in (row.from_raw.decades, row.smoothing, row.noise_from_raw):
        assert f"{part + 0.0:+.2f}" in said


def test_a_shift_that_cannot_be_told_is_no_number():
    row = make_result(np.full(100, 2.0)).compare((0.98,)).row("ema", 0.98)
    assert "cannot be told" in shift_sentence(row)


@pytest.mark.parametrize("loss", [[], [1.0, np.nan], np.linspace(3, 1, 100)])
def test_the_ending_counts_the_steps(loss):
    assert f"after {len(loss)} steps" in ending(make_result(loss))
