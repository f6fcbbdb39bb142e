"""Conditional orders behind the API: the algo routes since 2025-12-09, orders like others before."""

import json

import msgspec
import pytest

from margincall.exchange.commands import Countdown
from margincall.exchange.genesis import new_exchange
from margincall.exchange.journal import read
from margincall.exchange.step import receive
from margincall.server.archive import Archive
from margincall.server.records import Records
from tests.server.conftest import Opened
from tests.server.desk import BEGIN_MS, Desk, quiet

SYMBOL = "BTCUSDT"
DAY_MS = 86_400_000
STOP = {
    "algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01",
    "triggerPrice": "48000", "workingType": "MARK_PRICE",
}  # fmt: skip


def place(desk: Desk, **changed: object) -> dict[str, object]:
    given = {name: value for name, value in {**STOP, **changed}.items() if value is not None}
    found: dict[str, object] = desk.ask("POST", "algoOrder", **given)
    return found


def seen(desk: Desk, number: object) -> dict[str, object]:
    found: dict[str, object] = desk.ask("GET", "algoOrder", algoId=number)
    return found


def statuses(desk: Desk) -> list[str]:
    return [row["algoStatus"] for row in desk.ask("GET", "allAlgoOrders", symbol=SYMBOL)]


def test_a_placed_stop_waits_in_its_own_list(desk: Desk) -> None:
    number = place(desk, clientAlgoId="stop")["algoId"]
    assert isinstance(number, int)
    (row,) = desk.ask("GET", "openAlgoOrders", symbol=SYMBOL)
    assert (row["algoId"], row["clientAlgoId"], row["algoStatus"], row["actualOrderId"]) == (number, "stop", "NEW", "")
    assert desk.ask("GET", "openOrders") == []
    assert desk.ask("GET", "openAlgoOrders", "bob") == []
    assert desk.ask("GET", "openAlgoOrders", algoId=number - 1) == []


def test_a_cancelled_stop_says_so_until_it_is_forgotten(desk: Desk) -> None:
    number = place(desk, clientAlgoId="stop")["algoId"]
    answer = desk.ask("DELETE", "algoOrder", clientAlgoId="stop")
    assert answer == {"algoId": number, "clientAlgoId": "stop", "code": "200", "msg": "success"}
    assert desk.ask("GET", "openAlgoOrders") == []
    assert seen(desk, number)["algoStatus"] == "CANCELED"
    assert desk.ask("GET", "algoOrder", clientAlgoId="stop")["algoStatus"] == "CANCELED"
    assert desk.refusal("DELETE", "algoOrder", algoId=number)[1] == -2011
    desk.pass_ms(3 * DAY_MS)
    assert desk.refusal("GET", "algoOrder", algoId=number)[1] == -2013
    assert statuses(desk) == []


def test_a_triggered_stop_names_the_order_that_it_became(desk: Desk) -> None:
    desk.limit("BUY", 47950, "0.02", "bob")
    number = place(desk)["algoId"]
    desk.pass_ms(1000)
    desk.mark(47900)
    row = seen(desk, number)
    assert (row["algoStatus"], row["actualType"], row["actualQty"]) == ("FINISHED", "MARKET", "0.010")
    assert (row["actualPrice"], row["createTime"], row["triggerTime"]) == ("47950.00000", BEGIN_MS, BEGIN_MS + 1000)
    order = desk.ask("GET", "order", symbol=SYMBOL, orderId=row["actualOrderId"])
    assert (order["type"], order["origType"], order["status"]) == ("MARKET", "STOP_MARKET", "FILLED")
    desk.pass_ms(4 * DAY_MS)
    assert seen(desk, number)["algoStatus"] == "FINISHED"
    desk.pass_ms(86 * DAY_MS)
    assert desk.refusal("GET", "algoOrder", algoId=number)[1] == -2013


