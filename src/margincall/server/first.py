"""What a new server begins with: accounts with money, a key for each, and what their money is worth as collateral."""

from decimal import Decimal

from margincall.exchange import commands
from margincall.server.assembled import Assembled
from margincall.server.keys import Key, issue
from margincall.server.listing import margin_assets
from margincall.server.venue import Venue

NAMES = ("demo-1", "demo-2")
MONEY = Decimal(10_000)
"""Of each asset that is margin here."""

DOLLAR, BUFFER = Decimal(1), Decimal("0.0001")
"""What a dollar coin is worth as collateral of multi-assets mode: 99.99 % where it is had, 100.01 % where it is owed
(assumed: `dollar-index`)."""


def begin(built: Assembled) -> list[Key]:
    """Open the first accounts of a server that has issued no key yet, and issue their keys; none if it has. In any case
    the exchange learns an index of each dollar coin that is margin here, without which none could enter multi-assets
    mode."""
    venue = built.venue
    _index_dollars(venue)
    if built.keys.all():
        return []
    found = []
    for name in NAMES:
        if name not in venue.state.traders:
            venue.carry_out(commands.OpenAccount(account=name))
            for asset in margin_assets(venue.state.rules.venue.contracts):
                venue.carry_out(commands.Transfer(account=name, asset=asset, amount=MONEY))
        found.append(issue(name))
    venue.engine.sync()
    for key in found:
        built.keys.add(key)
    return found


def _index_dollars(venue: Venue) -> None:
    contracts = venue.state.rules.venue.contracts
    linear = margin_assets({symbol: each for symbol, each in contracts.items() if not each.is_inverse})
    for asset in linear:
        if asset not in venue.state.indices:
            venue.carry_out(commands.SetAssetIndex(asset=asset, index=DOLLAR, bid=DOLLAR - BUFFER, ask=DOLLAR + BUFFER))
