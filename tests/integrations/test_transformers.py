import copy

import numpy as np
import pytest
import torch
from frameworks import assert_same, the_checks_work
from makers import make_result, plain

import lrfind
from lrfind.integrations import transformers as integration
from lrfind.integrations.transformers import range_test
from lrfind.support.errors import CannotTellError

transformers = pytest.importorskip("transformers")
# Made by the imports of the library, whatever it is used for.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SIZES = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 16,
}  # fmt: skip


class OwnLoss(transformers.Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=0.2)
        return (loss, outputs) if return_outputs else loss


class OwnGroups(transformers.Trainer):
    def create_optimizer(self, model=None):
        if self.optimizer is None:
            head = list(self.model.classifier.parameters())
            body = [each for each in self.model.parameters() if all(each is not h for h in head)]
            self.optimizer = torch.optim.SGD(
                [{"params": body, "lr": self.args.learning_rate / 4}, {"params": head}],
                lr=self.args.learning_rate,
                momentum=0.9,
            )
        return self.optimizer


def classifier(**settings):
    config = transformers.BertConfig(**SIZES, **settings)
    return transformers.BertForSequenceClassification(config)


def causal():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES))


def with_lora():
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["query"], modules_to_save=["classifier"])
    return peft.get_peft_model(classifier(), config)


def collate(samples):
    ids = torch.stack([each["input_ids"] for each in samples])
    batch = {"input_ids": ids, "labels": torch.tensor([each["labels"] for each in samples])}
    return transformers.BatchEncoding(batch)


def as_text(samples):
    ids = torch.stack([each["input_ids"] for each in samples])
    labels = ids.clone()
    labels[::2, 5:] = -100  # micro-batches with different numbers of labels
    return {"input_ids": ids, "labels": labels}


CASES = {
    "plain": {},
    "tuples": {"model": lambda: classifier(return_dict=False)},
    "accumulation": {"gradient_accumulation_steps": 3},
    "tokens": {"model": causal, "collator": as_text, "gradient_accumulation_steps": 2},
    "clipping": {"max_grad_norm": 0.05},
    "no_clipping": {"max_grad_norm": 0.0},
    "bf16": {"bf16": True, "gradient_accumulation_steps": 2},
    "label_smoothing": {"label_smoothing_factor": 0.1},
    "compute_loss": {"kind": OwnLoss, "gradient_accumulation_steps": 2},
    "groups": {"kind": OwnGroups},
    "lora": {"model": with_lora},
}


def made(tmp_path, model=classifier, collator=collate, kind=transformers.Trainer, **settings):
    callbacks, optimizers = settings.pop("callbacks", None), settings.pop("optimizers", None)
    arguments = transformers.TrainingArguments(
        str(tmp_path),
        **{
            "use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no",
            "per_device_train_batch_size": 4, "learning_rate": 1.0, "max_steps": 20,
            "logging_steps": 1, **settings,
        },
    )  # fmt: skip
    torch.manual_seed(0)
    module = model()
    ids = torch.randint(50, (38, 8))  # neither whole batches nor whole windows
    data = [{"input_ids": each, "labels": int(each[0] > 25)} for each in ids]
    trainer = kind(
        module,
        arguments,
        data_collator=collator,
        train_dataset=data,
        callbacks=callbacks,
        optimizers=(None, None) if optimizers is None else optimizers(module),
    )
    trainer.pop_callback(transformers.PrinterCallback)
    return trainer


def train(trainer, lr=None):
    """The losses of the trainer's own loop, step by step; at the rates of a sweep, if given."""
    torch.manual_seed(1)
    if lr is not None:
        schedule = torch.optim.lr_scheduler.LambdaLR
        trainer.create_scheduler = lambda num_training_steps, optimizer=None: setattr(
            trainer, "lr_scheduler", schedule(trainer.optimizer, lambda k: lr[min(k, len(lr) - 1)])
        )
    trainer.train()
    return [each["loss"] for each in trainer.state.log_history if "loss" in each]


def sweep(trainer, num_iter=20, **options):
    torch.manual_seed(1)
    return range_test(
        trainer, start_lr=1e-4, end_lr=0.3, num_iter=num_iter, diverge_th=None, progress=False,
        **options,
    )  # fmt: skip


