"""REST answers of Binance USDⓈ-M and COIN-M futures -> events, row by row.

A row is recognised by keys that only its answer has (`SHAPES`), so a dump needs no file names. Answers that are known
and say nothing about the account's books are counted, not read; anything else is a problem. Meaning of the fields:
Binance documentation, 2026-05.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import structs

from margincall.core.events import INCOME_TYPES, AnyEvent, Fill, Flow, MarginMove, MarkPrice, Order, Setting, Source
from margincall.core.units import ZERO
from margincall.wire import answer_keys as keys
from margincall.wire.kinds import INCOME_KINDS, PORTFOLIO_KEYS
from margincall.wire.problems import excerpt
from margincall.wire.reading import Reading, close_kind, known_id, reading
from margincall.wire.row import BOUGHT, MARGIN_TYPES, Keys, Notes, Row, asset_of, symbol_of
from margincall.wire.snapshots import account, balance, position_risk
from margincall.wire.stream import index_price
from margincall.wire.support import support_reply

Reader = Callable[[object, Notes], list[AnyEvent]]

MOVES: Mapping[str, int] = {"1": 1, "2": -1}
"""`type` of a margin change: 1 adds to the position, 2 takes from it."""
SUPPORT_REPLY = "supportReply"
SINCE_START = "when it was set is not printed; taken to hold from the start"


def read_answer(answer: Mapping[str, object], source: Source, raw: object = "") -> Reading:
    """The events of one row, or of an answer that is one object."""
    found = answer.keys()
    is_reply = answer.get("type") == SUPPORT_REPLY
    read = support_reply if is_reply else next((read for shape, read in SHAPES if shape <= found), _unknown)
    return reading(read, answer, source, raw, stream=False)


def income(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of the income history -> a `Flow`; the amount is signed from the wallet's view.

    Profit and commission of a trade carry its `trade_id`: a merge holds them against the fill instead of adding both.
    """
    row = Row(value, keys.INCOME, notes)
    kind, amount, asset = row.text("type"), row.decimal("amount"), asset_of(row)
    if kind not in INCOME_TYPES:
        notes.problem(f"income: type {excerpt(kind)!r} is not known; its amount is applied", "unknown-type")
    if kind in INCOME_KINDS and amount:
        notes.refuse(INCOME_KINDS[kind], f"income {kind} of {amount} {asset}")
    return [
        Flow(
            time_ms=row.time("time"),
            source=notes.source,
            applied={asset: amount},
            category=INCOME_TYPES.get(kind, "unknown"),
            reason=kind,
            symbol=row.text("symbol", ""),
            tran_id=known_id(row.text("tran_id", "")),
            trade_id=known_id(row.text("trade_id", "")),
        )
    ]


