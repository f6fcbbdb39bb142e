"""Index, mark and funding of a market: `core/protocol/mark.py` and `funding.py` with its own book and clocks."""

from decimal import Decimal

from msgspec import structs

from margincall.core.account import AssetIndex
from margincall.core.events import IndexPrice, MarkPrice
from margincall.core.protocol.funding import (
    Level,
    average_premium,
    funding_rate,
    impact_notional,
    impact_price,
    next_hours,
    payment,
    premium,
)
from margincall.core.protocol.mark import (
    Constituent,
    FundingClock,
    MarkRules,
    basis,
    mark_price,
    price_2,
    price_index,
    protected,
)
from margincall.core.protocol.moves import REMAINDER, move
from margincall.core.rounding import published_price
from margincall.core.units import ZERO, Price
from margincall.exchange import conditional, timers
from margincall.exchange.book import Side
from margincall.exchange.commands import SetIndex
from margincall.exchange.events import FundingSet, IndexSet
from margincall.exchange.ledger import book_moves
from margincall.exchange.orders import price_of, quantity_of
from margincall.exchange.state import Events, Exchange, Market
from margincall.wire.durations import HOUR_MS

DEPTH = 1000
"""Levels of the book that the impact price looks at."""
MOST_RATES = 16


def set_index(state: Exchange, market: Market, command: SetIndex, events: Events) -> set[str]:
    """Take in what sources say, and make index and mark anew. Returns the accounts concerned."""
    for each in command.sources:
        market.sources[each.name] = Constituent(each.name, Price(each.price), each.weight, state.time_ms)
    return refresh(state, market, events)


def refresh(state: Exchange, market: Market, events: Events) -> set[str]:
    """Index and mark of this moment, by rule. Returns the accounts concerned."""
    _make_index(state, market, events)
    return remark(state, market, events)


def _make_index(state: Exchange, market: Market, events: Events) -> None:
    """The index of the sources that count now. Where none does, the last one stands, and if the last price is to rule
    meanwhile the market remembers the mark of that time (assumed: `last-price-trigger`)."""
    rules = market.listing.index
    assert rules is not None, "a mark by rule has an index"
    terms = price_index(list(market.sources.values()), state.time_ms, rules)
    if terms is None or not terms.index:
        # No source counts, or they say less than the smallest price that is published.
        by_last = market.listing.mark is not None and market.listing.mark.without_index == "last-price-protected"
        market.live_mark = (market.live_mark or market.mark) if by_last else None
        return
    market.live_mark = None
    if terms.index != market.index:
        market.index = terms.index
        events.append(
            IndexSet(time_ms=state.time_ms, symbol=market.contract.symbol, index=terms.index, median=terms.median)
        )


def remark(state: Exchange, market: Market, events: Events) -> set[str]:
    """The mark of this moment, by rule. Returns the accounts concerned."""
    rules = market.listing.mark
    if rules is None or market.index is None:
        return set()
    mark = _protected(market, rules) if market.live_mark is not None else _made(state, market, rules)
    return set_mark(state, market, mark, events) if mark is not None and mark != market.mark else set()


def _made(state: Exchange, market: Market, rules: MarkRules) -> Price:
    """The mark by the index."""
    assert market.index is not None
    return mark_price(
        market.index, _clock(state, market), rules, samples=market.samples, last=market.last, previous=market.mark
    ).mark


def moving_average(market: Market) -> Price | None:
    """The index and the mean of the basis, one of the prices that a mark by rule is the median of; none where it is not
    known."""
    rules = market.listing.mark
    if rules is None or rules.window is None or market.index is None:
        return None
    return price_2(market.index, market.samples, rules.window)


def _protected(market: Market, rules: MarkRules) -> Price | None:
    """The mark without an index: the last trade near the last mark that had one; none without a trade."""
    assert market.live_mark is not None
    return None if market.last is None else protected(market.last, market.live_mark, rules.last_limit)


def set_mark(state: Exchange, market: Market, mark: Price, events: Events) -> set[str]:
    """A new mark of one symbol: it is taken in, and what it triggers fires. Returns the accounts that it concerns."""
    concerned = take_mark(state, market, mark, events)
    conditional.marked(state, market, events)
    return concerned


def take_mark(state: Exchange, market: Market, mark: Price, events: Events) -> set[str]:
    """A new mark is told and known from now on; nothing fires yet, for it may not be the only one of its moment.
    Returns the accounts that it concerns."""
    symbol = market.contract.symbol
    wrong = state.faults.get(f"wrong_mark:{symbol}")
    if market.listing.index is None and (wrong is not None or market.index is not None):
        _tell_index(state, market, mark, events)
    mark = Price(wrong) if wrong is not None else mark
    market.previous_mark, market.mark = market.mark, mark
    state.prices[symbol] = mark
    events.append(MarkPrice(time_ms=state.time_ms, symbol=symbol, price=mark))
    return state.watch.concerned(symbol, mark)


def _tell_index(state: Exchange, market: Market, given: Price, events: Events) -> None:
    """Where marks are given, what is given is the index too: it is told apart from the first wrong mark on."""
    if given != market.index:
        market.index = given
        events.append(IndexSet(time_ms=state.time_ms, symbol=market.contract.symbol, index=given, median=given))


