"""A mistake is one line and an exit code, and a traceback only for the asking."""

import json
import subprocess
import sys
import textwrap

import pytest

from lrfind.cli.messages import OF_A_BROKEN_PIPE


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


def test_what_mends_a_batch_is_a_line_of_its_own(invoke, problem):
    said, _, mend = invoke("run", f"{problem}:doubles").stderr.strip().splitlines()[-3:]
    assert said.startswith("Error: problem.py, line 34, what doubles made: RuntimeError: ")
    assert said.endswith("(--traceback shows where)")
    assert mend == "forward=lambda model, batch: loss_fn(model(batch[0].float()), batch[1])"


def test_a_relative_path_is_as_good(invoke, problem):
    done = invoke("run", "problem.py:broken")
    assert "problem.py, line" in done.stderr


def test_the_traceback_is_there_for_the_asking(invoke, problem):
    done = invoke("run", f"{problem}:broken", "--traceback")
    assert isinstance(done.exception, RuntimeError)


@pytest.mark.parametrize("command", [["run"], ["repeat", "--jobs", "1", "--seeds", "1"]])
def test_a_syntax_error_names_its_line(invoke, tmp_path, command):
    (tmp_path / "bad.py").write_text("\ndef f(:\n")
    done = invoke(*command, "bad.py:f")
    assert done.exit_code == 1
    assert "bad.py, line 2: SyntaxError: invalid syntax" in done.stderr


HELPED = """
    import sys
    import torch
    from torch import nn
    from torch._utils import ExceptionWrapper
    import trial_net

    class Net(nn.Linear):
        def forward(self, batch):
            return super().forward(batch.reshape(-1, 3))  # HERE

    def parts(model=None, loss_fn=None, columns=2):
        model = model or nn.Linear(columns, 1)
        data = [(torch.ones(4, 2), torch.ones(4, 1))]
        return model, torch.optim.SGD(model.parameters()), loss_fn or nn.MSELoss(), data

    def in_file(): return parts(Net(2, 1))
    def in_helper(): return parts(trial_net.Net(2, 1))
    def through_helper(): return trial_net.checked(parts)
    def in_loss(): return parts(loss_fn=trial_net.loss)
    def in_no_line(): return parts(columns=3)
    def wrong_loss(): return parts(loss_fn=nn.NLLLoss())
    def back_in_file(): return trial_net.called(lambda: parts(columns=None))

    def in_worker():
        # As a DataLoader passes on the error of a worker process.
        try:
            raise IndexError("no item 7")
        except IndexError:
            error = ExceptionWrapper(where="in DataLoader worker process 0")
        error.reraise()

    def leave(code): sys.exit(code)
    def exit_0(): leave(0)
    def exit_none(): leave(None)
    def exit_3(): leave(3)
    def exit_256(): leave(256)
    def exit_text(): leave("no data")
    def exit_late(): return parts(loss_fn=lambda *_: leave(0))
"""
HELPER = """
    from torch import nn

    class Net(nn.Linear):
        def forward(self, batch):
            return super().forward(batch.reshape(-1, 3))  # HERE

    def checked(parts):
        return parts(columns=2)[0](torch.ones(3))

    def loss(output, target):
        return output @ target

    def called(function):
        return function()
"""


@pytest.fixture
def helped(tmp_path):
    """A user's file, and a module of theirs beside it."""
    (tmp_path / "trial.py").write_text(textwrap.dedent(HELPED))
    (tmp_path / "trial_net.py").write_text(textwrap.dedent(HELPER))
    yield
    sys.modules.pop("trial_net", None)


def number_of(line, text=HELPED):
    """The number of the first line that holds this."""
    (number, *_) = [
        k for k, each in enumerate(textwrap.dedent(text).splitlines(), 1) if line in each
    ]
    return number


FORWARD = "RuntimeError: shape '[-1, 3]' is invalid for input of size 8"
PLACES = [
    ("in_file", f"trial.py, line {number_of('HERE')}, in forward: {FORWARD}"),
    (
        "in_helper",
        f"trial_net.py, line {number_of('HERE', HELPER)}, in forward (trial.py, "
        f"line {number_of('def in_helper')}, what in_helper made): {FORWARD}",
    ),
    (
        "through_helper",
        f"trial_net.py, line {number_of('parts(columns=2)', HELPER)}, in checked (from trial.py, "
        f"line {number_of('def through_helper')}, in through_helper): NameError: name 'torch' is",
    ),
    (
        "in_loss",
        f"trial_net.py, line {number_of('@ target', HELPER)}, in loss (trial.py, "
        f"line {number_of('def in_loss')}, what in_loss made): RuntimeError: mat1 and mat2",
    ),
    (
        "in_no_line",
        f"trial.py, line {number_of('def in_no_line')}, what in_no_line made: RuntimeError: mat1",
    ),
    (
        "wrong_loss",
        f"trial.py, line {number_of('def wrong_loss')}, what wrong_loss made: RuntimeError: ",
    ),
    ("back_in_file", f"trial.py, line {number_of('model or nn')}, in parts: TypeError: "),
    (
        "in_worker",
        f"trial.py, line {number_of('no item 7')}, in in_worker: IndexError: no item 7",
    ),
    (
        "exit_0",
        f"trial.py, line {number_of('def leave')}, in leave: sys.exit(0), and so no result",
    ),
]


