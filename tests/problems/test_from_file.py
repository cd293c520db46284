"""A user's file is imported like a module, and leaves nothing behind where it fails."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.problems.from_file import file_build, load_problem

HEAD = """
import torch
from torch.utils.data import DataLoader, Dataset

def parts(loader=((torch.ones(2, 1), torch.ones(2, 1)),), loss_fn=torch.nn.MSELoss()):
    model = torch.nn.Linear(1, 1)
    return model, torch.optim.SGD(model.parameters(), lr=0.1), loss_fn, list(loader)
"""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """What a test leaves in `sys` on purpose is gone after it."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    yield
    for name in [name for name in sys.modules if name == "mine" or name.startswith("beside_")]:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + text)
        return path

    return write


def imported():
    return sys.path[:], sys.modules.get("mine")


FAILING = [
    ("raise RuntimeError('in the file')", "parts", RuntimeError),
    ("def f(:", "parts", SyntaxError),
    ("raise KeyboardInterrupt", "parts", KeyboardInterrupt),
    ("", "absent", ValueError),
    ("def parts(): raise RuntimeError('in the function')", "parts", RuntimeError),
    ("def parts(): return 3", "parts", ValueError),
]


@pytest.mark.parametrize(("text", "function", "error"), FAILING)
def test_a_file_that_fails_leaves_no_module_and_no_folder(write, text, function, error):
    path, before = write("mine.py", text), imported()
    with pytest.raises(error):
        load_problem(path, function, 0)
    assert imported() == before
    with pytest.raises(error):
        file_build(path, function)(0)
    assert imported() == before


@pytest.mark.parametrize(("text", "function", "error"), FAILING)
def test_a_file_that_fails_leaves_what_it_was_before(write, text, function, error):
    load_problem(write("mine.py", ""), "parts", 0)
    before = imported()
    with pytest.raises(error):
        load_problem(write("mine.py", text), function, 0)
    assert imported() == before
    assert before[1] is not None
    # and it can be loaded once it is mended
    load_problem(write("mine.py", ""), "parts", 0)


def test_no_bytecode_is_written_beside_the_users_file(write, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    load_problem(write("mine.py", ""), "parts", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_folder_stands_on_the_path_once_and_first(write, tmp_path):
    path, before = write("mine.py", ""), sys.path[:]
    for _ in range(3):
        load_problem(path, "parts", 0)
        file_build(path, "parts")(0)
    assert sys.path == [str(tmp_path), *before]
    other = write("other/mine.py", "")
    load_problem(other, "parts", 0)
    load_problem(path, "parts", 0)
    assert sys.path == [str(tmp_path), str(other.parent), *before]
    assert Path(sys.modules["mine"].__file__) == path


def test_a_module_beside_the_file_can_be_imported_at_any_time(write):
    write("beside_at_once.py", "scale = 2.0")
    write("beside_later.py", "shift = 3.0")
    write("beside_in_the_step.py", "factor = 4.0")
    text = """
import beside_at_once

def lazy():
    import beside_later

    def loss_fn(output, target):
        import beside_in_the_step
        return (output * beside_in_the_step.factor + beside_later.shift).square().mean()

    return parts(loss_fn=loss_fn)
"""
    problem = load_problem(write("mine.py", text), "lazy", 0)
    assert problem.range_test(num_iter=3).loss.size == 3
    assert sys.modules["beside_at_once"].scale == 2.0


@pytest.mark.slow
def test_a_worker_process_of_a_loader_finds_the_class_of_its_dataset(write, tmp_path):
    text = """
class Ones(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, place):
        import beside_in_a_worker
        return beside_in_a_worker.ones()

def loaded():
    made = parts()[:3]
    return *made, DataLoader(Ones(), 4, num_workers=1, multiprocessing_context="spawn")
"""
    write("beside_in_a_worker.py", "def ones(): return torch.ones(1), torch.ones(1)")
    path = write("mine.py", text)
    # In a process of its own: a spawned worker would import this test's main module.
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from lrfind.problems.from_file import load_problem\n"
        "if __name__ == '__main__':\n"
        f"    problem = load_problem(Path({str(path)!r}), 'loaded', 0)\n"
        "    print(problem.range_test(num_iter=2).loss.size)\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path.parent, capture_output=True, text=True, check=False
    )
    assert done.stdout == "2\n", done.stderr


def test_a_file_may_not_take_the_name_of_a_module(write):
    path, before = write("json.py", ""), sys.modules["json"]
    with pytest.raises(ValueError, match="the name of the module json"):
        load_problem(path, "parts", 0)
    assert sys.modules["json"] is before


def test_what_is_no_python_file_is_refused(write, tmp_path):
    with pytest.raises(ValueError, match="is not a Python file"):
        load_problem(write("mine.txt", ""), "parts", 0)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_problem(tmp_path / "absent.py", "parts", 0)


def test_a_folder_is_told_from_a_file_that_is_not_there(tmp_path):
    for load in (partial(load_problem, seed=0), file_build):
        with pytest.raises(IsADirectoryError, match="is a folder, not a Python file"):
            load(tmp_path, "parts")
        with pytest.raises(FileNotFoundError, match=r"absent\.py does not exist"):
            load(tmp_path / "absent.py", "parts")
        os.mkfifo(pipe := tmp_path / f"pipe_{load is file_build}.py")
        with pytest.raises(ValueError, match="a pipe or a device"):  # and does not wait
            load(pipe, "parts")


NAMED = "def name(): return 'é'\n"


@pytest.mark.parametrize(
    "content",
    [
        NAMED.encode(),
        NAMED.encode("utf-8-sig"),
        f"# coding: latin-1\n{NAMED}".encode("latin-1"),
        f"#!/usr/bin/python\n# -*- coding: cp1252 -*-\n{NAMED}".encode("cp1252"),
    ],
    ids=["utf-8", "bom", "latin-1", "second line"],
)
def test_a_file_may_have_any_encoding_that_it_declares(tmp_path, content):
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    assert file_build(path, "name").source.endswith(NAMED)
    with pytest.raises(ValueError, match="got str"):  # what it returned is no problem
        load_problem(path, "name", 0)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_python_text_or_a_value_error_that_names_the_file(content):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mine.py"
        path.write_bytes(content)
        try:
            source = file_build(path, "parts").source
        except ValueError as error:
            assert str(error).startswith(str(path))  # noqa: PT017
            with pytest.raises((SyntaxError, ValueError)):
                compile(content, "mine.py", "exec")
        else:
            assert "\0" not in source
