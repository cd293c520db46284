"""The bundled digits and the problem made of them."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from lrfind.cli import main
from lrfind.demo import DEMO, MODELS, OPTIMIZERS, digits, digits_problem, two_task_problem


def test_the_digits_are_those_of_the_uci_test_set():
    images, labels = digits()
    assert images.shape == (1797, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 1)
    # Class counts of optdigits.tes, from the file optdigits.names of the repository.
    assert labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    first_row = (images[0, 0, 0] * 16).int().tolist()
    assert (labels[0].item(), first_row) == (0, [0, 0, 5, 13, 9, 1, 0, 0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_range_test_on_the_digits_finds_a_rate_and_leaves_the_model_alone(model, optimizer):
    problem = digits_problem(model=model, optimizer=optimizer)
    before = [p.clone() for p in problem.model.parameters()]
    answer = problem.range_test(num_iter=100).suggest()
    assert 1e-4 < answer.lr < 1
    assert all(map(torch.equal, before, problem.model.parameters()))


def test_the_seed_decides_everything():
    results = [digits_problem(seed=seed).range_test(num_iter=30) for seed in (1, 1, 2)]
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_dropout_and_precision_are_what_was_asked_for():
    problem = digits_problem(dropout=0.5, dtype=torch.float64)
    assert problem.model.dropout.p == 0.5
    assert {each.dtype for each in problem.model.parameters()} == {torch.float64}
    assert next(iter(problem.train_loader))[0].dtype == torch.float64


SHOW_THE_DEMO = """
import sys
from lrfind.cli import main
from lrfind.demo import DEMO, digits_problem

problem = digits_problem(model="mlp", optimizer="sgd", **DEMO)
problem.range_test(progress=False).save(sys.argv[1])
main(["show", sys.argv[1], "--detail"])
"""
OLDER_PROCESSORS = {
    "SSE": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "OMP_NUM_THREADS": "1",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "AVX2",
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",  # two threads that spin are slow where the cores are busy
    },
}


def shown(problem, path):
    """What is printed of a sweep, and its losses."""
    result = problem.range_test()
    result.save(path)
    return CliRunner().invoke(main, ["show", str(path), "--detail"]).stdout, result.loss


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="the settings are those of x86"
)
@pytest.mark.parametrize("processor", OLDER_PROCESSORS)
def test_an_older_processor_prints_the_same_demo(processor, tmp_path):
    here, _ = shown(digits_problem(model="mlp", optimizer="sgd", **DEMO), tmp_path / "a.json")
    there = subprocess.run(
        [sys.executable, "-c", SHOW_THE_DEMO, str(tmp_path / "b.json")],
        env=os.environ | OLDER_PROCESSORS[processor],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Verdict: clear" in " ".join(here.split())
    assert there == here


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_other_rounding_prints_the_same_demo(optimizer, tmp_path):
    """A processor that nobody has tried rounds in another way: so do weights moved a little."""
    problem = digits_problem(model="mlp", optimizer=optimizer, **DEMO)
    here, loss = shown(problem, tmp_path / "result.json")
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for weight in problem.model.parameters():
            weight *= 1 + 1e-14 * torch.from_numpy(rng.standard_normal(weight.shape))
    there, moved = shown(problem, tmp_path / "result.json")
    assert not np.array_equal(moved, loss)
    assert there == here


@pytest.mark.parametrize("name", ["model", "optimizer"])
def test_an_unknown_choice_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"`{name}` must be one of"):
        digits_problem(**{name: "other"})


def test_the_two_tasks_start_at_about_1000_to_1_and_can_both_be_learnt():
    problem = two_task_problem()
    result = problem.range_test(num_iter=300)
    rul, health = (result.tasks[name] for name in ("rul", "health"))
    assert rul[:50].mean() == pytest.approx(1000, rel=0.1)
    assert health[:50].mean() == pytest.approx(1.1, rel=0.1)
    assert result.curves("rul").minimum("centred").loss < 0.5 * rul[:50].mean()
    assert result.curves("health").minimum("centred").loss < 0.6 * health[:50].mean()
    assert two_task_problem().range_test(num_iter=300) == result
