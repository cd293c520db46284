"""`lrfind show` as a person meets it."""

import json
import sys

import numpy as np
import pytest
from makers import make_result

import lrfind
from lrfind.result.text_figure import TextFigure
from lrfind.support.text import plain_text


def test_a_problem_of_several_tasks_says_how_far_they_disagree(invoke, tmp_path):
    from lrfind.demo import two_task_problem

    result = two_task_problem().range_test(num_iter=200)
    result.save(tmp_path / "tasks.json")
    done = invoke("show", "tasks.json")
    assert done.exit_code == 0
    assert str(result.task_disagreement()) in " ".join(done.stdout.split())


def test_show_prints_the_table_for_any_betas(invoke, saved):
    done = invoke("show", saved, "--betas", "0.5,0.75", "--detail")
    assert done.exit_code == 0
    for line in str(lrfind.load(saved).compare((0.5, 0.75))).splitlines():
        assert line in done.stdout


def test_show_json_is_json_and_nothing_else(invoke, saved):
    read = json.loads(invoke("show", saved, "--json").stdout)
    result = lrfind.load(saved)
    assert read["suggestion"]["lr"] == result.suggest().lr
    assert read["rows"] == result.compare().to_dict()["rows"]
    assert (read["stop_reason"], read["steps"]) == ("diverged", 100)


@pytest.mark.parametrize("schedule", [None, "constant", "one_cycle"])
def test_show_answers_for_the_length_of_the_training(invoke, saved, schedule):
    asked = ["--total-steps", 3000]
    asked += [] if schedule is None else ["--schedule", schedule.replace("_", "-")]
    answer = lrfind.load(saved).suggest(schedule=schedule, total_steps=3000)
    assert json.loads(invoke("show", saved, "--json", *asked).stdout)["suggestion"] == (
        json.loads(json.dumps(answer.to_dict()))
    )
    loaded = lrfind.load(saved)
    for option, detail in ([], False), (["--detail"], True):
        text = loaded.summary(detail=detail, suggestion=answer)
        shown = invoke("show", saved, *asked, *option).stdout
        assert [line.rstrip() for line in shown.splitlines()] == str(text).splitlines()
    assert answer.lr < lrfind.load(saved).suggest(schedule=schedule, total_steps=300).lr


def test_show_takes_a_schedule_by_any_name_and_says_what_for(invoke, saved):
    asked = ["show", saved, "--schedule", "Warmup-Cosine"]
    detailed = " ".join(invoke(*asked, "--detail").stdout.split())
    assert str(lrfind.load(saved).suggest(schedule="Warmup-Cosine")) in detailed
    said = " ".join(invoke(*asked).stdout.split())
    assert detailed.count("Warmup-Cosine, taken as one-cycle: both decay") == 1
    assert said.count("Warmup-Cosine, taken as one-cycle: both decay") == 1
    refused = invoke("show", saved, "--schedule", "sawtooth")
    assert refused.exit_code == 2
    assert "must be one of 'constant', 'one_cycle'," in " ".join(refused.stderr.split())


def test_show_adds_the_sensitivity_on_demand(invoke, saved):
    done = invoke("show", saved, "--sensitivity", "--betas", "0.5,0.75")
    assert done.exit_code == 0
    table = lrfind.load(saved).sensitivity((0.5, 0.75))
    assert done.stdout.endswith(f"\n\n{table}\n")
    assert done.stdout.startswith(invoke("show", saved, "--betas", "0.5,0.75").stdout)
    read = json.loads(
        invoke("show", saved, "--sensitivity", "--json", "--betas", "0.5,0.75").stdout
    )
    assert read["sensitivity"] == table.to_dict()


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_the_sensitivity_of_a_sweep_that_tells_nothing_is_one_line(invoke, tmp_path, extra):
    make_result([1.0, float("nan")]).save(tmp_path / "result.json")
    done = invoke("show", "result.json", "--sensitivity", *extra)
    assert done.exit_code == 1
    assert "only 1 finite loss recorded" in done.stderr


def test_show_json_of_a_sweep_that_tells_nothing_is_json_too(invoke, tmp_path):
    make_result([1.0, float("nan")]).save(tmp_path / "result.json")
    read = json.loads(invoke("show", "result.json", "--json").stdout)
    assert "finite loss" in read["suggestion"]["cannot_tell"]


@pytest.mark.parametrize("width", [60, 72, 120])
def test_plot_draws_the_curve_as_wide_as_the_terminal_above_the_summary(
    invoke, saved, monkeypatch, width
):
    monkeypatch.setenv("COLUMNS", str(width))
    done = invoke("show", saved, "--plot", "--schedule", "constant")
    assert done.exit_code == 0, done.stderr
    result = lrfind.load(saved)
    answer = result.suggest(schedule="constant")
    shown = [line.rstrip() for line in done.stdout.splitlines()]
    drawn = plain_text(TextFigure(result.curves(), answer), width=width).splitlines()
    summary = str(result.summary(suggestion=answer)).splitlines()
    assert shown == [*drawn, "", *summary]
    assert max(map(len, drawn)) == width


def test_plot_shows_the_average_that_is_asked_for(invoke, saved):
    assert "debiased EMA 0.5 " in invoke("show", saved, "--plot", "--beta", "0.5").stdout
    assert "debiased EMA 0.9 " in invoke("show", saved, "--plot", "--betas", "0.9").stdout


def test_a_plot_is_not_json(invoke, saved):
    done = invoke("show", saved, "--plot", "--json")
    assert done.exit_code == 2
    assert "only one of --plot and --json may be given." in done.stderr


def test_without_plotext_the_extra_is_named_and_nothing_printed(invoke, saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    done = invoke("show", saved, "--plot")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == 'Error: plotext is not installed: pip install "lrfind[terminal]"\n'
    assert invoke("show", saved).exit_code == 0


def test_a_sweep_that_is_too_short_has_no_plot_either(invoke, tmp_path):
    make_result(np.array([1.0])).save(tmp_path / "short.json")
    done = invoke("show", "short.json", "--plot")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "No analysis" in done.stderr
