"""What each kind of wallet change does to an account: one case per reason and per income type of the venue."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.core.account import Account
from margincall.core.events import INCOME_TYPES, UPDATE_REASONS, Fill, Flow
from margincall.core.fold import books_problem, fold
from margincall.core.rules import VenueRules
from margincall.history.read import History, read
from margincall.venues.binance_usdm import rules
from tests.stories import START

RULES: VenueRules = rules(["BTCUSDT"], {}, day="2026-06-01")


def history_of(content: Any, folder: Path) -> History:
    """The history in one file of this content."""
    path = folder / "file.json"
    path.write_text(json.dumps(content))
    return read([path])


def folded(history: History) -> Account:
    """An empty account after all events, with its books checked after each."""
    account = Account()
    for event in history.events:
        account = fold(account, event, RULES)
        assert books_problem(account, RULES) is None
    return account


@pytest.mark.parametrize("reason", UPDATE_REASONS)
def test_every_update_reason(reason: str, tmp_path: Path) -> None:
    """The printed balance change goes to the ledger category of its reason; reasons without one change no wallet."""
    change = {"a": "USDT", "wb": "112.5", "cw": "112.5", "bc": "12.5"}
    message = {"e": "ACCOUNT_UPDATE", "E": START, "T": START, "a": {"m": reason, "B": [change], "P": []}}
    history = history_of([message], tmp_path)
    account = folded(history)
    category = UPDATE_REASONS[reason]
    expected = {} if category is None else {("USDT", category): Decimal("12.5")}
    assert account.ledger == expected
    assert not [problem for problem in history.problems if problem.kind not in ("note", "ignored")]


@pytest.mark.parametrize("income_type", INCOME_TYPES)
def test_every_income_type(income_type: str, tmp_path: Path) -> None:
    """An income row without a fill of its own changes the wallet under its category; the books of fills know nothing
    of a profit that comes without its trade."""
    row = {
        "symbol": "BTCUSDT", "incomeType": income_type, "income": "-3.25", "asset": "USDT", "info": "", "time": START,
        "tranId": 9, "tradeId": "",
    }  # fmt: skip
    account = folded(history_of([row], tmp_path))
    category = "untraded_pnl" if income_type == "REALIZED_PNL" else INCOME_TYPES[income_type]
    assert account.ledger == {("USDT", category): Decimal("-3.25")}
    assert account.wallets == {"USDT": Decimal("-3.25")}


def test_an_unknown_reason_is_applied_and_reported(tmp_path: Path) -> None:
    """Nothing is dropped: the amount counts under "unknown", and a problem names the reason."""
    change = {"a": "USDT", "wb": "5", "cw": "5", "bc": "5"}
    message = {"e": "ACCOUNT_UPDATE", "E": START, "T": START, "a": {"m": "GIFT", "B": [change], "P": []}}
    history = history_of([message], tmp_path)
    assert folded(history).ledger == {("USDT", "unknown"): Decimal(5)}
    assert any("GIFT" in problem.message for problem in history.problems)


def test_an_unknown_income_type_is_applied_and_reported(tmp_path: Path) -> None:
    """As for reasons."""
    row = {
        "symbol": "", "incomeType": "MYSTERY", "income": "1", "asset": "USDT", "info": "", "time": START, "tranId": 9,
        "tradeId": "",
    }  # fmt: skip
    history = history_of([row], tmp_path)
    assert folded(history).ledger == {("USDT", "unknown"): Decimal(1)}
    assert any("MYSTERY" in problem.message for problem in history.problems)


def test_a_fill_without_printed_amounts_books_derived_ones() -> None:
    """Profit from exact cost, fee from the taker rate of the day (0.05 %), both truncated."""
    account = Account(wallets={"USDT": Decimal(100)}, ledger={("USDT", "opening"): Decimal(100)})
    for number, (quantity, price) in enumerate((("0.003", "50000.1"), ("-0.001", "50100.7"))):
        fill = Fill(
            time_ms=START, symbol="BTCUSDT", side="BOTH", quantity=Decimal(quantity), price=Decimal(price),
            trade_id=str(number), maker=False,
        )  # fmt: skip
        account = fold(account, fill, RULES)
        assert books_problem(account, RULES) is None
    assert account.ledger["USDT", "realized_pnl"] == Decimal("0.1006")
    assert account.ledger["USDT", "commission"] == Decimal("-0.07500015") + Decimal("-0.02505035")


def test_funding_of_an_isolated_position_is_taken_from_its_wallet() -> None:
    """Wallet and isolated wallet fall together; the cross wallet stays."""
    account = Account(
        wallets={"USDT": Decimal(1000)},
        ledger={("USDT", "opening"): Decimal(1000)},
        leverage={"BTCUSDT": 10},
        margin_types={"BTCUSDT": "isolated"},
    )
    fill = Fill(
        time_ms=START, symbol="BTCUSDT", side="BOTH", quantity=Decimal("0.1"), price=Decimal(50000), trade_id="1",
        fee=Decimal(0), realized=Decimal(0),
    )  # fmt: skip
    funding = Flow(
        time_ms=START, category="funding", reason="FUNDING_FEE", symbol="BTCUSDT", applied={"USDT": Decimal("-1.5")}
    )
    account = fold(fold(account, fill, RULES), funding, RULES)
    assert account.position(("BTCUSDT", "BOTH")).isolated_wallet == Decimal("498.5")
    assert account.wallets["USDT"] == Decimal("998.5")
