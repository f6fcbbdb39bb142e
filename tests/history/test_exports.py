"""CSV exports as files: how they are recognised, decoded, dated, ordered, and what of a damaged one still counts."""

import gzip
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from msgspec import structs

from margincall.core.events import Fill, Flow, PositionClosed, Source
from margincall.history.limits import LINE_MAX, RATIO_MAX, TEXT_MAX
from margincall.history.read import History, read, read_file
from margincall.history.row_order import oldest_first
from margincall.history.scope import scope_of
from margincall.wire.encode_csv import encoded
from margincall.wire.exports import PROBLEMS_MAX
from tests.exports import FILL, HEADERS, ORDER, TIME, ZONED, D, kinds, of_rows, saved, text, troubles
from tests.exports import USER as USER_ID

WEB = "trade history/web"
ROW = "1,2026-03-17 {time},BTCUSDT,{side},{price},1,100,0.05 USDT,0,true,false,{number},{order}"


def row(number: int = 1, time: str = "08:34:12", side: str = "BUY", price: str = "100", order: str = "8") -> str:
    return ROW.format(number=number, time=time, side=side, price=price, order=order)


def trade_ids(history: History) -> list[str]:
    return [event.trade_id for event in history.events if isinstance(event, Fill)]


def local_times(history: History) -> list[int]:
    """Seconds after 08:34:12 UTC of 2026-03-17."""
    return [(event.time_ms - TIME) // 1000 for event in history.events]


# --- recognised by its first bytes ------------------------------------------------------------------------

GOOD = text(WEB, row(1), row(2))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (ZONED, GOOD),
        ("no_suffix(UTC+0)", GOOD),
        ("export(UTC+0).json", GOOD),
        (ZONED, GOOD.decode("utf-8-sig").encode()),
        (ZONED, GOOD.replace(b"\r\n", b"\n")),
        (ZONED, GOOD.replace(b"\r\n", b"\r")),
        (ZONED, GOOD.rstrip(b"\r\n")),
        (ZONED, b"\r\n\r\n" + GOOD.decode("utf-8-sig").encode()),
        (ZONED, GOOD.replace(b"\r\n", b"\r\n\r\n")),
        (ZONED, GOOD.replace(b",", b";")),
        (ZONED, GOOD.replace(b",", b"\t")),
        (ZONED, GOOD.decode("utf-8-sig").replace(",", '","').replace("\r\n", '"\r\n"').join('""')[:-2].encode()),
        ("export(UTC+0).csv.gz", gzip.compress(GOOD, mtime=0)),
        ("export(UTC+0).csv", gzip.compress(GOOD, mtime=0)),
        ("export(UTC+0).csv.gz", gzip.compress(GOOD[:100], mtime=0) + gzip.compress(GOOD[100:], mtime=0)),
    ],
)
def test_what_a_file_looks_like(tmp_path: Path, name: str, content: bytes) -> None:
    history = read([saved(tmp_path, content, name)])
    assert troubles(history) == []
    assert trade_ids(history) == ["1", "2"]
    (source,) = history.sources
    assert (source.resolution_ms, source.counts) == (1000, {"fill": 2})


def test_places_are_lines_of_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, text(WEB, row(1), "", row(2)))
    assert [event.source.line for event in read([path]).events] == [2, 4]
    assert {event.source.file for event in read([path]).events} == {str(path)}


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    cells = row(1, price="1200.62").replace("0.05 USDT", "0.00352911 BNB")
    content = text(WEB, cells).replace(b",", b";").replace(b"1200.62", b"1200,62").replace(b"0.00352911", b"0,00352911")
    (fill,) = read([saved(tmp_path, content)]).events
    assert isinstance(fill, Fill)
    assert (fill.price, fill.fee, fill.fee_asset) == (D("1200.62"), D("0.00352911"), "BNB")


def test_a_number_with_points_and_commas_is_not_guessed_at(tmp_path: Path) -> None:
    content = text(WEB, row(1, price="1.200,62"), row(2)).replace(b"1.200,62", b"#").replace(b",", b";")
    history = read([saved(tmp_path, content.replace(b"#", b"1.200,62"))])
    assert trade_ids(history) == ["2"]
    (message,) = troubles(history)
    assert "'1.200,62' is not a finite decimal number" in message


