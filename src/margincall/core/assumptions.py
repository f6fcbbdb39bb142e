"""Choices where the venue publishes no rule, as values with a name. The page is `docs/spec/assumptions.md`.

Reports, findings and JSON carry the ids. A verdict is recomputed under each alternative.
"""

from typing import Literal

from msgspec import Struct


class Assumption(Struct, frozen=True):
    """One unpublished rule: what is assumed, what else it could be, and what evidence would settle it."""

    id: str
    default: str
    alternatives: tuple[str, ...]
    settled_by: str


CATALOGUE: tuple[Assumption, ...] = (
    Assumption(
        "trigger-comparison",
        "reached",
        ("below",),
        "a liquidation, or none, at a margin ratio of exactly 100 %",
    ),
    Assumption(
        "bankruptcy-split",
        "maintenance",
        ("notional", "whole"),
        "limit prices of liquidation orders of a cross account with several positions",
    ),
    Assumption(
        "multi-asset-equity-rate",
        "net",
        ("index-pnl",),
        "totalMarginBalance of an account in multi-assets mode with open positions",
    ),
    Assumption(
        "multi-asset-requirement-rate",
        "index",
        ("ask",),
        "totalMaintMargin of an account in multi-assets mode with open positions",
    ),
    Assumption("collateral-moves-with-mark", "proportional", (), "nothing: it is a scenario"),
    Assumption(
        "isolated-release",
        "proportional",
        (),
        "the isolated wallet printed before and after a partial close",
    ),
    Assumption(
        "clearance-fee-cap",
        "collateral-left",
        ("uncapped",),
        "INSURANCE_CLEAR of an account that ends at zero",
    ),
    Assumption("beyond-last-bracket", "last-row", (), "nothing: not reachable by orders"),
    Assumption(
        "displayed-liquidation-price",
        "slope",
        (),
        "liquidationPrice of a hedged account with two finite ends",
    ),
    Assumption("warning-threshold", "0.8", (), "several MARGIN_CALL events with the account's state"),
    Assumption(
        "wallet-back-cast",
        "files-hold-every-change",
        (),
        "a wallet printed before the event (a recorded user-data stream)",
    ),
    Assumption(
        "candle-resolution",
        "passed-through",
        (),
        "the mark price of that second (stream <symbol>@markPrice@1s)",
    ),
    Assumption("bracket-date", "first-seen", (), "an announcement that dates the table"),
    Assumption("bracket-unchanged", "still-in-force", (), "a bracket table dated after the event"),
    Assumption("bracket-rows", "completed-by-recurrence", (), "the whole table, printed by the venue"),
    Assumption("package-version-date", "first-of-month", (), "the date inside the table"),
)

BY_ID = {assumption.id: assumption for assumption in CATALOGUE}


class Assumptions(Struct, frozen=True):
    """The choices in force. Only those that change a number are fields; the rest are recorded by id."""

    trigger: Literal["reached", "below"] = "reached"
    bankruptcy_split: Literal["maintenance", "notional", "whole"] = "maintenance"
    equity_rate: Literal["net", "index-pnl"] = "net"
    requirement_rate: Literal["index", "ask"] = "index"


VERDICT_ALTERNATIVES: tuple[tuple[str, str, Assumptions], ...] = (
    ("trigger-comparison", "below", Assumptions(trigger="below")),
    ("multi-asset-equity-rate", "index-pnl", Assumptions(equity_rate="index-pnl")),
    ("multi-asset-requirement-rate", "ask", Assumptions(requirement_rate="ask")),
)
"""Every single change of assumption that can turn a verdict: id, alternative, choices."""
