"""The price index and the mark price: what liquidations and unrealised PnL are computed at.

Index: weighted mean of spot sources, each held within a band around their median. Mark: the median of the index with
the rest of the funding (Price 1), the index with the average basis of the book (Price 2), and the last trade.
Definitions, sources and what is assumed: `docs/spec/mark_price.md`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.rounding import exact, published_price, quotient
from margincall.core.units import ONE, ZERO, Price

HALF = Decimal("0.5")

OutlierRule = Literal["capped", "dropped"]
"""What becomes of a source far from the median: held at the band's edge, or left out (two or more: the median)."""
MarkMethod = Literal["median", "price-1", "price-2", "last-price-protected"]
"""Normal conditions; before 2020-06; extreme conditions and delivery contracts; unstable references."""
WithoutIndex = Literal["last-index", "last-price-protected"]
"""While no source counts: the last index stands, or the last price rules, near the last mark that had an index."""


class Constituent(Struct, frozen=True):
    """One spot source of an index: its price, its weight (not negative), and when it last gave a price."""

    source: str
    price: Price
    weight: Decimal
    updated_ms: int


class IndexRules(Struct, frozen=True):
    """How far a source may lie from the median (a fraction), and after how long without an update it does not count."""

    band: Decimal
    stale_ms: int
    outliers: OutlierRule = "capped"
    median: Literal["unweighted", "weighted"] = "unweighted"


class UsedConstituent(Struct, frozen=True):
    """What of a source went into the index. `share` is its part of all weights, 0 where it did not count."""

    source: str
    price: Price
    share: Decimal


class IndexTerms(Struct, frozen=True):
    """An index with the median of its sources and what each contributed."""

    index: Price
    median: Decimal
    used: tuple[UsedConstituent, ...]


class Window(Struct, frozen=True):
    """The moving average of the basis: so many samples, one every `interval_ms`, in force from `since_ms` on."""

    since_ms: int
    points: int
    interval_ms: int


class FundingClock(Struct, frozen=True):
    """The last funding rate, the time until the next funding and the time between two."""

    rate: Decimal
    until_ms: int
    period_ms: int


class MarkRules(Struct, frozen=True):
    """How the mark is made. `last_limit` is how far a protected last price may lie from the mark before it, as a
    fraction (assumed: `last-price-limit`); `without_index`: by what while no source of the index counts."""

    method: MarkMethod
    window: Window | None
    last_limit: Decimal = Decimal("0.05")
    without_index: WithoutIndex = "last-index"


class MarkTerms(Struct, frozen=True):
    """A mark price and what it was made of; a price that is not known is none."""

    method: MarkMethod
    index: Price
    price_1: Price
    price_2: Price | None
    last: Price | None
    mark: Price


@exact
def price_index(constituents: Sequence[Constituent], now_ms: int, rules: IndexRules) -> IndexTerms | None:
    """The index of the sources that count at `now_ms`, truncated to 8 decimals; none if no source counts.

    Their weights are scaled to a sum of one (assumed: `index-stale-source`).
    """
    live = [each for each in constituents if each.weight > 0 and now_ms - each.updated_ms < rules.stale_ms]
    if not live:
        return None
    middle = _weighted_median(live) if rules.median == "weighted" else median([each.price for each in live])
    low, high = middle * (ONE - rules.band), middle * (ONE + rules.band)
    prices = {each.source: min(max(each.price, low), high) for each in live}
    weights = {each.source: each.weight for each in live}
    if rules.outliers == "dropped":
        far = [each.source for each in live if prices[each.source] != each.price]
        if len(far) > 1:
            prices = dict.fromkeys(prices, middle)
        elif len(live) > 1:
            weights.update(dict.fromkeys(far, ZERO))
    total = sum(weights.values(), ZERO)
    index = published_price(sum((prices[name] * weights[name] for name in weights), ZERO) / total)
    used = [
        UsedConstituent(
            source=each.source,
            price=Price(prices.get(each.source, each.price)),
            share=quotient(weights.get(each.source, ZERO), total),
        )
        for each in constituents
    ]
    return IndexTerms(index, middle, tuple(used))


@exact
def median(values: Sequence[Decimal]) -> Decimal:
    """The middle value; of an even number the mean of the two in the middle."""
    assert values, "nothing has no middle"
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) * HALF


@exact
def price_1(index: Price, funding: FundingClock) -> Price:
    """`index · (1 + rate · time until funding / funding period)`."""
    return published_price(index * (ONE + funding.rate * funding.until_ms / funding.period_ms))


@exact
def basis(bid: Price, ask: Price, index: Price) -> Decimal:
    """One sample of the basis: the middle of the book less the index."""
    return (bid + ask) * HALF - index


@exact
def price_2(index: Price, samples: Sequence[Decimal], window: Window) -> Price | None:
    """`index + mean of the last samples of the basis`; of fewer samples than the window, of those there are; none
    without any (assumed: `mark-missing-term`)."""
    recent = samples[-window.points :]
    return published_price(index + sum(recent, ZERO) / len(recent)) if recent else None


def window_at(windows: Sequence[Window], time_ms: int) -> Window | None:
    """The window in force at a time: the last that began by then; none before the first."""
    return max((each for each in windows if each.since_ms <= time_ms), key=_since, default=None)


@exact
def mark_price(
    index: Price,
    funding: FundingClock,
    rules: MarkRules,
    *,
    samples: Sequence[Decimal] = (),
    last: Price | None = None,
    previous: Price | None = None,
) -> MarkTerms:
    """The mark price with its terms. `samples` of the basis, oldest first; `last` trade; `previous` mark.

    A price that is not known is left out of the median (assumed: `mark-missing-term`), and a method whose own price is
    not known falls back to it.
    """
    first = price_1(index, funding)
    second = price_2(index, samples, rules.window) if rules.window is not None else None
    chosen: Price | None = None
    match rules.method:
        case "price-1":
            chosen = first
        case "price-2":
            chosen = second
        case "last-price-protected":
            chosen = last if last is None or previous is None else protected(last, previous, rules.last_limit)
    if chosen is None:
        chosen = published_price(median([each for each in (first, second, last) if each is not None]))
    return MarkTerms(rules.method, index, first, second, last, chosen)


@exact
def protected(last: Price, mark: Price, limit: Decimal) -> Price:
    """The last trade, held within the limit (a fraction) around a mark; truncated to 8 decimals."""
    return published_price(min(max(last, mark * (ONE - limit)), mark * (ONE + limit)))


def _weighted_median(constituents: Sequence[Constituent]) -> Decimal:
    """The price with half of all weight on either side; where a half ends exactly between two, their mean."""
    ordered = sorted((each.price, each.weight) for each in constituents)
    total = sum((weight for _, weight in ordered), ZERO)
    below = ZERO
    for number, (price, weight) in enumerate(ordered):
        below += weight
        if 2 * below == total:
            return (price + ordered[number + 1][0]) * HALF
        if 2 * below > total:
            return price
    raise AssertionError("weights are positive")


def _since(window: Window) -> int:
    return window.since_ms
