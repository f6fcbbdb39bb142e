"""The other direction: events -> messages of the user-data stream (one-letter keys) and rows of REST answers.

Constructed cases and the exchange of this project speak by these functions, so that what they print can be read back,
and by the venue's own clients too. The keys come from the tables that the readers use; JSON types are those of the
documentation's samples: decimals as text, times and ids as integers. What no event holds is printed as the venue
prints "none".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.contract import notional
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
from margincall.core.rounding import booked, exact, plain, printed_entry
from margincall.core.units import ZERO, Price, Quantity
from margincall.venues.registry import contract_of
from margincall.wire import answer_keys, keys
from margincall.wire.prints import PrintedOrder, ShownPosition, printed
from margincall.wire.spelling import (
    EIGHT_PLACES,
    Json,
    amount,
    amount_or_none,
    id_of,
    pair_of,
    side_word,
    spelled,
    text,
)

ORDER_DEFAULTS: Json = {"si": 0, "ss": 0, "pm": "NONE"}
"""Fields of an order in the stream that nothing here has: two to be ignored, and price matching."""
TRAILING = "TRAILING_STOP_MARKET"


class Funding(Struct, frozen=True):
    """What a markPriceUpdate prints beside the mark, as far as it is known: index, last rate, next time of funding."""

    index: Decimal | None = None
    rate: Decimal | None = None
    next_ms: int = 0


NO_FUNDING = Funding()

FUNDING_SYMBOL_MS = 1_786_406_400_000
"""2026-08-11."""
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
            "trade_id": id_of(fill.trade_id or "0"),
            "fee": fill.fee,
            "fee_asset": None if fill.fee is None else fill.fee_asset,
            "maker": fill.maker or False,
            "realized": fill.realized,
        }
    words = spelled(
        keys.ORDER,
        order,
        type=order.order_type,
        buy=side_word(order.buy),
        order_id=id_of(order.order_id),
        average_price=order.average_price or ZERO,
        stop_price=order.stop_price or ZERO,
        expire_reason=order.expire_reason or "0",
        trade_time=order.time_ms,
        **traded,
    )
    return {**_head("ORDER_TRADE_UPDATE", order), "o": {**words, **_terms(printed(order)), **ORDER_DEFAULTS}}


def _terms(order: PrintedOrder) -> Json:
    """What an order's message prints beside its state; `AP` and `cr` of trailing stops only, `ma` of COIN-M only
    (documentation of ORDER_TRADE_UPDATE)."""
    original = order.original_type or order.order_type
    contract = contract_of(order.symbol)
    trailing: Json = {}
    if original == TRAILING:
        trailing = {"AP": text(order.activation_price or ZERO), "cr": text(order.callback_rate or ZERO)}
    return {
        "b": text(plain(booked(order.bids))),
        "a": text(plain(booked(order.asks))),
        "wt": order.working_type,
        "ot": original,
        **trailing,
        "pP": order.price_protect,
        "V": order.self_trade_prevention,
        "gtd": order.good_till_ms or 0,
        **({"ma": contract.margin_asset} if contract.is_inverse else {}),
    }


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
    """ACCOUNT_UPDATE with the prints of a statement; `bc` holds the flows, 0 where only a trade changed the wallet. One
    about funding names its symbol (`S`) since 2026-08-11 (changelog of the SDK, 17.0.1)."""
    changes = {asset: amount for flow in flows for asset, amount in flow.applied.items()}
    update: Json = {
        "m": statement.about,
        "B": [_balance(found, changes.get(found.asset, ZERO)) for found in statement.balances],
        "P": [_position(found) for found in statement.positions],
    }
    symbols = {flow.symbol for flow in flows if flow.category == "funding" and flow.symbol}
    if len(symbols) == 1 and statement.time_ms >= FUNDING_SYMBOL_MS:
        update = {**update, "S": symbols.pop()}
    return {**_head("ACCOUNT_UPDATE", statement), "a": update}


def _balance(found: BalancePrint, change: Decimal) -> Json:
    return spelled(
        keys.UPDATE_BALANCE,
        found,
        wallet=amount_or_none(found.wallet),
        cross_wallet=amount_or_none(found.cross_wallet),
        change=amount(change or found.change or ZERO),
    )


def _position(found: PositionPrint) -> Json:
    """A position of an account update; the break-even price is 0 where nobody says it."""
    break_even = found.break_even if isinstance(found, ShownPosition) else None
    words = spelled(keys.UPDATE_POSITION, found, isolated_wallet=amount_or_none(found.isolated_wallet))
    return {**words, "bep": text(break_even or ZERO)}


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
    return {**head, **({} if wallet is None else {"cw": text(wallet)}), "p": positions}


def setting_update(setting: Setting) -> Json:
    """ACCOUNT_CONFIG_UPDATE of a leverage or of multi-assets mode."""
    head = _head("ACCOUNT_CONFIG_UPDATE", setting)
    if setting.multi_assets is not None:
        return {**head, "ai": spelled(keys.ACCOUNT_SETTING, setting)}
    return {**head, "ac": spelled(keys.SYMBOL_SETTING, setting)}


def mark_price_update(mark: MarkPrice, funding: Funding = NO_FUNDING, average: Decimal | None = None) -> Json:
    """A markPriceUpdate; index and estimated settlement price are printed as the mark where no index is known, funding
    that is not known as that of a contract without it. `average` is the mark's moving average, where there is one."""
    price = amount(mark.price)
    index = price if funding.index is None else amount(funding.index)
    words = spelled(keys.MARK_PRICE_UPDATE, mark, type="markPriceUpdate", time=mark.time_ms, price=price)
    rate = "" if funding.rate is None else amount(funding.rate)
    moving: Json = {} if average is None else {"ap": amount(average)}
    return {**words, **moving, "i": index, "P": index, "r": rate, "T": funding.next_ms}


