"""The options: a wrong one is exit code 2, and a value out of range is named."""

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "problem.py"],
        ["run", "problem.py:not a name"],
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
        ["demo", "--schedule", "cosine"],
        ["nonsense"],
    ],
)
def test_a_wrong_call_is_exit_code_2(invoke, arguments):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_value_out_of_range_is_named(invoke):
    done = invoke("demo", "--start-lr", 1, "--end-lr", 0.1)
    assert done.exit_code == 1
    assert "`start_lr` must be below `end_lr`" in done.stderr
