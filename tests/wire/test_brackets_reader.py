"""Bracket tables in every layout that is read, and what is said of those that cannot be."""

import json
from decimal import Decimal
from typing import Any

import pytest

from margincall.core.brackets import Bracket
from margincall.wire.brackets import PrintedTable, read_brackets

ROWS = (
    Bracket(1, Decimal(0), Decimal(5000), Decimal("0.01"), Decimal(0), 50),
    Bracket(2, Decimal(5000), Decimal(25000), Decimal("0.025"), Decimal(75), 20),
)

UM = """[{"symbol": "IOTAUSDT", "notionalCoef": 1.50, "brackets": [
  {"bracket": 1, "initialLeverage": 50, "notionalCap": 5000, "notionalFloor": 0, "maintMarginRatio": 0.01, "cum": 0.0},
  {"bracket": 2, "initialLeverage": 20, "notionalCap": 25000, "notionalFloor": 5000, "maintMarginRatio": 0.025,
   "cum": 75}]}]"""
CM = """[{"symbol": "IOTAUSD_PERP", "brackets": [
  {"bracket": 1, "initialLeverage": 50, "qtyCap": 5000, "qtylFloor": 0, "maintMarginRatio": 0.01, "cum": 0.0},
  {"bracket": 2, "initialLeverage": 20, "qtyCap": 25000, "qtylFloor": 5000, "maintMarginRatio": 0.025, "cum": 75}]}]"""
EVENT = """{"e": "contractInfo", "E": 1669356423908, "s": "IOTAUSDT", "ps": "IOTAUSDT", "ct": "PERPETUAL", "bks": [
  {"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.01, "cf": 0, "mi": 21, "ma": 50},
  {"bs": 2, "bnf": 5000, "bnc": 25000, "mmr": 0.025, "cf": 75, "mi": 11, "ma": 20}]}"""
FREQTRADE_2022_02 = """{"IOTA/USDT": [
  {"tier": 1, "notionalFloor": 0, "notionalCap": 5000, "maintenanceMarginRate": 0.01, "maxLeverage": 50, "info":
   {"bracket": "1", "initialLeverage": "50", "notionalCap": "5000", "notionalFloor": "0", "maintMarginRatio": "0.01",
    "cum": "0.0"}},
  {"tier": 2, "notionalFloor": 5000, "notionalCap": 25000, "maintenanceMarginRate": 0.025, "maxLeverage": 20, "info":
   {"bracket": "2", "initialLeverage": "20", "notionalCap": "25000", "notionalFloor": "5000",
    "maintMarginRatio": "0.025", "cum": "75.0"}}]}"""
FREQTRADE_2022_04 = """{"IOTA/USDT": [
  {"tier": 1, "minNotional": 0, "maxNotional": 5000, "maintenanceMarginRate": 0.01, "maxLeverage": 50, "info":
   {"bracket": "1", "initialLeverage": "50", "maxNotional": "5000", "minNotional": "0", "maintMarginRatio": "0.01",
    "cum": "0.0"}},
  {"tier": 2, "minNotional": 5000, "maxNotional": 25000, "maintenanceMarginRate": 0.025, "maxLeverage": 20, "info":
   {"bracket": "2", "initialLeverage": "20", "maxNotional": "25000", "minNotional": "5000",
    "maintMarginRatio": "0.025", "cum": "75.0"}}]}"""
FREQTRADE_2022_05 = FREQTRADE_2022_02.replace('"tier": 1,', '"tier": 1.0, "currency": "USDT",').replace(
    '"notionalCap": 25000,', '"maxNotional": 2.4999999999999996e4,'
)
FREQTRADE_2024_12 = FREQTRADE_2022_05.replace("IOTA/USDT", "IOTA/USDT:USDT").replace(
    '"currency"', '"symbol": "IOTA/USDT:USDT", "currency"'
)


def read(text: str) -> list[PrintedTable]:
    tables, problems = read_brackets(text.encode(), "f.json")
    assert problems == ()
    return list(tables)


def problem_of(value: object) -> str:
    """The one problem of a file from which nothing is read."""
    text = value if isinstance(value, str) else json.dumps(value)
    tables, (problem,) = read_brackets(text.encode(), "f.json")
    assert tables == ()
    return str(problem)


