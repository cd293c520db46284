"""How far the tasks of a sweep disagree, and which steps belong to the curve of one."""

import numpy as np
import pytest
from makers import SETTINGS

from lrfind import CannotTell, CannotTellError, RangeTestResult, StopReason, TaskDisagreement

LR = np.geomspace(1e-7, 10, 161)
X = np.log10(LR)


def well(at):
    """A loss whose minimum lies at that rate: its first loss after a step is one step late."""
    late = np.append(X[0], X[:-1])
    return (late - np.log10(at)) ** 2


def sweep(**tasks):
    total = np.sum(list(tasks.values()), axis=0) if tasks else well(0.1)
    return RangeTestResult(LR, total, StopReason.COMPLETED, SETTINGS, tasks=tasks)


def test_two_wells_a_known_distance_apart_disagree_by_it():
    answer = sweep(a=well(1e-3), b=well(10**-1.5)).task_disagreement("minimum")
    assert isinstance(answer, TaskDisagreement)
    assert list(answer.lr) == ["a", "b"]
    assert answer.decades == pytest.approx(1.5, abs=0.01)
    assert answer.from_total == pytest.approx({"a": -0.75, "b": 0.75}, abs=0.06)
    assert str(answer).startswith("The tasks' suggestions are up to 1.50 decades apart: a 0.00010,")
    assert "The total suggests" in str(answer)


def test_the_task_suggests_what_its_own_sweep_would():
    result = sweep(a=well(1e-3), b=well(1e-1))
    alone = RangeTestResult(LR, well(1e-3), StopReason.COMPLETED, SETTINGS)
    assert result.suggest(source="a") == alone.suggest()
    assert str(result.compare(source="a")) == str(alone.compare())
    assert result.task_disagreement(curve="raw").tasks["b"] == result.suggest(
        curve="raw", source="b"
    )
    with pytest.raises(ValueError, match="`source` must be one of 'train', 'probe', 'a', 'b'"):
        result.curves("c")


def test_a_task_called_total_is_not_taken_for_the_total():
    result = sweep(total=well(1e-3), b=well(1e-1))
    answer = result.task_disagreement()
    assert answer.answers == {
        "total of all": result.suggest(),
        "total": result.suggest(source="total"),
        "b": result.suggest(source="b"),
    }
    html = answer._repr_html_()
    assert html.count("<tr") == 4
    assert ">total of all<" in html
    names = [line.get_label() for line in result.plot_tasks().get_lines()]
    shown = [name.split(",")[0] for name in names if not name.startswith("_")]
    assert shown == ["total of all", "total", "b"]


def test_asked_for_nothing_the_rates_are_those_that_suggest_gives():
    result = sweep(a=well(1e-3), b=well(1e-1))
    answer = result.task_disagreement()
    assert answer.tasks == {name: result.suggest(source=name) for name in "ab"}
    assert answer.total == result.suggest()


def test_a_task_without_a_rate_is_named_with_the_reason_and_left_out_of_the_distance():
    answer = sweep(a=well(1e-3), b=np.full(161, 2.0)).task_disagreement("minimum")
    assert answer.decades is None
    assert list(answer.lr) == ["a"]
    assert isinstance(answer.tasks["b"], CannotTell)
    assert str(answer).startswith("Fewer than two tasks suggest a learning rate: only a 0.00010.")
    assert "No suggestion for b: the loss never fell" in str(answer)


def test_where_no_task_has_a_rate_none_is_told():
    answer = sweep(a=np.full(161, 1.0), b=np.full(161, 2.0)).task_disagreement("minimum")
    assert (answer.decades, answer.lr, answer.from_total) == (None, {}, {})
    assert str(answer).startswith("Fewer than two tasks suggest a learning rate: none.")


def test_without_tasks_it_cannot_tell():
    with pytest.raises(CannotTellError, match="no tasks were recorded"):
        sweep().task_disagreement()


def test_steps_without_a_task_leave_its_curve_the_rates_of_the_others():
    rul, health = well(1e-3), well(1e-1)
    every_other = np.where(np.arange(161) % 2 == 0, health, np.nan)
    result = RangeTestResult(
        LR, rul, StopReason.COMPLETED, SETTINGS, tasks={"rul": rul, "health": every_other}
    )
    curves = result.curves("health")
    np.testing.assert_array_equal(curves.loss, health[::2])
    np.testing.assert_array_equal(curves.lr, result.curves().lr[::2])
    assert curves.minimum("raw").lr == pytest.approx(0.1, rel=0.12)
    assert not curves.minimum("raw").flags


def test_where_the_total_is_not_finite_either_the_curve_ends():
    rul, health = well(1e-3), well(1e3)
    rul[-1] = health[-1] = np.inf
    result = RangeTestResult(
        LR, rul + health, StopReason.NON_FINITE, SETTINGS, tasks={"rul": rul, "health": health}
    )
    assert result.curves("health").loss.size == 160
    # Had it been cut at its last step for having no more, it would be flagged as still falling.
    assert not result.curves("health").minimum("raw").flags


def test_tasks_are_read_only_copies_of_the_right_length_and_count_in_equality():
    losses = well(1.0)
    result = sweep(a=losses)
    losses[0] = -1
    assert result.tasks["a"][0] > 0
    with pytest.raises(ValueError, match="read-only"):
        result.tasks["a"][0] = 1
    assert result == sweep(a=well(1.0))
    assert result != sweep(b=well(1.0))
    assert result != RangeTestResult(LR, well(1.0), StopReason.COMPLETED, SETTINGS)
    with pytest.raises(ValueError, match=r"`tasks\['a'\]` must be as long"):
        sweep().__class__(LR, LR, StopReason.COMPLETED, SETTINGS, tasks={"a": LR[1:]})


@pytest.mark.parametrize("name", ["train", "probe", 3])
def test_a_task_cannot_be_called_as_another_curve_is(name):
    with pytest.raises(ValueError, match="cannot have a task named"):
        RangeTestResult(LR, LR, StopReason.COMPLETED, SETTINGS, tasks={name: LR})


def test_tasks_come_back_from_a_file_and_a_file_of_before_there_were_any_is_read(tmp_path):
    import json

    import lrfind

    gaps = well(1e-3)
    gaps[3], gaps[7] = np.nan, np.inf
    result = RangeTestResult(
        LR, well(1.0), StopReason.COMPLETED, SETTINGS, tasks={"a b": gaps, "ü": well(1.0)}
    )
    path = tmp_path / "run.json"
    result.save(path)
    assert lrfind.load(path) == result
    assert list(lrfind.load(path).tasks) == ["a b", "ü"]
    document = json.loads(path.read_text())
    del document["tasks"]
    path.write_text(json.dumps(document))
    assert lrfind.load(path).tasks == {}
    document["tasks"] = {"a": [1.0]}
    path.write_text(json.dumps(document))
    with pytest.raises(lrfind.ResultFileError, match=r"damaged: `tasks\['a'\]`"):
        lrfind.load(path)
    result.to_csv(tmp_path / "run.csv")
    header = (tmp_path / "run.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "step,lr,loss,ema,debiased,task a b,task ü"
