"""Market makers' quotes: many orders replaced by one command, checked and told as one.

A quote's orders are ordinary limit orders: they trade, are charged, can be cancelled one by one. One that meets others
trades first, as any order does; the rest of the quote is told by one event.
"""

from collections.abc import Iterator

from margincall.core.account import PositionSide
from margincall.core.units import ZERO
from margincall.exchange import conditional, exposure, gate, orders, settings
from margincall.exchange.book import OrderId, Resting, Side, Ticks
from margincall.exchange.commands import Level, Quote
from margincall.exchange.events import Quoted
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange, Market, OpenOrder, Trader

BUY: Side = "BUY"
SELL: Side = "SELL"
BOTH: PositionSide = "BOTH"


def quote(state: Exchange, trader: Trader, market: Market, command: Quote, events: Events) -> None:
    """Replace the account's quote of a symbol."""
    if trader.hedge:
        raise Refusal(Code.POSITION_SIDE_MISMATCH)
    asked = [_order(state, market, command, side, level) for side, level in _sides(command)]
    if market.mark is None:
        raise Refusal(Code.MARK_UNKNOWN)
    asked.sort(key=_best_first)
    before = [order for each in trader.quotes.get(command.symbol, ()) if (order := trader.orders.get(each)) is not None]
    gate.check_room(trader, market, more=len(asked) - len(before))
    for order in asked:
        gate.check_notional(market, order)
        gate.check_percent(market, order)
    _check_margin(state, trader, market, before, asked)
    _check_uncrossed(asked)
    for order in before:
        market.book.cancel(order.id)
        orders.leave(state, order)
    settings.with_leverage(state, trader, market, events)
    since = len(events)
    for order in asked:
        _put_in(state, trader, market, order, events)
    trader.quotes[command.symbol] = [order.id for order in asked]
    events.append(
        Quoted(
            time_ms=state.time_ms, account=trader.name, symbol=command.symbol,
            bids=tuple(order.id for order in asked if order.side == BUY),
            asks=tuple(order.id for order in asked if order.side == SELL),
        )
    )  # fmt: skip
    orders.trim(state, trader, market, events)
    conditional.traded(state, events, since)


def _sides(command: Quote) -> Iterator[tuple[Side, Level]]:
    """All levels with their side, as they are asked."""
    yield from ((BUY, level) for level in command.bids)
    yield from ((SELL, level) for level in command.asks)


def _best_first(order: OpenOrder) -> tuple[bool, int]:
    """Bids before asks, of each side the best price first."""
    assert order.ticks is not None, "a quote has prices"
    return (False, -order.ticks) if order.side == BUY else (True, order.ticks)


def _order(state: Exchange, market: Market, command: Quote, side: Side, level: Level) -> OpenOrder:
    """An order of the quote; it has no id yet."""
    return OpenOrder(
        id=OrderId(0),
        account=command.account,
        symbol=command.symbol,
        position_side="BOTH",
        side=side,
        kind="LIMIT",
        lots=gate.lots_of(market, level.quantity, is_market=False),
        ticks=gate.ticks_of(market, level.price),
        time_in_force="GTC",
        reduce_only=False,
        client_order_id="",
        placed_ms=state.time_ms,
    )


def _check_margin(
    state: Exchange, trader: Trader, market: Market, before: list[OpenOrder], asked: list[OpenOrder]
) -> None:
    """Position limit and margin of the quote as a whole, against what is free without the one before."""
    key = market.contract.symbol, BOTH
    added = {BUY: ZERO, SELL: ZERO}
    lost = ZERO
    for order in before:
        added[order.side] -= order.reserved
    for order in asked:
        price = orders.price_of(market, order.ticks or Ticks(0))
        added[order.side] += exposure.worth(market, order.left, price)
        lost += gate.open_loss(trader, market, order, price)
    reached = exposure.reach(trader, market, key)
    reach = exposure.reach(trader, market, key, buys=added[BUY], sells=added[SELL])
    gate.check_reach(state, trader, market, reach, reached)
    gate.check_need(state, trader, market, max(reach - reached, ZERO), lost)


def _check_uncrossed(asked: list[OpenOrder]) -> None:
    """No order of a quote would meet another of the same quote."""
    bids = [order.ticks or 0 for order in asked if order.side == BUY]
    asks = [order.ticks or 0 for order in asked if order.side == SELL]
    if bids and asks and max(bids) >= min(asks):
        raise Refusal(Code.BAD_COMBINATION, "bids meet asks")


def _put_in(state: Exchange, trader: Trader, market: Market, order: OpenOrder, events: Events) -> None:
    """Give an order its id, and let it rest; one that meets others trades."""
    order.id = OrderId(state.next_order)
    state.next_order += 1
    order.client_order_id = orders.own_client_id(trader, order.id)
    assert order.ticks is not None, "a quote has prices"
    if market.book.crosses(order.side, order.ticks):
        orders.submit(state, order, events)
        return
    order.rested = state.next_flow
    market.book.add(Resting(id=order.id, owner=trader.name, side=order.side, ticks=order.ticks, lots=order.left))
    orders.remember(state, order)
    exposure.add(trader, market, order)
    orders.trim(state, trader, market, events)
