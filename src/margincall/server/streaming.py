"""Everything that speaks over sockets, in one piece: what `App` is given, and what a timer calls.

streaming = Streaming(gateway, listen_keys, tape)
App(gateway, streaming.sockets)
streaming.tick()        about every 10 ms, and whenever a simulated clock was set
"""

from margincall.server.gateway import Gateway
from margincall.server.hub import Hub
from margincall.server.sockets import Sockets
from margincall.server.streams_market import MarketStreams
from margincall.server.streams_user import ListenKeys, UserStreams
from margincall.server.tape import Tape
from margincall.server.ws_api import WsApi


class Streaming:
    """Sockets of one gateway. `is_strict`: the venue's routing is kept."""

    def __init__(self, gateway: Gateway, listen_keys: ListenKeys, tape: Tape, *, is_strict: bool = False) -> None:
        """Nobody is connected."""
        venue = self._venue = gateway.venue
        self.hub = Hub()
        self.users = UserStreams(venue, self.hub, listen_keys)
        self.markets = MarketStreams(venue, self.hub, tape)
        self.sockets = Sockets(
            venue, self.hub, listen_keys, is_strict=is_strict,
            api=lambda listener, scope: WsApi(gateway, listener, scope),
        )  # fmt: skip

    def tick(self) -> None:
        """Do what is due by the server's clock."""
        now_ms = self._venue.now_ms()
        self.users.tick(now_ms)
        self.markets.tick(now_ms)
        self.sockets.tick(now_ms)
