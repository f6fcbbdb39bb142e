"""A second order book, as naive as can be: a list of orders, searched for the best one again for every single lot.

It shares no code with the package but the values that go in and come out.
"""

from dataclasses import dataclass, replace
from itertools import groupby

from margincall.exchange.matching import Order


@dataclass(frozen=True)
class Entry:
    """A resting order; `came` is the number of its arrival at its price."""

    id: int
    owner: str
    side: str
    ticks: int
    lots: int
    came: int


@dataclass(frozen=True)
class Result:
    """What an order did: fills as (maker, ticks, lots), ids of expired makers, and where its other lots went."""

    fills: tuple[tuple[int, int, int], ...] = ()
    expired_makers: tuple[int, ...] = ()
    rests: int = 0
    expired: int = 0
    reason: str | None = None
    cut: int = 0


class NaiveBook:
    """Orders in a list, in no particular order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.arrivals = 0

    def find(self, order_id: int) -> Entry | None:
        return next((entry for entry in self.entries if entry.id == order_id), None)

    def side(self, side: str) -> list[Entry]:
        """One side in priority."""
        sign = -1 if side == "BUY" else 1
        return sorted(
            (entry for entry in self.entries if entry.side == side), key=lambda entry: (sign * entry.ticks, entry.came)
        )

    def counterparties(self, order: Order) -> list[Entry]:
        """Who the order may trade with, in priority."""
        if order.side == "BUY":
            return [each for each in self.side("SELL") if order.ticks is None or each.ticks <= order.ticks]
        return [each for each in self.side("BUY") if order.ticks is None or each.ticks >= order.ticks]

    def drop(self, order_id: int) -> None:
        self.entries = [entry for entry in self.entries if entry.id != order_id]

    def shrink(self, order_id: int, by: int) -> None:
        """Take lots off an order, which keeps its arrival."""
        shrunk = [replace(each, lots=each.lots - by) if each.id == order_id else each for each in self.entries]
        self.entries = [entry for entry in shrunk if entry.lots]

    def execute(self, order: Order) -> Result:
        """A new order."""
        wanted = order.lots if order.max_lots is None else min(order.lots, order.max_lots)
        cut = order.lots - wanted
        others = self.counterparties(order)
        if wanted and order.time_in_force == "GTX" and others:
            return Result(expired=wanted, reason="POST_ONLY", cut=cut)
        if order.time_in_force == "FOK" and sum(each.lots for each in others) < wanted:
            return Result(expired=wanted, reason="FOK", cut=cut)
        trades, gone, stopped = self.trade(order, wanted)
        left = wanted - len(trades)
        fills = tuple((*key, len(list(lots))) for key, lots in groupby(trades))
        reason = None
        if left and stopped:
            reason = "IOC_SELF_TRADE" if order.time_in_force == "IOC" else "SELF_TRADE"
        elif left and order.time_in_force == "IOC":
            reason = "IOC"
        elif left and order.type == "MARKET":
            reason = "MARKET"
        if left and reason is None:
            self.arrivals += 1
            self.entries.append(Entry(order.id, order.owner, order.side, order.ticks, left, self.arrivals))
            return Result(fills, tuple(gone), rests=left, cut=cut)
        return Result(fills, tuple(gone), expired=left, reason=reason, cut=cut)

    def trade(self, order: Order, wanted: int) -> tuple[list[tuple[int, int]], list[int], bool]:
        """(maker, ticks) of each lot traded, makers that expired, and whether self-trade prevention stopped it."""
        trades: list[tuple[int, int]] = []
        gone: list[int] = []
        while len(trades) < wanted:
            others = self.counterparties(order)
            if not others:
                break
            best = others[0]
            mode = order.self_trade_prevention
            if best.owner == order.owner and mode != "NONE" and order.time_in_force != "FOK":
                if mode in ("EXPIRE_MAKER", "EXPIRE_BOTH"):
                    self.drop(best.id)
                    gone.append(best.id)
                if mode in ("EXPIRE_TAKER", "EXPIRE_BOTH"):
                    return trades, gone, True
                continue
            trades.append((best.id, best.ticks))
            self.shrink(best.id, 1)
        return trades, gone, False

    def amend(self, order: Order) -> Result:
        """Another price or size for a resting order."""
        self.drop(order.id)
        return self.execute(order)
