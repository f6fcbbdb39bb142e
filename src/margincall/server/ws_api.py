"""The WebSocket API `/ws-fapi/v1`: requests and answers over one socket, by the handlers of the table of routes.

Limits are shared with REST. A signature covers the parameters sorted by name, the API key among them; after
`session.logon` (Ed25519 keys only) neither key nor signature need be sent. Requests of one connection are carried out
in the order in which they came, and answered as they are safe. Source: documentation, WebSocket API General Info,
2026-05.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Raw, Struct

from margincall.server.app import Scope
from margincall.server.call import Call
from margincall.server.errors import KEY_UNKNOWN, NO_MESSAGE, SIGNATURE, UNKNOWN_METHOD, ApiError, missing
from margincall.server.gateway import Gateway
from margincall.server.hub import DEFECT, POLICY, Listener
from margincall.server.keys import Key
from margincall.server.limits import ORDERS_1M, ORDERS_10S, POOLS
from margincall.server.request import FALSE, Params, Request
from margincall.server.routing import Route
from margincall.wire.spelling import Json

HANDSHAKE_WEIGHT, SESSION_WEIGHT = 5, 2
MOST_AT_ONCE = 200
"""Requests of one connection that may be under way (assumed: `socket-queue`)."""
METHODS: Mapping[str, tuple[str, str]] = {
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v2/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
"""The route that answers a method."""
SESSIONS = frozenset({"session.logon", "session.status", "session.logout"})
KEY_TYPE = ApiError(-4056, "Invalid api key type.")
encoded = msgspec.json.encode


class Asked(Struct, frozen=True):
    """A request."""

    method: str
    id: int | str | None = None
    params: dict[str, Raw] | None = None


class Used:
    """What a request has used of the limits, as its answer tells it."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows: list[Json] = []

    def add(self, kind: str, interval: str, number: int, limit: int, count: int) -> None:
        """One limit."""
        self.rows.append(
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit, "count": count}
        )


