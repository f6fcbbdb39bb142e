"""What the market showed, beside an account's own history: the venue's public messages and answers.

Ticks of the mark with index and funding, trades, candles of last, mark and index price (also of other venues), funding
rates, balances of the insurance fund, and bracket tables as they were printed to the account. None of it enters the
fold; checks hold the account's history against it. The files may be those of the account, or others beside them.

    markPriceUpdate, aggTrade, trade        recorded public streams (one message per line)
    fundingRate                             GET /fapi/v1/fundingRate
    insuranceBalance                        GET /fapi/v1/insuranceBalance, one answer or one per line
    exchangeInfo                            GET /fapi/v1/exchangeInfo: the rates of the clearance fee
    leverageBracket                         an answer without a day in the file's name: printed, but nobody knows when
    (mark|index)PriceKlines-SYMBOL-1m.json  GET /fapi/v1/…Klines; `klines-…` are those of the last price
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeVar

from msgspec import Struct, json

from margincall.core.brackets import BracketTable
from margincall.core.events import Source
from margincall.core.units import Price
from margincall.history.files import content_of, decoded, elements, files_of
from margincall.history.market.kinds import CandlePrice
from margincall.history.tables import is_brackets
from margincall.wire.brackets import read_brackets
from margincall.wire.candles import INTERVALS, named
from margincall.wire.documents import Unreadable
from margincall.wire.file_dates import day_in_name
from margincall.wire.iso_time import utc
from margincall.wire.numbers import BadNumber, decimal_of
from margincall.wire.problems import Problem
from margincall.wire.row import TIME_MAX, TIME_MIN, place_of, readable
from margincall.wire.values import unwrapped

PriceKind = Literal["mark", "index", "last"]
ANSWERS: Mapping[str, PriceKind] = {"markPriceKlines": "mark", "indexPriceKlines": "index", "klines": "last"}
"""What the candles of an answer are of."""
TELLING = (b"markPriceUpdate", b"aggTrade", b'"trade"', b"fundingRate", b"updateTime", b'"brackets"', b"liquidationFee")
"""A message or row with none of these is none of the market's: it need not be decoded."""
HOME = "binance"


class Tick(Struct, frozen=True, gc=False):
    """One published mark with what it rests on: index, the last funding rate, and when funding is next paid."""

    symbol: str
    time_ms: int
    mark: Decimal
    index: Decimal | None
    rate: Decimal | None
    next_ms: int | None
    source: Source


class Trade(Struct, frozen=True, gc=False):
    """One public trade (or trades of one taker order at one price): it makes the last price.

    `venue`, `is_float` and `conflict` as in `Bar`. Number, quantity and who took (`buyer_maker`: the taker sold) are
    None where nobody asked for them: messages are read for their price.
    """

    symbol: str
    time_ms: int
    price: Price
    source: Source
    venue: str = HOME
    id: int | None = None
    quantity: Decimal | None = None
    buyer_maker: bool | None = None
    conflict: bool = False


class Bar(Struct, frozen=True, gc=False):
    """What one price did from `time_ms` to `time_ms + interval_ms`, as one source tells it.

    `price` says of what it is: last, mark, index or premium. `venue` is "binance" for the venue of the account itself;
    bars that the store hands out name the venue as the store does. `source` is the file or endpoint with the line in
    it (of Parquet and feather the row, of JSON the element, all from 1). `is_float`: the source held binary floats.
    `conflict`: another source tells this bar otherwise; both are there. `volume` is None where none was told.
    """

    symbol: str
    price: CandlePrice
    time_ms: int
    interval_ms: int
    open: Price
    high: Price
    low: Price
    close: Price
    source: Source
    venue: str = HOME
    is_float: bool = False
    conflict: bool = False
    volume: Decimal | None = None

    def holds(self, time_ms: int) -> bool:
        """Whether a time lies within the candle."""
        return self.time_ms <= time_ms < self.time_ms + self.interval_ms


class FundingRate(Struct, frozen=True, gc=False):
    """One settlement as the venue publishes it: the rate, a fraction of the notional (longs pay if it is above 0).

    `mark` is the mark that it was paid on, where it is printed; the rest as in `Bar`.
    """

    symbol: str
    time_ms: int
    rate: Decimal
    mark: Price | None
    source: Source
    venue: str = HOME
    is_float: bool = False
    conflict: bool = False


class FundBalance(Struct, frozen=True, gc=False):
    """What an insurance fund held of an asset, for these symbols (none: all)."""

    time_ms: int
    symbols: tuple[str, ...]
    asset: str
    balance: Decimal
    source: Source


class ClearanceRate(Struct, frozen=True, gc=False):
    """The rate of the clearance fee of a symbol, a fraction of what is liquidated, as it was at a time."""

    symbol: str
    time_ms: int
    rate: Decimal
    source: Source


