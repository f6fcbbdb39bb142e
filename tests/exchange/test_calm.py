"""Samples of the premium that are taken at once: the same exchange, bit by bit, as taken one by one."""

from collections.abc import Iterable
from decimal import Decimal as D
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.protocol.mark import MarkRules
from margincall.exchange import commands, pricing
from margincall.exchange.catalogue import CATALOGUE
from margincall.exchange.digest import digest
from margincall.exchange.genesis import new_exchange
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from margincall.server.prices import SPOT

START_MS = 1_789_516_710_123
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
STALE_MS = 300_000
"""So old a source of an index counts no more."""


def ruled(name: str, marks: str) -> RuleSet:
    """A rule-set whose marks are given, or made by the rule of today, or by one that follows the clock of funding."""
    if marks != "price-1":
        return CATALOGUE[name](marks=marks)
    rules = CATALOGUE[name](marks="rule")
    by_clock = MarkRules("price-1", None)
    listings = {symbol: structs.replace(each, mark=by_clock) for symbol, each in rules.listings.items()}
    return structs.replace(rules, listings=listings)


def played(rules: RuleSet, script: Iterable[commands.AnyCommand]) -> tuple[Exchange, list[str]]:
    """An exchange after these commands, and the hash of what each gave."""
    state = new_exchange(rules, START_MS)
    return state, [digest(step(state, each)) for each in script]


def one_by_one(rules: RuleSet, script: Iterable[commands.AnyCommand]) -> tuple[Exchange, list[str]]:
    """The same, each sample taken by itself."""
    with mock.patch("margincall.exchange.calm.pass_by", return_value=True):
        return played(rules, script)


def opening(rules: RuleSet) -> list[commands.AnyCommand]:
    """A maker, two holders, marks where they are given, and a book."""
    found: list[commands.AnyCommand] = []
    for name in ("maker", "long"):
        found.append(commands.OpenAccount(account=name))
        assets = sorted({each.margin_asset for each in rules.venue.contracts.values()})
        found += [commands.Transfer(account=name, asset=asset, amount=D(10**7)) for asset in assets]
    for symbol in rules.listings:
        found += [told(symbol, 1000, SPOT), *given_mark(rules, symbol, 1000), quoted(symbol, 1000, 3)]
        found.append(commands.PlaceOrder(account="long", symbol=symbol, side="BUY", type="MARKET", quantity=D(1)))
    return found


def told(symbol: str, price: int, names: Iterable[str]) -> commands.AnyCommand:
    """What sources of an index say, each a little more than the one before."""
    sources = tuple(commands.Source(name, D(price) + place) for place, name in enumerate(names))
    return commands.SetIndex(symbol=symbol, sources=sources)


def given_mark(rules: RuleSet, symbol: str, price: int) -> list[commands.AnyCommand]:
    return [commands.SetMark(symbol=symbol, price=D(price))] if rules.listings[symbol].mark_source == "given" else []


def quoted(symbol: str, price: int, levels: int) -> commands.AnyCommand:
    return commands.Quote(
        account="maker", symbol=symbol,
        bids=tuple(commands.Level(D(price - 1 - each), D(2)) for each in range(levels)),
        asks=tuple(commands.Level(D(price + 1 + each), D(2)) for each in range(levels)),
    )  # fmt: skip


SPANS = st.one_of(
    st.integers(1, 30_000), st.sampled_from([5_000, 4_999, 60_000, STALE_MS - 1, STALE_MS, 600_000]),
    st.integers(1, 3 * HOUR_MS),
)  # fmt: skip
ACTIONS = st.one_of(
    st.tuples(st.just("pass"), SPANS),
    st.tuples(st.just("pass"), SPANS),
    st.tuples(st.just("told"), st.integers(960, 1040), st.lists(st.sampled_from(SPOT), min_size=1, unique=True)),
    st.tuples(st.just("marked"), st.integers(960, 1040)),
    st.tuples(st.just("quoted"), st.integers(990, 1010), st.integers(0, 4)),
    st.tuples(st.just("till"), st.integers(700_000, 2_000_000)),
    st.tuples(st.just("countdown"), st.integers(1, 60_000)),
)


def scripted(rules: RuleSet, actions: Iterable[Any]) -> list[commands.AnyCommand]:
    """Commands of drawn actions; the clock stands in them too."""
    found, now_ms, symbols = opening(rules), START_MS, list(rules.listings)
    for number, (what, *of) in enumerate(actions):
        symbol = symbols[number % len(symbols)]
        match what:
            case "pass":
                now_ms += of[0]
                found.append(commands.Advance(time_ms=now_ms))
            case "told":
                found.append(told(symbol, of[0], of[1]))
            case "marked":
                found += given_mark(rules, symbol, of[0])
            case "quoted":
                found.append(quoted(symbol, of[0], of[1]))
            case "till":
                found.append(commands.PlaceOrder(
                    account="long", symbol=symbol, side="BUY", type="LIMIT", quantity=D(1), price=D(980),
                    time_in_force="GTD", good_till_ms=now_ms + of[0],
                ))  # fmt: skip
            case "countdown":
                found.append(commands.Countdown(account="long", symbol=symbol, countdown_ms=of[0]))
    return found


@pytest.mark.parametrize(
    ("name", "marks"), [("usdm", "given"), ("coinm", "given"), ("dydx", "given"), ("usdm", "rule"), ("usdm", "price-1")]
)
@settings(max_examples=25, deadline=None)
@given(actions=st.lists(ACTIONS, min_size=1, max_size=12))
def test_samples_taken_at_once_are_those_taken_one_by_one(name: str, marks: str, actions: list[Any]) -> None:
    rules = ruled(name, marks)
    script = scripted(rules, actions)
    state, events = played(rules, script)
    other, same_events = one_by_one(rules, script)
    assert events == same_events
    assert digest(state) == digest(other)


@pytest.mark.parametrize("hours", [pytest.param(1, marks=pytest.mark.slow), 8])
def test_a_day_costs_few_samples_and_gives_the_same(hours: int) -> None:
    """A book about the index, three sources of it of different age, two days and a bit."""
    rules = CATALOGUE["usdm"](hours=hours)
    script = opening(rules)
    for names, now_ms in ((SPOT[:1], 100_000), (SPOT[1:2], 200_000), ((), 2 * DAY_MS + 777)):
        script += [told(symbol, 1003, names) for symbol in rules.listings if names]
        script.append(commands.Advance(time_ms=START_MS + now_ms))
    with mock.patch.object(pricing, "premium_now", wraps=pricing.premium_now) as looked:
        state, events = played(rules, script)
    other, same_events = one_by_one(rules, script)
    assert events == same_events
    assert digest(state) == digest(other)
    samples = len(rules.listings) * 2 * DAY_MS // 5_000
    assert looked.call_count < samples / 50
    assert any(sample for market in state.markets.values() for sample in market.premiums)
