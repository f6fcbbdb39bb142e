"""What a run of a scenario is: whom a price meets, which rules it has, what is told of it."""

from decimal import Decimal
from pathlib import Path

from margincall.core.events import Fill, MarkPrice
from margincall.exchange.play import Played, play
from margincall.exchange.scenario import read_scenario
from margincall.exchange.scenario_rules import rule_set_of
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
