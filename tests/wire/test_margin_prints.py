"""Maintenance margins that the venue printed to the user."""

import json
from decimal import Decimal

import pytest

from margincall.venues.embedded import embedded_book
from margincall.venues.infer import MarginPrint, infer
from margincall.wire.margin_prints import read_margin_prints

CALL = {
    "e": "MARGIN_CALL",
    "E": 1587727187525,
    "p": [{"s": "ETHUSDT", "ps": "LONG", "pa": "1.327", "mp": "187.17127", "up": "-1.166074", "mm": "1.614445"}],
}
COMP = {"symbol": "COMPUSDT", "positionAmt": "-0.500", "notional": "-49.72023376", "maintMargin": "0.49720233"}
FLAT = {"symbol": "BTCUSDT", "positionAmt": "0.000", "notional": "0", "maintMargin": "0", "liquidationPrice": "0"}


def read(value: object, day: str = "") -> list[MarginPrint]:
    prints, problems = read_margin_prints(json.dumps(value).encode(), "f", day)
    assert problems == ()
    return list(prints)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([COMP], "[0]"),
        ({"positions": [FLAT, COMP], "assets": []}, "positions[1]"),
        ({"stream": "x", "data": [COMP]}, "data[0]"),
        ([{"symbol": "COMP/USDT:USDT", "contracts": 0.5, "info": COMP}], "[0].info"),
        ({"id": 1, "result": [COMP]}, "result[0]"),
    ],
)
def test_positions_are_found_wherever_they_stand(value: object, place: str) -> None:
    (found,) = read(value, "2024-01-01")
    assert (found.symbol, found.field, found.place, found.day) == ("COMPUSDT", "maintMargin", place, "2024-01-01")
    assert (found.notional.low, found.notional.high) == (Decimal("49.72023376"), Decimal("49.72023377"))
    assert (found.maintenance.low, found.maintenance.high) == (Decimal("0.49720233"), Decimal("0.49720234"))


def test_a_margin_call_prints_its_own_day_and_the_mark() -> None:
    (found,) = read(CALL, "2024-01-01")
    assert (found.symbol, found.field, found.day) == ("ETHUSDT", "mm", "2020-04-24")
    assert found.notional.low == Decimal("1.327") * Decimal("187.17127")
    assert found.maintenance.high == Decimal("1.614446")


def test_a_liquidation_price_of_an_isolated_position_is_a_print() -> None:
    """A production value: 2 contracts at 37,643.10000021 with 0.00268058 BTC are liquidated at 25,119.97445760
    under 0.4 %. The margin printed at a mark of 36,000 holds the loss so far."""
    row = {
        "symbol": "BTCUSD_PERP",
        "positionAmt": "2",
        "markPrice": "36000.00000000",
        "liquidationPrice": "25119.97445760",
        "marginType": "isolated",
        "isolatedMargin": "0.00243808",
    }
    (found,) = read([row])
    assert found.field == "liquidationPrice"
    (inferred,) = infer([found], embedded_book(["BTCUSD_PERP"]))
    (line,) = inferred.lines
    assert (line.rates.low - Decimal("0.000001"), line.rates.high + Decimal("0.000001")) > (0, 0)
    assert line.rates.low < Decimal("0.004") < line.rates.high
    assert inferred.matches[0].agreeing


def test_a_linear_isolated_position_gives_the_row_at_its_liquidation_price() -> None:
    """Long 1 BTC from 30,000 with 3,000 USDT: at 27,000 / (1 − 0.4 %) the balance is 0.4 % of the notional."""
    row = {
        "symbol": "BTCUSDT",
        "positionAmt": "1.000",
        "markPrice": "29000.00000000",
        "liquidationPrice": "27108.43373493",
        "isolatedMargin": "2000.00000000",
    }
    (found,) = read([row])
    (inferred,) = infer([found], embedded_book(["BTCUSDT"]))
    assert (inferred.lines[0].rate, inferred.lines[0].cum) == (Decimal("0.004"), Decimal(0))


def test_a_cross_position_tells_nothing_by_its_liquidation_price() -> None:
    row = {"symbol": "BTCUSDT", "positionAmt": "1", "markPrice": "2.0", "liquidationPrice": "1.0"}
    assert read([row | {"isolatedMargin": "0.00000000"}]) == []


@pytest.mark.parametrize("value", [[], {}, [FLAT], {"a": {"b": [1, "x", None]}}, [{"symbol": "BTCUSDT"}], 7])
def test_without_an_open_position_there_is_no_print(value: object) -> None:
    assert read(value) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maintMargin": "NaN"}, "'NaN' is not a finite"),
        ({"notional": "1_0"}, "'1_0' is not a finite"),
        ({"positionAmt": "1" * 41}, "longer than 40 digits"),
        ({"maintMargin": "50.0"}, "'50.0' is no maintenance margin of a notional of 49.72023376"),
        ({"notional": "1" + "0" * 30}, "too large for a notional"),
        ({"symbol": "NOTHING"}, "NOTHING is not a symbol of a known venue"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(change: dict[str, str], message: str) -> None:
    prints, (problem,) = read_margin_prints(json.dumps([COMP | change, COMP]).encode(), "f")
    assert len(prints) == 1
    assert problem.place == "[0]"
    assert message in problem.message


def test_a_file_that_is_no_json_is_a_problem() -> None:
    prints, (problem,) = read_margin_prints(b"symbol,notional\n", "f")
    assert prints == ()
    assert "not JSON" in problem.message


def test_deep_nesting_is_left_alone() -> None:
    value: object = [COMP]
    for _ in range(50):
        value = {"data": value}
    assert read(value) == []
