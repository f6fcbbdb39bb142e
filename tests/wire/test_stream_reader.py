"""Messages of streams -> events: each message type, each reason, both key styles, and what is wrong with them."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from margincall.core.events import (
    UPDATE_REASONS,
    AnyEvent,
    BalancePrint,
    Fill,
    Flow,
    IndexPrice,
    MarkPrice,
    Order,
    PositionPrint,
    Setting,
    Source,
    Statement,
)
from margincall.wire.reading import Reading
from margincall.wire.stream import read_message

TIME = 1_700_000_000_000
PLACE = Source("stream.json", 7, 100)


def read(message: Mapping[str, object]) -> Reading:
    return read_message(message, PLACE)


def events(message: Mapping[str, object]) -> tuple[AnyEvent, ...]:
    found = read(message)
    assert found.problems == ()
    return found.events


def order_message(**fields: object) -> dict[str, object]:
    """An ORDER_TRADE_UPDATE in one-letter keys; fields set to none are left out."""
    order = {
        "s": "BTCUSDT",
        "c": "mine",
        "S": "SELL",
        "o": "LIMIT",
        "f": "GTC",
        "q": "2",
        "p": "100",
        "ap": "99.5",
        "sp": "0",
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "i": 11,
        "l": "0.5",
        "z": "1.5",
        "L": "99.0",
        "N": "USDT",
        "n": "0.0198",
        "T": TIME,
        "t": 5,
        "m": True,
        "R": False,
        "ps": "LONG",
        "cp": False,
        "rp": "-1.25",
        "er": "0",
    } | fields
    return {
        "e": "ORDER_TRADE_UPDATE",
        "E": TIME + 5,
        "T": TIME,
        "o": {key: value for key, value in order.items() if value is not None},
    }


def update_message(reason: str, **fields: object) -> dict[str, object]:
    """An ACCOUNT_UPDATE with one balance that changed by 5 and one position."""
    data = {
        "m": reason,
        "B": [{"a": "USDT", "wb": "105", "cw": "95", "bc": "5"}],
        "P": [{"s": "BTCUSDT", "pa": "1", "ep": "100", "bep": "0", "cr": "2", "up": "3", "mt": "isolated", "iw": "10"}],
    } | fields
    return {"e": "ACCOUNT_UPDATE", "E": TIME + 5, "T": TIME, "a": data}


FILL = Fill(
    time_ms=TIME,
    source=PLACE,
    symbol="BTCUSDT",
    side="LONG",
    quantity=Decimal("-0.5"),
    price=Decimal("99.0"),
    trade_id="5",
    order_id="11",
    client_order_id="mine",
    fee=Decimal("0.0198"),
    fee_asset="USDT",
    realized=Decimal("-1.25"),
    maker=True,
)


def test_a_trade_is_a_fill() -> None:
    assert events(order_message()) == (FILL,)


def test_a_fill_without_a_printed_commission_has_no_fee() -> None:
    (fill,) = events(order_message(n=None, N=None))
    assert isinstance(fill, Fill)
    assert (fill.fee, fill.fee_asset) == (None, None)


def test_a_commission_of_zero_is_a_fee_of_zero() -> None:
    (fill,) = events(order_message(n="0"))
    assert isinstance(fill, Fill)
    assert fill.fee == 0


def test_long_names_say_the_same() -> None:
    """The shape of a real account's recording: long keys, JSON numbers (here as the decoder leaves them, text)."""
    message = {
        "eventType": "ORDER_TRADE_UPDATE",
        "eventTime": TIME + 5,
        "transactionTime": TIME,
        "order": {
            "symbol": "BTCUSDT",
            "clientOrderId": "mine",
            "orderSide": "SELL",
            "orderType": "LIMIT",
            "orderTimeInForce": "GTC",
            "originalQuantity": 2,
            "originalPrice": 100,
            "averagePrice": "99.5",
            "stopPrice": 0,
            "executionType": "TRADE",
            "orderStatus": "PARTIALLY_FILLED",
            "orderId": 11,
            "lastFilledQuantity": "0.5",
            "orderFilledAccumulatedQuantity": "1.5",
            "lastFilledPrice": 99,
            "commissionAsset": "USDT",
            "commissionAmount": "0.0198",
            "orderTradeTime": TIME,
            "tradeId": 5,
            "bidsNotional": 0,
            "asksNotional": 0,
            "isMakerTrade": True,
            "isReduceOnly": False,
            "stopPriceWorkingType": "CONTRACT_PRICE",
            "originalOrderType": "LIMIT",
            "positionSide": "LONG",
            "isCloseAll": False,
            "trailingStopActivationPrice": None,
            "trailingStopCallbackRate": None,
            "realisedProfit": "-1.25",
        },
    }
    assert events(message) == (FILL,)


