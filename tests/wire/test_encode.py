"""What is written can be read back, and has the keys and JSON types of the venue's samples."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.core.events import (
    AnyEvent,
    BalancePrint,
    Fill,
    Flow,
    IndexPrice,
    MarginMove,
    MarkPrice,
    Order,
    PositionPrint,
    Setting,
    Source,
    Statement,
    TotalsPrint,
)
from margincall.wire import encode, encode_orders
from margincall.wire.values import read_value

TIME = 1_700_000_000_000
PLACE = Source("case.json", 1, 0)
D = Decimal

FILL = Fill(
    time_ms=TIME,
    source=PLACE,
    symbol="BTCUSDT",
    side="BOTH",
    quantity=D("-0.50"),
    price=D("99.0"),
    trade_id="5",
    order_id="11",
    client_order_id="mine",
    fee=D("0.0198"),
    fee_asset="USDT",
    realized=D("-1.25"),
    maker=False,
)
FORCED = Order(
    time_ms=TIME,
    source=PLACE,
    symbol="BTCUSDT",
    side="BOTH",
    order_id="12",
    client_order_id="autoclose-1700000000000",
    status="FILLED",
    execution="CALCULATED",
    order_type="LIQUIDATION",
    time_in_force="IOC",
    buy=False,
    quantity=D("0.5"),
    price=D("98"),
    average_price=D("99.0"),
    executed=D("0.5"),
    close="liquidation",
)
FORCED_FILL = msgspec.structs.replace(
    FILL, order_id="12", client_order_id="autoclose-1700000000000", close="liquidation"
)
POSITION = PositionPrint(
    "BTCUSDT",
    "BOTH",
    quantity=D(1),
    entry=D("100.5"),
    realized=D(2),
    unrealized=D("-3"),
    margin="isolated",
    isolated_wallet=D(10),
)
UPDATE = Statement(
    time_ms=TIME,
    source=PLACE,
    origin="update",
    about="FUNDING_FEE",
    balances=(BalancePrint("USDT", wallet=D(105), cross_wallet=D(95), change=D("-5.5")),),
    positions=(POSITION,),
)
FLOW = Flow(
    time_ms=TIME,
    source=PLACE,
    applied={"USDT": D("-5.5")},
    category="funding",
    reason="FUNDING_FEE",
    symbol="BTCUSDT",
    side="BOTH",
)
STREAM: list[tuple[AnyEvent, ...]] = [
    (FILL,),
    (msgspec.structs.replace(FILL, fee=None, fee_asset=None, realized=None),),
    (FORCED, FORCED_FILL),
    (msgspec.structs.replace(FORCED, status="EXPIRED", execution="EXPIRED", executed=D(0), expire_reason="5"),),
    (FLOW, UPDATE),
    (msgspec.structs.replace(UPDATE, about="ORDER", balances=(BalancePrint("USDT", D(1), D(1), D(0)),)),),
    (
        Statement(
            time_ms=TIME,
            source=PLACE,
            origin="margin_call",
            balances=(BalancePrint("USDT", cross_wallet=D("3.1")),),
            positions=(
                PositionPrint(
                    "ETHUSDT",
                    "LONG",
                    quantity=D("1.327"),
                    unrealized=D("-1.16"),
                    margin="cross",
                    isolated_wallet=D(0),
                    mark=D("187.17127"),
                    maintenance=D("1.61"),
                ),
            ),
        ),
    ),
    (Setting(time_ms=TIME, source=PLACE, symbol="BTCUSDT", leverage=25),),
    (Setting(time_ms=TIME, source=PLACE, multi_assets=True),),
    (MarkPrice(time_ms=TIME, source=PLACE, symbol="BTCUSDT", price=D("9.50")),),
    (IndexPrice(time_ms=TIME, source=PLACE, asset="ADA", index=D(1), bid=D("0.9"), ask=D("1.1")),),
]


def read_back(value: object) -> tuple[AnyEvent, ...]:
    """Through JSON text, as a file would hold it."""
    text = msgspec.json.encode(value)
    readings = read_value(msgspec.json.decode(text, strict=True), PLACE)
    assert [problem for each in readings for problem in each.problems] == []
    return tuple(event for each in readings for event in each.events)


@pytest.mark.parametrize("events", STREAM)
def test_streams(events: tuple[AnyEvent, ...]) -> None:
    assert read_back(list(encode.stream(events))) == events


def test_a_whole_stream() -> None:
    whole = tuple(event for each in STREAM for event in each)
    assert read_back(list(encode.stream(whole))) == whole


def test_a_forced_fill_without_its_order_is_still_forced() -> None:
    bare = msgspec.structs.replace(FORCED_FILL, client_order_id="")
    order, fill = read_back(list(encode.stream([bare])))
    assert isinstance(order, Order)
    assert (fill, order.close) == (bare, "liquidation")


def test_a_flow_needs_its_statement() -> None:
    with pytest.raises(AssertionError):
        list(encode.stream([FLOW]))


def test_user_trades() -> None:
    row = encode.user_trade_row(FILL)
    assert read_back([row]) == (msgspec.structs.replace(FILL, client_order_id=""),)
    assert (row["quoteQty"], row["side"], row["buyer"]) == ("49.5", "SELL", False)


def test_income_of_a_flow_and_of_a_fill() -> None:
    flow = msgspec.structs.replace(FLOW, side=None, tran_id="77")
    assert read_back(encode.income_rows(flow)) == (flow,)
    profit, fee = read_back(encode.income_rows(FILL))
    assert isinstance(profit, Flow)
    assert isinstance(fee, Flow)
    assert (profit.category, profit.applied, profit.trade_id) == ("realized_pnl", {"USDT": D("-1.25")}, "5")
    assert (fee.category, fee.applied, fee.trade_id) == ("commission", {"USDT": D("-0.0198")}, "5")


def test_orders_and_margin_moves() -> None:
    order = msgspec.structs.replace(FORCED, execution="", order_type="LIMIT", executed_value=D("49.5"))
    assert read_back([encode_orders.order_row(order)]) == (order,)
    move = MarginMove(time_ms=TIME, source=PLACE, symbol="BTCUSDT", side="LONG", asset="USDT", amount=D("-5.5"))
    assert read_back([encode.margin_change_row(move)]) == (move,)


def test_position_risk() -> None:
    shown = PositionPrint(
        "BTCUSDT",
        "BOTH",
        quantity=D(1),
        entry=D("100.5"),
        unrealized=D("-3"),
        margin="isolated",
        isolated_wallet=D(10),
        mark=D("97.5"),
        maintenance=D("0.4"),
        liquidation_price=D(90),
        leverage=20,
    )
    cross = PositionPrint("ETHUSDT", "LONG", quantity=D(1), isolated_wallet=D(0), liquidation_price=D(0), mark=D(5))
    cross = msgspec.structs.replace(cross, unrealized=D(0), entry=D(5))
    statement = Statement(time_ms=TIME, source=PLACE, origin="position_risk", positions=(shown, cross))
    assert read_back(encode.position_risk_rows(statement)) == (statement,)


def test_account() -> None:
    statement = Statement(
        time_ms=TIME,
        source=PLACE,
        origin="account",
        balances=(BalancePrint("USDT", wallet=D(10), cross_wallet=D(9), maintenance=D(1), unrealized=D(2)),),
        positions=(
            PositionPrint("BTCUSDT", "BOTH", quantity=D(1), unrealized=D(2), isolated_wallet=D(0), maintenance=D(1)),
            PositionPrint("ETHUSDT", "BOTH", quantity=D(1), margin="cross", leverage=5),
        ),
        totals=TotalsPrint(D(10), D(2), D(12), D(1)),
    )
    assert read_back(encode.account_answer(statement)) == (statement,)


def test_support_reply() -> None:
    statement = Statement(time_ms=TIME, source=PLACE, origin="support", totals=TotalsPrint(wallet=D("0.1")))
    assert read_back(encode.support_reply(statement)) == (statement,)


amounts = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9)
prices = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=D("0.00000001"), max_value=10**9)


@given(quantity=amounts.filter(bool), price=prices, fee=st.none() | amounts, realized=st.none() | amounts)
def test_any_fill_comes_back(quantity: Decimal, price: Decimal, fee: Decimal | None, realized: Decimal | None) -> None:
    asset = None if fee is None else "BNB"
    fill = msgspec.structs.replace(FILL, quantity=quantity, price=price, fee=fee, fee_asset=asset, realized=realized)
    assert read_back(list(encode.stream([fill]))) == (fill,)


@given(st.lists(st.tuples(st.sampled_from(["USDT", "BNB", "BTC"]), amounts), unique_by=lambda each: each[0]))
def test_any_statement_comes_back(balances: Sequence[tuple[str, Decimal]]) -> None:
    statement = Statement(
        time_ms=TIME,
        source=PLACE,
        origin="update",
        about="ORDER",
        balances=tuple(BalancePrint(asset, amount, amount, D(0)) for asset, amount in balances),
    )
    assert read_back(list(encode.stream([statement]))) == (statement,)
