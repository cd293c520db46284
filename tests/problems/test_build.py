"""How the function that makes a problem is called, and known again."""

from functools import partial

import makers
import pytest

from lrfind.problems.build import call_build, check_build, fingerprint


def make(width):
    def build():
        return width

    return build


def test_the_seed_is_given_to_those_that_ask_for_it():
    assert call_build(lambda seed, a: (seed, a), 3, {"a": 1}) == (3, 1)
    assert call_build(lambda a: a, 3, {"a": 1}) == 1
    assert call_build(lambda **rest: rest, 3, {"a": 1}) == {"a": 1}


def test_a_call_that_cannot_be_is_refused():
    check_build(lambda seed, a=1: None, {})
    with pytest.raises(TypeError, match=r"`grid` \(b\): got an unexpected keyword argument 'b'"):
        check_build(lambda a=1: None, {"b": 1})
    with pytest.raises(TypeError, match=r"`grid` \(nothing\): missing a required argument: 'a'"):
        check_build(lambda a: None, {})


def test_the_same_function_is_known_again():
    assert fingerprint(makers.regression) == fingerprint(makers.regression)
    assert fingerprint(make(1)) == fingerprint(make(1))
    assert fingerprint(partial(makers.regression, 3)) == fingerprint(partial(makers.regression, 3))
    assert fingerprint(makers.regression).startswith("regression ")


def test_another_function_closure_or_argument_is_another():
    known = [makers.regression, makers.as_problem, make(1), make(2)]
    known += [partial(makers.regression, 3), partial(makers.regression, 4), partial(make(1))]
    assert len({fingerprint(each) for each in known}) == len(known)


def module_of(text):
    """The function `build` of a text, with its source to be found."""
    import linecache

    name = f"<{hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {}
    exec(compile(text, name, "exec"), space)
    return space["build"]


def test_comments_and_layout_do_not_count_and_a_changed_number_does():
    plain = module_of("def build():\n    return 1\n")
    assert fingerprint(module_of("def build():  # why\n\n    return (1)\n")) == fingerprint(plain)
    assert fingerprint(module_of("def build():\n    return 2\n")) != fingerprint(plain)
    assert fingerprint(module_of("def build(a=2):\n    return 1\n")) != fingerprint(plain)


def test_a_function_whose_source_is_lost_is_known_by_its_code():
    def typed(text):
        space = {}
        exec(text, space)
        return space["build"]

    one, same, two = (typed(f"def build():\n    return {n}") for n in (1, 1, 2))
    assert fingerprint(one) == fingerprint(same) != fingerprint(two)
