"""A server on the loopback that answers Binance's public market data as the documentation describes it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.history.market_files import HOUR, MINUTE, START

BARS = 2500
"""Minutes of candles that it has; one is missing."""
MISSING = 1700
TRADES = 2600
"""Aggregated trades, one a second."""
CANDLES = ("klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines")


class MarketServer:
    """Everything that it was asked is in `asked`; `refused` is the path that it refuses."""

    def __init__(self, refused: str = "") -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.refused = refused
        self.base = ""

    async def answer(self, request: web.Request) -> web.Response:
        params = dict(request.query)
        self.asked.append((request.path, params))
        self.headers.append(dict(request.headers))
        name = request.path.rpartition("/")[2]
        assert request.method == "GET"
        if name == self.refused:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        return web.Response(text=json.dumps(self.value(name, params)), content_type="application/json")

    def value(self, name: str, params: dict[str, str]) -> object:
        start, end = int(params.get("startTime", START)), int(params.get("endTime", START + 10**10))
        limit = int(params["limit"])
        if name in CANDLES:
            rows = [bar(each) for each in range(BARS) if each != MISSING]
            return [row for row in rows if start <= int(row[0]) <= end][:limit]
        if name == "fundingRate":
            rates = [
                {"symbol": params["symbol"], "fundingTime": START + each * 8 * HOUR + 3, "fundingRate": "0.00010000"}
                for each in range(12)
            ]
            return [each for each in rates if start <= int(each["fundingTime"]) <= end][:limit]
        if name == "aggTrades":
            found = [trade(each) for each in range(TRADES)]
            if "fromId" in params:
                return [each for each in found if int(str(each["a"])) >= int(params["fromId"])][:limit]
            assert end - start < HOUR, "the venue takes at most an hour"
            return [each for each in found if start <= int(str(each["T"])) <= end][:limit]
        key = {"openInterestHist": "sumOpenInterest", "takerlongshortRatio": "buySellRatio"}.get(name, "longShortRatio")
        return [{"symbol": "BTCUSDT", key: "1.5", "timestamp": START}] if start <= START <= end else []


def bar(place: int) -> list[object]:
    """The candle of a minute."""
    at = START + place * MINUTE
    return [at, "100.10", "101.00", "99.00", "100.00", "5", at + MINUTE - 1, "0", 60, "0", "0", "0"]


def trade(number: int) -> dict[str, object]:
    """An aggregated trade."""
    return {"a": number, "p": "100.5", "q": "0.5", "f": number, "l": number, "T": START + number * 1000, "m": True}


@asynccontextmanager
async def running(server: MarketServer) -> AsyncIterator[str]:
    """The base address of the server, for as long as the context lasts."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.base = f"http://{host}:{port}"
        yield server.base
    finally:
        await runner.cleanup()
