"""Settings of faults about what others bear of a liquidation: deleveraging out of rank, a loss shared despite the fund.

The account that is liquidated is a stranger; whose files are looked at is on the other side of the market.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from margincall.core.events import Flow
from margincall.core.protocol.deleverage import leverage_pnl
from margincall.core.rounding import exact, to_step_down
from margincall.core.units import ZERO
from margincall.exchange import commands
from margincall.exchange.commands import InjectFault
from margincall.exchange.events import LossShared
from margincall.exchange.play import Played
from margincall.exchange.queue import ranked
from margincall.wire.durations import SECOND_MS
from tests.accept.faults.case import UNIT, Pair, Setting, of_venue
from tests.accept.faults.plan import OPENS, Around, Draw, Laid, Plan, Quotes, laid, margin_for, plan
from tests.accept.faults.venue import ASSET, Venue, replayed

HOLDER = "holder"
SECOND = "second"
"""Another account of the same owner."""
LATER_MS = 6_000
"""After the worst price."""
LEVERAGE = 20
Score = Callable[[Decimal], Decimal]
"""A score by what is added to the wallet."""
AMPLE = Decimal(3)
"""So many times its notional is in an account that never is at its trigger."""


class Side:
    """Accounts that hold the other side of the market from the liquidated one, with money as it is wanted."""

    def __init__(self, given: Plan, sizes: Mapping[str, Decimal], money: Mapping[str, Decimal]) -> None:
        """`sizes` are shares of the liquidated account's notional."""
        self.given = given
        self.sizes = sizes
        self.money = money

    def open(self, venue: Venue) -> None:
        """Open them, one after the other, each into a full book."""
        given, symbol = self.given, self.given.symbol
        price = given.prices[symbol]
        side = "SELL" if given.direction > 0 else "BUY"
        lot = venue.contract(symbol).lot
        for name, share in self.sizes.items():
            venue.open(name, self.money[name])
            venue.do(commands.SetLeverage(account=name, symbol=symbol, leverage=LEVERAGE))
            venue.do(venue.ladder(symbol, price))
            venue.order(name, symbol, side, to_step_down(given.notional * share / price, lot))
        venue.do(venue.ladder(symbol, price))


def nobody(given: Plan) -> Quotes:
    """In the worst second nobody takes the liquidated position: the maker quotes one side only."""

    def quotes(venue: Venue, prices: Mapping[str, Decimal]) -> Sequence[commands.Quote]:
        usual = venue.ladder(given.symbol, prices[given.symbol])
        bids, asks = ((), usual.asks) if given.direction > 0 else (usual.bids, ())
        return (commands.Quote(account=usual.account, symbol=given.symbol, bids=bids, asks=asks),)

    return quotes


def out_of_rank(draw: Draw) -> Setting:
    """The first of the queue are passed over, the last of them the owner's second account, by so much of the score."""
    given = plan(draw, modes=("cross", "isolated"), notional=(20_000, 150_000), direction=draw.rng.choice((1, -1)))
    passed = draw.rng.choice((1, 1, 2, 3))
    others = [f"other-{number}" for number in range(1, passed)]
    sizes = {name: draw.between("1.05", "1.5") for name in (HOLDER, SECOND, *others)}
    ample = {name: given.notional * share * AMPLE for name, share in sizes.items()}
    share = draw.between("0.1", "0.55")
    around = Around(Side(given, sizes, ample).open, nobody(given), ZERO)
    margin, probe = margin_for(given, lambda _: -share * given.jump * given.notional, around)
    worth = {name: given.notional * each * draw.between("0.35", "0.8") for name, each in sizes.items()}
    scale = {name: _score_of(probe.venue, name, given.symbol) for name in sizes}
    money = {HOLDER: to_step_down(worth[HOLDER], UNIT)}
    own = scale[HOLDER](money[HOLDER] - ample[HOLDER])
    most = scale[SECOND](given.notional * sizes[SECOND] * Decimal("0.09") - ample[SECOND]) - own
    size = draw.size(UNIT, most, UNIT / 1_000_000)
    money[SECOND] = _money_for(scale[SECOND], ample[SECOND], own + size)
    above = own + size
    for name in others:
        above += above * draw.between("0.01", "0.1")
        money[name] = _money_for(scale[name], ample[name], above)

    def opened(venue: Venue) -> None:
        Side(given, sizes, money).open(venue)
        # Its recording must go on past the deleveraging: else nobody can tell whether it was left alone.
        venue.later(given.worst_ms + LATER_MS, commands.Transfer(account=SECOND, asset="USDT", amount=Decimal(1)))

    venue = laid(given, margin, around._replace(opened=opened)).venue
    fault = InjectFault(kind="adl_out_of_rank", on=True, value=Decimal(passed))
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700
    return of_venue(
        venue, [(begin_ms, fault)], drawn=size, symbol=given.symbol, at_ms=given.worst_ms, victim=HOLDER, beside=SECOND
    )  # fmt: skip


