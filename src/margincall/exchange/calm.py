"""Time in which nothing happens: samples of the premium, every five seconds, that would all be the same.

A sample depends on the book and the index. Until something else falls due, or a source of an index gets too old, both
stay as they are: so many equal samples are taken at once. State and events are those of taking them one by one.
"""

from collections.abc import Iterator

from margincall.core.protocol.funding import SAMPLE_MS
from margincall.core.protocol.mark import price_index
from margincall.exchange import pricing, timers
from margincall.exchange.state import Exchange, Market

FEWEST = 2
"""Samples of one symbol from which on it is worth the look."""
NEVER = 2**62


def pass_by(state: Exchange, to_ms: int) -> bool:
    """Take the samples that are next at once, as far as nothing else can happen until then, at most up to `to_ms`.
    Always true: what falls due after them is the caller's."""
    if state.timers and state.timers[0][1] == "premium" and not state.watch.loose:
        until_ms = min(to_ms + 1, _other_ms(state))
        if state.timers[0][0] + (FEWEST - 1) * SAMPLE_MS < until_ms:
            _sample(state, until_ms)
    return True


def _sample(state: Exchange, until_ms: int) -> None:
    """Take all samples that are due before a time, if they change nothing else."""
    due = list(_samples_before(state, until_ms))
    until_ms = min(until_ms, *(steady_until(state, state.markets[symbol]) for _, symbol in due))
    for due_ms, symbol in due:
        count = max(-(-(until_ms - due_ms) // SAMPLE_MS), 0)
        if not count:
            continue
        market = state.markets[symbol]
        sample = pricing.premium_now(state, market)
        if sample is not None:
            market.premiums += [sample] * count
        state.timers.remove((due_ms, "premium", symbol))
        timers.add(state, due_ms + count * SAMPLE_MS, "premium", symbol)
        state.time_ms = max(state.time_ms, due_ms + (count - 1) * SAMPLE_MS)


def _other_ms(state: Exchange) -> int:
    """When something else than a sample falls due."""
    return next((at for at, kind, _ in state.timers if kind != "premium"), NEVER)


def _samples_before(state: Exchange, until_ms: int) -> Iterator[tuple[int, str]]:
    """The next sample of each symbol that has one before a time, before which nothing else falls due."""
    for at, _, symbol in state.timers:
        if at >= until_ms:
            return
        yield at, symbol


def steady_until(state: Exchange, market: Market) -> int:
    """Until when (exclusive) samples change nothing but the list of them: 0 where they do now, or might."""
    if not pricing.is_refreshed(market):
        return NEVER
    rules = market.listing.index
    assert rules is not None
    if market.listing.mark is not None:
        return 0  # a mark by rule follows the clock of funding
    sources = list(market.sources.values())
    terms = price_index(sources, state.time_ms, rules)
    if terms is not None and terms.index and terms.index != market.index:
        return 0
    ends = (each.updated_ms + rules.stale_ms for each in sources)
    return min((each for each in ends if each > state.time_ms), default=NEVER)
