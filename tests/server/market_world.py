"""A market in process: traders whose orders meet, a clock set by hand, and requests through the gateway."""

import asyncio
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import structs

from margincall.exchange import commands
from margincall.exchange.catalogue import usdm
from margincall.exchange.rulesets import RuleSet
from margincall.server.answers.table import ROUTES
from margincall.server.archive import Archive
from margincall.server.clock import SimulatedClock
from margincall.server.gateway import Gateway, Reply
from margincall.server.keys import Keys, issue
from margincall.server.limits import Limits
from margincall.server.request import Request
from margincall.server.routing import Table
from margincall.server.venue import Venue
from tests.server.signing import signed

BEGUN_MS = 1_795_003_200_000
"""A whole hour, and a whole day: 2026-11-18 12:00 UTC."""
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
TODAY = "2026-11-28"
D = Decimal


def quiet() -> RuleSet:
    """The venue without funding, whose samples every five seconds make a month long."""
    rules = usdm()
    listings = {symbol: structs.replace(listing, funding=None) for symbol, listing in rules.listings.items()}
    return structs.replace(rules, listings=listings)


class Market:
    """Alice, Bob and Carol with money; BTCUSDT marked at 50,000."""

    def __init__(self, folder: Any, api_date: str = TODAY, rules: RuleSet | None = None) -> None:
        self.clock = SimulatedClock(BEGUN_MS)
        self.archive = Archive()
        self.venue = Venue.opened(
            folder / "journal", rules or usdm(), self.clock, durability="none", archive=self.archive, api_date=api_date
        )
        self.keys = Keys()
        self.limits = Limits(self.clock.now_ms)
        self.gateway = Gateway(self.venue, Table(ROUTES, api_date), self.keys, self.limits)
        self.key = issue("alice")
        self.keys.add(self.key)
        for name in ("alice", "bob", "carol"):
            self.do(commands.OpenAccount(account=name))
            self.do(commands.Transfer(account=name, asset="USDT", amount=D(10**6)))
        self.do(commands.SetMark(symbol="BTCUSDT", price=D(50_000)))

    def __enter__(self) -> "Market":
        return self

    def __exit__(self, *_: object) -> None:
        self.venue.close()

    def do(self, command: commands.AnyCommand) -> Any:
        return asyncio.run(self.venue.do(command))

    def order(
        self,
        name: str,
        side: Any,
        quantity: object,
        price: object = None,
        *,
        symbol: str = "BTCUSDT",
        force: Any = "GTC",
    ) -> Any:
        return self.do(
            commands.PlaceOrder(
                account=name, symbol=symbol, side=side, type="MARKET" if price is None else "LIMIT",
                quantity=D(str(quantity)), price=None if price is None else D(str(price)),
                time_in_force=None if price is None else force,
            )
        )  # fmt: skip

    def trade(self, quantity: object, price: object, *, buyer: str = "alice", seller: str = "bob") -> Any:
        """One trade, whose taker is the buyer."""
        self.order(seller, "SELL", quantity, price)
        return self.order(buyer, "BUY", quantity, price)

    def wait(self, milliseconds: int) -> None:
        self.clock.set(self.clock.now_ms() + milliseconds)

    def reply(self, path: str, *, key: str = "", **params: object) -> Reply:
        query = urlencode(params).encode()
        return asyncio.run(self.gateway.answer(Request(method="GET", path=path, query=query, key=key)))

    def get(self, path: str, **params: object) -> Any:
        """The answer, which is none of refusal."""
        reply = self.reply(path, **params)
        assert reply.status == 200, reply.body
        return msgspec.json.decode(reply.body)

    def get_signed(self, path: str, **params: object) -> Any:
        query = signed(self.key, {**params, "timestamp": self.clock.now_ms()})
        reply = asyncio.run(self.gateway.answer(Request(method="GET", path=path, query=query, key=self.key.key)))
        assert reply.status == 200, reply.body
        return msgspec.json.decode(reply.body)

    def get_with_key(self, path: str, **params: object) -> Any:
        reply = self.reply(path, key=self.key.key, **params)
        assert reply.status == 200, reply.body
        return msgspec.json.decode(reply.body)

    def refused(self, path: str, *, key: str = "", **params: object) -> tuple[int, int, str]:
        reply = self.reply(path, key=key, **params)
        body = msgspec.json.decode(reply.body)
        return reply.status, body["code"], body["msg"]

    def weight(self, path: str, **params: object) -> int:
        """What a request adds to the weight that its address has used."""
        used = []
        for _ in range(2):
            headers = dict(self.reply(path, key=self.key.key, **params).headers)
            used.append(int(headers["x-mbx-used-weight-1m"]))
        return used[1] - used[0]
