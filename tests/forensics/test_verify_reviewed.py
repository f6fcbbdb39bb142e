"""Inputs that accused an honest venue once, or acquitted one of which nothing was known."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.checks import Finding
from margincall.forensics.answer import answer
from margincall.forensics.verify.check import OPEN, Check, Verified
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from tests.forensics.test_verify_faults import BIG, PLAIN, named, play
from tests.forensics.test_verify_steps import of_one_moment


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A liquidation of three orders."""
    return play(tmp_path_factory.mktemp("big"), BIG)


def told(*paths: Path) -> Verified:
    """What these files tell."""
    return verified(answer(paths, load_book()), list(paths))[0]


def test_rows_of_one_moment_need_not_stand_in_their_order(big: Path, tmp_path: Path) -> None:
    """Two orders in one millisecond, and their two fees the other way round."""
    lines = (big / "alice" / "stream.jsonl").read_text().splitlines()
    times = sorted({int(line.split('"T":')[1].split(",")[0]) for line in lines if '"o":"LIQUIDATION"' in line})
    for path in (big / "alice" / "api").iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace(str(times[1]), str(times[0])))
    rows = json.loads((tmp_path / "income.json").read_text())
    fees = [place for place, row in enumerate(rows) if row["incomeType"] == "INSURANCE_CLEAR"]
    rows[fees[0]], rows[fees[1]] = rows[fees[1]], rows[fees[0]]
    (tmp_path / "income.json").write_text(json.dumps(rows))
    found = told(tmp_path, big / "market")
    assert named(found) == {"closed_too_much"}
    assert [each.verdict for part in found.liquidations for each in part.checks if each.kind == "clearance_fee"] == [
        "holds"
    ] * 3


def liquidated_ms(stream: Path) -> int:
    """When the first order of the venue came."""
    lines = stream.read_text().splitlines()
    return next(int(line.split('"T":')[1].split(",")[0]) for line in lines if '"o":"LIQUIDATION"' in line)


def older(table: str, days: int) -> str:
    """The name of a table that was seen some days before."""
    stem, _, day = table.rpartition("_")
    return f"{stem}_{date.fromisoformat(day.removesuffix('.json')) - timedelta(days=days)}.json"


def test_an_order_that_went_on_by_a_table_of_the_day_before_is_open(big: Path, tmp_path: Path) -> None:
    """The table may have been changed since: nobody is accused, and nobody acquitted."""
    lines = (big / "alice" / "stream.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "stream.jsonl").write_text("".join(of_one_moment(lines)))
    for path in (big / "market").iterdir():
        name = older(path.name, 1) if path.name.startswith("leverageBracket") else path.name
        (tmp_path / name).write_bytes(path.read_bytes())
    found = told(tmp_path)
    assert named(found) == set()
    assert found.liquidations[1].conclusion == OPEN


RATES: list[tuple[str, Callable[[int], list[tuple[int, str]]]]] = [
    ("a change within the month", lambda at: [(at - 20 * 86_400_000, "0.0125"), (at + 19 * 86_400_000, "0.01")]),
    ("below 0", lambda at: [(at, "-0.01")]),
    ("0", lambda at: [(at, "0")]),
]


@pytest.mark.parametrize(("name", "rates"), RATES, ids=[name for name, _ in RATES])
def test_rates_that_do_not_tell_which_was_in_force(
    name: str, rates: Callable[[int], list[tuple[int, str]]], big: Path, tmp_path: Path
) -> None:
    """The highest counts; what is no rate counts as none."""
    stream = big / "alice" / "stream.jsonl"
    at = liquidated_ms(stream)
    for number, (time_ms, rate) in enumerate(rates(at)):
        symbols = [{"symbol": "BTCUSDT", "liquidationFee": rate}]
        (tmp_path / f"{number}.json").write_text(json.dumps({"serverTime": time_ms, "symbols": symbols}))
    market = [path for path in (big / "market").iterdir() if path.name != "exchangeInfo.json"]
    assert named(told(stream, tmp_path, *market)) == set(), name


def test_a_bad_rate_does_not_hide_the_others(big: Path, tmp_path: Path) -> None:
    """It is a problem with its place."""
    symbols = [{"symbol": "BADUSDT", "liquidationFee": "much"}, {"symbol": "BTCUSDT", "liquidationFee": "0.005"}]
    stream = big / "alice" / "stream.jsonl"
    at = liquidated_ms(stream)
    (tmp_path / "exchangeInfo.json").write_text(json.dumps({"serverTime": at, "symbols": symbols}))
    market = [path for path in (big / "market").iterdir() if path.name != "exchangeInfo.json"]
    paths = [stream, tmp_path, *market]
    found, problems = verified(answer(paths, load_book()), paths)
    assert "clearance_fee_base" in named(found)
    assert any("liquidationFee" in each.message for each in problems)


def test_files_of_two_accounts_accuse_nobody(tmp_path: Path) -> None:
    """They contradict themselves: nothing can be told."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    one, other = play(tmp_path / "one", PLAIN), play(tmp_path / "other", PLAIN.replace("30000", "28000"))
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "a.jsonl").write_bytes((one / "alice" / "stream.jsonl").read_bytes())
    (mixed / "b.jsonl").write_bytes((other / "alice" / "stream.jsonl").read_bytes())
    found = told(mixed, one / "market")
    assert named(found) == set()
    assert found.conclusion == OPEN


def test_another_limit_than_the_bankruptcy_price_is_shown_and_accuses_nobody(big: Path, tmp_path: Path) -> None:
    """That the limit is the bankruptcy price is inferred: no rule that is published says it."""
    lines = (big / "alice" / "stream.jsonl").read_text().splitlines()
    messages = [json.loads(line) for line in lines]
    orders = [each["o"] for each in messages if each["e"] == "ORDER_TRADE_UPDATE" and each["o"]["o"] == "LIQUIDATION"]
    for order in orders:
        order["p"] = str(Decimal(order["p"]) - 100)
    (tmp_path / "stream.jsonl").write_text("".join(json.dumps(each) + "\n" for each in messages))
    paths = [tmp_path / "stream.jsonl", big / "market"]
    known = answer(paths, load_book())
    shown = [each.verdict for case in known.explained.cases for each in case.explanation.findings if _is_limit(each)]
    assert "does not hold" in shown
    found, _ = verified(known, paths)
    checks = [each for one in found.liquidations for each in one.checks if _is_limit(each)]
    assert {each.verdict for each in checks} == {"cannot tell"}
    assert all(each.numbers["difference"] for each in checks)
    assert named(found) == set()


def _is_limit(told: Check | Finding) -> bool:
    return told.kind == "limit_price"
