"""Prices that matter to a position: the survival interval, the liquidation price the venue displays, bankruptcy,
break-even.

Definitions and sources: `docs/spec/liquidation_price.md`, `docs/spec/bankruptcy_price.md`.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Marks, PositionSide
from margincall.core.assumptions import Assumptions
from margincall.core.curve import Curve, Equity, Leg, Line, Survival, survival
from margincall.core.margin import AssetTerms, PoolTerms, PositionTerms, Terms, requirement_rate
from margincall.core.rounding import (
    PRICE_UNIT,
    displayed_price,
    exact,
    price_down,
    price_nearest,
    price_up,
    root_nearest,
    wide,
)
from margincall.core.rules import VenueRules
from margincall.core.units import ONE, ZERO, Price

Roots = tuple[Decimal | None, Decimal | None]
"""Exact lower and upper ends of a survival set, before they are rounded inwards."""
Share = tuple[Decimal, Decimal]
"""Numerator and denominator of what a position may lose per unit of its pool's balance."""


class Interval(Struct, frozen=True):
    """Prices that the pool survives, ends included; an end is none where there is none. `empty`: it survives
    no price."""

    lower: Price | None = None
    upper: Price | None = None
    empty: bool = False

    def contains(self, price: Decimal) -> bool:
        """Whether the pool survives at `price`."""
        if self.empty or (self.lower is not None and price < self.lower):
            return False
        return self.upper is None or price <= self.upper


class PositionPrices(Struct, frozen=True):
    """The prices of one position. `moving` is the interval with the collateral's index moving along (multi-assets
    mode)."""

    symbol: str
    side: PositionSide
    liquidation: Interval
    displayed: Price | None
    bankruptcy: Price | None
    break_even: Price | None
    moving: Interval | None = None


@exact
def prices(terms: Terms, marks: Marks, rules: VenueRules) -> tuple[PositionPrices, ...]:
    """The prices of every open position, in the order of `terms`.

    Each symbol of a pool is solved once, from the pool's totals: cost grows linearly with the positions.
    """
    found = []
    for pool in terms.pools:
        by_symbol = _legs_by_symbol(pool)
        exactly = _exactly(pool.positions)
        solved = {symbol: _solve(pool, legs, rules.assumptions, exactly) for symbol, legs in by_symbol.items()}
        for position, share in zip(pool.positions, _shares(pool, rules.assumptions), strict=True):
            interval, displayed, moving = solved[position.symbol]
            found.append(
                PositionPrices(
                    symbol=position.symbol,
                    side=position.side,
                    liquidation=interval,
                    displayed=displayed,
                    bankruptcy=_bankruptcy(pool, position, share),
                    break_even=break_even(position),
                    moving=moving,
                )
            )
    return tuple(found)


@exact
def intervals(terms: Terms, rules: VenueRules) -> dict[tuple[str, str], Interval]:
    """The survival interval of each symbol in each pool that holds it, and nothing else: by pool name and symbol."""
    found = {}
    for pool in terms.pools:
        exactly = _exactly(pool.positions)
        for symbol, legs in _legs_by_symbol(pool).items():
            curve = surplus_curve(pool, legs, rules.assumptions, exactly=exactly)
            found[pool.name, symbol] = _interval(_roots(curve, legs[0]))
    return found


@exact
def survival_interval(pool: PoolTerms, symbol: str, assumptions: Assumptions, *, moving: bool = False) -> Interval:
    """The marks of `symbol` that the pool survives, other marks fixed.

    With `moving`, the index of the asset that is the symbol's base moves in proportion (multi-assets mode).
    For a symbol without a position in the pool: no ends, or empty.
    """
    legs = [terms for terms in pool.positions if terms.symbol == symbol]
    if not legs:
        return Interval(empty=pool.surplus < 0)
    return _interval(_roots(surplus_curve(pool, legs, assumptions, moving=moving), legs[0]))


@exact
def collateral_interval(pool: PoolTerms, asset: str, assumptions: Assumptions) -> Interval:
    """The index prices of one collateral asset that a multi-assets pool survives, marks and other indices fixed."""
    for terms in pool.assets:
        if terms.asset == asset:
            index = terms.index.index
            needed = terms.maintenance * requirement_rate(terms.index, assumptions)
            rest = pool.surplus - terms.value + needed
            curve = Curve(rest, (terms.value - needed) / index, ())
            return _interval(_ends(survival(curve, index), inverse=False))
    return Interval(empty=pool.surplus < 0)


