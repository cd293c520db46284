"""Jobs on images: ResNet and ViT as in timm, a VAE, a diffusion model, contrastive views."""

import pytest
import torch
from jobs import SHORT, check, last_line, mended
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import lrfind

entropy = nn.CrossEntropyLoss(label_smoothing=0.1)


def loader_of(*tensors):
    rng = torch.Generator().manual_seed(2)
    return DataLoader(TensorDataset(*tensors), batch_size=10, shuffle=True, generator=rng)


IMAGES = torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 3


class Block(nn.Module):
    """A residual block with batch norm and stochastic depth."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm, self.drop = nn.BatchNorm2d(width), nn.Dropout(0.1)

    def forward(self, x):
        return functional.relu(x + self.drop(self.norm(self.conv(x))))


class ResNet(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1), Block(4), Block(4), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, 3),
        )  # fmt: skip


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.zeros(1, 1, 8))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
            for _ in range(2)
        )
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens[:, 0])

    def groups(self, decay):
        """Parameter groups with a layer decay, which timm writes into `lr_scale`."""
        depth = [[self.token, *self.patches.parameters()], *(b.parameters() for b in self.blocks)]
        layers = [*map(list, depth), list(self.head.parameters())]
        scales = [decay**place for place in reversed(range(len(layers)))]
        return [{"params": p, "lr_scale": s} for p, s in zip(layers, scales, strict=True)]


def of_labels(model, batch):
    return entropy(model(batch[0]), batch[1])


def test_a_resnet():
    model, train_loader = ResNet(), loader_of(IMAGES, LABELS)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)

    def ours():
        return lrfind.range_test(model, optimizer, entropy, train_loader, **SHORT)

    result = check(ours, (model, optimizer, train_loader), loss=of_labels)
    assert result.epoch_steps == 4


def test_a_vision_transformer_with_layer_decay():
    model, train_loader = ViT(), loader_of(IMAGES, LABELS)
    optimizer = torch.optim.AdamW(model.groups(decay=0.5), lr=1e-3)

    def ours():
        return lrfind.range_test(model, optimizer, entropy, train_loader, clip_grad=1.0, **SHORT)

    result = check(ours, (model, optimizer, train_loader))
    assert result.group_scale == (0.125, 0.25, 0.5, 1.0)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(192, 4), nn.Linear(2, 192)

    def forward(self, x):
        mean, spread = self.encoder(x.flatten(1)).chunk(2, dim=1)
        sample = mean + torch.randn_like(mean) * (spread / 2).exp()
        return self.decoder(sample).reshape(x.shape), mean, spread


def elbo(output, x):
    made, mean, spread = output
    divergence = -0.5 * (1 + spread - mean**2 - spread.exp()).mean()
    return {"mse": functional.mse_loss(made, x), "kl": 0.1 * divergence}


def total(model, x):
    return sum(elbo(model(x), x).values())


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def test_a_vae_whose_target_is_its_input():
    model, train_loader = VAE(), DataLoader(IMAGES, batch_size=10, shuffle=True)
    optimizer = adam(model)

    def ours():
        return lrfind.range_test(model, optimizer, elbo, train_loader, **SHORT)

    result = check(ours, (model, optimizer, train_loader), loss=total)
    assert set(result.tasks) == {"mse", "kl"}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("beside", [(), (LABELS,)], ids=["a tuple", "labels"])
def test_a_vae_whose_images_are_not_alone(beside):
    model, train_loader = VAE(), loader_of(IMAGES, *beside)
    optimizer = adam(model)
    loss = lambda model, batch: total(model, batch[0])  # noqa: E731
    line, result = mended(model, optimizer, elbo, train_loader, loss=loss)
    assert line == "forward=lambda model, batch: loss_fn(model(batch[0]), batch[0])"
    assert set(result.tasks) == {"mse", "kl"}


class Denoiser(nn.Module):
    """Takes noisy images and the time, and returns the noise."""

    def __init__(self):
        super().__init__()
        self.time, self.conv = nn.Embedding(10, 4), nn.Conv2d(3, 4, 3, padding=1)
        self.out = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x, t):
        return self.out(functional.silu(self.conv(x) + self.time(t)[:, :, None, None]))


def ddpm(model, x):
    t = torch.randint(0, 10, (len(x),))
    noise, kept = torch.randn_like(x), torch.linspace(0.99, 0.01, 10)[t][:, None, None, None]
    return functional.mse_loss(model(kept.sqrt() * x + (1 - kept).sqrt() * noise, t), noise)


def test_a_diffusion_model():
    model, train_loader = Denoiser(), loader_of(IMAGES, LABELS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    parts = model, optimizer, train_loader

    def naive():
        return lrfind.range_test(model, optimizer, functional.mse_loss, train_loader, **SHORT)

    # What the noise is to be only its user knows.
    line = last_line(naive, parts)
    assert line == "forward=lambda model, batch: loss_fn(model(batch[0], ...), batch[1])"

    def ours():
        options = {"forward": lambda model, batch: ddpm(model, batch[0])}
        return lrfind.range_test(model, optimizer, None, train_loader, **options, **SHORT)

    check(ours, parts, loss=lambda model, batch: ddpm(model, batch[0]))


class InfoNCE(nn.Module):
    """The loss of two views, with a temperature that is trained."""

    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(0.5))

    def forward(self, one, other):
        one, other = functional.normalize(one), functional.normalize(other)
        return functional.cross_entropy(one @ other.mT / self.temperature, torch.arange(len(one)))


def test_two_views_of_each_image():
    model, info_nce = nn.Sequential(nn.Flatten(), nn.Linear(192, 8)), InfoNCE()
    train_loader = loader_of(IMAGES, IMAGES + 0.1)
    optimizer = torch.optim.Adam([*model.parameters(), *info_nce.parameters()], lr=1e-3)

    def loss(model, batch):
        return info_nce(model(batch[0]), model(batch[1]))

    others = (info_nce, optimizer, None)
    line, _ = mended(model, optimizer, info_nce, train_loader, others, loss=loss)
    assert line == "forward=lambda model, batch: loss_fn(model(batch[0]), model(batch[1]))"
