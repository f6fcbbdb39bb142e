"""What brings a margin pool back to a target ratio: margin to add, or which position to close by how much.

Definitions: `docs/spec/remedy.md`. Binance recommends to stay under a ratio of 80 % (FAQ 360033525271).
"""

from decimal import Decimal

from msgspec import Struct

from margincall.core.account import PositionSide
from margincall.core.assumptions import Assumptions
from margincall.core.contract import value
from margincall.core.curve import Curve, Equity, Leg, survival
from margincall.core.margin import AssetTerms, PoolTerms, PositionTerms, requirement_rate
from margincall.core.rounding import amount_up, exact, to_step_down, to_step_up
from margincall.core.units import ONE, ZERO, Collateral, Price, Quantity

TARGET_RATIO = Decimal("0.8")


class Close(Struct, frozen=True):
    """Close `quantity` (unsigned; none if no quantity reaches the target) of this position at `price`, paying `fee`."""

    symbol: str
    side: PositionSide
    quantity: Quantity | None
    price: Price
    fee: Collateral | None


class Remedy(Struct, frozen=True):
    """Ways to bring `pool` to `target`. `add` maps an asset to the smallest amount that does it alone."""

    pool: str
    target: Decimal
    add: dict[str, Collateral]
    close: tuple[Close, ...]


@exact
def remedy(pool: PoolTerms, taker: Decimal, assumptions: Assumptions, *, target: Decimal = TARGET_RATIO) -> Remedy:
    """The remedies of one pool; `taker` is the fee rate of a market order. Zero amounts where the target is met."""
    assert 0 < target <= 1, "a target ratio lies in (0, 1]"
    missing = pool.maintenance / target - pool.balance
    return Remedy(
        pool=pool.name,
        target=target,
        add={terms.asset: _add(terms, missing, assumptions) for terms in pool.assets},
        close=tuple(smallest_close(pool, terms, taker, assumptions, target) for terms in pool.positions),
    )


def _add(terms: AssetTerms, missing: Decimal, assumptions: Assumptions) -> Collateral:
    """The amount of one asset whose value is `missing`: at ask while the asset is owed, at bid after."""
    if missing <= 0:
        return Collateral(ZERO)
    held = terms.wallet if assumptions.equity_rate == "index-pnl" else terms.wallet + terms.unrealized
    owed = max(-held, ZERO)
    if missing <= owed * terms.index.ask:
        return Collateral(amount_up(missing / terms.index.ask))
    return Collateral(amount_up(owed + (missing - owed * terms.index.ask) / terms.index.bid))


@exact
def smallest_close(
    pool: PoolTerms, terms: PositionTerms, rate: Decimal, assumptions: Assumptions, target: Decimal
) -> Close:
    """The smallest close of one position that meets the target: the largest quantity left at which it is met. `rate` is
    what the close pays of its notional."""
    contract = terms.contract
    price = closing_price(terms)
    gain = _gain_per_unit(terms, price, rate)
    size = abs(terms.quantity)
    closed: Quantity | None = Quantity(ZERO)
    if pool.maintenance > target * pool.balance:
        closed = _smallest_quantity(_target_curve(pool, terms, gain, assumptions, target), size, contract.lot)
    fee = None
    if closed is not None:
        fee = Collateral(abs(value(contract, closed, price)) * rate)
    return Close(terms.symbol, terms.side, closed, price, fee)


def closing_price(terms: PositionTerms) -> Price:
    """The mark rounded to the tick against the account: what a market order is assumed to fill at."""
    tick = terms.contract.tick
    if terms.quantity > 0:
        return Price(max(to_step_down(terms.mark, tick), tick))
    return Price(to_step_up(terms.mark, tick))


def _gain_per_unit(terms: PositionTerms, price: Price, taker: Decimal) -> Decimal:
    """What closing one unit adds to the balance: slippage against the mark, less the fee; at most 0."""
    direction = terms.position.direction
    if terms.contract.is_inverse:
        return terms.contract.contract_size * (direction * (ONE / terms.mark - ONE / price) - taker / price)
    return direction * (price - terms.mark) - taker * price


def _target_curve(
    pool: PoolTerms, terms: PositionTerms, gain: Decimal, assumptions: Assumptions, target: Decimal
) -> Curve:
    """`target · balance − maintenance` of the pool as a function of the quantity left."""
    contract = terms.contract
    size = abs(terms.quantity)
    unit = contract.contract_size / terms.mark if contract.is_inverse else terms.mark
    own = next(each for each in pool.assets if each.asset == contract.margin_asset)
    weight = requirement_rate(own.index, assumptions)
    if pool.kind == "isolated":
        # Balance left is balance·left/size; times size, so that nothing is divided.
        return Curve(ZERO, target * pool.balance, (Leg(unit, terms.table, size),))
    leg = Leg(unit, terms.table, weight)
    rest = pool.maintenance - terms.maintenance * weight
    if own.index.bid == own.index.ask:
        gain *= own.index.bid
        return Curve(target * (pool.balance + size * gain) - rest, -target * gain, (leg,))
    constant = target * (pool.balance - own.value) - rest
    if assumptions.equity_rate == "index-pnl":
        # Profit booked moves from the index to the wallet's rate, so the wallet is the part that bends.
        return _index_pnl_curve(own, terms, gain, target=target, constant=constant, leg=leg)
    equity = own.wallet + own.unrealized + size * gain
    return Curve(constant, ZERO, (Equity(equity, -gain, target * own.index.bid, target * own.index.ask), leg))


def _index_pnl_curve(
    own: AssetTerms, terms: PositionTerms, gain: Decimal, *, target: Decimal, constant: Decimal, leg: Leg
) -> Curve:
    """As `_target_curve`, where unrealised PnL counts at the index and the wallet at bid or ask."""
    size = abs(terms.quantity)
    per_unit = terms.unrealized / size
    wallet = own.wallet + terms.unrealized + size * gain
    index = target * own.index.index
    return Curve(
        constant + index * (own.unrealized - terms.unrealized),
        index * per_unit,
        (Equity(wallet, -gain - per_unit, target * own.index.bid, target * own.index.ask), leg),
    )


def _smallest_quantity(curve: Curve, size: Decimal, lot: Decimal) -> Quantity | None:
    """From a whole position that misses the target: the first quantity left, going down, at which it is met."""
    found = survival(curve, size)
    left = ZERO
    if found.upper is not None:
        left = -found.upper[0] / found.upper[1]
    elif not found.empty:
        return None  # only a larger position would meet the target
    closed = max(to_step_up(size - left, lot), lot)
    if closed > size or curve.at(size - closed) < 0:
        return None
    return Quantity(closed)
