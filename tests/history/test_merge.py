"""Several sources of one account become one history: each thing once, in one order, contradictions told."""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

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
)
from margincall.history.flows import in_step
from margincall.history.merge import Merged, merge
from margincall.history.messages import Message, Placed
from margincall.history.read import read
from margincall.wire import encode

TIME = 1_700_000_000_000
D = Decimal

FILL = Fill(
    time_ms=TIME,
    symbol="BTCUSDT",
    side="BOTH",
    quantity=D("-0.5"),
    price=D(99),
    trade_id="5",
    order_id="11",
    client_order_id="mine",
    fee=D("0.02"),
    fee_asset="USDT",
    realized=D("-1.25"),
    maker=False,
)
ROW = structs.replace(FILL, client_order_id="")
"""The same trade as `userTrades` prints it."""
ORDER = Order(
    time_ms=TIME,
    symbol="BTCUSDT",
    side="BOTH",
    order_id="11",
    client_order_id="autoclose-1",
    status="FILLED",
    execution="CALCULATED",
    order_type="LIQUIDATION",
    time_in_force="IOC",
    buy=False,
    quantity=D("0.5"),
    price=D(98),
    executed=D("0.5"),
    close="liquidation",
)
FUNDING = Flow(time_ms=TIME, applied={"USDT": D("-0.1")}, category="funding", reason="FUNDING_FEE")


def said(file: str, *messages: AnyEvent | Sequence[AnyEvent], stream: bool) -> list[Message]:
    """Messages of one file, each of one event or of several."""
    found = []
    for number, message in enumerate(messages):
        events = message if isinstance(message, Sequence) else [message]
        placed = tuple(structs.replace(event, source=Source(file, number + 1, number)) for event in events)
        found.append(Message(number, placed, stream))
    return found


def stream(*messages: AnyEvent | Sequence[AnyEvent], file: str = "stream.json") -> list[Message]:
    return said(file, *messages, stream=True)


def answer(*rows: AnyEvent, file: str = "dump.json") -> list[Message]:
    return said(file, *rows, stream=False)


