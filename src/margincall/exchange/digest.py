"""One digest for one value: the same in every process, another one for every other value.

A value is first written down as a tree of what msgpack can say, then hashed. Text, bytes, whole numbers of 64 bits,
truth values and None are themselves; everything else says what it is:

    decimal              extension 1, shortest text: 1.50, 1.5 and 15E-1 are `1.5`, −0 is `0`
    larger whole number  extension 2, two's complement, big end first
    list, tuple, set     [kind, elements …], a set in the order of its elements' bytes
    dict                 [kind, key, value, …], in the order of the keys' bytes
    ordered dict         [kind, key, value, …], in its own order, which means something there
    Struct               [kind, "Name", field, value, …], by name, without fields at their default
    enum                 [kind, "Name", the member's name]
    class `canonical()`  [kind, "Name", what it returns]

A type is part of the value: `1`, `True`, `"1"` and `Decimal(1)` are four values, and so are `[]`, `()` and `{}`. The
module of a class is not, so that a class may move and old journals still agree with it. For their sake, too, a field at
its default is left out: a Struct may get another field, if its default means what was the case before. A default that
once was hashed never changes.
"""

import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from enum import Enum
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from msgspec import NODEFAULT, Raw, Struct, structs
from msgspec.msgpack import Encoder, Ext

DECIMAL_CODE = 1
WHOLE_CODE = 2

LIST, TUPLE, SET, DICT, ORDERED_DICT, STRUCT, ENUM, OBJECT = range(8)
"""The kinds at the head of a branch, and the codes of extensions: numbers that never change."""
LOWEST, HIGHEST = -(1 << 63), (1 << 64) - 1
"""The whole numbers that msgpack knows."""

# As wide as decimals get: shortening a number may never round it, and its text may not follow the caller's context.
_UNBOUNDED = Context(MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX, capitals=1, traps=[Inexact, InvalidOperation])
_encode = Encoder().encode
_DIGITS = frozenset("123456789")

Write = Callable[[Any], object]
"""From a value of one type to its tree."""


def digest(value: object) -> str:
    """SHA-256 of `canonical(value)`, 64 hexadecimal digits. Raises what `canonical` raises."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: object) -> bytes:
    """The value as msgpack, in the only way there is.

    Raises `TypeError` for a type that is not listed above (a float decides nothing here), and `ValueError` for a
    decimal that is no finite number.
    """
    return _encode(_tree(value))


def _tree(value: object) -> object:
    kind = type(value)
    if kind in _THEMSELVES:
        return value
    write = _WRITERS.get(kind)
    if write is None:
        write = _WRITERS[kind] = _by_class(kind)
    return write(value)


def _whole(value: int) -> object:
    if LOWEST <= value <= HIGHEST:
        return value
    return Ext(WHOLE_CODE, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _decimal(value: Decimal) -> Ext:
    if not value.is_finite():
        raise ValueError(f"{value} has no digest: it is no finite number")
    text = str(value)
    if text[-1] not in _DIGITS or "E" in text or "e" in text:
        text = _UNBOUNDED.to_sci_string(_UNBOUNDED.normalize(value)) if value else "0"
    return Ext(DECIMAL_CODE, text.encode())


def _list(value: list[object]) -> object:
    return [LIST, *map(_tree, value)]


def _tuple(value: tuple[object, ...]) -> object:
    return [TUPLE, *map(_tree, value)]


def _set(value: Collection[object]) -> object:
    return [SET, *map(Raw, sorted(map(canonical, value)))]


def _dict(value: Mapping[object, object]) -> object:
    tree: list[object] = [DICT]
    for key, each in sorted(((canonical(key), each) for key, each in value.items()), key=_first):
        tree += (Raw(key), _tree(each))
    return tree


def _first(pair: tuple[bytes, object]) -> bytes:
    return pair[0]


def _ordered_dict(value: Mapping[object, object]) -> object:
    tree: list[object] = [ORDERED_DICT]
    for key, each in value.items():
        tree += (_tree(key), _tree(each))
    return tree


def _by_class(kind: type) -> Write:
    """How to write the instances of a class of ours; `canonical()` comes first, since who offers it means it."""
    name = kind.__qualname__
    if callable(getattr(kind, "canonical", None)):
        return lambda value: [OBJECT, name, _tree(value.canonical())]
    if issubclass(kind, Struct):
        return _struct_writer(name, kind)
    if issubclass(kind, Enum):
        return lambda value: [ENUM, name, value.name]
    raise TypeError(f"a {name} has no digest: offer canonical(), or use one of the types that have one")


def _struct_writer(name: str, kind: type[Struct]) -> Write:
    fields = sorted(structs.fields(kind), key=_name)
    names, defaults = [each.name for each in fields], [_default(each) for each in fields]
    values = attrgetter(*names) if len(names) > 1 else lambda value: [getattr(value, each) for each in names]

    def write(value: Struct) -> object:
        tree: list[object] = [STRUCT, name]
        for field, default, each in zip(names, defaults, values(value)):  # noqa: B905 - of one length, and hot
            if each is default:
                continue
            kind = type(each)
            if kind is str:
                if each != default:
                    tree += field, each
            elif kind is not type(default) or each != default or not _is_same(each, default):
                tree += field, each if kind in _THEMSELVES else _tree(each)
        return tree

    return write


def _default(field: structs.FieldInfo) -> object:
    """The value of a field that nobody gives; of one that must be given `NODEFAULT`, which is no value."""
    return field.default_factory() if field.default_factory is not NODEFAULT else field.default


def _is_same(value: object, default: object) -> bool:
    """Whether a digest takes two equal values for the same: it tells `[1]` from `[True]`."""
    return type(value) in _PLAIN or canonical(value) == canonical(default)


def _name(field: structs.FieldInfo) -> str:
    return field.name


_PLAIN = frozenset({str, bytes, bool, int, Decimal})
"""Types of which equal values have equal digests."""
_THEMSELVES = frozenset({str, bytes, bool, type(None)})
_WRITERS: dict[type, Write] = {
    int: _whole,
    Decimal: _decimal,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    dict: _dict,
    defaultdict: _dict,
    MappingProxyType: _dict,
    OrderedDict: _ordered_dict,
}
