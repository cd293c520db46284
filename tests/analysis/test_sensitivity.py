"""Every reading against the question asked by hand, and the spreads against numpy."""

import json
import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import make_result

from lrfind import CannotTellError
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.defaults import SCHEDULES
from lrfind.analysis.question import ask
from lrfind.analysis.readings import Scatter, scatter
from lrfind.analysis.sensitivity import sensitivity
from lrfind.analysis.sensitivity_table import LIMITS
from lrfind.analysis.suggestion import suggest
from lrfind.analysis.transfer import transfer
from lrfind.support.text import TEXT_WIDTH

RATES = np.linspace(-7, 1, 300)
BETAS = (0.5, 0.98)


def typical(seed=0, noise=0.05):
    loss = 2.3 - 2 / (1 + np.exp(-(RATES + 2.2) * 3)) + np.exp(np.minimum((RATES + 0.2) * 5, 4))
    return loss + noise * np.random.default_rng(seed).normal(size=RATES.size)


def sweep(loss):
    return SweepCurves(10 ** RATES[: len(loss)], loss)


def questions(betas):
    """Every question, by hand: (rule, schedule, curve, beta)."""
    expected = {("expected", schedule, None, None) for schedule in (None, *SCHEDULES)}
    plain = {("minimum", None, "raw", None)}
    plain |= {(rule, None, "centred", None) for rule in ("minimum", "steepest", "valley", "slide")}
    averaged = {("minimum", None, name, beta) for name, beta in product(("ema", "debiased"), betas)}
    averaged |= {
        (rule, None, "debiased", beta)
        for rule, beta in product(("steepest", "valley", "slide"), betas)
    }
    return expected | plain | averaged


def by_hand(curves, row):
    beta = {} if row.beta is None else {"beta": row.beta}
    answer = suggest(curves, ask(row.rule, schedule=row.schedule, curve=row.curve, **beta))
    return (answer.lr, "") if answer else (None, answer.reason)


def test_every_question_is_asked_once_and_the_default_first():
    rows = sensitivity(sweep(typical()), BETAS).rows
    asked = [(row.rule, row.schedule, row.curve, row.beta) for row in rows]
    assert asked[0] == ("expected", None, None, None)
    assert len(asked) == len(set(asked))
    assert set(asked) == questions(BETAS)


@pytest.mark.parametrize(
    "loss", [typical(), typical(noise=0.4), np.append(typical()[:280], np.nan)]
)
def test_every_reading_is_the_answer_of_that_part_of_the_record(loss):
    curves = sweep(loss)
    finite = loss[np.isfinite(loss)]
    ending = [np.nan] if finite.size < loss.size else []
    for row in sensitivity(curves, BETAS).rows:
        assert (row.lr, row.reason) == by_hand(curves, row)
        parts = [(each.stride, each.phase) for each in row.sub_sweeps]
        assert parts == [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
        for each in row.sub_sweeps[::2]:
            rates = curves.lr[each.phase :: each.stride]
            part = SweepCurves(rates, np.append(finite[each.phase :: each.stride], ending))
            assert (each.lr, each.reason) == by_hand(part, row)


def test_a_sub_sweep_takes_every_kth_loss_and_ends_as_the_sweep_does():
    curves = sweep(typical())
    part = curves.every(3, 1)
    np.testing.assert_array_equal(part.loss, curves.loss[1::3])
    np.testing.assert_array_equal(part.lr, curves.lr[1::3])
    falling = np.linspace(3, 1, 100)
    assert sweep(falling).every(2).posterior.blow_up is None
    cut = sweep(np.append(falling, np.nan)).every(2)
    assert cut.posterior.blow_up == cut.lr[-1] == 10 ** RATES[98]


def test_the_scatter_is_that_of_log10():
    assert scatter([1.0, 10.0, None, 100.0]) == Scatter(2.0, pytest.approx(np.sqrt(2 / 3)), 3)
    assert scatter([0.3]) == Scatter(0.0, 0.0, 1)
    assert scatter([None, None]) is scatter([]) is None


def test_the_spreads_are_those_of_their_rows():
    table = sensitivity(sweep(typical()), BETAS)
    rates = np.log10([row.lr for row in table.rows])
    assert table.total.largest == pytest.approx(np.ptp(rates))
    assert table.total.deviation == pytest.approx(np.std(rates))
    assert list(table.by_rule) == ["expected", "minimum", "steepest", "valley", "slide"]
    assert sum(each.count for each in table.by_rule.values()) == table.total.count == len(rates)
    factors = [transfer(schedule).factor for schedule in (None, *SCHEDULES)]
    apart = np.log10(max(factors) / min(factors))
    assert table.by_rule["expected"].largest == pytest.approx(apart)
    row = table.rows[5]
    assert row.over_sub_sweeps == scatter([each.lr for each in row.readings])
    assert table.over_sub_sweeps == table.rows[0].over_sub_sweeps
    assert table.over_sub_sweeps.count == 6


def test_without_noise_a_sub_sweep_finds_the_minimum_within_its_own_step():
    step = RATES[1] - RATES[0]
    rows = sensitivity(sweep(np.abs(RATES + 1.5) + 1)).rows
    raw = next(row for row in rows if row.curve == "raw")
    for each in raw.readings:
        assert abs(np.log10(each.lr) + 1.5 + 1) <= each.stride * step
    assert raw.over_sub_sweeps.largest <= 3 * step


def test_more_noise_spreads_the_sub_sweeps():
    def middle(noise):
        tables = [sensitivity(sweep(typical(seed, noise)), ()) for seed in range(5)]
        return np.median([table.over_sub_sweeps.deviation for table in tables])

    assert middle(0.02) < 0.06 < middle(0.5)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from([0.25, 64.0]), st.floats(-3, 3))
