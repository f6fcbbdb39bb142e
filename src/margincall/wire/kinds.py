"""Account kinds that the rules do not cover, recognised from the venue's own words.

Each mark found becomes an `Unmodelled` value; whoever computes refuses the account with its reason instead of
treating it as a classic one. Sources: Binance documentation (portfolio margin, strategy updates, income types).
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from margincall.core.events import Source

Kind = Literal["portfolio_margin", "credits", "bonus", "strategy", "auto_margin"]

REASONS: Mapping[Kind, str] = {
    "portfolio_margin": "portfolio margin: spot, margin and both futures accounts are liquidated together",
    "credits": "credits mode: losses are settled in credits (BNFCR), not in the margin asset",
    "bonus": "bonus funds: part of the wallet can be lost but not withdrawn, and is taken back on its own terms",
    "strategy": "a copy-trade or grid sub-account: the strategy moves margin by rules of its own",
    "auto_margin": "auto-added margin: an isolated position draws on the cross wallet before it is liquidated",
}
"""Why an account of this kind is not computed as a classic one."""

PORTFOLIO_KEYS = frozenset(
    {"uniMMR", "accountEquity", "actualEquity", "crossMarginAsset", "umWalletBalance", "cmWalletBalance"}
)
"""Keys that only answers of portfolio margin have (`/papi/v1/account`, `/papi/v1/balance`)."""

STREAM_KINDS: Mapping[str, Kind] = {
    "riskLevelChange": "portfolio_margin",
    "RISK_LEVEL_CHANGE": "portfolio_margin",
    "PM_PRO_ACCOUNT_UPDATE": "portfolio_margin",
    "uniMMRDrop": "portfolio_margin",
    "liabilityChange": "portfolio_margin",
    "openOrderLoss": "portfolio_margin",
    "CONDITIONAL_ORDER_TRADE_UPDATE": "portfolio_margin",
    "GRID_UPDATE": "strategy",
    "STRATEGY_UPDATE": "strategy",
}
"""Stream messages that only accounts of such a kind receive."""

INCOME_KINDS: Mapping[str, Kind] = {
    "WELCOME_BONUS": "bonus",
    "STRATEGY_UMFUTURES_TRANSFER": "strategy",
}
"""Income types whose nonzero rows show such a kind."""

CREDIT_ASSETS = frozenset({"BNFCR"})
"""Assets that are held in credits mode only."""


class Unmodelled(Struct, frozen=True):
    """A mark of an account kind that is not modelled: `reason` says what was seen and what it means.

    `symbol` is given where only positions of one symbol are concerned.
    """

    kind: Kind
    reason: str
    source: Source
    symbol: str = ""


def unmodelled(kind: Kind, seen: str, source: Source, symbol: str = "") -> Unmodelled:
    """The finding for `seen`, the venue's word in the file."""
    return Unmodelled(kind, f"{seen}: {REASONS[kind]}", source, symbol)
