"""What is sent over HTTP: requests as clients send them, bent in every way, and what is no request at all.

Each is made from a `Random` of its own, so that a seed and a number name it.
"""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlencode

from tests.fuzz.target import signature
from tests.server.running import Credentials

HOST = b"Host: 127.0.0.1\r\n"
END = b"\r\n\r\n"
ODD = (
    "", " ", "-1", "0", "1e999", "NaN", "Infinity", "9" * 400, "²", "\x00", "null", "[]", "{}", "[[", "%", "&=", "é",
    "\U0001f600", "'; --", "../..", "true", "a" * 5_000, "1_0", "0x10", "1e-400",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "FOO", "HEAD", "CONNECT")
PATHS = (
    "/", "*", "//fapi/v1/order", "/fapi/v1/order/", "/%66api/v1/order", "/fapi/v1/../v1/order", "/FAPI/V1/ORDER",
    "/fapi/v1/%00", "/fapi/v9/order", "http://127.0.0.1/fapi/v1/time", "http://127.0.0.1", "/fapi/%ff%fe", "?", "/#a",
    "/downloads/x", "/downloads/%2e%2e/journal", "/ws", "/ws-fapi/v1", "/stream", "/openapi.json", "/a" * 3_000,
)  # fmt: skip
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
ASKED: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("GET", "/fapi/v1/time", {}),
    ("GET", "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "20"}),
    ("GET", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m"}),
    ("GET", "/fapi/v3/account", {}),
    ("GET", "/fapi/v1/openOrders", {}),
    ("GET", "/fapi/v1/allOrders", {"symbol": "BTCUSDT"}),
    ("GET", "/fapi/v1/income", {"limit": "10"}),
    ("POST", "/fapi/v1/order", {**ORDER, "price": "48000"}),
    ("POST", "/fapi/v1/order", {**ORDER, "price": "50100"}),
    ("POST", "/fapi/v1/order/test", {**ORDER, "price": "48000"}),
    ("PUT", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "5", "side": "BUY", "quantity": "0.02",
                             "price": "49000"}),
    ("DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "5"}),
    ("DELETE", "/fapi/v1/allOpenOrders", {"symbol": "ETHUSDT"}),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": json.dumps([{**ORDER, "price": "47500"}] * 2)}),
    ("DELETE", "/fapi/v1/batchOrders", {"symbol": "BTCUSDT", "orderIdList": "[6,7]"}),
    ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "7"}),
    ("POST", "/fapi/v1/algoOrder", {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL",
                                    "type": "STOP_MARKET", "triggerPrice": "45000", "closePosition": "true"}),
    ("POST", "/fapi/v1/listenKey", {}),
)  # fmt: skip


class World(NamedTuple):
    """What an input may know: a key, the time of the server, and the address of the account's stream."""

    own: Credentials
    now_ms: int
    listen_key: str = ""


class Input(NamedTuple):
    """What is sent over one connection, and in which pieces, so long after each other. Afterwards the client says that
    it has said all; with `is_silent` it says nothing more and waits. `waits`: for something to come after the first."""

    name: str
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    is_silent: bool = False
    waits: bool = False


def payload(world: World, params: Mapping[str, str], *, at_ms: int | None = None, secret: str = "") -> bytes:
    """Signed parameters."""
    when = world.now_ms if at_ms is None else at_ms
    whole = urlencode({**params, "timestamp": when}).encode()
    return whole + b"&signature=" + signature(secret or world.own.secret, whole)


def request(
    world: World, method: str, path: str, sent: bytes, *, in_body: bool = False, more: bytes = b"", version: str = "1.1"
) -> bytes:
    """The bytes of a request. `more` are headers."""
    query = b"" if in_body or not sent else b"?" + sent
    head = f"{method} {path}".encode() + query + f" HTTP/{version}\r\n".encode() + HOST
    head += f"X-MBX-APIKEY: {world.own.key}\r\n".encode() + more
    return head + (b"Content-Length: %d\r\n\r\n" % len(sent) + sent if in_body else b"\r\n")


