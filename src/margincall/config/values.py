"""TOML values -> values of the types that are wanted, with every mistake instead of the first.

`msgspec.convert` stops at the first mistake and knows paths, not lines. So the walk through structs, lists and tables
is ours; what is no container goes to `msgspec.convert` one by one, and each struct once its fields are good, so that
its own `__post_init__` is asked too. What types may stand in a union is msgspec's rule (one that is written as text).
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from margincall.config.kinds import SPAN_EXPECTED, TIME_EXPECTED, Bounds, SpanMs, TimeMs, span_ms, time_ms
from margincall.config.problem import Key
from margincall.wire.numbers import DIGITS_MAX, BadNumber, decimal_of
from margincall.wire.problems import excerpt

Kind = Any
"""A type as it is annotated: a class, `list[X]`, `A | B`, `Literal`, `Annotated`, a `NewType`."""

TIMES: Mapping[Kind, tuple[Callable[[object], int], str]] = {
    TimeMs: (time_ms, TIME_EXPECTED),
    SpanMs: (span_ms, SPAN_EXPECTED),
}
"""Types that stand for a whole number and are written as something else: how they are read, what is expected."""
FIELD = re.compile(r"(?P<first>\w+)(?P<more>(?:\[\d+\]|\.\w+)*): ")
PART = re.compile(r"\[(\d+)\]|\.(\w+)")
LISTS = (list, tuple, set, frozenset, Sequence, Collection)
TABLES = (dict, Mapping)
UNIONS = (Union, UnionType)
SHOWN_MAX = 60
"""Characters of a found value that a message shows."""


class Trouble(Struct, frozen=True):
    """A mistake at a key, not yet at a line. `found` is the value, if it has one."""

    key: Key
    message: str
    found: str = ""
    hint: str = ""


class Unset(str):
    """The text of an environment variable: what it means depends on the type that is wanted."""


class Unreadable(str):
    """A TOML float whose digits no `Decimal` can hold."""


def toml_float(text: str) -> object:
    """The exact decimal of a TOML float, for `tomllib`."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return Unreadable(text)


def checked(raw: object, kind: Kind, key: Key, out: list[Trouble]) -> Any:
    """`raw` as a `kind`. What is wrong goes to `out`; then the value returned is of no use."""
    base, notes = unwrapped(kind)
    origin = origin_of(base)
    if origin in UNIONS:
        return _one_of(raw, base, key, out)
    if isinstance(raw, Unset):
        raw = _spoken(raw, base)
    before = len(out)
    if isinstance(base, type) and issubclass(base, Struct):
        return _struct(raw, base, key, out)
    if isinstance(raw, list) and (origin in LISTS or base is Any):
        kinds = _element_kinds(base, len(raw))
        raw = [checked(each, kinds[at], (*key, at), out) for at, each in enumerate(raw)]
    elif isinstance(raw, dict) and (origin in TABLES or base is Any):
        raw = _table(raw, base, key, out)
    elif base in TIMES:
        return _time(raw, base, key, out)
    elif base is Decimal:
        return _decimal(raw, kind, notes, key, out)
    elif base is float and isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        return _float(raw, kind, key, out)
    if len(out) > before:
        return None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        out.append(Trouble(key, f"expected {described(kind)}", shown(raw), _meant(raw, base)))
        return None


def origin_of(kind: Kind) -> Any:
    """`list` for `list[int]`, a plain type itself."""
    origin: Any = get_origin(kind)
    return kind if origin is None else origin


def unwrapped(kind: Kind) -> tuple[Kind, tuple[object, ...]]:
    """A type without names and notes, and the notes: `NewType("Price", Annotated[Decimal, x])` -> `(Decimal, (x,))`."""
    notes: tuple[object, ...] = ()
    while kind not in TIMES:
        if origin_of(kind) is Annotated:
            kind, *more = get_args(kind)
            notes = (*more, *notes)
        elif isinstance(kind, NewType):
            kind = kind.__supertype__
        else:
            break
    return kind, notes


# --- containers -------------------------------------------------------------------------------------------


