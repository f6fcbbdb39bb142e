"""The facts of reports, and that page, PDF and JSON say the same."""

import json
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.case.reporting.document import ReportDocument, json_schema, report_document
from margincall.case.reporting.facts import FillGroup, MoneyDrawing, Point, PriceDrawing, RatioDrawing
from margincall.case.reporting.page import html_of
from margincall.case.reporting.palette import THEMES
from margincall.case.reporting.paper import pdf_of
from margincall.case.reporting.thinning import column_of, grouped, thinned
from margincall.case.reporting.wording import brief, brief_percent, brief_price
from margincall.core.checks import UNCLEAR
from margincall.core.units import ZERO
from margincall.forensics.verify.check import DEBIT
from tests.case import many_fills
from tests.case.reports import (
    ACCOUNTS,
    charts,
    facts,
    facts_of,
    html,
    material_of,
    paper,
    paths_of,
    pdf_text,
    squeezed,
    texts,
)
from tests.case.reports import Page as Read
from tests.sources import ROOT

SCHEMA = ROOT / "docs" / "reference" / "report.schema.json"
SIZE_MAX = 5_000_000
LEAST_CONTRAST = 4.5


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_page_pdf_and_json_say_the_same(scenario: str) -> None:
    """Every text of the JSON answer stands in the page and in the PDF."""
    found = facts(scenario)
    said = set(texts(report_document(found)))
    assert len(said) > 100
    page = squeezed(Read(html(scenario)).text)
    assert [each for each in sorted(said) if squeezed(each) not in page] == []
    assert [each for each in sorted(said) if squeezed(each) not in paper(scenario)] == []


def test_the_comparison_can_fail() -> None:
    """A text that is in one rendering only is found."""
    found = facts("plain_liquidation")
    other = msgspec.structs.replace(found, warning="a text that no rendering holds")
    page = squeezed(Read(html("plain_liquidation")).text)
    assert [each for each in texts(report_document(other)) if squeezed(each) not in page] == [other.warning]


def test_the_labels_of_charts_are_those_of_the_facts() -> None:
    """Levels and bars are labelled in the drawings of the page and of the PDF with the texts of the facts."""
    found = facts("plain_liquidation")
    shown = charts(found)
    price, money = shown["closing-1-price-whole"].drawing, shown["closing-1-money"].drawing
    assert isinstance(price, PriceDrawing)
    assert isinstance(money, MoneyDrawing)
    labels = [level.text for level in price.levels] + [bar.text for bar in money.bars]
    assert len(labels) == 8
    page, text = squeezed(Read(html("plain_liquidation")).text), paper("plain_liquidation")
    assert [each for each in labels if squeezed(each) not in page or squeezed(each) not in text] == []


def test_the_verdict_stands_first() -> None:
    """Of the liquidation that was right, and of the one that was not."""
    right, wrong = facts("plain_liquidation").verdict, facts("wrong_liquidation").verdict
    assert right.badge.startswith("Nothing irregular found")
    assert (wrong.badge, wrong.tone) == ("Irregular", "bad")
    assert (
        "At that moment 312.8912474 USDT were there (margin balance), and 157.36 USDT were needed to stay open "
        "(maintenance margin): enough, so the trigger was NOT reached."
    ) in wrong.says[0]
    assert [tile.text for tile in wrong.tiles][:4] == ["312.89 USDT", "157.36 USDT", "50.29 %", "49,175"]
    assert wrong.tables[0].rows[0][0] == "✗ the venue applied other brackets than those in force"
    page = html("wrong_liquidation")
    assert page.index("the trigger was NOT reached") < page.index("<figure>")


def test_the_price_path() -> None:
    """Levels are those of the explanation; fills, stop and trigger are on it."""
    drawing = charts(facts("plain_liquidation"))["closing-1-price-whole"].drawing
    assert isinstance(drawing, PriceDrawing)
    assert {level.kind: level.price for level in drawing.levels} == {
        "entry": D("50016.075"),
        "liquidation": D("48987.03116214"),
        "bankruptcy": D("48791.0830375"),
    }
    assert (drawing.survives_from, drawing.survives_to) == (D("48987.031162148595"), None)
    assert {group.kind: (group.count, group.quantity) for group in drawing.fills} == {
        "bought": (2, D("1.6")),
        "liquidation": (2, D("1.6")),
    }
    assert [(stop.price, stop.ended) for stop in drawing.stops] == [(D(48500), "expired")]
    assert drawing.trigger is not None
    assert drawing.order_ms - drawing.trigger.end_ms == 137


