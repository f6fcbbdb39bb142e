"""What happened to an account: each list after what fills it, its filters and spans, how long the venue keeps it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.exchange import commands
from tests.server.account_desk import BEGUN_MS, Desk
from tests.server.shape_scenes import forced

D = Decimal
DAY_MS = 86_400_000
SYMBOL: dict[str, Any] = {"symbol": "BTCUSDT"}


def liquidate(desk: Desk, name: str = "alice") -> None:
    """Somebody holds too much, and the mark falls to where somebody buys at better than the bankruptcy price."""
    desk.trade(name, "40")
    desk.limit("bob", "BUY", "40", "47590")
    desk.do(commands.SetMark(symbol="BTCUSDT", price=D(47_600)))
    assert desk.get("/fapi/v3/positionRisk", name) == []


def test_orders_live_ended_and_by_number(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        first = desk.limit("alice", "BUY", "0.1", "49000")["orderId"]
        desk.wait(1_000)
        desk.trade(quantity="0.5")
        desk.wait(1_000)
        last = desk.limit("alice", "BUY", "0.1", "48000", newClientOrderId="mine")["orderId"]
        desk.ask("DELETE", "/fapi/v1/order", **SYMBOL, orderId=first)
        rows = desk.get("/fapi/v1/allOrders", **SYMBOL)
        assert [(row["orderId"], row["status"]) for row in rows] == [
            (first, "CANCELED"), (rows[1]["orderId"], "FILLED"), (last, "NEW")
        ]  # fmt: skip
        assert desk.get("/fapi/v1/allOrders") == rows
        assert desk.get("/fapi/v1/allOrders", symbol="ETHUSDT") == []
        assert desk.get("/fapi/v1/allOrders", **SYMBOL, orderId=rows[1]["orderId"]) == rows[1:]
        assert desk.get("/fapi/v1/allOrders", **SYMBOL, orderId=first, limit=1) == rows[:1]
        assert desk.get("/fapi/v1/allOrders", **SYMBOL, limit=2) == rows[1:]
        assert desk.get("/fapi/v1/allOrders", **SYMBOL, startTime=BEGUN_MS, limit=2) == rows[:2]
        assert desk.get("/fapi/v1/allOrders", **SYMBOL, startTime=BEGUN_MS + 1, endTime=BEGUN_MS + 1_000) == rows[1:2]
        live = {name: value for name, value in rows[2].items() if name not in ("pair", "cumBase")}
        assert desk.get("/fapi/v1/openOrder", **SYMBOL, origClientOrderId="mine") == live
        assert desk.get("/fapi/v1/openOrder", **SYMBOL, orderId=last) == live
        gone = (-2013, "Order does not exist.")
        assert desk.refusal("GET", "/fapi/v1/openOrder", **SYMBOL, orderId=first) == gone
        assert desk.refusal("GET", "/fapi/v1/openOrder", "bob", **SYMBOL, orderId=last) == gone
        assert desk.refusal("GET", "/fapi/v1/openOrder", **SYMBOL)[0] == -1102


def test_orders_of_any_symbol_need_none_since_august_2026(tmp_path: Path) -> None:
    with Desk(tmp_path, "2026-08-24") as desk:
        assert desk.refusal("GET", "/fapi/v1/allOrders")[0] == -1102
        assert desk.get("/fapi/v1/allOrders", **SYMBOL) == []


def test_trades_by_span_number_and_order(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for _ in range(3):
            desk.trade(quantity="0.1")
            desk.wait(1_000)
        rows = desk.get("/fapi/v1/userTrades", **SYMBOL)
        assert [row["time"] for row in rows] == [BEGUN_MS + each for each in (0, 1_000, 2_000)]
        assert {row["maker"] for row in rows} == {False}
        assert {row["maker"] for row in desk.get("/fapi/v1/userTrades", "maker", **SYMBOL)} == {True}
        assert desk.get("/fapi/v1/userTrades", "bob", **SYMBOL) == []
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, fromId=rows[1]["id"]) == rows[1:]
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, fromId=rows[0]["id"], limit=1) == rows[:1]
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, orderId=rows[2]["orderId"]) == rows[2:]
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, limit=1) == rows[2:]
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, startTime=BEGUN_MS, limit=1) == rows[:1]
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, endTime=BEGUN_MS + 999) == rows[:1]
        combined = {**SYMBOL, "fromId": 1, "startTime": BEGUN_MS}
        assert desk.refusal("GET", "/fapi/v1/userTrades", **combined)[0] == -1128
        assert desk.refusal("GET", "/fapi/v1/userTrades")[0] == -1102


@pytest.mark.parametrize("path", ["/fapi/v1/userTrades", "/fapi/v1/allOrders"])
def test_a_span_is_at_most_seven_days(tmp_path: Path, path: str) -> None:
    with Desk(tmp_path) as desk:
        desk.trade()
        desk.wait(8 * DAY_MS)
        week = {**SYMBOL, "startTime": BEGUN_MS, "endTime": BEGUN_MS + 7 * DAY_MS}
        assert desk.get(path, **SYMBOL) == []
        assert len(desk.get(path, **week)) == 1
        assert len(desk.get(path, **SYMBOL, startTime=BEGUN_MS)) == 1
        assert len(desk.get(path, **SYMBOL, endTime=BEGUN_MS + 7 * DAY_MS)) == 1
        assert desk.refusal("GET", path, **{**week, "endTime": BEGUN_MS + 7 * DAY_MS + 1}) == (
            -4165, "Maximum time interval is 7 days"
        )  # fmt: skip
        assert desk.refusal("GET", path, **{**week, "endTime": BEGUN_MS - 1}) == (
            -1023, "Start time is greater than end time."
        )  # fmt: skip
        assert desk.refusal("GET", path, **SYMBOL, limit=1001)[0] == -1130
        assert desk.refusal("GET", path, **SYMBOL, startTime="yesterday")[0] == -1100


def test_income_by_kind_and_page(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.wait(1_000)
        desk.trade()
        desk.trade("maker", "0.5")
        every = desk.get("/fapi/v1/income")
        assert [row["incomeType"] for row in every] == ["TRANSFER", "COMMISSION"]
        assert (every[1]["income"], every[1]["symbol"]) == ("-25.00000000", "BTCUSDT")
        assert desk.get("/fapi/v1/income", incomeType="COMMISSION") == every[1:]
        assert desk.get("/fapi/v1/income", **SYMBOL) == every[1:]
        assert desk.get("/fapi/v1/income", startTime=BEGUN_MS, limit=1) == every[:1]
        assert desk.get("/fapi/v1/income", limit=1) == every[1:]
        for number, page in enumerate((every[:1], every[1:], [])):
            assert desk.get("/fapi/v1/income", limit=1, page=number + 1, startTime=BEGUN_MS) == page
        assert desk.refusal("GET", "/fapi/v1/income", incomeType="PRESENT")[0] == -1130
        assert desk.refusal("GET", "/fapi/v1/income", page=0)[0] == -1130


def test_a_liquidation_stands_in_every_list(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        liquidate(desk)
        forced = desk.get("/fapi/v1/forceOrders")
        assert forced
        assert all(row["clientOrderId"].startswith("autoclose-") for row in forced)
        assert desk.get("/fapi/v1/forceOrders", **SYMBOL, autoCloseType="LIQUIDATION") == forced
        assert desk.get("/fapi/v1/forceOrders", autoCloseType="ADL") == []
        assert desk.get("/fapi/v1/forceOrders", symbol="ETHUSDT") == []
        kinds = {row["incomeType"] for row in desk.get("/fapi/v1/income")}
        assert {"REALIZED_PNL", "INSURANCE_CLEAR"} <= kinds
        ids = {row["orderId"] for row in desk.get("/fapi/v1/allOrders", **SYMBOL)}
        assert {row["orderId"] for row in forced} <= ids
        assert desk.refusal("GET", "/fapi/v1/forceOrders", limit=101)[0] == -1130
        assert desk.refusal("GET", "/fapi/v1/forceOrders", autoCloseType="NONE")[0] == -1130
        wallet = D(desk.get("/fapi/v3/balance")[0]["balance"])
        assert sum(D(row["income"]) for row in desk.get("/fapi/v1/income", limit=1000)) == wallet


def test_a_trade_with_oneself_is_listed_on_both_sides(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for side in ("SELL", "BUY"):
            desk.limit("alice", side, "0.1", "50000", selfTradePreventionMode="NONE")
        rows = desk.get("/fapi/v1/userTrades", **SYMBOL)
        assert [(row["side"], row["buyer"], row["maker"]) for row in rows] == [
            ("SELL", False, True), ("BUY", True, False)
        ]  # fmt: skip
        assert len({row["id"] for row in rows}) == 1
        assert [desk.get("/fapi/v1/userTrades", **SYMBOL, orderId=row["orderId"]) for row in rows] == [
            [rows[0]],
            [rows[1]],
        ]


def test_a_deleveraging_is_printed_without_the_zeros_of_its_price(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        forced(desk)
        for name in ("alice", "bob"):
            row = desk.get("/fapi/v1/userTrades", name, **SYMBOL)[-1]
            assert (row["price"], D(row["commission"])) == ("49025", 0)
        assert desk.get("/fapi/v1/userTrades", "bob", **SYMBOL)[0]["price"] == "50000.0"


def test_amendments_tell_before_and_after(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        number = desk.limit("alice", "BUY", "0.2", "49000", newClientOrderId="mine")["orderId"]
        for quantity, price in (("0.2", 49_100), ("0.3", 49_100)):
            desk.wait(1_000)
            desk.do(
                commands.AmendOrder(
                    account="alice", symbol="BTCUSDT", order_id=number, quantity=D(quantity), price=D(price)
                )
            )
        rows = desk.get("/fapi/v1/orderAmendment", **SYMBOL, orderId=number)
        told = [row["amendment"] for row in rows]
        assert [each["count"] for each in told] == [2, 1]
        assert (D(told[1]["price"]["before"]), D(told[1]["price"]["after"])) == (D(49_000), D(49_100))
        assert (D(told[0]["origQty"]["before"]), D(told[0]["origQty"]["after"])) == (D("0.2"), D("0.3"))
        assert desk.get("/fapi/v1/orderAmendment", **SYMBOL, origClientOrderId="mine") == rows
        assert desk.get("/fapi/v1/orderAmendment", **SYMBOL, limit=1) == rows[:1]
        assert desk.get("/fapi/v1/orderAmendment", **SYMBOL, endTime=BEGUN_MS + 1_000) == rows[1:]
        assert desk.get("/fapi/v1/orderAmendment", **SYMBOL, orderId=number + 1) == []
        assert desk.get("/fapi/v1/orderAmendment", **SYMBOL, origClientOrderId="other") == []
        desk.ask("DELETE", "/fapi/v1/order", **SYMBOL, orderId=number)
        assert desk.get("/fapi/v1/orderAmendment", **SYMBOL, origClientOrderId="mine") == rows


@pytest.mark.parametrize(
    ("path", "changed", "before", "longer_days"),
    [
        ("/fapi/v1/userTrades", "2026-08-26", "2026-08-25", 180),
        ("/fapi/v1/forceOrders", "2026-04-06", "2026-04-05", 1_000),
    ],
)
def test_what_was_kept_longer_before_an_api_date(
    tmp_path: Path, path: str, changed: str, before: str, longer_days: int
) -> None:
    for date, kept in ((changed, False), (before, True)):
        with Desk(tmp_path / date, date) as desk:
            liquidate(desk)
            span: dict[str, Any] = {**SYMBOL, "startTime": BEGUN_MS, "endTime": BEGUN_MS + DAY_MS}
            assert desk.get(path, **span)
            desk.wait(longer_days * DAY_MS)
            desk.venue.archive.forget(desk.clock.now_ms())
            assert bool(desk.get(path, **span)) is kept
            if path.endswith("userTrades"):
                desk.wait(5 * DAY_MS)
                assert desk.get(path, **span) == []


def test_what_the_venue_keeps_is_gone_in_its_time(tmp_path: Path) -> None:
    """An hour, four days, 31 and 91 days after: the rules of `case/retention.py`, seen from outside."""
    with Desk(tmp_path) as desk:
        unfilled = desk.limit("alice", "BUY", "0.1", "40000")["orderId"]
        desk.ask("DELETE", "/fapi/v1/order", **SYMBOL, orderId=unfilled)
        liquidate(desk)
        span: dict[str, Any] = {"startTime": BEGUN_MS, "endTime": BEGUN_MS + DAY_MS}

        def kept() -> list[int]:
            orders = desk.get("/fapi/v1/allOrders", **SYMBOL, **span)
            return [
                sum(row["orderId"] == unfilled for row in orders),
                min(1, sum(row["orderId"] != unfilled for row in orders)),
                min(1, len(desk.get("/fapi/v1/forceOrders", **span))),
                min(1, len(desk.get("/fapi/v1/userTrades", **SYMBOL, **span))),
                min(1, len(desk.get("/fapi/v1/income", **span))),
            ]

        found = {}
        for days in (0, 4, 31, 89, 91, 93):
            desk.wait(BEGUN_MS + days * DAY_MS + 3_600_000 - desk.clock.now_ms())
            found[days] = kept()
        assert found == {
            0: [1, 1, 1, 1, 1], 4: [0, 1, 1, 1, 1], 31: [0, 1, 1, 1, 1], 89: [0, 1, 1, 1, 1], 91: [0, 0, 0, 1, 1],
            93: [0, 0, 0, 0, 0],
        }  # fmt: skip
        assert desk.get("/fapi/v1/userTrades", **SYMBOL, fromId=0) == []
        assert desk.get("/fapi/v1/allOrders", **SYMBOL, orderId=0) == []