def state_of(trainer):
    """What a range test must not change, by value and by identity."""
    tensors = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    flags = [each.training for each in trainer.model.modules()]
    accelerator = trainer.accelerator
    held = [vars(each).copy() for each in (trainer, accelerator, accelerator.gradient_state)]
    lists = [list(v) for each in held for v in each.values() if isinstance(v, list)]
    attributes = [{k: id(v) for k, v in each.items()} for each in held]
    names = [set(vars(each)) for each in trainer.model.modules()]
    grads = [(id(each.grad), plain(each.grad)) for each in trainer.model.parameters()]
    arguments = {k: v for k, v in vars(trainer.args).items() if not k.startswith("_")}
    others = (flags, attributes, [[*map(id, each)] for each in lists], names, grads, arguments)
    return tensors, (*others, torch.get_rng_state().tolist(), copy.deepcopy(vars(trainer.state)))


@pytest.mark.parametrize("case", CASES)
def test_it_makes_the_steps_of_the_trainer_and_leaves_its_training_as_it_was(case, tmp_path):
    trainer = made(tmp_path, **CASES[case])
    torch.manual_seed(1)
    before = state_of(trainer)
    result = sweep(trainer)
    assert_same(before, state_of(trainer))
    np.testing.assert_array_equal(result.lr[[0, -1]], [1e-4, 0.3])
    # The trainer's own loop at the same rates, from the same seed, is the oracle.
    np.testing.assert_array_equal(result.loss, train(made(tmp_path, **CASES[case]), result.lr))
    # And the training that follows is the one without a test, bit for bit.
    assert train(trainer) == train(made(tmp_path, **CASES[case]))


def test_it_records_what_range_test_records(tmp_path):
    found = sweep(made(tmp_path))
    trainer = made(tmp_path, max_grad_norm=0.0)
    torch.manual_seed(1)
    loader = trainer.get_train_dataloader()
    optimizer = trainer.create_optimizer()
    trainer.model.train()
    expected = lrfind.range_test(
        trainer.model, optimizer, None, loader, start_lr=1e-4, end_lr=0.3, num_iter=20,
        diverge_th=None, clip_grad=1.0, progress=False,
    )  # fmt: skip
    np.testing.assert_array_equal(found.lr, expected.lr)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)
    assert (found.optimizer, found.epoch_steps) == (expected.optimizer, expected.epoch_steps)


def test_the_largest_group_is_swept_and_the_others_keep_their_ratio(tmp_path):
    result = sweep(made(tmp_path, kind=OwnGroups))
    assert result.group_scale == (0.25, 1.0)
    assert result.optimizer == "SGD"


class Loud(transformers.TrainerCallback):
    def __init__(self):
        self.called = []

    def on_train_begin(self, *_, **__):
        self.called.append("train")

    def on_step_begin(self, *_, **__):
        self.called.append("step")

    def on_log(self, *_, **__):
        self.called.append("log")


def test_callbacks_and_trackers_are_silent(tmp_path, capsys):
    loud = Loud()
    sweep(made(tmp_path, callbacks=[loud]))
    assert loud.called == []
    assert capsys.readouterr() == ("", "")


def broken_loader(error):
    def collator(samples):
        collator.calls += 1
        if collator.calls == 7:
            raise error
        return collate(samples)

    collator.calls = 0
    return {"collator": collator}


def broken_step(error):
    class Broken(transformers.Trainer):
        calls = 0

        def compute_loss(self, *args, **kwargs):
            self.calls += 1
            if self.calls == 7:
                raise error
            return super().compute_loss(*args, **kwargs)

    return {"kind": Broken}


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("broken", [broken_loader, broken_step])
@pytest.mark.parametrize("more", [{}, {"bf16": True, "gradient_accumulation_steps": 2}])
def test_a_fault_leaves_the_trainer_as_it_was(tmp_path, error, broken, more):
    trainer = made(tmp_path, **broken(error), **more)
    before = state_of(trainer)
    with pytest.raises(type(error)):
        range_test(trainer, num_iter=20, progress=False)
    assert_same(before, state_of(trainer))


def test_an_optimizer_and_scheduler_of_ones_own_come_back_unwrapped(tmp_path):
    def own(model):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 5)

    trainer = made(tmp_path, optimizers=own)
    optimizer, groups = trainer.optimizer, trainer.optimizer.param_groups
    sweep(trainer)
    assert trainer.optimizer is optimizer
    assert optimizer.param_groups is groups
    assert optimizer.param_groups[0]["lr"] == 1e-3
    assert len(optimizer.state) == 0
    assert train(trainer) == train(made(tmp_path, optimizers=own))