def test_a_triggered_limit_is_triggered_until_it_ends(desk: Desk) -> None:
    number = place(desk, type="STOP", price="47990", timeInForce="GTC")["algoId"]
    desk.mark(48000)
    row = seen(desk, number)
    assert (row["algoStatus"], row["actualType"]) == ("TRIGGERED", "LIMIT")
    assert desk.ask("GET", "openAlgoOrders") == []
    (order,) = desk.ask("GET", "openOrders")
    assert str(order["orderId"]) == row["actualOrderId"]
    assert desk.refusal("DELETE", "algoOrder", algoId=number)[1] == -2011
    desk.ask("DELETE", "order", symbol=SYMBOL, orderId=order["orderId"])
    assert seen(desk, number)["algoStatus"] == "FINISHED"
    assert statuses(desk) == ["FINISHED"]


def test_a_stop_that_is_refused_when_triggered_is_rejected(desk: Desk) -> None:
    number = place(desk, reduceOnly="true")["algoId"]
    desk.mark(47000)
    row = seen(desk, number)
    assert (row["algoStatus"], row["actualOrderId"], row["triggerTime"]) == ("REJECTED", "", BEGIN_MS)
    assert statuses(desk) == ["REJECTED"]
    assert desk.ask("GET", "openOrders") == []


def test_a_stop_expires_at_its_date(desk: Desk) -> None:
    until = BEGIN_MS + 601_000
    number = place(desk, type="STOP", price="47990", timeInForce="GTD", goodTillDate=until)["algoId"]
    desk.pass_ms(601_000)
    row = seen(desk, number)
    assert (row["algoStatus"], row["goodTillDate"], row["updateTime"]) == ("EXPIRED", until, until)


def test_an_unheld_trailing_stop_tells_its_terms(desk: Desk) -> None:
    row = place(desk, type="TRAILING_STOP_MARKET", callbackRate="1", activatePrice="51000", triggerPrice=None)
    assert (row["activatePrice"], row["callbackRate"], row["triggerPrice"]) == ("51000", "1", "0")
    desk.mark(51000)
    assert seen(desk, row["algoId"])["algoStatus"] == "NEW"
    desk.mark(50490)
    assert seen(desk, row["algoId"])["algoStatus"] == "FINISHED"


def test_a_closing_stop_closes_the_whole_position(desk: Desk) -> None:
    desk.trade(50000, "0.03")
    number = place(desk, quantity=None, closePosition="true")["algoId"]
    desk.limit("BUY", 47950, "0.05", "bob")
    desk.mark(47900)
    row = seen(desk, number)
    assert (row["closePosition"], row["actualQty"]) == (True, "0.030")
    assert not desk.venue.state.traders["alice"].account.position((SYMBOL, "BOTH")).quantity


PROTECTED = {"quantity": None, "closePosition": "true", "timeInForce": "GTE_GTC"}


