"""python-binance's asynchronous client and its sockets with the addresses that they come with: nothing but
`SSL_CERT_FILE` in the environment, which Python's own contexts read."""

import asyncio

from binance import AsyncClient, BinanceSocketManager
from market import START, SYMBOL, Market
from outcome import Control, Outcomes, arguments, need

said = arguments()
outcomes = Outcomes("tls_python_binance_async", said.out)


async def main() -> None:
    """REST, a market stream, the user's stream, the WebSocket API."""
    Market(Control(said.control, said.token))
    client = await outcomes.watch("AsyncClient.create", lambda: AsyncClient.create(said.key, said.secret))
    sockets = BinanceSocketManager(client)

    async def account() -> None:
        need((await client.futures_account())["assets"], "no assets")

    async def mark() -> None:
        async with sockets.symbol_mark_price_socket(SYMBOL) as stream:
            need(float((await stream.recv())["data"]["p"]) == float(START), "another mark")

    async def user() -> None:
        async with sockets.futures_user_socket() as stream:
            order = await client.futures_create_order(
                symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity=0.01, price=float(START) * 0.98
            )
            while (told := await stream.recv())["e"] != "ORDER_TRADE_UPDATE":
                pass
            need(told["o"]["i"] == order["orderId"], told)

    async def by_socket() -> None:
        (order,) = await client.futures_get_open_orders(symbol=SYMBOL)
        ended = await client.ws_futures_cancel_order(symbol=SYMBOL, orderId=order["orderId"])
        need(ended["status"] == "CANCELED", ended)

    try:
        await outcomes.watch("futures_account", account)
        await outcomes.watch("symbol_mark_price_socket", mark)
        await outcomes.watch("futures_user_socket", user)
        await outcomes.watch("ws_futures_cancel_order", by_socket)
    finally:
        await client.close_connection()


asyncio.run(main())
