"""The rules in force at a moment: contracts of the symbols at hand, fee rates of the day, bracket tables of the day."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from msgspec import Struct, structs

from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rules import FeeRates, MissingContract, VenueRules
from margincall.venues.book import BracketBook
from margincall.venues.elsewhere import Elsewhere
from margincall.venues.elsewhere import rules as rules_elsewhere
from margincall.venues.registry import contract_of, rules_of, venue_of
from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import day_of

RulesAt = Callable[[int], VenueRules]
"""The rules in force at a time in milliseconds."""
STALE_DAYS = 31
"""A latest table older than this is assumed to be still in force, and said so."""


def age_days(table: BracketTable, time_ms: int) -> int:
    """Days from a table's date to a time."""
    return (date.fromisoformat(day_of(time_ms)) - date.fromisoformat(table.as_of)).days


class UsedTable(Struct, frozen=True):
    """The table used for a symbol, whether a table was in force that day, the next later one, and the ids of what is
    assumed about the table."""

    table: BracketTable | None
    later: BracketTable | None
    certainty: str
    assumed: tuple[str, ...] = ()


class Rulebook:
    """Rules per day for one account's symbols; a symbol that no venue lists is left out and named in `unknown`."""

    def __init__(
        self,
        symbols: Iterable[str],
        book: BracketBook,
        fees: FeeRates | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`book` holds all bracket tables known; `fees` replaces the schedule of regular users. With `elsewhere` the
        symbols are that venue's, whatever they look like: its contracts count, and no table."""
        self.fees = fees
        self.elsewhere = elsewhere
        self.contracts: dict[str, Contract] = {}
        self.unknown: list[str] = []
        for symbol in sorted(set(symbols)):
            try:
                self.contracts[symbol] = contract_of(symbol) if elsewhere is None else elsewhere.contract(symbol)
            except MissingContract:
                self.unknown.append(symbol)
        is_listed = self.contracts and elsewhere is None
        self.venue = venue_of(next(iter(self.contracts))) if is_listed else "binance_usdm"
        self.book = book
        self._by_day: dict[int, VenueRules] = {}
        self._rules_elsewhere = None if elsewhere is None else rules_elsewhere(elsewhere.contracts)

    def at(self, time_ms: int) -> VenueRules:
        """The rules in force at a time. Symbols without a table in force use the earliest later one (flagged by
        `used`)."""
        if self._rules_elsewhere is not None:
            return self._rules_elsewhere
        day = time_ms // DAY_MS
        found = self._by_day.get(day)
        if found is None:
            tables: Mapping[str, BracketTable] = {
                symbol: used.table
                for symbol in self.contracts
                if (used := self.used(symbol, time_ms)).table is not None
            }
            rules = rules_of(self.venue, self.contracts, tables, day=day_of(time_ms))
            found = self._by_day[day] = rules if self.fees is None else structs.replace(rules, fees=self.fees)
        return found

    def with_fees(self, fees: FeeRates) -> "Rulebook":
        """The same rulebook with the account's own fee rates."""
        return Rulebook(self.contracts, self.book, fees, self.elsewhere)

    def used(self, symbol: str, time_ms: int) -> UsedTable:
        """Which table serves `symbol` at a time, and how sure that is ("dated", "only_later", "none")."""
        if self.elsewhere is not None:
            return UsedTable(None, None, "none")
        selection = self.book.select(symbol, day_of(time_ms))
        table = selection.table if selection.table is not None else selection.later
        assumed = selection.assumed
        if selection.table is not None and selection.later is None and age_days(selection.table, time_ms) > STALE_DAYS:
            assumed = (*assumed, "bracket-unchanged")
        return UsedTable(table, selection.later, selection.certainty, assumed)
