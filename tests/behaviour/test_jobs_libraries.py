"""The jobs again with the libraries themselves, where they are installed."""

import pytest
import torch
from jobs import SHORT, check, mended
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfind

AGES = [
    pytest.mark.filterwarnings(f"ignore::{category}")
    for category in ("FutureWarning", "DeprecationWarning", "PendingDeprecationWarning")
]
"""What one library says of another's, or of Python's."""
pytestmark = [pytest.mark.slow, *AGES]

IMAGES = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(16) % 3
entropy = nn.CrossEntropyLoss()


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_timm(name):
    timm = pytest.importorskip("timm")
    size = {"img_size": 32} if name == "test_vit" else {}
    model = timm.create_model(name, num_classes=3, **size)
    make = pytest.importorskip("timm.optim").create_optimizer_v2
    optimizer = make(model, opt="adamw", lr=1e-3, layer_decay=0.5)
    train_loader = DataLoader(TensorDataset(IMAGES, LABELS), batch_size=8, shuffle=True)

    def ours():
        return lrfind.range_test(model, optimizer, entropy, train_loader, **SHORT)

    def loss(model, batch):
        return entropy(model(batch[0]), batch[1])

    result = check(ours, (model, optimizer, train_loader), loss=loss)
    assert min(result.group_scale) < max(result.group_scale) == 1


def bert():
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 32, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    config = transformers.BertConfig(**sizes, num_attention_heads=2, max_position_embeddings=16)
    return transformers, transformers.BertForSequenceClassification(config)


def rows(labels="labels"):
    ids = torch.arange(128).reshape(16, 8) % 32
    return [
        {"input_ids": each, "attention_mask": torch.ones_like(each), labels: torch.tensor(k % 2)}
        for k, each in enumerate(ids)
    ]


def of_bert(model, batch):
    labels = batch["labels" if "labels" in batch else "label"]
    return entropy(model(batch["input_ids"], batch["attention_mask"]).logits, labels)


def test_bert():
    _, model = bert()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    train_loader = DataLoader(rows(), batch_size=4, shuffle=True)

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, **SHORT)

    check(ours, (model, optimizer, train_loader), loss=of_bert)


def test_bert_on_columns_that_it_does_not_know():
    _, model = bert()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    train_loader = DataLoader(rows("label"), batch_size=4, shuffle=True)
    line, _ = mended(model, optimizer, None, train_loader, loss=of_bert)
    assert line == (
        'forward=lambda model, batch: model(input_ids=batch["input_ids"], '
        'attention_mask=batch["attention_mask"], labels=batch["label"]).loss'
    )


def test_lora():
    peft = pytest.importorskip("peft")
    lora = peft.LoraConfig(r=2, target_modules=["query"], task_type="SEQ_CLS")
    model = peft.get_peft_model(bert()[1], lora)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)
    train_loader = DataLoader(rows(), batch_size=4, shuffle=True)

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, layers=True, **SHORT)

    result = check(ours, (model, optimizer, train_loader), loss=of_bert)
    names = result.layers.names
    assert all("lora_" in name or "classifier" in name for name in names)
    assert sum("lora_" in name for name in names) == 2


def test_a_trainer(tmp_path):
    pytest.importorskip("accelerate")
    transformers, model = bert()
    given = {"per_device_train_batch_size": 4, "report_to": [], "use_cpu": True}
    arguments = transformers.TrainingArguments(str(tmp_path), **given)
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=rows())
    optimizer, train_loader = trainer.create_optimizer(), trainer.get_train_dataloader()

    def ours():
        return lrfind.range_test(trainer.model, optimizer, None, train_loader, **SHORT)

    result = check(ours, (model, optimizer, train_loader), loss=of_bert)
    assert result.epoch_steps == 4


@pytest.mark.parametrize(
    ("takes", "output"),
    [
        ("its arguments", "model(batch.x, batch.edge_index, batch.batch)"),
        ("the batch", "model(batch)"),
    ],
)
def test_a_graph_net(takes, output):
    geometric = pytest.importorskip("torch_geometric")
    layers = pytest.importorskip("torch_geometric.nn")

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = layers.GCNConv(4, 8), nn.Linear(8, 3)

        def logits(self, x, edge_index, batch):
            hidden = self.conv(x, edge_index).relu()
            return self.head(layers.global_mean_pool(hidden, batch))

    class OnArguments(Net):
        def forward(self, x, edge_index, batch):
            return self.logits(x, edge_index, batch)

    class OnBatches(Net):
        def forward(self, data):
            return self.logits(data.x, data.edge_index, data.batch)

    model = OnArguments() if takes == "its arguments" else OnBatches()
    edges = torch.tensor([[0, 1, 2], [1, 2, 3]])
    graphs = [
        geometric.data.Data(x=torch.randn(4, 4), edge_index=edges, y=torch.tensor([k % 3]))
        for k in range(16)
    ]
    train_loader = pytest.importorskip("torch_geometric.loader").DataLoader(graphs, batch_size=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def loss(model, data):
        return entropy(model.logits(data.x, data.edge_index, data.batch), data.y)

    line, _ = mended(model, optimizer, entropy, train_loader, loss=loss)
    assert line == f"forward=lambda model, batch: loss_fn({output}, batch.y)"


@pytest.mark.filterwarnings("ignore:You are trying to `self.log:UserWarning")
def test_a_lightning_module_that_logs():
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def training_step(self, batch, batch_idx):
            loss = entropy(self.layer(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    model, train_loader = Module(), [(torch.randn(4, 4), torch.arange(4) % 3)] * 3
    optimizer = model.configure_optimizers()

    def loss(model, batch):
        return entropy(model.layer(batch[0]), batch[1])

    line, _ = mended(model, optimizer, None, train_loader, loss=loss)
    assert line == "forward=lambda model, batch: model.training_step(batch, 0)"
