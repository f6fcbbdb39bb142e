"""An exchange behind the API in one process, with a clock that stands still: what the tests of orders ask."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import structs

from margincall.exchange import commands
from margincall.exchange.catalogue import usdm
from margincall.exchange.events import Rejected
from margincall.exchange.rulesets import RuleSet
from margincall.server.answers.table import ROUTES
from margincall.server.archive import Archive
from margincall.server.clock import SimulatedClock
from margincall.server.gateway import Gateway, Reply
from margincall.server.keys import Key, Keys
from margincall.server.limits import Limits
from margincall.server.request import Request
from margincall.server.routing import Table
from margincall.server.venue import Venue

BEGIN_MS = 1_790_000_000_000
SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
MARK = Decimal(50000)


def key_name(account: str) -> str:
    """The key of an account in these tests."""
    return f"SIM{account:k<61}"


class Desk:
    """A venue with accounts `alice` and `bob`, who have 100,000 USDT each, and BTCUSDT marked at 50,000."""

    def __init__(
        self, folder: Path, *, api_date: str = "2026-11-01", rules: RuleSet | None = None, is_lenient: bool = True,
        begin_ms: int = BEGIN_MS,
    ) -> None:  # fmt: skip
        folder.mkdir(exist_ok=True)
        self.folder, self.clock, self.keys = folder, SimulatedClock(begin_ms), Keys()
        self.venue = Venue.opened(
            folder / "journal", rules or quiet(), self.clock, durability="none", archive=Archive(), api_date=api_date
        )
        self.limits = Limits(self.clock.now_ms, is_lenient=is_lenient)
        self.gateway = Gateway(self.venue, Table(ROUTES, api_date), self.keys, self.limits)
        for name in ("alice", "bob"):
            self.keys.add(Key(key=key_name(name), account=name, secret=SECRET))
        if not self.venue.state.markets["BTCUSDT"].mark:
            for name in ("alice", "bob"):
                self.do(commands.OpenAccount(account=name))
                self.do(commands.Transfer(account=name, asset="USDT", amount=Decimal(100_000)))
            self.mark(MARK)

    def do(self, command: commands.AnyCommand) -> list[Any]:
        """A command of the operator, which must be carried out."""
        events = asyncio.run(self.venue.do(command))
        assert not any(isinstance(each, Rejected) for each in events)
        return events

    def mark(self, price: Decimal | int, symbol: str = "BTCUSDT") -> None:
        """Another mark."""
        self.do(commands.SetMark(symbol=symbol, price=Decimal(price)))

    def pass_ms(self, length_ms: int) -> None:
        """Let time go by, at most 30 days at once."""
        while length_ms:
            step = min(length_ms, 30 * 86_400_000)
            self.clock.set(self.clock.now_ms() + step)
            self.venue.advance()
            length_ms -= step

    def send(self, method: str, path: str, **parts: Any) -> Reply:
        """A request as it is: `query`, `body`, `key` and `ip` are parts of it."""
        request = Request(method=method, path=path, **parts)
        return asyncio.run(self.gateway.answer(request))

    def signed(self, method: str, path: str, payload: bytes, account: str = "alice", *, in_body: bool = False) -> Reply:
        """A request with its signature, as the payload is."""
        signature = hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest().encode()
        whole = payload + (b"&" if payload else b"") + b"signature=" + signature
        part = {"body": whole} if in_body else {"query": whole}
        return self.send(method, path, key=key_name(account), **part)

    def reply(self, method: str, path: str, account: str = "alice", **params: object) -> Reply:
        """A signed request of parameters, as clients send them."""
        payload = form({**params, "timestamp": self.clock.now_ms()})
        return self.signed(method, f"/fapi/v1/{path}", payload, account, in_body=method in ("POST", "PUT"))

    def ask(self, method: str, path: str, account: str = "alice", **params: object) -> Any:
        """What a signed request answers; it must be taken."""
        reply = self.reply(method, path, account, **params)
        found = msgspec.json.decode(reply.body)
        assert reply.status == 200, found
        return found

    def refusal(self, method: str, path: str, account: str = "alice", **params: object) -> tuple[int, int, str]:
        """HTTP status, code and text of a signed request that is refused."""
        reply = self.reply(method, path, account, **params)
        found = msgspec.json.decode(reply.body)
        assert reply.status != 200, found
        return reply.status, found["code"], found["msg"]

    def limit(self, side: str, price: object, quantity: object = "0.01", account: str = "alice", **more: object) -> Any:
        """A limit order that is taken."""
        given = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "price": price, "quantity": quantity}
        return self.ask("POST", "order", account, side=side, **{**given, **more})

    def trade(self, price: object, quantity: object = "0.01") -> None:
        """A trade at a price: alice buys what bob sells."""
        self.limit("SELL", price, quantity, "bob")
        self.limit("BUY", price, quantity, "alice")


def quiet() -> RuleSet:
    """USDⓈ-M without funding, whose premium is sampled every five seconds: so ninety days go by at once."""
    rules = usdm()
    listings = {symbol: structs.replace(each, funding=None) for symbol, each in rules.listings.items()}
    return structs.replace(rules, listings=listings)


def form(params: Mapping[str, object]) -> bytes:
    """Parameters as a form, percent-encoded."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in params.items()).encode()


def base64_of(signature: bytes) -> bytes:
    """A signature as it stands in a request."""
    return quote(base64.b64encode(signature).decode(), safe="").encode()
