"""`lrfind compare` as a person meets it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from makers import make_result

import lrfind
from lrfind import from_history, side_by_side


@pytest.fixture
def two(tmp_path, invoke):
    """Two results, in folders of their own."""
    results = make_result(), replace(make_result(), optimizer="Adam", seed=1)
    for name, result in zip(("sgd", "adam"), results, strict=True):
        (tmp_path / name).mkdir()
        result.save(tmp_path / name / "result.json")
    return results


FILES = "sgd/result.json", "adam/result.json"


def test_it_prints_what_the_function_makes(invoke, two):
    done = invoke("compare", *FILES)
    assert (done.exit_code, done.stderr) == (0, "")
    found = side_by_side(*two, names=FILES)
    assert [line.rstrip() for line in done.stdout.splitlines()] == str(found).splitlines()
    assert done.stdout.split()[:2] == [*FILES]


def test_json_is_json_and_nothing_else(invoke, two):
    read = json.loads(invoke("compare", *FILES, "--json").stdout)
    assert read == json.loads(json.dumps(side_by_side(*two, names=FILES).to_dict()))


def test_there_may_be_more_than_two(invoke, two):
    done = invoke("compare", *FILES, FILES[0])
    assert done.exit_code == 0
    assert "sgd/result.json (2)" in done.stdout


def test_the_same_file_twice_does_not_differ(invoke, two):
    assert invoke("compare", FILES[0], FILES[0]).stdout.splitlines()[-1] == "Nothing differs."


def test_a_history_of_another_finder_stands_beside_a_result(invoke, two, tmp_path):
    two[0].to_csv(tmp_path / "history.csv")
    read = json.loads(invoke("compare", FILES[0], "history.csv", "--kind", "raw", "--json").stdout)
    other = from_history(str(tmp_path / "history.csv"), "raw")
    assert read["results"][1]["suggestion"] == json.loads(json.dumps(other.suggest().to_dict()))
    assert read["differences"]["origin"] == [None, "Losses of a record, taken as raw."]


def test_a_kind_is_refused_where_all_files_are_lrfinds(invoke, two):
    done = invoke("compare", *FILES, "--kind", "raw")
    assert done.exit_code == 1
    assert "--kind is for what another LR finder recorded" in done.stderr


def test_fewer_than_two_files_are_a_wrong_call(invoke, two):
    done = invoke("compare", FILES[0])
    assert done.exit_code == 2
    assert "compare takes at least two files." in done.stderr
    assert invoke("compare").exit_code == 2


@pytest.mark.parametrize("content", [None, "{", '{"format": "other"}'])
def test_a_bad_file_is_one_line_with_its_name(invoke, two, tmp_path, content):
    if content is not None:
        (tmp_path / "bad.json").write_text(content)
    done = invoke("compare", FILES[0], "bad.json")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "bad.json" in line


def test_a_file_with_markup_and_escapes_in_its_name_shows_as_text(invoke, tmp_path):
    name = "[red]\x1b[31m.json"
    for each in (name, "b.json"):
        make_result().save(tmp_path / each)
    done = invoke("compare", name, "b.json")
    assert done.stdout.split()[:2] == [r"[red]\x1b[31m.json", "b.json"]


@pytest.mark.slow
def test_neither_compare_nor_the_function_imports_torch(two):
    code = (
        "import sys; from lrfind.cli import main\n"
        f"main(['compare', *{FILES!r}], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert lrfind.side_by_side.__name__ == "side_by_side"