def usual(chance: Random, world: World) -> bytes:
    """A request as a client sends it."""
    method, path, params = chance.choice(ASKED)
    in_body = method != "GET" and chance.random() < 0.5
    return request(world, method, path, payload(world, params), in_body=in_body)


def as_it_should_be(chance: Random, world: World) -> tuple[bytes, ...]:
    """Taken, if the exchange takes it."""
    return (usual(chance, world),)


def wrong_signature(chance: Random, world: World) -> tuple[bytes, ...]:
    """Of another secret, cut, doubled, of another kind, or of other bytes."""
    method, path, params = chance.choice(ASKED[3:])
    sent = payload(world, params)
    body, _, sign = sent.rpartition(b"&signature=")
    bent = chance.choice((
        payload(world, params, secret="x"), body, body + b"&signature=", sent[:-1], sent + b"&signature=" + sign[:8],
        sent.replace(b"timestamp", b"Timestamp"), sent + b"&a=b", b"signature=" + sign[::-1] + b"&" + body,
        body + b"&signature=" + b"A" * 10_000, body + b"&signature=%ff%fe" + sign,
        body + b"&signature=" + sign.swapcase() + b"0",
    ))  # fmt: skip
    return (request(world, method, path, bent, in_body=method != "GET" and chance.random() < 0.5),)


def wrong_time(chance: Random, world: World) -> tuple[bytes, ...]:
    """Sent again too late, ahead, or no time at all."""
    method, path, params = chance.choice(ASKED[3:])
    at = chance.choice((-5_001, -60_001, 1_000, 10**9, -world.now_ms, -2 * world.now_ms, 2**63, 10**25))
    sent = payload(world, params, at_ms=world.now_ms + at)
    if chance.random() < 0.4:
        odd = urlencode({**params, "timestamp": chance.choice(ODD)}).encode()
        sent = odd + b"&signature=" + signature(world.own.secret, odd)
    return (request(world, method, path, sent),)


def wrong_key(chance: Random, world: World) -> tuple[bytes, ...]:
    """None, one of the venue's looks, two."""
    method, path, params = chance.choice(ASKED[3:])
    key = chance.choice(("", "x" * 64, "SIM" + "z" * 61, world.own.key.lower() + "\xff", world.own.key * 50))
    bent = World(world.own._replace(key=key), world.now_ms)
    more = b"X-MBX-APIKEY: x\r\n" if chance.random() < 0.3 else b""
    return (request(bent, method, path, payload(world, params), more=more),)


def odd_values(chance: Random, world: World) -> tuple[bytes, ...]:
    """Signed all the same."""
    method, path, params = chance.choice(ASKED)
    given = dict(params)
    for _ in range(chance.randint(1, 3)):
        name = chance.choice((*given, "symbol", "recvWindow", "limit", "startTime", "batchOrders", "newClientOrderId"))
        given[name] = chance.choice(ODD)
    sent = payload(world, given)
    return (request(world, method, path, sent, in_body=method != "GET" and chance.random() < 0.5),)


def bad_text(chance: Random, world: World) -> tuple[bytes, ...]:
    """Bytes that are no UTF-8, raw and percent-encoded, in body or query; signed."""
    method, path, params = chance.choice(ASKED[3:])
    bad = bytes(chance.randrange(0x80, 0x100) for _ in range(chance.randint(1, 8)))
    bent = quote(bad).encode() if chance.random() < 0.5 else bad
    whole = urlencode({**params, "timestamp": world.now_ms}).encode() + b"&" + bent + b"=" + bent
    sent = whole + b"&signature=" + signature(world.own.secret, whole)
    return (request(world, method, path, sent, in_body=chance.random() < 0.8),)


