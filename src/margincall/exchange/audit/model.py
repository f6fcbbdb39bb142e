"""What a command must do until the liquidation desk looks at it: a naive exchange without a desk.

The model takes a view of the state before, the command, and what only the engine can know (marks by rule, payments of
funding), and changes the view as the rules say: it matches by walking sorted lists, fires triggers by asking every
waiting order, and books by `core.fold`. It knows no indices, heaps, bands or shortcuts.
"""

from collections.abc import Iterable
from copy import copy
from decimal import Decimal

from margincall.core.account import AssetIndex
from margincall.core.events import Flow, MarginMove, MarkPrice, Setting
from margincall.exchange import commands
from margincall.exchange.audit import gate, gate_orders
from margincall.exchange.audit.orders import Orders
from margincall.exchange.commands import AnyCommand
from margincall.exchange.events import AnyExchangeEvent
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import OpenOrder


class Model(Orders):
    """A view that commands change."""

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
            case commands.Quote():
                self._quote(command)
            case commands.Countdown():
                self._countdown(command)
            case commands.Advance():
                gate.need(command.time_ms >= view.now, Code.CLOCK_RUNS_BACK)
                latest = min(view.now + 2_678_400_000, 253_402_300_799_000)
                gate.need(command.time_ms <= latest, Code.CLOCK_TOO_FAR)
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
            case commands.SetMarks():
                view.marks.update(command.prices)
                for symbol in sorted(command.prices):
                    self._fire_marked(symbol)
            case commands.Decide():
                for event in told:
                    if isinstance(event, Flow):
                        self._say(event)
            case commands.SetIndex():
                for event in told:
                    if isinstance(event, MarkPrice):
                        self._mark(event.symbol, event.price)

    def _pay(self, name: str, asset: str, amount: Decimal, reason: str) -> None:
        self._say(Flow(time_ms=self.view.now, account=name, applied={asset: amount}, category="transfer",
                       reason=reason))  # fmt: skip

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
        self._fire_marked(symbol)

    def _fire_marked(self, symbol: str) -> None:
        """What the mark of a symbol triggers."""
        self._fire_all(self._reached(symbol, "MARK_PRICE", self.view.marks[symbol], ()))

    # --- orders -------------------------------------------------------------------------------------------

    def _place(self, command: commands.PlaceOrder) -> None:
        view = self.view
        order = gate_orders.place(view, command)
        if order.waiting:
            gate_orders.stop_limit(view, order)
            gate_orders.not_reached(view, order)
            gate_orders.follows(view, order)
            self._accepted(order)
            if order.callback_rate is not None and order.activation_price is None:
                order.extreme = view.looked_at(order)
            view.orders[order.id] = order
            return
        gate_orders.percent(view, order)
        gate.need(not order.closes or view.reducible(order) > 0, Code.REDUCE_ONLY_REJECT)
        bound = gate_orders.market_bound(view, order)
        gate_orders.affordable(view, order)
        gate_orders.fillable(view, order)
        self._accepted(order)
        since = len(self.trades)
        self._submit(order, bound)
        self._fire_all(self._reached_by_trades(since, ()))

    def _accepted(self, order: OpenOrder) -> None:
        self.view.next_order += 1
        self._with_leverage(order.account, order.symbol)

    def _with_leverage(self, name: str, symbol: str) -> None:
        view = self.view
        if symbol not in view.accounts[name].leverage:
            first = view.markets[symbol].listing.default_leverage
            self._say(Setting(time_ms=view.now, account=name, symbol=symbol, leverage=first))

    def _quote(self, command: commands.Quote) -> None:
        """The orders of a quote instead of those of the one before; each meets the other side as any order does."""
        view, name, symbol = self.view, command.account, command.symbol
        asked = gate_orders.quote(view, command)
        quotes = view.quotes.setdefault(name, {})
        self._drop(quotes.get(symbol, ()))
        quotes[symbol] = []
        self._with_leverage(name, symbol)
        since = len(self.trades)
        for order in asked:
            order.id = view.next_order  # type: ignore[assignment]
            view.next_order += 1
            order.client_order_id = gate_orders.free_client_id(view, name, order.id)
            quotes[symbol].append(order.id)
            self._submit(order, None)
        self._trim(name, symbol)
        self._fire_all(self._reached_by_trades(since, ()))

    def _amend(self, command: commands.AmendOrder) -> None:
        view = self.view
        view.account(command.account)
        view.listed(command.symbol)
        order = view.orders.get(command.order_id)
        known = order is not None and (order.account, order.symbol) == (command.account, command.symbol)
        if order is None or not known:
            raise Refusal(Code.NO_SUCH_ORDER)
        gate.need(not order.waiting, Code.ONLY_LIMIT)
        ticks = gate_orders.ticks_of(view, order.symbol, command.price)
        lots = gate_orders.lots_of(view, order.symbol, command.quantity, is_market=False)
        gate.need((ticks, lots) != (order.ticks, order.lots), Code.NOTHING_TO_AMEND)
        del view.orders[order.id]
        if lots <= order.filled:
            return
        changed = copy(order)
        changed.ticks, changed.lots = ticks, lots  # type: ignore[assignment]
        try:
            gate_orders.percent(view, changed)
            gate_orders.least_notional(view, changed, Code.AMENDED_TOO_SMALL)
            gate_orders.affordable(view, changed)
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
