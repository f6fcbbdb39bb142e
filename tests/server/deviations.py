"""Where answers and streams differ from the venue's samples, each difference with its reason; there are no others.

A difference that comes no more has to go from here, too (`test_shapes.py`).
"""

from collections.abc import Mapping

LATER = "came after the sample, "
AS_TODAY = {"2026-08-07": f"{LATER}2026-08-07 (change log)", "st": f"{LATER}2026-06-29, with `ps` (change log)"}
SDK = "the models of the venue's own client (18.1), and the venue, have this type; the sample is older"
COIN = "the sample is one of COIN-M: pair, and value in coin where USDⓈ-M has `cumQuote`"
NO_CANDLE_VOLUME = "a field to be ignored, printed as 0 (documentation of today) where the sample has an empty text"
ALGO_WHOLE = "the sample, of before the routes went live, is the whole order; the documentation has ids, code and msg"
OF_VERSION_2 = "the sample of this path is a row of version 2; the documentation of version 3 has these keys"
NO_FEE = "the commission stands only where there is one (documentation, and the recorded stream)"
TYPED = {"timestamp": SDK}

ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "Account/GetAccountInfo": {
        ".feeBurn: more": f"{LATER}2024-05 (documentation of version 2)",
        ".positions[].breakEvenPrice: more": f"{LATER}2023-11 (change log)",
        ".positions[].isolatedWallet: more": "in the documentation of version 2, not in the sample",
        ".positions[].notional: more": "in the documentation of version 2, not in the sample",
    },
    "Account/GetBrackets": {"[].notionalCoef: missing": "only where a user's brackets are adjusted (documentation)"},
    "Account/GetIncomeHistory": {
        "[].tradeId: amount, not text": "of a trade: a number as text, where the sample's one is a number; " + SDK,
        "[].tranId: int, not amount": SDK,
    },
    "Account/GetSymbolConfiguration": {"[].isAutoAddMargin: flag, not text": SDK},
    "Account/GetTradingStatus": {
        f".indicators.{symbol}: missing": "nothing is ever locked here (assumed: `trading-status`)"
        for symbol in ("BTCUSDT", "ETHUSDT")
    },
    "Account/GetUserCommissionRate": {".rpiCommissionRate: more": f"{LATER}2025-11-18 (RPI orders)"},
    "ExchangeData/GetAggregatedTradeHistory": {"[].nq: more": f"{LATER}2025-12-31"},
    "ExchangeData/GetExchangeInfo": {
        ".assets[].autoAssetExchange: amount, not int": SDK,
        ".symbols[].filters[PERCENT_PRICE].multiplierDecimal: amount, not int": SDK,
        ".symbols[].filters[POSITION_RISK_CONTROL]: more": f"{LATER}seen at the venue on 2026-09-15",
        ".symbols[].maxMoveOrderLimit: more": f"{LATER}seen at the venue on 2026-09-15",
        ".symbols[].underlyingSubType: no rows": "contracts here are in no category",
    },
    "ExchangeData/GetFundingRates": {"[].rateType: more": f"{LATER}2026-07-28"},
    **{
        f"ExchangeData/{name}": {"[].timestamp: int, not amount": SDK}
        for name in (
            "GetGlobalLongShortAccountRatio", "GetOpenInterestHistory", "GetTakerBuySellVolumeRatio",
            "GetTopLongShortAccountRatio", "GetTopLongShortPositionRatio",
        )
    },
    **{
        f"ExchangeData/{name}": {
            "[]: int amount amount amount amount amount int amount int amount amount amount, "
            "not int amount amount amount amount text int amount int amount amount amount": NO_CANDLE_VOLUME,
        }
        for name in ("GetIndexPriceKlines", "GetMarkPriceKlines")
    },
    "ExchangeData/GetRecentTrades": {"[].isRPITrade: more": f"{LATER}2025-11-18"},
    "ExchangeData/GetTradeHistory": {"[].isRPITrade: more": f"{LATER}2025-11-18"},
    "Trading/CancelConditionalOrder": {
        **{f".{key}: more": ALGO_WHOLE for key in ("code", "msg")},
        **{
            f".{key}: missing": ALGO_WHOLE
            for key in (
                "algoStatus", "algoType", "closePosition", "createTime", "goodTillDate", "icebergQuantity", "orderType",
                "positionSide", "price", "priceMatch", "priceProtect", "quantity", "reduceOnly",
                "selfTradePreventionMode", "side", "symbol", "timeInForce", "triggerPrice", "triggerTime", "updateTime",
                "workingType",
            )
        },
    },
    "Trading/EditMultipleOrders": {
        "[].cumBase: missing": COIN, "[].cumQuote: more": COIN, "[].pair: missing": COIN,
    },
    "Trading/EditOrder": {".cumBase: missing": COIN, ".cumQuote: more": COIN, ".pair: missing": COIN},
    "Trading/GetForcedOrders": {
        "[].cumBase: more": AS_TODAY["2026-08-07"], "[].pair: more": AS_TODAY["2026-08-07"],
    },
    "Trading/GetOpenConditionalOrders": {
        f"[].{key}: more": f"{LATER}2026-04: the sample of a triggered order has it"
        for key in ("actualQty", "actualType")
    },
    "Trading/GetPositions": {
        **{
            f"[].{key}: more": OF_VERSION_2
            for key in (
                "adl", "askNotional", "bidNotional", "initialMargin", "maintMargin", "marginAsset",
                "openOrderInitialMargin", "positionInitialMargin",
            )
        },
        **{
            f"[].{key}: missing": OF_VERSION_2
            for key in ("isAutoAddMargin", "leverage", "marginType", "maxNotionalValue")
        },
    },
    "Trading/GetUserTrades": {
        f"[].{key}: more": AS_TODAY["2026-08-07"] for key in ("baseQty", "marginAsset", "pair")
    },
    "Trading/PlaceMultipleOrders": {"[].closePosition: more": "the sample of one order has it, that of several not"},
}  # fmt: skip
STREAMS: Mapping[str, Mapping[str, str]] = {
    "AggTrades": {".nq: more": f"{LATER}2025-12-31", ".st: more": AS_TODAY["st"]},
    "AlgoOrderUpdate": {".o.ia: more": f"{LATER}2026-08-11"},
    "MarkPrice": {".ap: more": f"{LATER}2026-03-16", ".st: more": AS_TODAY["st"]},
    "SymbolUpdates": {".st: more": AS_TODAY["st"]},
    "OrderUpdate": {
        ".o.N: missing": NO_FEE, ".o.n: missing": NO_FEE, ".o.er: more": f"{LATER}2025-10-23",
    },
    **{
        name: {".ps: more": AS_TODAY["st"], ".st: more": AS_TODAY["st"]}
        for name in ("Book", "BookTicker", "MiniTicker", "PartialBook", "Ticker")
    },
}  # fmt: skip
SPOT_ALGO = "TWAP and VP orders live on a host of their own (`/sapi/v1/algo`), which is not that of USDⓈ-M"
CONVERT = "refused as the venue does (−1020): nothing is converted here"
NOT_SERVED: Mapping[str, str] = {
    "ExchangeData/GetCompositeIndexInfo": "there is no composite index: an empty list",
    **{f"Trading/{name}": SPOT_ALGO for name in (
        "CancelAlgoOrder", "GetAlgoSubOrders", "GetClosedAlgoOrders", "GetOpenAlgoOrders",
        "PlaceTimeWeightedAveragePriceOrder", "PlaceVolumeParticipationOrder",
    )},
    **{f"Trading/{name}": CONVERT for name in ("ConvertAcceptQuote", "ConvertQuoteRequest", "GetConvertOrderStatus")},
    "CompositIndex": "there is no composite index",
    "Concurrent": "no sample: messages of a test of two subscriptions, cut short",
    "GridUpdate": "deprecated by the venue; there are no grids here",
    "StrategyUpdate": "there are no strategies here",
}  # fmt: skip
"""Samples that nothing here answers."""
UNSAMPLED: Mapping[str, str] = {
    "GET /fapi/v1/ping": "an empty object",
    "GET /fapi/v1/rpiDepth": "as `depth`",
    "GET /fapi/v1/ticker/price": "as version 2",
    "GET /fapi/v1/indexInfo": NOT_SERVED["ExchangeData/GetCompositeIndexInfo"],
    "GET /fapi/v1/symbolAdlRisk": "documentation only",
    "GET /fapi/v1/tradingSchedule": "documentation only",
    "GET /futures/data/delivery-price": "documentation only; always empty",
    "GET /fapi/v2/balance": "as version 3",
    "GET /fapi/v1/positionSide/dual": "documentation only",
    "GET /fapi/v1/pmAccountInfo": "refused",
    "POST /fapi/v1/stock/contract": "documentation only",
    "GET /fapi/v1/convert/exchangeInfo": "documentation only",
    "POST /fapi/v1/convert/getQuote": CONVERT,
    "POST /fapi/v1/convert/acceptQuote": CONVERT,
    "GET /fapi/v1/convert/orderStatus": CONVERT,
    "POST /fapi/v1/order/test": "as `POST order`",
    "GET /downloads/*": "a file",
    **{
        f"GET {path}": "of another market: what clients ask at the start"
        for path in (
            "/api/v3/ping", "/api/v3/time", "/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo",
            "/sapi/v1/capital/config/getall", "/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs",
            "/sapi/v1/system/status", "/sapi/v1/account/apiRestrictions",
        )
    },
}  # fmt: skip
"""Routes without a sample of their own."""
