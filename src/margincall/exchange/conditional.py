"""Orders that wait for a price: stops, take-profits, trailing stops.

A trigger looks at the mark or at the last price (`working_type`). A price that moves costs those orders alone whose
trigger it reaches, and the trailing ones of its symbol, which follow it. What is triggered becomes a limit or a market
order and meets the checks that others meet on their way in; refused there, it expires. Rules: `docs/spec/exchange.md`.
"""

from decimal import Decimal

from margincall.core.events import Fill
from margincall.exchange import gate, orders
from margincall.exchange.book import Lots
from margincall.exchange.commands import WorkingType
from margincall.exchange.orders import reducible
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange, Market, OpenOrder
from margincall.exchange.triggers import is_rising

NOT_PLACED = "8"
"""`er` of a triggered order that could not be placed."""


def check_not_reached(market: Market, order: OpenOrder) -> None:
    """−2021: a trigger that the price has reached already."""
    price = price_for(market, order.working_type)
    if price is None:
        return
    if order.stop_price is None:
        wanted = order.activation_price
        if wanted is not None and (price <= wanted if order.side == "BUY" else price >= wanted):
            raise Refusal(Code.WOULD_TRIGGER)
    elif price >= order.stop_price if is_rising(order) else price <= order.stop_price:
        raise Refusal(Code.WOULD_TRIGGER)


def price_for(market: Market, kind: WorkingType) -> Decimal | None:
    """The price that a trigger of this kind looks at."""
    return market.mark if kind == "MARK_PRICE" else market.last


def moved(state: Exchange, market: Market, kind: WorkingType, events: Events) -> set[str]:
    """A price has moved: fire what it triggers, and what that in turn triggers. Returns the accounts concerned."""
    concerned: set[str] = set()
    while True:
        price = price_for(market, kind)
        fired = [] if price is None else market.triggers.reached(market.waiting, kind, price)
        held_back = [order for order in fired if not _is_protected(market, order)]
        for order in held_back:
            market.triggers.add(order)
        fired = [order for order in fired if order not in held_back]
        if not fired:
            return concerned
        last = market.last
        for order in fired:
            if order.id in market.waiting:
                concerned |= _fire(state, market, order, events)
        if kind == "MARK_PRICE":
            if market.last != last:
                concerned |= moved(state, market, "CONTRACT_PRICE", events)
            return concerned


def _fire(state: Exchange, market: Market, order: OpenOrder, events: Events) -> set[str]:
    """Turn a triggered order into a live one; what the gate refuses now expires."""
    trader = state.traders[order.account]
    del market.waiting[order.id]
    orders.forget(state, order)
    order.waiting = False
    order.kind = "LIMIT" if order.ticks is not None else "MARKET"
    mark = len(events)
    try:
        if order.closes:
            gate.check_reduces(trader, market, order)
        if order.close_position:
            order.lots = Lots(reducible(trader, order, market))
        gate.check_percent(market, order)
        gate.check_margin(state, trader, market, order)
        bound = gate.market_bound(market, order) if order.ticks is None else None
        gate.check_fillable(market, order)
    except Refusal:
        orders.said(state, order, "EXPIRED", "EXPIRED", events, reason=NOT_PLACED)
        return set()
    orders.submit(state, order, events, bound=bound)
    return {event.account for event in events[mark:] if isinstance(event, Fill)}


def _is_protected(market: Market, order: OpenOrder) -> bool:
    """With price protection a trigger counts only while mark and last are near each other."""
    if not order.price_protect or market.mark is None or market.last is None:
        return True
    return abs(market.mark - market.last) <= market.listing.filters.trigger_protect * market.mark
