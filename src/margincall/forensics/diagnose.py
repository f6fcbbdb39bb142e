"""Which printed number is wrong? Turns disagreements into findings that name the culprit.

A fill has several witnesses: its fee (rate × size × price), the wallet's change (profit − fee), the position's change,
the entry after it, its profit. A wrong number contradicts some of them and not others; the pattern names it. Only a
*change* of the gap between print and fold is news: a gap that persists was reported when it arose.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.contract import value
from margincall.core.events import AnyEvent, Source, Statement
from margincall.core.rounding import exact, ratio_nearest
from margincall.core.units import ZERO, Price, Quantity
from margincall.forensics.compare import Compared, Comparison, FillCheck
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.ordering import belongs
from margincall.forensics.rulebook import RulesAt

RULES = {
    "wallet": "wallet after = wallet before + everything booked (docs/spec/fold.md)",
    "cross_wallet": "cross wallet = wallet − isolated wallets (docs/spec/margin.md)",
    "position": "position after = position before + fills (docs/spec/fold.md)",
    "entry": "entry = exact cost / quantity, half up (docs/spec/rounding.md)",
    "accumulated_pnl": "accumulated PnL = Σ profit of the fills (docs/spec/fold.md)",
    "isolated_wallet": "isolated wallet: margin in, margin released, fees (docs/spec/fold.md)",
    "fill": "fee, wallet, position and entry follow from a fill's price and quantity (docs/spec/fold.md)",
    "fee": "fee = |quantity| × price × rate, truncated to 1e-8 (docs/spec/fold.md)",
    "realized": "profit = closed quantity × (price − entry), from exact cost (docs/spec/fold.md)",
}


class Gaps(Struct, frozen=True):
    """What a statement changed in the gap between print and fold, per (field, about)."""

    changed: Mapping[tuple[str, str], Comparison]
    change: Mapping[tuple[str, str], Decimal]


@exact
def diagnose(events: Sequence[AnyEvent], compared: Compared, rules_at: RulesAt) -> tuple[Finding, ...]:
    """A finding for each disagreement, and one for each difference of a single unit (which holds)."""
    gaps = _gaps_by_place(compared.comparisons)
    doubts = {place: _doubts(compared, place) for place in {check.place for check in compared.fills}}
    found: list[tuple[int, Finding]] = []
    explained: set[tuple[int, tuple[str, str]]] = set()
    for check in compared.fills:
        if check.fill.trade_id == TAKEN_OVER:
            continue
        paired = _paired(events, check)
        here = gaps.get(paired, Gaps({}, {})) if paired is not None else Gaps({}, {})
        finding, used = _fill_finding(check, doubts[check.place], here, rules_at)
        if finding is not None:
            found.append((check.place, finding))
            explained |= {(paired, known) for known in used if paired is not None}
        else:
            found += [(check.place, unit) for unit in _one_unit(doubts[check.place])]
    for place, here in gaps.items():
        for known, comparison in here.changed.items():
            if (place, known) not in explained and not _follows(known, here):
                found.append((place, _print_finding(comparison, here.change[known])))
    return tuple(finding for _, finding in sorted(found, key=_place))


def _gaps_by_place(comparisons: Sequence[Comparison]) -> dict[int, Gaps]:
    last: dict[tuple[str, str], Decimal] = {}
    changed: dict[int, dict[tuple[str, str], Comparison]] = {}
    change: dict[int, dict[tuple[str, str], Decimal]] = {}
    for comparison in comparisons:
        if comparison.field in ("realized", "fee"):
            continue
        known = (comparison.field, comparison.about)
        gap = ZERO if comparison.agrees else comparison.difference
        moved = gap - last.get(known, ZERO)
        if moved and comparison.counted:
            changed.setdefault(comparison.place, {})[known] = comparison
            change.setdefault(comparison.place, {})[known] = moved
        last[known] = gap
    return {place: Gaps(changed[place], change[place]) for place in changed}


def _doubts(compared: Compared, place: int) -> dict[str, Comparison]:
    """Profit and fee of the fill at `place` where they differ at all from what is derived."""
    return {
        comparison.field: comparison
        for comparison in compared.at(place)
        if comparison.field in ("realized", "fee") and comparison.difference
    }


def _paired(events: Sequence[AnyEvent], check: FillCheck) -> int | None:
    following = check.place + 1
    if following < len(events):
        event = events[following]
        if isinstance(event, Statement) and belongs(event, check.fill):
            return following
    return None


def _fill_finding(
    check: FillCheck, doubts: Mapping[str, Comparison], gaps: Gaps, rules_at: RulesAt
) -> tuple[Finding | None, list[tuple[str, str]]]:
    """The finding for one fill, and the gaps that it explains."""
    fill = check.fill
    name = f"{fill.symbol} {fill.side}"
    about = f"{name} trade {fill.trade_id}"
    rules = rules_at(fill.time_ms)
    asset = rules.contract(fill.symbol).margin_asset
    fee, realized = _beyond(doubts.get("fee")), _beyond(doubts.get("realized"))
    moved = gaps.change.get(("position", name), ZERO)
    wallet = gaps.change.get(("wallet", asset), ZERO)
    entry = gaps.change.get(("entry", name), ZERO)
    if moved and fee:
        quantity = fill.quantity + moved
        return _wrong_fill(f"{about} quantity", fill.quantity, quantity, fill.source), list(gaps.changed)
    if fee and (entry or realized):
        derived = _price_from_fee(check, rules_at)
        return _wrong_fill(f"{about} price", fill.price, derived, fill.source), list(gaps.changed)
    if fee and doubts["fee"].printed != ZERO:
        # A wallet that fell by the printed fee speaks for the fee: then it is the rate that is not the assumed one.
        verdict: Verdict = FAILS if wallet else UNCLEAR
        return _of(doubts["fee"], verdict), [known for known in gaps.changed if known[0] in ("wallet", "cross_wallet")]
    if realized:
        used = [known for known in gaps.changed if known[0] in ("wallet", "cross_wallet", "accumulated_pnl")]
        return _of(doubts["realized"], FAILS), used if wallet else []
    return None, []


def _beyond(comparison: Comparison | None) -> bool:
    return comparison is not None and not comparison.agrees


def _price_from_fee(check: FillCheck, rules_at: RulesAt) -> Decimal | None:
    """The price at which the printed fee would be right."""
    fill = check.fill
    rules = rules_at(fill.time_ms)
    contract = rules.contract(fill.symbol)
    rate = rules.fees.maker if fill.maker else rules.fees.taker
    unit = abs(value(contract, Quantity(fill.quantity), Price(Decimal(1))))
    if not fill.fee or not unit:
        return None
    price = unit * rate / fill.fee if contract.is_inverse else fill.fee / (unit * rate)
    return ratio_nearest(price)


def _one_unit(doubts: Mapping[str, Comparison]) -> list[Finding]:
    return [_of(comparison, HOLDS) for comparison in doubts.values() if comparison.agrees]


def _follows(known: tuple[str, str], gaps: Gaps) -> bool:
    """A cross wallet that moves exactly with its wallet is one disagreement, not two."""
    return known[0] == "cross_wallet" and gaps.change.get(("wallet", known[1])) == gaps.change[known]


def _of(comparison: Comparison, verdict: Verdict) -> Finding:
    return Finding(
        kind=comparison.field,
        verdict=verdict,
        about=comparison.about,
        rule=RULES[comparison.field],
        printed=comparison.printed,
        derived=comparison.folded,
        amount=comparison.difference,
        source=str(comparison.source),
    )


def _print_finding(comparison: Comparison, change: Decimal) -> Finding:
    return Finding(
        kind=comparison.field,
        verdict=FAILS,
        about=comparison.about,
        rule=RULES[comparison.field],
        printed=comparison.printed,
        derived=comparison.printed - change,
        amount=change,
        source=str(comparison.source),
    )


def _wrong_fill(about: str, printed: Decimal, derived: Decimal | None, source: Source) -> Finding:
    return Finding(
        kind="fill",
        verdict=FAILS,
        about=about,
        rule=RULES["fill"],
        printed=printed,
        derived=derived,
        amount=None if derived is None else printed - derived,
        source=str(source),
    )


def _place(pair: tuple[int, Finding]) -> int:
    return pair[0]
