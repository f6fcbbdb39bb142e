"""What an incoming order does to a book: fills, and what becomes of the rest.

`match` is a pure function of book and order, `apply` carries its outcome out; `execute` is both in one. `amend`
takes an order from its place and matches it again.
The rules, their sources and what is assumed: `docs/spec/matching.md`.

Whether the account may send the order (margin, filters, reduce-only at all) is decided before; what a fill does to
positions and wallets after. So nothing here knows accounts, marks or time.
"""

from typing import Literal

from msgspec import Struct

from margincall.exchange.book import OPPOSITE, Book, Lots, OrderId, Resting, Side, Ticks

OrderType = Literal["LIMIT", "MARKET"]
TimeInForce = Literal["GTC", "IOC", "FOK", "GTX", "GTD"]
"""Good till cancelled, immediate or cancel, fill or kill, post-only, good till date."""
SelfTradePrevention = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]
Reason = Literal["SELF_TRADE", "IOC", "IOC_SELF_TRADE", "MARKET", "FOK", "POST_ONLY"]
"""Why lots expired: the venue's `er` 1, 2, 3, 9, 10 and 11."""
Status = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "EXPIRED", "EXPIRED_IN_MATCH"]


class Order(Struct, frozen=True, kw_only=True, gc=False):
    """An order as it meets the book.

    `ticks` is the worst price at which it may trade: the price of a LIMIT order, the bound of a MARKET one (none: no
    bound). `max_lots` is what a reduce-only order may still reduce. `good_till_ms` (GTD) is kept for the engine, which
    cancels when that time comes.
    """

    id: OrderId
    owner: str
    side: Side
    lots: Lots
    ticks: Ticks | None = None
    type: OrderType = "LIMIT"
    time_in_force: TimeInForce = "GTC"
    self_trade_prevention: SelfTradePrevention = "NONE"
    max_lots: Lots | None = None
    good_till_ms: int | None = None


class Fill(Struct, frozen=True, gc=False):
    """A trade with the resting order `maker`, at its price."""

    maker: OrderId
    ticks: Ticks
    lots: Lots


class Outcome(Struct, frozen=True, kw_only=True, gc=False):
    """What an order does: `order.lots` = lots of all fills + `rests.lots` + `expired` + `cut`.

    fills: trades in the order in which they happen.
    expired_makers: orders of the same owner that leave the book, as they rested, in priority.
    rests: what stays in the book.
    expired: lots that neither traded nor rest, for `reason`.
    cut: lots that a reduce-only order had too many; they never met the book.
    """

    fills: tuple[Fill, ...] = ()
    expired_makers: tuple[Resting, ...] = ()
    rests: Resting | None = None
    expired: Lots = Lots(0)
    reason: Reason | None = None
    cut: Lots = Lots(0)

    @property
    def filled(self) -> Lots:
        """Lots traded."""
        return Lots(sum(fill.lots for fill in self.fills))

    @property
    def status(self) -> Status:
        """The order's status after it; an order that was cut is filled when what was left of it is."""
        if self.rests is not None:
            return "PARTIALLY_FILLED" if self.fills else "NEW"
        if self.reason in ("SELF_TRADE", "IOC_SELF_TRADE"):
            return "EXPIRED_IN_MATCH"
        return "FILLED" if self.fills and not self.expired else "EXPIRED"


