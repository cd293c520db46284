"""What two processes under torchrun do with Accelerate; each writes OUT/<scenario>.<rank>.json.

torchrun --nproc-per-node 2 accelerate_ranks.py OUT
"""

import json
import os
import sys
from pathlib import Path

import torch

import lrfind
from lrfind.integrations.transformers import range_test

STEPS = 20
cross_entropy = torch.nn.functional.cross_entropy
x = torch.randn(80, 8, generator=torch.Generator().manual_seed(0))
DATA = [{"x": each, "labels": int(each[0] > 0)} for each in x]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2)
        )

    def forward(self, x, labels):
        return {"loss": cross_entropy(self.layers(x), labels)}


def momentum(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def loader(batch_size):
    return torch.utils.data.DataLoader(DATA, batch_size)


def swept(model, optimizer, batches, **options):
    options = {"start_lr": 1e-4, "end_lr": 1.0, "num_iter": STEPS, "diverge_th": None, **options}
    return lrfind.range_test(model, optimizer, None, batches, **options)


def values(model):
    return [each.tolist() for each in model.state_dict().values()]


def prepared():
    """Every rank has half of each batch of 8."""
    model, plain = Network(), Network()
    import accelerate

    accelerator = accelerate.Accelerator(cpu=True)
    before = values(model)
    result = swept(*accelerator.prepare(model, momentum(model), loader(4)))
    joined = swept(plain, momentum(plain), loader(8), all_ranks=False)
    return {
        "loss": result.loss.tolist(),
        "joined": joined.loss.tolist(),
        "restored": values(model) == before,
    }


def trainer():
    """The trainer's own loop at the rates of the sweep is what it is compared with."""

    def made(out):
        import transformers

        arguments = transformers.TrainingArguments(
            out, use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no",
            per_device_train_batch_size=4, gradient_accumulation_steps=2, learning_rate=1.0,
            max_steps=STEPS, logging_steps=1,
        )  # fmt: skip
        model = Network()
        made = transformers.Trainer(model, arguments, train_dataset=DATA)
        made.pop_callback(transformers.PrinterCallback)
        return made

    tested, plain = made(sys.argv[1]), made(sys.argv[1])
    before = values(tested.model)
    torch.manual_seed(1)
    result = range_test(tested, start_lr=1e-4, end_lr=1.0, num_iter=STEPS, diverge_th=None)
    restored = values(tested.model) == before and tested.optimizer is None
    torch.manual_seed(1)
    plain.create_scheduler = lambda num_training_steps, optimizer=None: setattr(
        plain,
        "lr_scheduler",
        torch.optim.lr_scheduler.LambdaLR(
            plain.optimizer, lambda k: float(result.lr[min(k, STEPS - 1)])
        ),
    )
    plain.train()
    logged = [each["loss"] for each in plain.state.log_history if "loss" in each]
    return {"loss": result.loss.tolist(), "joined": logged, "restored": restored}


def main():
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    for name, scenario in {"range_test": prepared, "trainer": trainer}.items():
        Path(sys.argv[1], f"{name}.{rank}.json").write_text(json.dumps(scenario()))
    os._exit(0)


if __name__ == "__main__":
    main()
