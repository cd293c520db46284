"""The interactive page in a real browser: every number on it is the library's."""

import csv
import io
import math
import random
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from makers import BEFORE, ROOT
from PIL import Image

import lrfind
from lrfind import CannotTell, Controls, RangeTestResult, StopReason, ema
from lrfind.analysis.flags import Flag
from lrfind.analysis.schedule import lr_sequence
from lrfind.analysis.verdict import Verdict
from lrfind.comparison.curve_rows import curve_row
from lrfind.layers.layer_norms import Layers
from lrfind.reports.page import as_json
from lrfind.result.cold_start import ColdStart
from lrfind.result.page_answers import EVEN_BETAS, LENGTHS
from lrfind.result.settings import SweepSettings
from lrfind.result.trust import trust_of
from lrfind.support.heads import printable
from lrfind.support.text import decades, rate, times, words

pytestmark = pytest.mark.slow
HOSTILE = [
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "</script><script>window.hacked = 1</script>",
    r"$\frac{$ $$x$$ \(y\)",
    "\x1b[31mred\x1b[0m",
    "<!--",
    "n" * 10_000,
]
TEXT = """() => {
  const text = (it) => it.nodeType === Node.TEXT_NODE ? it.textContent
    : [...it.childNodes, ...(it.shadowRoot ? it.shadowRoot.childNodes : [])].map(text).join(" ");
  return text(document.body);
}"""
"""What stands on the page, in all shadow trees."""
CELLS = ["lr", "step", "loss", "below", "shift", "smoothing", "debiasing", "noise"]


def made(n=200, *, end=None, noise=0.1, seed=0, **more):
    """A sweep with a well, noise, and a divergence."""
    lr = lr_sequence(1e-6, 10, n)
    x, draws = np.log10(lr), np.random.default_rng(seed)
    loss = 2.3 - 1.8 / (1 + np.exp(-2 * (x + 3))) + np.exp(3 * x) + draws.normal(0, noise, n)
    if end is not None:
        loss[-1] = end
    settings = SweepSettings(1e-6, 10.0, n, "exp", None)
    return RangeTestResult(lr, loss, StopReason.COMPLETED, settings, **more)


def load(name):
    return lrfind.load(BEFORE / f"{name}.json")


def demo():
    return lrfind.load(ROOT / ".github" / "demo" / "result.json")


SWEEPS = {
    "demo": demo,
    "noisy": lambda: made(end=math.nan, noise=0.4),
    "tasks": lambda: load("tasks"),
}


@pytest.fixture
def shown(open_page, pages):
    """Opens the page of a result by name."""

    def opened(name, **options):
        make = SWEEPS[name]
        return open_page(pages(name, lambda path: make().report(path)), **options)

    return opened


def betas_of(page):
    return page.evaluate("JSON.parse(document.getElementById('data').textContent).betas")


def choose_beta(page, betas, beta):
    page.locator("#beta").fill(str(betas.index(beta)))


def table_of(page):
    """The rows of the table by curve: of each cell its number, None without one, and its text."""
    rows = page.evaluate(
        """[...document.querySelectorAll("#minima tbody tr")].map((row) => [row.dataset.curve,
          [...row.cells].slice(1).map((it) => [it.dataset.value ?? null, it.textContent])])"""
    )
    return {
        curve: dict(zip(CELLS, ((n and float(n), text) for n, text in cells), strict=True))
        for curve, cells in rows
    }


def cells_of(page, curve):
    """The row of a curve."""
    return table_of(page)[curve]


def rate_on(page):
    """The rate to train with; None if the page has none."""
    value = page.locator("#rate").get_attribute("data-value")
    return None if value is None else float(value)


@pytest.mark.parametrize("name", SWEEPS)
def test_every_number_of_the_table_is_the_librarys_for_each_beta(shown, name):
    page, curves = shown(name), SWEEPS[name]().curves()
    betas = betas_of(page)
    for beta in [0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, *random.sample(EVEN_BETAS, 4)]:
        choose_beta(page, betas, beta)
        assert page.locator("#beta-shown").text_content() == f"{beta:g}"
        shift, table = page.locator("#shift").text_content(), table_of(page)
        assert [*table] == ["raw", "centred", "expected", "ema", "debiased"]
        for curve, cells in table.items():
            row = curve_row(curves, curve, beta if curve in ("ema", "debiased") else None)
            check_row(row, cells)
        if row.from_raw is not None:
            distance = row.from_raw.decades
            assert f"beta {beta:g} the" in shift
            assert f"{times(distance)} ({decades(distance)} dec" in shift


