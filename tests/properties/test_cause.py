"""The causes of a trigger sum exactly to the change of surplus, whatever happened on the way."""

import random
from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.account import Marks
from margincall.core.brackets import Bracket, BracketTable, problems
from margincall.core.events import AnyEvent, IndexPrice, Setting
from margincall.core.margin import MissingIndex, MissingMark, Terms, margin
from margincall.core.rounding import exact
from margincall.forensics.cause import Cause, find_cause, total
from margincall.forensics.reconstruct import Reconstruction, reconstruct
from margincall.forensics.rulebook import Rulebook
from margincall.venues.book import DatedTable, book_of
from margincall.wire.iso_time import day_of
from tests.oracle.fold_agreement import STEP_MS, to_events
from tests.oracle.histories import INVERSE, LINEAR
from tests.properties.strategies import SEEDS, History, histories

MIDNIGHT_MS = 1_700_006_400_000
EARLY = ((1, 0, 5, "0.01", 0), (2, 5, 100, "0.025", "0.075"))
LATE = ((1, 0, 2, "0.02", 0), (2, 2, 10, "0.05", "0.06"), (3, 10, 100, "0.1", "0.56"))
"""Bracket rows before and after midnight: number, floor, cap, rate, cum."""


def tables() -> Iterator[DatedTable]:
    """For every symbol two tables; the second begins at midnight."""
    for symbol in (*LINEAR, *INVERSE):
        scale = 1 if symbol in INVERSE else 200
        for day, rows in (("2020-01-01", EARLY), (day_of(MIDNIGHT_MS), LATE)):
            yield DatedTable(BracketTable(symbol, tuple(row(each, scale) for each in rows), day, "made up"), "any")


def row(values: tuple[int | str, ...], scale: int) -> Bracket:
    """One row, its notionals in the units of the symbol."""
    number, floor, cap, rate, cum = map(Decimal, values)
    return Bracket(int(number), floor * scale, cap * scale, rate, cum * scale)


def reconstructed(history: History, seed: int) -> Reconstruction:
    """The history around midnight; linear ones without isolated positions at times in multi-assets mode."""
    contracts, events = history
    rng = random.Random(seed)
    made = to_events(events, MIDNIGHT_MS - STEP_MS * rng.choice((0, 10, 20)))
    plain = all(contract["kind"] == "linear" for contract in contracts.values())
    if plain and not any(event["kind"] == "margin_type" for event in events) and rng.random() < 0.5:
        made = with_collateral(made, rng)
    return reconstruct(made, Rulebook(contracts, book_of(tables())))


def with_collateral(events: list[AnyEvent], rng: random.Random) -> list[AnyEvent]:
    """The same events in multi-assets mode: the indices of both assets move now and then."""
    start = events[0].time_ms
    found: list[AnyEvent] = [Setting(time_ms=start, multi_assets=True)]
    found += [index_price(start, asset, rng) for asset in ("USDT", "BNB")]
    for event in events:
        found.append(event)
        if rng.random() < 0.2:
            found.append(index_price(event.time_ms + STEP_MS // 2, rng.choice(("USDT", "BNB")), rng))
    return found


def index_price(time_ms: int, asset: str, rng: random.Random) -> IndexPrice:
    """An index near 1 or 300, with buffers of 5 %."""
    index = (1 if asset == "USDT" else 300) * Decimal(1000 + rng.randint(-20, 20)) / 1000
    bid, ask = index * Decimal("0.95"), index * Decimal("1.05")
    return IndexPrice(time_ms=time_ms, asset=asset, index=index, bid=bid, ask=ask)


def standing(history: Reconstruction, trigger: int, marks: Marks) -> Terms | None:
    """Where the account stands at the trigger; none where a price is not known yet."""
    try:
        rules = history.rules_at(history.events[trigger].time_ms)
        return margin(history.timeline.before(trigger), marks, rules)
    except (MissingMark, MissingIndex):
        return None


@exact
def check(cause: Cause, terms: Terms, pool: str) -> None:
    """The parts sum, exactly; the way begins safe and ends where the account stands."""
    assert cause.surplus_before > 0
    assert cause.surplus_before + total(cause.terms) == cause.surplus_at_trigger
    assert [each.surplus for each in terms.pools if each.name == pool] == [cause.surplus_at_trigger]
    names = [each.term for each in cause.terms]
    assert len(names) == len(set(names))
    assert all(each.amount for each in cause.terms)


def test_the_tables_are_sound() -> None:
    assert [problems(dated.table.rows) for dated in tables() if problems(dated.table.rows)] == []


@given(histories(), SEEDS, st.integers(-300, 300))
def test_the_causes_sum(history: History, seed: int, shift: int) -> None:
    """At the last event and at one in the middle, with the marks as known and all of them moved by up to 30 %."""
    found = reconstructed(history, seed)
    for trigger in sorted({len(found.events) - 1, len(found.events) // 2}):
        known = found.marks.at(found.book.contracts, trigger)
        moved = {symbol: price * (1000 + shift) / 1000 for symbol, price in known.prices.items()}
        for marks in (known, structs.replace(known, prices=moved)):
            terms = standing(found, trigger, marks)
            for pool in terms.pools if terms is not None else ():
                cause = find_cause(found, trigger, pool.name, marks)
                if cause is not None:
                    check(cause, terms, pool.name)
