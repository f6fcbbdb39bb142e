"""The other direction: how an account stands -> the answers that say so, of USDⓈ-M and of COIN-M.

Written as `account` and `positionRisk` of version 3 (USDⓈ-M: what has a position or an order; settings stand in
`symbolConfig`) and of version 1 (COIN-M: every contract and side, with its settings), and `leverageBracket` of both.
Amounts are truncated to eight decimals, as in the samples. Sources: Binance documentation 2026-05 and its samples.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Raw, Struct

from margincall.core.account import PositionSide
from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rounding import booked, plain
from margincall.core.units import ZERO
from margincall.wire.spelling import Json, amount, text


class MarginTerms(Struct, frozen=True, kw_only=True):
    """What `account` prints of an asset, and of the account as a whole: totals, with cross positions alone in the
    `cross_` terms, and initial margin of positions and of orders."""

    wallet: Decimal = ZERO
    unrealized: Decimal = ZERO
    maintenance: Decimal = ZERO
    position_initial: Decimal = ZERO
    order_initial: Decimal = ZERO
    cross_wallet: Decimal = ZERO
    cross_unrealized: Decimal = ZERO
    available: Decimal = ZERO
    withdrawable: Decimal = ZERO


class AssetState(Struct, frozen=True, kw_only=True):
    """One asset of the futures wallet; `changed_ms` is when its balance changed last."""

    asset: str
    terms: MarginTerms
    changed_ms: int


class PositionState(Struct, frozen=True, kw_only=True):
    """One position, flat or not. `notional` is signed; `bids` and `asks` are the value of the orders that could add to
    it; `limit` is the largest value that its leverage allows; `lights` its place in the queue of deleveraging."""

    contract: Contract
    side: PositionSide
    quantity: Decimal
    leverage: int
    is_isolated: bool
    limit: Decimal
    entry: Decimal | None = None
    break_even: Decimal | None = None
    mark: Decimal | None = None
    unrealized: Decimal = ZERO
    liquidation_price: Decimal | None = None
    isolated_wallet: Decimal = ZERO
    notional: Decimal = ZERO
    maintenance: Decimal = ZERO
    position_initial: Decimal = ZERO
    order_initial: Decimal = ZERO
    bids: Decimal = ZERO
    asks: Decimal = ZERO
    lights: int = 0
    changed_ms: int = 0


class AccountState(Struct, frozen=True, kw_only=True):
    """How an account stands: what all of its answers are written from."""

    totals: MarginTerms
    assets: tuple[AssetState, ...]
    positions: tuple[PositionState, ...]


def account_answer(state: AccountState) -> Json:
    """`GET /fapi/v3/account`."""
    return {
        **{TOTALS[name]: word for name, word in _margin_words(state.totals).items()},
        "assets": [_asset(each) for each in state.assets],
        "positions": [_account_position(each) for each in state.positions],
    }


def coin_account_answer(state: AccountState) -> Json:
    """`GET /dapi/v1/account`. The fee tier is that of everybody, for whom nothing is changed."""
    return {
        "assets": [_asset(each) for each in state.assets],
        "positions": [_coin_account_position(each) for each in state.positions],
        "canDeposit": True,
        "canTrade": True,
        "canWithdraw": True,
        "feeTier": 0,
        "updateTime": 0,
    }


def position_risk_rows(state: AccountState) -> list[Json]:
    """`GET /fapi/v3/positionRisk`."""
    return [
        {
            **_position(each),
            "breakEvenPrice": _price(each.break_even),
            "markPrice": amount(each.mark or ZERO),
            "unRealizedProfit": _booked(each.unrealized),
            "liquidationPrice": _liquidation(each),
            "isolatedMargin": _isolated_margin(each),
            "notional": text(plain(booked(each.notional))),
            "marginAsset": each.contract.margin_asset,
            "isolatedWallet": amount(each.isolated_wallet),
            **_needs(each),
            "adl": each.lights,
            "bidNotional": text(plain(booked(each.bids))),
            "askNotional": text(plain(booked(each.asks))),
            "updateTime": each.changed_ms,
        }
        for each in state.positions
    ]


def coin_position_risk_rows(state: AccountState) -> list[Json]:
    """`GET /dapi/v1/positionRisk`."""
    return [
        {
            **_position(each),
            "breakEvenPrice": _price(each.break_even),
            "markPrice": amount(each.mark or ZERO),
            "unRealizedProfit": _booked(each.unrealized),
            "liquidationPrice": _liquidation(each),
            "leverage": str(each.leverage),
            "maxQty": text(plain(each.limit)),
            "marginType": "isolated" if each.is_isolated else "cross",
            "isolatedMargin": _isolated_margin(each),
            "isAutoAddMargin": "false",
            "notionalValue": text(plain(booked(each.notional))),
            "updateTime": each.changed_ms,
        }
        for each in state.positions
    ]


def symbol_config_row(symbol: str, leverage: int, limit: Decimal, *, is_isolated: bool) -> Json:
    """A row of `symbolConfig`; margin is never added by itself here."""
    return {
        "symbol": symbol,
        "marginType": "ISOLATED" if is_isolated else "CROSSED",
        "isAutoAddMargin": "false",
        "leverage": leverage,
        "maxNotionalValue": text(plain(limit)),
    }


def leverage_bracket(table: BracketTable, contract: Contract) -> Json:
    """A symbol's entry of `leverageBracket`, its numbers JSON numbers. COIN-M calls bounds quantities, one of them
    `qtylFloor`. `notionalCoef` stands where the user's brackets are adjusted (documentation)."""
    cap, floor = ("qtyCap", "qtylFloor") if contract.is_inverse else ("notionalCap", "notionalFloor")
    adjusted: Json = {} if table.coefficient is None else {"notionalCoef": _number(table.coefficient)}
    rows = [
        {
            "bracket": row.number,
            "initialLeverage": row.max_leverage or 1,
            cap: _number(row.cap),
            floor: _number(row.floor),
            "maintMarginRatio": _number(row.rate),
            "cum": _number(row.cum),
        }
        for row in table.rows
    ]
    return {"symbol": table.symbol, **adjusted, "brackets": rows}


