"""A long jump of a simulated clock: few steps where nothing happens, and nothing is missed."""

import asyncio
from pathlib import Path

import pytest

from margincall.server.assembled import Assembled, assembled
from margincall.server.clock import SimulatedClock
from margincall.server.listing import rules_for
from margincall.server.player import Player
from margincall.server.prices import priced
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS
from tests.server.desk import MARK

START_MS = 1_791_158_400_000
SYMBOL = "BTCUSDT"
A_MINUTE, AN_HOUR = 12, 720
"""Samples of the premium."""


@pytest.fixture
def built(tmp_path: Path) -> Assembled:
    """A server's parts with one priced symbol."""
    found = assembled(tmp_path, rules_for("usdm", (SYMBOL,)), SimulatedClock(START_MS), durability="none")
    for command in priced(found.venue.state, {SYMBOL: MARK}):
        found.venue.carry_out(command)
    return found


def jumped(built: Assembled, to_ms: int, *, is_heard: bool = False) -> int:
    """Let the clock go on; how many lines of the journal that took."""
    clock, before = built.venue.clock, built.venue.engine.seq
    assert isinstance(clock, SimulatedClock)
    player = Player(built.venue, built.streaming.tick, lambda: is_heard)
    asyncio.run(player.go_to(clock, to_ms))
    assert built.venue.state.time_ms == clock.now_ms() == to_ms
    return built.venue.engine.seq - before


def counts(built: Assembled, interval: str, now_ms: int) -> list[object]:
    """Samples of the premium in each candle, as `premiumIndexKlines` tells them."""
    return [row[8] for row in built.venue.tape.markets[SYMBOL].candles["premium"].find(interval, now_ms, limit=1500)]


def test_a_calm_day_is_a_few_lines_and_its_charts_are_whole(built: Assembled) -> None:
    end_ms = START_MS + DAY_MS
    lines = jumped(built, end_ms)
    assert lines < 40
    hours = counts(built, "1h", end_ms - 1)
    assert len(hours) == 24
    assert sum(map(int, map(str, hours))) >= 24 * AN_HOUR - 1 - 3
    minutes = counts(built, "1m", end_ms - 1)
    assert sum(each == A_MINUTE for each in minutes) >= len(minutes) - 1 - 3
    assert built.venue.tape.markets[SYMBOL].funded == 3
    built.close()


def test_where_somebody_listens_it_goes_on_by_the_minute(built: Assembled) -> None:
    assert jumped(built, START_MS + HOUR_MS, is_heard=True) == HOUR_MS // MINUTE_MS
    assert jumped(built, START_MS + 2 * HOUR_MS) == 1
    built.close()


@pytest.mark.parametrize("is_heard", [True, False])
def test_who_listens_is_told_at_each_moment_of_what_is_played(built: Assembled, *, is_heard: bool) -> None:
    times: list[int] = []
    clock = built.venue.clock
    assert isinstance(clock, SimulatedClock)
    player = Player(built.venue, lambda: times.append(clock.now_ms()), lambda: is_heard)
    player.play(SYMBOL, [(START_MS + second * 1000, MARK + second) for second in range(1, 31)])
    asyncio.run(player.go_to(clock, START_MS + 30_000))
    assert len(set(times)) == (30 if is_heard else 1)
    built.close()


def test_a_price_that_is_played_is_met_on_the_way(built: Assembled) -> None:
    player = Player(built.venue, built.streaming.tick, lambda: False)
    clock = built.venue.clock
    assert isinstance(clock, SimulatedClock)
    player.play(SYMBOL, [(START_MS + 90_000, MARK + 10), (START_MS + 5 * HOUR_MS, MARK + 20)])
    asyncio.run(player.go_to(clock, START_MS + 2 * HOUR_MS))
    assert built.venue.state.markets[SYMBOL].mark == MARK + 10
    asyncio.run(player.go_to(clock, START_MS + 6 * HOUR_MS))
    assert built.venue.state.markets[SYMBOL].mark == MARK + 20
    built.close()
