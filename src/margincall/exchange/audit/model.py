"""What a command must do until the liquidation desk looks at it: a naive exchange without a desk.

The model takes a view of the state before, the command, and what only the engine can know (marks by rule, payments of
funding), and changes the view as the rules say: it matches by walking sorted lists, fires triggers by asking every
waiting order, and books by `core.fold`. It knows no indices, heaps, bands or shortcuts.
"""

from collections.abc import Iterable
from copy import copy
from decimal import Decimal
from typing import NamedTuple

from margincall.core.account import AssetIndex
from margincall.core.contract import value
from margincall.core.events import Fill, Flow, MarginMove, MarkPrice, Setting
from margincall.core.fold import fold
from margincall.core.units import Price, Quantity
from margincall.exchange import commands
from margincall.exchange.audit import gate
from margincall.exchange.audit.view import ONE, SIDES, View
from margincall.exchange.commands import AnyCommand
from margincall.exchange.events import AnyExchangeEvent
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


class Model:
    """A view that commands change."""

    def __init__(self, view: View) -> None:
        """Begins where the view stands."""
        self.view = view
        self.trades: list[Traded] = []
        self.arrived = max(view.arrivals.values(), default=0)

    def do(self, command: AnyCommand, told: Iterable[AnyExchangeEvent]) -> None:
        """Carry a command out; raises the `Refusal` that must come. `told` are the engine's events, of which only
        marks by rule and payments of funding and clearance are taken."""
        view = self.view
        match command:
            case commands.PlaceOrder():
                self._place(command)
            case commands.AmendOrder():
                self._amend(command)
            case commands.CancelOrder():
                self._cancel(command)
            case commands.CancelAll():
                view.account(command.account)
                view.listed(command.symbol)
                self._drop(each.id for each in view.own(command.account, command.symbol))
            case commands.Countdown():
                self._countdown(command)
            case commands.Advance():
                gate.need(command.time_ms >= view.now, Code.CLOCK_RUNS_BACK)
                self._advance(command.time_ms, told)
            case _:
                gate.GATES[type(command)](view, command)
                self._set(command, told)

    # --- settings and prices ------------------------------------------------------------------------------

    def _set(self, command: AnyCommand, told: Iterable[AnyExchangeEvent]) -> None:
        view, now = self.view, self.view.now
        match command:
            case commands.Transfer():
                reason = "DEPOSIT" if command.amount > 0 else "WITHDRAW"
                self._pay(command.account, command.asset, command.amount, reason)
            case commands.Fund():
                self._pay("insurance_fund", command.asset, command.amount, "DEPOSIT")
            case commands.OpenAccount():
                view.accounts[command.account] = type(view.accounts["fees"])()
                view.hedge[command.account] = False
            case commands.SetLeverage():
                self._say(Setting(time_ms=now, account=command.account, symbol=command.symbol,
                                  leverage=command.leverage))  # fmt: skip
            case commands.SetMarginType():
                self._say(Setting(time_ms=now, account=command.account, symbol=command.symbol, margin=command.margin))
            case commands.SetAssetMode():
                self._say(Setting(time_ms=now, account=command.account, multi_assets=command.multi_assets))
            case commands.SetPositionMode():
                view.hedge[command.account] = command.hedge
            case commands.MoveMargin():
                asset = view.contract(command.symbol).margin_asset
                self._say(MarginMove(time_ms=now, account=command.account, symbol=command.symbol,
                                     side=command.position_side, asset=asset, amount=command.amount))  # fmt: skip
            case commands.SetAssetIndex():
                view.indices[command.asset] = AssetIndex(command.index, command.bid, command.ask)
            case commands.SetMark():
                self._mark(command.symbol, command.price)
            case commands.SetIndex():
                for event in told:
                    if isinstance(event, MarkPrice):
                        self._mark(event.symbol, event.price)

    def _pay(self, name: str, asset: str, amount: Decimal, reason: str) -> None:
        self._say(Flow(time_ms=self.view.now, account=name, applied={asset: amount}, category="transfer",
                       reason=reason))  # fmt: skip

    def _say(self, event: Fill | Flow | Setting | MarginMove) -> None:
        accounts = self.view.accounts
        accounts[event.account] = fold(accounts[event.account], event, self.view.rules.venue)

    def _advance(self, to_ms: int, told: Iterable[AnyExchangeEvent]) -> None:
        """Orders and countdowns fall due in time; between them come the marks and payments that the engine tells."""
        for event in told:
            if isinstance(event, MarkPrice):
                self._due(event.time_ms - 1)
                self.view.now = event.time_ms
                self._mark(event.symbol, event.price)
            elif isinstance(event, Flow):
                self._say(event)
        self._due(to_ms)
        self.view.now = to_ms

    def _due(self, until_ms: int) -> None:
        """Everything that ends at or before a time."""
        view = self.view
        self._drop(each.id for each in list(view.orders.values())
                   if each.good_till_ms is not None and each.good_till_ms <= until_ms)  # fmt: skip
        for about in [about for about, at in view.countdowns.items() if at <= until_ms]:
            del view.countdowns[about]
            name, _, symbol = about.rpartition(" ")
            self._drop(each.id for each in view.own(name, symbol))

    def _mark(self, symbol: str, price: Decimal) -> None:
        self.view.marks[symbol] = price
        self._fire_all(self._reached(symbol, "MARK_PRICE", price, ()))

    # --- orders -------------------------------------------------------------------------------------------

    def _place(self, command: commands.PlaceOrder) -> None:
        view = self.view
        order = gate.place(view, command)
        if order.waiting:
            gate.not_reached(view, order)
            self._accepted(order)
            if order.callback_rate is not None and order.activation_price is None:
                order.extreme = view.looked_at(order)
            view.orders[order.id] = order
            return
        gate.percent(view, order)
        gate.need(not order.closes or view.reducible(order) > 0, Code.REDUCE_ONLY_REJECT)
        bound = gate.market_bound(view, order)
        gate.affordable(view, order)
        gate.fillable(view, order)
        self._accepted(order)
        since = len(self.trades)
        self._submit(order, bound)
        self._fire_all(self._reached_by_trades(since, ()))

    def _accepted(self, order: OpenOrder) -> None:
        view = self.view
        view.next_order += 1
        if order.symbol not in view.accounts[order.account].leverage:
            first = view.markets[order.symbol].listing.default_leverage
            self._say(Setting(time_ms=view.now, account=order.account, symbol=order.symbol, leverage=first))

    def _amend(self, command: commands.AmendOrder) -> None:
        view = self.view
        view.account(command.account)
        view.listed(command.symbol)
        order = view.orders.get(command.order_id)
        known = order is not None and (order.account, order.symbol) == (command.account, command.symbol)
        if order is None or not known:
            raise Refusal(Code.NO_SUCH_ORDER)
        gate.need(not order.waiting, Code.ONLY_LIMIT)
        ticks = gate.ticks_of(view, order.symbol, command.price)
        lots = gate.lots_of(view, order.symbol, command.quantity, is_market=False)
        gate.need((ticks, lots) != (order.ticks, order.lots), Code.NOTHING_TO_AMEND)
        del view.orders[order.id]
        if lots <= order.filled:
            return
        changed = copy(order)
        changed.ticks, changed.lots = ticks, lots  # type: ignore[assignment]
        try:
            gate.percent(view, changed)
            gate.least_notional(view, changed, Code.AMENDED_TOO_SMALL)
            gate.affordable(view, changed)
        except Refusal:
            view.orders[order.id] = order
            raise
        changed.self_trade_prevention = "NONE"
        since = len(self.trades)
        self._submit(changed, None)
        self._fire_all(self._reached_by_trades(since, ()))

    def _cancel(self, command: commands.CancelOrder) -> None:
        view = self.view
        view.account(command.account)
        view.listed(command.symbol)
        gate.need(command.order_id is not None or bool(command.client_order_id), Code.MALFORMED)
        found = [
            each.id for each in view.own(command.account, command.symbol)
            if (each.id == command.order_id if command.order_id is not None
                else each.client_order_id == command.client_order_id)
        ]  # fmt: skip
        gate.need(bool(found), Code.CANCEL_REJECTED)
        self._drop(found)

    def _countdown(self, command: commands.Countdown) -> None:
        view = self.view
        view.account(command.account)
        view.listed(command.symbol)
        gate.need(command.countdown_ms >= 0, Code.NOT_VALID)
        about = f"{command.account} {command.symbol}"
        view.countdowns.pop(about, None)
        if command.countdown_ms:
            view.countdowns[about] = view.now + command.countdown_ms

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
        if left and not stopped and order.ticks is not None and order.time_in_force in ("GTC", "GTD", "GTX"):
            order.lots = order.filled + left  # type: ignore[assignment]
            view.orders[order.id] = order
            self.arrived += 1
            view.arrivals[order.id] = self.arrived
        for name in sorted({order.account, *(maker.account for maker, _ in met)}):
            self._trim(name, order.symbol)

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
        order.kind = "LIMIT" if order.ticks is not None else "MARKET"
        try:
            gate.need(not order.closes or view.reducible(order) > 0, Code.REDUCE_ONLY_REJECT)
            if order.close_position:
                order.lots = view.reducible(order)  # type: ignore[assignment]
            gate.percent(view, order)
            gate.affordable(view, order)
            bound = gate.market_bound(view, order)
            gate.fillable(view, order)
        except Refusal:
            return
        self._submit(order, bound)


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
