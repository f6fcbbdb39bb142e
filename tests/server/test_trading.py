"""Orders behind the API: what a request does shows in another."""

import json

import pytest

from margincall.exchange.orders import own_client_id
from tests.server.conftest import Opened
from tests.server.desk import Desk, form

SYMBOL = "BTCUSDT"


def open_ids(desk: Desk, account: str = "alice") -> list[int]:
    return [row["orderId"] for row in desk.ask("GET", "openOrders", account, symbol=SYMBOL)]


def seen(desk: Desk, number: int) -> dict[str, object]:
    found: dict[str, object] = desk.ask("GET", "order", symbol=SYMBOL, orderId=number)
    return found


# --- placing ----------------------------------------------------------------------------------------------


def test_a_placed_order_is_open_until_it_is_cancelled(desk: Desk) -> None:
    number = desk.limit("BUY", 49000, newClientOrderId="mine")["orderId"]
    assert open_ids(desk) == [number]
    assert open_ids(desk, "bob") == []
    gone = desk.ask("DELETE", "order", symbol=SYMBOL, origClientOrderId="mine")
    assert (gone["orderId"], gone["status"]) == (number, "CANCELED")
    assert open_ids(desk) == []
    assert seen(desk, number)["status"] == "CANCELED"


def test_ack_tells_what_came_in_and_result_how_it_ended(desk: Desk) -> None:
    desk.limit("SELL", 50000, "0.03", "bob")
    assert desk.limit("BUY", 50000, newOrderRespType="ACK")["status"] == "NEW"
    assert desk.limit("BUY", 50000)["status"] == "NEW"
    ended = desk.limit("BUY", 50000, newOrderRespType="RESULT")
    assert (ended["status"], ended["executedQty"]) == ("FILLED", "0.010")
    assert seen(desk, ended["orderId"])["avgPrice"] == "50000.00000"


def test_order_test_places_nothing_and_takes_no_number(desk: Desk) -> None:
    given = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    before = desk.venue.state.next_order, desk.venue.state.next_flow
    tried = desk.ask("POST", "order/test", **given, price=49000)
    assert (tried["status"], tried["price"]) == ("NEW", "49000")
    assert open_ids(desk) == []
    assert (desk.venue.state.next_order, desk.venue.state.next_flow) == before
    assert desk.limit("BUY", 49000).keys() == tried.keys()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"price": "49000.05"}, -4014), ({"price": "49000.055"}, -1111), ({"price": "60000"}, -4016),
        ({"quantity": "0.001"}, -4164), ({"type": "MARKET"}, -1106), ({"symbol": "NONE"}, -1121),
        ({"reduceOnly": "maybe"}, -1130),
    ],
)  # fmt: skip
def test_order_test_refuses_what_no_order_may_be(desk: Desk, changed: dict[str, str], code: int) -> None:
    given = {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "49000",
    }
    assert desk.refusal("POST", "order/test", **{**given, **changed})[1] == code


def test_prices_have_as_many_decimals_as_exchange_info_says(desk: Desk) -> None:
    """BTCUSDT: two, though its tick is 0.1; what is off the tick within them is −4014, beyond them −1111."""
    told = json.loads(desk.send("GET", "/fapi/v1/exchangeInfo").body)["symbols"]
    assert {row["symbol"]: row["pricePrecision"] for row in told} == {"BTCUSDT": 2, "ETHUSDT": 2, "BNBUSDT": 2}
    given = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    for symbol, price, code in (
        (SYMBOL, "49000.01", -4014), (SYMBOL, "49000.001", -1111), ("ETHUSDT", "2000.001", -1111),
    ):  # fmt: skip
        assert desk.refusal("POST", "order", **given, symbol=symbol, price=price)[1] == code


def test_good_till_date_is_in_whole_seconds_and_ends_the_order(desk: Desk) -> None:
    until = desk.clock.now_ms() + 700_123
    placed = desk.limit("BUY", 49000, timeInForce="GTD", goodTillDate=until)
    assert placed["goodTillDate"] == until // 1000 * 1000
    desk.pass_ms(701_000)
    assert open_ids(desk) == []
    assert seen(desk, placed["orderId"])["status"] == "EXPIRED"