def check_row(row, cells):
    usable = row.minimum.usable
    assert {key: value for key, (value, _) in cells.items()} == {
        "lr": row.minimum.lr if usable else None,
        "step": row.minimum.step,
        "loss": row.minimum.loss,
        "below": row.decade_below if usable else None,
        "shift": row.from_raw and row.from_raw.decades,
        "smoothing": row.smoothing,
        "debiasing": row.debiasing,
        "noise": row.noise_from_raw,
    }
    if usable:
        assert cells["lr"][1] == f"{row.minimum.lr:.2e}"
        assert cells["below"][1] == f"{row.decade_below:.2e}"


def test_the_script_computes_the_averages_as_the_library_does(shown):
    page, curves = shown("noisy"), SWEEPS["noisy"]().curves()
    read = (
        "Object.fromEntries(Object.entries(models.steps.data).map(([name, it]) => [name, [...it]]))"
    )
    for beta in (0.0, 0.5, 0.9, 0.98, 0.999):
        choose_beta(page, betas_of(page), beta)
        columns = page.evaluate(read)
        assert columns["raw"] == curves.loss.tolist()
        assert columns["lr"] == curves.lr.tolist()
        assert columns["ema"] == ema(curves.loss, beta).tolist()
        debiased = lrfind.debiased_ema(curves.loss, beta)
        np.testing.assert_allclose(columns["debiased"], debiased, 1e-14)
        start = curve_row(curves, "debiased", beta).minimum.step
        assert int(np.argmin(columns["debiased"][start:])) == 0


def test_the_second_figure_has_the_minimum_of_every_beta(shown):
    page, curves = shown("demo"), demo().curves()
    find = "Bokeh.documents.map((it) => it.get_model_by_name('betas data')).find(Boolean)"
    columns = page.evaluate(f"{find}.data")
    assert columns["beta"] == betas_of(page)
    for name in ("ema", "debiased"):
        minima = [curves.minimum(name, beta) for beta in columns["beta"]]
        assert columns[name] == [each.lr if each.usable else None for each in minima]
    choose_beta(page, columns["beta"], 0.9)
    find = "Bokeh.documents.map((it) => it.get_model_by_name('beta now')).find(Boolean)"
    assert page.evaluate(f"{find}.location") == pytest.approx(10)


@pytest.mark.parametrize("name", ["demo", "noisy"])
def test_every_choice_gives_the_answer_of_suggest(shown, name):
    page, result = shown(name), SWEEPS[name]()
    betas = betas_of(page)

    def compare(beta=None, **question):
        answer = result.suggest(**question, **({} if beta is None else {"beta": beta}))
        assert rate_on(page) == (None if isinstance(answer, CannotTell) else answer.lr), question
        said = page.locator("#said").text_content()
        if isinstance(answer, CannotTell):
            assert answer.reason in said
        else:
            assert page.locator("#rate").text_content() == f"Train at {rate(answer.lr)}"
            assert rate(answer.interval[0]) in said
            assert rate(answer.interval[1]) in said

    compare()
    for schedule, steps in product(["", "constant", "one_cycle"], ["", *LENGTHS[::2]]):
        page.locator("#schedule").select_option(schedule)
        page.locator("#length").select_option(str(steps))
        compare(schedule=schedule or None, total_steps=steps or None)
    for rule in ("minimum", "steepest", "valley", "slide"):
        page.locator("#rule").select_option(rule)
        assert page.locator("#schedule").is_disabled()
        curves = page.locator("#curve option").evaluate_all("(all) => all.map((it) => it.value)")
        assert ("raw" in curves) == (rule == "minimum")
        for curve in curves:
            page.locator("#curve").select_option(curve)
            averaged = curve in ("ema", "debiased")
            for beta in (0.5, 0.98) if averaged else (None,):
                choose_beta(page, betas, beta or 0.9)
                compare(beta=beta, rule=rule, curve=curve)
    page.locator("#start-again").click()
    assert page.locator("#beta-shown").text_content() == "0.98"
    compare()


