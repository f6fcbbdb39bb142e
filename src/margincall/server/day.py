"""How far a symbol's price has moved in 24 hours: kept by the minute."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

from margincall.core.rounding import exact
from margincall.exchange.events import AnyExchangeEvent, Trade
from margincall.exchange.state import Exchange
from margincall.wire.durations import DAY_MS, MINUTE_MS


class Day:
    """The first trade of every minute of the last day, by symbol; hears events as the venue's takers do."""

    def __init__(self) -> None:
        """Nothing has traded yet."""
        self._opens: dict[str, deque[tuple[int, Decimal]]] = {}

    def take(self, state: Exchange, events: Iterable[AnyExchangeEvent]) -> None:
        """Hear what happened."""
        for event in events:
            if isinstance(event, Trade):
                opens = self._opens.setdefault(event.symbol, deque())
                if not opens or event.time_ms - opens[-1][0] >= MINUTE_MS:
                    opens.append((event.time_ms // MINUTE_MS * MINUTE_MS, event.price))

    @exact
    def change(self, symbol: str, last: Decimal | None, now_ms: int) -> Decimal | None:
        """The move of the last price since 24 hours ago (or the first trade since), as a fraction; none without."""
        opens = self._opens.get(symbol, deque())
        while opens and opens[0][0] < now_ms - DAY_MS:
            opens.popleft()
        return last / opens[0][1] - 1 if opens and last is not None else None
