"""The streams of books: differences, best levels, best prices."""

from collections.abc import Iterable

from margincall.exchange.state import Exchange
from margincall.server.depth import Chain, Depths, best
from margincall.server.stream_names import Plan
from margincall.server.tape import Shown, Tape
from margincall.wire import serve_streams as say
from margincall.wire.spelling import Json

Change = tuple[int, int, int, say.Levels, say.Levels]


class Sent:
    """What one stream sent last."""

    def __init__(self, plan: Plan) -> None:
        """Nothing."""
        self.plan = plan
        self.chain: Chain | None = None
        self.number = 0
        """Of the last message: the number of the book, or of the last trade."""
        self.start_ms = 0
        """When the candle began that was told last."""
        self.best: object = None
        self.rows: dict[str, Json] = {}
        """Tickers, by symbol, without their times."""


class BookStreams:
    """Makes their messages. `depths` are the books that somebody follows."""

    def __init__(self, state: Exchange, tape: Tape, api_date: str) -> None:
        """Nobody follows one."""
        self._state, self._tape, self._date = state, tape, api_date
        self.depths = Depths(state, tape.update_ids)

    def depth(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """Differences since the last message."""
        assert sent.chain is not None
        change = self.depths.change(sent.chain)
        if change is not None:
            yield self._update(sent.plan.symbol, change, now_ms)

    def best_depth(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """The best levels, if the book has changed."""
        number = self._tape.update_ids[sent.plan.symbol]
        if number != sent.number:
            before = sent.number or number - 1
            sent.number = number
            sides = best(self._state, sent.plan.symbol, sent.plan.levels)
            yield self._update(sent.plan.symbol, (before + 1, number, before, *sides), now_ms)

    def _update(self, symbol: str, change: Change, now_ms: int) -> Json:
        market, shown = self._state.markets[symbol], self._tape.markets[symbol]
        return say.depth_update(_book(change, shown), market.contract, now_ms, self._date)

    def book_ticker(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """The best prices of one symbol, if they have changed."""
        symbol = sent.plan.symbol
        sides = best(self._state, symbol, 1)
        if sides != sent.best:
            sent.best = sides
            yield self._best_of(symbol, sides, now_ms)

    def book_tickers(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """The best prices of those symbols whose have changed."""
        before = sent.best if isinstance(sent.best, dict) else {}
        now = {symbol: best(self._state, symbol, 1) for symbol in self._state.markets}
        sent.best = now
        for symbol, sides in now.items():
            if before.get(symbol) != sides:
                yield self._best_of(symbol, sides, now_ms)

    def _best_of(self, symbol: str, sides: tuple[say.Levels, say.Levels], now_ms: int) -> Json:
        market, shown = self._state.markets[symbol], self._tape.markets[symbol]
        number = self._tape.update_ids[symbol]
        return say.book_ticker(_book((number, number, number, *sides), shown), market.contract, now_ms, self._date)


def _book(change: Change, shown: Shown) -> say.Book:
    first, last, before, bids, asks = change
    return say.Book(first=first, last=last, before=before, changed_ms=shown.book_ms, bids=bids, asks=asks)
