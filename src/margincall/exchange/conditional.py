"""Orders that wait for a price: stops, take-profits, trailing stops.

A trigger looks at the mark or at the last price (`working_type`). A price that moves costs those orders alone whose
trigger it reaches, and the trailing ones of its symbol, which follow it. What is triggered expires as what it was, and
becomes a limit or a market order that meets the checks that others meet on their way in; refused there, it expires
without becoming one. Rules: `docs/spec/exchange.md`.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from margincall.exchange import gate, orders
from margincall.exchange.book import Lots
from margincall.exchange.commands import WorkingType
from margincall.exchange.events import AnyExchangeEvent, Trade, TriggerRefused
from margincall.exchange.orders import reducible
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange, Market, OpenOrder
from margincall.exchange.triggers import is_rising

TRIGGERED = "8"
"""`er` of an order that has expired as what it was, because its stop was triggered."""


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


def wait(state: Exchange, market: Market, order: OpenOrder, events: Events) -> None:
    """Let an order wait for its trigger. A trailing stop without an activation price follows from this price on."""
    if order.callback_rate is not None and order.activation_price is None:
        order.extreme = price_for(market, order.working_type)
    market.waiting[order.id] = order
    market.triggers.add(order, market.waiting)
    orders.remember(state, order)
    orders.said(state, order, "NEW", "NEW", events)


def marked(state: Exchange, market: Market, events: Events) -> None:
    """The mark has moved: fire what it triggers, and what that in turn triggers."""
    assert market.mark is not None
    _fire_all(state, _reached(market, "MARK_PRICE", market.mark), events)


def traded(state: Exchange, events: Events, since: int) -> None:
    """There were trades (`events` from `since` on): fire what each of their prices triggers, and so on."""
    _fire_all(state, _reached_by_trades(state, events[since:]), events)


def _fire_all(state: Exchange, due: list[OpenOrder], events: Events) -> None:
    """Fire these, then what the trades of each trigger."""
    if not due:
        return
    queue = deque(due)
    while queue:
        order = queue.popleft()
        market = state.markets[order.symbol]
        if order.id not in market.waiting:
            continue
        since = len(events)
        _fire(state, market, order, events)
        queue.extend(_reached_by_trades(state, events[since:]))


def _reached_by_trades(state: Exchange, events: Iterable[AnyExchangeEvent]) -> list[OpenOrder]:
    """A sweep passes many prices, and each of them counts: the last one alone would miss what the first ones reach."""
    found = []
    before: dict[str, Decimal] = {}
    for event in events:
        if isinstance(event, Trade) and before.get(event.symbol) != event.price:
            before[event.symbol] = event.price
            found += _reached(state.markets[event.symbol], "CONTRACT_PRICE", event.price)
    return found


def _reached(market: Market, kind: WorkingType, price: Decimal) -> list[OpenOrder]:
    """The waiting orders that this price triggers, oldest first; those that price protection holds back wait on."""
    found = []
    for order in market.triggers.reached(market.waiting, kind, price):
        if _is_let_through(market, order, price):
            found.append(order)
        else:
            market.triggers.add(order, market.waiting)
    return found


def _fire(state: Exchange, market: Market, order: OpenOrder, events: Events) -> None:
    """Turn a triggered order into a live one; what the gate refuses now expires."""
    trader = state.traders[order.account]
    del market.waiting[order.id]
    orders.forget(state, order)
    order.waiting = False
    try:
        if order.closes:
            gate.check_reduces(trader, market, order)
        gate.check_percent(market, order)
        gate.check_margin(state, trader, market, order)
        bound = gate.market_bound(market, order) if order.ticks is None else None
        gate.check_fillable(trader, market, order)
    except Refusal as refusal:
        _refuse(state, order, refusal, events)
        return
    orders.said(state, order, "EXPIRED", "EXPIRED", events, reason=TRIGGERED)
    if order.close_position:
        order.lots = Lots(reducible(trader, order, market))
    _become(order)
    orders.submit(state, order, events, bound=bound)


def _become(order: OpenOrder) -> None:
    """From here on it is a limit or a market order."""
    order.original_kind = order.kind
    order.kind = "LIMIT" if order.ticks is not None else "MARKET"


def _refuse(state: Exchange, order: OpenOrder, refusal: Refusal, events: Events) -> None:
    """It has expired and become nothing; why is told as of a command."""
    orders.said(state, order, "EXPIRED", "EXPIRED", events)
    events.append(
        TriggerRefused(
            time_ms=state.time_ms, account=order.account, symbol=order.symbol, order_id=order.id,
            code=refusal.code.code, text=f"{refusal.code.text} {refusal.detail}".rstrip(),
        )
    )  # fmt: skip


def _is_let_through(market: Market, order: OpenOrder, price: Decimal) -> bool:
    """With price protection a trigger counts only while mark and last are near each other."""
    last = price if order.working_type == "CONTRACT_PRICE" else market.last
    if not order.price_protect or market.mark is None or last is None:
        return True
    return abs(market.mark - last) <= market.listing.filters.trigger_protect * market.mark
