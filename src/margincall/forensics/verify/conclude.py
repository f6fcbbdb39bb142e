"""From checks that do not hold to what is wrong: one irregularity for each kind, causes before their effects.

A wrong table, a wrong mark or a wrong moment makes the trigger fail as well: what the evidence names directly explains
what merely follows from it.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from margincall.core.checks import FAILS, UNCLEAR
from margincall.forensics.verify.check import (
    IRREGULAR,
    OPEN,
    REGULAR,
    Check,
    Conclusion,
    Irregularity,
    Kind,
)

SAYS: dict[Kind, str] = {
    "wrong_brackets": "the venue applied other brackets than those in force",
    "bad_mark": "the mark price was not one that its rule allows",
    "too_early": "liquidated before the margin was used up",
    "too_late": "liquidated long after the margin was used up",
    "orders_not_cancelled": "open orders were not cancelled first",
    "fill_beyond_bankruptcy": "filled beyond the limit of the liquidation order",
    "closed_too_much": "more was closed than the rule allows",
    "clearance_fee_twice": "the clearance fee was charged more than once",
    "clearance_fee_base": "the clearance fee is more than the rate on what was liquidated",
    "commission": "a commission was not charged at the account's rate",
    "realized_pnl": "a realised profit or loss does not follow from size, price and entry",
    "funding_rate": "a funding fee was not paid at the published rate",
    "deleveraging_rank": "deleveraged although another stood higher in the queue",
    "deleveraging_price": "deleveraged at another price than the bankruptcy price",
    "deleveraging_size": "more was deleveraged than was held",
    "deleveraging_fee": "a fee was charged for a deleveraging",
    "loss_socialised": "a loss of others was charged although the insurance fund was not empty",
    "balance_after": "a negative balance was not brought back to 0",
}
"""Each kind in words."""
CAUSES: tuple[Kind, ...] = ("wrong_brackets", "bad_mark")
EFFECTS: frozenset[Kind] = frozenset({"too_early", "too_late"})
"""What also shows where one of the causes is at work."""
CONSEQUENCE: Kind = "balance_after"
"""What also shows, of the same asset or symbol, where a single booked number of the liquidation is wrong."""
NUMBERS: tuple[Kind, ...] = ("clearance_fee_twice", "clearance_fee_base", "realized_pnl", "commission")
DECISIVE: Mapping[str, frozenset[str]] = {
    "liquidation": frozenset({"trigger", "orders_cancelled", "fill_price", "clearance_fee"}),
    "adl": frozenset({"deleveraging_rank", "deleveraging_size"}),
}
"""Without an answer to these nobody can call a liquidation or a deleveraging regular; other closings nobody can. (The
price of a deleveraging no file tells.)"""
NOT_ALWAYS = frozenset({"trigger", "fill_price", "clearance_fee"})
"""Not asked of every liquidation: one that goes on from another has the trigger of the first; without a fill in the
market there is no price to hold against the limit, and nothing is charged where nothing was left. (Where only the files
are lacking, the check is there and has no answer.)"""


def irregularities(checks: Sequence[Check]) -> tuple[Irregularity, ...]:
    """What the failing checks show, in the order of the checks."""
    places: dict[Kind, list[int]] = {}
    for place, each in enumerate(checks):
        if each.verdict == FAILS and each.points_to:
            places.setdefault(each.points_to[0], []).append(place)
    direct = [kind for kind in CAUSES if kind in places]
    if direct:
        for effect in EFFECTS & places.keys():
            places[direct[0]] += places.pop(effect)
    for place in places.get(CONSEQUENCE, []).copy():
        number = next((kind for kind in NUMBERS if _follows(checks, place, places.get(kind, []))), None)
        if number is not None:
            places[CONSEQUENCE].remove(place)
            places[number].append(place)
    return tuple(_irregularity(kind, sorted(found), checks) for kind, found in places.items() if found)


def _follows(checks: Sequence[Check], effect: int, numbers: Sequence[int]) -> bool:
    """Whether a balance after a liquidation is what follows from one of these wrong numbers: of the same asset, or of
    the number's symbol. (It is one after all that the liquidation booked.)"""
    own = [checks[place] for place in numbers if checks[place].points_to[0] in NUMBERS]
    return any(_is_about_the_same(checks[effect], each) for each in own)


def _is_about_the_same(effect: Check, number: Check) -> bool:
    state = {effect.unit, *effect.about.split()[:1]} - {""}
    return bool(state & {number.unit, *number.about.split()[:1]})


def _irregularity(kind: Kind, places: list[int], checks: Sequence[Check]) -> Irregularity:
    shown = [checks[place] for place in places]
    first = next((each for each in shown if each.points_to[0] == kind), shown[0])
    others = {other for each in shown for other in each.points_to[1:] if each.points_to[0] == kind}
    return Irregularity(
        kind=kind,
        says=SAYS[kind],
        amount=_amount(first),
        unit=first.unit,
        checks=tuple(places),
        or_else=tuple(sorted(other for other in others if not _is_excluded(other, checks))),
    )


def _amount(each: Check) -> Decimal | None:
    for name in ("difference", "surplus"):
        if name in each.numbers:
            return each.numbers[name]
    return None


def _is_excluded(kind: Kind, checks: Sequence[Check]) -> bool:
    """Whether a check that holds speaks against a kind."""
    speaking = {"wrong_brackets": "maintenance", "bad_mark": "mark"}.get(kind)
    return any(each.kind == speaking and each.verdict == "holds" for each in checks)


def concluded(kind: str, checks: Sequence[Check], found: Sequence[Irregularity]) -> Conclusion:
    """Irregular, nothing irregular found, or cannot tell because a decisive check is missing or has no answer."""
    if found:
        return IRREGULAR
    decisive = DECISIVE.get(kind, frozenset())
    told = {each.kind for each in checks} & decisive
    asked = decisive if "trigger" in told else decisive | {"partial_steps"}  # it stands for the trigger of later orders
    is_open = any(each.kind in asked and each.verdict == UNCLEAR for each in checks)
    return OPEN if is_open or not told or decisive - told - NOT_ALWAYS else REGULAR
