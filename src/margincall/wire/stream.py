"""Messages of a stream -> events: the account's own user-data stream, and mark and index prices of the market's.

Both key styles (one-letter keys, long names of a client library) are read by the tables of `wire/keys.py`.
Messages of other market streams are counted, not read: they are not the account's. Rules and meaning of the fields:
Binance documentation of the user data streams, 2026-05.
"""

from collections.abc import Callable, Mapping

from msgspec import structs

from margincall.core.events import (
    UPDATE_REASONS,
    AnyEvent,
    BalancePrint,
    Category,
    Fill,
    Flow,
    IndexPrice,
    MarkPrice,
    Order,
    PositionPrint,
    Setting,
    Source,
    Statement,
)
from margincall.core.units import ZERO
from margincall.venues.registry import contract_of
from margincall.wire import keys
from margincall.wire.kinds import CREDIT_ASSETS, STREAM_KINDS, unmodelled
from margincall.wire.problems import excerpt
from margincall.wire.reading import Reading, close_kind, known_id, reading
from margincall.wire.row import BOUGHT, MARGIN_TYPES, Notes, Row, asset_of, each, symbol_of

Reader = Callable[[object, Notes], list[AnyEvent]]

FILLS = frozenset({"TRADE", "CALCULATED"})
EXECUTIONS = FILLS | {"NEW", "CANCELED", "EXPIRED", "AMENDMENT", "REJECTED"}
"""Execution types `x`."""

MARKET_DATA = frozenset(
    {"aggTrade", "trade", "depthUpdate", "bookTicker", "24hrTicker", "24hrMiniTicker", "compositeIndex", "kline"}
    | {"continuous_kline", "indexPrice_kline", "markPrice_kline", "indexPriceUpdate", "tradingSession"}
)
IGNORED: Mapping[str, str] = {
    "TRADE_LITE": "repeats what ORDER_TRADE_UPDATE says",
    "contractInfo": "a bracket table, not an event",
    "forceOrder": "liquidations of the whole market, not this account's",
    **dict.fromkeys(sorted(MARKET_DATA), "market data, not this account's"),
}
"""Messages that are known and not read, and why."""


def read_message(message: Mapping[str, object], source: Source, raw: object = "") -> Reading:
    """The events of one message, in the venue's order: a flow stands before the statement that shows it."""
    kind = _kind(message)
    read = _refused if kind in STREAM_KINDS else READERS.get(kind, _other)
    found = reading(read, message, source, raw, stream=True)
    if "fs" not in message:
        return found
    mark = unmodelled("portfolio_margin", "a business unit `fs` in the stream", source)
    return structs.replace(found, unmodelled=(*found.unmodelled, mark))


def is_message(value: object) -> bool:
    """Whether a decoded object is a message of a stream."""
    return isinstance(value, dict) and _kind(value) != ""


def _kind(message: Mapping[str, object]) -> str:
    """The type of a message, "" for what is none."""
    kind = message.get("e", message.get("eventType"))
    return kind if isinstance(kind, str) else ""


def order_trade_update(value: object, notes: Notes) -> list[AnyEvent]:
    """A `Fill` for an execution with a quantity, an `Order` for every other state; orders of the venue's own (forced
    closes) give an `Order` with their fills too, because their limit price is the venue's bankruptcy price."""
    message = Row(value, keys.ORDER_TRADE_UPDATE, notes)
    row = Row(message.value("order"), keys.ORDER, notes)
    time_ms = message.time("time", "event_time")
    execution = row.text("execution")
    is_known = execution in EXECUTIONS
    if not is_known:
        notes.problem(f"{row.keys.label}: execution type {excerpt(execution)!r} is not known", "unknown-type")
    last = row.decimal_or_none("last_quantity") or ZERO
    if last < ZERO:
        raise row.bad("last_quantity", f"a filled quantity of {last}")
    if not last or (is_known and execution not in FILLS):
        return [_order(row, time_ms, execution, notes.source)]
    fill = _fill(row, time_ms, execution, notes.source)
    return [_order(row, time_ms, execution, notes.source), fill] if fill.close else [fill]


