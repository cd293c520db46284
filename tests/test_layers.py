"""The house has floors: imports point down only, and light rooms stay light."""

import ast
from pathlib import Path

import lrfind

ROOT = Path(lrfind.__file__).parent
FLOORS = {
    "_errors": 0, "_files": 0, "_records": 0, "_types": 0, "_version": 0,
    "analysis": 1,
    "settings": 2, "pictures": 2, "result": 2, "storage": 2, "controlled": 2,
    "repeats": 2, "repeat_rows": 2, "run_files": 2,
    "training": 3, "display": 3,
    "integrations": 4,
    "demo": 5, "problem_file": 5, "__init__": 5,
    "cli_options": 5, "cli_repeat": 5, "cli_run": 5, "cli": 6, "__main__": 7,
}  # fmt: skip
FORBIDDEN = {
    "_errors": {"torch", "matplotlib", "scipy", "rich"},
    "_records": {"torch", "matplotlib", "scipy", "rich"},
    "analysis": {"torch", "matplotlib", "rich"},
    "pictures": {"torch", "rich"},
    "result": {"torch", "rich"},
    "storage": {"torch", "matplotlib", "rich"},
    "controlled": {"torch", "rich"},
    "repeats": {"torch", "rich"},
    "repeat_rows": {"torch", "matplotlib", "rich"},
    "run_files": {"torch", "matplotlib", "rich"},
    "display": {"torch"},
}
# The thin methods that users of pandas expect: they import the room they need when called.
UPWARD = {
    ("pictures", "display"), ("analysis", "display"),
    ("controlled", "display"), ("repeats", "display"),
}  # fmt: skip


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """Every module that a file imports, and whether a function or a type check does it."""
    tree = ast.parse(path.read_text())
    deferred = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module, id(node) in deferred


def all_imports():
    for path in sorted(ROOT.rglob("*.py")):
        for module, deferred in imports(path):
            yield path, room(path), module, deferred


def test_every_file_is_on_a_floor():
    assert {room(path) for path in ROOT.rglob("*.py")} <= set(FLOORS)


def test_imports_point_down():
    for path, here, module, deferred in all_imports():
        if not module.startswith("lrfind."):
            continue
        there = module.split(".")[1]
        if there != here and not (deferred and (here, there) in UPWARD):
            lateral = FLOORS[here] == FLOORS[there] == 2
            assert FLOORS[there] < FLOORS[here] or lateral, f"{path} imports {module}"


def test_light_rooms_import_nothing_heavy():
    for path, here, module, deferred in all_imports():
        top = module.split(".")[0]
        allowed = deferred and here in ("result", "analysis") and top == "matplotlib"
        assert top not in FORBIDDEN.get(here, set()) or allowed, f"{path} imports {module}"


def test_only_the_command_prints():
    for path in ROOT.rglob("*.py"):
        names = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert "print" not in names, path
