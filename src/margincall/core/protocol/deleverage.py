"""Auto-deleveraging: whose opposite positions are closed when neither the book nor the fund takes a liquidated one.

Ranking, the five lights that a trader sees beforehand, the choice until a quantity is covered, and the price. No fee.
Rules, sources and what is assumed: `docs/spec/deleveraging.md`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, assert_never

from msgspec import Struct

from margincall.core.account import PositionSide
from margincall.core.assumptions import Assumptions
from margincall.core.margin import PoolTerms, PositionTerms
from margincall.core.prices import bankruptcy
from margincall.core.rounding import exact, quotient, to_step_down
from margincall.core.units import ONE, ZERO, Price, Quantity

LIGHTS = 5
Ranking = Literal["leverage-pnl", "effective-leverage", "profit-notional", "account"]
"""By Binance's formula, BitMEX's, Hyperliquid's, or by name only (dYdX)."""


class DeleverageRules(Struct, frozen=True, kw_only=True):
    """How a venue deleverages, as data; the defaults are Binance's.

    `choice`: the queue from its head, from a start given by the seed, or everybody in proportion to size.
    `skip_overlap`: who would end below zero at the price is passed over (dYdX).
    """

    ranking: Ranking = "leverage-pnl"
    choice: Literal["queue", "seeded-start", "pro-rata"] = "queue"
    price: Literal["bankruptcy", "mark", "previous-mark"] = "bankruptcy"
    lights: Literal["accounts", "quantity"] = "accounts"
    pnl: Literal["position", "pool"] = "position"
    skip_overlap: bool = False


class Candidate(Struct, frozen=True):
    """A position that could be deleveraged. `score`: higher goes first. `bankruptcy` is its own bankruptcy price."""

    account: str
    symbol: str
    side: PositionSide
    quantity: Quantity
    score: Decimal
    bankruptcy: Price | None = None


class Ranked(Struct, frozen=True):
    """A candidate's place: `rank` from 1, `lights` from 5 (goes first) to 1; the API's quantile is `lights − 1`."""

    candidate: Candidate
    rank: int
    lights: int


class Closing(Struct, frozen=True):
    """One deleveraged position. `quantity` is signed as a fill is: a long is closed by a negative one."""

    candidate: Candidate
    quantity: Quantity


class Deleveraging(Struct, frozen=True):
    """Who is closed at which price, and what of the quantity nobody could take (unsigned)."""

    price: Price
    closings: tuple[Closing, ...]
    uncovered: Quantity


@exact
def leverage_pnl(unrealized: Decimal, wallet: Decimal, balance: Decimal, maintenance: Decimal) -> Decimal:
    """Binance: `max(0, PnL) / max(1, wallet) · margin ratio`, the ratio 0 where the balance is not positive
    (FAQ 360033525471). Each quotient to 1e-30."""
    if unrealized <= 0 or balance <= 0:
        return ZERO
    return quotient(unrealized, max(ONE, wallet)) * quotient(maintenance, balance)


@exact
def effective_leverage(position: PositionTerms, bankrupt: Price | None) -> Decimal:
    """BitMEX: PnL as a part of the entry value, times the effective leverage `value / (value − bankrupt value)` for a
    profit, divided by it for a loss."""
    entered = abs(position.position.cost)
    percent = quotient(position.unrealized, entered) if entered else ZERO
    if bankrupt is None:
        return percent  # no price bankrupts it: it counts as not leveraged
    worth = _worth(position, position.mark)
    distance = abs(worth - _worth(position, bankrupt))
    if not distance:
        return percent
    leverage = quotient(worth, distance)
    return percent * leverage if percent > 0 else quotient(percent, leverage)


@exact
def profit_notional(position: PositionTerms, balance: Decimal) -> Decimal:
    """Hyperliquid: `mark / entry · notional / account value` for a long; a short's ratio is the other way round, so
    that profit raises it for both. 0 where the account is worth nothing."""
    entered = abs(position.position.cost)
    if balance <= 0 or not entered:
        return ZERO
    long = (position.quantity > 0) != position.contract.is_inverse
    grown = quotient(position.notional, entered) if long else quotient(entered, position.notional)
    return grown * quotient(position.notional, balance)


