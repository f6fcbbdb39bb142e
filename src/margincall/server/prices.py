"""Prices that come from outside: as marks where they are given, as what the sources of an index say in any case."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from margincall.core.rounding import exact, to_step_down
from margincall.exchange import commands
from margincall.exchange.state import Exchange

SPOT = ("spot-a", "spot-b", "spot-c")
"""The sources of an index: one at the price, one a tick below it and one a tick above."""


def index_command(state: Exchange, symbol: str, price: Decimal) -> commands.SetIndex:
    """What the sources of a symbol's index say around a price."""
    tick = state.markets[symbol].contract.tick
    sources = tuple(
        commands.Source(name, max(price + step * tick, tick)) for step, name in zip((-1, 0, 1), SPOT, strict=True)
    )
    return commands.SetIndex(symbol=symbol, sources=sources)


@exact
def priced(state: Exchange, prices: Mapping[str, Decimal]) -> Iterator[commands.AnyCommand]:
    """The commands that tell the exchange the prices of one moment: indices, then the marks that are not made by rule,
    all at once."""
    for symbol in sorted(prices):
        if state.markets[symbol].listing.index is not None:
            yield index_command(state, symbol, prices[symbol])
    given = {symbol: price for symbol, price in prices.items() if is_given(state, symbol)}
    if given:
        yield commands.SetMarks(prices=given)


def is_given(state: Exchange, symbol: str) -> bool:
    """Whether the mark of a symbol is given, not made by rule."""
    return state.markets[symbol].listing.mark_source == "given"


@exact
def on_tick(state: Exchange, symbol: str, price: Decimal) -> Decimal:
    """A price rounded down to the tick, at least one."""
    tick = state.markets[symbol].contract.tick
    return max(to_step_down(price, tick), tick)
