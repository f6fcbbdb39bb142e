"""What the checks of one liquidation look at, and how the account stood at any moment around it."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from margincall.core.account import Account
from margincall.core.assumptions import VERDICT_ALTERNATIVES
from margincall.core.brackets import BracketTable, in_force
from margincall.core.checks import FAILS
from margincall.core.events import AnyEvent, Fill, Flow, MarginMove, MarkPrice, Setting
from margincall.core.margin import MissingIndex, PoolTerms
from margincall.core.rounding import exact
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.forensics.doubt import BACK_CAST, is_back_cast
from margincall.forensics.explain import Case
from margincall.forensics.incidents import Incident
from margincall.forensics.markline import FRESH_MS
from margincall.forensics.moment import Moment, pool_members
from margincall.forensics.money import Money
from margincall.forensics.pools import NO_BRACKETS, pool_named, terms_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.founded import Founded
from margincall.history.public import Market
from margincall.wire.iso_time import day_of

MOVES = Fill | Flow | MarginMove | MarkPrice | Setting
"""Events that change how a pool stands."""


class View(Struct, frozen=True):
    """One liquidation with everything that its checks read."""

    history: Reconstruction
    case: Case
    market: Market
    founded: Founded

    @property
    def incident(self) -> Incident:
        """The incident."""
        return self.case.incident

    @property
    def moment(self) -> Moment:
        """The moment of its trigger."""
        assert self.case.moment is not None
        return self.case.moment

    @property
    def money(self) -> Money:
        """What it booked."""
        assert self.case.money is not None
        return self.case.money

    @property
    def tables(self) -> tuple[BracketTable, ...]:
        """Bracket tables that the venue printed to this account at a time that no file tells."""
        return self.market.tables

    @property
    def asset(self) -> str:
        """The margin asset of its symbol."""
        return self.history.book.contracts[self.incident.symbol].margin_asset

    @property
    def is_coarse(self) -> bool:
        """Whether the file of its first event stamps whole seconds."""
        return self.history.events[self.incident.first].source.file in self.history.evidence.whole_seconds

    @property
    def fills(self) -> list[Fill]:
        """Its fills, the takeovers among them."""
        return [event for place in self.incident.fills if isinstance(event := self.history.events[place], Fill)]

    @property
    def evidence(self) -> str:
        """File and line of its first event."""
        return str(self.history.events[self.incident.first].source)


@exact
def pool_after(view: View, place: int, rules: VenueRules) -> PoolTerms | None:
    """The pool of the liquidation after event `place`, at the marks of then; none without it, or where a mark is not
    fresh."""
    if view.moment.pool is None:
        return None
    name, history = view.moment.pool.name, view.history
    account = history.timeline.after(place)
    now = history.events[place].time_ms
    symbols = _symbols_in(view, account)
    for symbol in symbols:
        point = history.marks.latest(symbol, place + 1)
        if point is None or now - point.time_ms > FRESH_MS:
            return None
    try:
        return pool_named(terms_of(account, history.marks.at(symbols, place + 1), rules), name)
    except MissingIndex:
        return None


def moves_before(view: View) -> Iterator[int]:
    """Places of events before the liquidation that change how its pool stands, the last first."""
    events: Sequence[AnyEvent] = view.history.events
    for place in range(view.incident.first - 1, -1, -1):
        event = events[place]
        if isinstance(event, MOVES):
            yield place


def _symbols_in(view: View, account: Account) -> set[str]:
    """The symbols that the pool of the liquidation holds in another account: orders of the same liquidation may have
    closed some of them since."""
    held = view.moment.account.position((view.incident.symbol, view.incident.side))
    if held.margin == "isolated":
        return {held.symbol}
    return set(pool_members(account, held, view.moment.rules))


def rule_sets(view: View) -> list[VenueRules]:
    """The rules of the moment, and as they would be under each other assumption and with the next later table: what is
    irregular must be so under all of them."""
    rules = view.moment.rules
    found = [rules] + [rules.assuming(assumptions) for _, _, assumptions in VERDICT_ALTERNATIVES]
    pool = view.moment.pool
    for terms in pool.positions if pool is not None else ():
        later = view.history.book.used(terms.symbol, view.incident.time_ms).later
        if later is not None and later is not terms.table:
            found.append(rules.with_tables({terms.symbol: later}))
    return found


def with_printed(view: View) -> VenueRules | None:
    """The rules with the tables that the venue printed to this account; none if it printed none that differ."""
    pool = view.moment.pool
    if pool is None:
        return None
    printed = {table.symbol: table for table in view.tables}
    other = {
        terms.symbol: printed[terms.symbol]
        for terms in pool.positions
        if terms.symbol in printed and _rows(printed[terms.symbol]) != _rows(terms.table)
    }
    return view.moment.rules.with_tables(other) if other else None


def tables_confirmed(view: View) -> bool:
    """Whether the bracket rows used are known to have been in force: the table is of the very day, or a later one has
    the same rows. An older table alone may have been changed since."""
    pool = view.moment.pool
    if pool is None or not view.moment.brackets_known:
        return False
    day = day_of(view.incident.time_ms)
    for terms in pool.positions:
        used = view.history.book.used(terms.symbol, view.incident.time_ms)
        if used.assumed and "bracket-rows" in used.assumed:
            return False
        if terms.table.as_of == day:
            continue
        if used.later is None:
            return False
        row = in_force(used.later, terms.notional)
        if (row.rate, row.cum) != (terms.bracket.rate, terms.bracket.cum):
            return False
    return True


def wallet_proven(view: View) -> bool:
    """Whether a wallet that was cast back from a later print is proven all the same: the files begin with the account.
    It was empty before the first booking of each asset, and that is a deposit."""
    pool = view.moment.pool
    return pool is not None and all(_begins_empty(view, terms.asset) for terms in pool.assets)


def wallet_sure(view: View) -> bool:
    """Whether wallet and positions at the trigger are known."""
    return positions_sure(view) and balance_sure(view)


def balance_sure(view: View) -> bool:
    """Whether the wallet at the trigger is printed, or proven, and not in doubt. That of an isolated position changes
    by funding: it is not known without a list of bookings."""
    pool = view.moment.pool
    if any(each.verdict == FAILS for each in view.history.findings):
        return False  # files that contradict themselves found nothing
    if pool is not None and pool.kind == "isolated" and not view.history.evidence.lists_flows:
        return False
    return view.moment.wallets is None and (BACK_CAST not in view.moment.assumed or wallet_proven(view))


def positions_sure(view: View) -> bool:
    """Whether the size of every position of the pool is founded."""
    pool = view.moment.pool
    if pool is None:
        return False
    return all(view.founded.size_known(terms.position.key, view.incident.first) for terms in pool.positions)


def _begins_empty(view: View, asset: str) -> bool:
    if not is_back_cast(view.history, view.incident, asset):
        return True
    if view.history.opening.account.wallets.get(asset, ZERO) or view.history.compared.feeless:
        return False
    for event in view.history.events:
        if isinstance(event, Fill):
            return False
        if isinstance(event, Flow) and asset in event.applied:
            return event.category == "transfer" and event.applied[asset] > ZERO
    return False


def _rows(table: BracketTable) -> tuple[tuple[object, ...], ...]:
    if table is NO_BRACKETS:
        return ()
    return tuple((row.floor, row.cap, row.rate, row.cum) for row in table.rows)
