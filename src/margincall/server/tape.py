"""What each market showed: trades, candles, the last 24 hours, funding, who held what; and the numbers of its book.

Fed with the events of every command, in order, as the records of the accounts are. Newest things lie in memory, older
ones in the archive, for as long as the venue keeps them. A cache of the journal: fed with the same commands it is the
same again, also its numbers.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec
from msgspec import structs

from margincall.case.retention import PUBLIC, Retention, expires_ms
from margincall.core.contract import Contract, value
from margincall.core.events import IndexPrice, MarkPrice
from margincall.core.protocol.funding import SAMPLE_MS
from margincall.core.rounding import CONTEXT, exact, published_rate
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange.events import FundingSet, IndexSet, Quoted, Trade
from margincall.exchange.market_exports import _goes_with as goes_with
from margincall.exchange.state import Events, Exchange
from margincall.server.archive import Archive
from margincall.server.candles import Kind, Series
from margincall.server.positioning import LOOK_MS, RISK_MS, Sample, adl_risk, look
from margincall.server.rolling_day import Day
from margincall.server.shelf import Shelf
from margincall.wire.durations import MINUTE_MS
from margincall.wire.encode_market import AggTrade, funding_rate_row
from margincall.wire.prints import PrintedOrder
from margincall.wire.serve_market import PublicTrade, agg_trade_row, trade_row
from margincall.wire.spelling import Json

TRADES = Retention("public trades", months=1, since="2026-03-19", source="change log 2026-03-19")
TRADES_BEFORE = Retention("public trades", months=3, source="Binance documentation before 2026-03-19")
POSITIONING = Retention("open interest and ratios", days=30, source="Binance documentation 2026-05-28")
SAMPLES = "positioning"
RATE_TYPE_SINCE = "2026-07-28"
KINDS: tuple[Kind, ...] = ("last", "mark", "index", "premium")


class Shown:
    """One symbol."""

    def __init__(self, archive: Archive, contract: Contract, api_date: str) -> None:
        """Nothing has happened yet."""
        symbol, kept = contract.symbol, TRADES if api_date >= TRADES.since else TRADES_BEFORE
        self.contract = contract
        self.trades: Shelf[PublicTrade] = Shelf(
            archive, "publicTrades", symbol, kept, lambda trade: trade_row(trade, api_date)
        )
        self.agg_trades: Shelf[AggTrade] = Shelf(
            archive, "aggTrades", symbol, kept, lambda trade: agg_trade_row(trade, api_date)
        )
        self.funding: Shelf[FundingSet] = Shelf(
            archive, "fundingRate", symbol, PUBLIC, lambda each: funding_row(each, api_date)
        )
        self.candles: dict[Kind, Series] = {kind: Series(archive, kind, symbol) for kind in KINDS}
        self.day = Day(contract)
        self.bought = self.sold = ZERO
        """What takers bought and sold so far."""
        self.mark_ms: int | None = None
        """When the mark was told last."""
        self.trade_ms = self.book_ms = 0
        """When it last traded, and when the book changed."""
        self.funded = self.seen = 0
        """Settlements so far; samples of the premium that were seen since the last."""
        self._agg: AggTrade | None = None
        self._held: list[Trade] = []

    @exact
    def trade(self, event: Trade) -> None:
        """A trade of the book."""
        worth = abs(value(self.contract, Quantity(event.quantity), Price(event.price)))
        time_ms, bought = event.time_ms, not event.buyer_is_maker
        self.trade_ms = time_ms
        self.trades.add(event.trade_id, time_ms, PublicTrade(
            event.trade_id, time_ms, event.price, event.quantity, worth, event.buyer_is_maker
        ))  # fmt: skip
        self.candles["last"].trade(time_ms, event.price, event.quantity, worth, bought=bought)
        self.day.trade(time_ms, event.price, event.quantity, event.trade_id)
        if bought:
            self.bought += event.quantity
        else:
            self.sold += event.quantity
        self._add_up(event)

    def _add_up(self, event: Trade) -> None:
        """Trades that go with the one before are one row of `aggTrades`: `exchange/market_exports.py` has the rule."""
        agg = self._agg
        if agg is not None and goes_with(self._held, event):
            self._held[1:] = [event]
            quantity = CONTEXT.add(agg.quantity, event.quantity)
            agg = structs.replace(agg, time_ms=event.time_ms, quantity=quantity, last=event.trade_id)
        else:
            self._held = [event]
            agg = AggTrade(
                time_ms=event.time_ms, symbol=event.symbol, number=1 if agg is None else agg.number + 1,
                price=event.price, quantity=event.quantity, first=event.trade_id, last=event.trade_id,
                buyer_is_maker=event.buyer_is_maker,
            )  # fmt: skip
        self._agg = agg
        self.agg_trades.add(agg.number, agg.time_ms, agg)

    def marked(self, event: MarkPrice, *, has_index: bool) -> None:
        """A mark. Where no index was ever told, it stands for it."""
        self.mark_ms = event.time_ms
        self.candles["mark"].tell(event.time_ms, event.price)
        if not has_index:
            self.candles["index"].tell(event.time_ms, event.price)

    def funded_at(self, event: FundingSet) -> None:
        """The end of a funding interval."""
        self.funded += 1
        self.seen = 0
        self.funding.add(self.funded, event.time_ms, event)

    def premiums(self, samples: list[Decimal], time_ms: int) -> None:
        """The engine's samples of this interval, of which the last was taken at a multiple of five seconds."""
        last_ms = time_ms - time_ms % SAMPLE_MS
        begin, count = self.seen, len(samples)
        first_ms, candles = last_ms - (count - 1) * SAMPLE_MS, self.candles["premium"]
        while begin < count:
            sample, end = samples[begin], begin + 1
            while end < count and samples[end] is sample:
                end += 1
            candles.tell_often(first_ms + begin * SAMPLE_MS, published_rate(sample), end - begin, SAMPLE_MS)
            begin = end
        self.seen = len(samples)


