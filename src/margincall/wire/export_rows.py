"""A row of an export -> events: what each column means, one function for each kind of export.

A row comes as a mapping from the venue's heading to the cell; times are milliseconds already (`wire/clock.py`), and
columns that the file lacks are absent. Each function has the one signature that every kind of CSV is read by.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from margincall.core.account import PositionSide
from margincall.core.events import AnyEvent, Fill, Flow, Order, PositionClosed
from margincall.core.units import ZERO
from margincall.venues.registry import contract_of
from margincall.wire import export_keys as keys
from margincall.wire.api import fee_paid, with_placing
from margincall.wire.export_keys import OPERATIONS, TRANSACTION_TYPES, WALLETS, normal
from margincall.wire.kinds import CREDIT_ASSETS, INCOME_KINDS
from margincall.wire.numbers import AMOUNT_DIGITS, BadNumber, decimal_of, is_plausible
from margincall.wire.problems import excerpt
from margincall.wire.reading import close_kind, known_id
from margincall.wire.row import BOUGHT, FLAGS, MARGIN_TYPES, BadRow, Notes, Row, asset_of, symbol_of

RowReader = Callable[[Mapping[str, str], Notes], list[AnyEvent]]
"""What reads one row of any CSV; raises `BadRow`."""

FEE = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([A-Z][A-Z0-9]*|\d+[A-Z][A-Z0-9]*)?", re.ASCII)
"""`0.00352911 BNB`, `0.00502299USDT`, or a number alone."""
POSITION_SIDES: Mapping[str, PositionSide] = {"LONG": "LONG", "SHORT": "SHORT", "BOTH": "BOTH"}
CLOSED = "CLOSED"


def trade(cells: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of the trade history -> a `Fill`; `side` is BOTH where no position side is printed."""
    row = Row(cells, keys.TRADE, notes)
    quantity = row.decimal("quantity")
    if quantity <= ZERO:
        raise row.bad("quantity", f"a traded quantity of {quantity}")
    maker = _maker(row, notes)
    fee, fee_asset = _fee(row)
    return [
        Fill(
            time_ms=row.time("time"),
            source=notes.source,
            account=row.text("account", ""),
            symbol=symbol_of(row),
            side=_side(row),
            quantity=quantity if row.chosen("buy", BOUGHT) else -quantity,
            price=row.price("price"),
            trade_id=known_id(row.text("trade_id", "")),
            order_id=known_id(row.text("order_id", "")),
            fee=fee_paid(fee, maker, notes, row.keys.label),
            fee_asset=fee_asset,
            realized=row.decimal_or_none("realized"),
            maker=maker,
        )
    ]


def _maker(row: Row, notes: Notes) -> bool | None:
    """Whether the fill was the maker's. A word that is neither true nor false costs this knowledge, not the row."""
    if "maker" not in row:
        return None
    word = row.text("maker").upper()
    if word not in FLAGS:
        notes.problem(f"{row.keys.label}: `Maker`: {excerpt(word)!r} is neither true nor false", "unknown-type")
    return FLAGS.get(word)


def _fee(row: Row) -> tuple[Decimal | None, str | None]:
    """The fee and its asset: behind the number, or in a column of its own."""
    asset = asset_of(row, "fee_asset") if "fee_asset" in row else None
    if "fee" not in row:
        return None, asset
    text = row.text("fee")
    found = FEE.fullmatch(text)
    if found is None:
        raise row.bad("fee", f"{excerpt(text)!r} is no amount with its asset")
    try:
        fee = decimal_of(found[1])
    except BadNumber as error:
        raise row.bad("fee", str(error)) from None
    if not is_plausible(fee):
        raise row.bad("fee", f"{excerpt(text)!r} has more than {AMOUNT_DIGITS} digits: no amount of a venue")
    return fee, found[2] or asset


