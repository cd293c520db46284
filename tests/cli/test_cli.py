"""The command as a person meets it: files, output, exit codes, and no traceback for a mistake."""

import json
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner
from makers import make_result

import lrfind
from lrfind.cli import main
from lrfind.layers.figures import blow_up_sentence

FILES = ["beta.png", "range_test.png", "result.csv", "result.json"]


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("problem", "outer", "bad"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def saved(tmp_path):
    make_result().save(tmp_path / "result.json")
    return tmp_path / "result.json"


def test_the_demo_leaves_four_files_and_prints_table_and_advice(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 100)
    assert done.exit_code == 0
    assert sorted(p.name for p in (tmp_path / "lrfind-demo").iterdir()) == FILES
    result = lrfind.load(tmp_path / "lrfind-demo" / "result.json")
    assert str(result.compare()).splitlines()[2] in done.stdout
    assert f"Train at about {result.suggest().lr:.2e}" in done.stdout
    assert "Wrote result.json" in done.stderr
    for picture in ("range_test.png", "beta.png"):
        assert (tmp_path / "lrfind-demo" / picture).read_bytes()[:4] == b"\x89PNG"


def test_a_problem_of_several_tasks_says_how_far_they_disagree(invoke, tmp_path):
    from lrfind.demo import two_task_problem

    result = two_task_problem().range_test(num_iter=200)
    result.save(tmp_path / "tasks.json")
    done = invoke("show", "tasks.json")
    assert done.exit_code == 0
    assert str(result.task_disagreement()) in " ".join(done.stdout.split())


def test_two_demos_agree_and_another_seed_does_not(invoke, tmp_path):
    for out, seed in [("a", 0), ("b", 0), ("c", 1)]:
        invoke("demo", "--num-iter", 40, "--out", out, "--seed", seed)
    first, second, third = ((tmp_path / out / "result.json").read_bytes() for out in "abc")
    assert first == second != third


VERIFIED = ["verification.json", "verification.png"]


def test_verify_tries_rates_around_the_suggestion_of_the_sweep(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 150, "--verify", "--schedule", "one-cycle")
    assert done.exit_code == 0, done.stderr
    out = tmp_path / "lrfind-demo"
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES + VERIFIED)
    suggested = lrfind.load(out / "result.json").suggest(schedule="one_cycle").lr
    answer = json.loads((out / "verification.json").read_text())
    assert answer["suggested"] == suggested
    assert (answer["schedule"], answer["steps"]) == ("one_cycle", 200)
    assert [trial["lr"] for trial in answer["trials"]] == pytest.approx(
        [suggested * each for each in (0.1, 0.3, 1, 3)]
    )
    assert f"Train at about {suggested:.2e}" in done.stdout
    assert f"Train at about {answer['lr']:.2e}" in done.stdout
    assert "regret against best trial" in done.stdout
    assert "Wrote verification.json and verification.png" in done.stderr
    assert (out / "verification.png").read_bytes()[:4] == b"\x89PNG"


def test_a_budget_gives_one_rate_within_its_steps(invoke, tmp_path):
    done = invoke("demo", "--budget", 120, "--start-lr", 1e-4, "--schedule", "constant")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "lrfind-demo").iterdir()) == VERIFIED
    answer = json.loads((tmp_path / "lrfind-demo" / "verification.json").read_text())
    assert answer["steps"] <= 120
    assert answer["schedule"] == "constant"
    assert done.stdout.count("Train at about") == 1
    assert f"Train at about {answer['lr']:.2e}" in done.stdout


def test_the_schedule_decides_the_advice_of_a_sweep_alone(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 100, "--schedule", "constant")
    result = lrfind.load(tmp_path / "lrfind-demo" / "result.json")
    assert f"Train at about {result.suggest(schedule='constant').lr:.2e}" in done.stdout