def test_a_quote_without_its_half_costs_its_own_row(tmp_path: Path) -> None:
    history = of_rows(tmp_path, WEB, row(1), row(2).replace("BTC", '"BTC'), row(3), row(4))
    assert trade_ids(history) == ["1", "2", "3", "4"]
    assert troubles(history) == []


def test_a_letter_that_is_no_text_costs_its_row(tmp_path: Path) -> None:
    content = text(WEB, row(1), row(2), row(3)).replace(b"BTC", b"BT\xff", 1)
    history = read([saved(tmp_path, content)])
    assert trade_ids(history) == ["2", "3"]
    (problem,) = (problem for problem in history.problems if problem.kind == "unreadable")
    assert (problem.place, "no UTF-8 text" in problem.message) == ("line 2", True)


# --- time zones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tz", "shift"),
    [
        ("x(UTC+3)-part1-of1.csv", "", -3),
        ("x(UTC--6)_abcd1234.csv", "", 6),
        ("x(UTC+5.5).csv", "", -5.5),
        ("x(UTC+3).csv", "UTC-6", -3),
        ("x.csv", "UTC+3", -3),
        ("x.csv", "Europe/Berlin", -1),
        ("x.csv", "UTC", 0),
    ],
)
def test_the_zone_of_a_file(tmp_path: Path, name: str, tz: str, shift: float) -> None:
    """As its name says, else as the user says."""
    history = of_rows(tmp_path, WEB, row(), name=name, tz=tz)
    assert local_times(history) == [shift * 3600]


@pytest.mark.parametrize("layout", [name for name, header in HEADERS.items() if "UTC" in header])
def test_a_heading_says_more_than_a_name(tmp_path: Path, layout: str) -> None:
    closing = structs.replace(FILL, realized=D(1))
    path = saved(tmp_path, encoded(layout, [closing], user=USER_ID), "x(UTC+3).csv")
    assert local_times(read([path], tz="UTC-6"))[:1] == [0]


def test_without_any_zone_the_file_is_refused_and_the_others_count(tmp_path: Path) -> None:
    bad = saved(tmp_path, text(WEB, row(1), row(2)), "export.csv")
    good = saved(tmp_path, text(WEB, row(3)))
    history = read([bad, good])
    assert trade_ids(history) == ["3"]
    (problem,) = (problem for problem in history.problems if problem.kind == "time-zone")
    assert (problem.file, problem.place) == (str(bad), "line 2")
    assert "--tz UTC+3" in problem.message
    assert "08:34:12" in problem.raw


def test_times_that_carry_their_zone_need_no_other(tmp_path: Path) -> None:
    rows = [row(1).replace("2026-03-17 08:34:12", time) for time in ("2026-03-17T08:34:12Z", "1773736452500")]
    history = of_rows(tmp_path, WEB, *rows, name="export.csv")
    assert local_times(history) == [0]
    assert [event.time_ms for event in history.events] == [TIME]
    assert history.sources[0].resolution_ms == 1


def test_mixed_zones_are_each_read(tmp_path: Path) -> None:
    rows = [row(1), row(2).replace("08:34:12", "11:34:13+03:00"), row(3).replace("08:34:12", "02:34:14-06:00")]
    assert local_times(of_rows(tmp_path, WEB, *rows)) == [0, 1, 2]


def test_a_row_without_its_zone_among_others_is_a_problem(tmp_path: Path) -> None:
    history = of_rows(tmp_path, WEB, row(1).replace("12,BTC", "12Z,BTC"), row(2), name="export.csv")
    assert trade_ids(history) == ["1"]
    assert kinds(history) == ["time-zone"]


@pytest.mark.parametrize("zone", ["UTC+99", "Nowhere/Town"])
def test_a_zone_that_is_none_is_a_usage_error(zone: str) -> None:
    with pytest.raises(Exception, match="no time zone"):
        scope_of(zone)


BERLIN = {"tz": "Europe/Berlin", "name": "export.csv"}


def in_autumn(*times: str) -> list[str]:
    return [row(number, time=time).replace("2026-03-17", "2025-10-26") for number, time in enumerate(times, 1)]


