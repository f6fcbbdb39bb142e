"""How an account stands: balances, positions, configuration, brackets, fees, limits."""

from decimal import Decimal

from margincall.core.rounding import plain
from margincall.core.rules import MissingBrackets
from margincall.exchange.standing import limit_of
from margincall.server.call import Call
from margincall.server.errors import BAD_SYMBOL, ApiError
from margincall.server.lights import lights_of
from margincall.server.limits import ORDERS_1M, ORDERS_10S, Window
from margincall.server.request import Params
from margincall.server.routing import Param, Route
from margincall.server.standings import alias_of, collateral, settled, stand, stand_whole, trader_of
from margincall.wire.encode_market import adl_quantile_rows
from margincall.wire.encode_state import account_answer, leverage_bracket, position_risk_rows, symbol_config_row
from margincall.wire.serve_account import (
    account_config,
    account_v2,
    balance_rows,
    position_risk_v2,
    symbol_config_flagged,
)
from margincall.wire.spelling import Json, text

V3_SINCE, V1_UNTIL = "2024-07-24", "2023-07-15"
"""Version 3, `symbolConfig` and `accountConfig` came, version 1 went (change log)."""
RPI_SINCE = "2025-11-18"
NOT_PORTFOLIO = ApiError(-21001, "invalid request: request ID is not a Portfolio Margin Account")
"""Binance FAQ 1fc7ab7c087644f0b697b53af38a43cf."""
NOT_SUPPORTED = ApiError(-1020, "This operation is not supported.")


def account(call: Call) -> Json:
    """`GET /fapi/v3/account`: what has a position or an order, without settings."""
    return account_answer(stand(call.venue, call.account))


def account_whole(call: Call) -> Json:
    """`GET /fapi/v2/account`: every symbol, with its settings."""
    state = stand_whole(call.venue, call.account)
    burns = call.account in call.venue.fee_burners
    return account_v2(state, config(call), collateral(call.venue.state), fee_burn=burns)


def balance(call: Call) -> list[Json]:
    """`GET /fapi/v3/balance`, and of version 2."""
    state = stand(call.venue, call.account)
    return balance_rows(state, alias_of(call.account), collateral(call.venue.state))


def position_risk(call: Call) -> list[Json]:
    """`GET /fapi/v3/positionRisk`."""
    return _of_symbol(call, position_risk_rows(stand(call.venue, call.account, with_lights=True)))


def position_risk_whole(call: Call) -> list[Json]:
    """`GET /fapi/v2/positionRisk`: every symbol, with its settings."""
    return _of_symbol(call, position_risk_v2(stand_whole(call.venue, call.account)))


def _of_symbol(call: Call, rows: list[Json]) -> list[Json]:
    """The rows of the symbol that was asked for, or all."""
    symbol = call.symbol()
    return [row for row in rows if symbol in (None, row["symbol"])]


def config(call: Call) -> Json:
    """`GET /fapi/v1/accountConfig`."""
    trader = trader_of(call.venue, call.account)
    return account_config(hedge=trader.hedge, multi_assets=trader.account.multi_assets)


def symbol_config(call: Call) -> list[Json]:
    """`GET /fapi/v1/symbolConfig`."""
    state, wanted = call.venue.state, call.symbol()
    own = settled(state, trader_of(call.venue, call.account).account)
    return [
        symbol_config_flagged(
            symbol_config_row(
                symbol,
                own.leverage[symbol],
                limit_of(own, state.rules.venue, symbol),
                is_isolated=own.margin_types.get(symbol) == "isolated",
            )
        )
        for symbol in sorted(state.markets)
        if wanted in (None, symbol)
    ]


def brackets(call: Call) -> list[Json]:
    """`GET /fapi/v1/leverageBracket`: the genuine tables in force, also while an operator's fault applies others; a
    list for one symbol too, as the venue's own client reads it."""
    rules, symbol = call.venue.state.genuine.venue, call.symbol()
    try:
        return [
            leverage_bracket(rules.brackets(each), rules.contract(each))
            for each in sorted(call.venue.state.markets)
            if symbol in (None, each)
        ]
    except MissingBrackets:
        raise BAD_SYMBOL from None


def commission_rate(call: Call) -> Json:
    """`GET /fapi/v1/commissionRate`. Nobody can place RPI orders here: they would pay what makers pay."""
    symbol, fees = call.need_symbol(), call.venue.state.genuine.venue.fees
    found: Json = {
        "symbol": symbol, "makerCommissionRate": _rate(fees.maker), "takerCommissionRate": _rate(fees.taker)
    }  # fmt: skip
    if call.venue.api_date >= RPI_SINCE:
        found["rpiCommissionRate"] = _rate(fees.maker)
    return found