def test_long_names_of_an_account_update() -> None:
    message = {
        "eventType": "ACCOUNT_UPDATE",
        "eventTime": TIME + 5,
        "transactionId": TIME,
        "updateData": {
            "updateEventType": "DEPOSIT",
            "updatedBalances": [{"asset": "USDT", "balanceChange": 5, "crossWalletBalance": 95, "walletBalance": 105}],
            "updatedPositions": [
                {
                    "symbol": "BTCUSDT",
                    "positionAmount": 1,
                    "entryPrice": 100,
                    "accumulatedRealisedPreFee": 2,
                    "unrealisedPnl": 3,
                    "marginType": "isolated",
                    "isolatedWalletAmount": 10,
                    "positionSide": "BOTH",
                }
            ],
        },
    }
    assert events(message) == events(update_message("DEPOSIT"))


@pytest.mark.parametrize(
    ("execution", "status", "reason", "expected"),
    [
        ("NEW", "NEW", "0", None),
        ("CANCELED", "CANCELED", "0", None),
        ("EXPIRED", "EXPIRED", "5", "5"),
        ("AMENDMENT", "NEW", None, None),
    ],
)
def test_other_executions_are_states_of_the_order(
    execution: str, status: str, reason: str | None, expected: str | None
) -> None:
    message = order_message(x=execution, X=status, er=reason, l="0", L="0", t=0, n=None, N=None)
    assert events(message) == (
        Order(
            time_ms=TIME,
            source=PLACE,
            symbol="BTCUSDT",
            side="LONG",
            order_id="11",
            client_order_id="mine",
            status=status,
            execution=execution,
            order_type="LIMIT",
            time_in_force="GTC",
            buy=False,
            quantity=Decimal(2),
            price=Decimal(100),
            average_price=Decimal("99.5"),
            executed=Decimal("1.5"),
            expire_reason=expected,
        ),
    )


@pytest.mark.parametrize(
    ("fields", "close"),
    [
        ({"c": "autoclose-1596107620040000020"}, "liquidation"),
        ({"c": "adl_autoclose"}, "adl"),
        ({"c": "adl_autoclose", "x": "CALCULATED"}, "adl"),
        ({"c": "settlement_autoclose-17"}, "settlement"),
        ({"o": "LIQUIDATION"}, "liquidation"),
        ({"x": "CALCULATED"}, "liquidation"),
    ],
)
def test_a_forced_close_gives_order_and_fill(fields: dict[str, object], close: str) -> None:
    order, fill = events(order_message(**fields))
    assert isinstance(order, Order)
    assert isinstance(fill, Fill)
    assert (order.close, fill.close) == (close, close)
    assert order.price == 100


def test_an_execution_without_trade_id_has_none() -> None:
    fill = events(order_message(x="CALCULATED", t=0))[1]
    assert isinstance(fill, Fill)
    assert fill.trade_id == ""


