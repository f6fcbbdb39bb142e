"""What is sent over sockets: messages that are none, requests with odd ids and parameters, and frames that are none.

Each connection begins with an opening, as a rule a good one, and ends with a closing.
"""

import json
from collections.abc import Callable
from random import Random

from tests.fuzz.http_inputs import ODD, ORDER, Input, World
from tests.fuzz.socket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, opening
from tests.fuzz.target import signature

API = "/ws-fapi/v1"
PATHS = (
    "/ws", "/stream", "/ws/btcusdt@trade", "/stream?streams=btcusdt@depth/ethusdt@aggTrade",
    "/public/ws/btcusdt@bookTicker",
    "/market/stream?streams=!markPrice@arr@1s", "/private/ws?listenKey=x",
    "/private/ws?listenKey=KEY", "/ws/KEY", "/private/stream?listenKey=KEY&events=ORDER_TRADE_UPDATE",
    "/private/stream", "/ws/0",
    "/btcusdt@kline_1m",
)  # fmt: skip
ODD_PATHS = (
    "/", "/nowhere", "/ws/%ff%fe", "/stream?streams=" + "a@b/" * 1_500, "/ws/" + "a@b/" * 3_000, "/ws?listenKey=",
    "/private/ws?listenKey=%00&events=/", "/stream?streams=%C3%28", "/ws-fapi/v1?returnRateLimits=x&a=b",
    "/fapi/v1/time",
    "/ws/btcusdt@trade?streams=", "/ws//////", "/ws-fapi/v1/", "/ws-fapi/v2",
)  # fmt: skip
TEXTS = (
    "", " ", "{", "}", "[]", "null", "1", '"a"', "NaN", "{'a':1}", "[" * 50_000, '{"a":' * 5_000, '{"id":1}', "\x00",
    '{"method":null,"id":1}', '{"method":"SUBSCRIBE","params":[],"id":1}', '{"id":1,"id":2,"method":"x"}', "\ufeff{}",
    '{"method":"' + "A" * 100_000 + '","id":1}', '{"method":"SUBSCRIBE","params":["\\ud800"],"id":1}',
)  # fmt: skip
IDS = (
    "1", "null", '"a"', '""', "-1", "0", "1.5", "1e3", "9" * 400, str(2**63), str(2**64), "true", "[]", "{}",
    '{"a":{"b":[1]}}',
    "NaN", "Infinity", "-0", '"' + "i" * 50_000 + '"', '"\\u0000"', '"\\ud800"', "1e999",
)  # fmt: skip
PARAMS = (
    "null", "[]", "{}", '"a"', "1", "[null]", "[1,2]", '[["a"]]', '[{"a":1}]', "[true]", "NaN", '{"a":NaN}', '{"a":{}}',
    '{"a":[]}',
    '{"symbol":null}', '{"symbol":1}', '{"quantity":1e400}', '{"timestamp":1e3}', '{"":""}', '{"a":"\\ud800"}',
    "[" * 3_000,
    '["KEY"]', '["btcusdt@trade"]', '["combined",true]', '["combined",1]', '["combined"]',
    "[" + '"a@b",' * 1_100 + '"c"]',
)  # fmt: skip
STREAMS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY", "subscribe", "", "NOPE")
METHODS = (
    "order.place", "order.modify", "order.cancel", "order.status", "algoOrder.place", "algoOrder.cancel",
    "account.status",
    "v2/account.balance", "depth", "ticker.price", "ticker.book", "userDataStream.start", "userDataStream.ping",
    "userDataStream.stop", "session.logon", "session.status", "session.logout", "nope", "", "order.place ",
)  # fmt: skip
NAMED = "KEY"
"""Stands for the account's listen key."""
BYE = frame(CLOSE, b"\x03\xe8")
Pieces = tuple[bytes, ...]


def text(message: str) -> bytes:
    """A message as a frame."""
    return frame(TEXT, message.encode("utf-8", "surrogatepass"))


def path_of(chance: Random, world: World, *more: str) -> str:
    """The address of a market's stream, of the account's, or one of `more`."""
    return chance.choice((*PATHS, *more)).replace(NAMED, world.listen_key)


def no_message(chance: Random, world: World) -> Pieces:
    """Texts and bytes that are no message."""
    bad = chance.choice((b"\xff\xfe", b"\xc3\x28", b'{"id":"\xf5"}', b"\xed\xa0\x80", chance.randbytes(200)))
    several = [
        chance.choice((text(chance.choice(TEXTS)), frame(TEXT, bad), frame(BINARY, bad), frame(BINARY, b"{}")))
        for _ in range(chance.randint(1, 5))
    ]
    return opening(path_of(chance, world, API)), *several, BYE


def odd_asks(chance: Random, world: World) -> Pieces:
    """SUBSCRIBE and its friends with odd ids and parameters."""
    several = []
    for _ in range(chance.randint(1, 8)):
        method, number = chance.choice(STREAMS), chance.choice(IDS)
        params = chance.choice(PARAMS).replace(NAMED, world.listen_key)
        several.append(text(f'{{"method":{json.dumps(method)},"params":{params},"id":{number}}}'))
    return opening(path_of(chance, world)), *several, BYE


def odd_requests(chance: Random, world: World) -> Pieces:
    """Requests of the WebSocket API with odd ids and parameters."""
    several = []
    for _ in range(chance.randint(1, 6)):
        method, number = chance.choice(METHODS), chance.choice(IDS)
        params = chance.choice((chance.choice(PARAMS), asked(chance, world)))
        several.append(text(f'{{"id":{number},"method":{json.dumps(method)},"params":{params}}}'))
    return opening(API), *several, BYE


