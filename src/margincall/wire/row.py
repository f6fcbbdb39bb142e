"""One JSON object of the venue, read by our names.

A `Keys` table says under which names the venue prints a thing (one-letter key of the stream, long name of a client
library, key of an API answer) and which documented keys are of no use here. A `Row` is an object translated by such
a table; its methods give typed values or raise `BadRow`, which names the key as the file has it. What is odd but
does not stop the reading goes to `Notes`. Table and row know nothing of events.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar, cast

from msgspec import Struct, json, structs

from margincall.core.account import MarginType, PositionSide
from margincall.core.contract import Contract
from margincall.core.events import Source
from margincall.core.rules import MissingContract
from margincall.core.units import ZERO
from margincall.venues.registry import contract_of
from margincall.wire.kinds import Kind, Unmodelled, unmodelled
from margincall.wire.numbers import AMOUNT_DIGITS, BadNumber, decimal_of, is_plausible
from margincall.wire.problems import Problem, excerpt

T = TypeVar("T")

MARGIN_TYPES: Mapping[str, MarginType] = {
    "CROSS": "cross",
    "CROSSED": "cross",
    "ISOLATED": "isolated",
    "TRUE": "isolated",
    "FALSE": "cross",
}
"""The venue's spellings in upper case; `isolated: true` stands in account answers."""
SIDES = frozenset({"BOTH", "LONG", "SHORT"})
BOUGHT: Mapping[str, bool] = {"BUY": True, "SELL": False}
FLAGS: Mapping[str, bool] = {"TRUE": True, "FALSE": False}

TIME_MIN, TIME_MAX = 1_000_000_000_000, 9_999_999_999_999
"""2001 to 2286 in milliseconds: a time in seconds or microseconds is outside."""

ASSET = re.compile(r"[A-Z0-9]{1,20}")
SECRETS = re.compile(
    r"""(?i)(["']?(?:listen_?key|api_?key|x-mbx-apikey|secret(?:_?key)?|signature)["']?\s*[:=]\s*["']?)[^"'&,\s}]+"""
)
"""A secret and the name before it; the name stays."""
RAW_BYTES = 2_000
"""What of a raw text is looked at; a problem shows less."""


class BadRow(ValueError):
    """An object that cannot become an event; the message names the key and says why."""


class Keys(Struct, frozen=True, eq=False):
    """How the venue spells an object. `names`: our name -> its spellings, the stream's one-letter key first;
    `unused`: documented keys that are not read. `label` is what messages call the object. A table equals itself alone,
    so that plans can be kept by it."""

    label: str
    names: Mapping[str, tuple[str, ...]]
    unused: frozenset[str] = frozenset()
    by_key: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        """Keep the reverse table, by which objects are translated."""
        reverse = {key: name for name, keys in self.names.items() for key in keys}
        structs.force_setattr(self, "by_key", reverse)

    def spelled(self, name: str) -> str:
        """The spellings of our `name`, for a message."""
        return " or ".join(f"`{key}`" for key in self.names[name])


class Notes:
    """Collects, for one element of a file, what was odd about it, and the contracts that it describes. `source` is the
    element's place, `raw` its text."""

    def __init__(self, source: Source, raw: object = "") -> None:
        """Begin with nothing found."""
        self.source = source
        self.raw = raw
        self.problems: list[Problem] = []
        self.unmodelled: list[Unmodelled] = []
        self.contracts: list[Contract] = []

    def problem(self, message: str, kind: str = "unreadable", raw: object = None) -> None:
        """Report something about this element; `raw` narrows the text that is shown."""
        text = readable(self.raw if raw is None else raw)
        self.problems.append(Problem(self.source.file, place_of(self.source), message, text, kind))

    def refuse(self, kind: Kind, seen: str, symbol: str = "") -> None:
        """Report a mark of an account kind that is not modelled."""
        self.unmodelled.append(unmodelled(kind, seen, self.source, symbol))


