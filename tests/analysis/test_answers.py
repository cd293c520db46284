"""The answers in words, and as JSON."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from makers import make_result, noisy_result

import lrfind
from lrfind.analysis.rules import RULES
from lrfind.analysis.suggestion import Starts, suggest
from lrfind.analysis.transfer import transfer
from lrfind.support.text import rate


def test_a_suggestion_in_words_names_the_rate_and_what_it_was_read_from():
    result = noisy_result()
    answer = result.suggest()
    said = str(answer)
    low, high = answer.interval
    assert said.startswith(
        f"Train at about {rate(answer.lr)} (90% interval of the best {rate(low)} to {rate(high)})"
    )
    assert answer.factor == transfer().factor
    below = f"a factor of {answer.factor:g} below the expected minimum {rate(answer.expected_lr)}"
    assert below in said
    assert f"Verdict: clear, as {answer.verdict.value}" in said
    assert "But" not in said


def test_a_suggestion_in_words_lists_the_rates_of_the_groups_and_what_stands_against_it():
    said = str(make_result(np.linspace(3, 1, 100), group_scale=(0.5, 1.0)).suggest())
    assert "for the parameter groups" in said
    assert "Verdict: at end, as the loss was still falling" in said


def test_made_or_not_an_answer_has_a_reason_that_its_words_say():
    for losses in (None, np.full(100, 2.0), np.linspace(3, 1, 100)):
        answer = (noisy_result() if losses is None else make_result(losses)).suggest()
        assert answer.reason in str(answer)
        assert not answer or answer.reason == answer.verdict.value


def test_without_a_suggestion_the_words_say_why():
    said = str(make_result(np.full(100, 2.0)).suggest())
    assert said.startswith("No learning rate can be suggested: the loss never fell")


@pytest.mark.parametrize("curve", ["raw", "centred", "ema", "debiased"])
def test_the_words_of_a_rule_on_a_curve_name_the_curve_and_its_minimum(curve):
    beta = {"beta": 0.9} if curve in ("ema", "debiased") else {}
    answer = noisy_result().suggest(curve=curve, **beta)
    assert f"a factor of 10 below the minimum {rate(answer.minimum.lr)} of the " in str(answer)
    assert (" EMA 0.9 " in str(answer)) == (curve in ("ema", "debiased"))


@pytest.mark.parametrize(
    ("rule", "schedule"),
    [*((rule, None) for rule in RULES), ("expected", "constant"), ("expected", "one_cycle")],
)
def test_the_rate_times_the_factor_is_the_minimum_that_the_words_name(rule, schedule):
    answer = noisy_result().suggest(rule, schedule=schedule)
    read = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert read["expected_minimum_lr"] == noisy_result().curves().posterior.mean
    if not answer.uses_factor:
        assert (read["factor"], f"by the rule {rule!r}" in str(answer)) == (1.0, True)
        return
    assert read["lr"] * read["factor"] == pytest.approx(read["minimum_lr"], rel=1e-12)
    (named,) = re.findall(
        r"factor of \S+ below the (?:expected )?minimum (\S+?)(?: of|\. )", str(answer)
    )
    assert named == f"{rate(read['minimum_lr'])}"


MEANT = {
    "a training run": {},
    "a training run at a constant rate": {"schedule": "constant"},
    "a training run of 4,800 steps, 96 epochs, with one cycle": {
        "schedule": "one_cycle", "total_steps": 4800
    },
    "a training run of 300 steps, 6 epochs,": {"total_steps": 300},
}  # fmt: skip


@pytest.mark.parametrize("run", MEANT)
def test_the_training_that_a_rate_is_for_is_said(run):
    answer = noisy_result(epoch_steps=50.0).suggest(**MEANT[run])
    assert answer.because == (
        f"a factor of {answer.factor:g} below the expected minimum {rate(answer.minimum.lr)}, "
        f"where {run} is expected to lose least"
    )


def test_epochs_are_said_only_where_they_are_known():
    answer = noisy_result().suggest(schedule="constant", total_steps=1200)
    assert "a training run of 1,200 steps at a constant rate is expected" in answer.because


def test_what_was_asked_for_is_said_to_be():
    result = noisy_result()
    answer = result.suggest(factor=40)
    below = f"a factor of 40 below the expected minimum {rate(answer.minimum.lr)}"
    assert answer.because == f"{below}, as asked for"
    assert result.suggest("steepest").because == "by the rule asked for"
    usual = transfer("constant", 300).factor
    asked = result.suggest(factor=usual, schedule="constant", total_steps=300)
    assert asked.because.endswith("is expected to lose least")
    other = result.suggest(factor=usual, schedule="constant", total_steps=4800)
    assert other.because.endswith("as asked for")


def test_a_rate_that_starts_is_said_to_be_chosen_for_that():
    result = noisy_result()
    usual = result.suggest().lr
    answer = suggest(result.curves(), starts=Starts((usual, usual / 4), usual / 4))
    assert answer.because == (
        f"a factor of {answer.factor:.3g} below the expected minimum {rate(answer.minimum.lr)}, "
        "where a training from scratch starts"
    )
    assert f"Verdict: cold start, as {answer.reason}" in str(answer)


def test_the_repr_is_short():
    shown = repr(noisy_result().suggest())
    assert re.fullmatch(r"<Suggestion: lr [^ ]+, best in [^ ]+ to [^ ]+, clear>", shown)


def test_an_answer_becomes_plain_numbers():
    result = noisy_result(group_scale=(1.0, 0.5), epoch_steps=50.0)
    answer = result.suggest(schedule="constant", total_steps=600)
    way = transfer("constant", 600, 12)
    assert answer.to_dict() == {
        "lr": answer.lr,
        "interval": list(answer.interval),
        "verdict": "clear",
        "reason": answer.reason,
        "schedule": "constant",
        "total_steps": 600,
        "epochs": 12.0,
        "taken": "",
        "rule": "expected",
        "factor": way.factor,
        "curve": "expected",
        "beta": None,
        "minimum_lr": answer.minimum.lr,
        "expected_minimum_lr": answer.minimum.lr,
        "expected_regret": way.cost,
        "decade_below_regret": pytest.approx(way.regret(10), rel=1e-12),
        "uncertainty": {
            "within": answer.uncertainty.within,
            "between": answer.uncertainty.between,
            "transfer": answer.uncertainty.transfer,
        },
        "flags": [],
        "group_lr": [answer.lr, answer.lr / 2],
    }


def test_one_optimizer_of_several_takes_its_own_groups():
    minimum, rates = lrfind.Minimum(1, 10.0, 0.0), (1.0, 0.5, 0.1)
    answer = lrfind.Suggestion(
        1.0, "minimum", 10.0, "centred", None, minimum, (), rates, lrfind.Verdict.CLEAR, "seen"
    )
    assert answer.one_cycle(slice(1, 3)) == {"max_lr": [0.5, 0.1]}
    with pytest.raises(lrfind.CannotTellError, match="because"):
        lrfind.CannotTell("because", "minimum").one_cycle()


def two_groups(lr=0.5):
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    groups = [{"params": [weights[0]], "lr": lr}, {"params": [weights[1]], "lr": 0.05}]
    return torch.optim.SGD(groups)


def test_a_suggestion_is_applied_to_every_group():
    result = make_result(group_scale=(1.0, 0.1))
    optimizer = two_groups()
    answer = result.apply(optimizer, schedule="constant")
    assert answer == result.suggest(schedule="constant")
    assert [group["lr"] for group in optimizer.param_groups] == list(answer.group_lr)


def test_a_rate_held_as_a_tensor_is_filled_in_place():
    rate = torch.tensor(0.5, dtype=torch.float64)
    optimizer = two_groups(rate)
    answer = make_result(group_scale=(1.0, 0.1)).suggest()
    answer.apply(optimizer)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == answer.group_lr[0]


def test_the_groups_of_several_optimizers_are_counted_together():
    optimizers = [torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0) for _ in range(2)]
    answer = make_result(group_scale=(1.0, 0.1)).suggest()
    answer.apply(optimizers)
    assert [each.param_groups[0]["lr"] for each in optimizers] == list(answer.group_lr)


def test_another_number_of_groups_is_refused_and_nothing_changed():
    optimizer = two_groups()
    with pytest.raises(ValueError, match="`optimizer` has 2 parameter groups, but there are 1"):
        make_result().suggest().apply(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]


def test_without_a_suggestion_there_is_nothing_to_apply():
    optimizer = two_groups()
    with pytest.raises(lrfind.CannotTellError, match="no learning rate can be suggested"):
        make_result(np.full(100, 2.0), group_scale=(1.0, 0.1)).apply(optimizer)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]


def test_a_flag_of_the_curve_asked_for_is_said_unless_it_is_the_verdict():
    steps = np.arange(100)
    lr = 10 ** (steps * 7 / 99 - 6)
    loss = 1 + np.minimum((np.log10(lr) + 1) ** 2, 4)
    result = make_result(loss)
    late = result.suggest(curve="debiased")
    assert (lrfind.Flag.AT_END in late.flags) == (lrfind.Flag.AT_END.value in str(late))
    falling = make_result(np.linspace(3, 1, 100)).suggest()
    assert falling.verdict is lrfind.Verdict.AT_END
    assert lrfind.Flag.AT_END in falling.flags
    assert str(falling).count("still falling when the sweep ended") == 1


def test_a_schedule_is_said_by_what_it_was_taken_for():
    result = noisy_result()
    cosine, usual = result.suggest(schedule="cosine"), result.suggest(schedule="one-cycle")
    taken = "cosine, taken as one-cycle: both decay from a peak to about zero"
    assert cosine == replace(usual, taken=taken)
    assert (cosine.schedule, cosine.to_dict()) == ("one_cycle", usual.to_dict() | {"taken": taken})
    assert f". The schedule is {taken}. Verdict: " in str(cosine)
    assert cosine.because == usual.because
    assert "taken" not in str(usual)


def test_a_scheduler_goes_on_from_the_rates_of_the_groups():
    answer = make_result(group_scale=(1.0, 0.1)).suggest()
    optimizer, wanted = two_groups(), two_groups()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    answer.apply(optimizer, scheduler)
    for group, lr in zip(wanted.param_groups, answer.group_lr, strict=True):
        group["lr"] = lr
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(wanted, 50)
    for _ in range(50):
        assert scheduler.get_last_lr() == reference.get_last_lr()
        for each, its in ((optimizer, scheduler), (wanted, reference)):
            each.step()
            its.step()


def test_without_a_suggestion_a_scheduler_is_left_alone():
    optimizer = two_groups()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    result = make_result(np.full(100, 2.0), group_scale=(1.0, 0.1))
    with pytest.raises(lrfind.CannotTellError, match="no learning rate can be suggested"):
        result.apply(optimizer, scheduler)
    with pytest.raises(lrfind.CannotTellError, match="no learning rate can be suggested"):
        result.suggest().apply(optimizer, scheduler)
    assert scheduler.base_lrs == [0.5, 0.05]
