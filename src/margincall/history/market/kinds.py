"""What the store holds: kinds of data, and the columns of each. The values that readers get are in `history/public.py`.

Numbers are kept as the text that the source printed, so a price is exact and shows how many digits it was given
with. A number that a source held as a binary float is the shortest decimal that is stored as that float, and its row
says so (`is_float`).
"""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from margincall.errors import UsageError
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

CandlePrice = Literal["last", "mark", "index", "premium"]
"""What a candle is of. `premium` is the premium index, a fraction of the price that may be negative."""
Kind = Literal["last", "mark", "index", "premium", "funding", "trades", "agg_trades", "positioning"]
Group = Literal["candles", "funding", "trades", "agg_trades", "positioning"]

CANDLES: tuple[CandlePrice, ...] = get_args(CandlePrice)
KINDS: tuple[Kind, ...] = get_args(Kind)
GROUPS: Mapping[Kind, Group] = {
    "last": "candles",
    "mark": "candles",
    "index": "candles",
    "premium": "candles",
    "funding": "funding",
    "trades": "trades",
    "agg_trades": "agg_trades",
    "positioning": "positioning",
}
VALUES: Mapping[Group, tuple[str, ...]] = {
    "candles": ("open", "high", "low", "close", "volume"),
    "funding": ("rate", "mark"),
    "trades": ("id", "price", "quantity", "buyer_maker"),
    "agg_trades": ("id", "price", "quantity", "first_id", "last_id", "buyer_maker"),
    "positioning": ("metric", "value"),
}
"""The stored columns of a group beside time and origin; all are text."""
KEYS: Mapping[Group, tuple[str, ...]] = {
    "candles": (),
    "funding": (),
    "trades": ("id",),
    "agg_trades": ("id",),
    "positioning": ("metric",),
}
"""What, with the time, names a row: two rows of one name with different values are a conflict."""
OPTIONAL: Mapping[Group, str] = {"candles": "volume", "funding": "mark"}
"""The column that some sources of a group leave out."""
METRICS = (
    "open_interest",
    "open_interest_value",
    "top_trader_account_ratio",
    "top_trader_position_ratio",
    "account_ratio",
    "taker_volume_ratio",
)
"""Of `positioning`: open interest in contracts or coins and its value; ratios of long to short (buy to sell)."""
TIMED: frozenset[Group] = frozenset({"candles", "positioning"})
"""Groups whose rows are spaced by an interval."""
BY_DAY: frozenset[Group] = frozenset({"trades", "agg_trades"})
"""Groups stored in a file for each day; the others have one for each month."""

INTERVAL = re.compile(r"(\d{1,3})([smhdw])", re.ASCII)
UNITS_MS: Mapping[str, int] = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,39}", re.ASCII)
"""What a venue or symbol may be called: it becomes the name of a folder."""


class Series(Struct, frozen=True, order=True):
    """One line of data: its venue, kind and symbol; the interval (`1m`) for candles and positioning, else ""."""

    venue: str
    kind: Kind
    symbol: str
    interval: str = ""

    @property
    def group(self) -> Group:
        """The group of the kind, which says which columns there are."""
        return GROUPS[self.kind]

    @property
    def interval_ms(self) -> int:
        """The interval in milliseconds, 0 where there is none."""
        return interval_ms(self.interval) if self.interval else 0


class Gap(Struct, frozen=True):
    """Missing rows: from `start_ms` to before `end_ms`; `missing` is how many, 0 where that cannot be told."""

    start_ms: int
    end_ms: int
    missing: int


def interval_ms(interval: str) -> int:
    """An interval (`1m`, `4h`, `1d`) in milliseconds. Raises `UsageError`, also for calendar months."""
    found = INTERVAL.fullmatch(interval)
    if found is None or not int(found[1]):
        raise UsageError(f"{interval!r} is no interval: write 1m, 5m, 1h, 1d (calendar months are not stored)")
    return int(found[1]) * UNITS_MS[found[2]]


def series_of(venue: str, kind: Kind, symbol: str, interval: str = "") -> Series:
    """A series, checked. Raises `UsageError`."""
    for word in (venue, symbol):
        if not NAME.fullmatch(word):
            raise UsageError(f"{word!r} is no name of a venue or symbol")
    if GROUPS[kind] in TIMED:
        interval_ms(interval)
    else:
        interval = ""
    return Series(venue, kind, symbol, interval)
