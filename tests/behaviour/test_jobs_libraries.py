"""The jobs again with the libraries themselves, where they are installed."""

import pytest
import torch
from jobs import SHORT, check, last_line, options_of
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfind

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

IMAGES, LABELS = torch.randn(16, 3, 32, 32), torch.arange(16) % 3
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

    result = check(ours, (model, optimizer, train_loader))
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


def test_bert_and_a_column_that_it_does_not_know():
    _, model = bert()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    parts = model, optimizer, None

    def ours():
        return lrfind.range_test(model, optimizer, None, DataLoader(rows(), 4), **SHORT)

    check(ours, parts)

    def naive():
        return lrfind.range_test(model, optimizer, None, DataLoader(rows("label"), 4), **SHORT)

    given = options_of(last_line(naive, parts))

    def mended():
        return lrfind.range_test(model, optimizer, None, DataLoader(rows("label"), 4),
                                 **given, **SHORT)  # fmt: skip

    check(mended, parts)


def test_lora():
    peft = pytest.importorskip("peft")
    lora = peft.LoraConfig(r=2, target_modules=["query"], task_type="SEQ_CLS")
    model = peft.get_peft_model(bert()[1], lora)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)

    def ours():
        return lrfind.range_test(model, optimizer, None, DataLoader(rows(), 4), **SHORT)

    check(ours, (model, optimizer, None))


def test_a_trainer(tmp_path):
    pytest.importorskip("accelerate")
    transformers, model = bert()
    given = {"per_device_train_batch_size": 4, "report_to": [], "use_cpu": True}
    arguments = transformers.TrainingArguments(str(tmp_path), **given)
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=rows())
    optimizer, train_loader = trainer.create_optimizer(), trainer.get_train_dataloader()

    def ours():
        return lrfind.range_test(trainer.model, optimizer, None, train_loader, **SHORT)

    assert check(ours, (model, optimizer, None)).epoch_steps == 4


@pytest.mark.parametrize("takes", ["its arguments", "the batch"])
def test_a_graph_net(takes):
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
    parts = model, optimizer, train_loader

    def naive():
        return lrfind.range_test(model, optimizer, entropy, train_loader, **SHORT)

    options = options_of(last_line(naive, parts), loss_fn=entropy)

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, **options, **SHORT)

    check(ours, parts)


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

    def naive():
        return lrfind.range_test(model, optimizer, None, train_loader, **SHORT)

    options = options_of(last_line(naive, (model, optimizer, None)))

    def ours():
        return lrfind.range_test(model, optimizer, None, train_loader, **options, **SHORT)

    check(ours, (model, optimizer, None))
