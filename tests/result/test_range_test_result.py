"""The record: read-only, comparable, and analysable for any beta."""

import dataclasses
import pickle
import subprocess
import sys

import numpy as np
import pytest
from makers import SETTINGS, make_result

import lrfind
from lrfind import CannotTell, RangeTestResult, StopReason
from lrfind.result.settings import SweepSettings


def test_the_arrays_are_float64_and_cannot_be_changed():
    loss = np.arange(5, dtype=np.float32)
    result = make_result(loss)
    assert result.lr.dtype == result.loss.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        result.loss[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.seed = 3
    loss[0] = 7
    assert result.loss[0] == 0


def test_nothing_that_hangs_on_a_result_can_be_changed():
    result = make_result(tasks={"a": np.ones(100)}, versions={"torch": "2"})
    for change in (
        lambda: result.tasks.update(b=np.ones(100)),
        lambda: result.tasks.pop("a"),
        lambda: result.versions.__setitem__("torch", "3"),
        lambda: result.versions.clear(),
    ):
        with pytest.raises(TypeError, match="frozen record"):
            change()
    with pytest.raises(ValueError, match="read-only"):
        result.tasks["a"][0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.settings.num_iter = 3
    copied = pickle.loads(pickle.dumps(result))
    assert copied == result
    assert type(copied.versions) is type(result.versions)


def test_the_summary_is_what_the_command_prints():
    text = str(make_result().summary(detail=True))
    assert text.startswith("Ended after 100 steps")
    assert str(make_result().compare()).splitlines()[3] in text
    assert " ".join(text.split()).endswith(str(make_result().suggest()))


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="`lr` and `loss`"):
        RangeTestResult([1.0, 2.0], [1.0], StopReason.COMPLETED, SETTINGS)


def test_results_are_equal_by_content_nan_included():
    assert make_result([1.0, np.nan]) == make_result([1.0, np.nan])
    assert make_result([1.0, 2.0]) != make_result([1.0, 3.0])
    assert make_result(seed=1) != make_result(seed=2)
    assert make_result() != "a result"


def test_looking_at_a_result_does_not_change_it():
    result = make_result()
    result.compare()
    assert result == make_result()


def test_every_group_has_its_rates():
    result = make_result(group_scale=(0.1, 1.0))
    np.testing.assert_allclose(result.group_lr, [result.lr / 10, result.lr])
    answer = result.suggest()
    assert answer.group_lr == pytest.approx((answer.lr / 10, answer.lr))


def test_curves_are_those_of_the_functions():
    result = make_result()
    np.testing.assert_array_equal(result.curves().curve("raw"), result.loss)
    np.testing.assert_array_equal(result.curves().curve("ema", 0.9), lrfind.ema(result.loss, 0.9))
    expected = lrfind.debiased_ema(result.loss, 0.98)
    np.testing.assert_array_equal(result.curves().curve("debiased"), expected)


@pytest.mark.parametrize("loss", [[], [1.0], [np.nan], [1.0, np.nan]])
def test_with_one_finite_loss_or_none_every_question_has_an_answer(loss):
    result = make_result(loss)
    answer = result.suggest()
    assert isinstance(answer, CannotTell)
    assert "finite loss" in answer.reason
    with pytest.raises(lrfind.CannotTellError, match="finite loss"):
        result.compare()
    assert "finite loss" in result.plot().get_title()
    assert "finite loss" in result.plot_betas().get_title()


def test_the_repr_says_what_it_is():
    assert repr(make_result()) == "<RangeTestResult: 100 steps, lr 1e-07 to 10, diverged>"
    assert repr(make_result([])) == "<RangeTestResult: 0 steps, diverged>"


@pytest.mark.slow
def test_reading_comparing_and_suggesting_import_neither_torch_nor_matplotlib(tmp_path):
    path = tmp_path / "run.json"
    make_result().save(path)
    code = (
        "import sys, lrfind\n"
        "assert 'numpy' not in sys.modules, 'import lrfind is to be instant'\n"
        f"result = lrfind.load({str(path)!r})\n"
        "result.suggest(); str(result.compare()); lrfind.StopReason\n"
        "heavy = {'torch', 'matplotlib', 'tqdm', 'click'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "result.plot()\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_layers_of_another_length_are_refused():
    norms = np.ones((3, 1))
    layers = lrfind.Layers(("w",), [0.1, 0.2, 0.3], norms, norms, norms)
    with pytest.raises(ValueError, match="`layers` must have as many steps as `lr`"):
        make_result([1.0, 2.0], layers=layers)


@pytest.mark.parametrize("between", [-0.1, float("nan"), float("inf")])
def test_a_spread_between_runs_must_be_finite_and_not_negative(between):
    lr = np.geomspace(1e-3, 1e1, 81)
    settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
    result = RangeTestResult(lr, (np.log10(lr) + 1) ** 2, StopReason.COMPLETED, settings)
    with pytest.raises(ValueError, match="`between` must be a finite number, 0 or more"):
        result.suggest(between=between)
