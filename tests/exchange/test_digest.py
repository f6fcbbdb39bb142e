"""The same value gives the same bytes, everywhere; another value gives others."""

import os
import subprocess
import sys
from collections import OrderedDict
from decimal import Decimal, localcontext
from enum import Enum
from itertools import combinations
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from margincall.exchange.digest import canonical, digest
from tests.sources import ROOT


class Order(Struct, frozen=True):
    id: int
    price: Decimal


class Stop(Struct, frozen=True):
    id: int
    price: Decimal


class Colour(Enum):
    RED = 1
    BLUE = 2


class Shelf:
    """A class of ours that says what it is."""

    def __init__(self, *books: str) -> None:
        self.books = books

    def canonical(self) -> object:
        return self.books


class Counted(Struct):
    """A Struct that leaves out what it only remembers."""

    total: int
    asked: int = 0

    def canonical(self) -> int:
        return self.total


SAMPLE = {
    "orders": {7: Order(7, Decimal("1.50")), -3: Order(3, Decimal("1e30"))},
    "by pair": {("b", "a"): [1, "1", b"1", True, None], ("a", "b"): (2**200, -(2**200))},
    "names": {"z", "ä", "a", "zz"},
    "shelf": Shelf("x", "y"),
    "colour": Colour.RED,
    "queue": OrderedDict([("b", 1), ("a", 2)]),
}


def test_golden() -> None:
    """Journals hold hashes: what the bytes are may never change."""
    assert digest(SAMPLE) == "4105b6b281ebb264c8925409b548afe9ef54761ccedddf87dcd730a4800ee8a8"
    assert canonical({"b": Decimal("-1.50"), "a": [1, (True, None)]}).hex() == "9503a1619300019301c3c0a162d6012d312e35"