class Row:
    """An object of the venue under our names. A key that is absent, null or blank counts as not printed."""

    def __init__(self, raw: object, keys: Keys, notes: Notes) -> None:
        """Translate `raw`; raises `BadRow` if it is no object, and notes keys that nobody documented."""
        if not isinstance(raw, dict):
            raise BadRow(f"{keys.label}: expected an object, found {excerpt(raw)!r}")
        self.keys = keys
        self.values: dict[str, object] = {}
        for key, value in raw.items():
            name = keys.by_key.get(key)
            if name is not None:
                if value is not None and value != "":
                    self.values[name] = value
            elif key not in keys.unused:
                notes.problem(
                    f"{keys.label}: key `{key}` is not known and was not read", "unknown-key", f"{key}: {value}"
                )

    def __contains__(self, name: str) -> bool:
        """Whether the venue printed it."""
        return name in self.values

    def value(self, name: str) -> object:
        """What was printed; raises `BadRow` if nothing was."""
        try:
            return self.values[name]
        except KeyError:
            raise BadRow(f"{self.keys.label}: {self.keys.spelled(name)} is missing") from None

    def bad(self, name: str, why: str) -> BadRow:
        """The error that the value under `name` is wrong."""
        return BadRow(f"{self.keys.label}: {self.keys.spelled(name)}: {why}")

    def text(self, name: str, default: str | None = None) -> str:
        """A word or an identifier; numbers are taken as text."""
        value = self.values.get(name, default) if default is not None else self.value(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.bad(name, f"expected text, found {excerpt(value)!r}")
        return str(value)

    def decimal(self, name: str) -> Decimal:
        """A number, exactly as printed."""
        value = self.value(name)
        try:
            number = decimal_of(cast(str, value))
        except BadNumber as error:
            raise self.bad(name, str(error)) from None
        if not is_plausible(number):
            raise self.bad(name, f"{excerpt(str(value))!r} has more than {AMOUNT_DIGITS} digits: no amount of a venue")
        return number

    def decimal_or_none(self, name: str) -> Decimal | None:
        """A number, none if not printed."""
        return self.decimal(name) if name in self.values else None

    def nonzero(self, name: str) -> Decimal | None:
        """A number for which the venue prints 0 where there is none (stop price, average price)."""
        return self.decimal_or_none(name) or None

    def price(self, name: str) -> Decimal:
        """A number above 0."""
        number = self.decimal(name)
        if number <= ZERO:
            raise self.bad(name, f"a price of {number}")
        return number

    def integer(self, name: str) -> int:
        """A whole number."""
        number = self.decimal(name)
        if number != number.to_integral_value():
            raise self.bad(name, f"{number} is no whole number")
        return int(number)

    def integer_or_none(self, name: str) -> int | None:
        """A whole number, none if not printed."""
        return self.integer(name) if name in self.values else None

    def time(self, *names: str) -> int:
        """Milliseconds since 1970: the first of `names` that is printed and not 0."""
        name = next((each for each in names if str(self.values.get(each, 0)) != "0"), names[0])
        number = self.integer(name)
        if not TIME_MIN <= number <= TIME_MAX:
            raise self.bad(name, f"{number} is no time in milliseconds")
        return number

    def time_or_zero(self, name: str) -> int:
        """As `time`, 0 where nothing or 0 is printed (a row that never changed)."""
        return self.time(name) if self.nonzero(name) else 0

    def chosen(self, name: str, table: Mapping[str, T]) -> T:
        """The value of a word in a closed table, whatever its case."""
        word = str(self.value(name)).upper()
        if word not in table:
            raise self.bad(name, f"{excerpt(word)!r} is none of {', '.join(table)}")
        return table[word]

    def flag(self, name: str) -> bool:
        """True or false, also as text; false if not printed."""
        return name in self.values and self.chosen(name, FLAGS)

    def side(self) -> PositionSide:
        """The position side; BOTH where none is printed (one-way mode, older answers)."""
        side = self.text("side", "BOTH")
        if side not in SIDES:
            raise self.bad("side", f"{excerpt(side)!r} is none of BOTH, LONG, SHORT")
        return cast(PositionSide, side)


def symbol_of(row: Row, name: str = "symbol") -> str:
    """A symbol whose contract the venues' rules can name."""
    symbol = row.text(name)
    if not is_listed(symbol):
        raise row.bad(name, f"{excerpt(symbol)!r} is no symbol of USDⓈ-M or COIN-M futures")
    return symbol


def asset_of(row: Row, name: str = "asset") -> str:
    """An asset: capital letters and digits."""
    asset = row.text(name)
    if not ASSET.fullmatch(asset):
        raise row.bad(name, f"{excerpt(asset)!r} is no asset")
    return asset


@lru_cache(maxsize=4096)
def is_listed(symbol: str) -> bool:
    """Whether a symbol has the form of a contract of one of the venues."""
    try:
        contract_of(symbol)
    except MissingContract:
        return False
    return True


def each(values: object, read: Callable[[object], T], notes: Notes) -> list[T]:
    """`read` of every value of a list; one that cannot be read is noted and left out."""
    found = []
    for number, value in enumerate(list_of(values)):
        try:
            found.append(read(value))
        except BadRow as error:
            notes.problem(f"[{number}] {error}", raw=value)
    return found


def list_of(values: object) -> Iterable[object]:
    """The items of a list; raises `BadRow` if it is none."""
    if not isinstance(values, list):
        raise BadRow(f"expected a list, found {excerpt(values)!r}")
    return values


def place_of(source: Source) -> str:
    """Where in its file a source is, in words; "" for the file as a whole."""
    if source.line is not None:
        return f"line {source.line}"
    return "" if source.byte is None else f"byte {source.byte}"


def readable(raw: object) -> str:
    """Raw text as a problem shows it: one line, cut, without secrets."""
    if isinstance(raw, dict | list):
        raw = json.encode(raw)
    text = raw[:RAW_BYTES].decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)[:RAW_BYTES]
    return excerpt(SECRETS.sub(r"\1…", text))
