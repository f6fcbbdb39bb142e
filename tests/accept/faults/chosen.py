"""Kinds of fault that were chosen by somebody who has not written `verify`: by name. Settings, sizes and bounds, as
`docs/spec/fault_bounds_chosen.md` derives them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from margincall.core.events import Fill
from margincall.core.units import ZERO
from margincall.exchange.commands import InjectFault
from margincall.exchange.play import Played
from margincall.wire.durations import SECOND_MS
from tests.accept.faults.booked import CHARGED, LARGE
from tests.accept.faults.case import UNIT, Fault, Pair, Setting, begun, fills, held, of_venue
from tests.accept.faults.evidence import Level
from tests.accept.faults.plan import OPENS, VICTIM, Draw, Laid, Plan, laid, plan
from tests.accept.faults.trigger import crossing, used_up

TURNED = ("cross",)
"""Modes in which a fill can turn a position, and the whole balance pays the fee. An isolated position's fee is capped
by what the turned one has, so that the account would be better off."""
CLOSED = ("cross", "isolated", "hedge")
"""Modes in which so large an account can be; there is no second symbol for it."""
WORSE = Decimal("0.01")
"""The most that an entry is wrong by, as a share of the fill; and the most that a commission is, of what is traded."""


def oversized(draw: Draw) -> Setting:
    """The liquidation order is for the whole position and up to as much again."""
    given, found = _left_with_something(draw, TURNED)
    lot = found.venue.contract(given.symbol).lot
    size = draw.size(lot, found.quantity, lot)
    return _all_along(given, found, InjectFault(kind="oversized_order", on=True, symbol=given.symbol, value=size), size)


def entry(draw: Draw) -> Setting:
    """The profit of a forced fill is counted from a worse entry; the size is what the largest fill shows too little."""
    given, found = _left_with_something(draw, CLOSED)
    largest, worth = _largest(found, given.symbol)
    size = draw.size(UNIT, worth * WORSE, UNIT)
    by = (size + UNIT / 2) / largest
    return _all_along(given, found, InjectFault(kind="wrong_entry", on=True, symbol=given.symbol, value=by), size)


def commission(draw: Draw) -> Setting:
    """A forced fill is charged more than the account's rate; the size is what the largest fill pays too much."""
    given, found = _left_with_something(draw, CLOSED)
    _, worth = _largest(found, given.symbol)
    size = draw.size(UNIT, worth * WORSE, UNIT)
    more = (size + UNIT / 2) / worth
    return _all_along(given, found, InjectFault(kind="wrong_commission", on=True, value=more), size)


def _left_with_something(draw: Draw, modes: tuple[str, ...]) -> tuple[Plan, Laid]:
    """A liquidation that leaves more than its fee, so that whatever is wrong costs the account something."""
    given = plan(draw, symbols=CHARGED, modes=modes, notional=LARGE)
    given = given._replace(then=(given.distance - given.jump * 3,))
    return given, laid(given, used_up(given, crossing(draw)))


def _all_along(given: Plan, found: Laid, fault: InjectFault, size: Decimal) -> Setting:
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700
    return of_venue(found.venue, [(begin_ms, fault)], drawn=size, symbol=given.symbol, at_ms=given.worst_ms)


def _forced(run: Played, symbol: str) -> list[Fill]:
    """What the first liquidation's orders filled in the book; nothing without a liquidation."""
    times = [each.time_ms for each in begun(run, VICTIM)[:1]]
    return [
        each for each in fills(run.events, VICTIM, symbol)
        if each.close == "liquidation" and each.maker is not None and each.time_ms in times
    ]  # fmt: skip


def _largest(found: Laid, symbol: str) -> tuple[Decimal, Decimal]:
    """Quantity and worth of the largest forced fill without the fault; 1 where there is none, and so no effect."""
    sizes = [(abs(each.quantity), abs(each.quantity) * each.price) for each in _forced(found.venue.run, symbol)]
    return max(sizes, default=(Decimal(1), Decimal(1)))


def closed_beyond(pair: Pair) -> Decimal | None:
    """How much more than the position the first liquidation order filled."""
    symbol = pair.setting.symbol
    forced = _forced(pair.faulted, symbol)
    if not forced:
        return None
    first = [each for each in forced if each.order_id == forced[0].order_id]
    had = held(pair.faulted, VICTIM, symbol, first[0].time_ms).get(first[0].side, ZERO)
    beyond = abs(sum((each.quantity for each in first), ZERO)) - abs(had)
    return beyond if beyond > 0 else None


def short_by(pair: Pair) -> Decimal | None:
    """What the profit of a forced fill is too low by, at most."""
    return _most((due.realized or ZERO) - (was.realized or ZERO) for was, due in _same(pair))


def charged_beyond(pair: Pair) -> Decimal | None:
    """What the commission of a forced fill is too high by, at most."""
    return _most((was.fee or ZERO) - (due.fee or ZERO) for was, due in _same(pair))


def _same(pair: Pair) -> list[tuple[Fill, Fill]]:
    """The forced fills of both runs, side by side as far as they are the same trades."""
    runs = (_forced(run, pair.setting.symbol) for run in (pair.faulted, pair.clean))
    return [
        (was, due) for was, due in zip(*runs, strict=False)
        if (was.time_ms, was.trade_id, was.quantity, was.price) == (due.time_ms, due.trade_id, due.quantity, due.price)
    ]  # fmt: skip


def _most(found: Iterable[Decimal]) -> Decimal | None:
    most = max(found, default=ZERO)
    return most if most > 0 else None


def lot(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """One lot; from exports only of a position that is flat where they end, as in `profit`."""
    del saved
    if level.account == "csv" and _is_left(pair):
        return None
    return pair.setting.rules.venue.contract(pair.setting.symbol).lot


def _is_left(pair: Pair) -> bool:
    """Whether the account still holds something when all is over."""
    return bool(held(pair.faulted, VICTIM, pair.setting.symbol, pair.faulted.state.time_ms + 1))


def profit(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """Two units of what is printed. From exports only of a position that is flat where they end: else the files may
    begin inside of it, and any profit follows from some entry."""
    del saved
    return None if level.account == "csv" and _is_left(pair) else 2 * UNIT


def rate(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """Two units of what is printed, and what the digits of the account's own commission leave open in the due one."""
    del level, saved
    symbol = pair.setting.symbol
    own = [
        abs(each.quantity) * each.price
        for each in fills(pair.faulted.events, VICTIM, symbol)
        if not each.close and each.maker is False
    ]
    (_, worst) = max(
        (((was.fee or ZERO) - (due.fee or ZERO), was) for was, due in _same(pair)), key=lambda each: each[0]
    )
    return 2 * UNIT + UNIT * abs(worst.quantity) * worst.price / max(own)


CHOSEN: Mapping[str, Fault] = {
    "oversized_order": Fault(
        "more closed than was held", "contracts", oversized, closed_beyond, lot, "closed_too_much", ("partial_steps",)
    ),
    "wrong_entry": Fault(
        "profit counted from a worse entry", "USDT", entry, short_by, profit, "realized_pnl", ("realized_pnl",)
    ),
    "wrong_commission": Fault(
        "commission above the account's rate", "USDT", commission, charged_beyond, rate, "commission", ("commission",)
    ),
}
