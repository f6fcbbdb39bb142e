"""Market data from Binance's public endpoints into the store, page by page. No key; the caller sends the GETs.

Endpoints and limits are those of the venue's documentation of USDⓈ-M and COIN-M futures (market data, 2026-05): candles
at most 1500 a request, fundings 1000, aggregated trades 1000 within an hour, open interest and ratios 500 of the last
30 days. A bar that has not ended yet is not stored, because it will change.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from msgspec import Struct, structs

from margincall.errors import UsageError
from margincall.history.market.checks import Impossible, check
from margincall.history.market.importing import Imported, import_table
from margincall.history.market.kinds import Gap, Group, Kind, Series
from margincall.history.market.store import MarketStore
from margincall.history.market.tables import Table, tables_of_json
from margincall.venues import binance_coinm, binance_usdm
from margincall.wire.documents import Json, Unreadable, loads, text_of
from margincall.wire.durations import DAY_MS, HOUR_MS
from margincall.wire.problems import Problem

HOSTS: Mapping[str, str] = {binance_usdm.VENUE: "fapi", binance_coinm.VENUE: "dapi"}
"""Of a venue, the host that `case/client.py` asks, and the first part of its paths."""
CANDLES: Mapping[Kind, str] = {
    "last": "klines",
    "mark": "markPriceKlines",
    "index": "indexPriceKlines",
    "premium": "premiumIndexKlines",
}
RATIOS = ("openInterestHist", "globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio")
POSITIONING: Mapping[str, tuple[str, ...]] = {
    binance_usdm.VENUE: (*RATIOS, "takerlongshortRatio"),
    binance_coinm.VENUE: RATIOS,
}
"""COIN-M has volumes of takers, but no ratio of them."""
BY_PAIR: Mapping[str, frozenset[str]] = {
    binance_usdm.VENUE: frozenset({"indexPriceKlines"}),
    binance_coinm.VENUE: frozenset({"indexPriceKlines", *RATIOS}),
}
"""Endpoints that ask for the pair (`BTCUSD`) and not for the contract (`BTCUSD_PERP`)."""
LIMITS: Mapping[Group, int] = {"candles": 1000, "funding": 1000, "agg_trades": 1000, "positioning": 500}
WEIGHTS: Mapping[Group, int] = {"candles": 5, "funding": 1, "agg_trades": 20, "positioning": 1}

SPAN_MS = 200 * DAY_MS
"""COIN-M refuses a longer span of candles."""

Params = tuple[tuple[str, str], ...]
Ask = Callable[[str, str, Params, int], Awaitable[bytes]]
"""Host, path, parameters and weight -> the body of the venue's answer. Raises `MargincallError` where there is none."""


class Page(Struct, frozen=True):
    """One answer: its rows as a table, and the time and number of the last one."""

    table: Table | None
    rows: int = 0
    last_ms: int = 0
    last_id: int = 0


async def fetch(store: MarketStore, ask: Ask, series: Series, span: tuple[int, int], now_ms: int) -> Imported:
    """Store the rows of a series from the start to before the end of `span` (ms) that are final at `now_ms`.

    Raises `UsageError` for what the venue does not offer without a key, and whatever `ask` raises; the pages before
    are stored then.
    """
    start_ms, end_ms = span
    if series.venue not in HOSTS:
        raise UsageError(f"{series.venue}: only {' and '.join(HOSTS)} are fetched directly; use --ccxt for others")
    if series.group not in LIMITS:
        raise UsageError("single trades are not given without a key: fetch agg_trades, or import the portal's files")
    final_ms = min(end_ms, now_ms - series.interval_ms + 1)

    def keep(time_ms: int) -> bool:
        return start_ms <= time_ms < final_ms

    pages = _trades if series.group == "agg_trades" else _spaced
    done: list[Imported] = []
    for path in _paths(series):
        async for page in pages(ask, series, path, (start_ms, min(end_ms, now_ms))):
            if page.table is not None:
                done.append(import_table(store, page.table, keep=keep))
    return _together(series, done, store.stored_gaps(series, start_ms, final_ms))


