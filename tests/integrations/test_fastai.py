import random
import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from frameworks import assert_same, the_checks_work
from makers import plain

from lrfind.integrations import fastai as integration
from lrfind.integrations.fastai import lr_find, range_test
from lrfind.support.errors import CannotTellError

pytest.importorskip("fastai")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecated parts of torch and pandas
    from fastai.callback.core import Callback, CancelValidException
    from fastai.callback.fp16 import MixedPrecision
    from fastai.callback.mixup import MixUp
    from fastai.callback.progress import ProgressCallback
    from fastai.callback.tracker import SaveModelCallback
    from fastai.callback.training import GradientAccumulation, GradientClip
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner, Recorder
    from fastai.losses import CrossEntropyLossFlat
    from fastai.optimizer import SGD, OptimWrapper, ranger

# Mixed precision of fastai is that of CUDA, which torch then says it leaves out.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*CUDA is not available:UserWarning"),
]


def split(model):
    return [list(model[:3].parameters()), list(model[3:].parameters())]


ADAMW = partial(OptimWrapper, opt=torch.optim.AdamW)
CASES = {
    "adam": {},
    "sgd": {"opt_func": partial(SGD, mom=0.9), "wd": 0.01},
    "ranger": {"opt_func": ranger},
    "of_torch": {"opt_func": ADAMW},
    "groups": {"splitter": split, "lr": slice(1e-4, 1e-2)},
    "groups_of_torch": {"splitter": split, "opt_func": ADAMW},
    "frozen": {"splitter": split, "frozen": True},
    "clipping": {"cbs": lambda: [GradientClip(0.05)]},
    "accumulation": {"cbs": lambda: [GradientAccumulation(24)]},
    "mixup": {"cbs": lambda: [MixUp()], "loss": CrossEntropyLossFlat},
    "bf16": {"cbs": lambda: [MixedPrecision("bf16")]},
}


def made(cbs=list, loss=torch.nn.CrossEntropyLoss, frozen=False, **settings):
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - fastai draws from it
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16),
        torch.nn.BatchNorm1d(16),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.1),
        torch.nn.Linear(16, 2),
    )
    x = torch.randn(72, 8)
    data = torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long())
    dls = DataLoaders(DataLoader(data, bs=8, shuffle=True), DataLoader(data, bs=8))
    learn = Learner(dls, model, loss(), cbs=cbs(), **settings)
    if frozen:
        learn.freeze()
    return learn


class Follow(Callback):
    """Trains at given rates and keeps the losses and the steps they were of."""

    order = 100

    def __init__(self, lr=None, scale=None):
        self.rates, self.scale, self.losses, self.made = lr, scale, [], 0

    def before_batch(self):
        if self.rates is not None:
            lr = self.rates[min(self.made, len(self.rates) - 1)]
            self.opt.set_hyper("lr", [float(lr) * each for each in self.scale])

    def before_validate(self):
        raise CancelValidException

    def after_loss(self):
        self.losses.append((self.made, self.learn.loss.item()))

    def after_step(self):
        self.made += 1


def fit(learn, epochs, lr=None, scale=None):
    """The loss of each optimizer step of the learner's own loop, the mean of its batches."""
    torch.manual_seed(1)
    follow = Follow(lr, scale)
    with learn.no_logging(), learn.no_bar():
        learn.fit(epochs, cbs=follow)
    losses = [[] for _ in range(follow.made)]
    for step, loss in follow.losses:
        if step < follow.made:
            losses[step].append(loss)
    return [float(np.mean(each)) for each in losses]


def sweep(learn, num_iter=18, **options):
    torch.manual_seed(1)
    options = {"start_lr": 1e-4, "end_lr": 0.3, "diverge_th": None, "progress": False, **options}
    return range_test(learn, num_iter=num_iter, **options)


def state_of(learn):
    """What a range test must not change, by value and by identity."""
    tensors = {k: v.clone() for k, v in learn.model.state_dict().items()}
    modules = [dict(vars(each)) for each in learn.model.modules()]
    parts = [learn, *learn.cbs, learn.dls.train, *([learn.opt] if learn.opt else [])]
    held = [{k: id(v) for k, v in vars(each).items()} for each in parts]
    values = [dict(each) for each in (learn.opt.hypers if learn.opt else [])]
    states = [plain(each[2]) for each in (learn.opt.all_params() if learn.opt else [])]
    generators = (torch.get_rng_state().tolist(), random.getstate(), learn.dls.train.rng.getstate())
    grads = [(id(each.grad), plain(each.grad)) for each in learn.model.parameters()]
    return tensors, (modules, held, list(learn.cbs), values, states, grads, generators)


