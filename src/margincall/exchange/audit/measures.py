"""What the laws measure at a moment: wallets, profits, the fund, and who is at the trigger."""

from decimal import Decimal

from margincall.core.contract import gain, value
from margincall.core.margin import PoolTerms
from margincall.core.protocol.moves import FUND
from margincall.exchange.audit.shadow import Around, Moment, traders
from margincall.exchange.events import LiquidationStarted

ZERO = Decimal(0)
TINY = Decimal("1e-30")
CENT = Decimal("1e-7")
"""What truncated profits and rounded prices may leave of a balance: each booking at most 1e-8."""


def wallet(moment: Moment, name: str, asset: str) -> Decimal:
    """What an account holds of an asset at a moment."""
    return moment.accounts[name].wallets.get(asset, ZERO)


def is_flat(moment: Moment, name: str) -> bool:
    """Whether nothing is open."""
    return next(moment.accounts[name].open_positions(), None) is None


def pool_name(around: Around, number: int) -> str:
    """The pool of a liquidation, by its number."""
    return next(event.pool for event in around.events
                if isinstance(event, LiquidationStarted) and event.number == number)  # fmt: skip


def profit_of(around: Around, moment: Moment, name: str, asset: str) -> Decimal:
    """Unrealised PnL of an account's positions with that margin asset, at the marks."""
    venue, total = around.rules.venue, ZERO
    for position in moment.accounts[name].open_positions():
        contract = venue.contract(position.symbol)
        if contract.margin_asset == asset:
            worth = value(contract, position.quantity, moment.marks.prices[position.symbol])
            total += gain(contract, position.cost, worth)
    return total


def fund_equity(around: Around, moment: Moment, asset: str) -> Decimal:
    """The fund's wallet and the unrealised PnL of what it took over, at the marks."""
    return wallet(moment, FUND, asset) + profit_of(around, moment, FUND, asset)


def at_trigger(around: Around, moment: Moment) -> dict[tuple[str, str], PoolTerms]:
    """Every pool that is at its trigger at a moment: a full scan."""
    found = {}
    for name in traders(moment.accounts):
        for pool in around.shadow.terms(name, moment).pools:
            if pool.liquidated:
                found[name, pool.name] = pool
    return found
