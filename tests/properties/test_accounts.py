"""Accounts that are alike: with a flat symbol more, mirrored at their marks, in other units."""

import copy
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.account import Account, Marks, PositionSide
from margincall.core.margin import PoolTerms, margin
from margincall.core.prices import bankruptcy, survival_interval
from margincall.core.remedy import remedy
from margincall.core.rounding import AMOUNT_UNIT, exact
from margincall.core.rounding import PRICE_UNIT as UNIT
from margincall.core.rules import VenueRules
from tests.oracle.agreement import our_answer, to_core
from tests.properties.strategies import State, states

CONTEXT = Context(prec=60)
ZERO = Decimal(0)
OTHER: dict[PositionSide, PositionSide] = {"BOTH": "BOTH", "LONG": "SHORT", "SHORT": "LONG"}


# --- a flat symbol --------------------------------------------------------------------------------------------------


@given(states(), st.booleans())
def test_a_flat_symbol_changes_nothing(state: State, with_mark: bool) -> None:
    """Known to the venue, held by nobody; with or without a mark."""
    symbol = next(iter(state["contracts"]))
    more = copy.deepcopy(state)
    more["contracts"]["FLAT"] = state["contracts"][symbol]
    more["brackets"]["FLAT"] = state["brackets"][symbol]
    if with_mark:
        more["marks"]["FLAT"] = "123.45"
    flat = {"symbol": "FLAT", "side": "BOTH", "quantity": "0", "cost": "0", "margin": "cross", "isolated_wallet": "0"}
    more["positions"].append(flat)
    assert our_answer(more) == our_answer(state)
    account, marks, rules = to_core(more)
    for pool in margin(account, marks, rules).pools:
        interval = survival_interval(pool, "FLAT", rules.assumptions)
        assert (interval.lower, interval.upper, interval.empty) == (None, None, pool.surplus < 0)


# --- long and short -------------------------------------------------------------------------------------------------


@exact
def mirrored(account: Account, marks: Marks, rules: VenueRules) -> Account:
    """Every position turned around, its entry mirrored at the mark, so that it has the same profit.

    Linear: entry e becomes 2·mark − e. Inverse: 1/e becomes 2/mark − 1/e.
    """
    terms = [each for pool in margin(account, marks, rules).pools for each in pool.positions]
    positions = {}
    for each in terms:
        held = each.position
        worth = held.direction * each.notional
        turned = structs.replace(held, side=OTHER[held.side], quantity=-held.quantity, cost=held.cost - 2 * worth)
        positions[turned.key] = turned
    return structs.replace(account, positions=positions)


def shown(pool: PoolTerms, rules: VenueRules) -> tuple[Any, ...]:
    """What must be the same of both: balance, margin, verdict, margin to add."""
    ways = remedy(pool, rules.fees.taker, rules.assumptions)
    return pool.wallet, pool.unrealized, pool.balance, pool.maintenance, pool.ratio, pool.liquidated, ways.add


@given(states())
def test_long_and_short_mirror_at_the_mark(state: State) -> None:
    """Same profit, margin and verdict; the bankruptcy price lies as far on the other side of the mark."""
    account, marks, rules = to_core(state)
    other_account = mirrored(account, marks, rules)
    pools, others = margin(account, marks, rules), margin(other_account, marks, rules)
    for pool in pools.pools:
        first = pool.positions[0] if pool.positions else None
        turned = others.pool_of(first.symbol, OTHER[first.side]) if first is not None else None
        if turned is None:
            continue
        assert shown(turned, rules) == shown(pool, rules)
        for each in pool.positions:
            opposite = next(
                other for other in turned.positions if (other.symbol, other.side) == (each.symbol, OTHER[each.side])
            )
            assert (opposite.notional, opposite.unrealized) == (each.notional, each.unrealized)
            ours = bankruptcy(pool, each, rules.assumptions)
            theirs = bankruptcy(turned, opposite, rules.assumptions)
            assert mirror_each_other(each.mark, ours, theirs, inverse=each.contract.is_inverse)


@exact
def mirror_each_other(mark: Decimal, one: Decimal | None, other: Decimal | None, *, inverse: bool) -> bool:
    """The mark is the middle of both (inverse: of their reciprocals, within what rounding both leaves open).

    Where one does not exist, the other lies beyond twice the mark (inverse: below half of it).
    """
    if one is None or other is None:
        found = one if one is not None else other
        if found is None:
            return False
        return found <= mark / 2 + UNIT if inverse else found >= 2 * mark - UNIT
    if not inverse:
        return one + other == 2 * mark
    blur = UNIT / (one - UNIT) ** 2 + UNIT / (other - UNIT) ** 2 if min(one, other) > UNIT else Decimal("Infinity")
    return abs(1 / one + 1 / other - 2 / mark) <= blur


# --- units ----------------------------------------------------------------------------------------------------------


def times(text: str, exponent: int) -> str:
    """A number in text times a power of ten."""
    return format(Decimal(text).scaleb(exponent, CONTEXT), "f")


def in_smaller_money(state: State, exponent: int) -> State:
    """The same account where everything that is money counts so many powers of ten more.

    Inverse: prices and contract size do, and amounts of coin stay.
    """
    state = copy.deepcopy(state)
    inverse = "inverse" in {contract["kind"] for contract in state["contracts"].values()}
    for contract in state["contracts"].values():
        contract["tick"] = times(contract["tick"], exponent)
        if inverse:
            contract["contract_size"] = times(contract["contract_size"], exponent)
    state["marks"] = {symbol: times(mark, exponent) for symbol, mark in state["marks"].items()}
    return state if inverse else with_amounts(state, exponent)


