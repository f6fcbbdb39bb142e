"""What a digest sees of an exchange is all that decides what it does next: the rest can be made anew, or put together
in another order, and nothing changes."""

from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext
from random import Random
from typing import Any

import pytest
from msgspec import Struct

from margincall.core.rounding import WIDE
from margincall.exchange import commands
from margincall.exchange.book import Book, Resting
from margincall.exchange.digest import digest
from margincall.exchange.events import Deleveraged, LiquidationStarted, Rejected
from margincall.exchange.genesis import new_exchange, rebuild
from margincall.exchange.state import Exchange
from margincall.exchange.step import step
from margincall.exchange.triggers import Triggers
from margincall.exchange.watch import Watch
from tests.exchange import disputed
from tests.exchange.stream import RULES, command
from tests.exchange.test_any_command import any_command
from tests.exchange.world import BTC, NOON, World, rule_set

# --- the same state, put together otherwise ---------------------------------------------------------------


def remade(state: Exchange) -> Exchange:
    """A copy that a digest cannot tell from the state, and that is as unlike it as may be: dicts are in another order,
    decimals have other exponents, books are filled anew, and what is derived is rebuilt."""
    copy: Exchange = _Copier().copy(state)
    rebuild(copy)
    return copy


class _Copier:
    """What stands in several places, stands there in the copy, too."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        if id(value) not in self.done:
            self.done[id(value)] = self.fresh(value)
        return self.done[id(value)]

    def fresh(self, value: Any) -> Any:
        match value:
            case Decimal():
                with localcontext(WIDE):
                    return value * Decimal("1.00")
            case Struct():
                return type(value)(**{name: self.copy(getattr(value, name)) for name in value.__struct_fields__})
            case dict():
                return {self.copy(key): self.copy(value[key]) for key in reversed(value)}
            case list() | tuple():
                return type(value)(self.copy(each) for each in value)
            case Book():
                return filled([*value.orders("BUY"), *value.orders("SELL")])
            case Watch() | Triggers():
                return type(value)()
        return value


def filled(orders: Iterable[Resting]) -> Book:
    """A book of these orders."""
    book = Book()
    for order in orders:
        book.add(order)
    return book


def stream(_: int) -> tuple[Exchange, list[Any]]:
    """Makers and thin accounts, orders that wait, liquidations and deleveraging."""
    return new_exchange(RULES, NOON), [commands.decode(command(number)) for number in range(1, 701)]


def any_commands(seed: int) -> tuple[Exchange, list[Any]]:
    random, world = Random(seed), World()
    world.rich("a", "b", "c", "d")
    world.rich("a", "b", asset="BTC", amount=100)
    return world.state, [any_command(random, NOON + 60_000 * number) for number in range(250)]


def with_faults(seed: int) -> tuple[Exchange, list[Any]]:
    """Faults of the operator, marks by rule, isolated margin."""
    story = disputed.random_story(seed, 60, faults=True)
    return new_exchange(story.rules), story.journal


@pytest.mark.parametrize(
    ("make", "seed"),
    [(stream, 0), *((any_commands, seed) for seed in range(3)), *((with_faults, seed) for seed in range(6))],
)
def test_what_is_derived_decides_nothing(make: Callable[[int], tuple[Exchange, list[Any]]], seed: int) -> None:
    """One exchange as it is; one that is put together anew again and again; one rebuilt before every command."""
    state, todo = make(seed)
    anew, rebuilt = remade(state), remade(state)
    seen: set[type] = set()
    for number, each in enumerate(todo):
        if number % 7 == 0:
            anew = remade(anew)
            assert digest(anew) == digest(state)
        rebuild(rebuilt)
        events = step(state, each)
        assert digest(step(anew, each)) == digest(step(rebuilt, each)) == digest(events), (number, each)
        seen |= {type(event) for event in events}
    assert digest(anew) == digest(rebuilt) == digest(state)
    if make is stream:
        assert {LiquidationStarted, Deleveraged} <= seen


# --- what a digest sees -----------------------------------------------------------------------------------


def test_a_book_is_its_orders_in_priority() -> None:
    def resting(number: int, ticks: int, lots: int = 5, side: Any = "BUY") -> Resting:
        return Resting(id=number, owner="a", side=side, ticks=ticks, lots=lots)  # type: ignore[arg-type]

    one = filled([resting(1, 100), resting(2, 101), resting(3, 100), resting(4, 105, side="SELL")])
    other = filled(
        [resting(9, 100), resting(4, 105, side="SELL"), resting(1, 100, 6), resting(3, 100), resting(2, 101)]
    )
    other.reduce(1, 1)  # type: ignore[arg-type]
    other.cancel(9)  # type: ignore[arg-type]
    assert digest(one) == digest(other)
    turned = filled([resting(3, 100), resting(1, 100), resting(2, 101), resting(4, 105, side="SELL")])
    assert digest(turned) != digest(one), "who came first at one price goes first"
    assert len({digest(each) for each in (one, filled([resting(1, 100)]), filled([resting(1, 100, 4)]), Book())}) == 4


CHANGES: dict[str, Callable[[World], object]] = {
    "clock": lambda world: world.later(1),
    "mark": lambda world: world.mark(BTC, 50_001),
    "money": lambda world: world.rich("alice", amount=1),
    "order": lambda world: world.buy("alice", 1, 49_000),
    "stop": lambda world: world.sell("alice", 1, type="STOP_MARKET", stop_price=49_000),
    "leverage": lambda world: world.do(commands.SetLeverage(account="alice", symbol=BTC, leverage=7)),
    "countdown": lambda world: world.do(commands.Countdown(account="alice", symbol=BTC, countdown_ms=1_000)),
    "fault": lambda world: world.do(commands.InjectFault(kind="late_liquidation", on=True, symbol=BTC)),
    "account": lambda world: world.do(commands.OpenAccount(account="new")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_seen(name: str) -> None:
    world = World()
    world.rich("alice")
    before = digest(world.state)
    CHANGES[name](world)
    assert digest(world.state) != before


def test_the_rules_are_part_of_the_state() -> None:
    assert digest(new_exchange(rule_set())) != digest(new_exchange(rule_set(clearance_ms=1)))


def test_a_look_that_finds_nothing_is_not_seen() -> None:
    """What is remembered to be quick is no state."""
    world = World()
    world.rich("alice", "bob")
    world.trade("alice", "bob", 1, 50_000)
    before = digest(world.state)
    world.state.watch.concerned(BTC, Decimal(50_000))
    rebuild(world.state)
    assert digest(world.state) == before
    assert not [each for each in world.mark(BTC, 50_000) if isinstance(each, Rejected)]