def _struct(raw: object, base: type[Struct], key: Key, out: list[Trouble]) -> Any:
    if not isinstance(raw, dict):
        out.append(Trouble(key, f"expected {described(base)}", shown(raw)))
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(base)}
    tag = base.__struct_config__.tag_field
    before = len(out)
    meant = set()
    values: dict[str, object] = {}
    for name, value in raw.items():
        if name in fields:
            values[name] = checked(value, fields[name].type, (*key, name), out)
        elif name == tag:
            values[name] = str(value) if isinstance(value, Unset) else value
        else:
            likely = _close(name, list(fields))
            meant.add(likely)
            known = f"one of {_listed(sorted(fields))}" if fields else "no key here"
            out.append(Trouble((*key, name), f"unknown key, expected {known}", hint=likely))
    for name, field in fields.items():
        if field.required and name not in raw and name not in meant:
            out.append(Trouble((*key, name), f"missing, expected {described(field.type)}"))
    if len(out) > before:
        return None
    try:
        return msgspec.convert(values, base)
    except msgspec.ValidationError as error:
        out.append(_own_rule(error, fields, key))
        return None


def _own_rule(error: msgspec.ValidationError, fields: Collection[str], key: Key) -> Trouble:
    """What a struct's `__post_init__` said. A message that begins `field: ` or `field[2].other: ` is about that one."""
    said = str(error.__cause__ or error)
    found = FIELD.match(said)
    if found is None or found["first"] not in fields:
        return Trouble(key, said)
    more = [int(index) if index else name for index, name in PART.findall(found["more"])]
    return Trouble((*key, found["first"], *more), said[found.end() :])


def _table(raw: dict[str, object], base: Kind, key: Key, out: list[Trouble]) -> dict[object, object]:
    key_kind, value_kind = get_args(base) or (str, Any)
    found = {}
    for name, value in raw.items():
        # In TOML each key is a text; `dict[int, …]` means a text that is a number.
        called = checked(Unset(name), key_kind, (*key, name), out)
        found[called] = checked(value, value_kind, (*key, name), out)
    return found


def _element_kinds(base: Kind, length: int) -> Sequence[Kind]:
    """The type of each element of a list; that a tuple is too long or short is said later."""
    args = get_args(base) or (Any,)
    if origin_of(base) is tuple and args[-1] is not Ellipsis:
        return (*args, *[Any] * (length - len(args)))
    return (args[0],) * length


def _one_of(raw: object, base: Kind, key: Key, out: list[Trouble]) -> Any:
    """A union: of structs the one whose tag is there, else the first type that fits."""
    kinds = [each for each in get_args(base) if each is not NoneType]
    structs = [each for each in kinds if isinstance(each, type) and issubclass(each, Struct)]
    if isinstance(raw, dict) and structs:
        return _tagged(raw, structs, key, out)
    troubles: list[Trouble] = []
    for each in kinds:
        attempt: list[Trouble] = []
        value = checked(raw, each, key, attempt)
        if not attempt:
            return value
        # Mistakes inside of a list say more than that it should have been something else.
        if len(kinds) == 1 or any(len(trouble.key) > len(key) for trouble in attempt):
            out.extend(attempt)
            return None
        troubles += attempt
    hint = next((each.hint for each in troubles if each.hint), "")
    out.append(Trouble(key, f"expected {described(base)}", shown(raw), hint))
    return None


def _tagged(raw: dict[str, object], structs: Sequence[type[Struct]], key: Key, out: list[Trouble]) -> Any:
    if len(structs) == 1:
        return _struct(raw, structs[0], key, out)
    tags = {each.__struct_config__.tag: each for each in structs}
    name = structs[0].__struct_config__.tag_field
    assert name is not None, "msgspec wants tags in a union of structs"
    tag = raw.get(name)
    if isinstance(tag, str | int) and tag in tags:
        return _struct(raw, tags[tag], key, out)
    wanted = f"one of {_listed([msgspec.json.encode(each).decode() for each in tags])}"
    if name in raw:
        hint = _meant(tag, Literal[tuple(tags)])
        out.append(Trouble((*key, name), f"expected {wanted}", shown(tag), hint))
    else:
        out.append(Trouble((*key, name), f"missing, expected {wanted}"))
    return None


# --- single values ----------------------------------------------------------------------------------------


def _time(raw: object, base: Kind, key: Key, out: list[Trouble]) -> int | None:
    try:
        return TIMES[base][0](raw)
    except ValueError as error:
        out.append(Trouble(key, f"expected {error}", shown(raw)))
        return None


def _decimal(raw: object, kind: Kind, notes: Sequence[object], key: Key, out: list[Trouble]) -> Decimal | None:
    if isinstance(raw, str | int | Decimal):
        try:
            number = decimal_of(raw)
        except BadNumber:
            number = None
        if number is not None and all(each.hold(number) for each in notes if isinstance(each, Bounds)):
            return number
    out.append(Trouble(key, f"expected {described(kind)}", shown(raw)))
    return None


