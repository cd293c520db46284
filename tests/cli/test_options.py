"""The options: a wrong one is exit code 2, and a value out of range is named."""

import pytest

from lrfind import load


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "problem.py"],
        ["run", "problem.py:not a name"],
        ["run", ":problem"],
        ["run", "problem.py:problem", "--seed", "-1"],
        ["run", "problem.py:problem", "--seed", 2**64],
        ["demo", "--seed", "-1"],
        ["demo", "--seed", 2**64],
        ["show"],
        ["show", "r.json", "--betas", "1.5"],
        ["show", "r.json", "--betas", "a,b"],
        ["plot", "r.json"],
        ["plot", "r.json", "-o", "out.gif"],
        ["demo", "--optimizer", "lion"],
        ["demo", "--num-iter", "1"],
        ["demo", "--start-lr", "0"],
        ["demo", "--diverge-th", "-1"],
        ["demo", "--budget", "79"],
        ["demo", "--budget", "100", "--verify"],
        ["demo", "--budget", "100", "--num-iter", "50"],
        ["demo", "--budget", "100", "--step-mode", "linear"],
        ["demo", "--budget", "100", "--confirm"],
        ["demo", "--budget", "100", "--no-confirm"],
        ["demo", "--budget", "100", "--total-steps", "900", "--factor", "3"],
        ["demo", "--schedule", "sawtooth"],
        ["demo", "--total-steps", "0"],
        ["demo", "--total-steps", "1e3"],
        ["show", "r.json", "--total-steps", "0"],
        ["nonsense"],
    ],
)
def test_a_wrong_call_is_exit_code_2(invoke, arguments):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.parametrize("option", ["--confirm", "--no-confirm"])
def test_what_a_budget_excludes_is_named(invoke, option):
    done = invoke("demo", "--budget", 100, option)
    assert "--budget cannot be combined with --confirm." in done.stderr


def test_a_value_out_of_range_is_named(invoke):
    done = invoke("demo", "--start-lr", 1, "--end-lr", 0.1)
    assert done.exit_code == 1
    assert "`start_lr` must be below `end_lr`" in done.stderr


def test_the_largest_seed_is_as_good(invoke, problem, tmp_path):
    done = invoke("run", f"{problem}:parts", "--seed", 2**64 - 1, "--num-iter", 20, "--no-confirm")
    assert done.exit_code == 0, done.stderr
    assert load(tmp_path / "lrfind-out" / "result.json").seed == 2**64 - 1
