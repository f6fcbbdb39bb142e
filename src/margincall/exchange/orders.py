"""The life of an order: it enters the book, trades, is cut, cancelled, expires.

`submit` takes an order that `gate` has let through; everything that becomes of it and of the makers that it meets is
booked and said here. Resting orders that only reduce are kept within their position (`trim`).
"""

from decimal import Decimal

from margincall.core.account import SIDES, PositionSide
from margincall.core.contract import value
from margincall.core.events import CloseKind
from margincall.core.rounding import printed_entry
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange import exposure
from margincall.exchange.book import Lots, OrderId, Ticks
from margincall.exchange.commands import WITH_POSITION
from margincall.exchange.events import Trade
from margincall.exchange.ledger import Deal, Party, book_fill
from margincall.exchange.matching import Fill as MatchedFill
from margincall.exchange.matching import Order, Outcome, TimeInForce, apply, match
from margincall.exchange.state import Events, Exchange, Market, OpenOrder, Trader
from margincall.wire.prints import PrintedOrder

EXPIRY: dict[str, str] = {
    "SELF_TRADE": "1",
    "IOC": "2",
    "IOC_SELF_TRADE": "3",
    "MARKET": "9",
    "FOK": "10",
    "POST_ONLY": "11",
}
"""The venue's `er` by the reason of `matching`."""
WOULD_TURN = "4"
"""`er` of an order that only reduces and was knocked out by what stands before it."""
LIQUIDATED = "5"
"""`er` of an order that expired because its account was liquidated."""
POSITION_ENDED = "6"
"""`er` of a GTE_GTC order whose position has ended."""


def price_of(market: Market, ticks: Ticks) -> Price:
    """A price in quote units."""
    return Price(market.contract.tick * ticks)


def quantity_of(market: Market, lots: int) -> Decimal:
    """An unsigned size in base units, or contracts."""
    return market.contract.lot * lots


def signed(order: OpenOrder, quantity: Decimal) -> Quantity:
    """A size of the order, signed as its fills are."""
    return Quantity(quantity if order.side == "BUY" else -quantity)


def reducible(trader: Trader, order: OpenOrder, market: Market) -> Lots:
    """The most lots by which the order could reduce its position: 0 where it would add to it."""
    held = trader.account.position(order.key).quantity
    against = held < 0 if order.side == "BUY" else held > 0
    return Lots(int(abs(held) / market.contract.lot)) if against else Lots(0)


def submit(
    state: Exchange, order: OpenOrder, events: Events, *, bound: Ticks | None = None, close: CloseKind = ""
) -> Outcome:
    """Let an order meet the book. `bound` is the worst price of a market order, or another one than the limit that an
    order of the venue's own prints; `close` marks those.

    Says NEW, every fill of both sides, and how it ended.
    """
    market, trader = state.markets[order.symbol], state.traders[order.account]
    outcome = match(market.book, meeting(order, trader, market, bound))
    said(state, order, "NEW", "NEW", events, close=close)
    carry_out(state, order, outcome, events, close=close)
    return outcome


def carry_out(state: Exchange, order: OpenOrder, outcome: Outcome, events: Events, *, close: CloseKind = "") -> None:
    """Book and say an outcome of `match`; whoever's position or orders changed has its reducing orders trimmed, and
    those expire whose position has ended."""
    market, trader = state.markets[order.symbol], state.traders[order.account]
    order.lots = Lots(order.lots - outcome.cut)
    for maker in outcome.expired_makers:
        expired = state.orders[maker.id]
        leave(state, expired)
        said(state, expired, "EXPIRED", "EXPIRED_IN_MATCH", events, reason="1")
    apply(market.book, outcome)
    touched = {order.account: trader}
    for fill in outcome.fills:
        maker_trader = _trade(state, order, fill, events, close=close)
        touched[maker_trader.name] = maker_trader
    if outcome.rests is not None:
        order.rested = state.next_flow
        remember(state, order)
        exposure.add(trader, market, order)
    elif outcome.reason is not None:
        status = "EXPIRED_IN_MATCH" if outcome.status == "EXPIRED_IN_MATCH" else "EXPIRED"
        said(state, order, "EXPIRED", status, events, reason=EXPIRY[outcome.reason], close=close)
    for each in touched.values():
        trim(state, each, market, events)
        expire_tied(state, each, market, events)


