"""The surplus of a margin pool at any prices, from the definitions, in fractions: nothing is rounded."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from margincall.core.assumptions import Assumptions
from margincall.core.margin import AssetTerms, PoolTerms, PositionTerms
from margincall.core.prices import Interval

UNIT = Fraction(1, 10**12)
TINY = Fraction(1, 10**24)
"""Roots are rounded to this before they are rounded inwards."""


def surplus_at(
    pool: PoolTerms,
    assumptions: Assumptions,
    *,
    prices: Mapping[str, Fraction] | None = None,
    scaled: Mapping[str, Fraction] | None = None,
) -> Fraction:
    """Balance − maintenance with some marks elsewhere, and the index, bid and ask of some assets times a factor."""
    total = Fraction(0)
    for asset in pool.assets:
        factor = (scaled or {}).get(asset.asset, Fraction(1))
        legs = [terms for terms in pool.positions if terms.contract.margin_asset == asset.asset]
        total += _value(asset, legs, assumptions, prices or {}) * factor
    return total


def _value(
    asset: AssetTerms, legs: list[PositionTerms], assumptions: Assumptions, prices: Mapping[str, Fraction]
) -> Fraction:
    wallet, index = Fraction(asset.wallet), Fraction(asset.index.index)
    profit = sum((_profit(terms, _mark(terms, prices)) for terms in legs), Fraction(0))
    needed = sum((_maintenance(terms, _mark(terms, prices)) for terms in legs), Fraction(0))
    if assumptions.equity_rate == "net":
        worth = _at_rate(asset, wallet + profit)
    else:
        worth = _at_rate(asset, wallet) + profit * index
    return worth - needed * (Fraction(asset.index.ask) if assumptions.requirement_rate == "ask" else index)


def _at_rate(asset: AssetTerms, amount: Fraction) -> Fraction:
    return amount * Fraction(asset.index.ask if amount < 0 else asset.index.bid)


def _mark(terms: PositionTerms, prices: Mapping[str, Fraction]) -> Fraction:
    return prices.get(terms.symbol, Fraction(terms.mark))


def _profit(terms: PositionTerms, mark: Fraction) -> Fraction:
    quantity, cost = Fraction(terms.quantity), Fraction(terms.position.cost)
    if terms.contract.is_inverse:
        return cost - quantity * Fraction(terms.contract.contract_size) / mark
    return quantity * mark - cost


def _maintenance(terms: PositionTerms, mark: Fraction) -> Fraction:
    size = abs(Fraction(terms.quantity))
    notional = size * Fraction(terms.contract.contract_size) / mark if terms.contract.is_inverse else size * mark
    return max(notional * Fraction(row.rate) - Fraction(row.cum) for row in terms.table.rows)


def is_within(inner: Interval, outer: Interval) -> bool:
    """Whether every price of `inner` lies in `outer`."""
    if inner.empty or outer.empty:
        return inner.empty
    lower = outer.lower is None or (inner.lower is not None and outer.lower <= inner.lower)
    upper = outer.upper is None or (inner.upper is not None and inner.upper <= outer.upper)
    return lower and upper


def grid(price: Fraction) -> Fraction:
    """The price of the grid of intervals at or below a price, at least the first."""
    return max(price // UNIT, 1) * UNIT


def decimal(number: Fraction) -> Decimal:
    """A fraction of the grid as a decimal."""
    return Decimal(int(number / UNIT)).scaleb(-12)
