"""The auditor: what must each command give? Known without the engine, and held against what it gave.

Before a command it takes a view of the state (`view`) and lets a naive model (`model`) carry the command
out: accepted, or refused with which code; which trades with whom at which price; which orders live on; how wallets and
positions stand after. The model has no liquidation desk, so its word counts up to the desk's first event. What the desk
does is told again from the events (`shadow`) and judged by the laws (`laws`), who must be liquidated by a full scan,
and in which order. Then the books: resting orders, exposures, reserved and reduced.

Stated bounds: amounts of marks by rule and of funding rates are the engine's word (their rules are tested by
themselves); after a liquidation within one command the order of arrival is taken from the book; and the digest of the
whole state is taken before every tenth command, to be compared if it is refused, the parts of it for all.
"""

from collections.abc import Iterator
from decimal import Decimal, localcontext

from msgspec import Struct

from margincall.core.events import Fill, Flow
from margincall.core.protocol.funding import payment
from margincall.core.protocol.moves import VENUE_ACCOUNTS
from margincall.core.rounding import CONTEXT
from margincall.core.units import Price
from margincall.exchange import commands
from margincall.exchange.audit.laws import LAWS
from margincall.exchange.audit.matrix import holding
from margincall.exchange.audit.model import Model
from margincall.exchange.audit.orders import Traded, orphans
from margincall.exchange.audit.queue import queued
from margincall.exchange.audit.shadow import Around, Shadow, traders
from margincall.exchange.audit.view import View
from margincall.exchange.commands import AnyCommand
from margincall.exchange.digest import digest
from margincall.exchange.events import (
    AnyExchangeEvent,
    Deleveraged,
    FundingSet,
    LiquidationStarted,
    LiquidationStep,
    Rejected,
    Trade,
)
from margincall.exchange.rejections import Refusal
from margincall.exchange.state import Exchange, Exposure
from margincall.exchange.step import step

ZERO = Decimal(0)
DIGEST_EVERY = 10
"""A digest costs more than most commands."""


class Seen(Struct):
    """What the auditor has seen so far."""

    commands: int = 0
    refused: int = 0
    trades: int = 0
    liquidations: int = 0
    deleveraged: int = 0
    queues: int = 0


