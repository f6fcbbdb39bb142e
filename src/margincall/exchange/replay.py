"""A journal run twice, side by side: as it was, and without the faults of the operator and the refunds for them.

Both runs watch one account: how it stood before each command, and what the command did. Where the two come apart, the
second says which marks should have applied, when the desk should have acted, and where the account would stand: the
difference is the harm. Rules: `docs/spec/disputes.md`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import takewhile

from msgspec import Struct

from margincall.core import checks
from margincall.core.account import Account, AssetIndex, Marks, PositionKey
from margincall.core.checks import Finding
from margincall.core.events import Flow, IndexPrice, MarkPrice
from margincall.core.fold import fold
from margincall.core.margin import PoolTerms, margin
from margincall.core.protocol.funding import payment
from margincall.core.rounding import plain
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price
from margincall.exchange.commands import (
    AnyCommand,
    Decide,
    InjectFault,
    Quote,
    SetAssetIndex,
    SetIndex,
    SetMark,
    SetMarks,
)
from margincall.exchange.events import AnyExchangeEvent, FundingSet, LiquidationEnded, LiquidationStarted, Moved
from margincall.exchange.genesis import new_exchange
from margincall.exchange.liquidation import pool_named
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import DisputeEntry, Events, Exchange
from margincall.exchange.step import step

PRICES = (SetMark, SetMarks, SetIndex, SetAssetIndex, Quote)


class NotInJournal(LookupError):
    """The commands do not lead to the disputed liquidation: they are those of another journal."""


class Seen(Struct, frozen=True):
    """One command as one run saw it: the account, its open orders, the fund and the marks before, and what
    happened."""

    account: Account
    orders: Mapping[str, PositionKey]
    fund: Account
    marks: Marks
    events: Events


class Late(Struct, frozen=True):
    """The time from which on the desk should have acted. `diverged` as in `Scene`."""

    time_ms: int
    diverged: bool


class Scene(Struct, frozen=True):
    """The command of a disputed liquidation: as it `was`, and as the run without faults saw it (`due`).

    `late` is none if the desk acted when it should have. `diverged`: faults had changed the account before that.
    `ended_ms` is when the liquidation ended, `funding` what the account was paid wrongly until then, `refunded` what it
    was refunded until then, by asset; `cleared` what the fund has paid since to bring the account's negative balances
    back to 0.
    """

    was: Seen
    due: Seen
    late: Late | None
    diverged: bool
    ended_ms: int
    funding: tuple[Finding, ...]
    refunded: Mapping[str, Decimal]
    cleared: Mapping[str, Decimal]


def scene(rules: RuleSet, commands: Sequence[AnyCommand], dispute: DisputeEntry, genesis_ms: int) -> Scene:
    """Replay up to the end of the liquidation, and for what the fund has paid since to the end of the journal. Raises
    `NotInJournal`."""
    state, true = new_exchange(rules, genesis_ms), new_exchange(rules, genesis_ms)
    late: Late | None = None
    funding: list[Finding] = []
    for place, command in enumerate(commands):
        was, due = see(state, command, dispute.account), see(true, as_due(command), dispute.account)
        ended = _end_of(was.events, dispute)
        ended_ms = None if ended is None else was.events[ended].time_ms
        funding += wrong_funding(was, dispute.account, state.genuine.venue, ended_ms)
        if ended is not None and ended_ms is not None:
            refunded = _refunded(state, dispute.account)
            moment = list(_moment_of(commands, place))
            for one in moment:
                was.events.extend(step(state, one))
                due.events.extend(step(true, one))
            rest = commands[place + 1 + len(moment) :]
            since = [*was.events[ended:], *(each for one in rest for each in step(state, one))]
            diverged = late.diverged if late is not None else was.account != due.account
            cleared = _cleared(since, dispute.account)
            return Scene(was, due, late, diverged, ended_ms, tuple(funding), refunded, cleared)
        if dispute.about == "liquidation":
            late = _late(late, dispute, was, due, state=state)
    raise NotInJournal(f"the commands do not lead to liquidation {dispute.liquidation} of {dispute.account}")


def _moment_of(commands: Sequence[AnyCommand], place: int) -> Iterator[AnyCommand]:
    """What belongs to the moment of a liquidation that a fault made as it was switched: the prices that the exchange
    hears next at the same time, which without the fault are those of the moment, and the quotes around them."""
    if isinstance(commands[place], InjectFault):
        yield from takewhile(lambda each: isinstance(each, PRICES), commands[place + 1 :])


def accounts_at_end(found: Scene, name: str, venue: VenueRules) -> tuple[Account, Account]:
    """The account of both runs at the end of the disputed liquidation: as it was, and without the faults. All that the
    disputed command did up to that time counts."""

    def at_end(seen: Seen) -> Account:
        return folded(seen.account, (each for each in seen.events if each.time_ms <= found.ended_ms), name, venue)

    return at_end(found.was), at_end(found.due)


def marks_at_end(found: Scene) -> Marks:
    """The marks at that time by the run without the faults; what it does not know is as it was told."""
    return _or_else(marks_by(found.due, None, found.ended_ms), marks_by(found.was, None, found.ended_ms))


def wrong_funding(seen: Seen, name: str, venue: VenueRules, until_ms: int | None) -> Iterator[Finding]:
    """Funding payments of one command that are not mark, size and the told rate; up to a time, if there is one."""
    told: dict[str, FundingSet] = {}
    for place, event in enumerate(seen.events):
        if until_ms is not None and event.time_ms > until_ms:
            return
        if isinstance(event, FundingSet):
            told[event.symbol] = event
        elif isinstance(event, Flow) and event.account == name and event.category == "funding":
            held = folded(seen.account, seen.events[:place], name, venue).position((event.symbol, event.side or "BOTH"))
            said, contract = told[event.symbol], venue.contract(event.symbol)
            found = checks.agrees(
                "funding_rate", event.symbol, printed=sum(event.applied.values(), ZERO),
                derived=payment(contract, held.quantity, Price(said.mark), said.rate),
                rule=f"funding = mark · size · the rate that was told, {plain(said.rate):f} (docs/spec/funding.md)",
            )  # fmt: skip
            if found.verdict == checks.FAILS:
                yield found


def see(state: Exchange, command: AnyCommand | None, name: str) -> Seen:
    """Carry a command out (none: it is left out), and keep what concerns one account."""
    trader = state.traders.get(name)
    account = Account() if trader is None else trader.account
    orders = {} if trader is None else {str(each.id): each.key for each in trader.orders.values()}
    marks = Marks(dict(state.prices), dict(state.indices))
    return Seen(account, orders, state.fund.account, marks, [] if command is None else step(state, command))


def as_due(command: AnyCommand) -> AnyCommand | None:
    """The command, unless it is a fault of the operator, or the desk's answer to one: without the fault there is
    nothing to refund. A refund in both runs would leave the harm that it has paid in their difference."""
    return None if isinstance(command, InjectFault | Decide) else command


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
    start = _start_of(found.due.events, dispute)
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


def _late(before: Late | None, dispute: DisputeEntry, was: Seen, due: Seen, *, state: Exchange) -> Late | None:
    """From when on the desk has left the pool alone though it should not have, after one more command. It begins where
    the run without faults liquidates and the pool as it was is at its trigger too, by the marks and rules of that run;
    it ends when the desk acts, or nothing is open any more."""
    start = _start_of(due.events, dispute)
    if before is None and start is None:
        return None
    account = state.traders[dispute.account].account
    if _start_of(was.events, dispute) is not None or not _held(state, account, dispute):
        return None
    if before is not None or start is None:
        return before
    time_ms = due.events[start].time_ms
    marks = _or_else(marks_by(due, start, time_ms), state.marks)
    pool = pool_named(margin(account, marks, state.genuine.venue), dispute.pool)
    is_due = pool is not None and pool.liquidated
    return Late(time_ms, was.account != due.account) if is_due else None


def _held(state: Exchange, account: Account, dispute: DisputeEntry) -> PoolTerms | None:
    """The disputed pool, if a position of it is open."""
    pool = pool_named(margin(account, state.marks, state.rules.venue), dispute.pool)
    return pool if pool is not None and pool.positions else None


def _start_of(events: Events, dispute: DisputeEntry) -> int | None:
    """Where a liquidation of the disputed pool begins: the disputed one; in another run, where it may have another
    number, else the first."""
    places = {
        event.number: place
        for place, event in reversed(list(enumerate(events)))
        if isinstance(event, LiquidationStarted) and (event.account, event.pool) == (dispute.account, dispute.pool)
    }
    return places.get(dispute.liquidation, min(places.values(), default=None))


def _end_of(events: Events, dispute: DisputeEntry) -> int | None:
    """Where the disputed liquidation ends, which is the account's own unless it was hit by another's."""
    for place, event in enumerate(events):
        if isinstance(event, LiquidationEnded) and event.number == dispute.liquidation:
            is_own = (event.account, event.pool) == (dispute.account, dispute.pool)
            return place if is_own == (dispute.about == "liquidation") else None
    return None


def _refunded(state: Exchange, name: str) -> dict[str, Decimal]:
    """What an account has been refunded so far, by asset."""
    total: dict[str, Decimal] = {}
    for entry in state.disputes.values():
        for asset, amount in entry.refund.items() if entry.account == name else ():
            total[asset] = total.get(asset, ZERO) + amount
    return total


def _cleared(events: Iterable[AnyExchangeEvent], name: str) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for event in events:
        if isinstance(event, Moved) and event.reason in ("negative_balance", "bad_debt") and event.taker == name:
            total[event.asset] = total.get(event.asset, ZERO) + event.amount
    return total
