"""The figures of a dispute, each with the file and line in which it stands, and the verdict sheet for who sends it."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial

from msgspec import structs

from margincall.case.dispute import IN_FAVOUR_ALONE, NOT_ADVISED, Decided, Matter
from margincall.case.dispute_cited import Lines, placed
from margincall.case.recover_path import path_of
from margincall.core.events import Fill, Flow, Order, Statement
from margincall.core.rounding import AMOUNT_UNIT, plain, ratio_nearest
from margincall.core.units import ZERO
from margincall.forensics.explain import Case
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.present import Section, markdown
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Check, Irregularity, Judged, Kind
from margincall.forensics.verify.present import NAMES, headline, sections
from margincall.forensics.verify.present import instant as moment
from margincall.venues import binance_coinm, binance_usdm
from margincall.wire.claims import Claim, Disputed, Wrong
from margincall.wire.exports import BINANCE

LINES_MAX = 20
"""So many trades are listed one by one; of more the rest is counted."""
SUBJECT_WORDS = {
    "liquidation": "liquidation",
    "deleveraging": "auto-deleveraging",
    "shared loss": "debit called adjustment",
    "booking": "booking",
}
PRODUCTS = {binance_usdm.VENUE: "Binance USDⓈ-M Futures", binance_coinm.VENUE: "Binance COIN-M Futures"}
HIDDEN = "(hidden)"
BESIDE = "beside"
"""Where the files of other accounts stand in a bundle, a folder for each."""
NO_STORE = "No stored market data was used, only these files."
STORE = "Stored market data (margincall market) was used beside these files; it is not enclosed."
CHECK_NAMES = {**NAMES, "loss_shared": "debits called adjustment"}
FOR_YOU = "This sheet is for you. What you send are the tickets, and the evidence as you choose."
WENT_BACK = 1000
"""So many events before a liquidation a print of its wallet is looked for."""
Row = tuple[str, str, str]
"""What it is, the value as text, and the file and line in which it stands, or in brackets how it is calculated."""


def verdict_sheet(claim: Claim, decided: Decided, history: Reconstruction | None, lines: Lines) -> str:
    """The verdict sheet in Markdown: what follows, the figures in the form that the venue's support uses, every check,
    and the way of a complaint as far as sources go."""
    hide = claim.redacted_amounts
    out = [f"# Verdict: {claim.conclusion}", "", *_follows(claim, decided)]
    for each, matter in zip(claim.disputed, decided.matters, strict=True):
        if rows := tuple(sheet_rows(history, matter, lines, hide=hide)):
            out.append(markdown(capital(what(each)), [Section("At the trigger", ("", "", "from"), rows, (1,))]))
        for judged in matter.judged:
            shown = _shown(judged, each, partial(placed, places=lines.places, redact=claim.redacted), hide=hide)
            out.append(markdown(headline(shown), list(sections(shown))))
        if not matter.judged:
            beside = tuple(
                (
                    CHECK_NAMES.get(check.kind, check.kind),
                    check.about,
                    numbers_of(check, lines, hide=hide),
                    placed(check.evidence, lines.places, redact=claim.redacted),
                )
                for check in matter.checks
            )
            out.append(markdown(capital(what(each)), [Section("Checks", ("check", "of", "numbers", "from"), beside)]))
    out += [*rests_on(claim), *_where_to(claim), *method(claim), ""]
    return "\n".join(out)


def _follows(claim: Claim, decided: Decided) -> list[str]:
    if claim.advice != "nothing":
        return [FOR_YOU, ""]
    said = IN_FAVOUR_ALONE if decided.in_favour else NOT_ADVISED
    return [f"{capital(said)}. The tickets ask a question and claim nothing. {FOR_YOU}", ""]


def _where_to(claim: Claim) -> list[str]:
    """The way of a complaint at the venue of the case, as `recover` tells it, for each of the terms."""
    venue = BINANCE if claim.venue in PRODUCTS else claim.venue
    times = [min(each.times_ms, default=0) for each in claim.disputed]
    out: list[str] = []
    for path in {found.terms: found for found in (path_of(time_ms, venue) for time_ms in times)}.values():
        rows = tuple((step.step, step.deadline, step.source) for step in path.steps)
        section = Section(capital(path.terms), ("step", "deadline", "source"), rows, note=" ".join(path.notes))
        out += [markdown(f"Where to send it: {product_of(claim)}", [section])]
    return out


def sheet_rows(
    history: Reconstruction | None, matter: Matter, lines: Lines, *, hide: bool = False
) -> Iterator[Row]:  # fmt: skip
    """Mark price, wallet balance, unrealised PnL, margin balance and maintenance margin at the trigger, as support
    sends them: what the files print with its line, the rest with how it is calculated."""
    if not matter.cases or matter.subject != "liquidation":
        return
    case = matter.cases[0]
    verdict, prices = case.explanation.verdict, case.explanation.prices
    if prices.mark_at_trigger is not None:
        mark = case.moment.mark if case.moment is not None else None
        from_line = lines.cite(str(mark.source), prices.mark_at_trigger) if mark is not None else ""
        yield "mark price", f"{number(prices.mark_at_trigger)} ({prices.mark_source})", from_line
    if verdict.wallet_balance is not None:
        from_line = _wallet_line(history, case, verdict.wallet_balance, verdict.asset, lines)
        yield "wallet balance", money(verdict.wallet_balance, verdict.asset, hide=hide), from_line
    for name, figure, how in (
        ("unrealised PnL", verdict.unrealized_pnl, "(calculated: size × (mark price − entry price))"),
        ("margin balance", verdict.margin_balance, "(calculated: wallet balance + unrealised PnL)"),
        ("maintenance margin", verdict.maintenance_margin, "(calculated: by the brackets in force at the mark price)"),
    ):
        if figure is not None:
            yield name, money(figure, verdict.asset, hide=hide), how


def _wallet_line(
    history: Reconstruction | None, case: Case, wallet: Decimal, asset: str, lines: Lines
) -> str:  # fmt: skip
    """The last line before the liquidation that prints the wallet; else that it follows from the bookings."""
    first = case.incident.first
    for place in range(first - 1, max(first - WENT_BACK, 0) - 1, -1):
        event = history.events[place] if history is not None else None
        is_printed = isinstance(event, Statement) and wallet in _wallets(event, asset, case.incident.symbol)
        if event is not None and is_printed and (found := lines.cite(str(event.source), wallet)):
            return found
    return "(calculated: from what was booked)"


def _wallets(event: Statement, asset: str, symbol: str) -> set[Decimal | None]:
    of_asset = [each for each in event.balances if each.asset == asset]
    isolated = {each.isolated_wallet for each in event.positions if each.symbol == symbol}
    return {each.wallet for each in of_asset} | {each.cross_wallet for each in of_asset} | isolated


def booked_rows(history: Reconstruction, matter: Matter, lines: Lines, *, hide: bool = False) -> Iterator[Row]:
    """What the venue booked of a liquidation: its orders, their trades, its fees, what it took over or made good."""
    for case in matter.cases:
        incident = case.incident
        if incident.order is not None:
            yield _order_row(incident.order, lines, hide=hide)
        for count, place in enumerate(incident.fills):
            event = history.events[place]
            if count == LINES_MAX:
                yield f"and {len(incident.fills) - LINES_MAX} more trades", "", ""
                break
            if isinstance(event, Fill):
                yield _fill_row(event, lines, hide=hide)
        for place in incident.clearances:
            event = history.events[place]
            if isinstance(event, Flow):
                for asset, amount in event.applied.items():
                    name = "clearance fee" if amount < 0 else "made good by the insurance fund"
                    yield name, money(abs(amount), asset, hide=hide), lines.cite(str(event.source), amount)


def _order_row(order: Order, lines: Lines, *, hide: bool) -> Row:
    size = HIDDEN if hide else number(order.quantity)
    limit = f", limit {number(order.price)}" if order.price else ""
    said = f"{'buy' if order.buy else 'sell'} {size}{limit}"
    figures = [order.quantity, order.price] if order.price else [order.quantity]
    return f"order {order.order_id}", said, lines.cite(str(order.source), *figures)


def _fill_row(fill: Fill, lines: Lines, *, hide: bool) -> Row:
    is_taken = fill.trade_id == TAKEN_OVER
    name = "taken over by the venue" if is_taken else f"trade {fill.trade_id}"
    size = HIDDEN if hide else number(abs(fill.quantity))
    price = "" if is_taken else f" at {number(fill.price)}"
    fee = f", fee {money(fill.fee, fill.fee_asset or '', hide=hide)}" if fill.fee else ""
    figures = [fill.quantity, *([] if is_taken else [fill.price]), *([fill.fee] if fill.fee else [])]
    return name, f"{moment(fill.time_ms)}: {size}{price}{fee}", lines.cite(str(fill.source), *figures)


def numbers_of(check: Check, lines: Lines, *, hide: bool) -> str:
    """The numbers of a check, and where that of the venue is printed. Hidden amounts hide all of them but prices and
    rates, which the market knows."""
    if hide and check.unit not in ("price", "rate"):
        return HIDDEN if check.numbers else ""
    short = ratio_nearest if check.unit == "rate" else plain
    named = [
        f"{name.replace('_', ' ')} {number(short(value))}{_cited(check, name, value, lines)}"
        for name, value in check.numbers.items()
    ]
    unit = f" ({check.unit})" if check.unit and named else ""
    return ", ".join(named) + unit


def _cited(check: Check, name: str, value: Decimal, lines: Lines) -> str:
    found = lines.cite(check.evidence, value) if name == "printed" and value else ""
    return f" [{found}]" if found else ""


def what(each: Disputed) -> str:
    """What is disputed, of which symbol, when."""
    name = " ".join(part for part in (each.symbol, each.position_side.replace("BOTH", "")) if part)
    when = moment(each.times_ms[0]) if each.times_ms else "time not told"
    return " ".join(part for part in (SUBJECT_WORDS[each.subject], name and f"of {name}", f"at {when}") if part)


def product_of(claim: Claim) -> str:
    """The venue of the case, and its product as far as it is known."""
    return PRODUCTS.get(claim.venue, claim.venue) or "not told"


def rests_on(claim: Claim) -> list[str]:
    """Why an account was not judged, and what is assumed."""
    found = [f"Not judged: {text}" for text in claim.problems]
    if claim.assumptions:
        found.append(f"Assumed, where no rule is published: {', '.join(claim.assumptions)}.")
    return [*found, ""] if found else []


def method(claim: Claim) -> list[str]:
    """How it was calculated, from which data, and how anybody can repeat it."""
    beside = dict.fromkeys(f" --beside {'/'.join(path[:2])}" for path in _beside(claim))
    no_store = "" if claim.market_store else " --no-store"
    again = f" Anybody can repeat it: margincall verify{no_store} evidence/{''.join(beside)}"
    if claim.market_store:
        again = f" Anybody with the same market data can repeat it: margincall verify evidence/{''.join(beside)}"
    again = "" if claim.redacted or claim.venue not in PRODUCTS else again
    return [
        f"Calculated with {claim.made_by}. {STORE if claim.market_store else NO_STORE}{again}",
        "manifest.sha256 lists every file of this bundle: sha256sum -c manifest.sha256",
    ]


def capital(text: str) -> str:
    """A text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def number(value: Decimal) -> str:
    """A number with all of its digits and no trailing zeros."""
    return format(plain(value), "f")


