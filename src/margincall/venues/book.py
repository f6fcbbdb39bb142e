"""All bracket tables that are known, by symbol and date, and the choice of the one that was in force on a day.

Rule: the latest table dated at or before the day; the next later one is returned beside it, because the change
may have happened any time between the two dates. `docs/spec/brackets.md`, "Dates".
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from margincall.core.brackets import BracketTable

Certainty = Literal["dated", "only_later", "none"]


class DatedTable(Struct, frozen=True):
    """A table with its venue and the ids of what is assumed about it (`docs/spec/assumptions.md`)."""

    table: BracketTable
    venue: str
    assumed: tuple[str, ...] = ()


class Selection(Struct, frozen=True):
    """What is known of one symbol's brackets on one day.

    `table` is the latest dated at or before the day, `later` the next one after it. `certainty` is `dated` if there
    is a `table`, `only_later` if there are only later ones, `none` if the symbol is unknown.
    `assumed` holds the assumptions behind `table`.
    """

    table: BracketTable | None
    later: BracketTable | None
    certainty: Certainty
    assumed: tuple[str, ...] = ()


class BracketBook(Struct, frozen=True):
    """The known tables of each symbol, oldest first. Of two with the same date the last one counts."""

    tables: Mapping[str, tuple[DatedTable, ...]]

    def dated(self, symbol: str) -> tuple[DatedTable, ...]:
        """Every known table of `symbol`, oldest first; empty for an unknown symbol."""
        return self.tables.get(symbol, ())

    def select(self, symbol: str, day: str) -> Selection:
        """The table in force for `symbol` on an ISO day, and the next later one."""
        known = self.dated(symbol)
        after = bisect_right(known, day, key=_date)
        later = known[after].table if after < len(known) else None
        if not after:
            return Selection(None, later, "only_later" if later else "none")
        return Selection(known[after - 1].table, later, "dated", known[after - 1].assumed)


def book_of(tables: Iterable[DatedTable]) -> BracketBook:
    """Sort tables into a book; of equal dates the one that comes last counts."""
    by_symbol: dict[str, list[DatedTable]] = {}
    for dated in tables:
        by_symbol.setdefault(dated.table.symbol, []).append(dated)
    return BracketBook({symbol: tuple(sorted(known, key=_date)) for symbol, known in by_symbol.items()})


def combine(books: Iterable[BracketBook]) -> BracketBook:
    """One book of several; where dates are equal a later book takes precedence."""
    return book_of(dated for book in books for known in book.tables.values() for dated in known)


def _date(dated: DatedTable) -> str:
    return dated.table.as_of
