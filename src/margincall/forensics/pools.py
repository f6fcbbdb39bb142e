"""One pool among others: its terms, where positions of other pools may lack a mark or a bracket table."""

from decimal import Decimal

from margincall.core.account import Account, Marks
from margincall.core.brackets import Bracket, BracketTable
from margincall.core.margin import PoolTerms, Terms, margin
from margincall.core.rules import VenueRules
from margincall.core.units import ONE, ZERO, Price

NO_BRACKETS = BracketTable("", (Bracket(1, ZERO, Decimal("Infinity"), ZERO, ZERO),), "", "")
"""Stands in where no table is known: asks no margin, so that what does not depend on brackets can still be said."""


def terms_of(account: Account, marks: Marks, rules: VenueRules) -> Terms:
    """The terms of all pools where only one counts: a position without a mark or a table gets a placeholder, so that
    those of other pools stop nothing. The caller has seen that its own pool's marks and tables are known."""
    return margin(account, _with_others(marks, account), rules.with_tables(_for_all(account, rules)))


def pool_named(terms: Terms, name: str) -> PoolTerms | None:
    """The pool of that name; none if it is gone."""
    return next((pool for pool in terms.pools if pool.name == name), None)


def is_known(account: Account, marks: Marks, rules: VenueRules, pool: str) -> bool:
    """Whether every open position of a pool has a mark and a bracket table."""
    found = pool_named(terms_of(account, marks, rules), pool)
    symbols = {terms.symbol for terms in found.positions} if found is not None else set()
    return all(symbol in marks.prices and symbol in rules.tables for symbol in symbols)


def _with_others(marks: Marks, account: Account) -> Marks:
    """Positions of other pools play no part; any price lets the formula run over them."""
    others = {position.symbol: Price(ONE) for position in account.open_positions()}
    return Marks({**others, **marks.prices}, marks.indices)


def _for_all(account: Account, rules: VenueRules) -> dict[str, BracketTable]:
    symbols = {position.symbol for position in account.open_positions()}
    return {symbol: NO_BRACKETS for symbol in sorted(symbols) if symbol not in rules.tables}
