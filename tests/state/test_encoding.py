"""Values come back from their form as they were, also through a file that holds no code."""

import io
import math
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrfind.state.encoding import Decoder, Encoder
from lrfind.state.known import Known
from lrfind.support.errors import NotPortableError

ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.complex_numbers() | st.sampled_from([torch.float16, torch.device("cpu"), torch.int8])
)  # fmt: skip
HASHABLE = st.recursive(
    st.integers() | st.text() | st.binary(), lambda each: st.tuples(each, each), max_leaves=4
)
VALUES = st.recursive(
    ATOMS,
    lambda each: (
        st.lists(each) | st.tuples(each, each) | st.dictionaries(HASHABLE, each)
        | st.sets(HASHABLE) | st.frozensets(HASHABLE)
    ),
    max_leaves=20,
)  # fmt: skip


def through_a_file(value, here=(), there=()):
    file = io.BytesIO()
    torch.save(Encoder(Known(here))(value), file)
    file.seek(0)
    return Decoder(Known(there))(torch.load(file, weights_only=True))


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        one, other = one.values(), other.values()
    if isinstance(one, set | frozenset):
        assert one == other
    elif isinstance(one, list | tuple | deque) or hasattr(one, "mapping"):
        assert len(one) == len(other)
        for each, its in zip(one, other, strict=True):
            assert_same(each, its)
    elif isinstance(one, complex):
        assert_same(one.real, other.real)
        assert_same(one.imag, other.imag)
    elif isinstance(one, float):
        assert one.hex() == other.hex()  # also of zero the sign
    else:
        assert one == other


@given(VALUES)
def test_plain_values_come_back_as_they_were(value):
    assert_same(through_a_file(value), value)


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3), np.array([1 + 2j, math.nan]), np.zeros((0, 2), np.int8),
        np.array(["a", "bc"]), np.datetime64("2026-01-01"), np.float32(1.5), np.array(3),
    ],
)  # fmt: skip
def test_arrays_come_back_bit_for_bit(value):
    made = through_a_file(value)
    assert type(made) is type(value)
    assert made.dtype == value.dtype
    assert made.shape == value.shape
    assert made.tobytes() == value.tobytes()


@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(b=1, a=2), Counter("aab"), defaultdict(list, a=[1]), defaultdict(None, a=1),
        deque([1, 2], maxlen=2), bytearray(b"abc"), torch.Size([1, 2]),
    ],
)  # fmt: skip
def test_other_containers_come_back_with_their_kind(value):
    made = through_a_file(value)
    assert type(made) is type(value)
    assert made == value
    for name in ("default_factory", "maxlen"):
        assert getattr(made, name, None) == getattr(value, name, None)


def test_tensors_come_back_with_their_gradient_and_what_they_share():
    weight = torch.nn.Parameter(torch.randn(2, 3))
    weight.grad = torch.randn(2, 3)
    flat = torch.arange(4.0)
    sparse = torch.eye(2).to_sparse()
    frozen = torch.ones(1, dtype=torch.bfloat16)
    made = through_a_file([weight, flat, flat[1:3], sparse, frozen, flat.view(2, 2).T])
    assert type(made[0]) is torch.nn.Parameter
    assert torch.equal(made[0], weight)
    assert torch.equal(made[0].grad, weight.grad)
    assert [each.requires_grad for each in made] == [True] + [False] * 5
    assert made[3].is_sparse
    assert made[4].dtype == torch.bfloat16
    assert torch.equal(made[5], flat.view(2, 2).T)
    made[1][1] = 9
    assert made[2][0] == 9


def test_what_is_one_object_stays_one_also_in_a_circle():
    shared = [1]
    circle = {"shared": shared, "again": (shared, shared)}
    circle["self"] = circle
    made = through_a_file(circle)
    assert made["self"] is made
    assert made["again"][0] is made["again"][1] is made["shared"]


def test_what_is_known_is_referred_to():
    here, there = [print, object()], [len, object()]
    made = through_a_file({"f": here[0], "o": (here[1], [here[1]]), "id": id(here[1])}, here, there)
    assert made["id"] == id(there[1])
    assert made["f"] is len
    assert made["o"][0] is made["o"][1][0] is there[1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (print, "new builtin_function_or_method"),
        ({"cache": object()}, "`cache` holds a new object"),
        ({"sizes": {object()}}, "`sizes` holds a set of object objects"),
        (np.array([object()]), "new numpy.ndarray"),
        (defaultdict(object), "a defaultdict of"),
        (torch.ones(1, requires_grad=True) * 2, "still has its graph"),
    ],
)
def test_what_has_no_form_is_refused_by_its_name(value, message):
    with pytest.raises(NotPortableError, match=message):
        Encoder(Known([]))(value)


def test_a_new_tensor_in_the_memory_of_a_known_one_is_refused():
    weight = torch.ones(4)
    with pytest.raises(NotPortableError, match="in the memory of another"):
        Encoder(Known([weight]))({"view": weight[1:]})


@pytest.mark.parametrize(
    "data",
    [
        ("known", 0), ("known", -1), ("again", 0), ("what", ()), (), ("new", 0, ("system", "ls")),
        ("tuple",), ("new", 0, ("defaultdict", (), "eval")), ("bytes", 3), ("scalar", "O", 3),
        ("new", 0, ("ndarray", "O", (1,), torch.zeros(8, dtype=torch.uint8))), object(),
    ],
)  # fmt: skip
def test_other_data_are_refused(data):
    with pytest.raises((ValueError, TypeError, LookupError, AttributeError)):
        Decoder(Known([]))(data)
