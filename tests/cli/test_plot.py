"""`lrfind plot` as a person meets it."""

import matplotlib
import numpy as np
import pytest
from makers import line
from matplotlib.figure import Figure


@pytest.mark.parametrize("extra", [[], ["--against-beta"], ["--beta", "0.5"]])
@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_plot_writes_the_format_of_the_suffix(invoke, saved, tmp_path, suffix, start, extra):
    done = invoke("plot", saved, "-o", f"out.{suffix}", *extra)
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / f"out.{suffix}").read_bytes().startswith(start)


def test_the_picture_holds_what_is_asked_for(invoke, saved, tmp_path, monkeypatch):
    figures, write = [], Figure.savefig

    def savefig(figure, *arguments, **options):
        figures.append(figure)
        return write(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    for extra in ([], ["--skip-start", "10", "--skip-end", "5"]):
        assert invoke("plot", saved, "-o", "out.png", *extra).exit_code == 0
    whole, cut = (line(figure.axes[0], "raw losses")[1] for figure in figures)
    np.testing.assert_array_equal(cut, whole[10:-5])
    few = invoke("plot", saved, "-o", "few.png", "--skip-start", "1000")
    assert few.exit_code == 1
    assert "must leave at least 2" in few.stderr
    labels = {str(each.get_label()) for each in figures[0].axes[0].get_lines()}
    assert "centred curve" not in labels
    assert invoke("plot", saved, "-o", "out.png", "--detail").exit_code == 0
    assert np.isfinite(line(figures[2].axes[0], "centred curve")[1]).any()
    other = invoke("plot", saved, "-o", "few.png", "--skip-start", "10", "--against-beta")
    assert other.exit_code == 2
    detail = invoke("plot", saved, "-o", "few.png", "--detail", "--layers")
    assert detail.exit_code == 2
    assert "--detail" in detail.stderr
    assert not (tmp_path / "few.png").exists()


def test_a_picture_in_a_folder_that_is_not_there_names_the_folder(invoke, saved):
    done = invoke("plot", saved, "-o", "nowhere/out.png")
    assert done.exit_code == 1
    assert "the folder nowhere does not exist" in done.stderr


@pytest.mark.parametrize("extra", [[], ["--against-beta"]])
def test_a_matplotlibrc_that_asks_for_latex_asks_in_vain(invoke, saved, tmp_path, extra):
    """LaTeX may not be there, and reads names as commands."""
    assert invoke("plot", saved, "-o", "plain.svg", *extra).exit_code == 0
    with matplotlib.rc_context({"text.usetex": True}):
        done = invoke("plot", saved, "-o", "tex.svg", *extra)
        assert matplotlib.rcParams["text.usetex"]
    assert (done.exit_code, done.stderr) == (0, "")
    plain, tex = (
        [line for line in (tmp_path / name).read_text().splitlines() if "<!--" in line]
        for name in ("plain.svg", "tex.svg")
    )
    assert tex == plain != []


def test_layers_that_were_not_recorded_cannot_be_drawn(invoke, saved, tmp_path):
    done = invoke("plot", saved, "--layers", "-o", "layers.png")
    assert done.exit_code == 1
    assert "no layers were recorded" in done.stderr
    assert not (tmp_path / "layers.png").exists()
    both = invoke("plot", saved, "--layers", "--against-beta", "-o", "layers.png")
    assert both.exit_code == 2
