"""A row of a source -> what is stored of it, or why it is impossible; and which rows are missing."""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from margincall.history.market.kinds import METRICS, Gap, Group, Series
from margincall.wire.durations import DAY_MS, HOUR_MS, MINUTE_MS
from margincall.wire.iso_time import BadTime, time_of
from margincall.wire.numbers import BadNumber, decimal_of, is_plausible
from margincall.wire.row import TIME_MAX, TIME_MIN

PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)
"""Nearly all numbers; they are stored as they are."""
WHOLE = re.compile(r"\d{1,18}", re.ASCII)
UNZONED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
MICRO = 1000
FUNDING_MAX_MS = 8 * HOUR_MS + MINUTE_MS
"""The longest interval between two fundings, and how late a settlement may be stamped."""

FIELDS: Mapping[Group, Mapping[str, tuple[str, ...]]] = {
    "candles": {
        "time": ("open_time", "open time", "date", "time", "timestamp"),
        "open": ("open",),
        "high": ("high",),
        "low": ("low",),
        "close": ("close",),
        "volume": ("volume",),
    },
    "funding": {
        "time": ("calc_time", "fundingTime", "time", "date", "timestamp"),
        "rate": ("last_funding_rate", "fundingRate", "rate", "open"),
        "mark": ("markPrice",),
    },
    "trades": {
        "time": ("time", "timestamp"),
        "id": ("id", "trade_id"),
        "price": ("price",),
        "quantity": ("qty", "quantity", "amount"),
        "buyer_maker": ("is_buyer_maker", "isBuyerMaker"),
    },
    "agg_trades": {
        "time": ("transact_time", "T", "timestamp", "time"),
        "id": ("agg_trade_id", "a", "id"),
        "price": ("price", "p"),
        "quantity": ("quantity", "q", "qty"),
        "first_id": ("first_trade_id", "f"),
        "last_id": ("last_trade_id", "l"),
        "buyer_maker": ("is_buyer_maker", "m"),
    },
    "positioning": {
        "time": ("create_time", "timestamp", "time"),
        "open_interest": ("sum_open_interest", "sumOpenInterest", "openInterest"),
        "open_interest_value": ("sum_open_interest_value", "sumOpenInterestValue"),
        "top_trader_account_ratio": ("count_toptrader_long_short_ratio", "toplongshortaccountratio"),
        "top_trader_position_ratio": ("sum_toptrader_long_short_ratio", "toplongshortpositionratio"),
        "account_ratio": ("count_long_short_ratio", "globallongshortaccountratio"),
        "taker_volume_ratio": ("sum_taker_long_short_vol_ratio", "buySellRatio"),
    },
}
"""Our name of a field -> its names in the sources: the data portal's header, the API's key, freqtrade's column. A
funding file of freqtrade has the rate in `open`."""
NEEDED: Mapping[Group, tuple[str, ...]] = {
    "candles": ("time", "open", "high", "low", "close"),
    "funding": ("time", "rate"),
    "trades": ("time", "id", "price", "quantity", "buyer_maker"),
    "agg_trades": ("time", "id", "price", "quantity", "first_id", "last_id", "buyer_maker"),
    "positioning": ("time",),
}
HEADERS: Mapping[Group, tuple[str, ...]] = {
    "candles": ("open_time", "open", "high", "low", "close", "volume"),
    "funding": ("calc_time", "funding_interval_hours", "last_funding_rate"),
    "trades": ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker"),
    "agg_trades": (
        *("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id"),
        *("transact_time", "is_buyer_maker"),
    ),
    "positioning": (
        *("create_time", "symbol", "sum_open_interest", "sum_open_interest_value"),
        *("count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio"),
        *("count_long_short_ratio", "sum_taker_long_short_vol_ratio"),
    ),
}
"""The columns of the data portal's files, of which older ones have no header."""

Fields = tuple[int, ...]
"""For each field of a group, which cell of a row holds it; -1 for one that is not there."""


class Impossible(ValueError):
    """A row that cannot be true, or cannot be read; `kind` is a short word for why."""

    def __init__(self, kind: str, message: str) -> None:
        """The word and the sentence."""
        super().__init__(message)
        self.kind = kind


class Checked(Struct, frozen=True, gc=False):
    """A sound row: its time, whether that was in microseconds, and its stored columns (several for positioning)."""

    time_ms: int
    is_micro: bool
    rows: tuple[tuple[str, ...], ...]


def fields_of(group: Group, names: Sequence[str]) -> Fields:
    """Where the fields of a group stand in a header. Raises `Impossible` naming the columns that are missing."""
    places = {name.strip(): place for place, name in reversed(list(enumerate(names)))}
    lower = {name.lower(): place for name, place in places.items()} if group == "candles" else places
    fields = tuple(
        next((lower[name] for name in spellings if name in lower), -1) for spellings in FIELDS[group].values()
    )
    found = {name for name, place in zip(FIELDS[group], fields, strict=True) if place >= 0}
    if missing := [name for name in NEEDED[group] if name not in found]:
        wanted = "; ".join(" or ".join(FIELDS[group][name]) for name in missing)
        raise Impossible("columns", f"columns of {group} are missing: {wanted}")
    if group == "positioning" and not found.intersection(METRICS):
        raise Impossible("columns", "neither open interest nor a ratio is among the columns")
    return fields


