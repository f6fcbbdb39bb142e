"""Account kinds that are refused are recognised from the venue's own words."""

import pytest

from margincall.core.events import Source
from margincall.wire.values import read_value

TIME = 1_700_000_000_000
PLACE = Source("a.json", 1, 0)
INCOME = {"symbol": "", "income": "5", "asset": "USDT", "time": TIME, "tranId": 1, "tradeId": ""}
BALANCE = {"asset": "BNFCR", "balance": "5", "updateTime": TIME}
RISK = {"symbol": "BTCUSDT", "positionAmt": "0", "unRealizedProfit": "0", "updateTime": TIME}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"uniMMR": "5167.9", "accountEquity": "73.4", "accountStatus": "NORMAL"}, "portfolio_margin"),
        ([{"asset": "BTC", "totalWalletBalance": "1", "crossMarginAsset": "1"}], "portfolio_margin"),
        ({"e": "riskLevelChange", "E": TIME, "u": "1.99", "s": "MARGIN_CALL"}, "portfolio_margin"),
        ({"e": "ACCOUNT_UPDATE", "fs": "UM", "E": TIME, "T": TIME, "a": {"m": "ORDER", "B": []}}, "portfolio_margin"),
        ([BALANCE], "credits"),
        (
            {"e": "ACCOUNT_UPDATE", "E": TIME, "T": TIME, "a": {"m": "ORDER", "B": [{"a": "BNFCR", "wb": "1"}]}},
            "credits",
        ),
        (INCOME | {"incomeType": "WELCOME_BONUS"}, "bonus"),
        (INCOME | {"incomeType": "STRATEGY_UMFUTURES_TRANSFER"}, "strategy"),
        ({"e": "GRID_UPDATE", "E": TIME, "T": TIME, "gu": {}}, "strategy"),
        ({"e": "STRATEGY_UPDATE", "E": TIME, "T": TIME, "su": {}}, "strategy"),
        (RISK | {"isAutoAddMargin": "true"}, "auto_margin"),
        ({"symbol": "BTCUSDT", "leverage": 5, "isAutoAddMargin": True}, "auto_margin"),
    ],
)
def test_a_kind_that_is_not_modelled(value: object, kind: str) -> None:
    marks = [mark for each in read_value(value, PLACE) for mark in each.unmodelled]
    assert [(mark.kind, mark.source) for mark in marks] == [(kind, PLACE)]
    assert ": " in marks[0].reason


@pytest.mark.parametrize(
    "value",
    [
        [BALANCE | {"balance": "0"}],
        INCOME | {"incomeType": "WELCOME_BONUS", "income": "0"},
        RISK | {"isAutoAddMargin": "false"},
    ],
)
def test_zeros_are_no_mark(value: object) -> None:
    assert [mark for each in read_value(value, PLACE) for mark in each.unmodelled] == []


def test_auto_added_margin_names_its_symbol() -> None:
    (found,) = read_value(RISK | {"isAutoAddMargin": "true"}, PLACE)
    assert [mark.symbol for mark in found.unmodelled] == ["BTCUSDT"]
