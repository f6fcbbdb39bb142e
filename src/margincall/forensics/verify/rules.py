"""The rules that checks go by: text, where it is published, of which day, and how firm. One home for each."""

from collections.abc import Mapping

from msgspec import Struct


class Rule(Struct, frozen=True):
    """A rule in one sentence, its source, and the day of the text (ISO, empty where it bears none)."""

    text: str
    source: str
    since: str = ""


LIQUIDATION = "FAQ 360033525271, Liquidation Protocols"
MARK = "FAQ 360033525071, Mark Price and Price Index"
FUNDING = "FAQ 360033525031, Funding Rates"
DELEVERAGING = "FAQ 360033525471, Auto-Deleveraging"
FUND = "FAQ 360033525371, Insurance Fund"
API = "API documentation, USDⓈ-M Futures"

RULES: Mapping[str, Rule] = {
    "trigger": Rule(
        "a position is liquidated when the margin balance at the mark price has fallen to the maintenance margin",
        LIQUIDATION,
        "2024-05-29",
    ),
    "maintenance": Rule(
        "maintenance margin = notional at the mark price × rate of its bracket − maintenance amount",
        "FAQ b3c689c1f50a44cabb3a84e663b81d93, How to Calculate Liquidation Price; GET /fapi/v1/leverageBracket",
        "2026-05-28",
    ),
    "moment": Rule(
        "the liquidation begins when the trigger is reached; how long it may take is not published",
        LIQUIDATION,
        "2024-05-29",
    ),
    "mark": Rule(
        "mark price = median of Price 1 (index with the funding to come), Price 2 (index with the average basis) and "
        "the contract's last price: it lies between any two of them",
        MARK,
        "2025-09-18",
    ),
    "wick": Rule("the index is made of several spot markets; one that stands alone is capped", MARK, "2025-09-18"),
    "orders_cancelled": Rule("all open orders are cancelled first", LIQUIDATION, "2024-05-29"),
    "limit_price": Rule(
        "the liquidation order is an IOC limit order at the bankruptcy price",
        f"{LIQUIDATION}; GET /fapi/v1/forceOrders",
        "2024-05-29",
    ),
    "fill_price": Rule("a limit order fills at its limit or better", LIQUIDATION, "2024-05-29"),
    "partial_steps": Rule(
        "one immediate-or-cancel order first; an account that meets its margin after it is liquidated no further",
        LIQUIDATION,
        "2024-05-29",
    ),
    "clearance_fee": Rule(
        "the clearance fee is the symbol's rate × the amount liquidated, charged once and on that amount only",
        f"{LIQUIDATION}; exchangeInfo `liquidationFee`",
        "2024-05-29",
    ),
    "commission": Rule(
        "commission = |quantity| × price × rate of the account, cut off after 8 decimals", API, "2026-05-28"
    ),
    "realized_pnl": Rule("realised PnL = closed quantity × (price − entry price)", API, "2026-05-28"),
    "funding": Rule("funding fee = mark price × size × rate, within 15 seconds of the hour", FUNDING, "2026-03-06"),
    "deleveraging_rank": Rule("who has the highest profit share × margin ratio is deleveraged first", DELEVERAGING),
    "deleveraging_price": Rule("deleveraging closes at the bankruptcy price of the liquidated order", DELEVERAGING),
    "deleveraging_size": Rule("deleveraging closes at most the position", DELEVERAGING),
    "deleveraging_fee": Rule("the deleveraged account pays no trading fee", DELEVERAGING),
    "loss_shared": Rule(
        "what a liquidation lacks is paid by the insurance fund, then by deleveraging: no document lets "
        "the venue charge others' wallets",
        f"{FUND}; {DELEVERAGING}",
    ),
    "warning": Rule(
        "a warning may be sent by mail, message or MARGIN_CALL; its delivery is not guaranteed",
        LIQUIDATION,
        "2024-05-29",
    ),
    "balance_after": Rule("the insurance fund brings a negative balance back to 0", LIQUIDATION, "2024-05-29"),
    "books": Rule("balance after = balance before + everything booked", API, "2026-05-28"),
}
"""By the kind of check."""
