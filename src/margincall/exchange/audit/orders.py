"""How orders live and trade, naively: sorted lists are walked, and every waiting order is asked by every price."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from margincall.core.contract import value
from margincall.core.events import Fill, Flow, MarginMove, Setting
from margincall.core.fold import fold
from margincall.core.units import Price, Quantity
from margincall.exchange.audit import gate, gate_orders
from margincall.exchange.audit.view import ONE, SIDES, View
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import OpenOrder

HUNDRED = Decimal(100)


class Traded(NamedTuple):
    """One trade as it must happen."""

    taker: int
    maker: int
    symbol: str
    price: Decimal
    quantity: Decimal


class Orders:
    """A view whose orders meet each other and their triggers."""

    def __init__(self, view: View) -> None:
        """Begins where the view stands."""
        self.view = view
        self.trades: list[Traded] = []
        self.arrived = max(view.arrivals.values(), default=0)

    def _say(self, event: Fill | Flow | Setting | MarginMove) -> None:
        accounts = self.view.accounts
        accounts[event.account] = fold(accounts[event.account], event, self.view.rules.venue)

    def _drop(self, ids: Iterable[int]) -> None:
        for number in list(ids):
            self.view.orders.pop(number, None)

    # --- matching -----------------------------------------------------------------------------------------

    def _submit(self, order: OpenOrder, bound: int | None) -> None:
        """Meet the other side in priority; what is left rests or ends; orders that only reduce are cut."""
        view = self.view
        left = min(order.left, view.reducible(order)) if order.closes else order.left
        worst = order.ticks if order.ticks is not None else bound
        mode = "NONE" if order.time_in_force == "FOK" else order.self_trade_prevention
        stopped = False
        if order.time_in_force == "GTX" and next(view.opposite(order, worst), None) is not None:
            return
        met = []
        for maker in view.opposite(order, worst):
            if not left or stopped:
                break
            if mode != "NONE" and maker.account == order.account:
                if mode != "EXPIRE_TAKER":
                    self._drop([maker.id])
                stopped = mode != "EXPIRE_MAKER"
                continue
            lots = min(left, maker.left)
            met.append((maker, lots))
            left -= lots
        for maker, lots in met:
            self._trade(order, maker, lots)
        if left and not stopped and order.ticks is not None and order.time_in_force not in ("IOC", "FOK"):
            order.lots = order.filled + left  # type: ignore[assignment]
            view.orders[order.id] = order
            self.arrived += 1
            view.arrivals[order.id] = self.arrived
        for name in sorted({order.account, *(maker.account for maker, _ in met)}):
            self._trim(name, order.symbol)
        self._drop(orphans(view))

    def _trade(self, taker: OpenOrder, maker: OpenOrder, lots: int) -> None:
        view, contract = self.view, self.view.contract(taker.symbol)
        price, size = view.price(maker), contract.lot * lots
        worth = abs(value(contract, Quantity(size), Price(price)))
        for order, is_maker in ((taker, False), (maker, True)):
            order.filled += lots  # type: ignore[assignment]
            order.traded_value += worth
            fill = Fill(time_ms=view.now, account=order.account, symbol=order.symbol, side=order.position_side,
                        quantity=size if order.side == "BUY" else -size, price=price, trade_id="",
                        fee_asset=contract.margin_asset, maker=is_maker)  # fmt: skip
            self._say(fill)
        if not maker.left:
            self._drop([maker.id])
        view.last[taker.symbol] = Price(price)
        self.trades.append(Traded(taker.id, maker.id, taker.symbol, price, size))

    def _trim(self, name: str, symbol: str) -> None:
        """No sweep of the own orders may turn a position: of those that only reduce, what lies beyond is cut."""
        for key_side in SIDES:
            for side in ("BUY", "SELL"):
                queue = [each for each in self.view.resting(symbol, side)
                         if each.account == name and each.position_side == key_side]  # fmt: skip
                if not any(each.closes for each in queue):
                    continue
                room = self.view.reducible(queue[0])
                for order in queue:
                    if order.closes and order.left > room:
                        order.lots = order.filled + room  # type: ignore[assignment]
                        if not room:
                            self._drop([order.id])
                            continue
                    room = max(room - order.left, 0)

    # --- triggers -----------------------------------------------------------------------------------------

    def _fire_all(self, due: list[OpenOrder]) -> None:
        """Fire these, one after the other, then what the trades of each of them reach."""
        while due:
            order, *due = due
            if order.id in self.view.orders:
                since = len(self.trades)
                self._fire(order)
                due += self._reached_by_trades(since, due)

    def _reached_by_trades(self, since: int, due: Iterable[OpenOrder]) -> list[OpenOrder]:
        """What the trades from `since` on reach: each of their prices counts."""
        found = list(due)
        count = len(found)
        for trade in self.trades[since:]:
            found += self._reached(trade.symbol, "CONTRACT_PRICE", trade.price, found)
        return found[count:]

    def _reached(self, symbol: str, kind: str, price: Decimal, due: Iterable[OpenOrder]) -> list[OpenOrder]:
        """Ask every waiting order, the oldest first, whether this price fires it."""
        known = [each.id for each in due]
        waiting = [each for each in self.view.orders.values() if each.waiting and each.id not in known]
        asked = [each for each in waiting if each.symbol == symbol and each.working_type == kind]
        found = [each for each in asked if reached(each, price)]
        return [each for each in sorted(found, key=lambda each: each.id) if self._is_free(each, price)]

    def _is_free(self, order: OpenOrder, price: Decimal) -> bool:
        """Price protection holds a trigger back while mark and last are far apart."""
        mark = self.view.marks.get(order.symbol)
        last = price if order.working_type == "CONTRACT_PRICE" else self.view.last[order.symbol]
        if not order.price_protect or mark is None or last is None:
            return True
        share = self.view.markets[order.symbol].listing.filters.trigger_protect
        return mark * (ONE - share) <= last <= mark * (ONE + share)

    def _fire(self, order: OpenOrder) -> None:
        """A triggered order comes in as a new one does, or expires."""
        view = self.view
        del view.orders[order.id]
        order.waiting = False
        order.original_kind = order.kind
        order.kind = "LIMIT" if order.ticks is not None else "MARKET"
        try:
            gate.need(not order.closes or view.reducible(order) > 0, Code.REDUCE_ONLY_REJECT)
            if order.close_position:
                order.lots = view.reducible(order)  # type: ignore[assignment]
            gate_orders.percent(view, order)
            gate_orders.affordable(view, order)
            bound = gate_orders.market_bound(view, order)
            gate_orders.fillable(view, order)
        except Refusal:
            return
        self._submit(order, bound)


def orphans(view: View) -> list[int]:
    """What waits no longer than its position, and has none that it could reduce."""
    tied = [each for each in view.orders.values() if each.waiting and each.time_in_force == "GTE_GTC"]
    return [each.id for each in tied if not view.reducible(each)]


def reached(order: OpenOrder, price: Decimal) -> bool:
    """Whether a price fires an order; a trailing stop follows it first."""
    buys = order.side == "BUY"
    if order.stop_price is not None:
        rising = buys == (order.kind in ("STOP", "STOP_MARKET"))
        return price >= order.stop_price if rising else price <= order.stop_price
    if order.extreme is None:
        wanted = order.activation_price
        if wanted is not None and not (price <= wanted if buys else price >= wanted):
            return False
        order.extreme = price
    order.extreme = min(order.extreme, price) if buys else max(order.extreme, price)
    share = (order.callback_rate or HUNDRED) / HUNDRED
    return price >= order.extreme * (ONE + share) if buys else price <= order.extreme * (ONE - share)
