"""Was a deleveraging due to this account, and was it of the right size?

The queue of the venue is not public. What can be told: that more was closed than held, or that another account of the
same owner, which stood higher in the queue, was left alone.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from margincall.core.account import Account, Marks
from margincall.core.assumptions import VERDICT_ALTERNATIVES
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.events import Fill
from margincall.core.margin import MissingIndex
from margincall.core.protocol.deleverage import DeleverageRules, candidate
from margincall.core.rounding import exact
from margincall.core.rules import MissingBrackets, VenueRules
from margincall.core.units import ZERO, Price
from margincall.forensics.markline import FRESH_MS
from margincall.forensics.moment import moment_of
from margincall.forensics.pools import terms_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import View, balance_sure, positions_sure, tables_confirmed

TOGETHER_MS = 2000
"""Closings of one deleveraging are booked within this time (assumed)."""
QUEUE = "files of your other accounts that held the same side (margincall verify … --beside FOLDER)"
KNOWN_WHOLE = "recorded user-data streams of both accounts that go on past it, and a bracket table of that day"
QUEUES = (DeleverageRules(), DeleverageRules(pnl="pool"))
"""The venue's ranking, under both readings of the profit (assumed: `deleveraging-pnl`)."""


@exact
def deleveraging_checks(view: View, beside: Sequence[Founded]) -> list[Check]:
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


def _rank(view: View, beside: Sequence[Founded]) -> list[Check]:
    """Each other account that was left alone, against this one. An accusation needs both to be known, as for a
    trigger: size, wallet, margin mode and a table that is known to be of that day; and under every assumption."""
    sign = held_sign(view.moment.account.positions.get((view.incident.symbol, view.incident.side)))
    own = scores_of(view.history, view.incident.first, view.incident.time_ms, view.incident.symbol, sign)
    found = []
    for number, founded in enumerate(beside, 1) if own is not None else ():
        other = founded.history
        place = founded.place_at(view.incident.time_ms)
        theirs = scores_of(other, place, view.incident.time_ms, view.incident.symbol, sign)
        if own is None or theirs is None or _was_deleveraged(other, view):
            continue
        is_sure = _is_pool_sure(view) and positions_sure(view) and _is_other_sure(view, founded, place, sign)
        found.append(_ranked(view, number, _Scores(own, theirs), is_sure=is_sure))
    return found or [
        check("deleveraging_rank", UNCLEAR, view.incident.symbol, evidence=view.evidence, settled_by=QUEUE)
    ]


class _Scores(NamedTuple):
    """Least and most of both accounts' scores, under the same assumptions in the same order."""

    own: list[tuple[Decimal, Decimal]]
    theirs: list[tuple[Decimal, Decimal]]

    @property
    def is_higher(self) -> bool:
        """Whether the other stood higher whatever is assumed."""
        return all(theirs[0] > own[1] for own, theirs in zip(self.own, self.theirs, strict=True))

    @property
    def is_lower(self) -> bool:
        """Whether it stood no higher whatever is assumed."""
        return all(theirs[1] <= own[0] for own, theirs in zip(self.own, self.theirs, strict=True))


def _ranked(view: View, number: int, scores: _Scores, *, is_sure: bool) -> Check:
    is_open = not scores.is_higher and not scores.is_lower
    return check(
        "deleveraging_rank",
        UNCLEAR if is_open or not is_sure else FAILS if scores.is_higher else HOLDS,
        f"{view.incident.symbol}: your other account {number} was left alone",
        numbers={"own": scores.own[0][1], "other": scores.theirs[0][0]},
        unit="rate",
        times_ms={"deleveraged": view.incident.time_ms},
        evidence=view.evidence,
        assumptions=("recording-whole", "deleveraging-pnl"),
        settled_by=KNOWN_WHOLE if not is_sure else "the mark price of that second" if is_open else "",
        points_to=("deleveraging_rank",),
    )


def _is_pool_sure(view: View) -> bool:
    """Whether margin mode, marks, table and wallet of a view are known."""
    return not view.moment.lacks and tables_confirmed(view) and balance_sure(view)


def _is_other_sure(view: View, founded: Founded, place: int, sign: int) -> bool:
    """Whether position and pool of another account are known, as if it had been deleveraged at that moment."""
    other = founded.history
    positions = other.timeline.before(place).open_positions()
    held = [each for each in positions if each.symbol == view.incident.symbol and each.quantity * sign > 0]
    if place >= len(other.events) or len(held) != 1:
        return False
    incident = structs.replace(view.incident, side=held[0].side, first=place, last=place)
    case = structs.replace(view.case, incident=incident, moment=moment_of(other, incident), money=None)
    beside = View(other, case, view.market, founded)
    pool = beside.moment.pool
    keys = [terms.position.key for terms in pool.positions] if pool is not None else []
    return bool(keys) and _is_pool_sure(beside) and all(founded.known_then(key, place) for key in keys)


def held_sign(position: object) -> int:
    """+1 for a long, −1 for a short, 0 for none."""
    quantity = getattr(position, "quantity", ZERO)
    return (quantity > 0) - (quantity < 0)


@exact
def scores_of(
    history: Reconstruction, place: int, time_ms: int, symbol: str, sign: int
) -> list[tuple[Decimal, Decimal]] | None:
    """Least and most of what an account's position on one side of a symbol scored in the queue before event `place`,
    under the rules of the moment first, then under each other assumption (`VERDICT_ALTERNATIVES`, `deleveraging-pnl`);
    none without a fresh mark, brackets, or such a position."""
    rules = history.rules_at(time_ms)
    rule_sets = [rules, *(rules.assuming(assumptions) for _, _, assumptions in VERDICT_ALTERNATIVES)]
    found = [_score_at(history, place, (time_ms, symbol, sign), each, how) for how in QUEUES for each in rule_sets]
    known = [each for each in found if each is not None]
    return known if len(known) == len(found) else None


def _score_at(
    history: Reconstruction, place: int, which: tuple[int, str, int], rules: VenueRules, how: DeleverageRules
) -> tuple[Decimal, Decimal] | None:
    """Least and most under one assumption. `which` position: at which time, of which symbol, with which sign."""
    time_ms, symbol, sign = which
    account = history.timeline.before(place)
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
            candidate("", pool, terms, rules.assumptions, how).score
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


def _was_deleveraged(history: Reconstruction, view: View) -> bool:
    return any(
        isinstance(event, Fill)
        and event.close == "adl"
        and event.symbol == view.incident.symbol
        and abs(event.time_ms - view.incident.time_ms) <= TOGETHER_MS
        for event in history.events
    )