@pytest.mark.parametrize(("reason", "category"), sorted(UPDATE_REASONS.items()))
def test_each_reason_of_an_account_update(reason: str, category: str | None) -> None:
    found = read(update_message(reason))
    *before, statement = found.events
    assert statement == Statement(
        time_ms=TIME,
        source=PLACE,
        origin="update",
        about=reason,
        balances=(BalancePrint("USDT", wallet=Decimal(105), cross_wallet=Decimal(95), change=Decimal(5)),),
        positions=(
            PositionPrint(
                "BTCUSDT",
                "BOTH",
                quantity=Decimal(1),
                entry=Decimal(100),
                realized=Decimal(2),
                unrealized=Decimal(3),
                margin="isolated",
                isolated_wallet=Decimal(10),
            ),
        ),
    )
    flow = Flow(
        time_ms=TIME,
        source=PLACE,
        applied={"USDT": Decimal(5)},
        category=category or "unknown",  # type: ignore[arg-type]
        reason=reason,
        symbol="BTCUSDT",
        side="BOTH",
    )
    setting = Setting(time_ms=TIME, source=PLACE, symbol="BTCUSDT", margin="isolated")
    assert before == ([flow] if category else [setting] if reason == "MARGIN_TYPE_CHANGE" else [])


def test_an_unknown_reason_is_applied_and_reported() -> None:
    found = read(update_message("NEW_IDEA"))
    flow, _ = found.events
    assert isinstance(flow, Flow)
    assert (flow.category, flow.reason, flow.applied) == ("unknown", "NEW_IDEA", {"USDT": Decimal(5)})
    (problem,) = found.problems
    assert (problem.kind, problem.place) == ("unknown-type", "line 7")
    assert "NEW_IDEA" in problem.message


def test_a_change_that_a_trade_does_not_explain_is_noted() -> None:
    """`bc` is "balance change except PnL and commission": 0 for ORDER in all real messages seen."""
    (problem,) = read(update_message("ORDER")).problems
    assert (problem.kind, problem.message) == (
        "note",
        "ACCOUNT_UPDATE ORDER: a balance change of 5 USDT was printed, not applied",
    )
    quiet = [{"a": "USDT", "wb": "105", "cw": "95", "bc": "0"}]
    assert read(update_message("ORDER", B=quiet)).problems == ()


def test_a_flow_names_its_symbol_only_if_there_is_one() -> None:
    position = {"s": "ETHUSDT", "pa": "1", "ep": "1", "cr": "0", "up": "0", "mt": "cross", "iw": "0", "ps": "BOTH"}
    two = [position, position | {"s": "BTCUSDT"}]
    symbols = [
        event.symbol
        for message in (
            update_message("FUNDING_FEE", P=[position]),
            update_message("FUNDING_FEE", P=[]),
            update_message("FUNDING_FEE", P=two),
            update_message("FUNDING_FEE", P=two, S="BTCUSDT"),
        )
        for event in events(message)
        if isinstance(event, Flow)
    ]
    assert symbols == ["ETHUSDT", "", "", "BTCUSDT"]


def test_each_changed_balance_is_a_flow_before_the_statement() -> None:
    balances = [
        {"a": "USDT", "wb": "1", "cw": "1", "bc": "-10"},
        {"a": "BNB", "wb": "1", "cw": "1", "bc": "0"},
        {"a": "BTC", "wb": "1", "cw": "1", "bc": "0.001"},
    ]
    first, second, statement = events(update_message("AUTO_EXCHANGE", B=balances))
    assert (first.applied, second.applied) == ({"USDT": Decimal(-10)}, {"BTC": Decimal("0.001")})
    assert isinstance(statement, Statement)
    assert len(statement.balances) == 3


def test_coin_margined_messages_have_an_alias_and_a_margin_asset() -> None:
    position = {"s": "BTCUSD_PERP", "ma": "BTC", "pa": "-2", "ep": "40000", "cr": "0", "up": "0", "mt": "cross"}
    message = update_message("ORDER", B=[{"a": "BTC", "wb": "1", "cw": "1", "bc": "0"}], P=[position])
    (statement,) = events({**message, "i": "SfsR"})
    assert isinstance(statement, Statement)
    assert statement.positions[0].symbol == "BTCUSD_PERP"


