"""Whatever JSON a file holds, the readers of brackets and of printed margins answer; they never raise."""

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from margincall.cli.bracket_views import inference_sections, inference_value
from margincall.core.brackets import BracketTable, envelope, maintenance, problems
from margincall.core.units import Notional
from margincall.venues.embedded import embedded_book
from margincall.venues.infer import infer
from margincall.wire.brackets import read_brackets
from margincall.wire.margin_prints import read_margin_prints
from tests.accept.brackets_all import differences

TABLE_KEYS = ["symbol", "pair", "brackets", "bracket", "tier", "info", "e", "E", "s", "bks", "stream", "data", "cum"]
ROW_KEYS = [
    "notionalFloor",
    "notionalCap",
    "maintMarginRatio",
    "qtyCap",
    "qtylFloor",
    "initialLeverage",
    "notionalCoef",
]
PRINT_KEYS = [
    "positionAmt",
    "notional",
    "maintMargin",
    "markPrice",
    "liquidationPrice",
    "isolatedMargin",
    "pa",
    "mp",
    "mm",
]
KEYS = [*TABLE_KEYS, *ROW_KEYS, *PRINT_KEYS, "p", "code", "msg", "BTC/USDT", "BTCUSDT", "x"]
WORDS = [
    "BTCUSDT",
    "BTCUSD_PERP",
    "BTC/USD:BTC",
    "contractInfo",
    "MARGIN_CALL",
    "1669356423908",
    "0",
    "5000",
    "0.01",
    "",
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-10, 10**20), st.floats(), st.sampled_from(WORDS), st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8),
    max_leaves=25,
)
BOOK = embedded_book(["BTCUSDT", "BTCUSD_PERP"])


@given(VALUES)
def test_any_json_gives_sound_tables_or_problems(value: object) -> None:
    tables, found = read_brackets(json.dumps(value).encode(), "f")
    assert all(problems(table.rows) == [] for table in tables)
    assert all(len(problem.raw) <= 200 for problem in found)


@given(VALUES)
def test_any_json_gives_prints_or_problems(value: object) -> None:
    prints, _ = read_margin_prints(json.dumps(value).encode(), "f")
    for each in infer(prints, BOOK):
        assert len(each.matches) <= len(prints)


NUMBERS = st.one_of(
    st.decimals("-1e6", "1e6", places=8),
    st.sampled_from([Decimal("1e39"), Decimal("1e-38"), Decimal("-1e39"), Decimal(0)]),
).map(lambda number: f"{number:f}")
POSITIONS = st.fixed_dictionaries(
    {"symbol": st.sampled_from(["BTCUSDT", "BTCUSD_PERP"]), "positionAmt": NUMBERS},
    optional=dict.fromkeys(PRINT_KEYS[1:6], NUMBERS),
)


@given(st.lists(POSITIONS, max_size=4))
def test_any_numbers_of_positions_give_prints_or_problems(positions: list[dict[str, str]]) -> None:
    prints, found = read_margin_prints(json.dumps(positions).encode(), "f", "2021-02-01")
    assert len(found) <= len(positions)
    for inference in infer(prints, BOOK):
        assert inference_value(inference)
        assert list(inference_sections(inference))


LADDERS = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 800)), min_size=1, max_size=12)
"""Widths of rows, and steps of their rates in units of 0.01 %."""


@given(LADDERS, st.decimals("0", "2e10", places=8))
def test_every_sound_ladder_is_read_and_its_envelope_is_the_row_in_force(
    ladder: list[tuple[int, int]], notional: Decimal
) -> None:
    rows: list[dict[str, str]] = []
    floor = rate = cum = Decimal(0)
    for width, step in ladder:
        rise = Decimal(step) / 10_000
        cum += floor * rise
        rate += rise
        row = {"notionalFloor": floor, "notionalCap": floor + width, "maintMarginRatio": rate, "cum": cum}
        rows.append({key: f"{number:f}" for key, number in row.items()})
        floor += width
    (table,), found = read_brackets(json.dumps({"symbol": "BTCUSDT", "brackets": rows}).encode(), "f")
    assert found == ()
    proven = BracketTable("BTCUSDT", table.rows, "", "")
    assert list(differences(proven)) == []
    assert envelope(proven.rows, notional) == maintenance(proven, Notional(notional))