def cancel(
    state: Exchange, order: OpenOrder, events: Events, *, status: str = "CANCELED", reason: str | None = None
) -> None:
    """Take an order out of the book or of the waiting ones, and say so."""
    market = state.markets[order.symbol]
    if order.waiting:
        del market.waiting[order.id]
        forget(state, order)
    else:
        market.book.cancel(order.id)
        leave(state, order)
    said(state, order, "CANCELED" if status == "CANCELED" else "EXPIRED", status, events, reason=reason)


def cancel_all(state: Exchange, trader: Trader, symbol: str, events: Events) -> None:
    """Take back all orders of an account on a symbol, the oldest first."""
    for order in sorted(trader.orders.values(), key=lambda each: each.id):
        if order.symbol == symbol:
            cancel(state, order, events)


def expire_tied(state: Exchange, trader: Trader, market: Market, events: Events) -> None:
    """Let GTE_GTC orders expire that wait and have no position left to reduce, the oldest first; a position that has
    turned has ended, too (assumed: `gte-position`)."""
    if not trader.tied:
        return
    own = [order for order in trader.orders.values() if order.tied and order.symbol == market.contract.symbol]
    for order in sorted(own, key=lambda each: each.id):
        if not reducible(trader, order, market):
            cancel(state, order, events, status="EXPIRED", reason=POSITION_ENDED)


def trim(state: Exchange, trader: Trader, market: Market, events: Events) -> None:
    """Keep resting orders that only reduce within the position, in priority: what is too much is cut, what has nothing
    left to reduce expires. Orders before them in priority count, so that no sweep can turn a position."""
    if not trader.reducing:
        return
    for side in SIDES.values():
        key = market.contract.symbol, side
        held = trader.exposures.get(key)
        if held is not None and held.reduce_only:
            _trim(state, trader, market, side, events)


def _trim(state: Exchange, trader: Trader, market: Market, side: PositionSide, events: Events) -> None:
    resting = [
        order for order in trader.orders.values() if order.key == (market.contract.symbol, side) and not order.waiting
    ]
    for direction in ("BUY", "SELL"):
        own = [order for order in resting if order.side == direction]
        if not any(order.closes for order in own):
            continue
        left = int(reducible(trader, own[0], market))
        sign = -1 if direction == "BUY" else 1
        for order in sorted(own, key=lambda each: (sign * (each.ticks or 0), each.rested)):
            if order.closes and order.left > left:
                _cut(state, order, left, events)
            left = max(left - order.left, 0)


def _cut(state: Exchange, order: OpenOrder, to: int, events: Events) -> None:
    if not to:
        cancel(state, order, events, status="EXPIRED", reason=WOULD_TURN)
        return
    market, trader = state.markets[order.symbol], state.traders[order.account]
    exposure.remove(trader, order)
    market.book.reduce(order.id, Lots(order.left - to))
    order.lots = Lots(order.filled + to)
    exposure.add(trader, market, order)
    said(state, order, "AMENDMENT", "PARTIALLY_FILLED" if order.filled else "NEW", events)


def meeting(order: OpenOrder, trader: Trader, market: Market, bound: Ticks | None) -> Order:
    """The order as it meets the book."""
    is_limit = order.ticks is not None
    return Order(
        id=order.id,
        owner=order.account,
        side=order.side,
        lots=order.left,
        ticks=order.ticks if bound is None else bound,
        type="LIMIT" if is_limit else "MARKET",
        time_in_force=_in_book(order) if is_limit else "GTC",
        self_trade_prevention=order.self_trade_prevention,
        max_lots=reducible(trader, order, market) if order.closes else None,
        good_till_ms=order.good_till_ms if order.time_in_force == "GTD" and is_limit else None,
    )


def _in_book(order: OpenOrder) -> TimeInForce:
    """The time in force that the book knows: what was tied to a position waits no more, and is good till cancelled."""
    return "GTC" if order.time_in_force == WITH_POSITION else order.time_in_force


