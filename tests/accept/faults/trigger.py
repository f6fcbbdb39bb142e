"""Settings of faults about the trigger: wrong brackets, a bad mark, too early, too late."""

from decimal import Decimal

from msgspec import structs

from margincall.core.events import MarkPrice
from margincall.exchange.commands import InjectFault
from margincall.exchange.play import Played
from margincall.wire.durations import HOUR_MS, SECOND_MS
from tests.accept.faults.case import UNIT, Pair, Setting, begun, of_venue
from tests.accept.faults.plan import BEGINS_MS, NOISE, OPENS, VICTIM, Draw, Laid, Plan, laid, margin_for, plan

LEAST_MS = 100
MOST_MS = 600_000
OFTEN = Decimal("0.6")
"""Of what a move of the price changes in a margin: the other side of a hedge takes a part of it."""


def crossing(draw: Draw) -> Decimal:
    """Where between the last two seconds the margin is used up, as a share of the jump."""
    return draw.between("0.1", "0.55")


def used_up(given: Plan, share: Decimal) -> Decimal:
    """The margin with which the account is at its trigger in the worst second, and in none before."""
    return margin_for(given, lambda probe: -share * given.jump * given.notional)[0]


def early(draw: Draw) -> Setting:
    """The desk takes the account for one at its trigger, so many milliseconds before it is."""
    size = draw.size(Decimal(LEAST_MS), Decimal(MOST_MS), Decimal(1))
    more = int(size) // SECOND_MS + 1
    slowly = draw.rng.random() < 0.5
    given = plan(draw, calm=4 + (0 if slowly else more))
    given = given._replace(ramp=given.ramp + (more if slowly else 0), then=(given.distance + Decimal("0.0002"),))
    given = given._replace(seconds=given.worst + 10)
    venue = laid(given, used_up(given, crossing(draw))).venue
    at_ms = given.worst_ms - int(size)
    fault = InjectFault(kind="early_liquidation", on=True, symbol=given.symbol, account=VICTIM)
    return of_venue(venue, [(at_ms, fault)], drawn=size, symbol=given.symbol, at_ms=at_ms)