def test_an_unfilled_order_is_forgotten_after_three_days_and_a_filled_one_after_ninety(desk: Desk) -> None:
    unfilled = desk.limit("BUY", 49000)["orderId"]
    desk.ask("DELETE", "order", symbol=SYMBOL, orderId=unfilled)
    desk.limit("SELL", 50000, account="bob")
    filled = desk.limit("BUY", 50000)["orderId"]
    desk.pass_ms(3 * 86_400_000 - 1)
    assert seen(desk, unfilled)["status"] == "CANCELED"
    desk.pass_ms(1)
    assert desk.refusal("GET", "order", symbol=SYMBOL, orderId=unfilled)[1] == -2013
    assert seen(desk, filled)["status"] == "FILLED"
    desk.pass_ms(87 * 86_400_000)
    assert desk.refusal("GET", "order", symbol=SYMBOL, orderId=filled)[1] == -2013


# --- price match ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "price"),
    [("OPPONENT", "50010.0"), ("OPPONENT_5", "50050.0"), ("QUEUE", "49990.0"), ("QUEUE_5", "49950.0")],
)
def test_a_price_is_matched_to_the_book(desk: Desk, mode: str, price: str) -> None:
    for place in range(1, 6):
        desk.limit("SELL", 50000 + 10 * place, "0.002", "bob")
        desk.limit("BUY", 50000 - 10 * place, "0.002", "bob")
    given = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.02"}
    placed = desk.ask("POST", "order", **given, priceMatch=mode)
    assert (placed["price"], placed["priceMatch"]) == (price, mode)
    assert seen(desk, placed["orderId"])["priceMatch"] == mode
    assert desk.limit("BUY", 49000)["priceMatch"] == "NONE"


def test_an_amendment_is_matched_too_and_forgets_it_without(desk: Desk) -> None:
    desk.limit("BUY", 49500, account="bob")
    number = desk.limit("BUY", 49000)["orderId"]
    given = {"symbol": SYMBOL, "side": "BUY", "orderId": number}
    assert desk.ask("PUT", "order", **given, quantity="0.02", priceMatch="QUEUE")["price"] == "49500.0"
    assert seen(desk, number)["priceMatch"] == "QUEUE"
    assert desk.refusal("PUT", "order", **given, quantity="0.02", price=49500)[1] == -5027
    assert seen(desk, number)["priceMatch"] == "QUEUE"
    desk.ask("PUT", "order", **given, quantity="0.03", price=49400)
    assert seen(desk, number)["priceMatch"] == "NONE"
    told = desk.ask("GET", "orderAmendment", symbol=SYMBOL, orderId=number)
    assert [(row["amendment"]["count"], row["priceMatch"]) for row in told] == [(2, "NONE"), (1, "QUEUE")]


def test_the_exchange_names_a_matched_order_as_any_other(desk: Desk) -> None:
    desk.limit("BUY", 49500, account="bob")
    due = own_client_id(desk.venue.state.traders["alice"], desk.venue.state.next_order)  # type: ignore[arg-type]
    given = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.02"}
    assert desk.ask("POST", "order", **given, priceMatch="QUEUE")["clientOrderId"] == due


# --- amending ---------------------------------------------------------------------------------------------


def test_an_amended_order_has_another_price_and_size(desk: Desk) -> None:
    number = desk.limit("BUY", 49000, newClientOrderId="mine")["orderId"]
    given = {"symbol": SYMBOL, "side": "BUY", "origClientOrderId": "mine"}
    answer = desk.ask("PUT", "order", **given, quantity="0.02", price="49010.5")
    assert (answer["orderId"], answer["price"], answer["origQty"]) == (number, "49010.5", "0.020")
    row = seen(desk, number)
    assert (row["price"], row["origQty"], row["selfTradePreventionMode"]) == ("49010.5", "0.020", "NONE")


