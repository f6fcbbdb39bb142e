"""Why: the change of a pool's surplus from the last safe event to the trigger, split so that the parts sum exactly.

The account walks from one state to the other in single steps: one mark, one index, one event, one bracket table at a
time. Each step's change of (balance − maintenance) is a term; a telescoping sum leaves nothing over. What maintenance
exceeds the lines of the bracket rows that were in force after the last event, because prices led into other rows, is
split off as "bracket change": it does not depend on how often prices were recorded.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core import brackets
from margincall.core.account import Account, Marks, PositionKey
from margincall.core.events import AnyEvent, Category, Fill, Flow, MarginMove, Setting, Statement
from margincall.core.fold import fold
from margincall.core.margin import MissingIndex, PoolTerms, PositionTerms, requirement_rate
from margincall.core.rounding import exact, plain
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.forensics.pools import is_known, pool_named, terms_of
from margincall.forensics.reconstruct import Reconstruction

BRACKET_CHANGE = "bracket change"
MARGIN_MOVED = "margin moved"
FLOW_TERMS: Mapping[Category, str] = {
    "transfer": "transfers",
    "funding": "funding",
    "commission": "fees",
    "insurance_clear": "fees",
    "position_limit_fee": "fees",
    "realized_pnl": "realised",
}
SEARCH_LIMIT = 2000
"""So many events are searched backwards for a safe one."""


class CauseTerm(Struct, frozen=True):
    """One part: positive amounts helped, negative ones led to the trigger."""

    term: str
    amount: Decimal


class Cause(Struct, frozen=True):
    """`surplus_before + Σ terms = surplus_at_trigger`, in the pool's currency. `since` says what the safe event was."""

    since_ms: int
    since: str
    surplus_before: Decimal
    surplus_at_trigger: Decimal
    terms: tuple[CauseTerm, ...]


@exact
def find_cause(history: Reconstruction, trigger: int, pool: str, at_trigger: Marks) -> Cause | None:
    """Split the way from the last safe event before event `trigger`; none if no safe moment with known prices is
    found."""
    safe = _last_safe(history, trigger, pool)
    if safe is None:
        return None
    begin = _told(history, safe, trigger) + 1
    walk = _Walk(history, begin, pool)
    start = walk.start()
    try:
        for place in range(begin, trigger):
            walk.take(place)
            if not walk.is_known():
                return None  # a position came to the pool whose price no file holds yet
        walk.arrive(trigger, at_trigger)
    except MissingIndex:
        return None
    event = history.events[safe]
    return Cause(
        since_ms=event.time_ms,
        since=describe(event),
        surplus_before=start,
        surplus_at_trigger=walk.surplus(),
        terms=tuple(CauseTerm(term, amount) for term, amount in walk.terms.items() if amount),
    )


def describe(event: AnyEvent) -> str:
    """An event in a few words."""
    match event:
        case Fill():
            return f"{'buy' if event.quantity > 0 else 'sell'} {abs(event.quantity)} {event.symbol} at {event.price}"
        case Flow():
            return f"{event.reason} of {', '.join(f'{plain(each)} {asset}' for asset, each in event.applied.items())}"
        case Statement():
            return f"account update ({event.about or event.origin})"
        case _:
            return type(event).__name__


def _is_account_event(event: AnyEvent) -> bool:
    """Whether an event changes the account. What is only printed about it does not begin anything: the cause would
    depend on how often somebody looked."""
    return isinstance(event, Fill | Flow | MarginMove | Setting)


def _last_safe(history: Reconstruction, trigger: int, pool: str) -> int | None:
    for place in range(trigger - 1, max(trigger - SEARCH_LIMIT, 0) - 1, -1):
        if not _is_account_event(history.events[place]):
            continue
        surplus = _Walk(history, _told(history, place, trigger) + 1, pool).known_surplus()
        if surplus is not None and surplus > 0:
            return place
    return None


def _told(history: Reconstruction, place: int, trigger: int) -> int:
    """The last of the statements that report event `place`: they print the mark of that moment."""
    time_ms = history.events[place].time_ms
    while place + 1 < trigger:
        following = history.events[place + 1]
        if not isinstance(following, Statement) or following.time_ms != time_ms:
            break
        place += 1
    return place