class Market(Struct, frozen=True):
    """Everything public, in order of time; ticks, trades and funding by symbol."""

    ticks: Mapping[str, tuple[Tick, ...]] = {}
    trades: Mapping[str, tuple[Trade, ...]] = {}
    bars: Mapping[str, tuple[Bar, ...]] = {}
    funding: Mapping[str, tuple[FundingRate, ...]] = {}
    fund: tuple[FundBalance, ...] = ()
    clearance: Mapping[str, tuple[ClearanceRate, ...]] = {}
    tables: tuple[BracketTable, ...] = ()
    problems: tuple[Problem, ...] = ()


NO_MARKET = Market()

T = TypeVar("T", Tick, Trade, Bar, FundingRate, ClearanceRate)
Row = Tick | Trade | Bar | FundingRate | FundBalance | ClearanceRate | BracketTable
"""Anything that the market showed."""


class _BadRow(ValueError):
    """A row of the market that is none; the message says why."""


def read_market(paths: Sequence[Path], more: Iterable[Row] = ()) -> Market:
    """What these files and folders say about the market, with `more` rows, of a store, beside them. A bar of the files
    stands for that of the store; a problem says where the two differ. A row that cannot be read is a problem with
    file, place and raw text. Files that cannot be opened are the account's reader's to report."""
    found: list[Row] = []
    problems: list[Problem] = []
    for path in files_of(paths)[0]:
        for each in _of_file(path):
            (problems if isinstance(each, Problem) else found).append(each)  # type: ignore[arg-type]
    for each in _beside({_name(each): each for each in found if isinstance(each, Bar)}, more):
        (problems if isinstance(each, Problem) else found).append(each)  # type: ignore[arg-type]
    return Market(
        ticks=_by_symbol(each for each in found if isinstance(each, Tick)),
        trades=_by_symbol(each for each in found if isinstance(each, Trade)),
        bars=_by_symbol(each for each in found if isinstance(each, Bar)),
        funding=_by_symbol(each for each in found if isinstance(each, FundingRate)),
        clearance=_by_symbol(each for each in found if isinstance(each, ClearanceRate)),
        tables=tuple(each for each in found if isinstance(each, BracketTable)),
        fund=tuple(sorted((each for each in found if isinstance(each, FundBalance)), key=_time)),
        problems=tuple(problems),
    )


def _name(bar: Bar) -> tuple[str, str, str, int, int]:
    return bar.symbol, bar.venue, bar.price, bar.time_ms, bar.interval_ms


def _beside(own: Mapping[tuple[str, str, str, int, int], Bar], more: Iterable[Row]) -> Iterator[Row | Problem]:
    """Rows of a store without the bars that the files hold, and where the two tell other prices."""
    for each in more:
        known = own.get(_name(each)) if isinstance(each, Bar) else None
        if known is None or not isinstance(each, Bar):
            yield each
            continue
        told, other = ([bar.open, bar.high, bar.low, bar.close] for bar in (known, each))
        if told != other:
            where = f"{each.source.file}, {place_of(each.source)}"
            prices = [" ".join(map(str, bar)) for bar in (told, other)]
            said = f"the {each.price} candle of {utc(each.time_ms)} is {prices[1]} in the store ({where})"
            message = f"market: {said}; this one counts"
            yield Problem(known.source.file, place_of(known.source), message, prices[0], "conflict")


def _of_file(path: Path) -> Iterator[Row | Problem]:
    file = str(path)
    candles = named(file)
    if candles is not None and candles[0] not in ANSWERS:
        candles = None
    content = content_of(path)
    if not content.data[content.start :].lstrip().startswith((b"{", b"[")):
        return
    is_fund = "insuranceBalance" in path.name
    for element in elements(content):
        if element.is_cut or not (candles or is_fund or any(word in element.raw for word in TELLING)):
            continue
        source = Source(file, element.line, element.byte)
        try:
            value = unwrapped(decoded(element.raw))
            if candles is not None:
                yield _bar(value, candles, source)
            elif is_brackets(value):
                yield from _undated(value, source)
            else:
                yield from _said(value, source, is_fund=is_fund)
        except (_BadRow, Unreadable) as error:
            yield Problem(file, place_of(source), f"market: {error}", readable(element.raw), "unreadable")


def _said(value: object, source: Source, *, is_fund: bool) -> Iterator[Row]:
    """What one message or row says."""
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        if not isinstance(row, dict):
            continue
        reader = READERS.get(str(row.get("e", "")))
        if reader is not None:
            yield reader(row, source)
        elif is_fund and isinstance(row.get("assets"), list):
            yield from _fund(row, source)
        elif isinstance(row.get("symbols"), list) and "serverTime" in row:
            yield from _rates(row, source)
        elif "fundingRate" in row and "fundingTime" in row:
            yield FundingRate(
                _text(row, "symbol"), _time_of(row, "fundingTime"), _number(row, "fundingRate"),
                _mark(row), source,
            )  # fmt: skip


