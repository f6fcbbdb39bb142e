"""The other direction: events -> the text of each export, as the venue writes it, and the name of its file.

UTF-8 with a byte order mark, lines end in CR LF, nothing is quoted but the empty remark of a statement, times are whole
seconds in a zone that only the file's name (or a heading) tells. What an event does not hold is printed as the venue
prints "none". Layouts and their sources: `docs/spec/exports.md`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.account import MarginType
from margincall.core.events import AnyEvent, Category, Fill, Flow, Order, PositionClosed
from margincall.core.rounding import booked, exact, plain, quotient
from margincall.core.units import ZERO
from margincall.venues import binance_coinm
from margincall.venues.registry import contract_of, venue_of
from margincall.wire import export_keys as keys
from margincall.wire.export_keys import COIN_M, TRANSACTION_TYPES, USD_M
from margincall.wire.row import Keys
from margincall.wire.zones import EPOCH, UTC_ZONE, Zone, spelled

BYTE_ORDER_MARK = "\ufeff"
LINE_END = "\r\n"
MARGIN_WORDS: Mapping[MarginType, str] = {"cross": "Cross", "isolated": "Isolated"}
TYPES: Mapping[Category, str] = {
    "transfer": "TRANSFER",
    "funding": "FUNDING_FEE",
    "commission": "COMMISSION",
    "realized_pnl": "REALIZED_PNL",
    "insurance_clear": "INSURANCE_CLEAR",
    "conversion": "AUTO_EXCHANGE",
    "rebate": "COMMISSION_REBATE",
}
"""The type of a flow whose reason is a word of the stream."""
OPERATIONS: Mapping[Category, str] = {
    "funding": "Funding Fee",
    "commission": "Fee",
    "realized_pnl": "Realized Profit and Loss",
    "insurance_clear": "Insurance Fund Compensation",
    "conversion": "Asset Conversion Transfer",
    "rebate": "Referrer rebates",
}
TRANSFERS = {
    USD_M: "Transfer Between Spot Account and UM Futures Account",
    COIN_M: "Transfer Between Spot Account and CM Futures Account",
}
WALLET_WORDS = {USD_M: "USD-MFutures", COIN_M: "Coin-MFutures"}
EIGHT_PLACES = Decimal("0E-8")
"""A sum with it has at least the eight decimals that statements print."""

Cells = Mapping[str, str]
"""Heading -> cell."""


class Page(Struct, frozen=True):
    """What is the same for a whole file: the user's id, the futures wallet of flows that name neither account nor
    symbol, and how times are printed."""

    user: str
    wallet: str
    zone: Zone
    year: str

    def time(self, time_ms: int) -> str:
        """A moment as the export prints it."""
        local = EPOCH + timedelta(milliseconds=self.zone.local_ms(time_ms))
        return local.strftime(f"%{self.year}-%m-%d %H:%M:%S")


Writer = Callable[[Iterable[AnyEvent], Page], Iterator[Cells]]


class Layout(Struct, frozen=True):
    """One export as the venue writes it: its exact header, and the cells of its rows, oldest first. `stem` begins the
    file's name; `is_utc`: times are UTC whatever the zone."""

    header: str
    rows: Writer
    stem: str
    is_utc: bool


@exact
def encoded(
    layout: str,
    events: Iterable[AnyEvent],
    *,
    user: str = "",
    zone: Zone = UTC_ZONE,
    newest_first: bool = True,
    short_year: bool = False,
) -> bytes:
    """The export of these events (in the order in which they happened) in one of `LAYOUTS`. `user` fills the column of
    the user's id where an event names no account; `short_year`: `26-03-17` instead of `2026-03-17`."""
    chosen, events = LAYOUTS[layout], list(events)
    wallets = {wallet_of_symbol(symbol) for event in events if (symbol := getattr(event, "symbol", ""))}
    page = Page(
        user, COIN_M if wallets == {COIN_M} else USD_M, UTC_ZONE if chosen.is_utc else zone, "y" if short_year else "Y"
    )
    headings = chosen.header.split(",")
    rows = [",".join(cells.get(name, "") for name in headings) for cells in chosen.rows(events, page)]
    lines = [chosen.header, *(reversed(rows) if newest_first else rows)]
    return (BYTE_ORDER_MARK + "".join(line + LINE_END for line in lines)).encode()


def file_name(layout: str, made_ms: int, zone: Zone = UTC_ZONE, suffix: str = ".csv") -> str:
    """The name of a downloaded file, made at a moment: `Binance-Futures-Trade-History-202608302008(UTC+3).csv`."""
    local = EPOCH + timedelta(milliseconds=zone.local_ms(made_ms))
    return f"{LAYOUTS[layout].stem}-{local:%Y%m%d%H%M}({spelled(zone)}){suffix}"


