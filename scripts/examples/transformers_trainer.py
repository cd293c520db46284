"""A range test of a Hugging Face `Trainer`; pip install "lrfind[transformers]"."""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from lrfind.integrations.transformers import range_test

torch.manual_seed(0)
size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
model = BertForSequenceClassification(BertConfig(**size, vocab_size=50, intermediate_size=64))
ids = torch.randint(50, (256, 8))
data = [{"input_ids": each, "labels": int(each[0] > 25)} for each in ids]
args = TrainingArguments(gradient_accumulation_steps=2, dataloader_pin_memory=False)
trainer = Trainer(model, args, train_dataset=data)

result = range_test(trainer, num_iter=100, apply=True)
print(result.summary())
print("trainer.train() will use", trainer.args.learning_rate, "for its schedule and length")