def user_trade(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `userTrades` -> a `Fill`."""
    row = Row(value, keys.USER_TRADE, notes)
    quantity = row.decimal("quantity")
    if quantity <= ZERO:
        raise row.bad("quantity", f"a traded quantity of {quantity}")
    maker = row.flag("maker") if "maker" in row else None
    return [
        Fill(
            time_ms=row.time("time"),
            source=notes.source,
            symbol=symbol_of(row),
            side=row.side(),
            quantity=quantity if row.chosen("buy", BOUGHT) else -quantity,
            price=row.price("price"),
            trade_id=row.text("trade_id"),
            order_id=row.text("order_id", ""),
            fee=fee_paid(row.decimal_or_none("fee"), maker, notes, "userTrades"),
            fee_asset=asset_of(row, "fee_asset") if "fee_asset" in row else None,
            realized=row.decimal_or_none("realized"),
            maker=maker,
        )
    ]


def fee_paid(printed: Decimal | None, maker: bool | None, notes: Notes, label: str) -> Decimal | None:
    """The fee, positive if paid. `commission` is positive today; the documentation's sample of 2019 prints a taker's
    fee as negative. A maker's negative commission is a rebate. `label` names the list it stands in."""
    if printed is None or printed >= ZERO or maker:
        return printed
    notes.problem(f"{label}: a taker's negative commission is read as a fee paid (older sign)", "note")
    return -printed


def order(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `allOrders`, `openOrders` or `forceOrders` -> an `Order`: the last state of the order, and before it the
    one in which it was placed, if that was earlier: a liquidation is judged at the moment of its order.

    Execution of the last state is "": an answer does not print it.
    """
    return with_placing(_order(Row(value, keys.ORDER, notes), "", notes.source), _placed_ms(value, keys.ORDER, notes))


def algo_order(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `allAlgoOrders` -> an `Order` with execution ALGO; its id counts algo orders, not orders."""
    found = _order(Row(value, keys.ALGO_ORDER, notes), "ALGO", notes.source)
    return with_placing(found, _placed_ms(value, keys.ALGO_ORDER, notes))


def _placed_ms(value: object, table: Keys, notes: Notes) -> int:
    return Row(value, table, Notes(notes.source)).time("time", "update_time")


def with_placing(order: Order, placed_ms: int) -> list[AnyEvent]:
    """An order's last state, behind the state in which it was placed where that was earlier."""
    if placed_ms >= order.time_ms or order.status == "NEW":
        return [order]
    placed = structs.replace(
        order, time_ms=placed_ms, status="NEW", executed=ZERO, executed_value=None, average_price=None
    )
    return [placed, order]


def _order(row: Row, execution: str, source: Source) -> Order:
    client_order_id = row.text("client_order_id", "")
    order_type = row.text("type", "")
    return Order(
        time_ms=row.time("update_time", "time"),
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
        executed_value=row.nonzero("executed_value") if "executed_value" in row.keys.names else None,
        reduce_only=row.flag("reduce_only"),
        close_position=row.flag("close_position"),
        close=close_kind(client_order_id, order_type),
    )


def margin_change(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `positionMargin/history` -> a `MarginMove`."""
    row = Row(value, keys.MARGIN_CHANGE, notes)
    direction, amount = row.chosen("type", MOVES), row.decimal("amount")
    if amount < ZERO:
        raise row.bad("amount", f"{amount} is negative; `type` gives the direction")
    return [
        MarginMove(
            time_ms=row.time("time"),
            source=notes.source,
            symbol=symbol_of(row),
            side=row.side(),
            asset=asset_of(row),
            amount=direction * amount,
        )
    ]


def symbol_config(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `symbolConfig`, or the answer to a change of leverage -> a `Setting` of unknown time (0)."""
    row = Row(value, keys.SYMBOL_CONFIG, notes)
    symbol = symbol_of(row)
    if row.flag("auto_margin"):
        notes.refuse("auto_margin", f"`isAutoAddMargin` of {symbol} is true", symbol)
    margin = row.chosen("margin", MARGIN_TYPES) if "margin" in row else None
    notes.problem(f"{'symbolConfig' if margin else 'leverage'}: {SINCE_START}", "note")
    return [Setting(time_ms=0, source=notes.source, symbol=symbol, leverage=row.integer("leverage"), margin=margin)]


def account_config(value: object, notes: Notes) -> list[AnyEvent]:
    """An answer of `multiAssetsMargin` or `accountConfig` -> a `Setting` of unknown time (0)."""
    row = Row(value, keys.ACCOUNT_CONFIG, notes)
    notes.problem(f"multiAssetsMargin: {SINCE_START}", "note")
    return [Setting(time_ms=0, source=notes.source, multi_assets=row.flag("multi_assets"))]


def mark_price(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `premiumIndex`, or of `fundingRate` (the mark at the time of funding) -> a `MarkPrice`.

    Old funding rows print no mark: they give no event.
    """
    row = Row(value, keys.PREMIUM_INDEX, notes)
    if "price" not in row:
        return []
    time_ms, price = row.time("time"), row.price("price")
    return [MarkPrice(time_ms=time_ms, source=notes.source, symbol=symbol_of(row), price=price)]


def asset_index(value: object, notes: Notes) -> list[AnyEvent]:
    """A row of `assetIndex` -> an `IndexPrice`."""
    return [index_price(Row(value, keys.ASSET_INDEX, notes), notes.source)]


def portfolio(value: object, notes: Notes) -> list[AnyEvent]:
    """An answer of portfolio margin: no events, the account is refused."""
    assert isinstance(value, dict)
    found = sorted(PORTFOLIO_KEYS & value.keys())
    notes.refuse("portfolio_margin", f"an answer with `{found[0]}`")
    return []


def refusal(value: object, notes: Notes) -> list[AnyEvent]:
    """The venue's `{code, msg}`: a success says nothing, an error is what the user has instead of data."""
    row = Row(value, Keys("answer", {"code": ("code",), "message": ("msg",)}), notes)
    if row.text("code") not in ("0", "200"):
        notes.problem(f"the venue answered with error {row.text('code')}: {excerpt(row.text('message'))}", "refused")
    return []


def _ignored(value: object, notes: Notes) -> list[AnyEvent]:
    assert isinstance(value, dict)
    name = next(name for shape, name in IGNORED if shape <= value.keys())
    notes.problem(f"{name}: says nothing about the account's books", "ignored", "")
    return []


def _unknown(value: object, notes: Notes) -> list[AnyEvent]:
    assert isinstance(value, dict)
    listed = ", ".join(f"`{excerpt(key)}`" for key in list(value)[:5]) or "no keys"
    notes.problem(f"an object that is neither a stream message nor a known answer (it has {listed})", "unknown-event")
    return []


IGNORED: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"brackets"}), "leverageBracket"),
    (frozenset({"listenKey"}), "listenKey"),
    (frozenset({"adlQuantile"}), "adlQuantile"),
    (frozenset({"makerCommissionRate"}), "commissionRate"),
    (frozenset({"feeBurn"}), "feeBurn"),
    (frozenset({"amendmentId"}), "orderAmendment"),
    (frozenset({"downloadId"}), "asyn"),
    (frozenset({"rateLimitType"}), "rateLimit"),
    (frozenset({"indicators"}), "apiTradingStatus"),
    (frozenset({"rateLimits", "symbols"}), "exchangeInfo"),
    (frozenset({"symbols", "assets"}), "insuranceBalance"),
    (frozenset({"serverTime"}), "time"),
    (frozenset({"countdownTime"}), "countdownCancelAll"),
    (frozenset({"amount", "type", "code"}), "positionMargin"),
)
"""Answers that are known and not read, by keys that only they have."""