def test_a_margin_call_is_a_statement() -> None:
    position = {"s": "ETHUSDT", "ps": "LONG", "pa": "1.327", "mt": "CROSSED", "iw": "0", "mp": "187.17127"}
    message = {"e": "MARGIN_CALL", "E": TIME, "cw": "3.1", "p": [position | {"up": "-1.16", "mm": "1.61"}]}
    assert events(message) == (
        Statement(
            time_ms=TIME,
            source=PLACE,
            origin="margin_call",
            balances=(BalancePrint("USDT", cross_wallet=Decimal("3.1")),),
            positions=(
                PositionPrint(
                    "ETHUSDT",
                    "LONG",
                    quantity=Decimal("1.327"),
                    unrealized=Decimal("-1.16"),
                    margin="cross",
                    isolated_wallet=Decimal(0),
                    mark=Decimal("187.17127"),
                    maintenance=Decimal("1.61"),
                ),
            ),
        ),
    )


def test_settings() -> None:
    head = {"e": "ACCOUNT_CONFIG_UPDATE", "E": TIME, "T": TIME}
    leverage = Setting(time_ms=TIME, source=PLACE, symbol="BTCUSDT", leverage=25)
    assert events({**head, "ac": {"s": "BTCUSDT", "l": 25}}) == (leverage,)
    assert events({**head, "ai": {"j": False}}) == (Setting(time_ms=TIME, source=PLACE, multi_assets=False),)
    assert "`ac` or `assetConfiguration` is missing" in read(head).problems[0].message


def test_prices() -> None:
    mark = {"e": "markPriceUpdate", "E": TIME, "s": "BTCUSDT", "p": "9.5", "i": "9", "P": "9", "r": "", "T": 0}
    assert events(mark) == (MarkPrice(time_ms=TIME, source=PLACE, symbol="BTCUSDT", price=Decimal("9.5")),)
    index = {"e": "assetIndexUpdate", "E": TIME, "s": "ADAUSD", "i": "0.27", "B": "0.25", "A": "0.30"}
    assert events(index) == (
        IndexPrice(
            time_ms=TIME, source=PLACE, asset="ADA", index=Decimal("0.27"), bid=Decimal("0.25"), ask=Decimal("0.30")
        ),
    )


