"""The notebooks are true: each runs, and its answer is made of the figures that it computes."""

import ast
import contextlib
import io
import math
import os
import pickle
import re
import traceback
import warnings
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
import run_notebooks
from makers import make_controls, make_result, make_set
from nbformat import v4
from PIL import Image
from run_notebooks import FOLDER, METADATA, execute, printed_answer, shrink_pictures

import lrfind

if not FOLDER.exists():
    pytest.skip("the source distribution is without the notebooks", allow_module_level=True)
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"
DECADES = 0.15
"""The last bits of a loss differ from processor to processor, and the blow-up magnifies them."""

PUBLIC = {"lrfind", "lrfind.demo", "lrfind.integrations"}
"""The modules of ours that a reader is told of."""
MOST_BYTES = 300_000

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def _kernels_like_this_process(monkeypatch, tmp_path):
    """Kernels import the lrfind under test, and leave the user's own Jupyter and IPython alone.

    The two minutes of a notebook hold where it is saved: other tests may keep these cores busy.
    """
    monkeypatch.setattr(run_notebooks, "LIMIT", 600)
    monkeypatch.setenv("PYTHONPATH", str(Path(lrfind.__file__).parents[1]))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))


def near(one, other):
    """Whether two sentences say the same but for figures that are nearly equal.

    Rates may differ by `DECADES`; what is written otherwise, such as decades and percentages, by
    as much or by a tenth.
    """
    if re.split(NUMBER, one) != re.split(NUMBER, other):
        return False
    pairs = zip(re.findall(NUMBER, one), re.findall(NUMBER, other), strict=True)
    return all(
        abs(math.log10(float(a) / float(b))) <= DECADES
        if "e" in a + b
        else abs(float(a) - float(b)) <= max(DECADES, 0.1 * float(b))
        for a, b in pairs
    )


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("Train at 2.1e-03, 0.95 decades late.", True),
        ("Train at 3.1e-03, 0.95 decades late.", False),
        ("Train at 2.0e-03, 1.20 decades late.", False),
        ("Train at 2.0e-03, -0.95 decades late.", False),
        ("Train at 2.0e-03, 0.95 decades early.", False),
        ("Train at 2.0e-03.", False),
    ],
)
def test_an_answer_with_other_figures_is_told_apart(other, same):
    assert near("Train at 2.0e-03, 1.00 decades late.", other) is same