ASSET: Mapping[str, str] = {
    "wallet": "walletBalance",
    "unrealized": "unrealizedProfit",
    "balance": "marginBalance",
    "maintenance": "maintMargin",
    "initial": "initialMargin",
    "position_initial": "positionInitialMargin",
    "order_initial": "openOrderInitialMargin",
    "cross_wallet": "crossWalletBalance",
    "cross_unrealized": "crossUnPnl",
    "available": "availableBalance",
    "withdrawable": "maxWithdrawAmount",
}
"""Our name -> the key of an asset."""
TOTALS: Mapping[str, str] = {
    name: key if name in ("available", "withdrawable") else f"total{key[0].upper()}{key[1:]}"
    for name, key in ASSET.items()
}
"""Our name -> the key of the account as a whole."""


def _margin_words(terms: MarginTerms) -> dict[str, str]:
    """Every term as it is printed: truncated each, and sums of what is printed, so that the answer adds up."""
    unrealized, position, order = booked(terms.unrealized), booked(terms.position_initial), booked(terms.order_initial)
    return {
        "wallet": _booked(terms.wallet),
        "unrealized": amount(unrealized),
        "balance": amount(booked(terms.wallet) + unrealized),
        "maintenance": _booked(terms.maintenance),
        "initial": amount(position + order),
        "position_initial": amount(position),
        "order_initial": amount(order),
        "cross_wallet": _booked(terms.cross_wallet),
        "cross_unrealized": _booked(terms.cross_unrealized),
        "available": _booked(max(terms.available, ZERO)),
        "withdrawable": _booked(max(terms.withdrawable, ZERO)),
    }


def _asset(state: AssetState) -> Json:
    words = {ASSET[name]: word for name, word in _margin_words(state.terms).items()}
    return {"asset": state.asset, **words, "updateTime": state.changed_ms}


def _account_position(each: PositionState) -> Json:
    words = _needs(each)
    return {
        "symbol": each.contract.symbol,
        "positionSide": each.side,
        "positionAmt": text(each.quantity),
        "unrealizedProfit": _booked(each.unrealized),
        "isolatedMargin": _isolated_margin(each),
        "notional": text(plain(booked(each.notional))),
        "isolatedWallet": amount(each.isolated_wallet),
        "initialMargin": words["initialMargin"],
        "maintMargin": words["maintMargin"],
        "updateTime": each.changed_ms,
    }


def _coin_account_position(each: PositionState) -> Json:
    return {
        **_position(each),
        **_needs(each),
        "unrealizedProfit": _booked(each.unrealized),
        "leverage": str(each.leverage),
        "isolated": each.is_isolated,
        "breakEvenPrice": _price(each.break_even),
        "maxQty": text(plain(each.limit)),
        "updateTime": each.changed_ms,
    }


def _position(each: PositionState) -> Json:
    """What every list of positions begins with."""
    return {
        "symbol": each.contract.symbol,
        "positionSide": each.side,
        "positionAmt": text(each.quantity),
        "entryPrice": _price(each.entry),
    }


def _needs(each: PositionState) -> Json:
    """The margins of a position, each truncated; the initial margin is the sum of what is printed."""
    position, order = booked(each.position_initial), booked(each.order_initial)
    return {
        "initialMargin": text(plain(position + order)),
        "maintMargin": text(plain(booked(each.maintenance))),
        "positionInitialMargin": text(plain(position)),
        "openOrderInitialMargin": text(plain(order)),
    }


def _isolated_margin(each: PositionState) -> str:
    """Isolated wallet with the position's profit; 0 for a cross position."""
    return amount(each.isolated_wallet + booked(each.unrealized) if each.is_isolated else ZERO)


def _liquidation(each: PositionState) -> str:
    return "0" if each.liquidation_price is None else text(each.liquidation_price)


def _price(price: Decimal | None) -> str:
    """An entry or break-even price; of a flat position as the samples print it."""
    return "0.0" if price is None else text(plain(booked(price)))


def _booked(number: Decimal) -> str:
    return amount(booked(number))


def _number(number: Decimal) -> Raw:
    """A JSON number, digit by digit."""
    return Raw(text(plain(number)).encode())
