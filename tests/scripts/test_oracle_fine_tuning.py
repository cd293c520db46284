"""Networks to fine-tune know something already."""

import torch
from oracle_families import FAMILIES
from oracle_fine_tuning import fine_tuned
from oracle_networks import dense


def small():
    return dense(4, 8, 2)


def data():
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(256, 4, generator=draw)
    return inputs, (inputs[:, 0] > 0).long()


LOSS = torch.nn.CrossEntropyLoss()


def test_a_pretrained_network_is_good_at_what_it_was_trained_on():
    model = fine_tuned(small, data, LOSS)
    inputs, targets = data()
    assert LOSS(model(inputs), targets) < 0.1


def test_a_fresh_head_follows_the_seed_and_the_body_does_not():
    models = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        models.append(fine_tuned(small, data, LOSS, fresh="4.").state_dict())
    assert torch.equal(models[0]["1.weight"], models[1]["1.weight"])
    assert not torch.equal(models[0]["4.weight"], models[1]["4.weight"])


def test_pretraining_leaves_the_random_state_alone():
    states = []
    for _ in range(2):  # the second time it is taken from the cache
        torch.manual_seed(5)
        next(iter(FAMILIES["fine-tuning"].values())).network()
        states.append(torch.get_rng_state())
    assert torch.equal(*states)
