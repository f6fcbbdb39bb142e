"""How much may be asked: weight of an address per minute, orders of an account per ten seconds and per minute.

Documentation, General Info, and exchangeInfo `rateLimits` (2026-09-15): 2,400 weight a minute; 300 orders in ten
seconds, 1,200 a minute; 1,000 requests in five minutes to `/futures/data`, 500 to funding rates. Over it 429; who goes
on is banned (418), for two minutes at first, twice as long each time, at most three days. How much more than the limit
earns a ban is not published (assumed: half as much again).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from margincall.server.errors import ApiError

Pool = Literal["weight", "data", "funding"]
BAN_FIRST_MS, BAN_MOST_MS = 2 * 60_000, 3 * 86_400_000
BAN_FACTOR_PERCENT = 150


class Window(NamedTuple):
    """At most `limit` in `span_ms`; windows begin at whole multiples of it."""

    limit: int
    span_ms: int


POOLS: dict[Pool, Window] = {
    "weight": Window(2_400, 60_000),
    "data": Window(1_000, 300_000),
    "funding": Window(500, 300_000),
}
ORDERS_10S, ORDERS_1M = Window(300, 10_000), Window(1_200, 60_000)


class _Counter:
    """What was used in the current window, by name."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._begun = -1
        self._used: dict[str, int] = {}

    def add(self, name: str, more: int, now_ms: int) -> int:
        begun = now_ms // self.window.span_ms
        if begun != self._begun:
            self._begun, self._used = begun, {}
        used = self._used[name] = self._used.get(name, 0) + more
        return used

    def left_s(self, now_ms: int) -> int:
        span = self.window.span_ms
        return (span - now_ms % span) // 1000 + 1


class Limits:
    """Counts and refuses. `now_ms` is the server's clock; `is_lenient` counts and refuses nothing."""

    def __init__(self, now_ms: Callable[[], int], *, is_lenient: bool = False) -> None:
        """Nothing was asked yet."""
        self._now_ms, self._is_lenient = now_ms, is_lenient
        self._pools = {name: _Counter(window) for name, window in POOLS.items()}
        self._orders = (_Counter(ORDERS_10S), _Counter(ORDERS_1M))
        self._banned: dict[str, tuple[int, int]] = {}
        """By address: until when, and how long that is."""

    def ask(self, ip: str, weight: int, pool: Pool = "weight") -> int:
        """Count a request; the weight that the address has used this minute. Raises `ApiError` 429 or 418."""
        now_ms = self._now_ms()
        if self._banned:
            self._check_ban(ip, now_ms)
        counter = self._pools[pool]
        used, limit = counter.add(ip, weight, now_ms), counter.window.limit
        if used > limit and not self._is_lenient:
            if used * 100 > limit * BAN_FACTOR_PERCENT:
                self._ban(ip, now_ms)
            raise ApiError(
                -1003,
                f"Too many requests; current limit of IP({ip}) is {limit} requests per minute. Please use the "
                "websocket for live updates to avoid polling the API.",
                429,
                counter.left_s(now_ms),
            )
        return used if pool == "weight" else self.used(ip)

    def used(self, ip: str) -> int:
        """The weight that an address has used this minute."""
        return self._pools["weight"].add(ip, 0, self._now_ms())

    def order(self, account: str, ten: int, minute: int) -> tuple[int, int]:
        """Count orders of an account; what it has used. Raises `ApiError` 429 (−1015)."""
        now_ms = self._now_ms()
        short, long = self._orders
        used = short.add(account, ten, now_ms), long.add(account, minute, now_ms)
        if self._is_lenient or (used[0] <= short.window.limit and used[1] <= long.window.limit):
            return used
        for counter, count, words in zip(self._orders, used, ("10 SECOND", "1 MINUTE"), strict=True):
            if count > counter.window.limit:
                text = f"Too many new orders; current limit is {counter.window.limit} orders per {words}."
                raise ApiError(-1015, text, 429, counter.left_s(now_ms))
        return used

    def _check_ban(self, ip: str, now_ms: int) -> None:
        until_ms, _ = self._banned.get(ip, (0, 0))
        if now_ms < until_ms:
            text = (
                f"Way too many requests; IP({ip}) banned until {until_ms}. Please use the websocket for live updates "
                "to avoid bans."
            )
            raise ApiError(-1003, text, 418, (until_ms - now_ms) // 1000 + 1)

    def _ban(self, ip: str, now_ms: int) -> None:
        _, before = self._banned.get(ip, (0, 0))
        length = min(before * 2 or BAN_FIRST_MS, BAN_MOST_MS)
        self._banned[ip] = now_ms + length, length
        self._check_ban(ip, now_ms)
