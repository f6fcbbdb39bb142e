"""Words and numbers as the venue prints them: what all that is written shares."""

from decimal import Decimal
from functools import cache

from msgspec import Struct

from margincall.core.contract import Contract
from margincall.core.rounding import exact
from margincall.wire.row import Keys

Json = dict[str, object]

EIGHT_PLACES = Decimal("0E-8")
"""A sum with it has at least the eight decimals that the venue prints of amounts."""


def spelled(table: Keys, value: Struct, **other: object) -> Json:
    """The object that a table describes, in the venue's first spelling: fields of `value` under our names, `other`
    where the venue prints something else. What is none is left out."""
    found: Json = {}
    for name, key, is_field in _plan(table, type(value)):
        field = other[name] if name in other else getattr(value, name) if is_field else None
        if field is not None:
            found[key] = f"{field:f}" if type(field) is Decimal else field
    return found


@cache
def _plan(table: Keys, kind: type[Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Our names in a table, the venue's first spelling of each, and whether a value of this type has such a field."""
    fields = frozenset(kind.__struct_fields__)
    return tuple((name, spellings[0], name in fields) for name, spellings in table.names.items())


def text(number: Decimal) -> str:
    """A decimal as the venue prints it: its digits as they are, no exponent."""
    return f"{number:f}"


@exact
def amount(number: Decimal) -> str:
    """An amount as the venue prints it: with eight decimals at least."""
    return f"{number + EIGHT_PLACES:f}"


def amount_or_none(number: Decimal | None) -> str | None:
    """The same, none where nothing is printed."""
    return None if number is None else amount(number)


def id_of(name: str) -> int | str:
    """An id as the venue prints it: a JSON integer."""
    return int(name) if name.isascii() and name.isdigit() else name


def side_word(buy: bool) -> str:
    """BUY or SELL."""
    return "BUY" if buy else "SELL"


def pair_of(contract: Contract) -> str:
    """The pair that COIN-M prints beside a symbol."""
    return f"{contract.base}{contract.quote}"
