"""What a new server begins with: accounts with money, and a key for each."""

from decimal import Decimal

from margincall.exchange import commands
from margincall.server.assembled import Assembled
from margincall.server.keys import Key, issue
from margincall.server.listing import margin_assets

NAMES = ("demo-1", "demo-2")
MONEY = Decimal(10_000)
"""Of each asset that is margin here."""


def begin(built: Assembled) -> list[Key]:
    """Open the first accounts of a server that has issued no key yet, and issue their keys; none if it has."""
    if built.keys.all():
        return []
    venue = built.venue
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
