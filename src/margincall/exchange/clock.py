"""What falls due as time goes by: samples of basis and premium, funding, clearance of negative balances, dates."""

from collections.abc import Iterator

from margincall.core.protocol.funding import SAMPLE_MS
from margincall.exchange import calm, desk, orders, pricing, timers
from margincall.exchange.book import OrderId
from margincall.exchange.rejections import Code, Refusal
from margincall.exchange.state import Events, Exchange

SPAN_MS = 31 * 24 * 3_600_000
"""How far the clock may advance at once: what falls due by the second is done second by second."""
END_MS = 253_402_300_799_000
"""The last second of the year 9999: no time is later."""


def check(now_ms: int, to_ms: int) -> None:
    """Refuse a time to which the clock cannot advance."""
    if to_ms < now_ms:
        raise Refusal(Code.CLOCK_RUNS_BACK, f"{to_ms} is before {now_ms}")
    if to_ms > END_MS or to_ms - now_ms > SPAN_MS:
        raise Refusal(Code.CLOCK_TOO_FAR, f"{to_ms} is too long after {now_ms}")


def pieces(now_ms: int, to_ms: int) -> Iterator[int]:
    """The times to which the clock must advance, one after the other, to get from a time to a later one."""
    while to_ms - now_ms > SPAN_MS:
        now_ms += SPAN_MS
        yield now_ms
    yield to_ms


def advance(state: Exchange, to_ms: int, events: Events) -> Iterator[set[str]]:
    """Let everything fall due up to `to_ms`, in order; after each, the accounts that it concerns. The clock reads the
    time at which each is due."""
    while calm.pass_by(state, to_ms) and (found := timers.due(state, to_ms)) is not None:
        due_ms, kind, about = found
        state.time_ms = max(due_ms, state.time_ms)
        yield _happen(state, due_ms, kind, about, events)
    state.time_ms = to_ms


def _happen(state: Exchange, due_ms: int, kind: timers.Kind, about: str, events: Events) -> set[str]:
    match kind:
        case "basis":
            return pricing.sample_basis(state, state.markets[about], due_ms, events)
        case "premium":
            timers.add(state, due_ms + SAMPLE_MS, "premium", about)
            return pricing.sample_premium(state, state.markets[about], events)
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
