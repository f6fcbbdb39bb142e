"""Was a deleveraging due to this account, and was it of the right size?

The queue of the venue is not public. What can be told: that more was closed than held, or that another account of the
same owner, which stood higher in the queue, was left alone.
"""

from collections.abc import Sequence
from decimal import Decimal

from margincall.core.account import Account, Marks
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.events import Fill, IndexPrice, MarkPrice
from margincall.core.margin import MissingIndex
from margincall.core.protocol.deleverage import DeleverageRules, candidate
from margincall.core.rounding import exact
from margincall.core.rules import MissingBrackets
from margincall.core.units import ZERO, Price
from margincall.forensics.markline import FRESH_MS
from margincall.forensics.pools import terms_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View

TOGETHER_MS = 2000
"""Closings of one deleveraging are booked within this time (assumed)."""
QUEUE = "files of your other accounts that held the same side (margincall verify … --beside FOLDER)"
RULES = DeleverageRules()


@exact
def deleveraging_checks(view: View, beside: Sequence[Reconstruction]) -> list[Check]:
    """Rank, price and size of one deleveraging."""
    return [_size(view), _price(view), *_rank(view, beside)]


def _size(view: View) -> Check:
    held = view.moment.account.positions.get((view.incident.symbol, view.incident.side))
    closed = view.money.quantity
    is_told = held is not None and view.founded.size_known(held.key, view.incident.first)
    if held is None or not held.quantity or closed is None or not is_told:
        return check("deleveraging_size", UNCLEAR, view.incident.symbol, settled_by="the trades since it was opened")
    over = closed - abs(held.quantity)
    return check(
        "deleveraging_size",
        FAILS if over > ZERO else HOLDS,
        f"{view.incident.symbol} {view.incident.side}",
        numbers={"printed": closed, "held": abs(held.quantity)},
        unit="quantity",
        evidence=view.evidence,
        points_to=("deleveraging_size",),
    )


def _price(view: View) -> Check:
    """The bankruptcy price is that of somebody else's order: only the venue can tell it."""
    return check(
        "deleveraging_price",
        UNCLEAR,
        view.incident.symbol,
        numbers={"printed": view.money.average},
        unit="price",
        note="the bankruptcy price of the liquidated order is not told to who is deleveraged",
        evidence=view.evidence,
        settled_by="the liquidation order on the other side (ask the venue for it)",
    )


def _rank(view: View, beside: Sequence[Reconstruction]) -> list[Check]:
    held = view.moment.account.positions.get((view.incident.symbol, view.incident.side))
    own = score_at(view.history, view.incident.first, view.incident.time_ms, view.incident.symbol, held_sign(held))
    if own is None or not beside:
        return [check("deleveraging_rank", UNCLEAR, view.incident.symbol, evidence=view.evidence, settled_by=QUEUE)]
    found = []
    for number, other in enumerate(beside, 1):
        place = _place_at(other, view.incident.time_ms)
        theirs = score_at(other, place, view.incident.time_ms, view.incident.symbol, held_sign(held))
        if theirs is None or _was_deleveraged(other, view):
            continue
        is_wrong = theirs[0] > own[1]
        found.append(
            check(
                "deleveraging_rank",
                FAILS if is_wrong else HOLDS if theirs[1] <= own[0] else UNCLEAR,
                f"{view.incident.symbol}: your other account {number} was left alone",
                numbers={"own": own[1], "other": theirs[0]},
                unit="rate",
                times_ms={"deleveraged": view.incident.time_ms},
                evidence=view.evidence,
                settled_by="the mark price of that second" if theirs[1] > own[0] and not is_wrong else "",
                points_to=("deleveraging_rank",),
            )
        )
    return found or [
        check("deleveraging_rank", UNCLEAR, view.incident.symbol, evidence=view.evidence, settled_by=QUEUE)
    ]


def held_sign(position: object) -> int:
    """+1 for a long, −1 for a short, 0 for none."""
    quantity = getattr(position, "quantity", ZERO)
    return (quantity > 0) - (quantity < 0)


@exact
def score_at(
    history: Reconstruction, place: int, time_ms: int, symbol: str, sign: int
) -> tuple[Decimal, Decimal] | None:
    """Least and most of what an account's position on one side of a symbol scored in the queue before event `place`;
    none without a fresh mark, brackets, or such a position."""
    account = history.timeline.before(place)
    rules = history.rules_at(time_ms)
    own = [each for each in account.open_positions() if each.symbol == symbol and each.quantity * sign > 0]
    if not own:
        return None
    found: list[Decimal] = []
    for marks in _marks_of(history, account, place, time_ms, symbol):
        try:
            pools = terms_of(account, marks, rules).pools
        except (MissingIndex, MissingBrackets):
            return None
        found += [
            candidate("", pool, terms, rules.assumptions, RULES).score
            for pool in pools
            for terms in pool.positions
            if terms.symbol == symbol and terms.quantity * sign > 0
        ]
    return (min(found), max(found)) if found else None


def _marks_of(history: Reconstruction, account: Account, place: int, time_ms: int, symbol: str) -> list[Marks]:
    """The marks of the moment; where only candles are known, those at both ends of the symbol's candle."""
    symbols = sorted({each.symbol for each in account.open_positions()})
    prices: dict[str, Price] = {}
    ends: tuple[Price, ...] = ()
    for each in symbols:
        point = history.marks.latest(each, place)
        if point is not None and time_ms - point.time_ms <= FRESH_MS and point.how == "published":
            prices[each] = point.price
            continue
        holding = history.marks.candle(each, time_ms)
        if holding is None or each != symbol:
            return []
        ends = (Price(holding.candle.low), Price(holding.candle.high))
    indices = history.marks.at((), place).indices
    if not ends:
        return [Marks(prices, indices)]
    return [Marks({**prices, symbol: end}, indices) for end in ends]


def _place_at(history: Reconstruction, time_ms: int) -> int:
    """The place of the first event at or after a time; marks of that very time come before it."""
    for place, event in enumerate(history.events):
        is_price = isinstance(event, MarkPrice | IndexPrice) and event.time_ms == time_ms
        if event.time_ms >= time_ms and not is_price:
            return place
    return len(history.events)


def _was_deleveraged(history: Reconstruction, view: View) -> bool:
    return any(
        isinstance(event, Fill)
        and event.close == "adl"
        and event.symbol == view.incident.symbol
        and abs(event.time_ms - view.incident.time_ms) <= TOGETHER_MS
        for event in history.events
    )
