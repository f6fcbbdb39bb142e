"""Rows that tell a takeover or a transfer once more than another source, under another name or none."""

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import json, structs

from margincall.core.events import Fill, Flow
from margincall.history.read import History, read
from margincall.wire import encode
from margincall.wire.encode_csv import encoded
from tests.exports import FILL, FUNDING, ORDER, TIME, saved, text, troubles

D = Decimal
CLOSING = structs.replace(FILL, quantity=D("-0.01"), realized=D("-1.5"))
TAKEN = structs.replace(CLOSING, trade_id="9", fee=D(0), realized=D("-7.25"))
"""What a takeover books: a profit, and no fee."""
TRANSFER = structs.replace(
    FUNDING, applied={"USDT": D(100)}, category="transfer", reason="TRANSFER", symbol="", tran_id="4"
)


def flows(history: History) -> list[Flow]:
    return [event for event in history.events if isinstance(event, Flow)]


def exported(folder: Path, layout: str, events: list[Fill] | list[Flow], name: str) -> Path:
    return saved(folder, encoded(layout, events), f"{name}(UTC+0).csv")


def said(history: History, words: str) -> list[str]:
    """The kinds of the problems that say some words."""
    return [problem.kind for problem in history.problems if words in problem.message]


@pytest.mark.parametrize("layout", ["transaction history/web", "statement/newer"])
@pytest.mark.parametrize(("quantity", "kind"), [("0.03", "note"), ("0.01", "contradiction")])
def test_a_profit_too_many_is_that_of_a_takeover_where_an_order_left_something_over(
    layout: str, quantity: str, kind: str, tmp_path: Path
) -> None:
    """The liquidation order closed 0.01 of its quantity. Where that was all, something unknown has booked the row."""
    order = structs.replace(ORDER, quantity=D(quantity), status="FILLED" if kind == "contradiction" else "EXPIRED")
    history = read(
        [
            exported(tmp_path, "trade history/web", [CLOSING], "trades"),
            exported(tmp_path, layout, [CLOSING, TAKEN], "rows"),
            saved(tmp_path, encoded("order history/asyn", [order]), "orders(UTC+0).csv"),
        ]
    )
    assert [flow.applied for flow in flows(history)] == [{"USDT": D("-7.25")}]
    assert said(history, "realized pnl of -7.25") == [kind]
    assert bool(troubles(history)) == (kind == "contradiction")


def old(*rows: str) -> str:
    """Rows of an old transaction history, which says `DEPOSIT`."""
    return text("transaction history/legacy", *rows).decode()


STAMP = "2026-03-17 08:34:12"
DEPOSIT = f"{STAMP},DEPOSIT,100,USDT,,4"


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([DEPOSIT], 1),
        ([DEPOSIT.replace(",4", ",5")], 1),
        ([DEPOSIT, DEPOSIT.replace(",4", ",5")], 2),
        ([DEPOSIT.replace(",100,", ",101,")], 2),
        ([DEPOSIT.replace("34:12", "34:15")], 2),
    ],
    ids=["same", "other id", "two of them", "other amount", "other time"],
)
def test_a_deposit_is_the_transfer_of_its_second_and_amount(rows: list[str], count: int, tmp_path: Path) -> None:
    income = saved(tmp_path, json.encode(list(encode.income_rows(TRANSFER))), "income.json")
    history = read([income, saved(tmp_path, old(*rows), "old(UTC+0).csv")])
    assert flows(history)[0].time_ms == TIME
    assert len(flows(history)) == count


def test_one_file_that_tells_a_deposit_and_a_transfer_tells_two(tmp_path: Path) -> None:
    history = read([saved(tmp_path, old(DEPOSIT, DEPOSIT.replace("DEPOSIT", "TRANSFER")), "old(UTC+0).csv")])
    assert len(flows(history)) == 2
