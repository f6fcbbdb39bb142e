"""One request of REST: found in the table, counted, its key and signature checked, answered.

The order of the checks is the venue's as far as it shows: address limits, path, key, mandatory `timestamp`, time,
signature, parameters.
"""

from decimal import Decimal
from types import CoroutineType

import msgspec
from msgspec import Struct

from margincall.server.call import Call
from margincall.server.errors import (
    AHEAD,
    KEY_FORMAT,
    KEY_UNKNOWN,
    OUTSIDE,
    SIGNATURE,
    TOO_LARGE,
    UNKNOWN_METHOD,
    WINDOW_TOO_LARGE,
    ApiError,
    missing,
)
from margincall.server.keys import LENGTH, Key, Keys
from margincall.server.limits import Limits
from margincall.server.request import BODY_MAX, Params, Request, parameters, signed_part
from margincall.server.routing import Route, Table
from margincall.server.venue import Venue

WINDOW_MS, WINDOW_MOST_MS, AHEAD_MS = 5_000, 60_000, 1_000
WINDOW_DIGITS = 9
SIMULATED = ("x-simulated", "1")
WEIGHT = "x-mbx-used-weight-1m"
JSON = ("content-type", "application/json;charset=UTF-8")
encoded = msgspec.json.encode


class Reply(Struct, frozen=True, gc=False):
    """What is sent back."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Gateway:
    """Answers requests of one address book of routes."""

    def __init__(self, venue: Venue, table: Table, keys: Keys, limits: Limits) -> None:
        """All that a request may touch."""
        self.venue, self.table, self.keys, self.limits = venue, table, keys, limits

    async def answer(self, request: Request) -> Reply:
        """The answer; a refusal is one too."""
        headers: list[tuple[str, str]] = [JSON, SIMULATED]
        try:
            found = await self._answered(request, headers)
        except ApiError as error:
            error.told()
            if error.retry_after_s is not None:
                headers.append(("retry-after", str(error.retry_after_s)))
                if not any(name == WEIGHT for name, _ in headers):
                    headers.append((WEIGHT, str(self.limits.used(request.ip))))
            body = encoded({"code": error.code, "msg": error.msg})
            return Reply(error.status, body, tuple(headers))
        if isinstance(found, Reply):
            return found
        return Reply(200, found if isinstance(found, bytes) else encoded(found), tuple(headers))

    async def _answered(self, request: Request, headers: list[tuple[str, str]]) -> object:
        route = self.table.get(request.method, request.path)
        try:
            if len(request.body) > BODY_MAX:
                raise TOO_LARGE
            params = Params(parameters(request.query, request.body))
        except ApiError:  # what cannot be read weighs, too, and whoever is banned learns that
            headers.append((WEIGHT, str(self.limits.ask(request.ip, 1))))
            raise
        if route is None:
            used = self.limits.ask(request.ip, 1)
        else:
            used = self.limits.ask(request.ip, route.weighs(params), route.pool)
        headers.append((WEIGHT, str(used)))
        if route is None:
            raise UNKNOWN_METHOD
        key = self._key(route, request, params) if route.security != "none" else None
        account = key.account if key is not None else ""
        if route.orders != (0, 0):
            ten, minute = self.limits.order(account, *route.orders)
            headers += [("x-mbx-order-count-10s", str(ten)), ("x-mbx-order-count-1m", str(minute))]
        return await self.handled(
            route, Call(venue=self.venue, request=request, params=params, account=account, key=key)
        )

    async def handled(self, route: Route, call: Call) -> object:
        """What a route answers, over whatever it was asked; to who only asks once nothing of it can be undone."""
        answer = route.handler(call)
        if isinstance(answer, CoroutineType):
            return await answer
        await self.venue.settled()
        return answer

    def _key(self, route: Route, request: Request, params: Params) -> Key:
        """Whose request it is, if its key may do that and signed it in time."""
        key = self.key_of(request.key)
        if route.security == "key":
            return key
        self.check_time(params)
        payload, signature = signed_part(request.query, request.body)
        if not signature:
            raise missing("signature")
        if not self.keys.verifies(key, payload, signature):
            raise SIGNATURE
        if route.security == "trade" and not key.trade:
            raise KEY_UNKNOWN
        return key

    def key_of(self, name: str) -> Key:
        """A key that was issued here. Raises `ApiError` for any other, which is not looked at further."""
        if len(name) != LENGTH or not name.isalnum():
            raise KEY_FORMAT
        key = self.keys.get(name)
        if key is None:
            raise KEY_UNKNOWN
        return key

    def check_time(self, params: Params) -> None:
        """`timestamp` and `recvWindow`: accepted if less than a second ahead and not older than the window."""
        sent_ms = params.need_integer("timestamp")
        window_ms = _window_ms(params)
        if window_ms > WINDOW_MOST_MS:
            raise WINDOW_TOO_LARGE
        now_ms = self.venue.now_ms()
        if sent_ms >= now_ms + AHEAD_MS:
            raise AHEAD
        if now_ms - sent_ms > window_ms:
            raise OUTSIDE


def _window_ms(params: Params) -> int | Decimal:
    """`recvWindow`, which may have decimals and nearly never has."""
    text = params.found.get("recvWindow")
    if text is None:
        return WINDOW_MS
    if text.isdigit() and text.isascii() and len(text) <= WINDOW_DIGITS:
        return int(text)
    found = params.decimal("recvWindow")
    return WINDOW_MS if found is None else found
