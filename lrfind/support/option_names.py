"""Which option is meant by a name that none of ours has: that of another finder, or a typo."""

from __future__ import annotations

from collections.abc import Iterable

from lrfind.support.misnamed import did_you_mean

NAMES = {
    "model": "net network learn learner module pl_module lightning_module",
    "optimizer": "opt optim optimizers",
    "loss_fn": "criterion loss loss_func loss_function objective",
    "train_loader": "loader dataloader data_loader dl dls train_dl train_dataloader trainloader",
    "start_lr": "min_lr lr_min start_value init_value initial_lr lr_start",
    "end_lr": "max_lr lr_max end_value final_value lr_end",
    "num_iter": "num_it num_iters num_training num_steps max_steps n_iter n_steps iterations steps",
    "budget": "num_iter num_it num_iters num_training num_steps max_steps n_iter iterations steps",
    "step_mode": "mode",
    "diverge_th": "early_stop_threshold stop_div diverge_threshold divergence_threshold",
    "probe": "val_loader val_dataloader val_dataloaders valid_loader valid_dl val_batch val_data",
    "accumulation_steps": "accumulation accum_steps grad_accum gradient_accumulation_steps"
    " accumulate_grad_batches",
    "autocast": "amp amp_config amp_dtype mixed_precision precision dtype fp16 bf16",
    "scaler": "grad_scaler",
    "clip_grad": "max_norm max_grad_norm grad_clip clip_grad_norm gradient_clip_val",
    "metric": "metrics metric_fn",
    "forward": "forward_fn batch_fn prepare_batch",
    "step": "step_fn train_step training_step closure",
    "preserve": "to_save",
    "progress": "progress_bar show_progress verbose disable_tqdm",
}
"""Names that others have for each of our options; of several that fit, the first that is taken."""

SAID = {
    "device": "none is needed, as the batches are moved to the device of the model",
    "smooth_f beta smoothing": "none is needed, as the raw losses are recorded and smoothed "
    "afterwards, by `result.compare(betas=(0.9, 0.98))`",
    "suggest suggest_lr suggestion suggest_funcs": "`result.suggest()` comes afterwards",
    "plot show_plot show": "`result.plot()` comes afterwards",
    "update_attr": "`result.apply(optimizer)` sets the suggested rate afterwards",
    "lr_scheduler scheduler": "none is needed, as an attached LR scheduler is not stepped",
}
"""What to say of names that no option of ours stands for."""


def hint(name: str, taken: Iterable[str]) -> str:
    """What is meant by an unknown option, as the end of an error message; empty if unclear.

    Args:
        name: The unknown name.
        taken: The names that there are.

    Example:
        >>> hint("num_it", ["start_lr", "num_iter"])
        ': it is called `num_iter` here.'
        >>> hint("start_rl", ["start_lr", "num_iter"])
        ': did you mean `start_lr`?'
    """
    taken = list(taken)
    for ours in taken:
        if name in NAMES.get(ours, "").split():
            return f": it is called `{ours}` here."
    for names, said in SAID.items():
        if name in names.split():
            return f": {said}."
    return did_you_mean(name, taken)


def not_an_argument(holder: str, name: str, taken: Iterable[str]) -> str:
    """The error message for an unknown name among the settings of a range test.

    Args:
        holder: The argument that holds the settings.
        name: The unknown name.
        taken: The names that there are.
    """
    said = hint(name, taken) or "."
    return f"`{holder}` has {name!r}, which is not an argument of `range_test`{said}"