TURNS = ("01:30:00", "02:10:00", "02:50:00", "02:05:00", "02:50:00", "03:10:00")
MINUTES = [0, 40, 80, 95, 140, 160]


@pytest.mark.parametrize("newest_first", [False, True])
def test_an_hour_that_occurs_twice_is_told_apart_by_the_order_of_the_rows(tmp_path: Path, newest_first: bool) -> None:
    rows = in_autumn(*TURNS)
    history = of_rows(tmp_path, WEB, *(reversed(rows) if newest_first else rows), **BERLIN)
    assert troubles(history) == []
    assert trade_ids(history) == ["1", "2", "3", "4", "5", "6"]
    first = history.events[0].time_ms
    assert [(event.time_ms - first) // 60_000 for event in history.events] == MINUTES


@pytest.mark.parametrize(
    "times",
    [("01:30:00", "02:10:00", "03:10:00"), ("01:00:00", "02:10:00", "02:05:00", "02:20:00", "02:01:00", "04:00:00")],
)
def test_an_hour_that_the_order_does_not_tell_is_a_problem(tmp_path: Path, times: tuple[str, ...]) -> None:
    history = of_rows(tmp_path, WEB, *in_autumn(*times), **BERLIN)
    assert len(history.events) == len(times)
    assert kinds(history) == ["time-zone"]
    assert "occurred twice" in troubles(history)[0]


def test_an_hour_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    rows = [each.replace("2025-10-26", "2026-03-29") for each in in_autumn("01:30:00", "02:30:00", "03:30:00")]
    history = of_rows(tmp_path, WEB, *rows, **BERLIN)
    assert trade_ids(history) == ["1", "3"]
    (problem,) = (problem for problem in history.problems if problem.kind == "unreadable")
    assert problem.place == "line 3"
    assert "does not exist in Europe/Berlin" in problem.message
    assert "02:30:00" in problem.raw


def test_a_position_opened_in_such_an_hour_is_named(tmp_path: Path) -> None:
    line = "BTCUSDT,Cross,Long,100,101,1,1,1,2025-10-26 02:30:00,2025-10-26 05:00:00,Closed"
    history = of_rows(tmp_path, "position history/web", line, **BERLIN)
    assert len(history.events) == 1
    assert kinds(history) == ["time-zone"]


# --- spreadsheets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (("03/04/2026", "17/03/2026"), ["2026-04-03", "2026-03-17"]),
        (("03/04/2026", "03/17/2026"), ["2026-03-04", "2026-03-17"]),
        (("3.4.2026", "17.3.2026"), ["2026-04-03", "2026-03-17"]),
    ],
)
def test_the_order_of_day_and_month_is_decided_by_the_whole_file(
    tmp_path: Path, dates: tuple[str, str], days: list[str]
) -> None:
    rows = [row(number).replace("2026-03-17", date) for number, date in enumerate(dates, 1)]
    history = of_rows(tmp_path, WEB, *rows)
    expected = of_rows(
        tmp_path / "x", WEB, *(row(number).replace("2026-03-17", day) for number, day in enumerate(days, 1))
    )
    assert [(event.time_ms, event.trade_id) for event in history.events if isinstance(event, Fill)] == [
        (event.time_ms, event.trade_id) for event in expected.events if isinstance(event, Fill)
    ]


def test_an_order_that_nothing_decides_refuses_the_file(tmp_path: Path) -> None:
    history = of_rows(
        tmp_path, WEB, row(1).replace("2026-03-17", "03/04/2026"), row(2).replace("2026-03-17", "05/06/2026")
    )
    assert history.events == ()
    (message,) = troubles(history)
    assert "Download the export again" in message


def test_both_orders_in_one_file_refuse_it(tmp_path: Path) -> None:
    rows = (row(1).replace("2026-03-17", "17/03/2026"), row(2).replace("2026-03-17", "03/17/2026"))
    history = of_rows(tmp_path, WEB, *rows)
    assert history.events == ()
    assert "stand in one file" in troubles(history)[0]


def test_times_without_seconds_are_refused(tmp_path: Path) -> None:
    history = of_rows(tmp_path, WEB, row(1, time="08:34"))
    assert history.events == ()
    assert "has no seconds" in troubles(history)[0]


