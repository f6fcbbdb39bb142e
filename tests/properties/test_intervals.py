"""Survival intervals: what lies inside survives, what lies outside does not, and more margin never narrows one."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.account import Account, Marks
from margincall.core.events import Setting
from margincall.core.fold import fold
from margincall.core.margin import PoolTerms, Terms, margin
from margincall.core.prices import Interval, collateral_interval, prices, survival_interval
from margincall.core.rules import VenueRules
from tests.oracle.agreement import to_core
from tests.properties.exact import TINY, UNIT, decimal, grid, is_within, surplus_at
from tests.properties.strategies import State, decimals, states

FACTORS = [
    Fraction(1, 10**6),
    Fraction(1, 2),
    Fraction(99, 100),
    Fraction(1),
    Fraction(101, 100),
    Fraction(2),
    Fraction(10**6),
]


class Line(NamedTuple):
    """An interval, the present price of what it is about, and the exact surplus as a function of that price."""

    name: str
    interval: Interval
    present: Fraction
    surplus: Callable[[Fraction], Fraction]


def lines(terms: Terms, rules: VenueRules) -> Iterator[Line]:
    """Every interval of an account: of each symbol (index fixed and moving), and of each collateral."""
    for pool in terms.pools:
        for symbol in {each.symbol: None for each in pool.positions}:
            yield by_mark(pool, symbol, rules)
            if pool.kind == "multi":
                yield by_mark(pool, symbol, rules, moving=True)
        for asset in pool.assets if pool.kind == "multi" else ():
            yield by_index(pool, asset.asset, rules)


def by_mark(pool: PoolTerms, symbol: str, rules: VenueRules, *, moving: bool = False) -> Line:
    present = next(Fraction(each.mark) for each in pool.positions if each.symbol == symbol)
    base = rules.contract(symbol).base
    interval = survival_interval(pool, symbol, rules.assumptions, moving=moving)

    def surplus(price: Fraction) -> Fraction:
        scaled = {base: price / present} if moving else {}
        return surplus_at(pool, rules.assumptions, prices={symbol: price}, scaled=scaled)

    return Line(f"{pool.name} {symbol} {moving}", interval, present, surplus)


def by_index(pool: PoolTerms, asset: str, rules: VenueRules) -> Line:
    present = next(Fraction(each.index.index) for each in pool.assets if each.asset == asset)
    interval = collateral_interval(pool, asset, rules.assumptions)

    def surplus(price: Fraction) -> Fraction:
        return surplus_at(pool, rules.assumptions, scaled={asset: price / present})

    return Line(f"{pool.name} {asset}", interval, present, surplus)


def core(state: State) -> tuple[Terms, Account, Marks, VenueRules]:
    account, marks, rules = to_core(state)
    return margin(account, marks, rules), account, marks, rules


@given(states())
def test_the_ratio_passes_one_at_an_end_within_a_unit(state: State) -> None:
    """The end as shown survives, the price a unit further out does not: the root lies between."""
    terms, _, _, rules = core(state)
    for line in lines(terms, rules):
        for end, out in ((line.interval.lower, -1), (line.interval.upper, 1)):
            if end is not None:
                price = Fraction(end)
                assert line.surplus(price - out * TINY) >= 0, line
                beyond = price + out * (UNIT + TINY)
                assert beyond <= 0 or line.surplus(beyond) < 0, line


@given(states(), st.lists(st.fractions(0, 1, max_denominator=100), min_size=1, max_size=4))
def test_inside_is_safe_and_outside_is_not(state: State, places: list[Fraction]) -> None:
    terms, _, _, rules = core(state)
    for line in lines(terms, rules):
        lower, upper = line.interval.lower, line.interval.upper
        tried = [line.present * factor for factor in FACTORS]
        if lower is not None and upper is not None:
            tried += [Fraction(lower) + place * (Fraction(upper) - Fraction(lower)) for place in places]
        for price in map(grid, tried):
            if line.interval.contains(decimal(price)):
                assert max(map(line.surplus, (price - TINY, price, price + TINY))) >= 0, (line, price)
            else:
                assert line.surplus(price) < 0, (line, price)


@given(states(), decimals(0, 10**9, 8).filter(bool), st.integers(-8, 0))
def test_adding_margin_never_narrows(state: State, amount: Decimal, exponent: int) -> None:
    """One asset, or one isolated position, gets more."""
    terms, account, marks, rules = core(state)
    amount = amount.scaleb(exponent)
    for pool in terms.pools:
        for asset in pool.assets:
            richer = add(account, pool, asset.asset, amount)
            after = {line.name: line.interval for line in lines(margin(richer, marks, rules), rules)}
            for line in lines(terms, rules):
                assert is_within(line.interval, after[line.name]), (line, asset.asset)


def add(account: Account, pool: PoolTerms, asset: str, amount: Decimal) -> Account:
    """The account with more money in one asset; in the isolated wallet, if the pool is one."""
    account = structs.replace(account, wallets={**account.wallets, asset: account.wallets.get(asset, 0) + amount})
    if pool.kind != "isolated":
        return account
    (terms,) = pool.positions
    held = structs.replace(terms.position, isolated_wallet=terms.position.isolated_wallet + amount)
    return structs.replace(account, positions={**account.positions, held.key: held})


@given(states(), st.integers(1, 125))
def test_leverage_changes_no_interval(state: State, leverage: int) -> None:
    """Neither of a cross pool nor of an isolated one with its wallet as it is."""
    terms, account, marks, rules = core(state)
    changed = account
    for number, symbol in enumerate(state["contracts"]):
        setting = Setting(time_ms=number, symbol=symbol, leverage=max(leverage - number, 1))
        changed = fold(changed, setting, rules)
    after = margin(changed, marks, rules)
    assert changed.leverage
    assert after == terms
    assert prices(after, marks, rules) == prices(terms, marks, rules)
