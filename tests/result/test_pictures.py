"""What cannot be drawn is refused by name, before anything is drawn."""

import pytest
from makers import make_result, noisy_result
from matplotlib import pyplot

ANSWER = "`suggestion` must be an answer of `suggest`, got"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"skip_start": -1}, ValueError, "`skip_start` must be at least 0, got -1"),
        ({"skip_end": -1}, ValueError, "`skip_end` must be at least 0, got -1"),
        ({"skip_start": 1.5}, TypeError, "`skip_start` must be an integer"),
        ({"skip_end": True}, TypeError, "`skip_end` must be an integer"),
        ({"skip_start": 99}, ValueError, "must leave at least 2 of the 100 losses, got 99 and 0"),
        ({"skip_start": 60, "skip_end": 60}, ValueError, "`skip_start` and `skip_end` must leave"),
        ({"beta": 1.5}, ValueError, "`beta` must be in"),
        ({"source": "test"}, ValueError, "`source` must be one of"),
        ({"suggest": True}, TypeError, "`plot` has no argument `suggest`: pass `suggestion=`"),
        ({"suggest": None}, TypeError, "`plot` has no argument `suggest`: pass `suggestion=`"),
        ({"suggest_lr": True}, TypeError, "no argument `suggest_lr`: pass `suggestion=`"),
        ({"show_lr": 0.1}, TypeError, "no argument `show_lr`: pass `suggestion=`"),
        ({"sugestion": None}, TypeError, "`plot` has no argument `sugestion`, nor have"),
        ({"suggestion": True}, TypeError, f"{ANSWER} True"),
        ({"suggestion": 0.01}, TypeError, f"{ANSWER} 0.01"),
        ({"detail": 1}, TypeError, "`detail` must be True or False, got 1"),
        ({"detail": "yes"}, TypeError, "`detail` must be True or False, got 'yes'"),
    ],
)
def test_an_argument_that_means_nothing_is_an_error(options, error, message):
    ax = pyplot.figure().subplots()
    with pytest.raises(error, match=message):
        noisy_result().plot(ax, **options)
    assert not ax.has_data()
    with pytest.raises(error, match=message):
        noisy_result().plot(**options)
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize("draw", ["plot", "plot_betas"])
def test_an_answer_that_is_none_is_refused_by_every_picture(draw):
    with pytest.raises(TypeError, match=f"{ANSWER} True"):
        getattr(make_result(), draw)(suggestion=True)


def test_so_it_is_of_a_sweep_too_short_for_curves():
    with pytest.raises(TypeError, match=f"{ANSWER} True"):
        make_result([1.0]).plot(suggestion=True)
