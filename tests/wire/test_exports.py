"""Rows of exports: the samples that were seen, every header, and fast readers that say what the careful ones say."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.events import AnyEvent, Fill, Flow, Order, PositionClosed, Source
from margincall.wire.clock import Clock
from margincall.wire.export_fast import NOT_PLAIN
from margincall.wire.export_keys import normal
from margincall.wire.exports import SHAPES, BadHeader, RefusedFile, Rows, columns_of
from margincall.wire.row import Keys
from margincall.wire.zones import UTC_ZONE
from tests.depth import few
from tests.exports import HEADERS, TIME

D = Decimal


def rows_of(layout: str, *lines: str) -> Rows:
    """Rows read by the careful reader."""
    rows = Rows(columns_of(HEADERS[layout].split(",")), Clock(UTC_ZONE), "export.csv")
    for number, line in enumerate(lines, 2):
        rows.events.extend(rows.careful(line.split(","), number))
    return rows


def one(layout: str, line: str) -> AnyEvent:
    rows = rows_of(layout, line)
    assert rows.problems == []
    (event,) = rows.events
    return event


def at(text: str) -> int:
    return Clock(UTC_ZONE).ms(text)


# --- the samples ------------------------------------------------------------------------------------------


def test_the_trade_of_2023() -> None:
    row = "167857164,2023-01-01 19:53:13,ETHUSDT,SELL,1200.62,2,2401.24,0.00352911 BNB,10.24,false,false,2593877352,"
    assert one("trade history/web", row + "8389765568816714211") == Fill(
        time_ms=1_672_602_793_000,
        source=Source("export.csv", 2),
        account="167857164",
        symbol="ETHUSDT",
        side="BOTH",
        quantity=D(-2),
        price=D("1200.62"),
        trade_id="2593877352",
        order_id="8389765568816714211",
        fee=D("0.00352911"),
        fee_asset="BNB",
        realized=D("10.24"),
        maker=False,
    )


def test_the_trade_with_a_short_year() -> None:
    row = "862706699,26-03-17 09:34:12,BTCUSDT,BUY,73822.3,0.01,738.223,0.29528919 USDT,0,true,false,419925075,"
    found = one("trade history/web", row + "49172439177")
    assert isinstance(found, Fill)
    assert (found.time_ms, found.quantity, found.realized) == (TIME + 3_600_000, D("0.01"), D(0))


def test_the_fee_without_a_space() -> None:
    row = "1,2026-09-29 14:27:00,ABCUSDT,SELL,25.115,1,25.115,0.00502299USDT,0,false,true,7,8"
    found = one("trade history/web", row)
    assert isinstance(found, Fill)
    assert (found.fee, found.fee_asset, found.maker) == (D("0.00502299"), "USDT", True)


def test_the_older_trade() -> None:
    found = one("trade history/older", "2020-05-01 10:00:00,BTCUSDT,BUY,8800.5,0.1,880.05,0.35,USDT,-3.5,USDT")
    assert isinstance(found, Fill)
    assert (found.fee, found.fee_asset, found.maker, found.trade_id) == (D("0.35"), "USDT", None, "")


def test_the_older_trade_without_a_fee_coin() -> None:
    """Another reader's header of the older export."""
    header = ["Date(UTC)", "Symbol", "Side", "Price", "Quantity", "Amount", "Fee", "Realized Profit", "Quote Asset"]
    rows = Rows(columns_of(header), Clock(None), "export.csv")
    assert rows.columns.is_utc
    rows = Rows(columns_of(header), Clock(UTC_ZONE), "export.csv")
    (found,) = rows.careful(
        ["2026-03-11 22:10:05", "BTCUSDT", "BUY", "67000.0", "0.010", "670.0", "0.268", "0.0", "USDT"], 2
    )
    assert isinstance(found, Fill)
    assert (found.fee, found.fee_asset) == (D("0.268"), None)


def test_the_trade_of_a_download_names_its_side() -> None:
    row = "1,2023-01-01 00:00:00,BTCUSDT,BUY,Long,1.5,1,1.5,0.00053 BNB,2.34,true,false,99,88"
    found = one("trade history/asyn", row)
    assert isinstance(found, Fill)
    assert (found.side, found.fee_asset, found.order_id) == ("LONG", "BNB", "88")