class _Walk:
    """A moment of the history (account, marks, rules) that moves forward and books each change to a term."""

    def __init__(self, history: Reconstruction, place: int, pool: str) -> None:
        self.history = history
        self.pool = pool
        self.terms: dict[str, Decimal] = {}
        self.account = history.timeline.before(place)
        self.rules = history.rules_at(history.events[place - 1].time_ms)
        self.marks = history.marks.at(self.rules.contracts, place)
        self.rows: dict[PositionKey, brackets.Bracket] = {}

    def known_surplus(self) -> Decimal | None:
        """The surplus, if every price and table of the pool is known here."""
        try:
            return self.surplus() if self.is_known() else None
        except MissingIndex:
            return None

    def is_known(self) -> bool:
        """Whether no placeholder counts in the pool (other pools play no part)."""
        return is_known(self.account, self.marks, self.rules, self.pool)

    def start(self) -> Decimal:
        """The surplus where the walk begins; the bracket rows in force there are the ones that prices may leave."""
        self._keep_rows()
        return self.surplus()

    def surplus(self) -> Decimal:
        found = self._pool()
        return found.surplus if found is not None else ZERO

    def take(self, place: int) -> None:
        """Pass event `place`: first its prices, then the rules of its day, then what it did."""
        event = self.history.events[place]
        self._move_marks(self.history.marks.at(self.rules.contracts, place + 1))
        self._move_rules(self.history.rules_at(event.time_ms))
        if isinstance(event, Fill | Flow | MarginMove | Setting):
            self._move_account(event, self.history.timeline.after(place))

    def arrive(self, trigger: int, marks: Marks) -> None:
        self._move_marks(self.history.marks.at(self.rules.contracts, trigger))
        self._move_rules(self.history.rules_at(self.history.events[trigger].time_ms))
        self._move_marks(marks)

    def _pool(self) -> PoolTerms | None:
        return pool_named(terms_of(self.account, self.marks, self.rules), self.pool)

    def _move_marks(self, marks: Marks) -> None:
        for symbol, price in sorted(marks.prices.items()):
            if self.marks.prices.get(symbol) != price:
                before = self._pool()
                self.marks = self.marks.with_price(symbol, price)
                self._book_with_brackets(f"mark {symbol}", before)
        for asset, index in sorted(marks.indices.items()):
            if self.marks.indices.get(asset) != index:
                before = self._pool()
                self.marks = Marks(self.marks.prices, {**self.marks.indices, asset: index})
                self._book(f"index {asset}", before)

    def _move_rules(self, rules: VenueRules) -> None:
        if rules is not self.rules:
            before = self._pool()
            self.rules = rules
            self._book(BRACKET_CHANGE, before)
            self._keep_rows()

    def _move_account(self, event: AnyEvent, after: Account) -> None:
        before = self._pool()
        if isinstance(event, Fill):
            self._book_fill(event, before, after)
            self._keep_rows()
            return
        self.account = after
        if isinstance(event, Flow):
            self._book(FLOW_TERMS.get(event.category, event.category), before)
        else:
            self._book(MARGIN_MOVED if isinstance(event, MarginMove) else "settings", before)

    def _book(self, term: str, before: PoolTerms | None) -> None:
        self._add(term, self.surplus() - (before.surplus if before is not None else ZERO))

    def _book_with_brackets(self, term: str, before: PoolTerms | None) -> None:
        after = self._pool()
        crossed = self._beyond_rows(before) - self._beyond_rows(after)
        total = (after.surplus if after else ZERO) - (before.surplus if before else ZERO)
        self._add(BRACKET_CHANGE, crossed)
        self._add(term, total - crossed)

    def _book_fill(self, fill: Fill, before: PoolTerms | None, after: Account) -> None:
        """A fill changes maintenance (position size), moves margin into or out of an isolated position, and trades at
        its price instead of the mark; then it pays its fee."""
        self.account = fold(self.account, structs.replace(fill, fee=ZERO), self.rules)
        traded = self._pool()
        kept = (traded.maintenance if traded else ZERO) - (before.maintenance if before else ZERO)
        gained = (traded.balance if traded else ZERO) - (before.balance if before else ZERO)
        moved = ZERO
        if self.pool.startswith("isolated:"):
            moved = (traded.wallet if traded else ZERO) - (before.wallet if before else ZERO)
        self._add("position size", -kept)
        self._add(MARGIN_MOVED, moved)
        self._add("realised", gained - moved)
        self.account = after
        self._book("fees", traded)

    def _add(self, term: str, amount: Decimal) -> None:
        if amount:
            self.terms[term] = self.terms.get(term, ZERO) + amount

    def _keep_rows(self) -> None:
        pool = self._pool()
        self.rows = {terms.position.key: terms.bracket for terms in pool.positions} if pool is not None else {}

    def _beyond_rows(self, pool: PoolTerms | None) -> Decimal:
        """By how much maintenance exceeds the lines of the kept rows."""
        total = ZERO
        if pool is None:
            return total
        for terms in pool.positions:
            row = self.rows.get(terms.position.key)
            if row is not None:
                total += (terms.maintenance - brackets.line(row, terms.notional)) * self._weight(pool, terms)
        return total

    def _weight(self, pool: PoolTerms, terms: PositionTerms) -> Decimal:
        """What a unit of maintenance counts in the pool's currency."""
        own = next(each for each in pool.assets if each.asset == terms.contract.margin_asset)
        return requirement_rate(own.index, self.rules.assumptions)


def total(terms: Iterable[CauseTerm]) -> Decimal:
    """The sum of the parts."""
    return sum((term.amount for term in terms), ZERO)
