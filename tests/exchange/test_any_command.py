"""Any commands in any order, with figures at the edges of what a number may be: none is a bug, a refused one changes
nothing, and the books hold after each."""

from decimal import Decimal as D
from random import Random
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from margincall.exchange import commands
from margincall.exchange.digest import digest
from margincall.exchange.events import Rejected
from margincall.exchange.step import receive
from tests.exchange.books import check_books
from tests.exchange.world import BTC, COIN, ETH, RULED, World

TEXTS = {
    "account": ["a", "b", "c", "d", "nobody", "fees", "new"],
    "symbol": [BTC, BTC, COIN, ETH, RULED, "X"],
    "asset": ["USDT", "BTC", "X"],
    "client_order_id": ["", "", "", "mine", "x-9", "autoclose-1"],
    "name": ["s1", "s2"],
}
FIGURES = {
    "price": ["50000", "49990", "50010.1", "2000", "100", "101", "99", "0", "-1", "1e-20", "99999999999999999999"],
    "quantity": ["1", "2", "3.5", "0.1", "0.001", "100", "0", "-1", "1e-20", "99999999999999999999"],
    "amount": ["1000", "-1000", "0.00000001", "1e-9", "0", "99999999999999999999", "-99999999999999999999"],
    "stop_price": ["51000", "49000", "2100", "0", "1e-19"],
    "activation_price": ["51000", "49000"],
    "callback_rate": ["0.1", "1", "20", "21"],
    "weight": ["1", "0", "-1", "1e-20"],
    "value": ["1", "49000", "2", "1e-12", "0"],
    "index": ["1", "50000"], "bid": ["0.9", "1", "45000"], "ask": ["1", "1.1", "55000"],
}  # fmt: skip
NUMBERS = {
    "order_id": [1, 2, 3, 5, 8, 13, -1, 2**63 - 1],
    "leverage": [1, 5, 20, 50, 100, 0, -1, 2**63 - 1],
    "countdown_ms": [0, 1, 60_000, -1, 2**63 - 1],
    "liquidation": [1],
    "number": [1, 2, -1],
}
KINDS = list(get_args(commands.AnyCommand))
OFTEN = [commands.PlaceOrder] * 14 + [commands.SetMark] * 4 + [commands.AmendOrder] * 3 + [commands.Transfer] * 2


def any_command(random: Random, now: int, kind: Any = None) -> Any:
    """A command with fields drawn by name and type; optional ones are often left out."""
    kind = kind or random.choice([*KINDS, *OFTEN])
    hints = get_type_hints(kind)
    defaults = dict(
        zip(kind.__struct_fields__[-len(kind.__struct_defaults__) :], kind.__struct_defaults__, strict=False)
    )
    fields = {}
    for name in kind.__struct_fields__:
        if name in defaults and random.random() < 0.55:
            continue
        fields[name] = any_value(random, name, hints[name], now)
    return kind(**fields)


def any_value(random: Random, name: str, hint: Any, now: int) -> Any:
    """A value for a field."""
    if name in ("time_ms", "good_till_ms"):
        return now + random.choice([0, 1, 1_000, 5_000, 60_000, 700_000, -1, 10**12, 2**62])
    if name == "commands":
        kinds = [commands.PlaceOrder, commands.AmendOrder, commands.CancelOrder]
        return tuple(any_command(random, now, random.choice(kinds)) for _ in range(random.randint(0, 6)))
    if name == "sources":
        return tuple(any_command(random, now, commands.Source) for _ in range(random.randint(0, 3)))
    if name in ("bids", "asks"):
        return tuple(any_command(random, now, commands.Level) for _ in range(random.randint(0, 3)))
    if name == "prices":
        symbols = random.sample([BTC, COIN, ETH, RULED, "X"], random.randint(0, 3))
        return {symbol: D(random.choice(FIGURES["price"])) for symbol in symbols}
    if name == "refund":
        return {
            each: D(random.choice(FIGURES["amount"])) for each in random.sample(["USDT", "X"], random.randint(0, 2))
        }
    if name == "findings":
        return ("found",) * random.randint(0, 2)
    for pool, make in ((TEXTS, str), (FIGURES, D), (NUMBERS, int)):
        if name in pool:
            return make(random.choice(pool[name]))  # type: ignore[index, call-arg]
    if get_origin(hint) in (Union, UnionType):
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        return random.choice(get_args(hint))
    assert hint is bool, (name, hint)
    return random.random() < 0.5


@pytest.mark.parametrize("seed", range(6))
def test_any_commands(seed: int) -> None:
    random = Random(seed)
    world = World()
    world.rich("a", "b", "c", "d")
    world.rich("a", "b", asset="BTC", amount=100)
    if seed % 2:
        # Loose rules: no filter hides what a number may do.
        for market in world.state.markets.values():
            market.listing = type(market.listing)(
                mark_source=market.listing.mark_source, index=market.listing.index, mark=market.listing.mark,
                funding=market.listing.funding, intervals=market.listing.intervals,
            )  # fmt: skip
    refused = accepted = 0
    for _ in range(250):
        command = any_command(random, world.state.time_ms)
        before = digest(world.state)
        events = receive(world.state, commands.encode(command))
        if len(events) == 1 and isinstance(events[0], Rejected) and events[0].place is None:
            refused += 1
            assert digest(world.state) == before, command
        else:
            accepted += 1
            check_books(world.state)
    assert min(refused, accepted) > 25
