"""Signed order POSTs through the whole path of `exchange serve`, against bare Starlette that checks the signature and
answers JSON.

    python -m benchmarks.serve_orders [--rounds 20] [--orders 1000]

Each server is one process (uvicorn, uvloop, httptools), all on the same core; the client, on another one, keeps 16
connections busy with requests that were signed before the clock starts, each connection for an account of its own. The
servers take turns within one round, and the order of the turns alternates. A figure is the mean of the best quarter of
all rounds (a single best one is luck). A ratio is taken within each round, since a machine's pace changes in seconds;
the median of the rounds is what the bound holds for, and that of the figures is printed beside it. Two loads: limit
orders that rest in the book, and limit orders that expire at once (IOC), which is two states of an order instead of
one.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

CONNECTIONS, ROUNDS, ORDERS = 16, 20, 1_000
LOADS = ("GTC", "IOC")
BOUNDS = {"none": 0.5, "group": 0.3}
"""Ours per bare, at least."""
SYMBOL, MARK = "BTCUSDT", 50_000
BARE_KEY, BARE_SECRET = "SIM" + "b" * 61, "s" * 64


class Peer(NamedTuple):
    """A running server: its port, what ends it, and key and secret for each connection."""

    name: str
    port: int
    process: int
    keys: list[tuple[str, str]]


class Round(NamedTuple):
    """Requests per second, and the server's processor time for each."""

    per_second: float
    cpu_us: float


def bare(port: int) -> None:
    """Serve orders that are checked for their signature and answered, and nothing else."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def order(request: Request) -> JSONResponse:
        signed = request.url.query.encode() + await request.body()
        payload, _, signature = signed.rpartition(b"&signature=")
        due = hmac.new(BARE_SECRET.encode(), payload, hashlib.sha256).hexdigest()
        if request.headers["x-mbx-apikey"] != BARE_KEY or not hmac.compare_digest(due, signature.decode()):
            return JSONResponse({"code": -1022, "msg": "Signature for this request is not valid."}, 400)
        asked = dict(parse_qsl(payload.decode()))
        now_ms = time.time_ns() // 1_000_000
        return JSONResponse({
            "orderId": 1, "symbol": asked["symbol"], "status": "NEW", "clientOrderId": "x-1", "price": asked["price"],
            "origQty": asked["quantity"], "executedQty": "0", "cumQty": "0", "timeInForce": asked["timeInForce"],
            "type": asked["type"], "reduceOnly": False, "closePosition": False, "side": asked["side"],
            "positionSide": "BOTH", "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": False,
            "origType": asked["type"], "priceMatch": "NONE", "selfTradePreventionMode": "EXPIRE_MAKER",
            "goodTillDate": 0, "updateTime": now_ms,
        })  # fmt: skip

    app = Starlette(routes=[Route("/fapi/v1/order", order, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="critical", loop="uvloop", http="httptools", access_log=False, lifespan="off")


@contextlib.contextmanager
def bare_peer() -> Iterator[Peer]:
    """The bare server."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=bare, args=(port,))
    process.start()
    try:
        _await(port)
        assert process.pid is not None
        yield Peer("bare", port, process.pid, [(BARE_KEY, BARE_SECRET)] * CONNECTIONS)
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def our_peer(durability: str) -> Iterator[Peer]:
    """`exchange serve` as a user starts it, with an account for each connection and a market without a maker."""
    program = "from margincall.cli.main import main; main()"
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                sys.executable, "-c", program, "exchange", "serve", "--folder", folder, "--port", "0",
                "--control-port", "0", "--durability", durability, "--no-limits", "--json",
            ],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Peer(durability, told["port"], process.pid, _accounts(told))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _accounts(told: dict[str, Any]) -> list[tuple[str, str]]:
    """A market with a mark, and an account with money and a key for each connection."""
    _control(told, "/prices", {"prices": {SYMBOL: str(MARK)}})
    found = []
    for number in range(CONNECTIONS):
        name = f"a{number}"
        _control(told, "/accounts", {"name": name, "deposits": {"USDT": "10000000"}})
        issued = _control(told, "/keys", {"account": name})
        found.append((issued["key"], issued["secret"]))
    return found


