"""A mistake is one line and an exit code, and a traceback only for the asking."""

import json

import pytest


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("too_few", "`too_few` in"),
        ("missing", "has no function `missing`"),
        ("empty", "`train_loader` is empty"),
        ("broken", "in broken: RuntimeError"),
        ("misfit", "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("raising_loader", "in batches: RuntimeError: disk gone"),
        ("nan_loss", "only 0 finite losses recorded"),
    ],
)
def test_a_mistake_in_the_problem_is_one_line_and_exit_code_1(invoke, problem, function, message):
    done = invoke("run", f"{problem}:{function}")
    assert done.exit_code == 1
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_what_mends_a_batch_is_a_line_of_its_own(invoke, problem):
    said, _, mend = invoke("run", f"{problem}:doubles").stderr.strip().splitlines()[-3:]
    assert said.startswith("Error: RuntimeError: ")
    assert said.endswith("(--traceback shows where)")
    assert mend == "forward=lambda model, batch: loss_fn(model(batch[0].float()), batch[1])"


def test_a_relative_path_is_as_good(invoke, problem):
    done = invoke("run", "problem.py:broken")
    assert "problem.py, line" in done.stderr


def test_the_traceback_is_there_for_the_asking(invoke, problem):
    done = invoke("run", f"{problem}:broken", "--traceback")
    assert isinstance(done.exception, RuntimeError)


def test_a_syntax_error_names_its_line(invoke, tmp_path):
    (tmp_path / "bad.py").write_text("def f(:\n")
    done = invoke("run", "bad.py:f")
    assert done.exit_code == 1
    assert "line 1" in done.stderr


def test_a_file_with_the_name_of_a_module_in_use_is_refused(invoke, tmp_path):
    (tmp_path / "json.py").write_text("def problem(): pass\n")
    done = invoke("run", "json.py:problem")
    assert done.exit_code == 1
    assert "has the name of the module json" in done.stderr
    assert json.dumps


@pytest.mark.parametrize("command", [["show"], ["plot", "-o", "a.png"]])
@pytest.mark.parametrize("content", [None, "{", '{"format": "other"}'])
def test_a_bad_file_is_one_line_and_exit_code_1(invoke, tmp_path, command, content):
    if content is not None:
        (tmp_path / "r.json").write_text(content)
    done = invoke(*command, "r.json")
    assert done.exit_code == 1
    assert "r.json" in done.stderr
    assert "Traceback" not in done.output


def test_a_terminal_escape_in_the_name_of_a_file_shows_as_text(invoke, tmp_path):
    (tmp_path / "\x1b[31m.json").write_text("{")
    done = invoke("show", "\x1b[31m.json")
    assert done.exit_code == 1
    assert done.stderr.startswith(r"Error: \x1b[31m.json ")


def test_an_output_that_cannot_be_written_is_one_line_before_the_sweep(invoke, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = invoke("demo", "--num-iter", 10**9, "--out", "taken")
    assert done.exit_code == 1
    assert "taken" in done.stderr
    assert (tmp_path / "taken").read_text() == "a file"
