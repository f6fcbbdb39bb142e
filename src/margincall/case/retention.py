"""How long the venue keeps what, as dated rules with their sources, and when an event's evidence is gone.

`docs/reference/retention.md` is written from this table.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import timedelta

from msgspec import Struct

from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import EPOCH

KEPT = 1200
"""Months that stand for "no limit is published"."""


class Retention(Struct, frozen=True):
    """One rule: for how many days or calendar months after its time something is kept, since which day that is so.

    Neither days nor months: it shows the present only, and is gone when it changes. `tells` says what follows from it,
    with the checks of an explanation that rest on it; `assumed` where nothing is published.
    """

    what: str
    days: int = 0
    months: int = 0
    since: str = ""
    source: str = ""
    tells: str = ""
    assumed: bool = False

    @property
    def is_now_only(self) -> bool:
        """Whether it shows the present only."""
        return not self.days and not self.months

    @property
    def words(self) -> str:
        """The length in words."""
        if self.is_now_only:
            return "as it is now"
        if self.days:
            return f"{self.days} days"
        return f"{self.months} months" if self.months < KEPT else "no limit is published"


DOC = "Binance documentation 2026-05-28"
UNFILLED = Retention(
    "orders cancelled or expired without a fill", days=3, source=DOC,
    tells="whether your stops and limit orders were there, and when they were cancelled (check: orders cancelled)",
)  # fmt: skip
ORDERS = Retention("other orders", days=90, source=DOC, tells="the orders behind the fills")
MARGIN_MOVES = Retention(
    "margin added to or taken from a position", days=30, since="2024-10-16", source=DOC,
    tells="the isolated balance before the trigger (checks: trigger, limit price, clearance fee, balance after)",
)  # fmt: skip
FORCED = Retention(
    "liquidation and deleveraging orders", days=90, since="2026-04-06", source="change log 2026-04-06",
    tells="the venue's own order and its limit (checks: limit price, fill price)",
)  # fmt: skip
TRADES = Retention(
    "trades", months=3, since="2026-08-26", source="change log 2026-08-26 (six months before)",
    tells="entry, fees and profit (checks: trigger, fill price)",
)  # fmt: skip
INCOME = Retention(
    "profit, fees, funding, transfers", months=3, source=DOC,
    tells="clearance fee and every change of the wallet (checks: clearance fee, balance after)",
)  # fmt: skip
EXPORTS = Retention(
    "exports: one spans at most a year, 5 a month, links for 7 days", months=KEPT, assumed=True,
    source=f"{DOC}; how far back they reach is not published",
    tells="the same lists, perhaps further back; the order history still names forced closes",
)  # fmt: skip
NOW = Retention("the present state", source=DOC, tells="wallet, positions, settings and brackets as they are")
PUBLIC = Retention(
    "public market data", months=KEPT, source="no limit is published", assumed=True,
    tells="the prices around the event (check: trigger)",
)  # fmt: skip

RULES: Mapping[str, tuple[Retention, ...]] = {
    "openOrders": (NOW,),
    "openAlgoOrders": (NOW,),
    "positionRisk-v3": (NOW,),
    "positionRisk-v2": (NOW,),
    "positionRisk": (NOW,),
    "account-v3": (NOW,),
    "account-v2": (NOW,),
    "account": (NOW,),
    "balance-v3": (NOW,),
    "balance": (NOW,),
    "accountConfig": (NOW,),
    "symbolConfig": (NOW,),
    "multiAssetsMargin": (NOW,),
    "positionSide.dual": (NOW,),
    "leverageBracket": (NOW,),
    "leverageBracket-v2": (NOW,),
    "exchangeInfo": (NOW,),
    "commissionRate": (NOW,),
    "assetIndex": (NOW,),
    "allOrders": (UNFILLED, ORDERS),
    "allAlgoOrders": (UNFILLED, ORDERS),
    "positionMargin.history": (MARGIN_MOVES,),
    "forceOrders": (FORCED,),
    "userTrades": (TRADES,),
    "income": (INCOME,),
    "fundingRate": (PUBLIC,),
    "markPriceKlines": (PUBLIC,),
    "indexPriceKlines": (PUBLIC,),
    "klines": (PUBLIC,),
    "order.asyn": (EXPORTS,),
    "trade.asyn": (EXPORTS,),
    "income.asyn": (EXPORTS,),
}
"""Endpoint (as `Request.name` spells it) -> its rules, the shortest first."""


def expires_ms(rule: Retention, event_ms: int) -> int:
    """When what happened at a time is gone; the time itself for what shows the present only."""
    if rule.days:
        return event_ms + rule.days * DAY_MS
    return _months_on(event_ms, rule.months)


def reach_ms(rule: Retention, now_ms: int) -> int:
    """The earliest time of which something may still be kept."""
    if rule.days:
        return now_ms - rule.days * DAY_MS
    return _months_on(now_ms, -rule.months)


def longest(name: str) -> Retention:
    """The rule of an endpoint that keeps longest."""
    return max(RULES[name], key=lambda rule: rule.days or rule.months * 31)


def in_order_of_expiry() -> Iterator[tuple[str, Retention]]:
    """Every endpoint with each of its rules, what goes first before what goes later."""
    found = [(name, rule) for name, rules in RULES.items() for rule in rules]
    yield from sorted(found, key=lambda each: each[1].days or each[1].months * 31)


def _months_on(time_ms: int, months: int) -> int:
    """The same day and time some calendar months later, or the last day of that month."""
    start = EPOCH + timedelta(milliseconds=time_ms)
    count = start.year * 12 + start.month - 1 + months
    year, month = divmod(count, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int((start.replace(year=year, month=month + 1, day=day) - EPOCH) / timedelta(milliseconds=1))


def markdown() -> str:
    """The table as the reference page shows it."""
    lines = [
        "# How long the venue keeps what",
        "",
        "Generated from `src/margincall/case/retention.py`; a test compares. Names are those of the endpoints below",
        "`/fapi` and `/dapi`. Where COIN-M documents nothing of its own, the rule of USDⓈ-M is assumed.",
        "",
        "| what | endpoint | kept | since | tells | source |",
        "|---|---|---|---|---|---|",
    ]
    for name, rule in in_order_of_expiry():
        source = rule.source + (" (assumed)" if rule.assumed else "")
        lines.append(f"| {rule.what} | `{name}` | {rule.words} | {rule.since or '—'} | {rule.tells} | {source} |")
    lines += ["", "`margincall rescue --without-key --event TIME` gives the dates for one event.", ""]
    return "\n".join(lines)
