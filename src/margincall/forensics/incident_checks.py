"""The checks that one liquidation allows: gathers their evidence from the history and hands it to `core.checks`."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import structs

from margincall.core import checks
from margincall.core.account import Marks
from margincall.core.assumptions import VERDICT_ALTERNATIVES, Assumptions
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.events import Fill, Flow, Order
from margincall.core.margin import PositionTerms, margin
from margincall.core.prices import bankruptcy, implied_share
from margincall.core.rounding import exact
from margincall.core.units import ZERO, Price
from margincall.forensics.digits import last_digit
from margincall.forensics.doubt import BACK_CAST
from margincall.forensics.in_candle import CANDLE_RESOLUTION
from margincall.forensics.incidents import AFTERMATH_MS, Incident
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.moment import Moment, pool_members
from margincall.forensics.money import Money
from margincall.forensics.order_checks import orders_finding
from margincall.forensics.pools import pool_named, terms_of
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.unknown import CHECKS, missing_evidence, settled_by, void_terms

SPLITS: tuple[Assumptions, ...] = (
    Assumptions(bankruptcy_split="maintenance"),
    Assumptions(bankruptcy_split="notional"),
    Assumptions(bankruptcy_split="whole"),
)
OF_THE_WALLET = frozenset({"trigger", "limit_price", "clearance_fee", "balance_after"})
"""Checks that rest on the wallet of the pool."""
DOUBTFUL = (BACK_CAST, CANDLE_RESOLUTION)
MULTI_ASSUMED = ("multi-asset-equity-rate", "multi-asset-requirement-rate")
CLOSE_BEFORE_MS = 1000
CLOSE_AFTER_MS = 3000
"""The venue publishes marks every 1 or 3 seconds (stream `<symbol>@markPrice`)."""


@exact
def incident_findings(history: Reconstruction, incident: Incident, moment: Moment, money: Money) -> list[Finding]:
    """Every check that applies to the incident, in the order of the events."""
    found: list[Finding] = []
    source = str(history.events[incident.first].source)
    if incident.kind == "adl":
        if incident.fills:
            found.append(checks.deleveraging_fee(fee=money.commission, about=incident.symbol, source=source))
        return found
    if moment.pool is not None and moment.own_mark_known:
        verdicts = dict(moment.verdicts)
        if moment.brackets_known:
            trigger = checks.trigger(moment.pool, verdicts, moment.rules.assumptions, source=source)
            if moment.extreme is not None:
                trigger = structs.replace(trigger, assumptions=(*trigger.assumptions, CANDLE_RESOLUTION))
            found.append(_cautious(trigger, history, incident, moment))
        else:
            found.append(_undated(moment, source))
    if moment.pool is not None and moment.own is not None and incident.order is not None and incident.order.price:
        found += [limit_finding(moment, order) for order in _orders_by_limit(history, incident)]
    found += _fill_findings(history, incident)
    if incident.symbol and (finding := orders_finding(history, incident, moment)) is not None:
        found.append(finding)
    if money.clearance.fee is not None and money.clearance.base is not None:
        found.append(
            checks.clearance_fee(
                fee=money.clearance.fee,
                base=money.clearance.base,
                rate=history.rules_at(incident.time_ms).contract(incident.symbol).liquidation_fee,
                left=money.before_fee,
                about=incident.symbol,
                source=source,
            )
        )
    if money.left and _is_closed(history, incident, moment):
        found += [_left_finding(history, incident, asset, amount, source) for asset, amount in money.left.items()]
    found = [_without_doubt(finding, moment) for finding in found]
    return _with_what_is_missing(found, incident, moment, money, source=source) if incident.symbol else found


def _without_doubt(finding: Finding, moment: Moment) -> Finding:
    """An accusation that rests on a wallet in doubt is none: irregular is only what is so under all of it."""
    if finding.verdict != FAILS or finding.kind not in OF_THE_WALLET:
        return finding
    grounds = tuple(name for name in DOUBTFUL if name in moment.assumed)
    if CANDLE_RESOLUTION in grounds and moment.pool is not None and len(moment.pool.positions) == 1:
        # What a single position goes bankrupt at, and what is left of it, does not hang on its mark.
        grounds = tuple(name for name in grounds if name != CANDLE_RESOLUTION)
    if moment.wallets is None and not grounds:
        return finding
    why = "the wallet is in doubt" if moment.wallets is not None else "it rests on what is assumed"
    return structs.replace(
        finding,
        verdict=UNCLEAR,
        rule=f"{finding.rule}; differs, but {why}",
        assumptions=(*finding.assumptions, *grounds),
    )


def _with_what_is_missing(
    found: Sequence[Finding], incident: Incident, moment: Moment, money: Money, *, source: str
) -> list[Finding]:
    """The findings, those that nobody can tell with the files that would settle them; and one for each check that the
    files do not allow at all."""
    missing = missing_evidence(moment)
    if "orders_cancelled" not in {each.kind for each in found}:
        missing.add("unfilled")
    if incident.order is None or not incident.order.price:
        missing.add("order")
    if money.clearance.fee is None:
        missing.add("income")
    lacking = {kind: tuple(each for each in kinds if each in missing) for kind, kinds in CHECKS.items()}
    told = [
        structs.replace(each, settled_by=settled_by(lacking[each.kind]))
        if each.verdict == UNCLEAR and lacking.get(each.kind)
        else each
        for each in found
    ]
    absent = [kind for kind in CHECKS if kind not in {each.kind for each in found} and lacking[kind]]
    return told + [
        Finding(
            kind=kind,
            verdict=UNCLEAR,
            about=incident.symbol,
            rule="not checked: the files do not hold what it rests on",
            source=source,
            settled_by=settled_by(lacking[kind]),
        )
        for kind in absent
        if not _is_void(kind, incident, money)
    ]


def _is_void(kind: str, incident: Incident, money: Money) -> bool:
    """Whether there is nothing to check: no fee was charged, a position is still open, or the order that ended without
    a fill closed nothing."""
    void = void_terms(incident, rest_unknown=money.rest_unknown)
    if kind == "balance_after":
        return "left" in void or bool(money.left)
    is_free = money.clearance.fee is None and bool(incident.fills) and bool(money.left)
    return kind == "clearance_fee" and (is_free or "clearance.fee" in void)


def _left_finding(history: Reconstruction, incident: Incident, asset: str, left: Decimal, source: str) -> Finding:
    """What is left against 0. Where others pay instead of the fund, an adjustment follows the liquidation."""
    found = checks.not_negative(wallet=left, about=asset, source=source)
    adjusted = _adjusted(history, incident, asset) if found.verdict == FAILS else ZERO
    if not adjusted or left + adjusted < ZERO:
        is_beyond = found.verdict == FAILS and _is_isolated(history, incident)
        return _borne_by_the_rest(history, incident, found) if is_beyond else found
    rule = f"{found.rule}; an adjustment of {adjusted} booked right after it brought it back"
    return structs.replace(found, verdict=HOLDS, rule=rule)


def _is_isolated(history: Reconstruction, incident: Incident) -> bool:
    return history.timeline.before(incident.first).position((incident.symbol, incident.side)).margin == "isolated"


def _borne_by_the_rest(history: Reconstruction, incident: Incident, found: Finding) -> Finding:
    """What an isolated position cost beyond its margin: the fund pays for a negative wallet, and the rest of the wallet
    bears it as long as there is one."""
    wallet = history.timeline.after(incident.last).wallets.get(found.about, ZERO)
    is_known = found.about not in history.opening.unknown_wallets
    if is_known and wallet >= ZERO:
        rule = f"{found.rule}; the rest of the wallet bore what was beyond the position's margin"
        return structs.replace(found, verdict=HOLDS, rule=rule)
    return found if is_known else structs.replace(found, verdict=UNCLEAR)


def _adjusted(history: Reconstruction, incident: Incident, asset: str) -> Decimal:
    """What adjustments booked within the aftermath of a liquidation."""
    total = ZERO
    for place in range(incident.last + 1, len(history.events)):
        event = history.events[place]
        if event.time_ms - incident.time_ms > AFTERMATH_MS:
            break
        if isinstance(event, Flow) and (event.category == "adjustment" or event.reason == "ADJUSTMENT"):
            total += event.applied.get(asset, ZERO)
    return total


def _is_closed(history: Reconstruction, incident: Incident, moment: Moment) -> bool:
    """Whether the pool has no position left, so that the insurance fund owes a balance of 0: what is still open may
    hold a profit. In multi-assets mode a negative wallet is exchanged instead."""
    after = history.timeline.after(incident.last)
    held = moment.account.position((incident.symbol, incident.side))
    if held.margin == "isolated":
        return not after.position(held.key).quantity
    return not after.multi_assets and not pool_members(after, held, moment.rules)


def _orders_by_limit(history: Reconstruction, incident: Incident) -> list[Order]:
    """The incident's order, once for each limit that its messages print: they should agree."""
    found: dict[Decimal, Order] = {}
    for event in history.events[incident.first : incident.last + 1]:
        if isinstance(event, Order) and event.price and event.close == "liquidation":
            is_own = (event.symbol, event.order_id) == (incident.symbol, incident.order_id)
            found |= {event.price: event} if is_own else {}
    return list(found.values())


