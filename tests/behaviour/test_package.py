"""What is published: built, checked and installed in an empty environment, and used from there."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path, PurePath

import pytest
from makers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lrfind

pytestmark = pytest.mark.slow

ORACLE = ("make_oracle", "choose_calibration", "benchmark_lrfind", "benchmark_peers",
          "peer_finders", "check_decays", "check_leads")  # fmt: skip
"""The scripts that make and read the oracle, but for those of its name."""
TRAININGS = ("example_fine_tuning", "example_lightning_images", "experiment_lamb", "four_rates")
"""The scripts of longer trainings, whose results have a page."""
LEFT_OUT = (
    "notebooks/*.ipynb", ".github/batch_size/batch_size.png", ".github/benchmark/peers*.png",
    ".github/demo/beta.png", ".github/real_models/*.png", ".pre-commit-config.yaml",
    "scripts/oracle*", "tests/scripts/test_oracle*",
    *(f"scripts/{name}.py" for name in (*ORACLE, *TRAININGS)),
    *(f"tests/scripts/test_{name}.py" for name in (*ORACLE, *TRAININGS[2:])),
)  # fmt: skip
"""Of the repository's files, those that the source distribution is without."""
OWN_TESTS = (
    "tests/behaviour/test_readme.py", "tests/scripts/test_scripts.py",
)  # fmt: skip
"""Those that read more than the package, and how they miss what is left out."""
USED = """
import lrfind
from lrfind.demo import digits_problem

for name in lrfind.__all__:
    getattr(lrfind, name)
result = digits_problem().range_test(num_iter=60, progress=False)
print(result.summary(), result.compare(), result.suggest())
result.plot().figure.savefig("picture.png")
result.save("result.json")
assert lrfind.load("result.json") == result
print(lrfind.__file__)
"""


