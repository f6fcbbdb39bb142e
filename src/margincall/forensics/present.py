"""An explanation in words and tables, for people: sections that the terminal and Markdown both print.

Nothing is computed here; numbers are grouped and dated, and each section says what it shows.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.assumptions import BY_ID
from margincall.core.checks import FAILS, HOLDS, Finding
from margincall.core.rounding import plain
from margincall.forensics.cause import Cause
from margincall.forensics.explain import Explained
from margincall.forensics.holdings import PositionTold, WalletTold
from margincall.forensics.sheet import Explanation, Liquidation

CAUSES = {"untraded_pnl": "realized pnl, told without its fills"}
MARKS = {HOLDS: "✓", FAILS: "✗"}
AGAINST: Mapping[str, str] = {
    "trigger": "the margin balance",
    "limit_price": "bankruptcy price",
    "fill_price": "the limit",
    "orders_cancelled": "those open",
    "balance_after": "a floor",
    "clearance_fee": "what is due",
}
"""What stands beside a printed number of a check: a limit, a floor, what is due."""
UNKNOWN = "Unknown, and what would settle it"
OF_THE_TRIGGER = ("trigger", "orders_cancelled", "verdict.", "bracket.", "cause")
"""Checks, and beginnings of terms, that tell of the moment before the first order."""


class Section(Struct, frozen=True):
    """A titled table. `right` are the columns that hold numbers; `note` stands under the table."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    note: str = ""


def headline(each: Explanation) -> str:
    """One sentence: what happened, when, and whether it adds up."""
    what = {
        "liquidation": "liquidated",
        "adl": "auto-deleveraged (closed against another account's bankruptcy)",
        "indirect": "changed by something that the files do not hold (a liquidation, or events that are missing)",
        "support": "the venue's own sheet",
    }[each.kind]
    if each.kind == "indirect" and each.clearance.fee is not None:
        what = "liquidated, as its clearance fee shows (the order is not in the files)"
    if each.goes_on_from:
        what = f"liquidation continued by order {each.order_id}"
    name = " ".join(part for part in (each.symbol, each.position_side.replace("BOTH", "")) if part)
    text = f"{name.strip()} {what}".strip()
    return f"{text}, {moment(each.time_ms)}" if each.time_ms else text


def judgement(each: Explanation) -> str:
    """The verdict in a sentence a trader can quote."""
    verdict = each.verdict
    if each.goes_on_from:
        return f"The same liquidation, which began with order {each.goes_on_from}: another order for what was left."
    if each.kind == "adl":
        return "A deleveraging is no liquidation: the position was closed for want of another buyer or seller."
    if verdict.margin_balance is None or verdict.maintenance_margin is None:
        return "Whether the trigger was right cannot be told from these files; what is missing is listed below."
    relation = "≤" if verdict.margin_balance <= verdict.maintenance_margin else ">"
    balance, needed = amount(verdict.margin_balance), amount(verdict.maintenance_margin)
    numbers = f"margin balance {balance} {relation} maintenance margin {needed}"
    if each.kind == "support":
        if verdict.liquidated is None:
            return f"{numbers}, but the reply contradicts itself: cannot tell."
        answer = "its trigger follows" if verdict.liquidated else "its trigger does not follow"
        return f"{numbers}: by the venue's own figures {answer}. They are not checked against anything else."
    trigger = next((finding for finding in each.findings if finding.kind == "trigger"), None)
    if trigger is not None and trigger.verdict not in (HOLDS, FAILS):
        return f"{numbers}: cannot tell ({', '.join(trigger.assumptions) or trigger.rule})."
    if verdict.liquidated is None:
        return f"{numbers}: cannot tell."
    answer = "the trigger was right" if verdict.liquidated else "the trigger was NOT reached"
    return f"{numbers}: {answer}{_as_far_as(each)}."


def _as_far_as(each: Explanation) -> str:
    """On what weak ground the judgement stands, if it does."""
    grounds = []
    if "candle-resolution" in each.assumptions:
        grounds.append("a candle of that minute tells")
    if "bracket-unchanged" in each.assumptions:
        grounds.append(f"the bracket table of {each.bracket.as_of}, the latest known, was still in force")
    return f", as far as {' and '.join(grounds)}" if grounds else ""


