"""Clients that trade under load at a server that is killed, remember what was acknowledged, and reconcile afterwards.

What a client knows of an order is what it was answered; a request that broke off is in doubt until the client asks by
its own id, as the venue tells clients to do. What the user stream told is known too: it is told after it is safe.
"""

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.accept.serve_client import Gone, Line, names, now_ms
from tests.server.running import Credentials, signed

ORDER, KEY = "/fapi/v1/order", "/fapi/v1/listenKey"
SYMBOLS, PRICE = ("BTCUSDT", "ETHUSDT"), {"BTCUSDT": 50_000, "ETHUSDT": 2_500}
LOT = {"BTCUSDT": "0.002", "ETHUSDT": "0.040"}
METHODS = {("POST", ORDER): "order.place", ("PUT", ORDER): "order.modify", ("DELETE", ORDER): "order.cancel",
           ("GET", ORDER): "order.status"}  # fmt: skip
RANK = {"NEW": 0, "PARTIALLY_FILLED": 1, "FILLED": 2, "CANCELED": 2, "EXPIRED": 2}
"""States in the order in which they come."""
GONE, UNKNOWN, IN_USE = -2011, -2013, -4116
LIVING_MOST = 60
"""Open orders of an account when a load begins."""
EXPECTED = {GONE, UNKNOWN, -2022, -5027, -4131}
"""What may be answered under load: an order has ended, there is nothing to change."""


class Unkept(AssertionError):
    """What was acknowledged does not hold any more."""


@dataclass
class Known:
    """One order as its client knows it. `told` are the answers about it, the latest last; `doubts` are requests about
    it that nobody answered."""

    name: str
    symbol: str
    number: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    amending: Decimal | None = None
    """The price of an amendment that nobody answered yet. (One request about an order is under way at a time.)"""

    def hear(self, row: dict[str, Any]) -> None:
        """An answer about it. Raises `Unkept` where it goes back behind one before."""
        if self.number and row["orderId"] != self.number:
            raise Unkept(f"{self.name} was order {self.number} and is {row['orderId']}")
        if row["clientOrderId"] != self.name:
            raise Unkept(f"{self.name} is told as {row['clientOrderId']}")
        self.number = row["orderId"]
        for before in self.told:
            if not follows(before, row):
                raise Unkept(f"{self.name} was acknowledged as {brief(before)} and is {brief(row)}")
        if self.told and Decimal(row["price"]) not in (Decimal(self.told[-1]["price"]), self.amending):
            raise Unkept(f"{self.name} was acknowledged as {brief(self.told[-1])} and is {brief(row)}")
        self.told.append(row)

    @property
    def lives(self) -> bool:
        """Whether it can be taken back, as far as the client knows."""
        return bool(self.told) and RANK[self.told[-1]["status"]] < 2


