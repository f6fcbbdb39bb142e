"""Where a socket is opened, and which streams its address names.

Forms in the field: `/{public,market,private}/{ws,stream}`, the same without a route (so until 2026-04-23), streams as
parts of the path after `ws` or as `?streams=a/b`, a listen key as a part of the path or as `?listenKey=K[&events=A/B]`,
a number that ccxt counts its connections with, and a stream as the whole path. Source: announcement of the change of
the sockets' addresses, 2026-03-06.
"""

import re
from typing import Literal
from urllib.parse import parse_qsl

from msgspec import Struct

from margincall.server.hub import EVERYTHING

Route = Literal["", "public", "market", "private"]
ROUTES: dict[str, Route] = {"public": "public", "market": "market", "private": "private"}
ROUTED_SINCE, UNROUTED_UNTIL = "2026-03-05", "2026-04-23"
"""The routes are there since then; until then all streams could be had without one, and since then only public ones."""
PUBLIC = re.compile(r"!bookTicker\Z|[^@!]+@(bookTicker|depth.*|rpiDepth.*|trade)\Z")
NUMBER = re.compile(r"[0-9]{1,9}\Z")
MOST_NAMES = 1_024
API = "/ws-fapi/v1"


class Wanted(Struct, frozen=True):
    """A stream, and the kinds of message of it that are wanted; none: all of them."""

    name: str
    kinds: frozenset[str] = EVERYTHING


class Address(Struct, frozen=True):
    """What an address says. `is_combined`: messages are wrapped with the name of their stream."""

    route: Route
    is_combined: bool
    wanted: tuple[Wanted, ...] = ()


def address(path: str, query: bytes) -> Address | None:
    """What the address of a socket says; none where there is no socket. Streams of the path come before those of the
    query."""
    parts = [part for part in path.split("/") if part]
    route = ROUTES.get(parts[0], "") if parts else ""
    if route:
        del parts[0]
    mode = parts.pop(0) if parts and parts[0] in ("ws", "stream") else ""
    if not mode and not route and not (parts and is_stream(parts[0])):
        return None
    wanted = [Wanted(part) for part in parts if not NUMBER.match(part)]
    wanted += _of_query(query)
    return Address(route, mode == "stream", tuple(wanted[: MOST_NAMES + 1]))


def is_stream(name: str) -> bool:
    """Whether this is written like the name of a market's stream."""
    return "@" in name or name.startswith("!")


def _of_query(query: bytes) -> list[Wanted]:
    found: list[Wanted] = []
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "streams":
            found += [Wanted(stream) for stream in value.split("/") if stream]
        elif name == "listenKey" and value:
            found.append(Wanted(value))
        elif name == "events" and found:
            found[-1] = Wanted(found[-1].name, frozenset(kind for kind in value.split("/") if kind))
    return found


def is_served(route: Route, name: str, *, is_key: bool, api_date: str) -> bool:
    """Whether the venue sends a stream over a route on an API date."""
    if not route:
        return api_date < UNROUTED_UNTIL or (not is_key and bool(PUBLIC.match(name)))
    if api_date < ROUTED_SINCE:
        return False
    if is_key or route == "private":
        return is_key and route == "private"
    return bool(PUBLIC.match(name)) == (route == "public")