def in_smaller_lots(state: State, exponent: int) -> State:
    """The same account with so many powers of ten more of everything, at the same prices."""
    state = with_amounts(copy.deepcopy(state), exponent)
    for contract in state["contracts"].values():
        contract["lot"] = times(contract["lot"], exponent)
    for position in state["positions"]:
        position["quantity"] = times(position["quantity"], exponent)
    return state


def with_amounts(state: State, exponent: int) -> State:
    """Wallets, costs and bracket tables times a power of ten."""
    state["wallets"] = {asset: times(amount, exponent) for asset, amount in state["wallets"].items()}
    for position in state["positions"]:
        position["cost"] = times(position["cost"], exponent)
        position["isolated_wallet"] = times(position["isolated_wallet"], exponent)
    for rows in state["brackets"].values():
        for row in rows:
            row[0], row[1], row[3] = (times(row[column], exponent) for column in (0, 1, 3))
    return state


def rounded(text: str, exponent: int, unit: Decimal, direction: str) -> Decimal:
    """A scaled number scaled back and rounded as the rules round the original."""
    return Decimal(text).scaleb(-exponent, CONTEXT).quantize(unit, direction, CONTEXT)


def is_scaled(price: str | None, scaled: str | None, exponent: int, unit: Decimal, direction: str) -> bool:
    """Whether both are the same price, where each is rounded in its own units.

    A root within 1e-24 of a price of the grid is that price, which the finer units may see otherwise, by one of them.
    """
    if price is None or scaled is None:
        return price is scaled
    finer = abs(CONTEXT.subtract(Decimal(scaled).scaleb(-exponent, CONTEXT), Decimal(price)))
    return rounded(scaled, exponent, unit, direction) == Decimal(price) or finer <= unit.scaleb(-exponent)


def check_amounts(pool: dict[str, Any], scaled: dict[str, Any], exponent: int) -> None:
    """Amounts scale exactly; ratio and verdict stay; margin to add is rounded up in finer units."""
    for field in ("wallet", "unrealized_pnl", "balance", "maintenance"):
        assert Decimal(scaled[field]) == Decimal(times(pool[field], exponent)), field
    assert (scaled["ratio"], scaled["liquidated"]) == (pool["ratio"], pool["liquidated"])
    for asset, amount in pool["remedy"]["add"].items():
        assert rounded(scaled["remedy"]["add"][asset], exponent, AMOUNT_UNIT, ROUND_CEILING) == Decimal(amount)


def check_prices(pool: dict[str, Any], scaled: dict[str, Any], exponent: int) -> None:
    """Prices scale; where the rules round, they round in finer units."""
    for each, other in zip(pool["positions"], scaled["positions"], strict=True):
        for field in ("interval", "moving"):
            if each[field] is None:
                continue
            lower, upper = (other[field]["lower"], other[field]["upper"])
            assert is_scaled(each[field]["lower"], lower, exponent, UNIT, ROUND_CEILING)
            assert is_scaled(each[field]["upper"], upper, exponent, UNIT, ROUND_FLOOR)
            assert other[field]["empty"] == each[field]["empty"]
        assert is_scaled(each["displayed"], other["displayed"], exponent, AMOUNT_UNIT, ROUND_FLOOR)
        for split, price in each["bankruptcy"].items():
            if price is not None:
                back = Decimal(other["bankruptcy"][split]).scaleb(-exponent, CONTEXT)
                assert abs(CONTEXT.subtract(back, Decimal(price))) <= UNIT


def check_closes(pool: dict[str, Any], scaled: dict[str, Any], *, quantity: int, price: int) -> None:
    for each, other in zip(pool["remedy"]["close"], scaled["remedy"]["close"], strict=True):
        assert Decimal(other["price"]) == Decimal(times(each["price"], price))
        assert (other["quantity"] is None) == (each["quantity"] is None)
        if each["quantity"] is not None:
            assert Decimal(other["quantity"]) == Decimal(times(each["quantity"], quantity))


@given(states(), st.integers(1, 4))
def test_smaller_money_scales_prices_and_amounts(state: State, exponent: int) -> None:
    inverse = "inverse" in {contract["kind"] for contract in state["contracts"].values()}
    for pool, scaled in zip(our_answer(state), our_answer(in_smaller_money(state, exponent)), strict=True):
        check_amounts(pool, scaled, 0 if inverse else exponent)
        check_prices(pool, scaled, exponent)
        check_closes(pool, scaled, quantity=0, price=exponent)
        assert [*scaled["collateral"].values()] == [*pool["collateral"].values()]


@given(states(linear=True), st.integers(1, 4))
def test_more_of_everything_leaves_prices(state: State, exponent: int) -> None:
    for pool, scaled in zip(our_answer(state), our_answer(in_smaller_lots(state, exponent)), strict=True):
        check_amounts(pool, scaled, exponent)
        check_prices(pool, scaled, 0)
        check_closes(pool, scaled, quantity=exponent, price=0)
        assert [*scaled["collateral"].values()] == [*pool["collateral"].values()]
