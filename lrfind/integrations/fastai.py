"""The LR range test of a fastai `Learner`, with its own batches, callbacks and optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from lrfind.integrations.put_back import put_back, without_step
from lrfind.problems.problem import Problem
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import DEFAULTS
from lrfind.result.sweep_analysis import Answer
from lrfind.state.preserve import preserve_state
from lrfind.support.missing import missing


def range_test(learn: Any, *, apply: bool = False, **options: Any) -> RangeTestResult:
    """Run an LR range test of a fastai `Learner`, and restore it bit for bit.

    Every batch goes through `learn.one_batch`, with the learner's callbacks and its optimizer, as
    in `learn.fit`. Those that record, show, save or schedule are left out. The groups keep the
    ratios of `learn.lr`; for others give `start_lr` as a list with a rate for each group.

    Args:
        learn: The learner.
        apply: Whether to set `learn.lr` to the suggested rate: a list if it differs by group.
        options: Arguments of `lrfind.range_test`, such as `num_iter`; none that a `step` replaces.

    Returns:
        The sweep as an immutable record.

    Raises:
        CannotTellError: With `apply`, there is no suggestion; nothing is changed.
        ImportError: fastai is not installed; the message has the line that installs it.
        TypeError: `learn` is no fastai `Learner`, or an option has the wrong type.
        ValueError: An option is out of range.
    """
    with prepared(learn) as problem:
        preserve = [*problem.options["preserve"], *options.get("preserve", ())]
        result = problem.range_test(**{**options, "preserve": preserve})
    result = without_step(result, options)
    if apply:
        answer = result.suggest()
        lr = answer.lr  # raises if there is none
        rates = list(answer.group_lr)
        learn.lr = lr if len(set(rates)) == 1 else rates
    return result


class SuggestedLRs(NamedTuple):
    """What `lr_find` returns.

    Attributes:
        valley: The rate by fastai's rule, None if there is none.
        suggestion: The answer of `result.suggest()`.
        result: The sweep.
    """

    valley: float | None
    suggestion: Answer
    result: RangeTestResult


def lr_find(
    learn: Any,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_it: int = 100,
    stop_div: bool = True,
    show_plot: bool = True,
) -> SuggestedLRs:
    """What `learn.lr_find` does, with its arguments, as a range test of this package.

    Args:
        learn: A fastai `Learner`.
        start_lr: Learning rate of the first step, above 0.
        end_lr: Learning rate of the last step, above `start_lr`.
        num_it: Number of optimizer steps, at least 2.
        stop_div: Whether to stop when the loss diverges.
        show_plot: Whether to draw the raw losses, and their averages as fastai draws them.

    Returns:
        The rate by fastai's rule beside that of this package.

    Raises:
        ImportError: fastai is not installed; the message has the line that installs it.
        TypeError: `learn` is no fastai `Learner`.
        ValueError: An argument is out of range.
    """
    diverge_th = DEFAULTS.diverge_th if stop_div else None
    result = range_test(
        learn, start_lr=start_lr, end_lr=end_lr, num_iter=num_it, diverge_th=diverge_th
    )
    valley, suggestion = result.suggest("valley"), result.suggest()
    if show_plot:
        result.plot(suggestion=suggestion)
    return SuggestedLRs(valley.lr if valley else None, suggestion, result)


@contextmanager
def prepared(learn: Any) -> Iterator[Problem]:
    """A learner made ready to train, as a `Problem`: for `verify`, `controls` and `find_lr`.

    At the end of the `with` block the learner and its model are as they were before. So after each
    run inside it; weights that you train there yourself are kept.

    Args:
        learn: A fastai `Learner`.

    Yields:
        Its model, optimizer and loader, with its training step; valid inside the block.

    Raises:
        ImportError: fastai is not installed; the message has the line that installs it.
        TypeError: `learn` is no fastai `Learner`.
    """
    silent = _silent(learn)
    inner = [getattr(each, "opt", None) for each in (learn.opt, learn.opt_func)]
    held = [learn, *learn.cbs, learn.opt, learn.opt_func, *inner, learn.loss_func]
    hypers = list(getattr(learn.opt, "hypers", ()))
    with preserve_state(), put_back([*held, *hypers, *learn.model.modules()]):
        learn.cbs = learn.cbs.filter(lambda each: not isinstance(each, silent))
        learn.dl, learn.n_iter, learn.n_epoch = learn.dls.train, len(learn.dls.train), 1
        if learn.opt is None:
            learn.create_opt()
        learn.opt.set_hypers(lr=learn.lr, **({} if learn.wd is None else {"wd": learn.wd}))
        optimizer = FastaiOptimizer(learn.opt)
        learn._step = optimizer.step
        try:
            for event in ("before_fit", "before_epoch", "before_train"):
                learn(event)
            yield Problem(learn.model, optimizer, None, learn.dls.train, _options(learn))
        finally:
            for event in ("after_train", "after_fit"):
                learn(event)


class FastaiOptimizer(torch.optim.Optimizer):
    """An optimizer of fastai as one of torch, whose groups have rates that can be set.

    Args:
        optimizer: fastai's `Optimizer` or `OptimWrapper`, which makes the steps.
    """

    def __init__(self, optimizer: Any) -> None:
        groups = zip(optimizer.param_lists, optimizer.hypers, strict=True)
        super().__init__([{"params": [*held], "lr": each["lr"]} for held, each in groups], {})
        self._fastai = optimizer

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make a step of fastai's optimizer at the rates of the groups."""
        self._fastai.set_hyper("lr", [group["lr"] for group in self.param_groups])
        self._fastai.step()


def _options(learn: Any) -> dict[str, Any]:
    def step(batch: Any) -> torch.Tensor:
        learn.one_batch(learn.train_iter % learn.n_iter, batch)
        return learn.loss.detach()  # type: ignore[no-any-return]

    # Attributes by reference: of a `Learner` as an object only the weights of its model are seen.
    preserve = [vars(learn), list(learn.opt.hypers), [vars(each) for each in learn.cbs]]
    return {"step": step, "preserve": preserve}


def _silent(learn: Any) -> tuple[type, ...]:
    """The kinds of callbacks that have no part in a training step."""
    try:
        from fastai.callback.progress import CSVLogger, ProgressCallback
        from fastai.callback.schedule import ParamScheduler
        from fastai.callback.tracker import TrackerCallback
        from fastai.learner import Learner, Recorder
    except ImportError as error:
        raise missing("fastai") from error
    if not isinstance(learn, Learner):
        raise TypeError(f"`learn` must be a fastai Learner, got {type(learn).__name__}.")
    return CSVLogger, ProgressCallback, ParamScheduler, TrackerCallback, Recorder