def check_words(page, answer, result):
    """The words on the page are those of an answer."""
    terms = page.locator("#said dt").all_text_contents()
    said = list(zip(terms, page.locator("#said dd").all_text_contents(), strict=True))
    if isinstance(answer, CannotTell):
        verdict = "why" if answer.verdict is None else words(answer.verdict.name)
        assert said == [(verdict, answer.reason)]
        return
    trust = trust_of(answer, cut_short=result.stop_reason.cut_short)
    assert ("trust", f"{trust.level} ({words(answer.verdict.name)}): {trust.why}") in said
    assert ("next", trust.remedy) in said
    assert [text for term, text in said if term == "but"] == [it.value for it in answer.cautions]


@pytest.mark.parametrize("question", [{"curve": "ema", "beta": 0.999}, {"factor": 1e6}])
def test_a_refusal_that_was_asked_for_is_shown_first(open_page, tmp_path, question):
    result = made(60)
    answer = result.suggest(**question)
    assert isinstance(answer, CannotTell)
    result.report(tmp_path / "page.html", suggestion=answer, beta=question.get("beta", 0.98))
    page = open_page(tmp_path / "page.html")
    assert rate_on(page) is None
    check_words(page, answer, result)
    assert page.locator("#curve").input_value() == question.get("curve", "")
    assert page.locator("#beta-shown").text_content() == f"{question.get('beta', 0.98):g}"


COLD = {
    "lowered": ((0.03, 2.3), (0.01, 0.5)),
    "started at once": ((0.03, 0.5),),
    "never started": ((0.0003, 2.3), (0.0001, 2.3)),
    "not tried": (),
    "tried elsewhere": ((made().suggest().expected_lr / 10**0.8 * (1 - 1e-12), 0.5),),
}


KINDS = {
    "lowered": (Verdict.COLD_START, False),
    "started at once": (Verdict.FLAT, True),
    "never started": (Verdict.COLD_START, False),
    "not tried": (Verdict.FLAT, False),
    "tried elsewhere": (Verdict.FLAT, True),
}
"""Verdict, and whether the rate is flagged as not tried."""
ENDINGS = [(cold, StopReason.COMPLETED) for cold in COLD if cold != "never started"]
ENDINGS += [("never started", StopReason.UNFINISHED)]


@pytest.mark.parametrize(("cold", "reason"), ENDINGS)
def test_the_factor_slider_gives_the_answer_of_suggest(open_page, pages, cold, reason):
    starts = tuple(ColdStart(lr, 10, loss, 1.0) for lr, loss in COLD[cold])
    result = replace(made(cold_starts=starts), stop_reason=reason)
    page = open_page(pages(f"{cold} {reason.name}", result.report))
    check_words(page, result.suggest(), result)
    kinds = set()
    for rule in ("expected", "minimum"):
        page.locator("#rule").select_option(rule)
        for place in (0, 13, 40, 77, 100):
            page.locator("#factor").fill(str(place))
            factor = 10 ** (place / 50)
            curve = {"curve": "debiased"} if rule == "minimum" else {}
            answer = result.suggest(rule, factor=factor, **curve)
            lr = None if isinstance(answer, CannotTell) else pytest.approx(answer.lr, rel=1e-12)
            assert rate_on(page) == lr, (rule, factor)
            check_words(page, answer, result)
            kinds.add((answer.verdict, Flag.NOT_TRIED in answer.flags))
    # Of each kind one, or the comparison shows nothing.
    assert KINDS[cold] in kinds


def test_the_rules_own_factor_is_told_from_another(open_page, tmp_path):
    result = made()
    result.report(tmp_path / "page.html", suggestion=result.suggest(factor=2))
    page = open_page(tmp_path / "page.html")
    assert page.locator("#factor-shown").text_content() == "2.0"
    assert rate_on(page) == result.suggest(factor=2).lr
    page.locator("#rule").select_option("minimum")
    assert page.locator("#factor-shown").text_content() == "10, the rule's own"
    assert page.locator("#factor").get_attribute("aria-valuetext") == "10, the rule's own"


