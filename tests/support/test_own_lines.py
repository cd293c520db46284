"""Where in a user's own files an error arose."""

import importlib.util
from functools import partial

import pytest
import torch

from lrfind.support.own_lines import place_of, said_of, shown_path

NO_BATCH = torch.ones(3, 3)


def build(model=None):
    return (model or torch.nn.Linear(2, 1))(NO_BATCH)


class Build:
    def __call__(self):
        return build()


def raised(function, *arguments):
    with pytest.raises((RuntimeError, ValueError)) as caught:
        function(*arguments)
    return caught.value


def number_of(function):
    return function.__code__.co_firstlineno


HERE = shown_path(__file__)


@pytest.mark.parametrize("made", [build, partial(build, None), Build()])
def test_the_last_line_of_the_file_of_the_function_is_its_place(made):
    said = f"{HERE}, line {number_of(build) + 1}, in build: "
    assert place_of(raised(made), made) == said
    assert place_of(raised(made), None, __file__) == said


def test_an_error_of_torch_is_placed_at_the_function_that_made_the_model():
    # Without the frames of this file, as in a range test.
    error = raised(torch.nn.functional.cross_entropy, NO_BATCH, torch.ones(4).long())
    error.with_traceback(error.__traceback__.tb_next)
    said = f"{HERE}, line {number_of(build)}, what build made: "
    assert place_of(error, build) == said
    assert place_of(error, partial(build, None)) == said
    assert place_of(error, Build()) == (
        f"{HERE}, line {number_of(Build.__call__)}, what __call__ made: "
    )
    assert place_of(error, None, __file__) == ""
    assert place_of(error, None) == place_of(error, print) == ""


def test_an_error_of_lrfind_is_placed_nowhere():
    from lrfind import ema

    error = raised(ema, [1.0], 2)
    error.with_traceback(error.__traceback__.tb_next)
    assert place_of(error, build) == ""


@pytest.mark.parametrize("folder", ["site-packages", "env/lib/dist-packages"])
def test_what_is_installed_in_the_folder_of_the_file_is_not_the_users(tmp_path, folder):
    path = tmp_path / folder / "installed.py"
    path.parent.mkdir(parents=True)
    path.write_text("def fail():\n    raise RuntimeError\n")
    spec = importlib.util.spec_from_file_location("installed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    error = raised(module.fail)
    assert place_of(error, None, tmp_path / "mine.py") == ""
    assert place_of(error, None, path).endswith("installed.py, line 2, in fail: ")


def test_a_path_is_shown_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert shown_path("a.py") == shown_path(tmp_path / "in" / "a.py") == "a.py"
    assert shown_path("../a.py") == str(tmp_path / "a.py")
    assert shown_path(tmp_path / "in-other" / "a.py") == str(tmp_path / "in-other" / "a.py")


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (ValueError("one\n two"), ["ValueError: one", " two"]),
        (KeyError("a"), ["KeyError: 'a'"]),
        (AssertionError(), ["AssertionError"]),
        (SystemExit("no data"), ["sys.exit('no data'), and so no result"]),
        (SyntaxError("invalid syntax", ("a.py", 3, 1, "def")), ["SyntaxError: invalid syntax"]),
    ],
)
def test_an_error_is_its_type_and_its_message(error, lines):
    assert said_of(error) == lines