def _trade(state: Exchange, taker: OpenOrder, fill: MatchedFill, events: Events, *, close: CloseKind) -> Trader:
    """One trade of the book: both fills, the public trade, the last price. Returns the maker's account."""
    market, maker = state.markets[taker.symbol], state.orders[fill.maker]
    owner = state.traders[maker.account]
    number = state.next_trade
    state.next_trade += 1
    price, size = price_of(market, fill.ticks), quantity_of(market, fill.lots)
    worth = abs(value(market.contract, Quantity(size), price))
    exposure.remove(owner, maker)
    deal = Deal(price, str(number))
    for order, trader, is_maker in ((taker, state.traders[taker.account], False), (maker, owner, True)):
        order.filled = Lots(order.filled + fill.lots)
        order.traded_value += worth
        party = Party(
            trader, order.position_side, is_maker, str(order.id), order.client_order_id, "" if is_maker else close
        )
        booked = book_fill(state, market, party, signed(order, size), deal)
        status = "FILLED" if not order.left else "PARTIALLY_FILLED"
        said(state, order, "TRADE", status, events, close="" if is_maker else close)
        events.append(booked)
    if maker.left:
        exposure.add(owner, market, maker)
    else:
        forget(state, maker)
    market.last = price
    events.append(
        Trade(
            time_ms=state.time_ms, symbol=taker.symbol, trade_id=number, price=price, quantity=size,
            buyer_is_maker=maker.side == "BUY",
        )
    )  # fmt: skip
    return owner


def remember(state: Exchange, order: OpenOrder) -> None:
    """Keep an order that lives on."""
    trader = state.traders[order.account]
    state.orders[order.id] = trader.orders[order.id] = order
    trader.tied += order.tied
    if order.client_order_id:
        trader.client_ids[order.client_order_id] = order.id


def forget(state: Exchange, order: OpenOrder) -> None:
    """Drop an order that lives no more."""
    trader = state.traders[order.account]
    del state.orders[order.id], trader.orders[order.id]
    trader.tied -= order.tied
    trader.client_ids.pop(order.client_order_id, None)


def leave(state: Exchange, order: OpenOrder) -> None:
    """Forget an order that was in the book, and what it reserved."""
    exposure.remove(state.traders[order.account], order)
    forget(state, order)


def own_client_id(trader: Trader, order_id: OrderId) -> str:
    """A client order id for an order that came without one."""
    name = f"x-{order_id}"
    while name in trader.client_ids:
        name += "x"
    return name


def said(
    state: Exchange,
    order: OpenOrder,
    execution: str,
    status: str,
    events: Events,
    *,
    reason: str | None = None,
    close: CloseKind = "",
) -> None:
    """Say what became of an order, in the words of its account's history."""
    market = state.markets[order.symbol]
    executed = quantity_of(market, order.filled)
    events.append(
        PrintedOrder(
            time_ms=state.time_ms,
            seq=state.next_flow,
            account=order.account,
            symbol=order.symbol,
            side=order.position_side,
            order_id=str(order.id),
            client_order_id=order.client_order_id,
            status=status,
            execution=execution,
            order_type=order.kind if not close else "LIQUIDATION",
            time_in_force=order.time_in_force,
            buy=order.side == "BUY",
            quantity=quantity_of(market, order.lots),
            price=price_of(market, order.ticks) if order.ticks is not None else ZERO,
            stop_price=order.stop_price,
            average_price=_average(market, order, executed),
            executed=executed,
            executed_value=order.traded_value if executed else None,
            reduce_only=order.reduce_only,
            close_position=order.close_position,
            expire_reason=reason,
            close=close,
            original_type=order.original_kind or "",
            working_type=order.working_type,
            price_protect=order.price_protect,
            self_trade_prevention="NONE" if close else order.self_trade_prevention,
            good_till_ms=order.good_till_ms,
            activation_price=order.activation_price,
            callback_rate=order.callback_rate,
        )
    )
    state.next_flow += 1


def _average(market: Market, order: OpenOrder, executed: Decimal) -> Decimal | None:
    """The average price of what has traded, as the venue prints it (as an entry price is); none before."""
    if not executed:
        return None
    contract = market.contract
    if contract.is_inverse:
        return printed_entry(executed * contract.contract_size / order.traded_value, contract.entry_places)
    return printed_entry(order.traded_value / executed, contract.entry_places)
