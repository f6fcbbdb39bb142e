"""What the lists of an account hold: its orders, trades, incomes, margin moves, each row as it is answered.

Orders that live are kept here in their last state; what ended goes to the archive, with the time until which the venue
keeps it (`case/retention.py`), so that old evidence really disappears.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import structs

from margincall.case.retention import (
    DOC,
    FORCED,
    INCOME,
    MARGIN_MOVES,
    ORDERS,
    TRADES,
    UNFILLED,
    Retention,
    expires_ms,
)
from margincall.core.account import PositionKey
from margincall.core.events import Fill, Flow, MarginMove, Order
from margincall.core.rounding import booked, plain
from margincall.core.units import ZERO, Price
from margincall.exchange.conditional import TRIGGERED
from margincall.exchange.events import AnyExchangeEvent
from margincall.exchange.ledger import TAKEN_OVER
from margincall.server.algos import Algos
from margincall.server.archive import Archive
from margincall.server.notes import Notes
from margincall.wire import encode
from margincall.wire.encode_orders import force_order_row, order_row
from margincall.wire.prints import PrintedOrder
from margincall.wire.serve_account import amendment_row, income_row
from margincall.wire.spelling import Json

AMENDMENTS = Retention("changes of orders", months=3, source=DOC)
"""A rescue does not ask for them, so that its table does not list them."""
ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "EXPIRED_IN_MATCH"})
FORCED_CLOSES: Mapping[str, str] = {"liquidation": "LIQUIDATION", "adl": "ADL"}
ALGO_SINCE = "2025-12-09"
"""API date since which conditional orders have lists and ids of their own."""
LEGS_UNTIL = "2026-06-09"
"""API date from which their rows have no prices of take-profit and stop-loss."""
OF_ACCOUNTS = (Order, Fill, Flow, MarginMove)
LATEST = "9999"
PRICE_PLACES = 8
"""Decimals of prices that are printed as they are."""
encoded = msgspec.json.encode


class Placed(msgspec.Struct, gc=False):
    """An order in its last state, and when it was placed; how its price was matched to the book (the exchange does not
    know that: it is in the notes), and how often it was amended."""

    order: PrintedOrder
    placed_ms: int
    price_match: str = "NONE"
    amended: int = 0

    def row(self) -> Json:
        """As `openOrders` and `allOrders` print it."""
        row = order_row(printed_value(self.order), self.placed_ms)
        return row if self.price_match == "NONE" else {**row, "priceMatch": self.price_match}


packed = msgspec.msgpack.encode
_unpacked = msgspec.msgpack.Decoder(Placed).decode


def row_of(kept: bytes) -> bytes:
    """The row of an order that ended, of what is kept of it."""
    return encoded(_unpacked(kept).row())


class Record:
    """One account."""

    def __init__(self, name: str, archive: Archive, notes: Notes) -> None:
        """Nothing has happened yet."""
        self.name = name
        self._archive, self._notes = archive, notes
        self.live: dict[int, Placed] = {}
        self.changed: dict[object, int] = {}
        """When a balance (by asset) or position (by key) changed last."""
        self.matched: dict[str, str] = {}
        """How the price of an order that comes in now was matched, by its client id."""
        self._incomes = self._moves = 0
        self._amendments = 0

    def take(self, event: AnyExchangeEvent, margin_asset: str) -> None:
        """One event of the account. `margin_asset` is that of its symbol."""
        match event:
            case Order():
                self._order(event)
            case Fill():
                self._changed(event.time_ms, (event.symbol, event.side), margin_asset)
                self._fill(event)
            case Flow():
                for asset in event.applied:
                    self.changed[asset] = event.time_ms
                self._income(event)
            case MarginMove():
                self._changed(event.time_ms, (event.symbol, event.side), event.asset)
                self._moves += 1
                times = event.time_ms, expires_ms(MARGIN_MOVES, event.time_ms)
                row = encode.margin_change_row(event)
                self._keep("positionMargin", event.symbol, self._moves, times, row=row, kind=str(row["type"]))
            case _:
                pass

    def _changed(self, time_ms: int, key: PositionKey, asset: str) -> None:
        self.changed[key] = self.changed[asset] = time_ms

    def _order(self, event: Order) -> None:
        assert isinstance(event, PrintedOrder)
        number = int(event.order_id)
        placed = self.live.get(number)
        if placed is None:
            matched = self.matched.pop(event.client_order_id, "NONE") if self.matched else "NONE"
            placed = self.live[number] = Placed(event, event.time_ms, self._notes.matched(number, 0, matched))
        else:
            if event.execution == "AMENDMENT":
                self._amendment(event, placed)
            placed.order = event
        if event.status in ENDED and event.expire_reason != TRIGGERED:
            del self.live[number]
            self._ended(number, placed)

    def _amendment(self, event: PrintedOrder, placed: Placed) -> None:
        placed.amended += 1
        placed.price_match = self._notes.matched(int(event.order_id), placed.amended, placed.price_match)
        self._amendments += 1
        row = amendment_row(placed.order, event, number=self._amendments, count=placed.amended)
        row["priceMatch"] = placed.price_match
        times = event.time_ms, expires_ms(AMENDMENTS, event.time_ms)
        self._keep("amendments", event.symbol, self._amendments, times, row=row, kind=event.order_id)

    def _ended(self, number: int, placed: Placed) -> None:
        order, placed_ms = placed.order, placed.placed_ms
        rule = ORDERS if order.executed else UNFILLED
        times = placed_ms, expires_ms(rule, order.time_ms)
        self._archive.add(
            "orders", self.name, order.symbol, number, time_ms=times[0], keeps_ms=times[1], row=packed(placed),
            kind=order.client_order_id,
        )  # fmt: skip
        if order.close in FORCED_CLOSES:
            row, kind = force_order_row(printed_value(order), placed_ms), FORCED_CLOSES[order.close]
            times = placed_ms, expires_ms(FORCED, order.time_ms)
            self._keep("forceOrders", order.symbol, number, times, row=row, kind=kind)

    def _fill(self, fill: Fill) -> None:
        if fill.trade_id != TAKEN_OVER:
            row = encode.user_trade_row(structs.replace(printed_fill(fill), account=""))
            times = fill.time_ms, expires_ms(TRADES, fill.time_ms)
            self._keep("trades", fill.symbol, int(fill.trade_id), times, row=row, kind=fill.order_id)
            self._income(fill)
            return
        profit = Flow(
            time_ms=fill.time_ms, seq=fill.seq, applied={fill.fee_asset or "": fill.realized or ZERO},
            category="realized_pnl", reason="REALIZED_PNL", symbol=fill.symbol, side=fill.side, tran_id=str(fill.seq),
        )  # fmt: skip
        self._income(profit)

    def _income(self, event: Fill | Flow) -> None:
        for row in map(income_row, encode.income_rows(event)):
            self._incomes += 1
            times = event.time_ms, expires_ms(INCOME, event.time_ms)
            self._keep("income", event.symbol, self._incomes, times, row=row, kind=str(row["incomeType"]))

    def _keep(
        self, name: str, symbol: str, number: int, times_ms: tuple[int, int], *, row: Json, kind: str = ""
    ) -> None:
        """A row of a time, kept until another."""
        time_ms, keeps_ms = times_ms
        self._archive.add(
            name, self.name, symbol, number, time_ms=time_ms, keeps_ms=keeps_ms, row=encoded(row), kind=kind
        )


def printed_value(order: PrintedOrder) -> PrintedOrder:
    """An order with its executed value in the decimals that are printed."""
    if order.executed_value is None:
        return order
    return structs.replace(order, account="", executed_value=booked(order.executed_value))


def printed_fill(fill: Fill) -> Fill:
    """A fill with its price as it is printed: one off the tick, of deleveraging, without the zeros of its division."""
    exponent = fill.price.as_tuple().exponent
    is_long = isinstance(exponent, int) and exponent < -PRICE_PLACES
    return structs.replace(fill, price=Price(plain(fill.price))) if is_long else fill


class Records:
    """All accounts, by name."""

    def __init__(
        self, archive: Archive, assets: Mapping[str, str], api_date: str = LATEST, notes: Notes | None = None
    ) -> None:
        """`assets` are the margin assets by symbol. Since `ALGO_SINCE` orders that wait are in `algos`, not among the
        orders."""
        self._archive, self._assets, self._notes = archive, assets, notes or Notes()
        archive.told["orders"] = row_of
        self.algos = Algos(archive, has_legs=api_date < LEGS_UNTIL)
        self._has_algos = api_date >= ALGO_SINCE
        self.by_name: dict[str, Record] = {}

    def of(self, name: str) -> Record:
        """The record of an account."""
        found = self.by_name.get(name)
        if found is None:
            found = self.by_name[name] = Record(name, self._archive, self._notes)
        return found

    def take(self, events: Iterable[AnyExchangeEvent]) -> None:
        """What happened, to whom."""
        for event in events:
            if self._has_algos and self.algos.take(event):
                continue
            if isinstance(event, OF_ACCOUNTS) and event.account:
                self.of(event.account).take(event, self._assets.get(event.symbol, ""))
