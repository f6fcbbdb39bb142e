"""Small accounts for the tests of the waterfall: a contract, one table, positions, and the pool they give."""

from collections.abc import Mapping
from decimal import Decimal

from margincall.core.account import Account, Marks, Position
from margincall.core.assumptions import Assumptions
from margincall.core.brackets import Bracket, BracketTable, recurrence
from margincall.core.contract import Contract, value
from margincall.core.margin import PoolTerms, margin
from margincall.core.rules import FeeRates, VenueRules

D = Decimal


def contract(symbol: str = "BTCUSDT", *, fee: str | None = None, lot: str = "0.001", tick: str = "0.1") -> Contract:
    """A linear contract margined in USDT."""
    return Contract(
        symbol, "linear", symbol.removesuffix("USDT"), "USDT", "USDT", D(tick), D(lot),
        liquidation_fee=D(fee) if fee is not None else None,
    )  # fmt: skip


def inverse(symbol: str = "BTCUSD_PERP", size: str = "1") -> Contract:
    """An inverse contract of so many quote units, margined in BTC."""
    return Contract(symbol, "inverse", "BTC", "USD", "BTC", D("0.1"), D(1), contract_size=D(size), entry_places=8)


def table(symbol: str, *rows: tuple[str, str]) -> BracketTable:
    """A table of (cap, rate)."""
    made: list[Bracket] = []
    for number, (cap, rate) in enumerate(rows, 1):
        floor = made[-1].cap if made else D(0)
        row = Bracket(number, floor, D(cap), D(rate), D(0))
        made.append(row if not made else Bracket(number, floor, D(cap), D(rate), recurrence(made[-1], row)))
    return BracketTable(symbol, tuple(made), "2026-01-01", "made up")


def rules(
    *contracts: Contract, rows: tuple[tuple[str, str], ...], assumptions: Assumptions | None = None
) -> VenueRules:
    """A venue of these contracts with one table for all."""
    return VenueRules(
        "test",
        {each.symbol: each for each in contracts},
        {each.symbol: table(each.symbol, *rows) for each in contracts},
        FeeRates(D("0.0002"), D("0.0005")),
        assumptions or Assumptions(),
    )


def held(listed: Contract, quantity: str, price: str, *, isolated: str | None = None) -> Position:
    """A position at one entry price, cross or with an isolated wallet."""
    amount = D(quantity)
    return Position(
        listed.symbol,
        quantity=amount,
        cost=value(listed, amount, D(price)),
        margin="cross" if isolated is None else "isolated",
        isolated_wallet=D(isolated or 0),
    )


def pool(venue: VenueRules, wallet: str, marks: Mapping[str, str], *positions: Position) -> PoolTerms:
    """The only pool with positions of an account with these positions."""
    asset = next(iter(venue.contracts.values())).margin_asset
    account = Account({asset: D(wallet)}, {each.key: each for each in positions})
    terms = margin(account, Marks({symbol: D(price) for symbol, price in marks.items()}), venue)
    (found,) = (each for each in terms.pools if each.positions)
    return found