@pytest.mark.parametrize(
    ("client", "close"),
    [
        ("autoclose-1596107620040000020", "liquidation"),
        ("adl_autoclose", "adl"),
        ("settlement_autoclose-1", "settlement"),
        ("web_x", ""),
        ("-", ""),
    ],
)
def test_an_order_shows_forced_closes(client: str, close: str) -> None:
    """The row says when the order was placed, too: that is the moment of a liquidation."""
    row = f"1,2023-01-01 00:00:00,BTCUSDT,LIMIT,SELL,Short,10,11,1,1,11,0,FILLED,{client},IOC,0,0.0,"
    rows = rows_of("order history/asyn", row + "2023-01-01 00:00:10,77")
    assert rows.problems == []
    last = Order(
        time_ms=at("2023-01-01 00:00:10"),
        source=Source("export.csv", 2),
        account="1",
        symbol="BTCUSDT",
        side="SHORT",
        order_id="77",
        client_order_id="" if client == "-" else client,
        status="FILLED",
        execution="",
        order_type="LIMIT",
        time_in_force="IOC",
        buy=False,
        quantity=D(1),
        price=D(10),
        stop_price=None,
        average_price=D(11),
        executed=D(1),
        executed_value=D(11),
        close=close,  # type: ignore[arg-type]
    )
    unfilled = {"status": "NEW", "executed": D(0), "executed_value": None, "average_price": None}
    assert rows.events == [structs.replace(last, time_ms=at("2023-01-01 00:00:00"), **unfilled), last]


@pytest.mark.parametrize("layout", ["transaction history/web", "transaction history/legacy"])
def test_a_transaction(layout: str) -> None:
    assert one(layout, "2024-01-02 03:04:05,REALIZED_PNL,1.5,USDT,BTCUSDT,txn-1") == Flow(
        time_ms=1_704_164_645_000,
        source=Source("export.csv", 2),
        applied={"USDT": D("1.5")},
        category="realized_pnl",
        reason="REALIZED_PNL",
        symbol="BTCUSDT",
        tran_id="txn-1",
    )


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("INSURANCE_CLEAR", "insurance_clear"),
        ("DEPOSIT", "transfer"),
        ("WITHDRAW", "transfer"),
        ("FUNDING_FEE", "funding"),
        ("COIN_SWAP_DEPOSIT", "conversion"),
        ("AUTO_EXCHANGE", "conversion"),
        ("REFERRAL_KICKBACK", "rebate"),
    ],
)
def test_types_of_transactions(kind: str, category: str) -> None:
    found = one("transaction history/legacy", f"2024-01-02 03:04:05,{kind},-1E-7,BNB,,1")
    assert isinstance(found, Flow)
    assert (found.category, found.applied) == (category, {"BNB": D("-1E-7")})


def test_the_position() -> None:
    row = "XYZUSDT,Isolated,Short,0.86536,0.85298717,414,414,5.12235,2026-09-14 15:34:00,2026-09-14 16:19:00,Closed"
    assert one("position history/web", row) == PositionClosed(
        time_ms=at("2026-09-14 16:19:00"),
        source=Source("export.csv", 2),
        symbol="XYZUSDT",
        side="SHORT",
        margin="isolated",
        entry=D("0.86536"),
        average_close=D("0.85298717"),
        max_quantity=D(414),
        closed_quantity=D(414),
        realized=D("5.12235"),
        opened_ms=at("2026-09-14 15:34:00"),
    )


def test_a_position_that_is_open_is_noted() -> None:
    row = "SOLUSDT,Cross,Long,65.31,64.49,2.76,2.76,-2.2632,2026-06-10 02:05:10,2026-06-10 07:43:52,Open"
    rows = rows_of("position history/web", row)
    assert rows.events == []
    assert [problem.kind for problem in rows.problems] == ["note"]