@pytest.mark.parametrize("beta", [0.0, 0.000012])
def test_any_beta_can_be_asked_for(open_page, tmp_path, beta):
    # Python and JavaScript write small numbers in different ways.
    result = made()
    asked = result.suggest(curve="debiased", beta=beta)
    result.report(tmp_path / "page.html", suggestion=asked)
    page = open_page(tmp_path / "page.html")
    assert rate_on(page) == asked.lr
    assert float(page.locator("#beta-shown").text_content()) == beta
    assert page.locator("#curve").input_value() == "debiased"


@pytest.fixture
def kinds(open_page, pages):
    """A page of usual, extreme, negative and no losses, and the first two of these."""
    usual = made()
    extreme = replace(usual, loss=usual.loss * 2.0**1000)
    negative = replace(usual, loss=usual.loss - 100)
    empty = replace(usual, lr=usual.lr[:1], loss=usual.loss[:1])
    return open_page(pages("kinds", lambda path: usual.report(path, extreme, negative, empty))), (
        usual, extreme,
    )  # fmt: skip


def test_extreme_losses_are_shown_with_their_unit(kinds):
    page, (usual, extreme) = kinds
    assert page.locator("#loss-head").text_content() == axis_label(page) == "loss"
    assert "/" not in page.locator("#readout").text_content()
    page.locator("#source").select_option("1")
    unit = extreme.curves().unit
    assert unit > 1
    label = f"loss / {unit:.2g}"
    assert page.locator("#loss-head").text_content() == axis_label(page) == label
    assert label in page.locator("#readout").text_content()
    assert cells_of(page, "raw")["loss"][0] * unit == extreme.curves().minimum("raw").loss
    # Beside others, in their unit.
    drawn = "models.others.data.loss[0]"
    beside = page.evaluate(f"[...{drawn}]")
    np.testing.assert_allclose(beside, lrfind.debiased_ema(usual.loss, 0.98) / unit, 1e-13)


def axis_label(page):
    return page.evaluate("models.linear.figure.left[0].axis_label")


def test_a_sweep_of_negative_losses_leaves_the_log_axis(kinds):
    page, _ = kinds
    visible = "[models.linear.figure.visible, models.log.figure.visible]"
    page.locator("#log-loss").check()
    assert page.evaluate(visible) == [False, True]
    page.locator("#source").select_option("2")
    assert page.locator("#log-loss").is_disabled()
    assert not page.locator("#log-loss").is_checked()
    assert page.evaluate(visible) == [True, False]


def test_a_sweep_without_curves_shows_none_of_another(kinds):
    page, _ = kinds
    assert page.locator("#curves").is_visible()
    page.locator("#source").select_option("3")
    assert not page.locator("#curves").is_visible()
    assert not page.locator("#betas").is_visible()
    page.locator("#source").select_option("0")
    assert page.locator("#curves").is_visible()


def test_a_rate_outside_what_was_swept_is_refused(open_page, pages):
    lr = lr_sequence(0.2, 10, 120)
    loss = (np.log10(lr) - 0.3) ** 2
    settings = SweepSettings(0.2, 10.0, 120, "exp", None)
    result = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
    page = open_page(pages("narrow", result.report))
    page.locator("#rule").select_option("minimum")
    page.locator("#factor").fill("100")
    answer = result.suggest("minimum", curve="debiased", factor=100)
    assert isinstance(answer, CannotTell)
    assert rate_on(page) is None
    assert answer.reason in page.locator("#said").text_content()


def test_what_was_asked_is_shown_first(open_page, tmp_path):
    result = demo()
    asked = result.suggest(schedule="one_cycle", total_steps=2345)
    result.report(tmp_path / "page.html", suggestion=asked, beta=0.97)
    page = open_page(tmp_path / "page.html")
    assert rate_on(page) == asked.lr
    assert page.locator("#length").input_value() == "2345"
    assert page.locator("#beta-shown").text_content() == "0.97"
    on_curve = result.suggest(curve="ema", beta=0.913)
    result.report(tmp_path / "page.html", suggestion=on_curve)
    page = open_page(tmp_path / "page.html")
    assert rate_on(page) == on_curve.lr
    assert page.locator("#beta-shown").text_content() == "0.913"


