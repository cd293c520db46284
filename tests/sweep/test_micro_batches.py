"""The mean of losses that are numbers, tensors, or both."""

import torch

from lrfind.sweep.micro_batches import mean_by_task, mean_of


def test_the_mean_of_numbers_is_a_number_and_that_of_tensors_a_tensor():
    assert mean_of([1.0, 2.0]) == 1.5
    assert mean_of([torch.tensor([1.0]), torch.tensor(2.0)]).tolist() == 1.5


def test_a_number_joins_the_tensors_on_their_device():
    assert mean_of([torch.tensor(1.0), 2.0]).tolist() == 1.5
    assert mean_of([1, torch.tensor(2.0)]).tolist() == 1.5
    assert mean_of([2.0, torch.ones((), device="meta")]).is_meta


def test_a_task_is_averaged_over_the_micro_batches_that_have_it():
    losses = [{"a": torch.tensor(1.0), "b": 4.0}, {"a": 3.0}]
    assert {name: float(mean) for name, mean in mean_by_task(losses).items()} == {"a": 2, "b": 4}
