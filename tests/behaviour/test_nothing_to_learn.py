"""Losses that no learning rate improves, or that are no measure of it: only a rate to use is true.

Labels of pure noise, and the policy losses of reinforcement learning on a cart to be kept at 0.
"""

import pytest
import torch
from torch import nn

import lrfind
from lrfind import StopReason

OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
}


def network(inputs, outputs, width):
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(),
        nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, outputs),
    )  # fmt: skip


class Noise:
    """Endless batches whose labels have nothing to do with the inputs."""

    def __init__(self, seed, classes):
        self.seed, self.classes = seed, classes

    def __iter__(self):
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            inputs = torch.randn(32, 20, generator=generator)
            if self.classes:
                yield inputs, torch.randint(0, self.classes, (32,), generator=generator)
            else:
                yield inputs, torch.randn(32, 1, generator=generator)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("classes", [0, 10])
@pytest.mark.parametrize("seed", range(2))
def test_labels_of_pure_noise_support_no_rate(seed, classes, optimizer):
    torch.manual_seed(seed)
    model = network(20, classes or 1, 64)
    loss_fn = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    result = lrfind.range_test(
        model, OPTIMIZERS[optimizer](model.parameters()), loss_fn, Noise(seed, classes)
    )
    answer = result.suggest()
    assert not answer
    assert answer.verdict == "no_descent"
    assert answer.reason in str(answer)


class Cart:
    """A batch of carts on a line that are pushed left or right, and pay for their distance to 0."""

    def __init__(self, generator):
        self.generator = generator

    def reset(self):
        self.state = torch.empty(16, 2).uniform_(-1, 1, generator=self.generator)
        return self.state

    def step(self, action):
        speed = self.state[:, 1] * 0.95 + (action * 2 - 1) * 0.1
        place = self.state[:, 0] + speed * 0.2
        self.state = torch.stack([place, speed], 1)
        return self.state, -place.abs()


def rollout(policy, cart):
    """States, actions, log probabilities and discounted returns of 16 steps."""
    states, actions, chances, rewards = [cart.reset()], [], [], []
    for _ in range(16):
        choice = torch.distributions.Categorical(logits=policy(states[-1]))
        actions.append(choice.sample())
        chances.append(choice.log_prob(actions[-1]))
        state, reward = cart.step(actions[-1])
        states.append(state)
        rewards.append(reward)
    returns = [rewards[-1]]
    for reward in rewards[-2::-1]:
        returns.insert(0, reward + 0.95 * returns[0])
    return torch.stack(states[:-1]), *map(torch.stack, (actions, chances, returns))


def normal(advantage):
    return (advantage - advantage.mean()) / advantage.std()


def reinforce(policy, value, cart):
    while True:
        _, _, chances, returns = rollout(policy, cart)
        yield -(chances * normal(returns - returns.mean(1, keepdim=True)).detach()).mean()


def ppo(policy, value, cart):
    while True:
        with torch.no_grad():
            states, actions, before, returns = rollout(policy, cart)
            advantage = normal(returns - value(states)[..., 0])
        for _ in range(4):
            choice = torch.distributions.Categorical(logits=policy(states))
            ratio = (choice.log_prob(actions) - before).exp()
            clipped = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
            yield 0.5 * (value(states)[..., 0] - returns).square().mean() - clipped


def swept(losses, seed, optimizer, **options):
    torch.manual_seed(seed)
    policy, value = network(2, 2, 32), network(2, 1, 32)
    parameters = [*policy.parameters(), *value.parameters()]
    optimizer = OPTIMIZERS[optimizer](parameters)
    cart = Cart(torch.Generator().manual_seed(seed))
    kept = policy, value, optimizer
    with lrfind.preserve_state(*kept), lrfind.Sweep(optimizer, **options) as sweep:
        for loss in losses(policy, value, cart):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if not sweep.record(loss):
                break
    return sweep.result()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("losses", [reinforce, ppo])
@pytest.mark.parametrize("seed", range(3))
def test_a_rate_from_the_loss_of_a_policy_is_one_that_was_swept_with_its_interval(
    losses, seed, optimizer
):
    result = swept(losses, seed, optimizer, num_iter=100)
    curves, answer = result.curves(), result.suggest()
    assert answer.reason in str(answer)
    if not answer:
        with pytest.raises(lrfind.CannotTellError):
            answer.interval  # noqa: B018
        return
    low, high = answer.interval
    assert curves.lr[0] <= low <= answer.lr <= high <= curves.lr[-1]


def value_loss(policy, value, cart):
    """As after each rollout of 8 steps: the returns to predict are others."""
    rollouts = 0
    while True:
        states, _, _, returns = rollout(policy, cart)
        rollouts += 1
        for _ in range(8):
            yield (value(states.detach())[..., 0] - rollouts * returns.detach()).square().mean()


def test_a_loss_that_jumps_by_itself_ends_the_sweep_at_once_and_supports_no_rate():
    result = swept(value_loss, 0, "adam")
    assert result.stop_reason is StopReason.DIVERGED
    assert result.lr[-1] < 10 * result.lr[0]
    for answer in (result.suggest(), result.suggest(curve="raw", factor=2)):
        assert not answer
        assert answer.verdict == "at_start"
