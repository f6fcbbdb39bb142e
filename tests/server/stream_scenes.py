"""What streams tell, heard without a socket: a listener at the hub, and scenes in which every message comes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from margincall.core.events import Order
from margincall.exchange import commands
from margincall.server.hub import Listener
from tests.server.shape_scenes import BEFORE_ALGO
from tests.server.socket_world import DATE, World, settled

D = Decimal
ANN, BOB = "ann", "bob"


class Heard:
    """An exchange and its listeners: one for each topic, one for each account."""

    def __init__(self, world: World, topics: Iterable[str] = ()) -> None:
        self.world = world
        self.listeners: dict[str, Listener] = {}
        for topic in topics:
            self.listen(topic)

    def listen(self, topic: str, name: str = "") -> str:
        """Listen to a topic from now on; what is told is found by `name`."""
        listener = self.listeners[name or topic] = Listener()
        self.world.hub.join(listener, topic)
        return topic

    def follow(self, account: str) -> str:
        """Listen to an account; its listen key."""
        return self.listen(self.world.listening.create(account), account)

    async def told(self, name: str) -> list[Any]:
        """What was told since the last time."""
        await settled()
        found = []
        while (text := self.listeners[name].take()) is not None:
            found.append(json.loads(text))
        return found

    async def order(self, account: str, side: Any, quantity: str, **more: Any) -> Any:
        """An order of BTCUSDT: a market order unless a type is given."""
        kind = more.pop("type", "MARKET")
        return await self.world.do(
            commands.PlaceOrder(account=account, symbol="BTCUSDT", side=side, type=kind, quantity=D(quantity), **more)
        )

    async def mark(self, price: object) -> None:
        await self.world.do(commands.SetMark(symbol="BTCUSDT", price=D(str(price))))


def stop(**more: Any) -> dict[str, Any]:
    return {"type": "STOP_MARKET", "stop_price": D(49_500), "working_type": "MARK_PRICE", **more}


async def positions(heard: Heard, *, quantity: str = "1", wallet: int = 1000) -> None:
    """Ann's long at 100x, sold by Bob: she has little money."""
    world = heard.world
    for name in (ANN, BOB):
        await world.do(commands.SetLeverage(account=name, symbol="BTCUSDT", leverage=100))
    await world.do(commands.Transfer(account=ANN, asset="USDT", amount=D(wallet - 100_000)))
    await world.limit(BOB, "SELL", "50000", quantity)
    await world.limit(ANN, "BUY", "50000", quantity)


async def traded(heard: Heard) -> None:
    """Orders, their trades, and time."""
    world = heard.world
    await world.do(commands.SetIndex(symbol="BTCUSDT", sources=(commands.Source(name="spot", price=D(50_010)),)))
    for asset, price in (("BTC", 50_000), ("USDT", 1)):
        at = D(price)
        await world.do(commands.SetAssetIndex(asset=asset, index=at, bid=at, ask=at))
    for number in range(5):
        await world.limit(BOB, "SELL", str(50_010 + number))
        await world.limit(ANN, "BUY", str(49_990 - number))
    world.tick(300)
    await world.limit(BOB, "SELL", "50000")
    await world.limit(ANN, "BUY", "50000")
    for _ in range(4):
        world.tick(1_000)
    fault = commands.InjectFault(kind="wrong_brackets", on=True, symbol="BTCUSDT", value=D("1.5"))
    await world.do(fault)


async def liquidated(heard: Heard) -> None:
    """Ann is liquidated into bids."""
    await positions(heard)
    for price in ("49000", "49100", "49200"):
        await heard.world.limit(BOB, "BUY", price, "1.000")
    await heard.mark(49_150)
    await settled()
    heard.world.tick(1_000)


async def deleveraged(heard: Heard) -> None:
    """Nobody bids and the fund is empty: Bob's position is closed against Ann's."""
    await positions(heard)
    await heard.mark(48_900)


async def warned(heard: Heard) -> None:
    """Ann's margin is nearly used up."""
    await positions(heard, wallet=1_200)
    await heard.mark(49_050)