def _float(raw: int | Decimal, kind: Kind, key: Key, out: list[Trouble]) -> Any:
    """A binary float for a field that is no money; it must be finite."""
    try:
        found = float(raw)
        if isfinite(found):
            return msgspec.convert(found, kind)
    except (OverflowError, msgspec.ValidationError):
        pass
    out.append(Trouble(key, f"expected {described(kind)}", shown(raw)))
    return None


def _spoken(text: Unset, base: Kind) -> object:
    """What the text of a variable means where a `base` is wanted: itself where that is text, else a TOML value."""
    is_text = base in (str, Any, SpanMs) or (origin_of(base) is Literal and text in get_args(base))
    if is_text or (isinstance(base, type) and issubclass(base, Enum)):
        return str(text)
    try:
        found = tomllib.loads(f"value = {text}", parse_float=toml_float)
    except (ValueError, RecursionError):
        return str(text)
    return found["value"] if len(found) == 1 else str(text)


# --- words ------------------------------------------------------------------------------------------------


def described(kind: Kind) -> str:
    """What a type takes, to follow "expected"."""
    base, notes = unwrapped(kind)
    origin = origin_of(base)
    limits = _limits(notes)
    if origin in UNIONS:
        return " or ".join(dict.fromkeys(described(each) for each in get_args(base) if each is not NoneType))
    if choices := _choices(base):
        return f"one of {_listed([msgspec.json.encode(each).decode() for each in choices])}"
    if origin in LISTS:
        length = len(get_args(base)) if origin is tuple and get_args(base)[-1:] != (...,) else 0
        return f"a list{f' of {length}' if length else limits}"
    if origin in TABLES or (isinstance(base, type) and issubclass(base, Struct)):
        return f"a table{limits}"
    if base is Decimal:
        bounds = "".join(str(each) for each in notes if isinstance(each, Bounds))
        return f"a finite decimal number of at most {DIGITS_MAX} digits{bounds and ',' + bounds}"
    if base in TIMES:
        return TIMES[base][1]
    words = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}
    words |= {datetime: "a date with time", date: "a date", time: "a time of day"}
    return words.get(base, getattr(base, "__name__", str(base))) + limits


def _limits(notes: Sequence[object]) -> str:
    """The constraints of msgspec's `Meta` in words."""
    words = (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"), ("multiple_of", "a multiple of"))
    lengths = (("min_length", "at least"), ("max_length", "at most"))
    metas = [each for each in notes if isinstance(each, msgspec.Meta)]
    said = [f"{word} {getattr(m, name)}" for m in metas for name, word in words if getattr(m, name) is not None]
    said += [f"{word} {getattr(m, n)} long" for m in metas for n, word in lengths if getattr(m, n) is not None]
    said += [f"of the form {m.pattern}" for m in metas if m.pattern is not None]
    return f", {' and '.join(said)}" if said else ""


def shown(raw: object) -> str:
    """A found value as TOML writes it, cut; of containers only their sort."""
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, list):
        return f"a list of {len(raw)}"
    if isinstance(raw, date | time):
        return raw.isoformat()
    if isinstance(raw, int) and raw.bit_length() > 4 * DIGITS_MAX:
        return f"an integer of {raw.bit_length()} bits"
    if isinstance(raw, Decimal | Unreadable):
        text = str(raw)
    else:
        text = msgspec.json.encode(str(raw) if isinstance(raw, str) else raw).decode()
    return text if len(text) <= SHOWN_MAX else excerpt(text)[: SHOWN_MAX - 1] + "…"


def _choices(base: Kind) -> tuple[object, ...]:
    """The values that a `Literal` or an enumeration takes."""
    if origin_of(base) is Literal:
        return get_args(base)
    if isinstance(base, type) and issubclass(base, Enum):
        return tuple(each.value for each in base)
    return ()


def _meant(raw: object, base: Kind) -> str:
    """The choice that a wrong text resembles, in quotes; "" if none."""
    texts = [each for each in _choices(base) if isinstance(each, str)]
    likely = _close(raw, texts) if isinstance(raw, str) else ""
    return likely and msgspec.json.encode(likely).decode()


def _close(word: str, known: Sequence[str]) -> str:
    """The known word most like `word`, whatever the case; "" if none is."""
    by_fold = {each.casefold(): each for each in known}
    found = get_close_matches(word.casefold(), by_fold, n=1)
    return by_fold[found[0]] if found else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
