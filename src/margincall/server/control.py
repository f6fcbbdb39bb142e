"""The control API: what only the operator may do, for scripts and tests. JSON in, JSON out, on a port of its own.

Every request needs the token that was printed at the start, in the header `x-control-token`. Errors are `{"code",
"msg"}`: the engine's own, or −1130 for a body that is none. Decimals are texts, times milliseconds of the server's
clock.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from random import SystemRandom
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from margincall.core.rounding import plain
from margincall.core.units import ZERO
from margincall.errors import MargincallError, UsageError
from margincall.exchange import commands
from margincall.exchange.commands import AnyCommand
from margincall.exchange.paths import Point, candles_of, crash, from_candles, from_points
from margincall.server.assembled import Assembled
from margincall.server.clock import SimulatedClock
from margincall.server.desk import dispute, dispute_claimed
from margincall.server.errors import BAD_SYMBOL, ApiError
from margincall.server.keys import ALPHABET, Key, issue
from margincall.server.player import Player, scaled
from margincall.server.prices import on_tick, priced
from margincall.server.summary import account_summary, summary
from margincall.wire.claims import decode as decode_claim
from margincall.wire.numbers import is_plausible
from margincall.wire.problems import excerpt

TOKEN_HEADER = "x-control-token"
STEP_MS = 1_000
END_MS = 2**62
T = TypeVar("T", bound=Struct)


class NewAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account, its money by asset, its modes; leverage by symbol; the symbols that it trades isolated."""

    name: str
    deposits: dict[str, Decimal] = {}
    hedge: bool = False
    multi_assets: bool = False
    leverage: dict[str, int] = {}
    isolated: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of an account's modes is to be changed."""

    hedge: bool | None = None
    multi_assets: bool | None = None
    leverage: dict[str, int] = {}
    margin: dict[str, Literal["cross", "isolated"]] = {}