def _cautious(trigger: Finding, history: Reconstruction, incident: Incident, moment: Moment) -> Finding:
    """An accusation needs evidence that leaves no other way: files that do not contradict themselves, and marks that
    enclose the trigger closely and are both survived. Else nobody can tell."""
    if trigger.verdict != FAILS:
        return trigger
    if any(finding.verdict == FAILS for finding in history.findings):
        why = "not reached by these files, but they contradict themselves (see what they say about themselves)"
    elif moment.extreme is not None:
        why = "not reached within the candle, but the mark of that second may have gone further"
    elif not enclosed(history, incident, moment):
        why = "not reached at the last known mark, but the mark may have moved since: no mark encloses the trigger"
    else:
        return trigger
    return structs.replace(trigger, verdict=UNCLEAR, rule=why)


def enclosed(history: Reconstruction, incident: Incident, moment: Moment) -> bool:
    """Whether every symbol of the pool has a mark within a second before and one within three seconds after the
    trigger, and the pool survives at both. (Indices are published every second: those at hand count.)"""
    if moment.pool is None:
        return False
    later: dict[str, Price] = {}
    for symbol in {terms.symbol for terms in moment.pool.positions}:
        before = history.marks.latest(symbol, incident.first)
        after = history.marks.following(symbol, incident.first)
        if before is None or after is None or incident.time_ms - before.time_ms > CLOSE_BEFORE_MS:
            return False
        if not 0 <= after.time_ms - incident.time_ms <= CLOSE_AFTER_MS:
            return False
        later[symbol] = after.price
    then = pool_named(terms_of(moment.account, Marks(later, moment.marks.indices), moment.rules), moment.pool.name)
    return then is not None and not then.liquidated


