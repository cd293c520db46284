"""The page for those who come from another finder is true: its code runs, its figures are these."""

import contextlib
import io
import re

import numpy as np
import pytest
import torch
from finders import QUIET, Job, fastai, ignite, lightning, torch_lr_finder
from makers import ROOT
from matplotlib import pyplot

import lrfind
from lrfind.demo import DEMO, digits_problem
from lrfind.support.text import rate

pytestmark = QUIET
PAGE = (ROOT / ".github" / "coming_from.md").read_text()
SECTIONS = dict(re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
TABLE = dict(re.findall(r"^\| ([^|]+) \| ([^|]+ \| [^|]+) \|$", PAGE, re.MULTILINE))


def of_lightning(job, folder):
    from lightning.pytorch import LightningModule, Trainer

    class Module(LightningModule):
        lr = 0.1

        def training_step(self, batch, index):
            return job.loss_fn(job.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.model.parameters(), self.lr)

    module = Module()
    module.model = job.model
    trainer = Trainer(
        max_epochs=10, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip
    return {"trainer": trainer, "module": module}


def of_ignite(job, folder):
    from ignite.engine import create_supervised_trainer

    return {"trainer": create_supervised_trainer(job.model, job.optimizer, job.loss_fn)}


def of_fastai(job, folder):
    return {"learn": fastai(job, folder)}


PARTS = {
    "torch-lr-finder": ("torch_lr_finder", lambda job, folder: {}),
    "Lightning": ("lightning", of_lightning),
    "ignite": ("ignite", of_ignite),
    "fastai": ("fastai", of_fastai),
}
"""The package of each section, and what its code takes as there."""


def test_it_has_a_section_for_each_finder_and_is_short():
    assert list(SECTIONS) == list(PARTS)
    assert len(PAGE.splitlines()) <= 80


def test_the_rate_of_the_demo_is_that_of_the_committed_run():
    demo = lrfind.load(ROOT / ".github" / "demo" / "result.json")
    assert f"sweep of 300 says {rate(demo.suggest().lr)})" in PAGE


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_the_code_of_a_section_runs(name, tmp_path):
    package, parts = PARTS[name]
    pytest.importorskip(package)
    job = Job(1e-3)
    names = {"lrfind": lrfind, "model": job.model, "optimizer": job.optimizer}
    names |= {"criterion": job.loss_fn, "train_loader": job.loader, **parts(job, tmp_path)}
    (code,) = re.findall(r"^```python\n(.*?)^```", SECTIONS[name], re.MULTILINE | re.DOTALL)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(code, names)
    old, result = names["old"], names["result"]
    assert old.origin.tool == name
    assert not old.origin.smoothed
    assert result.origin is None
    assert result.lr[0] == pytest.approx(1e-6)
    for said, kind in re.findall(r"or \((.*), (\".*\")\)", code):
        assert eval(f"lrfind.from_history({said}, {kind})", names) == old


def digits(lr=1e-7):
    job = Job()
    problem = digits_problem(model="mlp", optimizer="sgd", seed=0, **DEMO)
    for group in problem.optimizer.param_groups:
        group["lr"] = lr
    job.model, job.optimizer, job.loader = problem.model, problem.optimizer, problem.train_loader
    job.loss_fn = problem.loss_fn
    return job


def asked_torch_lr_finder(folder):
    finder = torch_lr_finder(digits(), end_lr=10, num_iter=100)
    with contextlib.redirect_stdout(io.StringIO()):
        _, theirs = finder.plot(ax=pyplot.figure().subplots())
    return theirs, finder


def asked_lightning(folder):
    finder = lightning(digits(), folder, min_lr=1e-8, max_lr=1, num_training=100)
    return finder.suggestion(), finder


def asked_ignite(folder):
    finder = ignite(digits(0.1), start_lr=1e-7, end_lr=10.0, num_iter=100)
    return finder.lr_suggestion(), finder


def asked_fastai(folder):
    job = digits()
    loss_fn = job.loss_fn
    # It takes losses in single precision only.
    job.loss_fn = lambda guess, target: loss_fn(guess, target).float()
    learn = fastai(job, folder)
    kept = (torch.tensor([float(x) for x in each[10:-5]]) for each in
            (learn.recorder.lrs, learn.recorder.losses))  # fmt: skip
    from fastai.callback.schedule import valley

    return valley(*kept, 100)[0], learn


ASKED = {
    "torch-lr-finder": asked_torch_lr_finder,
    "Lightning": asked_lightning,
    "ignite": asked_ignite,
    "fastai, valley": asked_fastai,
}


@pytest.mark.parametrize("name", ASKED)
def test_the_table_is_what_they_suggest_and_what_their_records_do(name, tmp_path):
    theirs, history = ASKED[name](tmp_path)
    answer = lrfind.from_history(history).suggest()
    assert TABLE[name] == f"{rate(theirs)} | {rate(answer.lr)}"


def test_a_record_of_the_same_sweep_gives_the_same_answer():
    finder = torch_lr_finder(digits(), end_lr=10, num_iter=100)
    job = digits()
    own = lrfind.range_test(
        job.model, job.optimizer, job.loss_fn, job.loader, start_lr=1e-7, num_iter=100
    )
    old = lrfind.from_history(finder)
    steps = min(own.lr.size, old.lr.size)
    np.testing.assert_allclose(own.lr[:steps], old.lr[:steps], rtol=1e-12)
    np.testing.assert_allclose(own.loss[:steps], old.loss[:steps], rtol=1e-6)
    assert rate(own.suggest().lr) == rate(old.suggest().lr) == TABLE["torch-lr-finder"][-5:]
