"""What a rescue asks for: one table of endpoints, with limits, weights, and the evidence that each gives.

Sources: Binance documentation, 2026-05, of USDⓈ-M (`/fapi`) and COIN-M (`/dapi`).
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from margincall.case.request import Request

Market = Literal["fapi", "dapi"]
WINDOW_DAYS = 7
"""Days that one request may span: documented for orders and trades, used for all lists so that none is cut."""


class Endpoint(Struct, frozen=True):
    """One GET of a market. `limit`: rows that one answer holds at most (0: it is not limited); `gives`: kinds of
    evidence, as `forensics/unknown.py` names them."""

    market: Market
    path: str
    weight: int
    gives: tuple[str, ...] = ()
    limit: int = 0
    signed: bool = True
    window_days: int = WINDOW_DAYS

    @property
    def name(self) -> str:
        """The name by which rules of retention and files know it."""
        return Request(self.market, self.path).name

    def request(self, *, weight: int = 0, **params: str | int) -> Request:
        """A request with these parameters, in their order, and the limit where the endpoint has one."""
        pairs = [(key, str(value)) for key, value in params.items() if value != ""]
        if self.limit:
            pairs.append(("limit", str(self.limit)))
        return Request(self.market, self.path, tuple(pairs), self.signed, weight or self.weight)


def _both(
    name: str,
    um: tuple[int, int],
    cm: tuple[int, int],
    gives: tuple[str, ...],
    *,
    limit: int = 0,
    days: int = WINDOW_DAYS,
) -> list[Endpoint]:
    """An endpoint of both markets: (version, weight) in each."""
    return [
        Endpoint("fapi", f"/fapi/v{um[0]}/{name}", um[1], gives, limit=limit, window_days=days),
        Endpoint("dapi", f"/dapi/v{cm[0]}/{name}", cm[1], gives, limit=limit, window_days=days),
    ]


PRESENT: tuple[Endpoint, ...] = (
    Endpoint("fapi", "/fapi/v3/positionRisk", 5, ("account",)),
    Endpoint("fapi", "/fapi/v3/account", 5, ("account", "takeover")),
    *_both("openOrders", (1, 40), (1, 40), ()),
    Endpoint("fapi", "/fapi/v1/openAlgoOrders", 40),
    Endpoint("fapi", "/fapi/v2/positionRisk", 10, ("account",)),
    Endpoint("fapi", "/fapi/v2/account", 10, ("account", "takeover")),
    Endpoint("fapi", "/fapi/v3/balance", 5, ("account",)),
    Endpoint("fapi", "/fapi/v1/accountConfig", 5, ("account",)),
    Endpoint("fapi", "/fapi/v1/symbolConfig", 5, ("mode",)),
    Endpoint("fapi", "/fapi/v1/multiAssetsMargin", 30, ("account",)),
    Endpoint("dapi", "/dapi/v1/positionRisk", 1, ("account",)),
    Endpoint("dapi", "/dapi/v1/account", 5, ("account", "takeover")),
    Endpoint("dapi", "/dapi/v1/balance", 1, ("account",)),
    *_both("positionSide/dual", (1, 30), (1, 30), ("account",)),
    *_both("leverageBracket", (1, 1), (2, 1), ("brackets",)),
    Endpoint("fapi", "/fapi/v1/exchangeInfo", 1, signed=False),
    Endpoint("dapi", "/dapi/v1/exchangeInfo", 1, signed=False),
)
"""The state as it is now: gone as soon as it changes. Asked first, without parameters."""

ASSET_INDEX = Endpoint("fapi", "/fapi/v1/assetIndex", 10, ("marks",), signed=False)
"""Asked where the account is in multi-assets mode."""

FORCE_ORDERS = _both("forceOrders", (1, 50), (1, 50), ("order",), limit=100)
INCOME = _both("income", (1, 30), (1, 20), ("income",), limit=1000)
"""The two lists that name the symbols: asked after the present state."""

ALL_ORDERS = _both("allOrders", (1, 5), (1, 20), ("order", "orders", "unfilled"), limit=1000)
ALGO_ORDERS = [Endpoint("fapi", "/fapi/v1/allAlgoOrders", 5, (), limit=1000)]
MARGIN_HISTORY = _both("positionMargin/history", (1, 1), (1, 1), ("margin",), limit=500, days=30)
USER_TRADES = _both("userTrades", (1, 5), (1, 20), ("fills",), limit=1000)
COMMISSION = _both("commissionRate", (1, 20), (1, 20), ())
FUNDING = [
    Endpoint("fapi", "/fapi/v1/fundingRate", 1, ("earlier",), limit=1000, signed=False, window_days=30),
    Endpoint("dapi", "/dapi/v1/fundingRate", 1, ("earlier",), limit=1000, signed=False, window_days=30),
]
"""Per symbol, in order of expiry."""


def _candles(name: str, gives: tuple[str, ...]) -> list[Endpoint]:
    return [
        Endpoint("fapi", f"/fapi/v1/{name}", 5, gives, signed=False),
        Endpoint("dapi", f"/dapi/v1/{name}", 5, gives, signed=False),
    ]


MARK_CANDLES = _candles("markPriceKlines", ("marks", "earlier"))
INDEX_CANDLES = _candles("indexPriceKlines", ())
LAST_CANDLES = _candles("klines", ())
CANDLES_MAX = 1000
"""Candles that one request asks for at most; weight 5 for 500 to 1000 of them."""

EXPORTS = [
    *_both("order/asyn", (1, 1000), (1, 5), ("order", "orders", "sides")),
    *_both("trade/asyn", (1, 1000), (1, 5), ("fills",)),
    *_both("income/asyn", (1, 1000), (1, 5), ("income",)),
]
"""Asynchronous exports: 5 a month, shared with the web page."""

GROUPS: tuple[tuple[Endpoint, ...] | list[Endpoint], ...] = (
    PRESENT, (ASSET_INDEX,), FORCE_ORDERS, INCOME, ALL_ORDERS, ALGO_ORDERS, MARGIN_HISTORY, USER_TRADES, COMMISSION,
    FUNDING, MARK_CANDLES, INDEX_CANDLES, LAST_CANDLES, EXPORTS,
)  # fmt: skip


def of(market: Market, group: tuple[Endpoint, ...] | list[Endpoint]) -> list[Endpoint]:
    """The endpoints of a group that a market has."""
    return [each for each in group if each.market == market]


def evidence(market: Market) -> Mapping[str, tuple[str, ...]]:
    """Endpoint's name -> the kinds of evidence that it gives."""
    return {each.name: each.gives for group in GROUPS for each in of(market, group)}
