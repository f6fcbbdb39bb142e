"""One account for both sides of the comparison: cross positions, long and short, of different symbols and sizes.

Deterministic, plain numbers; each side makes its own values of it. The brackets are the ones that the peer ships.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from margincall.core.account import Account, Marks, Position
from margincall.core.brackets import Bracket, BracketTable, problems
from margincall.core.rules import VenueRules
from margincall.core.units import Collateral, Price, Quantity
from margincall.venues.binance_usdm import rules

LEVERAGE = 10


class Held(NamedTuple):
    """A position: signed quantity, entry and mark, as text that both sides read."""

    pair: str
    symbol: str
    quantity: str
    entry: str
    mark: str


def held(tiers: dict[str, Any], count: int) -> list[Held]:
    """`count` positions in the symbols of the tiers, notionals of 2,000 to 62,000, every third one short."""
    pairs = sorted(pair for pair in tiers if pair.endswith("/USDT:USDT") and is_sound(tiers[pair]))[:count]
    found = []
    for number, pair in enumerate(pairs):
        entry = Decimal(100 + 7 * number % 900)
        notional = Decimal(2000) * (1 + number * number % 31)
        quantity = (notional / entry).quantize(Decimal("0.001"))
        sign = -1 if number % 3 == 2 else 1
        mark = entry * (Decimal("0.99") if number % 2 else Decimal("1.01"))
        found.append(Held(pair, pair.split("/")[0] + "USDT", str(sign * quantity), str(entry), str(mark)))
    return found


def wallet_of(positions: list[Held]) -> Decimal:
    """A wallet of a tenth of all notionals: alive, and near enough to a liquidation price in most symbols."""
    return sum((abs(Decimal(each.quantity)) * Decimal(each.entry) for each in positions), Decimal(0)) / LEVERAGE


def ours(tiers: dict[str, Any], positions: list[Held]) -> tuple[Account, Marks, VenueRules]:
    """The account in our values."""
    tables = {each.symbol: BracketTable(each.symbol, rows_of(tiers[each.pair]), "", "peer") for each in positions}
    account = Account(
        wallets={"USDT": Collateral(wallet_of(positions))},
        positions={
            (each.symbol, "BOTH"): Position(
                each.symbol, "BOTH", Quantity(Decimal(each.quantity)), Decimal(each.quantity) * Decimal(each.entry)
            )
            for each in positions
        },
    )
    marks = Marks({each.symbol: Price(Decimal(each.mark)) for each in positions})
    return account, marks, rules([each.symbol for each in positions], tables, day="2026-09-01")


def rows_of(tiers: list[dict[str, Any]]) -> tuple[Bracket, ...]:
    """The peer's tiers as bracket rows."""
    return tuple(
        Bracket(
            number,
            Decimal(str(row["info"]["notionalFloor"])),
            Decimal(str(row["info"]["notionalCap"])),
            Decimal(str(row["info"]["maintMarginRatio"])),
            Decimal(str(row["info"]["cum"])),
        )
        for number, row in enumerate(tiers, 1)
    )


def is_sound(tiers: list[dict[str, Any]]) -> bool:
    """Whether the rows satisfy the recurrence."""
    return not problems(rows_of(tiers))