@exact
def bankruptcy(pool: PoolTerms, position: PositionTerms, assumptions: Assumptions) -> Price | None:
    """Where the collateral that the position may lose is gone, before fees (assumed: `bankruptcy-split`); none if
    nowhere."""
    return _bankruptcy(pool, position, _shares(pool, assumptions)[pool.positions.index(position)])


@exact
def implied_share(pool: PoolTerms, position: PositionTerms, limit: Price) -> Decimal | None:
    """The share of the pool's balance that a printed limit price gives to the position; none for a zero balance."""
    if not pool.balance:
        return None
    size = position.quantity * position.contract.contract_size
    if position.contract.is_inverse:
        loss = (ONE / limit - ONE / position.mark) * size
    else:
        loss = (position.mark - limit) * size
    return loss * _index_of(pool, position) / pool.balance


def break_even(position: PositionTerms) -> Price | None:
    """Entry moved by the entry fees actually paid, as the API's samples show it (no formula is published)."""
    held = position.position
    if not held.quantity:
        return None
    if position.contract.is_inverse:
        cost = held.cost - held.entry_fees
        return price_nearest(held.quantity * position.contract.contract_size / cost) if cost else None
    return price_nearest((held.cost + held.entry_fees) / held.quantity)


def surplus_curve(
    pool: PoolTerms,
    legs: list[PositionTerms],
    assumptions: Assumptions,
    *,
    exactly: Decimal | None = None,
    moving: bool = False,
) -> Curve:
    """The pool's surplus as a function of the mark of the legs' symbol (inverse: of its reciprocal). `exactly` is what
    all inverse positions of the pool add to it, if the caller has it already."""
    contract = legs[0].contract
    own = _asset(pool, contract.margin_asset)
    assert own is not None, "a pool holds the margin assets of its positions"
    if contract.is_inverse:
        return _inverse_curve(own, legs, _exactly(pool.positions) if exactly is None else exactly)
    weight = requirement_rate(own.index, assumptions)
    quantity = needed = ZERO
    bends: tuple[Leg | Equity, ...] = ()
    for leg in legs:
        size = leg.position.quantity
        quantity += size
        needed += leg.maintenance
        bends += (Leg(abs(size), leg.table, weight),)
    mark = legs[0].mark
    rest = pool.surplus + needed * weight
    drift = ZERO
    if moving and contract.base != own.asset:
        scaled = _moving_value(pool, contract.base, assumptions)
        rest -= scaled
        drift = scaled / mark
    if assumptions.equity_rate == "net" and own.index.bid != own.index.ask:
        equity = own.wallet + own.unrealized - quantity * mark
        return Curve(rest - own.value, drift, (*bends, Equity(equity, quantity, own.index.bid, own.index.ask)))
    # The value of profit is a straight line through what it is at the mark.
    slope = quantity * (own.index.bid if assumptions.equity_rate == "net" else own.index.index)
    return Curve(rest - slope * mark, slope + drift, bends)


def _inverse_curve(own: AssetTerms, legs: list[PositionTerms], exactly: Decimal) -> Curve:
    """The surplus as a function of the mark's reciprocal; all pools of inverse contracts have a single asset."""
    contract = legs[0].contract
    constant = own.wallet + exactly - _exactly(legs)
    slope = ZERO
    for leg in legs:
        constant += leg.position.cost
        slope -= leg.quantity * contract.contract_size
    return Curve(constant, slope, tuple([Leg(abs(leg.quantity) * contract.contract_size, leg.table) for leg in legs]))


def _exactly(positions: Iterable[PositionTerms]) -> Decimal:
    """What inverse positions add to the surplus, without the rounding of reported quotients: far roots of an inverse
    contract magnify it. 0 for linear ones, whose terms are exact."""
    total = ZERO
    for terms in positions:
        if terms.contract.is_inverse:
            size = terms.quantity * terms.contract.contract_size / terms.mark
            total += terms.position.cost - size - (abs(size) * terms.bracket.rate - terms.bracket.cum)
    return total


def _moving_value(pool: PoolTerms, base: str, assumptions: Assumptions) -> Decimal:
    """What of the surplus is priced in the base asset, in USD: it scales with the mark."""
    terms = _asset(pool, base)
    return terms.value - terms.maintenance * requirement_rate(terms.index, assumptions) if terms is not None else ZERO


def _asset(pool: PoolTerms, asset: str) -> AssetTerms | None:
    for terms in pool.assets:
        if terms.asset == asset:
            return terms
    return None


def _legs_by_symbol(pool: PoolTerms) -> dict[str, list[PositionTerms]]:
    """The pool's positions per symbol: one, or the two legs of a hedge."""
    legs: dict[str, list[PositionTerms]] = {}
    for terms in pool.positions:
        legs.setdefault(terms.position.symbol, []).append(terms)
    return legs


