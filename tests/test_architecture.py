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
    {"comparison", "layers", "multitask"},
    {"reports"},
    {"result"},
    {"histories", "sweep"},
    {"loop"},
    {"checks.controls", "checks.verification"},
    {"problems"},
    {"repeats"},
    {"demo", "integrations"},
    {"cli"},
    {"__main__", "__init__"},
]
"""Rooms on one floor know nothing of each other."""
RECORDS = (
    "analysis.", "comparison.", "result.", "layers.layer_norms", "multitask.disagreement",
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


def ours(name):
    """Whether a full name is that of a module of the package."""
    return name.startswith("lrfind.") and name.removeprefix("lrfind.") in FILES


def imports(tree):
    """Every module that a tree imports, by full name, `from a import b` as `a.b` if it is one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if ours(name) else node.module for name in inner)


def ways_around(tree):
    """Whatever reaches a module of the package without an import that names it.

    A name of the root is loaded from anywhere; a room, or `lrfind` itself, gives access to all
    below it; a relative or a computed import names nothing.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                found = any(
                    name.split(".")[0] == "lrfind" and (not alias or is_package(name))
                    for name, alias in ((each.name, each.asname) for each in names)
                )
            case ast.ImportFrom(level=level) if level:
                found = True
            case ast.ImportFrom(module, names):
                inner = [f"{module}.{each.name}" for each in names]
                found = any(map(is_package, inner)) or (
                    module == "lrfind" and not all(map(ours, inner))
                )
            case ast.Constant(str(text)):
                found = ours(text)
            case ast.Name(name):
                found = name in ("import_module", "__import__", "exec", "eval")
            case ast.Attribute(attr=name):
                found = name == "import_module"
            case _:
                found = False
        if found:
            yield ast.unparse(node)


def is_package(name):
    return name == "lrfind" or (ours(name) and FILES[name[7:]].name == "__init__.py")


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
    stub = ast.walk(ast.parse((ROOT / "__init__.pyi").read_text()))
    lazy = {each.name for node in stub if isinstance(node, ast.ImportFrom) for each in node.names}
    assert "ema" in lazy
    assert {name.split(".")[0] for name in FILES}.isdisjoint(lazy)


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


def test_an_integration_rides_on_the_sweep_or_states_a_problem():
    allowed = {"support", "state", "sweep", "result", "problems", "integrations"}
    for name in FILES:
        if name.startswith("integrations."):
            assert {room(other) for other in ARROWS[name]} <= allowed, name


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_import_names_its_module(name):
    # The command imports the files of its own room by name, when they are called.
    known = ["import_module"] if name == "cli" else []
    assert list(ways_around(TREES[name])) == known


@pytest.mark.parametrize(
    "text",
    [
        "import lrfind",
        "import lrfind.sweep.sweep",
        "import lrfind.analysis as analysis",
        "from lrfind import load",
        "from lrfind import *",
        "from lrfind import analysis",
        "from lrfind.checks import controls",
        "from . import sweep",
        "from ..sweep.sweep import Sweep",
        "def f():\n    from importlib import import_module\n    import_module(name)",
        "importlib.import_module(name)",
        "__import__(name)",
        "lazy_loader.load('lrfind.sweep.sweep')",
        "sys.modules['lrfind.sweep.sweep']",
        "exec('import lrfind')",
    ],
)
def test_a_way_around_is_found(text):
    assert list(ways_around(ast.parse(text)))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import lrfind.sweep.sweep as it", "sweep.sweep"),
        ("from lrfind.sweep import sweep", "sweep.sweep"),
        ("from lrfind.sweep.sweep import Sweep", "sweep.sweep"),
        ("from lrfind import demo", "demo"),
        ("def f():\n    from lrfind.cli import main", "cli"),
        ("if TYPE_CHECKING:\n    from lrfind.sweep.sweep import Sweep", "sweep.sweep"),
    ],
)
def test_an_import_is_told_by_the_module_it_names(text, name):
    tree = ast.parse(text)
    assert list(ways_around(tree)) == []
    assert list(imports(tree)) == [f"lrfind.{name}"]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(RECORDS)])
def test_a_record_is_read_questioned_and_drawn_without_torch(name):
    heavy = {other for other in reachable(name) if "torch" in OUTSIDE[other]}
    assert not heavy


def at_once(name):
    """What a module imports when it is imported itself: not in functions, nor for type checks."""
    tree = ast.parse(FILES[name].read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            node.body = [ast.Pass()]
    return set(imports(tree))


def test_matplotlib_and_rich_are_imported_when_something_is_drawn_or_printed():
    by_name = {name: at_once(name) for name in FILES}
    with_them = {
        name
        for name, found in by_name.items()
        if not {"matplotlib", "rich"}.isdisjoint(module.split(".")[0] for module in found)
    }
    # A file that needs them at once is itself imported only in functions.
    assert with_them.isdisjoint(
        module.removeprefix("lrfind.") for found in by_name.values() for module in found
    )
    assert with_them <= {"support.ticks"}


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


TESTS = Path(__file__).parent
OF_NO_MODULE = {"architecture", "exported", "cli.cli", "result.old_files"}
"""Of the package, of a room as a whole, or of what its earlier versions wrote."""


def test_a_file_of_tests_is_named_after_what_it_tests():
    scripts = {f"scripts.{path.stem}" for path in (TESTS.parent / "scripts").glob("*.py")}
    known = {*FILES, *scripts, "scripts.scripts", *OF_NO_MODULE}
    files = [path.relative_to(TESTS).with_suffix("") for path in TESTS.rglob("test_*.py")]
    names = {".".join([*path.parent.parts, path.name.removeprefix("test_")]) for path in files}
    assert {
        name for name in names - known if not name.startswith(("behaviour.", "faults."))
    } == set()


def test_tests_ask_public_names():
    imported = {
        alias.name
        for path in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("lrfind")
        for alias in node.names
    }
    assert {name for name in imported if name.startswith("_")} == {"_solve"}