def _fill(row: Row, time_ms: int, execution: str, source: Source) -> Fill:
    """The trade of an ORDER_TRADE_UPDATE. A fee that is not printed is none, not 0."""
    client_order_id = row.text("client_order_id", "")
    last = row.decimal("last_quantity")
    return Fill(
        time_ms=time_ms,
        source=source,
        symbol=symbol_of(row),
        side=row.side(),
        quantity=last if row.chosen("buy", BOUGHT) else -last,
        price=row.price("last_price"),
        trade_id=known_id(row.text("trade_id")),
        order_id=row.text("order_id"),
        client_order_id=client_order_id,
        fee=row.decimal_or_none("fee"),
        fee_asset=asset_of(row, "fee_asset") if "fee_asset" in row else None,
        realized=row.decimal_or_none("realized"),
        maker=row.flag("maker") if "maker" in row else None,
        close=close_kind(client_order_id, row.text("type", ""), execution),
    )


def _order(row: Row, time_ms: int, execution: str, source: Source) -> Order:
    """The state of the order of an ORDER_TRADE_UPDATE or (execution ALGO) of an ALGO_UPDATE."""
    client_order_id = row.text("client_order_id", "")
    order_type = row.text("type", "")
    return Order(
        time_ms=time_ms,
        source=source,
        symbol=symbol_of(row),
        side=row.side(),
        order_id=row.text("order_id"),
        client_order_id=client_order_id,
        status=row.text("status"),
        execution=execution,
        order_type=order_type,
        time_in_force=row.text("time_in_force", ""),
        buy=row.chosen("buy", BOUGHT),
        quantity=row.decimal("quantity"),
        price=row.decimal("price"),
        stop_price=row.nonzero("stop_price"),
        average_price=row.nonzero("average_price"),
        executed=row.decimal_or_none("executed") or ZERO,
        reduce_only=row.flag("reduce_only"),
        close_position=row.flag("close_position"),
        expire_reason=known_id(row.text("expire_reason", "")) or None,
        close=close_kind(client_order_id, order_type, execution),
    )


def account_update(value: object, notes: Notes) -> list[AnyEvent]:
    """A `Statement` with all prints; before it a `Flow` for each balance change `bc` that no other event carries, and
    for MARGIN_TYPE_CHANGE the `Setting`. What MARGIN_TRANSFER moved shows in the printed isolated wallets."""
    message = Row(value, keys.ACCOUNT_UPDATE, notes)
    update = Row(message.value("update"), keys.UPDATE, notes)
    time_ms = message.time("time", "event_time")
    reason = update.text("reason")
    category = UPDATE_REASONS.get(reason, "unknown")
    if reason not in UPDATE_REASONS:
        notes.problem(
            f"ACCOUNT_UPDATE: reason {excerpt(reason)!r} is not known; its amounts are applied", "unknown-type"
        )
    if "positions" not in update:
        update.value("balances")
    balances = tuple(each(update.values.get("balances", []), lambda each: _balance(each, notes), notes))
    positions = tuple(each(update.values.get("positions", []), lambda each: _position(each, notes), notes))
    statement = Statement(
        time_ms=time_ms, source=notes.source, origin="update", about=reason, balances=balances, positions=positions
    )
    if reason == "MARGIN_TYPE_CHANGE":
        return [*_margin_settings(statement), statement]
    symbol = update.text("symbol", "") or (positions[0].symbol if len(positions) == 1 else "")
    return [*_flows(statement, category, symbol, notes), statement]


def _flows(statement: Statement, category: Category | None, symbol: str, notes: Notes) -> list[AnyEvent]:
    """One flow for each changed balance. `bc` is "balance change except PnL and commission"."""
    changed = [each for each in statement.balances if each.change]
    if category is None:
        for each in changed:
            what = f"a balance change of {each.change} {each.asset}"
            notes.problem(f"ACCOUNT_UPDATE {statement.about}: {what} was printed, not applied", "note")
        return []
    side = statement.positions[0].side if len(statement.positions) == 1 else None
    return [
        Flow(
            time_ms=statement.time_ms,
            source=statement.source,
            applied={each.asset: each.change},
            category=category,
            reason=statement.about,
            symbol=symbol,
            side=side,
        )
        for each in changed
        if each.change is not None
    ]


