"""The options of the loop: told by every function that takes them, and taken by all alike."""

import dataclasses
import inspect
import pickle
from typing import Any

import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable

import lrfind
from lrfind import Problem, controls, find_lr, range_test, verify
from lrfind.demo import digits_problem
from lrfind.loop.options import LOOP_DEFAULTS, LoopOptions, with_kept
from lrfind.loop.range_test import ARGUMENTS
from lrfind.result.settings import SweepSettings

FUNCTIONS = (range_test, verify, find_lr, controls)


def test_every_option_has_a_type_a_default_and_a_description_in_one_order():
    described = inspect.getdoc(LoopOptions).partition("Attributes:")[2]
    names = [line.partition(":")[0].strip() for line in described.splitlines() if line[4:5].strip()]
    assert names == list(LOOP_DEFAULTS) == list(LoopOptions.__annotations__)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_signature_and_the_docstring_tell_every_option(function):
    parameters = inspect.signature(function).parameters
    described = inspect.getdoc(function).partition("Args:")[2].partition("Returns:")[0]
    for name, default in LOOP_DEFAULTS.items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default == default
        assert described.count(f"\n    {name}: ") == 1
    assert not any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    assert "`LoopOptions`" not in described


def test_what_is_asked_of_a_sweep_has_one_default_everywhere():
    asked = inspect.signature(range_test).parameters
    for name, parameter in inspect.signature(SweepSettings).parameters.items():
        assert asked[name].default == parameter.default
        assert inspect.signature(lrfind.Sweep).parameters[name].default == parameter.default


def parts():
    model = make_model()
    return model, torch.optim.SGD(trainable(model), lr=0.1), loss_fn, make_loader()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_unknown_option_is_refused_by_name_before_anything_else(function):
    made = parts()
    before = everything(made[0], made[1], made[3])
    message = rf"^{function.__name__}\(\) got an unexpected keyword argument 'accumulate': did you"
    third: Any = () if function in (range_test, find_lr) else ("no result",)
    with pytest.raises(TypeError, match=message):
        function(*made, *third, accumulate=2)
    assert everything(made[0], made[1], made[3]) == before


def test_an_unknown_option_of_a_problem_is_refused_when_it_is_made():
    with pytest.raises(TypeError, match="`options` has 'accumulate', which is not an argument of"):
        Problem(*parts(), options={"num_iter": 30, "accumulate": 2})
    Problem(*parts(), options=dict.fromkeys(ARGUMENTS))


def given(name, model, optimizer, train_loader):
    """Arguments that use an option, another loss function among them where it needs one."""
    batch = next(iter(train_loader))
    entropy = torch.nn.functional.cross_entropy

    def forward(model, batch):
        return entropy(model(batch[0]), batch[1])

    def step(batch):
        optimizer.zero_grad()
        loss = forward(model, batch)
        loss.backward()
        optimizer.step()
        return loss

    def two(output, target):
        return {"a": entropy(output, target), "b": output.square().mean()}

    used = {
        "accumulation_steps": {"accumulation_steps": 2},
        "autocast": {"autocast": torch.bfloat16},
        "scaler": {"scaler": torch.amp.GradScaler("cpu", init_scale=8.0)},
        "clip_grad": {"clip_grad": 1.0},
        "probe": {"probe": batch},
        "metric": {"probe": batch, "metric": lambda model, batch: model(batch[0]).mean()},
        "forward": {"forward": forward},
        "total": {"total": lambda losses: losses["a"] + 0.1 * losses["b"]},
        "step": {"step": step},
        "preserve": {"preserve": [{"count": 0}]},
        "all_ranks": {"all_ranks": False},
        "store": {"store": "device"},
        "progress": {"progress": False},
    }
    assert list(used) == list(LOOP_DEFAULTS)
    ways = {"forward": None, "step": None, "total": two}
    return ways.get(name, entropy), used[name]


@pytest.mark.parametrize("name", LOOP_DEFAULTS)
def test_every_function_takes_every_option(name):
    made = digits_problem(model="mlp", optimizer="sgd")
    loss_fn, options = given(name, made.model, made.optimizer, made.train_loader)
    four = made.model, made.optimizer, loss_fn, made.train_loader
    problem = Problem(*four, options=options)
    result = range_test(*four, num_iter=60, **options)
    assert problem.range_test(num_iter=60) == result
    assert problem.verify(0.1, num_iter=4) == verify(*four, 0.1, num_iter=4, **options)
    assert problem.find_lr(budget=160) == find_lr(*four, budget=160, **options)
    expected = controls(*four, result, frozen=name != "step", **options)
    assert problem.controls(result) == expected
    # What was given to the sweep need not be given again.
    frozen = {"frozen": name != "step"}
    bare = dataclasses.replace(result, loop_options={})
    assert (result.loop_options, bare.loop_options) == (options, {})
    checked = verify(*four, bare, num_iter=4, **options)
    assert verify(*four, result, num_iter=4) == checked
    assert Problem(*four).verify(result, num_iter=4) == checked
    # A result is first tried from the start, unless it was already; a suggestion never is.
    confirmed = range_test(*four, num_iter=60, confirm=True, **options)
    (cold,) = confirmed.cold_starts
    warm = dataclasses.replace(checked, steps=checked.steps - cold.steps)
    assert warm.steps == 4 * 4
    assert verify(*four, confirmed, num_iter=4) == warm
    assert verify(*four, result.suggest(), result=result, num_iter=4) == warm
    assert controls(*four, result, **frozen) == expected
    assert Problem(*four).controls(result) == expected