def test_a_stop_and_a_take_profit_end_with_their_position(desk: Desk) -> None:
    """What the venue prints of one that it ends: EXPIRED; of one that was taken back: CANCELED."""
    desk.trade(50000, "0.03")
    taken_back = place(desk, **PROTECTED)["algoId"]
    desk.ask("DELETE", "algoOrder", algoId=taken_back)
    placed = place(desk, **PROTECTED)
    assert (placed["timeInForce"], placed["closePosition"], placed["algoStatus"]) == ("GTE_GTC", True, "NEW")
    profit = place(desk, **PROTECTED, type="TAKE_PROFIT_MARKET", triggerPrice="52000")["algoId"]
    assert [row["timeInForce"] for row in desk.ask("GET", "openAlgoOrders")] == ["GTE_GTC", "GTE_GTC"]
    desk.limit("BUY", 50000, "0.03", "bob")
    desk.pass_ms(1000)
    desk.ask("POST", "order", symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.03")
    assert desk.ask("GET", "openAlgoOrders") == []
    assert statuses(desk) == ["CANCELED", "EXPIRED", "EXPIRED"]
    row = seen(desk, profit)
    assert (row["timeInForce"], row["updateTime"], row["triggerTime"], row["actualOrderId"]) == (
        "GTE_GTC", BEGIN_MS + 1000, 0, "",
    )  # fmt: skip
    desk.pass_ms(3 * DAY_MS)
    assert statuses(desk) == []


def test_the_stop_that_fires_ends_the_take_profit(desk: Desk) -> None:
    desk.trade(50000, "0.03")
    stop = place(desk, **PROTECTED)["algoId"]
    profit = place(desk, **PROTECTED, type="TAKE_PROFIT_MARKET", triggerPrice="52000")["algoId"]
    desk.limit("BUY", 47950, "0.05", "bob")
    desk.mark(47900)
    assert (seen(desk, stop)["algoStatus"], seen(desk, profit)["algoStatus"]) == ("FINISHED", "EXPIRED")


def test_before_the_algo_routes_an_order_ends_with_its_position(opened: Opened) -> None:
    desk = opened(api_date="2025-12-08")
    desk.trade(50000, "0.03")
    given = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "stopPrice": "48000", "closePosition": "true"}
    placed = desk.ask("POST", "order", **given, timeInForce="GTE_GTC")
    assert (placed["timeInForce"], placed["status"]) == ("GTE_GTC", "NEW")
    desk.limit("BUY", 50000, "0.03", "bob")
    desk.ask("POST", "order", symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.03")
    order = desk.ask("GET", "order", symbol=SYMBOL, orderId=placed["orderId"])
    assert (order["status"], order["timeInForce"]) == ("EXPIRED", "GTE_GTC")


def test_orders_and_algo_orders_are_taken_back_apart(desk: Desk) -> None:
    plain = desk.limit("BUY", 49000)["orderId"]
    numbers = [place(desk, triggerPrice=48000 + each)["algoId"] for each in range(12)]
    assert desk.refusal("DELETE", "order", symbol=SYMBOL, orderId=numbers[0])[1] == -2011
    desk.ask("DELETE", "allOpenOrders", symbol=SYMBOL)
    assert desk.ask("GET", "openOrders") == []
    assert len(desk.ask("GET", "openAlgoOrders")) == 12
    plain = desk.limit("BUY", 49000)["orderId"]
    answer = desk.ask("DELETE", "algoOpenOrders", symbol=SYMBOL)
    assert answer == {"code": 200, "msg": "The operation of cancel all open order is done."}
    assert desk.ask("GET", "openAlgoOrders") == []
    assert [row["orderId"] for row in desk.ask("GET", "openOrders")] == [plain]


def test_the_list_of_all_goes_by_id_span_and_page(desk: Desk) -> None:
    numbers = []
    for day in range(3):
        numbers.append(place(desk, triggerPrice=48000 + day)["algoId"])
        desk.pass_ms(DAY_MS)
    desk.ask("DELETE", "algoOrder", algoId=numbers[1])

    def listed(**given: object) -> list[object]:
        return [row["algoId"] for row in desk.ask("GET", "allAlgoOrders", symbol=SYMBOL, **given)]

    assert listed() == numbers
    assert listed(limit=2) == numbers[1:]
    assert listed(limit=2, page=2) == numbers[:1]
    assert listed(limit=2, page=3) == []
    assert listed(algoId=numbers[1]) == numbers[1:]
    assert listed(algoId=numbers[0], limit=1) == numbers[:1]
    assert listed(startTime=BEGIN_MS + 1, endTime=BEGIN_MS + DAY_MS) == numbers[1:2]
    assert desk.refusal("GET", "allAlgoOrders", symbol=SYMBOL, startTime=2, endTime=1)[1] == -1023
    assert desk.refusal("GET", "allAlgoOrders", symbol=SYMBOL, startTime=1, endTime=8 * DAY_MS)[1] == -4165


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"algoType": None}, -1102), ({"algoType": "VP"}, -1130), ({"type": "LIMIT"}, -1116),
        ({"triggerPrice": None}, -1102), ({"triggerPrice": "51000"}, -2021), ({"quantity": None}, -1102),
        ({"closePosition": "true"}, -4137), ({"type": "STOP"}, -1102), ({"price": "47000"}, -1106),
        ({"type": "TRAILING_STOP_MARKET", "triggerPrice": None}, -1102), ({"workingType": "LAST"}, -4031),
        ({"type": "TRAILING_STOP_MARKET", "triggerPrice": None, "callbackRate": "20.1"}, -1130),
        ({"callbackRate": "1"}, -1106), ({"triggerPrice": "48000.05"}, -4014), ({"triggerPrice": "48000.055"}, -1111),
        ({"priceMatch": "QUEUE"}, -5038), ({"timeInForce": "IOC"}, -1114),
        ({"type": "STOP", "priceMatch": "QUEUE", "price": "1"}, -5037),
    ],
)  # fmt: skip
def test_what_is_no_conditional_order_is_refused(desk: Desk, changed: dict[str, str | None], code: int) -> None:
    given = {name: value for name, value in {**STOP, **changed}.items() if value is not None}
    assert desk.refusal("POST", "algoOrder", **given)[1] == code
    assert desk.ask("GET", "openAlgoOrders") == []


