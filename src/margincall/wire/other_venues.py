"""The CSV shapes of other venues: which header names tell a file, and which reader reads its rows."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from margincall.core.events import AnyEvent
from margincall.wire import bitmex, canonical, hyperliquid
from margincall.wire.row import Notes

RowReader = Callable[[Mapping[str, str], Notes], list[AnyEvent]]


class Shape(NamedTuple):
    """A file is of this shape if its header has all `needed` names."""

    name: str
    needed: frozenset[str]
    read: RowReader


SHAPES: tuple[Shape, ...] = (
    Shape(
        "BitMEX wallet history",
        frozenset({"timestamp", "transactType", "transactStatus", "currency", "amount", "walletBalance"}),
        bitmex.wallet_history,
    ),
    Shape("Hyperliquid trades", frozenset({"time", "user", "coin", "side", "px", "sz", "crossed"}), hyperliquid.trade),
    Shape("Hyperliquid ledger", frozenset({"time", "user", "delta_usd"}), hyperliquid.ledger),
    Shape(
        "Hyperliquid liquidations",
        frozenset({"time", "user", "liquidated_ntl_pos", "liquidated_account_value", "leverage_type"}),
        hyperliquid.liquidation,
    ),
    Shape("canonical fills", canonical.FILL_NEEDED, canonical.fill),
    Shape("canonical flows", canonical.FLOW_NEEDED, canonical.flow),
    Shape("canonical marks", canonical.MARK_NEEDED, canonical.mark),
)
"""The first that fits."""
