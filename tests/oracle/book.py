"""docs/spec/matching.md, as far as a liquidation needs it: a LIMIT IOC order that expires makers of its own account."""

import copy

OPPOSITE = {"BUY": "SELL", "SELL": "BUY"}


def crosses(side, limit, order):
    """Whether a resting order is at the limit of an incoming one (of that side), or better."""
    if order["side"] != OPPOSITE[side]:
        return False
    return order["ticks"] <= limit if side == "BUY" else order["ticks"] >= limit


def next_maker(orders, side, limit):
    """The best price first, at one price the order that came first; None if nothing is at the limit or better."""
    direction = 1 if side == "BUY" else -1
    within = [(direction * order["ticks"], place) for place, order in enumerate(orders) if crosses(side, limit, order)]
    return orders[min(within)[1]] if within else None


def take(orders, owner, side, limit, lots):
    """Trade up to so many lots at the limit (ticks) or better. Changes `orders`.

    Yields one `("fill", maker, lots)` for each trade and one `("expire", maker, its lots)` for each order of the owner
    that stood in the way. What is left of the incoming order expires, so nothing is said of it.
    """
    while lots > 0:
        maker = next_maker(orders, side, limit)
        if maker is None:
            return
        if maker["owner"] == owner:
            orders.remove(maker)
            yield "expire", maker, maker["lots"]
            continue
        traded = min(lots, maker["lots"])
        lots -= traded
        maker["lots"] -= traded
        if not maker["lots"]:
            orders.remove(maker)
        yield "fill", maker, traded


def matches(orders, owner, side, limit, lots):
    """What `take` would trade, in its order: [(maker, lots)]. Changes nothing."""
    told = take(copy.deepcopy(orders), owner, side, limit, lots)
    return [(maker, traded) for what, maker, traded in told if what == "fill"]
