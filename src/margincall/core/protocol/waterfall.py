"""The liquidation waterfall: what a venue does with a pool that has reached its maintenance margin.

Cancel, check again, reduce by one order limited by the bankruptcy price, charge the clearance fee, check again, hand
what is left to the insurance fund at the bankruptcy price, as far as it can take it; the rest is deleveraged
(`core/protocol/deleverage.py`) or its loss shared (`core/protocol/losses.py`). `plan` is asked again after each step,
with fresh terms. Rules, sources and what is assumed: `docs/spec/waterfall.md`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.account import Account, PositionSide
from margincall.core.assumptions import Assumptions
from margincall.core.brackets import in_force
from margincall.core.clearance import FeeCap
from margincall.core.contract import Contract, profit, value
from margincall.core.margin import PoolTerms, PositionTerms
from margincall.core.prices import bankruptcy
from margincall.core.protocol.moves import FEES, FUND, Move, move
from margincall.core.remedy import TARGET_RATIO, smallest_close
from margincall.core.rounding import booked, exact, quotient, to_step_down, to_step_up
from margincall.core.units import ONE, ZERO, Collateral, Notional, Price, Quantity

Stage = Literal["triggered", "cancelled", "reduced"]
"""How far a liquidation has come: found, orders cancelled, reducing order done."""
CancelScope = Literal["pool", "account", "none"]
CLEARANCE_INTERVAL_MS = 600_000
"""Time between two clearances of negative balances (FAQ 360033525271: every 10 minutes)."""


class WaterfallRules(Struct, frozen=True, kw_only=True):
    """A venue's waterfall as data; the defaults are Binance's, with what it does not publish assumed.

    `partial_share` and the notionals bound a "share"; `tiers` is how many brackets down a "tier" goes.
    `fund_notional` is the notional that the fund may hold as a share of its equity (published 2019; none: no such
    limit). `fund_share` of a clearance fee goes to the fund, the rest to the fee account. `only_bankrupt`: nothing is
    taken over while the balance is not negative (dYdX: the next block tries to reduce again). `repay_bad_debt`: with
    "deleverage" the fund pays bad debts off when it has money again. `quote_unit`: what a position gives at its
    bankruptcy price is rounded up to a multiple of it (dYdX; none: exact).
    """

    cancel: CancelScope = "pool"
    partial: Literal["restore", "whole", "share", "tier"] = "restore"
    partial_target: Decimal = TARGET_RATIO
    partial_share: Decimal = ONE
    least_notional: Decimal = ZERO
    most_notional: Decimal | None = None
    tiers: int = 1
    order: Literal["maintenance", "notional", "symbol"] = "maintenance"
    limit: Literal["bankruptcy", "fillable"] = "bankruptcy"
    limit_tick: Literal["inside", "outside"] = "inside"
    fillable_adjustment: Decimal = ONE
    fillable_spread: Decimal = Decimal("1.5")
    takeover: Literal["pool", "one-by-one", "none"] = "pool"
    fee: Literal["clearance", "improvement"] = "clearance"
    fee_cap: FeeCap = "collateral-left"
    fund_share: Decimal = ONE
    fund_notional: Decimal | None = ONE
    only_bankrupt: bool = False
    after_fund: Literal["deleverage", "socialise", "claw-back"] = "deleverage"
    repay_bad_debt: bool = True
    quote_unit: Decimal | None = None


class Cancel(Struct, frozen=True, tag=True):
    """Cancel the open orders that belong to `pool` (or, by scope, all of the account's)."""

    pool: str
    scope: CancelScope
    assumptions: tuple[str, ...] = ("cancel-scope",)


class Reduce(Struct, frozen=True, tag=True):
    """One immediate-or-cancel order. `quantity` is signed as a fill is: a sale is negative."""

    symbol: str
    side: PositionSide
    quantity: Quantity
    limit: Price
    whole: bool
    assumptions: tuple[str, ...] = (
        "partial-size", "liquidation-position-order", "bankruptcy-split", "liquidation-limit-tick",
    )  # fmt: skip


class TakeOver(Struct, frozen=True, tag=True):
    """Close all of a position against the fund, or else against deleveraged traders, at `price`. `quantity` is signed
    as a fill is."""

    symbol: str
    side: PositionSide
    quantity: Quantity
    price: Price
    assumptions: tuple[str, ...] = ("bankruptcy-split", "takeover-scope", "fund-takeover-limit")


Step = Cancel | Reduce | TakeOver


class Fund(Struct, frozen=True):
    """The insurance fund before a takeover: equity (wallet and unrealised PnL) in the contract's margin asset, its
    signed quantity of the symbol, and the unsigned notional of all its other positions."""

    equity: Collateral
    held: Quantity = Quantity(ZERO)
    elsewhere: Notional = Notional(ZERO)


class Takeover(Struct, frozen=True):
    """What the fund takes (signed as the position it gets), what is left, and the fund's equity after at the mark."""

    taken: Quantity
    left: Quantity
    equity: Collateral


@exact
def plan(pool: PoolTerms, stage: Stage, assumptions: Assumptions, rules: WaterfallRules) -> tuple[Step, ...]:
    """What the venue does next with `pool`; nothing if it is not (or no longer) at its trigger."""
    if not pool.liquidated:
        return ()
    if stage == "triggered" and rules.cancel != "none":
        return (Cancel(pool.name, rules.cancel),)
    ordered = liquidation_order(pool, rules)
    if stage != "reduced":
        reduce = _reduce(pool, ordered[0], assumptions, rules)
        if reduce is not None:
            return (reduce,)
    if rules.only_bankrupt and pool.balance >= 0:
        return ()
    # Where every position may lose the whole balance, each takeover changes what the next one may lose.
    if rules.takeover == "one-by-one" or assumptions.bankruptcy_split == "whole":
        ordered = ordered[:1]
    return tuple(_take_over(pool, position, assumptions) for position in ordered)


def cancels(order_pool: str, liquidated_pool: str, rules: WaterfallRules) -> bool:
    """Whether an open order whose margin lies in `order_pool` is cancelled when `liquidated_pool` is liquidated; the
    names are those of `PoolTerms` (assumed: `cancel-scope`)."""
    return rules.cancel == "account" or (rules.cancel == "pool" and order_pool == liquidated_pool)


def liquidation_order(pool: PoolTerms, rules: WaterfallRules) -> tuple[PositionTerms, ...]:
    """A pool's positions in the order in which they are liquidated (assumed: `liquidation-position-order`); ties by
    symbol and side."""
    by_name = sorted(pool.positions, key=_name)
    if rules.order == "symbol":
        return tuple(by_name)
    return tuple(sorted(by_name, key=_maintenance if rules.order == "maintenance" else _notional, reverse=True))


@exact
def partial_quantity(
    pool: PoolTerms, position: PositionTerms, assumptions: Assumptions, rules: WaterfallRules
) -> Quantity:
    """How much of a position the reducing order closes, unsigned, a multiple of the lot or all (assumed:
    `partial-size`). All, where no part does what the rule asks."""
    size, lot = abs(position.quantity), position.contract.lot
    closed: Decimal | None = None
    match rules.partial:
        case "restore":
            rate = position.contract.liquidation_fee or ZERO
            closed = smallest_close(pool, position, rate, assumptions, rules.partial_target).quantity
        case "share":
            closed = to_step_down(max(size * rules.partial_share, _quantity_of(position, rules.least_notional)), lot)
            if rules.most_notional is not None:
                closed = min(closed, to_step_down(_quantity_of(position, rules.most_notional), lot))
        case "tier":
            row = in_force(position.table, position.notional)
            below = position.table.rows.index(row) - rules.tiers
            if below >= 0:
                left = to_step_down(_quantity_of(position, position.table.rows[below].cap), lot)
                closed = size - left if left else None
    return Quantity(closed if closed and closed < size else size)


@exact
def limit_price(
    pool: PoolTerms, position: PositionTerms, assumptions: Assumptions, rules: WaterfallRules
) -> Price | None:
    """The reducing order's limit on the tick (assumed: `liquidation-limit-tick`), at least one tick; none where the
    bankruptcy price is nowhere."""
    exactly: Decimal | None = fillable_price(pool, position, rules) if rules.limit == "fillable" else None
    if exactly is None:
        exactly = bankruptcy(pool, position, assumptions)
    if exactly is None:
        return None
    return limit_on_tick(exactly, position.contract.tick, sale=position.quantity > 0, rules=rules)


@exact
def limit_on_tick(price: Decimal, tick: Decimal, *, sale: bool, rules: WaterfallRules) -> Price:
    """The limit of an order of the venue's own that is meant for `price`: inside, a sale's goes up to the tick and a
    purchase's down (assumed: `liquidation-limit-tick`); at least one tick."""
    up = sale == (rules.limit_tick == "inside")
    return Price(max(to_step_up(price, tick) if up else to_step_down(price, tick), tick))


@exact
def fillable_price(pool: PoolTerms, position: PositionTerms, rules: WaterfallRules) -> Decimal | None:
    """dYdX's limit: `(value − a·spread·maintenance) / quantity`, where `a = adjustment · (1 − balance / maintenance of
    the pool)` within 0 and 1. Linear contracts only: none for inverse ones. It may lie below 0: the order's limit is at
    least one tick."""
    if position.contract.is_inverse or not pool.maintenance:
        return None
    a = min(max(rules.fillable_adjustment * (pool.maintenance - pool.balance) / pool.maintenance, ZERO), ONE)
    worth = position.quantity * position.mark - a * rules.fillable_spread * position.maintenance
    return quotient(worth, position.quantity)


@exact
def collateral_left(pool: PoolTerms, asset: str) -> Collateral:
    """What a fee may take: the pool's balance, never below 0, in `asset` at its index (1, but in multi-assets mode)."""
    index = next(terms.index.index for terms in pool.assets if terms.asset == asset)
    return Collateral(quotient(max(pool.balance, ZERO), index))


@exact
def clearance_moves(trader: str, asset: str, fee: Collateral, rules: WaterfallRules) -> tuple[Move, ...]:
    """The clearance fee to the fund, and what is not the fund's share to the fee account (assumed:
    `clearance-fee-share`)."""
    share = booked(fee * rules.fund_share)
    return (
        *move("clearance_fee", trader, FUND, asset, share),
        *move("clearance_fee", trader, FEES, asset, fee - share),
    )


@exact
def improvement(received: Decimal, bankrupt: Decimal, rate: Decimal) -> Collateral:
    """dYdX's penalty: what the fund gets of a fill better than bankruptcy, at most `rate` of the fill; negative what it
    pays for a worse one. `received` and `bankrupt` are signed quote amounts (a purchase costs, so it is negative)."""
    surplus = received - bankrupt
    return Collateral(min(rate * abs(received), surplus) if surplus > 0 else surplus)


@exact
def bankrupt_quote(held: Quantity, quantity: Quantity, bankrupt: Price, unit: Decimal | None = None) -> Decimal:
    """What closing `quantity` (signed as a fill) of a linear position `held` gives at its bankruptcy price, negative
    what it costs; rounded up to a multiple of `unit` (dYdX, toward +∞). Raises `ValueError` for a quantity that is 0,
    of the position's own sign, or more than is held."""
    if not quantity or quantity * held >= 0 or abs(quantity) > abs(held):
        raise ValueError(f"{quantity} closes no part of {held}")
    return _up_to(-quantity * bankrupt, unit)


@exact
def payable_matches(
    matches: Sequence[tuple[Quantity, Price]], bankrupt: Price, fund: Collateral, unit: Decimal | None = None
) -> int:
    """How many of an order's matches, from the first one on, the fund can pay: all before the first one up to which the
    order would be worse than bankruptcy by more than `fund` has. `matches` are signed quantity and price, of a linear
    contract, `unit` as in `bankrupt_quote` (dYdX: a match that the fund cannot pay is not valid)."""
    received, due = ZERO, ZERO
    for number, (quantity, price) in enumerate(matches):
        received -= quantity * price
        due -= quantity * bankrupt
        if _up_to(due, unit) - received > max(fund, ZERO):
            return number
    return len(matches)


@exact
def take_over(
    contract: Contract, quantity: Quantity, price: Price, mark: Price, *, fund: Fund, rules: WaterfallRules
) -> Takeover:
    """How much of a position (signed) the fund takes at `price`: all, or the lots that leave its equity at the mark at
    least 0 and its notional within the limit (assumed: `fund-takeover-limit`)."""
    direction = 1 if quantity > 0 else -1
    one = Quantity(Decimal(direction))
    gain = profit(contract, one, value(contract, one, price), mark)
    unit = abs(value(contract, one, mark))
    most = abs(quantity)
    if gain < 0:
        most = min(most, to_step_down(max(fund.equity, ZERO) / -gain, contract.lot))
    if rules.fund_notional is not None:
        free = max(rules.fund_notional * fund.equity - fund.elsewhere, ZERO)
        most = min(most, max(to_step_down(free / unit - direction * fund.held, contract.lot), ZERO))
    taken = Quantity(direction * most) if rules.takeover != "none" else Quantity(ZERO)
    return Takeover(taken, Quantity(quantity - taken), Collateral(fund.equity + abs(taken) * gain))


@exact
def improvement_moves(trader: str, asset: str, amount: Collateral, rules: WaterfallRules) -> tuple[Move, ...]:
    """The moves of `improvement`, truncated to 8 decimals: what the fills were better is shared as a clearance fee is,
    what they were worse the fund pays alone."""
    whole = booked(amount)
    share = booked(whole * rules.fund_share) if whole > 0 else whole
    return (
        *move("improvement", trader, FUND, asset, share),
        *move("improvement", trader, FEES, asset, whole - share),
    )


def may_clear(account: Account, *, transferred_in: bool) -> bool:
    """Whether a negative balance is cleared by itself: single-asset mode, nothing open, and no own transfer to cover it
    after the liquidation (FAQ 360033525271)."""
    return not account.multi_assets and not transferred_in and next(account.open_positions(), None) is None


def _reduce(pool: PoolTerms, position: PositionTerms, assumptions: Assumptions, rules: WaterfallRules) -> Reduce | None:
    limit = limit_price(pool, position, assumptions, rules)
    if limit is None:
        return None
    closed = partial_quantity(pool, position, assumptions, rules)
    return Reduce(
        symbol=position.symbol,
        side=position.side,
        quantity=Quantity(-position.position.direction * closed),
        limit=limit,
        whole=closed == abs(position.quantity),
    )


def _take_over(pool: PoolTerms, position: PositionTerms, assumptions: Assumptions) -> TakeOver:
    """At the bankruptcy price; where there is none, at the mark (assumed: `no-bankruptcy-price`)."""
    price = bankruptcy(pool, position, assumptions)
    step = TakeOver(position.symbol, position.side, Quantity(-position.quantity), price or position.mark)
    if price is not None:
        return step
    return TakeOver(step.symbol, step.side, step.quantity, step.price, (*step.assumptions, "no-bankruptcy-price"))


def _up_to(amount: Decimal, unit: Decimal | None) -> Decimal:
    return amount if unit is None else to_step_up(amount, unit)


def _quantity_of(position: PositionTerms, notional: Decimal) -> Decimal:
    """The unsigned quantity that is worth `notional` at the mark."""
    return quotient(notional * abs(position.quantity), position.notional)


def _name(position: PositionTerms) -> tuple[str, str]:
    return position.symbol, position.side


def _maintenance(position: PositionTerms) -> Decimal:
    return position.maintenance


def _notional(position: PositionTerms) -> Decimal:
    return position.notional