@pytest.mark.parametrize("function", [function for function, _ in PLACES])
@pytest.mark.parametrize("command", [["run"], ["repeat", "--jobs", "1", "--seeds", "1"]])
@pytest.mark.usefixtures("helped")
def test_the_line_in_the_users_files_is_named(invoke, command, function):
    done = invoke(*command, f"trial.py:{function}", "--num-iter", 4)
    assert done.exit_code == 1
    begin = "Error: " if command == ["run"] else (
        "Error: 1 of 1 runs failed. num_iter=4, seed=0: "
    )  # fmt: skip
    assert done.stderr.splitlines()[0].startswith(begin + dict(PLACES)[function])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("function", "said", "code"),
    [
        ("exit_0", "sys.exit(0)", 1),
        ("exit_none", "sys.exit(None)", 1),
        ("exit_3", "sys.exit(3)", 3),
        ("exit_256", "sys.exit(256)", 1),
        ("exit_text", "sys.exit('no data')", 1),
        ("exit_late", "sys.exit(0)", 1),
    ],
)
@pytest.mark.usefixtures("helped")
def test_a_sys_exit_is_no_success(invoke, tmp_path, function, said, code):
    done = invoke("run", f"trial.py:{function}")
    line = number_of("def leave")
    assert done.exit_code == code
    assert done.stderr == f"Error: trial.py, line {line}, in leave: {said}, and so no result\n"
    assert not list(tmp_path.glob("*/result.json"))
    shown = invoke("run", f"trial.py:{function}", "--traceback")
    assert isinstance(shown.exception, RuntimeError)
    assert isinstance(shown.exception.__cause__, SystemExit)


@pytest.mark.parametrize("command", [["run"], ["repeat", "--jobs", "1"]])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x = 1\ny = '\xe9'\n", "line 2: the byte 0xe9 is not UTF-8: save the file as UTF-8, or"),
        ("x = 1\n".encode("utf-16"), "line 1: the byte 0xff is not UTF-8"),
        (b"# coding: nonsense\n", "bad.py: its first lines name an encoding that"),
        (b"x = 1\n\0", "holds a null byte"),
    ],
    ids=["latin-1", "utf-16", "unknown", "null"],
)
def test_a_file_that_is_not_text_is_one_line(invoke, tmp_path, command, content, said):
    (tmp_path / "bad.py").write_bytes(content)
    done = invoke(*command, "bad.py:f")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: bad.py")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["run"], ["repeat", "--jobs", "1"]])
def test_a_folder_is_no_file(invoke, command):
    done = invoke(*command, ".:f")
    assert (done.exit_code, done.stderr) == (1, "Error: . is a folder, not a Python file.\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["--json"], [], ["--sensitivity"]], ids=["json", "table", "text"]
)
def test_who_reads_the_output_may_leave(saved, arguments):
    """As `head` does: no word, and the exit code of a tool that SIGPIPE ends, in a shell."""
    command = [sys.executable, "-m", "lrfind", "show", str(saved), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == OF_A_BROKEN_PIPE == 141


@pytest.mark.slow
def test_a_closed_output_is_no_error(saved):
    script = f'exec "{sys.executable}" -m lrfind show "{saved}" >&-'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_run_whose_output_nobody_reads_writes_its_files(problem, tmp_path):
    command = [sys.executable, "-m", "lrfind", "run", f"{problem}:parts", "--controls"]
    command += ["--no-confirm", "--num-iter", "20", "--out", str(tmp_path / "mine")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == OF_A_BROKEN_PIPE, said
    assert "Error" not in said
    assert {"result.json", "controls.json", "report.html"} <= {
        path.name for path in (tmp_path / "mine").iterdir()
    }


def test_a_file_with_the_name_of_a_module_in_use_is_refused(invoke, tmp_path):
    (tmp_path / "json.py").write_text("def problem(): pass\n")
    done = invoke("run", "json.py:problem")
    assert done.exit_code == 1
    assert "has the name of the module json" in done.stderr
    assert json.dumps


@pytest.mark.parametrize("command", [["show"], ["plot", "-o", "a.png"]])
@pytest.mark.parametrize("content", [None, "{", '{"format": "other"}'])
def test_a_bad_file_is_one_line_and_exit_code_1(invoke, tmp_path, command, content):
    if content is not None:
        (tmp_path / "r.json").write_text(content)
    done = invoke(*command, "r.json")
    assert done.exit_code == 1
    assert "r.json" in done.stderr
    assert "Traceback" not in done.output


def test_a_terminal_escape_in_the_name_of_a_file_shows_as_text(invoke, tmp_path):
    (tmp_path / "\x1b[31m.json").write_text("{")
    done = invoke("show", "\x1b[31m.json")
    assert done.exit_code == 1
    assert done.stderr.startswith(r"Error: \x1b[31m.json ")


def test_an_output_that_cannot_be_written_is_one_line_before_the_sweep(invoke, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = invoke("demo", "--num-iter", 10**9, "--out", "taken")
    assert done.exit_code == 1
    assert "taken" in done.stderr
    assert (tmp_path / "taken").read_text() == "a file"