def _solve(
    pool: PoolTerms, legs: list[PositionTerms], assumptions: Assumptions, exactly: Decimal
) -> tuple[Interval, Price | None, Interval | None]:
    curve = surplus_curve(pool, legs, assumptions, exactly=exactly)
    roots = _roots(curve, legs[0])
    interval = _interval(roots)
    displayed = None if roots is None or interval.empty else _displayed(curve, roots, legs)
    moving = None
    if pool.kind == "multi":
        moving = _interval(_roots(surplus_curve(pool, legs, assumptions, moving=True), legs[0]))
    return interval, displayed, moving


def _slope(curve: Curve, legs: list[PositionTerms]) -> Decimal:
    """The derivative of the surplus at the present mark (inverse: at its reciprocal), with what is in force there: the
    rows of the legs, and for an equity its rate (bid at exactly 0)."""
    slope = curve.slope
    near = _coordinate(legs[0])
    for bend in curve.bends:
        if isinstance(bend, Equity):
            slope += bend.slope * (bend.ask if bend.start + bend.slope * near < 0 else bend.bid)
    for leg, bend in zip(legs, curve.bends, strict=False):
        assert isinstance(bend, Leg), "the legs' bends come first"
        slope -= bend.weight * leg.bracket.rate * bend.size
    return slope


def _displayed(curve: Curve, roots: Roots, legs: list[PositionTerms]) -> Price | None:
    """The end to which the surplus falls at the present mark (assumed: `displayed-liquidation-price`)."""
    slope = _slope(curve, legs)
    if legs[0].contract.is_inverse:
        slope = -slope
    end = roots[0] if slope > 0 else roots[1] if slope < 0 else None
    return displayed_price(end) if end is not None else None


def _coordinate(position: PositionTerms) -> Decimal:
    return ONE / position.mark if position.contract.is_inverse else position.mark


def _roots(curve: Curve, leg: PositionTerms) -> Roots | None:
    """The prices where the curve is zero, below and above the surviving ones; none if none survives."""
    inverse = leg.contract.is_inverse
    return _ends(survival(curve, ONE / leg.mark if inverse else leg.mark), inverse=inverse)


def _ends(found: Survival, *, inverse: bool) -> Roots | None:
    if found.empty:
        return None
    low, high = (found.upper, found.lower) if inverse else (found.lower, found.upper)
    return (_root(low, inverse) if low else None, _root(high, inverse) if high else None)


def _interval(roots: Roots | None) -> Interval:
    """The interval between two roots, rounded inwards; empty if no price of the grid is left."""
    if roots is None:
        return Interval(empty=True)
    lower = price_up(roots[0]) if roots[0] is not None else None
    upper = price_down(roots[1]) if roots[1] is not None else None
    if upper is not None and upper < (lower or PRICE_UNIT):
        return Interval(empty=True)
    return Interval(lower, upper)


def _root(line: Line, inverse: bool) -> Decimal:
    return root_nearest(line[1] / -line[0] if inverse else -line[0] / line[1])


@wide
def _bankruptcy(pool: PoolTerms, position: PositionTerms, share: Share) -> Price | None:
    """One division, last: a price that lies exactly between two of the grid is then seen to."""
    weight, total = share
    loss = position.position.direction * weight * pool.balance
    scale = abs(position.quantity) * position.contract.contract_size * total
    if position.contract.is_inverse:
        divisor = scale + loss * position.mark
        return price_nearest(position.mark * scale / divisor) if divisor > 0 else None
    price = (position.mark * scale - loss) / scale
    return price_nearest(price) if price > 0 else None


def _shares(pool: PoolTerms, assumptions: Assumptions) -> list[Share]:
    """What each position may lose of the pool's balance, in its margin asset and in their order (assumed:
    `bankruptcy-split`). The index of a position's own asset cancels out of a share by weight."""
    if len(pool.positions) == 1 or assumptions.bankruptcy_split == "whole":
        return [(ONE, _index_of(pool, terms)) for terms in pool.positions]
    by_maintenance = assumptions.bankruptcy_split == "maintenance" and pool.maintenance > 0
    weights = [terms.maintenance if by_maintenance else terms.notional for terms in pool.positions]
    pairs = zip(weights, pool.positions, strict=True)
    total = sum((weight * _index_of(pool, terms) for weight, terms in pairs), ZERO)
    return [(weight, total) for weight in weights]


def _index_of(pool: PoolTerms, position: PositionTerms) -> Decimal:
    if pool.kind != "multi":
        return ONE
    return next(terms.index.index for terms in pool.assets if terms.asset == position.contract.margin_asset)
