"""The other direction: events -> messages of the user-data stream (one-letter keys) and rows of REST answers.

Constructed cases and the exchange of this project speak by these functions, so that what they print can be read back,
and by the venue's own clients too. The keys come from the tables that the readers use; JSON types are those of the
documentation's samples: decimals as text, times and ids as integers. What no event holds is printed as the venue
prints "none".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import structs

from margincall.core.events import (
    AnyEvent,
    BalancePrint,
    Fill,
    Flow,
    IndexPrice,
    MarginMove,
    MarkPrice,
    Order,
    PositionPrint,
    Setting,
    Statement,
    TotalsPrint,
)
from margincall.core.rounding import plain
from margincall.core.units import ZERO
from margincall.venues.registry import contract_of
from margincall.wire import answer_keys, keys
from margincall.wire.row import Keys

Json = dict[str, object]

ORDER_DEFAULTS: Json = {
    "b": "0",
    "a": "0",
    "wt": "CONTRACT_PRICE",
    "pP": False,
    "si": 0,
    "ss": 0,
    "V": "NONE",
    "pm": "NONE",
    "gtd": 0,
}
"""Fields of an order in the stream that no event has."""


INCOME_OF_UPDATE: Mapping[str, str] = {
    "DEPOSIT": "TRANSFER",
    "WITHDRAW": "TRANSFER",
    "ADMIN_DEPOSIT": "TRANSFER",
    "ADMIN_WITHDRAW": "TRANSFER",
    "WITHDRAW_REJECT": "TRANSFER",
    "ASSET_TRANSFER": "TRANSFER",
}
"""What the income history calls a change that the stream gives another reason."""


def stream(events: Iterable[AnyEvent]) -> Iterator[Json]:
    """The messages of a stream that say these events, in their order.

    Flows are said by the statement that follows them, a forced close's order by its fill, margin moves and changes of
    the margin type by the statement of their effect.
    """
    flows: list[Flow] = []
    order: Order | None = None
    for event in events:
        match event:
            case Flow():
                flows.append(event)
            case Statement(origin="update"):
                yield account_update(event, flows)
                flows = []
            case Statement(origin="margin_call"):
                yield margin_call(event)
            case Order(execution="TRADE" | "CALCULATED"):
                order = event
            case Order():
                yield order_update(event)
            case Fill():
                yield order_update(order or _order_of(event), event)
                order = None
            case Setting(margin=None):
                yield setting_update(event)
            case MarkPrice():
                yield mark_price_update(event)
            case IndexPrice():
                yield asset_index_update(event)
            case _:
                pass
    assert not flows, "a flow is said by the statement after it"


def order_update(order: Order, fill: Fill | None = None) -> Json:
    """ORDER_TRADE_UPDATE of an order's state, and of the fill that brought it about."""
    traded: Json = {"last_quantity": ZERO, "last_price": ZERO, "trade_id": 0, "maker": False, "realized": ZERO}
    if fill is not None:
        traded = {
            "last_quantity": abs(fill.quantity),
            "last_price": fill.price,
            "trade_id": _id(fill.trade_id or "0"),
            "fee": fill.fee,
            "fee_asset": None if fill.fee is None else fill.fee_asset,
            "maker": fill.maker,
            "realized": fill.realized,
        }
    printed = spelled(
        keys.ORDER,
        order,
        type=order.order_type,
        buy=_side(order.buy),
        order_id=_id(order.order_id),
        average_price=order.average_price or ZERO,
        stop_price=order.stop_price or ZERO,
        expire_reason=order.expire_reason or "0",
        trade_time=order.time_ms,
        **traded,
    )
    whole = {**printed, "ot": order.order_type, **ORDER_DEFAULTS}
    return {**_head("ORDER_TRADE_UPDATE", order), "o": whole}


