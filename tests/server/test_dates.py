"""Every dated change of the venue that the server knows: the day before and the day itself, by `--api-date`.

Source: Binance change logs and those of its client libraries, as the modules name them. A date in the server's code
without a change here fails.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from margincall.exchange import commands
from margincall.server.answers.table import ROUTES
from margincall.server.routing import Table
from margincall.server.socket_paths import Route, is_served
from tests.server.account_desk import BEGUN_MS, Desk
from tests.server.shape_scenes import ALGO, BTC, TRAILING, forced
from tests.server.socket_world import HOUR_MS, World, settled
from tests.server.stream_scenes import (
    ANN,
    Heard,
    StreamCase,
    event,
    followed,
    liquidated,
    played,
    refused,
    stopped,
    traded,
)
from tests.sources import ROOT

DAY_MS = 86_400_000
FOLLOWING = {
    **{key: word for key, word in ALGO.items() if "rice" not in key}, "type": "TRAILING_STOP_MARKET",
    "callbackRate": "20",
}  # fmt: skip
Probe = Callable[[Path, str], object]
HAND_WRITTEN = frozenset({"2026-11-01"})
"""The date that is served unless another is asked for: a change of nothing."""


class Change(NamedTuple):
    """What is seen on the day before, and on the day."""

    day: str
    what: str
    probe: Probe
    before: object
    since: object


def served(method: str, path: str) -> Probe:
    return lambda folder, day: Table(ROUTES, day).get(method, path) is not None


def asked(ask: Callable[[Desk], object]) -> Probe:
    def probe(folder: Path, day: str) -> object:
        with Desk(folder, day) as desk:
            return ask(desk)

    return probe


def row(path: str, key: str, **params: object) -> Probe:
    """Whether the first row of an answer has a key, after a trade, a liquidation and a deleveraging."""

    def ask(desk: Desk) -> object:
        forced(desk)
        found = desk.get(path, **params)
        return key in (found[0] if isinstance(found, list) else found)

    return asked(ask)


def told(case: StreamCase, see: Callable[[list[Any]], object]) -> Probe:
    return lambda folder, day: see(played(folder, case._replace(date=day)))


def keyed(case: StreamCase, key: str, part: str = "") -> Probe:
    """Whether the first message of a case has a key."""
    return told(case, lambda found: key in (found[0][part] if part else found[0]))


def code(method: str, path: str, **params: object) -> Probe:
    """Code of a refusal; none if it is taken."""

    def ask(desk: Desk) -> object:
        reply = desk.reply(method, path, **params)
        return None if reply.status == 200 else int(re.findall(rb'"code":(-\d+)', reply.body)[0])

    return asked(ask)


def kept(path: str, days: int) -> Probe:
    """Whether a list still has what happened so many days ago."""

    def ask(desk: Desk) -> object:
        forced(desk)
        desk.wait(days * DAY_MS)
        return bool(desk.get(path, **BTC, startTime=BEGUN_MS, endTime=BEGUN_MS + DAY_MS))

    return asked(ask)


def renewed(desk: Desk) -> object:
    desk.ask("POST", "/fapi/v1/listenKey")
    return "listenKey" in desk.ask("PUT", "/fapi/v1/listenKey")


def weight(desk: Desk) -> object:
    used = [int(dict(desk.reply("GET", "/fapi/v1/historicalTrades", **BTC).headers)["x-mbx-used-weight-1m"])
            for _ in range(2)]  # fmt: skip
    return used[1] - used[0]


def amended(desk: Desk) -> object:
    number = desk.limit("alice", "BUY", "0.01", "49000")["orderId"]
    given = {**BTC, "side": "BUY", "orderId": number, "quantity": "0.02", "price": "49000", "modifyId": 7}
    return desk.ask("PUT", "/fapi/v1/order", **given).get("modifyId")


def symbol_of_funding(folder: Path, day: str) -> object:
    """`S` of the account update that a funding fee brings."""

    async def play() -> object:
        world = World(folder, date=day)
        await world.begin()
        await world.do(commands.SetIndex(symbol="BTCUSDT", sources=(commands.Source(name="a", price=Decimal(50_000)),)))
        await world.limit("bob", "SELL", "50000")
        await world.limit(ANN, "BUY", "50000")
        world.tick(8 * HOUR_MS - 1)
        await settled()
        heard = Heard(world)
        heard.follow(ANN)
        world.tick(1)
        await settled()
        (update,) = [each["a"] for each in await heard.told(ANN) if each["e"] == "ACCOUNT_UPDATE"]
        world.venue.close()
        assert update["m"] == "FUNDING_FEE"
        return update.get("S")

    return asyncio.run(play())


def routed(route: Route, name: str) -> Probe:
    return lambda folder, day: is_served(route, name, is_key=False, api_date=day)


ORDERS = StreamCase(liquidated, is_it=event("ORDER_TRADE_UPDATE"))
CHANGES = (
    Change("2023-05-05", "PUT order", served("PUT", "/fapi/v1/order"), False, True),
    Change("2023-05-05", "PUT batchOrders", served("PUT", "/fapi/v1/batchOrders"), False, True),
    Change("2023-05-05", "orderAmendment", served("GET", "/fapi/v1/orderAmendment"), False, True),
    Change("2023-07-01", "asynchronous exports", served("GET", "/fapi/v1/income/asyn"), False, True),
    Change("2023-07-15", "version 1 of account", served("GET", "/fapi/v1/account"), True, False),
    Change("2023-07-15", "version 1 of positionRisk", served("GET", "/fapi/v1/positionRisk"), True, False),
    Change("2024-04-25", "PUT listenKey tells the key", asked(renewed), False, True),
    Change("2024-07-24", "version 3 of account", served("GET", "/fapi/v3/account"), False, True),
    Change("2024-07-24", "symbolConfig", served("GET", "/fapi/v1/symbolConfig"), False, True),
    Change("2024-09-03", "TRADE_LITE", told(StreamCase(traded, is_it=event("TRADE_LITE")), len), 0, 1),
    Change("2025-04-23", "insuranceBalance", served("GET", "/fapi/v1/insuranceBalance"), False, True),
    Change("2025-10-23", "why an order expired", keyed(ORDERS, "er", "o"), False, True),
    Change("2025-11-18", "rpiDepth", served("GET", "/fapi/v1/rpiDepth"), False, True),
    Change("2025-11-18", "isRPITrade", row("/fapi/v1/trades", "isRPITrade", **BTC), False, True),
    Change("2025-11-18", "rpiCommissionRate", row("/fapi/v1/commissionRate", "rpiCommissionRate", **BTC), False, True),
    Change("2025-11-19", "symbolAdlRisk", served("GET", "/fapi/v1/symbolAdlRisk"), False, True),
    Change("2025-12-09", "algoOrder", served("POST", "/fapi/v1/algoOrder"), False, True),
    Change("2025-12-09", "conditional orders as orders", code("POST", "/fapi/v1/order", **TRAILING), None, -4120),
    Change("2025-12-09", "ALGO_UPDATE", told(StreamCase(stopped, is_it=event("ALGO_UPDATE")), len), 0, 2),
    Change("2025-12-15", "CONDITIONAL_ORDER_TRIGGER_REJECT",
           told(StreamCase(refused, is_it=event("CONDITIONAL_ORDER_TRIGGER_REJECT")), len), 1, 0),
    Change("2025-12-31", "nq of aggTrades", row("/fapi/v1/aggTrades", "nq", **BTC), False, True),
    Change("2025-12-31", "nq of the stream", keyed(StreamCase(traded, "btcusdt@aggTrade"), "nq"), False, True),
    Change("2026-03-05", "routes of sockets", routed("market", "btcusdt@aggTrade"), False, True),
    Change("2026-03-16", "average of the mark", keyed(StreamCase(traded, "btcusdt@markPrice@1s"), "ap"), False, True),
    Change("2026-04-06", "forced orders are kept 90 days", kept("/fapi/v1/forceOrders", 91), True, False),
    Change("2026-04-23", "sockets without a route", routed("", "btcusdt@aggTrade"), True, False),
    Change("2026-06-09", "legs of algo orders",
           asked(lambda desk: "tpPrice" in desk.ask("POST", "/fapi/v1/algoOrder", **ALGO)
                 or "tpPrice" in desk.get("/fapi/v1/openAlgoOrders")[0]), True, False),
    Change("2026-06-29", "st and ps", keyed(StreamCase(traded, "btcusdt@bookTicker"), "st"), False, True),
    Change("2026-07-15", "avgPrice of a placed order",
           asked(lambda desk: "avgPrice" in desk.limit("alice", "BUY", "0.01", "49000")), True, False),
    Change("2026-07-28", "modifyId", asked(amended), None, 7),
    Change("2026-07-29", "weight of historicalTrades", asked(weight), 20, 200),
    Change("2026-08-07", "pair of userTrades", row("/fapi/v1/userTrades", "pair", **BTC), False, True),
    Change("2026-08-07", "cumBase of forceOrders", row("/fapi/v1/forceOrders", "cumBase"), False, True),
    Change("2026-08-11", "ia of ALGO_UPDATE",
           keyed(StreamCase(followed, is_it=event("ALGO_UPDATE")), "ia", "o"), False, True),
    Change("2026-08-11", "symbol of a funding fee", symbol_of_funding, None, "BTCUSDT"),
    Change("2026-08-25", "allOrders without a symbol", code("GET", "/fapi/v1/allOrders"), -1102, None),
    Change("2026-08-26", "trades are kept three months", kept("/fapi/v1/userTrades", 100), True, False),
    Change("2026-10-23", "callbackRate of 20",
           code("POST", "/fapi/v1/algoOrder", **FOLLOWING), -1130, None),
)  # fmt: skip
ELSEWHERE = {
    "2026-03-19": "public trades are kept a month (`test_market.py`)",
    "2026-04-14": "forceOrder tells the largest (`test_streams_market.py`)",
}
NOT_MODELLED = {
    "before 2023-05-05": "clients of that age are not in the field: no answer is older than the sample of today",
    "2023-04-18": "−5028 cannot come: a command is carried out in the turn in which its time was checked",
    "2023-09-05, 2024-01": "self-trade prevention, GTD and price matching are always there",
    "2024-04-01": "the WebSocket API is always there",
    "2025-07-25": "−4109: no account here is inactive",
    "2025-10-23": "OPPONENT_10 and OPPONENT_20 were taken away for a time whose end is not published",
    "2026-10-21, 2026-10-22": "portfolio margin is not served",
}
"""The rest of the venue's timeline, with why nothing changes here."""


def day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.day} {change.what}")
def test_before_and_after(tmp_path: Path, change: Change) -> None:
    assert change.before != change.since
    for name, day, wanted in (("a", day_before(change.day), change.before), ("b", change.day, change.since)):
        (tmp_path / name).mkdir()
        assert change.probe(tmp_path / name, day) == wanted


def test_every_date_of_the_server_is_a_change() -> None:
    known = {change.day for change in CHANGES} | ELSEWHERE.keys() | HAND_WRITTEN
    files = [*(ROOT / "src/margincall/server").rglob("*.py"), *(ROOT / "src/margincall/wire").glob("serve_*.py")]
    found = {day for path in files for day in re.findall(r'"(20\d\d-\d\d-\d\d)"', path.read_text())}
    assert found - known == set()
    assert known - found - {"2025-10-23"} == set()
