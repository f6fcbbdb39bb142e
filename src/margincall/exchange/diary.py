"""An account's history as the venue tells it: its events, with what the venue prints about the account between them.

The user-data stream says a change of the wallet by the account update after it, and a trade by an account update
before it (`docs/spec/incidents.md`); what the fund takes over is no trade, and seen by its result alone. So the prints
are made here, from the fold of the same events.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import localcontext

from msgspec import structs

from margincall.core.account import Account, AssetIndex, Marks, PositionKey
from margincall.core.brackets import BracketTable
from margincall.core.contract import entry_price
from margincall.core.events import (
    AnyEvent,
    BalancePrint,
    Fill,
    Flow,
    IndexPrice,
    MarginMove,
    MarkPrice,
    Order,
    Setting,
    Statement,
)
from margincall.core.fold import fold
from margincall.core.margin import cross_wallet, position_terms
from margincall.core.prices import break_even
from margincall.core.rounding import CONTEXT, booked, exact, plain, printed_entry
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price
from margincall.exchange.events import AnyExchangeEvent, FaultSet, LiquidationStarted, Warned
from margincall.exchange.faults import wrong_table
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.standing import Told, reserved, rests, standing
from margincall.wire.encode_state import AccountState
from margincall.wire.prints import PrintedOrder, ShownPosition

NO_LIGHTS: Mapping[PositionKey, int] = {}


class Diary:
    """Tells one account's events, and keeps what the venue has to print between them: account and marks as they
    stand."""

    def __init__(self, name: str, rules: VenueRules) -> None:
        """An account of which nothing has been told."""
        self.name = name
        self.rules = self._genuine = rules
        self.applied: Mapping[str, BracketTable] = rules.tables
        """The brackets by which the account was liquidated last; until then those in force."""
        self.liquidated_ms: int | None = None
        """When that was."""
        self.account = Account()
        self.prices: dict[str, Price] = {}
        self.indices: dict[str, AssetIndex] = {}
        self.changed: dict[object, int] = {}
        """When a balance (by asset) or position (by key) changed last: what answers are dated with."""
        self.orders: dict[str, Order] = {}
        """The orders that rest in the book, in their last state."""
        self._order: Order | None = None

    def tell(self, events: Iterable[AnyExchangeEvent]) -> Iterator[AnyEvent]:
        """The account's own of these events, with the venue's prints, in the order of its user-data stream."""
        with localcontext(CONTEXT):
            for event in events:
                if isinstance(event, MarkPrice):
                    self.prices[event.symbol] = Price(event.price)
                elif isinstance(event, IndexPrice):
                    self.indices[event.asset] = AssetIndex(event.index, event.bid, event.ask)
                elif isinstance(event, FaultSet):
                    self._rule_by(event)
                elif getattr(event, "account", "") == self.name:
                    yield from self._told(event)

    def _told(self, event: AnyExchangeEvent) -> Iterator[AnyEvent]:
        match event:
            case Order(execution="TRADE"):
                self._order = self._placed(event)  # goes with the fill that follows
            case Order():
                yield self._placed(event)
            case Fill():
                yield from self._trade(event)
            case Flow():
                self.account = fold(self.account, event, self.rules)
                yield event
                yield self._update(event.time_ms, event.reason, self._charged(event), tuple(event.applied))
            case MarginMove():
                self.account = fold(self.account, event, self.rules)
                yield event
                yield self._update(event.time_ms, "MARGIN_TRANSFER", [(event.symbol, event.side)], (event.asset,))
            case Setting():
                self.account = fold(self.account, event, self.rules)
                yield event
                if event.margin is not None:
                    yield self._update(event.time_ms, "MARGIN_TYPE_CHANGE", [(event.symbol, "BOTH")], ())
            case Warned():
                yield self._margin_call(event)
            case LiquidationStarted():
                self.applied, self.liquidated_ms = self.rules.tables, event.time_ms
            case _:
                pass

    def _rule_by(self, fault: FaultSet) -> None:
        """The venue computes and prints by the brackets that it really applies, also while they are wrong."""
        if fault.fault == "wrong_brackets":
            table = self._genuine.brackets(fault.symbol)
            if fault.on and fault.value is not None:
                table = wrong_table(table, fault.value)
            self.rules = self.rules.with_tables({fault.symbol: table})

    def _trade(self, fill: Fill) -> Iterator[AnyEvent]:
        """The account update of a trade, then the order with its fill; of a takeover the update alone."""
        self.account = fold(self.account, fill, self.rules)
        assets = (self.rules.contract(fill.symbol).margin_asset, fill.fee_asset or "")
        taken_over = fill.trade_id == TAKEN_OVER
        yield self._update(
            fill.time_ms, "INSURANCE_CLEAR" if taken_over else "ORDER", [(fill.symbol, fill.side)], assets
        )
        if not taken_over:
            if self._order is not None:
                yield self._order
            yield fill
        self._order = None

    def snapshot(self, lights: Mapping[PositionKey, int] = NO_LIGHTS) -> AccountState:
        """The account as the answers print it now; `lights` are its places in the queue of deleveraging, which depend
        on others."""
        marks = Marks(self.prices, self.indices)
        return standing(
            Told(
                account=self.account,
                marks=marks,
                rules=self.rules,
                orders=self.orders.values(),
                changed=self.changed,
                lights=lights,
            )
        )

    def _placed(self, order: Order) -> Order:
        """Keep an order while it rests; its message prints what all that rest would add to the position."""
        self.orders.pop(order.order_id, None)
        if rests(order):
            self.orders[order.order_id] = order
        if not isinstance(order, PrintedOrder):
            return order
        held = reserved(self.orders.values(), (order.symbol, order.side), self.rules.contract(order.symbol))
        return structs.replace(order, bids=held.buys, asks=held.sells)

    def _charged(self, flow: Flow) -> list[PositionKey]:
        """The isolated position that a flow is about, if it pays from its own wallet."""
        if flow.category not in ("funding", "insurance_clear"):
            return []
        return [
            each.key
            for each in self.account.open_positions()
            if each.margin == "isolated" and each.symbol == flow.symbol and flow.side in (None, each.side)
        ]

    def _update(self, time_ms: int, about: str, keys: Sequence[PositionKey], assets: Sequence[str]) -> Statement:
        for changed in (*keys, *assets):
            self.changed[changed] = time_ms
        return Statement(
            time_ms=time_ms,
            origin="update",
            about=about,
            balances=self._balances([asset for asset in dict.fromkeys(assets) if asset]),
            positions=tuple(self._printed(key) for key in keys),
        )

    def _margin_call(self, warned: Warned) -> Statement:
        """MARGIN_CALL with the positions of the pool; the cross wallet where it is a cross pool."""
        kind, _, rest = warned.pool.partition(":")
        keys = [
            each.key
            for each in self.account.open_positions()
            if (f"{each.symbol}:{each.side}" == rest if kind == "isolated" else each.margin == "cross")
            and (kind != "cross" or self.rules.contract(each.symbol).margin_asset == rest)
        ]
        return Statement(
            time_ms=warned.time_ms,
            origin="margin_call",
            balances=self._balances([rest]) if kind == "cross" else (),
            positions=tuple(self._printed(key) for key in keys),
        )

    def _balances(self, assets: Sequence[str]) -> tuple[BalancePrint, ...]:
        return tuple(
            BalancePrint(asset, self.account.wallets.get(asset, ZERO), cross_wallet(self.account, asset, self.rules))
            for asset in assets
        )

    @exact
    def _printed(self, key: PositionKey) -> ShownPosition:
        held, contract = self.account.position(key), self.rules.contract(key[0])
        mark = self.prices.get(key[0])
        terms = position_terms(held, Marks(self.prices), self.rules) if held.quantity and mark else None
        even = break_even(terms) if terms is not None else None
        return ShownPosition(
            *key,
            quantity=held.quantity,
            entry=entry_price(contract, held.quantity, held.cost) or printed_entry(ZERO, contract.entry_places),
            realized=held.realized,
            unrealized=booked(terms.unrealized) if terms is not None else ZERO,
            margin=self.account.margin_types.get(key[0], "cross"),
            isolated_wallet=held.isolated_wallet,
            mark=mark,
            maintenance=booked(terms.maintenance) if terms is not None else ZERO,
            break_even=None if even is None else plain(booked(even)),
        )


def told(name: str, events: Iterable[AnyExchangeEvent], rules: VenueRules) -> list[AnyEvent]:
    """The whole history of an account, as its user-data stream tells it."""
    return list(Diary(name, rules).tell(events))