STATEMENTS = {
    "1,2021-12-31 01:00:22,USD-MFutures,Transfer Between Spot Account and UM Futures Account,USDT,-100.00000000,": (
        "1 USD-M",
        "transfer",
        "-100.00000000",
    ),
    "1,2021-12-31 01:05:06,Coin-MFutures,Transfer Between Spot Account and CM Futures Account,USDT,-60.00000000,": (
        "1 COIN-M",
        "transfer",
        "-60.00000000",
    ),
    "1,2023-09-12 08:00:02,USD-MFutures,Funding Fee,USDT,-0.07779065,": ("1 USD-M", "funding", "-0.07779065"),
    "1,2023-09-13 16:43:41,USD-MFutures,Realized Profit and Loss,USDT,-0.05576000,": (
        "1 USD-M",
        "realized_pnl",
        "-0.05576000",
    ),
    "1,2023-09-13 16:43:41,USD-MFutures,Realized Profit and Loss,USDT,1.29642000,": (
        "1 USD-M",
        "realized_pnl",
        "1.29642000",
    ),
    "1,2021-01-01 00:00:00,USDT-Futures,Insurance Fund Compensation,USDT,-3.5,": ("1 USD-M", "insurance_clear", "-3.5"),
    "1,2021-01-01 00:00:00,USD-M Futures,transfer_in,USDT,5,": ("1 USD-M", "transfer", "5"),
    "1,2021-01-01 00:00:00,Coin-M Futures,Fee,BTC,-0.1,": ("1 COIN-M", "commission", "-0.1"),
}


@pytest.mark.parametrize("line", STATEMENTS)
def test_statements(line: str) -> None:
    found = one("statement/older", line)
    account, category, amount = STATEMENTS[line]
    assert isinstance(found, Flow)
    assert (found.account, found.category, [str(each) for each in found.applied.values()]) == (
        account,
        category,
        [amount],
    )
    assert (found.symbol, found.tran_id, found.trade_id) == ("", "", "")


def test_an_unknown_operation_is_applied_and_told() -> None:
    rows = rows_of("statement/older", "1,2021-01-01 00:00:00,USD-MFutures,Gift,USDT,5,")
    assert [(problem.kind, "'Gift'" in problem.message) for problem in rows.problems] == [("unknown-type", True)]
    assert isinstance(rows.events[0], Flow)
    assert (rows.events[0].category, rows.events[0].applied) == ("unknown", {"USDT": D(5)})


def test_accounts_that_are_not_modelled_are_marked() -> None:
    line = "2024-01-02 03:04:05,WELCOME_BONUS,10,USDT,,1"
    assert [mark.kind for mark in rows_of("transaction history/web", line).unmodelled] == ["bonus"]
    credit = "1,2021-01-01 00:00:00,USD-MFutures,transfer_in,BNFCR,5,"
    assert [mark.kind for mark in rows_of("statement/older", credit).unmodelled] == ["credits"]


# --- headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", HEADERS)
def test_each_header_is_its_shape(layout: str) -> None:
    columns = columns_of(HEADERS[layout].split(","))
    assert columns.shape.name == layout.partition("/")[0]
    assert columns.unknown == ()
    assert columns.is_utc == ("UTC" in HEADERS[layout])
    assert all(columns.headings) or columns.shape.name != "trade history"


@pytest.mark.parametrize("layout", HEADERS)
def test_headings_in_any_order_and_spelling(layout: str) -> None:
    header = HEADERS[layout].split(",")
    plain = columns_of(header)
    turned = columns_of([f" {text.upper().replace('_', ' ')} " for text in reversed(header)])
    assert turned.shape == plain.shape
    assert {name: len(header) - 1 - place for name, place in turned.places.items()} == plain.places


def test_shapes_do_not_fit_each_others_headers() -> None:
    for layout, header in HEADERS.items():
        found = {normal(text) for text in header.split(",")}
        fitting = [
            shape.name
            for shape in SHAPES
            if all(any(normal(each) in found for each in shape.keys.names[name]) for name in shape.required)
        ]
        assert fitting == [layout.partition("/")[0]]


@pytest.mark.parametrize(
    ("layout", "gone", "instead", "message"),
    [
        ("trade history/web", "Price", "Prise", "the column `Price` is missing (is `Prise` meant?)"),
        ("trade history/web", "Realized Profit", "PnL", "the column `Realized Profit` is missing; the file has"),
        ("order history/web", "Order No", "Order Nr", "the column `Order No` is missing (is `Order Nr` meant?)"),
        (
            "transaction history/web",
            "Time",
            "Tme",
            "the column `Time` or `Time(UTC)` or `Date(UTC)` is missing (is `Tme`",
        ),
        ("statement/newer", "Change", "Changed", "the column `Change` is missing (is `Changed` meant?)"),
    ],
)
def test_a_missing_column_is_named(layout: str, gone: str, instead: str, message: str) -> None:
    header = [instead if text == gone else text for text in HEADERS[layout].split(",")]
    with pytest.raises(BadHeader) as error:
        columns_of(header)
    assert str(error.value).startswith(layout.partition("/")[0])
    assert message in str(error.value)


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadHeader, match="`Price` stands twice"):
        columns_of([*HEADERS["trade history/web"].split(","), "Price"])