def elsewhere(hash_seed: str) -> str:
    """The sample's digest from a process with this hash seed."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.exchange.test_digest import *; print(digest(SAMPLE))"],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "src"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_same_in_every_process() -> None:
    assert {elsewhere("0"), elsewhere("1"), elsewhere("4242")} == {digest(SAMPLE)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: "x", "1": "y", ("1",): "z"}, {("1",): "z", "1": "y", 1: "x"}),
        ({"a": 1}, MappingProxyType({"a": 1})),
        ({3, 1, 2}, frozenset({2, 3, 1})),
        (Decimal("1.50"), Decimal("15E-1")),
        (Decimal("1.5"), Decimal("1.5000000000")),
        (Decimal("100"), Decimal("1E+2")),
        (Decimal("-0.00"), Decimal("0E+9")),
        (Order(1, Decimal("2.0")), Order(1, Decimal(2))),
        (Counted(5, asked=1), Counted(5, asked=2)),
        (Shelf("a"), Shelf("a")),
    ],
)
def test_one_value_one_digest(one: object, other: object) -> None:
    assert canonical(one) == canonical(other)


DIFFERENT: list[object] = [
    None, False, True, 0, 1, -1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1, 2**5_000, -(2**5_000),
    "", "0", "1", "1.5", "None", "a", "ab", b"", b"1", b"\x01", Decimal(0), Decimal(1), Decimal("1.5"), Decimal("-1.5"),
    Decimal("1.50000000000000000000000000000000000000000000000000000000000000000001"), Decimal("1E+999999"), [0, 0],
    [], (), set(), {}, OrderedDict(), [[]], [()], ([],), [None], [0], (0,), {0}, [[0], 1], [[0, 1]], [0, [1]], [3],
    ["a", "b"], ["ab"], ["ba"], {"a": "b"}, {"b": "a"}, {"a": None}, {"a": {}}, {1: "a"}, {"1": "a"}, {("1",): "a"},
    {(1,): "a"}, {("a", "b"): 1}, {("ab",): 1}, OrderedDict(a=1, b=2), OrderedDict(b=2, a=1), {"a": 1, "b": 2},
    Order(1, Decimal(2)), Stop(1, Decimal(2)), (1, Decimal(2)), [1, Decimal(2)], {"id": 1, "price": Decimal(2)},
    Order(2, Decimal(1)), Shelf(), Shelf("a"), Shelf("a", "b"), ("a",), Colour.RED, Colour.BLUE, "RED", Counted(1),
]  # fmt: skip


def test_a_struct_may_get_another_field() -> None:
    """Its default is as if it were not there; everything else is seen, and what merely equals the default."""

    def order(**more: object) -> object:
        fields = [("price", Decimal), ("id", int), *((name, type(value), value) for name, value in more.items())]
        return msgspec.defstruct("Order", fields)(id=1, price=Decimal(2))

    first = digest(Order(1, Decimal(2)))
    assert digest(order()) == digest(order(fee=Decimal(0), parts=(1,), names=[], note="")) == first
    later = order(fee=Decimal(0), parts=(1,), on=False)
    others = {"fee": Decimal(1), "parts": (True,), "on": 0}
    assert len({first, *(digest(msgspec.structs.replace(later, **{name: others[name]})) for name in others)}) == 4
    assert digest(msgspec.structs.replace(later, fee=Decimal("-0.00"))) == first


def test_other_values_other_bytes() -> None:
    """2,000 pairs that are easily taken for each other."""
    pairs = list(combinations(DIFFERENT, 2))
    assert len(pairs) > 2_000
    assert [pair for pair in pairs if canonical(pair[0]) == canonical(pair[1])] == []


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.binary(max_size=3),
    st.decimals(allow_nan=False, allow_infinity=False, places=2), st.sampled_from(Colour),
)  # fmt: skip
KEYS = st.one_of(st.text(max_size=2), st.integers(-3, 3), st.tuples(st.text(max_size=1), st.text(max_size=1)))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(KEYS, inner, max_size=3), st.sets(KEYS)
    ),
    max_leaves=8,
)


def typed(value: object) -> object:
    """The value in a form in which Python's own `==` tells types apart, written without the code under test."""
    name = type(value).__name__
    if isinstance(value, dict):
        return name, frozenset((typed(key), typed(each)) for key, each in value.items())
    if isinstance(value, set):
        return name, frozenset(map(typed, value))
    if isinstance(value, list | tuple):
        return name, tuple(map(typed, value))
    return name, value


@given(VALUES, VALUES)
def test_bytes_are_equal_where_values_are(one: object, other: object) -> None:
    assert (canonical(one) == canonical(other)) == (typed(one) == typed(other))


@given(st.dictionaries(KEYS, LEAVES), st.randoms(use_true_random=False))
def test_the_order_of_a_dict_is_nothing(value: dict[object, object], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert canonical(dict(items)) == canonical(value)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 60))
def test_zeros_at_the_end_of_a_decimal_are_nothing(value: Decimal, zeros: int) -> None:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    longer = Decimal((sign, (*digits, *([0] * zeros)), exponent - zeros))
    assert canonical(longer) == canonical(value)


def test_the_callers_decimal_context_is_nothing() -> None:
    value = Decimal("1234567.8901234567890E+50")
    plain = canonical(value)
    with localcontext() as context:
        context.prec, context.capitals, context.Emax = 3, 0, 5
        assert canonical(value) == plain


@given(VALUES)
def test_it_is_msgpack(value: object) -> None:
    """Any reader of MessagePack can take a digest's bytes apart."""
    msgspec.msgpack.decode(canonical(value))


class Plain:
    """A class that says nothing."""


@pytest.mark.parametrize("value", [1.5, {"a": [0.0]}, Plain(), object, 1j, range(3), bytearray(b"1")])
def test_what_has_no_digest(value: object) -> None:
    with pytest.raises(TypeError, match="no digest"):
        digest(value)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_decimal_that_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="no digest"):
        digest([Decimal(text)])