def _trades(events: Iterable[AnyEvent], page: Page) -> Iterator[Cells]:
    for event in events:
        if isinstance(event, Fill):
            yield _trade(event, page)


def _older_trades(events: Iterable[AnyEvent], page: Page) -> Iterator[Cells]:
    """As `_trades`, with the fee's asset in a column of its own."""
    for cells in _trades(events, page):
        yield {**cells, "Fee": cells["Fee"].partition(" ")[0]}


def _trade(event: Fill, page: Page) -> Cells:
    is_buy, quantity = event.quantity > ZERO, abs(event.quantity)
    margin_asset = contract_of(event.symbol).margin_asset
    asset = event.fee_asset or margin_asset
    return {
        **_user(event, page),
        **_times(page.time(event.time_ms)),
        "Symbol": event.symbol,
        "Side": _word(is_buy),
        "Position Side": event.side.title(),
        "Price": _text(event.price),
        "Quantity": _text(quantity),
        "Amount": _text(plain(booked(quantity * event.price))),
        "Fee": f"{_text(event.fee or ZERO)} {asset}",
        "Fee Coin": asset,
        "Realized Profit": _text(event.realized or ZERO),
        "Quote Asset": margin_asset,
        "Buyer": _flag(is_buy),
        "Maker": _flag(event.maker or False),
        **dict.fromkeys(("Trade ID", "Trade Id"), event.trade_id),
        **dict.fromkeys(("Order ID", "Order Id"), event.order_id),
    }


def _orders(events: Iterable[AnyEvent], page: Page) -> Iterator[Cells]:
    """The last state of each order, in the order in which they were placed. A stream tells most executions by their
    fill alone: it is added to the order, or stands for one that it completed."""
    placed_ms: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, str], Order] = {}
    for event in events:
        if isinstance(event, Order) and event.execution != "ALGO":
            placed_ms.setdefault((event.symbol, event.order_id), event.time_ms)
            found[event.symbol, event.order_id] = event
        elif isinstance(event, Fill):
            key = (event.symbol, event.order_id)
            placed_ms.setdefault(key, event.time_ms)
            order = found.get(key)
            if order is None or order.execution in STANDING:
                found[key] = _filled(event, order)
    for key, order in found.items():
        yield _order(order, placed_ms[key], page)


STANDING = frozenset({"NEW", "AMENDMENT", "FILLS"})
"""Executions after which fills still come without a state of their order; FILLS marks an order known by fills alone."""


def _filled(fill: Fill, before: Order | None) -> Order:
    """An order with one more fill."""
    quantity = abs(fill.quantity)
    if before is None:
        is_forced = fill.close == "liquidation"
        before = Order(
            time_ms=fill.time_ms,
            account=fill.account,
            symbol=fill.symbol,
            side=fill.side,
            order_id=fill.order_id,
            client_order_id=fill.client_order_id,
            status="NEW",
            execution="FILLS",
            order_type="LIQUIDATION" if is_forced else "MARKET",
            time_in_force="IOC" if is_forced else "GTC",
            buy=fill.quantity > ZERO,
            quantity=ZERO,
            price=ZERO,
        )
    executed = before.executed + quantity
    worth = before.executed * (before.average_price or ZERO) + quantity * fill.price
    whole = executed if before.execution == "FILLS" else before.quantity
    return structs.replace(
        before,
        time_ms=fill.time_ms,
        quantity=whole,
        executed=executed,
        executed_value=worth,
        average_price=plain(quotient(worth, executed)),
        status="FILLED" if executed >= whole else "PARTIALLY_FILLED",
    )


def _order(event: Order, placed_ms: int, page: Page) -> Cells:
    average = event.average_price or ZERO
    worth = event.executed_value if event.executed_value is not None else event.executed * average
    return {
        **_user(event, page),
        **_times(page.time(placed_ms)),
        "Symbol": event.symbol,
        "Type": event.order_type,
        "Side": _word(event.buy),
        "Position Side": event.side.title(),
        "Price": _text(event.price),
        "Average Price": _text(average),
        "Amount": _text(event.quantity),
        "Executed Amount": _text(event.executed),
        "Executed Quote Amount": _text(plain(worth)),
        "Stop Price": _text(event.stop_price or ZERO),
        "Status": event.status,
        "Client Order Id": event.client_order_id,
        "Time In Force": event.time_in_force,
        "Activate Price": "0",
        "Price Rate": "0.0",
        "Update Time": page.time(event.time_ms),
        "Order No": event.order_id,
    }


def _transactions(events: Iterable[AnyEvent], page: Page) -> Iterator[Cells]:
    for flow in _booked(events):
        kind = flow.reason if flow.reason in TRANSACTION_TYPES else TYPES.get(flow.category, flow.reason)
        for asset, amount in flow.applied.items():
            yield {
                **_times(page.time(flow.time_ms)),
                "Type": kind,
                "type": kind,
                "Amount": _text(amount),
                "Asset": asset,
                "Symbol": flow.symbol,
                "Transaction ID": flow.tran_id,
            }