def test_a_table_of_something_else() -> None:
    with pytest.raises(BadHeader, match="a table whose columns no export has: `Name`, `Street`, `Town`"):
        columns_of(["Name", "Street", "Town"])


def test_new_columns_are_named() -> None:
    assert columns_of([*HEADERS["trade history/web"].split(","), "Mood"]).unknown == ("Mood",)


# --- rows that are not understood -------------------------------------------------------------------------

GOOD = "1,2026-03-17 08:34:12,BTCUSDT,BUY,100,1,100,0.05 USDT,0,true,false,7,8"


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("Time", "17.03.", "`Time`: '17.03.' is no time"),
        ("Symbol", "", "`Symbol` is missing"),
        ("Symbol", "Bitcoin", "'Bitcoin' is no symbol"),
        ("Side", "HOLD", "'HOLD' is none of BUY, SELL"),
        ("Price", "NaN", "'NaN' is not a finite decimal number"),
        ("Price", "0", "a price of 0"),
        ("Price", "1_000", "'1_000' is not a finite"),
        ("Price", "1" * 21, "more than 20 digits"),
        ("Quantity", "-1", "a traded quantity of -1"),
        ("Quantity", "1.2.3", "'1.2.3' is not a finite"),
        ("Fee", "much", "'much' is no amount with its asset"),
        ("Fee", "1.2.3 BNB", "'1.2.3' is not a finite"),
        ("Realized Profit", "Infinity", "'Infinity' is not a finite"),
    ],
)
def test_a_bad_cell_is_named(column: str, cell: str, message: str) -> None:
    cells = GOOD.split(",")
    cells[HEADERS["trade history/web"].split(",").index(column)] = cell
    rows = rows_of("trade history/web", ",".join(cells), GOOD)
    (problem,) = rows.problems
    assert (problem.file, problem.place) == ("export.csv", "line 2")
    assert message in problem.message
    assert cell in problem.raw
    assert len(rows.events) == 1


@pytest.mark.parametrize("shift", [GOOD + ",", "x," + GOOD, GOOD.partition(",")[2]])
def test_a_shifted_row_is_not_guessed_at(shift: str) -> None:
    rows = rows_of("trade history/web", shift, GOOD)
    (problem,) = rows.problems
    assert (problem.place, problem.raw) == ("line 2", shift)
    assert "the header 13: not read" in problem.message
    assert len(rows.events) == 1


def test_a_foreign_word_for_true_costs_no_row() -> None:
    rows = rows_of("trade history/web", GOOD.replace("true,false", "WAHR,FALSCH"))
    assert [problem.kind for problem in rows.problems] == ["unknown-type"]
    assert isinstance(rows.events[0], Fill)
    assert rows.events[0].maker is None


def test_a_file_without_a_zone_is_refused_at_its_first_row() -> None:
    rows = Rows(columns_of(HEADERS["trade history/web"].split(",")), Clock(None), "export.csv")
    with pytest.raises(RefusedFile, match="--tz"):
        rows.careful(GOOD.split(","), 2)


def test_the_line_of_an_empty_export() -> None:
    rows = rows_of("order history/web", "No data matches the criteria.")
    assert [(problem.kind, problem.message) for problem in rows.problems] == [
        ("note", "order history: the export holds no rows")
    ]


# --- fast and careful -------------------------------------------------------------------------------------


def fast_or_careful(layout: str, lines: Sequence[Sequence[str]]) -> tuple[list[AnyEvent], int]:
    """The events as the readers of files take them, and how many the fast reader gave."""
    rows = Rows(columns_of(HEADERS[layout].split(",")), Clock(UTC_ZONE), "export.csv")
    assert rows.fast is not None
    found, quick = [], 0
    for number, row in enumerate(lines, 2):
        try:
            event = rows.fast(list(row), number)
        except NOT_PLAIN:
            found += rows.careful(list(row), number)
        else:
            quick += 1
            found += event if isinstance(event, list) else [event] if event is not None else []
    return found, quick


