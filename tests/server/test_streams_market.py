"""The market streams: written as the samples are, sent at their speeds, and a book kept by them is the book."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from margincall.exchange import commands
from margincall.server.clock import WallClock
from margincall.server.hub import Listener
from margincall.server.stream_names import plan_of
from margincall.server.streams_market import PERIODS
from tests.server.samples import sample, unlike
from tests.server.socket_world import World, asked, served, settled, told
from tests.server.test_streams_user import all_told, ready

SINCE = frozenset({"st", "ps", "ap", "nq"})
SYMBOL = "BTCUSDT"


def run(test: Any) -> None:
    asyncio.run(test)


class Book:
    """A book as the venue tells clients to keep it: a snapshot, and the differences after it."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.last = snapshot["lastUpdateId"]
        self.begun = False
        self.sides = {side: dict(snapshot[name]) for side, name in (("b", "bids"), ("a", "asks"))}

    def take(self, update: dict[str, Any]) -> None:
        if update["u"] < self.last and not self.begun:
            return
        if self.begun:
            assert update["pu"] == self.last
        else:
            assert update["U"] <= self.last <= update["u"]
        self.begun, self.last = True, update["u"]
        for side in "ba":
            for price, size in update[side]:
                if Decimal(size):
                    self.sides[side][price] = size
                else:
                    self.sides[side].pop(price, None)


def snapshot(world: World) -> dict[str, Any]:
    """What `GET /fapi/v1/depth` answers."""
    world.venue.look(SYMBOL)
    book, contract = world.venue.state.markets[SYMBOL].book, world.venue.state.markets[SYMBOL].contract
    bids, asks = (
        [(f"{contract.tick * each.ticks:f}", f"{contract.lot * each.lots:f}") for each in book.depth(side, 1000)]
        for side in ("BUY", "SELL")
    )
    return {"lastUpdateId": world.tape.update_ids[SYMBOL], "bids": bids, "asks": asks}


async def change(world: World, random: Random) -> None:
    """Something happens to the book: orders, quotes that replace others, cancellations, amendments."""
    name = random.choice(("ann", "bob"))
    near = 50_000 + random.randrange(-5, 5) * 10
    what = random.randrange(5)
    resting = [each for each in world.venue.state.traders[name].orders.values() if not each.waiting]
    if what == 0 and resting:
        await world.do(commands.CancelOrder(account=name, symbol=SYMBOL, order_id=random.choice(resting).id))
    elif what == 1 and resting:
        order = random.choice(resting)
        price = Decimal(49_500 if order.side == "BUY" else 50_500) + random.randrange(20)
        await world.do(
            commands.AmendOrder(
                account=name, symbol=SYMBOL, order_id=order.id, price=price,
                quantity=Decimal(random.randrange(20, 50)) / 1000,
            )
        )  # fmt: skip
    elif what == 2:
        sides = [
            tuple(commands.Level(Decimal(near + sign * (30 + 10 * each)), Decimal("0.010")) for each in range(5))
            for sign in (-1, 1)
        ]
        await world.do(commands.Quote(account="mary", symbol=SYMBOL, bids=sides[0], asks=sides[1]))
    else:
        size = f"0.0{random.randrange(10, 40)}"
        await world.limit(name, random.choice(("BUY", "SELL")), str(near), size)


@pytest.mark.parametrize(("stream", "period"), [("depth", 250), ("depth@100ms", 100), ("depth@500ms", 500)])
@pytest.mark.parametrize("seed", range(3))
def test_a_book_kept_by_differences_is_the_book(tmp_path: Path, stream: str, period: int, seed: int) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.begin("ann", "bob", "mary")
        random, listener, other = Random(f"{seed} {stream}"), Listener(), Listener()
        await change(world, random)
        world.hub.join(listener, f"btcusdt@{stream}")
        world.hub.join(other, "btcusdt@depth@100ms")

        books: list[Book] = []
        for number in range(150):
            for _ in range(random.randrange(4)):
                await change(world, random)
                if random.randrange(6) == 0:
                    books.append(Book(snapshot(world)))
            await settled()
            world.tick(100)
            while (text := listener.take()) is not None:
                update = json.loads(text)
                assert update["E"] // period * period > update["E"] - 100
                for book in books:
                    book.take(update)
            if number % 5 == 4:
                kept = snapshot(world)
                for book in books:
                    if book.begun and number % 10 == 9:
                        assert {side: dict(kept[name]) for side, name in (("b", "bids"), ("a", "asks"))} == book.sides
        assert sum(book.begun for book in books) > 20
        world.venue.close()

    run(test())