def _statements(events: Iterable[AnyEvent], page: Page) -> Iterator[Cells]:
    for flow in _booked(events):
        wallet = _wallet(flow, page)
        operation = TRANSFERS[wallet] if flow.category == "transfer" else OPERATIONS.get(flow.category, flow.reason)
        for asset, amount in flow.applied.items():
            time = page.time(flow.time_ms)
            yield {
                **_user(flow, page),
                "Time": time,
                "UTC_Time": time,
                "Account": WALLET_WORDS[wallet],
                "Operation": operation,
                "Coin": asset,
                "Change": _text(amount + EIGHT_PLACES),
                "Remark": '""',
            }


def _positions(events: Iterable[AnyEvent], page: Page) -> Iterator[Cells]:
    for event in events:
        if isinstance(event, PositionClosed):
            yield {
                "Symbol": event.symbol,
                "Margin Mode": MARGIN_WORDS[event.margin],
                "Position Side": event.side.title(),
                "Entry Price": _text(event.entry),
                "Avg. Close Price": _text(event.average_close),
                "Max Open Interest": _text(event.max_quantity),
                "Closed Vol.": _text(event.closed_quantity),
                "Closing PNL": _text(event.realized),
                "Opened": page.time(event.opened_ms),
                "Closed": page.time(event.time_ms),
                "Status": "Closed",
            }


def _booked(events: Iterable[AnyEvent]) -> Iterator[Flow]:
    """Flows, and what fills booked: profit and fee, as far as they are not 0. Rows name no trade; the transaction id is
    the trade's, because an event holds no other."""
    for event in events:
        if isinstance(event, Flow):
            yield event
        elif isinstance(event, Fill):
            margin_asset = contract_of(event.symbol).margin_asset
            booked: tuple[tuple[Category, str, Decimal], ...] = (
                ("realized_pnl", margin_asset, event.realized or ZERO),
                ("commission", event.fee_asset or margin_asset, -(event.fee or ZERO)),
            )
            for category, asset, amount in booked:
                if amount:
                    yield Flow(
                        time_ms=event.time_ms,
                        account=event.account,
                        applied={asset: amount},
                        category=category,
                        reason=TYPES[category],
                        symbol=event.symbol,
                        tran_id=event.trade_id,
                    )


def _wallet(flow: Flow, page: Page) -> str:
    """The futures wallet of a flow: as its account names it, else by its symbol, else that of the file."""
    named = next((wallet for wallet in (USD_M, COIN_M) if flow.account.endswith(wallet)), "")
    return named or (wallet_of_symbol(flow.symbol) if flow.symbol else page.wallet)


def wallet_of_symbol(symbol: str) -> str:
    """The futures wallet in which a symbol is traded. Raises `MissingContract`."""
    return COIN_M if venue_of(symbol) == binance_coinm.VENUE else USD_M


def _user(event: AnyEvent, page: Page) -> Cells:
    user = event.account.removesuffix(USD_M).removesuffix(COIN_M).strip() or page.user
    return dict.fromkeys(("Uid", "User_ID", "User ID"), user)


def _times(time: str) -> Cells:
    return dict.fromkeys(keys.ZONED, time)


def _word(is_buy: bool) -> str:
    return "BUY" if is_buy else "SELL"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _text(number: Decimal) -> str:
    """A decimal as the venue prints it: its digits as they are, no exponent."""
    return f"{number:f}"


def _layouts() -> Iterator[tuple[str, Layout]]:
    """Every header that was seen, by kind of export and variant: `trade history/web`."""
    writers: tuple[tuple[Keys, Mapping[str, str], Writer, str], ...] = (
        (keys.TRADE, keys.TRADE_HEADERS, _trades, "Binance-Futures-Trade-History"),
        (keys.ORDER, keys.ORDER_HEADERS, _orders, "Binance-Futures-Order-History"),
        (keys.TRANSACTION, keys.TRANSACTION_HEADERS, _transactions, "Binance-Futures-Transaction-History"),
        (keys.POSITION, keys.POSITION_HEADERS, _positions, "Binance-Futures-Position-History"),
        (keys.STATEMENT, keys.STATEMENT_HEADERS, _statements, "Binance-Transaction-History"),
    )
    for table, headers, rows, stem in writers:
        for variant, header in headers.items():
            written = _older_trades if "Fee Coin" in header else rows
            yield f"{table.label}/{variant}", Layout(header, written, stem, "UTC" in header.partition("Symbol")[0])


LAYOUTS: Mapping[str, Layout] = dict(_layouts())
"""Name -> layout, for every header of `docs/spec/exports.md`."""
