"""What a server may answer over HTTP, whatever was sent: whole answers, never of the server's own failing, refusals in
the venue's shape."""

import json
from typing import NamedTuple


class Wrong(Exception):
    """The server did what it must not do."""


class Reply(NamedTuple):
    """One answer."""

    status: int
    body: bytes


def replies(raw: bytes, *, has_head: bool, is_upgrade: bool) -> list[Reply]:
    """The answers of one connection that has ended. `has_head`: HEAD may have been asked, to which no body comes;
    `is_upgrade`: the opening of a socket may have been, whose refusal is the library's. Raises `Wrong`."""
    found: list[Reply] = []
    while raw:
        head, ends, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        if not ends or not first.startswith(b"HTTP/1.1 ") or not first[9:12].isdigit():
            raise Wrong(f"no answer of HTTP: {raw[:200]!r}")
        status = int(first[9:12])
        if status == 100:
            raw = rest
            continue
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if status == 101:
            return [*found, Reply(status, rest)]
        size = int(headers.get(b"content-length", b"-1"))
        is_bare = has_head and (not rest or rest.startswith(b"HTTP/1.1 "))
        if size < 0 or (len(rest) < size and not is_bare):
            raise Wrong(f"an answer without its end: {raw[:200]!r}")
        body, raw = (b"", rest) if is_bare else (rest[:size], rest[size:])
        reply = Reply(status, body)
        if not is_bare and not (is_upgrade and status in (400, 403, 405, 426)):
            check(reply, headers)
        found.append(reply)
    return found


def check(reply: Reply, headers: dict[bytes, bytes]) -> None:
    """One answer with its body. Raises `Wrong`."""
    if reply.status >= 500:
        raise Wrong(f"{reply.status}: {reply.body[:200]!r}")
    if headers.get(b"x-simulated") != b"1":
        raise Wrong(f"it does not say that it is simulated: {headers}")
    if headers.get(b"content-type") == b"text/csv":
        return
    try:
        found = json.loads(reply.body)
    except ValueError:
        raise Wrong(f"no JSON: {reply.body[:200]!r}") from None
    if reply.status != 200:
        refusal(found)


def refusal(found: object) -> None:
    """What tells that something is refused. Raises `Wrong`."""
    is_one = isinstance(found, dict) and set(found) == {"code", "msg"}
    if not is_one or not isinstance(found["code"], int) or found["code"] >= 0 or not isinstance(found["msg"], str):  # type: ignore[index]
        raise Wrong(f"no refusal of the venue's: {found!r}")