def order(cells: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of the order history -> an `Order`: its last state, behind the one in which it was placed if that was
    earlier. The client order id shows forced closes."""
    row = Row(cells, keys.ORDER, notes)
    client_order_id, order_type = row.text("client_order_id", ""), row.text("type").upper()
    last = Order(
        time_ms=row.time("update_time", "time"),
        source=notes.source,
        account=row.text("account", ""),
        symbol=symbol_of(row),
        side=_side(row),
        order_id=known_id(row.text("order_id", "")),
        client_order_id=client_order_id,
        status=row.text("status").upper(),
        execution="",
        order_type=order_type,
        time_in_force=row.text("time_in_force", ""),
        buy=row.chosen("buy", BOUGHT),
        quantity=row.decimal("quantity"),
        price=row.decimal_or_none("price") or ZERO,
        stop_price=row.nonzero("stop_price"),
        average_price=row.nonzero("average_price"),
        executed=row.decimal_or_none("executed") or ZERO,
        executed_value=_executed_value(row, notes),
        close=close_kind(client_order_id, order_type),
    )
    return with_placing(last, row.time("time"))


def _executed_value(row: Row, notes: Notes) -> Decimal | None:
    """What was executed in the quote asset: of a linear contract that is the margin asset. It follows from the rest of
    the row nearly, so one that cannot be read costs no more than itself."""
    if contract_of(symbol_of(row)).is_inverse:
        return None
    try:
        return row.nonzero("executed_value")
    except BadRow as error:
        notes.problem(f"{error}; the average price stands for it", "note")
        return None


def transaction(cells: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of the transaction history -> a `Flow`. It names the income's `tranId`, but no trade."""
    row = Row(cells, keys.TRANSACTION, notes)
    kind, amount, asset = row.text("type").upper().replace(" ", "_"), row.decimal("amount"), asset_of(row)
    if kind not in TRANSACTION_TYPES:
        notes.problem(f"{row.keys.label}: type {excerpt(kind)!r} is not known; its amount is applied", "unknown-type")
    if kind in INCOME_KINDS and amount:
        notes.refuse(INCOME_KINDS[kind], f"a transaction {kind} of {amount} {asset}")
    _refuse_credits(row, amount, asset, notes)
    return [
        Flow(
            time_ms=row.time("time"),
            source=notes.source,
            applied={asset: amount},
            category=TRANSACTION_TYPES.get(kind, "unknown"),
            reason=kind,
            symbol=symbol_of(row) if "symbol" in row else "",
            tran_id=known_id(row.text("tran_id", "")),
        )
    ]


def statement(cells: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of "all statements" -> a `Flow` of one of the two futures accounts, which `account` names behind the user;
    nothing for rows of other accounts. It names neither symbol, trade nor transaction."""
    row = Row(cells, keys.STATEMENT, notes)
    wallet = WALLETS.get(normal(row.text("wallet")))
    if wallet is None:
        return []
    operation, amount, asset = row.text("operation"), row.decimal("amount"), asset_of(row)
    category = OPERATIONS.get(operation.lower())
    if category is None:
        notes.problem(
            f"{row.keys.label}: operation {excerpt(operation)!r} is not known; its amount is applied", "unknown-type"
        )
    _refuse_credits(row, amount, asset, notes)
    return [
        Flow(
            time_ms=row.time("time"),
            source=notes.source,
            account=account_name(row.text("account", ""), wallet),
            applied={asset: amount},
            category=category or "unknown",
            reason=operation,
        )
    ]


def account_name(user: str, wallet: str) -> str:
    """How an event names its account: the user's id, behind it the futures account where the export tells them
    apart."""
    return f"{user} {wallet}".strip()


def _refuse_credits(row: Row, amount: Decimal, asset: str, notes: Notes) -> None:
    if asset in CREDIT_ASSETS and amount:
        notes.refuse("credits", f"a {row.keys.label} row of {amount} {asset}")


def position(cells: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of the position history -> a `PositionClosed`; a row of a position that is still open is noted."""
    row = Row(cells, keys.POSITION, notes)
    if "status" in row and row.text("status").upper() != CLOSED:
        status = excerpt(row.text("status"))
        notes.problem(f"{row.keys.label}: a position that is {status!r}: its row is not final and not read", "note")
        return []
    return [
        PositionClosed(
            time_ms=row.time("time"),
            source=notes.source,
            symbol=symbol_of(row),
            side=row.chosen("side", POSITION_SIDES),
            margin=row.chosen("margin", MARGIN_TYPES),
            entry=row.price("entry"),
            average_close=row.price("average_close"),
            max_quantity=row.decimal("max_quantity"),
            closed_quantity=row.decimal("closed_quantity"),
            realized=row.decimal("realized"),
            opened_ms=row.time("opened"),
        )
    ]


def _side(row: Row) -> PositionSide:
    """The position side, whatever its case; BOTH where none is printed."""
    return row.chosen("side", POSITION_SIDES) if "side" in row else "BOTH"
