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


@pytest.mark.parametrize("name", sorted(FILES))
def test_imports_point_down(name):
    if name in ("checks", "__init__"):
        assert not ARROWS[name] - {"_version"}
        return
    for other in ARROWS[name]:
        inside = room(other) == room(name)
        assert inside or floor(other) < floor(name), f"{name} imports {other}"


def test_nothing_leads_back_to_where_it_came_from():
    circles = {name for name in FILES if any(name in reachable(other) for other in ARROWS[name])}
    assert not circles


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("integrations.")])
def test_an_integration_rides_on_the_sweep_alone(name):
    allowed = {"support", "state", "sweep", "result", "integrations"}
    assert {room(other) for other in ARROWS[name]} <= allowed


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(RECORDS)])
def test_a_record_is_read_questioned_and_drawn_without_torch(name):
    heavy = {other for other in reachable(name) if "torch" in OUTSIDE[other]}
    assert not heavy


@pytest.mark.parametrize("name", sorted(FILES))
def test_matplotlib_and_rich_are_imported_when_something_is_drawn_or_printed(name):
    tree = ast.parse(FILES[name].read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            node.body = [ast.Pass()]
    assert {"matplotlib", "rich"}.isdisjoint(module.split(".")[0] for module in imports(tree))


def test_only_the_command_prints():
    for name, tree in TREES.items():
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert "print" not in calls, name


def test_rooms_files_and_functions_keep_their_size():
    lines = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}
    sizes = {}
    for name, count in lines.items():
        sizes[name.split(".")[0]] = sizes.get(name.split(".")[0], 0) + count
    assert max(sizes.values()) < 0.2 * sum(sizes.values()), sizes
    assert {name: count for name, count in lines.items() if count > 260} == {}
    functions = {
        f"{name}.{node.name}": count
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (count := length(node)) > 40
    }
    assert functions == {}


def length(function):
    """Lines of a function without its docstring."""
    documented = ast.get_docstring(function, clean=False)
    docstring = function.body[0].end_lineno - function.body[0].lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring
