"""What a run of a scenario is: whom a price meets, which rules it has, what is told of it."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.config import Misplaced
from margincall.core.events import Fill, MarkPrice
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.play import Played, play
from margincall.exchange.rulesets import differences
from margincall.exchange.scenario import RuleSetName, read_scenario
from margincall.exchange.scenario_rules import FEE, OF_ITS_CONTRACTS, SETS, rule_set_of, stale
from margincall.exchange.state import Exchange
from margincall.venues.embedded import embedded_book

JUMP = """\
name = "a jump into an empty book"
start = 2026-09-20T12:00:00Z
[[contract]]
symbol = "BTCUSDT"
path = [["0m", 50000], ["2m", 50000], ["2m1s", 47000], ["4m", 46000]]
liquidity = { depth = 30000, thins_at = "1m", thins_to = 0 }
[[account]]
name = "alice"
deposit = { USDT = 1000 }
position = [{ symbol = "BTCUSDT", side = "long", notional = 40000, leverage = 50, at = "10s" }]
"""
FALL = '["2m", 50000], ["2m1s", 47000], ["4m", 46000]'


def played(text: str) -> Played:
    """A text, played with the brackets of the package."""
    scenario = read_scenario(text)
    return play(scenario, rule_set_of(scenario, Path(), embedded_book()), Path())


def resting(state: Exchange, symbol: str = "BTCUSDT") -> int:
    return sum(order.symbol == symbol for order in state.orders.values())


def test_a_liquidation_meets_the_book_of_its_moment() -> None:
    """A jump of six per cent: nobody bids at the price of a second before."""
    run = played(JUMP.replace('thins_at = "1m", thins_to = 0', 'thins_at = "1m", thins_to = 1'))
    (mark,) = [event for event in run.events if isinstance(event, MarkPrice) and event.price == 47_000]
    forced = [event for event in run.events if isinstance(event, Fill) and event.close == "liquidation"]
    assert {fill.time_ms for fill in forced} == {mark.time_ms}
    assert all(fill.price < Decimal(49_000) for fill in forced)


def test_a_book_thins_when_it_is_said_though_the_price_stands_still() -> None:
    """Nothing rests from then on, so nobody but a winner closes what is liquidated."""
    assert resting(played(JUMP.replace(FALL, '["59s", 50000]')).state) > 0
    assert resting(played(JUMP.replace(FALL, '["60s", 50000]')).state) == 0
    closed = [each for each in played(JUMP).events if isinstance(each, Fill) and each.account == "alice"][1:]
    assert {(fill.close, round(fill.price, 2)) for fill in closed} == {("liquidation", Decimal("48783.50"))}


@pytest.mark.parametrize("name", SETS)
def test_a_scenario_runs_by_the_catalogues_rules(name: RuleSetName) -> None:
    """But for contracts and tables, which are the file's, and filters and funding, which a scenario has not."""
    coin = name == "binance_coinm"
    text = f'rules = "{name}"\n' + JUMP.replace("BTCUSDT", "BTCUSD_PERP" if coin else "BTCUSDT")
    scenario = read_scenario(text.replace("USDT = 1000", "BTC = 1") if coin else text)
    ours, theirs = rule_set_of(scenario, Path(), embedded_book()), CATALOGUE[SETS[name]](day=scenario.day)
    assert [
        each
        for each in differences(ours, theirs)
        if not each.startswith(("name ", "listings.", "venue.contracts.", "venue.tables.", "assumed "))
    ] == []
    assert set(theirs.assumed) - set(ours.assumed) <= OF_ITS_CONTRACTS
    (contract,) = ours.venue.contracts.values()
    expected = next(iter(theirs.venue.contracts.values())).liquidation_fee
    assert contract.liquidation_fee == (expected or FEE)
    assert ("liquidation-fee-rate" in ours.assumed) == (expected is None)


def test_dydx_is_dydx() -> None:
    """Balance below maintenance, a penalty of 1.5 %, no trading fee, no takeover."""
    rules = rule_set_of(read_scenario('rules = "dydx"\n' + JUMP), Path(), embedded_book())
    assert (rules.venue.assumptions.trigger, rules.venue.fees.taker, rules.waterfall.takeover) == ("below", 0, "none")
    assert rules.venue.contract("BTCUSDT").liquidation_fee == Decimal("0.015")


def test_a_day_before_the_first_table_is_refused() -> None:
    scenario = read_scenario(JUMP.replace("2026-", "2015-"))
    with pytest.raises(Misplaced, match="from 2020-05-10 on"):
        rule_set_of(scenario, Path(), embedded_book())


@pytest.mark.parametrize(("start", "is_assumed"), [("2026-09-20", False), ("2024-02-03", False), ("2035-01-01", True)])
def test_a_day_long_after_the_last_table_is_assumed_to_be_like_it(start: str, is_assumed: bool) -> None:
    scenario = read_scenario(JUMP.replace("2026-09-20", start))
    rules = rule_set_of(scenario, Path(), embedded_book())
    assert ("bracket-unchanged" in rules.assumed) is is_assumed
    assert stale(rules, scenario.day) == ({"BTCUSDT": "2026-09-01"} if is_assumed else {})
