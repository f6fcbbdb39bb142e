"""How the venue spells things: one table per object, our name -> its keys.

Streams: the first key is Binance's one-letter key, the others are the long names of a widely used client library.
Answers: the keys of REST answers, whatever their version. `unused` lists documented keys that say nothing about the
account's books. Sources: Binance documentation 2026-05 with its change log to 2026-10, SDK 18.1, one real account.
"""

from collections.abc import Mapping

from margincall.wire.row import Keys

MESSAGE: Mapping[str, tuple[str, ...]] = {
    "type": ("e", "eventType"),
    "event_time": ("E", "eventTime"),
    "time": ("T", "transactionTime", "transactionId"),
}
"""What all messages of a stream carry; `E` is when the message was made, `T` when it happened."""
MESSAGE_UNUSED = frozenset({"i", "accountAlias", "fs", "st", "wsKey", "wsMarket"})
"""COIN-M account alias, business unit, market type, and two marks of the client library."""


def message(label: str, *unused: str, **names: tuple[str, ...]) -> Keys:
    """The table of a stream message: what all carry, and `names`."""
    return Keys(label, {**MESSAGE, **names}, MESSAGE_UNUSED.union(unused))


ORDER_TRADE_UPDATE = message("ORDER_TRADE_UPDATE", order=("o", "order"))
ORDER = Keys(
    "ORDER_TRADE_UPDATE order",
    {
        "symbol": ("s", "symbol"),
        "client_order_id": ("c", "clientOrderId"),
        "buy": ("S", "orderSide"),
        "type": ("o", "orderType"),
        "time_in_force": ("f", "orderTimeInForce", "timeInForce"),
        "quantity": ("q", "originalQuantity"),
        "price": ("p", "originalPrice"),
        "average_price": ("ap", "averagePrice"),
        "stop_price": ("sp", "stopPrice"),
        "execution": ("x", "executionType"),
        "status": ("X", "orderStatus"),
        "order_id": ("i", "orderId"),
        "last_quantity": ("l", "lastFilledQuantity"),
        "executed": ("z", "orderFilledAccumulatedQuantity"),
        "last_price": ("L", "lastFilledPrice"),
        "fee_asset": ("N", "commissionAsset"),
        "fee": ("n", "commissionAmount"),
        "trade_time": ("T", "orderTradeTime"),
        "trade_id": ("t", "tradeId"),
        "maker": ("m", "isMakerTrade"),
        "reduce_only": ("R", "isReduceOnly"),
        "side": ("ps", "positionSide"),
        "close_position": ("cp", "isCloseAll"),
        "realized": ("rp", "realisedProfit"),
        "expire_reason": ("er", "expireReason"),
    },
    frozenset({"b", "a", "wt", "ot", "AP", "cr", "pP", "si", "ss", "V", "pm", "gtd", "M", "ma", "ia"})
    | {"bidsNotional", "asksNotional", "stopPriceWorkingType", "originalOrderType"}
    | {"trailingStopActivationPrice", "trailingStopCallbackRate"},
)

ACCOUNT_UPDATE = message("ACCOUNT_UPDATE", update=("a", "updateData"))
UPDATE = Keys(
    "ACCOUNT_UPDATE data",
    {
        "reason": ("m", "updateEventType"),
        "balances": ("B", "updatedBalances"),
        "positions": ("P", "updatedPositions"),
        "symbol": ("S",),
    },
)
UPDATE_BALANCE = Keys(
    "ACCOUNT_UPDATE balance",
    {
        "asset": ("a", "asset"),
        "wallet": ("wb", "walletBalance"),
        "cross_wallet": ("cw", "crossWalletBalance"),
        "change": ("bc", "balanceChange"),
    },
)
UPDATE_POSITION = Keys(
    "ACCOUNT_UPDATE position",
    {
        "symbol": ("s", "symbol"),
        "quantity": ("pa", "positionAmount"),
        "entry": ("ep", "entryPrice"),
        "realized": ("cr", "accumulatedRealisedPreFee"),
        "unrealized": ("up", "unrealisedPnl"),
        "margin": ("mt", "marginType"),
        "isolated_wallet": ("iw", "isolatedWalletAmount"),
        "side": ("ps", "positionSide"),
    },
    frozenset({"bep", "breakEvenPrice", "ma", "marginAsset"}),
)

MARGIN_CALL = message(
    "MARGIN_CALL", cross_wallet=("cw", "crossWalletBalance"), positions=("p", "positions", "positionsOfMarginCall")
)
MARGIN_CALL_POSITION = Keys(
    "MARGIN_CALL position",
    {
        "symbol": ("s", "symbol"),
        "side": ("ps", "positionSide"),
        "quantity": ("pa", "positionAmount"),
        "margin": ("mt", "marginType"),
        "isolated_wallet": ("iw", "isolatedWalletAmount"),
        "mark": ("mp", "markPrice"),
        "unrealized": ("up", "unrealisedPnl"),
        "maintenance": ("mm", "maintenanceMarginRequired"),
    },
)

ACCOUNT_CONFIG_UPDATE = message(
    "ACCOUNT_CONFIG_UPDATE", symbol=("ac", "assetConfiguration"), account=("ai", "accountConfiguration")
)
SYMBOL_SETTING = Keys("ACCOUNT_CONFIG_UPDATE ac", {"symbol": ("s", "symbol"), "leverage": ("l", "leverage")})
ACCOUNT_SETTING = Keys("ACCOUNT_CONFIG_UPDATE ai", {"multi_assets": ("j", "isMultiAssetsMode")})

ALGO_UPDATE = message("ALGO_UPDATE", order=("o", "order"))
ALGO_ORDER = Keys(
    "ALGO_UPDATE order",
    {
        "client_order_id": ("caid",),
        "order_id": ("aid",),
        "type": ("o",),
        "symbol": ("s",),
        "buy": ("S",),
        "side": ("ps",),
        "time_in_force": ("f",),
        "quantity": ("q",),
        "status": ("X",),
        "average_price": ("ap",),
        "executed": ("aq",),
        "stop_price": ("tp",),
        "price": ("p",),
        "close_position": ("cp",),
        "reduce_only": ("R",),
        "reject": ("rm",),
    },
    frozenset({"at", "ai", "act", "V", "wt", "pm", "pP", "tt", "gtd", "ia", "AP", "cr"}),
)

TRIGGER_REJECT = message("CONDITIONAL_ORDER_TRIGGER_REJECT", order=("or",))
REJECTED_ORDER = Keys(
    "CONDITIONAL_ORDER_TRIGGER_REJECT order", {"symbol": ("s",), "order_id": ("i",), "reason": ("r",)}
)

MARK_PRICE_UPDATE = Keys(
    "markPriceUpdate",
    {
        "type": ("e", "eventType"),
        "time": ("E", "eventTime"),
        "symbol": ("s", "symbol"),
        "price": ("p", "markPrice"),
    },
    frozenset({"ap", "i", "P", "r", "T", "st", "indexPrice", "settlePriceEstimate", "fundingRate", "nextFundingTime"})
    | {"wsKey", "wsMarket"},
)
ASSET_INDEX_UPDATE = Keys(
    "assetIndexUpdate",
    {
        "type": ("e",),
        "time": ("E",),
        "symbol": ("s",),
        "index": ("i",),
        "bid": ("B",),
        "ask": ("A",),
    },
    frozenset({"b", "a", "q", "g", "Q", "G", "st"}),
)
