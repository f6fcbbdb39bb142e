"""The places in the queue of deleveraging that accounts see: looking takes a look at everybody.

By the clock of a machine a symbol is looked at at most once a second (assumed: `adl-refresh`); by a simulated clock,
which stands still between commands, whenever something was carried out.
"""

from collections.abc import Mapping

from margincall.core.account import PositionKey
from margincall.exchange.queue import lights
from margincall.server.venue import Venue

REFRESH_MS = 1_000
Places = Mapping[tuple[str, str], int]


def lights_of(venue: Venue, name: str) -> dict[PositionKey, int]:
    """The lights that an account sees at its open positions; none yet at one that was opened since the last look."""
    found: dict[PositionKey, int] = {}
    for position in venue.state.traders[name].account.open_positions():
        seen = _looked(venue, position.symbol).get((name, position.side))
        if seen is not None:
            found[position.key] = seen
    return found


def _looked(venue: Venue, symbol: str) -> Places:
    stamp = venue.engine.seq if venue.clock.is_simulated else venue.state.time_ms // REFRESH_MS
    known = venue.queues.get(symbol)
    if known is not None and known[0] == stamp:
        return known[1]
    places: Places = {
        (each.candidate.account, each.candidate.side): each.lights for each in lights(venue.state, symbol)
    }
    venue.queues[symbol] = stamp, places
    return places