def bare(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """Events without their places."""
    return [structs.replace(event, source=Source(""), seq=0) for event in events]


def kinds(merged: Merged) -> list[str]:
    return [problem.kind for problem in merged.problems]


def flow(amount: str, time_ms: int = TIME, **fields: object) -> Flow:
    return structs.replace(FUNDING, applied={"USDT": D(amount)}, time_ms=time_ms, **fields)


def income(kind: str, amount: str, trade_id: str, tran_id: str = "1") -> Flow:
    category = {"COMMISSION": "commission", "REALIZED_PNL": "realized_pnl"}[kind]
    row = flow(amount, category=category, reason=kind, symbol="BTCUSDT")
    return structs.replace(row, trade_id=trade_id, tran_id=tran_id)


# --- fills and orders -------------------------------------------------------------------------------------


def test_a_trade_of_two_sources_is_one_fill() -> None:
    merged = merge(stream(FILL) + answer(ROW))
    assert bare(merged.events) == [FILL]
    assert merged.events[0].source.file == "stream.json"
    assert [(problem.file, problem.kind) for problem in merged.problems] == [("dump.json", "note")]


def test_what_one_source_leaves_out_comes_from_the_other() -> None:
    silent = structs.replace(FILL, fee=None, fee_asset=None, realized=None, maker=None)
    assert bare(merge(stream(silent) + answer(ROW)).events) == [FILL]


def test_contradicting_sources_are_told_and_the_stream_is_believed() -> None:
    merged = merge(answer(structs.replace(ROW, fee=D("0.03"), price=D(100))) + stream(FILL))
    assert bare(merged.events) == [FILL]
    found = [problem for problem in merged.problems if problem.kind == "contradiction"]
    assert [(problem.file, problem.place, problem.message) for problem in found] == [
        ("dump.json", "line 1", "trade 5 of BTCUSDT: price is 99 in stream.json:1, but 100 here; the former is used"),
        ("dump.json", "line 1", "trade 5 of BTCUSDT: fee is 0.02 in stream.json:1, but 0.03 here; the former is used"),
    ]


def test_times_may_differ_by_a_second() -> None:
    assert kinds(merge(stream(FILL) + answer(structs.replace(ROW, time_ms=TIME + 900)))) == ["note"]
    assert "contradiction" in kinds(merge(stream(FILL) + answer(structs.replace(ROW, time_ms=TIME + 1_001))))


def test_trades_with_the_same_id_of_other_symbols_are_others() -> None:
    other = structs.replace(ROW, symbol="ETHUSDT", order_id="12")
    assert len(merge(answer(ROW, other)).events) == 2


def test_an_account_that_trades_with_itself_has_both_sides() -> None:
    other = structs.replace(ROW, quantity=D("0.5"), order_id="12", fee=D("0.01"))
    merged = merge(answer(ROW, other, file="a.json") + answer(other, ROW, file="b.json"))
    assert sorted(event.quantity for event in merged.events if isinstance(event, Fill)) == [D("-0.5"), D("0.5")]
    assert kinds(merged) == ["repeat"]
    fees = answer(income("COMMISSION", "-0.01", "5", "1"), income("COMMISSION", "-0.02", "5", "2"), file="i.json")
    assert bare(merge(answer(ROW, other) + fees).events) == bare(merge(answer(ROW, other)).events)


def test_a_file_without_orders_tells_both_sides_of_a_trade_with_oneself() -> None:
    """Direction is then part of the key, in whatever order the files tell it; a row of one file twice is a repeat."""
    sell = structs.replace(ROW, order_id="")
    buy = structs.replace(sell, quantity=D("0.5"), fee=D("0.01"))
    for more in ([], answer(buy, file="c.json"), answer(buy, sell, file="c.json"), answer(sell, sell, file="c.json")):
        for rows in ([sell, buy], [buy, sell]):
            merged = merge(answer(*rows, file="b.json") + more)
            fills = [event for event in merged.events if isinstance(event, Fill)]
            assert sorted((fill.quantity, fill.fee) for fill in fills) == [
                (D("-0.5"), D("0.02")),
                (D("0.5"), D("0.01")),
            ]
            assert "contradiction" not in kinds(merged)
    ordered = answer(ROW, structs.replace(buy, order_id="12"), file="a.json")
    assert len(merge(ordered + answer(buy, sell, file="b.json")).events) == 2
    merged = merge(answer(ROW, file="a.json") + answer(buy, sell, file="b.json"))
    assert (len(merged.events), "contradiction" in kinds(merged)) == (2, False)


def test_two_files_that_tell_opposite_directions_of_one_trade_contradict_each_other() -> None:
    sell = structs.replace(ROW, order_id="")
    merged = merge(answer(sell, file="a.json") + answer(structs.replace(sell, quantity=D("0.5")), file="b.json"))
    assert len(merged.events) == 1
    assert "contradiction" in kinds(merged)


def test_one_order_cannot_buy_and_sell() -> None:
    merged = merge(stream(FILL) + answer(structs.replace(ROW, quantity=D("0.5"))))
    assert bare(merged.events) == [FILL]
    assert "contradiction" in kinds(merged)


def test_a_fill_without_trade_id_is_known_by_its_order() -> None:
    nameless = structs.replace(FILL, trade_id="", fee=None)
    assert bare(merge(stream(nameless) + answer(ROW)).events) == [FILL]
    two = stream((ORDER, nameless), (structs.replace(ORDER, executed=D(1)), nameless))
    fills = [event for event in merge(two + answer(ROW)).events if isinstance(event, Fill)]
    assert sorted(fill.trade_id for fill in fills) == ["", "5"]


def test_forced_orders_tell_that_fills_were_forced() -> None:
    forced = structs.replace(ORDER, execution="", order_type="LIMIT", average_price=D(99), time_ms=TIME + 40)
    fill, order = merge(answer(ROW, file="trades.json") + answer(forced, file="forced.json")).events
    assert bare([fill]) == [structs.replace(ROW, close="liquidation", client_order_id="autoclose-1")]
    assert bare([order]) == [forced]


def test_a_state_of_an_order_is_told_once() -> None:
    row = structs.replace(ORDER, execution="", order_type="LIMIT", average_price=D(99), time_ms=TIME + 40)
    (order,) = merge(stream(ORDER) + answer(row, file="all.json") + answer(row, file="forced.json")).events
    assert bare([order]) == [structs.replace(ORDER, average_price=D(99))]
    assert len(merge(stream(ORDER) + answer(structs.replace(row, status="NEW"))).events) == 2
    assert "contradiction" in kinds(merge(stream(ORDER) + answer(structs.replace(row, price=D(97)))))


# --- income -----------------------------------------------------------------------------------------------


def test_income_of_a_known_fill_is_not_counted_again() -> None:
    rows = answer(income("COMMISSION", "-0.02", "5"), income("REALIZED_PNL", "-1.25", "5"))
    merged = merge(stream(FILL) + rows)
    assert bare(merged.events) == [FILL]
    assert kinds(merged) == ["note"]
    assert merged.problems[0].message.startswith("2 of its events")


def test_income_completes_a_fill() -> None:
    silent = structs.replace(FILL, fee=None, fee_asset=None, realized=None)
    rows = answer(income("COMMISSION", "-0.02", "5"), income("REALIZED_PNL", "-1.25", "5"))
    assert bare(merge(stream(silent) + rows).events) == [FILL]


def test_income_that_contradicts_a_fill_is_told_and_not_applied() -> None:
    rows = answer(income("COMMISSION", "-0.03", "5"), income("REALIZED_PNL", "-1.24999999", "5"))
    merged = merge(stream(FILL) + rows)
    assert bare(merged.events) == [FILL]
    assert [problem.message for problem in merged.problems if problem.kind == "contradiction"] == [
        "trade 5 of BTCUSDT: fee is 0.02 in stream.json:1, but 0.03 here; the former is used",
        "trade 5 of BTCUSDT: realized profit is -1.25 in stream.json:1, but -1.24999999 here; the former is used",
    ]


def test_a_fee_in_another_asset_is_a_contradiction() -> None:
    row = structs.replace(income("COMMISSION", "-0.02", "5"), applied={"BNB": D("-0.02")})
    assert "contradiction" in kinds(merge(stream(FILL) + answer(row)))


def test_income_of_an_unknown_fill_is_applied() -> None:
    row = income("COMMISSION", "-0.02", "6")
    assert bare(merge(stream(FILL) + answer(row)).events) == [row, FILL]


def test_a_transaction_with_two_amounts_is_a_contradiction() -> None:
    merged = merge(answer(flow("-0.1", tran_id="9")) + answer(flow("-0.2", tran_id="9"), file="later.json"))
    assert [event.applied for event in merged.events] == [{"USDT": D("-0.1")}]
    assert kinds(merged) == ["contradiction", "note"]


@pytest.mark.parametrize(
    ("category", "reason", "kind", "window_ms"),
    [("funding", "FUNDING_FEE", "FUNDING_FEE", 60_000), ("transfer", "DEPOSIT", "TRANSFER", 10_000)],
)
def test_a_flow_of_stream_and_income_is_one(category: str, reason: str, kind: str, window_ms: int) -> None:
    ours = flow("-0.1", category=category, reason=reason)
    theirs = flow("-0.1", TIME + window_ms, category=category, reason=kind, symbol="BTCUSDT", tran_id="7")
    merged = merge(stream(ours) + answer(theirs))
    assert bare(merged.events) == [structs.replace(ours, symbol="BTCUSDT", tran_id="7")]
    late = structs.replace(theirs, time_ms=TIME + window_ms + 1)
    assert len(merge(stream(ours) + answer(late)).events) == 2


@pytest.mark.parametrize(
    "change", [{"category": "transfer"}, {"applied": {"BNB": D("-0.1")}}, {"applied": {"USDT": D(1)}}]
)
def test_flows_that_differ_are_two(change: dict[str, object]) -> None:
    assert len(merge(stream(FUNDING) + answer(structs.replace(FUNDING, **change))).events) == 2


def test_equal_flows_are_matched_one_to_one() -> None:
    ours = stream(flow("1", TIME), flow("1", TIME + 5_000))
    theirs = answer(*(flow("1", TIME + at, tran_id=str(at)) for at in (100, 5_100, 9_000)))
    merged = merge(ours + theirs)
    assert [(event.time_ms - TIME, event.tran_id) for event in merged.events if isinstance(event, Flow)] == [
        (0, "100"),
        (5_000, "5100"),
        (9_000, "9000"),
    ]


def test_the_nearest_flow_is_taken_first() -> None:
    merged = merge(stream(flow("1", TIME + 50_000)) + answer(flow("1", TIME), flow("1", TIME + 50_000, tran_id="2")))
    assert [(event.time_ms - TIME, event.tran_id) for event in merged.events if isinstance(event, Flow)] == [
        (0, ""),
        (50_000, "2"),
    ]


def test_as_many_pairs_as_there_can_be() -> None:
    def placed(*times: int) -> list[Placed]:
        return [Placed(flow("1", at), True, (0, at, 0)) for at in times]

    pairs = in_step(placed(0, 50), placed(45, 95), 60)
    assert [(one.event.time_ms, other.event.time_ms) for one, other in pairs] == [(0, 45), (50, 95)]


TRANSFER = structs.replace(FUNDING, category="transfer", reason="TRANSFER")


@pytest.mark.parametrize("of_stream", [True, False])
def test_equal_transfers_of_files_that_do_not_overlap_are_two(of_stream: bool) -> None:
    """One file ends with the first, the other begins with the second, five seconds later."""
    bnb = {"BNB": D(1)}
    early, late = TRANSFER, structs.replace(TRANSFER, time_ms=TIME + 5_000)
    before = structs.replace(TRANSFER, time_ms=TIME - 90_000, applied=bnb)
    after = structs.replace(TRANSFER, time_ms=TIME + 90_000, applied=bnb, tran_id="8")
    over = structs.replace(before, time_ms=TIME + 1_000)
    for first, second, count in (
        ([before, early], [late, after], 4),
        ([before, early], [late], 2),
        ([early], [late, after], 2),
        ([before, early, structs.replace(before, time_ms=TIME + 4_000)], [late, after], 4),
        ([before, early], [over, late, after], 4),
        ([before, early], [structs.replace(early, time_ms=TIME + 1_000), after], 3),
    ):
        named = [structs.replace(event, tran_id=f"{n}") for n, event in enumerate(second, 1)]
        rows = tuple(event for message in answer(*first, file="a.csv") for event in message.events)
        known = stream(*first) if of_stream else [Message(0, rows, False, rows=True)]
        assert len(merge(known + answer(*named)).events) == count


def test_funding_of_one_kind_is_one_whatever_its_files_span() -> None:
    early, late = flow("-0.1"), flow("-0.1", TIME + 5_000, tran_id="7")
    before, after = flow("-2", TIME - 3_600_000), flow("-3", TIME + 3_600_000, tran_id="8")
    assert len(merge(stream(before, early) + answer(late, after)).events) == 3


def test_a_transfer_passes_over_one_of_a_file_that_lies_apart() -> None:
    """The pair that cannot be does not stand in the way of the one that can."""
    ours = stream(structs.replace(TRANSFER, time_ms=TIME - 90_000, applied={"BNB": D(1)}), TRANSFER)
    apart = [structs.replace(TRANSFER, time_ms=TIME + at, tran_id=str(at)) for at in (3_000, 50_000)]
    same = structs.replace(TRANSFER, time_ms=TIME + 4_000, tran_id="1")
    merged = merge(ours + answer(*apart, file="b.json") + answer(same, file="c.json"))
    assert [event.tran_id for event in merged.events if isinstance(event, Flow)] == ["", "1", "3000", "50000"]


def test_funding_of_several_symbols_may_come_as_one_sum() -> None:
    rows = answer(flow("-0.3", symbol="BTCUSDT", tran_id="1"), flow("0.2", symbol="ETHUSDT", tran_id="2"))
    assert bare(merge(stream(flow("-0.1")) + rows).events) == [flow("-0.1")]
    assert len(merge(stream(flow("-0.2")) + rows).events) == 3


def test_rows_of_the_income_history_alone_are_applied() -> None:
    rows = [flow("-0.3", symbol="BTCUSDT", tran_id="1"), flow("0.2", symbol="ETHUSDT", tran_id="2")]
    assert bare(merge(answer(*rows)).events) == rows


# --- repeats, prices, margin moves, order -----------------------------------------------------------------

PRINT = Statement(time_ms=TIME, origin="update", about="ORDER", balances=(BalancePrint("USDT", D("105.0")),))


def test_a_message_is_read_once() -> None:
    """Numbers count, not digits; a flow goes with the message that told it."""
    again = structs.replace(PRINT, balances=(BalancePrint("USDT", D(105)),))
    first = stream((FUNDING, PRINT), FILL, file="a.json")
    merged = merge(first + stream((FUNDING, again), file="b.json"))
    assert bare(merged.events) == [FUNDING, PRINT, FILL]
    assert [(each.file, each.kind, each.message) for each in merged.problems] == [
        ("b.json", "repeat", "one message repeats one of a.json: counted once")
    ]


def test_equal_flows_of_different_messages_are_two() -> None:
    later = structs.replace(PRINT, balances=(BalancePrint("USDT", D(110)),))
    merged = merge(stream((FUNDING, PRINT), (FUNDING, later)))
    assert bare(merged.events) == [FUNDING, PRINT, FUNDING, later]


def test_repeats_inside_a_file_are_told() -> None:
    (problem,) = merge(stream(PRINT, FILL, PRINT, PRINT)).problems
    assert (problem.place, problem.message) == (
        "line 3",
        "2 messages repeat messages earlier in this file: counted once",
    )


def test_contradicting_prices_are_told() -> None:
    mark = MarkPrice(time_ms=TIME, symbol="BTCUSDT", price=D(99))
    index = IndexPrice(time_ms=TIME, asset="ADA", index=D(1), bid=D(1), ask=D(1))
    other = [structs.replace(mark, price=D(98)), structs.replace(index, bid=D("0.9"))]
    merged = merge(stream(mark, index) + answer(*other, structs.replace(mark, symbol="ETHUSDT")))
    assert kinds(merged) == ["contradiction", "contradiction"]
    assert len(merged.events) == 3


def test_a_margin_move_stands_before_the_statement_that_shows_it() -> None:
    shown = PositionPrint("BTCUSDT", "BOTH", isolated_wallet=D(10))
    statement = Statement(time_ms=TIME, origin="update", about="MARGIN_TRANSFER", positions=(shown,))
    move = MarginMove(time_ms=TIME + 300, symbol="BTCUSDT", side="BOTH", asset="USDT", amount=D(5))
    assert bare(merge(stream(statement) + answer(move)).events) == [structs.replace(move, time_ms=TIME), statement]
    far = structs.replace(move, time_ms=TIME + 10_001)
    assert bare(merge(stream(statement) + answer(far)).events) == [statement, far]


def test_the_order_of_equal_times() -> None:
    """Prices, settings, flows, the stream in its own order, orders, fills by trade id, statements of answers."""
    mark = MarkPrice(time_ms=TIME, symbol="BTCUSDT", price=D(99))
    setting = Setting(time_ms=TIME, symbol="BTCUSDT", leverage=5)
    row = structs.replace(ORDER, order_id="99", execution="", close="", client_order_id="x")
    ninth, tenth = (structs.replace(ROW, trade_id=number, order_id="") for number in ("9", "10"))
    snapshot = Statement(time_ms=TIME, origin="account", balances=(BalancePrint("USDT", D(1)),))
    rows = answer(snapshot, tenth, ninth, row, structs.replace(FUNDING, tran_id="1"), setting)
    told = stream(PRINT, FILL, structs.replace(PRINT, about="DEPOSIT"), mark)
    merged = merge(rows + told)
    assert bare(merged.events) == [
        mark,
        setting,
        structs.replace(FUNDING, tran_id="1"),
        PRINT,
        FILL,
        structs.replace(PRINT, about="DEPOSIT"),
        row,
        ninth,
        tenth,
        snapshot,
    ]
    assert [event.seq for event in merged.events] == list(range(10))


def test_a_later_recording_goes_on_where_the_earlier_ends() -> None:
    """Whatever the files are called: both hold messages of one millisecond."""
    early = structs.replace(FILL, time_ms=TIME - 1, trade_id="4")
    first = stream(early, PRINT, FILL, file="session-9.json")
    then = structs.replace(PRINT, balances=())
    second = stream(then, structs.replace(FILL, trade_id="6"), file="session-10.json")
    assert bare(merge(second + first).events) == [early, PRINT, FILL, then, structs.replace(FILL, trade_id="6")]


def test_nothing() -> None:
    assert merge([]) == Merged((), ())


# --- properties -------------------------------------------------------------------------------------------

amounts = st.integers(-500, 500).filter(bool).map(lambda units: D(units).scaleb(-2))


@st.composite
def truths(draw: st.DrawFn) -> list[Fill | Flow]:
    """What really happened: trades with their ids, and funding, of which no two sums are equal (equal ones near in time
    cannot be told apart)."""
    events: list[Fill | Flow] = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        time_ms = TIME + number * draw(st.sampled_from([0, 1, 40_000]))
        if draw(st.booleans()):
            fee, realized = draw(amounts), draw(amounts)
            fill = structs.replace(FILL, time_ms=time_ms, quantity=draw(amounts), fee=fee, realized=realized)
            events.append(structs.replace(fill, trade_id=str(number), order_id=str(100 + number)))
        else:
            amount = draw(amounts) + D(2**number).scaleb(-8)
            events.append(structs.replace(FUNDING, time_ms=time_ms, applied={"USDT": amount}))
    return events


def as_rows(event: Fill | Flow, number: int) -> list[AnyEvent]:
    """The rows of the income history that tell an event."""
    if isinstance(event, Flow):
        return [structs.replace(event, tran_id=f"f{number}", symbol="BTCUSDT")]
    assert event.fee is not None
    assert event.realized is not None
    rows = [
        income("COMMISSION", str(-event.fee), event.trade_id, f"c{number}"),
        income("REALIZED_PNL", str(event.realized), event.trade_id, f"r{number}"),
    ]
    return [structs.replace(row, time_ms=event.time_ms) for row in rows]


def booked(events: Iterable[AnyEvent]) -> Decimal:
    """What all events together do to the wallet."""
    total = D(0)
    for event in events:
        if isinstance(event, Flow):
            total += sum(event.applied.values(), D(0))
        elif isinstance(event, Fill):
            total += (event.realized or D(0)) - (event.fee or D(0))
    return total


@given(truths(), st.data())
def test_any_overlap_of_sources_books_the_truth(truth: list[Fill | Flow], data: st.DataObject) -> None:
    """Each event in the stream, in the list of trades, or in both, and anything in the income history too."""
    told: list[AnyEvent] = []
    trades: list[AnyEvent] = []
    rows: list[AnyEvent] = []
    for number, event in enumerate(truth):
        where = data.draw(st.sampled_from(["stream", "answers", "both"]))
        if where != "answers":
            told.append(event)
        if where != "stream":
            if isinstance(event, Fill):
                trades.append(structs.replace(event, client_order_id=""))
                rows += data.draw(st.sampled_from([[], as_rows(event, number)]))
            else:
                rows += as_rows(event, number)
    messages = [(event, structs.replace(PRINT, time_ms=event.time_ms, about=str(n))) for n, event in enumerate(told)]
    merged = merge(stream(*messages) + answer(*trades, file="trades.json") + answer(*rows, file="income.json"))
    assert booked(merged.events) == booked(truth)
    fills = [event.trade_id for event in merged.events if isinstance(event, Fill)]
    assert sorted(fills) == sorted(event.trade_id for event in truth if isinstance(event, Fill))
    assert not [problem for problem in merged.problems if problem.kind == "contradiction"]


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two recordings that share some hours, the trades and the income history of the account."""
    folder = tmp_path_factory.mktemp("account")
    events: list[AnyEvent] = []
    for number in range(1, 13):
        at = TIME + 1_000 * (number // 2)
        fill = structs.replace(FILL, time_ms=at, trade_id=str(number), order_id=str(number), quantity=D(number + 1))
        print_ = structs.replace(PRINT, time_ms=at, balances=(BalancePrint("USDT", D(100 - number), D(1), D(0)),))
        events += [print_, structs.replace(fill, fee=None, fee_asset=None) if number == 5 else fill]
    paid = structs.replace(FUNDING, time_ms=TIME + 4_500)
    events += [paid, structs.replace(PRINT, time_ms=paid.time_ms, about="FUNDING_FEE")]
    events += [MarkPrice(time_ms=TIME + 2_000, symbol="BTCUSDT", price=D(98))]
    events.sort(key=lambda event: event.time_ms)
    fills = [structs.replace(event, fee=D("0.02"), fee_asset="USDT") for event in events if isinstance(event, Fill)]

    def write(name: str, values: Iterable[object]) -> Path:
        path = folder / name
        path.write_text(json.dumps(list(values)))
        return path

    told = list(encode.stream(structs.replace(event, source=Source("")) for event in events))
    return [
        write("one.json", told[:18]),
        write("two.json", told[10:]),
        write("trades.json", map(encode.user_trade_row, fills)),
        write("income.json", (row for event in [*fills, paid] for row in encode.income_rows(event))),
    ]


@given(st.data())
def test_neither_order_nor_number_of_files_matters(overlapping: list[Path], data: st.DataObject) -> None:
    once = read(overlapping)
    twice = data.draw(st.lists(st.sampled_from(overlapping), max_size=3))
    again = read(data.draw(st.permutations([*overlapping, *twice])))
    assert again.events == once.events
    assert again.sources == once.sources


def test_each_thing_once(overlapping: list[Path]) -> None:
    history = read(overlapping)
    fills = [event for event in history.events if isinstance(event, Fill)]
    assert [fill.trade_id for fill in fills] == [str(number) for number in range(1, 13)]
    assert {fill.fee for fill in fills} == {D("0.02")}
    assert sum(isinstance(event, Flow) for event in history.events) == 1
    assert {problem.kind for problem in history.problems} == {"repeat", "note"}


def test_a_copy_of_a_file_changes_nothing(overlapping: list[Path], tmp_path: Path) -> None:
    copies = [tmp_path / f"copy of {path.name}" for path in overlapping]
    for path, copy in zip(overlapping, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    assert bare(read([*overlapping, *copies]).events) == bare(read(overlapping).events)
    assert bare(read(copies).events) == bare(read(overlapping).events)