def limit_finding(moment: Moment, order: Order) -> Finding:
    """The printed limit against the bankruptcy price. With several positions it says which split the limit implies."""
    assert moment.pool is not None
    assert moment.own is not None
    limit = Price(order.price)
    tolerance = max(moment.own.contract.tick, last_digit(limit))
    if len(moment.pool.positions) == 1:
        derived = bankruptcy(moment.pool, moment.own, moment.rules.assumptions)
        if derived is None:
            return _no_bankruptcy_price(moment.own, order)
        found = checks.agrees(
            "limit_price",
            f"{moment.own.symbol} {moment.own.side}",
            printed=limit,
            derived=derived,
            tolerance=tolerance,
            rule="the limit of a liquidation order is the bankruptcy price (docs/spec/bankruptcy_price.md)",
            source=str(order.source),
        )
        if found.verdict == FAILS and moment.pool.kind == "multi":
            # The balance rests on assumed rates in multi-assets mode: irregular only if irregular under each of them.
            others = [price for price in _under_other_rates(moment) if price is not None]
            fits = any(abs(price - limit) <= tolerance for price in others)
            return structs.replace(found, verdict=UNCLEAR if fits else FAILS, assumptions=MULTI_ASSUMED)
        return found
    share = implied_share(moment.pool, moment.own, limit) if moment.own_mark_known else None
    name, derived_limit = closest_split(moment, limit)
    fits = share is not None and derived_limit is not None and abs(derived_limit - limit) <= tolerance
    return Finding(
        kind="limit_price",
        verdict=HOLDS if fits else UNCLEAR,
        about=f"{moment.own.symbol} {moment.own.side}: share {_short(share)} of the balance, closest to {name}",
        rule="the limit of a liquidation order is the bankruptcy price; its split is not published",
        printed=limit,
        derived=derived_limit,
        amount=None if derived_limit is None else limit - derived_limit,
        source=str(order.source),
        assumptions=("bankruptcy-split",),
    )


