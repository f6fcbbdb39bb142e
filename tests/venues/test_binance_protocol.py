"""The dated rules of index, mark and funding."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from margincall.core.protocol.funding import funding_rate
from margincall.venues.binance_protocol import funding_rules, index_rules, interval_rules, mark_rules

D = Decimal


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("time", "method", "seconds", "points"),
    [
        ("2020-03-12T12:00", "price-1", None, None),
        ("2021-05-19T13:00", "median", 1800, 30),
        ("2024-04-03T05:59", "median", 1800, 30),
        ("2024-04-03T06:00", "median", 150, 30),
        ("2025-02-03T02:00", "median", 60, 60),
        ("2025-09-18T08:00", "median", 60, 60),
        ("2025-09-18T08:01", "median", 30, 30),
    ],
)
def test_the_window_of_the_day(time: str, method: str, seconds: int | None, points: int | None) -> None:
    rules = mark_rules(ms(time))
    assert rules.method == method
    window = rules.window
    assert (window and window.points) == points
    assert (window and window.points * window.interval_ms // 1000) == seconds


def test_delivery_contracts_have_no_median() -> None:
    assert mark_rules(ms("2026-01-01"), delivery=True).method == "price-2"
    assert mark_rules(ms("2026-01-01"), method="last-price-protected").method == "last-price-protected"


def test_the_band_of_outliers() -> None:
    assert (index_rules("BTCUSDT").band, index_rules("WIFUSDT").band) == (D("0.01"), D("0.03"))


def test_funding_of_the_day() -> None:
    """PUMPUSDT, every four hours: half since 2025-09-18 08:01 UTC. BTC's cap is 0.3 %, others' 2 %, unless they are
    printed; ETHBTC has no interest."""
    rates = [
        funding_rate(D("0.002"), funding_rules("PUMPUSDT", ms(time), hours=4, first_rate=D("0.01"))).rate
        for time in ("2025-09-18T08:00", "2025-09-18T08:01")
    ]
    assert rates == [D("0.0015"), D("0.00075")]
    now = ms("2026-06-01")
    assert funding_rules("BTCUSDT", now, hours=8, first_rate=D("0.004")).cap == D("0.003")
    assert funding_rules("WIFUSDT", now, hours=4, first_rate=D("0.01")).floor == D("-0.02")
    printed = funding_rules("WIFUSDT", now, hours=4, first_rate=D("0.01"), bounds=(D("-0.03"), D("0.01")))
    assert (printed.floor, printed.cap) == (D("-0.03"), D("0.01"))
    assert funding_rules("ETHBTC", now, hours=8, first_rate=D("0.005")).interest == 0


def test_intervals_change_by_themselves_since_2025() -> None:
    assert interval_rules(ms("2025-05-02T07:59")) is None
    before, after = interval_rules(ms("2025-05-02T08:00")), interval_rules(ms("2026-01-02T12:00"))
    assert before is not None
    assert after is not None
    assert (before.calm_cycles, after.calm_cycles) == (None, 16)
