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
    Assumption(
        "index-median",
        "unweighted",
        ("weighted",),
        "constituents with an outlier, and the index of that moment",
    ),
    Assumption(
        "index-stale-source",
        "from five minutes on, the other weights scaled to one",
        ("after five minutes",),
        "constituents with a source that does not update, and the index of that moment",
    ),
    Assumption(
        "mark-digits",
        "truncated",
        ("half-even",),
        "index and mark of a delivery contract with the book of each second",
    ),
    Assumption("mark-missing-term", "left-out", (), "the first marks of a new listing"),
    Assumption(
        "mark-window-date",
        "2025-01-01",
        (),
        "the announcement that shortened the window from 2.5 minutes to one",
    ),
    Assumption(
        "last-price-limit",
        "5 % from the mark before",
        (),
        "marks of a contract under last-price protection, with its trades",
    ),
    Assumption(
        "impact-thin-book",
        "average-of-what-there-is",
        ("no-sample",),
        "premium index and book of a contract with little in it",
    ),
    Assumption(
        "funding-cap-order",
        "after-division",
        ("before-division",),
        "a rate at the cap of a contract that funds every four hours",
    ),
    Assumption(
        "funding-rate-digits",
        "truncated",
        ("half-even",),
        "the premium index of a whole interval and the rate that followed",
    ),
    Assumption(
        "cancel-scope",
        "pool",
        ("account",),
        "orders on other symbols that expired, or did not, at the liquidation of an isolated position",
    ),
    Assumption(
        "partial-size",
        "restore",
        ("whole", "share", "tier"),
        "sizes of liquidation orders of accounts that survived them",
    ),
    Assumption(
        "liquidation-position-order",
        "maintenance",
        ("notional", "symbol"),
        "liquidation orders of cross accounts with several positions",
    ),
    Assumption(
        "liquidation-limit-tick",
        "inside",
        ("outside",),
        "the limit price of a liquidation order of an isolated account whose collateral is known",
    ),
    Assumption("no-bankruptcy-price", "mark", (), "a takeover of an account that no price could save"),
    Assumption(
        "takeover-scope",
        "pool",
        ("one-by-one",),
        "liquidations of cross accounts with several positions",
    ),
    Assumption(
        "clearance-fee-share",
        "all to the fund",
        (),
        "daily balances of the fund beside all clearance fees of the day",
    ),
    Assumption(
        "fund-takeover-limit",
        "notional up to the fund's equity, which stays at least 0",
        ("equity only",),
        "positions of the fund and deleveragings of the same minute",
    ),
    Assumption(
        "deleveraging-pnl",
        "position",
        ("pool",),
        "quantiles of a cross account with several positions",
    ),
    Assumption("deleveraging-ties", "account", (), "nothing: it is an order among equals"),
    Assumption(
        "deleveraging-lights",
        "accounts",
        ("quantity",),
        "the quantiles of all holders of a contract at one moment",
    ),
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
