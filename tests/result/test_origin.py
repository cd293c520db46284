"""What the answer, the texts and the figure of losses say that another tool recorded."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from makers import noisy_result

from lrfind.analysis.flags import Flag
from lrfind.analysis.rules import RULES
from lrfind.histories.averages import Average
from lrfind.histories.kinds import KINDS
from lrfind.result.origin import Origin
from lrfind.result.range_test_result import load
from lrfind.support.errors import ResultFileError

RECOVERED = Origin("torch-lr-finder", 0.95)
KEPT = Origin("torch-lr-finder", 0.95, "rounded")
OBSTACLES = ("", "rounded", "numbers too large", "not of beta 0.985")


@pytest.fixture(scope="module")
def raw():
    return noisy_result()


@pytest.fixture(scope="module")
def recovered(raw):
    return replace(raw, origin=RECOVERED)


@pytest.fixture(scope="module")
def smoothed(raw):
    kept = Average(seeded=True).of(raw.loss, 0.95)
    return replace(raw, loss=kept, origin=KEPT)


@pytest.mark.parametrize("obstacle", OBSTACLES)
@pytest.mark.parametrize("tool", [kind.tool for kind in KINDS.values() if kind.tool])
def test_it_is_one_line_of_a_terminal(tool, obstacle):
    assert len(str(Origin(tool, 0.9851, obstacle))) <= 72
    assert len(str(Origin("Lightning", 0.98, "global step unknown"))) <= 72


def test_recovered_losses_give_the_answer_of_raw_ones_and_the_text_says_whence(raw, recovered):
    assert recovered.suggest() == raw.suggest()
    first, second, *rest = str(recovered.summary()).splitlines()
    assert second == str(RECOVERED)
    assert [first, *rest] == str(raw.summary()).splitlines()
    assert str(RECOVERED) in str(recovered.summary(detail=True)).splitlines()
    assert recovered.to_dict() == {**raw.to_dict(), "origin": str(RECOVERED)}


def test_smoothed_losses_give_no_calibrated_rate(smoothed):
    answer = smoothed.suggest()
    assert not answer
    assert answer.reason == Flag.SMOOTHED.value
    assert Flag.SMOOTHED in answer.flags
    assert not smoothed.suggest(schedule="cosine", total_steps=1000)


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.reads_curve])
def test_a_rule_on_smoothed_losses_answers_with_the_flag_and_without_an_interval(smoothed, rule):
    answer = smoothed.suggest(rule)
    assert answer
    assert Flag.SMOOTHED in answer.cautions
    assert (answer.interval, answer.uncertainty, answer.expected_lr) == (None, None, None)
    text = str(smoothed.summary(suggestion=answer))
    assert "Trust     poor: smoothing moved the minimum up" in text
    assert max(map(len, text.splitlines())) <= 72


def test_the_text_of_smoothed_losses_claims_nothing_of_raw_ones(smoothed):
    text = str(smoothed.summary())
    assert str(KEPT) in text.splitlines()
    assert "smoothed losses" in text
    assert "raw" not in text.lower()
    assert "EMA" not in text
    assert "moved" not in text
    assert max(map(len, text.splitlines())) <= 72
    detail = str(smoothed.summary(detail=True))
    assert "The shift of the debiased EMA 0.98 minimum cannot be measured: only smoothed" in (
        " ".join(detail.split())
    )
    row = smoothed.compare().rows[0]
    assert (row.curve, row.label) == ("raw", "smoothed")
    assert all(row.smoothing is None for row in smoothed.compare().rows if row.beta is not None)


def test_a_sub_sweep_of_smoothed_losses_is_one_of_smoothed_losses(smoothed):
    table = smoothed.sensitivity((0.9,))
    readings = [each for row in table.rows if row.rule == "expected" for each in row.readings]
    assert len(readings) > 5
    assert {(each.lr, each.reason) for each in readings} == {(None, Flag.SMOOTHED.value)}


def test_the_figure_says_where_the_losses_come_from(raw, recovered, smoothed):
    title = raw.plot().get_title()
    assert recovered.plot().get_title() == f"{title}\n{RECOVERED}"
    ax = smoothed.plot()
    assert ax.get_title() == f"No rate: only smoothed losses were kept\n{KEPT}"
    labels = {str(line.get_label()) for line in ax.get_lines()}
    assert "smoothed losses" in labels
    assert not any("EMA" in each or "raw" in each for each in labels)
    few = replace(raw, lr=raw.lr[:2], loss=[1.0, np.nan], origin=RECOVERED)
    assert few.plot().get_title().endswith(f"\n{RECOVERED}")


def test_the_detail_of_smoothed_losses_shows_no_interval(smoothed):
    ax = smoothed.plot(detail=True, suggestion=smoothed.suggest("minimum"))
    labels = {str(line.get_label()) for line in ax.get_lines()}
    assert "centred curve" in labels
    assert not any("interval" in each or "expected" in each for each in labels)


@pytest.mark.parametrize(
    "origin", [{"tool": "ignite", "beta": 0.95}, {**asdict(KEPT), "beta": 2}, ["ignite"], "ignite"]
)
def test_a_damaged_origin_is_a_damaged_file(recovered, tmp_path, origin):
    recovered.save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["origin"] == asdict(RECOVERED)
    (tmp_path / "a.json").write_text(json.dumps({**document, "origin": origin}))
    with pytest.raises(ResultFileError, match="is damaged"):
        load(tmp_path / "a.json")


def test_a_sweep_of_ours_has_none_in_its_file(raw, tmp_path):
    raw.save(tmp_path / "a.json")
    assert "origin" not in json.loads((tmp_path / "a.json").read_text())
