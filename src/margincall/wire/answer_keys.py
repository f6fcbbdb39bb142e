"""How REST answers spell things, whatever their version: our name -> the venue's keys.

`unused` lists documented keys that say nothing about the account's books. Sources: Binance documentation 2026-05
(USDⓈ-M and COIN-M, answers v1 to v3) with its change log to 2026-10.
"""

from margincall.wire.row import Keys

INCOME = Keys(
    "income",
    {
        "symbol": ("symbol",),
        "type": ("incomeType",),
        "amount": ("income",),
        "asset": ("asset",),
        "time": ("time",),
        "tran_id": ("tranId",),
        "trade_id": ("tradeId",),
    },
    frozenset({"info"}),
)

USER_TRADE = Keys(
    "userTrades",
    {
        "symbol": ("symbol",),
        "trade_id": ("id",),
        "order_id": ("orderId",),
        "buy": ("side",),
        "side": ("positionSide",),
        "price": ("price",),
        "quantity": ("qty",),
        "realized": ("realizedPnl",),
        "fee": ("commission",),
        "fee_asset": ("commissionAsset",),
        "maker": ("maker",),
        "time": ("time",),
    },
    frozenset({"buyer", "quoteQty", "baseQty", "pair", "marginAsset"}),
)

ORDER = Keys(
    "order",
    {
        "symbol": ("symbol",),
        "order_id": ("orderId",),
        "client_order_id": ("clientOrderId",),
        "buy": ("side",),
        "side": ("positionSide",),
        "status": ("status",),
        "type": ("type",),
        "time_in_force": ("timeInForce",),
        "quantity": ("origQty",),
        "price": ("price",),
        "stop_price": ("stopPrice",),
        "average_price": ("avgPrice",),
        "executed": ("executedQty",),
        "executed_value": ("cumQuote",),
        "reduce_only": ("reduceOnly",),
        "close_position": ("closePosition",),
        "time": ("time",),
        "update_time": ("updateTime",),
    },
    frozenset({"cumQty", "cumBase", "origType", "workingType", "priceProtect", "priceMatch", "pair"})
    | {"selfTradePreventionMode", "goodTillDate", "activatePrice", "priceRate", "modifyId"},
)

ALGO_ORDER = Keys(
    "algoOrder",
    {
        "symbol": ("symbol",),
        "order_id": ("algoId",),
        "client_order_id": ("clientAlgoId",),
        "buy": ("side",),
        "side": ("positionSide",),
        "status": ("algoStatus",),
        "type": ("orderType",),
        "time_in_force": ("timeInForce",),
        "quantity": ("quantity",),
        "price": ("price",),
        "stop_price": ("triggerPrice",),
        "average_price": ("actualPrice",),
        "executed": ("actualQty",),
        "reduce_only": ("reduceOnly",),
        "close_position": ("closePosition",),
        "time": ("createTime",),
        "update_time": ("updateTime",),
    },
    frozenset({"algoType", "actualOrderId", "actualType", "icebergQuantity", "selfTradePreventionMode", "workingType"})
    | {"tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice", "tpOrderType", "priceMatch", "priceProtect"}
    | {"triggerTime", "goodTillDate", "activatePrice", "callbackRate"},
)

POSITION_RISK = Keys(
    "positionRisk",
    {
        "symbol": ("symbol",),
        "side": ("positionSide",),
        "quantity": ("positionAmt",),
        "entry": ("entryPrice",),
        "mark": ("markPrice",),
        "unrealized": ("unRealizedProfit",),
        "liquidation_price": ("liquidationPrice",),
        "leverage": ("leverage",),
        "margin": ("marginType",),
        "isolated_wallet": ("isolatedWallet",),
        "maintenance": ("maintMargin",),
        "auto_margin": ("isAutoAddMargin",),
        "update_time": ("updateTime",),
    },
    frozenset({"breakEvenPrice", "isolatedMargin", "maxNotionalValue", "maxQty", "notional", "notionalValue"})
    | {"marginAsset", "initialMargin", "positionInitialMargin", "openOrderInitialMargin", "adl"}
    | {"bidNotional", "askNotional"},
)