@pytest.mark.parametrize(
    ("text", "symbol", "venue"),
    [
        (UM, "IOTAUSDT", "binance_usdm"),
        (UM[1:-1], "IOTAUSDT", "binance_usdm"),
        (CM, "IOTAUSD_PERP", "binance_coinm"),
        (CM.replace("qtylFloor", "qtyFloor"), "IOTAUSD_PERP", "binance_coinm"),
        (EVENT, "IOTAUSDT", "binance_usdm"),
        (f'{{"stream": "!contractInfo", "data": {EVENT}}}', "IOTAUSDT", "binance_usdm"),
        (f'[{{"stream": "!contractInfo", "data": {EVENT}}}]', "IOTAUSDT", "binance_usdm"),
        (FREQTRADE_2022_02, "IOTAUSDT", "binance_usdm"),
        (FREQTRADE_2022_04, "IOTAUSDT", "binance_usdm"),
        (FREQTRADE_2022_05, "IOTAUSDT", "binance_usdm"),
        (FREQTRADE_2024_12, "IOTAUSDT", "binance_usdm"),
        (FREQTRADE_2024_12.replace(":USDT", ":USDT-260626"), "IOTAUSDT_260626", "binance_usdm"),
        (FREQTRADE_2024_12.replace("USDT:USDT", "USD:IOTA"), "IOTAUSD_PERP", "binance_coinm"),
    ],
)
def test_every_layout_gives_the_same_rows(text: str, symbol: str, venue: str) -> None:
    (table,) = read(text)
    assert (table.symbol, table.venue, table.rows) == (symbol, venue, ROWS)


def test_the_coefficient_is_kept_for_the_record() -> None:
    assert read(UM)[0].coefficient == Decimal("1.50")
    assert read(CM)[0].coefficient is None


def test_an_event_prints_its_day_and_others_do_not() -> None:
    assert read(EVENT)[0].day == "2022-11-25"
    assert read(UM)[0].day == ""


def test_lines_of_events_are_read_one_by_one() -> None:
    event = EVENT.replace("\n", "")
    later = event.replace("1669356423908", "1676600000000").replace("25000", "50000")
    bare = '{"e": "contractInfo", "E": 1669356423908, "s": "IOTAUSDT", "cs": "SETTLING"}'
    tables, (problem,) = read_brackets("\n".join([event, bare, "{broken", later]).encode(), "f.jsonl")
    assert [(table.day, table.rows[1].cap) for table in tables] == [
        ("2022-11-25", Decimal(25000)),
        ("2023-02-17", Decimal(50000)),
    ]
    assert problem.place == "line 3"


def test_of_events_of_one_day_the_last_counts() -> None:
    event = EVENT.replace("\n", "")
    (table,) = read(event + "\n" + event.replace("25000", "50000"))
    assert table.rows[1].cap == Decimal(50000)


def test_numbers_are_read_to_the_digit() -> None:
    cap = "9223372036854775807"
    (table,) = read(UM.replace("25000", cap).replace("0.01,", "0.0100,"))
    assert table.rows[1].cap == Decimal(cap)
    assert str(table.rows[0].rate) == "0.0100"


def test_the_old_table_per_pair_is_taken_for_the_perpetual_and_noted() -> None:
    tables, (problem,) = read_brackets(CM.replace('"symbol": "IOTAUSD_PERP"', '"pair": "IOTAUSD"').encode(), "f")
    assert [table.symbol for table in tables] == ["IOTAUSD_PERP"]
    assert problem.kind == "pair-table"


