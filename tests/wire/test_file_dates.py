"""Days in file names and in printed times."""

import pytest

from margincall.wire.file_dates import VERSION_DATE, day_in_name, day_of_time


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("tiers_2022-02-16_124532a4.json.gz", "2022-02-16"),
        ("brackets-20240808.json", "2024-08-08"),
        ("2024_10_24 brackets.json", "2024-10-24"),
        ("brackets.2024.10.24.json", "2024-10-24"),
        ("2024-10-24_to_2024-10-24.json", "2024-10-24"),
    ],
)
def test_a_date_is_found(name: str, day: str) -> None:
    assert day_in_name(name) == (day, ())


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("tiers_pypi_freqtrade-2024.12.json.gz", "2024-12-01"),
        ("freqtrade-2025.6.json", "2025-06-01"),
        ("freqtrade-2024.7.1.json", "2024-07-01"),
    ],
)
def test_a_package_version_is_the_first_of_its_month_and_assumed(name: str, day: str) -> None:
    assert day_in_name(name) == (day, (VERSION_DATE,))


@pytest.mark.parametrize(
    "name",
    [
        "brackets.json",
        "2024-13-01.json",
        "2024-02-30.json",
        "a-2024-01-01-b-2024-02-01.json",
        "BTCUSDT_260626.json",
        "tiers_124532a4.json",
        "id-120240101.json",
        "freqtrade-2024.13.json",
        "12024.12.json",
    ],
)
def test_without_exactly_one_date_there_is_none(name: str) -> None:
    assert day_in_name(name) is None


@pytest.mark.parametrize(
    ("time_ms", "day"),
    [
        ("1669356423908", "2022-11-25"),
        ("1669356423", ""),
        ("1669356423908000", ""),
        ("soon", ""),
        (None, ""),
        ("٣" * 13, ""),
    ],
)
def test_a_time_in_milliseconds_gives_its_utc_day(time_ms: str | None, day: str) -> None:
    assert day_of_time(time_ms) == day