TOTALS_UNUSED = frozenset(
    {"totalInitialMargin", "totalPositionInitialMargin", "totalOpenOrderInitialMargin", "totalCrossWalletBalance"}
    | {"totalCrossUnPnl", "availableBalance", "maxWithdrawAmount", "feeTier", "canTrade", "canDeposit", "canWithdraw"}
    | {"tradeGroupId", "updateTime", "feeBurn"}
)
ACCOUNT = Keys(
    "account",
    {
        "wallet": ("totalWalletBalance",),
        "unrealized": ("totalUnrealizedProfit",),
        "balance": ("totalMarginBalance",),
        "maintenance": ("totalMaintMargin",),
        "assets": ("assets",),
        "positions": ("positions",),
        "multi_assets": ("multiAssetsMargin",),
    },
    TOTALS_UNUSED,
)
ACCOUNT_ASSET = Keys(
    "account asset",
    {
        "asset": ("asset",),
        "wallet": ("walletBalance", "balance"),
        "cross_wallet": ("crossWalletBalance",),
        "unrealized": ("unrealizedProfit",),
        "maintenance": ("maintMargin",),
        "update_time": ("updateTime",),
    },
    frozenset({"marginBalance", "initialMargin", "positionInitialMargin", "openOrderInitialMargin", "crossUnPnl"})
    | {"availableBalance", "maxWithdrawAmount", "marginAvailable", "accountAlias", "withdrawAvailable"},
)
"""Assets of an `account` answer and rows of a `balance` answer."""
ACCOUNT_POSITION = Keys(
    "account position",
    {
        "symbol": ("symbol",),
        "side": ("positionSide",),
        "quantity": ("positionAmt",),
        "entry": ("entryPrice",),
        "unrealized": ("unrealizedProfit",),
        "leverage": ("leverage",),
        "margin": ("isolated",),
        "isolated_wallet": ("isolatedWallet",),
        "maintenance": ("maintMargin",),
        "update_time": ("updateTime",),
    },
    frozenset({"breakEvenPrice", "isolatedMargin", "notional", "initialMargin", "positionInitialMargin", "maxNotional"})
    | {"openOrderInitialMargin", "bidNotional", "askNotional", "maxQty", "notionalValue"},
)

MARGIN_CHANGE = Keys(
    "positionMargin/history",
    {
        "symbol": ("symbol",),
        "side": ("positionSide",),
        "type": ("type",),
        "amount": ("amount",),
        "asset": ("asset",),
        "time": ("time",),
    },
    frozenset({"deltaType", "clientTranId"}),
)

SYMBOL_CONFIG = Keys(
    "symbolConfig",
    {
        "symbol": ("symbol",),
        "leverage": ("leverage",),
        "margin": ("marginType",),
        "auto_margin": ("isAutoAddMargin",),
    },
    frozenset({"maxNotionalValue", "maxQty"}),
)
"""Rows of `symbolConfig` and answers to a change of leverage."""
ACCOUNT_CONFIG = Keys("accountConfig", {"multi_assets": ("multiAssetsMargin",)}, TOTALS_UNUSED | {"dualSidePosition"})

PREMIUM_INDEX = Keys(
    "premiumIndex",
    {"symbol": ("symbol",), "price": ("markPrice",), "time": ("time", "fundingTime")},
    frozenset({"pair", "indexPrice", "estimatedSettlePrice", "lastFundingRate", "interestRate", "nextFundingTime"})
    | {"fundingRate", "rateType"},
)
"""Mark prices: `premiumIndex`, and `fundingRate` rows, which print the mark at the time of funding."""
ASSET_INDEX = Keys(
    "assetIndex",
    {"symbol": ("symbol",), "time": ("time",), "index": ("index",), "bid": ("bidRate",), "ask": ("askRate",)},
    frozenset({"bidBuffer", "askBuffer", "autoExchangeBidBuffer", "autoExchangeAskBuffer"})
    | {"autoExchangeBidRate", "autoExchangeAskRate"},
)

SUPPORT_REPLY = Keys(
    "supportReply",
    {
        "type": ("type",),
        "time": ("time",),
        "wallet": ("walletBalance",),
        "unrealized": ("unrealizedProfit",),
        "balance": ("marginBalance",),
        "maintenance": ("maintMargin",),
    },
)
"""Our own shape for what the venue's support writes to a customer."""
