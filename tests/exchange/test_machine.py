"""Any commands in any order: the book is the naive one's, and the rules hold of every outcome by themselves."""

from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from margincall.exchange.book import OPPOSITE, Book, Depth, Resting
from margincall.exchange.matching import Order, Outcome, amend, apply, execute, match
from tests.depth import few
from tests.exchange.naive import NaiveBook, Result

SIDES = st.sampled_from(["BUY", "SELL"])
OWNERS = st.sampled_from(["alice", "bob", "carol"])
MODES = st.sampled_from(["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"])
TICKS = st.integers(95, 105)
LOTS = st.integers(1, 12)
MOST = st.none() | st.integers(0, 8)
DATE = 1_790_000_000_000


@st.composite
def limit_terms(draw: st.DrawFn) -> dict[str, Any]:
    """What a limit order asks for. GTC is drawn more often, so that books fill up."""
    in_force = draw(st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK", "GTX", "GTD"]))
    return {"ticks": draw(TICKS), "time_in_force": in_force, "good_till_ms": DATE if in_force == "GTD" else None}


@st.composite
def market_terms(draw: st.DrawFn) -> dict[str, Any]:
    """What a market order asks for."""
    return {"type": "MARKET", "ticks": draw(st.none() | TICKS)}


TERMS = limit_terms() | market_terms()


def snapshot(book: Book) -> tuple[list[Resting], list[Resting]]:
    return list(book.orders("BUY")), list(book.orders("SELL"))


def result(outcome: Outcome) -> Result:
    """Our outcome in the words of the naive book."""
    return Result(
        tuple((fill.maker, fill.ticks, fill.lots) for fill in outcome.fills),
        tuple(maker.id for maker in outcome.expired_makers),
        rests=outcome.rests.lots if outcome.rests else 0,
        expired=outcome.expired,
        reason=outcome.reason,
        cut=outcome.cut,
    )


def check_outcome(order: Order, outcome: Outcome, makers: list[Resting]) -> None:
    """The rules, of one outcome and the orders that rested on the other side, in priority."""
    rests = outcome.rests.lots if outcome.rests else 0
    assert order.lots == outcome.filled + rests + outcome.expired + outcome.cut
    assert (outcome.reason is None) == (outcome.expired == 0)
    assert all(fill.lots > 0 for fill in outcome.fills)
    of = {maker.id: maker for maker in makers}
    sign = 1 if order.side == "BUY" else -1
    for fill in outcome.fills:
        assert fill.ticks == of[fill.maker].ticks
        assert fill.lots <= of[fill.maker].lots
        assert order.ticks is None or sign * fill.ticks <= sign * order.ticks
        if order.self_trade_prevention != "NONE" and order.time_in_force != "FOK":
            assert of[fill.maker].owner != order.owner
    # Priority: makers are met from the best one on, none is passed over, and only the last may keep something.
    met = [fill.maker for fill in outcome.fills]
    touched = {*met, *(maker.id for maker in outcome.expired_makers)}
    assert [maker.id for maker in makers if maker.id in touched] == [maker.id for maker in makers[: len(touched)]]
    places = [[maker.id for maker in makers].index(maker_id) for maker_id in met]
    assert all(before < after for before, after in pairwise(places))
    assert all(fill.lots == of[fill.maker].lots for fill in outcome.fills[:-1])
    if order.time_in_force == "FOK":
        assert outcome.filled in (0, order.lots - outcome.cut)
        assert outcome.rests is None
    if order.time_in_force == "GTX":
        assert not outcome.fills
        assert not outcome.expired_makers
    if order.time_in_force == "IOC" or order.type == "MARKET":
        assert outcome.rests is None
    if order.max_lots is not None:
        assert outcome.filled + rests <= order.max_lots


class BookMachine(RuleBasedStateMachine):
    """Commands to both books."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.naive = NaiveBook()
        self.last_id = 0
        self.added = self.gone = 0

    def an_id(self, number: int) -> int:
        """A resting id, or one that does not rest."""
        ids = [each.id for each in self.naive.entries]
        return ids[number % len(ids)] if ids and number % 5 else self.last_id + 1 + number

    @rule(side=SIDES, owner=OWNERS, mode=MODES, lots=LOTS, most=MOST, terms=TERMS)
    def order(self, *, side: str, owner: str, mode: str, lots: int, most: int | None, terms: dict[str, Any]) -> None:
        self.last_id += 1
        order = Order(
            id=self.last_id, owner=owner, side=side, lots=lots, max_lots=most, self_trade_prevention=mode, **terms
        )  # fmt: skip
        before = snapshot(self.book)
        foreseen = match(self.book, order)
        assert snapshot(self.book) == before
        outcome = execute(self.book, order)
        assert outcome == foreseen
        assert result(outcome) == self.naive.execute(order)
        check_outcome(order, outcome, before[order.side == "BUY"])
        self.booked(outcome)

    @rule(number=st.integers(0, 200), ticks=TICKS, lots=LOTS, mode=MODES, post_only=st.booleans())
    def amended(self, *, number: int, ticks: int, lots: int, mode: str, post_only: bool) -> None:
        order_id = self.an_id(number)
        old = self.book.get(order_id)
        if old is None:
            return
        before = snapshot(self.book)
        order = Order(
            id=order_id, owner=old.owner, side=old.side, ticks=ticks, lots=lots,
            self_trade_prevention=mode, time_in_force="GTX" if post_only else "GTC",
        )  # fmt: skip
        outcome = amend(self.book, order)
        apply(self.book, outcome)
        assert result(outcome) == self.naive.amend(order)
        check_outcome(order, outcome, before[order.side == "BUY"])
        self.gone += old.lots
        self.booked(outcome)

    @rule(number=st.integers(0, 200))
    def cancelled(self, number: int) -> None:
        order_id = self.an_id(number)
        before = snapshot(self.book)
        order = self.book.cancel(order_id)
        entry = self.naive.find(order_id)
        self.naive.drop(order_id)
        assert (order is None) == (entry is None)
        if order is None:
            assert snapshot(self.book) == before
        else:
            self.gone += order.lots

    @rule(number=st.integers(0, 200), by=LOTS)
    def reduced(self, number: int, by: int) -> None:
        order_id = self.an_id(number)
        before = snapshot(self.book)
        entry = self.naive.find(order_id)
        if entry is None:
            assert self.book.reduce(order_id, by) is None
            assert snapshot(self.book) == before
            return
        by = min(by, entry.lots)
        assert self.book.reduce(order_id, by) == next(each for each in before[0] + before[1] if each.id == order_id)
        self.naive.shrink(order_id, by)
        self.gone += by

    def booked(self, outcome: Outcome) -> None:
        """Lots that came into the book and left it."""
        self.added += outcome.rests.lots if outcome.rests else 0
        self.gone += outcome.filled + sum(maker.lots for maker in outcome.expired_makers)

    @invariant()
    def the_books_are_equal(self) -> None:
        for side in OPPOSITE:
            ours = [(each.id, each.owner, each.ticks, each.lots) for each in self.book.orders(side)]
            theirs = [(each.id, each.owner, each.ticks, each.lots) for each in self.naive.side(side)]
            assert ours == theirs
        assert len(self.book) == len(self.naive.entries)
        assert all(each.id in self.book for each in self.naive.entries)

    @invariant()
    def the_book_is_not_crossed(self) -> None:
        bid, ask = self.book.best_bid, self.book.best_ask
        assert bid is None or ask is None or bid < ask

    @invariant()
    def no_lot_is_lost(self) -> None:
        assert self.added - self.gone == self.book.volume("BUY") + self.book.volume("SELL")

    @invariant()
    def what_is_seen_is_what_rests(self) -> None:
        for side, best in (("BUY", self.book.best_bid), ("SELL", self.book.best_ask)):
            entries = self.naive.side(side)
            prices = list(dict.fromkeys(each.ticks for each in entries))
            assert best == (prices[0] if prices else None)
            at = {ticks: [each for each in entries if each.ticks == ticks] for ticks in prices}
            depth = [Depth(ticks, sum(each.lots for each in at[ticks]), len(at[ticks])) for ticks in prices]
            assert self.book.depth(side, 99) == depth
            assert self.book.depth(side, 2) == depth[:2]
            for ticks in range(94, 107):
                assert [each.id for each in self.book.queue(side, ticks)] == [each.id for each in at.get(ticks, [])]
                reach = [each for each in entries if (each.ticks >= ticks if side == "BUY" else each.ticks <= ticks)]
                assert self.book.volume(side, ticks) == sum(each.lots for each in reach)
                assert self.book.crosses(OPPOSITE[side], ticks) == bool(reach)


BookMachine.TestCase.settings = settings(max_examples=few(75), stateful_step_count=40, deadline=None)
TestBook = BookMachine.TestCase