SHAPES: tuple[tuple[frozenset[str], Reader], ...] = (
    *((frozenset({key}), portfolio) for key in sorted(PORTFOLIO_KEYS)),
    (frozenset({"incomeType"}), income),
    (frozenset({"orderId", "qty"}), user_trade),
    (frozenset({"orderId", "origQty"}), order),
    (frozenset({"algoId", "algoStatus", "orderType"}), algo_order),
    (frozenset({"positionAmt", "unRealizedProfit"}), position_risk),
    (frozenset({"positionAmt", "markPrice"}), position_risk),
    (frozenset({"assets", "positions"}), account),
    (frozenset({"asset", "balance"}), balance),
    *((shape, _ignored) for shape, _ in IGNORED),
    (frozenset({"symbol", "type", "amount", "asset"}), margin_change),
    (frozenset({"symbol", "leverage"}), symbol_config),
    (frozenset({"multiAssetsMargin"}), account_config),
    (frozenset({"dualSidePosition"}), lambda value, notes: []),
    (frozenset({"lastFundingRate", "symbol"}), mark_price),
    (frozenset({"fundingRate", "fundingTime"}), mark_price),
    (frozenset({"bidRate", "askRate"}), asset_index),
    (frozenset({"code", "msg"}), refusal),
)
"""Keys that only one answer has -> its reader; the first that fits. Keys of `IGNORED` come after the account's own."""
