"""Events written down to each export, byte for byte, and read back."""

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.events import AnyEvent, Fill, Flow, Order, PositionClosed
from margincall.core.rounding import plain
from margincall.history.read import read
from margincall.venues.registry import contract_of
from margincall.wire.encode_csv import LAYOUTS, encoded, file_name
from margincall.wire.numbers import AMOUNT_DIGITS
from margincall.wire.zones import zone_named
from tests.exports import CLOSED, FILL, FUNDING, HEADERS, ORDER, TIME, USER, bare, troubles

D = Decimal
UTC_M6 = zone_named("UTC-6")

UNFILLED = structs.replace(ORDER, average_price=None, executed=D(0), executed_value=None)
WRITTEN: dict[str, tuple[AnyEvent, str]] = {
    "trade history/web": (
        FILL,
        "862706699,2026-03-17 02:34:12,BTCUSDT,BUY,73822.3,0.01,738.223,0.29528919 USDT,0,true,false,"
        "419925075,49172439177",
    ),
    "trade history/without uid": (
        structs.replace(FILL, quantity=D("-0.5"), realized=D("-1.25000000"), maker=True),
        "2026-03-17 02:34:12,BTCUSDT,SELL,73822.3,0.5,36911.15,0.29528919 USDT,-1.25000000,false,true,"
        "419925075,49172439177",
    ),
    "trade history/older": (
        structs.replace(FILL, fee_asset="BNB"),
        "2026-03-17 08:34:12,BTCUSDT,BUY,73822.3,0.01,738.223,0.29528919,BNB,0,USDT",
    ),
    "trade history/asyn": (
        structs.replace(FILL, side="LONG"),
        "862706699,2026-03-17 08:34:12,BTCUSDT,BUY,Long,73822.3,0.01,738.223,0.29528919 USDT,0,true,false,"
        "419925075,49172439177",
    ),
    "order history/web": (
        ORDER,
        "862706699,2026-03-17 02:34:12,BTCUSDT,LIMIT,BUY,Both,73000,73822.3,0.01,0.01,738.223,0,FILLED,"
        "autoclose-1773736452000000020,IOC,0,0.0,2026-03-17 02:34:12,49172439177",
    ),
    "order history/asyn": (
        structs.replace(UNFILLED, stop_price=D(5), status="CANCELED"),
        "862706699,2026-03-17 08:34:12,BTCUSDT,LIMIT,BUY,Both,73000,0,0.01,0,0,5,CANCELED,"
        "autoclose-1773736452000000020,IOC,0,0.0,2026-03-17 08:34:12,49172439177",
    ),
    "transaction history/web": (FUNDING, "2026-03-17 02:34:12,FUNDING_FEE,-0.07779065,USDT,BTCUSDT,9"),
    "transaction history/legacy": (
        structs.replace(FUNDING, category="transfer", reason="DEPOSIT", symbol=""),
        "2026-03-17 08:34:12,DEPOSIT,-0.07779065,USDT,,9",
    ),
    "position history/web": (
        CLOSED,
        "BTCUSDT,Isolated,Short,0.86536,0.85298717,414,414,5.12235,2026-03-17 01:34:12,2026-03-17 02:34:12,Closed",
    ),
    "statement/older": (
        structs.replace(FUNDING, applied={"USDT": D("-100")}, category="transfer"),
        "862706699,2026-03-17 08:34:12,USD-MFutures,Transfer Between Spot Account and UM Futures Account,USDT,"
        '-100.00000000,""',
    ),
    "statement/newer": (FUNDING, '862706699,2026-03-17 02:34:12,USD-MFutures,Funding Fee,USDT,-0.07779065,""'),
    "statement/without user id": (
        structs.replace(FUNDING, symbol="BTCUSD_PERP", applied={"BTC": D("-0.1")}),
        '2026-03-17 08:34:12,Coin-MFutures,Funding Fee,BTC,-0.10000000,""',
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_export_byte_for_byte(layout: str) -> None:
    """Byte order mark, CR LF, the exact header; local time where no heading says UTC."""
    event, row = WRITTEN[layout]
    expected = f"\ufeff{HEADERS[layout]}\r\n{row}\r\n".encode()
    assert encoded(layout, [event], user=USER, zone=UTC_M6) == expected


def test_all_headers_can_be_written() -> None:
    assert LAYOUTS.keys() == HEADERS.keys() == WRITTEN.keys()


@pytest.mark.parametrize(
    ("layout", "zone", "name"),
    [
        ("trade history/web", "UTC+3", "Binance-Futures-Trade-History-202603171134(UTC+3).csv"),
        ("transaction history/web", "UTC-6", "Binance-Futures-Transaction-History-202603170234(UTC--6).csv"),
        ("order history/web", "UTC+5:30", "Binance-Futures-Order-History-202603171404(UTC+5.5).csv"),
    ],
)
def test_names_of_files(layout: str, zone: str, name: str) -> None:
    assert file_name(layout, TIME, zone_named(zone)) == name


def test_a_fill_is_booked_by_its_profit_and_its_fee() -> None:
    """What is 0 is not booked; a row of the statement names no trade."""
    closing = structs.replace(FILL, realized=D("-1.5"), fee=D("0.1"), fee_asset="BNB")
    written = encoded("transaction history/web", [closing], newest_first=False).decode().split("\r\n")[1:-1]
    assert written == [
        "2026-03-17 08:34:12,REALIZED_PNL,-1.5,USDT,BTCUSDT,419925075",
        "2026-03-17 08:34:12,COMMISSION,-0.1,BNB,BTCUSDT,419925075",
    ]
    assert encoded("transaction history/web", [structs.replace(FILL, fee=D(0))]).decode().count("\r\n") == 1
    assert (
        "Insurance Fund Compensation"
        in encoded(
            "statement/newer", [structs.replace(FUNDING, category="insurance_clear", reason="INSURANCE_CLEAR")]
        ).decode()
    )


def test_newest_first_and_short_years() -> None:
    later = structs.replace(FILL, time_ms=TIME + 1000, trade_id="419925076")
    rows = encoded("trade history/web", [FILL, later], short_year=True).decode().split("\r\n")
    assert [row.split(",")[1:2] for row in rows[1:3]] == [["26-03-17 08:34:13"], ["26-03-17 08:34:12"]]


def test_an_order_is_written_once_as_it_ended() -> None:
    """From its states, and from its fills where a stream tells only them."""
    placed = structs.replace(
        ORDER, time_ms=TIME - 5000, status="NEW", execution="NEW", executed=D(0), average_price=None
    )
    part = structs.replace(FILL, quantity=D("0.004"), price=D(100))
    rest = structs.replace(FILL, quantity=D("0.006"), price=D(200), time_ms=TIME + 1000)
    (row,) = encoded("order history/web", [placed, part, rest]).decode().split("\r\n")[1:-1]
    cells = dict(zip(HEADERS["order history/web"].split(","), row.split(","), strict=True))
    assert (cells["Time"], cells["Update Time"]) == ("2026-03-17 08:34:07", "2026-03-17 08:34:13")
    assert (cells["Status"], cells["Executed Amount"], cells["Average Price"]) == ("FILLED", "0.010", "160")
    (row,) = encoded("order history/web", [part]).decode().split("\r\n")[1:-1]
    cells = dict(zip(HEADERS["order history/web"].split(","), row.split(","), strict=True))
    assert (cells["Type"], cells["Amount"], cells["Status"]) == ("MARKET", "0.004", "FILLED")
    forced = structs.replace(placed, execution="CALCULATED", status="FILLED", executed=D("0.01"))
    (row,) = encoded("order history/web", [forced, FILL]).decode().split("\r\n")[1:-1]
    assert ",0.01,0.01," in row


# --- round trips ------------------------------------------------------------------------------------------

amounts = st.decimals(D("0.00000001"), D(10**9), places=8)
signed = st.decimals(-D(10**9), D(10**9), places=8)
seconds = st.integers(0, 10**6).map(lambda number: TIME + 1000 * number)
symbols = st.sampled_from(["BTCUSDT", "ETHUSDT", "1000SHIBUSDT", "BTCUSDT_260626"])


@st.composite
def fills(draw: st.DrawFn) -> Fill:
    return structs.replace(
        FILL,
        time_ms=draw(seconds),
        symbol=draw(symbols),
        side=draw(st.sampled_from(["BOTH", "LONG", "SHORT"])),
        quantity=draw(signed.filter(bool)),
        price=draw(amounts),
        order_id=draw(st.integers(1, 10**15 - 1).map(str)),
        fee=draw(amounts),
        fee_asset=draw(st.sampled_from(["USDT", "BNB"])),
        realized=draw(signed),
        maker=draw(st.booleans()),
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    kind = draw(
        st.sampled_from([("funding", "FUNDING_FEE"), ("transfer", "TRANSFER"), ("insurance_clear", "INSURANCE_CLEAR")])
    )
    return structs.replace(
        FUNDING,
        time_ms=draw(seconds),
        applied={"USDT": draw(signed)},
        category=kind[0],
        reason=kind[1],
        symbol=draw(symbols),
    )


@st.composite
def orders(draw: st.DrawFn) -> Order:
    client, close = draw(st.sampled_from([("autoclose-1", "liquidation"), ("adl_autoclose", "adl"), ("web_1", "")]))
    average, executed, symbol = draw(st.none() | amounts), draw(amounts), draw(symbols)
    worth = None if average is None or contract_of(symbol).is_inverse else plain(executed * average)
    assume(worth is None or len(f"{worth:f}") <= AMOUNT_DIGITS)
    return structs.replace(
        ORDER,
        time_ms=draw(seconds),
        symbol=symbol,
        side=draw(st.sampled_from(["BOTH", "LONG", "SHORT"])),
        client_order_id=client,
        close=close,
        buy=draw(st.booleans()),
        quantity=draw(amounts),
        price=draw(amounts),
        average_price=average,
        executed=executed,
        executed_value=worth,
        stop_price=draw(st.none() | amounts),
    )


@st.composite
def positions(draw: st.DrawFn) -> PositionClosed:
    time_ms = draw(seconds)
    return structs.replace(
        CLOSED,
        time_ms=time_ms,
        opened_ms=time_ms - 1000 * draw(st.integers(1, 10**6)),
        symbol=draw(symbols),
        side=draw(st.sampled_from(["LONG", "SHORT"])),
        margin=draw(st.sampled_from(["cross", "isolated"])),
        realized=draw(signed),
    )


def back(layout: str, events: list[AnyEvent], zone: str, newest_first: bool) -> list[AnyEvent]:
    """The events, written to a file and read from it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / file_name(layout, TIME, zone_named(zone))
        path.write_bytes(encoded(layout, events, user=USER, zone=zone_named(zone), newest_first=newest_first))
        history = read([path])
    assert troubles(history) == []
    return bare(history.events)


def numbered(events: list[AnyEvent], field: str) -> list[AnyEvent]:
    """The events in order of time, with ids that rise."""
    ordered = sorted(events, key=lambda event: event.time_ms)
    return [structs.replace(event, **{field: str(1000 + number)}) for number, event in enumerate(ordered)]


@given(st.lists(fills(), min_size=1, max_size=6), st.sampled_from(["UTC", "UTC+3", "UTC-9:30"]), st.booleans())
def test_trades_are_read_back(events: list[AnyEvent], zone: str, newest_first: bool) -> None:
    """Up to what the export holds: the web's has no side, the older one neither ids nor who was the maker."""
    events = numbered(events, "trade_id")
    assert back("trade history/asyn", events, zone, newest_first) == events
    sideless = [structs.replace(event, side="BOTH") for event in events]
    assert back("trade history/web", events, zone, newest_first) == sideless
    older = [structs.replace(event, trade_id="", order_id="", maker=None) for event in sideless]
    found = back("trade history/older", events, zone, newest_first)
    assert sorted(found, key=_by_amounts) == sorted(older, key=_by_amounts)


def _by_amounts(event: AnyEvent) -> tuple[object, ...]:
    assert isinstance(event, Fill)
    return event.time_ms, event.symbol, event.price, event.quantity, event.fee, event.realized


@given(st.lists(orders(), min_size=1, max_size=6), st.sampled_from(["UTC", "UTC+3"]), st.booleans())
def test_orders_are_read_back(events: list[AnyEvent], zone: str, newest_first: bool) -> None:
    events = numbered(events, "order_id")
    for layout in ("order history/web", "order history/asyn"):
        found = back(layout, events, zone, newest_first)
        assert sorted(map(str, found)) == sorted(map(str, events))


@given(st.lists(flows(), min_size=1, max_size=6), st.sampled_from(["UTC", "UTC-6"]), st.booleans())
def test_transactions_are_read_back(events: list[AnyEvent], zone: str, newest_first: bool) -> None:
    events = numbered(events, "tran_id")
    for layout in ("transaction history/web", "transaction history/legacy"):
        found = back(layout, events, zone, newest_first)
        assert sorted(map(str, found)) == sorted(map(str, events))


@given(st.lists(flows(), min_size=1, max_size=6), st.booleans())
def test_statements_are_read_back(events: list[AnyEvent], newest_first: bool) -> None:
    """Categories, amounts and times; symbol and transaction id are not printed."""
    for layout in ("statement/older", "statement/newer", "statement/without user id"):
        found = back(layout, sorted(events, key=lambda event: event.time_ms), "UTC", newest_first)
        said = sorted(
            (event.time_ms, event.category, event.applied["USDT"]) for event in found if isinstance(event, Flow)
        )
        assert said == sorted(
            (each.time_ms, each.category, each.applied["USDT"]) for each in events if isinstance(each, Flow)
        )


@given(st.lists(positions(), min_size=1, max_size=4), st.booleans())
def test_positions_are_read_back(events: list[AnyEvent], newest_first: bool) -> None:
    found = back("position history/web", sorted(events, key=lambda each: each.time_ms), "UTC+3", newest_first)
    assert sorted(map(str, found)) == sorted(map(str, events))
