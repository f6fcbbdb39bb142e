"""A refusal keeps nothing of the call that it ended, however often it is told."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.server import errors
from margincall.server.answers import batches, orders
from margincall.server.errors import ApiError
from margincall.server.hub import Listener
from margincall.server.ws_api import WsApi
from tests.server.desk import Desk

CANCEL = {"symbol": "BTCUSDT", "orderId": 999}


def by_rest(desk: Desk) -> Any:
    """One refusal over REST."""
    return desk.refusal("DELETE", "order", **CANCEL)


def in_batch(desk: Desk) -> Any:
    """Two in one answer."""
    return desk.ask("DELETE", "batchOrders", symbol="BTCUSDT", orderIdList="[998,999]")


def by_socket(desk: Desk) -> Any:
    """One over the WebSocket API."""

    async def talk() -> object:
        listener = Listener()
        api = WsApi(desk.gateway, listener, {"client": ("127.0.0.1", 1), "query_string": b""})
        api.hear(msgspec.json.encode({"id": 1, "method": "order.cancel", "params": {"apiKey": "x" * 64}}).decode())
        await listener.wait()
        return listener.take()

    return asyncio.run(talk())


@pytest.mark.parametrize("refused", [by_rest, in_batch, by_socket])
def test_a_refusal_keeps_nothing(tmp_path: Path, refused: Any) -> None:
    desk = Desk(tmp_path)
    try:
        assert b"-" in msgspec.json.encode(refused(desk))
        told = [
            each for module in (errors, orders, batches) for each in vars(module).values() if isinstance(each, ApiError)
        ]
        assert errors.UNKNOWN_ORDER in told
        assert not [each for each in told if each.__traceback__ is not None]
    finally:
        desk.venue.close()