PROBLEM = """
    import torch
    from torch import nn
    import lrfind

    def parts():
        model = nn.Linear(2, 1)
        data = [(torch.randn(8, 2), torch.zeros(8, 1)) for _ in range(4)]
        return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data

    def record():
        model, optimizer, _, data = parts()
        def forward(model, batch):
            return (model(batch[0]) - batch[1]).pow(2).mean()
        return lrfind.Problem(model, optimizer, None, data, options={"forward": forward})

    def too_few():
        return parts()[:3]

    def broken():
        return parts()[0](torch.ones(3, 3))

    def misfit():
        model, optimizer, loss_fn, _ = parts()
        return model, optimizer, loss_fn, [(torch.ones(4, 3), torch.ones(4, 1))]

    def nan_loss():
        model, optimizer, _, data = parts()
        return model, optimizer, lambda out, target: (out * float("nan")).mean(), data

    def empty():
        model, optimizer, loss_fn, _ = parts()
        return model, optimizer, loss_fn, []

    def raising_loader():
        model, optimizer, loss_fn, _ = parts()
        def batches():
            raise RuntimeError("disk gone")
            yield
        class Loader:
            def __iter__(self):
                return batches()
        return model, optimizer, loss_fn, Loader()
"""


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.py"
    path.write_text(textwrap.dedent(PROBLEM))
    return path


@pytest.mark.parametrize("function", ["parts", "record"])
def test_a_problem_of_the_users_own_gets_the_same_four_files(invoke, problem, tmp_path, function):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", "--betas", "0.5")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == FILES
    assert "debiased EMA 0.5" in done.stdout


@pytest.mark.parametrize("function", ["parts", "record"])
def test_controls_are_two_more_files_and_their_words(invoke, problem, tmp_path, function):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", "--num-iter", 40, "--controls")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {*FILES, "controls.json", "controls.png"}
    found = lrfind.Controls.load(tmp_path / "mine" / "controls.json")
    assert found.result == lrfind.load(tmp_path / "mine" / "result.json")
    assert str(found) in done.stdout
    assert (tmp_path / "mine" / "controls.png").read_bytes()[:4] == b"\x89PNG"


def test_controls_of_the_demo_are_those_of_its_sweep(invoke, tmp_path):
    assert invoke("demo", "--num-iter", 40, "--controls").exit_code == 0
    found = lrfind.Controls.load(tmp_path / "lrfind-demo" / "controls.json")
    assert found.constant.loss.size == found.result.loss.size
    assert found.frozen[0] == found.result.loss[0]


def test_options_reach_the_sweep(invoke, problem, tmp_path):
    invoke(
        "run", f"{problem}:parts", "--start-lr", 1e-4, "--end-lr", 0.1, "--num-iter", 20,
        "--step-mode", "linear", "--diverge-th", 0, "--out", "mine",
    )  # fmt: skip
    settings = lrfind.load(tmp_path / "mine" / "result.json").settings
    assert settings == type(settings)(1e-4, 0.1, 20, "linear", None)


@pytest.mark.parametrize("option", [["--verify"], ["--budget", 100]])
def test_a_problem_with_options_of_its_own_is_verified_too(invoke, problem, tmp_path, option):
    done = invoke("run", f"{problem}:record", "--out", "mine", "--start-lr", 1e-3, *option)
    assert done.exit_code == 0, done.stderr
    assert set(VERIFIED) <= {p.name for p in (tmp_path / "mine").iterdir()}


