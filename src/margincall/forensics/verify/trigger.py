"""Was the trigger reached, and when: the account at every known price before the venue's order."""

from decimal import Decimal
from itertools import product
from math import prod
from typing import NamedTuple

from msgspec import structs

from margincall.core.account import Account
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.events import MarkPrice
from margincall.core.margin import PoolTerms
from margincall.core.rounding import exact
from margincall.core.rules import VenueRules
from margincall.core.units import Price
from margincall.forensics.doubt import BACK_CAST
from margincall.forensics.incident_checks import enclosed
from margincall.forensics.markline import OPENING
from margincall.forensics.moment import Moment, pool_at
from margincall.forensics.pools import pool_named, terms_of
from margincall.forensics.verify.check import Check, Interval
from margincall.forensics.verify.make import check
from margincall.forensics.verify.view import (
    View,
    moves_before,
    pool_after,
    rule_sets,
    tables_confirmed,
    wallet_proven,
    wallet_sure,
    with_printed,
)
from margincall.wire.durations import SECOND_MS

MOST_CHOICES = 256
MOST_STEPS = 400
"""So many events before a liquidation are looked at: marks come every second or every third."""
SPACING_MS = 3000
"""The slower of the two streams of marks (`<symbol>@markPrice`, every 3 seconds): between two marks nobody can tell."""
MARKS_OF_THE_SECOND = "the mark price of those seconds (stream <symbol>@markPrice@1s)"
NOT_REACHED = "the marks before and after the order were survived: there is no moment to compare, see the trigger"
WALLET_OF_THE_SECOND = "a recorded user-data stream, which prints the wallet"
TABLE_OF_THE_DAY = "a bracket table dated on the day of the liquidation (margincall brackets import)"


class Reached(NamedTuple):
    """Times of the last known price that was survived, and of the first that was not."""

    survived_ms: int | None
    reached_ms: int | None


@exact
def reached(view: View, rules: VenueRules) -> Reached:
    """When the pool was first at its trigger without a break up to the venue's order, under these rules. It is followed
    back over marks alone: before a booking the account was another one, and the files need not tell it all."""
    first: int | None = None
    for step, place in enumerate(moves_before(view)):
        is_mark = isinstance(view.history.events[place], MarkPrice)
        pool = pool_after(view, place, rules) if step < MOST_STEPS and is_mark else None
        if pool is None or not pool.positions:
            return Reached(None, first)
        time_ms = view.history.events[place].time_ms
        if not pool.liquidated:
            return Reached(time_ms, first)
        first = time_ms
    return Reached(None, first)


def interval(view: View) -> Interval:
    """When the trigger was reached, and how long the venue took."""
    closed_ms = view.history.events[view.incident.last].time_ms
    order_ms = view.incident.time_ms
    if view.moment.pool is None or not view.moment.own_mark_known:
        return Interval(order_ms=order_ms, closed_ms=closed_ms)
    if view.moment.extreme is not None or view.moment.boxes:
        # Within a candle: the trigger lies in its minute, or in the one before; no price is known to be survived.
        candle = view.history.marks.candle(view.incident.symbol, order_ms)
        end = None if candle is None else min(order_ms, candle.candle.time_ms + candle.candle.interval_ms)
        return Interval(reached_ms=end, order_ms=order_ms, closed_ms=closed_ms)
    found = reached(view, view.moment.rules)
    return Interval(survived_ms=found.survived_ms, reached_ms=found.reached_ms, order_ms=order_ms, closed_ms=closed_ms)


@exact
def trigger_check(view: View, finding: Finding) -> Check:
    """The trigger against the brackets in force. An accusation needs a wallet that is known, marks on both sides that
    are survived, and a table that is known to be of that day; where the venue printed other brackets to the account,
    and by them the trigger was reached, it is they that are wrong."""
    pool = view.moment.pool
    printed = with_printed(view)
    is_by_printed = printed is not None and _liquidated(view, printed)
    verdict, note, settled = _trigger_verdict(view, finding)
    if verdict == FAILS and is_by_printed:
        note = "reached by the brackets that the venue printed to the account, not by those of that day"
    return check(
        "trigger",
        verdict,
        finding.about,
        numbers=_sheet(pool),
        unit=pool.asset if pool is not None else "",
        note=note,
        assumptions=finding.assumptions if verdict != FAILS else (),
        evidence=finding.source,
        settled_by=settled,
        points_to=("wrong_brackets",) if is_by_printed else ("too_early", "wrong_brackets", "bad_mark"),
    )


