"""Exports beside the other sources of one account: each thing once, contradictions told with both texts."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json, structs

from margincall.core.events import AnyEvent, Fill, Flow, Order
from margincall.history.read import History, read
from margincall.venues.registry import contract_of
from margincall.wire import encode, encode_orders
from margincall.wire.encode_csv import LAYOUTS, encoded
from tests.cases.text import cases
from tests.cases.venue import rendered
from tests.exports import FILL, FUNDING, HEADERS, ORDER, TIME, bare, kinds, saved, text, troubles

D = Decimal
TRADES = ("trade history/web", "trade history/without uid", "trade history/older", "trade history/asyn")
BOOKS = ("transaction history/web", "transaction history/legacy", "statement/older", "statement/newer")
CLOSING = structs.replace(FILL, quantity=D("-0.01"), realized=D("-1.5"))
"""A fill with a profit and a fee."""


def files(folder: Path, events: Sequence[AnyEvent], layouts: Iterable[str], user: str = "") -> list[Path]:
    """The events written to an export of each layout."""
    return [
        saved(folder, encoded(layout, events, user=user), f"{number}(UTC+0).csv")
        for number, layout in enumerate(layouts)
    ]


def dump(folder: Path, rows: Sequence[encode.Json], name: str = "dump.json") -> Path:
    return saved(folder, json.encode(rows), name)


def booked(events: Iterable[AnyEvent]) -> Decimal:
    """What all events together do to the wallet."""
    total = D(0)
    for event in events:
        total += sum(event.applied.values(), D(0))
        if isinstance(event, Fill):
            total += (event.realized or D(0)) - (event.fee or D(0))
    return total


def only(history: History, kind: type[AnyEvent]) -> list[AnyEvent]:
    return [event for event in bare(history.events) if isinstance(event, kind)]


# --- fills ------------------------------------------------------------------------------------------------


def test_a_fill_of_three_files_counts_once(tmp_path: Path) -> None:
    """From both web exports, the download, the API and the stream; the finest stamp is kept."""
    fine = structs.replace(CLOSING, time_ms=TIME + 345)
    paths = files(tmp_path, [CLOSING], ("trade history/web", "trade history/without uid", "trade history/asyn"))
    assert bare(read(paths).events) == [CLOSING]
    paths.append(dump(tmp_path, [encode.user_trade_row(fine)]))
    history = read(paths)
    assert bare(history.events) == [fine]
    assert kinds(history) == []


@pytest.mark.parametrize("change", [{"price": D(100)}, {"quantity": D("-0.02")}, {"fee": D(1)}, {"realized": D(7)}])
def test_exports_that_disagree_are_told_with_both_texts_and_places(tmp_path: Path, change: dict[str, Decimal]) -> None:
    one, other = files(tmp_path, [CLOSING], ["trade history/web"]), tmp_path / "x"
    two = files(other, [structs.replace(CLOSING, **change)], ["trade history/asyn"])
    history = read([*one, *two])
    assert len(history.events) == 1
    (problem,) = (problem for problem in history.problems if problem.kind == "contradiction")
    ((name, value),) = change.items()
    said = {str(value), str(getattr(CLOSING, name))}
    assert all(text in problem.message for text in said)
    assert {problem.file, *(str(path) for path in (*one, *two) if str(path) in problem.message)} == {
        str(one[0]),
        str(two[0]),
    }
    assert problem.place == "line 2"


def test_an_older_export_without_ids_is_known_by_its_second(tmp_path: Path) -> None:
    """One to one: two equal rows are two of three equal fills of another file, the third is its own."""
    three = [structs.replace(FILL, trade_id=str(number), order_id="7") for number in (1, 2, 3)]
    paths = files(tmp_path, three, ["trade history/web"]) + files(tmp_path / "x", three[:2], ["trade history/older"])
    assert [event.trade_id for event in only(read(paths), Fill) if isinstance(event, Fill)] == ["1", "2", "3"]
    paths = files(tmp_path, three[:2], ["trade history/web"]) + files(tmp_path / "x", three, ["trade history/older"])
    found = only(read(paths), Fill)
    assert sorted(event.trade_id for event in found if isinstance(event, Fill)) == ["", "1", "2"]
    later = structs.replace(FILL, time_ms=TIME + 2000)
    paths = files(tmp_path, [FILL], ["trade history/web"]) + files(tmp_path / "x", [later], ["trade history/older"])
    assert len(read(paths).events) == 2


@pytest.mark.parametrize(("at", "count"), [(-1001, 2), (-1000, 1), (-1, 1), (999, 1), (1000, 1), (1001, 2)])
def test_a_fill_without_ids_may_be_stamped_with_the_neighbouring_second(tmp_path: Path, at: int, count: int) -> None:
    """The API prints milliseconds, the export seconds, cut or rounded."""
    fine = structs.replace(FILL, time_ms=TIME + at)
    paths = [dump(tmp_path, [encode.user_trade_row(fine)]), *files(tmp_path, [FILL], ["trade history/older"])]
    assert len(read(paths).events) == count


def test_the_same_second_goes_before_the_neighbouring_one(tmp_path: Path) -> None:
    """Equal fills of following seconds: one export lists the later one alone, which is the API's later one."""
    fine = [structs.replace(FILL, time_ms=TIME + 1000 * n + 300, trade_id=f"{n}", fee=D(n)) for n in (1, 2, 3)]
    seconds = [structs.replace(fill, time_ms=fill.time_ms // 1000 * 1000) for fill in fine]
    for some in (seconds[1:2], seconds[1:], seconds):
        paths = [dump(tmp_path, [encode.user_trade_row(fill) for fill in fine])]
        history = read([*paths, *files(tmp_path, some, ["trade history/older"])])
        assert only(history, Fill) == fine
        assert kinds(history) == []


def test_two_older_exports_of_the_same_rows(tmp_path: Path) -> None:
    equal = [FILL, FILL, structs.replace(FILL, price=D(5))]
    paths = files(tmp_path, equal, ["trade history/older", "trade history/older"])
    assert len(read(paths).events) == 3


def test_a_side_comes_from_whoever_prints_it(tmp_path: Path) -> None:
    long = structs.replace(CLOSING, side="LONG")
    web = files(tmp_path, [long], ["trade history/web"])
    assert bare(read(web).events) == [CLOSING]
    asyn = files(tmp_path / "x", [long], ["trade history/asyn"])
    assert bare(read([*web, *asyn]).events) == [long]
    order = structs.replace(ORDER, side="LONG", client_order_id="mine", close="", buy=False)
    orders = files(tmp_path / "y", [order], ["order history/web"])
    found = read([*web, *orders])
    assert only(found, Fill) == [structs.replace(long, client_order_id="mine")]
    assert kinds(found) == []


def test_sides_that_are_printed_and_differ_are_a_contradiction(tmp_path: Path) -> None:
    one = files(tmp_path, [structs.replace(CLOSING, side="LONG")], ["trade history/asyn"])
    two = dump(tmp_path, [encode.user_trade_row(structs.replace(CLOSING, side="SHORT"))])
    assert kinds(read([*one, two])) == ["contradiction"]


def test_the_order_history_proves_a_forced_close(tmp_path: Path) -> None:
    paths = files(tmp_path, [CLOSING], ["trade history/web"]) + files(
        tmp_path / "x", [structs.replace(ORDER, buy=False)], ["order history/web"]
    )
    (fill,) = only(read(paths), Fill)
    assert isinstance(fill, Fill)
    assert (fill.close, fill.client_order_id) == ("liquidation", ORDER.client_order_id)


def test_an_order_of_exports_and_answers_counts_once(tmp_path: Path) -> None:
    fine = structs.replace(ORDER, time_ms=TIME + 87)
    paths = [
        *files(tmp_path, [ORDER], ["order history/web", "order history/asyn"]),
        dump(tmp_path, [encode_orders.order_row(fine)]),
    ]
    history = read(paths)
    assert only(history, Order) == [fine]
    assert kinds(history) == []


def test_an_order_whose_id_is_damaged_is_known_by_its_client_id(tmp_path: Path) -> None:
    whole = encoded("order history/web", [ORDER])
    paths = [saved(tmp_path, whole), saved(tmp_path, whole.replace(b"49172439177", b"4.91724E+10"), "x(UTC+0).csv")]
    history = read(paths)
    assert only(history, Order) == [ORDER]
    assert kinds(history) == ["damaged-id"]


# --- profit and fee rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("book", BOOKS)
@pytest.mark.parametrize("trades", TRADES)
def test_bookings_of_known_fills_are_not_counted_again(tmp_path: Path, trades: str, book: str) -> None:
    history = read(files(tmp_path, [CLOSING], [trades, book]))
    assert len(history.events) == 1
    assert booked(history.events) == booked([CLOSING])
    assert kinds(history) == []
    assert any("2 of its events are told by another source" in problem.message for problem in history.problems)


@pytest.mark.parametrize("book", BOOKS)
def test_bookings_alone_stay_flows(tmp_path: Path, book: str) -> None:
    history = read(files(tmp_path, [CLOSING, FUNDING], [book]))
    assert sorted(event.category for event in history.events if isinstance(event, Flow)) == [
        "commission",
        "funding",
        "realized_pnl",
    ]
    assert booked(history.events) == booked([CLOSING, FUNDING])
    assert kinds(history) == []


def test_every_export_of_everything_together(tmp_path: Path) -> None:
    """All layouts, the API's trades and income, and a transfer that only the ledgers tell."""
    transfer = structs.replace(
        FUNDING, applied={"USDT": D(100)}, category="transfer", reason="TRANSFER", symbol="", tran_id="4"
    )
    truth = [FUNDING, transfer, FILL, structs.replace(CLOSING, trade_id="2", time_ms=TIME + 1000)]
    paths = files(tmp_path, truth, LAYOUTS, user="1")
    history = read(paths)
    assert booked(history.events) == booked(truth)
    assert [type(event).__name__ for event in history.events if not isinstance(event, Order)] == [
        "Flow",
        "Flow",
        "Fill",
        "Fill",
    ]
    assert kinds(history) == []
    rows = [row for event in truth for row in encode.income_rows(event)]
    paths.append(dump(tmp_path, rows, "income.json"))
    history = read(paths)
    assert booked(history.events) == booked(truth)
    assert kinds(history) == []


@pytest.mark.parametrize("book", BOOKS)
def test_equal_bookings_are_matched_one_to_one(tmp_path: Path, book: str) -> None:
    twins = [structs.replace(CLOSING, trade_id=str(number)) for number in (1, 2)]
    paths = files(tmp_path, twins, ["trade history/web"])
    for number in (1, 2):
        more = files(tmp_path / str(number), twins[:number], [book])
        history = read([*paths, *more])
        assert len(history.events) == 2
        assert kinds(history) == []


@pytest.mark.parametrize("book", BOOKS)
def test_a_booking_that_differs_from_the_fill_of_its_second_is_a_contradiction(tmp_path: Path, book: str) -> None:
    other = structs.replace(CLOSING, fee=D("0.3"))
    history = read(files(tmp_path, [CLOSING], ["trade history/web"]) + files(tmp_path / "x", [other], [book]))
    assert booked(history.events) == booked([CLOSING])
    (message,) = troubles(history)
    assert message.startswith("commission of trade 419925075 of BTCUSDT is -0.29528919 in ")
    assert "0.3" in message


def test_a_booking_too_many_is_told_and_applied(tmp_path: Path) -> None:
    """The fill of the second has its own: something that no file tells has booked the other."""
    extra = structs.replace(CLOSING, trade_id="9", fee=D("0.3"), realized=D(0))
    history = read(
        files(tmp_path, [CLOSING], ["trade history/web"]) + files(tmp_path / "x", [CLOSING, extra], ["statement/newer"])
    )
    assert booked(history.events) == booked([CLOSING]) - D("0.3")
    (message,) = troubles(history)
    assert "no known fill of this second booked it" in message


def test_many_bookings_of_one_second_that_differ_take_no_longer_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fill of the second is looked at once, not once for each row, and held against a row of its own."""
    count = 600
    looked: list[object] = []

    def watched(each: tuple[int, Decimal | None]) -> bool:
        looked.append(each)
        return each[1] is not None

    monkeypatch.setattr("margincall.history.bookings._is_printed", watched)
    fills = [structs.replace(FILL, trade_id=str(n), fee=D(n)) for n in range(1, count + 1)]
    rows = [structs.replace(fill, fee=fill.fee + D("0.5")) for fill in fills if fill.fee]
    history = read(files(tmp_path, fills, ["trade history/web"]) + files(tmp_path / "x", rows, ["statement/newer"]))
    messages = troubles(history)
    assert len(history.events) == count
    assert len({message.partition(" of BTCUSDT")[0] for message in messages}) == count
    assert len(looked) == count


def test_a_booking_of_another_second_is_a_flow(tmp_path: Path) -> None:
    late = structs.replace(CLOSING, time_ms=TIME + 60_000)
    history = read(
        files(tmp_path, [CLOSING], ["trade history/web"]) + files(tmp_path / "x", [late], ["statement/newer"])
    )
    assert len(only(history, Flow)) == 2
    assert kinds(history) == []


def test_a_booking_may_be_stamped_a_second_off(tmp_path: Path) -> None:
    late = structs.replace(CLOSING, time_ms=TIME + 1000)
    history = read(
        files(tmp_path, [CLOSING], ["trade history/web"]) + files(tmp_path / "x", [late], ["statement/newer"])
    )
    assert bare(history.events) == [CLOSING]


def test_a_fill_without_a_printed_fee_takes_it_from_the_ledger(tmp_path: Path) -> None:
    silent = structs.replace(CLOSING, fee=None, fee_asset=None, realized=None)
    paths = [dump(tmp_path, [encode.user_trade_row(silent)]), *files(tmp_path / "x", [CLOSING], ["statement/newer"])]
    (fill,) = only(read(paths), Fill)
    assert isinstance(fill, Fill)
    assert (fill.fee, fill.fee_asset, fill.realized) == (CLOSING.fee, "USDT", CLOSING.realized)


def test_a_wrong_zone_is_suspected(tmp_path: Path) -> None:
    """A statement read five hours off: none of its many rows has a fill, though fills of that time are known."""
    many = [structs.replace(CLOSING, trade_id=str(n), time_ms=TIME + 3_617_000 * n, fee=D(n + 1)) for n in range(24)]
    trades = files(tmp_path, many, ["trade history/web"])
    book = saved(tmp_path, encoded("statement/newer", many), "statement(UTC+5).csv")
    messages = troubles(read([*trades, book]))
    assert any("is the time zone right?" in message for message in messages)


# --- flows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["stream", "income", "transaction history/web", "statement/older"])
@pytest.mark.parametrize("layout", ["statement/newer", "transaction history/legacy"])
def test_a_flow_of_two_sources_is_one(tmp_path: Path, layout: str, other: str) -> None:
    fine = structs.replace(FUNDING, time_ms=TIME + 345)
    if other == "income":
        path = dump(tmp_path, encode.income_rows(fine))
    elif other == "stream":
        position = {"s": "BTCUSDT", "pa": "1", "ep": "5", "cr": "0", "up": "0", "mt": "cross", "iw": "0", "ps": "BOTH"}
        balance = {"a": "USDT", "wb": "5", "cw": "5", "bc": "-0.07779065"}
        update = {"m": "FUNDING_FEE", "B": [balance], "P": [position]}
        path = dump(tmp_path, [{"e": "ACCOUNT_UPDATE", "E": TIME + 345, "T": TIME + 345, "a": update}])
    else:
        (path,) = files(tmp_path / "x", [fine], [other])
    history = read([path, *files(tmp_path, [FUNDING], [layout])])
    assert len(only(history, Flow)) == 1
    assert kinds(history) == []


def test_the_transaction_id_is_the_incomes(tmp_path: Path) -> None:
    """Also where the amounts differ: then it is a contradiction."""
    income = dump(tmp_path, encode.income_rows(FUNDING))
    wrong = structs.replace(FUNDING, applied={"USDT": D("-0.5")})
    history = read([income, *files(tmp_path, [wrong], ["transaction history/web"])])
    assert booked(history.events) == booked([FUNDING])
    assert kinds(history) == ["contradiction"]


def test_a_statement_that_prints_another_amount_is_a_contradiction(tmp_path: Path) -> None:
    wrong = structs.replace(FUNDING, applied={"USDT": D("-0.5")})
    history = read(
        files(tmp_path, [FUNDING], ["transaction history/web"]) + files(tmp_path / "x", [wrong], ["statement/newer"])
    )
    assert booked(history.events) == booked([FUNDING])
    (message,) = troubles(history)
    assert "-0.5" in message
    assert "-0.07779065" in message


def test_statements_that_overlap_count_once(tmp_path: Path) -> None:
    """Of equal rows as many as the file has that has most."""
    flows = [structs.replace(FUNDING, time_ms=TIME + 60_000 * number) for number in (0, 0, 1, 2)]
    first = files(tmp_path, flows[:3], ["statement/older"])
    second = files(tmp_path / "x", flows[1:], ["statement/newer"])
    assert booked(read([*first, *second]).events) == booked(flows)


@pytest.mark.parametrize("category", ["transfer", "insurance_clear"])
def test_rows_without_ids_that_files_stamp_a_second_apart_are_one(tmp_path: Path, category: str) -> None:
    """A transaction export whose ids are lost, beside a statement; one to one, and equal times before the others."""
    reason = {"transfer": "TRANSFER", "insurance_clear": "INSURANCE_CLEAR"}[category]
    flow = structs.replace(FUNDING, category=category, reason=reason, symbol="", tran_id="")
    for seconds, others, count in (
        ((0,), (1,), 1),
        ((1,), (0,), 1),
        ((0, 0), (1,), 2),
        ((0, 1), (1, 2), 3),
        ((0, 1, 2), (1,), 3),
        ((0,), (2,), 2),
    ):
        first = [structs.replace(flow, time_ms=TIME + 1000 * at) for at in seconds]
        second = [structs.replace(flow, time_ms=TIME + 1000 * at) for at in others]
        paths = files(tmp_path, first, ["transaction history/legacy"]) + files(
            tmp_path / "x", second, ["statement/newer"]
        )
        history = read(paths)
        assert booked(history.events) == count * booked([flow])
        assert kinds(history) == []


def test_a_clearance_fee_follows_the_fill_of_its_second(tmp_path: Path) -> None:
    clearance = structs.replace(FUNDING, category="insurance_clear", reason="INSURANCE_CLEAR", tran_id="10")
    paths = files(tmp_path, [CLOSING, FUNDING, clearance], ["trade history/web", "transaction history/web"])
    assert [getattr(event, "category", "fill") for event in read(paths).events] == [
        "funding",
        "fill",
        "insurance_clear",
    ]


# --- accounts ---------------------------------------------------------------------------------------------


def test_a_file_of_another_account_is_left_out_and_named(tmp_path: Path) -> None:
    mine = files(tmp_path, [FILL, structs.replace(FILL, trade_id="2")], ["trade history/web"], user="862706699")
    theirs = files(tmp_path / "x", [structs.replace(FILL, trade_id="3")], ["trade history/web"], user="111")
    history = read([*mine, *theirs])
    assert [event.trade_id for event in only(history, Fill) if isinstance(event, Fill)] == ["2", "419925075"]
    (problem,) = (problem for problem in history.problems if problem.kind == "other-account")
    assert problem.file == str(theirs[0])
    assert f"1 of 111 in {theirs[0]}" in problem.message
    assert "862706699 is kept" in problem.message


def test_rows_of_another_account_inside_a_file(tmp_path: Path) -> None:
    rows = [f"1,2026-03-17 08:34:12,BTCUSDT,BUY,100,1,100,0.05 USDT,0,true,false,{n},{n}" for n in (1, 2, 3)]
    path = saved(
        tmp_path, text("trade history/web", *rows, rows[2].replace("1,2026", "2,2026").replace(",3,3", ",4,4"))
    )
    history = read([path])
    assert len(history.events) == 3
    assert kinds(history) == ["other-account"]


# --- any subset of sources --------------------------------------------------------------------------------

amounts = st.integers(-500, 500).filter(bool).map(lambda units: D(units).scaleb(-2))


@st.composite
def truths(draw: st.DrawFn) -> list[AnyEvent]:
    """Fills and flows in whole seconds; no two amounts of one kind are equal, so that none can be taken for another."""
    events: list[AnyEvent] = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        time_ms = TIME + 1000 * number * draw(st.sampled_from([0, 1, 90]))
        own = D(2**number).scaleb(-8)
        if draw(st.booleans()):
            fill = structs.replace(FILL, time_ms=time_ms, quantity=draw(amounts), fee=abs(draw(amounts)) + own)
            events.append(
                structs.replace(fill, realized=draw(amounts) + own, trade_id=str(number), order_id=str(100 + number))
            )
        else:
            amount = {"USDT": draw(amounts) + own}
            events.append(structs.replace(FUNDING, time_ms=time_ms, applied=amount, tran_id=f"f{number}"))
    return events


@given(truths(), st.sets(st.sampled_from(sorted(HEADERS)), min_size=1), st.booleans(), st.booleans())
def test_any_exports_with_any_answers_book_the_truth(
    truth: list[AnyEvent], layouts: set[str], has_trades: bool, has_income: bool
) -> None:
    """Whatever subset of sources tells both fills and flows, the wallet ends where it did, and nothing contradicts."""
    fills = [event for event in truth if isinstance(event, Fill)]
    flows = [event for event in truth if isinstance(event, Flow)]
    ledgers = layouts & {name for name in HEADERS if name.startswith(("transaction", "statement"))}
    trades = layouts & set(TRADES)
    with TemporaryDirectory() as name:
        folder = Path(name)
        paths = files(folder, truth, sorted(layouts), user="1")
        if has_trades:
            paths.append(dump(folder, [encode.user_trade_row(fill) for fill in fills], "trades.json"))
        if has_income:
            paths.append(dump(folder, [row for event in truth for row in encode.income_rows(event)], "income.json"))
        history = read(paths)
    assert [problem for problem in history.problems if problem.kind in ("contradiction", "unreadable")] == []
    told: list[AnyEvent] = []
    if has_trades or trades or ledgers or has_income:
        told += fills
    if ledgers or has_income:
        told += flows
    assert booked(history.events) == booked(told)


# --- whole histories --------------------------------------------------------------------------------------

HISTORIES = {case.name: case for case in cases() if case.is_history}
COMPLETED = {"tran_id": "", "symbol": "", "trade_id": ""}
"""What exports add to the flows of a stream."""


@pytest.mark.parametrize("name", HISTORIES)
def test_exports_add_nothing_to_a_stream_but_orders(tmp_path: Path, name: str) -> None:
    """Every constructed history, written down to every export beside its stream: no event twice, none changed."""
    stream = saved(tmp_path, rendered(HISTORIES[name]), "stream.jsonl")
    alone = read([stream])
    whole = read([stream, *files(tmp_path / "x", alone.events, LAYOUTS, user="1")])
    assert kinds(whole) == kinds(alone)
    added = [event for event in whole.events if event.source.file != str(stream)]
    assert {type(event) for event in added} <= {Order}
    kept = [event for event in whole.events if event.source.file == str(stream)]
    assert list(map(plain, bare(kept))) == list(map(plain, bare(alone.events)))


def plain(event: AnyEvent) -> AnyEvent:
    return structs.replace(event, **COMPLETED) if isinstance(event, Flow) else event


@pytest.mark.parametrize("name", HISTORIES)
def test_exports_alone_book_what_the_stream_booked(tmp_path: Path, name: str) -> None:
    """In each asset, from the trades and the ledgers together, and from each ledger alone."""
    alone = read([saved(tmp_path, rendered(HISTORIES[name]), "stream.jsonl")])
    truth = by_asset(alone.events)
    ledgers = [layout for layout in LAYOUTS if layout.startswith(("transaction", "statement"))]
    for layouts in ([*TRADES, *ledgers], *([layout] for layout in ledgers)):
        found = read(files(tmp_path / layouts[0].replace("/", " "), alone.events, layouts, user="1"))
        assert by_asset(found.events) == truth
        assert "contradiction" not in kinds(found)


def by_asset(events: Iterable[AnyEvent]) -> dict[str, Decimal]:
    """What all events together do to each wallet."""
    total: dict[str, Decimal] = {}
    for event in events:
        amounts = list(event.applied.items())
        if isinstance(event, Fill):
            asset = contract_of(event.symbol).margin_asset
            amounts += [(asset, event.realized or D(0)), (event.fee_asset or asset, -(event.fee or D(0)))]
        for asset, amount in amounts:
            total[asset] = total.get(asset, D(0)) + amount
    return {asset: amount for asset, amount in total.items() if amount}
