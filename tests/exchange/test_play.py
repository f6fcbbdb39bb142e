"""What a run of a scenario is: whom a price meets, which rules it has, what is told of it."""

import re
from decimal import Decimal
from importlib.resources import files
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from margincall.cli.output import show
from margincall.config import Misplaced
from margincall.core.events import Fill, MarkPrice
from margincall.core.protocol.moves import FUND
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.events import LiquidationEnded, LossShared
from margincall.exchange.exports import number_of, write_all
from margincall.exchange.play import Played, play
from margincall.exchange.results import held, results
from margincall.exchange.rulesets import differences
from margincall.exchange.scenario import RuleSetName, read_scenario
from margincall.exchange.scenario_rules import FEE, OF_ITS_CONTRACTS, SETS, rule_set_of, stale
from margincall.exchange.state import Exchange
from margincall.forensics.present import Section
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


def embedded_text(name: str) -> str:
    return (files("margincall.exchange") / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")


CROWD = (
    JUMP.replace("thins_to = 0 }", "thins_to = 0.01 }")
    + """
[[crowd]]
count = 20
leverage = [20, 80]
"""
)
RUNS = {
    **{name: embedded_text(name) for name in ("fund_runs_dry", "hedge_dies_upwards", "two_longs", "plain_liquidation")},
    **{name: f'rules = "{name}"\nfund = {{ USDT = 500 }}\n' + CROWD for name in SETS if name != "binance_coinm"},
}


@pytest.mark.parametrize("text", RUNS.values(), ids=RUNS)
def test_what_is_told_of_a_liquidation_is_what_was_booked(text: str) -> None:
    """Position by position what the public history says, in total the wallet's change, and nothing beside it."""
    run = played(text)
    closings, totals = results(run.events)
    assert [(each.number, each.symbol, each.result) for each in closings] == [
        (each.number, each.symbol, -each.lost) for each in run.state.liquidations
    ]
    ended = {each.number: each for each in run.events if isinstance(each, LiquidationEnded)}
    assert closings
    assert all(each.result == {asset: -lost for asset, lost in ended[each.number].lost.items()} for each in totals)
    for closing, line in zip(closings, run.state.liquidations, strict=True):
        assert closing.book + closing.fund + closing.deleveraged == abs(line.quantity)
        assert closing.price == line.price
        assert (closing.side == "long") == (line.quantity < 0)
    shared = [each for each in run.events if isinstance(each, LossShared)]
    paid = sum((each.fund + sum(each.charges.values()) for each in shared), Decimal(0))
    covered = sum((sum(each.covered.values()) for each in totals), Decimal(0))
    assert abs(paid - covered) < Decimal("0.00001") * len(shared) or paid == covered == 0  # the remainder's part
    assert bool(shared) == (run.state.rules.waterfall.after_fund != "deleverage")


def test_a_hedge_has_one_total() -> None:
    """The two legs are told with their sides and signs; what it cost is their sum."""
    closings, (total,) = results(played(embedded_text("hedge_dies_upwards")).events)
    assert [(each.side, each.result > 0) for each in closings] == [("long", True), ("short", False)]
    assert round(total.result["USDT"]) == -655


def test_what_the_fund_took_over_is_told_and_held_at_the_end() -> None:
    run = played(embedded_text("fund_runs_dry"))
    closings, _ = results(run.events)
    assert [(each.account, each.fund, each.deleveraged) for each in closings] == [
        ("long-2", Decimal("0.8"), 0), ("long-1", Decimal("0.435"), Decimal("0.565")), ("long-3", 0, Decimal("0.9")),
    ]  # fmt: skip
    (position,) = held(run.state, FUND)
    assert position.quantity == Decimal("1.235")


def test_everybody_concerned_has_a_folder_but_the_maker(tmp_path: Path) -> None:
    """Liquidated, deleveraged, charged for another's loss."""
    scenario = (
        'rules = "socialised_loss"\n'
        + JUMP
        + """
[[account]]
name = "winner"
deposit = { USDT = 5000 }
position = [{ symbol = "BTCUSDT", side = "short", notional = 20000, leverage = 5, at = "12s" }]
"""
    )
    run = played(scenario)
    assert write_all(run, tmp_path, "2026-09-20") == ["alice", "winner"]
    assert {each.name for each in tmp_path.iterdir() if each.is_dir()} == {"alice", "market", "winner"}
    charged = next(each.charges for each in run.events if isinstance(each, LossShared))
    assert set(charged) == {"maker", "winner"}


def test_no_two_of_a_crowd_are_one_user() -> None:
    ids = {number_of(f"trader-{number}") for number in range(1, 100_001)}
    assert len(ids) == 100_000
    assert min(ids) >= 10_000_000


def test_cells_break_where_names_do() -> None:
    """Never within a word that fits, never within a number."""
    section = Section("t", ("account", "size"), (("short-high_leverage name", "-12,345.678"),), (1,))
    out = Console(width=28, file=StringIO())
    show(out, section, rigid=True)
    assert isinstance(out.file, StringIO)
    said = out.file.getvalue()
    assert "-12,345.678" in said
    assert {"short-", "high_", "leverage", "name"} >= {
        part for line in said.splitlines()[3:] for part in re.findall(r"[a-z]+[-_]?", line)
    }
