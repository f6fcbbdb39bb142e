"""One call: what a handler is given."""

from typing import TYPE_CHECKING

from msgspec import Struct

from margincall.server.errors import BAD_SYMBOL, missing
from margincall.server.request import Params, Request

if TYPE_CHECKING:
    from margincall.server.keys import Key
    from margincall.server.venue import Venue


class Call(Struct, kw_only=True):
    """A request that passed its guards: `account` is that of the `key` (empty and none where no key is asked)."""

    venue: "Venue"
    request: Request
    params: Params
    account: str = ""
    key: "Key | None" = None

    @property
    def now_ms(self) -> int:
        """The server's time."""
        return self.venue.now_ms()

    def symbol(self) -> str | None:
        """A symbol that is listed, if one was sent."""
        found = self.params.text("symbol")
        if found is not None and found not in self.venue.state.markets:
            raise BAD_SYMBOL
        return found

    def need_symbol(self) -> str:
        """A symbol that is listed."""
        found = self.symbol()
        if found is None:
            raise missing("symbol")
        return found
