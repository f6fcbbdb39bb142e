"""The other direction: messages of the market streams. (Those of marks and asset indices: `wire/encode.py`.)

Keys and types are those of the documentation's samples (2026-05) with what was added since: the symbol's type `st` and
its pair `ps` (2026-06-29, models of the venue's SDK 18.1).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Raw, Struct

from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.rounding import plain
from margincall.core.units import ZERO
from margincall.wire.prints import PrintedOrder
from margincall.wire.spelling import Json, pair_of, side_word, text

TYPED_SINCE = "2026-06-29"
USDM, COINM = 1, 2
NEVER_MS = 4_133_404_800_000
"""The delivery date of what is never delivered."""
FIRST_ID_OF_NONE = -1
MINI = {"c": "lastPrice", "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume"}
FULL = {
    "p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "c": "lastPrice", "Q": "lastQty",
    "o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume", "O": "openTime",
    "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count",
}  # fmt: skip
"""Keys of the tickers, by those of `ticker/24hr`."""
Levels = Sequence[tuple[str, str]]


def symbol_type(contract: Contract, api_date: str) -> Json:
    """`st`: USDⓈ-M or COIN-M."""
    return {"st": COINM if contract.is_inverse else USDM} if api_date >= TYPED_SINCE else {}


def pair_and_type(contract: Contract, api_date: str) -> Json:
    """`ps` and `st`."""
    return {"ps": pair_of(contract), **symbol_type(contract, api_date)} if api_date >= TYPED_SINCE else {}


class Book(Struct, frozen=True, kw_only=True):
    """Levels of a book with the numbers of its changes: `first` and `last` of those that the message adds up, and the
    last one of the message before. `changed_ms` is when it changed."""

    first: int
    last: int
    before: int
    changed_ms: int
    bids: Levels
    asks: Levels


def depth_update(book: Book, contract: Contract, now_ms: int, api_date: str) -> Json:
    """Differences of a book, or its best levels."""
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": book.changed_ms,
        "s": contract.symbol,
        **pair_and_type(contract, api_date),
        "U": book.first,
        "u": book.last,
        "pu": book.before,
        "b": book.bids,
        "a": book.asks,
    }


def book_ticker(book: Book, contract: Contract, now_ms: int, api_date: str) -> Json:
    """The best price and size of both sides; an empty side is 0."""
    nothing = text(ZERO * contract.tick), text(ZERO * contract.lot)
    (bid, bid_size), (ask, ask_size) = (book.bids or [nothing])[0], (book.asks or [nothing])[0]
    best = {"b": bid, "B": bid_size, "a": ask, "A": ask_size}
    head = {"e": "bookTicker", "u": book.last, "s": contract.symbol, **best, "T": book.changed_ms, "E": now_ms}
    return {**head, **pair_and_type(contract, api_date)}


def trade(row: Json, contract: Contract, now_ms: int) -> Json:
    """`<symbol>@trade` of a row of `trades`. The venue describes this stream nowhere; its keys are those that it
    sends."""
    told = {"t": row["id"], "p": row["price"], "q": row["qty"], "X": "MARKET", "m": row["isBuyerMaker"]}
    return {"e": "trade", "E": now_ms, "T": row["time"], "s": contract.symbol, **told}


def agg_trade(row: Json, contract: Contract, now_ms: int, api_date: str) -> Json:
    """`<symbol>@aggTrade` of a row of `aggTrades`."""
    return {"e": "aggTrade", "E": now_ms, "s": contract.symbol, **row, **symbol_type(contract, api_date)}


def mini_ticker(row: Json, contract: Contract, now_ms: int, api_date: str) -> Json:
    """`24hrMiniTicker` of a row of `ticker/24hr`."""
    told = {key: row[name] for key, name in MINI.items()}
    head = {"e": "24hrMiniTicker", "E": now_ms, "s": contract.symbol}
    return {**head, **told, **pair_and_type(contract, api_date)}


def ticker(row: Json, contract: Contract, now_ms: int, api_date: str) -> Json:
    """`24hrTicker` of a row of `ticker/24hr`."""
    told = {key: row[name] for key, name in FULL.items()}
    head = {"e": "24hrTicker", "E": now_ms, "s": contract.symbol}
    return {**head, **told, **pair_and_type(contract, api_date)}


class Kline(Struct, frozen=True, kw_only=True):
    """A candle as `klines` prints it, with the ids of its trades; none: it has no trades."""

    interval: str
    row: Sequence[object]
    ids: tuple[int, int] | None
    is_closed: bool


def _kline(found: Kline) -> Json:
    first, last = found.ids or (FIRST_ID_OF_NONE, FIRST_ID_OF_NONE)
    start, opened, high, low, close, volume, end, quote, count, bought, bought_quote = found.row[:11]
    return {
        "t": start, "T": end, "i": found.interval, "f": first, "L": last, "o": opened, "c": close, "h": high, "l": low,
        "v": volume, "n": count, "x": found.is_closed, "q": quote, "V": bought, "Q": bought_quote, "B": "0",
    }  # fmt: skip


def kline(found: Kline, contract: Contract, now_ms: int) -> Json:
    """`<symbol>@kline_<interval>`."""
    return {"e": "kline", "E": now_ms, "s": contract.symbol, "k": {"s": contract.symbol, **_kline(found)}}


def continuous_kline(found: Kline, contract: Contract, now_ms: int) -> Json:
    """`<pair>_perpetual@continuousKline_<interval>`."""
    head = {"e": "continuous_kline", "E": now_ms, "ps": pair_of(contract), "ct": "PERPETUAL"}
    return {**head, "k": _kline(found)}


def force_order(order: PrintedOrder, last_quantity: Decimal, now_ms: int) -> Json:
    """`<symbol>@forceOrder` of the last state of a liquidation's order."""
    told = {
        "s": order.symbol,
        "S": side_word(order.buy),
        "o": "LIMIT",
        "f": "IOC",
        "q": text(order.quantity),
        "p": text(order.price),
        "ap": text(order.average_price or ZERO),
        "X": order.status,
        "l": text(last_quantity),
        "z": text(order.executed),
        "T": order.time_ms,
    }
    return {"e": "forceOrder", "E": now_ms, "o": told}


def contract_info(table: BracketTable, contract: Contract, now_ms: int, *, onboard_ms: int, api_date: str) -> Json:
    """`!contractInfo` of a contract whose brackets have changed."""
    return {
        "e": "contractInfo",
        "E": now_ms,
        "s": contract.symbol,
        "ps": pair_of(contract),
        "ct": "PERPETUAL",
        "dt": NEVER_MS,
        "ot": onboard_ms,
        "cs": "TRADING",
        "bks": list(_brackets(table)),
        **symbol_type(contract, api_date),
    }


def _brackets(table: BracketTable) -> Iterable[Json]:
    """Brackets from the smallest on; the least leverage of one is more than the most of the next."""
    leverages = [row.max_leverage or 1 for row in table.rows]
    for row, most, below in zip(table.rows, leverages, [*leverages[1:], 0], strict=True):
        yield {
            "bs": row.number,
            "bnf": _number(row.floor),
            "bnc": _number(row.cap),
            "mmr": _number(row.rate),
            "cf": _number(row.cum),
            "mi": below + 1,
            "ma": most,
        }


def _number(number: Decimal) -> Raw:
    return Raw(text(plain(number)).encode())
