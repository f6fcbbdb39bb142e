"""How Binance futures make index, mark and funding, and what liquidation venues do: rules of `core` as values.

Sources: FAQ 360033525071 (index and mark), 360033525031 (funding), 360033525271 (liquidation), 360033525371 (fund),
360033525471 (deleveraging), announcements of 2024-03-27 and 2025-09-16; `docs/spec/mark_price.md`, `funding.md`,
`waterfall.md`, `deleveraging.md`.
"""

from decimal import Decimal

from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.funding import FundingRules, IntervalRules, cap_of
from margincall.core.protocol.mark import IndexRules, MarkMethod, MarkRules, Window, window_at
from margincall.core.protocol.waterfall import WaterfallRules

NARROW = frozenset(
    ["BNBUSDC", "BNBUSDT", "BTCUSDC", "BTCUSDT", "BTCUSD1", "ETHUSDC", "ETHUSDT", "SOLUSDT", "USDCUSDT", "XRPUSDT"]
)  # fmt: skip
"""Indices whose outliers are capped at 1 % instead of 3 %."""
STALE_MS = 300_000
INDEX_2020 = IndexRules(band=Decimal("0.05"), stale_ms=10_000, outliers="dropped")
"""The index rule of 2020; when it ended is not published."""

MEDIAN_SINCE_MS = 1_590_969_600_000  # 2020-06-01; the day within the month is assumed
WINDOWS = (
    Window(MEDIAN_SINCE_MS, points=30, interval_ms=60_000),
    Window(1_712_124_000_000, points=30, interval_ms=5_000),  # 2024-04-03 06:00 UTC
    Window(1_735_689_600_000, points=60, interval_ms=1_000),  # 2025-01-01, assumed: `mark-window-date`
    Window(1_758_182_460_000, points=30, interval_ms=1_000),  # 2025-09-18 08:01 UTC
)
"""The moving average of the basis, by the time from which it is in force."""
SCALED_SINCE_MS = WINDOWS[-1].since_ms
"""Funding rates are divided by 8/N from here on."""
HIT_SINCE_MS = 1_746_172_800_000  # 2025-05-02 08:00 UTC
CALM_SINCE_MS = 1_767_355_200_000  # 2026-01-02 12:00 UTC

MOST_WAITING, MOST_WAITING_SINCE_MS = 200, 1_766_966_400_000  # 2025-12-29
"""USDⓈ-M: an account's conditional orders on all symbols, from the day on which MAX_NUM_ALGO_ORDERS ceased to be a
filter of each."""

MAJORS = frozenset(["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "ADAUSDT", "XRPUSDT", "DOGEUSDT"])
"""Symbols whose cap is 0.75 × the first bracket's maintenance rate (those that the FAQ's figures name)."""
OTHER_CAP = Decimal("0.02")
NO_INTEREST = frozenset({"ETHBTC"})
INTEREST = Decimal("0.0001")

WATERFALL = WaterfallRules()
DELEVERAGING = DeleverageRules()


def most_waiting(time_ms: int) -> int | None:
    """The most conditional orders of a USDⓈ-M account at a time; none while each symbol has a limit of its own."""
    return MOST_WAITING if time_ms >= MOST_WAITING_SINCE_MS else None


def index_rules(symbol: str) -> IndexRules:
    """The index rule of today for a symbol."""
    return IndexRules(Decimal("0.01") if symbol in NARROW else Decimal("0.03"), STALE_MS)


def mark_rules(time_ms: int, *, delivery: bool = False, method: MarkMethod | None = None) -> MarkRules:
    """The mark rule at a time; `method` for extreme conditions, whose criteria are not published."""
    usual: MarkMethod = "price-2" if delivery else "median" if time_ms >= MEDIAN_SINCE_MS else "price-1"
    return MarkRules(method or usual, window_at(WINDOWS, time_ms), without_index="last-price-protected")


def funding_rules(
    symbol: str, time_ms: int, *, hours: int, first_rate: Decimal, bounds: tuple[Decimal, Decimal] | None = None
) -> FundingRules:
    """The funding rule of a symbol at a time. `first_rate` is its first bracket's maintenance rate; `bounds` are floor
    and cap of `fundingInfo`, where they are known."""
    usual = cap_of(first_rate) if symbol in MAJORS else OTHER_CAP
    floor, cap = bounds or (-usual, usual)
    return FundingRules(
        hours=hours,
        cap=cap,
        floor=floor,
        interest=Decimal(0) if symbol in NO_INTEREST else INTEREST,
        scaled=time_ms >= SCALED_SINCE_MS,
    )


def interval_rules(time_ms: int) -> IntervalRules | None:
    """How intervals change by themselves at a time; none before they did."""
    if time_ms < HIT_SINCE_MS:
        return None
    return IntervalRules() if time_ms >= CALM_SINCE_MS else IntervalRules(calm_cycles=None)