def test_an_amendment_may_trade(desk: Desk) -> None:
    desk.limit("SELL", 50000, account="bob")
    number = desk.limit("BUY", 49000)["orderId"]
    answer = desk.ask("PUT", "order", symbol=SYMBOL, side="BUY", orderId=number, quantity="0.01", price=50000)
    assert answer["status"] == "FILLED"
    assert open_ids(desk, "bob") == []


def test_an_amendment_to_what_was_filled_cancels(desk: Desk) -> None:
    number = desk.limit("BUY", 49000, "0.02")["orderId"]
    desk.limit("SELL", 49000, "0.01", "bob")
    answer = desk.ask("PUT", "order", symbol=SYMBOL, side="BUY", orderId=number, quantity="0.01", price=49000)
    assert answer["status"] == "CANCELED"
    assert seen(desk, number)["executedQty"] == "0.010"


def test_modify_id_and_reduce_only_count_since_their_day(opened: Opened) -> None:
    before, since = opened(api_date="2026-07-27"), opened(api_date="2026-07-28")
    given = {"symbol": SYMBOL, "side": "BUY", "orderId": 1, "price": 49010}
    for desk in (before, since):
        desk.limit("BUY", 49000)
    assert "modifyId" not in before.ask("PUT", "order", **given, quantity="0.02", modifyId=7, reduceOnly="true")
    assert since.ask("PUT", "order", **given, quantity="0.02", modifyId=7)["modifyId"] == 7
    assert since.refusal("PUT", "order", **given, quantity="0.03", reduceOnly="true")[1] == -5047


def test_ten_thousand_amendments_are_the_most(desk: Desk) -> None:
    number = desk.limit("BUY", 49000)["orderId"]
    desk.venue.records.of("alice").live[number].amended = 9_999
    given = {"symbol": SYMBOL, "side": "BUY", "orderId": number, "quantity": "0.02"}
    desk.ask("PUT", "order", **given, price=49001)
    assert desk.refusal("PUT", "order", **given, price=49002) == (400, -5026, "Exceed maximum modify order limit.")


# --- several at once --------------------------------------------------------------------------------------


def order(**changed: object) -> dict[str, object]:
    return {
        "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000",
        **changed,
    }  # fmt: skip


def test_each_order_of_a_batch_is_answered_in_its_place(desk: Desk) -> None:
    several = [order(newClientOrderId="a"), order(side="UP"), order(price=49010, quantity=0.02), order(price="1")]
    answers_ = desk.ask("POST", "batchOrders", batchOrders=json.dumps(several))
    assert [each.get("clientOrderId", each.get("code")) for each in answers_] == ["a", -1117, "x-2", -4013]
    assert open_ids(desk) == [answers_[0]["orderId"], answers_[2]["orderId"]]
    assert seen(desk, answers_[2]["orderId"])["origQty"] == "0.020"


def test_a_batch_need_not_be_percent_encoded(desk: Desk) -> None:
    text = json.dumps([order(reduceOnly=False, newClientOrderId=None)], separators=(",", ":"))
    payload = f"batchOrders={text}&timestamp={desk.clock.now_ms()}".encode()
    assert desk.signed("POST", "/fapi/v1/batchOrders", payload, in_body=True).status == 200
    assert open_ids(desk) == [1]


def test_a_batch_amends_and_another_cancels(desk: Desk) -> None:
    first, second = (desk.limit("BUY", price)["orderId"] for price in (49000, 49010))
    several = [
        {"symbol": SYMBOL, "side": "BUY", "orderId": first, "quantity": "0.02", "price": "49001"},
        {"symbol": SYMBOL, "side": "BUY", "orderId": 99, "quantity": "0.02", "price": "49001"},
    ]
    answers_ = desk.ask("PUT", "batchOrders", batchOrders=json.dumps(several))
    assert (answers_[0]["price"], answers_[1]["code"]) == ("49001.0", -2013)
    assert seen(desk, first)["price"] == "49001.0"
    gone = desk.ask("DELETE", "batchOrders", symbol=SYMBOL, orderIdList=f"[{first},77,{second}]")
    assert [each.get("status", each.get("code")) for each in gone] == ["CANCELED", -2011, "CANCELED"]
    assert open_ids(desk) == []


