"""Found by explaining what the exchange exports; each was wrong once."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from margincall.exchange.exports import write_all
from margincall.exchange.play import play
from margincall.exchange.scenario import read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.venues.embedded import embedded_book
from tests.accept.round_trip import SHAPES, Truths, explained, terms, truths

AT_ONCE = """
name = "liquidated as it was opened"
start = 2026-09-20T12:00:00Z
fund = { USDT = 100000 }
[[contract]]
symbol = "BTCUSDT"
path = [["0m", 50000], ["2m", 50000]]
liquidity = { depth = 300 }
[[account]]
name = "alice"
deposit = { USDT = 4500 }
margin = "isolated"
position = [{ symbol = "BTCUSDT", side = "long", notional = 80000, leverage = 100, at = "20s" }]
"""
ONE_GAINS = """
name = "a wallet below zero, carried by a hedge"
start = 2026-09-20T12:00:00Z
fund = { USDT = 100000 }
[[contract]]
symbol = "BTCUSDT"
path = [["0m", 50000], ["1m", 50000], ["6m", 44500], ["12m", 44500]]
liquidity = { depth = 300000 }
[[contract]]
symbol = "ETHUSDT"
path = [["0m", 3000], ["1m", 3000], ["6m", 2670], ["12m", 2850]]
liquidity = { depth = 300000 }
[[account]]
name = "alice"
deposit = { USDT = 4000 }
hedge = true
position = [
    { symbol = "BTCUSDT", side = "long", notional = 100000, leverage = 50, at = "20s", stop = 45000 },
    { symbol = "ETHUSDT", side = "short", notional = 80000, leverage = 50, at = "25s" },
]
"""


Exported = Callable[[str], tuple[Truths, Path]]
STORIES = {"at once": AT_ONCE, "one gains": ONE_GAINS}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Stories by name, each played and written down once."""
    return cache(lambda story: played(story, tmp_path_factory.mktemp("story")))


def played(story: str, folder: Path) -> tuple[Truths, Path]:
    """What was booked, and the folder with the files."""
    scenario = read_scenario(STORIES[story], story)
    run = play(scenario, rule_set_of(scenario, folder, embedded_book()), folder)
    write_all(run, folder, scenario.day)
    return truths(run.events), folder


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_number_comes_back(exported: Exported, story: str, shape: str) -> None:
    found, folder = exported(story)
    assert found.orders
    assert [term for term in terms(found, folder, shape) if not term.is_back] == []


def test_it_was_at_once(exported: Exported) -> None:
    found, folder = exported("at once")
    (order,) = found.orders
    lines = (folder / "alice/stream.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum('"x":"TRADE"' in line and f'"T":{order.time_ms}' in line for line in lines) > len(order.fills)


def test_the_wallet_was_below_zero(exported: Exported) -> None:
    _, folder = exported("one gains")
    (told,) = explained(folder, "alice", "stream")["liquidations"]
    assert Decimal(told["verdict"]["wallet_balance"]) < 0 < Decimal(told["verdict"]["margin_balance"])
