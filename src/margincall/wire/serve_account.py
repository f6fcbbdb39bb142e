"""How an account stands -> the answers that `encode_state.py` does not write: version 2 and its relatives.

Version 2 lists every symbol with its settings (documentation 2026-05); its numbers are those of version 3, word by
word, so each is truncated in one place only. `balance` says of each asset a part of what `account` says.
"""

from collections.abc import Iterable, Mapping

from margincall.core.account import PositionSide
from margincall.core.rounding import plain
from margincall.wire.encode_state import AccountState, PositionState, account_answer, position_risk_rows
from margincall.wire.prints import PrintedOrder
from margincall.wire.spelling import Json, id_of, text

OF_VERSION_2 = (
    "symbol", "initialMargin", "maintMargin", "unrealizedProfit", "positionInitialMargin", "openOrderInitialMargin",
    "leverage", "isolated", "entryPrice", "breakEvenPrice", "maxNotional", "bidNotional", "askNotional",
    "positionSide", "positionAmt", "notional", "isolatedWallet", "updateTime",
)  # fmt: skip
RISK_OF_VERSION_2 = (
    "symbol", "positionAmt", "entryPrice", "breakEvenPrice", "markPrice", "unRealizedProfit", "liquidationPrice",
    "leverage", "maxNotionalValue", "marginType", "isolatedMargin", "isAutoAddMargin", "positionSide", "notional",
    "isolatedWallet", "updateTime",
)  # fmt: skip
BALANCE = {
    "asset": "asset",
    "balance": "walletBalance",
    "crossWalletBalance": "crossWalletBalance",
    "crossUnPnl": "crossUnPnl",
    "availableBalance": "availableBalance",
    "maxWithdrawAmount": "maxWithdrawAmount",
}
"""Key of `balance` -> key of an asset of `account`."""


def listed_sides(*, hedge: bool) -> tuple[PositionSide, ...]:
    """The sides that version 2 lists of each symbol: BOTH in one-way mode, else LONG and SHORT (documentation)."""
    return ("LONG", "SHORT") if hedge else ("BOTH",)


def account_v2(state: AccountState, config: Json, collateral: Iterable[str], *, fee_burn: bool) -> Json:
    """`GET /fapi/v2/account` (and of version 1): `state` with every symbol; `config` as `accountConfig` says it, less
    what version 2 lacks; `collateral`: the assets that back all positions in multi-assets mode."""
    found, backing = account_answer(state), frozenset(collateral)
    head = {name: value for name, value in config.items() if name != "dualSidePosition"}
    assets = found.pop("assets")
    assert isinstance(assets, list)
    return {
        **head,
        "feeBurn": fee_burn,
        **{name: value for name, value in found.items() if name != "positions"},
        "assets": [_with_backing(each, backing) for each in assets],
        "positions": [_chosen(row, OF_VERSION_2) for row in _rows(state)],
    }


def position_risk_v2(state: AccountState) -> list[Json]:
    """`GET /fapi/v2/positionRisk` (and of version 1): `state` with every symbol."""
    return [_chosen(row, RISK_OF_VERSION_2) for row in _rows(state)]


def balance_rows(state: AccountState, alias: str, collateral: Iterable[str]) -> list[Json]:
    """`GET /fapi/v3/balance`, and of version 2."""
    assets, backing = account_answer(state)["assets"], frozenset(collateral)
    assert isinstance(assets, list)
    return [
        {
            "accountAlias": alias,
            **{key: each[name] for key, name in BALANCE.items()},
            "marginAvailable": each["asset"] in backing,
            "updateTime": each["updateTime"],
        }
        for each in assets
    ]


def account_config(*, hedge: bool, multi_assets: bool) -> Json:
    """`GET /fapi/v1/accountConfig`. Everybody may trade, deposit and withdraw at the first fee tier, in no trade group
    (−1)."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": hedge,
        "updateTime": 0,
        "multiAssetsMargin": multi_assets,
        "tradeGroupId": -1,
    }


def symbol_config_flagged(row: Json) -> Json:
    """A row of `symbolConfig` with a flag where samples have text: the venue's own client (18.1) reads a flag only."""
    return {**row, "isAutoAddMargin": row["isAutoAddMargin"] == "true"}


def income_row(row: Json) -> Json:
    """A row of the income history with `tranId` as a number and `tradeId` as text: the samples, of 2019, have it the
    other way round, and the venue's own client (18.1) reads nothing else."""
    return {**row, "tranId": id_of(str(row["tranId"])), "tradeId": str(row["tradeId"])}


def amendment_row(before: PrintedOrder, after: PrintedOrder, *, number: int, count: int) -> Json:
    """A row of `orderAmendment`: the `count`-th change of an order, which is the `number`-th of all."""
    return {
        "amendmentId": number,
        "symbol": after.symbol,
        "pair": after.symbol.partition("_")[0],
        "orderId": id_of(after.order_id),
        "clientOrderId": after.client_order_id,
        "time": after.time_ms,
        "amendment": {
            "price": {"before": text(before.price), "after": text(after.price)},
            "origQty": {"before": text(before.quantity), "after": text(after.quantity)},
            "count": count,
        },
        "priceMatch": "NONE",
    }


def _rows(state: AccountState) -> list[Json]:
    """Every word that version 2 has for a position, under its names of either answer."""
    return [
        {**risk, **_settings(each), "unrealizedProfit": risk["unRealizedProfit"]}
        for each, risk in zip(state.positions, position_risk_rows(state), strict=True)
    ]


def _settings(each: PositionState) -> Json:
    limit = text(plain(each.limit))
    return {
        "leverage": str(each.leverage),
        "isolated": each.is_isolated,
        "marginType": "isolated" if each.is_isolated else "cross",
        "isAutoAddMargin": "false",
        "maxNotional": limit,
        "maxNotionalValue": limit,
    }


def _with_backing(asset: Json, backing: frozenset[str]) -> Json:
    time = asset["updateTime"]
    words = {name: value for name, value in asset.items() if name != "updateTime"}
    return {**words, "marginAvailable": asset["asset"] in backing, "updateTime": time}


def _chosen(row: Mapping[str, object], names: Iterable[str]) -> Json:
    return {name: row[name] for name in names}
