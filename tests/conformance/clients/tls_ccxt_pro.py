"""ccxt.pro (and the asynchronous ccxt, which it is) with the addresses that it comes with: only `cafile` is set."""

import asyncio
from typing import Any

import ccxt as errors
import ccxt.pro as ccxt
from ccxt_classes import STILL, S, prepare
from ccxt_errors import Case
from market import START
from outcome import Control, Outcomes, arguments, need, refused_later

said = arguments()
outcomes = Outcomes("tls_ccxt_pro", said.out)
CASES = (
    *STILL[1:3],
    Case(-2019, errors.InsufficientFunds, errors.ExchangeError, lambda ex: ex.create_order(S, "market", "buy", 20)),
    Case(-2022, errors.InvalidOrder, errors.ExchangeError, lambda ex: ex.create_order(
        S, "market", "sell", 0.01, None, {"reduceOnly": True}
    )),
)  # fmt: skip


async def classes(ex: Any) -> None:
    """Errors by ccxt's own table."""
    for case in CASES:
        await outcomes.watch(
            f"error {case.code}",
            lambda case=case: refused_later(case.work(ex), case.genuine, str(case.code)),
        )


async def orders(ex: Any) -> None:
    """An order by REST, heard of by the account's socket; another over the WebSocket API."""

    async def heard() -> None:
        watching = asyncio.create_task(ex.watch_orders(S))
        await asyncio.sleep(2)
        placed = await ex.create_order(S, "limit", "buy", 0.01, float(START) * 0.98)
        need((await watching)[-1]["id"] == placed["id"], "another order")
        await ex.cancel_order(placed["id"], S)

    async def by_socket() -> None:
        placed = await ex.create_order_ws(S, "limit", "buy", 0.01, float(START) * 0.98)
        need((await ex.fetch_order(placed["id"], S))["status"] == "open", placed)
        await ex.cancel_order_ws(placed["id"], S)

    await outcomes.watch("watchOrders", heard)
    await outcomes.watch("createOrderWs", by_socket)


async def main() -> None:
    """All of it."""
    prepare(Control(said.control, said.token))
    ex = ccxt.binanceusdm({"apiKey": said.key, "secret": said.secret, "cafile": said.authority})

    async def begin() -> None:
        need(S in await ex.load_markets(), "no market")

    async def mark() -> None:
        need((await ex.watch_mark_price(S))["markPrice"] == float(START), "another mark")

    async def book() -> None:
        need((await ex.watch_order_book(S))["asks"][0][0] > float(START), "another book")

    try:
        await outcomes.watch("load_markets", begin)
        await outcomes.watch("watchMarkPrice", mark)
        await outcomes.watch("watchOrderBook", book)
        await orders(ex)
        await classes(ex)
    finally:
        await ex.close()


asyncio.run(main())
