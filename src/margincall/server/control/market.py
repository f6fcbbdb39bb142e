"""The control API: prices, halts, faults, the fund, the clock."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from starlette.requests import Request

from margincall.core.units import ZERO
from margincall.errors import UsageError
from margincall.exchange import commands
from margincall.exchange.paths import Point, candles_of, crash, from_candles, from_points
from margincall.server.assembled import Assembled
from margincall.server.clock import SimulatedClock
from margincall.server.control.bodies import ClockTo, Crash, Fault, Halt, Money, NewPath, Prices
from margincall.server.control.http import Answers, body
from margincall.server.errors import BAD_SYMBOL, ApiError
from margincall.server.player import Player, scaled
from margincall.server.prices import on_tick, priced
from margincall.wire.durations import DAY_MS

MOST_AT_ONCE_MS = 366 * DAY_MS
"""So far a request may set the clock further; every minute of it is carried out."""

MOST_STEPS = 1_000_000
"""Of a crash: all of them are computed before it begins."""


class Market:
    """Prices, halts, faults, the fund, the clock."""

    def __init__(self, built: Assembled, player: Player) -> None:
        """What it acts on."""
        self._venue, self._player = built.venue, player

    def table(self) -> Answers:
        """Its paths, with what GET and POST answer."""
        return {
            "/prices": (None, self._price),
            "/paths": (self._paths, self._play),
            "/paths/{symbol}/stop": (None, self._stop),
            "/halts": (self._halts, self._halt),
            "/faults": (self._faults, self._fault),
            "/fund": (None, self._fund),
            "/clock": (self._time, self._go_to),
        }

    async def _price(self, request: Request) -> object:
        prices = (await body(request, Prices)).prices
        for symbol in prices:
            self._check(symbol)
        for command in priced(self._venue.state, prices):
            await self._venue.do(command)
        return {"time_ms": self._venue.now_ms(), "marks": {each: self._mark(each) for each in prices}}

    def _check(self, symbol: str) -> None:
        if symbol not in self._venue.state.markets:
            raise BAD_SYMBOL

    def _mark(self, symbol: str) -> Decimal | None:
        return self._venue.state.markets[symbol].mark

    async def _paths(self, request: Request) -> object:
        return self._player.playing()

    async def _play(self, request: Request) -> object:
        wanted = await body(request, NewPath)
        self._check(wanted.symbol)
        if wanted.speed <= 0 or wanted.step_ms <= 0:
            raise ApiError(-1130, "speed and step_ms must be positive")
        try:
            points = await self._points(wanted)
            self._player.play(wanted.symbol, scaled(points, self._venue.now_ms(), wanted.speed))
        except (ValueError, OSError) as error:
            raise ApiError(-1130, str(error)) from None
        self._player.follow()
        return self._player.playing()

    async def _points(self, wanted: NewPath) -> Iterable[Point]:
        """The points of a path. Raises `ValueError`, and for files what `candles_of` raises."""
        symbol, tick = wanted.symbol, self._venue.state.markets[wanted.symbol].contract.tick
        chosen = [bool(wanted.candles), bool(wanted.points), wanted.crash is not None]
        if chosen.count(True) != 1:
            raise UsageError("expected one of candles, points and crash")
        if wanted.candles:
            path, span = Path(wanted.candles), (wanted.start_ms, wanted.end_ms)
            candles = await asyncio.to_thread(candles_of, path, symbol, *span, interval=wanted.interval)
            return from_candles(candles, wanted.step_ms, wanted.seed, tick)
        if wanted.points:
            return from_points(wanted.points, step_ms=wanted.step_ms, tick=tick)
        assert wanted.crash is not None
        return self._crash(symbol, wanted.crash, wanted.step_ms, tick)

    def _crash(self, symbol: str, wanted: Crash, step_ms: int, tick: Decimal) -> list[Point]:
        mark = self._mark(symbol)
        if mark is None:
            raise UsageError(f"{symbol} has no price yet to crash from")
        steps = wanted.seconds * 1000 // step_ms
        if steps < 1:
            raise UsageError("a crash takes at least one step")
        if steps > MOST_STEPS:
            raise UsageError(f"a crash takes at most {MOST_STEPS:,} steps")
        least = self._venue.state.markets[symbol].listing.filters.min_price
        if wanted.to < least:
            raise UsageError(f"{symbol} has no orders below {least}: crash to that or more")
        start = on_tick(self._venue.state, symbol, mark)
        return crash(start, wanted.to, steps, tick=tick, step_ms=step_ms)

    async def _stop(self, request: Request) -> object:
        self._player.stop(request.path_params["symbol"])
        return self._player.playing()

    async def _halts(self, request: Request) -> object:
        return sorted(self._venue.halted)

    async def _halt(self, request: Request) -> object:
        wanted = await body(request, Halt)
        self._check(wanted.symbol)
        self._venue.halt(wanted.symbol, on=wanted.on)
        await self._venue.noted()
        return sorted(self._venue.halted)

    async def _faults(self, request: Request) -> object:
        return self._venue.state.faults

    async def _fault(self, request: Request) -> object:
        wanted = await body(request, Fault)
        await self._venue.do(commands.InjectFault(**{name: getattr(wanted, name) for name in wanted.__struct_fields__}))
        return self._venue.state.faults

    async def _fund(self, request: Request) -> object:
        money = await body(request, Money)
        await self._venue.do(commands.Fund(asset=money.asset, amount=money.amount))
        return {"fund": {money.asset: self._venue.state.fund.account.wallets.get(money.asset, ZERO)}}

    async def _time(self, request: Request) -> object:
        return {"time_ms": self._venue.now_ms(), "is_simulated": self._venue.clock.is_simulated}

    async def _go_to(self, request: Request) -> object:
        wanted, clock = await body(request, ClockTo), self._venue.clock
        if not isinstance(clock, SimulatedClock):
            raise ApiError(-1130, "the clock is that of the machine: start with --clock simulated")
        if (wanted.time_ms is None) == (wanted.advance_ms is None):
            raise ApiError(-1130, "expected time_ms or advance_ms")
        to_ms = wanted.time_ms if wanted.time_ms is not None else clock.now_ms() + (wanted.advance_ms or 0)
        if to_ms > clock.now_ms() + MOST_AT_ONCE_MS:
            raise ApiError(-1130, "the clock goes on by at most 366 days at once")
        try:
            await self._player.go_to(clock, to_ms)
        except ValueError as error:
            raise ApiError(-1130, str(error)) from None
        await self._venue.noted()
        return await self._time(request)
