"""Shapes that no sample of today shows: keys that came or went with a date, rows of version 3, lists of all symbols."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from margincall.core.events import Order, Source
from margincall.wire.api import read_answer
from tests.server.account_desk import Desk
from tests.server.comparison import differences, kind
from tests.server.shape_scenes import ALGO, BTC, bare, forced, lively, triggered

UNPRINTED = {"avgPrice", "cumQuote"}
"""What the answers to placing, amending and cancelling lack since 2026-07-15."""
LEGS = {"tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice", "tpOrderType"}


def test_answers_to_orders_lost_two_keys(tmp_path: Path) -> None:
    keys: list[set[str]] = []
    for date in ("2026-07-14", "2026-07-15"):
        with Desk(tmp_path / date, date) as desk:
            placed = desk.limit("alice", "BUY", "0.01", "49000")
            seen = desk.get("/fapi/v1/order", **BTC, orderId=placed["orderId"])
            gone = desk.ask("DELETE", "/fapi/v1/order", **BTC, orderId=placed["orderId"])
            assert set(seen) >= UNPRINTED
            assert set(placed) - set(gone) == {"avgPrice"} & set(placed)
            keys.append(set(placed))
    assert keys[0] - keys[1] == UNPRINTED
    assert keys[1] < keys[0]


def test_legs_are_not_printed_since_their_day(tmp_path: Path) -> None:
    rows: list[set[str]] = []
    for date in ("2026-06-08", "2026-06-09"):
        with Desk(tmp_path / date, date) as desk:
            desk.ask("POST", "/fapi/v1/algoOrder", **ALGO)
            (row,) = desk.get("/fapi/v1/openAlgoOrders")
            rows.append(set(row))
    assert rows[0] - rows[1] == LEGS


def test_the_keys_of_coin_m_came_in_august_2026(tmp_path: Path) -> None:
    found: list[list[set[str]]] = []
    for date in ("2026-08-06", "2026-08-07"):
        with Desk(tmp_path / date, date) as desk:
            forced(desk)
            paths = ("userTrades", "allOrders", "forceOrders")
            found.append([set(desk.get(f"/fapi/v1/{path}", **BTC)[0]) for path in paths])
    more = [after - before for before, after in zip(*found, strict=True)]
    assert more == [{"pair", "marginAsset", "baseQty"}, {"pair", "cumBase"}, {"pair", "cumBase"}]


def test_version_3_of_the_positions(tmp_path: Path) -> None:
    """The sample file of this path is one of version 2: keys as the documentation of version 3 prints them."""
    with Desk(tmp_path) as desk:
        desk.trade()
        (row,) = desk.get("/fapi/v3/positionRisk")
    numbers = {"adl", "updateTime"}
    words = {"symbol", "positionSide", "marginAsset"}
    amounts = {
        "positionAmt", "entryPrice", "breakEvenPrice", "markPrice", "unRealizedProfit", "liquidationPrice",
        "isolatedMargin", "notional", "isolatedWallet", "initialMargin", "maintMargin", "positionInitialMargin",
        "openOrderInitialMargin", "bidNotional", "askNotional",
    }  # fmt: skip
    assert {key: kind(value) for key, value in row.items()} == {
        **dict.fromkeys(numbers, "int"), **dict.fromkeys(words, "text"), **dict.fromkeys(amounts, "amount")
    }  # fmt: skip


def test_lists_of_all_symbols_have_the_rows_of_one(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        lively(desk)
        for path in (
            "/fapi/v1/premiumIndex", "/fapi/v1/ticker/24hr", "/fapi/v1/ticker/price", "/fapi/v2/ticker/price",
            "/fapi/v1/ticker/bookTicker", "/fapi/v1/symbolAdlRisk", "/fapi/v1/insuranceBalance",
        ):  # fmt: skip
            one, every = desk.get(path, **BTC), desk.get(path)
            assert one in every
            for row in every:
                assert differences(row, one) == differences(one, row) == set(), path


def test_our_own_reader_reads_algo_orders(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        bare(desk)
        triggered(desk)
        (row,) = desk.get("/fapi/v1/allAlgoOrders", **BTC)
    read: Any = read_answer(row, Source("allAlgoOrders.json", 1))
    assert read.problems == ()
    order = read.events[-1]
    assert isinstance(order, Order)
    assert (order.order_id, order.status, order.executed) == (str(row["algoId"]), "FINISHED", Decimal("0.010"))
    assert order.average_price == Decimal(47950)