def test_mangled_ids(tmp_path: Path) -> None:
    """The rows count without them; one problem for each column."""
    orders = ("8.38977E+18", "8389765568816710000", "8389765568816720000", "77")
    history = of_rows(tmp_path, WEB, *(row(number, order=order) for number, order in enumerate(orders, 1)))
    assert [event.order_id for event in history.events if isinstance(event, Fill)] == ["", "", "", "77"]
    assert kinds(history) == ["damaged-id"]
    (problem,) = (problem for problem in history.problems if problem.kind == "damaged-id")
    assert (problem.place, problem.raw) == ("line 2", "8.38977E+18")
    assert "3 of 4 ids in `Order ID`" in problem.message


def test_a_whole_id_that_ends_in_zeros_is_whole_beside_others(tmp_path: Path) -> None:
    history = of_rows(tmp_path, WEB, row(1, order="8389765568816710000"), row(2, order="8389765568816714211"))
    assert [event.order_id for event in history.events if isinstance(event, Fill)] == [
        "8389765568816710000",
        "8389765568816714211",
    ]
    assert kinds(history) == []


def test_amounts_in_scientific_notation_are_exact(tmp_path: Path) -> None:
    (fill,) = of_rows(tmp_path, WEB, row(1).replace("0.05 USDT,0,", "1E-7 BNB,-2.5E-05,")).events
    assert isinstance(fill, Fill)
    assert (fill.fee, fill.realized) == (D("0.0000001"), D("-0.000025"))


# --- order of rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [("12", "12", "13", "13"), ("13", "13", "12", "12")])
def test_rows_of_one_second_come_in_the_order_in_which_they_happened(tmp_path: Path, times: tuple[str, ...]) -> None:
    """In a file that begins with the newest too: reversed, not sorted."""
    rows = [f"2026-03-17 08:34:{second},TRANSFER,{number},USDT,," for number, second in enumerate(times, 1)]
    message = read_rows(tmp_path, "transaction history/web", *rows)
    expected = ["1", "2", "3", "4"] if times[0] == "12" else ["4", "3", "2", "1"]
    assert [str(event.applied["USDT"]) for event in message if isinstance(event, Flow)] == expected


def read_rows(folder: Path, layout: str, *rows: str) -> tuple[object, ...]:
    """The events of a file in its own order, before a merge."""
    history = of_rows(folder, layout, *rows)
    assert troubles(history) == []
    return history.events


@pytest.mark.parametrize("newest_first", [False, True])
def test_rows_of_orders_are_turned_around_too(newest_first: bool) -> None:
    """Each tells a placing and, later, an ending."""
    rows = [(0, 5_000), (5_000, 9_000), (9_000, 9_000)]
    found = oldest_first(
        [
            structs.replace(ORDER, time_ms=TIME + at, source=Source("x", line))
            for line, times in enumerate(reversed(rows) if newest_first else rows, 2)
            for at in times
        ]
    )
    assert [event.time_ms - TIME for event in found] == [0, 5_000, 5_000, 9_000, 9_000, 9_000]


def test_an_export_out_of_order_is_sorted(tmp_path: Path) -> None:
    rows = [row(number, time=f"08:34:{second}") for number, second in enumerate((30, 10, 20, 40), 1)]
    assert trade_ids(of_rows(tmp_path, WEB, *rows)) == ["2", "3", "1", "4"]


def test_equal_rows_of_a_file_without_ids_are_true(tmp_path: Path) -> None:
    older = "2026-03-17 08:34:12,BTCUSDT,BUY,100,1,100,0.05,USDT,0,USDT"
    assert len(of_rows(tmp_path, "trade history/older", older, older).events) == 2
    transfer = "1,2026-03-17 08:34:12,USD-MFutures,transfer_in,USDT,5,"
    assert len(of_rows(tmp_path, "statement/older", transfer, transfer, transfer).events) == 3


# --- what is not read, and said so ------------------------------------------------------------------------


def test_rows_of_other_accounts_in_a_statement_are_one_note(tmp_path: Path) -> None:
    rows = [f"1,2026-03-17 08:34:12,{place},Fee,USDT,-1," for place in ("Spot", "USD-MFutures", "Spot", "Funding")]
    history = of_rows(tmp_path, "statement/older", *rows)
    assert len(history.events) == 1
    assert [problem.message for problem in history.problems] == [
        "statement: 3 rows of other accounts than futures are left out (Funding 1, Spot 2)"
    ]


