"""The canonical CSV, both ways: fills, flows and marks of any venue. Columns: `docs/reference/canonical-csv.md`.

Whoever holds the history of a venue that has no reader of its own writes these three files. Fills and flows can then
be folded: sizes, profits and wallets. A margin needs rules of that venue, and none are known here, so no ratio, no
liquidation price and no verdict follow (`venues/elsewhere.py`).
"""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from io import StringIO
from typing import get_args

from margincall.core.contract import Contract
from margincall.core.events import (
    AnyEvent,
    BalancePrint,
    Category,
    CloseKind,
    Fill,
    Flow,
    MarkPrice,
    Statement,
)
from margincall.core.rounding import plain
from margincall.core.units import ONE, ZERO
from margincall.venues import elsewhere
from margincall.wire.iso_time import iso_of, time_in
from margincall.wire.problems import excerpt
from margincall.wire.row import BOUGHT, FLAGS, Keys, Notes, Row, asset_of

FILL_COLUMNS = (
    "time", "account", "symbol", "position_side", "side", "quantity", "price", "fee", "fee_asset", "realized",
    "trade_id", "order_id", "client_order_id", "maker", "close", "contract", "base", "quote", "contract_size",
)  # fmt: skip
FLOW_COLUMNS = (
    "time", "account", "asset", "amount", "cause", "reason", "symbol", "position_side", "tran_id", "trade_id",
    "balance",
)  # fmt: skip
MARK_COLUMNS = ("time", "symbol", "mark_price")

SPELLED = {"side": "buy", "position_side": "side", "mark_price": "price"}
"""Columns that carry another name in the events."""
FILLS, FLOWS, MARKS = (
    Keys(f"canonical {name}", {SPELLED.get(column, column): (column,) for column in columns})
    for name, columns in (("fills", FILL_COLUMNS), ("flows", FLOW_COLUMNS), ("marks", MARK_COLUMNS))
)

FILL_NEEDED = frozenset({"time", "symbol", "buy", "quantity", "price", "contract", "base", "quote"})
FLOW_NEEDED = frozenset({"time", "asset", "amount", "cause"})
MARK_NEEDED = frozenset({"time", "symbol", "price"})

CAUSES: Mapping[str, Category] = {cause.upper(): cause for cause in get_args(Category) if cause != "untraded_pnl"}
CLOSES: Mapping[str, CloseKind] = {close.upper(): close for close in get_args(CloseKind) if close}
CONTRACTS = {"LINEAR": "linear", "INVERSE": "inverse"}
SYMBOL = re.compile(r"[^\s,;\"']{1,40}")


