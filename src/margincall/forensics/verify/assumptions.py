"""What a verification assumes beside the rules of `core/assumptions.py`, by name. Page: `docs/spec/assumptions.md`."""

from collections.abc import Mapping

from margincall.core.assumptions import BY_ID as OF_THE_RULES
from margincall.core.assumptions import Assumption

CATALOGUE: tuple[Assumption, ...] = (
    Assumption(
        "liquidation-delay",
        "at once: later than the next mark is late",
        (),
        "the venue's own word on how long a liquidation may take",
    ),
    Assumption(
        "adjustment-is-shared-loss",
        "a debit called ADJUSTMENT, booked while others are liquidated, is a loss of theirs",
        (),
        "the venue's own word on the booking",
    ),
    Assumption(
        "clearance-rate-date",
        "a rate holds within a month of the day on which it was seen (exchangeInfo, else 2026-09-15)",
        (),
        "exchangeInfo of the day, `liquidationFee`",
    ),
    Assumption(
        "forced-taker-rate",
        "an order of the venue pays the account's own taker rate of that day",
        (),
        "the venue's fee schedule for liquidation orders",
    ),
    Assumption(
        "recording-whole",
        "between its first and its last message a recorded stream lacks none",
        (),
        "the income history and the trades of the same time",
    ),
    Assumption(
        "margin-after-fee",
        "the fee for an order is charged before the account is looked at again",
        (),
        "the venue's own word on when a liquidation that goes on was triggered again",
    ),
    Assumption(
        "mark-median",
        "between Price 1, the last price, and index with the basis of the last 2.5 minutes",
        (),
        "the mark's own terms at that second, from the venue",
    ),
)
BY_ID: Mapping[str, Assumption] = {**OF_THE_RULES, **{each.id: each for each in CATALOGUE}}
"""All of both catalogues."""
