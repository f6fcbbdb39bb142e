"""Connections that go nowhere: nothing, half of something, drop by drop, and answers that nobody reads."""

from random import Random

from tests.fuzz.http_inputs import HOST, Input, World, payload, request, usual
from tests.fuzz.socket_frames import CLOSE, CONTINUATION, PING, TEXT, frame, opening

DROP_S = 0.3
DROPS = 400
"""More than the server waits for."""


def slow(seed: int, number: int, world: World) -> Input:
    """The input of a number: the client waits for the end, which has to come from the server."""
    chance = Random(f"slow {seed} {number}")
    whole = usual(chance, world)
    body = payload(world, {"symbol": "BTCUSDT"})
    announced = request(world, "POST", "/fapi/v1/order", b"", more=b"Content-Length: %d\r\n" % (len(body) + 9)) + body
    in_chunks = request(world, "POST", "/fapi/v1/order", b"", more=b"Transfer-Encoding: chunked\r\n") + b"5\r\nab"
    drops = (b"a",) * DROPS
    opened = opening(chance.choice(("/ws", "/stream", "/ws-fapi/v1")))
    choices = {
        "nothing": ((b"",), 0.0),
        "an empty line": ((b"\r\n",), 0.0),
        "half a head": ((whole[: chance.randrange(1, 60)],), 0.0),
        "half a body": ((announced,), 0.0),
        "half a chunk": ((in_chunks,), 0.0),
        "a head in drops": ((b"GET /fapi/v1/time?a=", *drops), DROP_S),
        "headers in drops": ((b"GET /fapi/v1/time HTTP/1.1\r\n" + HOST, *(b"X: a\r\n",) * DROPS), DROP_S),
        "a body in drops": ((announced[:-20], *drops), DROP_S),
        "half a request behind a whole one": ((request(world, "GET", "/fapi/v1/time", b""), b"GET /f"), 0.5),
        "half an opening": ((opened[:-30],), 0.0),
        "half a frame": ((opened, frame(TEXT, b"a" * 100)[:50]), 0.5),
        "a message without an end": ((opened, frame(TEXT, b"{", is_last=False)), 0.5),
        "a message in drops": (
            (opened, frame(TEXT, b"{", is_last=False), *(frame(CONTINUATION, b"", is_last=False),) * DROPS), DROP_S,
        ),
        "a closing and then nothing": ((opened, frame(CLOSE, b"\x03\xe8")), 0.5),
        "pings in drops behind half a message": (
            (opened, frame(TEXT, b"{", is_last=False), *(frame(PING, b"p"),) * DROPS), DROP_S,
        ),
    }  # fmt: skip
    name = list(choices)[number % len(choices)]
    pieces, pause_s = choices[name]
    return Input(name, pieces, pause_s, is_silent=True)


COUNT = 15
"""How many kinds there are."""
