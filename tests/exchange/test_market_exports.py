"""What the market shows: marks by rule with what they are made of, trades, the fund's balance, funding rates."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.core.protocol.mark import median
from margincall.core.protocol.moves import FUND
from margincall.exchange.events import Trade
from margincall.exchange.exports import write_all
from margincall.exchange.market_exports import trades
from margincall.exchange.play import Played, play
from margincall.exchange.scenario import read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.history.read import read
from margincall.venues.embedded import embedded_book

D = Decimal
BY_RULE = """
name = "by rule"
start = 2026-09-20T07:58:00Z
fund = { USDT = 100000 }
[[contract]]
symbol = "BTCUSDT"
index = true
funding = true
path = [["0s", 50000], ["3m", 49300], ["4m", 48800]]
[[account]]
name = "ann"
deposit = { USDT = 1000 }
position = [{ symbol = "BTCUSDT", side = "long", quantity = 1, leverage = 100, at = "5s" }]
"""
GIVEN = BY_RULE.replace("index = true\nfunding = true\n", "")
FAULT = '[[fault]]\nkind = "wrong_funding_rate"\nsymbol = "BTCUSDT"\nat = "0s"\nvalue = 0.0005\n'


def ran(text: str, folder: Path) -> Played:
    scenario = read_scenario(text)
    played = play(scenario, rule_set_of(scenario, folder, embedded_book()), folder)
    assert played.refused == []
    write_all(played, folder, scenario.day)
    return played


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_mark_by_rule_can_be_checked(tmp_path: Path) -> None:
    """It is the median of the index with its funding, the moving average and the last price: all of them are there."""
    ran(BY_RULE, tmp_path)
    marks = lines(tmp_path / "market" / "marks.jsonl")
    last = {each["T"]: D(each["p"]) for each in lines(tmp_path / "market" / "trades.jsonl")}
    full = [each for each in marks if "ap" in each and each["E"] > min(last)]
    assert len(full) > 300
    assert len({each["E"] for each in marks}) == len(marks)
    for each in full:
        index, left = D(each["i"]), each["T"] - each["E"]
        first = index * (1 + D(each["r"]) * left / 28_800_000)
        traded = last[max(at for at in last if at < each["E"])]
        expected = median([first, D(each["ap"]), traded])
        assert abs(D(each["p"]) - expected) <= D("0.00000001"), each
    assert {each["T"] for each in marks} == {1789891200000, 1789920000000}


def test_given_marks_are_published_as_before(tmp_path: Path) -> None:
    ran(GIVEN, tmp_path)
    for each in lines(tmp_path / "market" / "marks.jsonl"):
        assert (each["i"], each["r"], each["T"], "ap" in each) == (each["p"], "", 0, False)
        assert each["E"] % 1000 == 0
    assert not (tmp_path / "market" / "fundingRate.json").exists()


def test_the_told_rate_is_the_genuine_one(tmp_path: Path) -> None:
    """And what was paid is not."""
    told = {}
    for name, text in (("right", BY_RULE), ("wrong", BY_RULE + FAULT)):
        ran(text, tmp_path / name)
        (row,) = json.loads((tmp_path / name / "market" / "fundingRate.json").read_bytes())
        income = json.loads((tmp_path / name / "ann" / "api" / "income.json").read_bytes())
        (paid,) = [D(each["income"]) for each in income if each["incomeType"] == "FUNDING_FEE"]
        told[name] = row
        rate = D(row["fundingRate"]) + (D("0.0005") if name == "wrong" else 0)
        assert abs(paid + rate * D(row["markPrice"])) < D("0.00000001")
    assert told["right"] == told["wrong"]
    assert set(told["right"]) == {"symbol", "fundingRate", "fundingTime", "markPrice", "rateType"}


def test_the_fund_is_told_after_each_change(tmp_path: Path) -> None:
    played = ran(BY_RULE, tmp_path)
    told = lines(tmp_path / "market" / "insuranceBalance.jsonl")
    assert len(told) == len(played.state.fund_history) > 1
    assert told[0]["symbols"] == ["BTCUSDT"]
    (asset,) = told[-1]["assets"]
    assert D(asset["marginBalance"]) == played.state.traders[FUND].account.wallets["USDT"]
    assert asset["updateTime"] == played.state.fund_history[-1].time_ms


def test_all_of_it_is_read_or_known(tmp_path: Path) -> None:
    ran(BY_RULE + FAULT, tmp_path)
    history = read([tmp_path / "market", tmp_path / "ann" / "api"])
    assert {each.kind for each in history.problems} <= {"ignored", "note", "repeat"}


@pytest.mark.parametrize(
    ("second", "messages"),
    [
        ({"trade_id": 2}, [("3", 1, 2)]),
        ({"trade_id": 2, "time_ms": 99}, [("3", 1, 2)]),
        ({"trade_id": 2, "time_ms": 100}, [("1", 1, 1), ("2", 2, 2)]),
        ({"trade_id": 3}, [("1", 1, 1), ("2", 3, 3)]),
        ({"trade_id": 2, "price": D(51)}, [("1", 1, 1), ("2", 2, 2)]),
        ({"trade_id": 2, "buyer_is_maker": True}, [("1", 1, 1), ("2", 2, 2)]),
    ],
)
def test_trades_are_added_up(second: dict[str, Any], messages: list[tuple[str, int, int]]) -> None:
    """At one price, of one side, within 100 ms, one after the other."""
    first = {"time_ms": 0, "symbol": "BTCUSDT", "trade_id": 1, "price": D(50), "buyer_is_maker": False}
    found = list(trades([Trade(**first, quantity=D(1)), Trade(**{**first, **second}, quantity=D(2))]))
    assert [(each["q"], each["f"], each["l"]) for each in found] == messages
    assert [each["a"] for each in found] == list(range(1, len(found) + 1))


def test_the_book_alone_trades_in_public(tmp_path: Path) -> None:
    """Takeovers and deleveragings are no public trades."""
    scenario = (Path(__file__).parents[2] / "src/margincall/exchange/scenarios/fund_runs_dry.toml").read_text()
    played = ran(scenario, tmp_path)
    assert played.state.deleveraged
    told = sum(D(each["q"]) for each in lines(tmp_path / "market" / "trades.jsonl"))
    assert told == sum(each.quantity for each in played.events if isinstance(each, Trade))
    taken = {each.price for each in played.state.deleveraged}
    assert taken.isdisjoint(D(each["p"]) for each in lines(tmp_path / "market" / "trades.jsonl"))
