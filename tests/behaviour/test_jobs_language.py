"""Jobs on text: nanoGPT, BERT and LoRA on it, and a Trainer of Hugging Face's kind."""

import math

import pytest
import torch
from jobs import SHORT, check, mended
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

import lrfind

VOCABULARY, LENGTH = 17, 12
TEXT = torch.arange(400) ** 2 % VOCABULARY


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = (each.unsqueeze(1) for each in self.qkv(x).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.squeeze(1))


class GPT(nn.Module):
    """One layer with tied embeddings; returns its logits and, given targets, its loss."""

    def __init__(self, width=8):
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        self.norm, self.attention = nn.LayerNorm(width), Attention(width)
        self.drop, self.head = nn.Dropout(0.1), nn.Linear(width, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, idx, targets=None):
        x = self.drop(self.tokens(idx) + self.places(torch.arange(idx.shape[1])))
        x = x + self.attention(self.norm(x))
        if targets is None:
            return self.head(x[:, [-1]]), None
        logits = self.head(x)
        return logits, functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def configure_optimizers(self):
        groups = [
            {"params": [p for p in self.parameters() if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in self.parameters() if p.dim() < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95))


def get_batch():
    """A random batch, as nanoGPT draws one at every step."""
    starts = torch.randint(len(TEXT) - LENGTH - 1, (4,))
    pieces = [torch.stack([TEXT[s + k : s + k + LENGTH] for s in starts]) for k in (0, 1)]
    return pieces[0], pieces[1]


def test_nanogpt_in_bfloat16_with_accumulation_on_a_loader():
    model = GPT()
    optimizer = model.configure_optimizers()
    train_loader = [get_batch() for _ in range(24)]
    options = {"autocast": torch.bfloat16, "accumulation_steps": 4, "clip_grad": 1.0}
    line, result = mended(model, optimizer, None, train_loader, **options)
    assert line == "forward=lambda model, batch: model(*batch)[1]"
    assert (result.epoch_steps, result.group_scale) == (6, (1.0, 1.0))


def test_nanogpt_in_its_own_loop():
    model, accumulation = GPT(), 4
    optimizer = model.configure_optimizers()

    def ours():
        with lrfind.preserve_state(model, optimizer), lrfind.Sweep(optimizer, **SHORT) as sweep:
            for _ in sweep.cycle([None]):
                for _ in range(accumulation):
                    with torch.autocast("cpu", torch.bfloat16):
                        _, loss = model(*get_batch())
                    (loss / accumulation).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                sweep.record(loss)
        return sweep.result()

    result = check(ours, (model, optimizer, None))
    assert result.loss[0] == pytest.approx(math.log(VOCABULARY), rel=0.05)


class Output(dict):
    """A ModelOutput: a dictionary whose entries are attributes too."""

    def __getattr__(self, name):
        return self.get(name)


class BERT(nn.Module):
    """A classifier that takes its batch by name, and makes a loss if there are labels in it."""

    def __init__(self, width=8):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True)
        self.classifier = nn.Linear(width, 2)

    def forward(self, input_ids, attention_mask=None, labels=None):
        hidden = self.layer(self.embedding(input_ids), src_key_padding_mask=attention_mask == 0)
        logits = self.classifier(hidden[:, 0])
        if labels is None:
            return Output(logits=logits)
        return Output(loss=functional.cross_entropy(logits, labels), logits=logits)


class LoRA(nn.Module):
    """A linear layer with frozen weights and a trained update of rank 2."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Linear(layer.in_features, 2, bias=False)
        self.up = nn.Linear(2, layer.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


def rows(labels="labels"):
    """Sentences of different lengths, padded."""
    mask = (torch.arange(LENGTH) < torch.arange(24)[:, None] % 6 + 6).long()
    ids = TEXT[: 24 * LENGTH].reshape(24, LENGTH) * mask
    return [
        {"input_ids": ids[k], "attention_mask": mask[k], labels: torch.tensor(k % 2)}
        for k in range(24)
    ]


def test_bert():
    model, train_loader = BERT(), DataLoader(rows(), batch_size=4, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, **SHORT)

    check(ours, (model, optimizer, train_loader), loss=lambda model, batch: model(**batch).loss)


def of_other_columns(model, batch):
    return model(batch["input_ids"], batch["attention_mask"], labels=batch["label"]).loss


def test_bert_on_columns_that_it_does_not_know():
    model, train_loader = BERT(), DataLoader(rows("label"), batch_size=4, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    line, _ = mended(model, optimizer, None, train_loader, loss=of_other_columns)
    assert line == (
        'forward=lambda model, batch: model(input_ids=batch["input_ids"], '
        'attention_mask=batch["attention_mask"], labels=batch["label"]).loss'
    )


def test_low_rank_updates_of_a_frozen_bert():
    model, train_loader = BERT().requires_grad_(False), DataLoader(rows(), batch_size=4)
    model.classifier.requires_grad_(True)
    model.layer.linear1, model.layer.linear2 = LoRA(model.layer.linear1), LoRA(model.layer.linear2)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, layers=True, **SHORT)

    parts = model, optimizer, train_loader
    result = check(ours, parts, loss=lambda model, batch: model(**batch).loss)
    assert sum("up" in name for name in result.layers.names) == 2


class Trainer:
    """What a Trainer offers: its model, its optimizer, its loader, and the loss of a batch."""

    def __init__(self, model):
        self.model, self.smoothing = model, 0.1
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)

    def get_train_dataloader(self):
        return DataLoader(rows(), batch_size=4, shuffle=True)

    def compute_loss(self, model, inputs, return_outputs=False):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = functional.cross_entropy(outputs.logits, labels, label_smoothing=self.smoothing)
        return (loss, outputs) if return_outputs else loss


def smoothed(model, batch):
    """Cross-entropy with 0.9 of the weight on the label and 0.1 on both alike."""
    chances = model(batch["input_ids"], batch["attention_mask"])["logits"].log_softmax(1)
    of_label = chances.gather(1, batch["labels"][:, None])[:, 0]
    return -(0.9 * of_label + 0.1 * chances.mean(1)).mean()


def test_a_trainer_with_a_loss_of_its_own():
    trainer = Trainer(BERT())
    train_loader = trainer.get_train_dataloader()

    def ours():
        return lrfind.range_test(
            trainer.model, trainer.optimizer, None, train_loader,
            forward=trainer.compute_loss, **SHORT,
        )  # fmt: skip

    check(ours, (trainer.model, trainer.optimizer, train_loader), loss=smoothed)
