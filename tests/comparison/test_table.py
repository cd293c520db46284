"""The table, read back from its text."""

import re
from itertools import pairwise

import numpy as np
import pytest
from makers import make_result, noisy_result

from lrfind.support.text import TEXT_WIDTH


def columns(text, rows):
    """The cells of each row by the column they end under, from the text alone."""
    lines = text.splitlines()
    _, *ends = (match.end() for match in re.finditer(r"\S+(?: \S+)*", lines[1]))
    cells = []
    for line in lines[2 : 2 + rows]:
        first = re.split(r"\s{2,}", line)[0]
        rest = [line[start:end].strip() for start, end in pairwise([len(first), *ends])]
        cells.append([first, *rest])
    return cells


def test_every_column_shows_its_numbers():
    table = noisy_result().compare((0.9,))
    for row, cells in zip(table.rows, columns(str(table), 5)[: len(table.rows)], strict=True):

        def shift(part):
            return f"{part.decades + 0.0:+.2f} ({part.steps:+d})" if part else ""

        beside = "" if row.debiasing is None else f" ({row.debiasing + 0.0:+.2f})"
        assert cells == [
            row.label + ("*" if row.minimum.flags else ""),
            f"{row.minimum.lr:.2e}",
            str(row.minimum.step),
            f"{row.minimum.loss:.3g}",
            f"{row.decade_below:.2e}",
            shift(row.from_centred),
            shift(row.from_raw),
            "" if row.beta is None else f"{row.smoothing:+.2f} ±{row.error:.2f}{beside}",
            "" if row.noise_from_raw is None else f"{round(row.noise_from_raw, 2) + 0.0:+.2f}",
            "" if row.lag is None else f"{row.lag:+.2f}",
        ]


@pytest.mark.parametrize(
    ("scale", "betas"), [(1e5, (0.9, 0.999)), (1e-9, (0.99999,)), (-1, (0.5,))]
)
def test_no_digit_is_cut_off_however_wide_the_numbers(scale, betas):
    loss = make_result().loss * abs(scale) - (1e9 if scale == 1e5 else 0)
    assert "…" not in str(make_result(loss).compare(betas))


def test_nothing_is_cut_off_and_no_line_is_too_wide():
    text = str(noisy_result().compare((0.5, 0.9, 0.98, 0.99)))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= TEXT_WIDTH


def test_a_flag_is_a_star_in_its_row_and_a_note_below():
    text = str(make_result(np.linspace(3, 1, 100)).compare((0.9,)))
    assert "raw*" in text
    assert "! at_end (every curve)" in text
    assert "raise `end_lr`" in text