def test_an_algo_order_is_an_order_of_its_own_numbering() -> None:
    order = {"caid": "a", "aid": 21, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT", "S": "SELL", "ps": "BOTH"}
    order |= {"f": "GTC", "q": "1", "X": "NEW", "ai": "", "ap": "0", "aq": "0", "act": "0", "tp": "90", "p": "0"}
    (event,) = events({"e": "ALGO_UPDATE", "T": TIME, "E": TIME, "o": order})
    assert isinstance(event, Order)
    assert (event.order_id, event.execution, event.stop_price) == ("21", "ALGO", Decimal(90))


def test_a_stop_that_did_not_protect_is_noted() -> None:
    message = {
        "e": "CONDITIONAL_ORDER_TRIGGER_REJECT",
        "E": TIME,
        "T": TIME,
        "or": {"s": "ETHUSDT", "i": 5, "r": "FOK"},
    }
    (problem,) = read(message).problems
    assert (problem.kind, problem.message) == ("note", "order 5 of ETHUSDT was triggered and rejected: FOK")


@pytest.mark.parametrize("kind", ["TRADE_LITE", "forceOrder", "depthUpdate", "kline"])
def test_messages_that_are_known_and_not_read(kind: str) -> None:
    found = read({"e": kind, "E": TIME})
    assert found.events == ()
    assert [problem.kind for problem in found.problems] == ["ignored"]


def test_an_expired_key_is_noted_and_not_shown() -> None:
    found = read_message({"e": "listenKeyExpired", "E": TIME, "listenKey": "SECRET"}, PLACE, '{"listenKey":"SECRET"}')
    (problem,) = found.problems
    assert problem.kind == "note"
    assert "SECRET" not in str(problem)


def test_secrets_are_cut_out_of_raw_text() -> None:
    raw = b'{"e":"SOMETHING","listenKey":"SECRET","apiKey": "SECRET","signature=SECRET&x=1"}'
    (problem,) = read_message({"e": "SOMETHING"}, PLACE, raw).problems
    assert "SECRET" not in str(problem)
    assert "listenKey" in problem.raw


@pytest.mark.parametrize(
    ("message", "kind", "part"),
    [
        ({"e": "SOMETHING_NEW", "E": TIME}, "unknown-event", "SOMETHING_NEW"),
        (order_message(L=None), "unreadable", "`L` or `lastFilledPrice` is missing"),
        (order_message(t=None), "unreadable", "`t` or `tradeId` is missing"),
        (order_message(s="FOO"), "unreadable", "'FOO' is no symbol"),
        (order_message(S="HOLD"), "unreadable", "'HOLD' is none of BUY, SELL"),
        (order_message(ps="UP"), "unreadable", "'UP' is none of BOTH, LONG, SHORT"),
        (order_message(N="usd t"), "unreadable", "'usd t' is no asset"),
        (order_message(l="NaN"), "unreadable", "'NaN' is not a finite decimal number"),
        (order_message(l="Infinity"), "unreadable", "'Infinity' is not a finite decimal number"),
        (order_message(n="1" * 41), "unreadable", "longer than 40 digits"),
        (order_message(l="-1"), "unreadable", "a filled quantity of -1"),
        (order_message(L="0"), "unreadable", "a price of 0"),
        (order_message(c=["x"]), "unreadable", "expected text"),
        (update_message("ORDER", B={}), "unreadable", "expected a list"),
        (update_message("ORDER", B=None, P=None), "unreadable", "`B` or `updatedBalances` is missing"),
        ({"e": "ORDER_TRADE_UPDATE", "E": TIME, "T": TIME}, "unreadable", "`o` or `order` is missing"),
        ({"e": "ORDER_TRADE_UPDATE", "E": TIME, "T": TIME, "o": 5}, "unreadable", "expected an object, found '5'"),
        ({**order_message(), "T": 1_700_000_000}, "unreadable", "1700000000 is no time in milliseconds"),
        ({"e": "markPriceUpdate", "E": TIME, "s": "BTCUSDT", "p": "-1"}, "unreadable", "a price of -1"),
        ({"e": "assetIndexUpdate", "E": TIME, "s": "ADA"}, "unreadable", "'ADA' is no index"),
    ],
)
def test_what_is_wrong_is_named(message: dict[str, object], kind: str, part: str) -> None:
    found = read(message)
    assert found.events == ()
    (problem,) = found.problems
    assert (problem.kind, problem.file, problem.place) == (kind, "stream.json", "line 7")
    assert part in problem.message
    assert problem.raw


def test_an_unknown_execution_with_a_quantity_is_still_a_fill() -> None:
    found = read(order_message(x="SWAP"))
    assert [type(event) for event in found.events] == [Fill]
    assert [problem.kind for problem in found.problems] == ["unknown-type"]


def test_a_bad_position_does_not_cost_the_others() -> None:
    good = {"s": "ETHUSDT", "pa": "1", "ep": "1", "cr": "0", "up": "0", "mt": "cross", "iw": "0", "ps": "BOTH"}
    found = read(update_message("DEPOSIT", P=[good | {"s": "?"}, good]))
    assert len(found.events) == 2
    (problem,) = found.problems
    assert problem.message.startswith("[0] ACCOUNT_UPDATE position: `s` or `symbol`")
    assert '"?"' in problem.raw


def test_an_unknown_key_is_reported_and_the_message_read() -> None:
    found = read(order_message(zz="1"))
    assert found.events == (FILL,)
    (problem,) = found.problems
    assert (problem.kind, problem.raw) == ("unknown-key", "zz: 1")
