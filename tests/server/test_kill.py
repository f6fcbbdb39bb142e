"""A server that is killed under load and started again has lost no acknowledged order, and made none twice."""

import contextlib
import http.client
import os
import signal
import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.accept.serve_trader import Known, Unkept
from tests.server.running import PATIENCE_S, Credentials, Process, process

SYMBOL, PRICE = "BTCUSDT", 50_000
ROUNDS = int(os.environ.get("MARGINCALL_KILLS", "100"))
ORDER = "/fapi/v1/order"
PLACED = 12
"""Orders that are acknowledged in a round, at least."""


class Client(threading.Thread):
    """Places, cancels and fills orders as fast as it can, and remembers what was acknowledged."""

    def __init__(self, server: Process, own: Credentials, name: str, seed: int) -> None:
        super().__init__()
        self._server, self._own, self._name = server, own, name
        self._random = Random(seed)
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        self.sent: list[str] = []
        self.placed: dict[str, int] = {}
        """Order ids by the client's own, of what was acknowledged."""
        self.ended: dict[str, dict[str, Any]] = {}
        """What the exchange told of an order that had ended."""

    def _ask(self, method: str, **params: object) -> Any:
        status, answer = self._server.ask(
            method, ORDER, {"symbol": SYMBOL, **params}, self._own, connection=self._connection
        )
        assert status == 200, answer
        return answer

    def run(self) -> None:
        """Until the server is gone."""
        try:
            while True:
                self._one()
        except (OSError, http.client.HTTPException):
            return
        finally:
            self._connection.close()

    def _one(self) -> None:
        name = f"{self._name}-{len(self.sent)}"
        self.sent.append(name)
        is_market = self._random.random() < 0.3
        side = self._random.choice(("BUY", "SELL"))
        price = PRICE - 100 - self._random.randrange(50) if side == "BUY" else PRICE + 100 + self._random.randrange(50)
        kind = {"type": "MARKET"} if is_market else {"type": "LIMIT", "timeInForce": "GTC", "price": price}
        order = self._ask("POST", side=side, quantity="0.002", newClientOrderId=name, **kind)
        self.placed[name] = order["orderId"]
        if not is_market and len(self.placed) % 8:
            self._ask("DELETE", origClientOrderId=name)
        if is_market or len(self.placed) % 8:
            self.ended[name] = self._ask("GET", orderId=order["orderId"])


def prepared(server: Process) -> None:
    """A price, and a maker on both sides."""
    server.control("POST", "/prices", {"prices": {SYMBOL: str(PRICE)}})
    server.control("POST", "/accounts", {"name": "maker", "deposits": {"USDT": "100000000"}})
    levels = {"bids": -1, "asks": 1}
    quote = {
        name: [{"price": str(PRICE + sign * step), "quantity": "100"} for step in range(1, 4)]
        for name, sign in levels.items()
    }
    answer = server.control("POST", "/commands", {"command": "quote", "account": "maker", "symbol": SYMBOL, **quote})
    assert "events" in answer, answer


def killed_in_full_run(server: Process, own: list[Credentials], number: int) -> list[Client]:
    """Let clients go at it, kill the server, and say what they know."""
    clients = [Client(server, each, f"r{number}-{place}", number * 10 + place) for place, each in enumerate(own)]
    for client in clients:
        client.start()
    wanted, deadline = PLACED + Random(number).randrange(20), time.monotonic() + PATIENCE_S
    while sum(len(client.placed) for client in clients) < wanted and time.monotonic() < deadline:
        time.sleep(Random().uniform(0, 0.02))
    server.end(signal.SIGKILL)
    for client in clients:
        client.join(PATIENCE_S)
        assert not client.is_alive()
    return clients


def reconciled(server: Process, own: list[Credentials], clients: list[Client]) -> int:
    """Hold what the clients know against what the server tells; how many acknowledged orders that were."""
    checked = 0
    for credentials, client in zip(own, clients, strict=True):
        for name, number in client.placed.items():
            status, found = server.ask("GET", ORDER, {"symbol": SYMBOL, "origClientOrderId": name}, credentials)
            assert (status, found.get("orderId")) == (200, number), (name, found)
            checked += 1
            if name in client.ended:
                assert found == client.ended[name]
        status, live = server.ask("GET", "/fapi/v1/openOrders", {"symbol": SYMBOL}, credentials)
        assert status == 200
        assert not [name for name, count in Counter(each["clientOrderId"] for each in live).items() if count > 1]
        ended = {name for name, row in client.ended.items() if row["status"] != "NEW"}
        assert not ended & {each["clientOrderId"] for each in live}
        unknown = client.sent[len(client.placed) :]
        assert len(unknown) <= 1, "one request at a time is under way"
        server.ask("DELETE", "/fapi/v1/allOpenOrders", {"symbol": SYMBOL}, credentials)
    return checked


def rounds(folder: Path, count: int) -> int:
    """So many kills; how many acknowledged orders were found again."""
    checked = 0
    own: list[Credentials] = []
    clients: list[Client] = []
    for number in range(count + 1):
        with process(folder, "--no-limits") as server:
            if number == 0:
                own = server.keys
                prepared(server)
            else:
                checked += reconciled(server, own, clients)
            if number < count:
                clients = killed_in_full_run(server, own, number)
    return checked


@pytest.mark.parametrize(("amending", "price", "is_kept"), [
    (None, "10", True), (None, "11", False), ("11", "11", True), ("11", "10", True), ("11", "12", False),
])  # fmt: skip
def test_the_clients_of_the_long_run_see_an_amendment_that_is_lost(
    amending: str | None, price: str, *, is_kept: bool
) -> None:
    """Of an order at 10; also one that was told in the same millisecond."""
    known = Known("mine", SYMBOL, amending=None if amending is None else Decimal(amending))
    row = {"clientOrderId": "mine", "orderId": 1, "status": "NEW", "executedQty": "0", "origQty": "1", "updateTime": 5}
    known.hear({**row, "price": "10"})
    with contextlib.nullcontext() if is_kept else pytest.raises(Unkept):
        known.hear({**row, "price": price})


def test_no_acknowledged_order_is_lost_and_none_doubled(tmp_path: Path) -> None:
    assert rounds(tmp_path, 3) >= 3 * PLACED


@pytest.mark.slow
def test_a_hundred_kills(tmp_path: Path) -> None:
    assert rounds(tmp_path, ROUNDS) >= ROUNDS * PLACED