def bad_json(chance: Random, world: World) -> tuple[bytes, ...]:
    """Lists that are none, in parameters; or JSON as a body."""
    bad = chance.choice((
        "[" * 100_000, "[" * 100_000 + "]" * 100_000, "[NaN]", "[1e999]", "[null]", "[[]]", '[{"symbol":1}]', "{",
        "[1,]", '["\\ud800"]', "[" + "9" * 5_000 + "]", "[{}]" * 3, '[{"a":' * 500 + "1" + "}]" * 500,
        "[" + "{}," * 10_000 + "{}]",
        json.dumps([{**ORDER, "price": None}]), json.dumps([{**ORDER, "price": {"a": 1}}]), '["a","a"]', "\ufeff[]",
    ))  # fmt: skip
    if chance.random() < 0.3:
        more = b"Content-Type: application/json\r\n"
        return (request(world, "POST", "/fapi/v1/order", bad.encode(), in_body=True, more=more),)
    method = chance.choice(("POST", "PUT", "DELETE"))
    name = "batchOrders" if method != "DELETE" else chance.choice(("orderIdList", "origClientOrderIdList"))
    sent = payload(world, {"symbol": "BTCUSDT", name: bad})
    return (request(world, method, "/fapi/v1/batchOrders", sent, in_body=True),)