def test_a_level_that_changed_back_is_told(tmp_path: Path) -> None:
    """Whoever looked at the book in between would otherwise keep what was there then."""

    async def test() -> None:
        world = World(tmp_path)
        await world.begin()
        listener = Listener()
        world.hub.join(listener, "btcusdt@depth@100ms")
        events = await world.limit("ann", "BUY", "49000")
        kept = Book(snapshot(world))
        await world.do(commands.CancelOrder(account="ann", symbol=SYMBOL, order_id=int(events[-1].order_id)))
        world.tick(100)

        kept.take(json.loads(listener.take() or ""))
        assert kept.sides == {"b": {}, "a": {}}
        world.venue.close()

    run(test())


async def traded(world: World) -> None:
    """A market with a book on both sides, trades, and an index."""
    await world.begin()
    for price in ("49999", "49998"):
        await world.limit("bob", "BUY", price, "0.020")
    for price in ("50001", "50002"):
        await world.limit("bob", "SELL", price, "0.020")
    await world.limit("ann", "BUY", "50001", "0.010")
    one = Decimal(1)
    await world.do(commands.SetAssetIndex(asset="USDT", index=one, bid=one, ask=one))
    await settled()


@pytest.mark.parametrize(
    ("stream", "name", "after_ms", "is_list"),
    [
        ("btcusdt@aggTrade", "AggTrades", 200, False),
        ("btcusdt@markPrice", "MarkPrice", 3_000, False),
        ("btcusdt@markPrice@1s", "MarkPrice", 1_000, False),
        ("!markPrice@arr", "MarkPrice", 3_000, True),
        ("!markPrice@arr@1s", "MarkPrice", 1_000, True),
        ("btcusdt@kline_1m", "Klines", 250, False),
        ("btcusdt@kline_1M", "Klines", 250, False),
        ("btcusdt_perpetual@continuousKline_1h", "ContKlines", 250, False),
        ("btcusdt@miniTicker", "MiniTicker", 2_000, False),
        ("!miniTicker@arr", "MiniTicker", 1_000, True),
        ("btcusdt@ticker", "Ticker", 2_000, False),
        ("!ticker@arr", "Ticker", 1_000, True),
        ("btcusdt@bookTicker", "BookTicker", 0, False),
        ("!bookTicker", "BookTicker", 5_000, False),
        ("btcusdt@depth", "Book", 250, False),
        ("btcusdt@rpiDepth@500ms", "Book", 500, False),
        ("btcusdt@depth5", "PartialBook", 250, False),
        ("btcusdt@depth20@100ms", "PartialBook", 100, False),
        ("!assetIndex@arr", "AssetIndex", 1_000, False),
    ],
)
def test_written_as_the_sample(
    tmp_path: Path, shared: Path, stream: str, name: str, after_ms: int, is_list: bool
) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await traded(world)
            async with world.open(f"/stream?streams={stream}") as client:
                await ready(client)
                await world.limit("ann", "BUY", "50001", "0.005")
                await settled()
                world.tick(after_ms)
                message = await told(client)
        assert message["stream"] == stream
        found = message["data"]
        shown = sample(shared, name)
        assert unlike(found, [shown] if is_list else shown, SINCE) == []

    run(test())


