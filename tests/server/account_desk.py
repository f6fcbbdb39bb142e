"""A venue in process, asked as clients ask it: signed requests through the gateway, a clock set by hand."""

import asyncio
import hashlib
import hmac
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from margincall.exchange import commands
from margincall.exchange.catalogue import usdm
from margincall.server.answers.table import ROUTES
from margincall.server.archive import Archive
from margincall.server.clock import SimulatedClock
from margincall.server.gateway import Gateway, Reply
from margincall.server.keys import Key, Keys, issue
from margincall.server.limits import Limits
from margincall.server.request import Request
from margincall.server.routing import Table
from margincall.server.venue import Venue

BEGUN_MS = 1_795_000_000_000
TODAY = "2026-11-28"


RULES = usdm()


class Desk:
    """Alice, Bob and a maker with money; BTCUSDT at 50,000."""

    def __init__(self, folder: Path, api_date: str = TODAY) -> None:
        folder.mkdir(exist_ok=True)
        self.runner = asyncio.Runner()
        self.clock = SimulatedClock(BEGUN_MS)
        self.venue = Venue.opened(
            folder / "journal", RULES, self.clock, durability="none", archive=Archive(), api_date=api_date
        )
        self.keys = Keys()
        self.gateway = Gateway(
            self.venue, Table(ROUTES, api_date), self.keys, Limits(self.clock.now_ms, is_lenient=True)
        )
        self.by_name: dict[str, Key] = {}
        for name in ("alice", "bob", "maker"):
            self.open(name)
            self.do(commands.Transfer(account=name, asset="USDT", amount=Decimal(100_000)))
        for symbol, price in (("BTCUSDT", 50_000), ("ETHUSDT", 2_500), ("BNBUSDT", 800)):
            self.do(commands.SetMark(symbol=symbol, price=Decimal(price)))

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.venue.close()
        self.runner.close()

    def do(self, command: commands.AnyCommand) -> Any:
        """A command of the operator."""
        return self.runner.run(self.venue.do(command))

    def open(self, name: str) -> None:
        """An account without money, with a key."""
        self.by_name[name] = issue(name)
        self.keys.add(self.by_name[name])
        self.do(commands.OpenAccount(account=name))

    def wait(self, ms: int) -> None:
        """Time goes by for the server; the exchange follows when it is asked for something that needs it."""
        self.clock.set(self.clock.now_ms() + ms)

    def signed(self, method: str, path: str, name: str = "alice", **params: object) -> tuple[str, str, bytes, str]:
        """Method, path, signed query and key of a request."""
        key = self.by_name[name]
        text = urlencode({**params, "timestamp": self.clock.now_ms()})
        signature = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return method, path, f"{text}&signature={signature}".encode(), key.key

    def reply(self, method: str, path: str, name: str = "alice", **params: object) -> Reply:
        """The answer as it is sent."""
        verb, where, query, key = self.signed(method, path, name, **params)
        request = Request(method=verb, path=where, query=query, key=key)
        return self.runner.run(self.gateway.answer(request))

    def ask(self, method: str, path: str, name: str = "alice", **params: object) -> Any:
        """A good answer, decoded."""
        reply = self.reply(method, path, name, **params)
        assert reply.status == 200, reply.body
        return msgspec.json.decode(reply.body)

    def get(self, path: str, name: str = "alice", **params: object) -> Any:
        """A good answer to a GET."""
        return self.ask("GET", path, name, **params)

    def refusal(self, method: str, path: str, name: str = "alice", **params: object) -> tuple[int, str]:
        """Code and text of a refusal."""
        reply = self.reply(method, path, name, **params)
        assert reply.status >= 400, reply.body
        found = msgspec.json.decode(reply.body)
        return found["code"], found["msg"]

    def limit(self, name: str, side: str, quantity: str, price: str, **more: object) -> Any:
        """A limit order at BTCUSDT."""
        given = {"type": "LIMIT", "timeInForce": "GTC", "quantity": quantity, "price": price, "symbol": "BTCUSDT"}
        return self.ask("POST", "/fapi/v1/order", name, **{**given, "side": side, **more})

    def trade(self, buyer: str = "alice", quantity: str = "1", price: str = "50000") -> None:
        """Somebody buys from the maker."""
        self.limit("maker", "SELL", quantity, price)
        self.limit(buyer, "BUY", quantity, price)