def _paths(series: Series) -> Sequence[str]:
    host = HOSTS[series.venue]
    if series.group == "positioning":
        return tuple(f"/futures/data/{name}" for name in POSITIONING[series.venue])
    name = CANDLES.get(series.kind) or {"funding": "fundingRate", "agg_trades": "aggTrades"}[series.kind]
    return (f"/{host}/v1/{name}",)


def _named(series: Series, path: str) -> Params:
    name = path.rpartition("/")[2]
    by_pair = name in BY_PAIR[series.venue]
    params: list[tuple[str, str]] = [
        ("pair", series.symbol.partition("_")[0]) if by_pair else ("symbol", series.symbol)
    ]
    if by_pair and name == "openInterestHist":
        params.append(("contractType", "PERPETUAL"))
    if series.interval:
        params.append(("period" if series.group == "positioning" else "interval", series.interval))
    return (*params, ("limit", str(LIMITS[series.group])))


async def _page(ask: Ask, series: Series, path: str, more: Params) -> Page:
    body = await ask(HOSTS[series.venue], path, (*_named(series, path), *more), WEIGHTS[series.group])
    source = f"{path}?" + "&".join(f"{name}={value}" for name, value in (*_named(series, path), *more))
    try:
        value: Json = loads(text_of(body))
        if value == []:
            return Page(None)
        (table,) = tables_of_json(value, source, series)
    except (Unreadable, Impossible) as error:
        raise UsageError(f"{source}: {error}") from None
    count, last_ms, last_id = 0, 0, 0
    for _, cells in table.rows():
        count += 1
        try:
            found = check(series, cells, table.fields)
        except Impossible:
            continue
        last_ms = max(last_ms, found.time_ms)
        if series.group == "agg_trades":
            last_id = max(last_id, int(found.rows[0][0]))
    return Page(table, count, last_ms, last_id)


async def _spaced(ask: Ask, series: Series, path: str, span: tuple[int, int]) -> AsyncIterator[Page]:
    """Pages that each go on after the last row of the one before."""
    at, end_ms = span
    while at < end_ms:
        until = min(at + SPAN_MS, end_ms)
        page = await _page(ask, series, path, (("startTime", str(at)), ("endTime", str(until - 1))))
        yield page
        is_full = page.rows >= LIMITS[series.group] and page.last_ms >= at
        at = page.last_ms + 1 if is_full else until


async def _trades(ask: Ask, series: Series, path: str, span: tuple[int, int]) -> AsyncIterator[Page]:
    """Hour by hour; where an hour has more trades than a page, the rest by their numbers."""
    at, end_ms = span
    while at < end_ms:
        until = min(at + HOUR_MS, end_ms)
        page = await _page(ask, series, path, (("startTime", str(at)), ("endTime", str(until - 1))))
        yield page
        while page.rows == LIMITS[series.group] and page.last_ms < until:
            page = await _page(ask, series, path, (("fromId", str(page.last_id + 1)),))
            yield page
        at = until


def _together(series: Series, done: Sequence[Imported], gaps: tuple[Gap, ...]) -> Imported:
    """The pages of one series as one import."""
    firsts = [each.first_ms for each in done if each.first_ms is not None]
    lasts = [each.last_ms for each in done if each.last_ms is not None]
    problems: tuple[Problem, ...] = tuple(problem for each in done for problem in each.problems)
    total = Imported(
        source=done[0].source if done else "",
        series=series,
        first_ms=min(firsts, default=None),
        last_ms=max(lasts, default=None),
        gaps=gaps,
        problems=problems,
    )
    counts = ("rows", "added", "known", "repeated", "bad", "conflicts")
    return structs.replace(total, **{name: sum(getattr(each, name) for each in done) for name in counts})