@pytest.mark.parametrize("name", ["origClientOrderIdList", "origclientorderidlist"])
def test_a_batch_cancels_by_the_clients_ids(desk: Desk, name: str) -> None:
    for own in ("a", "b"):
        desk.limit("BUY", 49000, newClientOrderId=own)
    gone = desk.ask("DELETE", "batchOrders", symbol=SYMBOL, **{name: '["b","c"]'})
    assert [each.get("clientOrderId", each.get("code")) for each in gone] == ["b", -2011]
    assert open_ids(desk) == [1]


def test_a_list_of_ids_may_be_named_in_small_letters(desk: Desk) -> None:
    number = desk.limit("BUY", 49000)["orderId"]
    gone = desk.ask("DELETE", "batchOrders", symbol=SYMBOL, orderidlist=f"[{number}]")
    assert [each["status"] for each in gone] == ["CANCELED"]


@pytest.mark.parametrize(
    ("method", "given", "code"),
    [
        ("POST", {"batchOrders": "[]"}, -4082), ("POST", {"batchOrders": json.dumps([order()] * 6)}, -4082),
        ("POST", {"batchOrders": "[{"}, -1130), ("POST", {"batchOrders": "{}"}, -1130),
        ("POST", {"batchOrders": "[1]"}, -1130), ("POST", {"batchOrders": '[{"symbol":{}}]'}, -1130),
        ("POST", {"batchOrders": "[" * 50_000}, -1130), ("POST", {}, -1102), ("PUT", {"batchOrders": "[]"}, -4082),
        ("DELETE", {"symbol": SYMBOL}, -1102), ("DELETE", {"symbol": SYMBOL, "orderIdList": "[1.5,[]]"}, -1130),
        ("DELETE", {"symbol": SYMBOL, "orderIdList": json.dumps(list(range(1, 12)))}, -4032),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused_as_a_whole(desk: Desk, method: str, given: dict[str, str], code: int) -> None:
    assert desk.refusal(method, "batchOrders", **given)[1] == code


# --- taking all back --------------------------------------------------------------------------------------


def test_all_orders_of_a_symbol_are_taken_back(desk: Desk) -> None:
    for price in (49000, 49010):
        desk.limit("BUY", price)
    answer = desk.ask("DELETE", "allOpenOrders", symbol=SYMBOL)
    assert answer == {"code": 200, "msg": "The operation of cancel all open order is done."}
    assert open_ids(desk) == []


def test_the_countdown_takes_all_back_unless_it_is_set_anew(desk: Desk) -> None:
    desk.limit("BUY", 49000)
    answer = desk.ask("POST", "countdownCancelAll", symbol=SYMBOL, countdownTime=100_000)
    assert answer == {"symbol": SYMBOL, "countdownTime": "100000"}
    desk.pass_ms(99_999)
    desk.ask("POST", "countdownCancelAll", symbol=SYMBOL, countdownTime=50_000)
    desk.pass_ms(49_999)
    assert open_ids(desk) == [1]
    desk.pass_ms(1)
    assert open_ids(desk) == []


def test_a_countdown_of_nothing_stops_it(desk: Desk) -> None:
    desk.limit("BUY", 49000)
    for length in (1000, 0):
        desk.ask("POST", "countdownCancelAll", symbol=SYMBOL, countdownTime=length)
    desk.pass_ms(10_000)
    assert open_ids(desk) == [1]


def test_what_is_refused_changes_nothing(desk: Desk) -> None:
    desk.limit("BUY", 49000)
    before = desk.venue.engine.state.next_flow, desk.venue.state.next_order
    desk.refusal("POST", "order", **order(side="UP"))
    desk.refusal("PUT", "order", symbol=SYMBOL, side="SELL", orderId=1, quantity="0.02", price=49001)
    desk.signed("POST", "/fapi/v1/order", form({**order(), "timestamp": 1}))
    assert (desk.venue.engine.state.next_flow, desk.venue.state.next_order) == before
