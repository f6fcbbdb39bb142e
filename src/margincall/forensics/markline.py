"""What the files say about prices: every mark and index they hold, with its time and how it is known."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct, structs

from margincall.core.account import Account, AssetIndex, Marks
from margincall.core.contract import Contract, price_at_profit, profit
from margincall.core.events import AnyEvent, IndexPrice, MarkCandle, MarkPrice, PositionPrint, Source, Statement
from margincall.core.fold import FillTerms
from margincall.core.units import Price
from margincall.forensics.digits import last_digit

How = Literal[
    "published",
    "printed with the position",
    "implied by unrealised PnL",
    "opening of a candle",
    "the liquidation price, reached within a candle",
    "the extreme of a candle that does not reach the liquidation price",
]
OPENING: How = "opening of a candle"
SNAPSHOTS = ("account", "position_risk")
FRESH_MS = 5000
"""The venue publishes marks every 1 or 3 seconds; an older one is not the mark of the moment."""
SEARCHED = 8
"""So many candles back one that holds a moment is looked for: the longest has five minutes."""


class MarkPoint(Struct, frozen=True):
    """One mark: when, how known, and from which event (place in the history)."""

    time_ms: int
    place: int
    price: Price
    how: How
    source: Source


class CandlePoint(Struct, frozen=True):
    """A candle of the mark, and from which event (place in the history)."""

    candle: MarkCandle
    place: int

    def holds(self, time_ms: int) -> bool:
        """Whether a time lies within the candle."""
        return self.candle.time_ms <= time_ms < self.candle.time_ms + self.candle.interval_ms


class IndexPoint(Struct, frozen=True):
    """One asset index: when, and from which event (place in the history)."""

    time_ms: int
    place: int
    index: AssetIndex


class MarkLine(Struct, frozen=True):
    """All marks and candles per symbol and indices per asset, in the order of the history. The opening of a candle is
    a mark, too.

    `snapshots` are marks that an answer of the API prints: they are of the moment of the question, which no answer
    tells, so they serve for where the account stands now and never for a past moment.
    """

    marks: dict[str, list[MarkPoint]]
    candles: dict[str, list[CandlePoint]]
    indices: dict[str, list[IndexPoint]]
    snapshots: dict[str, tuple[int, Price]]

    def latest(self, symbol: str, place: int) -> MarkPoint | None:
        """The last mark of `symbol` before event `place`."""
        points = self.marks.get(symbol, [])
        found = bisect_right(points, place - 1, key=_place)
        return points[found - 1] if found else None

    def following(self, symbol: str, place: int) -> MarkPoint | None:
        """The first mark of `symbol` at or after event `place`."""
        points = self.marks.get(symbol, [])
        found = bisect_right(points, place - 1, key=_place)
        return points[found] if found < len(points) else None

    def candle(self, symbol: str, time_ms: int) -> CandlePoint | None:
        """The shortest candle of `symbol` that holds a time."""
        points = self.candles.get(symbol, [])
        last = bisect_right(points, time_ms, key=_opens)
        holding = [point for point in points[max(last - SEARCHED, 0) : last] if point.holds(time_ms)]
        return min(holding, key=lambda point: point.candle.interval_ms, default=None)

    def at(self, symbols: Iterable[str], place: int) -> Marks:
        """The last known price of each symbol and asset before event `place`; unknown ones are left out."""
        prices = {symbol: point.price for symbol in symbols if (point := self.latest(symbol, place)) is not None}
        indices = {asset: found.index for asset in self.indices if (found := self.index(asset, place)) is not None}
        return Marks(prices, indices)

    def now(self, symbols: Iterable[str], place: int) -> Marks:
        """As `at`, where a later answer of the API counts too: for where the account stands, not for a past moment."""
        known = self.at(symbols, place)
        later = {
            symbol: price
            for symbol, (seen, price) in self.snapshots.items()
            if (point := self.latest(symbol, place)) is None or point.place < seen
        }
        return Marks({**known.prices, **later}, known.indices)

    def index(self, asset: str, place: int) -> IndexPoint | None:
        """The last index of `asset` before event `place`."""
        points = self.indices.get(asset, [])
        found = bisect_right(points, place - 1, key=_place)
        return points[found - 1] if found else None


class Marker:
    """Collects prices from published marks, printed positions and printed unrealised PnL while a history is folded."""

    def __init__(self, contracts: Mapping[str, Contract]) -> None:
        """Begin with no price."""
        self.line = MarkLine({}, {}, {}, {})
        self.contracts = contracts

    def see(self, place: int, event: AnyEvent, before: Account, after: Account, terms: FillTerms | None) -> None:
        """Take the prices of one event in."""
        line = self.line
        if isinstance(event, MarkPrice):
            _add(line, event.symbol, MarkPoint(event.time_ms, place, Price(event.price), "published", event.source))
        elif isinstance(event, MarkCandle):
            line.candles.setdefault(event.symbol, []).append(CandlePoint(event, place))
            _add(line, event.symbol, MarkPoint(event.time_ms, place, Price(event.open), OPENING, event.source))
        elif isinstance(event, IndexPrice):
            point = IndexPoint(event.time_ms, place, AssetIndex(event.index, event.bid, event.ask))
            line.indices.setdefault(event.asset, []).append(point)
        elif isinstance(event, Statement):
            for printed in event.positions:
                if event.origin in SNAPSHOTS:
                    if printed.mark:
                        line.snapshots[printed.symbol] = (place, Price(printed.mark))
                    continue
                shown = _printed(event, printed, after, self.contracts, line.latest(printed.symbol, place))
                if shown is not None:
                    _add(line, printed.symbol, structs.replace(shown, place=place))


def _printed(
    statement: Statement,
    printed: PositionPrint,
    account: Account,
    contracts: Mapping[str, Contract],
    latest: MarkPoint | None,
) -> MarkPoint | None:
    """The mark that a printed position shows or implies; its place is filled in by the caller. A profit is printed with
    few digits: where the `latest` mark gives it, it is that mark."""
    if printed.mark:
        price = Price(printed.mark)
        return MarkPoint(statement.time_ms, -1, price, "printed with the position", statement.source)
    position = account.position((printed.symbol, printed.side))
    if printed.unrealized is None or not printed.quantity or printed.quantity != position.quantity:
        return None
    contract = contracts[printed.symbol]
    implied = price_at_profit(contract, position.quantity, position.cost, printed.unrealized)
    if latest is not None:
        derived = profit(contract, position.quantity, position.cost, latest.price)
        if abs(derived - printed.unrealized) < last_digit(printed.unrealized):
            implied = latest.price
    if implied is None:
        return None
    return MarkPoint(statement.time_ms, -1, implied, "implied by unrealised PnL", statement.source)


def _add(line: MarkLine, symbol: str, point: MarkPoint) -> None:
    line.marks.setdefault(symbol, []).append(point)


def _opens(point: CandlePoint) -> int:
    return point.candle.time_ms


def _place(point: MarkPoint | IndexPoint) -> int:
    return point.place
