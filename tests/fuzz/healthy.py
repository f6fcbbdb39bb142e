"""Clients that behave, beside all the others: they are served, and not much later than by themselves."""

import asyncio
import contextlib
import json
import time

from websockets.asyncio.client import connect

from tests.fuzz.target import Target, signature

PAUSE_S = 0.05


class Healthy:
    """One over HTTP that keeps its connection, one over a socket."""

    def __init__(self, target: Target) -> None:
        """Nothing was asked yet."""
        self._target = target
        self._is_over = False
        self.count, self.slowest_s = 0, 0.0

    def stop(self) -> None:
        """End after the next answer."""
        self._is_over = True

    async def run(self) -> None:
        """Ask until it is stopped. Raises where an answer does not come, or is not what it should be."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._over_http())
            both.create_task(self._over_a_socket())

    async def _over_http(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target.port)
        try:
            while not self._is_over:
                await self._ask(reader, writer)
                await asyncio.sleep(PAUSE_S)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own, query = self._target.keys[1], f"timestamp={self._target.now_ms}".encode()
        query += b"&signature=" + signature(own.secret, query)
        began = time.monotonic()
        writer.write(b"GET /fapi/v3/account?" + query + b" HTTP/1.1\r\nHost: x\r\n")
        writer.write(f"X-MBX-APIKEY: {own.key}\r\n\r\n".encode())
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
            found = await reader.readexactly(size)
        assert head.startswith(b"HTTP/1.1 200 "), (head, found)
        assert json.loads(found)["assets"], found
        self._told(began)

    async def _over_a_socket(self) -> None:
        async with connect(f"ws://127.0.0.1:{self._target.port}/ws/btcusdt@depth", proxy=None) as client:
            number = 0
            while not self._is_over:
                number += 1
                began = time.monotonic()
                await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
                async with asyncio.timeout(30):
                    while "result" not in (found := json.loads(await client.recv())):
                        pass
                assert found == {"result": ["btcusdt@depth"], "id": number}, found
                self._told(began)
                await asyncio.sleep(4 * PAUSE_S)

    def _told(self, began: float) -> None:
        self.count += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
