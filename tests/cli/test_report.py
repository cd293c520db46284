"""`lrfind report`: a page from files."""

import json
import re

import pytest
from makers import BEFORE, ROOT

import lrfind
from lrfind import CannotTell

DEMO = ROOT / ".github" / "demo" / "result.json"


def data_of(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    return json.loads(found[1])


def test_a_page_of_one_result_shows_first_what_was_asked(invoke, tmp_path):
    options = ("--schedule", "one-cycle", "--total-steps", 2345, "--beta", 0.93)
    done = invoke("report", DEMO, "-o", "page.html", *options)
    assert (done.exit_code, done.stdout) == (0, "")
    data = data_of(tmp_path / "page.html")
    (source,) = data["results"][0]["sources"]
    answer = lrfind.load(DEMO).suggest(schedule="one_cycle", total_steps=2345)
    assert source["first"]["key"] == "expected|one_cycle|2345||"
    assert source["first"]["lr"] == source["answers"][source["first"]["key"]]["lr"] == answer.lr
    assert data["beta"] == 0.93
    assert 2345 in data["lengths"]


def test_results_and_what_checks_them_lie_on_one_page(invoke, tmp_path, make_verification_file):
    first = tmp_path / "a" / "result.json"
    first.parent.mkdir()
    first.write_bytes(DEMO.read_bytes())
    files = [first, DEMO, BEFORE / "controls.json", make_verification_file, BEFORE / "repeats"]
    done = invoke("report", *files, "-o", "page.html")
    assert done.exit_code == 0, done.stderr
    data, text = data_of(tmp_path / "page.html"), (tmp_path / "page.html").read_text()
    assert [each["name"] for each in data["results"]] == ["a/result.json", "demo/result.json"]
    heads = re.findall(r"<h2>(.*?)</h2>", text)
    assert [each for each in heads if each in ("Controls", "Verification", "Repeat set")] == [
        "Controls", "Verification", "Repeat set",
    ]  # fmt: skip


@pytest.fixture
def make_verification_file(tmp_path):
    from makers import flat_trials, make_verification

    path = tmp_path / "verification.json"
    make_verification(flat_trials(1.5, 0.5, 0.6), suggested=1e-2).save(path)
    return path


def test_another_finders_record_has_a_page_too(invoke, tmp_path):
    result = lrfind.load(DEMO)
    rows = "\n".join(f"{lr},{loss}" for lr, loss in zip(result.lr, result.loss, strict=True))
    (tmp_path / "history.csv").write_text(f"lr,loss\n{rows}\n")
    done = invoke("report", "history.csv", "--kind", "raw", "-o", "page.html")
    assert done.exit_code == 0, done.stderr
    assert "Losses of a record" in data_of(tmp_path / "page.html")["results"][0]["origin"]


def test_a_kind_is_for_the_files_that_are_not_lrfinds(invoke, tmp_path):
    lrfind.load(DEMO).to_csv(tmp_path / "history.csv")
    files = (BEFORE / "controls.json", "history.csv", DEMO)
    done = invoke("report", *files, "--kind", "raw", "-o", "page.html")
    assert done.exit_code == 0, done.stderr
    data = data_of(tmp_path / "page.html")
    # The page begins with the first result, wherever it stands.
    assert [each["name"] for each in data["results"]] == ["history.csv", "result.json"]
    assert data["results"][0]["origin"] == "Losses of a record, taken as raw."


def test_a_sweep_without_a_rate_has_a_page(invoke, tmp_path):
    from makers import make_result

    make_result([1.0, 0.5, 0.4]).save(tmp_path / "result.json")
    done = invoke("report", "result.json", "-o", "page.html")
    assert done.exit_code == 0
    (source,) = data_of(tmp_path / "page.html")["results"][0]["sources"]
    answer = lrfind.load(tmp_path / "result.json").suggest()
    assert isinstance(answer, CannotTell)
    assert source["first"]["said"]["refused"] == answer.reason


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "page.html"], "Missing argument"),
        ([DEMO], "Missing option"),
        ([DEMO, "-o", "page.png"], "'page.png' must end in .html"),
        ([BEFORE / "controls.json", "-o", "page.html"], "one FILE at least must be a result"),
        (["nowhere.json", "-o", "page.html"], "nowhere.json"),
        ([DEMO, "-o", "nowhere/page.html"], "the folder nowhere does not exist"),
        ([DEMO, "--kind", "raw", "-o", "page.html"], "--kind is for what another"),
        ([DEMO, "--beta", 1, "-o", "page.html"], "--beta"),
    ],
)
def test_a_wrong_call_is_one_message(invoke, tmp_path, arguments, message):
    done = invoke("report", *arguments)
    assert done.exit_code in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [*tmp_path.iterdir()] == []
