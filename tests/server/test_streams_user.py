"""The user-data stream: every event of an account, to whoever listens to its key, and to nobody else."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from margincall.exchange import commands
from margincall.server.hub import Listener
from tests.server.samples import sample, unlike
from tests.server.socket_world import HOUR_MS, World, asked, served, settled, silent, told

SINCE = frozenset({"er", "ia", "rm", "S"})
"""Keys that came after the samples, some of them only where they mean something."""


def run(test: Any) -> None:
    asyncio.run(test)


async def ready(client: ClientConnection) -> None:
    """Until the server has taken in what the address names."""
    await asked(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1})


async def all_told(client: ClientConnection) -> list[Any]:
    """Everything that comes until the answer to a question, which comes last."""
    await settled()
    await client.send('{"method":"LIST_SUBSCRIPTIONS","id":"end"}')
    found = []
    while not ("result" in (message := await told(client)) and message["id"] == "end"):
        found.append(message)
    return found


def conditional(name: str, **more: Any) -> commands.PlaceOrder:
    return commands.PlaceOrder(account=name, symbol="BTCUSDT", side="SELL", **more)


def test_an_order_and_its_trade(tmp_path: Path, shared: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            ann, bob = world.listening.create("ann"), world.listening.create("bob")
            async with world.open(f"/private/ws/{ann}") as one, world.open(f"/private/stream?listenKey={bob}") as other:
                await ready(one)
                await ready(other)
                await world.limit("ann", "BUY", "50000")
                found = await all_told(one)
                assert [each["e"] for each in found] == ["ORDER_TRADE_UPDATE"], "its first leverage is no change"
                order = found[0]["o"]
                assert (order["x"], order["X"], order["q"], order["b"]) == ("NEW", "NEW", "0.010", "500")
                await world.limit("bob", "SELL", "50000", client_order_id="mine")
                found = await all_told(one)
                assert [each["e"] for each in found] == ["ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE"]
                assert unlike(found[0], sample(shared, "AccountUpdate")) == []
                assert found[0]["a"]["P"][0]["pa"] == "0.010"
                assert unlike(found[1], sample(shared, "TradeUpdate")) == []
                lite, order = found[1], found[2]["o"]
                assert {key: lite[key] for key in "sqpmcSLlti"} == {key: order[key] for key in "sqpmcSLlti"}
                assert (order["X"], order["n"], order["N"]) == ("FILLED", "0.10000000", "USDT")
                found = await all_told(other)
                assert {each["stream"] for each in found} == {bob}
                assert [each["data"]["e"] for each in found] == [
                    "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE",
                ]  # fmt: skip
                assert found[0]["data"]["o"]["c"] == "mine"

    run(test())


def test_a_diary_begun_late_knows_what_was_before(tmp_path: Path) -> None:
    """Wallet, position and resting orders of the account are told as they are, not as they changed since."""

    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            await world.limit("ann", "BUY", "50000", "0.100")
            await world.limit("bob", "SELL", "50000", "0.100")
            await world.limit("ann", "BUY", "49000", "0.010")
            key = world.listening.create("ann")
            async with world.open(f"/ws/{key}") as client:
                await ready(client)
                await world.limit("ann", "BUY", "48000", "0.010")
                (order,) = await all_told(client)
                assert order["o"]["b"] == "970"
                await world.limit("bob", "SELL", "48000", "0.020")
                found = [each for each in await all_told(client) if each["e"] == "ACCOUNT_UPDATE"]
                state = world.venue.state.traders["ann"].account
                assert found[-1]["a"]["P"][0]["pa"] == str(state.position(("BTCUSDT", "BOTH")).quantity) == "0.120"
                assert Decimal(found[-1]["a"]["B"][0]["wb"]) == state.wallets["USDT"]

    run(test())


def test_what_is_in_flight_is_not_told_twice(tmp_path: Path) -> None:
    """A diary that begins between a command and its being told takes the state and leaves the events."""

    async def test() -> None:
        world = World(tmp_path)
        await world.begin()
        key = world.listening.create("ann")
        world.hub.join(Listener(), "btcusdt@trade")
        world.venue._carry_out(commands.Transfer(account="ann", asset="USDT", amount=Decimal(5)))
        assert not world.venue.is_told
        listener = Listener()
        world.hub.join(listener, key)
        await settled()
        assert listener.take() is None
        await world.do(commands.Transfer(account="ann", asset="USDT", amount=Decimal(7)))
        await settled()
        text = listener.take()
        assert text is not None
        assert '"wb":"100012.00000000"' in text
        world.venue.close()

    run(test())


def test_settings_and_modes(tmp_path: Path, shared: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/private/ws?listenKey={key}") as client:
                await ready(client)
                await world.do(commands.SetLeverage(account="ann", symbol="BTCUSDT", leverage=7))
                (found,) = await all_told(client)
                assert found["ac"] == {"s": "BTCUSDT", "l": 7}
                assert unlike(found, sample(shared, "Leverage")) == []
                one = Decimal(1)
                await world.do(commands.SetAssetIndex(asset="USDT", index=one, bid=one, ask=one))
                await world.do(commands.SetAssetMode(account="ann", multi_assets=True))
                (found,) = await all_told(client)
                assert unlike(found, sample(shared, "MultiAssetMode")) == []

    run(test())


def test_only_the_events_that_were_asked_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            key = world.listening.create("ann")
            path = f"/private/ws?listenKey={key}&events=ACCOUNT_CONFIG_UPDATE/ACCOUNT_UPDATE"
            async with world.open(path) as client:
                await ready(client)
                await world.limit("ann", "BUY", "50000")
                await world.do(commands.SetLeverage(account="ann", symbol="BTCUSDT", leverage=7))
                assert [each["e"] for each in await all_told(client)] == ["ACCOUNT_CONFIG_UPDATE"]

    run(test())


async def _triggered(world: World, client: ClientConnection) -> list[Any]:
    """A stop of ann's long position is placed and triggered; what she is told since it was placed."""
    await world.limit("ann", "BUY", "50000", "0.100")
    await world.limit("bob", "SELL", "50000", "0.100")
    await world.limit("bob", "BUY", "49400", "0.100")
    await all_told(client)
    stop = conditional(
        "ann", type="STOP_MARKET", quantity=Decimal("0.100"), stop_price=Decimal(49_500), working_type="MARK_PRICE",
        reduce_only=True, client_order_id="stop",
    )  # fmt: skip
    await world.do(stop)
    await world.do(commands.SetMark(symbol="BTCUSDT", price=Decimal(49_450)))
    return await all_told(client)


