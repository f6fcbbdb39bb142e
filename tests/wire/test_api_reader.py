"""Rows of REST answers -> events, and values however they are wrapped."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from msgspec import structs

from margincall.core.events import (
    INCOME_TYPES,
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
from margincall.wire.api import read_answer
from margincall.wire.values import read_value

TIME = 1_700_000_000_000
PLACE = Source("dump.json", 3, 40)

TRADE = {
    "symbol": "BTCUSDT",
    "id": 5,
    "orderId": 11,
    "side": "SELL",
    "price": "99",
    "qty": "0.5",
    "quoteQty": "49.5",
    "realizedPnl": "-1.25",
    "commission": "0.0198",
    "commissionAsset": "USDT",
    "time": TIME,
    "positionSide": "LONG",
    "buyer": False,
    "maker": False,
}
ORDER = {
    "orderId": 11,
    "symbol": "BTCUSDT",
    "status": "FILLED",
    "clientOrderId": "autoclose-1",
    "price": "98",
    "avgPrice": "99.5",
    "origQty": "2",
    "executedQty": "2",
    "cumQuote": "199",
    "timeInForce": "IOC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "SELL",
    "positionSide": "BOTH",
    "stopPrice": "0",
    "workingType": "CONTRACT_PRICE",
    "origType": "LIMIT",
    "time": TIME,
    "updateTime": TIME + 40,
}
RISK = {
    "symbol": "BTCUSDT",
    "positionAmt": "-1",
    "entryPrice": "100",
    "markPrice": "99",
    "unRealizedProfit": "1",
    "liquidationPrice": "0",
    "positionSide": "BOTH",
    "isolatedWallet": "0",
    "updateTime": TIME,
}


def events(value: object) -> list[object]:
    readings = read_value(value, PLACE)
    assert [problem for each in readings for problem in each.problems] == []
    return [event for each in readings for event in each.events]


def income(kind: str) -> dict[str, object]:
    row = {"symbol": "BTCUSDT", "incomeType": kind, "income": "-0.01", "asset": "USDT", "info": "", "time": TIME}
    return row | {"tranId": 9, "tradeId": "77"}


@pytest.mark.parametrize(("kind", "category"), sorted(INCOME_TYPES.items()))
def test_each_income_type(kind: str, category: str) -> None:
    assert events(income(kind)) == [
        Flow(
            time_ms=TIME,
            source=PLACE,
            applied={"USDT": Decimal("-0.01")},
            category=category,  # type: ignore[arg-type]
            reason=kind,
            symbol="BTCUSDT",
            tran_id="9",
            trade_id="77",
        )
    ]


def test_an_unknown_income_type_is_applied_and_reported() -> None:
    found = read_answer(income("NEW_IDEA"), PLACE)
    (flow,) = found.events
    assert isinstance(flow, Flow)
    assert (flow.category, flow.applied) == ("unknown", {"USDT": Decimal("-0.01")})
    assert [(problem.kind, problem.place) for problem in found.problems] == [("unknown-type", "line 3")]


def test_a_transfer_has_neither_symbol_nor_trade() -> None:
    (flow,) = events(income("TRANSFER") | {"symbol": "", "tradeId": ""})
    assert isinstance(flow, Flow)
    assert (flow.symbol, flow.trade_id) == ("", "")


def test_a_trade() -> None:
    assert events(TRADE) == [
        Fill(
            time_ms=TIME,
            source=PLACE,
            symbol="BTCUSDT",
            side="LONG",
            quantity=Decimal("-0.5"),
            price=Decimal(99),
            trade_id="5",
            order_id="11",
            fee=Decimal("0.0198"),
            fee_asset="USDT",
            realized=Decimal("-1.25"),
            maker=False,
        )
    ]


@pytest.mark.parametrize(
    ("printed", "is_maker", "fee", "is_noted"),
    [
        ("0.07819010", False, "0.07819010", False),
        ("-0.07819010", False, "0.07819010", True),
        ("-0.07819010", True, "-0.07819010", False),
        ("0", False, "0", False),
    ],
)
def test_signs_of_a_commission(printed: str, is_maker: bool, fee: str, is_noted: bool) -> None:
    found = read_answer(TRADE | {"commission": printed, "maker": is_maker}, PLACE)
    (fill,) = found.events
    assert isinstance(fill, Fill)
    assert fill.fee == Decimal(fee)
    assert [problem.kind for problem in found.problems] == ["note"] * is_noted


@pytest.mark.parametrize(
    ("client_order_id", "close"),
    [("autoclose-1", "liquidation"), ("adl_autoclose", "adl"), ("settlement_autoclose-1", "settlement"), ("web_1", "")],
)
def test_an_order(client_order_id: str, close: str) -> None:
    """The row says when the order was placed, too: that is the moment of a liquidation."""
    last = Order(
        time_ms=TIME + 40,
        source=PLACE,
        symbol="BTCUSDT",
        side="BOTH",
        order_id="11",
        client_order_id=client_order_id,
        status="FILLED",
        execution="",
        order_type="LIMIT",
        time_in_force="IOC",
        buy=False,
        quantity=Decimal(2),
        price=Decimal(98),
        average_price=Decimal("99.5"),
        executed=Decimal(2),
        executed_value=Decimal(199),
        close=close,  # type: ignore[arg-type]
    )
    changes = {
        "status": "NEW",
        "executed": Decimal(0),
        "executed_value": None,
        "average_price": None,
    }
    placed = structs.replace(last, time_ms=TIME, **changes)
    row = ORDER | {"clientOrderId": client_order_id}
    assert events(row) == [placed, last]
    assert events(row | {"time": TIME + 40}) == [last]


def test_rows_of_position_risk_are_one_statement() -> None:
    """v3: no margin type; an isolated wallet shows it. The time is the latest change."""
    isolated = RISK | {"symbol": "ETHUSDT", "isolatedWallet": "10", "updateTime": TIME + 9, "maintMargin": "0.4"}
    (statement,) = events([RISK, isolated])
    assert isinstance(statement, Statement)
    assert (statement.time_ms, statement.origin) == (TIME + 9, "position_risk")
    assert statement.positions == (
        PositionPrint(
            "BTCUSDT",
            "BOTH",
            quantity=Decimal(-1),
            entry=Decimal(100),
            unrealized=Decimal(1),
            isolated_wallet=Decimal(0),
            mark=Decimal(99),
            liquidation_price=Decimal(0),
        ),
        PositionPrint(
            "ETHUSDT",
            "BOTH",
            quantity=Decimal(-1),
            entry=Decimal(100),
            unrealized=Decimal(1),
            margin="isolated",
            isolated_wallet=Decimal(10),
            mark=Decimal(99),
            maintenance=Decimal("0.4"),
            liquidation_price=Decimal(0),
        ),
    )


def test_older_position_risk_prints_leverage_and_margin_type() -> None:
    row = RISK | {"leverage": "20", "marginType": "cross", "isAutoAddMargin": "false", "isolatedMargin": "0"}
    (statement,) = events(row)
    assert isinstance(statement, Statement)
    (found,) = statement.positions
    assert (found.leverage, found.margin) == (20, "cross")


def test_an_account_answer() -> None:
    asset = {"asset": "USDT", "walletBalance": "10", "unrealizedProfit": "1", "marginBalance": "11"}
    asset |= {"maintMargin": "2", "crossWalletBalance": "9", "updateTime": TIME}
    position = {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "1", "unrealizedProfit": "1"}
    position |= {"maintMargin": "2", "leverage": "50", "isolated": True, "entryPrice": "5", "updateTime": 0}
    answer = {"totalWalletBalance": "10", "totalMaintMargin": "2", "assets": [asset], "positions": [position]}
    setting, statement = events(answer | {"multiAssetsMargin": True, "feeTier": 0})
    assert setting == Setting(time_ms=0, source=PLACE, multi_assets=True)
    assert statement == Statement(
        time_ms=TIME,
        source=PLACE,
        origin="account",
        balances=(BalancePrint("USDT", Decimal(10), Decimal(9), maintenance=Decimal(2), unrealized=Decimal(1)),),
        positions=(
            PositionPrint(
                "BTCUSDT",
                "BOTH",
                quantity=Decimal(1),
                entry=Decimal(5),
                unrealized=Decimal(1),
                margin="isolated",
                maintenance=Decimal(2),
                leverage=50,
            ),
        ),
        totals=TotalsPrint(wallet=Decimal(10), maintenance=Decimal(2)),
    )


def test_rows_of_balances_are_one_statement() -> None:
    row = {"accountAlias": "x", "asset": "USDT", "balance": "10", "crossWalletBalance": "9", "updateTime": TIME}
    (statement,) = events([row, row | {"asset": "BNB", "updateTime": 0}])
    assert isinstance(statement, Statement)
    assert [found.asset for found in statement.balances] == ["USDT", "BNB"]
    assert statement.time_ms == TIME


def test_margin_moves() -> None:
    row = {"symbol": "BTCUSDT", "type": 1, "deltaType": "USER_ADJUST", "amount": "23.5", "asset": "USDT", "time": TIME}
    added, taken = events([row | {"positionSide": "LONG"}, row | {"type": 2}])
    assert added == MarginMove(
        time_ms=TIME, source=PLACE, symbol="BTCUSDT", side="LONG", asset="USDT", amount=Decimal("23.5")
    )
    assert isinstance(taken, MarginMove)
    assert (taken.side, taken.amount) == ("BOTH", Decimal("-23.5"))


@pytest.mark.parametrize(
    ("answer", "setting"),
    [
        ({"multiAssetsMargin": True}, Setting(time_ms=0, source=PLACE, multi_assets=True)),
        (
            {"leverage": 21, "maxNotionalValue": "1000", "symbol": "BTCUSDT"},
            Setting(time_ms=0, source=PLACE, symbol="BTCUSDT", leverage=21),
        ),
        (
            {"symbol": "BTCUSDT", "marginType": "CROSSED", "isAutoAddMargin": "false", "leverage": 21},
            Setting(time_ms=0, source=PLACE, symbol="BTCUSDT", leverage=21, margin="cross"),
        ),
    ],
)
def test_settings_hold_from_the_start_and_that_is_noted(answer: dict[str, object], setting: Setting) -> None:
    found = read_answer(answer, PLACE)
    assert found.events == (setting,)
    assert [problem.kind for problem in found.problems] == ["note"]


def test_prices() -> None:
    premium = {"symbol": "BTCUSDT", "markPrice": "9.5", "indexPrice": "9", "lastFundingRate": "", "time": TIME}
    funding = {"symbol": "BTCUSDT", "fundingTime": TIME + 1, "fundingRate": "0.0001", "markPrice": "9.6"}
    older = funding | {"markPrice": ""}
    index = {"symbol": "USDTUSD", "time": TIME, "index": "1", "bidRate": "0.9", "askRate": "1.1"}
    assert events([premium, funding, older, index]) == [
        MarkPrice(time_ms=TIME, source=PLACE, symbol="BTCUSDT", price=Decimal("9.5")),
        MarkPrice(time_ms=TIME + 1, source=PLACE, symbol="BTCUSDT", price=Decimal("9.6")),
        IndexPrice(time_ms=TIME, source=PLACE, asset="USDT", index=Decimal(1), bid=Decimal("0.9"), ask=Decimal("1.1")),
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        {"stream": "btcusdt@x", "data": TRADE},
        {"id": 1, "status": 200, "result": [TRADE], "rateLimits": []},
        {"id": "5", "side": "sell", "amount": "1", "info": TRADE},
        [[TRADE]],
    ],
)
def test_wrappers_are_taken_off(wrapped: object) -> None:
    assert events(wrapped) == events(TRADE)


@pytest.mark.parametrize(
    ("value", "kind", "part"),
    [
        (TRADE | {"qty": "0"}, "unreadable", "a traded quantity of 0"),
        ({key: TRADE[key] for key in TRADE if key != "price"}, "unreadable", "userTrades: `price` is missing"),
        (income("FUNDING_FEE") | {"income": ""}, "unreadable", "`income` is missing"),
        (income("FUNDING_FEE") | {"asset": "$"}, "unreadable", "'$' is no asset"),
        (RISK | {"positionAmt": "1_000"}, "unreadable", "'1_000' is not a finite decimal number"),
        ({"code": -2015, "msg": "Invalid API-key"}, "refused", "error -2015: Invalid API-key"),
        ({"nothing": 1}, "unknown-event", "it has `nothing`"),
        ({"adlQuantile": {}, "symbol": "BTCUSDT"}, "ignored", "adlQuantile"),
        ({"listenKey": "SECRET"}, "ignored", "listenKey"),
        ([1591256460000, "9653.2"], "ignored", "candles"),
        (5, "unreadable", "expected an object, found '5'"),
    ],
)
def test_what_is_not_read_is_named(value: object, kind: str, part: str) -> None:
    readings = read_value(value, PLACE)
    assert [event for each in readings for event in each.events] == []
    (problem,) = [problem for each in readings for problem in each.problems]
    assert (problem.kind, problem.file, problem.place) == (kind, "dump.json", "line 3")
    assert part in problem.message
    assert "SECRET" not in str(problem)


@pytest.mark.parametrize("answer", [{"code": 200, "msg": "success"}, {"dualSidePosition": True}])
def test_answers_that_say_nothing(answer: Mapping[str, object]) -> None:
    assert events(answer) == []