@pytest.mark.parametrize("case", CASES)
def test_it_makes_the_steps_of_the_learner_and_leaves_its_training_as_it_was(case, capsys):
    learn = made(**CASES[case])
    torch.manual_seed(1)
    before = state_of(learn)
    result = sweep(learn)
    assert_same(before, state_of(learn))
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(result.lr[[0, -1]], [1e-4, 0.3])
    # The learner's own loop at the same rates, from the same seed, is the oracle.
    own = fit(made(**CASES[case]), 8, result.lr, result.group_scale)[:18]
    np.testing.assert_allclose(result.loss, own, rtol=1e-6)
    # And the training that follows is the one without a test, bit for bit.
    assert fit(learn, 3) == fit(made(**CASES[case]), 3)


def test_discriminative_rates_keep_their_ratio():
    np.testing.assert_allclose(sweep(made(**CASES["groups"])).group_scale, [0.01, 1.0])


def test_what_records_shows_or_saves_is_silent(tmp_path):
    class Loud(Recorder):
        called = 0

        def before_fit(self):
            self.called += 1

    learn = made(
        cbs=lambda: [Loud(), ProgressCallback(), SaveModelCallback()], path=tmp_path,
        metrics=[lambda pred, target: 0.0],
    )  # fmt: skip
    names = [type(each).__name__ for each in learn.cbs]
    sweep(learn)
    assert [type(each).__name__ for each in learn.cbs] == names
    assert learn.loud.called == 0
    assert list(tmp_path.iterdir()) == []


class Broken(Callback):
    def __init__(self, error):
        self.error, self.calls = error, 0

    def after_pred(self):
        self.calls += 1
        if self.calls == 7:
            raise self.error


def broken_loss(error):
    class Loss(torch.nn.CrossEntropyLoss):
        calls = 0

        def forward(self, *inputs):
            self.calls += 1
            if self.calls == 7:
                raise error
            return super().forward(*inputs)

    return {"loss": Loss}


def broken_loader(error):
    class Loader(DataLoader):
        def create_item(self, s):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls == 60:
                raise error
            return super().create_item(s)

    return {"loader": Loader}


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["callback", "loss", "loader"])
def test_a_fault_leaves_the_learner_as_it_was(error, where):
    if where == "loss":
        learn = made(**broken_loss(error))
    else:
        learn = made(cbs=lambda: [Broken(error)] if where == "callback" else [])
    if where == "loader":
        dls = learn.dls
        learn.dls = DataLoaders(broken_loader(error)["loader"](dls.train.dataset, bs=8), dls.valid)
    before = state_of(learn)
    with pytest.raises(type(error)):
        range_test(learn, num_iter=20, progress=False)
    assert_same(before, state_of(learn))


def test_a_learner_in_the_middle_of_its_training_goes_on_as_without_a_test():
    learn, other = made(), made()
    assert fit(learn, 2) == fit(other, 2)
    before = state_of(learn)
    range_test(learn, num_iter=12, progress=False)
    assert_same(before, state_of(learn))
    assert fit(learn, 2) == fit(other, 2)


def test_lr_find_takes_what_that_of_fastai_takes_and_draws_raw_and_smoothed_losses():
    learn = made()
    before = state_of(learn)
    found = lr_find(learn, start_lr=1e-5, end_lr=1, num_it=60, stop_div=False)
    assert_same(before, state_of(learn))
    assert found.result.lr[[0, -1]].tolist() == [1e-5, 1.0]
    assert found.result.lr.size == 60
    assert found.valley == found.result.suggest("valley").lr
    assert found.suggestion == found.result.suggest()
    (ax,) = plt.gcf().axes
    drawn = [np.asarray(each.get_ydata(), float) for each in ax.get_lines()]
    drawn += [np.asarray(each.get_offsets())[:, 1] for each in ax.collections]
    for values in (found.result.loss, found.result.curves().curve("debiased", 0.98)):
        assert any(each.shape == values.shape and np.allclose(each, values) for each in drawn)
    plt.close("all")
    lr_find(learn, num_it=20, show_plot=False)
    assert plt.get_fignums() == []


def test_the_suggested_rate_is_applied():
    learn = made(lr=1e-7)
    result = range_test(learn, apply=True, num_iter=80, progress=False)
    assert learn.lr == result.suggest().lr > 1e-7
    learn = made(**CASES["groups"])
    result = range_test(learn, apply=True, num_iter=80, progress=False)
    assert learn.lr == list(result.suggest().group_lr)
    fit(learn, 1)
    assert [each["lr"] for each in learn.opt.hypers] == list(result.suggest().group_lr)


def test_nothing_is_applied_where_no_rate_can_be_told():
    learn = made(lr=1e-7)
    with pytest.raises(CannotTellError):
        range_test(learn, apply=True, start_lr=1e-9, end_lr=1e-8, num_iter=20, progress=False)
    assert learn.lr == 1e-7


def test_the_checks_work_on_a_prepared_learner():
    the_checks_work(integration, made(), state_of=state_of, progress=False)


def test_something_else_is_refused():
    with pytest.raises(TypeError, match="`learn` must be a fastai Learner, got Linear"):
        range_test(torch.nn.Linear(1, 1))