def test_an_algo_order_is_triggered(tmp_path: Path, shared: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/private/ws/{key}") as client:
                found = await _triggered(world, client)
        kinds = [each["e"] for each in found]
        assert kinds == [
            "ALGO_UPDATE", "ALGO_UPDATE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE",
            "ALGO_UPDATE",
        ]  # fmt: skip
        algo = [each["o"] for each in found if each["e"] == "ALGO_UPDATE"]
        assert [each["X"] for each in algo] == ["NEW", "TRIGGERED", "FINISHED"]
        for each in found:
            if each["e"] == "ALGO_UPDATE":
                assert unlike(each, sample(shared, "AlgoOrderUpdate"), SINCE) == []
        assert {each["aid"] for each in algo} == {found[2]["o"]["i"]}
        assert [each["ai"] for each in algo] == ["", str(algo[0]["aid"]), str(algo[0]["aid"])]
        assert (algo[2]["act"], algo[2]["aq"], algo[2]["ap"], algo[2]["o"]) == (
            "MARKET", "0.100", "49400.00000", "STOP_MARKET"
        )  # fmt: skip
        assert algo[2]["tt"] == algo[1]["tt"] > 0
        assert [each["ia"] for each in algo] == [False] * 3

    run(test())


def test_before_algo_orders_a_stop_is_an_order(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path, date="2025-12-08")) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/ws/{key}") as client:
                found = await _triggered(world, client)
        orders = [each["o"] for each in found if each["e"] == "ORDER_TRADE_UPDATE"]
        assert [(each["o"], each["X"]) for each in orders] == [
            ("STOP_MARKET", "NEW"), ("STOP_MARKET", "EXPIRED"), ("MARKET", "NEW"), ("MARKET", "FILLED"),
        ]  # fmt: skip
        assert not [each for each in found if each["e"] == "ALGO_UPDATE"]

    run(test())