def test_what_cannot_be_verified_is_one_line_after_the_report_of_the_sweep(
    invoke, problem, tmp_path
):
    done = invoke("run", f"{problem}:parts", "--out", "mine", "--num-iter", 5, "--verify")
    assert done.exit_code == 1
    assert done.stderr.count("no learning rate can be suggested: fewer than 10") == 1
    assert "No learning rate can be suggested" in done.stdout
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == FILES


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("too_few", "`too_few` in"),
        ("missing", "has no function `missing`"),
        ("empty", "`train_loader` is empty"),
        ("broken", "in broken: RuntimeError"),
        ("misfit", "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("raising_loader", "in batches: RuntimeError: disk gone"),
        ("nan_loss", "only 0 finite losses recorded"),
    ],
)
def test_a_mistake_in_the_problem_is_one_line_and_exit_code_1(invoke, problem, function, message):
    done = invoke("run", f"{problem}:{function}")
    assert done.exit_code == 1
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_a_relative_path_is_as_good(invoke, problem):
    done = invoke("run", "problem.py:broken")
    assert "problem.py, line" in done.stderr


def test_the_traceback_is_there_for_the_asking(invoke, problem):
    done = invoke("run", f"{problem}:broken", "--traceback")
    assert isinstance(done.exception, RuntimeError)


def test_a_syntax_error_names_its_line(invoke, tmp_path):
    (tmp_path / "bad.py").write_text("def f(:\n")
    done = invoke("run", "bad.py:f")
    assert done.exit_code == 1
    assert "line 1" in done.stderr


def test_a_file_with_the_name_of_a_module_in_use_is_refused(invoke, tmp_path):
    (tmp_path / "json.py").write_text("def problem(): pass\n")
    done = invoke("run", "json.py:problem")
    assert done.exit_code == 1
    assert "has the name of the module json" in done.stderr
    assert json.dumps


def test_modules_beside_the_file_can_be_imported(invoke, problem, tmp_path):
    (tmp_path / "outer.py").write_text("from problem import parts\n")
    assert invoke("run", "outer.py:parts").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "problem.py"],
        ["run", "problem.py:not a name"],
        ["show"],
        ["show", "r.json", "--betas", "1.5"],
        ["show", "r.json", "--betas", "a,b"],
        ["plot", "r.json"],
        ["plot", "r.json", "-o", "out.gif"],
        ["demo", "--optimizer", "lion"],
        ["demo", "--num-iter", "1"],
        ["demo", "--start-lr", "0"],
        ["demo", "--diverge-th", "-1"],
        ["demo", "--budget", "79"],
        ["demo", "--budget", "100", "--verify"],
        ["demo", "--budget", "100", "--num-iter", "50"],
        ["demo", "--budget", "100", "--step-mode", "linear"],
        ["demo", "--schedule", "cosine"],
        ["nonsense"],
    ],
)
def test_a_wrong_call_is_exit_code_2(invoke, arguments):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_value_out_of_range_is_named(invoke):
    done = invoke("demo", "--start-lr", 1, "--end-lr", 0.1)
    assert done.exit_code == 1
    assert "`start_lr` must be below `end_lr`" in done.stderr


@pytest.mark.parametrize("command", [["show"], ["plot", "-o", "a.png"]])
@pytest.mark.parametrize("content", [None, "{", '{"format": "other"}'])
def test_a_bad_file_is_one_line_and_exit_code_1(invoke, tmp_path, command, content):
    if content is not None:
        (tmp_path / "r.json").write_text(content)
    done = invoke(*command, "r.json")
    assert done.exit_code == 1
    assert "r.json" in done.stderr
    assert "Traceback" not in done.output