def _score_of(venue: Venue, name: str, symbol: str) -> Score:
    """An account's score at the present marks, if its wallet were larger by so much."""
    pool = venue.pool(name, symbol)
    assert pool is not None
    position = pool.positions[0]

    @exact
    def score(more: Decimal) -> Decimal:
        return leverage_pnl(position.unrealized, pool.wallet + more, pool.balance + more, pool.maintenance)

    return score


def _money_for(score: Score, ample: Decimal, wanted: Decimal) -> Decimal:
    """The deposit with which the score is at least the wanted one: less money, higher score."""
    low, high = 0, int(ample / UNIT)
    while high - low > 1:
        middle = (low + high) // 2
        if score(middle * UNIT - ample) >= wanted:
            low = middle
        else:
            high = middle
    return low * UNIT


def score_off_by(pair: Pair) -> Decimal | None:
    """By how much the account that was left alone scored higher than the one that was deleveraged instead."""
    setting = pair.setting
    hit = [each for each in pair.faulted.state.deleveraged if each.account == setting.victim]
    if not hit or any(each.account == setting.beside for each in pair.faulted.state.deleveraged):
        return None
    if any(each.account == setting.victim for each in pair.clean.state.deleveraged):
        return None
    other = scores_at(setting, hit[0].time_ms).get(setting.beside)
    return None if other is None or other <= hit[0].score else other - hit[0].score


def scores_at(setting: Setting, time_ms: int) -> dict[str, Decimal]:
    """What everybody on the holder's side scored when the deleveraging came: with the fault, all but who was hit."""
    told: list[commands.AnyCommand] = []
    for command in setting.commands:
        if isinstance(command, commands.Advance) and command.time_ms > time_ms:
            break
        told.append(command)
    state = replayed(setting.rules, setting.start_ms, told, faulted=True).state
    direction = -1 if next(iter(state.traders[setting.beside].account.open_positions())).quantity < 0 else 1
    queue = ranked(state, state.markets[setting.symbol], direction, without=frozenset())
    return {each.candidate.account: each.candidate.score for each in queue}


def despite_fund(draw: Draw) -> Setting:
    """The fund takes a position over at a loss, and charges it to who has a profit, though it has more than enough."""
    given = plan(draw, modes=("cross", "isolated"), jump=("0.012", "0.03"))
    given = given._replace(distance=given.distance + given.jump, then=(given.distance,))
    holder = draw.between("0.3", "2")
    money = {HOLDER: to_step_down(given.notional * holder * draw.between("0.3", "2"), UNIT)}
    lost = draw.between("0.1", "0.9")
    around = Around(Side(given, {HOLDER: holder}, money).open)

    def wanted(probe: Laid) -> Decimal:
        most = given.jump * given.notional * Decimal("0.85") - probe.maintenance
        return -(probe.maintenance + most * lost)

    margin, _ = margin_for(given, wanted, around)
    venue = laid(given, margin, around).venue
    begin_ms = given.start_ms + OPENS * SECOND_MS + 700

    def setting(value: Decimal, size: Decimal) -> Setting:
        told = InjectFault(kind="socialise_despite_fund", on=True, value=value)
        return of_venue(
            venue, [(begin_ms, told)], drawn=size, symbol=given.symbol, at_ms=given.worst_ms, victim=HOLDER
        )  # fmt: skip

    whole = setting(given.notional, ZERO)
    charged, shared = _charges(replayed(whole.rules, whole.start_ms, whole.commands, faulted=True))
    if not charged:
        return whole
    size = draw.size(UNIT, charged, UNIT)
    return setting(to_step_down(size * shared / charged, UNIT) + UNIT, size)


def _charges(run: Played) -> tuple[Decimal, Decimal]:
    """What the holder was charged of a shared loss, and all that was shared."""
    for event in run.events:
        if isinstance(event, LossShared):
            return event.charges.get(HOLDER, ZERO), sum(event.charges.values(), ZERO)
    return ZERO, ZERO


def charged_for_others(pair: Pair) -> Decimal | None:
    """What the account was charged for another's loss."""
    charged = [
        -amount
        for each in pair.faulted.events
        if isinstance(each, Flow) and each.account == pair.setting.victim and each.reason == "ADJUSTMENT"
        for asset, amount in each.applied.items()
        if asset == ASSET
    ]
    found = sum(charged, ZERO)
    return found if found > 0 else None
