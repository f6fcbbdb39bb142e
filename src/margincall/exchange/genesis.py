"""How an exchange begins: its markets and the venue's own accounts, and nothing else.

And how to make anew what is derived from a state, and so no part of it: the same commands do the same afterwards.
"""

from decimal import localcontext

from margincall.core.protocol.funding import SAMPLE_MS
from margincall.core.protocol.moves import VENUE_ACCOUNTS
from margincall.core.rounding import CONTEXT
from margincall.exchange import timers
from margincall.exchange.book import Book
from margincall.exchange.liquidation import terms_of
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Exchange, Market, Trader
from margincall.exchange.triggers import Triggers
from margincall.exchange.watch import Watch
from margincall.wire.durations import HOUR_MS


def new_exchange(rules: RuleSet, time_ms: int = 0) -> Exchange:
    """An empty exchange whose clock reads `time_ms`."""
    state = Exchange(rules=rules, genuine=rules, time_ms=time_ms, watch=Watch())
    for name in VENUE_ACCOUNTS:
        state.traders[name] = Trader(name=name)
    timers.add(state, after(time_ms, rules.clearance_ms), "clearance", "")
    for symbol in sorted(rules.listings):
        listing = rules.listings[symbol]
        market = Market(contract=rules.venue.contract(symbol), listing=listing, book=Book(), triggers=Triggers())
        state.markets[symbol] = market
        if listing.mark is not None and listing.mark.window is not None:
            timers.add(state, after(time_ms, listing.mark.window.interval_ms), "basis", symbol)
        if listing.funding is not None:
            market.funding_hours = listing.funding.hours
            market.next_funding_ms = after(time_ms, market.funding_hours * HOUR_MS)
            timers.add(state, market.next_funding_ms, "settlement", symbol)
            timers.add(state, after(time_ms, SAMPLE_MS), "premium", symbol)
    return state


def rebuild(state: Exchange) -> None:
    """Make the triggers of waiting orders and the bands of accounts anew, from where everything stands now."""
    for market in state.markets.values():
        market.triggers = Triggers()
        for order in market.waiting.values():
            market.triggers.add(order, market.waiting)
    state.watch = Watch()
    with localcontext(CONTEXT):
        for trader in state.owners():
            state.watch.update(trader.name, terms_of(state, trader), trader.warned, state.rules.warning_ratio)


def after(time_ms: int, interval_ms: int) -> int:
    """The first full interval after a time."""
    return (time_ms // interval_ms + 1) * interval_ms
