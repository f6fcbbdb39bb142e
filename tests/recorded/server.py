"""The recorded-answer server: loopback only, a free port, its own clock, and faults on demand.

    python -m tests.recorded.server --age 1h --port 8000

It prints `listening PORT`; its key and secret are in `tests/recorded/server.py`. Point a rescue at it with
`--fapi http://127.0.0.1:8000 --dapi … --spot …`.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from tests.recorded import account as made
from tests.recorded.rules import ENDPOINTS, Refusal, answered

KEY = "PlantedKeyPlantedKeyPlantedKeyPlantedKeyPlantedKeyPlantedKey0001"
SECRET = "PlantedSecretPlantedSecretPlantedSecretPlantedSecretPlanted00002"
AGES = {"1h": made.HOUR, "4d": 4 * made.DAY, "31d": 31 * made.DAY, "91d": 91 * made.DAY}
READ_ONLY = {
    "ipRestrict": False, "createTime": 1698645219000, "enableReading": True, "enableWithdrawals": False,
    "enableInternalTransfer": False, "enableMargin": False, "enableFutures": False, "permitsUniversalTransfer": False,
    "enableVanillaOptions": False, "enableFixApiTrade": False, "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": False, "enablePortfolioMarginTrading": False,
}  # fmt: skip
TIMES = frozenset({"/fapi/v1/time", "/dapi/v1/time", "/api/v3/time"})
RESTRICTIONS = "/sapi/v1/account/apiRestrictions"
TOKEN = "LinkTokenLinkTokenLinkToken"
KINDS = ("order", "trade", "income")
FIRST_EXPORT = 545923594199212032


class Recorded:
    """The state of one server. `now` is its clock in milliseconds; `faults` say what happens to the Nth request."""

    def __init__(self, now: Callable[[], int], *, faults: Mapping[int, str] | None = None) -> None:
        self.now = now
        self.faults = dict(faults or {})
        self.permissions: dict[str, Any] | None = dict(READ_ONLY)
        self.weight_limit = 1_000_000_000
        self.export_polls = 0
        self.refused: dict[str, Refusal] = {}
        self.log: list[str] = []
        self.statuses: list[int] = []
        self.violations: list[str] = []
        self.log_file: Path | None = None
        self.stalled = asyncio.Event()
        self.accounts = {"fapi": made.usdm(), "dapi": made.coinm()}
        self.used: tuple[int, int] = (0, 0)
        self.over = 0
        self.polls: dict[str, int] = {}
        self.port = 0

    def app(self) -> web.Application:
        found = web.Application()
        found.router.add_route("*", "/{path:.*}", self.handle)
        return found

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request: written down, spoiled if a fault is due, else answered."""
        number = self._note(request)
        if request.method != "GET":
            self.violations.append(f"{request.method} {request.path}")
        fault = self.faults.pop(number, "")
        response = await self._spoiled(fault, request) if fault else self._answer(request)
        self.statuses.append(response.status)
        return response

    def _note(self, request: web.Request) -> int:
        shown = [pair for pair in parse_qsl(request.query_string) if pair[0] not in ("timestamp", "signature", "token")]
        line = request.path + "?" + "&".join(f"{key}={value}" for key, value in shown if key != "recvWindow")
        self.log.append(line)
        if self.log_file is not None:
            with self.log_file.open("a") as file:
                file.write(f"{len(self.log)} {line}\n")
        return len(self.log)

    async def _spoiled(self, fault: str, request: web.Request) -> web.StreamResponse:
        kind, _, more = fault.partition("=")
        match kind:
            case "stall":
                self.stalled.set()
                if self.log_file is not None:
                    self.log_file.with_suffix(".stalled").touch()
                await asyncio.sleep(30)
            case "break":
                assert request.transport is not None
                request.transport.abort()
            case "half":
                response = web.StreamResponse(headers={"Content-Length": "1000"})
                await response.prepare(request)
                await response.write(b'[{"symbol":')
                assert request.transport is not None
                request.transport.abort()
                return response
            case "429":
                return _json({"code": -1003, "msg": "Too many requests"}, 429, {"Retry-After": more or "3"})
            case "418":
                until = self.now() + 120_000
                said = f"Way too many requests; IP banned until {until}. Please use the websocket."
                return _json({"code": -1003, "msg": said}, 418, {"Retry-After": "120"})
            case "503":
                return web.Response(status=503, text="Service Unavailable.")
            case "stamp":
                return _json({"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}, 400)
            case "echo":
                said = f"bad request {request.headers.get('X-MBX-APIKEY')} {request.query_string}"
                return _json({"code": -1100, "msg": said}, 400)
            case "garbage":
                return web.Response(text="<html>we are moving</html>")
            case "redirect":
                raise web.HTTPFound(f"/elsewhere?{request.query_string}")
            case "refuse":
                return _json({"code": int(more), "msg": "Invalid API-key, IP, or permissions for action."}, 401)
        return self._answer(request)

    def _answer(self, request: web.Request) -> web.Response:
        params = dict(parse_qsl(request.query_string, keep_blank_values=True))
        if request.path.startswith("/export/"):
            is_known = params.get("token") == TOKEN and "X-MBX-APIKEY" not in request.headers
            if not is_known:
                return web.Response(status=403)
            kind = KINDS[(int(request.path.rpartition("/")[2]) - FIRST_EXPORT) % 3]
            return web.Response(body=made.export(self.accounts["fapi"], kind))
        try:
            value = self._value(request, params)
            status = 200
        except Refusal as error:
            value, status = {"code": error.code, "msg": error.msg}, error.status
        retry = {"Retry-After": "3"} if status == 429 else {}
        return _json(value, status, {"X-MBX-USED-WEIGHT-1M": str(self.used[1]), **retry})

    def _value(self, request: web.Request, params: dict[str, str]) -> object:
        path, now = request.path, self.now()
        if path in TIMES:
            return {"serverTime": now}
        if path == RESTRICTIONS:
            self._signed(request, params, now)
            if self.permissions is None:
                raise Refusal(404, -1099, "Not found, unauthenticated, or unauthorized.")
            return self.permissions
        is_asyn = "/asyn" in path
        if path not in ENDPOINTS and not is_asyn:
            raise Refusal(404, -5000, "Path is invalid")
        self._weigh(1000 if path.endswith("/asyn") else 10 if is_asyn else ENDPOINTS[path].weight, now)
        if is_asyn or ENDPOINTS[path].signed:
            self._signed(request, params, now)
        if path in self.refused:
            raise self.refused[path]
        if is_asyn:
            return self._export(path, params, now)
        return answered(path, ENDPOINTS[path], self.accounts[path.split("/")[1]], now, params)

    def _weigh(self, weight: int, now: int) -> None:
        minute, used = self.used
        used = used if minute == now // 60_000 else 0
        self.used = (now // 60_000, used + weight)
        if used + weight > self.weight_limit:
            self.over += 1
            raise Refusal(429, -1003, "Too many requests; current limit is 2400 requests per minute.")

    def _signed(self, request: web.Request, params: dict[str, str], now: int) -> None:
        """Key, signature over the very query string, time stamp."""
        key = request.headers.get("X-MBX-APIKEY")
        if not key:
            raise Refusal(401, -2014, "API-key format invalid.")
        if key != KEY:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        text, _, signature = request.query_string.rpartition("&signature=")
        if not text or not hmac.compare_digest(signature, signed(text)):
            raise Refusal(400, -1022, "Signature for this request is not valid.")
        stamp, window = int(params.get("timestamp", "0")), int(params.get("recvWindow", "5000"))
        if stamp >= now + 1000:
            raise Refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - stamp > window:
            raise Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")

    def _export(self, path: str, params: dict[str, str], now: int) -> object:
        """A start gives an id, a question for the id the link once it was asked often enough."""
        if path.endswith("/asyn"):
            begin, end = int(params["startTime"]), int(params["endTime"])
            if end > now or end - begin > 365 * made.DAY:
                raise Refusal(400, -4165, "Maximum time interval is 365 days")
            number = FIRST_EXPORT + KINDS.index(path.split("/")[3])
            return {"avgCostTimestampOfLast30d": 7241837, "downloadId": str(number)}
        number = int(params["downloadId"])
        asked = self.polls[str(number)] = self.polls.get(str(number), 0) + 1
        done = asked > self.export_polls
        url = f"http://127.0.0.1:{self.port}/export/{number}?token={TOKEN}" if done else ""
        status = "completed" if done else "processing"
        return {
            "downloadId": str(number), "status": status, "url": url, "notified": done,
            "expirationTimestamp": now + 7 * made.DAY if done else -1, "isExpired": None,
        }  # fmt: skip


def signed(text: str) -> str:
    """The signature that the server expects."""
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=json.dumps(value), status=status, headers=headers, content_type="application/json")


def running_clock(age: str) -> Callable[[], int]:
    """A clock that shows the event plus an age when it is made, and goes on from there."""
    begin = time.monotonic()
    return lambda: made.EVENT + AGES[age] + 1000 + int((time.monotonic() - begin) * 1000)


async def started(recorded: Recorded, port: int = 0) -> web.AppRunner:
    """Listen on the loopback; the port is in `recorded.port`."""
    runner = web.AppRunner(recorded.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    recorded.port = runner.addresses[0][1]
    return runner


def recorded_of(options: argparse.Namespace) -> Recorded:
    """The server that the options of the command describe."""
    faults = {int(number): kind for number, _, kind in (text.partition(":") for text in options.fault)}
    recorded = Recorded(running_clock(options.age), faults=faults)
    recorded.log_file = options.log
    recorded.export_polls = options.export_polls
    if options.may:
        recorded.permissions = None if options.may == "none" else {**READ_ONLY, options.may: True}
    return recorded


async def serve(options: argparse.Namespace) -> None:
    """Until the process is stopped."""
    recorded = recorded_of(options)
    await started(recorded, options.port)
    print("listening", recorded.port, flush=True)
    await asyncio.Event().wait()


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--age", choices=AGES, default="1h", help="how long ago the liquidation was")
    found.add_argument("--port", type=int, default=0)
    found.add_argument("--log", type=Path, help="append one line for each request")
    found.add_argument("--fault", action="append", default=[], metavar="N:KIND", help="spoil the Nth request")
    found.add_argument("--may", default="", help="a permission that the key has too; none: they cannot be asked")
    found.add_argument("--export-polls", type=int, default=0, help="questions before an export is done")
    return found


def main() -> None:
    """The command."""
    asyncio.run(serve(parser().parse_args()))


if __name__ == "__main__":
    main()
