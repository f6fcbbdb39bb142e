"""How a setting is laid: an account whose margin is used up, to the eighth decimal, where the path is at its worst.

A plan is played once with more margin than is needed; how much is left at the worst second says what the margin must be
so that as much is left there as is wanted. Prices do not depend on it, so the second play meets the same marks.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import NamedTuple

from margincall.core.brackets import in_force
from margincall.core.rounding import to_step_down
from margincall.exchange import commands
from margincall.exchange.play import ARRIVAL_MS
from margincall.wire.durations import HOUR_MS, MINUTE_MS, SECOND_MS
from tests.accept.faults.venue import Venue, rules_for

BEGINS_MS = 1_789_862_400_000
"""2026-09-20, 00:00 UTC."""
PRICES: Mapping[str, tuple[int, int]] = {
    "BTCUSDT": (50_000, 90_000),
    "ETHUSDT": (2_500, 4_500),
    "BNBUSDT": (600, 1_100),
}
"""Between which prices an index begins."""
MODES = ("cross", "isolated", "hedge", "two")
"""Cross with one position, isolated, both sides in hedge mode, cross with two symbols."""
OPENS = 3
"""The second in which positions are opened."""
VICTIM = "victim"
OPPOSITE = Decimal("0.2")
"""Of the position: the other side in hedge mode, and the position in the second symbol."""
NOISE = Decimal("0.000012")


class Draw:
    """What one case draws, from its kind and its seed alone. The size is the same in every attempt, as a share of what
    the kind allows: that a fault changed nothing makes none larger."""

    def __init__(self, kind: str, seed: int, attempt: int = 0) -> None:
        """The same three give the same case, in any process."""
        self.name = f"{kind}:{seed}:{attempt}"
        self.rng = Random(self.name)
        self.share = Random(f"{kind}:{seed}").random()

    def size(self, least: Decimal, most: Decimal, unit: Decimal) -> Decimal:
        """Log-uniform from the least to the most, cut off to whole units, at least one."""
        drawn = least * (most / least) ** Decimal(repr(self.share))
        return max(to_step_down(drawn, unit), unit)

    def between(self, least: str, most: str) -> Decimal:
        """Uniform between two numbers."""
        low, high = Decimal(least), Decimal(most)
        return low + (high - low) * self.rng.randint(0, 10_000) / 10_000


class Plan(NamedTuple):
    """An account and the path that it meets. `direction` is +1 for a long; moves are shares of the first price against
    the account: `distance` at the worst second `worst`, less by `jump` in the `calm` seconds before it, `then` after
    it (second by second from the next on, the last one for the rest)."""

    name: str
    start_ms: int
    prices: Mapping[str, Decimal]
    symbol: str
    mode: str
    direction: int
    notional: Decimal
    leverage: int
    distance: Decimal
    jump: Decimal
    ramp: int
    calm: int
    then: tuple[Decimal, ...]
    seconds: int

    @property
    def worst(self) -> int:
        """The number of the worst second."""
        return OPENS + 2 + self.ramp + self.calm

    @property
    def worst_ms(self) -> int:
        """When its index reaches the exchange."""
        return self.start_ms + self.worst * SECOND_MS + ARRIVAL_MS

    @property
    def margin_side(self) -> str:
        """The position side that orders of the position name."""
        if self.mode != "hedge":
            return "BOTH"
        return "LONG" if self.direction > 0 else "SHORT"

    def move(self, second: int) -> Decimal:
        """How far the price has gone against the account in a second."""
        if second <= OPENS + 1:
            return Decimal(0)
        if second < self.worst:
            done = min(second - OPENS - 1, self.ramp)
            return (self.distance - self.jump) * done / self.ramp
        if second == self.worst:
            return self.distance
        return self.then[min(second - self.worst, len(self.then)) - 1]


def plan(
    draw: Draw,
    *,
    symbols: Sequence[str] = tuple(PRICES),
    modes: Sequence[str] = MODES,
    notional: tuple[int, int] = (20_000, 250_000),
    direction: int = 0,
    jump: tuple[str, str] = ("0.0003", "0.0007"),
    calm: int = 4,
    then: Sequence[Decimal] = (),
    seconds_after: int = 12,
    start_ms: int | None = None,
) -> Plan:
    """A plan drawn at random within what a kind asks for."""
    rng = draw.rng
    symbol, mode = rng.choice(list(symbols)), rng.choice(list(modes))
    others = [each for each in PRICES if each != symbol]
    chosen = [rng.choice(others), symbol] if mode == "two" else [symbol]
    prices = {each: Decimal(rng.randint(*PRICES[each])) for each in chosen}
    worth = Decimal(str(round(notional[0] * (notional[1] / notional[0]) ** rng.random())))
    begin = BEGINS_MS + rng.randint(1, 7) * HOUR_MS + rng.randint(2, 27) * MINUTE_MS if start_ms is None else start_ms
    most = min(_most_leverage(prices, each, worth, begin) for each in chosen)
    least = Decimal("1.6") / most + Decimal("0.006")
    distance = least + (Decimal("0.05") - least).max(Decimal("0.004")) * rng.randint(0, 1000) / 1000
    needed = int(Decimal("1.25") / (Decimal("0.8") * distance - Decimal("0.003"))) + 1
    step = draw.between(*jump)
    return Plan(
        name=draw.name,
        start_ms=begin,
        prices=prices,
        symbol=symbol,
        mode=mode,
        direction=direction or rng.choice((1, -1)),
        notional=worth,
        leverage=rng.randint(min(needed, most), most),
        distance=distance,
        jump=step,
        ramp=rng.randint(30, 50),
        calm=calm,
        then=tuple(then) or (distance - step,),
        seconds=OPENS + 2 + calm + 50 + seconds_after,
    )


def _most_leverage(prices: Mapping[str, Decimal], symbol: str, notional: Decimal, start_ms: int) -> int:
    table = rules_for(prices, start_ms).venue.brackets(symbol)
    return in_force(table, notional * Decimal("1.3")).max_leverage or 20


class Laid(NamedTuple):
    """A plan as it was played: the venue at its end, and what was left of the margin at the worst second (of
    a play until then), and the maintenance margin of its symbol."""

    venue: Venue
    surplus: Decimal
    maintenance: Decimal
    quantity: Decimal


Hook = Callable[[Venue], None]
Quotes = Callable[[Venue, Mapping[str, Decimal]], Sequence[commands.Quote]]
"""What the maker quotes, given the prices of a second."""


class Around(NamedTuple):
    """What else happens. `opened` is called once the position is open; `quotes` says what the maker quotes in the worst
    second instead of the usual; `fund` is what the insurance fund has, else more than enough."""

    opened: Hook | None = None
    quotes: Quotes | None = None
    fund: Decimal | None = None


NOTHING = Around()


def laid(given: Plan, margin: Decimal, around: Around = NOTHING, *, until_worst: bool = False) -> Laid:
    """Play a plan with this margin: what is deposited, or moved to an isolated position."""
    depth = {each: given.notional * (1 if each == given.symbol else OPPOSITE) + 400_000 for each in given.prices}
    insured = given.notional * 5 if around.fund is None else around.fund
    venue = Venue(given.prices, given.start_ms, seed=given.name, depth=depth, fund=insured)
    noise = Random(f"{given.name}:path")
    surplus = maintenance = quantity = Decimal(0)
    last = given.worst if until_worst else max(given.seconds, given.worst + len(given.then))
    for second in range(1, last + 1):
        prices = {symbol: _price(given, venue, symbol, second, noise) for symbol in given.prices}
        own = around.quotes(venue, prices) if around.quotes is not None and second == given.worst else ()
        venue.second(prices, quotes=own, trade=second != given.worst)
        if second == OPENS:
            quantity = _opened(given, venue, margin)
            if around.opened is not None:
                around.opened(venue)
        if second == given.worst and until_worst and (pool := venue.pool(VICTIM, given.symbol)) is not None:
            surplus = pool.surplus
            maintenance = sum((each.maintenance for each in pool.positions if each.symbol == given.symbol), Decimal(0))
    venue.finish()
    return Laid(venue, surplus, maintenance, quantity)


def _price(given: Plan, venue: Venue, symbol: str, second: int, noise: Random) -> Decimal:
    """The price of a second, on the tick: the path with a little noise, which never goes beyond the worst."""
    first = given.prices[symbol]
    shaken = NOISE * noise.randint(-1000, 1000) / 1000
    if symbol == given.symbol:
        against = given.move(second)
        against -= abs(shaken) if second != given.worst else 0
        price = first * (1 - given.direction * against)
    else:
        price = first * (1 + shaken)
    return to_step_down(price, venue.contract(symbol).tick)


def _opened(given: Plan, venue: Venue, margin: Decimal) -> Decimal:
    """Open the account and its positions; the quantity of the main one, unsigned."""
    is_isolated = given.mode == "isolated"
    venue.open(VICTIM, given.notional * 3 if is_isolated else margin)
    if given.mode == "hedge":
        venue.do(commands.SetPositionMode(account=VICTIM, hedge=True))
    for symbol in given.prices:
        if is_isolated:
            venue.do(commands.SetMarginType(account=VICTIM, symbol=symbol, margin="isolated"))
        venue.do(commands.SetLeverage(account=VICTIM, symbol=symbol, leverage=given.leverage))
    opens, closes = ("BUY", "SELL") if given.direction > 0 else ("SELL", "BUY")
    quantity = _lots(venue, given.symbol, given.notional)
    venue.order(VICTIM, given.symbol, opens, quantity, position_side=given.margin_side)
    if given.mode == "hedge":
        other = "SHORT" if given.direction > 0 else "LONG"
        venue.order(
            VICTIM, given.symbol, closes, _lots(venue, given.symbol, given.notional * OPPOSITE), position_side=other
        )
    for symbol in given.prices:
        if symbol != given.symbol:
            venue.order(VICTIM, symbol, opens, _lots(venue, symbol, given.notional * OPPOSITE))
    if is_isolated:
        venue.do(commands.MoveMargin(account=VICTIM, symbol=given.symbol, amount=margin))
    return quantity


def _lots(venue: Venue, symbol: str, notional: Decimal) -> Decimal:
    lot = venue.contract(symbol).lot
    mark = venue.state.markets[symbol].mark
    assert mark is not None
    return max(to_step_down(notional / mark, lot), lot)


def margin_for(given: Plan, wanted: Callable[[Laid], Decimal], around: Around = NOTHING) -> tuple[Decimal, Laid]:
    """The margin with which the surplus at the worst second is the wanted one, to 1e-8; and the play that tells it."""
    ample = given.notional * 2
    probe = laid(given, ample, around, until_worst=True)
    margin = ample - probe.surplus + wanted(probe)
    return margin.quantize(Decimal("1e-8"), ROUND_HALF_EVEN), probe