def late(draw: Draw) -> Setting:
    """The desk overlooks the symbol until so many milliseconds after the mark that should have triggered."""
    size = draw.size(Decimal(LEAST_MS), Decimal(MOST_MS), Decimal(1))
    given = plan(draw)
    deeper = given.distance + draw.between("0.0002", "0.0008")
    given = given._replace(then=(deeper,), seconds=given.worst + int(size) // SECOND_MS + 10)
    venue = laid(given, used_up(given, crossing(draw))).venue
    fault = InjectFault(kind="late_liquidation", on=True, symbol=given.symbol)
    off = structs.replace(fault, on=False)
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700
    return of_venue(
        venue, [(begin_ms, fault), (given.worst_ms + int(size), off)], drawn=size, symbol=given.symbol,
        at_ms=given.worst_ms,
    )  # fmt: skip


def brackets(draw: Draw) -> Setting:
    """Maintenance rates of the symbol are too high, so that it comes too early; now and then too low, and too late."""
    given = plan(draw)
    is_high = draw.rng.random() < 0.75
    drawn: list[Decimal] = []

    def wanted(probe: Laid) -> Decimal:
        drawn.append(draw.size(UNIT, probe.maintenance * Decimal("0.9"), UNIT))
        return drawn[0] * draw.between("0.3", "0.7") * (1 if is_high else -1)

    margin, probe = margin_for(given, wanted)
    size = drawn[0]
    if not is_high:
        later = given.distance + size / given.notional / OFTEN + Decimal("0.0004")
        wait = draw.rng.randint(2, 9)
        stays = given.distance + 2 * NOISE
        given = given._replace(then=(*(stays,) * wait, later), seconds=given.worst + wait + 10)
    venue = laid(given, margin).venue
    factor = 1 + size / probe.maintenance * (1 if is_high else -1)
    fault = InjectFault(kind="wrong_brackets", on=True, symbol=given.symbol, value=factor)
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700
    return of_venue(venue, [(begin_ms, fault)], drawn=size, symbol=given.symbol, at_ms=given.worst_ms)


def mark(draw: Draw) -> Setting:
    """The mark is a wrong one for a second or a few; the true one is survived, by less than that. In half of the cases
    funding was settled before, so that a rate is known."""
    settles = BEGINS_MS + draw.rng.choice((8, 16)) * HOUR_MS - draw.rng.randint(8, 25) * SECOND_MS
    start_ms = settles if draw.rng.random() < 0.5 else None
    given = plan(draw, jump=("0.00004", "0.00007"), calm=160, seconds_after=20, start_ms=start_ms)
    first = given.prices[given.symbol]
    drawn: list[Decimal] = []

    def wanted(probe: Laid) -> Decimal:
        tick = probe.venue.contract(given.symbol).tick
        drawn.append(draw.size(tick, first * Decimal("0.1"), tick))
        far = min(drawn[0] * probe.quantity * OFTEN, given.notional * Decimal("0.01"))
        return far * draw.between("0.05", "0.9")

    margin, _ = margin_for(given, wanted)
    size = drawn[0]
    venue = laid(given, margin).venue
    at_ms = given.worst_ms + draw.rng.randint(1, 40)
    true = mark_at(venue.run, given.symbol, at_ms)
    fault = InjectFault(kind="wrong_mark", on=True, symbol=given.symbol, value=true - given.direction * size)
    over_ms = at_ms + draw.rng.choice((1, 1, 2, 5)) * SECOND_MS
    off = InjectFault(kind="wrong_mark", on=False, symbol=given.symbol)
    return of_venue(venue, [(at_ms, fault), (over_ms, off)], drawn=size, symbol=given.symbol, at_ms=at_ms)


def mark_at(run: Played, symbol: str, time_ms: int) -> Decimal:
    """The last mark of a symbol that was made by a time."""
    marks = [
        each.price
        for each in run.events
        if isinstance(each, MarkPrice) and each.symbol == symbol and each.time_ms <= time_ms
    ]
    return marks[-1]


def earlier_by(pair: Pair) -> Decimal | None:
    """How many milliseconds earlier the account was liquidated than it should have been."""
    faulted, clean = (begun(run, pair.setting.victim) for run in (pair.faulted, pair.clean))
    if not faulted or not clean or faulted[0].time_ms != pair.setting.at_ms:
        return None
    return _positive(clean[0].time_ms - faulted[0].time_ms)


def later_by(pair: Pair) -> Decimal | None:
    """How many milliseconds later."""
    faulted, clean = (begun(run, pair.setting.victim) for run in (pair.faulted, pair.clean))
    if not faulted or not clean or clean[0].time_ms != pair.setting.at_ms:
        return None
    return _positive(faulted[0].time_ms - clean[0].time_ms)


def margin_off_by(pair: Pair) -> Decimal | None:
    """By how much the maintenance margin at the wrong trigger is not that of the genuine table; none where the account
    was liquidated without the fault, too, within a second."""
    faulted, clean = (begun(run, pair.setting.victim) for run in (pair.faulted, pair.clean))
    if not faulted or (clean and abs(clean[0].time_ms - faulted[0].time_ms) <= SECOND_MS):
        return None
    return pair.setting.drawn


def price_off_by(pair: Pair) -> Decimal | None:
    """By how much the mark differs from the true one; none where the account was liquidated without the fault, too."""
    faulted, clean = (begun(run, pair.setting.victim) for run in (pair.faulted, pair.clean))
    setting = pair.setting
    if not faulted or faulted[0].time_ms != setting.at_ms or (clean and clean[0].time_ms <= setting.at_ms + SECOND_MS):
        return None
    return _positive(abs(faulted[0].marks[setting.symbol] - mark_at(pair.clean, setting.symbol, setting.at_ms)))


def _positive(size: Decimal | int) -> Decimal | None:
    return Decimal(size) if size > 0 else None