def _rates(row: Mapping[str, object], source: Source) -> Iterator[ClearanceRate]:
    """The rates of an `exchangeInfo`; a symbol that prints none, or 0, is left out. Raises `_BadRow` for what is no
    rate, once the others are told."""
    time_ms, symbols = _time_of(row, "serverTime"), row["symbols"]
    assert isinstance(symbols, list)
    bad = ""
    for each in symbols:
        if not isinstance(each, dict) or not each.get("liquidationFee"):
            continue
        try:
            rate = ClearanceRate(_text(each, "symbol"), time_ms, _number(each, "liquidationFee"), source)
            if not 0 <= rate.rate <= 1:
                raise _BadRow(f"`liquidationFee` of {rate.symbol} is no rate: {rate.rate}")
        except _BadRow as error:
            bad = bad or str(error)
            continue
        if rate.rate:
            yield rate
    if bad:
        raise _BadRow(bad)


def _tick(row: Mapping[str, object], source: Source) -> Tick:
    next_ms = _optional(row, "T")
    return Tick(
        symbol=_text(row, "s"),
        time_ms=_time_of(row, "E"),
        mark=_price(row, "p"),
        index=_optional(row, "i") or None,
        rate=_optional(row, "r"),
        next_ms=int(next_ms) if next_ms else None,
        source=source,
    )


def _trade(row: Mapping[str, object], source: Source) -> Trade:
    return Trade(_text(row, "s"), _time_of(row, "T"), _price(row, "p"), source)


READERS: Mapping[str, Callable[[Mapping[str, object], Source], Tick | Trade]] = {
    "markPriceUpdate": _tick,
    "aggTrade": _trade,
    "trade": _trade,
}
"""By the type of message."""


def _fund(row: Mapping[str, object], source: Source) -> Iterator[FundBalance]:
    """One group of symbols that share a fund: an amount per asset, with the time of each."""
    symbols = row.get("symbols")
    names = tuple(str(each) for each in symbols) if isinstance(symbols, list) else ()
    assets = row.get("assets")
    assert isinstance(assets, list)
    for each in assets:
        if isinstance(each, dict):
            balance = _number(each, "marginBalance")
            yield FundBalance(_time_of(each, "updateTime"), names, _text(each, "asset"), balance, source)


def _undated(value: object, source: Source) -> Iterator[BracketTable]:
    """Tables of an answer that no file dates. (A table with a day is one of the bracket book's.)"""
    if day_in_name(Path(source.file).name) is not None:
        return
    for each in read_brackets(json.encode(value), source.file)[0]:
        if not each.day:
            yield BracketTable(each.symbol, each.rows, "", source.file, Path(source.file).name, each.coefficient)


def _bar(value: object, candles: tuple[str, str, str], source: Source) -> Bar:
    answer, symbol, interval = candles
    if interval not in INTERVALS:
        raise _BadRow(f"candles of {interval} say too little about a moment")
    if not isinstance(value, list) or len(value) < 5:
        raise _BadRow("candle: expected at least 5 columns")
    row = dict(zip(("time", "open", "high", "low", "close"), value, strict=False))
    opened, high, low, close = (_price(row, name) for name in ("open", "high", "low", "close"))
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise _BadRow("candle: open or close lies outside of low and high")
    time_ms = _time_of(row, "time")
    return Bar(symbol, ANSWERS[answer], time_ms, INTERVALS[interval], opened, high, low, close, source)


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise _BadRow(f"`{key}`: expected a name")
    return value


def _number(row: Mapping[str, object], key: str) -> Decimal:
    found = _optional(row, key)
    if found is None:
        raise _BadRow(f"`{key}` is missing")
    return found


def _price(row: Mapping[str, object], key: str) -> Price:
    found = _number(row, key)
    if found <= 0:
        raise _BadRow(f"`{key}`: a price is above 0")
    return Price(found)


def _mark(row: Mapping[str, object]) -> Price | None:
    found = _optional(row, "markPrice")
    return Price(found) if found else None


def _optional(row: Mapping[str, object], key: str) -> Decimal | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _BadRow(f"`{key}`: expected a number")
    try:
        return decimal_of(value)
    except BadNumber as error:
        raise _BadRow(f"`{key}`: {error}") from None


def _time_of(row: Mapping[str, object], key: str) -> int:
    found = _number(row, key)
    if found != int(found) or not TIME_MIN <= found <= TIME_MAX:
        raise _BadRow(f"`{key}`: expected milliseconds since 1970")
    return int(found)


def _by_symbol(found: Iterable[T]) -> dict[str, tuple[T, ...]]:
    grouped: dict[str, list[T]] = {}
    for each in found:
        grouped.setdefault(each.symbol, []).append(each)
    return {symbol: tuple(sorted(rows, key=_time)) for symbol, rows in sorted(grouped.items())}


def _time(each: Tick | Trade | Bar | FundingRate | FundBalance | ClearanceRate) -> int:
    return each.time_ms