@pytest.mark.parametrize("date", ["2026-11-28", "2025-12-01"])
def test_a_refused_trigger(tmp_path: Path, shared: Path, date: str) -> None:
    """A stop that may only reduce, of a position that is gone."""

    async def test() -> None:
        async with served(World(tmp_path, date=date)) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/ws/{key}") as client:
                await ready(client)
                await world.do(
                    conditional(
                        "ann", type="STOP_MARKET", quantity=Decimal("0.100"), stop_price=Decimal(49_500),
                        working_type="MARK_PRICE", reduce_only=True,
                    )
                )  # fmt: skip
                await world.do(commands.SetMark(symbol="BTCUSDT", price=Decimal(49_450)))
                found = await all_told(client)
        algo = [each["o"] for each in found if each["e"] == "ALGO_UPDATE"]
        if date >= "2025-12-15":
            assert [each["X"] for each in algo] == ["NEW", "REJECTED"]
            assert algo[1]["rm"] == "ReduceOnly Order is rejected."
            return
        assert algo == []
        assert found[-1]["or"]["r"] == "ReduceOnly Order is rejected."
        assert unlike(found[-1], sample(shared, "ConditionalTrigger")) == []

    run(test())


def test_a_trailing_stop_says_whether_it_is_activated(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/ws/{key}") as client:
                await ready(client)
                for wanted in (None, Decimal(51_000)):
                    trailing = conditional(
                        "ann", type="TRAILING_STOP_MARKET", quantity=Decimal("0.100"), callback_rate=Decimal(1),
                        working_type="MARK_PRICE", activation_price=wanted,
                    )  # fmt: skip
                    await world.do(trailing)
                found = [each["o"] for each in await all_told(client) if each["e"] == "ALGO_UPDATE"]
                assert [each["ia"] for each in found] == [True, False]
                await world.do(commands.SetMark(symbol="BTCUSDT", price=Decimal(51_100)))
                number = found[1]["aid"]
                await world.do(commands.CancelOrder(account="ann", symbol="BTCUSDT", order_id=number))
                (gone,) = [each["o"] for each in await all_told(client) if each["e"] == "ALGO_UPDATE"]
                assert gone["X"] == "CANCELED"

    run(test())


def test_margin_call_and_liquidation(tmp_path: Path, shared: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin("ann", "bob")
            await world.do(commands.SetLeverage(account="ann", symbol="BTCUSDT", leverage=50))
            await world.do(commands.Transfer(account="ann", asset="USDT", amount=Decimal(-98_000)))
            await world.limit("bob", "SELL", "50000", "1.500")
            await world.limit("ann", "BUY", "50000", "1.500")
            await world.limit("ann", "BUY", "45100", "0.002")
            for price in ("49000", "48990", "48900"):
                await world.limit("bob", "BUY", price, "1.000")
            key = world.listening.create("ann")
            async with world.open(f"/private/ws/{key}") as client:
                await ready(client)
                await world.do(commands.SetMark(symbol="BTCUSDT", price=Decimal(48_907)))
                (warned,) = await all_told(client)
                assert unlike(warned, sample(shared, "MarginUpdate")) == []
                await world.do(commands.SetMark(symbol="BTCUSDT", price=Decimal(48_850)))
                found = await all_told(client)
        orders = [each["o"] for each in found if each["e"] == "ORDER_TRADE_UPDATE"]
        assert (orders[0]["X"], orders[0]["er"]) == ("EXPIRED", "5")
        closes = [each for each in orders if each["c"].startswith("autoclose-")]
        assert {each["o"] for each in closes} == {"LIQUIDATION"}
        assert closes[-1]["X"] == "FILLED"
        reasons = [each["a"]["m"] for each in found if each["e"] == "ACCOUNT_UPDATE"]
        assert set(reasons) == {"ORDER", "INSURANCE_CLEAR"}

    run(test())


def test_a_listen_key_expires(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/private/stream?listenKey={key}") as client:
                await ready(client)
                clock: Any = world.clock
                clock.set(world.clock.now_ms() + HOUR_MS - 1)
                world.users.tick(world.clock.now_ms())
                await world.limit("ann", "BUY", "50000")
                assert len(await all_told(client)) == 1
                clock.set(world.clock.now_ms() + 1)
                world.users.tick(world.clock.now_ms())
                assert await told(client) == {
                    "stream": key,
                    "data": {"e": "listenKeyExpired", "E": world.clock.now_ms(), "listenKey": key},
                }
                await world.limit("ann", "BUY", "50000")
                assert await silent(client)

    run(test())


def test_nobody_listens_and_nothing_is_kept(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(World(tmp_path)) as world:
            await world.begin()
            key = world.listening.create("ann")
            async with world.open(f"/ws/{key}") as client:
                await ready(client)
                assert world.users.count == 1
            while world.sockets.count:
                await asyncio.sleep(0.01)
            assert world.users.count == 0
            assert world.venue.watchers == []

    run(test())
