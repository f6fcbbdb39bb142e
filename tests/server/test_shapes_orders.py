"""Answers to orders against samples of the venue's: the same keys, each of the same JSON type.

Where a sample is of another day or of COIN-M, the keys that differ are named here, with why.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.core.events import Order, Source
from margincall.wire.api import read_answer
from tests.server.conftest import Opened
from tests.server.desk import Desk

SYMBOL = "BTCUSDT"
TRAILING = {
    "symbol": SYMBOL, "side": "SELL", "type": "TRAILING_STOP_MARKET", "quantity": "0.01", "activationPrice": "51000",
    "callbackRate": "0.3",
}  # fmt: skip
ALGO = {
    "algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "type": "STOP", "quantity": "0.01", "price": "47990",
    "triggerPrice": "48000", "workingType": "MARK_PRICE",
}  # fmt: skip
BEFORE_ALGO = "2025-12-08"
WITH_LEGS = "2026-04-06"
"""The day of the sample of a triggered order."""
UNPRINTED = {"avgPrice", "cumQuote"}
"""What the answers to placing, amending and cancelling lack since 2026-07-15."""
Shape = object


def shape(value: object) -> Shape:
    """Keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def sample(shared: Path, name: str) -> tuple[str, str, Any]:
    """Method, path and answer of a sample."""
    path = shared / "api_samples" / "Endpoints-UsdFutures" / "Trading" / f"{name}.txt"
    method, where, _, text = path.read_text(encoding="utf-8").strip().split("\n", 3)
    return method, where.removeprefix("/fapi/v1/"), json.loads(text)


def without(row: Mapping[str, object], *keys: str) -> dict[str, object]:
    return {key: value for key, value in row.items() if key not in keys}


def compare(ours: Mapping[str, object], theirs: Mapping[str, object]) -> None:
    """The same keys, with the same types."""
    assert shape(dict(ours)) == shape(dict(theirs))


# --- orders ------------------------------------------------------------------------------------------------


def test_a_placed_order(shared: Path, opened: Opened) -> None:
    method, path, found = sample(shared, "PlaceOrder")
    compare(opened(api_date=BEFORE_ALGO).ask(method, path, **TRAILING), found)
    plain = opened().limit("BUY", 49000)
    compare(plain, without(found, *UNPRINTED, "activatePrice", "priceRate"))


def test_an_order_that_is_tried(shared: Path, opened: Opened) -> None:
    _, _, found = sample(shared, "PlaceOrder")
    compare(opened(api_date=BEFORE_ALGO).ask("POST", "order/test", **TRAILING), found)


def test_several_placed_orders(shared: Path, opened: Opened) -> None:
    """The sample lacks `closePosition`, which that of one order has."""
    method, path, (order, refused) = sample(shared, "PlaceMultipleOrders")
    several = json.dumps([TRAILING, {**TRAILING, "side": "UP"}])
    ours, error = opened(api_date=BEFORE_ALGO).ask(method, path, batchOrders=several)
    compare(without(ours, "closePosition"), order)
    compare(error, refused)


def test_a_cancelled_order(shared: Path, opened: Opened) -> None:
    method, path, found = sample(shared, "CancelOrder")
    desk = opened(api_date=BEFORE_ALGO)
    number = desk.ask("POST", "order", **TRAILING)["orderId"]
    compare(desk.ask(method, path, symbol=SYMBOL, orderId=number), found)


def test_several_cancelled_orders(shared: Path, opened: Opened) -> None:
    method, path, (order, refused) = sample(shared, "CancelMultipleOrders")
    desk = opened(api_date=BEFORE_ALGO)
    number = desk.ask("POST", "order", **TRAILING)["orderId"]
    ours, error = desk.ask(method, path, symbol=SYMBOL, orderIdList=f"[{number},{number + 1}]")
    compare(ours, order)
    assert error == refused


@pytest.mark.parametrize("name", ["EditOrder", "EditMultipleOrders"])
def test_an_amended_order(shared: Path, opened: Opened, name: str) -> None:
    """The samples are those of COIN-M: pair and value in coin. USDⓈ-M has `cumQuote` in place of that."""
    method, path, found = sample(shared, name)
    sampled = without(found[0] if isinstance(found, list) else found, "pair", "cumBase")
    given = {"symbol": SYMBOL, "side": "BUY", "orderId": 1, "quantity": "0.02", "price": "49010"}
    for date, lacking in ((BEFORE_ALGO, {"cumQuote"}), ("2026-07-15", set[str]())):
        desk = opened(api_date=date)
        desk.limit("BUY", 49000)
        params = {"batchOrders": json.dumps([given])} if isinstance(found, list) else given
        answer = desk.ask(method, path, **params)
        ours = answer[0] if isinstance(answer, list) else answer
        compare(without(ours, *lacking), sampled if lacking else without(sampled, "avgPrice"))


