"""What a broken rule cost an account, as far as its own files tell: the amount that a dispute asks for.

Only what follows from printed figures is asked. Where an amount takes what the files do not hold (what a liquidation in
time would have left, what a mark that nobody published was), none is named and the venue is asked to work it out.
Rules: `docs/spec/dispute_bundle.md`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from margincall.core.account import Account, Marks
from margincall.core.checks import FAILS
from margincall.core.contract import gain, value
from margincall.core.events import AnyEvent, Fill, Flow, MarginMove
from margincall.core.margin import MissingIndex, MissingMark, position_terms
from margincall.core.rounding import booked, exact
from margincall.core.rules import MissingBrackets, VenueRules
from margincall.core.units import ZERO, Price, Quantity
from margincall.forensics.explain import Case
from margincall.forensics.moment import Moment
from margincall.forensics.pools import pool_named, terms_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check, Kind

Amounts = Mapping[str, Decimal]
NOT_AT_ALL: frozenset[Kind] = frozenset({"too_early", "wrong_brackets"})
"""By these the position should not have been closed then, if the trigger was not reached at the mark of that moment."""
PAID_TOO_MUCH: frozenset[Kind] = frozenset({"clearance_fee_twice", "clearance_fee_base", "commission"})
"""`difference` is what was paid beyond what is due."""
BOOKED_TOO_LITTLE: frozenset[Kind] = frozenset({"funding_rate", "realized_pnl"})
"""`difference` is what was credited beyond what is due: negative where the account lost by it."""
CHARGED: frozenset[Kind] = frozenset({"deleveraging_fee"})
CREDIT_LACKS: frozenset[Kind] = frozenset({"loss_socialised", "balance_after"})
"""`printed` is a debit, or a balance below 0: all of it is asked."""

WHOLE = "what the account was worth at the mark price of the trigger, less what its closing left"
AT_ALLOWED = (
    "what the account was worth at the nearest mark price that the rule allows, less what its closing left. At that "
    "mark price it would have survived"
)
NO_WORSE = (
    "these files show no loss by it: at the mark price of the trigger the account was worth no more than its closing "
    "left"
)
MARK_UNKNOWN = (
    "at the nearest mark price that the rule allows the account would have survived. What its closing cost depends on "
    "the true mark price, which the venue alone has"
)
EXCESS = "what was charged beyond what the rule gives"
TO_BE_FOUND = "these files do not tell what it cost: the venue can work it out from its own records"
NOTHING_LOST = "these files show no loss by it"
IN_FAVOUR = "it was in favour of the account: nothing is asked"


class Owed(NamedTuple):
    """What is asked for one thing, by asset; how it follows, or why no amount does. `is_loss` is false where the
    account gained by it."""

    refund: Amounts
    how: str
    is_loss: bool = True


@exact
def owed_for(history: Reconstruction, cases: Sequence[Case], kinds: Mapping[Kind, Sequence[Check]]) -> Owed:
    """What is asked for one liquidation or deleveraging (`cases`: its orders, first to last) or, without cases, for
    what was booked beside them. `kinds` are its irregularities, each with its checks."""
    if cases and (found := _whole(history, cases, kinds)) is not None:
        return found
    found_by_kind = [_part(history, cases, kind, checks) for kind, checks in kinds.items()]
    losses = [each for each in found_by_kind if each.is_loss]
    if not losses:
        return Owed({}, IN_FAVOUR, is_loss=False)
    total: dict[str, Decimal] = {}
    for each in losses:
        for asset, amount in each.refund.items():
            total[asset] = total.get(asset, ZERO) + amount
    return Owed(_asked(total), "; ".join(dict.fromkeys(each.how for each in losses)))


def _whole(history: Reconstruction, cases: Sequence[Case], kinds: Mapping[Kind, Sequence[Check]]) -> Owed | None:
    """Where the position should not have been closed at all: what its closing cost. None where it should have been, or
    where that cannot be told."""
    moment = cases[0].moment
    if moment is None or moment.pool is None or not moment.is_complete:
        return None
    marks: Marks | None = None
    how = WHOLE
    checks = [check for kind in NOT_AT_ALL & kinds.keys() for check in kinds[kind]]
    if cases[0].explanation.kind == "adl":
        marks = moment.marks if "deleveraging_rank" in kinds else None
    elif any(each.kind == "trigger" and each.verdict == FAILS for each in checks):
        marks = moment.marks
    elif (marks := _allowed(moment, kinds.get("bad_mark", ()))) is not None:
        how = AT_ALLOWED
    cost = None if marks is None else closing_cost(history, cases, marks)
    if cost is None:
        return None
    refund = _asked(cost)
    return Owed(refund, how if refund else MARK_UNKNOWN if how == AT_ALLOWED else NO_WORSE)


def _allowed(moment: Moment, checks: Sequence[Check]) -> Marks | None:
    """The marks with the nearest ones that the rule allows, if the pool survives at them."""
    marks = moment.marks
    wrong = [each for each in checks if each.kind == "mark" and each.verdict == FAILS]
    if not wrong or moment.pool is None:
        return None
    for each in wrong:
        printed, low, high = (each.numbers[name] for name in ("printed", "allowed_from", "allowed_to"))
        marks = marks.with_price(each.about, Price(low if printed < low else high))
    pool = pool_named(terms_of(moment.account, marks, moment.rules), moment.pool.name)
    return marks if pool is not None and not pool.liquidated else None


def closing_cost(history: Reconstruction, cases: Sequence[Case], marks: Marks) -> Amounts | None:
    """By asset, what the account was worth less after its closing than before it, with its positions at `marks`; what
    the fund made good later is taken off. None where something else was booked in between, or a price is missing."""
    first = cases[0].incident.first
    places = [place for each in cases for place in (*each.incident.fills, *each.incident.clearances)]
    late = [place for place in places if _is_made_good(history.events[place])]
    last = max((place for place in places if place not in late), default=first)
    if not all(map(_belongs, history.events[first : last + 1])):
        return None
    rules = history.rules_at(history.events[first].time_ms)
    before, after = history.timeline.before(first), history.timeline.after(last)
    if before.multi_assets and set(before.wallets) != set(after.wallets):
        return None
    total = {
        asset: before.wallets.get(asset, ZERO) - after.wallets.get(asset, ZERO)
        for asset in sorted({*before.wallets, *after.wallets})
    }
    try:
        for account, sign in ((before, 1), (after, -1)):
            for asset, unrealized in _unrealized(account, (before, after), marks, rules):
                total[asset] = total.get(asset, ZERO) + sign * unrealized
    except (MissingMark, MissingIndex, MissingBrackets):
        return None
    for place in late:
        if place > last:
            for asset, amount in history.events[place].applied.items():
                total[asset] = total.get(asset, ZERO) - amount
    return {asset: amount for asset, amount in total.items() if amount}


def _is_made_good(event: AnyEvent) -> bool:
    """Whether it is what the insurance fund paid to bring a balance back to 0."""
    return isinstance(event, Flow) and sum(event.applied.values(), ZERO) > ZERO


def _unrealized(
    account: Account, both: tuple[Account, Account], marks: Marks, rules: VenueRules
) -> list[tuple[str, Decimal]]:
    """The unrealised profit of each position that changed, with its asset."""
    before, after = both
    keys = {each.key for each in (*before.open_positions(), *after.open_positions())}
    changed = sorted(key for key in keys if before.position(key) != after.position(key))
    held = [account.position(key) for key in changed]
    terms = [position_terms(each, marks, rules) for each in held if each.quantity]
    return [(each.contract.margin_asset, each.unrealized) for each in terms]


def _belongs(event: AnyEvent) -> bool:
    """Whether an event between the first and the last of a liquidation is no business of somebody else."""
    if isinstance(event, Fill):
        return bool(event.close)
    if isinstance(event, Flow):
        return event.category in ("insurance_clear", "commission", "realized_pnl", "untraded_pnl")
    return not isinstance(event, MarginMove)


def _part(history: Reconstruction, cases: Sequence[Case], kind: Kind, checks: Sequence[Check]) -> Owed:
    """What one irregularity alone cost. What merely follows from it was put beside it: its numbers say no more of the
    cost, and may be no money."""
    checks = [each for each in checks if each.points_to[:1] == (kind,)]
    if kind in PAID_TOO_MUCH:
        return _sum(EXCESS, [(each.unit, each.numbers.get("difference", ZERO)) for each in checks])
    if kind in BOOKED_TOO_LITTLE:
        return _sum(EXCESS, [(each.unit, -each.numbers.get("difference", ZERO)) for each in checks])
    if kind in CHARGED:
        return _sum(EXCESS, [(each.unit, each.numbers.get("printed", ZERO)) for each in checks])
    if kind in CREDIT_LACKS:
        return _sum("all of it", [(each.unit, -each.numbers.get("printed", ZERO)) for each in checks])
    if kind == "fill_beyond_bankruptcy" and cases:
        return _beyond(history, cases)
    return Owed({}, TO_BE_FOUND)


def _sum(how: str, amounts: Sequence[tuple[str, Decimal]]) -> Owed:
    total: dict[str, Decimal] = {}
    for asset, amount in amounts:
        total[asset] = total.get(asset, ZERO) + amount
    refund = _asked(total)
    return Owed(refund, how) if refund else Owed({}, IN_FAVOUR, is_loss=False)


def _beyond(history: Reconstruction, cases: Sequence[Case]) -> Owed:
    """What fills beyond the limit cost: what would have been left with fills at the limit, after the clearance fee that
    was due, less what was left; a fee beyond what was due is an irregularity of its own. A wallet that the fund brought
    back to 0 lost nothing by them."""
    case = cases[0]
    money, order = case.money, case.incident.order
    if money is None or order is None or not order.price or money.before_fee is None:
        return Owed({}, TO_BE_FOUND)
    contract = history.book.contracts[case.incident.symbol]
    better = ZERO
    fills = [event for place in case.incident.fills if isinstance(event := history.events[place], Fill)]
    for fill in fills:
        is_beyond = fill.price > order.price if fill.quantity > ZERO else fill.price < order.price
        if is_beyond:
            quantity = Quantity(fill.quantity)
            at_limit, was = (value(contract, quantity, Price(price)) for price in (order.price, fill.price))
            better += gain(contract, at_limit, was)
    rate, base, fee = contract.liquidation_fee, money.clearance.base, money.clearance.fee or ZERO
    if rate is None or base is None:
        return Owed({}, TO_BE_FOUND)
    before = money.before_fee + better
    due = booked(base * rate)
    right = before - min(max(before, ZERO), due)
    loss = booked(right - max(money.before_fee - min(fee, due), ZERO))
    return Owed({contract.margin_asset: loss}, EXCESS) if loss > ZERO else Owed({}, NOTHING_LOST)


def _asked(amounts: Amounts) -> dict[str, Decimal]:
    return {asset: due for asset in sorted(amounts) if (due := booked(amounts[asset])) > ZERO}