def test_each_source_of_losses_has_its_curves_and_its_answer(shown):
    page, result = shown("tasks"), load("tasks")
    names = page.locator("#source option").all_text_contents()
    assert len(names) == 1 + len(result.tasks)
    for place, task in enumerate(result.tasks, 1):
        page.locator("#source").select_option(str(place))
        answer = result.suggest(source=task)
        assert rate_on(page) == (None if isinstance(answer, CannotTell) else answer.lr)
        assert cells_of(page, "raw")["lr"][0] == result.curves(task).minimum("raw").lr


def test_several_results_lie_beside_each_other(open_page, pages):
    sweeps = [demo(), made(), made(5, noise=0)]
    names = ["demo", "other", "short"]

    def write(path):
        sweeps[0].report(path, *sweeps[1:], Controls.load(BEFORE / "controls.json"), names=names)

    page = open_page(pages("several", write))
    rows = page.locator("#results tbody tr")
    for place, (name, sweep) in enumerate(zip(names, sweeps, strict=True)):
        cells = rows.nth(place).locator("th, td").all_text_contents()
        answer = sweep.suggest()
        told = "no rate" if isinstance(answer, CannotTell) else rate(answer.lr)
        assert cells[:2] == [name, told]
        usable = sweep.curves().minimum("raw").usable
        assert bool(cells[4]) == usable
    assert page.get_by_role("heading", name="Controls").count() == 1
    assert page.locator(".card img").count() == 1
    page.locator("#source").select_option("1")
    assert rate_on(page) == sweeps[1].suggest().lr
    assert "other sweeps" in page.locator("#legend").text_content()


@pytest.mark.parametrize("loss", [[1.0, 0.5, 0.4], [math.nan] * 3])
def test_a_sweep_that_tells_nothing_says_why(open_page, tmp_path, loss):
    lr = lr_sequence(1e-4, 1, max(len(loss), 2))[: len(loss)]
    settings = SweepSettings(1e-4, 1.0, max(len(loss), 2), "exp", None)
    result = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
    result.report(tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    assert page.locator("#rate").text_content() == "No rate"
    assert result.suggest().reason in page.locator("#said").text_content()


def hostile_result():
    n, rng = 60, np.random.default_rng(0)
    names = tuple(HOSTILE)
    shape = (n, len(names))
    tables = {name: np.abs(rng.normal(1, 0.1, shape)) for name in ("weight", "gradient", "update")}
    lr = lr_sequence(1e-6, 10, n)
    base = made(n, seed=1)
    layers = Layers(
        names=names, lr=lr, rate_scale=(1.0,) * len(names), weight_decay=(0.0,) * len(names),
        **tables, applied=np.empty(0),
    )  # fmt: skip
    tasks = {name: base.loss + place for place, name in enumerate(names)}
    return RangeTestResult(
        base.lr, base.loss, base.stop_reason, base.settings, tasks=tasks, layers=layers,
        optimizer=HOSTILE[0], versions={HOSTILE[1]: HOSTILE[2]},
    )  # fmt: skip


def test_nothing_that_a_user_named_runs_or_breaks_the_page(open_page, tmp_path):
    result = hostile_result()
    result.report(tmp_path / "page.html", made(20), names=HOSTILE[1:3])
    page = open_page(tmp_path / "page.html")
    assert page.evaluate("window.hacked") is None
    shown = page.locator("#source option").all_text_contents()
    for name in HOSTILE:
        # Text in an option is shown without the white space around it.
        assert any(printable(name).strip() in each for each in shown), name[:40]
    assert printable(HOSTILE[0]) in page.locator("#facts").text_content()
    for place in range(len(shown)):
        page.locator("#source").select_option(str(place))
    assert page.evaluate("window.hacked") is None
    page.locator("#source").select_option("0")
    result.to_csv(tmp_path / "own.csv")
    with page.expect_download() as download:
        page.locator("#csv").click()
    download.value.save_as(tmp_path / "saved.csv")
    saved, own = (
        [*csv.reader(io.StringIO((tmp_path / name).read_text()))]
        for name in ("saved.csv", "own.csv")
    )
    assert saved[0] == own[0]
    assert page.locator("img[src=x]").count() == 0
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]


