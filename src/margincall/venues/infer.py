"""Bracket rows solved from what the venue printed to the user: `maintenance = notional · rate − cum`.

Prints are truncated, so each one says only that the true point lies in a small box. Two prints of one row give its
rate and cum, because both are published with few decimals: the solution is exact if only one such number fits. One
print gives the rate if cum is 0 (the first row), and otherwise the known tables that agree with it.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import Struct

from margincall.core.brackets import Bracket, BracketTable, in_force, maintenance
from margincall.core.rounding import exact, plain
from margincall.core.units import ONE, ZERO, Notional
from margincall.venues.book import BracketBook, DatedTable, Selection

PLACES = 5
"""Decimals of rates and cums: no row of the 61 published tables of 2022 to 2026 has more."""


class Range(Struct, frozen=True):
    """Every number from `low` to `high`, ends included."""

    low: Decimal
    high: Decimal

    def meets(self, other: "Range") -> "Range | None":
        """What both have in common."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Range(low, high) if low <= high else None

    def only(self, places: int = PLACES) -> Decimal | None:
        """The one number of at most so many decimals in the range; none if there is none or more than one."""
        step = ONE.scaleb(-places)
        low = (self.low / step).to_integral_value(ROUND_CEILING)
        high = (self.high / step).to_integral_value(ROUND_FLOOR)
        return plain(low * step) if low == high else None


class MarginPrint(Struct, frozen=True):
    """What the venue printed: somewhere in `notional`, the maintenance margin was somewhere in `maintenance`.

    USDⓈ-M in the quote asset, COIN-M in coin. `field` is the key it comes from, `place` where it stands, `day` the
    ISO date of the print, empty if unknown.
    """

    symbol: str
    notional: Range
    maintenance: Range
    field: str
    place: str
    day: str = ""


class Line(Struct, frozen=True):
    """A row as far as the prints determine it: `rate` and `cum` where only one published number fits the range.

    With one print `cum` is assumed to be 0, which holds for the first row only.
    """

    rate: Decimal | None
    cum: Decimal | None
    rates: Range
    cums: Range | None
    prints: tuple[MarginPrint, ...]
    known: tuple[DatedTable, ...]

    @property
    def is_solved(self) -> bool:
        """Whether two prints or more give both numbers."""
        return self.cums is not None and self.rate is not None and self.cum is not None and self.cum >= ZERO


class Match(Struct, frozen=True):
    """One print held against the book: the tables that agree with it, and the one in force on its day."""

    print: MarginPrint
    agreeing: tuple[DatedTable, ...]
    selection: Selection | None

    @property
    def contradicts(self) -> bool:
        """Whether the table in force on the day of the print gives another margin."""
        table = self.selection.table if self.selection else None
        return table is not None and not agrees(table, self.print)


class Inference(Struct, frozen=True):
    """What the prints of one symbol say about its brackets."""

    symbol: str
    matches: tuple[Match, ...]
    lines: tuple[Line, ...]


@exact
def infer(prints: Iterable[MarginPrint], book: BracketBook) -> tuple[Inference, ...]:
    """Solve the rows of each symbol and hold its prints against the known tables; by symbol."""
    by_symbol: dict[str, list[MarginPrint]] = {}
    distinct = {(each.symbol, each.day, each.notional, each.maintenance): each for each in prints}
    for each in distinct.values():
        by_symbol.setdefault(each.symbol, []).append(each)
    return tuple(
        Inference(symbol, tuple(_match(each, book) for each in found), _lines(found, book))
        for symbol, found in sorted(by_symbol.items())
    )


@exact
def agrees(table: BracketTable, printed: MarginPrint) -> bool:
    """Whether the table gives a margin that the print allows."""
    low = maintenance(table, Notional(printed.notional.low))
    high = maintenance(table, Notional(printed.notional.high))
    return Range(low, high).meets(printed.maintenance) is not None


def row_of(table: BracketTable, printed: MarginPrint) -> Bracket:
    """The row of `table` that a print falls in."""
    return in_force(table, Notional(printed.notional.low))


def _match(printed: MarginPrint, book: BracketBook) -> Match:
    agreeing = tuple(dated for dated in book.dated(printed.symbol) if agrees(dated.table, printed))
    return Match(printed, agreeing, book.select(printed.symbol, printed.day) if printed.day else None)


def _lines(prints: Sequence[MarginPrint], book: BracketBook) -> tuple[Line, ...]:
    """Split the prints, in order of notional, into the longest runs that lie on one line."""
    points = sorted(prints, key=lambda each: (each.notional.low, each.maintenance.low))
    found: list[Line] = []
    start = 0
    while start < len(points):
        line = _longest(points[start:], book)
        found.append(line)
        start += len(line.prints)
    return tuple(found)


def _longest(points: Sequence[MarginPrint], book: BracketBook) -> Line:
    """The line through the first point and as many of the next ones as fit a row that could be published."""
    rates = Range(ZERO, ONE)
    length = 1
    for point in points[1:]:
        common = rates.meets(_slope(points[0], point))
        if common is None or not _holds_a_rate(common):
            break
        rates = common
        length += 1
    return _line(points[:length], rates, book)


def _line(points: Sequence[MarginPrint], rates: Range, book: BracketBook) -> Line:
    known = _known(points, book)
    if rates == Range(ZERO, ONE):
        rates = _rates_without_cum(points[0])
        return Line(rates.only(), ZERO, rates, None, tuple(points), known)
    rate = rates.only()
    cums = None if rate is None else _cums(points, rate)
    return Line(rate, cums.only() if cums else None, rates, cums, tuple(points), known)


def _known(points: Sequence[MarginPrint], book: BracketBook) -> tuple[DatedTable, ...]:
    return tuple(dated for dated in book.dated(points[0].symbol) if all(agrees(dated.table, point) for point in points))


def _slope(first: MarginPrint, second: MarginPrint) -> Range:
    """The rates of the lines through two boxes; any rate if the boxes stand one above the other."""
    near, far = second.notional.low - first.notional.high, second.notional.high - first.notional.low
    if near <= ZERO:
        return Range(ZERO, ONE)
    low = second.maintenance.low - first.maintenance.high
    high = second.maintenance.high - first.maintenance.low
    return Range(low / (far if low > ZERO else near), high / (near if high > ZERO else far))


def _holds_a_rate(rates: Range) -> bool:
    """Whether a number of few decimals lies in the range."""
    step = ONE.scaleb(-PLACES)
    return (rates.high / step).to_integral_value(ROUND_FLOOR) * step >= rates.low


def _rates_without_cum(point: MarginPrint) -> Range:
    return Range(point.maintenance.low / point.notional.high, point.maintenance.high / point.notional.low)


def _cums(points: Sequence[MarginPrint], rate: Decimal) -> Range | None:
    """The cums with which every print lies on a line of this rate."""
    common: Range | None = None
    for point in points:
        cums = Range(
            point.notional.low * rate - point.maintenance.high, point.notional.high * rate - point.maintenance.low
        )
        common = cums if common is None else common.meets(cums)
        if common is None:
            return None
    return common