def code_of(path):
    return [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


def answer_of_a_fork(path, folder):
    """What the last cell prints in a fork of this process, which has imported torch already.

    A kernel of its own for each notebook, as `execute` has, takes a minute more of the suite.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            os.chdir(folder)
            Path("answer").write_text(run_cells(path))
            status = 0
        except BaseException:
            Path("error").write_text(traceback.format_exc())
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0, (folder / "error").read_text()
    return (folder / "answer").read_text().strip()


def run_cells(path):
    """Run the cells one after another, as a kernel does; returns what the last one prints."""
    names, printed = {"__name__": "__main__"}, io.StringIO()
    warnings.simplefilter("ignore")
    for cell in code_of(path):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(cell, path, "exec"), names)
    return printed.getvalue()


@pytest.mark.slow
@each_notebook
def test_a_fresh_run_gives_the_answer_that_stands_in_the_notebook(path, tmp_path):
    answer = answer_of_a_fork(path, tmp_path)
    assert near(answer, printed_answer(nbformat.read(path, as_version=4))), answer


@pytest.mark.slow
def test_a_kernel_gives_the_same_answer(tmp_path):
    fresh = printed_answer(execute(NOTEBOOKS[0], tmp_path))
    assert fresh == answer_of_a_fork(NOTEBOOKS[0], tmp_path)


@each_notebook
def test_it_opens_with_its_question_and_ends_with_its_answer(path):
    notebook = nbformat.read(path, as_version=4)
    first, last = notebook.cells[0], notebook.cells[-1]
    assert (first.cell_type, last.cell_type) == ("markdown", "markdown")
    number = int(path.stem.split("_")[0])
    assert re.match(rf"# {number}\. .+\n\n\*\*Question:\*\* [^*]+\?", first.source)
    assert re.fullmatch(r"\*\*[^*]+\.\*\*", last.source)
    printed = printed_answer(notebook)
    assert set(re.findall(NUMBER, last.source)) <= set(re.findall(NUMBER, printed))


@each_notebook
def test_its_outputs_are_those_of_one_run_from_top_to_bottom_without_a_complaint(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for output in outputs} <= {
        "stream",
        "display_data",
        "execute_result",
    }
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@each_notebook
def test_it_keeps_no_trace_of_the_machine_that_ran_it(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == METADATA
    assert not any(cell.metadata for cell in notebook.cells)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert not output.get("metadata")
            text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            assert not re.search(r"(?<![\w.])/\w+/\w+|\b[A-Z]:\\|0x[0-9a-f]{6}", text)


def imported(path):
    """Every module that a notebook imports from, and every name."""
    for node in (node for cell in code_of(path) for node in ast.walk(ast.parse(cell))):
        if isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, each.name) for each in node.names)


@each_notebook
def test_it_imports_nothing_private_and_is_quick_to_load(path):
    for module, name in imported(path):
        assert not any(part.startswith("_") for part in [*module.split("."), name])
        assert module in PUBLIC or module.split(".")[0] != "lrfind"
    assert path.stat().st_size < MOST_BYTES


def test_most_do_not_rest_on_the_bundled_digits_alone():
    names = {"digits", "digits_problem"}
    on_digits = [path for path in NOTEBOOKS if names & {name for _, name in imported(path)}]
    assert 0 < len(on_digits) <= len(NOTEBOOKS) * 0.6


def test_one_of_them_meets_every_verdict():
    cells = nbformat.read(FOLDER / "03_what_now.ipynb", as_version=4).cells
    headings = {title for c in cells for title in re.findall(r"^## `(\w+)`$", c.source, re.M)}
    table = next(
        output.data["text/markdown"]
        for cell in cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    )
    met = {line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]}
    assert met == headings == {verdict.name.lower() for verdict in lrfind.Verdict}


def test_the_readme_names_notebooks_that_exist():
    named = re.findall(r"notebooks/(\w+)\.ipynb", (FOLDER.parent / "README.md").read_text())
    assert named
    assert set(named) <= {path.stem for path in NOTEBOOKS}


def test_a_picture_of_few_colours_is_saved_smaller_as_it_is():
    picture, file = Image.new("RGBA", (300, 200), "white"), BytesIO()
    picture.paste("#0072b2", (10, 20, 250, 60))
    picture.paste("#d55e00", (90, 50, 110, 190))
    picture.save(file, "PNG", compress_level=1)
    data = {"image/png": b64encode(file.getvalue()).decode()}
    cells = [
        v4.new_markdown_cell("A picture"),
        v4.new_code_cell("", outputs=[v4.new_output("display_data", data=dict(data))]),
    ]
    shrink_pictures(v4.new_notebook(cells=cells))
    saved = b64decode(cells[1].outputs[0].data["image/png"])
    assert len(saved) < len(file.getvalue())
    assert Image.open(BytesIO(saved)).convert("RGBA").tobytes() == picture.tobytes()


def test_the_notebooks_are_numbered_from_01():
    assert [path.stem.split("_")[0] for path in NOTEBOOKS] == [
        f"{number:02d}" for number in range(1, len(NOTEBOOKS) + 1)
    ]


@pytest.mark.slow
def test_tables_print_the_same_in_a_notebook(tmp_path):
    tables = [make_result().compare(), make_set(-1.0, -0.9, -1.1), make_controls()]
    (tmp_path / "tables").write_bytes(pickle.dumps(tables))
    cell = v4.new_code_cell("import pickle\nprint(*pickle.load(open('tables', 'rb')), sep='\\n')")
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "tables.ipynb")
    printed = printed_answer(execute(tmp_path / "tables.ipynb", tmp_path))
    assert printed == "\n".join(map(str, tables)).strip()