def test_a_futures_wallet_of_the_other_kind_is_left_out(tmp_path: Path) -> None:
    """Both have their own: what is traded decides, else the number of rows."""
    rows = [
        f"1,2026-03-17 08:34:12,{place},Fee,{asset},-1,"
        for place, asset in [("Coin-MFutures", "BTC")] * 2 + [("USD-MFutures", "BNB")]
    ]
    statement = saved(tmp_path, text("statement/older", *rows), "s.csv")
    assert [event.applied for event in read([statement]).events] == [{"BTC": D(-1)}] * 2
    traded = saved(tmp_path, text(WEB, row(1)))
    history = read([statement, traded])
    assert [event.applied for event in history.events if isinstance(event, Flow)] == [{"BNB": D(-1)}]
    assert any("USD-M futures are explained" in problem.message for problem in history.problems)


def test_new_columns_are_named_once(tmp_path: Path) -> None:
    content = text(WEB, row(1) + ",x", row(2) + ",y").replace(b"Order ID\r", b"Order ID,Mood\r")
    history = read([saved(tmp_path, content)])
    assert trade_ids(history) == ["1", "2"]
    assert troubles(history) == ["trade history: the column `Mood` is not known and was not read"]


def test_a_missing_column_refuses_the_file(tmp_path: Path) -> None:
    content = text(WEB, row(1)).replace(b"Price", b"Prise")
    history = read([saved(tmp_path, content)])
    assert history.events == ()
    (problem,) = history.problems
    assert (problem.place, problem.kind) == ("line 1", "columns")
    assert "the column `Price` is missing (is `Prise` meant?)" in problem.message


@pytest.mark.parametrize("rows", [(), ("No data matches the criteria.",)])
def test_an_export_without_rows(tmp_path: Path, rows: tuple[str, ...]) -> None:
    assert [problem.message for problem in of_rows(tmp_path, WEB, *rows).problems] == [
        "trade history: the export holds no rows"
    ]


def test_each_bad_row_is_named_and_the_rest_counts(tmp_path: Path) -> None:
    shifted = "," + row(2)
    history = of_rows(tmp_path, WEB, row(1), shifted, row(3, price="abc"), row(4))
    assert trade_ids(history) == ["1", "4"]
    found = [problem for problem in history.problems if problem.kind == "unreadable"]
    assert [(problem.place, problem.raw) for problem in found] == [("line 3", shifted), ("line 4", row(3, price="abc"))]


def test_very_many_problems_are_counted(tmp_path: Path) -> None:
    history = of_rows(tmp_path, WEB, *(["x"] * (PROBLEMS_MAX + 5)), row(1))
    assert trade_ids(history) == ["1"]
    assert troubles(history)[-1] == "5 more problems in this file are not listed"


# --- the chosen time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [
        ("2026-03-18", "", ["2", "3"]),
        ("", "2026-03-17", ["1"]),
        ("2026-03-18", "2026-03-18", ["2"]),
        ("2026-03-18T08:34:13", "", ["3"]),
        ("2026-03-18T10:34:12+02:00", "", ["2", "3"]),
        ("", "2026-03-18T08:34:12", ["1"]),
        ("2027-01-01", "", []),
    ],
)
def test_only_a_chosen_time_is_read(tmp_path: Path, start: str, end: str, numbers: list[str]) -> None:
    rows = [row(number).replace("2026-03-17", f"2026-03-{16 + number}") for number in (1, 2, 3)]
    history = of_rows(tmp_path, WEB, *rows, start=start, end=end)
    assert trade_ids(history) == numbers
    notes = [problem.message for problem in history.problems if "left out" in problem.message]
    assert notes == [f"{3 - len(numbers)} rows outside of --from and --to are left out"]


@pytest.mark.parametrize(("start", "end"), [("March", ""), ("", "2026-13-01"), ("2026-03-18", "2026-03-17")])
def test_times_that_make_no_sense(start: str, end: str) -> None:
    with pytest.raises(Exception, match=r"no date or time|nothing lies between"):
        scope_of("", start, end)


# --- archives ---------------------------------------------------------------------------------------------