class WsApi:
    """One connection."""

    def __init__(self, gateway: Gateway, listener: Listener, scope: Scope) -> None:
        """Its opening weighs; an address that has asked too much is closed."""
        self._gateway, self._listener = gateway, listener
        client = scope.get("client")
        self._ip = client[0] if client else "127.0.0.1"
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        self._tells_limits = query.get("returnRateLimits") not in FALSE
        self._opened_ms = gateway.venue.now_ms()
        self._key: Key | None = None
        self._since_ms: int | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        try:
            gateway.limits.ask(self._ip, HANDSHAKE_WEIGHT)
        except ApiError as error:
            error.told()
            listener.close(POLICY, error.msg[:120])

    def hear(self, text: str) -> None:
        """Begin to carry out a request."""
        if self._listener.closing is not None:
            return
        if len(self._under_way) >= MOST_AT_ONCE:
            self._listener.close(POLICY, f"More than {MOST_AT_ONCE} requests are under way.")
            return
        task = asyncio.ensure_future(self._answer(text))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A defect closes the connection, so that nobody waits for an answer; it is told to the loop's handler."""
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._listener.close(DEFECT, "Internal error.")
            task.get_loop().call_exception_handler({"message": "a request of a socket", "exception": error})

    def end(self) -> None:
        """The connection is gone; what was begun is carried out."""

    async def _answer(self, text: str) -> None:
        used, number, tells = Used(), None, self._tells_limits
        answer: Json
        try:
            try:
                asked = _read(text)
            except ApiError:
                self._weigh(1, "weight", used)
                raise
            number = asked.id
            found = _words(asked.params or {})
            tells = tells and found.pop("returnRateLimits", "") not in FALSE
            result = await self._carried_out(asked, found, used)
            answer = {"id": number, "status": 200, "result": Raw(result) if isinstance(result, bytes) else result}
        except ApiError as error:
            error.told()
            told: Json = {"code": error.code, "msg": error.msg}
            if error.retry_after_s is not None:
                now_ms = self._gateway.venue.now_ms()
                told["data"] = {"serverTime": now_ms, "retryAfter": now_ms + error.retry_after_s * 1000}
            answer = {"id": number, "status": error.status, "error": told}
        if tells:
            answer["rateLimits"] = used.rows
        self._listener.put(encoded(answer).decode())

    async def _carried_out(self, asked: Asked, found: dict[str, str], used: Used) -> object:
        if asked.method in SESSIONS:
            self._weigh(SESSION_WEIGHT, "weight", used)
            return self._session(asked, found)
        route = self._gateway.table.get(*METHODS.get(asked.method, ("", "")))
        if route is None:
            self._weigh(1, "weight", used)
            raise UNKNOWN_METHOD
        params = Params(found)
        self._weigh(route.weighs(params), route.pool, used)
        key = self._allowed(route, asked, found)
        account = key.account if key is not None else ""
        if route.orders != (0, 0):
            ten, minute = self._gateway.limits.order(account, *route.orders)
            used.add("ORDERS", "SECOND", 10, ORDERS_10S.limit, ten)
            used.add("ORDERS", "MINUTE", 1, ORDERS_1M.limit, minute)
        request = Request(
            method=route.method, path=route.path, key=key.key if key is not None else "", ip=self._ip
        )  # fmt: skip
        call = Call(venue=self._gateway.venue, request=request, params=params, account=account)
        return await self._gateway.handled(route, call)

    def _weigh(self, weight: int, pool: Any, used: Used) -> None:
        count = self._gateway.limits.ask(self._ip, weight, pool)
        used.add("REQUEST_WEIGHT", "MINUTE", 1, POOLS["weight"].limit, count)

    def _allowed(self, route: Route, asked: Asked, found: dict[str, str]) -> Key | None:
        """The key of a request, if it may do that and signed it in time; none where none is asked."""
        if route.security == "none":
            return None
        if "apiKey" not in found and self._key is not None:
            key = self._key
            if route.security != "key":
                self._gateway.check_time(Params(found))
        else:
            key = self._gateway.key_of(Params(found).need_text("apiKey"))
            if route.security != "key":
                self._check_signature(key, asked, found)
        found.pop("apiKey", None)
        found.pop("signature", None)
        if route.security == "trade" and not key.trade:
            raise KEY_UNKNOWN
        return key

    def _check_signature(self, key: Key, asked: Asked, found: Mapping[str, str]) -> None:
        self._gateway.check_time(Params(found))
        signature = found.get("signature")
        if not signature:
            raise missing("signature")
        raw = asked.params or {}
        if not any(self._gateway.keys.verifies(key, each, signature) for each in payloads(raw)):
            raise SIGNATURE

    def _session(self, asked: Asked, found: Mapping[str, str]) -> Json:
        now_ms = self._gateway.venue.now_ms()
        if asked.method == "session.logon":
            key = self._gateway.key_of(Params(found).need_text("apiKey"))
            if key.kind != "ed25519":
                raise KEY_TYPE
            self._check_signature(key, asked, found)
            self._key, self._since_ms = key, now_ms
        elif asked.method == "session.logout":
            self._key = self._since_ms = None
        return {
            "apiKey": self._key.key if self._key is not None else None,
            "authorizedSince": self._since_ms,
            "connectedSince": self._opened_ms,
            "returnRateLimits": self._tells_limits,
            "serverTime": now_ms,
        }


def _read(text: str) -> Asked:
    """A request. Raises `ApiError` for what is none."""
    try:
        return msgspec.json.decode(text, type=Asked)
    except (msgspec.DecodeError, RecursionError):
        raise NO_MESSAGE from None


def _words(params: Mapping[str, Raw]) -> dict[str, str]:
    """Parameters as text: texts without their quotes, numbers digit by digit; what is null was not sent."""
    words = {name: _word(bytes(raw)) for name, raw in params.items()}
    return {name: word for name, word in words.items() if word is not None}


def _word(raw: bytes) -> str | None:
    if raw == b"null":
        return None
    if not raw.startswith(b'"'):
        return raw.decode()
    word: str = msgspec.json.decode(raw, type=str)
    return word


def payloads(params: Mapping[str, Raw]) -> tuple[bytes, ...]:
    """What a signature may cover: all parameters but itself, sorted; truths in the spelling of JSON or of Python, which
    clients sign with before they write JSON."""
    words = {name: word for name, word in sorted(_words(params).items()) if name != "signature"}
    plain = "&".join(f"{name}={word}" for name, word in words.items())
    truths = {name for name in words if bytes(params[name]) in (b"true", b"false")}
    if not truths:
        return (plain.encode(),)
    titled = "&".join(f"{name}={word.title() if name in truths else word}" for name, word in words.items())
    return plain.encode(), titled.encode()