def sections(each: Explanation) -> Iterator[Section]:
    """The sections of one explanation, in the order in which one asks. Of an order that goes on with a liquidation
    those that tell of its trigger stand with the first."""
    if each.goes_on_from:
        yield from _going_on(each)
        return
    yield _verdict(each)
    yield _prices(each)
    if each.waterfall:
        yield _waterfall(each)
    if each.cause_since is not None:
        yield _cause(each.cause_since, each.verdict.asset)
    if each.findings:
        yield findings_table("Checks", each.findings)
    if missing := _missing(each):
        yield Section(UNKNOWN, ("terms and checks", "file"), missing)
    if each.assumptions:
        chosen = [BY_ID[name] for name in each.assumptions if name in BY_ID]
        assumed = tuple((one.id, one.default, one.settled_by) for one in chosen)
        yield Section("Assumed, where the venue publishes no rule", ("id", "assumed", "would be settled by"), assumed)


def _going_on(each: Explanation) -> Iterator[Section]:
    yield _prices(each)
    if each.waterfall:
        yield _waterfall(each)
    own = [finding for finding in each.findings if finding.kind not in OF_THE_TRIGGER]
    if own:
        yield findings_table("Checks", own)
    kept = [unknown for unknown in each.unknown if not unknown.term.startswith(OF_THE_TRIGGER)]
    if missing := _missing(structs.replace(each, unknown=tuple(kept), findings=tuple(own))):
        yield Section(UNKNOWN, ("terms and checks", "file"), missing)


def _named(term: str) -> str:
    """A term in words; of bracket and clearance with its table, because both have a rate."""
    return term.removeprefix("verdict.").removeprefix("prices.").replace(".", " ").replace("_", " ")


def _missing(each: Explanation) -> tuple[tuple[str, str], ...]:
    """Terms and checks that nobody can tell, by the file that would settle them."""
    files: dict[str, list[str]] = {}
    for unknown in each.unknown:
        files.setdefault(unknown.settled_by, []).append(_named(unknown.term))
    for finding in each.findings:
        if finding.settled_by:
            files.setdefault(finding.settled_by, []).append(f"check: {finding.kind.replace('_', ' ')}")
    return tuple((", ".join(named), file) for file, named in files.items())


def findings_table(title: str, findings: Sequence[Finding]) -> Section:
    """Findings as a table; `amount` is printed − derived."""
    rows = tuple(
        (
            f"{MARKS.get(finding.verdict, '?')} {finding.verdict}",
            _compared(finding.kind),
            finding.about,
            amount(finding.printed),
            amount(finding.derived),
            amount(finding.amount),
        )
        for finding in findings
    )
    return Section(title, ("verdict", "check", "about", "printed", "against", "difference"), rows, right=(3, 4, 5))


def _compared(kind: str) -> str:
    """A check in words, and what its printed number is held against where that is more than a derived one."""
    name = kind.replace("_", " ")
    return f"{name}, against {AGAINST[kind]}" if kind in AGAINST else name


def holdings(explained: Explained) -> Iterator[Section]:
    """What the files add up to, wallet by wallet and position by position."""
    if explained.wallets:
        yield _wallets(explained.wallets)
    if explained.positions:
        yield _positions(explained.positions)


def _wallets(wallets: Sequence[WalletTold]) -> Section:
    rows: list[tuple[str, str, str]] = []
    for each in wallets:
        if each.opening:
            rows.append((each.asset, "there when the files begin", amount(each.opening)))
        for cause, moved in each.causes.items():
            rows.append((each.asset, CAUSES.get(cause, cause.replace("_", " ")), signed(moved)))
        if each.balance is not None:
            rows.append((each.asset, "balance at the end", amount(each.balance)))
        else:
            rows.append((each.asset, "change in all", signed(each.change)))
    unknown = [each.asset for each in wallets if each.balance is None]
    note = f"no file prints a balance in {', '.join(unknown)}: what was there before is not known" if unknown else ""
    return Section("What moved the wallet", ("asset", "cause", "amount"), tuple(rows), right=(2,), note=note)


def _positions(positions: Sequence[PositionTold]) -> Section:
    rows = tuple(
        (
            " ".join(part for part in (each.symbol, each.position_side.replace("BOTH", "")) if part),
            amount(each.quantity),
            amount(each.entry),
            signed(each.realized_pnl),
        )
        for each in positions
    )
    return Section("Positions", ("symbol", "size", "entry", "closing profit"), rows, right=(1, 2, 3))