def test_units_change_no_spread_but_that_of_slide(seed, scale, decades):
    loss = typical(seed, 0.1)
    before = sensitivity(sweep(loss), BETAS)
    after = sensitivity(SweepCurves(10 ** (RATES + decades), scale * loss), BETAS)
    for one, other in zip(before.rows, after.rows, strict=True):
        if one.rule == "slide":
            continue
        assert (one.lr is None) == (other.lr is None)
        if one.lr is not None:
            assert np.log10(other.lr / one.lr) == pytest.approx(decades, abs=0.02)
            assert other.over_sub_sweeps.deviation == pytest.approx(
                one.over_sub_sweeps.deviation, abs=0.02
            )


def test_a_row_that_cannot_tell_is_listed_with_its_reason():
    table = sensitivity(sweep(2.3 + 0.05 * np.random.default_rng(1).normal(size=300)), (0.5,))
    assert {row.lr for row in table.rows} == {None}
    assert table.total is table.over_sub_sweeps is None
    assert set(table.by_rule.values()) == {None}
    assert any(note.startswith("every row: the loss never fell") for note in table.notes)
    text = str(table)
    assert text.count(" none ") == len(table.rows)
    assert "none, as no row has a suggestion" in text


def test_a_sub_sweep_that_is_too_short_says_so_while_the_sweep_has_its_rate():
    loss = np.interp(np.arange(20), [0, 5, 13, 15, 19], [2.3, 2.3, 0.2, 0.3, 4.0])
    row = sensitivity(SweepCurves(np.geomspace(1e-5, 1, 20), loss)).rows[0]
    assert row.lr is not None
    assert [each.lr is None for each in row.readings] == [False, False, False, True, True, True]
    assert all("fewer than 10 finite losses" in each.reason for each in row.readings[3:])
    assert row.over_sub_sweeps.count == 3


def test_a_sub_sweep_of_one_loss_has_a_reason_too():
    row = sensitivity(SweepCurves([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 3.0])).rows[0]
    assert "only 1 finite loss recorded" in row.readings[-1].reason
    assert row.over_sub_sweeps is None


@pytest.mark.parametrize(
    ("betas", "error"), [((1.0,), ValueError), (0.9, ValueError), (("a",), TypeError)]
)
def test_betas_are_checked(betas, error):
    with pytest.raises(error, match="`beta"):
        make_result().sensitivity(betas)


def test_a_beta_that_is_repeated_counts_once():
    curves = sweep(typical())
    assert sensitivity(curves, (0.9, 0.5, 0.9)) == sensitivity(curves, np.array([0.9, 0.5]))


def test_a_result_asks_its_losses_or_its_probe():
    result = make_result(probe=make_result().loss + 0.01)
    assert result.sensitivity() == sensitivity(result.curves())
    assert result.sensitivity((), source="probe") == sensitivity(result.curves("probe"), ())
    assert result == make_result(probe=make_result().loss + 0.01)
    with pytest.raises(CannotTellError, match="no probe"):
        make_result().sensitivity(source="probe")
    with pytest.raises(CannotTellError, match="finite loss"):
        make_result([1.0, np.nan]).sensitivity()


def test_the_dictionary_survives_json():
    table = sensitivity(sweep(typical(noise=0.3)), (0.9,))
    plain = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert plain == table.to_dict()
    assert [row["readings"][0]["lr"] for row in plain["rows"]] == [row.lr for row in table.rows]
    assert plain["total"]["largest"] == table.total.largest
    assert plain["over_sub_sweeps"] == plain["rows"][0]["over_sub_sweeps"]
    assert plain["by_rule"]["minimum"]["count"] == 4


def shift(rate, reference):
    return f"{round(np.log10(rate / reference), 2) + 0.0:+.2f}"


def test_the_table_shows_every_number_and_fits():
    table = sensitivity(sweep(typical(noise=0.3)), (0.9, 0.98))
    text = str(table)
    lines = text.splitlines()
    some_missing = False
    for row, shown in zip(table.rows, lines[2:], strict=False):
        label, *numbers = re.split(r"\s{2,}|\s(?=[+-]\d|\?)", shown)
        pairs = [(row.lr, table.rows[0].lr), *((each.lr, row.lr) for each in row.sub_sweeps)]
        some_missing |= any(rate is None for rate, _ in pairs)
        apart = row.over_sub_sweeps
        assert label == row.label
        assert numbers == [
            f"{row.lr:.2e}",
            *("?" if rate is None else shift(rate, reference) for rate, reference in pairs),
            f"{apart.largest:.2f}",
            f"{apart.deviation:.2f}",
        ]
    assert some_missing
    assert "(in a sub-sweep): `slide` finds no flat window" in text
    total = f"{table.total.largest:.2f} ({table.total.deviation:.2f})"
    words = " ".join(text.split())
    assert f"in decades: {total}" in words
    assert LIMITS in words
    assert max(map(len, lines)) <= TEXT_WIDTH
    assert "…" not in text
