"""No wallet before the event: cast back from a later `account` answer, with what that leaves in doubt."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.stories import START, SYMBOL

END = START + 3_600_000
"""An hour after the start, a last deposit of 100 comes; the snapshot follows it."""


def trade(at: int, number: int, order: int, *, buys: bool, quantity: str, price: str, realized: str) -> dict[str, Any]:
    return {
        "symbol": SYMBOL, "id": number, "orderId": order, "side": "BUY" if buys else "SELL", "price": price,
        "qty": quantity, "realizedPnl": realized, "quoteQty": price, "commission": "25" if buys else "0",
        "commissionAsset": "USDT", "time": START + at, "positionSide": "BOTH", "maker": False, "buyer": buys,
    }  # fmt: skip


def income(at: int, kind: str, amount: str, *, trade: str = "", symbol: str = "", number: int = 0) -> dict[str, Any]:
    return {
        "symbol": symbol, "incomeType": kind, "income": amount, "asset": "USDT", "info": "", "time": START + at,
        "tranId": number or 9_000_000 + at, "tradeId": trade,
    }  # fmt: skip


def forced() -> dict[str, Any]:
    return {
        "orderId": 3, "symbol": SYMBOL, "status": "FILLED", "clientOrderId": "autoclose-1780000060500000001",
        "price": "47025", "avgPrice": "47600", "origQty": "1", "executedQty": "1", "cumQuote": "47600",
        "timeInForce": "IOC", "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": "SELL",
        "positionSide": "BOTH", "stopPrice": "0", "workingType": "CONTRACT_PRICE", "origType": "LIMIT",
        "time": START + 60_500, "updateTime": START + 60_520,
    }  # fmt: skip


def account(wallet: str, updated: int) -> dict[str, Any]:
    asset = {
        "asset": "USDT", "walletBalance": wallet, "unrealizedProfit": "0", "marginBalance": wallet, "maintMargin": "0",
        "initialMargin": "0", "positionInitialMargin": "0", "openOrderInitialMargin": "0",
        "crossWalletBalance": wallet, "crossUnPnl": "0", "availableBalance": wallet, "maxWithdrawAmount": wallet,
        "updateTime": updated,
    }  # fmt: skip
    return {"totalWalletBalance": wallet, "assets": [asset], "positions": []}


TRADES = [
    trade(1000, 11, 1, buys=True, quantity="1", price="50000", realized="0"),
    trade(60_520, 12, 3, buys=False, quantity="1", price="47600", realized="-2400"),
]
INCOME = [
    income(1000, "COMMISSION", "-25", trade="11", symbol=SYMBOL),
    income(60_520, "REALIZED_PNL", "-2400", trade="12", symbol=SYMBOL),
    income(60_540, "INSURANCE_CLEAR", "-75", symbol=SYMBOL),
    income(3_600_000, "TRANSFER", "100"),
]
PRICES = [[(START + 60_500) // 60_000 * 60_000, "49000", "49010", "47000", "47100", "0", 0, "0", 1, "0", "0", "0"]]
FILES = {
    "userTrades.json": TRADES,
    "income.json": INCOME,
    "forceOrders.json": [forced()],
    f"markPriceKlines-{SYMBOL}-1m.json": PRICES,
    "account.json": account("600", END),
    "symbolConfig.json": [
        {"symbol": SYMBOL, "marginType": "CROSSED", "isAutoAddMargin": False, "leverage": 20, "maxNotionalValue": "1"}
    ],
}
"""The cross account had 3,000 before the fee: 600 − 100 + 75 + 2,400 + 25; at the trigger 2,975."""


def explained(folder: Path, **changes: Any) -> dict[str, Any]:
    """The first liquidation in the files, some of them replaced, or left out (none)."""
    for name, rows in FILES.items():
        content = changes.get(name.partition(".")[0].partition("-")[0], rows)
        if content is not None:
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
    answer: dict[str, Any] = json.loads(call("explain", "--json", str(folder)).out)
    return answer


def unknown(each: dict[str, Any], term: str) -> str:
    return next((found["settled_by"] for found in each["unknown"] if found["term"] == term), "")


def test_the_wallet_is_the_later_one_less_what_came_between(tmp_path: Path) -> None:
    """And the assumption that the files hold every change is listed."""
    each = explained(tmp_path)["liquidations"][0]
    assert each["verdict"]["wallet_balance"] == "2975"
    assert each["verdict"]["wallet_lowest"] is None
    assert each["verdict"]["liquidated"] is True
    assert "wallet-back-cast" in each["assumptions"]
    assert each["left"] == {"USDT": "500"}


def test_a_change_that_the_files_do_not_hold_leaves_the_wallet_unknown(tmp_path: Path) -> None:
    """The snapshot dates its last change; no event of the files is there: income is missing."""
    each = explained(tmp_path, income=INCOME[:-1])["liquidations"][0]
    assert each["verdict"]["wallet_balance"] is None
    assert "income" in unknown(each, "verdict.wallet_balance")
    assert "income" in unknown(each, "verdict.liquidated")


def test_without_any_list_of_flows_the_wallet_is_unknown(tmp_path: Path) -> None:
    each = explained(tmp_path, income=None)["liquidations"][0]
    assert each["verdict"]["wallet_balance"] is None
    assert "income" in unknown(each, "verdict.margin_balance")


def test_without_a_snapshot_the_account_is_missing(tmp_path: Path) -> None:
    each = explained(tmp_path, account=None)["liquidations"][0]
    assert each["verdict"]["wallet_balance"] is None
    assert "account" in unknown(each, "verdict.wallet_balance")


def test_fees_that_no_file_prints_widen_the_wallet(tmp_path: Path) -> None:
    """A fill after the event without a fee: its derived fee is in doubt as a whole."""
    later = trade(120_000, 13, 4, buys=True, quantity="0.01", price="47000", realized="0")
    del later["commission"], later["commissionAsset"]
    each = explained(tmp_path, userTrades=[*TRADES, later])["liquidations"][0]
    lowest, highest = float(each["verdict"]["wallet_lowest"]), float(each["verdict"]["wallet_highest"])
    assert highest - lowest == pytest.approx(2 * 0.01 * 47000 * 0.0005)
    assert lowest < float(each["verdict"]["wallet_balance"]) < highest


def test_without_orders_nobody_can_tell_whether_there_were_other_liquidations(tmp_path: Path) -> None:
    found = explained(tmp_path, forceOrders=None)
    assert [each["term"] for each in found["unknown"]] == ["liquidations"]
    assert "order history" in found["unknown"][0]["settled_by"]
    assert explained(tmp_path)["unknown"] == []
