"""From files' events to an explanation of each liquidation.

    reconstruct -> find incidents -> for each: moment, money, cause, checks -> Explanation

Nothing here computes a rule: it asks `core` and names the answers.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.checks import HOLDS, UNCLEAR, Finding
from margincall.core.contract import entry_price
from margincall.core.events import AnyEvent, Flow, Statement
from margincall.core.margin import PoolTerms, cross_wallet
from margincall.core.prices import Interval, collateral_interval, implied_share
from margincall.core.rounding import exact, ratio_nearest
from margincall.core.units import Price
from margincall.forensics.cause import Cause, find_cause
from margincall.forensics.evidence import Evidence
from margincall.forensics.going_on import goes_on_from
from margincall.forensics.holdings import PositionTold, WalletTold, positions_of, wallets_of
from margincall.forensics.incident_checks import closest_split, incident_findings
from margincall.forensics.incidents import Incident, find_incidents
from margincall.forensics.moment import WALLET, Moment, moment_of
from margincall.forensics.money import Money, money_of
from margincall.forensics.reconstruct import Reconstruction, reconstruct
from margincall.forensics.rulebook import Rulebook
from margincall.forensics.sheet import (
    BracketUsed,
    Explanation,
    Liquidation,
    Prices,
    Unknown,
    Verdict,
)
from margincall.forensics.support import explain_support
from margincall.forensics.unknown import ELSEWHERE_TERMS, unknown_incidents, unknown_terms, void_terms
from margincall.history.described import symbols_in
from margincall.venues.book import BracketBook
from margincall.venues.elsewhere import Elsewhere


class Case(Struct, frozen=True):
    """All that is known of one explanation, for derivation trees: the values behind the printed terms."""

    incident: Incident
    moment: Moment | None
    money: Money | None
    explanation: Explanation


class Explained(Struct, frozen=True):
    """One account's history explained. `findings` are those about the history as a whole, `unknown` what the files
    leave open about it: whether there were other liquidations than those found. `wallets` and `positions` are what the
    files add up to, where no liquidation was found, or no verdict can follow."""

    history: Reconstruction | None
    cases: tuple[Case, ...]
    findings: tuple[Finding, ...]
    unknown_symbols: tuple[str, ...]
    unknown: tuple[Unknown, ...] = ()
    wallets: tuple[WalletTold, ...] = ()
    positions: tuple[PositionTold, ...] = ()


def explain(
    events: Sequence[AnyEvent],
    book: BracketBook,
    *,
    refused: Sequence[str] = (),
    evidence: Evidence | None = None,
    elsewhere: Elsewhere | None = None,
) -> Explained:
    """Explain every liquidation in merged events. `evidence` tells what their files can show. `refused` are the reasons
    why the account's kind is not modelled: with any, amounts are reported as applied, and no verdict is derived. So it
    is `elsewhere`, at a venue whose rules are not modelled."""
    rulebook = Rulebook(symbols_of(events), book, elsewhere=elsewhere)
    known = [kept for event in events if (kept := _without_unknown(event, rulebook.unknown)) is not None]
    if not known:
        return Explained(None, (), (), tuple(rulebook.unknown))
    history = reconstruct(known, rulebook, evidence=evidence)
    incidents = find_incidents(history.events, history.compared.comparisons)
    cases = tuple(
        _going_on(explain_incident(history, incident, refused), first)
        for incident, first in zip(incidents, goes_on_from(history.events, incidents), strict=True)
    )
    cases = tuple(_later_of_one_moment(case, cases[:place]) for place, case in enumerate(cases))
    unknown = tuple(unknown_incidents(history.evidence, is_elsewhere=elsewhere is not None))
    told = Explained(history, cases, history.findings, tuple(rulebook.unknown), unknown)
    if elsewhere is not None:
        return structs.replace(told, wallets=wallets_of(history), positions=positions_of(history))
    if not cases and any(isinstance(event, Flow) for event in history.events):
        return structs.replace(told, wallets=wallets_of(history))
    return told


def _going_on(case: Case, first: str) -> Case:
    """The case of an order that goes on with the liquidation of order `first`. Within its moment files need not tell
    what came first: that the trigger was not reached in between says nothing. Where no fee is left to check, none was
    charged for it."""
    if not first:
        return case
    told = case.explanation
    verdict = structs.replace(told.verdict, liquidated=told.verdict.liquidated or None)
    is_charged = any(finding.kind == "clearance_fee" for finding in told.findings)
    unknown = tuple(each for each in told.unknown if is_charged or not each.term.startswith("clearance."))
    told = structs.replace(told, goes_on_from=first, verdict=verdict, unknown=unknown)
    return structs.replace(case, explanation=told)


def _later_of_one_moment(case: Case, before: Sequence[Case]) -> Case:
    """The case of an order that comes after another of its pool in the same moment: the trigger was that of the first
    (the venue takes a pool as a whole: assumed, `takeover-scope`). It may also have set all limits then: where the
    balance was split among positions, or closing one changed what the rest is worth (in multi-assets mode a loss that
    is booked counts at the rate of the wallet), or where lists of orders do not tell what came first within the moment,
    a limit that differs accuses nobody."""
    firsts = [each for each in before if _same_moment(each, case)]
    if not firsts:
        return case
    pools = [_pool_of(each) for each in firsts]
    is_listed = case.incident.order is None or not case.incident.order.execution
    is_split = is_listed or any(each is None or len(each.positions) > 1 or each.kind == "multi" for each in pools)
    excused = {"trigger": "takeover-scope"} | ({"limit_price": "bankruptcy-split"} if is_split else {})
    findings = tuple(
        structs.replace(each, verdict=UNCLEAR, assumptions=(*each.assumptions, excused[each.kind]))
        if each.kind in excused and each.verdict != HOLDS
        else each
        for each in case.explanation.findings
    )
    return structs.replace(case, explanation=structs.replace(case.explanation, findings=findings))


def _same_moment(one: Case, other: Case) -> bool:
    """Whether two liquidation orders are of one moment and of one pool, or may be: where the first pool is not known,
    it may be any that is not isolated, or that of the same symbol."""
    is_then = one.incident.time_ms == other.incident.time_ms
    if not is_then or {one.incident.kind, other.incident.kind} != {"liquidation"}:
        return False
    first, own = _pool_of(one), _pool_of(other)
    if own is None:
        return False
    if first is None:
        return own.kind != "isolated" or one.incident.symbol == other.incident.symbol
    return first.name == own.name


def _pool_of(case: Case) -> PoolTerms | None:
    return case.moment.pool if case.moment is not None else None


@exact
def explain_incident(history: Reconstruction, incident: Incident, refused: Sequence[str] = ()) -> Case:
    """Explain one incident."""
    if incident.kind == "support":
        statement = history.events[incident.first]
        assert isinstance(statement, Statement)
        return Case(incident, None, None, explain_support(statement))
    moment = moment_of(history, incident)
    elsewhere = history.book.elsewhere
    if refused or elsewhere is not None:
        moment = structs.replace(moment, pool=None, own=None, prices=None, tables={})
    money = money_of(history, incident, moment)
    cause = _cause(history, incident, moment)
    findings = [] if refused or elsewhere is not None else incident_findings(history, incident, moment, money)
    explanation = Explanation(
        kind=incident.kind,
        symbol=incident.symbol,
        position_side=incident.side,
        time_ms=incident.time_ms,
        order_id=incident.order_id,
        client_order_id=incident.client_order_id,
        verdict=_verdict(incident, moment),
        prices=_prices(incident, moment, money),
        bracket=_bracket(moment),
        clearance=money.clearance,
        quantity=money.quantity,
        realized_pnl=money.realized,
        waterfall=money.steps,
        left=money.left,
        cause=cause.terms if cause is not None else (),
        findings=tuple(findings),
        unknown=(),
        assumptions=_assumptions(moment, findings),
        cause_since=cause,
        traces=incident.traces,
    )
    lacks = {"takeover"} if money.rest_unknown else set()
    void = void_terms(incident, rest_unknown=money.rest_unknown)
    unknown = tuple(unknown_terms(explanation, moment, cause_known=cause is not None, lacks=lacks, void=void))
    if elsewhere is not None:
        unknown = tuple(Unknown(each.term, ELSEWHERE_TERMS) for each in unknown)
    unknown += tuple(Unknown("verdict", reason) for reason in refused)
    return Case(incident, moment, money, structs.replace(explanation, unknown=unknown))


def symbols_of(events: Sequence[AnyEvent]) -> set[str]:
    """Every symbol that the events name."""
    return {symbol for event in events for symbol in symbols_in(event)}


def _without_unknown(event: AnyEvent, unknown: Sequence[str]) -> AnyEvent | None:
    """The event without symbols that no venue lists: a statement loses their positions, a flow keeps its amounts, and
    nothing else can be used."""
    if isinstance(event, Statement):
        positions = tuple(position for position in event.positions if position.symbol not in unknown)
        return structs.replace(event, positions=positions) if unknown else event
    if getattr(event, "symbol", "") not in unknown:
        return event
    return structs.replace(event, symbol="") if isinstance(event, Flow) else None


def _cause(history: Reconstruction, incident: Incident, moment: Moment) -> Cause | None:
    if moment.pool is None or not moment.is_complete or incident.kind == "adl":
        return None
    return find_cause(history, incident.first, moment.pool.name, moment.marks)


def _verdict(incident: Incident, moment: Moment) -> Verdict:
    pool = moment.pool
    if pool is None:
        return _wallet_alone(incident, moment)
    if not moment.own_mark_known:
        only = pool.assets[0].wallet if pool.kind != "multi" else None
        return Verdict(pool=pool.name, asset=pool.asset, wallet_balance=only)
    known = moment.brackets_known
    has_rows = moment.has_rows
    return Verdict(
        pool=pool.name,
        asset=pool.asset,
        liquidated=pool.liquidated if known else None,
        wallet_balance=pool.wallet,
        unrealized_pnl=pool.unrealized,
        margin_balance=pool.balance,
        maintenance_margin=pool.maintenance if has_rows else None,
        margin_ratio=pool.ratio if has_rows else None,
        wallet_lowest=moment.wallets[0] if moment.wallets is not None else None,
        wallet_highest=moment.wallets[1] if moment.wallets is not None else None,
    )


def _wallet_alone(incident: Incident, moment: Moment) -> Verdict:
    """Prices of the pool are missing, but its wallet may be known."""
    if not moment.tables or WALLET & set(moment.lacks) or moment.account.multi_assets:
        return Verdict(pool="", asset="")
    held = moment.account.position((incident.symbol, incident.side))
    asset = moment.rules.contract(held.symbol).margin_asset
    if held.margin == "isolated":
        return Verdict(f"isolated:{held.symbol}:{held.side}", asset, wallet_balance=held.isolated_wallet)
    return Verdict(f"cross:{asset}", asset, wallet_balance=cross_wallet(moment.account, asset, moment.rules))


def _prices(incident: Incident, moment: Moment, money: Money) -> Prices:
    limit = incident.order.price if incident.order is not None and incident.order.price else None
    if moment.own is None or moment.prices is None or moment.pool is None:
        held = moment.account.positions.get((incident.symbol, incident.side))
        entry = None
        if held is not None and held.quantity and "sides" not in moment.lacks:
            entry = _entry(moment, incident)
        mark = moment.mark
        return Prices(
            entry=entry,
            mark_at_trigger=mark.price if mark is not None else None,
            mark_source=mark.how if mark is not None else None,
            order_limit=limit,
            average_fill=money.average,
            break_even=moment.alone[1].break_even if moment.alone is not None else None,
        )
    has_rows = moment.has_rows
    # Without its own mark a position's interval is known; what hangs on the mark is not.
    independent = len(moment.pool.positions) == 1 and moment.pool.kind != "multi"
    interval = moment.prices.liquidation
    displayed = moment.prices.displayed if moment.own_mark_known or independent else None
    prices = Prices(
        entry=moment.own.entry,
        mark_at_trigger=moment.own.mark if moment.own_mark_known else None,
        mark_source=moment.mark.how if moment.mark is not None else None,
        liquidation=Liquidation(interval.lower, interval.upper, displayed, interval.empty)
        if has_rows
        else Liquidation(),
        bankruptcy=moment.prices.bankruptcy if independent or (moment.own_mark_known and has_rows) else None,
        order_limit=limit,
        average_fill=money.average,
        break_even=moment.prices.break_even,
        moving=_liquidation(moment.prices.moving) if has_rows and moment.prices.moving is not None else None,
        collateral=_collateral(moment) if has_rows else {},
    )
    # The limit of a deleveraging is the bankruptcy price of somebody else.
    return prices if incident.kind == "adl" else _with_implied(prices, moment, limit)


def _liquidation(interval: Interval) -> Liquidation:
    return Liquidation(interval.lower, interval.upper, None, interval.empty)


def _collateral(moment: Moment) -> dict[str, Liquidation]:
    """The interval of each collateral's index that the pool survives (multi-assets mode)."""
    pool = moment.pool
    if pool is None or pool.kind != "multi" or not moment.own_mark_known:
        return {}
    assumptions = moment.rules.assumptions
    return {terms.asset: _liquidation(collateral_interval(pool, terms.asset, assumptions)) for terms in pool.assets}