def money(amount: Decimal, asset: str, *, hide: bool) -> str:
    """An amount with its asset; one that no venue prints (below 8 decimals) is 0."""
    return f"{HIDDEN if hide else number(amount if abs(amount) >= AMOUNT_UNIT else ZERO)} {asset}".rstrip()


def _beside(claim: Claim) -> Iterator[list[str]]:
    """The parts of the places of files that belong to another account."""
    return (each.path.split("/") for each in claim.evidence if each.path.startswith(f"{BESIDE}/"))


def _shown(judged: Judged, each: Disputed, place: Callable[[str], str], *, hide: bool) -> Judged:
    """What the sheet shows: what was found before what may have caused it, as the ticket says it, evidence by its place
    in the bundle, and hidden amounts hidden."""
    checks: Sequence[Check] = [_bare(check) if hide else check for check in judged.checks]
    said = {wrong.kind: wrong for wrong in each.irregularities}
    found = [_as_said(one, said.get(one.kind)) for one in judged.irregularities]
    wrong = [structs.replace(one, amount=None) if hide else one for one in found]
    noted = [_with_place(check, place) for check in checks]
    return structs.replace(judged, checks=tuple(noted), irregularities=tuple(wrong))


def _as_said(one: Irregularity, said: Wrong | None) -> Irregularity:
    if said is None or said.says == one.says or not said.causes:
        return one
    causes: tuple[Kind, ...] = (one.kind, *one.or_else)
    return structs.replace(one, says=said.says, amount=said.amount, unit=said.unit, or_else=causes)


def _bare(check: Check) -> Check:
    if check.unit in ("price", "rate"):
        return check
    return structs.replace(check, numbers={}, note="")


def _with_place(check: Check, place: Callable[[str], str]) -> Check:
    if not check.evidence:
        return check
    return structs.replace(check, note=f"{check.note} (looked at: {place(check.evidence)})".strip())
