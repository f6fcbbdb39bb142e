"""Who must be deleveraged, and how much of each: the queue walked by hand, with the scores of `core`."""

from collections.abc import Iterator
from decimal import Decimal

from margincall.core.margin import PoolTerms
from margincall.core.protocol.deleverage import Candidate, candidate, deleveraging_price
from margincall.core.units import Price
from margincall.exchange.audit.shadow import Around, Moment, traders
from margincall.exchange.events import Deleveraged, LiquidationStep

ZERO = Decimal(0)


def queued(around: Around, seed: int) -> Iterator[str]:
    """Each deleveraging of a command against the walk; `seed` is the number of deleveragings before the command."""
    told: list[tuple[str, str, Decimal, Price]] = []
    start: Moment | None = None
    for moment in around.moments:
        event = moment.event
        if isinstance(event, LiquidationStep) and event.step == "takeover":
            start, told = moment, []
        elif isinstance(event, Deleveraged):
            told.append((event.account, event.side, event.quantity, Price(event.price)))
        elif isinstance(event, LiquidationStep) and event.step == "deleverage":
            assert start is not None
            asked = Walk(around, start, event, seed)
            must = list(asked.closings())
            if told != must:
                yield f"{event.symbol}: deleveraged {told}, must be {must}"
            seed += 1


class Walk:
    """One deleveraging."""

    def __init__(self, around: Around, moment: Moment, event: LiquidationStep, seed: int) -> None:
        """`moment`: when the fund had taken what it takes; `event`: what was told at the end."""
        self.around, self.moment, self.event, self.seed = around, moment, event, seed
        self.rules = around.rules.deleveraging
        taken = moment.event
        assert isinstance(taken, LiquidationStep)
        assert taken.price is not None
        mark = moment.marks.prices[event.symbol]
        before = around.state.markets[event.symbol].previous_mark or mark
        self.price = deleveraging_price(Price(taken.price), mark, before, self.rules)

    def closings(self) -> Iterator[tuple[str, str, Decimal, Price]]:
        """Account, side, signed quantity, price: from the head, or from a place given by the seed, around."""
        left = abs(self.event.asked)
        able = [each for each in self.ranked() if self.is_able(each)]
        if self.rules.choice == "seeded-start" and able:
            able = [able[(self.seed + place) % len(able)] for place in range(len(able))]
        for each in able:
            part = min(abs(each.quantity), left)
            left -= part
            if part:
                yield each.account, each.side, part if self.event.asked < 0 else -part, self.price

    def ranked(self) -> list[Candidate]:
        """Positions on the other side, the highest score first, equals by name."""
        found = []
        for name in traders(self.moment.accounts):
            if name == self.event.account:
                continue
            for pool in self.around.shadow.terms(name, self.moment).pools:
                found += self.of_pool(name, pool)
        found.sort(key=lambda each: (each.account, each.side))
        return sorted(found, key=lambda each: -each.score)

    def of_pool(self, name: str, pool: PoolTerms) -> list[Candidate]:
        """A sale of the liquidated is for the shorts to take: who is deleveraged holds what the order's sign is."""
        assumptions = self.around.rules.venue.assumptions
        return [
            candidate(name, pool, each, assumptions, self.rules) for each in pool.positions
            if each.symbol == self.event.symbol and each.quantity * self.event.asked > 0
        ]  # fmt: skip

    def is_able(self, each: Candidate) -> bool:
        """Without `skip_overlap` everybody; with it who does not end below zero at the price."""
        if not self.rules.skip_overlap:
            return True
        if each.bankruptcy is None:
            return each.quantity > 0
        return self.price >= each.bankruptcy if each.quantity > 0 else self.price <= each.bankruptcy
