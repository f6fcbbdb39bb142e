"""A trigger of which only the minute's candle of the mark is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.stories import START, liquidation, written

MINUTE = START // 60_000 * 60_000 + 60_000
"""The minute that holds the trigger: the story's order comes 60.5 seconds after its start."""
NAME = "markPriceKlines-BTCUSDT-1m.json"


def row(time_ms: int, opens: str, high: str, low: str, close: str) -> list[Any]:
    """A candle as `markPriceKlines` answers it."""
    return [time_ms, opens, high, low, close, "0", time_ms + 59_999, "0", 60, "0", "0", "0"]


def files(folder: Path, *rows: list[Any], name: str = NAME) -> list[str]:
    """The story without its marks, and candles beside it."""
    messages = [each for each in liquidation() if each["e"] != "markPriceUpdate"]
    (folder / name).write_text(json.dumps(rows), encoding="utf-8")
    return [str(written(messages, folder / "story.jsonl")), str(folder / name)]


def explained(paths: list[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(call("explain", "--json", *paths).out)
    return answer


def test_the_minute_is_the_story_s() -> None:
    assert MINUTE <= START + 60_500 < MINUTE + 60_000


def test_a_candle_that_reaches_the_liquidation_price_gives_the_mark(tmp_path: Path) -> None:
    """The trigger lies between low and high; what the venue printed is reached, and the sheet says how it is known."""
    each = explained(files(tmp_path, row(MINUTE, "49000", "49010", "47500", "47700")))["liquidations"][0]
    lower = each["prices"]["liquidation"]["lower"]
    assert float(each["prices"]["mark_at_trigger"]) == pytest.approx(float(lower), abs=1e-9)
    assert each["prices"]["mark_source"] == "the liquidation price, reached within a candle"
    assert each["verdict"]["liquidated"] is True
    trigger = next(finding for finding in each["findings"] if finding["kind"] == "trigger")
    assert trigger["verdict"] == "holds"
    assert "candle-resolution" in trigger["assumptions"]
    assert "candle-resolution" in each["assumptions"]
    assert not [unknown for unknown in each["unknown"] if unknown["term"] == "prices.mark_at_trigger"]


def test_a_candle_that_does_not_reach_it_cannot_tell(tmp_path: Path) -> None:
    """The mark of the second may have gone further than the candle's samples."""
    each = explained(files(tmp_path, row(MINUTE, "49000", "49010", "48000", "48100")))["liquidations"][0]
    assert each["prices"]["mark_at_trigger"] == "48000"
    assert each["verdict"]["liquidated"] is False
    assert next(each["verdict"] for each in each["findings"] if each["kind"] == "trigger") == "cannot tell"


def test_a_candle_wholly_beyond_counts_at_its_nearer_end(tmp_path: Path) -> None:
    each = explained(files(tmp_path, row(MINUTE, "47300", "47400", "47000", "47100")))["liquidations"][0]
    assert each["prices"]["mark_at_trigger"] == "47400"
    assert each["verdict"]["liquidated"] is True


def test_a_candle_of_another_minute_says_nothing(tmp_path: Path) -> None:
    each = explained(files(tmp_path, row(MINUTE - 120_000, "49000", "49010", "47500", "47700")))["liquidations"][0]
    assert each["prices"]["mark_at_trigger"] is None
    assert "one-minute mark candles" in json.dumps(each["unknown"])


def test_the_way_to_the_trigger_is_split_by_candles_too(tmp_path: Path) -> None:
    """The opening of each candle is a mark of that moment."""
    rows = [row(MINUTE - 60_000, "50000", "50000", "49000", "49000"), row(MINUTE, "49000", "49010", "47500", "47700")]
    each = explained(files(tmp_path, *rows))["liquidations"][0]
    assert {term["term"] for term in each["cause"]} == {"mark BTCUSDT"}


@pytest.mark.parametrize(
    ("candle", "text"),
    [
        (row(MINUTE, "49000", "48000", "47500", "47700"), "lies outside"),
        (row(MINUTE, "NaN", "49010", "47500", "47700"), "NaN"),
        ([MINUTE, "49000"], "expected at least 5 columns"),
        (row(MINUTE // 1000, "49000", "49010", "47500", "47700"), "time"),
    ],
)
def test_a_bad_candle_is_named_with_its_text(candle: list[Any], text: str, tmp_path: Path) -> None:
    found = explained(files(tmp_path, candle, row(MINUTE, "49000", "49010", "47500", "47700")))
    problem = next(each for each in found["problems"] if NAME in each["file"])
    assert text in problem["message"]
    assert found["liquidations"][0]["verdict"]["liquidated"] is True


def test_candles_without_a_name_say_how_to_name_them(tmp_path: Path) -> None:
    paths = files(tmp_path, row(MINUTE, "49000", "49010", "47500", "47700"), name="candles.json")
    assert any("markPriceKlines-BTCUSDT-1m.json" in each["message"] for each in explained(paths)["problems"])


def test_two_candles_of_one_minute_that_differ_are_a_contradiction(tmp_path: Path) -> None:
    rows = [row(MINUTE, "49000", "49010", "47500", "47700"), row(MINUTE, "49000", "49020", "47500", "47700")]
    assert any(each["kind"] == "contradiction" for each in explained(files(tmp_path, *rows))["problems"])