def follows(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether an order may be so after it was told to be otherwise."""
    if RANK[before["status"]] == 2:
        return before["status"] == now["status"] and before["executedQty"] == now["executedQty"]
    return (
        RANK[now["status"]] >= RANK[before["status"]]
        and Decimal(now["executedQty"]) >= Decimal(before["executedQty"])
        and now["updateTime"] >= before["updateTime"]
    )


def brief(row: dict[str, Any]) -> str:
    """An order in a few words."""
    return (
        f"{row['orderId']} {row['status']} {row['executedQty']}/{row['origQty']} at {row['price']}, {row['updateTime']}"
    )


class Socket:
    """The WebSocket API: requests and answers by number. A connection that breaks off raises `Gone`."""

    def __init__(self, port: int, own: Credentials) -> None:
        """Not connected yet."""
        self._port, self._own = port, own
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def ask(self, method: str, path: str, params: dict[str, object]) -> tuple[int, Any]:
        """Status and answer of a signed request."""
        words = {name: str(value) for name, value in params.items()} | {
            "apiKey": self._own.key,
            "timestamp": str(now_ms()),
        }
        query = signed(dict(sorted(words.items())), self._own.secret)
        number = next(self._numbers)
        asked = {
            "id": number,
            "method": METHODS[method, path],
            "params": words | {"signature": query.rpartition("=")[2]},
        }
        answered = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with self._opening:
                if self._socket is None:
                    await self._open()
            assert self._socket is not None
            await self._socket.send(json.dumps(asked))
            answer = await answered
        except (OSError, WebSocketException) as error:
            raise Gone(str(error)) from error
        finally:
            self._waiting.pop(number, None)
        return answer["status"], answer.get("result", answer.get("error"))

    async def _open(self) -> None:
        self._socket = await connect(f"ws://127.0.0.1:{self._port}/ws-fapi/v1", proxy=None, compression=None)
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                answer = json.loads(text)
                if (waiting := self._waiting.get(answer["id"])) is not None and not waiting.done():
                    waiting.set_result(answer)
        except WebSocketException:
            pass
        finally:
            self._socket = None
            for each in self._waiting.values():
                if not each.done():
                    each.set_exception(Gone("the socket is closed"))

    async def close(self) -> None:
        """Let go of it."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()


class Trader:
    """One account with several requests under way at a time, and its user stream. `by_socket`: orders by the WebSocket
    API, else by REST."""

    def __init__(self, own: Credentials, random: Random, *, by_socket: bool, lines: int) -> None:
        """It has sent nothing yet."""
        self.own, self._random, self._by_socket, self._lines = own, random, by_socket, lines
        self._names = names(own.account)
        self.orders: dict[str, Known] = {}
        self.fresh: list[Known] = []
        """Those that were sent or asked about since the last reconciliation."""
        self.fills: dict[tuple[str, int], tuple[int, str]] = {}
        """What the user stream told: by symbol and trade, of which order how much."""
        self.counts: Counter[str] = Counter()
        self.error: BaseException | None = None

    async def trade(self, port: int) -> None:
        """Until the server is gone."""
        key = str((await self._alone(port, "POST", KEY))[1]["listenKey"])
        hearing = asyncio.create_task(self._hear(port, key))
        socket = Socket(port, self.own) if self._by_socket else None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._lines):
                    group.create_task(self._work(port, socket))
        finally:
            if socket is not None:
                await socket.close()
            await asyncio.wait([hearing], timeout=5)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _alone(self, port: int, method: str, path: str, **params: object) -> tuple[int, Any]:
        line = Line(port, self.own)
        try:
            return await line.ask(method, path, params, now_ms=now_ms())
        finally:
            line.close()

    async def _hear(self, port: int, key: str) -> None:
        """Keep the fills that the user stream tells."""
        try:
            async with connect(f"ws://127.0.0.1:{port}/private/ws/{key}", proxy=None, compression=None) as socket:
                async for text in socket:
                    told = json.loads(text)
                    self.counts["messages"] += 1
                    if told["e"] == "ORDER_TRADE_UPDATE" and told["o"]["x"] == "TRADE":
                        order = told["o"]
                        place, what = (order["s"], order["t"]), (order["i"], order["l"])
                        if place in self.fills:
                            raise Unkept(f"trade {place} was told twice: {self.fills[place]}, {what}")
                        self.fills[place] = what
        except (OSError, WebSocketException, InvalidHandshake):
            return

    async def _work(self, port: int, socket: Socket | None) -> None:
        """One request after the other, until one breaks off."""
        line = Line(port, self.own)
        try:
            while True:
                await self._one(line, socket)
        except Gone:
            return
        finally:
            line.close()

    async def _ask(self, line: Line, socket: Socket | None, method: str, known: Known, **params: object) -> None:
        """One request about an order; in doubt until it is answered."""
        what = f"{method} {len(known.told)}"
        known.doubts.append(what)
        known.amending = Decimal(str(params["price"])) if method == "PUT" else None
        if known not in self.fresh[-64:]:
            self.fresh.append(known)
        if socket is not None:
            status, answer = await socket.ask(method, ORDER, {"symbol": known.symbol, **params})
        else:
            status, answer = await line.ask(method, ORDER, {"symbol": known.symbol, **params}, now_ms=now_ms())
        known.doubts.remove(what)
        self.counts[f"{method} {status}"] += 1
        if status == 200:
            known.hear(answer)
        elif answer["code"] not in EXPECTED:
            raise Unkept(f"{method} {known.name} {params}: {answer}")
        known.amending = None

    async def _one(self, line: Line, socket: Socket | None) -> None:
        chance = self._random.random()
        live = [each for each in self.fresh[-24:] if each.lives and not each.doubts]
        if chance < 0.3 and live:
            known = self._random.choice(live)
            await self._ask(line, socket, "DELETE", known, origClientOrderId=known.name)
        elif chance < 0.4 and live:
            known = self._random.choice(live)
            side = known.told[-1]["side"]
            await self._ask(
                line, socket, "PUT", known, orderId=known.number, side=side, quantity=LOT[known.symbol],
                price=self._price(known.symbol, side),
            )  # fmt: skip
        elif chance < 0.5 and live:
            known = self._random.choice(live)
            await self._ask(line, socket, "GET", known, origClientOrderId=known.name)
        else:
            await self._place(line, socket, is_market=chance > 0.8)

    async def _place(self, line: Line, socket: Socket | None, *, is_market: bool) -> None:
        symbol, side = self._random.choice(SYMBOLS), self._random.choice(("BUY", "SELL"))
        known = Known(next(self._names), symbol)
        self.orders[known.name] = known
        kind = {"type": "MARKET"} if is_market else {
            "type": "LIMIT", "timeInForce": "GTC", "price": self._price(symbol, side)
        }  # fmt: skip
        await self._ask(
            line, socket, "POST", known, side=side, quantity=LOT[symbol], newClientOrderId=known.name,
            newOrderRespType="RESULT", **kind,
        )  # fmt: skip

    def _price(self, symbol: str, side: str) -> int:
        """Away from the maker's quotes, on the own side."""
        away = self._random.randrange(PRICE[symbol] // 500, PRICE[symbol] // 50)
        return PRICE[symbol] - away if side == "BUY" else PRICE[symbol] + away

    # --- afterwards ---------------------------------------------------------------------------------------------

    async def reconcile(self, port: int, *, everything: bool = False) -> Counter[str]:
        """Ask about every order that was sent or changed since the last time (or ever), and hold it against what was
        told. Raises `Unkept`; may raise `Gone`."""
        found: Counter[str] = Counter()
        line = Line(port, self.own)
        try:
            for known in (
                list(self.orders.values()) if everything else list({each.name: each for each in self.fresh}.values())
            ):
                await self._settle(line, known, found)
            await self._hold_open(line)
            await self._hold_fills(line)
            await self._thin(line)
        finally:
            line.close()
        self.fresh = []
        return found

    async def _thin(self, line: Line) -> None:
        """Take back the oldest orders: the venue takes 200 open ones of a symbol, and a hundred loads leave more."""
        live = [each for each in self.orders.values() if each.lives]
        for known in live[:-LIVING_MOST]:
            await self._ask(line, None, "DELETE", known, origClientOrderId=known.name)

    async def _settle(self, line: Line, known: Known, found: Counter[str]) -> None:
        """One order: it exists as it was told or later; one in doubt is there once or not at all, and is then sent
        again by half of the clients."""
        status, answer = await self._got(line, known)
        if status == 200:
            found["in doubt, there" if not known.told else "acknowledged, there"] += 1
            known.hear(answer)
        elif known.told or answer["code"] != UNKNOWN:
            raise Unkept(f"{known.name} was acknowledged as {brief(known.told[-1]) if known.told else '-'}: {answer}")
        elif self._random.random() < 0.5:
            found["in doubt, not there, sent again"] += 1
            status, answer = await line.ask("POST", ORDER, {
                "symbol": known.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
                "price": self._price(known.symbol, "BUY"), "quantity": LOT[known.symbol],
                "newClientOrderId": known.name,                "newOrderRespType": "RESULT",
            }, now_ms=now_ms())  # fmt: skip
            if status != 200:
                raise Unkept(f"{known.name} is not there and cannot be sent again: {answer}")
            known.hear(answer)
        else:
            found["in doubt, not there"] += 1
        known.doubts.clear()
        known.amending = None

    async def _got(self, line: Line, known: Known) -> tuple[int, Any]:
        return await line.ask("GET", ORDER, {"symbol": known.symbol, "origClientOrderId": known.name}, now_ms=now_ms())

    async def _hold_open(self, line: Line) -> None:
        """What is open is what the client knows to live, each once."""
        _, rows = await line.ask("GET", "/fapi/v1/openOrders", {}, now_ms=now_ms())
        once({each["clientOrderId"] for each in rows}, rows, "open orders by client id")
        once({each["orderId"] for each in rows}, rows, "open orders by id")
        there = {each["clientOrderId"] for each in rows}
        known = {name for name, each in self.orders.items() if each.lives and not each.doubts}
        if missing := known - there:
            raise Unkept(f"open orders are missing: {sorted(missing)[:5]}")
        if strange := {each for each in there if each not in self.orders or not self.orders[each].lives}:
            raise Unkept(f"orders are open that had ended or were never sent: {sorted(strange)[:5]}")

    async def _hold_fills(self, line: Line) -> None:
        """Every fill that the user stream told is in the list of trades, once, as it was told."""
        trades = await self.trades(line)
        for place, what in self.fills.items():
            if trades.get(place) != what:
                raise Unkept(f"trade {place} was told as {what} and is {trades.get(place)}")

    async def trades(self, line: Line) -> dict[tuple[str, int], tuple[int, str]]:
        """All trades of the account: of which order how much. Raises `Unkept` for one that is listed twice."""
        found: dict[tuple[str, int], tuple[int, str]] = {}
        for symbol in SYMBOLS:
            rows = await paged(line, "/fapi/v1/userTrades", {"symbol": symbol}, "fromId", "id")
            once({each["id"] for each in rows}, rows, "trades")
            found |= {(symbol, each["id"]): (each["orderId"], each["qty"]) for each in rows}
        return found

    async def books(self, port: int) -> dict[str, int]:
        """The books at the end: orders, fills and money hang together. Raises `Unkept`."""
        line = Line(port, self.own)
        try:
            orders = [
                row
                for symbol in SYMBOLS
                for row in await paged(line, "/fapi/v1/allOrders", {"symbol": symbol}, "orderId", "orderId")
            ]
            once({each["orderId"] for each in orders}, orders, "orders by id")
            once({each["clientOrderId"] for each in orders}, orders, "orders by client id")
            trades = await self.trades(line)
            filled: Counter[int] = Counter()
            for number, quantity in trades.values():
                filled[number] += int(Decimal(quantity) * 1000)
            for each in orders:
                if filled[each["orderId"]] != int(Decimal(each["executedQty"]) * 1000):
                    raise Unkept(f"order {brief(each)} has fills of {filled[each['orderId']]} thousandths")
            rows = await incomes(line)
            _, balances = await line.ask("GET", "/fapi/v2/balance", {}, now_ms=now_ms())
            wallet = next(Decimal(each["balance"]) for each in balances if each["asset"] == "USDT")
            booked = sum((Decimal(each["income"]) for each in rows if each["asset"] == "USDT"), Decimal(0))
            if wallet != booked:
                raise Unkept(f"the wallet holds {wallet}, incomes add up to {booked}")
            return {"orders": len(orders), "trades": len(trades), "incomes": len(rows)}
        finally:
            line.close()


def once(found: set[Any], rows: list[Any], what: str) -> None:
    """Raises `Unkept` where rows are more than the different ones among them."""
    if len(found) != len(rows):
        raise Unkept(f"{what}: {len(rows)} rows, {len(found)} different ones")


async def paged(line: Line, path: str, params: dict[str, object], by: str, key: str) -> list[dict[str, Any]]:
    """All rows of a list that goes on from an id."""
    found: list[dict[str, Any]] = []
    while True:
        since = found[-1][key] + 1 if found else 0
        status, rows = await line.ask("GET", path, {**params, by: since, "limit": 1000}, now_ms=now_ms())
        assert status == 200, rows
        found += rows
        if len(rows) < 1000:
            return found


async def incomes(line: Line) -> list[dict[str, Any]]:
    """All incomes, page by page."""
    found: list[dict[str, Any]] = []
    for page in itertools.count(1):
        status, rows = await line.ask("GET", "/fapi/v1/income", {"limit": 1000, "page": page}, now_ms=now_ms())
        assert status == 200, rows
        found += rows
        if len(rows) < 1000:
            return found
    raise AssertionError
