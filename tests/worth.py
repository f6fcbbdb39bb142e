"""What an account is worth, for tests of the dispute desk: computed here, not by the desk's own `judgement.equity`."""

from collections.abc import Mapping
from decimal import Decimal

from margincall.core.account import Account
from margincall.core.contract import profit
from margincall.core.rounding import exact
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price


@exact
def worth(account: Account, marks: Mapping[str, Price], venue: VenueRules) -> dict[str, Decimal]:
    """By asset: the wallet, and the profit of the open positions at these marks."""
    total: dict[str, Decimal] = dict(account.wallets)
    for position in account.open_positions():
        contract = venue.contract(position.symbol)
        open_profit = profit(contract, position.quantity, position.cost, marks[position.symbol])
        total[contract.margin_asset] = total.get(contract.margin_asset, ZERO) + open_profit
    return total
