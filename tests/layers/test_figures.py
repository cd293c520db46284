"""The figures of the layers, through the numbers they draw."""

import dataclasses

import numpy as np
import pytest
from makers import make_result
from matplotlib import pyplot

from lrfind import BlowUp, CannotTellError, Layers
from lrfind.layers.figures import (
    OVERLAP,
    blow_up_sentence,
    plot_histograms,
    rate_edges,
    stretch_labels,
)
from lrfind.layers.histograms import histograms
from lrfind.support.text import rate

NAMES = ("first.weight", "first.bias", "second.weight")


def layered(names=NAMES):
    result = make_result()
    rng = np.random.default_rng(0)
    weight = np.exp(rng.normal(scale=0.1, size=(100, len(names))))
    weight[80:, -1] *= 30
    update = result.lr[:, None] * weight * np.exp(rng.normal(scale=0.3, size=weight.shape))
    update[:5, 0] = 0
    return dataclasses.replace(result, layers=Layers(names, result.lr, weight, 2 * weight, update))


def mesh_of(ax):
    (mesh,) = [each for each in ax.collections if hasattr(each, "get_coordinates")]
    return mesh


def test_the_map_holds_every_ratio_in_its_row_and_column():
    result = layered()
    ax = result.plot_layers()
    drawn = mesh_of(ax).get_array().reshape(3, 100)
    ratios = result.layers.update_ratio.T
    assert drawn.mask[0, :5].all()
    assert drawn.mask.sum() == 5
    np.testing.assert_array_equal(drawn[~drawn.mask], ratios[~drawn.mask])
    edges = mesh_of(ax).get_coordinates()[0, :, 0]
    np.testing.assert_allclose(edges, rate_edges(result.lr))
    assert [text.get_text() for text in ax.get_yticklabels()] == list(NAMES)
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first layer is on top"
    assert "grey: zero or undefined" in ax.get_xlabel()


def test_the_columns_of_the_map_meet_midway_and_hold_their_rates():
    lr = np.geomspace(1e-3, 1, 7)
    edges = rate_edges(lr)
    np.testing.assert_allclose(edges[1:-1], np.sqrt(lr[1:] * lr[:-1]))
    assert (edges[:-1] < lr).all()
    assert (lr < edges[1:]).all()
    assert rate_edges(lr[:1]).shape == (2,)
    assert rate_edges(lr[:0]).shape == (0,)


def test_minimum_and_suggestion_are_marked():
    result = layered()
    answer = result.suggest()
    ax = result.plot_layers()
    shown = [text.get_text() for text in ax.texts]
    assert f"train at {rate(answer.lr)}" in shown
    assert f"expected minimum {rate(answer.minimum.lr)}" in shown
    marked = {float(line.get_xdata()[0]) for line in ax.get_lines() if len(line.get_xdata()) == 2}
    assert marked == {answer.lr, answer.minimum.lr}


def test_the_layer_that_blew_up_has_a_cross_and_the_title():
    result = layered()
    (blow,) = result.layers.blow_ups()
    assert (blow.layer, blow.step) == ("second.weight", 79)
    ax = result.plot_layers()
    (cross,) = [line for line in ax.get_lines() if line.get_marker() == "X"]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (blow.lr, 2)
    assert ax.get_title() == blow_up_sentence([blow])


def test_the_sentence_says_which_came_first_and_how_many_followed():
    first, second = (BlowUp(name, 3, 0.01, 10.0) for name in "ab")
    assert "(crosses): a, which grew to ten times its initial norm at lr 0.010 (no other did)" in (
        blow_up_sentence([first])
    )
    assert "(1 other followed)" in blow_up_sentence([first, second])
    assert "(2 others followed)" in blow_up_sentence([first, second, second])
    assert "No layer blew up" in blow_up_sentence([])


def test_many_layers_or_long_names_do_not_fill_the_picture_with_letters():
    names = tuple(f"encoder.layers.{k}.self_attention.out_proj.weight" for k in range(120))
    _, ax = pyplot.subplots(figsize=(8, 5))
    layered(names).plot_layers(ax)
    shown = [text.get_text() for text in ax.get_yticklabels()]
    assert len(shown) <= 24
    assert shown[0] == "…" + names[0][-31:]


def test_other_quantities_can_be_drawn():
    result = layered()
    ax = result.plot_layers(quantity="lars_ratio")
    np.testing.assert_array_equal(
        mesh_of(ax).get_array().reshape(3, 100), result.layers.lars_ratio.T
    )
    with pytest.raises(ValueError, match="`quantity` must be one of"):
        result.plot_layers(quantity="height")
    with pytest.raises(TypeError, match="`suggestion` must be an answer of `suggest`, got True"):
        result.plot_layers(suggestion=True)


def test_a_ridge_has_a_histogram_for_each_stretch_of_each_layer():
    result = layered()
    figure = result.plot_layer_histograms("lamb_ratio", stretches=4)
    found = histograms(result.layers.lamb_ratio, 4)
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == list(NAMES)
    for layer, ax in enumerate(shown):
        outlines = [patch.get_data() for patch in ax.patches]
        assert len(outlines) == 8, "an area and a line for each"
        for row in range(4):
            counts = found.counts[layer, row]
            values, edges, baseline = outlines[2 * row]
            np.testing.assert_allclose(values - baseline, OVERLAP * counts / counts.max())
            np.testing.assert_allclose(edges, 10**found.edges)
            assert baseline == row
    labels = [text.get_text() for text in shown[0].get_yticklabels()]
    assert labels == stretch_labels(result.lr, found)[1]
    middle = np.sqrt(result.lr[25] * result.lr[49])
    assert labels[1] == rate(middle)


def test_a_recording_at_one_rate_is_labelled_by_its_steps():
    layers = dataclasses.replace(layered().layers, lr=np.full(100, 0.1))
    ax = plot_histograms(layers, "weight", stretches=4).axes[0]
    shown = [text.get_text() for text in ax.get_yticklabels()]
    assert shown == ["0 to 24", "25 to 49", "50 to 74", "75 to 99"]


def test_single_layers_can_be_picked_and_others_are_refused():
    figure = layered().plot_layer_histograms("weight", names=["second.weight"])
    assert [ax.get_title() for ax in figure.axes] == ["second.weight"]
    with pytest.raises(ValueError, match=r"`names` must be one of 'first\.weight'"):
        layered().plot_layer_histograms(names=["third"])


def test_without_layers_there_is_one_clear_error():
    with pytest.raises(CannotTellError, match="pass `layers=True` to `range_test`"):
        make_result().plot_layers()
    with pytest.raises(CannotTellError, match="pass `layers=True` to `range_test`"):
        make_result().plot_layer_histograms()


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_sweep_of_hardly_a_step_can_be_drawn(steps):
    whole = layered()
    norms = {name: getattr(whole.layers, name)[:steps] for name in ("weight", "gradient", "update")}
    cut = dataclasses.replace(
        whole, lr=whole.lr[:steps], loss=whole.loss[:steps],
        layers=dataclasses.replace(whole.layers, lr=whole.lr[:steps], **norms),
    )  # fmt: skip
    assert cut.plot_layers().get_title().startswith("No layer blew up")
    assert len(cut.plot_layer_histograms().axes) >= 3
