"""Each fault in a scenario: the desk's refund is what two plays of the same file differ by, with the fault and without,
computed here from their events alone."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from margincall.core.account import Account
from margincall.core.events import MarkPrice
from margincall.core.fold import fold
from margincall.core.rounding import booked
from margincall.core.units import Price
from margincall.exchange.events import LiquidationEnded
from margincall.exchange.judgement import Decision
from margincall.exchange.play import Played, dispute, play
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.scenario import Scenario, read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.venues.embedded import embedded_book
from tests.worth import worth

D = Decimal
ASSET = "USDT"
PLAIN = """
name = "a fault"
seed = {seed}
start = 2026-09-20T07:59:00Z
fund = {{ USDT = {fund} }}
[[contract]]
symbol = "BTCUSDT"
liquidation_fee = 0.001
{asks}
path = [["0s", 50000], ["139s", 49400], ["{fallen}", 48300], ["210s", 48500]]
[contract.liquidity]
depth = 20000
thins_at = "{thin}"
thins_to = 0.01
[[account]]
name = "ann"
deposit = {{ USDT = 1000 }}
position = [{{ symbol = "BTCUSDT", side = "long", quantity = 0.8, leverage = 50, at = "5s" }}]
[[account]]
name = "bob"
deposit = {{ USDT = 4000 }}
position = [{{ symbol = "BTCUSDT", side = "short", quantity = 0.7, leverage = 50, at = "6s" }}]
[[account]]
name = "carl"
deposit = {{ USDT = 40000 }}
position = [{{ symbol = "BTCUSDT", side = "short", quantity = 0.3, leverage = 50, at = "7s" }}]
[[fault]]
kind = "{kind}"
at = "{at}"
{about}
"""
BTC = 'symbol = "BTCUSDT"\n'
SLOW = {"fallen": "200s", "thin": "300s"}
FAST = {"fallen": "140s", "thin": "135s"}
"""The price falls through the bankruptcy price at once, and few bid."""
DEEP = {"fallen": "140s", "thin": "300s"}
"""It falls as fast, and enough bid below: of an order that is filled in part the fund bears the loss."""
CASES: dict[str, tuple[str, str, str, dict[str, str], int, str]] = {
    # kind: (when, what it is about, who disputes, how the price falls, the fund, what the contract asks for)
    "early_liquidation": ("70s", BTC + 'account = "ann"', "ann", SLOW, 100_000, ""),
    "wrong_mark": ("100s", BTC + 'value = 48700\nuntil = "101s"', "ann", SLOW, 100_000, ""),
    "late_liquidation": ("100s", BTC + 'until = "199s"', "ann", SLOW, 100_000, ""),
    "wrong_brackets": ("100s", BTC + "value = 2", "ann", SLOW, 100_000, ""),
    "wrong_clearance_rate": ("0s", "value = 0.002", "ann", SLOW, 100_000, ""),
    "fee_twice": ("0s", "value = 0.3", "ann", SLOW, 100_000, ""),
    "wrong_fee_base": ("0s", "value = 0.01", "ann", SLOW, 100_000, ""),
    "fill_beyond_bankruptcy": ("0s", BTC + "value = 600", "ann", DEEP, 100_000, ""),
    "wrong_funding_rate": ("0s", BTC + "value = 0.001", "ann", SLOW, 100_000, "funding = true"),
    "adl_out_of_rank": ("0s", "value = 1", "carl", FAST, 0, ""),
    "socialise_despite_fund": ("0s", "value = 10", "bob", FAST, 100_000, ""),
}


def texts(kind: str, *, by_rule: bool) -> tuple[str, str]:
    """The scenario with the fault, and without."""
    at, about, _, falls, fund, asks = CASES[kind]
    asks = f"index = true\n{asks}" if by_rule else asks
    text = PLAIN.format(kind=kind, at=at, about=about, fund=fund, asks=asks, seed=7, **falls)
    return text, text.partition("[[fault]]")[0]


def played(text: str) -> tuple[Scenario, RuleSet, Played]:
    """A scenario, which needs no other file."""
    scenario = read_scenario(text)
    rules = rule_set_of(scenario, Path(), embedded_book())
    return scenario, rules, play(scenario, rules, Path())


@cache
def genuine(text: str, name: str) -> tuple[Played, list[Decision]]:
    """A scenario without a fault, and what becomes of every dispute of an account: several faults are held against
    the same one."""
    scenario, rules, run = played(text)
    return run, list(dispute(run, rules, scenario, name))


def worth_at(run: Played, name: str, until_ms: int, marks: Mapping[str, Price], rules: RuleSet) -> Decimal:
    """An account at a time, folded from its events."""
    account = Account()
    for event in run.events:
        if getattr(event, "account", None) == name and event.time_ms <= until_ms:
            account = fold(account, event, rules.venue)  # type: ignore[arg-type]
    return worth(account, marks, rules.venue).get(ASSET, D(0))


@pytest.mark.parametrize("by_rule", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["given", "by rule"])
@pytest.mark.parametrize("kind", CASES)
def test_the_refund_is_what_two_plays_differ_by(kind: str, *, by_rule: bool) -> None:
    text, without = texts(kind, by_rule=by_rule)
    name = CASES[kind][2]
    scenario, rules, run = played(text)
    other, others = genuine(without, name)
    assert (run.refused, other.refused) == ([], [])
    ends = {each.number: each.time_ms for each in run.events if isinstance(each, LiquidationEnded)}
    decisions = dispute(run, rules, scenario, name)
    assert any(each.refund for each in decisions)
    for each in decisions:
        until = ends[each.liquidation]
        told = [one for one in other.events if isinstance(one, MarkPrice) and one.time_ms <= until]
        marks = {one.symbol: Price(one.price) for one in told}
        harm = booked(worth_at(other, name, until, marks, rules) - worth_at(run, name, until, marks, rules))
        assert (each.upheld, each.refund) == (True, {ASSET: harm} if harm > 0 else {})
    assert not any(each.upheld or each.refund for each in others)