def test_dated_keys(tmp_path: Path) -> None:
    """`nq` since 2025-12-31, `ap` since 2026-03-16, `st` and `ps` since 2026-06-29."""
    streams = ("btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@bookTicker", "btcusdt@depth@100ms", "!ticker@arr")

    async def keys(folder: Path, date: str) -> set[str]:
        folder.mkdir()
        found = set()
        async with served(World(folder, date=date)) as world:
            await traded(world)
            async with world.open(f"/stream?streams={'/'.join(streams)}") as client:
                await ready(client)
                await world.limit("ann", "BUY", "50001", "0.005")
                await settled()
                world.tick(1_000)
                for message in await all_told(client):
                    data = message["data"][0] if isinstance(message["data"], list) else message["data"]
                    kind = message["stream"].partition("@")[2] or message["stream"]
                    found |= {f"{kind} {key}" for key in SINCE & data.keys()}
        return found

    async def test() -> None:
        assert await keys(tmp_path / "a", "2025-12-30") == set()
        assert await keys(tmp_path / "b", "2025-12-31") == {"aggTrade nq"}
        assert await keys(tmp_path / "c", "2026-03-16") == {"aggTrade nq", "markPrice@1s ap"}
        both = {f"{kind} {key}" for kind in ("bookTicker", "depth@100ms", "arr") for key in ("st", "ps")}
        assert await keys(tmp_path / "d", "2026-06-29") == {
            "aggTrade nq", "markPrice@1s ap", "aggTrade st", "markPrice@1s st", *both,
        }  # fmt: skip

    run(test())


async def liquidated(world: World) -> None:
    """Two accounts are liquidated at once, one of them of more."""
    await world.begin("ann", "bob", "tim")
    for name in ("ann", "tim"):
        await world.do(commands.SetLeverage(account=name, symbol=SYMBOL, leverage=50))
        await world.do(commands.Transfer(account=name, asset="USDT", amount=Decimal(-98_000)))
    await world.limit("bob", "SELL", "50000", "2.900")
    await world.limit("ann", "BUY", "50000", "1.500")
    await world.limit("tim", "BUY", "50000", "1.400")
    await world.limit("bob", "BUY", "48800", "1.500")
    await world.limit("bob", "BUY", "48700", "1.500")


@pytest.mark.parametrize(("date", "size"), [("2026-04-14", "1.500"), ("2026-04-13", "1.400")])
@pytest.mark.parametrize("stream", ["btcusdt@forceOrder", "!forceOrder@arr"])
def test_one_liquidation_of_a_second_is_told(tmp_path: Path, shared: Path, date: str, size: str, stream: str) -> None:
    async def test() -> None:
        async with served(World(tmp_path, date=date)) as world:
            await liquidated(world)
            async with world.open(f"/ws/{stream}") as client:
                await ready(client)
                await world.do(commands.SetMark(symbol=SYMBOL, price=Decimal(48_700)))
                await settled()
                world.tick(1_000)
                (found,) = await all_told(client)
                assert unlike(found, sample(shared, "Liquidations")) == []
                assert (found["o"]["q"], found["o"]["S"], found["o"]["X"]) == (size, "SELL", "FILLED")
                world.tick(1_000)
                assert await all_told(client) == []

    run(test())


