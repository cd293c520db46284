"""`lrfind demo` as a person meets it."""

import json

import pytest
from makers import SWEEP_FILES, TRIAL_FILES

import lrfind
from lrfind.layers.figures import blow_up_sentence
from lrfind.support.text import rate


def test_the_demo_leaves_its_files_and_prints_table_and_advice(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 100)
    assert done.exit_code == 0
    assert sorted(p.name for p in (tmp_path / "lrfind-demo").iterdir()) == SWEEP_FILES
    result = lrfind.load(tmp_path / "lrfind-demo" / "result.json")
    assert done.stdout == f"{result.summary()}\n"
    detailed = invoke("demo", "--num-iter", 100, "--detail").stdout
    assert str(result.compare()).splitlines()[2] in detailed
    assert f"Train at about {rate(result.suggest().lr)}" in detailed
    assert "Wrote result.json" in done.stderr
    for picture in ("range_test.png", "beta.png"):
        assert (tmp_path / "lrfind-demo" / picture).read_bytes()[:4] == b"\x89PNG"


def test_two_demos_agree_and_another_seed_does_not(invoke, tmp_path):
    for out, seed in [("a", 0), ("b", 0), ("c", 1)]:
        invoke("demo", "--num-iter", 40, "--out", out, "--seed", seed)
    first, second, third = ((tmp_path / out / "result.json").read_bytes() for out in "abc")
    assert first == second != third


def test_verify_tries_rates_around_the_suggestion_of_the_sweep(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 150, "--verify", "--schedule", "one-cycle")
    assert done.exit_code == 0, done.stderr
    out = tmp_path / "lrfind-demo"
    assert sorted(p.name for p in out.iterdir()) == sorted(SWEEP_FILES + TRIAL_FILES)
    suggested = lrfind.load(out / "result.json").suggest(schedule="one_cycle").lr
    answer = json.loads((out / "verification.json").read_text())
    assert answer["suggested"] == suggested
    assert (answer["schedule"], answer["steps"]) == ("one_cycle", 200)
    assert [trial["lr"] for trial in answer["trials"]] == pytest.approx(
        [suggested * each for each in (0.1, 0.3, 1, 3)]
    )
    assert f"Train at  {rate(suggested)} " in done.stdout
    assert f"rain at about {rate(answer['lr'])}" in done.stdout
    assert "regret against best trial" in done.stdout
    assert "Wrote verification.json and verification.png" in done.stderr
    assert (out / "verification.png").read_bytes()[:4] == b"\x89PNG"


def test_a_budget_gives_one_rate_within_its_steps(invoke, tmp_path):
    done = invoke("demo", "--budget", 120, "--start-lr", 1e-4, "--schedule", "constant")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "lrfind-demo").iterdir()) == [
        "journal.jsonl",
        *TRIAL_FILES,
    ]
    answer = json.loads((tmp_path / "lrfind-demo" / "verification.json").read_text())
    assert answer["steps"] <= 120
    assert answer["schedule"] == "constant"
    assert done.stdout.count("Train at about") == 1
    assert f"Train at about {rate(answer['lr'])}" in done.stdout


def test_the_schedule_decides_the_advice_of_a_sweep_alone(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 100, "--schedule", "constant")
    result = lrfind.load(tmp_path / "lrfind-demo" / "result.json")
    assert f"Train at  {rate(result.suggest(schedule='constant').lr)} " in done.stdout


def test_controls_of_the_demo_are_those_of_its_sweep(invoke, tmp_path):
    assert invoke("demo", "--num-iter", 40, "--controls").exit_code == 0
    found = lrfind.Controls.load(tmp_path / "lrfind-demo" / "controls.json")
    assert found.constant.loss.size == found.result.loss.size
    assert found.frozen[0] == found.result.loss[0]


def test_with_layers_there_is_a_fifth_file_and_a_sentence_more(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 60, "--layers", "--out", "out")
    assert done.exit_code == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {*SWEEP_FILES, "layers.png"}
    result = lrfind.load(tmp_path / "out" / "result.json")
    assert result.layers.names[0] == "hidden1.weight"
    assert done.stdout.splitlines()[-1] == blow_up_sentence(result.layers.blow_ups())
    again = invoke("plot", "out/result.json", "--layers", "-o", "again.png")
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out/layers.png").read_bytes()
