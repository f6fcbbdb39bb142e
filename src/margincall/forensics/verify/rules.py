"""The rules that checks go by: text, where it stands, of which day, and how firm. One home for each.

The text of the Liquidation Protocols is that of 2020 to 2022 and of a later, nearly equal copy; the page itself says
that it was updated on 2024-05-29.
"""

from collections.abc import Mapping

from msgspec import Struct


class Rule(Struct, frozen=True):
    """A rule in one sentence, its source, the day of the text ("undated" where it bears none), and how firm it is:
    "published"; "inferred" from printed numbers or from what such an order or booking means."""

    text: str
    source: str
    since: str = "undated"
    firm: str = "published"


UPDATED = "2024-05-29"
LIQUIDATION = "FAQ 360033525271, Liquidation Protocols"
MARK = "FAQ 360033525071, Mark Price and Price Index"
FUNDING = "FAQ 360033525031, Funding Rates"
DELEVERAGING = "FAQ 360033525471, Auto-Deleveraging"
FUND = "FAQ 360033525371, Insurance Fund"
API = "API documentation, USDⓈ-M Futures"

RULES: Mapping[str, Rule] = {
    "trigger": Rule(
        "a position is liquidated when the margin balance at the mark price has fallen to the maintenance margin or "
        "below (two texts differ on the equal case)",
        LIQUIDATION,
        UPDATED,
    ),
    "maintenance": Rule(
        "maintenance margin = notional at the mark price × rate of its bracket − maintenance amount",
        "FAQ b3c689c1f50a44cabb3a84e663b81d93, How to Calculate Liquidation Price; GET /fapi/v1/leverageBracket",
        "2026-05-28",
    ),
    "moment": Rule(
        "the liquidation begins when the trigger is reached; how long it may take is not published",
        LIQUIDATION,
        UPDATED,
    ),
    "mark": Rule(
        "mark price = median of Price 1 (index with the funding to come), Price 2 (index with the average basis) "
        "and the contract's last price: it lies between any two of them",
        MARK,
        "2025-09-18",
    ),
    "wick": Rule("the index is made of several spot markets; one that stands alone is capped", MARK, "2025-09-18"),
    "orders_cancelled": Rule("all open orders are cancelled first", LIQUIDATION, UPDATED),
    "limit_price": Rule(
        "the liquidation order is an IOC limit order; that its limit is the bankruptcy price stood in the text of "
        "2020 and "
        "fits printed orders since",
        f"{LIQUIDATION}; GET /fapi/v1/forceOrders",
        "2020",
        "inferred",
    ),
    "fill_price": Rule(
        "a limit order fills at its limit or better",
        f"what a limit order is; liquidation orders are IOC limit orders ({LIQUIDATION})",
        UPDATED,
        "inferred",
    ),
    "partial_steps": Rule(
        "one immediate-or-cancel order first; an account that meets its margin after it is liquidated no further",
        LIQUIDATION,
        UPDATED,
    ),
    "clearance_fee": Rule(
        "the clearance fee is the symbol's rate × the amount liquidated, and on that amount only; where the fund "
        "takes the "
        "position over, a part of the collateral left may go to it as well",
        f"{LIQUIDATION}; exchangeInfo `liquidationFee`",
        UPDATED,
    ),
    "commission": Rule(
        "commission = value of the fill × rate of the account, cut off after 8 decimals",
        "arithmetic of printed fills",
        "undated",
        "inferred",
    ),
    "realized_pnl": Rule("realised PnL = closed quantity × (trade price − entry price)", LIQUIDATION, UPDATED),
    "funding": Rule("funding fee = mark price × size × rate, within 15 seconds of the hour", FUNDING, "2026-03-06"),
    "deleveraging_rank": Rule("who has the highest profit share × margin ratio is deleveraged first", DELEVERAGING),
    "deleveraging_price": Rule("deleveraging closes at the bankruptcy price of the liquidated order", DELEVERAGING),
    "deleveraging_size": Rule(
        "no more can be closed than is held", "what closing a position means", "undated", "inferred"
    ),
    "deleveraging_fee": Rule("the deleveraged account pays no trading fee", DELEVERAGING),
    "loss_shared": Rule(
        "what a liquidation lacks is paid by the insurance fund, then by deleveraging: no document lets "
        "the venue charge others' wallets",
        f"{FUND}; {DELEVERAGING}",
    ),
    "warning": Rule(
        "a warning may be sent by mail, message or MARGIN_CALL; its delivery is not guaranteed",
        LIQUIDATION,
        UPDATED,
    ),
    "balance_after": Rule(
        "the insurance fund brings a negative balance back to 0, every ten minutes, if nothing is open, not in "
        "multi-assets "
        "mode, and not if the user transferred in",
        LIQUIDATION,
        UPDATED,
    ),
    "books": Rule("balance after = balance before + everything booked", "bookkeeping", "undated", "inferred"),
}
"""By the kind of check."""
