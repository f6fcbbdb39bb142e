"""`priceMatch`: a limit price taken from the book when the order comes in.

OPPONENT is the best price of the other side, OPPONENT_5 the fifth there, QUEUE and QUEUE_5 those of the own side
(documentation of `order`). The exchange gets a price like any other.
"""

from decimal import Decimal

from margincall.exchange.book import OPPOSITE, Side
from margincall.exchange.orders import price_of
from margincall.exchange.state import Market
from margincall.server.errors import ApiError
from margincall.server.request import Params

MATCHES = frozenset(f"{kind}{place}" for kind in ("OPPONENT", "QUEUE") for place in ("", "_5", "_10", "_20"))
INVALID = ApiError(-5037, "Invalid price match")
ONLY_LIMIT = ApiError(-5038, "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT")
NO_DEPTH = ApiError(-5041, "No depth matches this BBO order")
PRICED = frozenset({"LIMIT", "STOP", "TAKE_PROFIT"})


def match_of(params: Params, kind: str) -> str | None:
    """The way of matching that was sent for an order of a type; none without one. Raises `ApiError`."""
    mode = params.text("priceMatch")
    if mode in (None, "NONE"):
        return None
    if mode not in MATCHES:
        raise INVALID
    if kind not in PRICED:
        raise ONLY_LIMIT
    if params.found.get("price"):
        raise INVALID
    return mode


def matched_price(market: Market, side: Side, mode: str) -> Decimal:
    """The price in the book. Raises `ApiError` (−5041) where the book is not as deep."""
    kind, _, place = mode.partition("_")
    level = int(place or 1)
    depth = market.book.depth(OPPOSITE[side] if kind == "OPPONENT" else side, level)
    if len(depth) < level:
        raise NO_DEPTH
    return price_of(market, depth[-1].ticks)
