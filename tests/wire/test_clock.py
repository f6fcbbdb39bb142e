"""Times in cells and zones in names: every spelling that exports, spreadsheets and users have."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.wire.clock import BadTime, Clock, NoZone, Undecided, sheet_order
from margincall.wire.zones import UTC_ZONE, BadZone, Zone, is_utc_column, spelled, zone_in_name, zone_named

TIME = 1_773_736_452_000
"""2026-03-17 08:34:12 UTC."""
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "time_ms", "resolution"),
    [
        ("2026-03-17 08:34:12", TIME, 1000),
        ("26-03-17 08:34:12", TIME, 1000),
        (" 2026-03-17 08:34:12 ", TIME, 1000),
        ("2026-03-17T08:34:12", TIME, 1000),
        ("2026-03-17T08:34:12Z", TIME, 1000),
        ("2026-03-17T08:34:12.5Z", TIME + 500, 1),
        ("2026-03-17 08:34:12.123", TIME + 123, 1),
        ("2026-03-17T08:34:12.123456789Z", TIME + 123, 1),
        ("2026-03-17 11:34:12+03:00", TIME, 1000),
        ("2026-03-17T02:34:12-0600", TIME, 1000),
        ("2026-03-17 08:34:12 UTC", TIME, 1000),
        ("1773736452123", TIME + 123, 1),
    ],
)
def test_times(text: str, time_ms: int, resolution: int) -> None:
    clock = Clock()
    assert clock.ms(text) == time_ms
    assert clock.ms(text) == time_ms
    assert clock.resolution_ms == resolution


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("17/03/2026 08:34:12", "day first"),
        ("17.03.2026 08:34:12", "day first"),
        ("17.3.26 8:34:12", "day first"),
        ("17-03-2026 08:34:12", "day first"),
        ("3/17/2026 8:34:12", "month first"),
        ("03/17/2026 08:34:12 AM", "month first"),
        ("3/17/26, 8:34:12 am", "month first"),
    ],
)
def test_dates_of_a_spreadsheet(text: str, order: str) -> None:
    assert sheet_order(text) == order
    assert Clock(UTC_ZONE, order).ms(text) == TIME  # type: ignore[arg-type]
    with pytest.raises(Undecided, match="day first or month first"):
        Clock().ms(text)


def test_noon_and_midnight() -> None:
    clock = Clock(UTC_ZONE, "month first")
    assert clock.ms("3/17/2026 12:00:00 PM") - clock.ms("3/17/2026 12:00:00 AM") == 12 * HOUR


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-17 08:34", "has no seconds"),
        ("17/03/2026 08:34", "has no seconds"),
        ("2026-02-30 08:34:12", "is no date and time that exists"),
        ("2026-03-17 24:34:12", "is no date and time that exists"),
        ("1773736452", "is no time in milliseconds"),
        ("1773736452123456", "is no time in milliseconds"),
        ("yesterday", "is no time"),
        ("", "is no time"),
        ("1.77374E+12", "is no time"),
        ("46098.35708", "is no time"),
        ("1970-01-01 00:00:00", "is no time of any exchange"),
        ("2026-03-17 08:34:1\uff12", "is no time"),
    ],
)
def test_what_is_no_time(text: str, why: str) -> None:
    with pytest.raises(BadTime, match=why):
        Clock(UTC_ZONE, "day first").ms(text)


def test_a_local_time_needs_a_zone_and_others_do_not() -> None:
    clock = Clock(None)
    with pytest.raises(NoZone, match="--tz"):
        clock.ms("2026-03-17 08:34:12")
    assert clock.ms("2026-03-17T08:34:12Z") == TIME
    assert clock.ms("1773736452000") == TIME


BERLIN = zone_named("Europe/Berlin")


def test_an_hour_that_is_left_out() -> None:
    clock = Clock(BERLIN)
    assert clock.ms("2026-03-29 01:59:59") + 1000 == clock.ms("2026-03-29 03:00:00")
    with pytest.raises(BadTime, match="does not exist in Europe/Berlin"):
        clock.ms("2026-03-29 02:30:00")


def test_an_hour_that_occurs_twice_is_a_doubt() -> None:
    clock = Clock(BERLIN)
    assert clock.ms("2025-10-26 01:59:59") + 1000 == clock.ms("2025-10-26 02:00:00")
    assert clock.ms("2025-10-26 03:00:00") - clock.ms("2025-10-26 02:00:00") == 2 * HOUR
    assert clock.doubts == {clock.ms("2025-10-26 02:00:00"): HOUR}


@given(st.datetimes(datetime(2019, 1, 1), datetime(2027, 1, 1)), st.sampled_from(["UTC+3", "UTC-5:30", "Europe/Paris"]))
def test_any_moment_is_read_back(moment: datetime, name: str) -> None:
    """In any order, with the hours that were read before at hand."""
    clock, zone = Clock(zone_named(name)), zone_named(name)
    time_ms = int(moment.replace(tzinfo=UTC).timestamp()) * 1000
    for each in (time_ms, time_ms + 1000, time_ms + HOUR, time_ms):
        local = datetime.fromtimestamp(zone.local_ms(each) / 1000, UTC)
        found = clock.ms(f"{local:%Y-%m-%d %H:%M:%S}")
        assert found == each or (found + HOUR == each and found - found % 60_000 in clock.doubts)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("UTC", 0),
        ("Z", 0),
        ("utc+3", 3),
        ("UTC-6", -6),
        ("GMT+2", 2),
        ("+05:30", 5.5),
        ("-0330", -3.5),
        ("UTC+5.5", 5.5),
        ("UTC+5:45", 5.75),
        ("UTC+530", 5.5),
        ("+14", 14),
    ],
)
def test_offsets(text: str, hours: float) -> None:
    assert zone_named(text).offset_ms == hours * HOUR


@pytest.mark.parametrize("text", ["", " ", "UTC+99", "UTC+3:75", "Atlantis/City", "../etc/passwd", "Europe", "+", "3"])
def test_no_zones(text: str) -> None:
    with pytest.raises(BadZone, match="write an offset"):
        zone_named(text)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Binance-Futures-Trade-History-202608302008(UTC+3)-part1-of1.csv", "UTC+3"),
        ("Binance-Futures-Transaction-History-202603230525(UTC--6)_abcd1234.zip", "UTC-6"),
        ("export(UTC-6).csv", "UTC-6"),
        ("export(UTC+5_30).csv", "UTC+5:30"),
        ("export(UTC--9.5) (1).csv", "UTC-9:30"),
        ("export(UTC).csv", "UTC"),
        ("export(UTC+0).csv", "UTC"),
        ("export.csv", ""),
        ("export(UTC+3)(UTC+4).csv", ""),
        ("export(UTC+99).csv", ""),
        ("export(Berlin).csv", ""),
    ],
)
def test_zones_in_names(name: str, zone: str) -> None:
    found = zone_in_name(name)
    assert (found.name if found else "") == zone
    assert found is None or zone_in_name(f"x({spelled(found)}).csv") == found


@pytest.mark.parametrize(
    ("heading", "is_utc"),
    [
        ("UTC_Time", True),
        ("Time(UTC)", True),
        ("Date(UTC)", True),
        ("Time", False),
        ("Update Time", False),
        ("", False),
    ],
)
def test_zones_over_columns(heading: str, is_utc: bool) -> None:
    assert is_utc_column(heading) is is_utc


def test_offsets_are_as_long_as_the_day() -> None:
    assert Zone("UTC+3", 3 * HOUR).moments(3 * HOUR) == (0,)