@pytest.mark.parametrize("name", ["GetOrder", "GetOpenOrders"])
def test_orders_that_are_asked_for(shared: Path, opened: Opened, name: str) -> None:
    method, path, found = sample(shared, name)
    desk = opened(api_date=BEFORE_ALGO)
    number = desk.ask("POST", "order", **TRAILING)["orderId"]
    given = {"symbol": SYMBOL, "orderId": number} if name == "GetOrder" else {"symbol": SYMBOL}
    assert shape(desk.ask(method, path, **given)) == shape(found)


def test_an_asked_order_still_prints_what_a_placed_one_lacks(desk: Desk) -> None:
    number = desk.limit("BUY", 49000)["orderId"]
    placed, seen = desk.limit("BUY", 49000), desk.ask("GET", "order", symbol=SYMBOL, orderId=number)
    assert not UNPRINTED & set(placed)
    assert set(seen) >= UNPRINTED


@pytest.mark.parametrize("name", ["CancelAllOrders", "CancelAllOrdersAfterTimeout", "CancelAllConditionalOrders"])
def test_what_is_answered_for_all_orders(shared: Path, desk: Desk, name: str) -> None:
    method, path, found = sample(shared, name)
    given = {"symbol": SYMBOL} | ({"countdownTime": 100_000} if name.endswith("Timeout") else {})
    assert desk.ask(method, path, **given) == found


# --- conditional orders ------------------------------------------------------------------------------------


def test_a_placed_conditional_order(shared: Path, desk: Desk) -> None:
    method, path, found = sample(shared, "PlaceConditionalOrder")
    compare(desk.ask(method, path, **ALGO), found)


def test_a_triggered_conditional_order(shared: Path, opened: Opened) -> None:
    for name, given in (("GetConditionalOrder", {"algoId": 0}), ("GetConditionalOrders", {"symbol": SYMBOL})):
        method, path, found = sample(shared, name)
        desk = opened(api_date=WITH_LEGS)
        desk.limit("BUY", 47950, account="bob")
        number = desk.ask("POST", "algoOrder", **without(ALGO, "type", "price"), type="STOP_MARKET")["algoId"]
        desk.mark(47900)
        ours = desk.ask(method, path, **{**given, **({"algoId": number} if "algoId" in given else {})})
        assert shape(ours) == shape(found)


def test_legs_are_not_printed_since_their_day(opened: Opened) -> None:
    rows = []
    for date in ("2026-06-08", "2026-06-09"):
        desk = opened(api_date=date)
        desk.ask("POST", "algoOrder", **ALGO)
        (row,) = desk.ask("GET", "openAlgoOrders")
        rows.append(set(row))
    legs = {"tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice", "tpOrderType"}
    assert rows[0] - rows[1] == legs


def test_open_conditional_orders(shared: Path, opened: Opened) -> None:
    """The sample is of a day before rows told type and size of what an order became."""
    method, path, (found,) = sample(shared, "GetOpenConditionalOrders")
    desk = opened(api_date=WITH_LEGS)
    desk.ask("POST", "algoOrder", **ALGO)
    (ours,) = desk.ask(method, path)
    compare(without(ours, "actualQty", "actualType"), found)


def test_a_cancelled_conditional_order(shared: Path, desk: Desk) -> None:
    """The sample, of a month before the routes went live, is the whole order; since then there are its ids and a word
    (documentation of `algoOrder`)."""
    method, path, found = sample(shared, "CancelConditionalOrder")
    number = desk.ask("POST", "algoOrder", **ALGO)["algoId"]
    answer = desk.ask(method, path, algoId=number)
    assert set(answer) == {"algoId", "clientAlgoId", "code", "msg"}
    assert shape(without(answer, "code", "msg")) == shape({key: found[key] for key in ("algoId", "clientAlgoId")})


def test_our_own_reader_reads_them(desk: Desk) -> None:
    desk.limit("BUY", 47950, account="bob")
    desk.ask("POST", "algoOrder", **without(ALGO, "type", "price"), type="STOP_MARKET")
    desk.mark(47900)
    (row,) = desk.ask("GET", "allAlgoOrders", symbol=SYMBOL)
    read = read_answer(row, Source("allAlgoOrders.json", 1))
    assert read.problems == ()
    order = read.events[-1]
    assert isinstance(order, Order)
    assert (order.order_id, order.status, order.executed) == (str(row["algoId"]), "FINISHED", Decimal("0.010"))
    assert order.average_price == Decimal(47950)