def test_a_trainer_in_the_middle_of_its_training_goes_on_as_without_a_test(tmp_path):
    trainer, other = made(tmp_path), made(tmp_path)
    assert train(trainer) == train(other)
    before = state_of(trainer)
    range_test(trainer, num_iter=5, progress=False)
    assert_same(before, state_of(trainer))
    assert train(trainer) == train(other)


def learnable(samples):
    batch = collate(samples)
    return {**batch, "labels": (batch["input_ids"][:, 0] > 25).long()}


SCHEDULES = {
    "linear": {},
    "cosine": {"lr_scheduler_type": "cosine", "warmup_steps": 5},
    "constant": {"lr_scheduler_type": "constant", "max_steps": 4000},
    "of_epochs": {"max_steps": -1, "num_train_epochs": 2.5, "gradient_accumulation_steps": 3},
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_the_rate_suggested_for_the_schedule_and_length_of_the_trainer_is_applied(case, tmp_path):
    trainer = made(tmp_path, learning_rate=1e-7, collator=learnable, **SCHEDULES[case])
    result = range_test(trainer, apply=True, num_iter=80, progress=False)
    lr, schedule = trainer.args.learning_rate, trainer.args.lr_scheduler_type.value
    assert trainer.optimizer is trainer.lr_scheduler is None
    # The trainer tells its length once it trains.
    trainer.add_callback(Ending())
    trainer.train()
    assert trainer.lr_scheduler.base_lrs == [lr] * 2
    asked = {"schedule": schedule, "total_steps": trainer.state.max_steps}
    assert lr == result.suggest(**asked).lr > 1e-7
    assert lr not in (result.suggest().lr, result.suggest(schedule=schedule).lr)


class Ending(transformers.TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        control.should_training_stop = True


def test_the_rate_is_applied_to_the_optimizer_and_scheduler_that_the_trainer_has(tmp_path):
    trainer = made(tmp_path, learning_rate=1e-7, collator=learnable)
    trainer.train()
    result = range_test(trainer, apply=True, num_iter=80, progress=False)
    answer = result.suggest(schedule="linear", total_steps=20)
    assert trainer.args.learning_rate == answer.lr > 1e-7
    assert trainer.lr_scheduler.base_lrs == list(answer.group_lr) == [answer.lr] * 2


def test_a_scheduler_of_ones_own_tells_the_schedule_in_place_of_the_arguments(tmp_path):
    def own(model):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-7)
        return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 5)

    trainer = made(tmp_path, optimizers=own, collator=learnable)
    result = range_test(trainer, apply=True, num_iter=80, progress=False)
    answer = result.suggest(schedule="constant", total_steps=20)
    assert trainer.args.learning_rate == answer.lr != result.suggest(schedule="linear").lr
    assert trainer.optimizer.param_groups[0]["lr"] == trainer.lr_scheduler.base_lrs[0] == answer.lr


@pytest.mark.parametrize("name", [each.value for each in transformers.SchedulerType])
def test_every_schedule_of_the_library_is_known(name):
    assert make_result().suggest(schedule=name, total_steps=100)


def test_nothing_is_applied_where_no_rate_can_be_told(tmp_path):
    trainer = made(tmp_path, learning_rate=1e-7)
    with pytest.raises(CannotTellError):
        range_test(trainer, apply=True, start_lr=1e-9, end_lr=1e-8, num_iter=20, progress=False)
    assert trainer.args.learning_rate == 1e-7


def test_the_checks_work_on_a_prepared_trainer(tmp_path):
    trainer = made(tmp_path, collator=learnable)
    the_checks_work(integration, trainer, state_of=state_of, progress=False)


@pytest.mark.parametrize(
    ("thing", "error", "said"),
    [
        (
            lambda path: classifier(),
            TypeError,
            "`trainer` must be a transformers.Trainer, got Bert",
        ),
        (lambda path: made(path, neftune_noise_alpha=5.0), ValueError, "uses NEFTune noise"),
    ],
)
def test_what_cannot_be_tested_is_refused(tmp_path, thing, error, said):
    with pytest.raises(error, match=said):
        range_test(thing(tmp_path))