def _rate(rate: Decimal) -> str:
    return text(plain(rate))


def order_limits(call: Call) -> list[Json]:
    """`GET /fapi/v1/rateLimit/order`."""
    return [_limit("SECOND", ORDERS_10S), _limit("MINUTE", ORDERS_1M)]


def _limit(interval: str, window: Window) -> Json:
    number = window.span_ms // {"SECOND": 1_000, "MINUTE": 60_000}[interval]
    return {"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": window.limit}


def trading_status(call: Call) -> Json:
    """`GET /fapi/v1/apiTradingStatus`: nothing is locked, because quantitative rules are not enforced here."""
    call.symbol()
    return {"indicators": {}, "updateTime": call.now_ms}


def adl_quantile(call: Call) -> list[Json]:
    """`GET /fapi/v1/adlQuantile`."""
    call.venue.advance()
    own = trader_of(call.venue, call.account).account
    isolated = {symbol for symbol, margin in own.margin_types.items() if margin == "isolated"}
    return _of_symbol(call, adl_quantile_rows(lights_of(call.venue, call.account), isolated))


def portfolio(call: Call) -> Json:
    """`GET /fapi/v1/pmAccountInfo`: no account is one of portfolio margin."""
    call.params.need_text("asset")
    raise NOT_PORTFOLIO


def agreement(call: Call) -> Json:
    """`POST /fapi/v1/stock/contract`: signs an agreement about contracts that are not listed here."""
    return {"code": 200, "msg": "success"}


def convertible(call: Call) -> list[Json]:
    """`GET /fapi/v1/convert/exchangeInfo`: nothing can be converted."""
    return []


def convert(call: Call) -> Json:
    """The rest of `convert`."""
    raise NOT_SUPPORTED


def _status_weight(params: Params) -> int:
    return 1 if params.found.get("symbol") else 10


SYMBOL = (Param("symbol", "symbol"),)
NEED_SYMBOL = (Param("symbol", "symbol", required=True),)
ROUTES = (
    Route("GET", "/fapi/v3/account", account, security="read", weight=5, since=V3_SINCE),
    Route("GET", "/fapi/v2/account", account_whole, security="read", weight=10),
    Route("GET", "/fapi/v1/account", account_whole, security="read", weight=5, until=V1_UNTIL),
    Route("GET", "/fapi/v3/balance", balance, security="read", weight=5, since=V3_SINCE),
    Route("GET", "/fapi/v2/balance", balance, security="read", weight=5),
    Route("GET", "/fapi/v3/positionRisk", position_risk, security="read", weight=5, params=SYMBOL, since=V3_SINCE),
    Route("GET", "/fapi/v2/positionRisk", position_risk_whole, security="read", weight=10, params=SYMBOL),
    Route(
        "GET", "/fapi/v1/positionRisk", position_risk_whole, security="read", weight=5, params=SYMBOL, until=V1_UNTIL
    ),
    Route("GET", "/fapi/v1/accountConfig", config, security="read", weight=5, since=V3_SINCE),
    Route("GET", "/fapi/v1/symbolConfig", symbol_config, security="read", weight=5, params=SYMBOL, since=V3_SINCE),
    Route("GET", "/fapi/v1/leverageBracket", brackets, "static", "read", params=SYMBOL),
    Route("GET", "/fapi/v1/commissionRate", commission_rate, "static", "read", 20, params=NEED_SYMBOL),
    Route("GET", "/fapi/v1/rateLimit/order", order_limits, "static", "read"),
    Route("GET", "/fapi/v1/apiTradingStatus", trading_status, "static", "read", _status_weight, params=SYMBOL),
    Route("GET", "/fapi/v1/adlQuantile", adl_quantile, security="read", weight=5, params=SYMBOL),
    Route("GET", "/fapi/v1/pmAccountInfo", portfolio, "refused", "read", 5, params=(Param("asset", required=True),)),
    Route("POST", "/fapi/v1/stock/contract", agreement, "static", "trade", 50),
    Route("GET", "/fapi/v1/convert/exchangeInfo", convertible, "static", weight=20),
    Route("POST", "/fapi/v1/convert/getQuote", convert, "refused", "trade", 50),
    Route("POST", "/fapi/v1/convert/acceptQuote", convert, "refused", "trade", 200),
    Route("GET", "/fapi/v1/convert/orderStatus", convert, "refused", "read", 50),
)