@exact
def candidate(
    account: str, pool: PoolTerms, position: PositionTerms, assumptions: Assumptions, rules: DeleverageRules
) -> Candidate:
    """A position with its score under the venue's ranking."""
    own = bankruptcy(pool, position, assumptions)
    match rules.ranking:
        case "leverage-pnl":
            unrealized = position.unrealized if rules.pnl == "position" else pool.unrealized
            score = leverage_pnl(unrealized, pool.wallet, pool.balance, pool.maintenance)
        case "effective-leverage":
            score = effective_leverage(position, own)
        case "profit-notional":
            score = profit_notional(position, pool.balance)
        case "account":
            score = ZERO
        case _:
            assert_never(rules.ranking)
    return Candidate(account, position.symbol, position.side, position.quantity, score, own)


@exact
def rank(candidates: Sequence[Candidate], rules: DeleverageRules) -> tuple[Ranked, ...]:
    """All candidates of one side of one symbol, highest score first, ties by account and position side (assumed:
    `deleveraging-ties`), with their lights."""
    ordered = sorted(sorted(candidates, key=_name), key=_score, reverse=True)
    total = sum((abs(each.quantity) for each in ordered), ZERO)
    found = []
    behind = ZERO
    for place, each in enumerate(ordered, 1):
        behind += abs(each.quantity)
        if rules.lights == "quantity":
            fifth = next(fifth for fifth in range(1, LIGHTS + 1) if fifth * total >= LIGHTS * behind)
        else:
            fifth = -(-LIGHTS * place // len(ordered))
        found.append(Ranked(each, place, LIGHTS + 1 - fifth))
    return tuple(found)


@exact
def deleverage(
    ranked: Sequence[Ranked], quantity: Quantity, price: Price, *, lot: Decimal, rules: DeleverageRules, seed: int = 0
) -> Deleveraging:
    """Close positions opposite to `quantity` (signed as the liquidated position) at `price` until it is covered.

    From the head of the queue, whole positions, then a part; or from place `seed mod n`; or in proportion to size.
    Parts are multiples of the lot. Positions on the same side, and overlapping ones where the rules skip them, are
    passed over.
    """
    usable = [each.candidate for each in ranked if _can_take(each.candidate, quantity, price, rules)]
    wanted = to_step_down(abs(quantity), lot)
    if rules.choice == "seeded-start" and usable:
        start = seed % len(usable)
        usable = usable[start:] + usable[:start]
    taken = _in_proportion(usable, wanted, lot) if rules.choice == "pro-rata" else _in_order(usable, wanted)
    direction = 1 if quantity > 0 else -1
    closings = [Closing(each, Quantity(direction * part)) for each, part in zip(usable, taken, strict=True) if part]
    return Deleveraging(price, tuple(closings), Quantity(abs(quantity) - sum(taken, ZERO)))


def deleveraging_price(bankrupt: Price, mark: Price, previous_mark: Price, rules: DeleverageRules) -> Price:
    """The price of the venue's rule: the liquidated order's bankruptcy price, the mark, or the mark before."""
    return {"bankruptcy": bankrupt, "mark": mark, "previous-mark": previous_mark}[rules.price]


def _can_take(candidate: Candidate, quantity: Quantity, price: Price, rules: DeleverageRules) -> bool:
    if candidate.quantity * quantity >= 0:
        return False
    own = candidate.bankruptcy
    if not rules.skip_overlap:
        return True
    if own is None:
        return candidate.quantity > 0  # no price bankrupts such a long, each one such a short
    return price >= own if candidate.quantity > 0 else price <= own


def _in_order(candidates: Sequence[Candidate], wanted: Decimal) -> list[Decimal]:
    """What each gives: all of it, until the rest is less."""
    taken = []
    for each in candidates:
        part = min(abs(each.quantity), wanted)
        wanted -= part
        taken.append(part)
    return taken


def _in_proportion(candidates: Sequence[Candidate], wanted: Decimal, lot: Decimal) -> list[Decimal]:
    """The same share of each, down to the lot; the lots left over one each from the head, as far as sizes allow."""
    sizes = [abs(each.quantity) for each in candidates]
    total = sum(sizes, ZERO)
    if wanted >= total:
        return sizes
    taken = [to_step_down(wanted * size / total, lot) for size in sizes]
    rest = wanted - sum(taken, ZERO)
    for number, size in enumerate(sizes):
        part = min(lot, rest, size - taken[number])
        taken[number] += part
        rest -= part
    return taken


def _worth(position: PositionTerms, price: Price) -> Decimal:
    size = abs(position.quantity) * position.contract.contract_size
    return quotient(size, price) if position.contract.is_inverse else size * price


def _name(candidate: Candidate) -> tuple[str, str]:
    return candidate.account, candidate.side


def _score(candidate: Candidate) -> Decimal:
    return candidate.score
