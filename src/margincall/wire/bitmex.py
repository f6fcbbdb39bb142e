"""Rows of BitMEX's wallet history -> flows, and the wallet balance that each row prints.

One ledger per currency, in the venue's smallest units: XBt is 1e-8 bitcoin, USDt 1e-6 tether, BMEx 1e-6 of the venue's
token (BitMEX API, `/wallet/assets`). `amount` is signed from the wallet's view and `fee` is already inside it. Events
stand at `timestamp`, when the venue booked the row; `transactTime`, when it was asked for, is not in order and not
read. Rows of one (currency, timestamp) all print the balance at the end of the group, or each its own:
`docs/spec/other_venues.md`.
"""

from collections.abc import Mapping
from decimal import Decimal

from margincall.core.events import AnyEvent, BalancePrint, Category, Flow, Statement
from margincall.core.units import ZERO
from margincall.wire.iso_time import time_in
from margincall.wire.row import Keys, Notes, Row

WALLET_HISTORY = Keys(
    "BitMEX wallet history",
    {
        "time": ("timestamp",),
        "type": ("transactType",),
        "status": ("transactStatus",),
        "currency": ("currency",),
        "amount": ("amount",),
        "balance": ("walletBalance",),
    },
    frozenset({"transactTime", "fee", "marginBalance", "transactID", "account", "address", "tx", "text", "network"}),
)

UNITS: Mapping[str, tuple[str, int]] = {"XBt": ("XBT", 8), "USDt": ("USDT", 6), "BMEx": ("BMEX", 6)}
"""Currency of the ledger -> the asset, and the decimals that its smallest unit stands for."""

CAUSES: Mapping[str, Category] = {
    "Deposit": "transfer",
    "Withdrawal": "transfer",
    "Transfer": "transfer",
    "RealisedPNL": "realized_pnl",
    "Funding": "funding",
    "Conversion": "conversion",
    "SpotTrade": "conversion",
    "AffiliatePayout": "rebate",
}
"""`transactType` -> cause. Realised profit is net of fees here, and before October 2024 of funding too: the venue
booked them in one row, and they cannot be told apart."""

IS_BOOKED: Mapping[str, bool] = {"COMPLETED": True, "CANCELED": False}
"""`transactStatus`: a cancelled withdrawal keeps its amount in the history and moves nothing."""


def wallet_history(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """One row -> a `Flow` and the `Statement` of the balance. Raises `BadRow`.

    An unknown `transactType` is applied with the cause "unknown", and noted.
    """
    read = Row(dict(row), WALLET_HISTORY, notes)
    asset, places = _unit(read)
    kind, amount = read.text("type"), _whole(read, "amount", places)
    if kind not in CAUSES:
        notes.problem(f"{read.keys.label}: type {kind!r} is not known; its amount is applied", "unknown-type")
    is_booked = read.chosen("status", IS_BOOKED)
    time_ms = time_in(read)
    flow = Flow(
        time_ms=time_ms,
        source=notes.source,
        applied={asset: amount if is_booked else ZERO},
        category=CAUSES.get(kind, "unknown"),
        reason=kind if is_booked else f"{kind} {read.text('status')}",
    )
    if "balance" not in read:
        return [flow]
    balance = BalancePrint(asset, wallet=_whole(read, "balance", places))
    statement = Statement(time_ms=time_ms, source=notes.source, origin="update", about=flow.reason, balances=(balance,))
    return [flow, statement]


def _unit(row: Row) -> tuple[str, int]:
    currency = row.text("currency")
    if currency not in UNITS:
        raise row.bad("currency", f"the unit of {currency!r} is not known; known are {', '.join(UNITS)}")
    return UNITS[currency]


def _whole(row: Row, name: str, places: int) -> Decimal:
    """A whole number of smallest units, in units of the asset."""
    return Decimal(row.integer(name)).scaleb(-places)
