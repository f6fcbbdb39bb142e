"""The server that is tried: where it is, how it stands, and what a client of it needs to be taken seriously."""

import hashlib
import hmac
import http.client
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from margincall.server.assembled import KEYS
from margincall.server.keys import Key
from tests.server.running import Credentials, Server, process

TOLD = "MARGINCALL_FUZZ_TOLD"
"""The variable by which another process is told where the server is."""
FIGURES = "MARGINCALL_FUZZ_FIGURES"
"""The variable with the file that another process writes its figures to."""
START = "2026-11-28T00:00:00Z"
FLAGS = ("--clock", "simulated", "--start", START, "--no-limits", "--durability", "none")
"""Its clock stands, so that only what is asked changes it; all requests are let in."""
ISSUED = tuple(
    Key(key=f"SIM{name.replace('-', ''):k<61}", account=name, secret=f"secret of {name}")
    for name in ("demo-1", "demo-2")
)
"""Always the same, so that what is signed with the same seed is the same."""
PRICES = {"BTCUSDT": "50000", "ETHUSDT": "3000", "BNBUSDT": "600"}


class Target(Server):
    """A server with two accounts, prices and a few orders."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        """What the server printed."""
        super().__init__(told)
        self.keys = [Credentials(each.account, each.key, each.secret) for each in ISSUED]
        self._operator = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=30)
        self.now_ms, self.listen_key = 0, ""
        self.read_clock()

    def prepare(self) -> "Target":
        """Give it something to change."""
        for own in self.keys:
            self.operator("POST", "/accounts", {"name": own.account, "deposits": {"USDT": "100000"}})
        self.operator("POST", "/prices", {"prices": PRICES})
        for side, prices in (("BUY", (49_900, 49_950)), ("SELL", (50_050, 50_100))):
            for price in prices:
                self.order(side, price, self.keys[1])
        self.order("BUY", 49_000, self.keys[0])
        _, found = self.ask("POST", "/fapi/v1/listenKey", {}, self.keys[0], now_ms=self.now_ms)
        self.listen_key = found["listenKey"]
        return self

    def order(self, side: str, price: int, own: Credentials) -> None:
        """A limit order, which must be taken."""
        order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        status, found = self.ask("POST", "/fapi/v1/order", {**order, "price": price}, own, now_ms=self.now_ms)
        assert status == 200, found

    def operator(self, method: str, path: str, body: object = None) -> Any:
        """The control API, over one connection. (It is closed where nothing was asked for a while.)"""
        data = None if body is None else json.dumps(body)
        headers = {"x-control-token": self.told["control_token"]}
        for again in (True, False):
            try:
                self._operator.request(method, path, data, headers)
                return json.loads(self._operator.getresponse().read())
            except (http.client.HTTPException, OSError):
                self._operator.close()
                if not again:
                    raise
        raise AssertionError

    def digest(self) -> str:
        """One hash of all that the exchange holds."""
        found: str = self.operator("GET", "/digest")["digest"]
        return found

    def read_clock(self) -> None:
        """Know what its clock reads."""
        self.now_ms = self.operator("GET", "/clock")["time_ms"]

    def wait(self, milliseconds: int) -> None:
        """Set its clock further."""
        self.now_ms = self.operator("POST", "/clock", {"advance_ms": milliseconds})["time_ms"]

    def close(self) -> None:
        """Let go of its connection."""
        self._operator.close()


def signature(secret: str, payload: bytes) -> bytes:
    """HMAC-SHA256, hexadecimal."""
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest().encode()


def issue_keys(folder: Path) -> None:
    """Let a server that is begun on a folder know the keys."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / KEYS).write_bytes(msgspec.json.encode(ISSUED))


@contextmanager
def served(folder: Path) -> Iterator[Target]:
    """A server in a process of its own. Raises `AssertionError` where it did not end as it should."""
    issue_keys(folder)
    with process(folder, *FLAGS) as server:
        target = Target(server.told).prepare()
        yield target
        target.close()
        code, errors = server.end()
        assert code == 0, errors[-2000:]
        assert "Traceback" not in errors, errors[-4000:]


def told() -> Target:
    """The server that this process was told of."""
    return Target(json.loads(os.environ[TOLD]))
