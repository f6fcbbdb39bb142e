"""One request as its bytes: what is signed, and its parameters.

Parameters come in the query or in the body, whatever the Content-Type says; where both name one, the query counts. The
signature covers the raw bytes of the query followed by those of the body, without `signature` itself (documentation,
General Info; clients put it into either, percent-encode or not).
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import NoReturn, TypeVar
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from margincall.server.errors import ApiError, empty, illegal, invalid, missing
from margincall.wire.numbers import NUMBER, is_plausible

BODY_MAX = 1 << 20
MOST_PARAMETERS = 200
PAIR = re.compile(r"(?:\A|&)([^&=]+)=([^&]*)")
"""Looked for at the beginnings of pairs alone: anywhere, a long text without a sign would be read again and again."""
INTEGER = re.compile(r"-?[0-9]{1,19}\Z")
CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
WORD = re.compile(r"[A-Za-z0-9_.:/-]{1,64}\Z")
TRUE, FALSE = frozenset({"true", "TRUE", "True", "1"}), frozenset({"false", "FALSE", "False", "0"})

Word = TypeVar("Word", bound=Enum)


class Request(Struct, frozen=True, kw_only=True):
    """A request as it came: `query` and `body` are raw; `ip` is that of the peer; `key` the API key of the header;
    `host` is the one that the client named, and `scheme` how it came."""

    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    key: str = ""
    ip: str = "127.0.0.1"
    host: str = "127.0.0.1"
    scheme: str = "http"

    @property
    def origin(self) -> str:
        """Where this server is, as the client sees it."""
        return f"{self.scheme}://{self.host}"


def signed_part(query: bytes, body: bytes) -> tuple[bytes, str | None]:
    """What a signature covers, and the signature; none where there is none."""
    found: str | None = None
    kept = []
    for part in (query, body):
        if b"signature=" in part:
            part, raw = _split_off(part)
            if raw is not None:
                found = (unquote_to_bytes(raw) if b"%" in raw else raw).decode("latin-1")
        kept.append(part)
    return kept[0] + kept[1], found


def _split_off(part: bytes) -> tuple[bytes, bytes | None]:
    """The pairs without the signature, and that."""
    head, _, tail = part.rpartition(b"&signature=")
    if head and b"&" not in tail and b"signature=" not in head:
        return head, tail  # the last pair, where nearly all clients put it
    pairs = part.split(b"&")
    own = [pair[10:] for pair in pairs if pair.startswith(b"signature=")]
    others = [pair for pair in pairs if not pair.startswith(b"signature=")]
    return (b"&".join(others), own[-1]) if own else (part, None)


def parameters(query: bytes, body: bytes) -> dict[str, str]:
    """All parameters by name. Raises `ApiError` for bytes that are no text, and for too many."""
    count = query.count(b"&") + body.count(b"&")
    if count > MOST_PARAMETERS:
        raise ApiError(-1101, f"Too many parameters; expected '{MOST_PARAMETERS}' and received '{count + 1}'.")
    if not query:
        return _unique(body)
    return {**_unique(body), **_unique(query)} if body else _unique(query)


def _unique(part: bytes) -> dict[str, str]:
    pairs = _pairs(part)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ApiError(-1101, "Duplicate values for a parameter detected.")
    return found


def _pairs(part: bytes) -> list[tuple[str, str]]:
    if part.isascii() and b"%" not in part and b"+" not in part:
        # Nothing is encoded, as in nearly all requests: one decoding does for all.
        found: list[tuple[str, str]] = PAIR.findall(part.decode())
        if len(found) == part.count(b"&") + 1:
            return found
    return list(_decoded_pairs(part))


def _decoded_pairs(part: bytes) -> Iterator[tuple[str, str]]:
    for pair in part.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        try:
            yield _text(name), _text(value)
        except UnicodeDecodeError:
            raise illegal(name.decode("ascii", "replace"), "UTF-8") from None


def _text(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")


class Params:
    """Parameters, read with the venue's refusals. Methods without `need_` give none where it was not sent."""

    def __init__(self, found: Mapping[str, str]) -> None:
        """By name."""
        self.found = found

    def text(self, name: str) -> str | None:
        """Any text; empty is refused."""
        value = self.found.get(name)
        if value == "":
            raise empty(name)
        return value

    def need_text(self, name: str) -> str:
        """Any text that must be there."""
        value = self.found.get(name)
        if not value:
            raise missing(name)
        return value

    def word(self, name: str, allowed: frozenset[str], code: int = -1130, msg: str = "") -> str | None:
        """One of several words; another is refused with `code` and `msg`."""
        value = self.found.get(name)
        if value is None or value in allowed:
            return value
        if value == "":
            raise empty(name)
        _refuse_word(name, code, msg)

    def need_word(self, name: str, allowed: frozenset[str], code: int = -1130, msg: str = "") -> str:
        """The same, which must be there."""
        value = self.need_text(name)
        if value not in allowed:
            _refuse_word(name, code, msg)
        return value

    def integer(self, name: str, least: int = -(2**63), most: int = 2**63 - 1) -> int | None:
        """A whole number within bounds."""
        value = self.text(name)
        return None if value is None else _integer(name, value, least, most)

    def need_integer(self, name: str, least: int = -(2**63), most: int = 2**63 - 1) -> int:
        """The same, which must be there."""
        return _integer(name, self.need_text(name), least, most)

    def decimal(self, name: str) -> Decimal | None:
        """A number, as text in any notation that clients send (`1e-05`)."""
        value = self.found.get(name)
        if value is None:
            return None
        if value == "":
            raise empty(name)
        return _decimal(name, value)

    def need_decimal(self, name: str) -> Decimal:
        """The same, which must be there."""
        return _decimal(name, self.need_text(name))

    def flag(self, name: str) -> bool | None:
        """True or false in any case, as clients send it."""
        value = self.text(name)
        if value is None:
            return None
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        raise invalid(name)

    def need_flag(self, name: str) -> bool:
        """The same, which must be there."""
        self.need_text(name)
        return bool(self.flag(name))

    def limit(self, default: int, most: int, name: str = "limit") -> int:
        """How many rows; more than the most is refused (−1130), as the venue does."""
        found = self.integer(name, 1, most)
        return default if found is None else found


def _refuse_word(name: str, code: int, msg: str) -> NoReturn:
    raise ApiError(code, msg) if msg else invalid(name)


def _integer(name: str, value: str, least: int, most: int) -> int:
    if not INTEGER.match(value):
        raise illegal(name, "^[0-9]{1,20}$")
    number = int(value)
    if not least <= number <= most:
        raise invalid(name)
    return number


def _decimal(name: str, value: str) -> Decimal:
    if not NUMBER.fullmatch(value):
        raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
    number = Decimal(value)
    if not is_plausible(number):
        raise invalid(name)
    return number