def _verdict(each: Explanation) -> Section:
    verdict = each.verdict
    rows = [
        ("wallet balance", amount(verdict.wallet_balance)),
        ("unrealised PnL", amount(verdict.unrealized_pnl)),
        ("margin balance", amount(verdict.margin_balance)),
        ("maintenance margin", amount(verdict.maintenance_margin)),
        ("margin ratio", percent(verdict.margin_ratio)),
    ]
    if verdict.wallet_lowest is not None:
        rows.insert(1, ("between", f"{amount(verdict.wallet_lowest)} and {amount(verdict.wallet_highest)}"))
    if each.bracket.rate is not None:
        later = "; no later one is known" if "bracket-unchanged" in each.assumptions else ""
        rate = f"{percent(each.bracket.rate)}, cum {amount(each.bracket.cum)}, table of {each.bracket.as_of}{later}"
        rows.append(("bracket in force", f"{amount(each.bracket.notional)} at {rate}"))
    for other in each.bracket.alternatives:
        text = (
            f"{percent(other.rate)}, cum {amount(other.cum)}: {'liquidated' if other.liquidated else 'not liquidated'}"
        )
        rows.append((f"with the table of {other.symbol} of {other.as_of}", text))
    pool = f" ({verdict.pool})" if verdict.pool else ""
    return Section(f"Verdict sheet{pool}", ("term", verdict.asset or "amount"), tuple(rows), right=(1,))


def _prices(each: Explanation) -> Section:
    prices = each.prices
    interval = prices.liquidation
    source = f" ({prices.mark_source})" if prices.mark_source else ""
    mark = "mark" if each.goes_on_from else "mark at the trigger"
    rows = [("entry", amount(prices.entry)), (f"{mark}{source}", amount(prices.mark_at_trigger))]
    if interval.empty:
        rows.append(("survives", "at no price"))
    elif interval.lower is not None or interval.upper is not None:
        low, high = amount(interval.lower), amount(interval.upper)
        rows.append(("survives from", low if interval.lower is not None else "any lower price"))
        rows.append(("survives to", high if interval.upper is not None else "any higher price"))
    if prices.moving is not None and prices.moving != interval:
        rows.append(("survives, collateral moving along", _span(prices.moving)))
    for asset, span in prices.collateral.items():
        if span.lower is not None or span.upper is not None:
            rows.append((f"survives an index of {asset}", _span(span)))
    rows.append(("liquidation price as displayed", amount(interval.displayed)))
    rows.append(("bankruptcy price", amount(prices.bankruptcy)))
    rows.append(("limit of the venue's order", amount(prices.order_limit)))
    rows.append(("average fill", amount(prices.average_fill)))
    if prices.implied_split is not None and prices.implied_share is not None:
        text = f"{percent(prices.implied_share)} of the balance, closest to “{prices.implied_split}”"
        rows.append(("the limit implies", text))
    return Section("Prices", ("price", each.symbol or "price"), tuple(rows), right=(1,))


def _span(span: Liquidation) -> str:
    """An interval in words."""
    if span.empty:
        return "at no price"
    low = "any lower" if span.lower is None else amount(span.lower)
    return f"{low} to {'any higher' if span.upper is None else amount(span.upper)}"


def _waterfall(each: Explanation) -> Section:
    rows = tuple((step.step, signed(step.amount), step.asset, step.to) for step in each.waterfall)
    note = ""
    if each.clearance.rate is not None:
        note = f"clearance fee: {percent(each.clearance.rate)} of {amount(each.clearance.base)} liquidated"
    return Section("Where the money went", ("step", "amount", "asset", "to"), rows, right=(1,), note=note)


def _cause(cause: Cause, asset: str) -> Section:
    rows = [("surplus after the last safe event", amount(cause.surplus_before))]
    rows += [(term.term, signed(term.amount)) for term in cause.terms]
    rows.append(("surplus at the trigger", amount(cause.surplus_at_trigger)))
    note = f"last safe event: {cause.since}, {moment(cause.since_ms)}"
    return Section("Why: from the last safe event to the trigger", ("cause", asset), tuple(rows), right=(1,), note=note)


def moment(time_ms: int) -> str:
    """A time as UTC text with milliseconds."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{time_ms % 1000:03d} UTC"


def amount(value: Decimal | None) -> str:
    """A number with thousands separators; a dash where there is none."""
    return "–" if value is None else format(plain(_shortened(value)), ",f")


def signed(value: Decimal) -> str:
    """A number with its sign."""
    return f"{'+' if value > 0 else ''}{amount(value)}"


def percent(value: Decimal | None) -> str:
    """A fraction as a percentage."""
    return "–" if value is None else f"{plain(_shortened(value * 100, 4)):,f} %"


def _shortened(value: Decimal, places: int = 8) -> Decimal:
    """At most eight decimals for people; the JSON answer holds all digits."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -places:
        return round(value, places) + 0  # so that what rounds to nothing has no sign
    return value


def markdown(title: str, parts: Sequence[Section]) -> str:
    """Sections as Markdown tables."""
    out = [f"## {title}", ""]
    for part in parts:
        out += [f"### {part.title}", "", _row(part.columns)]
        out.append(_row(["---:" if place in part.right else "---" for place in range(len(part.columns))]))
        out += [_row(row) for row in part.rows]
        out += ["", part.note, ""] if part.note else [""]
    return "\n".join(out)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