class Auditor:
    """Steps an exchange that begins empty, and says what is wrong after each command."""

    def __init__(self, state: Exchange) -> None:
        """`state` must be new."""
        self.state = state
        self.shadow = Shadow(state)
        self.arrivals: dict[int, int] = {}
        self.seen = Seen()
        self.laws = [LAWS[number] for number in holding(state.rules.name) if number in LAWS]

    def step(self, command: AnyCommand) -> list[str]:
        """Carry a command out; returns what is wrong, nothing if all is right."""
        with localcontext(CONTEXT):
            return list(self._step(command))

    def _step(self, command: AnyCommand) -> Iterator[str]:
        state, seen = self.state, self.seen
        before = View(state, dict(self.arrivals))
        counters = _counters(state)
        mark = digest(state) if not seen.commands % DIGEST_EVERY else None
        events = step(state, command)
        seen.commands += 1
        around = self.shadow.tell(state, command, events)
        view = before.twin(self.arrivals)
        yield from self._judge(command, Model(view), events)
        if events and isinstance(events[0], Rejected) and events[0].place is None:
            seen.refused += 1
            yield from self._untouched(before, counters, mark)
        yield from self._told(around)
        yield from _ordered(around)
        yield from queued(around, self.seen.queues)
        for check in self.laws:
            yield from check(around)
        yield from books(state, self.arrivals)
        self._count(events)

    # --- against the model --------------------------------------------------------------------------------

    def _judge(self, command: AnyCommand, model: Model, events: list[AnyExchangeEvent]) -> Iterator[str]:
        """Refusals, trades, orders and accounts as the model has them, up to the desk's first event."""
        until = next((n for n, event in enumerate(events) if isinstance(event, LiquidationStarted)), len(events))
        told = events[:until]
        refusals: list[tuple[int, int | None]] = []
        if isinstance(command, commands.Batch):
            refusals = _batch(command, model)
        else:
            try:
                model.do(command, told)
            except Refusal as refusal:
                refusals = [(refusal.code.code, None)]
        given = [(event.code, event.place) for event in told if isinstance(event, Rejected)]
        cut = until < len(events) and isinstance(command, commands.Batch)
        if given != (refusals[: len(given)] if cut else refusals):
            yield f"refused {given}, must be {refusals}"
            return
        trades = _trades(told)
        if trades != (model.trades[: len(trades)] if cut else model.trades):
            yield f"trades {trades}, must be {model.trades}"
        if until == len(events):
            yield from self._same(model.view)
        else:
            self._arrive()

    def _same(self, view: View) -> Iterator[str]:
        """Without a liquidation the model knows everything that lives on."""
        state = self.state
        for number in sorted({*view.orders, *state.orders}):
            ours, its = view.orders.get(number), state.orders.get(number)  # type: ignore[call-overload]
            if ours is not None and its is not None:
                # The engine's notes of what is recomputed elsewhere: `books` compares place and reserve.
                ours.rested, ours.reserved = its.rested, its.reserved
            if ours != its:
                yield f"order {number} is {its}, must be {ours}"
        for name in sorted(view.accounts):
            if name not in VENUE_ACCOUNTS and view.accounts[name] != state.traders[name].account:
                yield f"{name} is {state.traders[name].account}, must be {view.accounts[name]}"
        for symbol, market in state.markets.items():
            if market.last != view.last[symbol]:
                yield f"{symbol}: the last price is {market.last}, must be {view.last[symbol]}"

    def _arrive(self) -> None:
        """Take the order of arrival from the books, after what the model could not follow."""
        number = max(self.arrivals.values(), default=0)
        for market in self.state.markets.values():
            for side in ("BUY", "SELL"):
                for order in market.book.orders(side):
                    number += 1
                    self.arrivals[order.id] = number

    def _untouched(self, before: View, counters: tuple[object, ...], mark: str | None) -> Iterator[str]:
        """A refused command has changed nothing."""
        state = self.state
        if counters != _counters(state) or before.orders != state.orders or before.indices != state.indices:
            yield "a refused command changed orders or counters"
        if any(trader.account is not before.accounts.get(name) for name, trader in state.traders.items()):
            yield "a refused command changed an account"
        if mark is not None and mark != digest(state):
            yield "a refused command changed the state"

    # --- against the events -------------------------------------------------------------------------------

    def _told(self, around: Around) -> Iterator[str]:
        """Each account is the fold of its events, and every fill and payment is what its rule gives."""
        state, shadow = self.state, self.shadow
        for name, trader in state.traders.items():
            told = shadow.accounts.get(name)
            if name == "fees":
                if told is not None and told.wallets != trader.account.wallets:
                    yield f"fees hold {trader.account.wallets}, fills say {told.wallets}"
            elif told != trader.account:
                yield f"{name} is {trader.account}, its events fold to {told}"
            else:
                shadow.accounts[name] = trader.account
        if shadow.prices != state.prices or shadow.indices != state.indices:
            yield "marks or indices are not what was told"
        yield from _payments(around)

    def _count(self, events: list[AnyExchangeEvent]) -> None:
        for event in events:
            self.seen.trades += isinstance(event, Trade)
            self.seen.liquidations += isinstance(event, LiquidationStarted)
            self.seen.deleveraged += isinstance(event, Deleveraged)
            self.seen.queues += isinstance(event, LiquidationStep) and event.step == "deleverage"


def books(state: Exchange, arrivals: dict[int, int]) -> Iterator[str]:
    """Books uncrossed and in priority, resting orders = open orders, exposures as recomputed, reducing within it."""
    view = View(state, arrivals)
    for symbol, market in state.markets.items():
        bid, ask = market.book.best_bid, market.book.best_ask
        if bid is not None and ask is not None and bid >= ask:
            yield f"{symbol}: crossed at {bid}/{ask}"
        for side in ("BUY", "SELL"):
            rests = [(each.id, each.owner, each.ticks, each.lots) for each in market.book.orders(side)]
            open_orders = [(each.id, each.account, each.ticks, each.left) for each in view.resting(symbol, side)]
            if rests != open_orders:
                yield f"{symbol} {side}: {rests} rests, open are {open_orders}"
    held: dict[tuple[str, str, str], Exposure] = {}
    for order in state.orders.values():
        if state.traders[order.account].orders.get(order.id) is not order:
            yield f"order {order.id} is not its owner's"
        if not order.waiting:
            about = held.setdefault((order.account, *order.key), Exposure())
            about.reduce_only += order.closes
            if not order.closes:
                worth = view.worth(order.symbol, order.left, view.price(order))
                if order.reserved != worth:
                    yield f"order {order.id} reserves {order.reserved}, must reserve {worth}"
                about.buys += worth if order.side == "BUY" else ZERO
                about.sells += worth if order.side == "SELL" else ZERO
    for name, trader in state.traders.items():
        for key, exposure in trader.exposures.items():
            if exposure != held.get((name, *key), Exposure()):
                yield f"{name} {key}: {exposure} is reserved, orders need {held.get((name, *key))}"
    yield from _reducing(view)
    for number in orphans(view):
        yield f"order {number} waits without its position"


