"""Rows of the store as values: exact, each with where it was told."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from margincall.core.events import MarkCandle, Source
from margincall.core.units import Price
from margincall.history.market.kinds import CandlePrice, Series
from margincall.history.public import Bar, FundingRate, Trade


def bar_of(row: Mapping[str, Any], series: Series) -> Bar:
    """A row of a series of candles."""
    return Bar(
        symbol=series.symbol,
        price=cast(CandlePrice, series.kind),
        time_ms=row["time_ms"],
        interval_ms=series.interval_ms,
        open=Price(Decimal(row["open"])),
        high=Price(Decimal(row["high"])),
        low=Price(Decimal(row["low"])),
        close=Price(Decimal(row["close"])),
        source=_source(row),
        venue=series.venue,
        is_float=row["is_float"],
        conflict=row["conflict"],
        volume=Decimal(row["volume"]) if row["volume"] else None,
    )


def rate_of(row: Mapping[str, Any], series: Series) -> FundingRate:
    """A row of settled funding."""
    return FundingRate(
        symbol=series.symbol,
        time_ms=row["time_ms"],
        rate=Decimal(row["rate"]),
        mark=Price(Decimal(row["mark"])) if row["mark"] else None,
        source=_source(row),
        venue=series.venue,
        is_float=row["is_float"],
        conflict=row["conflict"],
    )


def trade_of(row: Mapping[str, Any], series: Series) -> Trade:
    """A row of trades or aggregated trades."""
    return Trade(
        symbol=series.symbol,
        time_ms=row["time_ms"],
        price=Price(Decimal(row["price"])),
        source=_source(row),
        venue=series.venue,
        id=int(row["id"]),
        quantity=Decimal(row["quantity"]),
        buyer_maker=row["buyer_maker"] == "true",
        conflict=row["conflict"],
    )


def candle_event(bar: Bar) -> MarkCandle:
    """A candle of the mark price as the event that the files of a case give."""
    return MarkCandle(
        time_ms=bar.time_ms,
        source=bar.source,
        symbol=bar.symbol,
        interval_ms=bar.interval_ms,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
    )


def _source(row: Mapping[str, Any]) -> Source:
    return Source(row["source"], line=row["line"])
