"""A symbol that is halted: what orders, `exchangeInfo` and the stream of contracts say."""

import asyncio
from pathlib import Path
from typing import Any

from tests.server.account_desk import Desk
from tests.server.socket_world import World, settled
from tests.server.stream_scenes import Heard

BTC = {"symbol": "BTCUSDT"}


def statuses(desk: Desk) -> dict[str, str]:
    return {row["symbol"]: row["status"] for row in desk.get("/fapi/v1/exchangeInfo")["symbols"]}


def test_it_is_listed_as_not_trading_until_it_goes_on(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        before = statuses(desk)
        assert set(before.values()) == {"TRADING"}
        desk.venue.halt("BTCUSDT", on=True)
        assert statuses(desk) == {**before, "BTCUSDT": "PENDING_TRADING"}
        desk.venue.halt("BTCUSDT", on=False)
        assert statuses(desk) == before


def test_orders_and_amendments_are_refused_and_cancellations_taken(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        number = desk.limit("alice", "BUY", "0.01", "49000")["orderId"]
        desk.venue.halt("BTCUSDT", on=True)
        given: dict[str, Any] = {**BTC, "side": "BUY", "quantity": "0.02", "price": "49000"}
        placed = desk.refusal("POST", "/fapi/v1/order", type="LIMIT", timeInForce="GTC", **given)
        assert placed == (-1122, "Invalid symbol status.")
        amended = desk.refusal("PUT", "/fapi/v1/order", orderId=number, **given)
        assert amended == (-5024, "Symbol is not in trading status. Order amendment is not permitted.")
        assert desk.ask("DELETE", "/fapi/v1/order", **BTC, orderId=number)["status"] == "CANCELED"


def test_the_stream_of_contracts_tells_it_once(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        heard = Heard(world, ["!contractInfo"])
        for on in (True, True, False):
            world.venue.halt("BTCUSDT", on=on)
        await settled()
        told = await heard.told("!contractInfo")
        assert [(each["s"], each["cs"]) for each in told] == [("BTCUSDT", "PENDING_TRADING"), ("BTCUSDT", "TRADING")]
        world.venue.close()

    asyncio.run(test())
