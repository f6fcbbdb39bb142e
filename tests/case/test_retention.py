"""Dates of expiry, and the page that lists them."""

from margincall.case.endpoints import evidence
from margincall.case.recover_path import kept
from margincall.case.report import PAGES, click_list
from margincall.case.retention import (
    EXPORTS,
    FORCED,
    INCOME,
    NOW,
    PUBLIC,
    RULES,
    UNFILLED,
    Retention,
    expires_ms,
    in_order_of_expiry,
    longest,
    markdown,
    reach_ms,
)
from margincall.forensics.unknown import EVIDENCE
from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import utc
from tests.sources import ROOT

EVENT = 1_780_000_000_000
PAGE = ROOT / "docs" / "reference" / "retention.md"


def test_days_and_months_are_counted() -> None:
    """Months by the calendar."""
    assert utc(EVENT) == "2026-05-28 20:26:40 UTC"
    assert utc(expires_ms(UNFILLED, EVENT)) == "2026-05-31 20:26:40 UTC"
    assert utc(expires_ms(FORCED, EVENT)) == "2026-08-26 20:26:40 UTC"
    assert utc(expires_ms(INCOME, EVENT)) == "2026-08-28 20:26:40 UTC"
    assert utc(reach_ms(INCOME, EVENT)) == "2026-02-28 20:26:40 UTC"
    assert utc(expires_ms(NOW, EVENT)) == utc(EVENT)


def test_a_month_without_that_day_ends_on_its_last() -> None:
    """31 May less three months is 28 February, in a leap year the 29th."""
    rule = Retention("x", months=3)
    may_2026, may_2024 = 1_780_185_600_000, 1_717_113_600_000
    assert utc(reach_ms(rule, may_2026)) == "2026-02-28 00:00:00 UTC"
    assert utc(reach_ms(rule, may_2024)) == "2024-02-29 00:00:00 UTC"
    assert utc(expires_ms(PUBLIC, may_2026)).startswith("2126-")


def test_how_long_exports_reach_is_not_published() -> None:
    """A year is the span of one download: an event of ten years ago is never listed as gone from them."""
    assert EXPORTS.assumed
    assert EXPORTS.words == PUBLIC.words == "no limit is published"
    assert "one spans at most a year" in EXPORTS.what
    assert all(not each.what.startswith("exports") for each in kept(EVENT, EVENT + 3_650 * DAY_MS))
    assert expires_ms(EXPORTS, EVENT) > EVENT + 3_650 * DAY_MS


def test_the_order_is_that_of_expiry() -> None:
    """What is gone at once, after 3, 30, 90 days, three months, without a known end."""
    lengths = [rule.days or rule.months * 31 for _, rule in in_order_of_expiry()]
    assert lengths == sorted(lengths)
    assert longest("allOrders").days == 90
    assert [rule.days for rule in RULES["allOrders"]] == [3, 90]


def test_evidence_is_called_as_the_explanation_calls_it() -> None:
    """One vocabulary."""
    for market in ("fapi", "dapi"):
        assert {kind for kinds in evidence(market).values() for kind in kinds} <= set(EVIDENCE)
    assert {kind for kinds in evidence("fapi").values() for kind in kinds} == set(EVIDENCE)


def test_the_click_list_is_in_order_and_dated() -> None:
    """What is gone first stands first."""
    found = click_list(EVENT)
    dates = [each.expires_ms or 0 for each in found]
    assert dates == sorted(dates)
    assert {name for name, _ in PAGES} <= set(RULES)
    assert any("Order History" in each.where and each.expires_ms == expires_ms(UNFILLED, EVENT) for each in found)


def test_the_committed_page_is_the_table() -> None:
    """Change a rule, and the page is written anew: `python -m tests.case.test_retention`."""
    assert PAGE.read_text(encoding="utf-8") == markdown()


if __name__ == "__main__":
    PAGE.write_text(markdown(), encoding="utf-8")