def test_numbers_are_called_what_they_are() -> None:
    """No number of a check is `derived`: it is due, a limit, the least, or what was held."""
    rows = [
        row for part in facts("plain_liquidation").parts for table in part.tables for row in table.rows
        if table.columns[0] == "check"
    ]  # fmt: skip
    assert [row for row in rows if "derived" in row[2]] == []
    said = {row[0][2:]: row[2] for row in rows}
    assert said["limit is the bankruptcy price"].startswith("limit 48,791.1, bankruptcy price 48,791.0830375")
    assert said["fills within the limit"].startswith("filled at 48,933.9, limit 48,791.1")
    assert said["clearance fee and its base"].startswith("charged 225.41248475, ")
    assert ", due 225.41248475" in said["clearance fee and its base"]
    assert said["no more closed than allowed"] == "closed 1.6, held 1.6"
    assert said["balance after"].startswith("left 0, at least 0")
    assert said["open orders cancelled first"].startswith("cancelled 1, open before 1")


def test_a_long_life_has_a_close_up() -> None:
    """The last moments are drawn apart where the whole is much longer, and only there."""
    assert "closing-1-price-near" in charts(facts("hedge_dies_upwards"))
    assert "closing-1-price-near" not in charts(facts("plain_liquidation"))


@pytest.mark.parametrize("scenario", ["plain_liquidation", "wrong_liquidation", "two_longs"])
def test_the_ratio_reached_is_that_of_the_verdict(scenario: str) -> None:
    """The first ratio from 100 % on, or the highest where it was never reached, is that of the verdict sheet."""
    ratio = material_of(paths_of(scenario)).answer.explained.cases[0].explanation.verdict.margin_ratio
    chart = charts(facts(scenario))["closing-1-ratio"]
    is_reached = scenario != "wrong_liquidation"
    assert ("it did not reach 100 %" in chart.says) != is_reached
    assert f"{'with' if is_reached else 'at most'} {brief_percent(ratio)}" in chart.says
    assert isinstance(chart.drawing, RatioDrawing)
    assert any(point.value >= 1 for point in chart.drawing.line) == is_reached


def test_the_ratio_is_that_of_all_positions_of_the_pool() -> None:
    """Of two positions that share a wallet: with the second one the ratio rises from 7.25 to 11.85 %."""
    table = charts(facts("two_longs"))["closing-1-ratio"].values
    assert table.rows[1] == (
        "2", "2026-09-20 12:00:40.137 UTC", "buy 16.666 ETHUSDT at 3000.14", "7.25 %", "11.85 %", "+4.6 points",
    )  # fmt: skip


def test_an_order_that_goes_on_is_drawn_once() -> None:
    """Its chapter says where it is drawn."""
    parts = {part.key: part for part in facts("two_longs").parts}
    assert parts["closing-3-price"].charts == ()
    assert parts["closing-3-price"].says == ("Drawn with order 7325, which it goes on with.",)
    assert "closing-3-ratio" not in parts


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_the_bars_of_the_money_follow_each_other(scenario: str) -> None:
    """Each step begins where the one before ended, and the last sum is what the steps leave."""
    for chart in charts(facts(scenario)).values():
        if isinstance(chart.drawing, MoneyDrawing):
            bars = chart.drawing.bars
            steps = [bar for bar in bars if not bar.is_sum]
            assert all(one.end == other.start for one, other in pairwise(steps))
            if bars[0].is_sum:
                assert steps[0].start == bars[0].end
                left = sum((bar.end for bar in bars[1:] if bar.is_sum), ZERO)
                assert steps[-1].end == left


def test_files_without_prices_draw_nothing_and_say_so() -> None:
    """From the CSV exports alone: fills are drawn, no ratio, and the chart says that no mark is known."""
    found = facts_of(material_of(paths_of("plain_liquidation", "csv")[:1]))
    shown = charts(found)
    assert "No file holds mark prices of that time." in shown["closing-1-price-whole"].says
    assert "closing-1-ratio" not in shown
    assert Read(html_of(found)).flaws == []
    assert pdf_of(found).startswith(b"%PDF")


def test_nothing_found_is_a_report_too(tmp_path: Path) -> None:
    """A history without a liquidation: it says so, and colours nothing."""
    story = tmp_path / "story.jsonl"
    story.write_text("\n".join(json.dumps(each) for each in list(many_fills.messages(1500))[:40]), encoding="utf-8")
    found = facts_of(material_of([story]))
    assert (found.title, found.verdict.tone, found.verdict.badge) == ("No liquidation found", "plain", "")
    assert found.warning in Read(html_of(found)).text
    assert pdf_of(found).startswith(b"%PDF")


def test_one_of_several_can_be_chosen() -> None:
    """Its chapters, its recovery, and no other's."""
    found = facts_of(material_of(paths_of("two_longs"), cases=(1,)))
    assert found.title == "Liquidation of ETHUSDT"
    assert [chart.key for part in found.parts for chart in part.charts] == [
        "closing-1-price-whole", "closing-1-ratio", "closing-1-money",
    ]  # fmt: skip


