"""`exchangeInfo`: limits, assets, and each symbol with its filters, from the listing that the engine runs by.

`maintMarginPercent` and `requiredMarginPercent` are printed and mean nothing, as at the venue (documentation).
"""

from collections.abc import Collection, Iterator
from decimal import Decimal

import msgspec

from margincall.core.contract import Contract
from margincall.core.rounding import plain
from margincall.core.units import ZERO
from margincall.exchange.rulesets import Filters, Listing
from margincall.exchange.state import Exchange
from margincall.server.call import Call
from margincall.server.limits import ORDERS_1M, ORDERS_10S, POOLS, Window
from margincall.server.precision import price_unit
from margincall.server.rolling_day import places
from margincall.server.venue import HALTED
from margincall.wire.spelling import Json, text

NEVER_MS = 4_133_404_800_000
"""The delivery date of a perpetual contract."""
ORDER_TYPES = (
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET",
)  # fmt: skip
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
MOST_MOVES = 10_000
"""How often an order may be amended (documentation, −5026)."""
PRECISION = 8
"""Decimals of amounts."""


def exchange_info(call: Call) -> Json:
    """`GET /fapi/v1/exchangeInfo`; a symbol in the request changes nothing, as at the venue."""
    tape, state, halted = call.venue.tape, call.venue.state, frozenset(call.venue.halted)
    known, symbols = tape.listed
    if known != halted:
        symbols = msgspec.Raw(msgspec.json.encode(list(symbol_rows(state, tape.begun_ms, halted))))
        tape.listed = halted, symbols
    return {
        "exchangeFilters": [],
        "rateLimits": rate_limits(),
        "serverTime": call.now_ms,
        "assets": list(assets(state)),
        "symbols": symbols,
        "timezone": "UTC",
    }


def rate_limits() -> list[Json]:
    """The limits that are counted."""
    return [
        _limit("REQUEST_WEIGHT", POOLS["weight"], "MINUTE", 1),
        _limit("ORDERS", ORDERS_1M, "MINUTE", 1),
        _limit("ORDERS", ORDERS_10S, "SECOND", 10),
    ]


def _limit(kind: str, window: Window, interval: str, count: int) -> Json:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": window.limit}


def assets(state: Exchange) -> Iterator[Json]:
    """What margin may be held in: what contracts are margined in, and what has an index."""
    margins = {market.contract.margin_asset for market in state.markets.values()}
    for asset in sorted(margins | set(state.indices)):
        yield {"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"}


def symbol_rows(state: Exchange, begun_ms: int, halted: Collection[str] = ()) -> Iterator[Json]:
    """All symbols, each listed since the exchange began, with their genuine rates, as `leverageBracket` has them, also
    while an operator's fault applies others; `halted` are those that take no orders now."""
    for symbol, market in state.markets.items():
        rate = state.genuine.venue.brackets(symbol).rows[0].rate
        algo = None if state.rules.max_waiting_orders is not None else market.listing.filters.max_stop_orders
        row = symbol_row(market.contract, market.listing, begun_ms, first_rate=rate, most_algo=algo)
        yield {**row, "status": HALTED} if symbol in halted else row


def symbol_row(
    contract: Contract, listing: Listing, begun_ms: int, *, first_rate: Decimal, most_algo: int | None
) -> Json:
    """One symbol; `liquidationFee` is what the engine charges."""
    filters, fee = listing.filters, contract.liquidation_fee or ZERO
    return {
        "symbol": contract.symbol,
        "pair": contract.base + contract.quote,
        "contractType": "PERPETUAL",
        "deliveryDate": NEVER_MS,
        "onboardDate": begun_ms,
        "status": "TRADING",
        "maintMarginPercent": f"{first_rate * 100:.4f}",
        "requiredMarginPercent": f"{Decimal(100) / listing.default_leverage:.4f}",
        "baseAsset": contract.base,
        "quoteAsset": contract.quote,
        "marginAsset": contract.margin_asset,
        "pricePrecision": places(price_unit(contract)),
        "quantityPrecision": places(contract.lot),
        "baseAssetPrecision": PRECISION,
        "quotePrecision": PRECISION,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "settlePlan": 0,
        "triggerProtect": f"{filters.trigger_protect:.4f}",
        "liquidationFee": f"{fee:.6f}",
        "marketTakeBound": text(plain(filters.market_bound or Decimal(1))),
        "maxMoveOrderLimit": MOST_MOVES,
        "filters": list(filter_rows(contract, filters, most_algo)),
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIMES_IN_FORCE),
    }


def filter_rows(contract: Contract, filters: Filters, most_algo: int | None) -> Iterator[Json]:
    """The filters; `most_algo`: the most conditional orders of the symbol, none where they are counted together."""
    tick, lot = text(plain(contract.tick)), text(plain(contract.lot))
    yield {
        "filterType": "PRICE_FILTER", "minPrice": _printed(filters.min_price), "maxPrice": _printed(filters.max_price),
        "tickSize": tick,
    }  # fmt: skip
    for kind, most in (
        ("LOT_SIZE", filters.max_quantity),
        ("MARKET_LOT_SIZE", filters.max_market_quantity or filters.max_quantity),
    ):
        yield {
            "filterType": kind, "minQty": _printed(filters.min_quantity or contract.lot), "maxQty": _printed(most),
            "stepSize": lot,
        }  # fmt: skip
    yield {"filterType": "MAX_NUM_ORDERS", "limit": filters.max_orders}
    if most_algo is not None:
        yield {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": most_algo}
    yield {"filterType": "MIN_NOTIONAL", "notional": _printed(filters.min_notional)}
    if filters.multiplier_up is not None and filters.multiplier_down is not None:
        yield {
            "filterType": "PERCENT_PRICE", "multiplierUp": f"{filters.multiplier_up:.4f}",
            "multiplierDown": f"{filters.multiplier_down:.4f}", "multiplierDecimal": "4",
        }  # fmt: skip
    yield {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"}


def _printed(bound: Decimal | None) -> str:
    """A bound; 0 where there is none, as the documentation has it."""
    return "0" if bound is None else text(plain(bound))