async def stopped(heard: Heard) -> None:
    """A stop of Ann's is placed, and cancelled."""
    (number,) = [each.order_id for each in await heard.order(ANN, "SELL", "0.01", **stop()) if isinstance(each, Order)]
    await heard.world.do(commands.CancelOrder(account=ANN, symbol="BTCUSDT", order_id=int(number)))


async def refused(heard: Heard) -> None:
    """A stop that may only reduce, of a position that is not there."""
    await heard.order(ANN, "SELL", "0.1", **stop(reduce_only=True))
    await heard.mark(49_400)


async def followed(heard: Heard) -> None:
    """A trailing stop."""
    await heard.order(ANN, "SELL", "0.1", type="TRAILING_STOP_MARKET", callback_rate=D("0.3"))


async def configured(heard: Heard) -> None:
    """Another leverage, another mode of assets."""
    await heard.world.do(commands.SetLeverage(account=ANN, symbol="BTCUSDT", leverage=7))
    await heard.world.do(commands.SetAssetIndex(asset="USDT", index=D(1), bid=D(1), ask=D(1)))
    await heard.world.do(commands.SetAssetMode(account=ANN, multi_assets=True))


class StreamCase(NamedTuple):
    """Where a sample's messages come (`topic`: a stream; the account of Ann without one), which of them they are."""

    scene: Callable[[Heard], Awaitable[None]]
    topic: str = ""
    is_it: Callable[[Any], bool] = lambda message: True
    date: str = DATE


def event(kind: str, key: str = "") -> Callable[[Any], bool]:
    return lambda message: message["e"] == kind and (not key or key in message)


STREAM_CASES: Mapping[str, StreamCase] = {
    "AccountUpdate": StreamCase(traded, is_it=event("ACCOUNT_UPDATE")),
    "AggTrades": StreamCase(traded, "btcusdt@aggTrade"),
    "AlgoOrderUpdate": StreamCase(stopped, is_it=event("ALGO_UPDATE")),
    "AssetIndex": StreamCase(traded, "!assetIndex@arr"),
    "Book": StreamCase(traded, "btcusdt@depth@100ms"),
    "BookTicker": StreamCase(traded, "btcusdt@bookTicker"),
    "ConditionalTrigger": StreamCase(refused, is_it=event("CONDITIONAL_ORDER_TRIGGER_REJECT"), date=BEFORE_ALGO),
    "ContKlines": StreamCase(traded, "btcusdt_perpetual@continuousKline_1M"),
    "Klines": StreamCase(traded, "btcusdt@kline_1M"),
    "Leverage": StreamCase(configured, is_it=event("ACCOUNT_CONFIG_UPDATE", "ac")),
    "Liquidations": StreamCase(liquidated, "btcusdt@forceOrder"),
    "MarginUpdate": StreamCase(warned, is_it=event("MARGIN_CALL")),
    "MarkPrice": StreamCase(traded, "btcusdt@markPrice@1s"),
    "MiniTicker": StreamCase(traded, "btcusdt@miniTicker"),
    "MultiAssetMode": StreamCase(configured, is_it=event("ACCOUNT_CONFIG_UPDATE", "ai")),
    "OrderUpdate": StreamCase(followed, is_it=event("ORDER_TRADE_UPDATE"), date=BEFORE_ALGO),
    "PartialBook": StreamCase(traded, "btcusdt@depth5@100ms"),
    "SymbolUpdates": StreamCase(traded, "!contractInfo"),
    "Ticker": StreamCase(traded, "btcusdt@ticker"),
    "TradeUpdate": StreamCase(traded, is_it=event("TRADE_LITE")),
}


def played(folder: Path, case: StreamCase) -> list[Any]:
    """The messages of a case."""

    async def play() -> list[Any]:
        world = World(folder, date=case.date)
        try:
            await world.begin(ANN, BOB)
            heard = Heard(world)
            if case.topic:
                heard.listen(case.topic)
            else:
                heard.follow(ANN)
            await case.scene(heard)
            return [each for each in await heard.told(case.topic or ANN) if case.is_it(each)]
        finally:
            world.venue.close()

    return asyncio.run(play())
