"""What the store of market data holds about a history: candles around its liquidations, funding rates, trades.

Files of the case come first; the store fills in what they lack. A bar that two sources tell differently is left out:
nobody can tell which is right. Liquidations that follow each other closely share what is read.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from margincall.core.events import AnyEvent, Flow, MarkCandle
from margincall.core.rules import MissingContract
from margincall.forensics.explain import Explained, symbols_of
from margincall.history import public
from margincall.history.market.store import MarketStore
from margincall.history.market.values import candle_event
from margincall.venues.registry import venue_of
from margincall.wire.candles import INTERVALS
from margincall.wire.durations import MINUTE_MS

AROUND_MS = 10 * MINUTE_MS
"""So far around a liquidation prices are looked at."""
BASIS_MS = 3 * MINUTE_MS
"""So far before it trades are: the basis has been averaged over 2.5 minutes at most."""
PRICES: tuple[public.PriceKind, ...] = ("mark", "index", "last")
SHORT = tuple(INTERVALS)
"""Candles that can place a trigger, the shortest first."""


class Span(NamedTuple):
    """A time that is looked at, from `start_ms` to before `end_ms`."""

    start_ms: int
    end_ms: int


def mark_candles(store: MarketStore, events: Sequence[AnyEvent], times_ms: Sequence[int]) -> list[MarkCandle]:
    """The venue's own candles of the mark around these times, of every symbol of a history, that its files lack."""
    told = {(each.symbol, each.time_ms, each.interval_ms) for each in events if isinstance(each, MarkCandle)}
    found = [
        candle_event(bar)
        for symbol in _symbols(store, events)
        for bar in _bars(store, symbol, "mark", times_ms, venue=_venue(symbol))
        if (symbol, bar.time_ms, bar.interval_ms) not in told
    ]
    return sorted(found, key=_time)


def market_rows(store: MarketStore, explained: Explained) -> Iterator[public.Row]:
    """Bars of all venues around the liquidations, the trades just before them, and the funding rates of the fees; each
    once."""
    history = explained.history
    if history is None:
        return
    times = [case.incident.time_ms for case in explained.cases]
    for symbol in _symbols(store, history.events):
        for price in PRICES:
            yield from _bars(store, symbol, price, times)
        yield from _trades(store, symbol, times)
    for symbol, paid in _funding_times(history.events).items():
        for rate in store.funding(symbol, min(paid) - MINUTE_MS, max(paid) + MINUTE_MS, venue=_venue(symbol)):
            if not rate.conflict:
                yield replace(rate, symbol=symbol, venue=public.HOME)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same times, each once: spans that overlap or touch become one."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start_ms <= found[-1].end_ms:
            found[-1] = Span(found[-1].start_ms, max(found[-1].end_ms, span.end_ms))
        else:
            found.append(span)
    return found


def _symbols(store: MarketStore, events: Sequence[AnyEvent]) -> list[str]:
    return sorted(symbols_of(events) & {series.symbol for series in store.series()})


def _bars(
    store: MarketStore, symbol: str, price: public.PriceKind, times_ms: Sequence[int], *, venue: str | None = None
) -> list[public.Bar]:
    """The bars around these times, as those of a symbol: of each venue the shortest that it has around each time."""
    around = [Span(each - AROUND_MS, each + AROUND_MS) for each in dict.fromkeys(times_ms)]
    known: dict[tuple[str, str], list[public.Bar]] = {}
    for span in merged(around):
        for interval in SHORT:
            for bar in store.candles(symbol, price, span.start_ms, span.end_ms, venue=venue, interval=interval):
                known.setdefault((bar.venue, interval), []).append(bar)
    chosen: dict[tuple[str, int, int], public.Bar] = {}
    for span in around:
        seen = set()
        for each, interval in sorted(known, key=lambda one: SHORT.index(one[1])):
            near = [bar for bar in known[each, interval] if _overlaps(bar, span)]
            if near and each not in seen:
                seen.add(each)
                chosen |= {(each, bar.time_ms, bar.interval_ms): bar for bar in near if not bar.conflict}
    return [replace(bar, symbol=symbol, venue=_shown(bar.venue, symbol)) for bar in chosen.values()]


def _overlaps(bar: public.Bar, span: Span) -> bool:
    return bar.time_ms < span.end_ms and span.start_ms < bar.time_ms + bar.interval_ms


def _trades(store: MarketStore, symbol: str, times_ms: Sequence[int]) -> Iterator[public.Trade]:
    venue = _venue(symbol)
    for start_ms, end_ms in merged(Span(each - BASIS_MS, each + MINUTE_MS) for each in times_ms):
        for is_aggregated in (False, True):
            for each in store.trades(symbol, start_ms, end_ms, venue=venue, aggregated=is_aggregated):
                if not each.conflict:
                    yield replace(each, symbol=symbol, venue=public.HOME)


def _shown(venue: str, symbol: str) -> str:
    return public.HOME if venue == _venue(symbol) else venue


def _funding_times(events: Sequence[AnyEvent]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in events:
        if isinstance(event, Flow) and event.category == "funding" and event.symbol:
            found.setdefault(event.symbol, []).append(event.time_ms)
    return found


def _venue(symbol: str) -> str:
    """The venue that lists a symbol; "" for none."""
    try:
        return venue_of(symbol)
    except MissingContract:
        return ""


def _time(candle: MarkCandle) -> int:
    return candle.time_ms