def _order_of(fill: Fill) -> Order:
    """The order of a fill that is told without one: a market order that it completes."""
    is_forced = fill.close == "liquidation"
    return Order(
        time_ms=fill.time_ms,
        symbol=fill.symbol,
        side=fill.side,
        order_id=fill.order_id or "0",
        client_order_id=fill.client_order_id,
        status="FILLED",
        execution="CALCULATED" if is_forced else "TRADE",
        order_type="LIQUIDATION" if is_forced else "MARKET",
        time_in_force="IOC" if is_forced else "GTC",
        buy=fill.quantity > ZERO,
        quantity=abs(fill.quantity),
        price=ZERO,
        average_price=fill.price,
        executed=abs(fill.quantity),
    )


def account_update(statement: Statement, flows: Sequence[Flow] = ()) -> Json:
    """ACCOUNT_UPDATE with the prints of a statement; `bc` holds the flows, 0 where only a trade changed the wallet."""
    changes = {asset: amount for flow in flows for asset, amount in flow.applied.items()}
    update: Json = {
        "m": statement.about,
        "B": [_balance(found, changes.get(found.asset, ZERO)) for found in statement.balances],
        "P": [{**spelled(keys.UPDATE_POSITION, found), "bep": "0"} for found in statement.positions],
    }
    return {**_head("ACCOUNT_UPDATE", statement), "a": update}


def _balance(found: BalancePrint, change: Decimal) -> Json:
    return spelled(keys.UPDATE_BALANCE, found, change=change or found.change or ZERO)


def margin_call(statement: Statement) -> Json:
    """MARGIN_CALL; `cw` is the cross wallet of the one balance that the statement prints."""
    wallet = statement.balances[0].cross_wallet if statement.balances else None
    head = {"e": "MARGIN_CALL", "E": statement.time_ms}
    positions = [
        spelled(
            keys.MARGIN_CALL_POSITION,
            found,
            margin="CROSSED" if found.margin == "cross" else "ISOLATED",
            isolated_wallet=found.isolated_wallet or ZERO,
        )
        for found in statement.positions
    ]
    return {**head, **({} if wallet is None else {"cw": _text(wallet)}), "p": positions}


def setting_update(setting: Setting) -> Json:
    """ACCOUNT_CONFIG_UPDATE of a leverage or of multi-assets mode."""
    head = _head("ACCOUNT_CONFIG_UPDATE", setting)
    if setting.multi_assets is not None:
        return {**head, "ai": spelled(keys.ACCOUNT_SETTING, setting)}
    return {**head, "ac": spelled(keys.SYMBOL_SETTING, setting)}


def mark_price_update(mark: MarkPrice) -> Json:
    """A markPriceUpdate; the index is printed as the mark, funding as not known."""
    price = _text(mark.price)
    printed = spelled(keys.MARK_PRICE_UPDATE, mark, type="markPriceUpdate", time=mark.time_ms)
    return {**printed, "i": price, "P": price, "r": "", "T": 0}


def asset_index_update(found: IndexPrice) -> Json:
    """An assetIndexUpdate with index, bid and ask rate."""
    symbol = f"{found.asset}USD"
    return spelled(keys.ASSET_INDEX_UPDATE, found, type="assetIndexUpdate", time=found.time_ms, symbol=symbol)


def user_trade_row(fill: Fill) -> Json:
    """A row of `userTrades`."""
    is_buy = fill.quantity > ZERO
    printed = spelled(
        answer_keys.USER_TRADE,
        fill,
        trade_id=_id(fill.trade_id),
        order_id=_id(fill.order_id),
        buy=_side(is_buy),
        quantity=abs(fill.quantity),
        time=fill.time_ms,
    )
    return {**printed, "buyer": is_buy, "quoteQty": _text(plain(abs(fill.quantity) * fill.price))}


def income_rows(event: Fill | Flow) -> list[Json]:
    """Rows of the income history: those of a flow, or profit and commission of a fill as far as they are not 0."""
    if isinstance(event, Flow):
        kind = INCOME_OF_UPDATE.get(event.reason, event.reason)
        return [_income(event, kind, asset, amount) for asset, amount in event.applied.items()]
    asset = contract_of(event.symbol).margin_asset
    amounts = [("REALIZED_PNL", asset, event.realized or ZERO)]
    amounts.append(("COMMISSION", event.fee_asset or asset, -(event.fee or ZERO)))
    return [_income(event, kind, asset, amount) for kind, asset, amount in amounts if amount]