def match(book: Book, order: Order) -> Outcome:
    """What the order does to the book, which stays as it is.

    A FOK that the book cannot fill and a GTX that would trade expire whole, with no fill and no other trace; whether
    the venue calls that a rejection is for the engine to say.
    """
    _check(order)
    lots = order.lots if order.max_lots is None else min(order.lots, order.max_lots)
    cut = Lots(order.lots - lots)
    if not lots:
        return Outcome(cut=cut)
    if order.time_in_force == "GTX":
        assert order.ticks is not None
        if book.crosses(order.side, order.ticks):
            return Outcome(expired=lots, reason="POST_ONLY", cut=cut)
    if order.time_in_force == "FOK" and book.volume(OPPOSITE[order.side], order.ticks) < lots:
        return Outcome(expired=lots, reason="FOK", cut=cut)
    fills, expired_makers, left, stopped = _take(book, order, lots)
    reason = _why_nothing_rests(order, stopped) if left else None
    return Outcome(
        fills=tuple(fills),
        expired_makers=tuple(expired_makers),
        rests=_resting(order, left) if left and reason is None else None,
        expired=left if reason is not None else Lots(0),
        reason=reason,
        cut=cut,
    )


def apply(book: Book, outcome: Outcome) -> None:
    """Carry out what `match` said of this book."""
    for maker in outcome.expired_makers:
        book.cancel(maker.id)
    for fill in outcome.fills:
        book.reduce(fill.maker, fill.lots)
    if outcome.rests is not None:
        book.add(outcome.rests)


def execute(book: Book, order: Order) -> Outcome:
    """Match a new order and carry it out."""
    assert order.id not in book, "a new order has a new id"
    outcome = match(book, order)
    apply(book, outcome)
    return outcome


def amend(book: Book, order: Order) -> Outcome:
    """What the resting order with this id does with another price or size. It leaves its place, and comes in again as a
    new order does, when the outcome is applied: so it may trade, and an amended GTX that would trade has left the book.
    `order.lots` is what shall rest, without what was filled before."""
    resting = book.get(order.id)
    assert resting is not None, "an order that is amended rests"
    assert (resting.owner, resting.side) == (order.owner, order.side), "price and size can be amended"
    # Its own side of the book is never looked at, so the order may still rest there while it is matched.
    outcome = match(book, order)
    book.cancel(order.id)
    return outcome


def _check(order: Order) -> None:
    """What the engine has made sure of before."""
    assert order.lots > 0, "a size is positive"
    assert order.ticks is not None or order.type == "MARKET", "a limit order has a price"
    assert order.type == "LIMIT" or order.time_in_force == "GTC", "a market order has no time in force of its own"
    assert (order.good_till_ms is not None) == (order.time_in_force == "GTD"), "GTD, and only it, has a date"
    assert order.max_lots is None or order.max_lots >= 0, "a position left to reduce is not negative"


def _take(book: Book, order: Order, lots: Lots) -> tuple[list[Fill], list[Resting], Lots, bool]:
    """Fills in priority, makers of the same owner that expire, lots left, whether self-trade prevention stopped it."""
    # Documented for GTC, IOC and GTD only; a GTX never gets here with a counterparty.
    mode = "NONE" if order.time_in_force == "FOK" else order.self_trade_prevention
    fills: list[Fill] = []
    expired_makers: list[Resting] = []
    left = lots
    for maker in book.orders(OPPOSITE[order.side], order.ticks):
        if mode != "NONE" and maker.owner == order.owner:
            if mode != "EXPIRE_TAKER":
                expired_makers.append(maker)
            if mode != "EXPIRE_MAKER":
                return fills, expired_makers, left, True
            continue
        traded = min(left, maker.lots)
        fills.append(Fill(maker.id, maker.ticks, traded))
        left = Lots(left - traded)
        if not left:
            break
    return fills, expired_makers, left, False


def _why_nothing_rests(order: Order, stopped: bool) -> Reason | None:
    """Why what is left of the order expires; None if it rests."""
    if order.time_in_force == "IOC":
        return "IOC_SELF_TRADE" if stopped else "IOC"
    if stopped:
        return "SELF_TRADE"
    return "MARKET" if order.type == "MARKET" else None


def _resting(order: Order, lots: Lots) -> Resting:
    assert order.ticks is not None, "only a limit order rests"
    return Resting(id=order.id, owner=order.owner, side=order.side, ticks=order.ticks, lots=lots)