def _counters(state: Exchange) -> tuple[object, ...]:
    return (
        state.time_ms, state.next_order, state.next_trade, state.next_flow, state.next_liquidation,
        state.deleveragings, dict(state.countdowns), len(state.timers), dict(state.prices), len(state.traders),
    )  # fmt: skip


def _batch(command: commands.Batch, model: Model) -> list[tuple[int, int | None]]:
    """What a batch must refuse, and at which places (after a liquidation in it that is no longer asked)."""
    cancels = [each for each in command.commands if isinstance(each, commands.CancelOrder)]
    if not 1 <= len(command.commands) <= (10 if len(cancels) == len(command.commands) else 5):
        return [(-4082, None)]
    refusals: list[tuple[int, int | None]] = []
    for place, each in enumerate(command.commands):
        try:
            model.do(each, ())
        except Refusal as refusal:
            refusals.append((refusal.code.code, place))
    return refusals


def _trades(events: list[AnyExchangeEvent]) -> list[Traded]:
    """The trades of the book, from the two fills before each."""
    found = []
    for n, event in enumerate(events):
        if isinstance(event, Trade):
            fills = [each for each in events[:n] if isinstance(each, Fill) and each.trade_id == str(event.trade_id)]
            taker, maker = sorted(fills, key=lambda each: bool(each.maker))
            found.append(Traded(int(taker.order_id), int(maker.order_id), event.symbol, event.price, event.quantity))
    return found


def _payments(around: Around) -> Iterator[str]:
    """Fees of fills by their rates; funding by its rule, where nothing else changed positions in the command."""
    venue, rates = around.rules.venue, dict[str, FundingSet]()
    for event in around.events:
        if isinstance(event, Fill) and event.fee is not None:
            contract = venue.contract(event.symbol)
            size = contract.contract_size * abs(event.quantity)
            worth = size / event.price if contract.is_inverse else size * event.price
            rate = ZERO if event.maker is None else venue.fees.maker if event.maker else venue.fees.taker
            if abs(event.fee - worth * rate) >= Decimal("1e-8") or event.fee > worth * rate:
                yield f"a fee of {event.fee} on {worth} at {rate}"
        elif isinstance(event, FundingSet):
            rates[event.symbol] = event
        elif isinstance(event, Flow) and event.category == "funding" and event.account != "remainder":
            contract, told = venue.contract(event.symbol), rates[event.symbol]
            held = around.before.accounts[event.account].position((event.symbol, event.side or "BOTH")).quantity
            fair = payment(contract, held, Price(told.mark), told.rate)
            amount = event.applied[contract.margin_asset]
            if amount != fair and not any(isinstance(each, Fill) for each in around.events):
                yield f"{event.account} was paid {amount} of funding, must be {fair}"


def _ordered(around: Around) -> Iterator[str]:
    """Who is at the trigger when the desk begins is liquidated in the order of names, unless it no longer is when its
    turn comes."""
    started = [each for each in around.moments if isinstance(each.event, LiquidationStarted)]
    if not started or isinstance(around.command, commands.Batch | commands.Advance):
        return
    names = [each.event.account for each in started]  # type: ignore[union-attr]
    first_pass = next((n for n in range(1, len(names)) if names[n] < names[n - 1]), len(names))
    for name in traders(started[0].accounts):
        at_trigger = any(pool.liquidated for pool in around.shadow.terms(name, started[0]).pools)
        was = name in around.before.accounts and any(
            pool.liquidated for pool in around.shadow.terms(name, around.before).pools
        )
        if not at_trigger or was or name in names[:first_pass]:
            continue
        turn = next((each for each in started[:first_pass] if each.event.account > name), None)  # type: ignore[union-attr]
        turn = turn or (started[first_pass] if first_pass < len(started) else around.after)
        if any(pool.liquidated for pool in around.shadow.terms(name, turn).pools):
            yield f"{name} was at its trigger and was not liquidated before {names[:first_pass]}"


def _reducing(view: View) -> Iterator[str]:
    """Orders that only reduce, with what comes before them, stay within their position."""
    keys = sorted({(order.account, order.key, order.side) for order in view.orders.values()
                   if order.closes and not order.waiting})  # fmt: skip
    for name, key, side in keys:
        room: int | None = None
        for order in view.resting(key[0], side):
            if (order.account, order.key) != (name, key):
                continue
            room = view.reducible(order) if room is None else room
            if order.closes and order.left > room:
                yield f"{name}: order {order.id} may reduce {order.left} lots of {room}"
            room = max(room - order.left, 0)
