"""What one connection subscribes to: by its address, and by the messages SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS,
SET_PROPERTY and GET_PROPERTY (documentation, Live Subscribing/Unsubscribing to streams).

A stream that there is not can be subscribed to, as at the venue: it is listed, and nothing comes.
"""

import time
from collections import deque
from typing import Protocol

import msgspec

from margincall.server.hub import POLICY, Hub, Listener
from margincall.server.socket_paths import MOST_NAMES, Address, Wanted, is_served
from margincall.wire.spelling import Json

MOST_MESSAGES = 10
"""In a second."""
NAME_MOST = 128
"""Letters of a name that is kept: those of streams and listen keys are shorter."""
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
COMBINED = "combined"
encoded = msgspec.json.encode
Id = int | str | None


class Accounts(Protocol):
    """Who knows listen keys."""

    def account_of(self, key: str) -> str | None:
        """The account of a key that is valid now."""


class BadAsk(Exception):
    """A message that cannot be carried out; `code` is one of the streams' own (0 to 3)."""

    def __init__(self, code: int, msg: str) -> None:
        """As it is answered."""
        super().__init__(msg)
        self.code, self.msg = code, msg


class Routing:
    """Which streams are sent over which route. Unless `is_strict`, any stream over any route: clients in the field mix
    them."""

    def __init__(self, accounts: Accounts, api_date: str, *, is_strict: bool = False) -> None:
        """The venue's routing of a date."""
        self._accounts, self._api_date, self._is_strict = accounts, api_date, is_strict

    def sends(self, found: Address, name: str) -> bool:
        """Whether a stream is sent to whoever subscribes to it at an address."""
        if not self._is_strict:
            return True
        is_key = self._accounts.account_of(name) is not None
        return is_served(found.route, name, is_key=is_key, api_date=self._api_date)


class Subscriber:
    """One connection to streams."""

    def __init__(self, hub: Hub, routing: Routing, listener: Listener, opened: Address) -> None:
        """It listens to what its address names."""
        self._hub, self._routing, self._listener, self._address = hub, routing, listener, opened
        self._names: dict[str, None] = {}
        self._heard: deque[float] = deque(maxlen=MOST_MESSAGES)
        listener.is_combined = opened.is_combined
        if len(opened.wanted) > MOST_NAMES:
            listener.close(POLICY, f"At most {MOST_NAMES} streams a connection.")
            return
        for wanted in opened.wanted:
            self._join(wanted)

    def hear(self, text: str) -> None:
        """Carry out a message, and answer it. What is no JSON, and what comes too often, closes the connection."""
        if self._listener.closing is not None:
            return
        now_s = time.monotonic()
        if len(self._heard) == MOST_MESSAGES and now_s - self._heard[0] < 1:
            self._listener.close(POLICY, f"Too many requests: more than {MOST_MESSAGES} messages in a second.")
            return
        self._heard.append(now_s)
        try:
            asked = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            self._listener.put(encoded({"error": {"code": 3, "msg": f"Invalid JSON: {error}"}}).decode())
            self._listener.close(POLICY, "Invalid JSON.")
            return
        found = asked.get("id") if isinstance(asked, dict) else None
        number: Id = found if isinstance(found, int | str) and not isinstance(found, bool) else None
        try:
            answer: Json = {"result": self._carried_out(asked), "id": number}
        except BadAsk as error:
            answer = {"error": {"code": error.code, "msg": error.msg}, "id": number}
        self._listener.put(encoded(answer).decode())

    def end(self) -> None:
        """Listen to nothing more."""
        for name in self._names:
            self._hub.leave(self._listener, name)
        self._names.clear()

    def _carried_out(self, asked: object) -> object:
        if not isinstance(asked, dict):
            raise BadAsk(2, "Invalid request: expected an object")
        if not isinstance(asked.get("id"), Id) or isinstance(asked.get("id"), bool):
            raise BadAsk(2, "Invalid request: request ID must be an unsigned integer")
        method, params = asked.get("method"), asked.get("params") or []
        if method is None:
            raise BadAsk(2, "Invalid request: missing field `method`")
        if not isinstance(params, list):
            raise BadAsk(2, "Invalid request: params must be an array")
        match method:
            case "SUBSCRIBE":
                self._subscribe(_names(params))
            case "UNSUBSCRIBE":
                self._unsubscribe(_names(params))
            case "LIST_SUBSCRIPTIONS":
                return list(self._names)
            case "SET_PROPERTY":
                self._set(params)
            case "GET_PROPERTY":
                _property(params)
                return self._listener.is_combined
            case _:
                raise BadAsk(2, f"Invalid request: unknown variant `{method}`, expected one of {', '.join(METHODS)}")
        return None

    def _subscribe(self, names: list[str]) -> None:
        if len(self._names.keys() | set(names)) > MOST_NAMES:
            raise BadAsk(2, f"Invalid request: at most {MOST_NAMES} streams a connection")
        for name in names:
            self._join(Wanted(name))

    def _join(self, wanted: Wanted) -> None:
        self._names[wanted.name] = None
        if self._routing.sends(self._address, wanted.name):
            self._hub.join(self._listener, wanted.name, wanted.kinds)

    def _unsubscribe(self, names: list[str]) -> None:
        for name in names:
            if name in self._names:
                del self._names[name]
                self._hub.leave(self._listener, name)

    def _set(self, params: list[object]) -> None:
        _property(params)
        if len(params) != 2 or not isinstance(params[1], bool):
            raise BadAsk(1, "Invalid value type: expected Boolean")
        self._listener.is_combined = params[1]


def _names(params: list[object]) -> list[str]:
    found = [each for each in params if isinstance(each, str)]
    if len(found) != len(params) or not found:
        raise BadAsk(2, "Invalid request: params must be names of streams")
    if any(len(each) > NAME_MOST for each in found):
        raise BadAsk(2, f"Invalid request: a name has at most {NAME_MOST} letters")
    return found


def _property(params: list[object]) -> None:
    """The one property that there is."""
    if not params or not isinstance(params[0], str):
        raise BadAsk(2, "Invalid request: property name must be a string")
    if params[0] != COMBINED:
        raise BadAsk(0, "Unknown property")