def run(*command, cwd):
    """What a command prints, in an environment that does not know the working tree."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=known,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the source distribution and the wheel built from it."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    """The source distribution, unpacked."""
    (path,) = built.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(path) as archive:
        # The argument `filter` came late to Python 3.10 and 3.11.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    return folder / path.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel):
    """The metadata in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = {path.parts[0] for path in map(PurePath, archive.namelist())} - {"lrfind"}
        yield PathDistribution(zipfile.Path(archive, f"{name}/"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of a new environment with the wheel, which sees the packages it needs here."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    programs = folder / "bin"
    pip = (sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "here.pth").write_text("\n".join(here))
    return programs


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_source_distribution_is_small_and_holds_the_rest_of_the_repository(built, unpacked):
    (path,) = built.glob("*.tar.gz")
    assert path.stat().st_size < 1_000_000
    if not (ROOT / ".git").exists():
        pytest.skip("which files the repository holds is told by git")
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    held = {name for name in listed.splitlines() if (ROOT / name).is_file()}
    left_out = {name for name in held if any(PurePath(name).match(each) for each in LEFT_OUT)}
    assert files(unpacked) == held - left_out | {"PKG-INFO"}
    assert all(any(PurePath(name).match(each) for name in left_out) for each in LEFT_OUT)


def test_the_wheel_holds_the_package_and_nothing_else(wheel, unpacked):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {f"lrfind/{name}" for name in files(unpacked / "lrfind")}
    assert {"lrfind/py.typed", "lrfind/__init__.pyi", "lrfind/data/digits.npz"} <= held


def test_twine_accepts_both(built):
    printed = run(
        sys.executable, "-m", "twine", "check", "--strict", *sorted(built.iterdir()), cwd=built
    )
    assert printed.count("PASSED") == 2


def test_the_metadata_are_complete(metadata):
    told = metadata.metadata
    assert (told["Name"], told["Version"]) == ("lrfind", lrfind.__version__)
    assert 40 < len(told["Summary"]) <= 512  # the most that an index takes
    assert told["Author"]
    assert told["Keywords"].count(",") >= 3
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload() == (ROOT / "README.md").read_text()
    assert told["License-Expression"] == "MIT AND CC-BY-4.0"
    for name in ("LICENSE", "lrfind/data/LICENSE-digits.md"):
        assert name in told.get_all("License-File")
        assert metadata.read_text(f"licenses/{name}") == (ROOT / name).read_text()
    (command,) = metadata.entry_points
    assert (command.group, command.name) == ("console_scripts", "lrfind")
    extras = {"accelerate", "bench", "dev", "optimizers", "tensorboard", *SHARED}
    extras |= FRAMEWORKS | LIBRARIES
    assert set(told.get_all("Provides-Extra")) == extras


def test_the_classifiers_are_known_and_begin_with_the_python_that_is_required(metadata):
    from trove_classifiers import classifiers

    named = metadata.metadata.get_all("Classifier")
    assert set(named) <= classifiers
    assert "Typing :: Typed" in named
    versions = [name.rpartition(" ")[2] for name in named if ":: Python :: 3." in name]
    assert versions == [f"3.{minor}" for minor in range(10, 15)]
    assert metadata.metadata["Requires-Python"] == f">={versions[0]}"


SHARED = ("cluster", "report", "terminal")
"""Extras that bear another name than what they bring."""
FRAMEWORKS = {"fastai", "ignite", "lightning", "transformers"}
LIBRARIES = {"mlflow", "pandas", "polars", "wandb"}
"""What hands a result on, likewise."""


def required(metadata, extra):
    """The requirements without an extra (""), or those that it adds."""
    every = map(Requirement, metadata.requires)
    if not extra:
        return [each for each in every if each.marker is None]
    return [each for each in every if each.marker and each.marker.evaluate({"extra": extra})]


def test_what_the_package_imports_is_what_it_requires(metadata, unpacked):
    trees = [ast.parse(path.read_text()) for path in (unpacked / "lrfind").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    outside = {name.partition(".")[0] for name in modules} - {"lrfind", *sys.stdlib_module_names}
    needed = [each for extra in ("", *SHARED) for each in required(metadata, extra)]
    # Each of these has an extra of its name, and is not installed without it.
    for name in FRAMEWORKS | LIBRARIES:
        assert name in {each.name.removeprefix("pytorch-") for each in required(metadata, name)}
    # IPython is imported where it runs already: in a notebook.
    assert outside - FRAMEWORKS - LIBRARIES - {"IPython"} == {
        each.name.replace("-", "_") for each in needed
    }
    assert all(str(each.specifier).startswith(">=") for each in needed)


def test_what_the_tests_require_is_pinned(metadata):
    pins = re.findall(r"^([\w-]+)==", (ROOT / "scripts" / "constraints.txt").read_text(), re.M)
    needed = required(metadata, "") + required(metadata, "dev")
    assert {canonicalize_name(each.name) for each in needed} <= set(pins)


def test_the_changelog_keeps_its_form_and_its_newest_release_is_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.M)
    released = [head for head in heads if head != "[Unreleased]"]
    assert heads in (released, ["[Unreleased]", *released])
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in released)
    assert [head for head in released if f"[{lrfind.__version__}]" in head] == released[:1]
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for section in re.split(r"^## .*$", text, flags=re.M)[1:]:
        named = re.findall(r"^### (.*)$", section, re.M)
        assert named
        assert named == sorted(set(named), key=kinds.index)


def test_the_library_is_used_without_a_warning(installed, tmp_path):
    printed = run(installed / "python", "-W", "error", "-c", USED, cwd=tmp_path)
    assert printed.rstrip().endswith(f"{os.sep}site-packages{os.sep}lrfind{os.sep}__init__.py")
    assert str(installed.parent) in printed


def test_the_demo_prints_what_the_committed_run_says_without_a_warning(
    installed, unpacked, tmp_path
):
    quiet = installed / "python", "-W", "error", installed / "lrfind"
    printed = run(*quiet, "demo", "--out", "out", cwd=tmp_path)
    assert printed == run(*quiet, "show", unpacked / ".github/demo/result.json", cwd=tmp_path)
    committed = {path.name for path in (unpacked / ".github" / "demo").iterdir()}
    shown = {"beta.png", "journal.jsonl", "report.html", "result.csv"}
    assert files(tmp_path / "out") == committed - {"report.png"} | shown


def test_the_source_distribution_passes_tests_of_its_own(installed, unpacked, tmp_path):
    alone = tmp_path / "alone"
    shutil.copytree(unpacked, alone, ignore=shutil.ignore_patterns("lrfind"))
    options = ("-q", "-p", "no:cacheprovider", "-m", "not slow")
    printed = run(installed / "python", "-m", "pytest", *options, *OWN_TESTS, cwd=alone)
    assert re.search(r"^\d+ passed", printed, re.M)
