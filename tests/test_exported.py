"""The public names, and that each tells what it is."""

import ast
import inspect
from pathlib import Path

import pytest

import lrfind


def stub():
    return ast.parse(Path(lrfind.__file__).with_suffix(".pyi").read_text())


def test_the_stub_lists_what_it_imports_in_order():
    imported = {
        alias.name
        for node in ast.walk(stub())
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (listed,) = [
        ast.literal_eval(node.value)
        for node in stub().body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    assert set(listed) == imported | {"__version__"} == set(lrfind.__all__)
    assert listed == sorted(listed)


@pytest.mark.parametrize("name", [name for name in lrfind.__all__ if name != "__version__"])
def test_every_public_name_exists_and_has_a_docstring(name):
    thing = getattr(lrfind, name)
    assert thing.__name__ == name
    assert inspect.getdoc(thing)


def test_options_are_keyword_only():
    parameters = inspect.signature(lrfind.range_test).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["model", "optimizer", "loss_fn", "train_loader"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="lr_find"):
        _ = lrfind.lr_find


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert version("lrfind") == lrfind.__version__