def zipped(folder: Path, members: dict[str, bytes], name: str = "export.zip", how: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", how) as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content, how)
    return path


def test_every_export_in_an_archive(tmp_path: Path) -> None:
    path = zipped(
        tmp_path, {"b(UTC+0).csv": text(WEB, row(2)), "folder/a(UTC+0).csv": text(WEB, row(1)), "read.txt": b"hello"}
    )
    history = read([path])
    assert trade_ids(history) == ["1", "2"]
    assert {event.source.file for event in history.events} == {f"{path}/b(UTC+0).csv", f"{path}/folder/a(UTC+0).csv"}
    assert troubles(history) == []
    assert [problem.message for problem in history.problems if problem.kind == "ignored"] == ["not a CSV; not read"]


@pytest.mark.parametrize(
    ("archive", "member", "shift"),
    [
        ("x(UTC--6)_abcd1234.zip", "history.csv", 6),
        ("x.zip", "x(UTC+3).csv", -3),
        ("x(UTC--6).zip", "x(UTC+3).csv", -3),
    ],
)
def test_the_zone_of_a_member(tmp_path: Path, archive: str, member: str, shift: int) -> None:
    assert local_times(read([zipped(tmp_path, {member: text(WEB, row(1))}, archive)])) == [shift * 3600]


@pytest.mark.parametrize(
    "member", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv", "\\x.csv"]
)
def test_a_member_outside_of_the_archive_is_refused(tmp_path: Path, member: str) -> None:
    history = read([zipped(tmp_path, {member: text(WEB, row(1)), "good(UTC+0).csv": text(WEB, row(2))})])
    assert trade_ids(history) == ["2"]
    assert kinds(history) == ["refused"]
    assert "path outside of the archive" in troubles(history)[0]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["export.zip"]


def test_an_archive_inside_of_an_archive_is_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path, {"a(UTC+0).csv": text(WEB, row(1))}, "inner.zip").read_bytes()
    history = read([zipped(tmp_path, {"inner.zip": inner})])
    assert history.events == ()
    assert troubles(history) == ["an archive inside of an archive: not read"]


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a(UTC+0).csv": text(WEB, row(1))})
    data = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + at] |= 1
    path.write_bytes(data)
    assert "is encrypted" in troubles(read([path]))[0]


def test_an_unknown_packing_is_refused(tmp_path: Path) -> None:
    """bzip2 and LZMA unpack without a bound in one step."""
    history = read([zipped(tmp_path, {"a(UTC+0).csv": text(WEB, row(1))}, how=zipfile.ZIP_BZIP2)])
    assert "is packed by method 12" in troubles(history)[0]