def test_what_is_given_explicitly_wins_over_what_the_sweep_was_run_with():
    made = digits_problem(model="mlp", optimizer="sgd")
    four = made.model, made.optimizer, made.loss_fn, made.train_loader
    result = range_test(
        *four,
        num_iter=60,
        accumulation_steps=2,
        clip_grad=0.01,
        probe_every=3,
        probe=next(iter(made.train_loader)),
    )
    bare = dataclasses.replace(result, loop_options={})
    plain = {"accumulation_steps": 1, "clip_grad": None, "probe": None}
    own = verify(*four, bare, num_iter=4)
    assert verify(*four, result, num_iter=4, **plain) == own
    assert verify(*four, result, num_iter=4) != own
    # So do the settings over the result, and the result over the options of a problem.
    problem = Problem(*four, options={"accumulation_steps": 3})
    assert problem.verify(result, num_iter=4) == verify(*four, result, num_iter=4)
    assert problem.verify(result, num_iter=4, **plain) == own
    assert problem.verify(bare, num_iter=4) == verify(*four, bare, num_iter=4, accumulation_steps=3)


def test_a_way_to_compute_the_loss_replaces_the_one_of_the_sweep():
    def one(*_):
        return 1.0

    def two(*_):
        return 2.0

    kept = {"accumulation_steps": 2, "forward": one, "probe": 0, "metric": one, "store": "device"}
    assert with_kept(kept, {}, None) == kept
    assert with_kept(kept, {"forward": two}, None) == kept | {"forward": two}
    assert with_kept(kept, {"step": two}, None) == {"step": two, "store": "device"}
    without = {name: value for name, value in kept.items() if name != "forward"}
    assert with_kept(kept, {}, one) == without
    assert with_kept({"step": one}, {"forward": two}, None) == {"forward": two}
    assert with_kept({"step": one}, {}, two) == {}
    no_probe = {"accumulation_steps": 2, "forward": one, "store": "device", "probe": None}
    assert with_kept(kept, {"probe": None}, None) == no_probe


def test_what_a_kept_step_does_itself_is_refused_in_words_that_name_its_origin():
    made = digits_problem(model="mlp", optimizer="sgd")
    batch = next(iter(made.train_loader))
    entropy, options = given("step", made.model, made.optimizer, made.train_loader)
    four = made.model, made.optimizer, None, made.train_loader
    assert entropy is None
    result = range_test(*four, num_iter=30, **options)
    for name, value in {"probe": batch, "clip_grad": 1.0, "accumulation_steps": 2}.items():
        message = f"`{name}` has no effect with the `step` that is kept from the result"
        with pytest.raises(ValueError, match=message):
            verify(*four, 0.1, result=result, num_iter=4, **{name: value})
        with pytest.raises(ValueError, match=f"`{name}` has no effect with `step`"):
            verify(*four, 0.1, result=result, num_iter=4, **options, **{name: value})
    plain = verify(*four, 0.1, result=result, num_iter=4)
    off = {"probe": None, "clip_grad": None, "accumulation_steps": 1, "store": "device"}
    assert verify(*four, 0.1, result=result, num_iter=4, **off) == plain
    scored = verify(*made_with_loss(made), 0.1, result=result, num_iter=4, probe=batch)
    assert scored.trials != plain.trials
    # The sweep has recorded the probe losses, so that a probe is no option of its controls.
    bare = controls(*four, result, frozen=False)
    assert controls(*four, result, frozen=False, probe=batch) == bare
    with pytest.raises(ValueError, match="`step`, given or kept from `result`, does both"):
        controls(*four, result)


def made_with_loss(made):
    return made.model, made.optimizer, made.loss_fn, made.train_loader


def test_the_options_of_a_sweep_stay_in_memory_and_do_not_count(tmp_path):
    made = digits_problem(model="mlp", optimizer="sgd")

    def forward(model, batch):  # cannot be pickled
        return torch.nn.functional.cross_entropy(model(batch[0]), batch[1])

    result = range_test(
        made.model, made.optimizer, None, made.train_loader, num_iter=30, forward=forward
    )
    result.save(tmp_path / "result.json")
    bare = dataclasses.replace(result, loop_options={})
    assert bare == result
    for again in (lrfind.load(tmp_path / "result.json"), pickle.loads(pickle.dumps(result))):
        assert again == result
        assert again.loop_options == {}
    assert "forward" not in (tmp_path / "result.json").read_text() + repr(result)
    with pytest.raises(TypeError, match="frozen record"):
        result.loop_options["forward"] = None
    with pytest.raises(TypeError, match="pass `forward=`"):
        verify(made.model, made.optimizer, None, made.train_loader, bare, rates=(0.1, 0.2))


def test_repeats_in_this_process_keep_no_model_alive():
    runs = lrfind.repeat(lambda seed: with_a_forward(seed), seeds=2, num_iter=20, n_jobs=1)
    assert [run.result.loop_options for run in runs.runs] == [{}, {}]


def with_a_forward(seed):
    made = digits_problem(model="mlp", optimizer="sgd", seed=seed)
    options = {"forward": lambda model, batch: made.loss_fn(model(batch[0]), batch[1])}
    return Problem(made.model, made.optimizer, None, made.train_loader, options=options)