@exact
def asset_index_update(found: IndexPrice) -> Json:
    """An assetIndexUpdate with index, bid and ask rate. The buffers are those that the rates come from; those of the
    automatic exchange are printed as the same, because no event holds others."""
    low = EIGHT_PLACES + printed_entry((found.index - found.bid) / found.index, 8)
    high = EIGHT_PLACES + printed_entry((found.ask - found.index) / found.index, 8)
    words = spelled(
        keys.ASSET_INDEX_UPDATE,
        found,
        type="assetIndexUpdate",
        time=found.time_ms,
        symbol=f"{found.asset}USD",
        index=amount(found.index),
        bid=amount(found.bid),
        ask=amount(found.ask),
    )
    automatic = {"q": text(low), "g": text(high), "Q": amount(found.bid), "G": amount(found.ask)}
    return {**words, "b": text(low), "a": text(high), **automatic}


@exact
def user_trade_row(fill: Fill) -> Json:
    """A row of `userTrades`; COIN-M prints the value in coin, rounded half up as in its sample (100 / 8800)."""
    is_buy, contract = fill.quantity > ZERO, contract_of(fill.symbol)
    words = spelled(
        answer_keys.USER_TRADE,
        fill,
        trade_id=id_of(fill.trade_id),
        order_id=id_of(fill.order_id),
        buy=side_word(is_buy),
        quantity=abs(fill.quantity),
        maker=fill.maker or False,
        fee=amount_or_none(fill.fee),
        realized=amount_or_none(fill.realized),
        time=fill.time_ms,
    )
    if not contract.is_inverse:
        return {**words, "buyer": is_buy, "quoteQty": text(plain(booked(abs(fill.quantity) * fill.price)))}
    worth = printed_entry(notional(contract, Quantity(fill.quantity), Price(fill.price)), 8)
    own: Json = {"pair": pair_of(contract), "marginAsset": contract.margin_asset, "baseQty": text(worth)}
    return {**words, "buyer": is_buy, **own}


def income_rows(event: Fill | Flow) -> list[Json]:
    """Rows of the income history: those of a flow, or profit and commission of a fill as far as they are not 0."""
    if isinstance(event, Flow):
        kind = INCOME_OF_UPDATE.get(event.reason, event.reason)
        return [_income(event, kind, asset, amount) for asset, amount in event.applied.items()]
    asset = contract_of(event.symbol).margin_asset
    amounts = [("REALIZED_PNL", asset, event.realized or ZERO)]
    amounts.append(("COMMISSION", event.fee_asset or asset, -(event.fee or ZERO)))
    return [_income(event, kind, asset, amount) for kind, asset, amount in amounts if amount]


def _income(event: Fill | Flow, kind: str, asset: str, change: Decimal) -> Json:
    """`tranId` is text and `tradeId` a number where there is one, as in the samples; of COIN-M it is text."""
    tran_id = event.tran_id if isinstance(event, Flow) else event.trade_id
    is_coin = bool(event.symbol) and contract_of(event.symbol).is_inverse
    row = spelled(
        answer_keys.INCOME,
        event,
        type=kind,
        asset=asset,
        amount=amount(change),
        time=event.time_ms,
        tran_id=tran_id,
        trade_id=event.trade_id if is_coin else id_of(event.trade_id),
    )
    return {**row, "info": kind}


def margin_change_row(move: MarginMove) -> Json:
    """A row of `positionMargin/history`; COIN-M prints no `deltaType`."""
    direction = 1 if move.amount >= ZERO else 2
    row = spelled(answer_keys.MARGIN_CHANGE, move, type=direction, amount=amount(abs(move.amount)), time=move.time_ms)
    return row if contract_of(move.symbol).is_inverse else {**row, "deltaType": "USER_ADJUST"}


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


def _words(number: int | None) -> str | None:
    """A leverage as older answers print it: text."""
    return None if number is None else str(number)


def support_reply(statement: Statement) -> Json:
    """A saved reply of the venue's support."""
    totals = statement.totals or TotalsPrint()
    return spelled(answer_keys.SUPPORT_REPLY, totals, type="supportReply", time=statement.time_ms)


def _head(kind: str, event: AnyEvent) -> Json:
    return {"e": kind, "E": event.time_ms, "T": event.time_ms}