def _margin_settings(statement: Statement) -> list[AnyEvent]:
    chosen = {each.symbol: each.margin for each in statement.positions if each.margin}
    return [
        Setting(time_ms=statement.time_ms, source=statement.source, symbol=symbol, margin=margin)
        for symbol, margin in chosen.items()
    ]


def _balance(value: object, notes: Notes) -> BalancePrint:
    row = Row(value, keys.UPDATE_BALANCE, notes)
    found = BalancePrint(
        asset=asset_of(row),
        wallet=row.decimal_or_none("wallet"),
        cross_wallet=row.decimal_or_none("cross_wallet"),
        change=row.decimal_or_none("change"),
    )
    if found.asset in CREDIT_ASSETS and found.wallet:
        notes.refuse("credits", f"a balance of {found.wallet} {found.asset}")
    return found


def _position(value: object, notes: Notes) -> PositionPrint:
    row = Row(value, keys.UPDATE_POSITION, notes)
    return PositionPrint(
        symbol=symbol_of(row),
        side=row.side(),
        quantity=row.decimal("quantity"),
        entry=row.decimal_or_none("entry"),
        realized=row.decimal_or_none("realized"),
        unrealized=row.decimal_or_none("unrealized"),
        margin=row.chosen("margin", MARGIN_TYPES) if "margin" in row else None,
        isolated_wallet=row.decimal_or_none("isolated_wallet"),
    )


def margin_call(value: object, notes: Notes) -> list[AnyEvent]:
    """A `Statement` of the positions at risk. `cw`, the cross wallet, is printed without its asset: it is taken to be
    the margin asset of the first cross position."""
    message = Row(value, keys.MARGIN_CALL, notes)
    positions = tuple(each(message.value("positions"), lambda each: _called(each, notes), notes))
    wallet = message.decimal_or_none("cross_wallet")
    assets = [contract_of(each.symbol).margin_asset for each in positions if each.margin == "cross"]
    balances = (BalancePrint(asset=assets[0], cross_wallet=wallet),) if assets and wallet is not None else ()
    return [
        Statement(
            time_ms=message.time("time", "event_time"),
            source=notes.source,
            origin="margin_call",
            balances=balances,
            positions=positions,
        )
    ]


def _called(value: object, notes: Notes) -> PositionPrint:
    row = Row(value, keys.MARGIN_CALL_POSITION, notes)
    return PositionPrint(
        symbol=symbol_of(row),
        side=row.side(),
        quantity=row.decimal("quantity"),
        margin=row.chosen("margin", MARGIN_TYPES) if "margin" in row else None,
        isolated_wallet=row.decimal_or_none("isolated_wallet"),
        mark=row.nonzero("mark"),
        unrealized=row.decimal_or_none("unrealized"),
        maintenance=row.decimal_or_none("maintenance"),
    )


def account_config_update(value: object, notes: Notes) -> list[AnyEvent]:
    """A `Setting`: the leverage of a symbol (`ac`), or multi-assets mode (`ai`)."""
    message = Row(value, keys.ACCOUNT_CONFIG_UPDATE, notes)
    time_ms = message.time("time", "event_time")
    found: list[AnyEvent] = []
    if "account" in message:
        row = Row(message.value("account"), keys.ACCOUNT_SETTING, notes)
        row.value("multi_assets")
        found.append(Setting(time_ms=time_ms, source=notes.source, multi_assets=row.flag("multi_assets")))
    if "symbol" in message or not found:
        row = Row(message.value("symbol"), keys.SYMBOL_SETTING, notes)
        leverage = row.integer("leverage")
        found.append(Setting(time_ms=time_ms, source=notes.source, symbol=symbol_of(row), leverage=leverage))
    return found


