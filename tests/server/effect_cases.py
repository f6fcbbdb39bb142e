"""For each stateful method: what is done, and where it is seen.

A write is seen in another answer and, where the venue tells it, in the user stream. A read answers otherwise after a
change, asked at the same time in the same words.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import structs

from margincall.exchange import commands
from tests.server.account_desk import BEGUN_MS, TODAY, Desk
from tests.server.shape_scenes import (
    ALGO,
    BTC,
    FIVE,
    HOUR_MS,
    MINUTE,
    PAIR,
    PERPETUAL,
    amended,
    forced,
    indexed,
    link,
    resting,
)

D = Decimal
MINUTE_MS = 60_000
Do = Callable[[Desk], Any]
LIMIT = {**BTC, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "49000"}
LISTEN = "/fapi/v1/listenKey"


def nothing(desk: Desk) -> None:
    """The desk as it is."""


class Write(NamedTuple):
    """What is done, what is looked at before and after, which messages come."""

    do: Do
    see: Do
    told: tuple[str, ...] = ()
    before: Do = nothing


class Read(NamedTuple):
    """A question, and what changes its answer; `later` lets time go by in both cases."""

    change: Do
    params: Mapping[str, object] = {}
    before: Do = nothing
    later_ms: int = 0
    ask: Callable[[Desk, str, str], Any] | None = None
    date: str = TODAY


def asks(method: str, path: str, **params: object) -> Do:
    return lambda desk: desk.ask(method, f"/fapi/v1/{path}", **params)


def gets(path: str, key: str = "", **params: object) -> Do:
    """An answer, or the keys of its rows."""

    def see(desk: Desk) -> Any:
        found = desk.get(f"/fapi/v1/{path}", **params)
        if not key:
            return found
        return [row[key] for row in found] if isinstance(found, list) else found[key]

    return see


def on_order(method: str, path: str, make: Callable[[Desk, int], Mapping[str, object]]) -> Do:
    """A request that names the one order that rests."""

    def do(desk: Desk) -> Any:
        number = desk.get("/fapi/v1/openOrders")[0]["orderId"]
        return desk.ask(method, f"/fapi/v1/{path}", **make(desk, number))

    return do


def rests(desk: Desk) -> None:
    resting(desk)


def waits(desk: Desk) -> None:
    desk.ask("POST", "/fapi/v1/algoOrder", **ALGO)


def isolated(desk: Desk) -> None:
    desk.ask("POST", "/fapi/v1/marginType", **BTC, marginType="ISOLATED")
    desk.trade()


def cancelled_algo(desk: Desk) -> None:
    (row,) = desk.get("/fapi/v1/openAlgoOrders")
    desk.ask("DELETE", "/fapi/v1/algoOrder", algoId=row["algoId"])


def counted(desk: Desk) -> None:
    """A countdown runs out."""
    desk.ask("POST", "/fapi/v1/countdownCancelAll", **BTC, countdownTime=1_000)
    desk.wait(1_000)
    desk.venue.advance()


def listens(desk: Desk) -> None:
    desk.ask("POST", LISTEN)


def listened(desk: Desk) -> bool:
    """Whether the account has a key that is valid."""
    return desk.venue.listen_keys.active("alice") is not None


def key_until(desk: Desk) -> bool:
    """Whether the key is valid 59 minutes on."""
    then = desk.clock.now_ms()
    desk.wait(59 * MINUTE_MS)
    found = listened(desk)
    assert desk.clock.now_ms() > then
    return found


def renews(desk: Desk) -> None:
    desk.ask("PUT", LISTEN)


def waits_listening(desk: Desk) -> None:
    listens(desk)
    desk.wait(30 * MINUTE_MS)


ORDER, ALGO_TOLD, CONFIG, BALANCE = "ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_CONFIG_UPDATE", "ACCOUNT_UPDATE"
OPEN, OPEN_ALGOS = gets("openOrders", "price"), gets("openAlgoOrders", "algoId")
WRITES: Mapping[str, Write] = {
    "POST /fapi/v1/positionSide/dual": Write(
        asks("POST", "positionSide/dual", dualSidePosition="true"), gets("positionSide/dual")
    ),
    "POST /fapi/v1/multiAssetsMargin": Write(
        asks("POST", "multiAssetsMargin", multiAssetsMargin="true"), gets("multiAssetsMargin"), (CONFIG,), indexed
    ),
    "POST /fapi/v1/leverage": Write(
        asks("POST", "leverage", **BTC, leverage=7), gets("symbolConfig", "leverage", **BTC), (CONFIG,)
    ),
    "POST /fapi/v1/marginType": Write(
        asks("POST", "marginType", **BTC, marginType="ISOLATED"), gets("symbolConfig", "marginType", **BTC),
        (BALANCE,),
    ),
    "POST /fapi/v1/positionMargin": Write(
        asks("POST", "positionMargin", **BTC, amount=100, type=1), gets("positionMargin/history", "amount", **BTC),
        (BALANCE,), isolated,
    ),
    "POST /fapi/v1/feeBurn": Write(asks("POST", "feeBurn", feeBurn="true"), gets("feeBurn")),
    "POST /fapi/v1/order": Write(asks("POST", "order", **LIMIT), OPEN, (ORDER,)),
    "PUT /fapi/v1/order": Write(on_order("PUT", "order", amended), OPEN, (ORDER,), rests),
    "DELETE /fapi/v1/order": Write(
        on_order("DELETE", "order", lambda _, number: {**BTC, "orderId": number}), OPEN, (ORDER,), rests
    ),
    "DELETE /fapi/v1/allOpenOrders": Write(asks("DELETE", "allOpenOrders", **BTC), OPEN, (ORDER,), rests),
    "POST /fapi/v1/countdownCancelAll": Write(counted, OPEN, (ORDER,), rests),
    "POST /fapi/v1/batchOrders": Write(
        asks("POST", "batchOrders", batchOrders=json.dumps([LIMIT, {**LIMIT, "price": "49010"}])), OPEN,
        (ORDER, ORDER),
    ),
    "PUT /fapi/v1/batchOrders": Write(
        on_order("PUT", "batchOrders", lambda desk, number: {"batchOrders": json.dumps([amended(desk, number)])}), OPEN,
        (ORDER,), rests,
    ),
    "DELETE /fapi/v1/batchOrders": Write(
        on_order("DELETE", "batchOrders", lambda _, number: {**BTC, "orderIdList": f"[{number}]"}), OPEN, (ORDER,),
        rests,
    ),
    "POST /fapi/v1/algoOrder": Write(waits, OPEN_ALGOS, (ALGO_TOLD,)),
    "DELETE /fapi/v1/algoOrder": Write(cancelled_algo, OPEN_ALGOS, (ALGO_TOLD,), waits),
    "DELETE /fapi/v1/algoOpenOrders": Write(asks("DELETE", "algoOpenOrders", **BTC), OPEN_ALGOS, (ALGO_TOLD,), waits),
    "POST /fapi/v1/listenKey": Write(listens, listened),
    "PUT /fapi/v1/listenKey": Write(renews, key_until, (), waits_listening),
    "DELETE /fapi/v1/listenKey": Write(asks("DELETE", "listenKey"), listened, (), listens),
}  # fmt: skip


def marked(price: int) -> Do:
    return lambda desk: desk.do(commands.SetMark(symbol="BTCUSDT", price=D(price)))


def spot(price: int) -> Do:
    return lambda desk: desk.do(
        commands.SetIndex(symbol="BTCUSDT", sources=(commands.Source(name="spot", price=D(price)),))
    )


def funded(desk: Desk) -> None:
    desk.do(commands.Fund(asset="USDT", amount=D(100_000)))


def traded(desk: Desk) -> None:
    desk.trade()


def sold(desk: Desk) -> None:
    desk.trade("bob", "0.5", "50010")


def two_long(desk: Desk) -> None:
    """Alice is long ten times as much as Bob, from the same price."""
    desk.trade("alice", "10")
    desk.trade("bob", "1")
    marked(50_100)(desk)


def both_known(desk: Desk) -> None:
    """Index and last price are known."""
    spot(50_000)(desk)
    desk.trade()


def bids(desk: Desk) -> None:
    """The index is known, and a bid lies so far above it that funding is at its cap."""
    spot(50_000)(desk)
    desk.limit("alice", "BUY", "1.9", "52000")


def amends(desk: Desk) -> None:
    desk.ask("PUT", "/fapi/v1/order", **amended(desk, resting(desk)))


def seen_number(desk: Desk, method: str, path: str) -> Any:
    """An order that rests, by its id."""
    return desk.ask(method, path, **BTC, orderId=desk.get("/fapi/v1/allOrders", **BTC)[0]["orderId"])


def seen_algo(desk: Desk, method: str, path: str) -> Any:
    return desk.ask(method, path, algoId=desk.get("/fapi/v1/allAlgoOrders", **BTC)[0]["algoId"])


def link_of_begun(desk: Desk, method: str, path: str) -> Any:
    """The link of the first export of this millisecond, whole or not."""
    return desk.ask(method, path, downloadId=desk.clock.now_ms() * 100_000)


def begins(kind: str) -> Do:
    return lambda desk: desk.get(f"/fapi/v1/{kind}/asyn", startTime=BEGUN_MS, endTime=BEGUN_MS)


def ends(desk: Desk) -> None:
    desk.runner.run(desk.venue.downloads.settled())


def file_of(desk: Desk, method: str, path: str) -> bytes:
    """The content of an export of trades."""
    url = link(desk, "GET", "/fapi/v1/trade/asyn/id")["url"]
    return desk.reply(method, url.removeprefix("http://127.0.0.1")).body


def reads_only(desk: Desk) -> None:
    key = desk.by_name["alice"]
    desk.keys.add(structs.replace(key, trade=False))


def later(desk: Desk) -> None:
    desk.wait(1_000)


TRADED = Read(traded)
OF_BTC = Read(traded, BTC)
READS: Mapping[str, Read] = {
    "GET /fapi/v1/time": Read(later),
    "GET /api/v3/time": Read(later),
    "GET /fapi/v1/exchangeInfo": Read(lambda desk: desk.venue.halt("BTCUSDT", on=True)),
    **{f"GET /fapi/v1/{path}": Read(rests, BTC) for path in ("depth", "rpiDepth", "ticker/bookTicker")},
    **{
        f"GET /fapi/{path}": OF_BTC
        for path in (
            "v1/trades", "v1/historicalTrades", "v1/aggTrades", "v1/ticker/24hr", "v1/ticker/price", "v2/ticker/price",
            "v1/openInterest", "v1/userTrades", "v1/allOrders",
        )
    },
    "GET /fapi/v1/premiumIndex": Read(marked(50_100), BTC),
    "GET /fapi/v1/klines": Read(traded, BTC | MINUTE),
    "GET /fapi/v1/continuousKlines": Read(traded, PAIR | PERPETUAL | MINUTE),
    "GET /fapi/v1/indexPriceKlines": Read(spot(50_100), PAIR | MINUTE),
    "GET /fapi/v1/markPriceKlines": Read(marked(50_100), BTC | MINUTE),
    "GET /fapi/v1/premiumIndexKlines": Read(bids, BTC | MINUTE, spot(50_000), later_ms=6_000),
    "GET /fapi/v1/fundingRate": Read(bids, BTC, spot(50_000), later_ms=5 * HOUR_MS),
    "GET /fapi/v1/fundingInfo": Read(bids, {}, spot(50_000), later_ms=5 * HOUR_MS),
    "GET /fapi/v1/constituents": Read(spot(50_100), BTC, spot(50_000)),
    "GET /fapi/v1/assetIndex": Read(indexed),
    "GET /fapi/v1/insuranceBalance": Read(funded, BTC),
    "GET /fapi/v1/symbolAdlRisk": Read(funded, BTC, traded),
    **{
        f"GET /futures/data/{path}": Read(sold, BTC | FIVE, traded, 10 * MINUTE_MS)
        for path in ("openInterestHist", "topLongShortPositionRatio", "topLongShortAccountRatio", "takerlongshortRatio")
    },
    "GET /futures/data/globalLongShortAccountRatio": Read(sold, BTC | FIVE, traded, 10 * MINUTE_MS),
    "GET /futures/data/basis": Read(spot(50_100), PAIR | PERPETUAL | FIVE, both_known, 10 * MINUTE_MS),
    "GET /sapi/v1/account/apiRestrictions": Read(reads_only),
    **{
        f"GET /fapi/{path}": TRADED
        for path in ("v3/account", "v2/account", "v3/balance", "v2/balance", "v3/positionRisk", "v2/positionRisk",
                     "v1/income")
    },
    **{f"GET /fapi/v1/{path}": Read(traded, date="2023-07-14") for path in ("account", "positionRisk")},
    "GET /fapi/v1/accountConfig": Read(asks("POST", "positionSide/dual", dualSidePosition="true")),
    "GET /fapi/v1/symbolConfig": Read(asks("POST", "leverage", **BTC, leverage=7)),
    "GET /fapi/v1/adlQuantile": Read(lambda desk: desk.trade("bob", "18"), BTC, two_long),
    "GET /fapi/v1/positionSide/dual": Read(asks("POST", "positionSide/dual", dualSidePosition="true")),
    "GET /fapi/v1/multiAssetsMargin": Read(asks("POST", "multiAssetsMargin", multiAssetsMargin="true"), {}, indexed),
    "GET /fapi/v1/positionMargin/history": Read(asks("POST", "positionMargin", **BTC, amount=1, type=1), BTC, isolated),
    "GET /fapi/v1/feeBurn": Read(asks("POST", "feeBurn", feeBurn="true")),
    "GET /fapi/v1/openOrder": Read(on_order("PUT", "order", amended), BTC, rests, ask=seen_number),
    "GET /fapi/v1/order": Read(asks("DELETE", "allOpenOrders", **BTC), BTC, rests, ask=seen_number),
    "GET /fapi/v1/openOrders": Read(rests),
    "GET /fapi/v1/forceOrders": Read(forced),
    "GET /fapi/v1/orderAmendment": Read(amends, BTC),
    **{f"GET /fapi/v1/{kind}/asyn": Read(begins(kind), {"startTime": BEGUN_MS, "endTime": BEGUN_MS})
       for kind in ("order", "trade", "income")},
    **{f"GET /fapi/v1/{kind}/asyn/id": Read(ends, {}, begins(kind), ask=link_of_begun)
       for kind in ("order", "trade", "income")},
    "GET /downloads/*": Read(traded, ask=file_of),
    "POST /fapi/v1/order/test": Read(rests, LIMIT),
    "GET /fapi/v1/algoOrder": Read(asks("DELETE", "algoOpenOrders", **BTC), {}, waits, ask=seen_algo),
    "GET /fapi/v1/openAlgoOrders": Read(waits),
    "GET /fapi/v1/allAlgoOrders": Read(waits, BTC),
}  # fmt: skip