def test_contract_info_tells_changed_brackets(tmp_path: Path, shared: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            async with world.open("/market/ws/!contractInfo") as client:
                await ready(client)
                fault = commands.InjectFault(kind="wrong_brackets", on=True, symbol=SYMBOL, value=Decimal(2))
                await world.do(fault)
                (found,) = await all_told(client)
                assert unlike(found, sample(shared, "SymbolUpdates"), SINCE) == []
                assert (found["bks"][0]["mmr"], found["bks"][0]["mi"]) == (0.008, found["bks"][1]["ma"] + 1)

    run(test())


def test_candles_close(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await traded(world)
            async with world.open("/market/ws/btcusdt@kline_1m") as client:
                await ready(client)
                world.tick(250)
                world.tick(250)
                (first,) = await all_told(client)
                assert (first["k"]["x"], first["k"]["n"], first["k"]["f"], first["k"]["L"]) == (False, 1, 1, 1)
                world.tick(60_000)
                closed, flat = await all_told(client)
                assert closed["k"] == {**first["k"], "x": True}
                assert (flat["k"]["x"], flat["k"]["n"], flat["k"]["f"], flat["k"]["o"]) == (False, 0, -1, "50001.0")
                assert flat["k"]["t"] == closed["k"]["T"] + 1

    run(test())


def test_agg_trades_add_up_and_are_told_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await traded(world)
            async with world.open("/market/ws/btcusdt@aggTrade") as client, world.open("/ws/btcusdt@trade") as each:
                await ready(client)
                await ready(each)
                world.tick(150)
                assert [one["a"] for one in await all_told(client)] == [1]
                for _ in range(2):
                    await world.limit("ann", "BUY", "50001", "0.002")
                await settled()
                world.tick(50)
                assert await all_told(client) == []
                world.tick(100)
                (found,) = await all_told(client)
                assert (found["q"], found["nq"], found["f"], found["l"], found["m"]) == ("0.004", "0.004", 2, 3, False)
                world.tick(1_000)
                assert await all_told(client) == []
                assert [(one["t"], one["q"], one["X"]) for one in await all_told(each)] == [
                    (2, "0.002", "MARKET"), (3, "0.002", "MARKET"),
                ]  # fmt: skip

    run(test())


def test_a_book_ticker_is_told_when_the_best_changes(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await traded(world)
            async with world.open("/public/ws/btcusdt@bookTicker") as client:
                await ready(client)
                await world.limit("ann", "BUY", "49000")
                (first,) = await all_told(client)
                await world.limit("ann", "BUY", "49000.5")
                assert await all_told(client) == []
                await world.limit("ann", "BUY", "50000")
                (found,) = await all_told(client)
                assert (found["b"], found["B"], found["a"]) == ("50000.0", "0.010", first["a"])
                assert found["u"] > first["u"]

    run(test())


@pytest.mark.parametrize(
    "name", ["BTCUSDT@trade", "btcusdt@kline_1s", "btcusdt@depth7", "xyz@trade", "btcusdt@rpiDepth", "!all", "btcusdt"]
)
def test_no_stream(name: str) -> None:
    assert plan_of(name, {SYMBOL}, {SYMBOL: SYMBOL}, {"USDT"}) is None


def test_nothing_is_made_for_nobody(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await traded(world)
            async with world.open("/ws/btcusdt@depth/!ticker@arr/btcusdt@bookTicker/unknown@stream") as client:
                ask = {"method": "LIST_SUBSCRIPTIONS", "id": 1}
                assert len((await asked(client, ask))["result"]) == 4
                assert world.markets.count == 3
            while world.sockets.count:
                await asyncio.sleep(0.01)
            assert world.markets.count == 0
            assert world.venue.watchers == []

    run(test())


def test_fifty_sockets_miss_no_period(tmp_path: Path) -> None:
    """In real time: every socket hears every mark of its symbols, one each second."""

    async def test() -> None:
        async with served(World(tmp_path, WallClock())) as world:
            await world.begin()
            await world.do(commands.SetMark(symbol="ETHUSDT", price=Decimal(2_000)))
            until = asyncio.Event()

            async def keep_time() -> None:
                while not until.is_set():
                    world.markets.tick(world.clock.now_ms())
                    await asyncio.sleep(min(PERIODS) / 10_000)

            async def listen(client: ClientConnection) -> dict[str, list[int]]:
                found: dict[str, list[int]] = {}
                while len(found) < 2 or min(map(len, found.values())) < 4:
                    message = await told(client)
                    found.setdefault(message["s"], []).append(message["E"])
                return found

            timer = asyncio.ensure_future(keep_time())
            path = "/market/ws/btcusdt@markPrice@1s/ethusdt@markPrice@1s"
            connections = [world.open(path) for _ in range(50)]
            clients = [await each.__aenter__() for each in connections]
            heard = await asyncio.gather(*map(listen, clients))
            for each in connections:
                await each.__aexit__(None, None, None)
            until.set()
            await timer
            for found in heard:
                for times in found.values():
                    assert times == list(range(times[0], times[0] + 1_000 * len(times), 1_000))

    run(test())