def _control(told: dict[str, Any], path: str, body: object) -> Any:
    address = f"http://127.0.0.1:{told['control_port']}{path}"
    request = urllib.request.Request(address, json.dumps(body).encode(), {"x-control-token": told["control_token"]})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _await(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit("the bare server does not come up")


def _request(method: str, path: str, text: str, key: str, secret: str) -> bytes:
    text += f"&timestamp={time.time_ns() // 1_000_000}&recvWindow=60000"
    text += "&signature=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    lines = f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"x-mbx-apikey: {key}", f"content-length: {len(text)}"
    return "\r\n".join((*lines, "", text)).encode()


def _orders(peer: Peer, load: str, each: int) -> list[list[bytes]]:
    found = []
    for number, (key, secret) in enumerate(peer.keys):
        own = []
        for at in range(each):
            buys, step = at % 2 == 0, (at * 7 + number) % 900
            price = MARK - 100 - step if buys else MARK + 100 + step
            text = (
                f"symbol={SYMBOL}&side={'BUY' if buys else 'SELL'}&type=LIMIT&quantity=0.01&price={price}"
                f"&timeInForce={load}&newClientOrderId=o{load}{time.monotonic_ns()}"
            )
            own.append(_request("POST", "/fapi/v1/order", text, key, secret))
        found.append(own)
    return found


async def _sent(port: int, requests: list[list[bytes]]) -> float:
    """Seconds until all were answered with 200."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, own: list[bytes]) -> None:
        for each in own:
            writer.write(each)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"refused: {body.decode()}")

    begun = time.perf_counter()
    await asyncio.gather(*(work(*pair, own) for pair, own in zip(pairs, requests, strict=True)))
    taken = time.perf_counter() - begun
    for _, writer in pairs:
        writer.close()
    return taken


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def play(peer: Peer, load: str, orders: int) -> Round:
    """One turn of a server. What rests in the book afterwards is taken back, off the clock."""
    import uvloop

    requests = _orders(peer, load, orders // CONNECTIONS)
    before = _cpu_s(peer.process)
    taken = uvloop.run(_sent(peer.port, requests))
    count = sum(map(len, requests))
    found = Round(count / taken, (_cpu_s(peer.process) - before) / count * 1e6)
    if load == "GTC" and peer.name != "bare":
        clear = [[_request("DELETE", "/fapi/v1/allOpenOrders", f"symbol={SYMBOL}", *key)] for key in peer.keys]
        uvloop.run(_sent(peer.port, clear))
    return found


def measure(rounds: int, orders: int) -> dict[str, Any]:
    """All servers, all loads; `ratios` (medians of the rounds) and `of_best` (of the figures) are ours per bare by load
    and durability."""
    seen: dict[str, dict[str, list[Round]]] = {load: {} for load in LOADS}
    with bare_peer() as base, our_peer("none") as none, our_peer("group") as group:
        peers = [base, none, group]
        _keep_apart(peers)
        for number in range(rounds + 1):
            for load in LOADS:
                for peer in peers if number % 2 else peers[::-1]:
                    found = play(peer, load, orders)
                    if number:  # the first warms up
                        seen[load].setdefault(peer.name, []).append(found)
    best = {
        load: {name: _best([each.per_second for each in all_]) for name, all_ in by.items()}
        for load, by in seen.items()
    }
    cpu = {
        load: {name: -_best([-each.cpu_us for each in all_]) for name, all_ in by.items()} for load, by in seen.items()
    }
    ratios = {load: {name: _paired(by[name], by["bare"]) for name in BOUNDS} for load, by in seen.items()}
    of_best = {load: {name: by[name] / by["bare"] for name in BOUNDS} for load, by in best.items()}
    return {
        "per_second": best, "cpu_us": cpu, "ratios": ratios, "of_best": of_best, "bounds": BOUNDS, "rounds": rounds,
        "orders": orders,
    }  # fmt: skip


def _paired(ours: list[Round], bare: list[Round]) -> float:
    """The median over the rounds of one rate per another."""
    return median(own.per_second / other.per_second for own, other in zip(ours, bare, strict=True))


def _best(found: list[float]) -> float:
    """The mean of the largest quarter."""
    return mean(sorted(found)[-max(len(found) // 4, 1) :])


def _keep_apart(peers: list[Peer]) -> None:
    """The servers on one core, this client on the others, where there is more than one."""
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        for peer in peers:
            os.sched_setaffinity(peer.process, {first})
        os.sched_setaffinity(0, set(others))


def broken(figures: dict[str, Any]) -> list[str]:
    """The bounds that do not hold."""
    return [
        f"{load}, durability {name}: {ratio:.2f}x < {BOUNDS[name]}x"
        for load, by in figures["ratios"].items() for name, ratio in by.items() if ratio < BOUNDS[name]
    ]  # fmt: skip


def main() -> int:
    """Measure, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--orders", type=int, default=ORDERS)
    given = parser.parse_args()
    figures = measure(given.rounds, given.orders)
    for load, by in figures["per_second"].items():
        for name, rate in by.items():
            ratio = ""
            if name in BOUNDS:
                at_best = figures["of_best"][load][name]
                ratio = f"   {figures['ratios'][load][name]:.2f}x of bare ({at_best:.2f}x at best)"
            print(
                f"{load}  {name:5}  {rate:7,.0f} a second  {figures['cpu_us'][load][name]:5.0f} µs of processor{ratio}"
            )
    failed = broken(figures)
    for each in failed:
        print("broken:", each)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
