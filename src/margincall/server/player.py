"""Prices that are played: paths of points, told to the exchange when their time comes."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from margincall.exchange.paths import Point
from margincall.server.clock import SimulatedClock
from margincall.server.errors import ApiError
from margincall.server.prices import on_tick, priced
from margincall.server.venue import Venue

AT_ONCE = 200
"""Moments that are played in one turn of the loop: what else waits comes in between."""
PIECE_MS = 60_000
"""A simulated clock goes on in pieces of so much: requests are answered in between, at the time that it reads then."""
CALM_MS = 3_600_000
"""In such pieces where no price is played and nobody listens to a stream."""


def scaled(points: Iterable[Point], begin_ms: int, speed: Decimal = Decimal(1)) -> Iterator[Point]:
    """The points of a path as they are played: the first at `begin_ms`, time running `speed` times as fast."""
    first_ms: int | None = None
    for time_ms, price in points:
        first_ms = time_ms if first_ms is None else first_ms
        yield begin_ms + int((time_ms - first_ms) / speed), price


class _Track:
    """What is left of one path."""

    def __init__(self, points: Iterator[Point]) -> None:
        self._points = points
        self.next = next(points, None)

    def take(self) -> Point:
        assert self.next is not None
        found, self.next = self.next, next(self._points, None)
        return found


class Playing(NamedTuple):
    """A path that is played: its symbol, and when its next point comes."""

    symbol: str
    next_ms: int


class Player:
    """Plays one path for each symbol, as the server's clock goes on."""

    def __init__(self, venue: Venue, passed: Callable[[], None], is_heard: Callable[[], bool] = lambda: True) -> None:
        """Nothing is played yet. `passed` is told whenever a simulated clock has gone on; `is_heard` says whether
        anybody listens to a stream."""
        self._venue, self._passed, self._is_heard = venue, passed, is_heard
        self._tracks: dict[str, _Track] = {}
        self._turn = asyncio.Lock()
        self._is_ending = False

    def play(self, symbol: str, points: Iterable[Point]) -> None:
        """Play a path from now on, in place of another one of the symbol; times are those of the server."""
        self._tracks[symbol] = _Track(iter(points))

    def stop(self, symbol: str) -> None:
        """The price stays where it is."""
        self._tracks.pop(symbol, None)

    def end(self) -> None:
        """The server ends: a clock that is on its way stays where it is."""
        self._is_ending = True

    def playing(self) -> list[Playing]:
        """What is played."""
        return [
            Playing(symbol, track.next[0]) for symbol, track in sorted(self._tracks.items()) if track.next is not None
        ]

    def _moment(self, until_ms: int) -> tuple[int, dict[str, Decimal]] | None:
        """The prices of the next moment, if it is not later than that."""
        times = [track.next[0] for track in self._tracks.values() if track.next is not None]
        if not times or (at_ms := min(times)) > until_ms:
            return None
        found: dict[str, Decimal] = {}
        for symbol, track in list(self._tracks.items()):
            while track.next is not None and track.next[0] <= at_ms:
                found[symbol] = on_tick(self._venue.state, symbol, track.take()[1])
            if track.next is None:
                del self._tracks[symbol]
        return at_ms, found

    def follow(self) -> bool:
        """Tell the prices whose time has come, as far as fits in one turn; whether all were told. Raises `ApiError` for
        one that the exchange refuses, whose path is over."""
        for _ in range(AT_ONCE):
            moment = self._moment(self._venue.now_ms())
            if moment is None:
                return True
            self._tell(moment[1])
        return False

    def _tell(self, prices: dict[str, Decimal]) -> None:
        """Tell prices of one moment; what is refused ends the paths that they are of. Raises `ApiError`."""
        try:
            for command in priced(self._venue.state, prices):
                self._venue.carry_out(command)
        except ApiError:
            for symbol in prices:
                self.stop(symbol)
            raise

    def _piece_ms(self, now_ms: int) -> int:
        """Until when the clock goes on at once. Calm ends before each settlement of funding, with which the samples of
        the premium are gone that the charts have not seen yet."""
        if self._tracks or self._is_heard():
            return now_ms + PIECE_MS
        ends = (market.next_funding_ms for market in self._venue.state.markets.values())
        before = (each - 1 for each in ends if each is not None and each - 1 > now_ms)
        return min(now_ms + CALM_MS, *before, now_ms + CALM_MS)

    async def go_to(self, clock: SimulatedClock, to_ms: int) -> None:
        """Let a simulated clock go on to a time (or as far as it comes before `end`), through every price that is
        played until then. Raises `ValueError` for an earlier time than it reads, and as `follow`."""
        async with self._turn:
            if to_ms < clock.now_ms():
                raise ValueError(f"{to_ms} is before {clock.now_ms()}")
            while (now_ms := clock.now_ms()) < to_ms and not self._is_ending:
                piece_ms = min(to_ms, self._piece_ms(now_ms))
                for _ in range(AT_ONCE):
                    moment = self._moment(piece_ms)
                    if moment is None:
                        clock.set(max(piece_ms, clock.now_ms()))
                        self._venue.advance()
                        break
                    clock.set(max(moment[0], clock.now_ms()))
                    self._tell(moment[1])
                    if self._is_heard():
                        self._passed()
                self._passed()
                await asyncio.sleep(0)