def careful(layout: str, lines: Sequence[Sequence[str]]) -> list[AnyEvent]:
    rows = Rows(columns_of(HEADERS[layout].split(",")), Clock(UTC_ZONE), "export.csv")
    return [event for number, row in enumerate(lines, 2) for event in rows.careful(list(row), number)]


STRANGE = ["", "-", "--", " ", "0", "-0", "1", "+1", "-1.5", "1e-7", "1E3", ".5", "5.", "1_0", "NaN", "USDT", "BTCUSDT"]
STRANGE += ["1 USDT", "1USDT", "true", "TRUE", "BUY", "buy", "2026-03-17 08:34:12", "9" * 21, "0." + "1" * 20, "\uff11"]
"""What could be mistaken for a plain cell."""
TIMES = ["2026-03-17 08:34:12", "2026-03-17 08:35:59", "26-03-17 08:34:12"]
PLAIN: dict[str, list[list[str]]] = {
    "trade history/asyn": [
        ["1"],
        TIMES,
        ["BTCUSDT", "ETHUSDT"],
        ["BUY", "SELL"],
        ["Long", "Both", "SHORT"],
        ["100", "0.5"],
        ["1", "0.001"],
        ["1"],
        ["0.5 USDT", "0.00352911 BNB", "0"],
        ["0", "-1.5", "10.24"],
        ["true"],
        ["true", "false"],
        ["7", "8"],
        ["77", " 78"],
    ],
    "order history/web": [
        ["1"],
        TIMES,
        ["BTCUSDT"],
        ["LIMIT", "LIQUIDATION"],
        ["BUY", "SELL"],
        ["Long", "Both", "SHORT"],
        ["100", "0"],
        ["0", "99.5"],
        ["1"],
        ["0", "1"],
        ["0"],
        ["0", "90"],
        ["FILLED", "CANCELED"],
        ["autoclose-1", "web_1", ""],
        ["GTC", "IOC"],
        ["0"],
        ["0.0"],
        TIMES,
        ["77"],
    ],
    "transaction history/web": [
        TIMES,
        ["FUNDING_FEE", "REALIZED_PNL", "WELCOME_BONUS", "TRANSFER"],
        ["1", "-0.07779065"],
        ["USDT", "BNB"],
        ["BTCUSDT", ""],
        ["7", " 8"],
    ],
    "statement/older": [
        ["1", ""],
        TIMES,
        ["USD-MFutures", "USDT-Futures", "Coin-MFutures", "Spot", "Funding"],
        ["Fee", "Funding Fee", "transfer_in"],
        ["USDT", "BNB"],
        ["1", "-0.07779065"],
        [""],
    ],
}


@st.composite
def lines_of(draw: st.DrawFn, layout: str) -> list[list[str]]:
    """Plain rows, every second one with a strange cell or of another width."""
    found = []
    for number in range(draw(st.integers(4, 10))):
        row = [draw(st.sampled_from(cells)) for cells in PLAIN[layout]]
        if number > 1 and draw(st.booleans()):
            row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(STRANGE))
            row = row[: len(row) - draw(st.sampled_from([0, 0, 0, 1]))]
        found.append(row)
    return found


@pytest.mark.parametrize("layout", PLAIN)
def test_the_fast_readers_say_what_the_careful_ones_say(layout: str) -> None:
    """In value and in digits, whatever stands in the cells."""
    gained: list[int] = []

    @settings(max_examples=few(100))
    @given(lines_of(layout))
    def agree(lines: list[list[str]]) -> None:
        found, quick = fast_or_careful(layout, lines)
        gained.append(quick)
        assert [str(event) for event in found] == [str(event) for event in careful(layout, lines)]

    agree()
    assert sum(gained) > 100, "the fast reader hardly read a row: the test shows nothing"


def test_plain_rows_are_read_fast() -> None:
    lines = [GOOD.split(",")] * 10
    assert fast_or_careful("trade history/web", lines)[1] == 9


def test_keys_of_the_shapes_are_distinct() -> None:
    for shape in SHAPES:
        keys: Keys = shape.keys
        forms = [normal(heading) for heading in (*keys.by_key, *keys.unused)]
        twice = {form for form in forms if forms.count(form) > 1}
        assert not {normal(each) for name in keys.names for each in keys.names[name]} & {normal(u) for u in keys.unused}
        assert all(len({keys.by_key[h] for h in keys.by_key if normal(h) == form}) == 1 for form in twice)
