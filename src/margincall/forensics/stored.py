"""What the store of market data holds about a history: candles around its liquidations, funding rates, trades.

Files of the case come first; the store fills in what they lack. A bar that two sources tell differently is left out:
nobody can tell which is right.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from margincall.core.events import AnyEvent, Flow, MarkCandle, Source
from margincall.core.rules import MissingContract
from margincall.forensics.explain import Explained, symbols_of
from margincall.history import public
from margincall.history.market.kinds import Bar, CandlePrice
from margincall.history.market.store import MarketStore, candle_event
from margincall.venues.registry import venue_of
from margincall.wire.candles import INTERVALS
from margincall.wire.durations import MINUTE_MS

AROUND_MS = 10 * MINUTE_MS
"""So far around a liquidation prices are looked at."""
BASIS_MS = 3 * MINUTE_MS
"""So far before it trades are: the basis has been averaged over 2.5 minutes at most."""
PRICES: tuple[public.PriceKind, ...] = ("mark", "index", "last")
SHORT = frozenset(INTERVALS.values())
"""Candles that can place a trigger."""


class Span(NamedTuple):
    """A symbol and a time that is looked at."""

    symbol: str
    start_ms: int
    end_ms: int


def mark_candles(store: MarketStore, events: Sequence[AnyEvent], times_ms: Sequence[int]) -> list[MarkCandle]:
    """The venue's own candles of the mark around these times, of every symbol of a history."""
    found: dict[tuple[str, int, int], MarkCandle] = {}
    for span in _spans(store, events, times_ms):
        for bar in _own(store, span, "mark"):
            found[span.symbol, bar.time_ms, bar.interval_ms] = candle_event(bar, span.symbol)
    return sorted(found.values(), key=_time)


def market_rows(store: MarketStore, explained: Explained) -> Iterator[public.Row]:
    """Bars of all venues around the liquidations, the trades just before them, and the funding rates of the fees."""
    history = explained.history
    if history is None:
        return
    times = [case.incident.time_ms for case in explained.cases]
    for span in _spans(store, history.events, times):
        for price in PRICES:
            for bar in store.candles(span.symbol, price, span.start_ms, span.end_ms):
                if not bar.conflict and bar.interval_ms in SHORT:
                    yield _bar(bar, span.symbol, price)
        yield from _trades(store, span)
    for symbol, paid in _funding_times(history.events).items():
        for rate in store.funding(symbol, min(paid) - MINUTE_MS, max(paid) + MINUTE_MS, venue=_venue(symbol)):
            if not rate.conflict:
                source = Source(rate.source, line=rate.line)
                yield public.FundingRate(symbol, rate.time_ms, rate.rate, rate.mark, source)


def _spans(store: MarketStore, events: Sequence[AnyEvent], times_ms: Sequence[int]) -> list[Span]:
    stored = {series.symbol for series in store.series()}
    return [
        Span(symbol, time_ms - AROUND_MS, time_ms + AROUND_MS)
        for symbol in sorted(symbols_of(events) & stored)
        for time_ms in times_ms
    ]


def _own(store: MarketStore, span: Span, price: CandlePrice) -> list[Bar]:
    bars = store.candles(span.symbol, price, span.start_ms, span.end_ms, venue=_venue(span.symbol))
    return [bar for bar in bars if not bar.conflict and bar.interval_ms in SHORT]


def _trades(store: MarketStore, span: Span) -> Iterator[public.Trade]:
    middle = (span.start_ms + span.end_ms) // 2
    for is_aggregated in (False, True):
        venue = _venue(span.symbol)
        found = store.trades(span.symbol, middle - BASIS_MS, middle + MINUTE_MS, venue=venue, aggregated=is_aggregated)
        for each in found:
            if not each.conflict:
                yield public.Trade(span.symbol, each.time_ms, each.price, Source(each.source, line=each.line))


def _bar(bar: Bar, symbol: str, price: public.PriceKind) -> public.Bar:
    venue = public.HOME if bar.venue == _venue(symbol) else bar.venue
    return public.Bar(
        symbol, price, bar.time_ms, bar.interval_ms, bar.open, bar.high, bar.low, bar.close, _source(bar), venue
    )


def _funding_times(events: Sequence[AnyEvent]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in events:
        if isinstance(event, Flow) and event.category == "funding" and event.symbol:
            found.setdefault(event.symbol, []).append(event.time_ms)
    return found


def _source(bar: Bar) -> Source:
    return Source(bar.source, line=bar.line)


def _venue(symbol: str) -> str:
    """The venue that lists a symbol; "" for none."""
    try:
        return venue_of(symbol)
    except MissingContract:
        return ""


def _time(candle: MarkCandle) -> int:
    return candle.time_ms