def set_asset_index(state: Exchange, asset: str, told: AssetIndex, events: Events) -> set[str]:
    """A new index of a collateral asset, unless a fault puts another in its place, with bid and ask in proportion.
    Returns the accounts that it concerns."""
    wrong = state.faults.get(f"wrong_asset_index:{asset}")
    index = told if wrong is None else _scaled(told, wrong)
    state.indices[asset] = index
    events.append(IndexPrice(time_ms=state.time_ms, asset=asset, index=index.index, bid=index.bid, ask=index.ask))
    return {trader.name for trader in state.owners() if trader.account.multi_assets}


def _scaled(told: AssetIndex, index: Decimal) -> AssetIndex:
    """Another index with bid and ask as far from it as they were, truncated to 8 decimals."""
    bid, ask = (published_price(each * index / told.index) for each in (told.bid, told.ask))
    return AssetIndex(index, min(bid, index), max(ask, index))


def sample_basis(state: Exchange, market: Market, due_ms: int, events: Events) -> set[str]:
    """One sample of the basis, with index and mark of that moment. Returns the accounts concerned."""
    rules = market.listing.mark
    if rules is None or rules.window is None:
        return set()
    window = rules.window
    timers.add(state, due_ms + window.interval_ms, "basis", market.contract.symbol)
    _make_index(state, market, events)
    bid, ask = market.book.best_bid, market.book.best_ask
    if market.index is not None and bid is not None and ask is not None:
        market.samples.append(basis(price_of(market, bid), price_of(market, ask), market.index))
        del market.samples[: -window.points]
    return remark(state, market, events)


def sample_premium(state: Exchange, market: Market, events: Events) -> set[str]:
    """One sample of the premium: at what an order of the impact size would fill, against the index. Where no samples
    of the basis make index and mark anew, this one does. Returns the accounts concerned."""
    concerned = refresh(state, market, events) if is_refreshed(market) else set()
    if (sample := premium_now(state, market)) is not None:
        market.premiums.append(sample)
    return concerned


def is_refreshed(market: Market) -> bool:
    """Whether a sample of the premium makes index and mark anew."""
    has_window = market.listing.mark is not None and market.listing.mark.window is not None
    return not has_window and market.listing.index is not None


def premium_now(state: Exchange, market: Market) -> Decimal | None:
    """The premium by book and index as they are; none without an index."""
    if market.index is None:
        return None
    rows = state.rules.venue.brackets(market.contract.symbol).rows
    size = impact_notional(rows[0].max_leverage or market.listing.default_leverage)
    bid = impact_price(market.contract, _levels(market, "BUY"), size)
    ask = impact_price(market.contract, _levels(market, "SELL"), size)
    return premium(bid, ask, market.index)


def settle(state: Exchange, market: Market, due_ms: int, events: Events) -> set[str]:
    """The end of a funding interval: the rate, the payments, the next interval. Returns the accounts concerned."""
    rules, symbol = market.listing.funding, market.contract.symbol
    assert rules is not None
    if rules.hours != market.funding_hours:
        rules = structs.replace(rules, hours=market.funding_hours)
    terms = funding_rate(average_premium(market.premiums, rules.hours), rules)
    market.premiums.clear()
    market.rate = terms.rate
    market.rates = [*market.rates, terms.rate][-MOST_RATES:]
    events.append(
        FundingSet(
            time_ms=state.time_ms, symbol=symbol, rate=terms.rate, premium=terms.premium, mark=market.mark or ZERO,
            hours=rules.hours,
        )
    )  # fmt: skip
    paid = terms.rate + (state.faults.get(f"wrong_funding_rate:{symbol}") or ZERO)
    concerned = pay_funding(state, market, paid, events) if market.mark is not None else set()
    if market.listing.intervals is not None:
        market.funding_hours = next_hours(market.rates, rules, market.listing.intervals)
    market.next_funding_ms = due_ms + market.funding_hours * HOUR_MS
    timers.add(state, market.next_funding_ms, "settlement", symbol)
    return concerned


def pay_funding(state: Exchange, market: Market, rate: Decimal, events: Events) -> set[str]:
    """Every holder pays or is paid; what truncation leaves is the remainder's. Returns the holders."""
    symbol, asset = market.contract.symbol, market.contract.margin_asset
    assert market.mark is not None
    paid = set()
    for name in sorted(state.traders):
        trader = state.traders[name]
        for position in trader.account.open_positions():
            if position.symbol == symbol:
                amount = payment(market.contract, position.quantity, market.mark, rate)
                moves = move("funding", name, REMAINDER, asset, -amount)
                book_moves(state, moves, events, symbol=symbol, side=position.side)
                paid.add(name)
    return paid


def _clock(state: Exchange, market: Market) -> FundingClock:
    period = market.funding_hours * HOUR_MS
    until = max((market.next_funding_ms or state.time_ms) - state.time_ms, 0)
    return FundingClock(market.rate, until, period)


def _levels(market: Market, side: Side) -> list[Level]:
    return [
        (price_of(market, level.ticks), quantity_of(market, level.lots)) for level in market.book.depth(side, DEPTH)
    ]