def test_an_output_that_cannot_be_written_is_one_line_before_the_sweep(invoke, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = invoke("demo", "--num-iter", 10**9, "--out", "taken")
    assert done.exit_code == 1
    assert "taken" in done.stderr
    assert (tmp_path / "taken").read_text() == "a file"


def test_show_prints_the_table_for_any_betas(invoke, saved):
    done = invoke("show", saved, "--betas", "0.5,0.75")
    assert done.exit_code == 0
    for line in str(lrfind.load(saved).compare((0.5, 0.75))).splitlines():
        assert line in done.stdout


def test_show_json_is_json_and_nothing_else(invoke, saved):
    read = json.loads(invoke("show", saved, "--json").stdout)
    result = lrfind.load(saved)
    assert read["suggestion"]["lr"] == result.suggest().lr
    assert read["rows"] == result.compare().to_dict()["rows"]
    assert (read["stop_reason"], read["steps"]) == ("diverged", 100)


def test_show_adds_the_sensitivity_on_demand(invoke, saved):
    done = invoke("show", saved, "--sensitivity", "--betas", "0.5,0.75")
    assert done.exit_code == 0
    table = lrfind.load(saved).sensitivity((0.5, 0.75))
    assert done.stdout.endswith(f"\n\n{table}\n")
    assert done.stdout.startswith(invoke("show", saved, "--betas", "0.5,0.75").stdout)
    read = json.loads(
        invoke("show", saved, "--sensitivity", "--json", "--betas", "0.5,0.75").stdout
    )
    assert read["sensitivity"] == table.to_dict()


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_the_sensitivity_of_a_sweep_that_tells_nothing_is_one_line(invoke, tmp_path, extra):
    make_result([1.0, float("nan")]).save(tmp_path / "result.json")
    done = invoke("show", "result.json", "--sensitivity", *extra)
    assert done.exit_code == 1
    assert "only 1 finite loss recorded" in done.stderr


@pytest.mark.parametrize("extra", [[], ["--against-beta"], ["--beta", "0.5"]])
@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_plot_writes_the_format_of_the_suffix(invoke, saved, tmp_path, suffix, start, extra):
    done = invoke("plot", saved, "-o", f"out.{suffix}", *extra)
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / f"out.{suffix}").read_bytes().startswith(start)


def test_show_json_of_a_sweep_that_tells_nothing_is_json_too(invoke, tmp_path):
    make_result([1.0, float("nan")]).save(tmp_path / "result.json")
    read = json.loads(invoke("show", "result.json", "--json").stdout)
    assert "finite loss" in read["suggestion"]["cannot_tell"]


def test_a_picture_in_a_folder_that_is_not_there_names_the_folder(invoke, saved):
    done = invoke("plot", saved, "-o", "nowhere/out.png")
    assert done.exit_code == 1
    assert "the folder nowhere does not exist" in done.stderr


def test_help_and_version(invoke):
    assert all(name in invoke("--help").stdout for name in ("demo", "run", "show", "plot"))
    assert lrfind.__version__ in invoke("--version").stdout


def test_the_installed_command_and_the_module_are_the_same():
    outputs = [
        subprocess.run([*command, "--help"], capture_output=True, check=True).stdout
        for command in (["lrfind"], [sys.executable, "-m", "lrfind"])
    ]
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("arguments", [["show", "RESULT"], ["plot", "RESULT", "-o", "OUT.png"]])
def test_show_and_plot_never_import_torch(saved, tmp_path, arguments):
    named = {"RESULT": str(saved), "OUT.png": str(tmp_path / "out.png")}
    code = (
        "import sys; from lrfind.cli import main\n"
        f"main({[named.get(a, a) for a in arguments]!r}, standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_with_layers_there_is_a_fifth_file_and_a_sentence_more(invoke, tmp_path):
    done = invoke("demo", "--num-iter", 60, "--layers", "--out", "out")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([*FILES, "layers.png"])
    result = lrfind.load(tmp_path / "out" / "result.json")
    assert result.layers.names[0] == "hidden1.weight"
    assert done.stdout.splitlines()[-1] == blow_up_sentence(result.layers.blow_ups())
    again = invoke("plot", "out/result.json", "--layers", "-o", "again.png")
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out/layers.png").read_bytes()


def test_layers_that_were_not_recorded_cannot_be_drawn(invoke, saved, tmp_path):
    done = invoke("plot", saved, "--layers", "-o", "layers.png")
    assert done.exit_code == 1
    assert "no layers were recorded" in done.stderr
    assert not (tmp_path / "layers.png").exists()
    both = invoke("plot", saved, "--layers", "--against-beta", "-o", "layers.png")
    assert both.exit_code == 2
