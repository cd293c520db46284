"""The names of the package: few are shown, all are found, and each tells what it is."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import lrfind

STUB = ast.parse(Path(lrfind.__file__).with_suffix(".pyi").read_text())
IMPORTED = {
    alias.name: (node.module, alias.asname)
    for node in STUB.body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def test_at_most_twenty_names_are_shown_and_the_stub_shows_the_same():
    (listed,) = [
        ast.literal_eval(node.value)
        for node in STUB.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    assert listed == lrfind.__all__ == dir(lrfind) == sorted(listed)
    assert len(listed) <= 20
    assert set(listed) <= {*IMPORTED, "__version__"}


def test_a_star_imports_those():
    names = {}
    exec("from lrfind import *", names)
    assert set(names) - {"__builtins__"} == set(lrfind.__all__)


@pytest.mark.parametrize("name", IMPORTED)
def test_every_name_is_found_in_its_room_and_at_the_top_and_has_a_docstring(name):
    module, alias = IMPORTED[name]
    thing = getattr(lrfind, name)
    assert thing is getattr(importlib.import_module(f"lrfind.{module}"), name)
    assert thing.__name__ == name
    assert inspect.getdoc(thing)
    # To a type checker a stub exports what it lists, and what it imports as itself.
    assert alias == (None if name in lrfind.__all__ else name)


def test_options_are_keyword_only():
    parameters = inspect.signature(lrfind.range_test).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["model", "optimizer", "loss_fn", "train_loader"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LRFinder", "the range test is `lrfind.range_test(model, optimizer, loss_fn, train_load"),
        ("lr_find", "the range test is `lrfind.range_test("),
        ("suggest", "`suggest` belongs to what `lrfind.range_test` returns"),
        ("rangetest", "did you mean `range_test`?"),
        ("BlowUps", "did you mean `BlowUp`?"),
    ],
)
def test_an_unknown_name_says_what_is_meant(name, said):
    with pytest.raises(AttributeError) as raised:
        getattr(lrfind, name)
    assert str(raised.value).startswith(f"module 'lrfind' has no attribute {name!r}: {said}")


def test_a_name_that_is_like_no_other_is_a_plain_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'lrfind' has no attribute 'qqqqq'$"):
        _ = lrfind.qqqqq


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert version("lrfind") == lrfind.__version__