def fill(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of fills -> a `Fill`, and the contract that it describes. `side` says the direction, `quantity` is
    unsigned; a fee paid is positive.

    Without a `trade_id` equal rows of a file are partial fills, not copies. Raises `BadRow`.
    """
    read = Row(dict(row), FILLS, notes)
    notes.contracts.append(contract_of(read))
    size = read.decimal("quantity")
    if size <= ZERO:
        raise read.bad("quantity", f"a traded quantity of {size}; `side` gives the direction")
    fee = read.decimal_or_none("fee")
    if fee and "fee_asset" not in read:
        raise read.bad("fee_asset", "a fee without its asset")
    return [
        Fill(
            time_ms=time_in(read),
            source=notes.source,
            account=read.text("account", ""),
            symbol=_symbol(read),
            side=read.side(),
            quantity=size if read.chosen("buy", BOUGHT) else -size,
            price=read.price("price"),
            trade_id=read.text("trade_id", ""),
            order_id=read.text("order_id", ""),
            client_order_id=read.text("client_order_id", ""),
            fee=fee,
            fee_asset=asset_of(read, "fee_asset") if "fee_asset" in read else None,
            realized=read.decimal_or_none("realized"),
            maker=read.chosen("maker", FLAGS) if "maker" in read else None,
            close=read.chosen("close", CLOSES) if "close" in read else "",
        )
    ]


def contract_of(read: Row) -> Contract:
    """The contract of a row. Raises `BadRow` for what the fold cannot compute: quanto and other kinds, and linear
    contracts that count lots instead of base units."""
    kind = read.chosen("contract", CONTRACTS)
    size = read.decimal_or_none("contract_size")
    if kind == "inverse" and (size is None or size <= ZERO):
        raise read.bad("contract_size", "an inverse contract needs its size in quote units, above 0")
    if kind == "linear" and size not in (None, ONE):
        raise read.bad("contract_size", f"{size}: write the quantity of a linear contract in base units")
    return elsewhere.contract(
        _symbol(read),
        "inverse" if kind == "inverse" else "linear",
        asset_of(read, "base"),
        asset_of(read, "quote"),
        contract_size=size or ONE,
    )


def flow(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of flows -> a `Flow`, and a `Statement` of the wallet where the row prints the balance after it.

    `amount` is signed from the wallet's view. Profit and fees of fills belong into the fills. Raises `BadRow`.
    """
    read = Row(dict(row), FLOWS, notes)
    time_ms, asset, account = time_in(read), asset_of(read), read.text("account", "")
    moved = Flow(
        time_ms=time_ms,
        source=notes.source,
        account=account,
        applied={asset: read.decimal("amount")},
        category=read.chosen("cause", CAUSES),
        reason=read.text("reason", ""),
        symbol=_symbol(read) if "symbol" in read else "",
        side=read.side() if "side" in read else None,
        tran_id=read.text("tran_id", ""),
        trade_id=read.text("trade_id", ""),
    )
    if "balance" not in read:
        return [moved]
    balance = BalancePrint(asset, wallet=read.decimal("balance"))
    printed = Statement(
        time_ms=time_ms,
        source=notes.source,
        account=account,
        origin="update",
        about=moved.reason,
        balances=(balance,),
    )
    return [moved, printed]


def mark(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of marks -> a `MarkPrice`. Raises `BadRow`."""
    read = Row(dict(row), MARKS, notes)
    return [MarkPrice(time_ms=time_in(read), source=notes.source, symbol=_symbol(read), price=read.price("price"))]


class NotCanonical(ValueError):
    """An event that no row of the canonical CSV can hold."""


def fill_row(event: Fill, contract: Contract) -> dict[str, str]:
    """A fill as a row; the opposite of `fill`."""
    return _row(
        FILL_COLUMNS,
        time=iso_of(event.time_ms),
        account=event.account,
        symbol=event.symbol,
        position_side=event.side,
        side="BUY" if event.quantity > ZERO else "SELL",
        quantity=abs(event.quantity),
        price=event.price,
        fee=event.fee,
        fee_asset=event.fee_asset,
        realized=event.realized,
        trade_id=event.trade_id,
        order_id=event.order_id,
        client_order_id=event.client_order_id,
        maker=event.maker,
        close=event.close,
        contract=contract.kind,
        base=contract.base,
        quote=contract.quote,
        contract_size=contract.contract_size if contract.is_inverse else None,
    )


def flow_row(event: Flow, balance: Decimal | None = None) -> dict[str, str]:
    """A flow of one asset as a row, with the wallet after it if that was printed; the opposite of `flow`.

    Raises `NotCanonical`."""
    if len(event.applied) != 1:
        raise NotCanonical(f"a flow of {len(event.applied)} assets: write one row for each")
    ((asset, amount),) = event.applied.items()
    return _row(
        FLOW_COLUMNS,
        time=iso_of(event.time_ms),
        account=event.account,
        asset=asset,
        amount=amount,
        cause=event.category,
        reason=event.reason,
        symbol=event.symbol,
        position_side=event.side,
        tran_id=event.tran_id,
        trade_id=event.trade_id,
        balance=balance,
    )


def mark_row(event: MarkPrice) -> dict[str, str]:
    """A mark as a row; the opposite of `mark`."""
    return _row(MARK_COLUMNS, time=iso_of(event.time_ms), symbol=event.symbol, mark_price=event.price)


def rows_of(
    events: Iterable[AnyEvent], contracts: Mapping[str, Contract]
) -> tuple[list[dict[str, str]], list[dict[str, str]], list[dict[str, str]]]:
    """Rows of fills, flows and marks. A statement of one wallet that follows a flow of the same place in its source
    becomes its balance. Raises `NotCanonical` for every other event: nothing is left out in silence."""
    fills: list[dict[str, str]] = []
    flows: list[dict[str, str]] = []
    marks: list[dict[str, str]] = []
    last: AnyEvent | None = None
    for event in events:
        match event:
            case Fill():
                fills.append(fill_row(event, contracts[event.symbol]))
            case Flow():
                flows.append(flow_row(event))
            case MarkPrice():
                marks.append(mark_row(event))
            case Statement() if isinstance(last, Flow) and (balance := _balance_after(last, event)) is not None:
                flows[-1] = flow_row(last, balance)
            case _:
                raise NotCanonical(f"{type(event).__name__} at {iso_of(event.time_ms)} ({event.source})")
        last = event
    return fills, flows, marks


def text_of(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Rows as the text of a file, header first."""
    out = StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _balance_after(moved: Flow, printed: Statement) -> Decimal | None:
    """The wallet that a statement prints for the flow just before it; none if it prints anything else."""
    if (printed.time_ms, printed.source, printed.account) != (moved.time_ms, moved.source, moved.account):
        return None
    if printed.positions or printed.totals or len(printed.balances) != 1:
        return None
    (balance,) = printed.balances
    is_plain = balance == BalancePrint(balance.asset, wallet=balance.wallet)
    return balance.wallet if is_plain and balance.asset in moved.applied else None


def _row(columns: Iterable[str], **values: str | bool | Decimal | None) -> dict[str, str]:
    return {column: _text(values[column]) for column in columns}


def _text(value: str | bool | Decimal | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{plain(value):f}"
    return value or ""


def _symbol(read: Row) -> str:
    symbol = read.text("symbol")
    if not SYMBOL.fullmatch(symbol):
        raise read.bad("symbol", f"{excerpt(symbol)!r} is no symbol")
    return symbol