class Money(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount, negative to take it out."""

    asset: str
    amount: Decimal


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of an account; with `public` (PEM) one that signs by RSA or Ed25519, else by HMAC."""

    account: str
    public: str = ""
    trade: bool = True


class Prices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of one moment: of the index, and of marks that are given."""

    prices: dict[str, Decimal]


class Crash(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fall or rise from the mark to a price, slow, fast, slow (`exchange/paths.py`)."""

    to: Decimal
    seconds: int


class NewPath(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A path of a symbol: of a file or folder of candles (`interval` where it holds several; from `start_ms` to
    `end_ms`), of points [milliseconds, price] of which the first comes at once, or a crash; `speed` times as fast."""

    symbol: str
    candles: str = ""
    interval: str = ""
    start_ms: int = 0
    end_ms: int = END_MS
    points: tuple[tuple[int, Decimal], ...] = ()
    crash: Crash | None = None
    speed: Decimal = Decimal(1)
    step_ms: int = STEP_MS
    seed: int = 0


class Halt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A symbol that takes no new orders, or does again."""

    symbol: str
    on: bool = True


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault of `commands.InjectFault`."""

    kind: commands.FaultKind
    on: bool = True
    symbol: str = ""
    value: Decimal | None = None
    asset: str = ""
    account: str = ""


class ClockTo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time of the simulated clock, or how far it goes on."""

    time_ms: int | None = None
    advance_ms: int | None = None


class Disputed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is disputed: a liquidation of an account by number, or what a claim (`claim.json` of a bundle) means."""

    account: str = ""
    liquidation: int | None = None
    claim: dict[str, Any] | None = None


def new_token() -> str:
    """A token that nobody guesses."""
    return "".join(SystemRandom().choice(ALPHABET) for _ in range(32))


def control_app(built: Assembled, player: Player, token: str) -> ASGIApp:
    """The application."""
    return _Guarded(Starlette(routes=_Control(built, player).routes()), token)


class _Guarded:
    """Whoever has not the token is refused unread."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(TOKEN_HEADER.encode(), b"")
            if not hmac.compare_digest(given, self._token):
                await _refusal(401, -2015, f"The header {TOKEN_HEADER} is missing or wrong.")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def encoded(value: object) -> bytes:
    """JSON with decimals as plain texts: `0`, never `0E-8`."""
    return msgspec.json.encode(_plain(msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True)))


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return format(plain(value), "f")
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value


def _refusal(status: int, code: int, msg: str) -> Response:
    return Response(encoded({"code": code, "msg": msg}), status, media_type="application/json")


Answer = Callable[[Request], Awaitable[object]]


def _endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """An answer as JSON; what is refused too."""

    async def endpoint(request: Request) -> Response:
        try:
            return Response(encoded(await answer(request)), media_type="application/json")
        except ApiError as error:
            return _refusal(error.status, error.code, error.msg)
        except MargincallError as error:
            return _refusal(400, -1130, str(error))

    return endpoint


async def _body(request: Request, kind: type[T]) -> T:
    """The body of a request. Raises `ApiError`."""
    try:
        found = msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(-1130, str(error)) from None
    for number in _decimals(msgspec.to_builtins(found, builtin_types=(Decimal,))):
        if not number.is_finite() or not is_plausible(number):
            raise ApiError(-1130, f"{excerpt(str(number))!r} is no number that can be an amount or a price")
    return found


def _decimals(value: object) -> Iterator[Decimal]:
    """Every number of a body."""
    if isinstance(value, Decimal):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _decimals(each)


class _Control:
    """What the routes do."""

    def __init__(self, built: Assembled, player: Player) -> None:
        self._built, self._player, self._venue = built, player, built.venue

    def routes(self) -> list[Route]:
        """All of them."""
        table: Mapping[str, tuple[Answer | None, Answer | None]] = {
            "/state": (self._state, None),
            "/accounts": (self._accounts, self._open),
            "/accounts/{name}": (self._account, None),
            "/accounts/{name}/deposit": (None, self._deposit),
            "/accounts/{name}/settings": (None, self._set),
            "/keys": (self._keys, self._issue),
            "/prices": (None, self._price),
            "/paths": (self._paths, self._play),
            "/paths/{symbol}/stop": (None, self._stop),
            "/halts": (self._halts, self._halt),
            "/faults": (self._faults, self._fault),
            "/fund": (None, self._fund),
            "/clock": (self._time, self._go_to),
            "/disputes": (self._disputes, self._dispute),
            "/commands": (None, self._command),
        }
        return [
            Route(path, _endpoint(answer), methods=[method])
            for path, answers in table.items()
            for method, answer in zip(("GET", "POST"), answers, strict=True)
            if answer is not None
        ]

    async def _state(self, request: Request) -> object:
        return {**summary(self._built), "paths": self._player.playing()}

    async def _accounts(self, request: Request) -> object:
        return [account_summary(trader) for trader in self._venue.state.owners()]

    async def _account(self, request: Request) -> object:
        return account_summary(self._trader(request))

    def _trader(self, request: Request) -> Any:
        found = self._venue.state.traders.get(request.path_params["name"])
        if found is None:
            raise ApiError(-1130, "no such account", 404)
        return found

    async def _open(self, request: Request) -> object:
        wanted = await _body(request, NewAccount)
        name = wanted.name
        await self._venue.do(commands.OpenAccount(account=name))
        for asset, amount in wanted.deposits.items():
            await self._venue.do(commands.Transfer(account=name, asset=asset, amount=amount))
        await self._settle(
            name,
            Settings(
                hedge=wanted.hedge or None, multi_assets=wanted.multi_assets or None, leverage=wanted.leverage,
                margin=dict.fromkeys(wanted.isolated, "isolated"),
            ),
        )  # fmt: skip
        return account_summary(self._venue.state.traders[name])

    async def _settle(self, name: str, wanted: Settings) -> None:
        asked: list[AnyCommand] = []
        if wanted.hedge is not None:
            asked.append(commands.SetPositionMode(account=name, hedge=wanted.hedge))
        if wanted.multi_assets is not None:
            asked.append(commands.SetAssetMode(account=name, multi_assets=wanted.multi_assets))
        asked += [
            commands.SetMarginType(account=name, symbol=symbol, margin=margin)
            for symbol, margin in wanted.margin.items()
        ]
        asked += [
            commands.SetLeverage(account=name, symbol=symbol, leverage=leverage)
            for symbol, leverage in wanted.leverage.items()
        ]
        for command in asked:
            await self._venue.do(command)

    async def _deposit(self, request: Request) -> object:
        money, trader = await _body(request, Money), self._trader(request)
        await self._venue.do(commands.Transfer(account=trader.name, asset=money.asset, amount=money.amount))
        return account_summary(trader)

    async def _set(self, request: Request) -> object:
        wanted, trader = await _body(request, Settings), self._trader(request)
        await self._settle(trader.name, wanted)
        return account_summary(trader)

    async def _keys(self, request: Request) -> object:
        return [key_row(each) for each in self._built.keys.all().values()]

    async def _issue(self, request: Request) -> object:
        wanted = await _body(request, NewKey)
        if wanted.account not in {trader.name for trader in self._venue.state.owners()}:
            raise ApiError(-1130, "no such account", 404)
        key = issue(wanted.account, public=wanted.public, trade=wanted.trade)
        self._built.keys.add(key)
        return key_row(key, with_secret=True)

    async def _price(self, request: Request) -> object:
        prices = (await _body(request, Prices)).prices
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
        wanted = await _body(request, NewPath)
        self._check(wanted.symbol)
        if wanted.speed <= 0 or wanted.step_ms <= 0:
            raise ApiError(-1130, "speed and step_ms must be positive")
        try:
            points = await self._points(wanted)
            self._player.play(wanted.symbol, scaled(points, self._venue.now_ms(), wanted.speed))
        except ValueError as error:
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
        start = on_tick(self._venue.state, symbol, mark)
        return crash(start, wanted.to, steps, tick=tick, step_ms=step_ms)

    async def _stop(self, request: Request) -> object:
        self._player.stop(request.path_params["symbol"])
        return self._player.playing()

    async def _halts(self, request: Request) -> object:
        return sorted(self._venue.halted)

    async def _halt(self, request: Request) -> object:
        wanted = await _body(request, Halt)
        self._check(wanted.symbol)
        (self._venue.halted.add if wanted.on else self._venue.halted.discard)(wanted.symbol)
        return sorted(self._venue.halted)

    async def _faults(self, request: Request) -> object:
        return self._venue.state.faults

    async def _fault(self, request: Request) -> object:
        wanted = await _body(request, Fault)
        await self._venue.do(commands.InjectFault(**{name: getattr(wanted, name) for name in wanted.__struct_fields__}))
        return self._venue.state.faults

    async def _fund(self, request: Request) -> object:
        money = await _body(request, Money)
        await self._venue.do(commands.Fund(asset=money.asset, amount=money.amount))
        return {"fund": {money.asset: self._venue.state.fund.account.wallets.get(money.asset, ZERO)}}

    async def _time(self, request: Request) -> object:
        return {"time_ms": self._venue.now_ms(), "is_simulated": self._venue.clock.is_simulated}

    async def _go_to(self, request: Request) -> object:
        wanted, clock = await _body(request, ClockTo), self._venue.clock
        if not isinstance(clock, SimulatedClock):
            raise ApiError(-1130, "the clock is that of the machine: start with --clock simulated")
        if (wanted.time_ms is None) == (wanted.advance_ms is None):
            raise ApiError(-1130, "expected time_ms or advance_ms")
        to_ms = wanted.time_ms if wanted.time_ms is not None else clock.now_ms() + (wanted.advance_ms or 0)
        try:
            await self._player.go_to(clock, to_ms)
        except ValueError as error:
            raise ApiError(-1130, str(error)) from None
        return await self._time(request)

    async def _disputes(self, request: Request) -> object:
        return list(self._venue.state.disputes.values())

    async def _dispute(self, request: Request) -> object:
        wanted = await _body(request, Disputed)
        if wanted.claim is not None:
            return await dispute_claimed(self._built, decode_claim(msgspec.json.encode(wanted.claim)))
        if wanted.liquidation is None:
            raise ApiError(-1130, "expected account and liquidation, or claim")
        return [await dispute(self._built, wanted.account, wanted.liquidation)]

    async def _command(self, request: Request) -> object:
        try:
            command = commands.decode(await request.body())
        except commands.BadCommand as error:
            raise ApiError(-1130, str(error)) from None
        if isinstance(command, commands.Advance):
            raise ApiError(-1130, "the exchange's clock follows the server's: POST /clock")
        return {"events": await self._venue.do(command)}


def key_row(key: Key, *, with_secret: bool = False) -> dict[str, object]:
    """What is told of a key; its secret only when it is made."""
    row: dict[str, object] = {"key": key.key, "account": key.account, "kind": key.kind, "trade": key.trade}
    return {**row, "secret": key.secret} if with_secret and key.secret else row