def check(series: Series, cells: Sequence[str], fields: Fields) -> Checked:
    """One row, sound. Raises `Impossible`."""
    try:
        picked = [cells[place] if place >= 0 else "" for place in fields]
    except IndexError:
        raise Impossible("columns", f"a row of {len(cells)} columns: too few") from None
    time_ms, is_micro = _time(picked[0], series)
    return Checked(time_ms, is_micro, CHECKS[series.group](picked[1:], series))


def number(text: str, name: str) -> str:
    """The text of a number, without exponent. Raises `Impossible`."""
    text = text.strip()
    if PLAIN.fullmatch(text):
        return text
    try:
        value = decimal_of(text)
    except BadNumber as error:
        raise Impossible("unreadable", f"{name}: {error}") from None
    if not is_plausible(value):
        raise Impossible("unreadable", f"{name}: {text[:60]} has more than 20 digits")
    return f"{value:f}"


def _time(text: str, series: Series) -> tuple[int, bool]:
    text = text.strip()
    is_micro = False
    if WHOLE.fullmatch(text):
        time_ms = int(text)
        if TIME_MIN * MICRO <= time_ms <= TIME_MAX * MICRO:
            time_ms, is_micro = time_ms // MICRO, True
    else:
        if series.group == "positioning" and UNZONED.fullmatch(text):
            text += "Z"  # The portal's metrics are in UTC and do not say so.
        try:
            time_ms = time_of(text)
        except BadTime as error:
            raise Impossible("time", str(error)) from None
    if not TIME_MIN <= time_ms <= TIME_MAX:
        raise Impossible("time", f"{text} is no time in milliseconds or microseconds")
    if series.group == "candles" and time_ms % min(series.interval_ms, DAY_MS):
        raise Impossible("off-grid", f"{time_ms} is no time at which a candle of {series.interval} opens")
    return time_ms, is_micro


def _candle(cells: Sequence[str], series: Series) -> tuple[tuple[str, ...], ...]:
    opened, high, low, close = (
        number(text, name) for text, name in zip(cells, ("open", "high", "low", "close"), strict=False)
    )
    first, most, least, last = Decimal(opened), Decimal(high), Decimal(low), Decimal(close)
    if series.kind != "premium" and min(first, most, least, last) <= 0:
        raise Impossible("price", "a price that is not above 0")
    if most < max(first, last):
        raise Impossible("high", f"the high {high} lies below open or close")
    if least > min(first, last):
        raise Impossible("low", f"the low {low} lies above open or close")
    volume = number(cells[4], "volume") if series.kind == "last" and cells[4].strip() else ""
    if volume.startswith("-"):
        raise Impossible("volume", f"a volume of {volume}")
    return ((opened, high, low, close, volume),)


def _funding(cells: Sequence[str], series: Series) -> tuple[tuple[str, ...], ...]:
    rate = number(cells[0], "rate")
    if not -1 < Decimal(rate) < 1:
        raise Impossible("rate", f"a funding rate of {rate} is no fraction")
    return ((rate, _positive(cells[1], "mark") if cells[1].strip() else ""),)


def _trade(cells: Sequence[str], series: Series) -> tuple[tuple[str, ...], ...]:
    *ids, buyer_maker = cells
    flag = buyer_maker.strip().lower()
    if flag not in ("true", "false"):
        raise Impossible("unreadable", f"is_buyer_maker: {buyer_maker[:60]!r} is neither true nor false")
    identity, price, quantity, *more = (each.strip() for each in ids)
    for each in (identity, *more):
        if not WHOLE.fullmatch(each):
            raise Impossible("unreadable", f"{each[:60]!r} is no number of a trade")
    return ((identity, _positive(price, "price"), _positive(quantity, "quantity"), *more, flag),)


def _positioning(cells: Sequence[str], series: Series) -> tuple[tuple[str, ...], ...]:
    rows = []
    for name, text in zip(METRICS, cells, strict=True):
        if text.strip():
            value = number(text, name)
            if value.startswith("-"):
                raise Impossible("value", f"{name}: {value} is below 0")
            rows.append((name, value))
    if not rows:
        raise Impossible("unreadable", "neither open interest nor a ratio is given")
    return tuple(rows)


def _positive(text: str, name: str) -> str:
    found = number(text, name)
    if Decimal(found) <= 0:
        raise Impossible("price", f"{name}: {found} is not above 0")
    return found


CHECKS: Mapping[Group, Callable[[Sequence[str], Series], tuple[tuple[str, ...], ...]]] = {
    "candles": _candle,
    "funding": _funding,
    "trades": _trade,
    "agg_trades": _trade,
    "positioning": _positioning,
}


def gaps_between(times: Sequence[int], step_ms: int, start_ms: int, end_ms: int) -> tuple[Gap, ...]:
    """The rows missing from `start_ms` to before `end_ms`, where one is due every `step_ms`.

    `times` are growing and lie within. Rows are due at the times that differ from the first by whole steps (without
    any, at whole steps since 1970).
    """
    found: list[Gap] = []
    due = start_ms + ((times[0] if times else 0) - start_ms) % step_ms
    for time_ms in times:
        if time_ms > due:
            found.append(Gap(due, time_ms, -(-(time_ms - due) // step_ms)))
        due = max(due, time_ms + step_ms)
    if end_ms > due:
        found.append(Gap(due, end_ms, -(-(end_ms - due) // step_ms)))
    return tuple(found)


def funding_gaps(times: Sequence[int]) -> tuple[Gap, ...]:
    """Stretches between two fundings that are longer than any interval of the venue (8 hours)."""
    return tuple(Gap(one, other, 0) for one, other in pairwise(times) if other - one > FUNDING_MAX_MS)
