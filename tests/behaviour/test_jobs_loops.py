"""Jobs with a loop of their own, or a batch of their own: GAN, PPO, graphs, Lightning."""

import warnings

import torch
from jobs import SHORT, check, mended
from makers import README, plain
from stand_ins import GRAPHS, Graph, Lightning, X, Y
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import lrfind
from lrfind import StopReason

bce = functional.binary_cross_entropy_with_logits


def test_a_gan_with_two_optimizers():
    generator, critic = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.5, 0.999))
    of_critic = torch.optim.Adam(critic.parameters(), lr=4e-4, betas=(0.5, 0.999))
    both = [of_generator, of_critic]
    train_loader = DataLoader(TensorDataset(X + 3), batch_size=4, shuffle=True)
    kept = generator, critic, *both, train_loader

    def ours():
        with lrfind.preserve_state(*kept), lrfind.Sweep(both, **SHORT) as sweep:
            for (real,) in sweep.cycle(train_loader):
                fake = generator(torch.randn(len(real), 2))
                of_critic.zero_grad()
                told = torch.cat([critic(real), critic(fake.detach())])
                loss = bce(told, (torch.arange(len(told)) < len(real)).float()[:, None])
                loss.backward()
                of_critic.step()
                of_generator.zero_grad()
                bce(critic(fake), torch.ones(len(fake), 1)).backward()
                of_generator.step()
                sweep.record(loss)
        return sweep.result()

    result = check(ours, (generator, of_generator, train_loader), (critic, of_critic, None))
    assert (result.group_scale, result.epoch_steps) == ((0.25, 1.0), 2)


class Pole:
    """An environment with a state of its own, and the interface of gymnasium."""

    def __init__(self):
        self.rng, self.angle, self.steps = torch.Generator().manual_seed(0), 0.0, 0

    def reset(self):
        self.angle, self.steps = float(torch.rand(1, generator=self.rng)) - 0.5, 0
        return torch.tensor([self.angle, 0.0])

    def step(self, action):
        self.angle, self.steps = 1.1 * self.angle + 0.2 * action - 0.1, self.steps + 1
        over = abs(self.angle) > 2 or self.steps == 30
        return torch.tensor([self.angle, self.steps / 30]), 1.0 - abs(self.angle), over


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.actor, self.critic = nn.Linear(2, 8), nn.Linear(8, 2), nn.Linear(8, 1)

    def forward(self, seen):
        hidden = torch.tanh(self.body(seen))
        return torch.distributions.Categorical(logits=self.actor(hidden)), self.critic(hidden)[:, 0]


def rollouts(env, policy, length=32, epochs=2, minibatch=16):
    """Minibatches of one rollout after another, each gone through a few times."""
    seen = env.reset()
    while True:
        kept = []
        for _ in range(length):
            with torch.no_grad():
                chosen, value = policy(seen[None])
                action = chosen.sample()
                row = [seen, action[0], chosen.log_prob(action)[0], value[0]]
            seen, reward, over = env.step(action.item())
            kept.append([*row, torch.tensor(reward)])
            seen = env.reset() if over else seen
        columns = [torch.stack(each) for each in zip(*kept, strict=True)]
        for _ in range(epochs):
            for places in torch.randperm(length).split(minibatch):
                yield [each[places] for each in columns]


def clipped(policy, batch):
    """The loss of PPO."""
    seen, action, before, value, reward = batch
    chosen, now = policy(seen)
    ratio, advantage = (chosen.log_prob(action) - before).exp(), reward - value
    surrogate = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
    return (now - reward).square().mean() - surrogate - 0.01 * chosen.entropy().mean()


def test_ppo():
    env, policy = Pole(), Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-4, eps=1e-5)
    before, kept = plain(vars(env)), (policy, optimizer, env)

    def ours():
        with lrfind.preserve_state(*kept), lrfind.Sweep(optimizer, **SHORT) as sweep:
            for batch in sweep.cycle(rollouts(env, policy)):
                loss = clipped(policy, batch)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                optimizer.step()
                sweep.record(loss)
        return sweep.result()

    result = check(ours, (policy, optimizer, None))
    assert plain(vars(env)) == before
    assert result.epoch_steps is None


def test_a_graph_net():
    model = Graph()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def loss(model, data):
        return functional.cross_entropy(model(data.x, data.edge_index, data.batch), data.y)

    line, _ = mended(model, optimizer, functional.cross_entropy, [GRAPHS] * 5, loss=loss)
    assert line == (
        "forward=lambda model, batch: "
        "loss_fn(model(batch.x, batch.edge_index, batch.batch), batch.y)"
    )


def test_a_lightning_module_without_its_trainer():
    model, train_loader = Lightning(), DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def loss(model, batch):
        return functional.cross_entropy(model.layer(batch[0]), batch[1])

    line, _ = mended(model, optimizer, None, train_loader, loss=loss)
    assert line == "forward=lambda model, batch: model.training_step(batch, 0)"


def test_the_loop_of_the_readme_as_it_stands_goes_through_the_whole_range():
    (block,) = [
        each.partition("```")[0]
        for each in README.split("```python\n")[1:]
        if "lrfind.Sweep(optimizer)" in each
    ]
    model = nn.Linear(4, 3)
    names = {
        "lrfind": lrfind,
        "model": model,
        "optimizer": torch.optim.Adam(model.parameters(), lr=1e-3),
        "loss_fn": nn.CrossEntropyLoss(),
        "train_loader": DataLoader(TensorDataset(X, Y), batch_size=2, shuffle=True),
    }
    before = plain(model.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as an unfinished sweep warns
        exec(block, names)
    assert plain(model.state_dict()) == before
    assert names["result"].stop_reason in (StopReason.COMPLETED, StopReason.DIVERGED)
    assert names["result"].lr.size > 4
