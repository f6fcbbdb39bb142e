"""Funding: what longs pay shorts (a positive rate) or shorts longs (a negative one) at the end of each interval.

Premium from the prices at which an order of the impact size would fill, its average, interest, clamp, cap and floor;
then the payment `mark · size · rate`. Definitions, sources and what is assumed: `docs/spec/funding.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.contract import Contract, value
from margincall.core.protocol.moves import REMAINDER, Move, move
from margincall.core.rounding import booked, exact, published_rate, quotient
from margincall.core.units import ZERO, Collateral, Notional, Price, Quantity

IMPACT_MARGIN = Decimal(200)
"""Margin of the order whose fill price is sampled, in quote units."""
SAMPLE_MS = 5_000
"""Time between two samples of the premium: 5,760 in 8 hours, 720 in one."""
STANDARD_HOURS = 8
"""The interval that interest and the published formula are stated for."""
Level = tuple[Price, Decimal]
"""A price of the book and the unsigned quantity there: base units, or contracts (inverse)."""


class FundingRules(Struct, frozen=True):
    """One symbol's funding. `interest` is per 8 hours; `clamp` bounds what interest adds to the premium; `cap` and
    `floor` bound the rate. `scaled`: divided by 8/N for an interval of N hours (since 2025-09-18 08:01 UTC).
    `capped`: whether the bounds hold for the divided rate or the one before (assumed: `funding-cap-order`)."""

    hours: int
    cap: Decimal
    floor: Decimal
    interest: Decimal = Decimal("0.0001")
    clamp: Decimal = Decimal("0.0005")
    scaled: bool = True
    capped: Literal["after-division", "before-division"] = "after-division"


class FundingTerms(Struct, frozen=True):
    """A funding rate and how it came about: average premium, interest as clamped, rate before cap and floor."""

    premium: Decimal
    interest: Decimal
    uncapped: Decimal
    rate: Decimal


class IntervalRules(Struct, frozen=True):
    """How the interval changes by itself: to `hit_hours` when a rate reaches cap or floor (since 2025-05-02 08:00 UTC),
    and to `calm_hours` after `calm_cycles` rates of at most `calm_rate` (since 2026-01-02 12:00 UTC; none before)."""

    hit_hours: int = 1
    calm_hours: int = 4
    calm_cycles: int | None = 16
    calm_rate: Decimal = Decimal("0.00025")


class Payment(Struct, frozen=True):
    """What funding changes the wallet of one holder by, in the margin asset: negative pays."""

    holder: str
    quantity: Quantity
    amount: Collateral


class FundingSettlement(Struct, frozen=True):
    """Payments of all holders; `remainder` is what truncation left, and `moves` books both."""

    payments: tuple[Payment, ...]
    remainder: Decimal
    moves: tuple[Move, ...]


def impact_notional(max_leverage: int) -> Notional:
    """The impact margin notional: 200 quote units divided by the initial margin rate at the highest leverage."""
    return Notional(IMPACT_MARGIN * max_leverage)


@exact
def impact_price(contract: Contract, levels: Iterable[Level], notional: Notional) -> Decimal | None:
    """The average price at which an order of `notional` quote units fills at `levels`, best first, to 1e-30.

    A book that holds less gives the average of what it holds (assumed: `impact-thin-book`); none for an empty side.
    """
    spent = bought = ZERO
    for price, quantity in levels:
        worth = quantity * contract.contract_size if contract.is_inverse else quantity * price
        worth = min(worth, notional - spent)
        spent += worth
        bought += quotient(worth, price)
        if spent == notional:
            break
    return quotient(spent, bought) if bought else None


@exact
def premium(bid: Decimal | None, ask: Decimal | None, index: Price) -> Decimal:
    """`[max(0, impact bid − index) − max(0, index − impact ask)] / index`; a side without a price adds nothing."""
    above = max(ZERO, bid - index) if bid is not None else ZERO
    below = max(ZERO, index - ask) if ask is not None else ZERO
    return quotient(above - below, index)


@exact
def average_premium(samples: Sequence[Decimal], hours: int) -> Decimal:
    """The mean of an interval's samples, oldest first: the n-th has the weight n, in an interval of one hour all the
    same. 0 without samples."""
    if not samples:
        return ZERO
    count = len(samples)
    if hours <= 1:
        return quotient(sum(samples, ZERO), Decimal(count))
    total = sum((number * sample for number, sample in enumerate(samples, 1)), ZERO)
    return quotient(total, Decimal(count * (count + 1) // 2))


@exact
def funding_rate(average: Decimal, rules: FundingRules) -> FundingTerms:
    """`[premium + clamp(interest − premium, ±clamp)] / (8 / hours)`, within cap and floor, truncated to 8 decimals."""
    interest = min(max(rules.interest - average, -rules.clamp), rules.clamp)
    whole = average + interest
    if rules.capped == "before-division":
        whole = min(max(whole, rules.floor), rules.cap)
    rate = quotient(whole * rules.hours, Decimal(STANDARD_HOURS)) if rules.scaled else whole
    bounded = rate if rules.capped == "before-division" else min(max(rate, rules.floor), rules.cap)
    return FundingTerms(average, interest, rate, published_rate(bounded))


def cap_of(maintenance_rate: Decimal, factor: Decimal = Decimal("0.75")) -> Decimal:
    """The cap of the listed symbols: a share of the first bracket's maintenance rate; the floor is its negative."""
    return maintenance_rate * factor


def next_hours(recent: Sequence[Decimal], rules: FundingRules, intervals: IntervalRules) -> int:
    """The interval after these rates, oldest first: shorter when the last one reached cap or floor, longer again after
    a calm time."""
    if recent and not rules.floor < recent[-1] < rules.cap:
        return min(rules.hours, intervals.hit_hours)
    cycles = intervals.calm_cycles
    if cycles is None or rules.hours != intervals.hit_hours or len(recent) < cycles:
        return rules.hours
    calm = all(abs(rate) <= intervals.calm_rate for rate in recent[-cycles:])
    return intervals.calm_hours if calm else rules.hours


@exact
def payment(contract: Contract, quantity: Quantity, mark: Price, rate: Decimal) -> Collateral:
    """What funding changes the wallet by: `−signed value at the mark · rate`, truncated to 8 decimals."""
    return Collateral(booked(-value(contract, quantity, mark) * rate))


@exact
def settle_funding(
    contract: Contract, holdings: Mapping[str, Quantity], mark: Price, rate: Decimal
) -> FundingSettlement:
    """The payments of all holders (traders and the fund), in order of their names, and the moves that book them.

    Longs equal shorts, so exact payments sum to zero; what truncation leaves is given or taken by the remainder.
    """
    payments = [
        Payment(holder, holdings[holder], payment(contract, holdings[holder], mark, rate))
        for holder in sorted(holdings)
        if holdings[holder]
    ]
    asset = contract.margin_asset
    moves = [each for paid in payments for each in move("funding", paid.holder, REMAINDER, asset, -paid.amount)]
    return FundingSettlement(tuple(payments), -sum((paid.amount for paid in payments), ZERO), tuple(moves))
