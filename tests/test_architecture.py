"""The house: every import points down, none leads back, and light rooms stay light.

All imports count: deferred ones, those of type checks, and those within a room.
"""

import ast
from pathlib import Path

import pytest

import lrfind

ROOT = Path(lrfind.__file__).parent
LOOSE = {"__init__", "__main__", "_version", "demo"}
FLOORS = [
    {"support", "_version"},
    {"analysis", "batch_size", "state"},
    {"layers", "multitask"},
    {"result"},
    {"sweep"},
    {"loop"},
    {"checks.controls", "checks.verification"},
    {"problems"},
    {"repeats"},
    {"demo", "integrations", "reports"},
    {"cli"},
    {"__main__", "__init__"},
]
"""Rooms on one floor know nothing of each other."""
RECORDS = (
    "analysis.", "result.", "layers.layer_norms", "multitask.disagreement",
    "checks.controls.record", "checks.verification.record", "repeats.repeat_set",
)  # fmt: skip
"""What a saved result is read, questioned and drawn with."""


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def room(name):
    parts = name.split(".")
    return ".".join(parts[: 2 if parts[0] == "checks" else 1])


def floor(name):
    (found,) = [number for number, rooms in enumerate(FLOORS) if room(name) in rooms]
    return found


def imports(tree):
    """Every module that a tree imports, by full name, `from a import b` as `a.b` if it is one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"imports are absolute, not {ast.unparse(node)}"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.removeprefix("lrfind.") in FILES else node.module


TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}
OUTSIDE = {
    name: {module.split(".")[0] for module in imports(tree)} - {"lrfind"}
    for name, tree in TREES.items()
}
ARROWS = {
    name: {
        module.removeprefix("lrfind.")
        for module in imports(tree)
        if module.removeprefix("lrfind.") in FILES
    }
    - {name}
    for name, tree in TREES.items()
}


def reachable(start):
    found, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(ARROWS[name])
    return found


def test_only_these_names_stand_in_the_root():
    assert {name for name in FILES if (ROOT / f"{name}.py").is_file()} == LOOSE
    known = {room for rooms in FLOORS for room in rooms} | {"checks"}
    assert {room(name) for name in FILES} <= known


def test_no_module_of_the_root_hides_a_lazily_loaded_name():
    # Importing `lrfind/ema.py` or `lrfind/ema/` would set the attribute `ema` of the package.
    assert {name.split(".")[0] for name in FILES}.isdisjoint(lrfind.__all__)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("integrations.")])
def test_an_integration_rides_on_the_sweep_alone(name):
    allowed = {"support", "state", "sweep", "result", "integrations"}
    assert {room(other) for other in ARROWS[name]} <= allowed


def test_only_the_command_prints():
    for name, tree in TREES.items():
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert "print" not in calls, name


def length(function):
    """Lines of a function without its docstring."""
    documented = ast.get_docstring(function, clean=False)
    docstring = function.body[0].end_lineno - function.body[0].lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring
