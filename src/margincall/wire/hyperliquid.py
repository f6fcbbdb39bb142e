"""Rows of Hyperliquid's sample of 2023 -> events: fills, deposits and withdrawals, liquidations.

Each file holds many accounts; the account is `user`. Sizes are base units, prices and amounts US dollars (the file's
word; the collateral was a stable coin). The sample prints no fee, no funding and no mark price, so wallets folded from
it miss them: `docs/spec/other_venues.md`.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Fill, Flow, Statement, TotalsPrint
from margincall.core.units import ZERO
from margincall.venues import elsewhere
from margincall.wire.iso_time import time_in
from margincall.wire.row import FLAGS, Keys, Notes, Row

CURRENCY = "USD"
LIQUIDATED = "liquidation"
"""How what is said about a statement begins that is printed with a liquidation."""
BOUGHT: Mapping[str, bool] = {"BID": True, "ASK": False}
"""`side` is the account's own: Bid buys."""
LEVERAGE_TYPES: Mapping[str, str] = {"CROSS": "Cross", "ISOLATED": "Isolated"}

TRADE = Keys(
    "Hyperliquid trades",
    {
        "time": ("time",),
        "user": ("user",),
        "coin": ("coin",),
        "side": ("side",),
        "price": ("px",),
        "size": ("sz",),
        "crossed": ("crossed",),
    },
)
LEDGER = Keys("Hyperliquid ledger", {"time": ("time",), "user": ("user",), "delta": ("delta_usd",)})
LIQUIDATION = Keys(
    "Hyperliquid liquidations",
    {
        "time": ("time",),
        "user": ("user",),
        "notional": ("liquidated_ntl_pos",),
        "value": ("liquidated_account_value",),
        "leverage_type": ("leverage_type",),
    },
)


class Liquidation(Struct, frozen=True):
    """What the venue printed about one liquidation: `notional` and `value` in US dollars, at that moment's mark."""

    time_ms: int
    account: str
    notional: Decimal
    value: Decimal
    leverage_type: str


def trade(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of the fills -> a `Fill`, and the coin's contract. No trade id is printed: equal rows are true partial
    fills. Raises `BadRow`."""
    read = Row(dict(row), TRADE, notes)
    size, coin = read.decimal("size"), read.text("coin")
    if size <= ZERO:
        raise read.bad("size", f"a traded size of {size}")
    notes.contracts.append(contract(coin))
    return [
        Fill(
            time_ms=time_in(read),
            source=notes.source,
            account=read.text("user"),
            symbol=coin,
            side="BOTH",
            quantity=size if read.chosen("side", BOUGHT) else -size,
            price=read.price("price"),
            trade_id="",
            maker=not read.chosen("crossed", FLAGS),
        )
    ]


def ledger(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of deposits and withdrawals -> a `Flow`; positive is a deposit. Raises `BadRow`."""
    read = Row(dict(row), LEDGER, notes)
    delta = read.decimal("delta")
    return [
        Flow(
            time_ms=time_in(read),
            source=notes.source,
            account=read.text("user"),
            applied={CURRENCY: delta},
            category="transfer",
            reason="deposit" if delta >= ZERO else "withdrawal",
        )
    ]


def liquidation(row: Mapping[str, str], notes: Notes) -> list[AnyEvent]:
    """A row of the liquidations -> a `Statement` of the account value. The notional has no place in an event:
    `liquidation_of` gives both. Raises `BadRow`."""
    found = liquidation_of(row, notes)
    return [
        Statement(
            time_ms=found.time_ms,
            source=notes.source,
            account=found.account,
            origin="margin_call",
            about=f"{LIQUIDATED} {found.leverage_type}",
            totals=TotalsPrint(balance=found.value),
        )
    ]


def liquidation_of(row: Mapping[str, str], notes: Notes) -> Liquidation:
    """A row of the liquidations as a value. Raises `BadRow`."""
    read = Row(dict(row), LIQUIDATION, notes)
    return Liquidation(
        time_ms=time_in(read),
        account=read.text("user"),
        notional=read.decimal("notional"),
        value=read.decimal("value"),
        leverage_type=read.chosen("leverage_type", LEVERAGE_TYPES),
    )


def contract(coin: str) -> Contract:
    """The perpetual of a coin: linear, in dollars."""
    return elsewhere.contract(coin, "linear", coin, CURRENCY)