def funding_row(event: FundingSet, api_date: str) -> Json:
    """A row of `fundingRate`."""
    row = funding_rate_row(event.symbol, rate=event.rate, time_ms=event.time_ms, mark=event.mark)
    if api_date < RATE_TYPE_SINCE:
        del row["rateType"]
    return row


class Tape:
    """All markets. `state` is the exchange that it looks at, as it stands after the events that it is fed."""

    def __init__(self, archive: Archive, state: Exchange, api_date: str) -> None:
        """Nothing has happened yet."""
        self._archive, self.state = archive, state
        self.begun_ms = state.time_ms
        self.markets = {symbol: Shown(archive, market.contract, api_date) for symbol, market in state.markets.items()}
        self.update_ids = dict.fromkeys(self.markets, 1)
        """By symbol a number that grows with every command that changes its book: `lastUpdateId`, and `u` of the
        depth stream."""
        self.indexed_ms: dict[str, int] = {}
        """When the index of a collateral asset was told last."""
        self.listed: tuple[frozenset[str] | None, msgspec.Raw] = None, msgspec.Raw()
        """The symbols of `exchangeInfo` as they were told last, and which of them were halted then."""
        self._risks: dict[str, tuple[str, int]] = {}
        self._due_ms = self._after(state.time_ms)
        self._looked_ms = state.time_ms
        self._handlers: dict[type, Callable[..., None]] = {
            Trade: self._trade, MarkPrice: self._mark, IndexSet: self._index, FundingSet: self._funded,
            IndexPrice: self._asset_index,
        }  # fmt: skip

    def hear(self, state: Exchange, events: Events) -> None:
        """What a command gave, and the exchange after it: also of a journal that is applied again."""
        self.state = state
        self.take(events)

    def take(self, events: Events) -> None:
        """What happened by one command."""
        changed: set[str] | None = None
        for event in events:
            kind = type(event)
            if kind is PrintedOrder or kind is Quoted:
                changed = changed or set()
                changed.add(event.symbol)  # type: ignore[union-attr]
            elif (handler := self._handlers.get(kind)) is not None:
                handler(event)
        time_ms = self.state.time_ms
        for symbol in changed or ():
            self.update_ids[symbol] += 1
            self.markets[symbol].book_ms = time_ms
        if time_ms >= self._due_ms:
            self._look(time_ms)

    def _trade(self, event: Trade) -> None:
        self.markets[event.symbol].trade(event)

    def _mark(self, event: MarkPrice) -> None:
        has_index = self.state.markets[event.symbol].index is not None
        self.markets[event.symbol].marked(event, has_index=has_index)

    def _index(self, event: IndexSet) -> None:
        self.markets[event.symbol].candles["index"].tell(event.time_ms, event.index)

    def _funded(self, event: FundingSet) -> None:
        self.markets[event.symbol].funded_at(event)

    def _asset_index(self, event: IndexPrice) -> None:
        self.indexed_ms[event.asset] = event.time_ms

    # --- by the clock -------------------------------------------------------------------------------------

    def _after(self, time_ms: int) -> int:
        return (time_ms // SAMPLE_MS + 1) * SAMPLE_MS

    def _look(self, time_ms: int) -> None:
        """What is looked at every so often. Where the clock has jumped, what stands at its end stood all the time."""
        before_ms, self._looked_ms = self._looked_ms, time_ms
        self._due_ms = self._after(time_ms)
        for symbol, market in self.state.markets.items():
            self.markets[symbol].premiums(market.premiums, time_ms)
        if before_ms // MINUTE_MS != time_ms // MINUTE_MS:
            self._archive.flush()
        if before_ms // RISK_MS != time_ms // RISK_MS:
            self._risks.clear()
        first, last = before_ms // LOOK_MS + 1, time_ms // LOOK_MS
        if first <= last:
            self._sample(sorted({first, last}))

    def _sample(self, numbers: list[int]) -> None:
        """Who holds what, at the first and the last of the times that it was due: in between nothing changed."""
        takers = {symbol: (shown.bought, shown.sold) for symbol, shown in self.markets.items()}
        found = list(look(self.state, takers))
        for number in numbers:
            time_ms = number * LOOK_MS
            keeps_ms = expires_ms(POSITIONING, time_ms)
            for symbol, sample in found:
                row = msgspec.json.encode(structs.replace(sample, time_ms=time_ms))
                self._archive.add(SAMPLES, "", symbol, number, time_ms=time_ms, keeps_ms=keeps_ms, row=row)

    def samples(self, symbol: str, now_ms: int, since_ms: int, until_ms: int) -> list[Sample]:
        """The looks at a symbol within a span, oldest first, after the last one before it."""
        find = self._archive.find
        before = find(SAMPLES, now_ms=now_ms, symbol=symbol, from_id=0, until_ms=since_ms - 1, limit=1, last=True)
        found = find(SAMPLES, now_ms=now_ms, symbol=symbol, from_id=since_ms // LOOK_MS, until_ms=until_ms, limit=2**31)
        return [msgspec.json.decode(row, type=Sample) for row in (*before, *found)]

    def adl_risk(self, symbol: str) -> tuple[str, int]:
        """How likely deleveraging is, and when that was looked at: each half hour anew."""
        found = self._risks.get(symbol)
        if found is None:
            found = self._risks[symbol] = adl_risk(self.state, symbol), self._looked_ms
        return found