def _trigger_verdict(view: View, finding: Finding) -> tuple[Verdict, str, str]:
    """Verdict, note, and what would settle it."""
    if finding.verdict == HOLDS:
        return HOLDS, "", ""
    pool, moment = view.moment.pool, view.moment
    if pool is None or pool.liquidated or not _is_told(moment):
        return UNCLEAR, finding.rule, finding.settled_by
    if "takeover-scope" in finding.assumptions:
        return UNCLEAR, "an order of the same moment came before: the trigger was that of the first", ""
    if any(moment.verdicts.values()):
        return UNCLEAR, f"it was reached under: {', '.join(sorted(finding.assumptions))}", finding.settled_by
    if finding.verdict != FAILS and not (BACK_CAST in moment.assumed and wallet_proven(view)):
        return UNCLEAR, finding.rule, finding.settled_by
    doubt = _doubt(view, moment.account)
    if doubt is None:
        return FAILS, "", ""
    return UNCLEAR, doubt.why, finding.settled_by if doubt.settled_by is None else doubt.settled_by


class _Doubt(NamedTuple):
    """Why a pool that was above its maintenance margin accuses nobody; and what would settle it: "" if nothing would,
    none if it is what the explanation names."""

    why: str
    settled_by: str | None


def _is_told(moment: Moment) -> bool:
    """Whether every price and table of the pool is known, and its own mark is no candle's."""
    return moment.is_complete and moment.extreme is None


def _doubt(view: View, account: Account) -> _Doubt | None:
    """What leaves in doubt that the pool of the liquidation, as an account holds it at its moment, was above its
    maintenance margin, although it was by these files: the whole list, for the trigger and for each further step."""
    if not wallet_sure(view):
        return _Doubt("the wallet is not sure", None)
    if _reached_by_tied_marks(view, account):
        return _Doubt("reached with the marks that one of its symbols had just before, in the same moment", "")
    then = structs.replace(view.moment, account=account, pool=pool_at(view.moment, account))
    if not enclosed(view.history, view.incident, then):
        why = "no mark encloses the trigger: the mark may have moved since the last one"
        return _Doubt(why, MARKS_OF_THE_SECOND)
    if not tables_confirmed(view):
        return _Doubt("not reached by the last table known, which may have been changed since", TABLE_OF_THE_DAY)
    return None


@exact
def above_for_sure(view: View, account: Account) -> PoolTerms | None:
    """The pool of the liquidation in an account as it stood at its moment, if it was above its maintenance margin for
    sure: whatever is assumed and by every later table, and nothing leaves it in doubt. None where it was not, or nobody
    can tell. (The ends of other symbols' candles were tried for the account of the trigger alone.)"""
    moment = view.moment
    if moment.pool is None or not _is_told(moment) or moment.boxes or _doubt(view, account) is not None:
        return None
    pools = [pool_named(terms_of(account, moment.marks, rules), moment.pool.name) for rules in rule_sets(view)]
    is_above = all(pool is not None and pool.positions and not pool.liquidated for pool in pools)
    return pools[0] if is_above else None


@exact
def _reached_by_tied_marks(view: View, account: Account) -> bool:
    """Whether the pool, as an account holds it, is at its trigger with other marks of the same moment: those of several
    symbols are published together, and which of them the venue had taken in when it acted no file tells."""
    pool = view.moment.pool
    assert pool is not None
    choices = {symbol: _tied(view, symbol) for symbol in sorted({terms.symbol for terms in pool.positions})}
    if prod(map(len, choices.values())) > MOST_CHOICES:
        return True  # too many to look at all: nobody can tell
    for prices in product(*choices.values()):
        marks = view.moment.marks
        for symbol, price in zip(choices, prices, strict=True):
            marks = marks.with_price(symbol, price)
        other = pool_named(terms_of(account, marks, view.moment.rules), pool.name)
        if other is not None and other.liquidated:
            return True
    return False


