"""What falls due as time goes by: samples of basis and premium, funding, clearance of negative balances, dates."""

from collections.abc import Iterator

from margincall.core.protocol.funding import SAMPLE_MS
from margincall.exchange import desk, orders, pricing, timers
from margincall.exchange.book import OrderId
from margincall.exchange.state import Events, Exchange


def advance(state: Exchange, to_ms: int, events: Events) -> Iterator[set[str]]:
    """Let everything fall due up to `to_ms`, in order; after each, the accounts that it concerns. The clock reads the
    time at which each is due."""
    while (found := timers.due(state, to_ms)) is not None:
        due_ms, kind, about = found
        state.time_ms = max(due_ms, state.time_ms)
        yield _happen(state, due_ms, kind, about, events)
    state.time_ms = to_ms


def _happen(state: Exchange, due_ms: int, kind: timers.Kind, about: str, events: Events) -> set[str]:
    match kind:
        case "basis":
            return pricing.sample_basis(state, state.markets[about], due_ms, events)
        case "premium":
            pricing.sample_premium(state, state.markets[about])
            timers.add(state, due_ms + SAMPLE_MS, "premium", about)
        case "settlement":
            return pricing.settle(state, state.markets[about], due_ms, events)
        case "clearance":
            timers.add(state, due_ms + state.rules.clearance_ms, "clearance", "")
            return desk.clear_negative(state, events)
        case "good_till":
            order = state.orders.get(OrderId(int(about)))
            if order is not None:
                orders.cancel(state, order, events, status="EXPIRED")
        case "countdown":
            if state.countdowns.get(about) == due_ms:
                del state.countdowns[about]
                name, _, symbol = about.rpartition(" ")
                orders.cancel_all(state, state.traders[name], symbol, events)
    return set()