def asked(chance: Random, world: World) -> str:
    """Parameters that are signed, mostly as they should be."""
    given: dict[str, object] = {**ORDER, "price": chance.choice(("48000", "50100")), "apiKey": world.own.key}
    if chance.random() < 0.5:
        given = {"symbol": "BTCUSDT", "orderId": chance.choice((5, "6", 10**30, -1)), "apiKey": world.own.key}
    late_ms = chance.choice((0, 0, 0, 5_001, -1_000, 10**12))
    given["timestamp"] = world.now_ms - late_ms
    if chance.random() < 0.3:
        given[chance.choice(("price", "quantity", "side", "recvWindow", "apiKey", "timestamp"))] = chance.choice(ODD)
    whole = "&".join(f"{name}={value}" for name, value in sorted(given.items()))
    sign = signature("x" if chance.random() < 0.2 else world.own.secret, whole.encode("utf-8", "surrogatepass"))
    return json.dumps({**given, "signature": chance.choice((sign.decode(), sign.decode(), sign.decode(), "", None, 5))})


def usual_requests(chance: Random, world: World) -> Pieces:
    """Some that are carried out."""
    names = ("order.place", "order.status", "account.status", "depth", "order.cancel", "session.status")
    several = [
        text(f'{{"id":{at},"method":"{chance.choice(names)}","params":{asked(chance, world)}}}')
        for at in range(chance.randint(1, 10))
    ]
    return opening(API), *several, BYE


def bad_frames(chance: Random, world: World) -> Pieces:
    """Unmasked, of reserved kinds, too large, in pieces that do not belong together, closings that are none."""
    ask = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'
    bad = chance.choice((
        frame(TEXT, ask, is_masked=False), frame(chance.choice((3, 7, 11, 15)), ask),
        frame(TEXT, ask, reserved=chance.randint(1, 7)),
        frame(PING, b"p" * 200), frame(CLOSE, b"c" * 200), frame(PING, b"p", is_last=False), frame(CONTINUATION, ask),
        frame(TEXT, b"{", is_last=False) + frame(TEXT, ask), frame(TEXT, b"", length=(1 << 20) + 1),
        frame(TEXT, b"", length=1 << 63),
        frame(TEXT, b"", length=(1 << 63) - 1), frame(BINARY, b"a" * ((1 << 20) + 1)), frame(CLOSE, b"\x03"),
        frame(CLOSE, b"\x00\x00"),
        frame(CLOSE, b"\x03\xe8\xff\xff"), frame(CLOSE, b"\xff\xff"), frame(CLOSE, b""), frame(PONG, b"x") * 100,
        frame(TEXT, b'{"method":', is_last=False) + frame(PING, b"p")
        + frame(CONTINUATION, b'"LIST_SUBSCRIPTIONS","id":1}'),
        frame(TEXT, b"a" * 1_000, is_last=False) * 2,
        frame(CONTINUATION, b"", is_last=False) * 500,
        frame(TEXT, b"[", is_last=False) + frame(CONTINUATION, b"a" * 60_000, is_last=False) * 20,
        frame(TEXT, ask)[:-5],
        frame(PING, b"p") * 2_000, chance.randbytes(500), b"GET / HTTP/1.1\r\n\r\n",
    ))  # fmt: skip
    before = (frame(TEXT, ask),) if chance.random() < 0.5 else ()
    return opening(path_of(chance, world, API)), *before, bad, *((BYE,) if chance.random() < 0.5 else ())


def floods(chance: Random, world: World) -> Pieces:
    """More messages than may come."""
    many = chance.choice((11, 50, 300))
    path = chance.choice(("/ws", "/stream", API))
    method = "depth" if path == API else "LIST_SUBSCRIPTIONS"
    return opening(path), b"".join(text(f'{{"id":{at},"method":"{method}"}}') for at in range(many)), BYE


def mutated(chance: Random, world: World) -> Pieces:
    """Frames with some of their bytes changed."""
    made = odd_requests if chance.random() < 0.5 else usual_requests
    whole = bytearray(b"".join(made(chance, world)[1:]))
    for _ in range(chance.randint(1, 5)):
        whole[chance.randrange(len(whole))] = chance.randrange(256)
    return opening(API), bytes(whole)


def odd_openings(chance: Random, world: World) -> Pieces:
    """Addresses, versions and headers of openings."""
    more = chance.choice((
        b"", b"Sec-WebSocket-Protocol: a, b\r\n", b"Sec-WebSocket-Extensions: permessage-deflate; x\r\n",
        b"A: b\r\n" * 200,
        b"Sec-WebSocket-Extensions: ;;\r\n", b"Origin: http://elsewhere\r\n", b"X: \xff\r\n",
        b"Sec-WebSocket-Key: x\r\n",
        b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    ))  # fmt: skip
    version = chance.choice((b"13", b"13", b"8", b"", b"x"))
    return opening(path_of(chance, world, *ODD_PATHS), more=more, version=version), BYE


FAMILIES: tuple[Callable[[Random, World], Pieces], ...] = (
    no_message, odd_asks, odd_requests, usual_requests, bad_frames, floods, mutated, odd_openings,
)  # fmt: skip


def made(seed: int, number: int, world: World) -> Input:
    """The input of a number. The opening is answered before more is sent."""
    chance = Random(f"socket {seed} {number}")
    family = FAMILIES[number % len(FAMILIES)]
    return Input(family.__name__, family(chance, world), waits=True)