def _with_implied(prices: Prices, moment: Moment, limit: Decimal | None) -> Prices:
    """The share and the split that a printed limit implies (only where several positions leave a choice)."""
    if limit is None or moment.pool is None or moment.own is None or not moment.own_mark_known:
        return prices
    share = _share(moment.pool, moment, limit)
    name, _ = closest_split(moment, Price(limit))
    return structs.replace(prices, implied_share=share, implied_split=name if len(moment.pool.positions) > 1 else None)


def _share(pool: PoolTerms, moment: Moment, limit: Decimal) -> Decimal | None:
    from_limit = implied_share(pool, moment.own, Price(limit)) if moment.own is not None else None
    return None if from_limit is None else ratio_nearest(from_limit)


def _entry(moment: Moment, incident: Incident) -> Decimal | None:
    held = moment.account.position((incident.symbol, incident.side))
    return entry_price(moment.rules.contract(held.symbol), held.quantity, held.cost)


def _bracket(moment: Moment) -> BracketUsed:
    own = moment.own if moment.own is not None or moment.alone is None else moment.alone[0]
    if own is None or not own.table.symbol:
        return BracketUsed()
    if not moment.own_mark_known:
        return BracketUsed(table=own.table.name or own.table.source, as_of=own.table.as_of)
    return BracketUsed(
        table=own.table.name or own.table.source,
        as_of=own.table.as_of,
        notional=own.notional,
        rate=own.bracket.rate,
        cum=own.bracket.cum,
        alternatives=moment.later,
    )


def _assumptions(moment: Moment, findings: Sequence[Finding]) -> tuple[str, ...]:
    """The ids that the explanation rests on."""
    used = {"trigger-comparison"} if moment.pool is not None else set()
    for finding in findings:
        used |= {name for name in finding.assumptions if ":" not in name and " " not in name}
    if moment.pool is not None:
        used |= set(moment.assumed)
        used.add("displayed-liquidation-price")
        if len(moment.pool.positions) > 1:
            used.add("bankruptcy-split")
        if moment.pool.kind == "multi":
            used |= {"multi-asset-equity-rate", "multi-asset-requirement-rate", "collateral-moves-with-mark"}
        if moment.pool.kind == "isolated":
            used.add("isolated-release")
    return tuple(sorted(used))
