"""The market streams: each is made only while somebody listens, from the state of the exchange and the tape.

What is sent every so often goes with the server's clock (`tick`, which a timer calls); what is sent when it happens,
with what the venue tells (`take`).
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from margincall.core.account import AssetIndex
from margincall.core.events import Fill, IndexPrice, MarkPrice
from margincall.core.units import ZERO
from margincall.exchange.events import FaultSet, Quoted, Trade
from margincall.exchange.pricing import moving_average
from margincall.exchange.state import Events, Market
from margincall.server.candles import begin_ms, next_ms
from margincall.server.forced import Forced
from margincall.server.hub import Hub
from margincall.server.stream_names import AT_ONCE, Plan, plan_of
from margincall.server.streams_book import BookStreams, Sent
from margincall.server.tape import Shown, Tape
from margincall.server.venue import HALTED, Venue
from margincall.wire import serve_streams as say
from margincall.wire.durations import SECOND_MS
from margincall.wire.encode import Funding, asset_index_update, mark_price_update
from margincall.wire.prints import PrintedOrder
from margincall.wire.serve_market import PublicTrade, trade_row
from margincall.wire.spelling import Json, pair_of

PERIODS = (100, 250, 500, 1_000, 2_000, 3_000, 5_000)
AVERAGE_SINCE = "2026-03-16"
"""Since then a mark is told with its moving average; where marks are given, there is none, and it is the mark
(assumed: `given-mark-average`)."""
WITHIN_MS = 100
"""Trades that one `aggTrade` adds up lie within so long."""
MOST = 1_000
CONTRACTS = "!contractInfo"


class MarketStreams:
    """All streams of markets that somebody listens to."""

    def __init__(self, venue: Venue, hub: Hub, tape: Tape) -> None:
        """Nobody listens; the venue tells only while somebody does."""
        self._venue, self._hub, self._tape, self._state = venue, hub, tape, venue.state
        self._date = venue.api_date
        self._books = BookStreams(venue.state, tape, venue.api_date)
        venue.lookers.append(self._books.depths.observe)
        self._pairs = {pair_of(market.contract): symbol for symbol, market in self._state.markets.items()}
        self._active: dict[int, dict[str, Sent]] = {period: {} for period in (AT_ONCE, *PERIODS)}
        self._forced = Forced(venue.api_date)
        self._ticked_ms = venue.now_ms()
        self._makers: Mapping[str, Callable[[Sent, int], Iterable[object]]] = {
            "aggTrade": self._agg_trades, "markPrice": self._marks, "kline": self._klines,
            "continuousKline": self._klines, "miniTicker": self._tickers, "ticker": self._tickers,
            "bookTicker": self._books.book_tickers, "depth": self._books.depth, "bestDepth": self._books.best_depth,
            "forceOrder": self._force_orders, "assetIndex": self._asset_indices,
        }  # fmt: skip
        hub.opened.append(self._opened)
        hub.closed.append(self._closed)
        venue.on_halt.append(self._halted)

    @property
    def count(self) -> int:
        """How many streams are made."""
        return sum(map(len, self._active.values()))

    def tick(self, now_ms: int) -> None:
        """Send what is due by the clock: of a period that has gone by more than once, one message."""
        before_ms, self._ticked_ms = self._ticked_ms, now_ms
        for period in PERIODS:
            if now_ms // period == before_ms // period:
                continue
            for topic, sent in self._active[period].items():
                for message in self._makers[sent.plan.kind](sent, now_ms):
                    self._hub.tell(topic, message)
        if now_ms // SECOND_MS != before_ms // SECOND_MS:
            self._forced.forget()

    def take(self, events: Events) -> None:
        """What happened: what is sent at once, and what is remembered until its time."""
        for event in events if self._active[SECOND_MS] else ():
            if isinstance(event, PrintedOrder | Fill) and event.close == "liquidation":
                self._forced.take(event)
        at_once = self._active[AT_ONCE]
        if not at_once:
            return
        now_ms = self._venue.now_ms()
        changed = {each.symbol for each in events if isinstance(each, PrintedOrder | Quoted)}
        for topic, sent in at_once.items():
            if sent.plan.kind == "bookTicker":
                messages: Iterable[object] = (
                    self._books.book_ticker(sent, now_ms) if sent.plan.symbol in changed else ()
                )
            elif sent.plan.kind == "trade":
                messages = self._trades(sent.plan.symbol, events, now_ms)
            else:
                messages = self._contract_infos(events, now_ms)
            for message in messages:
                self._hub.tell(topic, message)

    def _opened(self, topic: str) -> None:
        plan = plan_of(topic, self._state.markets, self._pairs, self._state.indices)
        if plan is None:
            return
        if not self.count:
            self._venue.watchers.append(self.take)
        sent = self._active[plan.period_ms][topic] = Sent(plan)
        if plan.kind == "depth":
            sent.chain = self._books.depths.follow(plan.symbol)
        elif plan.kind == "aggTrade":
            last = self._tape.markets[plan.symbol].agg_trades.last
            if last is not None:  # one that still adds up is told when it is complete
                is_open = self._venue.now_ms() - last.time_ms < WITHIN_MS
                sent.number = last.number - is_open

    def _closed(self, topic: str) -> None:
        for active in self._active.values():
            sent = active.pop(topic, None)
            if sent is None:
                continue
            if sent.chain is not None:
                self._books.depths.leave(sent.chain)
            if not self.count:
                self._venue.watchers.remove(self.take)

    def _symbols(self, plan: Plan) -> list[str]:
        return [plan.symbol] if plan.symbol else list(self._state.markets)

    def _of(self, symbol: str) -> tuple[Market, Shown]:
        return self._state.markets[symbol], self._tape.markets[symbol]

    # --- trades -----------------------------------------------------------------------------------------------

    def _agg_trades(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """Rows that are complete: another has begun, or their time is over."""
        market, shown = self._of(sent.plan.symbol)
        last = shown.agg_trades.last
        if last is None or last.number == sent.number:
            return
        limit = last.number - sent.number - (now_ms - last.time_ms < WITHIN_MS)
        for row in shown.agg_trades.find(now_ms, from_id=sent.number + 1, limit=min(limit, MOST)) if limit else ():
            sent.number += 1
            yield say.agg_trade(_row(row), market.contract, now_ms, self._date)

    def _trades(self, symbol: str, events: Events, now_ms: int) -> Iterable[object]:
        contract = self._state.markets[symbol].contract
        for event in events:
            if isinstance(event, Trade) and event.symbol == symbol:
                told = PublicTrade(
                    event.trade_id, event.time_ms, event.price, event.quantity, ZERO, event.buyer_is_maker
                )
                yield say.trade(trade_row(told, self._date), contract, now_ms)

    def _klines(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """The candle of now; before its first message the last one of the candle before, which is closed."""
        market, shown = self._of(sent.plan.symbol)
        interval = sent.plan.interval
        start_ms = begin_ms(interval, now_ms)
        starts = [start_ms] if sent.start_ms in (0, start_ms) else [sent.start_ms, start_ms]
        number = shown.trades.last.number if shown.trades.last is not None else 0
        if len(starts) == 1 and sent.start_ms and number == sent.number:
            return
        sent.start_ms, sent.number = start_ms, number
        spell = say.kline if sent.plan.kind == "kline" else say.continuous_kline
        for each in starts:
            found = _candle(shown, interval, each, now_ms)
            if found is not None:
                yield spell(found, market.contract, now_ms)

    def _tickers(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """Of one symbol its ticker; of all of them those that have changed, if any."""
        spell = say.mini_ticker if sent.plan.kind == "miniTicker" else say.ticker
        found = []
        for symbol in self._symbols(sent.plan):
            market, shown = self._of(symbol)
            if shown.trades.last is None:
                continue
            row = shown.day.row(now_ms)
            told = spell(row, market.contract, now_ms, self._date)
            still = {**row, "openTime": 0, "closeTime": 0}
            if sent.plan.symbol:
                yield told
            elif sent.rows.get(symbol) != still:
                sent.rows[symbol] = still
                found.append(told)
        if found:
            yield found

    # --- prices -------------------------------------------------------------------------------------------------

    def _marks(self, sent: Sent, now_ms: int) -> Iterable[object]:
        """Stamped with the full second that they are of, as the venue's are."""
        second_ms = now_ms - now_ms % SECOND_MS
        found = [
            self._mark(market, second_ms)
            for symbol in self._symbols(sent.plan)
            if (market := self._state.markets[symbol]).mark is not None
        ]
        if sent.plan.symbol:
            yield from found
        elif found:
            yield found

    def _mark(self, market: Market, time_ms: int) -> Json:
        mark, contract = market.mark, market.contract
        assert mark is not None
        average = (moving_average(market) or mark) if self._date >= AVERAGE_SINCE else None
        told = MarkPrice(time_ms=time_ms, symbol=contract.symbol, price=mark)
        funding = Funding(index=market.index, rate=market.rate, next_ms=market.next_funding_ms or 0)
        return {**mark_price_update(told, funding, average), **say.symbol_type(contract, self._date)}

    def _asset_indices(self, sent: Sent, now_ms: int) -> Iterable[object]:
        second_ms, wanted = now_ms - now_ms % SECOND_MS, sent.plan.asset
        found = [
            _asset_index(asset, each, second_ms)
            for asset, each in sorted(self._state.indices.items())
            if wanted in ("", asset)
        ]
        if wanted:
            yield from found
        elif found:
            yield found

    # --- liquidations and contracts -----------------------------------------------------------------------------

    def _force_orders(self, sent: Sent, now_ms: int) -> Iterable[object]:
        return self._forced.messages(sent.plan.symbol, now_ms)

    def _contract_infos(self, events: Events, now_ms: int) -> Iterable[object]:
        """Of a contract whose brackets have changed."""
        for event in events:
            if isinstance(event, FaultSet) and event.fault == "wrong_brackets":
                yield self._contract_info(event.symbol, now_ms)

    def _contract_info(self, symbol: str, now_ms: int) -> Json:
        table, market = self._state.rules.venue.brackets(symbol), self._state.markets[symbol]
        told = say.contract_info(table, market.contract, now_ms, onboard_ms=self._tape.begun_ms, api_date=self._date)
        return {**told, "cs": HALTED} if symbol in self._venue.halted else told

    def _halted(self, symbol: str) -> None:
        """A contract was halted, or goes on."""
        if self._hub.wants(CONTRACTS):
            self._hub.tell(CONTRACTS, self._contract_info(symbol, self._venue.now_ms()))


def _row(found: object) -> Json:
    """A row of the tape, which is JSON where it comes from the archive."""
    row: Json = msgspec.json.decode(found) if isinstance(found, msgspec.Raw) else found  # type: ignore[assignment]
    return row


def _candle(shown: Shown, interval: str, start_ms: int, now_ms: int) -> say.Kline | None:
    """The candle of a span; none before the first trade."""
    end_ms = next_ms(interval, start_ms)
    rows = shown.candles["last"].find(interval, now_ms, since_ms=start_ms, until_ms=start_ms, limit=1)
    if not rows:
        return None
    first = shown.trades.find(now_ms, since_ms=start_ms, until_ms=end_ms - 1, limit=1)
    last = shown.trades.newest(now_ms, until_ms=end_ms - 1, limit=1)
    ids = (int(str(_row(first[0])["id"])), int(str(_row(last[0])["id"]))) if first and last else None
    return say.Kline(interval=interval, row=rows[0], ids=ids, is_closed=now_ms >= end_ms)


def _asset_index(asset: str, found: AssetIndex, time_ms: int) -> Json:
    return asset_index_update(IndexPrice(time_ms=time_ms, asset=asset, index=found.index, bid=found.bid, ask=found.ask))
