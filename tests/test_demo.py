"""The bundled digits and the problem made of them."""

import pytest
import torch

from lrfind.demo import MODELS, OPTIMIZERS, digits, digits_problem, two_task_problem


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
