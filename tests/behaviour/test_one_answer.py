"""One suggestion for every sentence, table, figure and file of a command."""

import json
import re

import pytest
from click.testing import CliRunner
from makers import make_result
from matplotlib.colors import same_color
from matplotlib.figure import Figure

import lrfind
from lrfind.cli import main
from lrfind.support.axes import SUGGESTED
from lrfind.support.text import rate

QUESTIONS = {
    (): {},
    ("--schedule", "constant"): {"schedule": "constant"},
    ("--schedule", "one-cycle"): {"schedule": "one_cycle"},
    ("--total-steps", "3000"): {"total_steps": 3000},
    ("--schedule", "constant", "--total-steps", "300"): {
        "schedule": "constant", "total_steps": 300,
    },
    ("--curve", "debiased"): {"curve": "debiased"},
    ("--rule", "minimum", "--curve", "ema", "--beta", "0.9", "--factor", "5"): {
        "rule": "minimum", "curve": "ema", "beta": 0.9, "factor": 5.0,
    },
    ("--rule", "steepest"): {"rule": "steepest"},
    ("--factor", "500"): {"factor": 500.0},
}  # fmt: skip

each_question = pytest.mark.parametrize("options", QUESTIONS, ids=" ".join)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    path = tmp_path_factory.mktemp("problem") / "train.py"
    path.write_text(
        "from lrfind.demo import digits_problem\n\n"
        "def problem(seed=0):\n    return digits_problem(model='mlp', seed=seed)\n"
    )
    return path


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are written to files, in their order, without those within the page."""
    figures, write = [], Figure.savefig

    def savefig(figure, *arguments, **options):
        if "dpi" not in options:
            figures.append(figure)
        return write(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    return figures


def invoke(*arguments):
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def line_in(figure):
    """The rate at the one straight line in the colour of the suggestion, in any direction."""
    places = {
        float(values[0])
        for line in figure.axes[0].get_lines()
        if same_color(line.get_color(), SUGGESTED) and line.get_linestyle() == "-"
        for values in (line.get_xdata(), line.get_ydata())
        if len(values) == 2 and values[0] == values[1]
    }
    (place,) = places
    return place


@pytest.mark.slow
@each_question
def test_text_json_and_every_picture_of_a_run_say_one_rate(problem, tmp_path, drawn, options):
    out = tmp_path / "out"
    text = invoke(
        "run", f"{problem}:problem", "--out", out, "--num-iter", 100, "--start-lr", 1e-5,
        "--layers", "--controls", "--verify", "--detail", *options,
    )  # fmt: skip
    result = lrfind.load(out / "result.json")
    answer = result.suggest(**QUESTIONS[options])
    assert re.search(r"Train at about ([^\s,]+)", text)[1] == f"{rate(answer.lr)}"
    pictures = dict(zip(["curves", "betas", "layers", "controls", "trials"], drawn, strict=True))
    assert [line_in(pictures[name]) for name in ("curves", "betas", "layers")] == [answer.lr] * 3
    page = re.search(r'id="data">(.*?)</script>', (out / "report.html").read_text())[1]
    (source,) = json.loads(page)["results"][0]["sources"]
    assert source["first"]["lr"] == answer.lr
    found = json.loads((out / "verification.json").read_text())
    assert found["suggested"] == answer.lr
    assert found["stands"] is ("500" not in options)
    assert (found["lr"] == answer.lr) == found["stands"]
    assert found["group_lr"] == [found["lr"]]
    assert line_in(pictures["trials"]) == found["lr"]
    # A suggestion that was refuted is still shown beside the rate that takes its place.
    refuted = [
        line.get_xdata()[0]
        for line in pictures["trials"].axes[0].get_lines()
        if line.get_label().startswith("suggestion")
    ]
    assert refuted == [answer.lr] * (not found["stands"])
    named = re.findall(r"rain at about ([^\s,]+)", " ".join(text.split()))
    assert named == [f"{rate(answer.lr)}", f"{rate(found['lr'])}"]


@each_question
def test_show_and_plot_of_a_saved_result_say_the_rate_of_its_run(tmp_path, drawn, options):
    path = tmp_path / "result.json"
    result = make_result()
    result.save(path)
    answer = result.suggest(**QUESTIONS[options])
    text = invoke("show", path, "--detail", *options)
    short = invoke("show", path, *options)
    assert re.search(r"Train at +(\S+)", short)[1] == rate(answer.lr)
    read = json.loads(invoke("show", path, "--json", *options))
    assert str(answer) in " ".join(text.split())
    assert read["suggestion"] == answer.to_dict()
    if answer.uses_factor:
        named = re.search(r"minimum (\d\S*?)(?:\. | of)", str(answer))[1]
        assert named == f"{rate(read['suggestion']['minimum_lr'])}"
        assert answer.lr * answer.factor == pytest.approx(answer.minimum.lr, rel=1e-12)
    for extra in ([], ["--against-beta"]):
        invoke("plot", path, "-o", tmp_path / "out.png", *extra, *options)
        assert line_in(drawn[-1]) == answer.lr


def test_the_expected_minimum_is_in_table_picture_and_json(tmp_path, drawn):
    path = tmp_path / "result.json"
    result = make_result()
    result.save(path)
    expected = f"{result.curves().posterior.mean:.2e}"
    shown = rate(result.curves().posterior.mean)
    row = next(
        line
        for line in invoke("show", path, "--detail").splitlines()
        if line.startswith("expected")
    )
    assert row.split()[1] == expected
    (in_json,) = [
        each
        for each in json.loads(invoke("show", path, "--json"))["rows"]
        if each["curve"] == "expected"
    ]
    assert in_json["lr"] == result.curves().posterior.mean
    invoke("plot", path, "-o", tmp_path / "out.png", "--detail")
    labels = [text.get_text() for text in drawn[-1].axes[0].get_legend().get_texts()]
    assert f"expected minimum {shown}" in labels


def test_a_beta_that_is_asked_for_is_in_the_table(tmp_path):
    path = tmp_path / "result.json"
    make_result().save(path)
    text = invoke("show", path, "--curve", "debiased", "--beta", "0.75", "--detail")
    assert "debiased EMA 0.75" in text
    assert "The debiased EMA 0.75 minimum lies" in text


@pytest.mark.parametrize(
    "options", [("--curve", "raw", "--rule", "expected"), ("--rule", "slope"), ("--beta", "1")]
)
def test_a_question_that_makes_no_sense_is_refused_before_anything_runs(problem, tmp_path, options):
    done = CliRunner().invoke(
        main, ["run", f"{problem}:problem", "--out", str(tmp_path / "out"), *options]
    )
    assert done.exit_code != 0
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
