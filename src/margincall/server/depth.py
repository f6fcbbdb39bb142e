"""Differences of a book for the depth streams, such that a book kept by them is the book.

A message says the size at every price that anybody may have seen otherwise since the message before: prices are
compared whenever the book is looked at, also by who asks for it (`observe`), so that a level that changed and changed
back in between is in it too. Numbers are those of `lastUpdateId`: of a message `U` is one more than `pu`, the `u` of
the message before.
"""

from collections.abc import Mapping
from typing import NamedTuple

from margincall.core.contract import Contract
from margincall.exchange.book import Side
from margincall.exchange.state import Exchange
from margincall.wire.serve_streams import Levels
from margincall.wire.spelling import text

ALL = 1 << 40
SIDES: tuple[Side, Side] = ("BUY", "SELL")
Half = dict[int, int]


class Ladder(NamedTuple):
    """A book at one moment: lots by ticks, bids and asks, and its number."""

    number: int
    halves: tuple[Half, Half]


class Change(NamedTuple):
    """What a message says."""

    first: int
    last: int
    before: int
    bids: Levels
    asks: Levels


class Chain:
    """One stream of differences."""

    def __init__(self, symbol: str, number: int) -> None:
        """It goes on from a number."""
        self.symbol, self.last = symbol, number
        self.touched: tuple[set[int], set[int]] = (set(), set())


class Depths:
    """All books that somebody follows. `numbers` are the update ids by symbol, which follow the state."""

    def __init__(self, state: Exchange, numbers: Mapping[str, int]) -> None:
        """Nobody follows one."""
        self._state, self._numbers = state, numbers
        self._chains: dict[str, list[Chain]] = {}
        self._seen: dict[str, Ladder] = {}

    def follow(self, symbol: str) -> Chain:
        """A stream of differences from now on."""
        seen = self._look(symbol)
        chain = Chain(symbol, seen.number)
        self._chains.setdefault(symbol, []).append(chain)
        return chain

    def leave(self, chain: Chain) -> None:
        """A stream ends."""
        chains = self._chains[chain.symbol]
        chains.remove(chain)
        if not chains:
            del self._chains[chain.symbol], self._seen[chain.symbol]

    def observe(self, symbol: str) -> None:
        """To be called before a book is shown to anybody."""
        if symbol in self._chains:
            self._look(symbol)

    def change(self, chain: Chain) -> Change | None:
        """What has changed since the last message of a stream; none if nothing has."""
        seen = self._look(chain.symbol)
        if not any(chain.touched):
            return None
        contract = self._state.markets[chain.symbol].contract
        bids, asks = (
            [level(contract, ticks, half.get(ticks, 0)) for ticks in sorted(touched, reverse=side == "BUY")]
            for side, half, touched in zip(SIDES, seen.halves, chain.touched, strict=True)
        )
        found = Change(chain.last + 1, seen.number, chain.last, bids, asks)
        chain.last, chain.touched = seen.number, (set(), set())
        return found

    def _look(self, symbol: str) -> Ladder:
        before, number = self._seen.get(symbol), self._numbers[symbol]
        if before is not None and before.number == number:
            return before
        book = self._state.markets[symbol].book
        bids: Half = {each.ticks: each.lots for each in book.depth("BUY", ALL)}
        asks: Half = {each.ticks: each.lots for each in book.depth("SELL", ALL)}
        now = self._seen[symbol] = Ladder(number, (bids, asks))
        if before is not None:
            for place in (0, 1):
                changed = {ticks for ticks, _ in before.halves[place].items() ^ now.halves[place].items()}
                for chain in self._chains.get(symbol, ()):
                    chain.touched[place].update(changed)
        return now


def level(contract: Contract, ticks: int, lots: int) -> tuple[str, str]:
    """A level as it is printed: price and size; size 0 where nothing rests any more."""
    return text(contract.tick * ticks), text(contract.lot * lots)


def best(state: Exchange, symbol: str, levels: int) -> tuple[Levels, Levels]:
    """The best levels of both sides."""
    market = state.markets[symbol]
    bids, asks = (
        [level(market.contract, each.ticks, each.lots) for each in market.book.depth(side, levels)] for side in SIDES
    )
    return bids, asks
