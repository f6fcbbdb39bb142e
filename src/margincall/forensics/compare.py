"""Printed against folded: the proof that the fold is the venue's.

*Applied* values (wallet, cross wallet, position, accumulated PnL, isolated wallet) follow from printed fills, fees and
flows and must agree digit for digit. *Derived* values (entry, and for each fill profit and fee recomputed from price,
size and rate) must agree within 1e-8, or within what the printed digits of their inputs leave open. A value's first
print in the files is its opening: it is listed, and counts for nothing.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.account import Account
from margincall.core.contract import entry_price
from margincall.core.events import AnyEvent, Fill, Source, Statement
from margincall.core.fold import FillTerms
from margincall.core.margin import cross_wallet
from margincall.core.rounding import AMOUNT_UNIT
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.forensics.digits import last_digit
from margincall.forensics.opening import Known, Opening, about, key_of, printed_values
from margincall.forensics.rulebook import RulesAt
from margincall.venues.elsewhere import is_modelled

APPLIED = ("wallet", "cross_wallet", "position", "accumulated_pnl", "isolated_wallet")
DERIVED = ("entry", "realized", "fee")


class Comparison(Struct, frozen=True):
    """One printed value and what the fold gives. `given`: an input of the fold was solved from it, so that it proves
    nothing. `counted` leaves out those, and every first print of a value."""

    field: str
    about: str
    printed: Decimal
    folded: Decimal
    tolerance: Decimal
    given: bool
    counted: bool
    place: int
    time_ms: int
    source: Source

    @property
    def table(self) -> Literal["applied", "derived"]:
        """The table the value belongs to."""
        return "applied" if self.field in APPLIED else "derived"

    @property
    def difference(self) -> Decimal:
        """Printed − folded."""
        return self.printed - self.folded

    @property
    def agrees(self) -> bool:
        """Whether the difference lies within the tolerance (0 for applied values)."""
        return abs(self.difference) <= self.tolerance


class FillCheck(Struct, frozen=True):
    """A fill beside what the rules derive for it; `leverage` is that of its symbol, as far as known.

    `founded`: the position that it trades on is known, from a print before it or from an earlier close that agreed.
    Files that print no position may begin inside one, or tell no position side.
    """

    place: int
    fill: Fill
    terms: FillTerms
    leverage: int | None
    founded: bool = True


class Compared(Struct, frozen=True):
    """All comparisons in the order of the events, except of fills that agree digit for digit and have no update beside
    them: those are only counted (`equal`, by field), because a history may hold a million. `checks` are the other
    fills by place, `feeless` the places of fills that print no fee, `doubtful`
    (by symbol) those whose profit contradicts a position that nothing founds."""

    comparisons: tuple[Comparison, ...]
    equal: Mapping[str, int]
    checks: Mapping[int, FillCheck]
    by_place: Mapping[int, list[Comparison]]
    feeless: tuple[int, ...] = ()
    doubtful: Mapping[str, list[int]] = {}

    @property
    def fills(self) -> tuple[FillCheck, ...]:
        """The derivation of each fill that is not only counted, in order."""
        return tuple(self.checks.values())

    def at(self, place: int) -> list[Comparison]:
        """The comparisons that the event at `place` allows."""
        return self.by_place.get(place, [])


class Comparer:
    """Compares every printed value with the fold while the history is folded."""

    def __init__(self, opening: Opening, events: Sequence[AnyEvent], rules_at: RulesAt) -> None:
        """Begin with nothing compared."""
        self.opening = opening
        self.events = events
        self.rules_at = rules_at
        self.found: list[Comparison] = []
        self.equal: dict[str, int] = {}
        self.checks: dict[int, FillCheck] = {}
        self.founded = {key_of(known[1]) for known in opening.first if known[0] == "position"}

    def see(self, place: int, event: AnyEvent, before: Account, after: Account, terms: FillTerms | None) -> None:
        """Compare what one event prints."""
        if isinstance(event, Statement):
            self.found += _statement(place, event, after, self.opening, self.rules_at(event.time_ms))
        elif isinstance(event, Fill) and terms is not None:
            key = (event.symbol, event.side)
            was_founded = key in self.founded
            if not was_founded and event.realized and event.realized == terms.realized:
                self.founded.add(key)
            if self._is_plain(place, event, terms):
                for field in ("fee", "realized"):
                    self.equal[field] = self.equal.get(field, 0) + 1
                return
            leverage = before.leverage.get(event.symbol)
            self.checks[place] = FillCheck(place, event, terms, leverage, was_founded)
            self.found += _fill(place, event, terms, self.opening, self.rules_at(event.time_ms))

    def compared(self) -> Compared:
        """All that was compared."""
        by_place: dict[int, list[Comparison]] = {}
        for comparison in self.found:
            by_place.setdefault(comparison.place, []).append(comparison)
        feeless = tuple(place for place, check in self.checks.items() if check.fill.fee is None)
        doubtful: dict[str, list[int]] = {}
        for place, check in self.checks.items():
            differs = any(each.field == "realized" and not each.agrees for each in by_place.get(place, ()))
            if differs and not check.founded:
                doubtful.setdefault(check.fill.symbol, []).append(place)
        return Compared(tuple(self.found), self.equal, self.checks, by_place, feeless, doubtful)

    def _is_plain(self, place: int, fill: Fill, terms: FillTerms) -> bool:
        """Whether profit and fee are printed and agree digit for digit, and no statement follows that says more."""
        if fill.realized is None or fill.realized != terms.realized or fill.close:
            return False
        if fill.fee is None or fill.fee != terms.fee:
            return False
        following = place + 1
        if following < len(self.events) and isinstance(self.events[following], Statement):
            return False
        return (fill.symbol, fill.side) not in self.opening.unknown_entries


def _statement(
    place: int, statement: Statement, account: Account, opening: Opening, rules: VenueRules
) -> list[Comparison]:
    found = []
    for known, printed in printed_values(statement):
        folded = folded_value(known, account, rules)
        if folded is None:
            continue
        first = opening.first[known].place == place
        given = _is_given(known, place, opening)
        tolerance = AMOUNT_UNIT if known[0] == "entry" else ZERO
        if known[0] == "entry":
            tolerance = max(tolerance, opening.blurred.get(key_of(known[1]), ZERO), _entry_unit(known, rules))
        found.append(
            Comparison(
                field=known[0],
                about=known[1],
                printed=printed,
                folded=folded,
                tolerance=tolerance,
                given=given,
                counted=not first and not given,
                place=place,
                time_ms=statement.time_ms,
                source=statement.source,
            )
        )
    return found


def _is_given(known: Known, place: int, opening: Opening) -> bool:
    """Whether the opening, or a leverage that no event states, was solved from this print."""
    rests = opening.given.get(known)
    if rests is not None and rests.place == place:
        return True
    symbol = known[1].partition(" ")[0]
    implying = opening.leverage_from.get(symbol) == place and known[0] == "isolated_wallet"
    return implying or (known[0] == "cross_wallet" and place in opening.leverage_from.values())


def folded_value(known: Known, account: Account, rules: VenueRules) -> Decimal | None:
    """What the fold gives for a printed value; none for the entry of a position that the fold holds flat."""
    field, name = known
    if field == "wallet":
        return account.wallets.get(name, ZERO)
    if field == "cross_wallet":
        return cross_wallet(account, name, rules)
    position = account.position(key_of(known[1]))
    if field == "position":
        return position.quantity
    if field == "accumulated_pnl":
        return position.realized
    if field == "isolated_wallet":
        return position.isolated_wallet
    return entry_price(rules.contract(position.symbol), position.quantity, position.cost)


def _fill(place: int, fill: Fill, terms: FillTerms, opening: Opening, rules: VenueRules) -> list[Comparison]:
    """Profit and fee of a fill. Of another venue neither its fee rates are known nor how it rounds: its profit is held
    against the exact one within a unit of what it prints."""
    found = []
    key = (fill.symbol, fill.side)
    blur = opening.blurred.get(key, ZERO) * terms.closed
    charged = ZERO if fill.close == "adl" else terms.fee  # no trading fee for the deleveraged (FAQ 360033525471)
    pairs: list[tuple[str, Decimal | None, Decimal | None, Decimal]] = []
    if key not in opening.unknown_entries:
        unit = AMOUNT_UNIT if is_modelled(rules) else max(AMOUNT_UNIT, last_digit(fill.realized or ZERO))
        pairs.append(("realized", fill.realized, terms.realized, unit + blur))
    if is_modelled(rules):
        pairs.append(("fee", fill.fee, charged, AMOUNT_UNIT))
    for field, printed, derived, tolerance in pairs:
        if printed is not None and derived is not None:
            found.append(
                Comparison(
                    field=field,
                    about=f"{about(fill)} trade {fill.trade_id}",
                    printed=printed,
                    folded=derived,
                    tolerance=tolerance,
                    given=False,
                    counted=True,
                    place=place,
                    time_ms=fill.time_ms,
                    source=fill.source,
                )
            )
    return found


def _entry_unit(known: Known, rules: VenueRules) -> Decimal:
    places = rules.contract(known[1].partition(" ")[0]).entry_places
    return Decimal(1).scaleb(-places)