def _income(event: Fill | Flow, kind: str, asset: str, amount: Decimal) -> Json:
    tran_id = event.tran_id if isinstance(event, Flow) else event.trade_id
    row = spelled(answer_keys.INCOME, event, type=kind, asset=asset, amount=amount, time=event.time_ms, tran_id=tran_id)
    return {**row, "info": kind}


def order_row(order: Order) -> Json:
    """A row of `allOrders` or `forceOrders`."""
    printed = spelled(
        answer_keys.ORDER,
        order,
        type=order.order_type,
        buy=_side(order.buy),
        order_id=_id(order.order_id),
        average_price=order.average_price or ZERO,
        stop_price=order.stop_price or ZERO,
        time=order.time_ms,
        update_time=order.time_ms,
    )
    worth = order.executed_value if order.executed_value is not None else order.executed * (order.average_price or ZERO)
    quote = _text(plain(worth))
    return {**printed, "cumQuote": quote, "workingType": "CONTRACT_PRICE", "origType": order.order_type}


def margin_change_row(move: MarginMove) -> Json:
    """A row of `positionMargin/history`."""
    direction = 1 if move.amount >= ZERO else 2
    row = spelled(answer_keys.MARGIN_CHANGE, move, type=direction, amount=abs(move.amount), time=move.time_ms)
    return {**row, "deltaType": "USER_ADJUST"}


def position_risk_rows(statement: Statement) -> list[Json]:
    """The rows of a `positionRisk` answer: v2 where leverage and margin type are known, else v3."""
    return [
        spelled(
            answer_keys.POSITION_RISK,
            found,
            liquidation_price=found.liquidation_price or ZERO,
            isolated_wallet=found.isolated_wallet or ZERO,
            leverage=_words(found.leverage),
            update_time=statement.time_ms,
        )
        for found in statement.positions
    ]


def account_answer(statement: Statement) -> Json:
    """An `account` answer: v2 where leverage and margin type are known, else v3."""
    time_ms = statement.time_ms
    assets = [spelled(answer_keys.ACCOUNT_ASSET, found, update_time=time_ms) for found in statement.balances]
    positions = [_account_position(found, time_ms) for found in statement.positions]
    totals = spelled(answer_keys.ACCOUNT, statement.totals or TotalsPrint(), positions=None)
    return {**totals, "assets": assets, "positions": positions}


def _account_position(found: PositionPrint, time_ms: int) -> Json:
    is_isolated = None if found.margin is None or found.leverage is None else found.margin == "isolated"
    leverage = _words(found.leverage)
    return spelled(answer_keys.ACCOUNT_POSITION, found, margin=is_isolated, leverage=leverage, update_time=time_ms)


def support_reply(statement: Statement) -> Json:
    """A saved reply of the venue's support."""
    totals = statement.totals or TotalsPrint()
    return spelled(answer_keys.SUPPORT_REPLY, totals, type="supportReply", time=statement.time_ms)


def spelled(table: Keys, value: AnyEvent | BalancePrint | PositionPrint | TotalsPrint, **other: object) -> Json:
    """The object that a table describes, in the venue's first spelling: fields of `value` under our names, `other`
    where the venue prints something else. What is none is left out."""
    fields: Mapping[str, object] = {**structs.asdict(value), **other}
    printed = {name: fields[name] for name in table.names if fields.get(name) is not None}
    return {
        table.names[name][0]: _text(field) if isinstance(field, Decimal) else field for name, field in printed.items()
    }


def _head(kind: str, event: AnyEvent) -> Json:
    return {"e": kind, "E": event.time_ms, "T": event.time_ms}


def _side(buy: bool) -> str:
    return "BUY" if buy else "SELL"


def _words(number: int | None) -> str | None:
    """A leverage as older answers print it: text."""
    return None if number is None else str(number)


def _text(number: Decimal) -> str:
    """A decimal as the venue prints it: its digits as they are, no exponent."""
    return f"{number:f}"


def _id(text: str) -> int | str:
    """An id as the venue prints it: a JSON integer."""
    return int(text) if text.isascii() and text.isdigit() else text
