"""Kinds of fault after the liquidation order, in takeover and deleveraging, by name. Settings, sizes and bounds, as
`docs/spec/fault_bounds_after_order.md` derives them; whoever chose them had not written `verify`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from margincall.core.brackets import in_force
from margincall.core.events import Fill, MarkPrice
from margincall.core.rounding import booked, exact, to_step_down
from margincall.core.units import ZERO
from margincall.exchange import commands
from margincall.exchange.commands import InjectFault
from margincall.exchange.play import Played
from margincall.exchange.rulesets import RuleSet
from margincall.wire.durations import SECOND_MS
from tests.accept.faults.booked import CHARGED, LARGE
from tests.accept.faults.bounds import genuine_terms, state_at
from tests.accept.faults.case import UNIT, Fault, Pair, Setting, begun, fills, held, of_venue, steps
from tests.accept.faults.evidence import Level
from tests.accept.faults.losses import HOLDER, Side, nobody
from tests.accept.faults.plan import OPENS, VICTIM, Around, Draw, Laid, Plan, laid, margin_for, plan
from tests.accept.faults.trigger import crossing
from tests.accept.faults.venue import Venue

LEFT = Decimal("0.0015")
"""The most that is above the maintenance margin after the order, as a share of the position."""
CHARGE = Decimal("0.01")
"""The most that is charged for a deleveraging, as a share of what is traded."""
MARKS_BEFORE_MS = 2_000
MARKS_AFTER_MS = 3_000


def needless(draw: Draw) -> Setting:
    """The order finds so much that the account meets its margin again, by so much; the rest is taken over."""
    given = plan(draw, symbols=CHARGED, modes=("cross", "hedge"), notional=LARGE)
    given = given._replace(then=(given.distance - given.jump * 3,))
    size = draw.size(UNIT, given.notional * LEFT, UNIT)
    lacks = crossing(draw) * given.jump * given.notional
    better = draw.rng.randint(5, 30)
    lots: list[Decimal] = []

    def quoted(venue: Venue, prices: Mapping[str, Decimal]) -> Sequence[commands.Quote]:
        """Somebody offers a little more than the mark, for a part."""
        tick = venue.contract(given.symbol).tick
        usual = venue.ladder(given.symbol, prices[given.symbol] + given.direction * better * tick)
        own = usual.bids if given.direction > 0 else usual.asks
        taken = (commands.Level(own[0].price, lots[0]),) if lots else own[:1]
        bids, asks = (taken, usual.asks) if given.direction > 0 else (usual.bids, taken)
        return (commands.Quote(account=usual.account, symbol=given.symbol, bids=bids, asks=asks),)

    around = Around(quotes=quoted)

    def wanted(probe: Laid) -> Decimal:
        price = _best(probe.venue, given)
        lots.append(_lots_for(given, probe, price, size + lacks))
        return size - _freed(given, probe, price, lots[0])

    margin, _ = margin_for(given, wanted, around)
    venue = laid(given, margin, around).venue
    return _all_along(given, venue, InjectFault(kind="needless_takeover", on=True, symbol=given.symbol), size)


def _best(venue: Venue, given: Plan) -> Decimal:
    """The best price for whoever must close."""
    book = venue.state.markets[given.symbol].book
    best = book.best_bid if given.direction > 0 else book.best_ask
    assert best is not None
    return best * venue.contract(given.symbol).tick


@exact
def _freed(given: Plan, probe: Laid, price: Decimal, lots: Decimal) -> Decimal:
    """By how much the surplus grows when so much is closed at a price: the maintenance margin of it, less its loss
    against the mark, its commission and its clearance fee."""
    venue = probe.venue
    mark, rules = venue.state.markets[given.symbol].mark, venue.rules.venue
    rate = venue.contract(given.symbol).liquidation_fee
    assert mark is not None
    assert rate
    worth = lots * price
    paid = booked(worth * rules.fees.taker) + booked(worth * rate)
    margins = [_maintenance(venue.rules, given.symbol, each * mark) for each in (probe.quantity, probe.quantity - lots)]
    return margins[0] - margins[1] + given.direction * lots * (price - mark) - paid


def _maintenance(rules: RuleSet, symbol: str, notional: Decimal) -> Decimal:
    row = in_force(rules.venue.brackets(symbol), notional)
    return notional * row.rate - row.cum


def _lots_for(given: Plan, probe: Laid, price: Decimal, wanted: Decimal) -> Decimal:
    """The least quantity that frees so much."""
    lot = probe.venue.contract(given.symbol).lot
    low, high = 0, int(probe.quantity / lot) // 3
    while high - low > 1:
        middle = (low + high) // 2
        if _freed(given, probe, price, middle * lot) >= wanted:
            high = middle
        else:
            low = middle
    return high * lot


def commission(draw: Draw) -> Setting:
    """Who is deleveraged is charged so much for it."""
    given, around, margin = _hit(draw)
    venue = laid(given, margin, around).venue
    worth = sum((abs(each.quantity) * each.price for each in _closings(venue.run, given.symbol)), ZERO)
    size = draw.size(UNIT, max(worth * CHARGE, UNIT), UNIT)
    rate = (size + UNIT / 2) / worth if worth else Decimal(1)
    fault = InjectFault(kind="adl_commission", on=True, symbol=given.symbol, value=min(rate, Decimal(1)))
    return _all_along(given, venue, fault, size, victim=HOLDER)


def oversized(draw: Draw) -> Setting:
    """Who is deleveraged is closed for the whole position and up to as much again; in half of the cases it then closes
    what nobody opened."""
    given, around, margin = _hit(draw)
    first = around.opened
    assert first is not None
    drawn: list[Decimal] = []
    closes = draw.rng.random() < 0.5
    later_ms = given.worst_ms + draw.rng.randint(4_000, 8_000)

    def opened(venue: Venue) -> None:
        first(venue)
        lot = venue.contract(given.symbol).lot
        own = venue.state.traders[HOLDER].account.position((given.symbol, "BOTH"))
        drawn.append(draw.size(lot, abs(own.quantity), lot))
        if closes:
            back = commands.PlaceOrder(
                account=HOLDER, symbol=given.symbol, side="BUY" if own.quantity > 0 else "SELL", type="MARKET",
                quantity=drawn[0], reduce_only=True,
            )  # fmt: skip
            venue.later(later_ms, back)

    venue = laid(given, margin, around._replace(opened=opened)).venue
    fault = InjectFault(kind="oversized_adl", on=True, symbol=given.symbol, value=drawn[0])
    return _all_along(given, venue, fault, drawn[0], victim=HOLDER)


def _hit(draw: Draw) -> tuple[Plan, Around, Decimal]:
    """A liquidation at a loss that nobody takes, neither the book nor the fund: the holder is deleveraged."""
    given = plan(draw, modes=("cross", "isolated"), jump=("0.012", "0.03"))
    given = given._replace(distance=given.distance + given.jump, then=(given.distance,))
    share = draw.between("1.05", "1.5")
    money = {HOLDER: to_step_down(given.notional * share * draw.between("0.3", "2"), UNIT)}
    lost = draw.between("0.1", "0.9")
    around = Around(Side(given, {HOLDER: share}, money).open, nobody(given), ZERO)

    def wanted(probe: Laid) -> Decimal:
        most = given.jump * given.notional * Decimal("0.85") - probe.maintenance
        return -(probe.maintenance + most * lost)

    return given, around, margin_for(given, wanted, around)[0]


def _all_along(given: Plan, venue: Venue, fault: InjectFault, size: Decimal, victim: str = VICTIM) -> Setting:
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700
    return of_venue(
        venue, [(begin_ms, fault)], drawn=size, symbol=given.symbol, at_ms=given.worst_ms, victim=victim
    )  # fmt: skip


def _closings(run: Played, symbol: str) -> list[Fill]:
    """By what the holder was deleveraged."""
    return [each for each in fills(run.events, HOLDER, symbol) if each.close == "adl"]


def above_by(pair: Pair) -> Decimal | None:
    """By how much the account met its margin after the order that went on nevertheless; none where it did not, or was
    not taken over."""
    faulted, clean = (begun(run, VICTIM) for run in (pair.faulted, pair.clean))
    if not faulted or not clean or faulted[0].time_ms != clean[0].time_ms:
        return None
    gone_on = [
        [each for each in steps(run, VICTIM, "takeover") if each.number == own[0].number]
        for run, own in ((pair.faulted, faulted), (pair.clean, clean))
    ]
    if not gone_on[0] or gone_on[1]:
        return None
    surplus = _surplus(pair, faulted[0].time_ms, {})
    return surplus if surplus is not None and surplus > 0 else None


def _surplus(pair: Pair, time_ms: int, *marks: Mapping[str, Decimal]) -> Decimal | None:
    """The least surplus of the account as the order left it, at its marks with these instead."""
    state = state_at(pair, time_ms, faulted=False)
    found = []
    for each in marks:
        terms = genuine_terms(state, VICTIM, {**state.prices, **each})  # type: ignore[dict-item]
        found += [
            pool.surplus for pool in terms.pools if any(one.symbol == pair.setting.symbol for one in pool.positions)
        ]
    return min(found, default=None)


def charged(pair: Pair) -> Decimal | None:
    """The most that one closing was charged."""
    most = max((each.fee or ZERO for each in _closings(pair.faulted, pair.setting.symbol)), default=ZERO)
    return most if most > 0 else None


def closed_beyond(pair: Pair) -> Decimal | None:
    """How much more was closed than was held."""
    symbol = pair.setting.symbol
    closed = _closings(pair.faulted, symbol)
    if not closed:
        return None
    had = held(pair.faulted, HOLDER, symbol, closed[0].time_ms).get("BOTH", ZERO)
    beyond = abs(sum((each.quantity for each in closed), ZERO)) - abs(had)
    return beyond if beyond > 0 else None


def met(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """L of the page."""
    del saved
    if not level.has_ticks or level.account == "csv":
        return None
    time_ms = begun(pair.faulted, VICTIM)[0].time_ms
    around = [
        {each.symbol: each.price}
        for each in pair.faulted.events
        if isinstance(each, MarkPrice) and each.symbol == pair.setting.symbol
        and time_ms - MARKS_BEFORE_MS <= each.time_ms <= time_ms + MARKS_AFTER_MS
    ]  # fmt: skip
    own, least = _surplus(pair, time_ms, {}), _surplus(pair, time_ms, {}, *around)
    assert own is not None
    assert least is not None
    return own - least + 2 * UNIT


def any_charge(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """One unit of what is printed."""
    del pair, level, saved
    return UNIT


def lot(pair: Pair, level: Level, saved: Path) -> Decimal | None:
    """One lot; from exports only where the fills end flat."""
    del saved
    symbol = pair.setting.symbol
    if level.account == "csv" and held(pair.faulted, HOLDER, symbol, pair.faulted.state.time_ms + 1):
        return None
    return pair.setting.rules.venue.contract(symbol).lot


AFTER_ORDER: Mapping[str, Fault] = {
    "needless_takeover": Fault(
        "taken over though the margin was met again", "USDT above the maintenance margin", needless, above_by, met,
        "closed_too_much", ("partial_steps",),
    ),
    "adl_commission": Fault(
        "commission on a deleveraging", "USDT", commission, charged, any_charge, "deleveraging_fee",
        ("deleveraging_fee",),
    ),
    "oversized_adl": Fault(
        "more deleveraged than was held", "contracts", oversized, closed_beyond, lot, "deleveraging_size",
        ("deleveraging_size",),
    ),
}  # fmt: skip