def algo_update(value: object, notes: Notes) -> list[AnyEvent]:
    """An `Order` with execution ALGO; its id counts algo orders, not orders. A rejection is noted."""
    message = Row(value, keys.ALGO_UPDATE, notes)
    row = Row(message.value("order"), keys.ALGO_ORDER, notes)
    order = _order(row, message.time("time", "event_time"), "ALGO", notes.source)
    if order.status == "REJECTED":
        reason = _reason(row, "reject")
        notes.problem(f"conditional order {order.order_id} of {order.symbol} was rejected{reason}", "note")
    return [order]


def trigger_reject(value: object, notes: Notes) -> list[AnyEvent]:
    """No event; a stop that was triggered and refused is noted, because it did not protect the position."""
    row = Row(Row(value, keys.TRIGGER_REJECT, notes).value("order"), keys.REJECTED_ORDER, notes)
    reason = _reason(row, "reason")
    notes.problem(f"order {row.text('order_id')} of {row.text('symbol')} was triggered and rejected{reason}", "note")
    return []


def _reason(row: Row, name: str) -> str:
    """The venue's reason as the end of a sentence, "" if it gave none."""
    reason = row.text(name, "")
    return f": {excerpt(reason)}" if reason else ""


def mark_price_update(value: object, notes: Notes) -> list[AnyEvent]:
    """A `MarkPrice`."""
    row = Row(value, keys.MARK_PRICE_UPDATE, notes)
    time_ms, price = row.time("time"), row.price("price")
    return [MarkPrice(time_ms=time_ms, source=notes.source, symbol=symbol_of(row), price=price)]


def asset_index_update(value: object, notes: Notes) -> list[AnyEvent]:
    """An `IndexPrice`; the symbol ADAUSD names the asset ADA."""
    row = Row(value, keys.ASSET_INDEX_UPDATE, notes)
    return [index_price(row, notes.source)]


def index_price(row: Row, source: Source) -> IndexPrice:
    """The index of a collateral asset, from a message or an answer."""
    symbol = row.text("symbol")
    if not symbol.endswith("USD") or symbol == "USD":
        raise row.bad("symbol", f"{excerpt(symbol)!r} is no index of an asset in USD")
    return IndexPrice(
        time_ms=row.time("time"),
        source=source,
        asset=symbol.removesuffix("USD"),
        index=row.price("index"),
        bid=row.price("bid"),
        ask=row.price("ask"),
    )


def listen_key_expired(value: object, notes: Notes) -> list[AnyEvent]:
    """No event; what came after on the account is not in this stream."""
    notes.problem("the stream's key expired here: later events are missing until the next connection", "note", "")
    return []


def _refused(value: object, notes: Notes) -> list[AnyEvent]:
    assert isinstance(value, dict)
    kind = _kind(value)
    notes.refuse(STREAM_KINDS[kind], f"a {kind} message")
    return []


def _other(value: object, notes: Notes) -> list[AnyEvent]:
    """A message without a reader: known and ignored, or unknown and reported."""
    assert isinstance(value, dict)
    kind = _kind(value)
    if kind in IGNORED:
        notes.problem(f"{kind}: {IGNORED[kind]}; nothing is booked from it", "ignored")
    else:
        notes.problem(f"message {excerpt(kind)!r} is not known and was not read", "unknown-event")
    return []


READERS: Mapping[str, Reader] = {
    "ORDER_TRADE_UPDATE": order_trade_update,
    "ACCOUNT_UPDATE": account_update,
    "MARGIN_CALL": margin_call,
    "ACCOUNT_CONFIG_UPDATE": account_config_update,
    "ALGO_UPDATE": algo_update,
    "CONDITIONAL_ORDER_TRIGGER_REJECT": trigger_reject,
    "markPriceUpdate": mark_price_update,
    "assetIndexUpdate": asset_index_update,
    "listenKeyExpired": listen_key_expired,
}
