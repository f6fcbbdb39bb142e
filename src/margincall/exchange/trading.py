"""Orders as they come from outside: placing, amending, cancelling, the countdown.

The order of the checks is that of `docs/spec/exchange.md`; the first that fails is the answer.
"""

from margincall.exchange import conditional, exposure, gate, matching, orders, settings, timers
from margincall.exchange.book import Lots, OrderId
from margincall.exchange.commands import AmendOrder, CancelAll, CancelOrder, Countdown, PlaceOrder
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange, Market, OpenOrder, Trader
from margincall.wire.durations import SECOND_MS

BATCH_MAX, BATCH_CANCEL_MAX = 5, 10
"""The most commands of a batch, and of one that only cancels (documentation of `batchOrders`)."""


def place(state: Exchange, trader: Trader, market: Market, command: PlaceOrder, events: Events) -> None:
    """A new order: through the gate, then into the book or among those that wait."""
    gate.check_shape(command, trader)
    gate.check_time(command, state.time_ms)
    order = _order_of(state, market, command)
    if market.mark is None:
        raise Refusal(Code.MARK_UNKNOWN)
    if order.waiting:
        gate.check_waiting_room(state.rules, trader, market)
    else:
        gate.check_room(trader, market)
    gate.check_notional(market, order)
    if order.waiting:
        gate.check_stop_limit(market, order)
        conditional.check_not_reached(market, order)
        gate.check_tied(trader, market, order)
        _accept(state, trader, market, order, events)
        conditional.wait(state, market, order, events)
        _keep_date(state, order)
        return
    gate.check_percent(market, order)
    gate.check_reduces(trader, market, order)
    bound = gate.market_bound(market, order) if order.ticks is None else None
    gate.check_margin(state, trader, market, order)
    gate.check_fillable(trader, market, order)
    _accept(state, trader, market, order, events)
    orders.submit(state, order, events, bound=bound)
    _keep_date(state, order)
    conditional.traded(state, events, 0)


def amend(state: Exchange, trader: Trader, market: Market, command: AmendOrder, events: Events) -> None:
    """Another price and size; the order goes to the back of the queue, and may trade. A size of no more than what was
    filled cancels it, as does a post-only order that would trade."""
    order = _own(trader, command.symbol, OrderId(command.order_id))
    lots, ticks = gate.check_amend(order, command, market)
    if lots <= order.filled:
        orders.cancel(state, order, events)
        return
    before = order.lots, order.ticks
    exposure.remove(trader, order)
    order.lots, order.ticks = lots, ticks
    try:
        gate.check_percent(market, order)
        gate.check_notional(market, order, Code.AMENDED_TOO_SMALL)
        gate.check_margin(state, trader, market, order)
    except Refusal:
        order.lots, order.ticks = before
        exposure.add(trader, market, order)
        raise
    order.self_trade_prevention = "NONE"
    outcome = matching.amend(market.book, orders.meeting(order, trader, market, None))
    orders.forget(state, order)
    orders.said(state, order, "AMENDMENT", "PARTIALLY_FILLED" if order.filled else "NEW", events)
    orders.carry_out(state, order, outcome, events)
    conditional.traded(state, events, 0)


def cancel(state: Exchange, trader: Trader, market: Market, command: CancelOrder, events: Events) -> None:
    """Take an order back, by either id."""
    order_id = command.order_id
    if order_id is None and not command.client_order_id:
        raise Refusal(Code.MALFORMED, "either orderId or origClientOrderId")
    if order_id is None:
        order_id = trader.client_ids.get(command.client_order_id)
    order = None if order_id is None else trader.orders.get(OrderId(order_id))
    if order is None or order.symbol != market.contract.symbol:
        raise Refusal(Code.CANCEL_REJECTED)
    orders.cancel(state, order, events)


def cancel_all(state: Exchange, trader: Trader, market: Market, command: CancelAll, events: Events) -> None:
    """Take back all orders of a symbol, the oldest first."""
    orders.cancel_all(state, trader, market.contract.symbol, events)


def countdown(state: Exchange, trader: Trader, market: Market, command: Countdown, events: Events) -> None:
    """Set, renew or stop the countdown after which all orders of a symbol are taken back."""
    if command.countdown_ms < 0:
        raise Refusal(Code.NOT_VALID, "countdownTime")
    about = f"{trader.name} {market.contract.symbol}"
    if not command.countdown_ms:
        state.countdowns.pop(about, None)
        return
    state.countdowns[about] = state.time_ms + command.countdown_ms
    timers.add(state, state.countdowns[about], "countdown", about)


def _order_of(state: Exchange, market: Market, command: PlaceOrder) -> OpenOrder:
    """The order in lots and ticks. Its id is that of the next order; it is given only when the order is accepted."""
    lots = Lots(0)
    if command.quantity is not None:
        lots = gate.lots_of(market, command.quantity, is_market=command.price is None)
    ticks = gate.ticks_of(market, command.price) if command.price is not None else None
    for price in (command.stop_price, command.activation_price):
        if price is not None:
            _check_stop_price(market, price)
    return OpenOrder(
        id=OrderId(state.next_order),
        account=command.account,
        symbol=command.symbol,
        position_side=command.position_side,
        side=command.side,
        kind=command.type,
        lots=lots,
        ticks=ticks,
        time_in_force=command.time_in_force or "GTC",
        reduce_only=command.reduce_only,
        client_order_id=command.client_order_id,
        placed_ms=state.time_ms,
        self_trade_prevention=command.self_trade_prevention,
        close_position=command.close_position,
        waiting=command.type in gate.CONDITIONAL,
        stop_price=command.stop_price,
        working_type=command.working_type,
        price_protect=command.price_protect,
        activation_price=command.activation_price,
        callback_rate=command.callback_rate,
        # dates of orders are kept in whole seconds (documentation)
        good_till_ms=None if command.good_till_ms is None else command.good_till_ms // SECOND_MS * SECOND_MS,
    )


def _accept(state: Exchange, trader: Trader, market: Market, order: OpenOrder, events: Events) -> None:
    """From here on the order is the exchange's: it has its ids, and its account a leverage for the symbol."""
    state.next_order += 1
    if not order.client_order_id:
        order.client_order_id = orders.own_client_id(trader, order.id)
    settings.with_leverage(state, trader, market, events)


def _keep_date(state: Exchange, order: OpenOrder) -> None:
    """Let an order that lives on expire at its date."""
    if order.good_till_ms is not None and order.id in state.orders:
        timers.add(state, order.good_till_ms, "good_till", str(order.id))


def _check_stop_price(market: Market, price: object) -> None:
    try:
        gate.ticks_of(market, price)  # type: ignore[arg-type]
    except Refusal as refusal:
        codes = {Code.PRICE_NOT_POSITIVE: Code.STOP_NOT_POSITIVE, Code.PRICE_TOO_HIGH: Code.STOP_TOO_HIGH}
        raise Refusal(codes.get(refusal.code, refusal.code), "stopPrice") from None


def _own(trader: Trader, symbol: str, order_id: OrderId) -> OpenOrder:
    order = trader.orders.get(order_id)
    if order is None or order.symbol != symbol:
        raise Refusal(Code.NO_SUCH_ORDER)
    return order
