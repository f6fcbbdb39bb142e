"""Each error of requests and orders that this server can give: HTTP status, code and the venue's text.

Texts: USDⓈ-M documentation, error codes (2026-05). One case for each code, or for each text where a code has several.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec import structs

from margincall.exchange import commands
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.rejections import Code
from margincall.exchange.rulesets import RuleSet
from margincall.server.answers import algo, batches, order_params, orders
from margincall.server.errors import ApiError, of_rejected
from tests.server.conftest import Opened
from tests.server.desk import BEGIN_MS, Desk, form, key_name, quiet

SYMBOL = "BTCUSDT"
ORDER = {
    "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000",
}  # fmt: skip
MARKET = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
STOP = {
    "algoType": "CONDITIONAL", "symbol": SYMBOL, "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01",
    "triggerPrice": "48000",
}  # fmt: skip
AMEND = {"symbol": SYMBOL, "side": "BUY", "quantity": "0.02", "price": "49000", "orderId": "1"}


def nothing(desk: Desk) -> None:
    """The desk as it is."""


def resting(desk: Desk) -> None:
    desk.limit("BUY", 49000, newClientOrderId="mine")


def offered(desk: Desk) -> None:
    desk.limit("SELL", 50000, account="bob")


def held(desk: Desk) -> None:
    desk.trade(50000)


def hedged(desk: Desk) -> None:
    desk.do(commands.SetPositionMode(account="alice", hedge=True))


def full(desk: Desk) -> None:
    for _ in range(200):
        desk.limit("BUY", 49000, "0.002")


def full_of_stops(desk: Desk) -> None:
    for _ in range(200):
        desk.ask("POST", "algoOrder", **STOP)


def protected(desk: Desk) -> None:
    desk.trade(50000, "0.03")
    desk.ask("POST", "algoOrder", **stop(timeInForce="GTE_GTC", quantity=None, closePosition="true"))


def offered_far(desk: Desk) -> None:
    desk.limit("SELL", 52400, account="bob")
    desk.mark(49000)


def at_most_leverage(desk: Desk) -> None:
    desk.do(commands.SetLeverage(account="alice", symbol=SYMBOL, leverage=125))


def partly_filled(desk: Desk) -> None:
    desk.limit("BUY", 49000, "0.01")
    desk.limit("SELL", 49000, "0.005", "bob")


def amended_often(desk: Desk) -> None:
    resting(desk)
    desk.venue.records.of("alice").live[1].amended = 10_000


def old_stop(desk: Desk) -> None:
    given = {"symbol": SYMBOL, "side": "SELL", "type": "STOP", "quantity": "0.01", "price": "47900"}
    desk.ask("POST", "order", **given, stopPrice=48000)


class Case(NamedTuple):
    """A request that is refused, after something happened."""

    code: int
    text: str
    params: Mapping[str, object]
    way: str = "POST order"
    before: Callable[[Desk], None] = nothing
    api_date: str = "2026-11-01"


def limit(**changed: object) -> dict[str, object]:
    return {name: value for name, value in {**ORDER, **changed}.items() if value is not None}


def stop(**changed: object) -> dict[str, object]:
    return {name: value for name, value in {**STOP, **changed}.items() if value is not None}


ALGO = "POST algoOrder"
WITHOUT = "Time in Force (TIF) GTE can only be used with open positions. Please ensure that positions are available."
GTD = "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than 253402300799000 (UTC 9999-12-31 23:59:59)"  # noqa: E501
FOK = "Due to the order could not be filled immediately, the FOK order has been rejected."
GTX = "Due to the order could not be executed as maker, the Post Only order will be rejected."
NO_PARAM = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
NUMBERS = r"Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'."
CLIENT_IDS = r"Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\.A-Z\:/a-z0-9_-]{1,36}$'."
CASES = (
    Case(-1023, "Start time is greater than end time.", {"symbol": SYMBOL, "startTime": 2, "endTime": 1},
         "GET allAlgoOrders"),
    Case(-1100, NUMBERS, limit(quantity="1,5")),
    Case(-1100, CLIENT_IDS, limit(newClientOrderId="a b")),
    Case(-1102, NO_PARAM.format("symbol"), limit(symbol=None)),
    Case(-1102, NO_PARAM.format("timeInForce"), limit(timeInForce=None)),
    Case(-1102, NO_PARAM.format("quantity"), limit(quantity=None)),
    Case(-1102, NO_PARAM.format("price"), limit(price=None)),
    Case(-1102, NO_PARAM.format("goodTillDate"), limit(timeInForce="GTD")),
    Case(-1102, NO_PARAM.format("triggerPrice"), stop(triggerPrice=None), ALGO),
    Case(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!", {"symbol": SYMBOL},
         "DELETE order"),
    Case(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!", {}, "GET algoOrder"),
    Case(-1105, "Parameter 'timeInForce' was empty.", limit(timeInForce="")),
    Case(-1106, "Parameter 'price' sent when not required.", {**MARKET, "price": "49000"}),
    Case(-1106, "Parameter 'callbackRate' sent when not required.", stop(callbackRate="1"), ALGO),
    Case(-1111, "Precision is over the maximum defined for this asset.", limit(price="49000.055")),
    Case(-1111, "Precision is over the maximum defined for this asset.", limit(quantity="1e-05")),
    Case(-1114, "TimeInForce parameter sent when not required.", {**MARKET, "timeInForce": "IOC"}),
    Case(-1115, "Invalid timeInForce.", limit(timeInForce="DAY")),
    Case(-1115, "Invalid timeInForce.", {**MARKET, "timeInForce": "GTE_GTC"}),
    Case(-1115, "Invalid timeInForce.", stop(timeInForce="RPI"), ALGO),
    Case(-4130, "An open stop or take profit order with GTE and closePosition in the direction is existing.",
         stop(timeInForce="GTE_GTC", quantity=None, closePosition="true"), ALGO, protected),
    Case(-4509, WITHOUT, stop(timeInForce="GTE_GTC"), ALGO),
    Case(-4509, WITHOUT, {**stop(timeInForce="GTE_GTC", algoType=None, triggerPrice=None), "stopPrice": 48000},
         api_date="2025-12-08"),
    Case(-1116, "Invalid orderType.", limit(type="STOP_LOSS")),
    Case(-1117, "Invalid side.", limit(side="UP")),
    Case(-1121, "Invalid symbol.", limit(symbol="NONE")),
    Case(-1122, "Invalid symbol status.", limit(symbol="BNBUSDT", price="600", quantity="0.10")),
    Case(-1128, "Combination of optional parameters invalid.", limit(goodTillDate=BEGIN_MS + 700_000)),
    Case(-1130, "Data sent for parameter 'reduceOnly' is not valid.", limit(reduceOnly="maybe")),
    Case(-1130, "Data sent for parameter 'callbackRate' is not valid.",
         stop(type="TRAILING_STOP_MARKET", triggerPrice=None, callbackRate="20.1"), ALGO),
    Case(-1130, "Data sent for parameter 'batchOrders' is not valid.", {"batchOrders": "[{"}, "POST batchOrders"),
    Case(-1136, "Invalid newOrderRespType.", limit(newOrderRespType="FULL")),
    Case(-2011, "Unknown order sent.", {"symbol": SYMBOL, "orderId": 1}, "DELETE order"),
    Case(-2013, "Order does not exist.", {"symbol": SYMBOL, "orderId": 1}, "GET order"),
    Case(-2019, "Margin is insufficient.", limit(quantity="100")),
    Case(-2021, "Order would immediately trigger.", stop(triggerPrice="51000", workingType="MARK_PRICE"), ALGO),
    Case(-2022, "ReduceOnly Order is rejected.", limit(reduceOnly="true")),
    Case(-2025, "Reach max open order limit.", limit(), before=full),
    Case(-2027, "Exceeded the maximum allowable position at current leverage.", limit(quantity="40"),
         before=at_most_leverage),
    Case(-4001, "Price less than 0.", limit(price="0")),
    Case(-4002, "Price greater than max price.", limit(price="4529764.1")),
    Case(-4003, "Quantity less than zero.", limit(quantity="-1")),
    Case(-4005, "Quantity greater than max quantity.", limit(quantity="1000.001")),
    Case(-4006, "Stop price less than zero.", stop(triggerPrice="0"), ALGO),
    Case(-4007, "Stop price greater than max price.", stop(triggerPrice="4529764.1"), ALGO),
    Case(-4013, "Price less than min price.", limit(price="556")),
    Case(-4015, "Client order id length should not be more than 36 chars", limit(newClientOrderId="a" * 37)),
    Case(-4015, "Client order id is not valid.", limit(newClientOrderId="autoclose-1")),
    Case(-4016, "Price is higher than mark price multiplier cap.", limit(price="52500.1")),
    Case(-4024, "Price is lower than mark price multiplier floor.", limit(side="SELL", price="47499.9")),
    Case(-4031, "Invalid parameter working type", stop(workingType="LAST"), ALGO),
    Case(-4032, "Exceed maximum cancel order size.",
         {"symbol": SYMBOL, "orderIdList": "[1,2,3,4,5,6,7,8,9,10,11]"}, "DELETE batchOrders"),
    Case(-4045, "Reach max stop order limit.", stop(), ALGO, full_of_stops),
    Case(-4060, "Invalid position side.", limit(positionSide="UP")),
    Case(-4061, "Order's position side does not match user's setting.", limit(positionSide="LONG")),
    Case(-4062, "Invalid or improper reduceOnly value.", limit(positionSide="LONG", reduceOnly="true"), before=hedged),
    Case(-4082, "Invalid number of batch place orders.", {"batchOrders": "[]"}, "POST batchOrders"),
    Case(-4116, "clientOrderId is duplicated", limit(newClientOrderId="mine"), before=resting),
    Case(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
         limit(type="STOP")),
    Case(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit", MARKET,
         before=offered_far),
    Case(-4137, "Quantity must be zero with closePosition equals true", stop(closePosition="true"), ALGO),
    Case(-4138, "Reduce only must be true with closePosition equals true",
         stop(closePosition="true", quantity=None, reduceOnly="true"), ALGO),
    Case(-4164, "Order's notional must be no smaller than 50 (unless you choose reduce only)", limit(quantity="0.001")),
    Case(-4165, "Invalid time interval", {"symbol": SYMBOL, "startTime": 0, "endTime": BEGIN_MS}, "GET allAlgoOrders"),
    Case(-4183, "Price is higher than stop price multiplier cap.",
         stop(type="STOP", side="BUY", triggerPrice="51000", price="53550.1", workingType="MARK_PRICE"), ALGO),
    Case(-4184, "Price is lower than stop price multiplier floor.", stop(type="STOP", price="45599.9"), ALGO),
    Case(-5021, FOK, limit(timeInForce="FOK")),
    Case(-5022, GTX, limit(timeInForce="GTX", price="50000"), before=offered),
    Case(-5025, "Only limit order is supported.", {**AMEND, "side": "SELL"}, "PUT order", old_stop, "2025-12-08"),
    Case(-5026, "Exceed maximum modify order limit.", AMEND, "PUT order", amended_often),
    Case(-5027, "No need to modify the order.", {**AMEND, "quantity": "0.01"}, "PUT order", resting),
    Case(-5029, "Order's notional must be no smaller than 50", {**AMEND, "quantity": "0.001"}, "PUT order", resting),
    Case(-5037, "Invalid price match", limit(price=None, priceMatch="BEST")),
    Case(-5037, "Invalid price match", limit(priceMatch="QUEUE")),
    Case(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT", {**MARKET, "priceMatch": "QUEUE"}),
    Case(-5039, "Invalid self trade prevention mode", limit(selfTradePreventionMode="EXPIRE")),
    Case(-5040, GTD, limit(timeInForce="GTD", goodTillDate=BEGIN_MS + 600_000)),
    Case(-5040, GTD, limit(timeInForce="GTD", goodTillDate=253_402_300_799_000)),
    Case(-5041, "No depth matches this BBO order", limit(price=None, priceMatch="OPPONENT_5"), before=offered),
    Case(-5047, "The original order is not a reduce-only order", {**AMEND, "reduceOnly": "true"}, "PUT order", resting),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.text[:30]}")
def test_an_order_is_refused(opened: Opened, case: Case) -> None:
    desk = opened(api_date=case.api_date)
    case.before(desk)
    before = desk.venue.state.next_flow, desk.venue.state.next_order
    method, path = case.way.split()
    assert desk.refusal(method, path, **case.params) == (400, case.code, case.text)
    assert (desk.venue.state.next_flow, desk.venue.state.next_order) == before


# --- settings ----------------------------------------------------------------------------------------------


def isolated(desk: Desk) -> None:
    desk.do(commands.SetMarginType(account="alice", symbol=SYMBOL, margin="isolated"))


def held_alone(desk: Desk) -> None:
    isolated(desk)
    held(desk)


def held_large(desk: Desk) -> None:
    desk.trade(50000, 30)


def many_assets(desk: Desk) -> None:
    price = Decimal(1)
    for asset in desk.venue.state.traders["alice"].account.wallets:
        desk.do(commands.SetAssetIndex(asset=asset, index=price, bid=price, ask=price))
    desk.do(commands.SetAssetMode(account="alice", multi_assets=True))


AT = {"symbol": SYMBOL}
ALONE, CROSS = {**AT, "marginType": "ISOLATED"}, {**AT, "marginType": "CROSSED"}
ADD, TAKE = {**AT, "type": 1}, {**AT, "type": 2}
DUAL, SINGLE = {"dualSidePosition": "true"}, {"dualSidePosition": "false"}
ALL, ONE = {"multiAssetsMargin": "true"}, {"multiAssetsMargin": "false"}
LEVERAGE, TYPE, MOVE = "POST leverage", "POST marginType", "POST positionMargin"
SIDES, ASSETS = "POST positionSide/dual", "POST multiAssetsMargin"
SETTINGS = (
    Case(-1108, "Invalid asset.", ALL, ASSETS),
    Case(-1111, "Precision is over the maximum defined for this asset.", {**ADD, "amount": "1e-9"}, MOVE, held_alone),
    Case(-2027, "Exceeded the maximum allowable position at current leverage.", {**AT, "leverage": 125}, LEVERAGE,
         held_large),
    Case(-2028, "Leverage is smaller than permitted: insufficient margin balance.", {**AT, "leverage": 10}, LEVERAGE,
         held_large),
    Case(-4028, "Leverage 151 is not valid", {**AT, "leverage": 151}, LEVERAGE),
    Case(-4046, "No need to change margin type.", CROSS, TYPE),
    Case(-4047, "Margin type cannot be changed if there exists open orders.", ALONE, TYPE, resting),
    Case(-4048, "Margin type cannot be changed if there exists position.", ALONE, TYPE, held),
    Case(-4049, "Add margin only support for isolated position.", {**ADD, "amount": 1}, MOVE, held),
    Case(-4050, "Cross balance insufficient.", {**ADD, "amount": 100_000}, MOVE, held_alone),
    Case(-4051, "Isolated balance insufficient.", {**TAKE, "amount": 20}, MOVE, held_alone),
    Case(-4054, "Cannot add position margin: position is 0.", {**ADD, "amount": 1}, MOVE, isolated),
    Case(-4055, "Amount must be positive.", {**ADD, "amount": 0}, MOVE, held_alone),
    Case(-4059, "No need to change position side.", SINGLE, SIDES),
    Case(-4067, "Position side cannot be changed if there exists open orders.", DUAL, SIDES, resting),
    Case(-4068, "Position side cannot be changed if there exists position.", DUAL, SIDES, held),
    Case(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions",
         {**AT, "leverage": 19}, LEVERAGE, held_alone),
    Case(-4167, "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.", ALL,
         ASSETS, isolated),
    Case(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.", ALONE, TYPE, many_assets),
    Case(-4170, "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.", ALL, ASSETS, resting),
    Case(-4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.", ONE, ASSETS),
)  # fmt: skip


@pytest.mark.parametrize("case", SETTINGS, ids=lambda case: f"{case.code} {case.text[:30]}")
def test_a_setting_is_refused(opened: Opened, case: Case) -> None:
    desk = opened(api_date=case.api_date)
    case.before(desk)
    before = digest(desk.venue.state)
    method, path = case.way.split()
    assert desk.refusal(method, path, **case.params) == (400, case.code, case.text)
    assert digest(desk.venue.state) == before


# --- what another contract refuses -------------------------------------------------------------------------


def coarse() -> RuleSet:
    """BTCUSDT with a tick of 0.5, a lot of 0.002 and at least 0.004 of it, for what precision does not refuse first."""
    rules = quiet()
    contract = structs.replace(rules.venue.contract(SYMBOL), tick=Decimal("0.5"), lot=Decimal("0.002"))
    listing = rules.listings[SYMBOL]
    filters = structs.replace(listing.filters, min_quantity=Decimal("0.004"))
    return structs.replace(
        rules,
        venue=structs.replace(rules.venue, contracts={**rules.venue.contracts, SYMBOL: contract}),
        listings={**rules.listings, SYMBOL: structs.replace(listing, filters=filters)},
    )


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        ({"price": "49000.1"}, -4014, "Price not increased by tick size."),
        ({"quantity": "0.005"}, -4023, "Qty not increased by step size."),
        ({"quantity": "0.002"}, -4004, "Quantity less than min quantity."),
    ],
)
def test_an_order_that_is_off_the_grid_is_refused(
    opened: Opened, changed: dict[str, str], code: int, text: str
) -> None:
    assert opened(rules=coarse()).refusal("POST", "order", **limit(**changed)) == (400, code, text)


# --- what comes before a parameter is looked at -------------------------------------------------------------


def answered(desk: Desk, payload: bytes, *, signature: bytes | None = None, key: str | None = None) -> tuple[Any, ...]:
    """How a signed GET is answered."""
    path, key = "/fapi/v1/openOrders", key_name("alice") if key is None else key
    if signature is None:
        reply = desk.signed("GET", path, payload)
    else:
        reply = desk.send("GET", path, query=payload + b"&signature=" + signature, key=key)
    found = msgspec.json.decode(reply.body)
    return (reply.status, found["code"], found["msg"]) if reply.status != 200 else (200, found)


@pytest.mark.parametrize(
    ("late_ms", "window", "code"),
    [
        (0, None, 0), (999, None, 0), (1000, None, -1021), (-5000, None, 0), (-5001, None, -1021), (-60_000, 60_000, 0),
        (-10, 10, 0), (-11, 10, -1021), (-1, 0, -1021), (0, 60_001, -1131),
    ],
)  # fmt: skip
def test_the_time_of_a_request_lies_within_its_window(desk: Desk, late_ms: int, window: int | None, code: int) -> None:
    given = {"timestamp": desk.clock.now_ms() + late_ms} | ({} if window is None else {"recvWindow": window})
    texts = {
        -1131: "recvWindow must be less than 60000",
        -1021: "Timestamp for this request was 1000ms ahead of the server's time." if late_ms > 0
        else "Timestamp for this request is outside of the recvWindow.",
    }  # fmt: skip
    assert answered(desk, form(given)) == ((200, []) if not code else (400, code, texts[code]))


def test_what_is_wrong_with_key_time_and_signature_is_told_in_this_order(desk: Desk) -> None:
    now = form({"timestamp": desk.clock.now_ms()})
    assert answered(desk, now, signature=b"00", key="short")[:2] == (401, -2014)
    assert answered(desk, now, signature=b"00", key="") == (401, -2014, "API-key format invalid.")
    unknown = (401, -2015, "Invalid API-key, IP, or permissions for action.")
    assert answered(desk, b"", signature=b"00", key="x" * 64) == unknown
    assert answered(desk, b"", signature=b"00") == (400, -1102, NO_PARAM.format("timestamp"))
    assert answered(desk, b"timestamp=x", signature=b"00")[:2] == (400, -1100)
    assert answered(desk, b"timestamp=1", signature=b"00")[:2] == (400, -1021)
    assert answered(desk, now, signature=b"") == (400, -1102, NO_PARAM.format("signature"))
    assert answered(desk, now, signature=b"00") == (400, -1022, "Signature for this request is not valid.")


def test_a_key_that_may_only_read_does_not_trade(desk: Desk) -> None:
    key = desk.keys.get(key_name("alice"))
    assert key is not None
    desk.keys.add(structs.replace(key, trade=False))
    assert desk.refusal("POST", "order", **ORDER) == (401, -2015, "Invalid API-key, IP, or permissions for action.")
    assert desk.ask("GET", "openOrders") == []


def test_paths_and_methods_that_are_not_there(desk: Desk) -> None:
    assert desk.refusal("GET", "nothing") == (404, -5000, "Path or method is invalid.")
    assert desk.refusal("PATCH", "order") == (404, -5000, "Path or method is invalid.")


def test_too_many_parameters_and_the_same_twice(desk: Desk) -> None:
    now = f"timestamp={desk.clock.now_ms()}".encode()
    many = b"&".join(b"p%d=1" % number for number in range(201))
    found = answered(desk, now + b"&" + many)
    assert found == (400, -1101, "Too many parameters; expected '200' and received '203'.")
    assert answered(desk, now + b"&" + now) == (400, -1101, "Duplicate values for a parameter detected.")


def test_bytes_that_are_no_text(desk: Desk) -> None:
    now = f"timestamp={desk.clock.now_ms()}".encode()
    assert answered(desk, now + b"&symbol=%FF")[:2] == (400, -1100)
    assert answered(desk, now + b"&symbol=\xff")[:2] == (400, -1100)


def test_the_longest_body_that_is_read(desk: Desk) -> None:
    reply = desk.send("POST", "/fapi/v1/order", body=b"a=" + b"x" * (1 << 20), key=key_name("alice"))
    assert (reply.status, msgspec.json.decode(reply.body)["code"]) == (413, -1101)


# --- texts of what the engine refuses ------------------------------------------------------------------------

NEGATIVE = "a negative wallet balance of margin available asset in USDⓈ-M Futures account."
TEXTS = {
    Code.ASSET_MODE_NEGATIVE: f"Unable to adjust Multi-Assets Mode with {NEGATIVE}",
    Code.BALANCE_NOT_SUFFICIENT: "Balance is insufficient.",
    Code.BAD_ACCOUNT: "Invalid account.",
    Code.CLOCK_RUNS_BACK: "Timestamp for this request is outside of the recvWindow.",
}
"""What no route of these tests comes to: a negative wallet, transfers and accounts of the operator, the clock."""
OURS = frozenset(code for code in Code if code.code <= -9000)


@pytest.mark.parametrize("code", TEXTS, ids=lambda code: str(code.code))
def test_what_the_engine_refuses_is_told_in_the_venues_words(code: Code) -> None:
    error = of_rejected(Rejected(time_ms=0, code=code.code, text=code.text))
    assert (error.code, error.msg) == (code.code, TEXTS[code])


def test_each_code_of_the_engine_is_in_one_of_the_tables() -> None:
    tested = {case.code for case in (*CASES, *SETTINGS)} | {code.code for code in TEXTS} | {-4014, -4023, -4004}
    assert {code.code for code in Code if code not in OURS} - tested == set()


def test_each_refusal_of_the_order_routes_is_in_the_table() -> None:
    given = {
        error.code
        for module in (algo, batches, order_params, orders)
        for error in vars(module).values()
        if isinstance(error, ApiError)
    }
    assert given - {case.code for case in CASES} == set()
