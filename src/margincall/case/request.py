"""A request and its answer, as values: what identifies a request, how it is signed, what its file is called."""

import re
from urllib.parse import quote

import msgspec
from msgspec import Struct

from margincall.case.keys import Credentials

Host = str
"""`spot`, `fapi` (USDⓈ-M) or `dapi` (COIN-M)."""
NAME = re.compile(r"[\w-]{1,40}")
"""Symbols, assets and ids that may stand in a file's name: letters of any script, digits, `_`, `-`."""
VERSION = re.compile(r"v(\d+)")


class Request(Struct, frozen=True):
    """A GET of the venue. Parameters in the order in which they are sent; `weight` as the documentation prints it."""

    host: Host
    path: str
    params: tuple[tuple[str, str], ...] = ()
    signed: bool = True
    weight: int = 1

    @property
    def identity(self) -> str:
        """Path and parameters, without time stamp, receive window and signature: what is saved of a request."""
        return f"{self.path}?{query(self.params)}" if self.params else self.path

    @property
    def name(self) -> str:
        """The endpoint's name: `positionRisk-v3` for `/fapi/v3/positionRisk`, `allOrders` for version 1."""
        parts = self.path.strip("/").split("/")
        version = VERSION.fullmatch(parts[1]) if len(parts) > 1 else None
        suffix = f"-v{version[1]}" if version and version[1] != "1" else ""
        return ".".join(parts[2:]) + suffix

    def param(self, name: str) -> str:
        """The value of a parameter, "" if it is not sent."""
        return dict(self.params).get(name, "")


class Answer(Struct, frozen=True):
    """What the venue answered, as received. `offset_ms` is the server's clock minus ours."""

    status: int
    body: bytes
    offset_ms: int = 0

    @property
    def is_good(self) -> bool:
        """Whether the venue gave what was asked for."""
        return self.status == 200


class VenueError(Struct, frozen=True):
    """The venue's `{code, msg}`."""

    code: int = 0
    msg: str = ""


def query(params: tuple[tuple[str, str], ...]) -> str:
    """A query string, percent-encoded (symbols may be of any script)."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in params)


def signed_query(request: Request, credentials: Credentials, timestamp_ms: int, window_ms: int) -> str:
    """The query of a signed request: its parameters, `recvWindow`, `timestamp`, and the signature over exactly that
    text as the last one."""
    stamped = (*request.params, ("recvWindow", str(window_ms)), ("timestamp", str(timestamp_ms)))
    text = query(stamped)
    return f"{text}&signature={credentials.signature(text)}"


def error_of(body: bytes) -> VenueError:
    """The venue's error in a body; code 0 where it holds none."""
    try:
        return msgspec.json.decode(body, type=VenueError, strict=False)
    except msgspec.DecodeError:
        return VenueError()


def file_name(request: Request, day: str) -> str:
    """The name of the file that holds the answer: endpoint, symbol, interval, and where in time or list it begins.

    Bracket tables carry the day on which they were seen, by which they are dated; candles their symbol, interval and
    first minute.
    """
    parts = [request.name]
    parts += [value for key in ("symbol", "pair", "asset", "interval") if (value := request.param(key))]
    is_candles = bool(request.param("interval"))
    start, end = request.param("startTime"), request.param("endTime")
    if start:
        parts.append(start if is_candles or not end else f"{start}-{end}")
    for key, mark in (("fromId", "from"), ("page", "page"), ("downloadId", "id")):
        if value := request.param(key):
            parts.append(f"{mark}{value}")
    if request.name.startswith("leverageBracket"):
        parts.append(day)
    assert all(NAME.fullmatch(part) for part in parts[1:]), "only names that were checked become part of a request"
    return "-".join(parts) + ".json"