def test_the_committed_schema_is_the_types() -> None:
    """Change the types, and the schema is written anew: `python -m tests.case.test_report`."""
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize("scenario", ACCOUNTS)
def test_the_answer_for_programs_keeps_to_the_schema(scenario: str) -> None:
    """It reads back into the types, without a loss."""
    said = report_document(facts(scenario))
    back = msgspec.json.decode(msgspec.json.encode(said), type=ReportDocument, strict=False)
    assert back.parts == facts(scenario).parts
    assert said["schema"] == "margincall.report/1"


def test_colours_can_be_read() -> None:
    """Text of every colour has a contrast of at least 4.5 to the ground and panels, in both themes (WCAG 2.2, AA)."""
    grounds = ("ground", "panel")
    for theme in THEMES.values():
        weak = [
            role
            for role, colour in theme.items()
            if role not in (*grounds, "rule", "last")
            and min(_contrast(colour, theme[ground]) for ground in grounds) < LEAST_CONTRAST
        ]
        assert weak == []


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


POINTS = st.lists(st.tuples(st.integers(0, 999), st.integers(-50, 50)), max_size=60).map(
    lambda pairs: [Point(time, D(value)) for time, value in sorted(pairs, key=lambda pair: pair[0])]
)


@given(POINTS)
def test_a_thinned_line_keeps_each_columns_ends_and_extremes(points: list[Point]) -> None:
    """Of every column: the same first, lowest, highest and last value, in order, and at most four points."""
    columns = 10
    found = thinned(points, 0, 999, columns)
    assert [point for point in found if point not in points] == []
    for column in range(columns):
        whole, kept = (
            [point.value for point in each if column_of(point.time_ms, 0, 999, columns) == column]
            for each in (points, found)
        )
        assert len(kept) <= 4
        assert bool(whole) == bool(kept)
        if whole:
            assert (kept[0], min(kept), max(kept), kept[-1]) == (whole[0], min(whole), max(whole), whole[-1])


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 50)), max_size=60))
def test_grouped_fills_add_up(pairs: list[tuple[int, int]]) -> None:
    """No fill is lost, and prices span all of them."""
    fills = [FillGroup("bought", time, D(price), D(price), 1, D(price)) for time, price in sorted(pairs)]
    found = grouped(fills, 0, 999, 10)
    assert sum(group.count for group in found) == len(fills)
    assert sum(group.quantity for group in found) == sum(price for _, price in pairs)
    if fills:
        assert min(group.low for group in found) == min(fill.low for fill in fills)
        assert max(group.high for group in found) == max(fill.high for fill in fills)


def test_labels_are_brief() -> None:
    """Cents; small ones with four digits; prices with seven; shares with two decimals."""
    assert [brief(D(each)) for each in ("1234.5678", "0", "-0.00012345", "0.005")] == [
        "1,234.57", "0.00", "-0.0001234", "0.005",
    ]  # fmt: skip
    assert [brief_price(D(each)) for each in ("48987.03116214", "0.000012345678", "50000", "123456789.5")] == [
        "48,987.03", "0.000012", "50,000", "123,456,790",
    ]  # fmt: skip
    assert [brief_percent(D(each)) for each in ("1.0016864", "0", "10", "42986840853.33")] == [
        "100.17 %", "0.00 %", "over 1,000 %", "over 1,000 %",
    ]  # fmt: skip


@pytest.mark.slow
def test_fifty_thousand_fills_fit(tmp_path: Path) -> None:
    """The page stays below 5 MB, every fill is counted, and the renderings agree."""
    found = facts_of(material_of([many_fills.story(tmp_path / "story.jsonl", 50_000)]))
    page = html_of(found)
    assert len(page.encode()) <= SIZE_MAX
    drawing = charts(found)["closing-1-price-whole"].drawing
    assert isinstance(drawing, PriceDrawing)
    assert sum(group.count for group in drawing.fills) == 50_001
    assert len(drawing.mark) <= 4 * 360
    printed = pdf_of(found)
    assert len(printed) <= SIZE_MAX
    said = set(texts(report_document(found)))
    text, other = squeezed(Read(page).text), pdf_text(printed, f"{found.title}, {found.subtitle}")
    assert [each for each in sorted(said) if squeezed(each) not in text or squeezed(each) not in other] == []


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def test_a_debit_without_a_reason_leaves_the_page_open_too() -> None:
    """As it leaves the verdict of everything: what is asked of the venue stands first."""
    material = material_of(paths_of("plain_liquidation", "stream.jsonl"))
    own = material.verified
    assert own.conclusion == "nothing irregular found"
    debit = msgspec.structs.replace(own.checks[0], kind=DEBIT, verdict=UNCLEAR)
    charged = msgspec.structs.replace(own, checks=(*own.checks, debit))
    found = facts_of(msgspec.structs.replace(material, verified=charged)).verdict
    assert charged.conclusion == "cannot tell"
    assert (found.badge, found.tone) == ("Cannot tell", "open")
    assert any("asks the venue" in each for each in found.says)
