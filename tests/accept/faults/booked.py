"""Settings of faults about what is booked: fees, fills, orders that stay, funding."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from margincall.core.events import Flow, Order
from margincall.core.rounding import to_step_down
from margincall.core.units import ZERO
from margincall.exchange import commands
from margincall.exchange.commands import InjectFault
from margincall.exchange.events import LiquidationStep
from margincall.exchange.play import Played
from margincall.wire.durations import HOUR_MS, SECOND_MS
from tests.accept.faults.case import UNIT, Pair, Setting, begun, fills, held, of_venue, steps
from tests.accept.faults.plan import BEGINS_MS, OPENS, VICTIM, Around, Draw, Plan, laid, plan
from tests.accept.faults.trigger import crossing, mark_at, used_up
from tests.accept.faults.venue import Venue

CHARGED = ("BTCUSDT",)
"""Whose clearance fee rate is known (exchangeInfo)."""
LARGE = (25_000_000, 60_000_000)
"""So large that the maintenance margin is more than the fee on what is closed."""


def fee_twice(draw: Draw) -> Setting:
    """A share of the clearance fee is charged once more."""
    given, venue = _charged(draw)
    fee = _first_fee(venue.run)
    size = draw.size(UNIT, fee, UNIT)
    # The share is cut off with the fee: a little more gives the size itself.
    share = min((size + UNIT / 2) / fee, Decimal(1))
    return _all_along(given, venue, InjectFault(kind="fee_twice", on=True, value=share), size)


def fee_base(draw: Draw) -> Setting:
    """The fee is taken of more than was liquidated."""
    given, venue = _charged(draw)
    size = draw.size(UNIT, _first_fee(venue.run) / 2, UNIT)
    rate = venue.contract(given.symbol).liquidation_fee
    assert rate
    return _all_along(given, venue, InjectFault(kind="wrong_fee_base", on=True, value=size / rate), size)


def _charged(draw: Draw) -> tuple[Plan, Venue]:
    """A liquidation that leaves more than its fee."""
    given = plan(draw, symbols=CHARGED, modes=("cross", "isolated", "hedge"), notional=LARGE)
    given = given._replace(then=(given.distance - given.jump * 3,))
    return given, laid(given, used_up(given, crossing(draw))).venue


def _first_fee(run: Played) -> Decimal:
    found = steps(run, VICTIM, "fee")
    return sum(found[0].applied.values(), ZERO) if found else ZERO


def _all_along(given: Plan, venue: Venue, fault: InjectFault, size: Decimal) -> Setting:
    """A fault that is there from the beginning, and shows at the worst second."""
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700
    return of_venue(venue, [(begin_ms, fault)], drawn=size, symbol=given.symbol, at_ms=given.worst_ms)


def charged_more(pair: Pair) -> Decimal | None:
    """How much more the first liquidation was charged than without the fault; none where the fee took all that was
    left."""
    due = steps(pair.clean, pair.setting.victim, "fee")
    if not due or due[0].asked - _sum(due[0]) >= UNIT:
        return None
    faulted = steps(pair.faulted, pair.setting.victim, "fee")
    first = [each for each in faulted if each.number == faulted[0].number]
    more = sum((_sum(each) for each in first), ZERO) - _sum(due[0])
    return more if more > 0 else None


def _sum(step: LiquidationStep) -> Decimal:
    return sum(step.applied.values(), ZERO)


def beyond(draw: Draw) -> Setting:
    """Nobody offers the limit; the order trades with who offers something worse."""
    given = plan(draw)
    margin = used_up(given, crossing(draw))
    before = steps(laid(given, margin, until_worst=True).venue.run, VICTIM, "reduce")
    limit = before[0].price
    assert limit is not None
    fault_size: list[Decimal] = []

    def offered(venue: Venue, prices: Mapping[str, Decimal]) -> Sequence[commands.Quote]:
        tick = venue.contract(given.symbol).tick
        fault_size.append(draw.size(tick, limit * Decimal("0.1"), tick))
        worse = limit - given.direction * fault_size[0]
        usual = venue.ladder(given.symbol, prices[given.symbol])
        lots = sum((each.quantity for each in usual.bids), ZERO)
        levels = (commands.Level(worse, lots),)
        far = tuple(commands.Level(limit + given.direction * tick * each, lots) for each in (200, 300))
        bids, asks = (levels, far) if given.direction > 0 else (far, levels)
        return (commands.Quote(account=usual.account, symbol=given.symbol, bids=bids, asks=asks),)

    venue = laid(given, margin, Around(quotes=offered)).venue
    size = fault_size[0]
    fault = InjectFault(kind="fill_beyond_bankruptcy", on=True, symbol=given.symbol, value=size)
    return _all_along(given, venue, fault, size)


def filled_beyond(pair: Pair) -> Decimal | None:
    """How much worse than its limit the first liquidation order was filled."""
    ordered = steps(pair.faulted, pair.setting.victim, "reduce")
    if not ordered or ordered[0].price is None:
        return None
    begin_ms = ordered[0].time_ms
    filled = [
        each for each in fills(pair.faulted.events, pair.setting.victim, pair.setting.symbol)
        if each.close == "liquidation" and each.time_ms == begin_ms and each.order_id and each.maker is not None
    ]  # fmt: skip
    worse = [(ordered[0].price - each.price) * (1 if each.quantity < 0 else -1) for each in filled]
    return max(worse) if worse and max(worse) > 0 else None


def orders_stay(draw: Draw) -> Setting:
    """Orders that should have expired before the liquidation stay, until their owner takes them back."""
    given = plan(draw, modes=("cross", "isolated", "two"))
    margin = used_up(given, crossing(draw))
    size: list[Decimal] = []
    closes: commands.Side = "SELL" if given.direction > 0 else "BUY"

    def opened(venue: Venue) -> None:
        contract = venue.contract(given.symbol)
        quantity = to_step_down(given.notional / given.prices[given.symbol], contract.lot)
        size.append(draw.size(contract.lot, quantity, contract.lot))
        taken_back = given.worst_ms + draw.rng.randint(5_000, 9_000)
        for number, part in enumerate(_parts(draw, size[0], contract.lot)):
            far = given.prices[given.symbol] * (1 + given.direction * draw.between("0.02", "0.2"))
            venue.do(
                commands.PlaceOrder(
                    account=VICTIM, symbol=given.symbol, side=closes, type="LIMIT", time_in_force="GTC",
                    quantity=part, price=to_step_down(far, contract.tick), client_order_id=f"exit-{number}",
                )
            )  # fmt: skip
            back = commands.CancelOrder(account=VICTIM, symbol=given.symbol, client_order_id=f"exit-{number}")
            venue.later(taken_back + number * 900, back)

    venue = laid(given, margin, Around(opened=opened)).venue
    return _all_along(given, venue, InjectFault(kind="orders_not_cancelled", on=True), size[0])


def _parts(draw: Draw, quantity: Decimal, lot: Decimal) -> list[Decimal]:
    """One to three orders of so much together."""
    lots = int(quantity / lot)
    cuts = sorted(draw.rng.randint(0, lots) for _ in range(draw.rng.randint(0, 2)))
    ends = [0, *cuts, lots]
    return [lot * (end - begin) for begin, end in pairwise(ends) if end > begin]


def stayed(pair: Pair) -> Decimal | None:
    """The quantity of the orders that stayed though the account was liquidated."""
    started = begun(pair.faulted, pair.setting.victim)
    if not started:
        return None
    left = {
        each.order_id: each.quantity
        for each in pair.faulted.events
        if isinstance(each, Order) and each.account == pair.setting.victim and each.execution == "CANCELED"
        and each.time_ms > started[0].time_ms
    }  # fmt: skip
    expired = {
        each.order_id
        for each in pair.clean.events
        if isinstance(each, Order) and each.account == pair.setting.victim and each.execution == "EXPIRED"
    }
    found = sum((abs(quantity) for order, quantity in left.items() if order in expired and quantity), ZERO)
    return found or None


def funding(draw: Draw) -> Setting:
    """What is paid at the end of an interval is not the published rate. Half of the accounts are liquidated later."""
    start_ms = BEGINS_MS + draw.rng.choice((8, 16)) * HOUR_MS - draw.rng.randint(8, 25) * SECOND_MS
    given = plan(draw, start_ms=start_ms, notional=(2_000, 250_000))
    margin = used_up(given, crossing(draw))
    if draw.rng.random() < 0.5:
        margin += given.notional * Decimal("0.2")
    size = draw.size(UNIT, Decimal("0.01"), UNIT)
    value = size * draw.rng.choice((1, -1))
    fault = InjectFault(kind="wrong_funding_rate", on=True, symbol=given.symbol, value=value)
    return _all_along(given, laid(given, margin).venue, fault, size)


def paid_off_by(pair: Pair) -> Decimal | None:
    """By how much the rate that was paid differs from the published one: payment over notional."""
    setting = pair.setting
    faulted, clean = (paid(run, setting.victim, setting.symbol) for run in (pair.faulted, pair.clean))
    if not faulted or not clean or faulted[0] == clean[0]:
        return None
    return abs(faulted[0][1] - clean[0][1]) / notional_paid(pair)


def notional_paid(pair: Pair) -> Decimal:
    """The notional that the first funding was paid on."""
    setting = pair.setting
    time_ms, _, side = paid(pair.clean, setting.victim, setting.symbol)[0]
    quantity = held(pair.clean, setting.victim, setting.symbol, time_ms)[side]
    return abs(quantity) * mark_at(pair.clean, setting.symbol, time_ms)


def paid(run: Played, account: str, symbol: str) -> list[tuple[int, Decimal, str]]:
    """The funding fees of an account on a symbol: time, change of the wallet, position side."""
    return [
        (each.time_ms, sum(each.applied.values(), ZERO), each.side or "BOTH")
        for each in run.events
        if isinstance(each, Flow) and each.account == account and each.category == "funding" and each.symbol == symbol
    ]
