"""A journal run twice, side by side: as it was, and without the faults of the operator.

Both runs watch one account: how it stood before each command, and what the command did. Where the two come apart, the
second says which marks should have applied, and when the desk should have acted. Rules: `docs/spec/disputes.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Account, AssetIndex, Marks, PositionKey
from margincall.core.events import Fill, IndexPrice, MarkPrice
from margincall.core.fold import fold
from margincall.core.margin import PoolTerms, margin
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price
from margincall.exchange.commands import AnyCommand, InjectFault
from margincall.exchange.events import AnyExchangeEvent, Disputed, LiquidationEnded, LiquidationStarted, Moved
from margincall.exchange.genesis import new_exchange
from margincall.exchange.liquidation import pool_named
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import DisputeEntry, Events, Exchange
from margincall.exchange.step import settle, step


class NotInJournal(LookupError):
    """The commands do not lead to the disputed liquidation: they are those of another journal."""


class Seen(Struct, frozen=True):
    """One command as one run saw it: the account, its open orders and the marks before, and what happened."""

    account: Account
    orders: Mapping[str, PositionKey]
    marks: Marks
    events: Events


class Late(Struct, frozen=True):
    """The command from which on the desk should have acted, and its time. `diverged` as in `Scene`."""

    place: int
    time_ms: int
    diverged: bool


class Scene(Struct, frozen=True):
    """The command of a disputed liquidation: as it `was`, and as the run without faults saw it (`due`).

    `late` is none if the desk acted when it should have. `diverged`: faults had changed the account before that.
    `later` are the account's fills from the liquidation's end to the dispute, `marks` what the marks should have been
    at the dispute, `cleared` what the fund has paid since to bring the account's negative balances back to 0.
    """

    place: int
    was: Seen
    due: Seen
    late: Late | None
    diverged: bool
    later: tuple[Fill, ...]
    marks: Marks
    cleared: Mapping[str, Decimal]

    @property
    def since(self) -> int:
        """The command from which on the desk should have acted."""
        return self.late.place if self.late is not None else self.place


def scene(rules: RuleSet, commands: Sequence[AnyCommand], dispute: DisputeEntry, genesis_ms: int) -> Scene:
    """Replay up to the dispute, and for what the fund has paid since to the end. Raises `NotInJournal`."""
    state, true = new_exchange(rules, genesis_ms), new_exchange(rules, genesis_ms)
    found: tuple[int, Seen, Seen] | None = None
    late: Late | None = None
    since: Events = []
    until: int | None = None
    marks = Marks({})
    for place, command in enumerate(commands):
        if until is not None:
            since += step(state, command)
            continue
        was, due = see(state, command, dispute.account), see(true, without_fault(command), dispute.account)
        if found is not None:
            since += was.events
        elif (ended := _place_of(was.events, LiquidationEnded, dispute, exactly=True)) is not None:
            found = place, was, due
            since += was.events[ended:]
        else:
            late = _late(late, dispute, place, was, due, state=state)
        if any(isinstance(each, Disputed) and each.number == dispute.number for each in was.events):
            until, marks = len(since), _or_else(true.marks, state.marks)
    if found is None:
        raise NotInJournal(f"the commands do not lead to liquidation {dispute.liquidation} of {dispute.account}")
    place, was, due = found
    return Scene(
        place=place,
        was=was,
        due=due,
        late=late,
        diverged=late.diverged if late is not None else was.account != due.account,
        later=tuple(_fills(since[:until], dispute.account)),
        marks=marks if until is not None else _or_else(true.marks, state.marks),
        cleared=_cleared(since, dispute.account),
    )


def corrected(
    rules: RuleSet, commands: Sequence[AnyCommand], dispute: DisputeEntry, found: Scene, genesis_ms: int
) -> Account:
    """The account after a liquidation as it should have been: the journal as it was before `found.since`, marks and
    rules put right there, and on without faults to the disputed liquidation."""
    state, true = new_exchange(rules, genesis_ms), new_exchange(rules, genesis_ms)
    for command in commands[: found.since]:
        step(state, command)
        if (kept := without_fault(command)) is not None:
            step(true, kept)
    _put_right(state, true)
    seen = see(state, without_fault(commands[found.since]), dispute.account)
    if _place_of(seen.events, LiquidationStarted, dispute) is None:
        seen.events.extend(settle(state, {dispute.account}, []))
    for command in commands[found.since + 1 : found.place + 1]:
        seen = see(state, without_fault(command), dispute.account)
    ended = _place_of(seen.events, LiquidationEnded, dispute)
    return folded(seen.account, seen.events[:ended], dispute.account, state.genuine.venue)


def see(state: Exchange, command: AnyCommand | None, name: str) -> Seen:
    """Carry a command out (none: it is left out), and keep what concerns one account."""
    trader = state.traders.get(name)
    account = Account() if trader is None else trader.account
    orders = {} if trader is None else {str(each.id): each.key for each in trader.orders.values()}
    marks = Marks(dict(state.prices), dict(state.indices))
    return Seen(account, orders, marks, [] if command is None else step(state, command))


def without_fault(command: AnyCommand) -> AnyCommand | None:
    """The command, unless it is a fault of the operator."""
    return None if isinstance(command, InjectFault) else command


def folded(account: Account, events: Iterable[AnyExchangeEvent], name: str, venue: VenueRules) -> Account:
    """The account after those of the events that are its own: an account of the exchange is the fold of its events."""
    for event in events:
        if getattr(event, "account", None) == name:
            account = fold(account, event, venue)  # type: ignore[arg-type]
    return account


def true_marks(found: Scene, dispute: DisputeEntry, time_ms: int) -> Marks:
    """The marks that should have applied at the disputed liquidation: those that the run without faults had told when
    it liquidated the pool in this command; if it did not, those that it had told by then. What it does not know is as
    it was told."""
    start = _place_of(found.due.events, LiquidationStarted, dispute)
    return _or_else(marks_by(found.due, start, time_ms), marks_by(found.was, None, time_ms))


def marks_by(seen: Seen, start: int | None, time_ms: int) -> Marks:
    """The marks that a run had told before one of its events; without one, up to a time."""
    prices, indices = dict(seen.marks.prices), dict(seen.marks.indices)
    for place, event in enumerate(seen.events):
        if place == start or (start is None and event.time_ms > time_ms):
            break
        if isinstance(event, MarkPrice):
            prices[event.symbol] = Price(event.price)
        elif isinstance(event, IndexPrice):
            indices[event.asset] = AssetIndex(event.index, event.bid, event.ask)
    return Marks(prices, indices)


def _or_else(marks: Marks, told: Marks) -> Marks:
    return Marks({**told.prices, **marks.prices}, {**told.indices, **marks.indices})


def _late(
    before: Late | None, dispute: DisputeEntry, place: int, was: Seen, due: Seen, *, state: Exchange
) -> Late | None:
    """From when on the desk has left the pool alone though it should not have, after one more command. It begins where
    the run without faults liquidates and the pool as it was is at its trigger too, by the marks and rules of that run;
    it ends when the desk acts, or nothing is open any more."""
    start = _place_of(due.events, LiquidationStarted, dispute)
    if before is None and start is None:
        return None
    account = state.traders[dispute.account].account
    if _place_of(was.events, LiquidationStarted, dispute) is not None or not _held(state, account, dispute):
        return None
    if before is not None or start is None:
        return before
    time_ms = due.events[start].time_ms
    marks = _or_else(marks_by(due, start, time_ms), state.marks)
    pool = pool_named(margin(account, marks, state.genuine.venue), dispute.pool)
    is_due = pool is not None and pool.liquidated
    return Late(place, time_ms, was.account != due.account) if is_due else None


def _held(state: Exchange, account: Account, dispute: DisputeEntry) -> PoolTerms | None:
    """The disputed pool, if a position of it is open."""
    pool = pool_named(margin(account, state.marks, state.rules.venue), dispute.pool)
    return pool if pool is not None and pool.positions else None


def _put_right(state: Exchange, true: Exchange) -> None:
    """Take faults out of an exchange: prices and indices are those of the run without them, rules the genuine ones.
    Accounts and books stay as they are."""
    state.faults.clear()
    state.rules = state.genuine
    state.indices.update(true.indices)
    for symbol, market in state.markets.items():
        other = true.markets[symbol]
        if other.mark is not None:
            market.mark, market.previous_mark, market.index = other.mark, other.previous_mark, other.index
            market.live_mark = other.live_mark
            market.sources, market.samples = dict(other.sources), list(other.samples)
            state.prices[symbol] = other.mark


def _place_of(
    events: Events,
    kind: type[LiquidationStarted] | type[LiquidationEnded],
    dispute: DisputeEntry,
    *,
    exactly: bool = False,
) -> int | None:
    """Where a liquidation of the disputed pool begins or ends: the disputed one; in another run, where it may have
    another number, else the first."""
    places = {
        event.number: place
        for place, event in reversed(list(enumerate(events)))
        if isinstance(event, kind) and (event.account, event.pool) == (dispute.account, dispute.pool)
    }
    if exactly or dispute.liquidation in places:
        return places.get(dispute.liquidation)
    return min(places.values(), default=None)


def _cleared(events: Iterable[AnyExchangeEvent], name: str) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for event in events:
        if isinstance(event, Moved) and event.reason in ("negative_balance", "bad_debt") and event.taker == name:
            total[event.asset] = total.get(event.asset, ZERO) + event.amount
    return total


def _fills(events: Iterable[AnyExchangeEvent], name: str) -> list[Fill]:
    return [event for event in events if isinstance(event, Fill) and event.account == name]
