"""Which printed number is wrong? Turns disagreements into findings that name the culprit.

A fill has several witnesses: its fee (rate × size × price), the wallet's change (profit − fee), the position's change,
the entry after it, its profit. A wrong number contradicts some of them and not others; the pattern names it. Only a
new gap between print and fold is news: one that persists was reported when it arose, one that closes again was that of
a single print, and what follows from the state printed before is right, wherever the fold has been led.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby

from msgspec import Struct, structs

from margincall.core.account import Account, Position, PositionKey
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding, Verdict
from margincall.core.contract import entry_price, value
from margincall.core.events import AnyEvent, Flow, Order, PositionPrint, Source, Statement
from margincall.core.fold import fill_terms, fold
from margincall.core.rounding import AMOUNT_UNIT, exact, ratio_nearest
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Collateral, Price, Quantity
from margincall.forensics.compare import Compared, Comparison, FillCheck
from margincall.forensics.inferred import TAKEN_OVER, TAKEOVER_MS
from margincall.forensics.opening import Known, key_of
from margincall.forensics.ordering import belongs
from margincall.forensics.rulebook import RulesAt
from margincall.venues.elsewhere import is_modelled

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


NOT_FOUNDED = (
    "the files do not tell the position before this fill: they may begin inside one, or print no position side; "
    "the trades since it was opened, with the position side (export of GET /fapi/v1/trade/asyn), would tell"
)


NOT_TOLD = (
    "a liquidation order left something over, and a profit without a trade booked it: what became of the position is "
    "not told, and with it its margin (a recorded user-data stream would tell)"
)


NOT_MODELLED = "profit = closed quantity × (price − entry), from exact cost; how this venue computes it is not known"


class News(Struct, frozen=True):
    """A print whose gap to the fold is new, and by how much the gap changed."""

    comparison: Comparison
    change: Decimal


OF_WHAT_IS_OPEN = ("cross_wallet", "position", "entry", "isolated_wallet")
"""Prints that rest on how much of a position is left. (The wallet does not: every profit is in it.)"""
Told = Mapping[Known, News]
"""The news of one statement, by what is printed."""


@exact
def diagnose(events: Sequence[AnyEvent], compared: Compared, rules_at: RulesAt) -> tuple[Finding, ...]:
    """A finding for each disagreement, and one for each difference of a single unit (which holds)."""
    news = _news(compared.comparisons, rules_at)
    shown: dict[PositionKey, PositionPrint] = {}
    found: list[tuple[int, Finding]] = []
    for place, event in enumerate(events):
        check = compared.checks.get(place)
        if check is not None and check.fill.trade_id != TAKEN_OVER:
            update = _update_of(events, check)
            told = news.pop(place + 1, {}) if update is not None else {}
            follows = _follows_prints(check, shown, update, rules_at(check.fill.time_ms))
            told = {known: each for known, each in told.items() if known[0] not in follows}
            doubts = _doubts(compared, place)
            if "realized" in follows and _beyond(doubts.get("realized")):
                del doubts["realized"]
            finding, used = _fill_finding(check, doubts, told, rules_at)
            found += [(place, finding)] if finding is not None else [(place, unit) for unit in _one_unit(doubts)]
            news[place + 1] = {known: each for known, each in told.items() if known not in used}
        if isinstance(event, Statement):
            shown |= {(each.symbol, each.side): _seen(each, shown) for each in event.positions}
    untold = _untold_since(events, rules_at)
    found += [(place, _print_finding(each, untold)) for place, told in news.items() for each in told.values()]
    return tuple(finding for _, finding in sorted(found, key=_place))


def _news(comparisons: Iterable[Comparison], rules_at: RulesAt) -> dict[int, Told]:
    """For each statement the prints whose gap to the fold is neither 0 nor one that was there before."""
    now: dict[Known, Decimal] = {}
    before: dict[Known, list[Decimal]] = {}
    news: dict[int, Told] = {}
    printed = (each for each in comparisons if each.field not in ("realized", "fee"))
    for place, group in groupby(printed, key=_comparison_place):
        together = list(group)
        last = {(each.field, each.about): now.get((each.field, each.about), ZERO) for each in together}
        for each in together:
            now[each.field, each.about] = ZERO if each.agrees else each.difference
            if each.field == "position" and not each.printed:
                now["isolated_wallet", each.about] = ZERO
        told: dict[Known, News] = {}
        for each in together:
            known = (each.field, each.about)
            gaps = before.setdefault(known, [ZERO])
            seen = bisect_left(gaps, now[known] - each.tolerance)
            if seen < len(gaps) and gaps[seen] <= now[known] + each.tolerance:
                continue
            insort(gaps, now[known])
            if not (each.given or _follows_wallet(known, now, rules_at(each.time_ms))):
                told[known] = News(each, now[known] - last[known])
        if told:
            news[place] = told
    return news


def _follows_wallet(known: Known, gaps: Mapping[Known, Decimal], rules: VenueRules) -> bool:
    """A cross wallet that is off by as much as its wallet, less the isolated wallets, is no disagreement of its own.
    Nor can it be judged while the fold holds another position than is printed: its isolated wallet is not known."""
    field, asset = known
    if field != "cross_wallet" or ("wallet", asset) not in gaps:
        return False
    own = {
        (name, position): gap
        for (name, position), gap in gaps.items()
        if name in ("isolated_wallet", "position") and rules.contract(key_of(position)[0]).margin_asset == asset
    }
    if any(gap for (name, _), gap in own.items() if name == "position"):
        return True
    return gaps[known] == gaps["wallet", asset] - sum(own.values(), ZERO)


def _update_of(events: Sequence[AnyEvent], check: FillCheck) -> Statement | None:
    """The account update that reports the fill."""
    following = events[check.place + 1] if check.place + 1 < len(events) else None
    return following if isinstance(following, Statement) and belongs(following, check.fill) else None


def _follows_prints(
    check: FillCheck, shown: Mapping[PositionKey, PositionPrint], update: Statement | None, rules: VenueRules
) -> set[str]:
    """What of a fill's results follows from the position printed before it. Where it differs from the fold
    nevertheless, the fold was led astray earlier, and said so."""
    fill = check.fill
    before = shown.get((fill.symbol, fill.side))
    held = _as_printed(before, rules) if before is not None else None
    if held is None:
        return set()
    contract = rules.contract(fill.symbol)
    unit = Decimal(1).scaleb(-contract.entry_places)
    terms = fill_terms(held, fill, contract, rules.fees)
    found = set()
    if fill.realized is not None and terms.closed and before is not None and before.entry:
        blur = AMOUNT_UNIT + abs(terms.released) * unit / before.entry
        found |= {"realized"} if abs(fill.realized - terms.realized) <= blur else set()
    leverage = {fill.symbol: check.leverage} if check.leverage is not None else {}
    left = fold(Account(positions={held.key: held}, leverage=leverage), fill, rules).position(held.key)
    for after in update.positions if update is not None else ():
        if (after.symbol, after.side) == held.key and after.quantity == left.quantity:
            entry = entry_price(contract, left.quantity, left.cost)
            same = entry is None or after.entry is None or abs(after.entry - entry) <= 2 * unit
            found |= {"position", "entry"} if same else {"position"}
            found |= {"isolated_wallet"} if after.isolated_wallet == left.isolated_wallet else set()
    return found


def _as_printed(printed: PositionPrint, rules: VenueRules) -> Position | None:
    """The position that was printed; none if its entry is not."""
    if printed.quantity is None or (printed.quantity and not printed.entry):
        return None
    quantity, entry = Quantity(printed.quantity), Price(printed.entry or ZERO)
    cost = value(rules.contract(printed.symbol), quantity, entry) if quantity else ZERO
    wallet = Collateral(printed.isolated_wallet or ZERO)
    return Position(printed.symbol, printed.side, quantity, cost, printed.margin or "cross", wallet)


def _seen(printed: PositionPrint, shown: Mapping[PositionKey, PositionPrint]) -> PositionPrint:
    """What is printed now, with the entry printed earlier where it is left out."""
    earlier = shown.get((printed.symbol, printed.side))
    if printed.entry is not None or earlier is None or earlier.quantity != printed.quantity:
        return printed
    return structs.replace(printed, entry=earlier.entry)


def _doubts(compared: Compared, place: int) -> dict[str, Comparison]:
    """Profit and fee of the fill at `place` where they differ at all from what is derived."""
    return {
        comparison.field: comparison
        for comparison in compared.at(place)
        if comparison.field in ("realized", "fee") and comparison.difference
    }


def _fill_finding(
    check: FillCheck, doubts: Mapping[str, Comparison], told: Told, rules_at: RulesAt
) -> tuple[Finding | None, set[Known]]:
    """The finding for one fill, and the news that it explains."""
    fill = check.fill
    name = f"{fill.symbol} {fill.side}"
    about = f"{name} trade {fill.trade_id}"
    asset = rules_at(fill.time_ms).contract(fill.symbol).margin_asset
    fee, realized = _beyond(doubts.get("fee")), _beyond(doubts.get("realized"))
    moved = told.get(("position", name))
    if moved and fee:
        derived = abs(fill.quantity + moved.change)
        return _wrong_fill(f"{about} quantity", abs(fill.quantity), derived, fill.source), set(told)
    if fee and (("entry", name) in told or (realized and check.founded)):
        return _wrong_fill(f"{about} price", fill.price, _price_from_fee(check, rules_at), fill.source), set(told)
    if fee and doubts["fee"].printed != ZERO:
        # A wallet that fell by the printed fee speaks for the fee: then it is the rate that is not the assumed one.
        verdict: Verdict = FAILS if ("wallet", asset) in told else UNCLEAR
        fields: tuple[str, ...] = ("wallet", "cross_wallet", "isolated_wallet")
        return _of(doubts["fee"], verdict), {known for known in told if known[0] in fields}
    if realized and not is_modelled(rules_at(fill.time_ms)):
        return structs.replace(_of(doubts["realized"], UNCLEAR), rule=NOT_MODELLED), set()
    if realized and not check.founded:
        return structs.replace(_of(doubts["realized"], UNCLEAR), rule=NOT_FOUNDED), set()
    if realized:
        fields = ("wallet", "cross_wallet", "accumulated_pnl") if ("wallet", asset) in told else ()
        return _of(doubts["realized"], FAILS), {known for known in told if known[0] in fields}
    return None, set()


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


def _untold_since(events: Sequence[AnyEvent], rules_at: RulesAt) -> dict[str, int]:
    """Symbols, and their margin assets -> the place from which files do not tell how much of a position is left: that
    of a profit without a trade, soon after a liquidation order that left something over."""
    left_over: dict[str, int] = {}
    untold: dict[str, int] = {}
    for place, event in enumerate(events):
        if isinstance(event, Order) and event.close == "liquidation" and event.executed < event.quantity:
            left_over[event.symbol] = event.time_ms
        elif isinstance(event, Flow) and event.category == "realized_pnl":
            for symbol, time_ms in left_over.items():
                if event.symbol in ("", symbol) and event.time_ms - time_ms <= TAKEOVER_MS:
                    untold.setdefault(symbol, place)
                    untold.setdefault(rules_at(event.time_ms).contract(symbol).margin_asset, place)
    return untold


def _print_finding(news: News, untold: Mapping[str, int]) -> Finding:
    comparison = news.comparison
    since = untold.get(comparison.about.partition(" ")[0]) if comparison.field in OF_WHAT_IS_OPEN else None
    is_told = since is None or comparison.place < since
    return Finding(
        kind=comparison.field,
        verdict=FAILS if is_told else UNCLEAR,
        about=comparison.about,
        rule=RULES[comparison.field] if is_told else NOT_TOLD,
        printed=comparison.printed,
        derived=comparison.printed - news.change,
        amount=news.change,
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


def _comparison_place(comparison: Comparison) -> int:
    return comparison.place
