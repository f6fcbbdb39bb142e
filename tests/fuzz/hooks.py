"""What schemathesis is told beside the document: plausible values, signatures, and what any answer must be.

Loaded by schemathesis itself (`SCHEMATHESIS_HOOKS`). Most requests are signed, so that they get past the door; some are
not, or wrongly, or too late. Choices follow from the request, so that a run with the same seed makes them again.
"""

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import requests
import schemathesis

from tests.fuzz.target import FIGURES, signature, told

VALUES = {
    "symbol": ("BTCUSDT", "BTCUSDT", "BTCUSDT", "ETHUSDT"), "pair": ("BTCUSDT",), "quantity": ("0.01", "0.002", "1"),
    "price": ("49900", "50000", "50100", "47500.1"), "stopPrice": ("48000",), "triggerPrice": ("48000", "52000"),
    "activatePrice": ("48000",), "callbackRate": ("1",), "type": ("STOP_MARKET", "LIMIT", "MARKET", "1"),
    "goodTillDate": ("1890000000000",), "orderId": ("1", "2", "3", "6"), "algoId": ("5", "6"), "amount": ("1", "10"),
    "leverage": ("5", "20"), "limit": ("5", "100", "1000"), "downloadId": ("1",), "countdownTime": ("0", "5000"),
    "timeInForce": ("GTC", "IOC"), "positionSide": ("BOTH",), "newClientOrderId": ("a", "b"), "recvWindow": ("5000",),
    "batchOrders": ('[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":"0.01"}]',),
    "orderIdList": ("[1,2]",), "origClientOrderIdList": ('["a"]',), "origClientOrderId": ("a", "b"),
}  # fmt: skip
PLAUSIBLE, MORE, SIGNED, IN_BODY, LOOK, PASS = 0.6, 0.3, 0.88, 0.5, 0.3, 0.003
"""How often: a value is one of those above; one more is added; a request is signed well; its parameters
are in the body; the exchange is looked at after a refusal; time goes by."""

target = told()
counts: Counter[str] = Counter()
before: list[str] = []
"""The digest of the exchange as it was after the last look, if nothing was carried out since."""


@schemathesis.hook
def map_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Some values as they might be, and some more of them, so that more of the way is gone."""
    if context.operation is None:
        return query
    given = query or {}
    chance = Random(repr((context.operation.label, sorted(given.items(), key=repr))))
    found = {
        name: chance.choice(VALUES[name]) if name in VALUES and chance.random() < PLAUSIBLE else value
        for name, value in given.items()
    }
    for each in context.operation.query:
        if each.name in VALUES and each.name not in found and chance.random() < MORE:
            found[each.name] = chance.choice(VALUES[each.name])
    return found or query


class Signing(requests.auth.AuthBase):
    """A request with its key and signature, over the bytes that are sent."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign it, or do it wrongly."""
        address, _, query = (request.url or "").partition("?")
        chance = Random(address + query)
        own, kind = chance.choice(target.keys), chance.random()
        kept = [pair for pair in query.split("&") if pair and not pair.startswith(("timestamp=", "signature="))]
        late_ms = 0 if kind < SIGNED or kind > 0.92 else chance.choice((-1_000, 5_001, 10**15))
        payload = "&".join([*kept, f"timestamp={target.now_ms - late_ms}"]).encode()
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        signed = payload + b"&signature=" + signature(own.secret if kind < 0.95 else "x", payload + body)
        if kind < 0.98:
            request.headers["X-MBX-APIKEY"] = own.key
        if not body and request.method in ("POST", "PUT", "DELETE") and chance.random() < IN_BODY:
            request.url = address
            request.prepare_body(signed, None)
        else:
            request.url = f"{address}?{signed.decode()}"
        return request


schemathesis.auth.set_from_requests(Signing())


@schemathesis.check
def answered_as_the_venue_does(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """JSON, or the file of a link; a refusal with code and text, after which everything is as it was."""
    counts[str(response.status_code)] += 1
    counts[f"tried {case.method} {case.path}"] += 1
    assert response.headers.get("x-simulated") == ["1"], "it does not say that it is simulated"
    chance = Random(repr((case.method, case.path, response.content)))
    if response.status_code == 200:
        if not case.path.startswith("/downloads"):
            json.loads(response.content)
        if case.method != "GET":
            before.clear()
    else:
        _check_refusal(response, str(case.method))
        if chance.random() < LOOK:
            now = target.digest()
            assert not before or before == [now], "what was refused has changed the exchange"
            before[:] = [now]
            counts["looked"] += 1
    if chance.random() < PASS:
        target.wait(61_000)
        before.clear()


def _check_refusal(response: schemathesis.Response, method: str) -> None:
    if method == "HEAD":
        return
    found = json.loads(response.content)
    assert set(found) == {"code", "msg"}, found
    assert isinstance(found["code"], int), found
    assert found["code"] < 0, found
    assert isinstance(found["msg"], str), found
    counts[f"{response.status_code} {found['code']}"] += 1


@atexit.register
def _tell() -> None:
    if FIGURES in os.environ:
        Path(os.environ[FIGURES]).write_text(json.dumps(counts), encoding="utf-8")
