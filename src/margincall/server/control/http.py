"""Bodies and answers of the control API. Errors are `{"code", "msg"}`: the engine's own, or −1130 for a body that is
none. Decimals are texts, times milliseconds of the server's clock."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from margincall.core.rounding import plain
from margincall.errors import MargincallError
from margincall.server.errors import ApiError
from margincall.wire.numbers import is_plausible
from margincall.wire.problems import excerpt

T = TypeVar("T", bound=Struct)
Answer = Callable[[Request], Awaitable[object]]
Answers = Mapping[str, tuple[Answer | None, Answer | None]]
"""By path, what GET and POST answer."""


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


def refusal(status: int, code: int, msg: str) -> Response:
    """An error as JSON."""
    return Response(encoded({"code": code, "msg": msg}), status, media_type="application/json")


def endpoint(answer: Answer, settled: Callable[[], Awaitable[None]]) -> Callable[[Request], Awaitable[Response]]:
    """An answer as JSON, given when what it tells is `settled`; what is refused too."""

    async def endpoint(request: Request) -> Response:
        try:
            told = encoded(await answer(request))
            await settled()
            return Response(told, media_type="application/json")
        except ApiError as error:
            error.told()
            return refusal(error.status, error.code, error.msg)
        except MargincallError as error:
            return refusal(400, -1130, str(error))

    return endpoint


async def body(request: Request, kind: type[T]) -> T:
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
