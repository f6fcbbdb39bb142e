"""ccxt.pro: every unified method over sockets that it says this venue has. The check of the book's differences (on by
default) ends a watch where `U`, `u` and `pu` do not follow each other."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt as errors
import ccxt.pro as ccxt
import ccxt_elsewhere
import doomed
from ccxt_urls import sandbox
from outcome import Control, Outcomes, arguments, need, refused_later

S, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"
BOOKS = 20
"""Books in a row whose differences have to follow each other."""


class Watcher:
    """A client, and where its results go."""

    def __init__(self, ex: Any, outcomes: Outcomes) -> None:
        """A client with a key."""
        self.ex, self._outcomes = ex, outcomes

    async def call(
        self, name: str, *given: object, check: Callable[[Any], object] | None = None, until: bool = False
    ) -> Any:
        """A method that has to answer with what the check wants; `until`: again until it does."""
        answers: list[Any] = []

        async def work() -> None:
            while True:
                answers[:] = [await getattr(self.ex, name)(*given)]
                if check is None or check(answers[0]):
                    return
                need(until, f"not as it has to be: {answers[0]}")

        await self._outcomes.watch(name, work)
        return answers[0] if answers else None

    async def refused(self, name: str, *given: object, code: str) -> None:
        """A method that the venue refuses."""
        await self._outcomes.watch(
            name, lambda: refused_later(getattr(self.ex, name)(*given), errors.ExchangeError, code)
        )

    async def heard(
        self, name: str, *given: object, check: Callable[[Any], object], during: Callable[[], Awaitable[object]]
    ) -> None:
        """A watch that has to hear of what is done meanwhile."""
        watching = asyncio.create_task(self.call(name, *given, check=check, until=True))
        await asyncio.sleep(1)
        await during()
        await watching

    async def price(self, part: float) -> float:
        """A part of the mark, on a tick."""
        return float(self.ex.price_to_precision(S, (await self.ex.fetch_mark_price(S))["markPrice"] * part))


def methods(ex: Any) -> set[str]:
    """What the client has over sockets and not by REST alone."""
    names = {name for name, has in ex.has.items() if has and callable(getattr(ex, name, None))}
    return {name for name in names if name.endswith("Ws") or name.lower().startswith(("watch", "unwatch"))}


async def market(of: Watcher) -> None:
    """Streams of the market, begun and ended."""
    call = of.call
    nonces: list[int] = []
    await call("watchOrderBook", S, check=lambda it: _follows(it, nonces), until=True)
    await call("watchOrderBookForSymbols", [S, OTHER], check=lambda it: it["bids"][0][0] < it["asks"][0][0])
    await call("watchTrades", S, check=lambda it: it[-1]["symbol"] == S)
    await call("watchTradesForSymbols", [S, OTHER], check=lambda it: it[-1]["amount"] > 0)
    await call("watchOHLCV", S, "1m", check=lambda it: len(it[-1]) == 6)
    await call("watchOHLCVForSymbols", [[S, "1m"], [OTHER, "1m"]], check=lambda it: set(it) <= {S, OTHER})
    await call("watchTicker", S, check=lambda it: it["last"] > 0)
    await call("watchTickers", [S, OTHER], check=lambda it: set(it) <= {S, OTHER})
    await call("watchMarkPrice", S, check=lambda it: it["markPrice"] > 0)
    await call("watchMarkPrices", [S, OTHER], check=lambda it: set(it) <= {S, OTHER})
    await call("watchBidsAsks", [S, OTHER], check=lambda it: all(each["bid"] < each["ask"] for each in it.values()))
    for name, given in (
        ("unWatchOrderBook", (S,)), ("unWatchOrderBookForSymbols", ([S, OTHER],)), ("unWatchTrades", (S,)),
        ("unWatchTradesForSymbols", ([S, OTHER],)), ("unWatchOHLCV", (S, "1m")),
        ("unWatchOHLCVForSymbols", ([[S, "1m"], [OTHER, "1m"]],)), ("unWatchTicker", (S,)),
        ("unWatchTickers", ([S, OTHER],)), ("unWatchMarkPrice", (S,)), ("unWatchMarkPrices", ([S, OTHER],)),
        ("unWatchBidsAsks", ([S, OTHER],)),
    ):  # fmt: skip
        await call(name, *given)


def _follows(book: Any, nonces: list[int]) -> bool:
    """Whether enough books have come, each newer than the one before and not crossed."""
    need(book["bids"][0][0] < book["asks"][0][0], "the book is crossed")
    need(not nonces or book["nonce"] >= nonces[-1], "an older book")
    nonces.append(book["nonce"])
    return len(set(nonces)) >= BOOKS


async def over_ws_api(of: Watcher) -> None:
    """What is asked over the socket instead of REST."""
    call, low, lower = of.call, await of.price(0.97), await of.price(0.96)
    await call("fetchOrderBookWs", S, 5, check=lambda it: it["bids"][0][0] < it["asks"][0][0])
    await call("fetchTickerWs", S, check=lambda it: it["bid"] > 0)
    await call("fetchBalanceWs", check=lambda it: it["USDT"]["total"] > 9_000)
    await of.ex.set_position_mode(True)
    await of.ex.set_position_mode(False)
    placed = await call("createOrderWs", S, "limit", "buy", 0.01, low, check=lambda it: it["status"] == "open")
    await call("editOrderWs", placed["id"], S, "limit", "buy", 0.01, lower, check=lambda it: it["price"] == lower)
    await call("fetchOrderWs", placed["id"], S, check=lambda it: it["price"] == lower)
    await call("cancelOrderWs", placed["id"], S, check=lambda it: it["status"] == "canceled")
    limit = await call("createLimitOrderWs", S, "buy", 0.01, low, check=lambda it: it["status"] == "open")
    await of.ex.cancel_order(limit["id"], S)
    await call("createMarketOrderWs", S, "buy", 0.01, check=lambda it: it["id"])
    for name, given in (
        ("fetchPositionsWs", ([S],)), ("fetchPositionWs", (S,))
    ):  # fmt: skip
        await call(name, *given, check=lambda it: it[0]["contracts"] == 0.01)
    for name, given in (("fetchOHLCVWs", (S, "1m")), ("fetchTradesWs", (S,)), ("fetchMyTradesWs", (S,))):
        await of.refused(name, *given, code="-5000")


async def account(of: Watcher) -> None:
    """What an account hears while it trades."""
    ex, low = of.ex, await of.price(0.97)

    async def rest() -> None:
        await ex.create_order(S, "limit", "buy", 0.01, low)

    async def trade() -> None:
        await ex.create_order(S, "market", "buy", 0.01)

    await of.heard("watchOrders", S, check=lambda it: it[-1]["status"] == "open", during=rest)
    await of.heard("watchMyTrades", S, check=lambda it: it[-1]["fee"]["cost"] > 0, during=trade)
    await of.heard("watchPositions", [S], check=lambda it: it[-1]["contracts"] > 0, during=trade)
    await of.heard("watchBalance", check=lambda it: it["USDT"]["total"] > 0, during=trade)
    await ex.cancel_all_orders(S)


async def liquidation(victim: Watcher, control: Control) -> None:
    """An account is liquidated: itself and everybody hears."""
    ex = victim.ex
    await ex.load_markets()
    # ccxt can take an ACCOUNT_UPDATE only after one of its watches of orders or of the balance has begun.
    ordered = asyncio.create_task(ex.watch_orders(S))
    await asyncio.sleep(1)
    await ex.create_order(S, "market", "buy", float(doomed.quantity(Decimal(str(await victim.price(1))))))
    await ordered
    entry = Decimal(str((await ex.fetch_positions([S]))[0]["entryPrice"]))
    loop = asyncio.get_running_loop()

    def gone() -> bool:
        return not asyncio.run_coroutine_threadsafe(ex.fetch_positions([S]), loop).result()

    async def fall() -> None:
        await asyncio.to_thread(doomed.fall, control, entry, gone)

    others: list[tuple[str, tuple[Any, ...]]] = [
        ("watchLiquidations", (S,)),
        ("watchLiquidationsForSymbols", ([S, OTHER],)),
    ]
    own: list[tuple[str, tuple[Any, ...]]] = [("watchMyLiquidations", (S,)), ("watchMyLiquidationsForSymbols", ([S],))]
    async with asyncio.TaskGroup() as group:
        for name, given in others:
            group.create_task(victim.call(name, *given, check=lambda it: it[-1]["info"]["p"] > "0"))
        for name, given in own:
            group.create_task(victim.call(name, *given, check=_is_own))
        await asyncio.sleep(1)
        await fall()


def _is_own(found: Any) -> bool:
    """Whether it is the account's: its order is told as it comes and as it trades, and a watch hears the first."""
    return bool(found[-1]["side"] == "sell" and found[-1]["info"]["c"].startswith("autoclose-"))


async def main() -> None:
    """All of it."""
    said = arguments()
    outcomes, control = Outcomes("ccxt_pro", said.out), Control(said.control, said.token)
    own = sandbox(ccxt.binanceusdm, said.key, said.secret, said)
    victim = sandbox(ccxt.binanceusdm, *doomed.new(control, "doomed"), said)
    try:
        of = Watcher(own, outcomes)
        await of.call("loadMarkets", check=lambda it: S in it)
        await market(of)
        await over_ws_api(of)
        await account(of)
        await liquidation(Watcher(victim, outcomes), control)
        for name, product, ask in ccxt_elsewhere.attempts(own, methods(own)):
            await outcomes.watch(name, lambda ask=ask, product=product: ccxt_elsewhere.elsewhere_later(ask, product))
        outcomes.need(methods(own))
    finally:
        await own.close()
        await victim.close()


asyncio.run(main())