def test_json_in_a_script_element_holds_no_markup():
    text = as_json({"name": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(text)


def test_the_downloads_are_the_table_of_to_csv_and_the_figure(shown, tmp_path):
    page, result = shown("tasks"), load("tasks")
    choose_beta(page, betas_of(page), 0.9)
    saved = {}
    for kind in ("csv", "svg", "png"):
        with page.expect_download() as download:
            page.locator(f"#{kind}").click()
        saved[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[kind])
    result.to_csv(tmp_path / "own.csv", beta=0.9)
    ours, own = (
        [*csv.reader(io.StringIO(path.read_text()))]
        for path in (saved["csv"], tmp_path / "own.csv")
    )
    assert ours[0] == own[0]
    np.testing.assert_allclose(np.array(ours[1:], float), np.array(own[1:], float), rtol=1e-14)
    assert ET.parse(saved["svg"]).getroot().tag.endswith("svg")
    assert saved["png"].read_bytes().startswith(b"\x89PNG")


def test_numbers_are_written_as_in_the_library(shown):
    page, rng = shown("demo"), random.Random(0)
    values = [10 ** rng.uniform(-9, 4) for _ in range(2000)] + [0.125, 0.375, 2.5e-05, 1.25, 99.5]
    values += [float(f"{value:.2g}") for value in values[:500]]
    assert page.evaluate("(all) => all.map(rate)", values) == [rate(value) for value in values]
    assert page.evaluate("(all) => all.map(precise)", values) == [f"{it:.2e}" for it in values]
    signed = [rng.uniform(-3, 3) for _ in range(500)] + [0.0, -0.001, 0.001]
    assert page.evaluate("(all) => all.map(times)", signed) == [times(value) for value in signed]
    assert page.evaluate("(all) => all.map(decades)", signed) == [decades(it) for it in signed]


def test_it_can_be_used_with_the_keyboard_alone(shown):
    page = shown("demo")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    wanted = {"schedule", "length", "rule", "beta", "factor", "log-loss", "start-again", "step"}
    assert wanted | {"csv", "svg", "png", "show-raw", "show-centred"} <= {*reached}
    page.locator("#beta").focus()
    betas = betas_of(page)
    page.keyboard.press("ArrowRight")
    beta = betas[betas.index(0.98) + 1]
    assert page.locator("#beta-shown").text_content() == f"{beta:g}"
    page.locator("#step").focus()
    page.keyboard.press("End")
    curves = demo().curves()
    assert page.locator("#step-shown").text_content() == f"{curves.loss.size - 1}"
    assert f"raw {curves.loss[-1]:.4g}" in page.locator("#readout").text_content()
    labels = page.locator("input, select").evaluate_all(
        "(all) => all.map((it) => it.labels.length)"
    )
    assert all(labels)


def test_a_point_tells_its_step_rate_and_losses(shown):
    page, curves = shown("demo"), demo().curves()
    step = 150
    where = page.evaluate(
        """(step) => {
          const views = [...Bokeh.index].flatMap((it) => [it, ...(it.child_views || [])]);
          const view = views.find((it) => it.frame && it.model.visible);
          const data = view.model.document.get_model_by_name("steps data").data;
          const box = view.canvas_view.el.getBoundingClientRect();
          const x = view.frame.x_scale.compute(data.lr[step]);
          const y = view.frame.y_scale.compute(data.raw[step]);
          return [box.left + x, box.top + y];
        }""",
        step,
    )
    page.mouse.move(where[0] + 30, where[1] + 30)
    page.mouse.move(*where, steps=4)
    for _ in range(100):
        said = page.evaluate(TEXT)
        if "raw loss:" in said:
            break
        page.wait_for_timeout(100)
    assert f"{step}" in said
    assert f"{curves.loss[step]:.4g}" in said
    assert f"{curves.lr[step]:.2e}".replace("e-0", "e-") in said


def test_a_log_axis_can_be_chosen(shown):
    page = shown("demo")
    visible = """Bokeh.documents.flatMap((it) => it.roots())
      .flatMap((it) => it.children || []).map((it) => it.visible)"""
    assert page.evaluate(visible) == [True, False]
    page.locator("#log-loss").check()
    assert page.evaluate(visible) == [False, True]
    assert rate_on(page) == demo().suggest().lr


def test_it_fits_the_width_of_the_screen(shown):
    page = shown("tasks")
    for width in (360, 600, 1400):
        page.set_viewport_size({"width": width, "height": 800})
        # The figures follow the window a moment later.
        for _ in range(100):
            if page.evaluate("document.documentElement.scrollWidth") <= width:
                break
            page.wait_for_timeout(50)
        else:
            pytest.fail(f"wider than {width}")


def test_it_is_dark_on_a_dark_screen(shown):
    page = shown("demo", color_scheme="dark")
    paint = "getComputedStyle(document.body).backgroundColor"
    ink = """Bokeh.documents.flatMap((it) => [...it._all_models.values()])
      .find((it) => it.axis_label === "loss").axis_label_text_color"""
    assert page.evaluate(paint) == "rgb(22, 24, 28)"
    assert page.evaluate(ink) == "#e7e9ec"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paint) == "rgb(255, 255, 255)"
    for _ in range(100):
        if page.evaluate(ink) == "#1c1e21":
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("the figures stay dark")


def test_it_can_be_printed(shown):
    page = shown("demo")
    page.emulate_media(media="print")
    assert not page.locator("#choices").is_visible()
    assert page.locator("#answer").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_what_is_dark_on_the_screen_is_light_on_paper(shown):
    page = shown("demo", color_scheme="dark")
    look = """() => [document.body, document.getElementById("curves")]
      .map((it) => getComputedStyle(it)).map((it) => [it.color, it.filter])"""
    assert page.evaluate(look) == [["rgb(231, 233, 236)", "none"]] * 2
    page.emulate_media(media="print")
    (body, no_filter), (_, turned) = page.evaluate(look)
    assert (body, no_filter) == ("rgb(28, 30, 33)", "none")
    assert turned.startswith("invert")  # its canvas keeps its colours, as nothing is drawn anew
    page.emulate_media(media="screen")
    assert page.evaluate(look) == [["rgb(231, 233, 236)", "none"]] * 2


def test_a_picture_is_saved_on_the_paper_of_the_page(shown, tmp_path):
    page = shown("demo", color_scheme="dark")
    with page.expect_download() as download:
        page.locator("#png").click()
    download.value.save_as(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.convert("RGBA").getpixel((3, 3)) == (22, 24, 28, 255)


def test_it_shows_itself_in_a_frame_of_a_notebook(browser, tmp_path):
    result = demo()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><body>{result.explore()._repr_html_()}</body>")
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(f"{error}"))
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready]").wait_for(state="attached", timeout=60_000)
    assert frame.locator("#rate").text_content() == f"Train at {rate(result.suggest().lr)}"
    page.close()
    assert errors == []


