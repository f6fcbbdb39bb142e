"""Where a history stands at a time, and what was told of the account before: as a walk over all of its events says."""

from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import cast

import pytest

from margincall.core.events import AnyEvent, Flow, IndexPrice, MarkPrice, Statement
from margincall.core.units import ONE, Price
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.founded import PRICES, Founded


def drawn(seed: int) -> list[AnyEvent]:
    """Marks, indices, bookings and updates of a few milliseconds, some of them a little out of their order."""
    rng = Random(seed)
    found: list[AnyEvent] = []
    for place in range(rng.randint(0, 30)):
        time_ms = max(place // 3 + rng.choice((0, 0, 0, -2)), 0)
        found.append(
            rng.choice(
                (
                    MarkPrice(time_ms=time_ms, symbol="BTCUSDT", price=Price(Decimal(50_000))),
                    IndexPrice(time_ms=time_ms, asset="BTC", index=ONE, bid=ONE, ask=ONE),
                    Flow(time_ms=time_ms, category="transfer", reason="DEPOSIT"),
                    Statement(time_ms=time_ms, origin="update"),
                )
            )
        )
    return found


def founded(events: list[AnyEvent]) -> Founded:
    """What founds a history of these events alone."""
    return Founded(cast(Reconstruction, SimpleNamespace(events=events, compared=SimpleNamespace(comparisons=()))))


@pytest.mark.parametrize("seed", range(60))
def test_a_time_is_found_where_a_walk_finds_it(seed: int) -> None:
    """The first event at or after it; marks and indices of that very time come before."""
    events = drawn(seed)
    found = founded(events)
    for time_ms in range(-1, 13):
        walked = (
            place
            for place, each in enumerate(events)
            if each.time_ms > time_ms or (each.time_ms == time_ms and not isinstance(each, MarkPrice | IndexPrice))
        )
        assert found.place_at(time_ms) == next(walked, len(events))


@pytest.mark.parametrize("seed", range(60))
def test_the_message_before_is_the_one_that_a_walk_finds(seed: int) -> None:
    """A price is none; without any it is the place itself."""
    events = drawn(seed)
    found = founded(events)
    for place in range(len(events) + 1):
        walked = (at for at in reversed(range(place)) if not isinstance(events[at], PRICES))
        assert found._message_before(place) == next(walked, place)
