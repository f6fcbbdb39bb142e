"""A state as text: two states with the same text are the same state."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from msgspec import Struct

from margincall.exchange.book import Book


def fingerprint(value: object) -> str:
    """The whole of a value, as text in one order; derived things (`canonical()`) say what they are."""
    match value:
        case Book():
            return f"Book({fingerprint([*value.orders('BUY'), *value.orders('SELL')])})"
        case Struct():
            fields = ",".join(f"{name}={fingerprint(getattr(value, name))}" for name in value.__struct_fields__)
            return f"{type(value).__name__}({fields})"
        case Mapping():
            rows = sorted((fingerprint(key), fingerprint(each)) for key, each in value.items())
            return "{" + ",".join(f"{key}:{each}" for key, each in rows) + "}"
        case list() | tuple():
            return "[" + ",".join(map(fingerprint, value)) + "]"
        case set() | frozenset():
            return "{" + ",".join(sorted(map(fingerprint, value))) + "}"
        case Decimal():
            return str(value.normalize()) if value else "0"
        case Enum():
            return value.name
        case str() | int() | None:
            return repr(value)
    return f"{type(value).__name__}({fingerprint(value.canonical())})"  # type: ignore[attr-defined]
