"""The official SDK: every REST method, every stream, every method of the WebSocket API."""

import asyncio
import json

import doomed
import sdk_rest
import sdk_sockets
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from outcome import Control, Outcomes, arguments

said = arguments()
outcomes = Outcomes("sdk", said.out)
control = Control(said.control, said.token)


def client(key: str, secret: str, rest: str = said.rest, ws: str = said.ws) -> DerivativesTradingUsdsFutures:
    """A client of an account."""
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(api_key=key, api_secret=secret, base_path=rest),
        config_ws_api=ConfigurationWebSocketAPI(api_key=key, api_secret=secret, stream_url=f"{ws}/ws-fapi/v1"),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=ws),
    )


async def sockets() -> None:
    """Streams, events, and the WebSocket API."""
    own, rest = client(said.key, said.secret), sdk_rest.Rest(client(said.key, said.secret).rest_api, outcomes)
    await sdk_sockets.user_events(own, outcomes)
    await sdk_sockets.ws_api(own, outcomes, rest.price)
    still = json.loads(said.still)
    held = Control(still["control"], still["token"])
    waiting = client(*held.account("waiting"), still["rest"], still["ws"])
    await sdk_sockets.expired_key(waiting, held, outcomes)
    await asyncio.to_thread(sdk_rest.limits, sdk_rest.Rest(waiting.rest_api, outcomes), outcomes)
    victim = client(*doomed.new(control, "doomed"))
    await sdk_sockets.market_streams(own, outcomes, lambda: sdk_sockets.liquidated(victim, control, outcomes))


sdk_rest.all_of_it(sdk_rest.Rest(client(said.key, said.secret).rest_api, outcomes))
asyncio.run(sockets())
outcomes.need(sdk_rest.methods() | sdk_sockets.stream_methods() | sdk_sockets.api_methods())