def test_before_the_algo_routes_a_stop_was_an_order_like_others(opened: Opened) -> None:
    desk = opened(api_date="2025-12-08")
    assert desk.refusal("POST", "algoOrder", **STOP)[:2] == (404, -5000)
    given = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01", "workingType": "MARK_PRICE"}
    placed = desk.ask("POST", "order", **given, stopPrice=48000)
    assert (placed["status"], placed["stopPrice"], placed["cumQuote"]) == ("NEW", "48000", "0")
    (batched,) = desk.ask("POST", "batchOrders", batchOrders=json.dumps([{**given, "stopPrice": 47000}]))
    assert [row["orderId"] for row in desk.ask("GET", "openOrders")] == [placed["orderId"], batched["orderId"]]
    desk.pass_ms(1000)
    desk.limit("BUY", 47950, account="bob")
    desk.mark(47900)
    row = desk.ask("GET", "order", symbol=SYMBOL, orderId=placed["orderId"])
    assert (row["status"], row["type"], row["origType"], row["time"]) == ("FILLED", "MARKET", "STOP_MARKET", BEGIN_MS)
    desk.ask("DELETE", "order", symbol=SYMBOL, orderId=batched["orderId"])
    assert desk.ask("GET", "openOrders") == []


def test_since_the_algo_routes_no_stop_is_an_order(desk: Desk) -> None:
    given = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01", "stopPrice": "48000"}
    assert desk.refusal("POST", "order", **given)[1] == -4120
    assert desk.ask("POST", "batchOrders", batchOrders=json.dumps([given]))[0]["code"] == -4120


def test_what_the_journal_tells_again_gives_the_same_lists(desk: Desk) -> None:
    desk.limit("BUY", 47950, "0.02", "bob")
    for changed in ({}, {"reduceOnly": "true"}, {"triggerPrice": "40000"}, {"type": "STOP", "price": "47995"}):
        place(desk, **changed)
    cancelled = place(desk, triggerPrice="41000")["algoId"]
    desk.ask("DELETE", "algoOrder", algoId=cancelled)
    desk.mark(47990)
    desk.do(Countdown(account="alice", symbol=SYMBOL, countdown_ms=1000))
    before = desk.ask("GET", "allAlgoOrders", symbol=SYMBOL)
    assert [row["algoStatus"] for row in before] == ["FINISHED", "REJECTED", "NEW", "TRIGGERED", "CANCELED"]
    desk.venue.engine.sync()

    header, records, _ = read(desk.folder / "journal")
    state, archive = new_exchange(quiet(), header.genesis_ms), Archive()
    again = Records(archive, {})
    for record in records:
        again.take(receive(state, record.command))
    rows = [msgspec.json.decode(row) for row in archive.all("algos", "alice")]
    rows += [again.algos.row(each) for each in again.algos.live("alice")]
    assert sorted(rows, key=lambda row: row["algoId"]) == before
    archive.close()
