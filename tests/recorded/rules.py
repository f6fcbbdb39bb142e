"""What the recorded server enforces: parameters, limits, weights, and how long it remembers what. Written from the
venue's documentation, not from the tables of the client, so that a mistake there is found here."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.recorded import account as made
from tests.recorded.account import DAY, Account, Json

MONTHS_3 = 92 * DAY


class Refusal(Exception):
    """An error of the venue: HTTP status, code, message."""

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(msg)
        self.status, self.code, self.msg = status, code, msg


class Rule(NamedTuple):
    """One endpoint."""

    weight: int
    rows: Callable[[Account, int, Mapping[str, str]], object]
    signed: bool = True
    required: tuple[str, ...] = ()
    limit: tuple[int, int] = (0, 0)
    days: int = 0
    time: str = "time"


def is_unfilled(row: Json) -> bool:
    return row["status"] in ("CANCELED", "EXPIRED") and not float(row["executedQty"])


def orders(account: Account, now: int, params: Mapping[str, str]) -> list[Json]:
    """Unfilled ones for 3 days, all for 90."""
    return [row for row in account.orders if row["time"] > now - (3 * DAY if is_unfilled(row) else 90 * DAY)]


def algo_orders(account: Account, now: int, params: Mapping[str, str]) -> list[Json]:
    return [row for row in made.algo_orders() if row["createTime"] > now - 3 * DAY]


def last(attribute: str, span: int) -> Callable[[Account, int, Mapping[str, str]], object]:
    return lambda account, now, params: [row for row in getattr(account, attribute) if row["time"] > now - span]


def candles(account: Account, now: int, params: Mapping[str, str]) -> list[list[object]]:
    begin = -(-int(params["startTime"]) // made.MINUTE) * made.MINUTE
    end = min(int(params["endTime"]), now)
    return [made.candle(time_ms) for time_ms in range(begin, end + 1, made.MINUTE)]


def funding(account: Account, now: int, params: Mapping[str, str]) -> list[Json]:
    begin, end, step = int(params["startTime"]), min(int(params["endTime"]), now), 8 * made.HOUR
    return [
        {"symbol": params["symbol"], "fundingTime": at, "fundingRate": "0.00000000", "markPrice": f"{made.mark_at(at)}"}
        for at in range(-(-begin // step) * step, end + 1, step)
    ]


def exchange_info(account: Account, now: int, params: Mapping[str, str]) -> Json:
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
    symbols = [{"symbol": symbol, "liquidationFee": "0.012500", "filters": []} for symbol in account.symbols]
    return {
        "timezone": "UTC",
        "serverTime": now // made.MINUTE * made.MINUTE,
        "rateLimits": [limit],
        "assets": [],
        "symbols": symbols,
    }


def config(account: Account, now: int, params: Mapping[str, str]) -> list[Json]:
    return [
        {"symbol": symbol, "marginType": "ISOLATED", "isAutoAddMargin": False, "leverage": 20, "maxNotionalValue": "1"}
        for symbol in account.symbols
    ]


def balance(account: Account, now: int, params: Mapping[str, str]) -> list[Json]:
    row = {"accountAlias": "a", "asset": account.asset, "balance": "400", "crossWalletBalance": "400"}
    return [{**row, "updateTime": made.EVENT + 20}]


def same(value: object) -> Callable[[Account, int, Mapping[str, str]], object]:
    return lambda account, now, params: value


KLINE = {"signed": False, "required": ("interval", "startTime", "endTime"), "limit": (500, 1500)}
LISTS = {
    "v1/allOrders": Rule(5, orders, required=("symbol",), limit=(500, 1000), days=7),
    "v1/userTrades": Rule(5, last("trades", MONTHS_3), required=("symbol",), limit=(500, 1000), days=7),
    "v1/forceOrders": Rule(50, last("forced", 90 * DAY), limit=(50, 100)),
    "v1/income": Rule(30, last("income", MONTHS_3), limit=(100, 1000)),
    "v1/positionMargin/history": Rule(1, last("margin", 30 * DAY), required=("symbol",), limit=(500, 500), days=30),
    "v1/openOrders": Rule(40, same([])),
    "v1/positionSide/dual": Rule(30, same({"dualSidePosition": False})),
    "v1/exchangeInfo": Rule(1, exchange_info, signed=False),
    "v1/commissionRate": Rule(
        20,
        lambda account, now, params: {
            "symbol": params["symbol"],
            "makerCommissionRate": "0.0002",
            "takerCommissionRate": "0.0005",
        },
        required=("symbol",),
    ),
    "v1/fundingRate": Rule(1, funding, signed=False, required=("symbol",), limit=(100, 1000), time="fundingTime"),
    "v1/markPriceKlines": Rule(5, candles, **KLINE),
    "v1/indexPriceKlines": Rule(5, candles, **KLINE),
    "v1/klines": Rule(5, candles, **KLINE),
}
ENDPOINTS: Mapping[str, Rule] = {
    **{f"/{market}/{name}": rule for market in ("fapi", "dapi") for name, rule in LISTS.items()},
    "/fapi/v1/allAlgoOrders": Rule(5, algo_orders, required=("symbol",), limit=(500, 1000), days=7, time="createTime"),
    "/fapi/v1/openAlgoOrders": Rule(40, same([])),
    "/fapi/v3/positionRisk": Rule(5, same([])),
    "/fapi/v2/positionRisk": Rule(10, lambda account, now, params: made.position_rows(account, now)),
    "/dapi/v1/positionRisk": Rule(1, lambda account, now, params: made.position_rows(account, now)),
    "/fapi/v3/account": Rule(5, lambda account, now, params: made.account_answer(account)),
    "/fapi/v2/account": Rule(10, lambda account, now, params: made.account_answer(account)),
    "/dapi/v1/account": Rule(5, lambda account, now, params: made.account_answer(account)),
    "/fapi/v3/balance": Rule(5, balance),
    "/dapi/v1/balance": Rule(1, balance),
    "/fapi/v1/accountConfig": Rule(
        5, same({"feeTier": 0, "canTrade": True, "dualSidePosition": False, "multiAssetsMargin": False})
    ),
    "/fapi/v1/symbolConfig": Rule(5, config),
    "/fapi/v1/multiAssetsMargin": Rule(30, same({"multiAssetsMargin": False})),
    "/fapi/v1/leverageBracket": Rule(1, lambda account, now, params: made.brackets(account)),
    "/dapi/v2/leverageBracket": Rule(1, lambda account, now, params: []),
}
KNOWN_PARAMS = frozenset(
    {"symbol", "pair", "startTime", "endTime", "limit", "fromId", "page", "interval", "incomeType", "recvWindow"}
    | {"timestamp", "signature", "downloadId", "autoCloseType", "orderId"}
)


def answered(path: str, rule: Rule, account: Account, now: int, params: Mapping[str, str]) -> object:
    """The rows of a list, checked, cut to the window and to the limit; or the one value there is."""
    checked(rule, params)
    found = rule.rows(account, now, params)
    if not rule.limit[1]:
        return found
    assert isinstance(found, list)
    limit = int(params.get("limit", rule.limit[0]))
    if "interval" in params:
        return found[:limit]
    if symbol := params.get("symbol"):
        found = [row for row in found if row["symbol"] == symbol]
    if from_id := params.get("fromId"):
        return [row for row in found if row["id"] >= int(from_id)][:limit]
    end = int(params.get("endTime", now))
    begin = int(params.get("startTime", end - 7 * DAY))
    found = [row for row in found if begin <= row[rule.time] <= end]
    if page := params.get("page"):
        return found[(int(page) - 1) * limit : int(page) * limit]
    # Orders: "most recent orders are returned"; trades begin with the oldest.
    return found[:limit] if path.endswith("userTrades") else found[-limit:]


def checked(rule: Rule, params: Mapping[str, str]) -> None:
    """The parameters as the venue checks them."""
    for name in rule.required:
        if name not in params and not (name == "symbol" and "pair" in params):
            raise Refusal(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    for name, value in params.items():
        if name not in KNOWN_PARAMS:
            raise Refusal(400, -1103, "An unknown parameter was sent.")
        if not value:
            raise Refusal(400, -1105, f"Parameter '{name}' was empty.")
    if "limit" in params and not 0 < int(params["limit"]) <= rule.limit[1]:
        raise Refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
    if "fromId" in params and ("startTime" in params or "endTime" in params):
        raise Refusal(400, -1128, "Combination of optional parameters invalid.")
    if "startTime" in params and "endTime" in params:
        begin, end = int(params["startTime"]), int(params["endTime"])
        if begin > end:
            raise Refusal(400, -1023, "Start time is greater than end time.")
        if rule.days and end - begin >= rule.days * DAY:
            raise Refusal(400, -4165, f"Maximum time interval is {rule.days} days")
