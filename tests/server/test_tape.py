"""What the tape keeps is what the engine did: compared with slow looks at state and events, over random commands."""

from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from margincall.exchange import soak
from margincall.exchange.catalogue import usdm
from margincall.exchange.commands import Advance, SetMark
from margincall.exchange.events import Trade
from margincall.exchange.genesis import new_exchange
from margincall.exchange.market_exports import trades as exported
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from margincall.server.archive import Archive
from margincall.server.tape import Tape
from tests.server.market_world import BEGUN_MS

ALWAYS = 10**9
SEEDS = (1, 2, 3, 4)
BOTH = ("BUY", "SELL")


def books(state: Exchange) -> dict[str, object]:
    """All levels of all books."""
    return {symbol: [market.book.depth(side, ALWAYS) for side in BOTH] for symbol, market in state.markets.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_update_ids_grow_with_every_change_of_a_book(seed: int) -> None:
    rules, played = soak.generate(seed, 400)
    state = new_exchange(rules, soak.START_MS)
    changes = 0
    with Archive() as archive:
        tape = Tape(archive, state, "2026-11-28")
        before, numbers = books(state), dict(tape.update_ids)
        for command in played:
            tape.take(step(state, command))
            after = books(state)
            for symbol in state.markets:
                grown = tape.update_ids[symbol] - numbers[symbol]
                assert grown in (0, 1)
                if after[symbol] != before[symbol]:
                    assert grown == 1, command
                    changes += 1
            before, numbers = after, dict(tape.update_ids)
    assert changes > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tape_is_that_of_the_events(seed: int) -> None:
    rules, played = soak.generate(seed, 400)
    state = new_exchange(rules, soak.START_MS)
    events = []
    with Archive() as archive:
        tape = Tape(archive, state, "2026-11-28")
        for command in played:
            happened = step(state, command)
            tape.take(happened)
            events += happened
        told = [each for each in events if isinstance(each, Trade)]
        assert len(told) > 5
        now_ms = state.time_ms
        rows = {symbol: shown.agg_trades.newest(now_ms, limit=1000) for symbol, shown in tape.markets.items()}
        messages = [
            {key: each[key] for key in ("a", "p", "q", "f", "l", "T", "m")} for each in exported(events)
        ]  # fmt: skip
        listed = [
            {**{key: row[key] for key in ("a", "f", "l", "T", "m")}, "p": row["p"], "q": row["q"]}
            for symbol in rows
            for row in msgspec.json.decode(msgspec.json.encode(rows[symbol]))
        ]
        assert sorted(map(same, listed)) == sorted(map(same, messages))
        for symbol, shown in tape.markets.items():
            own = [each for each in told if each.symbol == symbol]
            volume = sum((each.quantity for each in own), Decimal(0))
            assert shown.bought + shown.sold == volume
            assert [row["id"] for row in shown.trades.newest(now_ms, limit=1000)] == [each.trade_id for each in own]
            candles = shown.candles["last"].find("1M", now_ms, since_ms=0, limit=1500)
            assert sum((Decimal(str(row[5])) for row in candles), Decimal(0)) == volume
            assert sum(int(str(row[8])) for row in candles) == len(own)


def same(row: dict[str, object]) -> tuple[object, ...]:
    """A row as a value, numbers without trailing zeros."""
    price, quantity = (Decimal(str(row[key])).normalize() for key in ("p", "q"))
    return row["f"], row["l"], row["a"], row["T"], row["m"], price, quantity


def test_the_same_commands_give_the_same_tape() -> None:
    rules, played = soak.generate(5, 300)
    found = []
    for _ in range(2):
        state = new_exchange(rules, soak.START_MS)
        with Archive() as archive:
            tape = Tape(archive, state, "2026-11-28")
            for command in played:
                tape.take(step(state, command))
            rows = [shown.trades.newest(state.time_ms, limit=1000) for shown in tape.markets.values()]
            found.append((tape.update_ids, rows))
    one, other = found
    assert one == other


def test_a_tape_begun_before_its_exchange_is_the_same() -> None:
    """So a journal that is opened again makes it: it is begun empty, and hears the state with every command."""
    rules, played = soak.generate(3, 300)
    state = new_exchange(rules, soak.START_MS)
    with Archive() as one, Archive() as two:
        tape = Tape(one, state, "2026-11-28")
        heard = Tape(two, new_exchange(rules, soak.START_MS), "2026-11-28")
        for command in played:
            events = step(state, command)
            tape.take(events)
            heard.hear(state, events)
        assert heard.update_ids == tape.update_ids
        for symbol, shown in tape.markets.items():
            other = heard.markets[symbol]
            for kind, series in shown.candles.items():
                asked = [each.find("5m", state.time_ms, limit=500) for each in (series, other.candles[kind])]
                assert asked[0] == asked[1]
            span = soak.START_MS, state.time_ms
            assert heard.samples(symbol, state.time_ms, *span) == tape.samples(symbol, state.time_ms, *span)


def test_numbers_of_trades_grow() -> None:
    rules, played = soak.generate(6, 300)
    state = new_exchange(rules, soak.START_MS)
    with Archive() as archive:
        tape = Tape(archive, state, "2026-11-28")
        for command in played:
            tape.take(step(state, command))
        for shown in tape.markets.values():
            rows = shown.agg_trades.newest(state.time_ms, limit=1000)
            assert all(two["a"] == one["a"] + 1 and two["f"] > one["l"] for one, two in pairwise(rows))


def test_memory_does_not_grow_with_quiet_time() -> None:
    """What is put away is written once a minute of the exchange, also where nobody asks."""
    state = new_exchange(usdm(), BEGUN_MS)
    with Archive() as archive:
        tape = Tape(archive, state, "2026-11-28")
        most = 0
        for number in range(1, 600):
            happened = step(state, SetMark(symbol="BTCUSDT", price=Decimal(50_000 + number % 7)))
            tape.take(happened)
            tape.take(step(state, Advance(time_ms=BEGUN_MS + number * 20_000)))
            most = max(most, len(archive._waiting))
        assert most < 100
        assert len(tape.markets["BTCUSDT"].candles["mark"].find("1m", state.time_ms, limit=1500)) == 200
