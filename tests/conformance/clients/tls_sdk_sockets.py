"""The official SDK's sockets with the addresses that they come with: nothing but `SSL_CERT_FILE` in the environment,
which Python's own contexts read."""

import asyncio

from binance_common.configuration import ConfigurationWebSocketAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from market import START, SYMBOL, Market
from outcome import Control, Outcomes, arguments, need

said = arguments()
outcomes = Outcomes("tls_sdk_sockets", said.out)


async def main() -> None:
    """A market stream, and an account by the WebSocket API."""
    Market(Control(said.control, said.token))
    client = DerivativesTradingUsdsFutures(
        config_ws_api=ConfigurationWebSocketAPI(api_key=said.key, api_secret=said.secret),
        config_ws_streams=ConfigurationWebSocketStreams(),
    )

    async def mark() -> None:
        connection = await client.websocket_streams.create_connection()
        try:
            stream = await connection.mark_price_stream(symbol=SYMBOL.lower(), update_speed="1s")
            heard: asyncio.Queue[object] = asyncio.Queue()
            stream.on("message", heard.put_nowait)
            need(float(getattr(await heard.get(), "p")) == float(START), "another mark")  # noqa: B009
        finally:
            await connection.close_connection(close_session=True)

    async def account() -> None:
        connection = await client.websocket_api.create_connection()
        try:
            found = await connection.account_information_v2()
            need(found.data().result.assets, "no assets")
        finally:
            await connection.close_connection(close_session=True)

    await outcomes.watch("mark_price_stream", mark)
    await outcomes.watch("account_information_v2 (WebSocket API)", account)


asyncio.run(main())