def _tied(view: View, symbol: str) -> list[Price]:
    """The marks of a symbol that may have been in force: those stamped with the moment of the order, and the last one
    before it."""
    now, line = view.incident.time_ms, view.history.marks.marks.get(symbol, [])
    until = now + (SECOND_MS if view.is_coarse else 1)
    known = [point for point in line if point.time_ms < until and point.how != OPENING]
    tied = [point.price for point in known if point.time_ms >= now]
    before = [point.price for point in known if point.time_ms < now][-1:]
    return list(dict.fromkeys([*before, *tied])) or [view.moment.marks.prices[symbol]]


def _liquidated(view: View, rules: VenueRules) -> bool:
    if view.incident.first == 0:
        return False
    pool = pool_after(view, view.incident.first - 1, rules)
    return pool is not None and pool.liquidated


@exact
def moment_check(view: View, found: Interval) -> Check:
    """Whether the venue acted when the trigger was reached. Later is irregular only if a mark that was not survived
    under any assumption had been published for longer than marks are apart. In time it was only if it was reached under
    each of them; and neither can be told with a wallet or a table that may be another. Where it was not reached at all
    no file would tell more: that is what the trigger's check says."""
    about = view.moment.pool.name if view.moment.pool is not None else view.incident.symbol
    times = {"survived": found.survived_ms, "reached": found.reached_ms, "order": found.order_ms}
    bound = SPACING_MS + SECOND_MS + (SECOND_MS if view.is_coarse else 0)
    if (
        found.reached_ms is None
        and found.survived_ms is not None
        and enclosed(view.history, view.incident, view.moment)
    ):
        return check(
            "moment", UNCLEAR, about, times_ms=times, note=NOT_REACHED, evidence=view.evidence,
            assumptions=("liquidation-delay",),
        )  # fmt: skip
    if found.reached_ms is None or found.order_ms is None or view.moment.extreme is not None or view.moment.boxes:
        return check(
            "moment", UNCLEAR, about, times_ms=times, evidence=view.evidence, assumptions=("liquidation-delay",),
            settled_by=MARKS_OF_THE_SECOND,
        )  # fmt: skip
    latest = [each.reached_ms for each in (reached(view, rules) for rules in rule_sets(view))]
    sure = [each for each in latest if each is not None]
    is_reached = len(sure) == len(latest)
    late = found.order_ms - max(sure) if is_reached else 0
    is_late = late > bound
    is_early_enough = is_reached and found.order_ms - min(sure) <= bound
    is_sure = tables_confirmed(view) and wallet_sure(view)
    verdict: Verdict = UNCLEAR if not is_sure else FAILS if is_late else HOLDS if is_early_enough else UNCLEAR
    printed = with_printed(view)
    by_printed = printed is not None and is_late and (reached(view, printed).reached_ms or 0) > max(sure) + bound
    return check(
        "moment",
        verdict,
        about,
        times_ms=times,
        note=f"{late} ms after the first mark that was not survived" if is_late else "",
        assumptions=tuple(dict.fromkeys(("liquidation-delay", *view.moment.assumed))),
        evidence=view.evidence,
        settled_by=_settles_moment(view, is_sure=is_sure) if verdict == UNCLEAR else "",
        points_to=("wrong_brackets",) if by_printed else ("too_late", "wrong_brackets"),
    )


def _settles_moment(view: View, *, is_sure: bool) -> str:
    """What would tell whether the order came in time."""
    if is_sure:
        return MARKS_OF_THE_SECOND
    return WALLET_OF_THE_SECOND if not wallet_sure(view) else TABLE_OF_THE_DAY


def _sheet(pool: PoolTerms | None) -> dict[str, Decimal | None]:
    if pool is None:
        return {}
    return {
        "wallet_balance": pool.wallet,
        "unrealized_pnl": pool.unrealized,
        "margin_balance": pool.balance,
        "maintenance_margin": pool.maintenance,
        "surplus": pool.surplus,
    }