def test_a_damaged_member_gives_what_is_whole(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a(UTC+0).csv": text(WEB, *(row(number) for number in range(5000)))})
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 0xFF
    path.write_bytes(data)
    history = read([path])
    assert 0 < len(history.events) <= 5000
    assert "cut" in kinds(history)


def test_a_cut_gzip_file_gives_what_is_whole(tmp_path: Path) -> None:
    content = gzip.compress(text(WEB, *(row(number) for number in range(20_000))))
    history = read([saved(tmp_path, content[: len(content) * 2 // 3], "x(UTC+0).csv.gz")])
    assert 0 < len(history.events) < 20_000
    assert "cut" in kinds(history)


def test_no_archive(tmp_path: Path) -> None:
    assert "damaged zip archive" in troubles(read([saved(tmp_path, b"PK\x03\x04nothing", "x.zip")]))[0]
    empty = zipped(tmp_path, {})
    assert troubles(read([empty])) == ["the archive is empty"]


# --- too large --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", ["zip", "gz"])
def test_a_bomb_is_refused(tmp_path: Path, pack: str) -> None:
    """A few kilobytes that unpack to 300 MB of rows: refused by the ratio, with or without a window."""
    content = text(WEB, row(1)) + b"1,2026-03-17 08:34:12,,,,,,,,,,,\r\n" * 1_200_000
    path = (
        zipped(tmp_path, {"a(UTC+0).csv": content})
        if pack == "zip"
        else saved(tmp_path, gzip.compress(content), "a(UTC+0).gz")
    )
    for start in ("", "2026-03-18"):
        history = read([path], start=start)
        assert history.events == ()
        assert f"more than {RATIO_MAX} times larger than packed: a zip bomb" in " ".join(troubles(history))


def test_many_small_members_are_no_way_around_it(tmp_path: Path) -> None:
    content = text(WEB, row(1)) + b"\r\n" * 2_000_000
    path = zipped(tmp_path, {f"{number}(UTC+0).csv": content for number in range(5)})
    history = read([path])
    assert history.events == ()
    (message,) = troubles(history)
    assert "a zip bomb" in message


def test_a_lie_about_the_size_does_not_help(tmp_path: Path) -> None:
    """The declared size is small, the real one is not: the reader stops where the declared text ends."""
    content = text(WEB, row(1)) + b"\r\n" * 40_000_000
    path = zipped(tmp_path, {"a(UTC+0).csv": content})
    data = path.read_bytes()
    path.write_bytes(data.replace(len(content).to_bytes(4, "little"), (300).to_bytes(4, "little")))
    history = read([path])
    assert len(history.events) <= 1
    assert troubles(history)


def sparse(path: Path, head: bytes, size: int) -> Path:
    """A file of this size that holds zeros behind its head, and takes no room."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


@pytest.mark.parametrize("name", ["zeros.csv", "zeros.json"])
def test_two_gigabytes_of_zeros_are_refused_at_once(tmp_path: Path, name: str) -> None:
    path = sparse(tmp_path / name, b"", 2**31)
    history = read([path])
    assert [problem.message for problem in history.problems] == ["not text: it holds zero bytes"]


def test_an_export_over_the_limit_is_refused_at_once_with_a_hint(tmp_path: Path) -> None:
    path = sparse(tmp_path / "x(UTC+0).csv", text(WEB, row(1)), 2**31)
    (message,) = troubles(read([path]))
    assert str(TEXT_MAX) in message
    assert "--from and --to" in message


def test_within_a_window_it_is_read_as_a_stream_and_a_line_without_end_stops_it(tmp_path: Path) -> None:
    path = sparse(tmp_path / "x(UTC+0).csv", text(WEB, row(1)), 2**31)
    (message,) = troubles(read([path], start="2026-01-01"))
    assert f"a line of more than {LINE_MAX} letters" in message


def test_rows_outside_of_a_window_take_no_memory(tmp_path: Path) -> None:
    """5 MB of rows, none of them in the chosen time: what is held is a chunk or two."""
    path = saved(tmp_path, text(WEB, *(row(number) for number in range(70_000))))
    assert path.stat().st_size > 5_000_000
    tracemalloc.start()
    try:
        history = read([path], start="2026-04-01")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert history.events == ()
    assert peak < 3_000_000, peak


def test_json_over_the_limit_is_refused_at_once(tmp_path: Path) -> None:
    path = sparse(tmp_path / "x.json", b'{"e":"' + b"x" * 2**19, 2**31)
    (message,) = troubles(read([path]))
    assert "more than" in message


def test_progress_adds_up_to_the_size_of_the_files(tmp_path: Path) -> None:
    told: list[int] = []
    paths = [
        saved(tmp_path, text(WEB, *(row(number) for number in range(3000)))),
        zipped(tmp_path, {"a(UTC+0).csv": text(WEB, row(1)), "b.txt": b"x" * 1000}),
        saved(tmp_path, gzip.compress(text(WEB, row(5))), "c(UTC+0).csv.gz"),
    ]
    read(paths, told.append)
    assert sum(told) == sum(path.stat().st_size for path in paths)
    assert all(size >= 0 for size in told)


def test_json_files_are_read_as_before(tmp_path: Path) -> None:
    path = saved(tmp_path, b'[{"symbol":"BTCUSDT"}]', "x.json")
    assert read_file(path).source.resolution_ms == 1


def test_positions_are_read(tmp_path: Path) -> None:
    line = "XYZUSDT,Isolated,Short,0.86536,0.85298717,414,414,5.12235,2026-09-14 15:34:00,2026-09-14 16:19:00,Closed"
    (event,) = of_rows(tmp_path, "position history/web", line).events
    assert isinstance(event, PositionClosed)
    assert event.time_ms - event.opened_ms == 45 * 60_000