def test_unknown_keys_are_named_and_do_not_cost_the_table() -> None:
    tables, (problem,) = read_brackets(UM.replace('"bracket": 1', '"bracket": 1, "surprise": 7').encode(), "f")
    assert len(tables) == 1
    assert problem.kind == "unknown-key"
    assert "surprise" in problem.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cum": None}, "[0].brackets[1].cum: 'null' is not a finite decimal number"),
        ({"cum": "NaN"}, "'NaN' is not a finite decimal number"),
        ({"cum": float("inf")}, "'Infinity' is not a finite decimal number"),
        ({"cum": "1" * 41}, "longer than 40 digits"),
        ({"cum": True}, "'true' is not a finite decimal number"),
        ({"cum": [75]}, "is not a finite decimal number"),
        ({"cum": ""}, "'' is not a finite decimal number"),
        ({"cum": 76}, "IOTAUSDT: row 2: cum 76 breaks the recurrence, which gives 75"),
        ({"notionalFloor": 6000}, "IOTAUSDT: row 2: floor 6000 is not the cap 5000 of the row before"),
        ({"maintMarginRatio": 0.01, "cum": 0}, "IOTAUSDT: row 2: rate 0.01 does not rise above 0.01"),
        ({"maintMarginRatio": 1.5, "cum": 7450}, "IOTAUSDT: row 2: rate 1.5 is not in (0, 1]"),
        ({"notionalCap": 5000}, "IOTAUSDT: row 2: cap 5000 is not above floor 5000"),
        ({"initialLeverage": 2.5}, "2.5 is not a whole number above 0"),
        ({"initialLeverage": 0}, "0 is not a whole number above 0"),
    ],
)
def test_a_broken_row_is_named_with_its_text_and_the_rest_loads(change: dict[str, Any], message: str) -> None:
    value = json.loads(UM) + json.loads(UM.replace("IOTA", "SOL"))
    value[0]["brackets"][1] |= change
    tables, (problem,) = read_brackets(json.dumps(value).encode(), "f.json")
    assert [table.symbol for table in tables] == ["SOLUSDT"]
    assert message in str(problem)
    assert problem.place.startswith("[0].brackets[1]")
    assert "'bracket': '2'" in problem.raw


def test_a_missing_key_is_named() -> None:
    value = json.loads(UM)
    del value[0]["brackets"][0]["cum"]
    assert "f.json: [0].brackets[0]: the row has no `cum`" in problem_of(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "neither leverageBracket"),
        ([], "neither leverageBracket"),
        ("3", "neither leverageBracket"),
        ({"a": 1}, "neither leverageBracket"),
        ([1], "[0]: neither leverageBracket"),
        ({"code": -2015, "msg": "Invalid API-key"}, "an error answer of the venue, not a table: -2015 Invalid API-key"),
        ([{"symbol": "BTCUSDT", "brackets": []}], "BTCUSDT: the table has no rows"),
        ([{"symbol": "BTCUSDT", "brackets": None}], "BTCUSDT: the table has no rows"),
        ([{"symbol": "BTCUSDT", "brackets": [1]}], "[0].brackets[0]: a row must be an object"),
        ([{"symbol": "a b", "brackets": [{}]}], "'a b' is not a symbol"),
        ([{"brackets": [{}]}], "there is no symbol"),
        ({"BTC/USDT": [{"tier": 1}]}, "BTC/USDT[0]: the row has no `notionalFloor`"),
        ('{"e": "contractInfo", "E": "soon", "s": "IOTAUSDT", "bks":' + EVENT.split('"bks":')[1], "not a time"),
    ],
)
def test_what_is_no_table_is_said(value: object, message: str) -> None:
    assert message in problem_of(value)


def test_a_bad_part_of_a_list_does_not_cost_the_others() -> None:
    tables, (problem,) = read_brackets(f"[7, {UM[1:-1]}]".encode(), "f")
    assert [table.symbol for table in tables] == ["IOTAUSDT"]
    assert problem.place == "[0]"


def test_two_tables_of_one_symbol_are_refused_unless_they_are_equal() -> None:
    assert len(read(f"[{UM[1:-1]}, {UM[1:-1]}]")) == 1
    assert "IOTAUSDT stands twice, with different rows" in problem_of(
        f"[{UM[1:-1]}, {UM[1:-1].replace('25000', '50000')}]"
    )


def test_a_key_that_stands_twice_is_refused() -> None:
    assert "stands twice" in problem_of(FREQTRADE_2022_02[:-1] + "," + FREQTRADE_2022_02[1:])


def test_nesting_without_end_is_no_crash() -> None:
    assert "neither" in problem_of('{"stream": "", "data":' * 300 + "1" + "}" * 300)