def _no_bankruptcy_price(own: PositionTerms, order: Order) -> Finding:
    return Finding(
        kind="limit_price",
        verdict=UNCLEAR,
        about=f"{own.symbol} {own.side}",
        rule="no positive price makes the position bankrupt, as far as these files tell",
        printed=order.price,
        source=str(order.source),
    )


def _under_other_rates(moment: Moment) -> list[Price | None]:
    """The bankruptcy price of the position under the other assumptions about a multi-assets balance."""
    assert moment.pool is not None
    assert moment.own is not None
    key = moment.own.position.key
    found = []
    for name, _, assumptions in VERDICT_ALTERNATIVES:
        if name in MULTI_ASSUMED:
            pool = margin(moment.account, moment.marks, moment.rules.assuming(assumptions)).pool_of(*key)
            assert pool is not None, "the position is open, so a pool holds it"
            own = next(terms for terms in pool.positions if terms.position.key == key)
            found.append(bankruptcy(pool, own, assumptions))
    return found


def closest_split(moment: Moment, limit: Price) -> tuple[str, Price | None]:
    """The alternative of `bankruptcy-split` whose price comes closest to a printed limit."""
    assert moment.pool is not None
    assert moment.own is not None
    found = [(split.bankruptcy_split, bankruptcy(moment.pool, moment.own, split)) for split in SPLITS]
    known = [(name, price) for name, price in found if price is not None]
    return min(known, key=lambda pair: abs(pair[1] - limit)) if known else ("none", None)


def _undated(moment: Moment, source: str) -> Finding:
    assert moment.pool is not None
    symbols = ", ".join(symbol for symbol, certainty in moment.tables.items() if certainty != "dated")
    return Finding(
        kind="trigger",
        verdict=UNCLEAR,
        about=moment.pool.name,
        rule=f"no bracket table of {symbols} dated at or before the event is known (margincall brackets import)",
        printed=moment.pool.balance,
        source=source,
    )


def _fill_findings(history: Reconstruction, incident: Incident) -> Iterator[Finding]:
    order = incident.order
    if order is None or not order.price:
        return
    for place in incident.fills:
        fill = history.events[place]
        if isinstance(fill, Fill) and fill.trade_id != TAKEN_OVER:
            found = checks.fill_within_limit(
                buy=fill.quantity > 0,
                price=fill.price,
                limit=order.price,
                about=f"{fill.symbol} {fill.side} trade {fill.trade_id}",
                source=str(fill.source),
            )
            tick = history.rules_at(fill.time_ms).contract(fill.symbol).tick
            yield _beside_the_book(found) if _is_between_ticks(fill.price, order.price, tick) else found


def _is_between_ticks(price: Decimal, limit: Decimal, tick: Decimal) -> bool:
    """Whether a price is none of the book's, and the limit is this price on the tick: the other side was deleveraged at
    the exact bankruptcy price, of which an order can only print what the tick allows."""
    return bool(price % tick) and not limit % tick and abs(price - limit) < tick


def _beside_the_book(finding: Finding) -> Finding:
    rule = f"{finding.rule}; a price between two ticks is the exact bankruptcy price, the limit is that on the tick"
    return structs.replace(finding, verdict=HOLDS, rule=rule)


def _short(share: Decimal | None) -> str:
    return "unknown" if share is None else f"{share:.4f}"
