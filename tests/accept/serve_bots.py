"""Bots that trade at a served exchange, and the prices that they trade around."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random

from tests.accept.serve_client import Answer, Line, names
from tests.server.running import Credentials

ORDER, ALGO, KEY = "/fapi/v1/order", "/fapi/v1/algoOrder", "/fapi/v1/listenKey"
FIRST = {"BTCUSDT": (60_000, "0.1"), "ETHUSDT": (2_000, "0.01"), "BNBUSDT": (600, "0.01")}
OTHER = (20, "0.0001")
"""Where prices begin, and their ticks."""
MOST_OPEN, MOST_ALGOS = 20, 6
KEEP_ALIVE_TICKS = 600
EXPECTED = {-2011, -2013, -2021, -2022, -4131, -4118}
"""What happens to a bot that does not look first: an order is gone, nothing is there to reduce, nobody trades against
it, a stop would trigger at once."""
STEP, WAY = 4, 400
"""A price moves by so many ten-thousandths at most, and stays within so many of where it began."""


def symbols(count: int) -> list[str]:
    """So many symbols: three that the catalogue has, and others like them."""
    return [*FIRST, *(f"C{number:02d}USDT" for number in range(1, count - len(FIRST) + 1))]


class Market:
    """Prices of all symbols, as they are played: each walks about where it began, by chance."""

    def __init__(self, found: list[str], random: Random) -> None:
        """Where they begin."""
        self.names, self._random = found, random
        self._first = {name: Decimal(FIRST.get(name, OTHER)[0]) for name in found}
        self._ticks = {name: Decimal(FIRST.get(name, OTHER)[1]) for name in found}
        self._at = dict.fromkeys(found, 0)
        self._coming: dict[str, deque[int]] = {name: deque() for name in found}

    def price(self, name: str, away: int = 0) -> Decimal:
        """The price now, so many ten-thousandths away from it."""
        return self._priced(name, self._at[name] + away)

    def _priced(self, name: str, at: int) -> Decimal:
        return (self._first[name] * (10_000 + at) / 10_000).quantize(self._ticks[name])

    def piece(self, count: int, step_ms: int) -> dict[str, list[tuple[int, str]]]:
        """The next prices: the first of them is that of now."""
        found = {}
        for name in self.names:
            points, at = [(0, str(self.price(name)))], self._at[name]
            for number in range(1, count + 1):
                at = max(-WAY, min(WAY, at + self._random.randint(-STEP, STEP)))
                self._coming[name].append(at)
                points.append((number * step_ms, str(self._priced(name, at))))
            found[name] = points
        return found

    def tick(self) -> None:
        """The next price has come."""
        for name in self.names:
            self._at[name] = self._coming[name].popleft()


class Bot:
    """One of them: a request at each tick."""

    def __init__(self, port: int, own: Credentials, market: Market, random: Random) -> None:
        """It has nothing yet."""
        self._line, self._market, self._random = Line(port, own), market, random
        self._names = names(own.account)
        self._open: deque[tuple[str, str]] = deque()
        self._algos: deque[int] = deque()
        self.asked: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._now_ms = 0
        self._acts: tuple[tuple[int, Callable[[], Awaitable[object]]], ...] = (
            (45, self._limit), (10, self._at_market), (15, self._cancel), (5, self._algo), (25, self._look),
        )  # fmt: skip

    async def listen(self, now_ms: int) -> str:
        """A listen key."""
        self._now_ms = now_ms
        _, answer = await self._ask("POST", KEY)
        return str(answer["listenKey"])

    async def act(self, now_ms: int, tick: int) -> None:
        """One request. Raises `AssertionError` for an answer that is not to be expected."""
        self._now_ms = now_ms
        if tick % KEEP_ALIVE_TICKS == KEEP_ALIVE_TICKS - 1:
            await self._ask("PUT", KEY)
        elif len(self._open) > MOST_OPEN:
            await self._cancel()
        else:
            weights, acts = zip(*self._acts, strict=True)
            await self._random.choices(acts, weights)[0]()

    async def _ask(self, method: str, path: str, **params: object) -> Answer:
        status, answer = await self._line.ask(method, path, params, now_ms=self._now_ms)
        self.asked[f"{method} {path}"] += 1
        if status != 200:
            assert answer["code"] in EXPECTED, (method, path, params, status, answer)
            self.refused[str(answer["code"])] += 1
        return status, answer

    async def _limit(self) -> None:
        """An order near the price, now and then beyond it."""
        symbol, side, name = self._random.choice(self._market.names), self._side(), next(self._names)
        away = self._random.randint(-25, 8) * (1 if side == "BUY" else -1)
        status, answer = await self._ask(
            "POST", ORDER, symbol=symbol, side=side, type="LIMIT", timeInForce="GTC", newClientOrderId=name,
            price=self._market.price(symbol, away), quantity=self._size(symbol), newOrderRespType="RESULT",
        )  # fmt: skip
        if status == 200 and answer["status"] in ("NEW", "PARTIALLY_FILLED"):
            self._open.append((symbol, name))

    async def _at_market(self) -> None:
        """An order at any price; half of them reduce what is held."""
        symbol = self._random.choice(self._market.names)
        more = {"reduceOnly": "true"} if self._random.random() < 0.5 else {}
        await self._ask(
            "POST", ORDER, symbol=symbol, side=self._side(), type="MARKET", quantity=self._size(symbol),
            newClientOrderId=next(self._names), **more,
        )  # fmt: skip

    async def _cancel(self) -> None:
        """Take back the oldest order."""
        if self._open:
            symbol, name = self._open.popleft()
            await self._ask("DELETE", ORDER, symbol=symbol, origClientOrderId=name)

    async def _algo(self) -> None:
        """A stop, or the oldest one back."""
        if len(self._algos) >= MOST_ALGOS:
            await self._ask("DELETE", ALGO, algoId=self._algos.popleft())
            return
        symbol, side = self._random.choice(self._market.names), self._side()
        away = self._random.randint(5, 60) * (1 if side == "BUY" else -1)
        status, answer = await self._ask(
            "POST", ALGO, algoType="CONDITIONAL", symbol=symbol, side=side, type="STOP_MARKET",
            triggerPrice=self._market.price(symbol, away), quantity=self._size(symbol), workingType="MARK_PRICE",
        )  # fmt: skip
        if status == 200:
            self._algos.append(answer["algoId"])

    async def _look(self) -> None:
        """A question, of those that bots ask all the time."""
        symbol = self._random.choice(self._market.names)
        path, params = self._random.choice((
            ("/fapi/v1/openOrders", {"symbol": symbol}), ("/fapi/v2/balance", {}), ("/fapi/v3/positionRisk", {}),
            ("/fapi/v1/userTrades", {"symbol": symbol, "limit": 20}),
            ("/fapi/v1/allOrders", {"symbol": symbol, "limit": 20}),
            ("/fapi/v1/income", {"limit": 20}), ("/fapi/v1/klines", {"symbol": symbol, "interval": "1m", "limit": 50}),
            ("/fapi/v1/depth", {"symbol": symbol, "limit": 50}), ("/fapi/v1/trades", {"symbol": symbol, "limit": 50}),
            ("/fapi/v1/premiumIndex", {"symbol": symbol}), ("/fapi/v1/openAlgoOrders", {}),
        ))  # fmt: skip
        await self._ask("GET", path, **params)

    def _side(self) -> str:
        return self._random.choice(("BUY", "SELL"))

    def _size(self, symbol: str) -> str:
        return f"0.00{self._random.randint(1, 5)}" if symbol == "BTCUSDT" else f"0.{self._random.randint(3, 9):d}"