def test_ten_thousand_steps_stay_below_six_megabytes(open_page, tmp_path):
    result = made(10_000)
    result.report(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 6e6
    page = open_page(tmp_path / "page.html")
    curves = result.curves()
    for beta in (0.5, 0.99):
        choose_beta(page, betas_of(page), beta)
        assert cells_of(page, "debiased")["lr"][0] == curves.minimum("debiased", beta).lr


def test_without_bokeh_the_error_names_the_extra_before_anything_is_computed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    monkeypatch.setattr(RangeTestResult, "suggest", None)
    for make in (made(20).explore, lambda: made(20).report(tmp_path / "page.html")):
        with pytest.raises(ImportError, match=r'bokeh is not .* pip install "lrfind\[report\]"'):
            make()
    assert [*tmp_path.iterdir()] == []


def test_what_a_page_cannot_show_is_one_error(tmp_path):
    result = made(20)
    with pytest.raises(TypeError, match="`more` must hold results"):
        result.report(tmp_path / "page.html", 3)
    with pytest.raises(ValueError, match="`names` must hold one name for each sweep, 1, got 2"):
        result.report(tmp_path / "page.html", names=["a", "b"])
    with pytest.raises(ValueError, match="beta"):
        result.report(tmp_path / "page.html", beta=1.0)
    with pytest.raises(TypeError, match="`suggestion`"):
        result.report(tmp_path / "page.html", suggestion=0.1)
    with pytest.raises(FileNotFoundError):
        result.report(tmp_path / "nowhere" / "page.html")
    assert [*tmp_path.iterdir()] == []