def huge_body(chance: Random, world: World) -> tuple[bytes, ...]:
    """Larger than any may be, just not, or of too many parameters."""
    fill = chance.choice((b"a", b"&", b"a=b&", b"%", b"%41", b"\x00", b"\xff"))
    size = chance.choice((1 << 10, (1 << 20) - 700, 1 << 20, (1 << 20) + 1, 3 << 20))
    body = payload(world, {"symbol": "BTCUSDT"}) + b"&x=" + fill * (size // len(fill))
    whole = request(world, chance.choice(("POST", "GET", "DELETE")), "/fapi/v1/order", body, in_body=True)
    return tuple(whole[begin : begin + 200_000] for begin in range(0, len(whole), 200_000))


def huge_head(chance: Random, world: World) -> tuple[bytes, ...]:
    """Long addresses, long headers, many headers."""
    size = chance.choice((4_000, 8_000, 60_000, 70_000, 300_000, 1_000_000))
    match chance.randrange(4):
        case 0:
            whole = request(world, "GET", "/fapi/v1/time", b"a=" + b"b" * size)
        case 1:
            whole = request(world, "GET", "/fapi/v1/time", b"", more=b"X-A: " + b"b" * size + b"\r\n")
        case 2:
            whole = request(world, "GET", "/fapi/v1/time", b"", more=b"X-A: b\r\n" * (size // 8))
        case _:
            whole = request(world, "GET", "/fapi/v1/time", b"", more=b"b" * size + b": a\r\n")
    return tuple(whole[begin : begin + 30_000] for begin in range(0, len(whole), 30_000))


def chunked(chance: Random, world: World) -> tuple[bytes, ...]:
    """Bodies in chunks: as they should be, cut short, of sizes that are none, with what may follow."""
    method, path, params = chance.choice(ASKED[7:])
    sent, parts = payload(world, params), b""
    while sent:
        size = chance.randint(1, 40)
        parts += b"%x%s\r\n" % (len(sent[:size]), chance.choice((b"", b"", b";a=b"))) + sent[:size] + b"\r\n"
        sent = sent[size:]
    parts += chance.choice(
        (b"0\r\n\r\n", b"0\r\nX-A: b\r\n\r\n", b"0\r\n", b"", b"zz\r\n", b"-1\r\n", b"f" * 17 + b"\r\n", b"5\r\nab")
    )
    head = request(world, method, path, b"", more=b"Transfer-Encoding: chunked\r\n")
    whole = head + (parts if chance.random() < 0.7 else parts[: chance.randrange(len(parts) + 1)])
    return whole[: len(head)], whole[len(head) :]


def wrong_length(chance: Random, world: World) -> tuple[bytes, ...]:
    """Of a body: too short, too long, twice, none, negative, beside chunks."""
    method, path, params = chance.choice(ASKED[7:])
    sent = payload(world, params)
    length = chance.choice((
        b"%d" % (len(sent) - 9), b"%d" % (len(sent) + 9), b"-1", b"0", b"1e3", b"+5", b"", b"9" * 30,
        b"%d, %d" % (5, 5),
        b"%d\r\nContent-Length: 3" % len(sent), b"%d\r\nTransfer-Encoding: chunked" % len(sent),
    ))  # fmt: skip
    return (request(world, method, path, b"", more=b"Content-Length: " + length + b"\r\n") + sent,)


def pipelined(chance: Random, world: World) -> tuple[bytes, ...]:
    """Many at once, sometimes with something else behind or between."""
    several = [usual(chance, world) for _ in range(chance.randint(2, 20))]
    if chance.random() < 0.5:
        several.insert(chance.randint(1, len(several)), chance.choice((b"\x00", b"\r\n", several[0][:-9], b"GET ")))
    return (b"".join(several),)


def in_small_pieces(chance: Random, world: World) -> tuple[bytes, ...]:
    """A few bytes at a time."""
    whole, found = usual(chance, world), []
    while whole:
        size = chance.randint(1, 30)
        found.append(whole[:size])
        whole = whole[size:]
    return tuple(found)


def odd_lines(chance: Random, world: World) -> tuple[bytes, ...]:
    """Methods, paths, versions and headers that are none."""
    _, path, params = chance.choice(ASKED)
    method = chance.choice(METHODS)
    path = chance.choice((path, *PATHS))
    version = chance.choice(("1.1", "1.1", "1.0", "0.9", "2.0", "9.9", "1", ""))
    more = chance.choice((
        b"", b"", b"Expect: 100-continue\r\n", b"Expect: x\r\n", b"Connection: close\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Content-Type: application/json\r\n",
        b": a\r\n", b"a b: c\r\n", b"A\x00: b\r\n", b"A: \xff\r\n",
        b" folded\r\n", b"A\r\n",
        b"Host: \r\n", b"Host: a\r\nHost: b\r\n", b"X-Forwarded-For: 1.2.3.4\r\n", b"Content-Encoding: gzip\r\n",
    ))  # fmt: skip
    return (request(world, method, path, payload(world, params), more=more, version=version),)


def mutated(chance: Random, world: World) -> tuple[bytes, ...]:
    """A request with some of its bytes changed, doubled, or gone."""
    whole = bytearray(usual(chance, world))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(whole))
        match chance.randrange(4):
            case 0:
                whole[at] = chance.randrange(256)
            case 1:
                del whole[at : at + chance.randint(1, 20)]
            case 2:
                whole[at:at] = whole[at : at + chance.randint(1, 60)]
            case _:
                whole[at:at] = chance.choice((b"\r\n", b"\x00", b"%00", b"\xff", b"&", b"=", b"?", b" ", END))
        if not whole:
            break
    return (bytes(whole),)


def noise(chance: Random, world: World) -> tuple[bytes, ...]:
    """Any bytes, or what is of another protocol."""
    other = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"EHLO x\r\n",
        b"",
    )
    return (chance.choice(other) + chance.randbytes(chance.choice((0, 1, 50, 5_000, 100_000))),)


def cut(chance: Random, world: World) -> tuple[bytes, ...]:
    """A request that ends before its end."""
    whole = usual(chance, world)
    return (whole[: chance.randrange(len(whole))],)


FAMILIES: tuple[Callable[[Random, World], tuple[bytes, ...]], ...] = (
    as_it_should_be, wrong_signature, wrong_time, wrong_key, odd_values, bad_text, bad_json, huge_body, huge_head,
    chunked, wrong_length, pipelined, in_small_pieces, odd_lines, mutated, mutated, noise, cut,
)  # fmt: skip


def made(seed: int, number: int, world: World) -> Input:
    """The input of a number."""
    chance = Random(f"http {seed} {number}")
    family = FAMILIES[number % len(FAMILIES)]
    return Input(family.__name__, family(chance, world))
