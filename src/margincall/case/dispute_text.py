"""A dispute in words: the ticket, short and long, and the verdict sheet. Plain, polite, never a threat or a promise.

Every number stands with the file and line that it comes from; the files are those of the bundle.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import structs

from margincall.case.dispute import IN_FAVOUR_ALONE, NOT_ADVISED, Decided, Matter, in_words, placed, standing
from margincall.core.events import Fill, Flow, Order
from margincall.core.rounding import plain, ratio_nearest
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.present import Section, markdown, moment
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import IRREGULAR, Check, Irregularity, Judged
from margincall.forensics.verify.present import NAMES, headline, sections
from margincall.venues import binance_coinm, binance_usdm
from margincall.wire.claims import Advice, Claim, Disputed, Wrong

SHORT_MAX = 1000
"""Characters of the short ticket: what forms of a first message take."""
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
KEPT = "it follows from the rules"
NO_ADVICE = "This is no legal advice."
NO_STORE = "No stored market data was used, only these files."
CHECK_NAMES = {**NAMES, "loss_shared": "debits called adjustment"}
LONG_TICKET = "ticket_long.txt"
TICKETS = f"ticket_short.txt and {LONG_TICKET}"
Row = tuple[str, str, str]
"""What it is, the value as text, and the file and line that it comes from."""


def short_ticket(claim: Claim) -> str:
    """The ticket in at most `SHORT_MAX` characters: what, when, what is wrong, what is asked. What does not fit is in
    the long one, and it says so."""
    head = [_subject(claim), "", *_who(claim)]
    tail = [
        "",
        *_wanted(claim),
        f"Details, rules and sources: {LONG_TICKET}, evidence/.",
        "Thank you.",
    ]
    body: list[str] = []
    for each in claim.disputed:
        body.append(f"- {_what(each)}{_ids(each, most=2)}")
        body += [f"  {_accusation(wrong)}" for wrong in each.irregularities if each.asked == "refund"]
    kept = list(body)
    more = "- … and more: see ticket_long.txt"
    while len("\n".join([*head, *kept, *tail])) >= SHORT_MAX and len(kept) > 1:
        kept = [*(kept[:-1] if kept[-1] != more else kept[:-2]), more]
    text = "\n".join([*head, *kept, *tail])
    return (text if len(text) < SHORT_MAX else text[: SHORT_MAX - 2] + "…") + "\n"


def long_ticket(claim: Claim, decided: Decided, history: Reconstruction | None, places: Mapping[str, str]) -> str:
    """The whole ticket: fields of the venue's form, what was booked, the sheet, what is wrong under which rule, what is
    asked and how it is calculated, what is assumed, what is attached."""
    out = [_subject(claim), "", "Dear support team,", "", *_opening(claim), "", *_who(claim), ""]
    for number, (each, matter) in enumerate(zip(claim.disputed, decided.matters, strict=True), 1):
        out += [f"{number}. {_capital(_what(each))}", ""]
        out += _lines(_fields(each))
        if history is not None and matter.cases:
            out += _block("What was booked", booked_rows(history, matter, places, hide=claim.redacted_amounts))
            out += _block("At the trigger", sheet_rows(matter, places, hide=claim.redacted_amounts))
        out += _wrongs(each, matter, places, hide=claim.redacted_amounts)
        out += _asked(each, hide=claim.redacted_amounts)
    out += ["What I ask for", "", *_wanted(claim, at_length=True), ""]
    out += [*_attached(claim), "", *_rests_on(claim), *_method(claim), "", "Thank you for your time.", ""]
    return "\n".join(out)


def verdict_sheet(claim: Claim, decided: Decided, places: Mapping[str, str]) -> str:
    """The verdict sheet in Markdown: the figures in the form that the venue's support uses, then every check."""
    hide = claim.redacted_amounts
    out = [f"# Verdict: {claim.conclusion}", ""]
    for each, matter in zip(claim.disputed, decided.matters, strict=True):
        if rows := tuple(sheet_rows(matter, places, hide=hide)):
            out.append(markdown(_capital(_what(each)), [Section("At the trigger", ("", "", "from"), rows, (1,))]))
        for judged in matter.judged:
            shown = _shown(judged, places, hide=hide)
            out.append(markdown(headline(shown), list(sections(shown))))
        if not matter.judged:
            beside = tuple(
                (
                    CHECK_NAMES.get(check.kind, check.kind),
                    check.about,
                    _numbers(check, hide=hide),
                    placed(check.evidence, places),
                )
                for check in matter.checks
            )
            out.append(markdown(_capital(_what(each)), [Section("Checks", ("check", "of", "numbers", "from"), beside)]))
    out += [*_rests_on(claim), *_method(claim), ""]
    return "\n".join(out)


def summary(claim: Claim, advice: Advice, folder: str, in_favour: Sequence[Matter] = ()) -> Iterator[str]:
    """What the command says: what was found, also `in_favour` of the account, what is asked, what was written, and what
    to do with it."""
    for text in claim.problems:
        yield f"Not judged: {text}"
    for matter in in_favour:
        yield from (
            f"  ✗ in your favour: {_gain(wrong, matter, hide=claim.redacted)}" for wrong in matter.irregularities
        )
    if advice == "nothing":
        yield f"{_capital(IN_FAVOUR_ALONE if in_favour else NOT_ADVISED)}."
        yield (
            f"{folder} holds a question to the venue, as you asked; it claims nothing."
            if folder
            else "Nothing was written. To ask the venue how it was calculated all the same: --anyway"
        )
        yield NO_ADVICE
        return
    for each in claim.disputed:
        yield f"{_what(each)}{_ids(each, most=2)}"
        yield from (f"  ✗ {_accusation(wrong)}" for wrong in each.irregularities)
        if each.asked == "refund":
            amounts = " and ".join(_money(amount, asset, hide=False) for asset, amount in each.refund.items())
            yield f"  asks: {amounts or 'the amount by the venue'} ({each.how})"
        yield from (f"  ? asks for {text}" for text in each.settled_by)
    if advice == "ask":
        yield "These files cannot tell whether it was right: the ticket accuses nobody and asks for what would tell."
    yield f"Written to {folder}: read {TICKETS} before you send them, and send them by the venue's own support page."
    yield NO_ADVICE


def booked_rows(
    history: Reconstruction, matter: Matter, places: Mapping[str, str], *, hide: bool = False
) -> Iterator[Row]:
    """What the venue booked of a liquidation: its orders, their trades, its fees, what it took over or made good."""
    for case in matter.cases:
        incident = case.incident
        if incident.order is not None:
            yield _order_row(incident.order, places, hide=hide)
        for number, place in enumerate(incident.fills):
            event = history.events[place]
            if number == LINES_MAX:
                yield f"and {len(incident.fills) - LINES_MAX} more trades", "", ""
                break
            if isinstance(event, Fill):
                yield _fill_row(event, places, hide=hide)
        for place in incident.clearances:
            event = history.events[place]
            if isinstance(event, Flow):
                for asset, amount in event.applied.items():
                    what = "clearance fee" if amount < 0 else "made good by the insurance fund"
                    yield what, _money(abs(amount), asset, hide=hide), placed(str(event.source), places)


def sheet_rows(matter: Matter, places: Mapping[str, str], *, hide: bool = False) -> Iterator[Row]:
    """Maintenance margin, wallet balance, unrealised PnL and margin balance at the trigger, as support sends them. They
    follow from the account's history up to the place that is named."""
    if not matter.cases or matter.subject != "liquidation":
        return
    told = matter.cases[0].explanation
    verdict = told.verdict
    trigger = next((each for judged in matter.judged for each in judged.checks if each.kind == "trigger"), None)
    place = placed(trigger.evidence, places) if trigger is not None else ""
    if told.prices.mark_at_trigger is not None:
        yield "mark price", f"{number(told.prices.mark_at_trigger)} ({told.prices.mark_source})", place
    for name, figure in (
        ("maintenance margin", verdict.maintenance_margin),
        ("wallet balance", verdict.wallet_balance),
        ("unrealised PnL", verdict.unrealized_pnl),
        ("margin balance", verdict.margin_balance),
    ):
        if figure is not None:
            yield name, _money(figure, verdict.asset, hide=hide), place


def number(value: Decimal) -> str:
    """A number with all of its digits and no trailing zeros."""
    return format(plain(value), "f")


def _subject(claim: Claim) -> str:
    first = claim.disputed[0]
    more = f" and {len(claim.disputed) - 1} more" if len(claim.disputed) > 1 else ""
    what = {"refund": "Dispute", "evidence": "Request for records", "answer": "Question"}[first.asked]
    return f"{what}: {_what(first)}{more}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _what(each: Disputed) -> str:
    name = " ".join(part for part in (each.symbol, each.position_side.replace("BOTH", "")) if part)
    when = moment(each.times_ms[0]) if each.times_ms else "time not told"
    return " ".join(part for part in (SUBJECT_WORDS[each.subject], name and f"of {name}", f"at {when}") if part)


def _who(claim: Claim) -> list[str]:
    account = claim.account or "the one that this ticket is sent from"
    return [f"Account: {account}", f"Product: {PRODUCTS.get(claim.venue, claim.venue) or 'not told'}"]


def _ids(each: Disputed, most: int) -> str:
    if not each.order_ids:
        return ""
    more = f" and {len(each.order_ids) - most} more" if len(each.order_ids) > most else ""
    return f", order {', '.join(each.order_ids[:most])}{more}"


def _fields(each: Disputed) -> Iterator[Row]:
    name = "order of the liquidation after it" if each.subject == "booking" else "order id"
    yield name, ", ".join(each.order_ids) or "not in these files", ""
    if each.client_order_ids:
        yield "client order id", ", ".join(each.client_order_ids), ""
    yield "time", "; ".join(f"{moment(at)} ({at} ms)" for at in each.times_ms) or "not in these files", ""
    if each.open_order_ids:
        yield "my orders that stayed open", ", ".join(each.open_order_ids), ""


def _order_row(order: Order, places: Mapping[str, str], *, hide: bool) -> Row:
    size = HIDDEN if hide else number(order.quantity)
    limit = f", limit {number(order.price)}" if order.price else ""
    return (
        f"order {order.order_id}", f"{'buy' if order.buy else 'sell'} {size}{limit}", placed(str(order.source), places)
    )  # fmt: skip


def _fill_row(fill: Fill, places: Mapping[str, str], *, hide: bool) -> Row:
    is_taken = fill.trade_id == TAKEN_OVER
    name = "taken over by the venue" if is_taken else f"trade {fill.trade_id}"
    size = HIDDEN if hide else number(abs(fill.quantity))
    price = "" if is_taken else f" at {number(fill.price)}"
    fee = f", fee {_money(fill.fee, fill.fee_asset or '', hide=hide)}" if fill.fee else ""
    return name, f"{moment(fill.time_ms)}: {size}{price}{fee}", placed(str(fill.source), places)


def _wrongs(each: Disputed, matter: Matter, places: Mapping[str, str], *, hide: bool) -> list[str]:
    out: list[str] = []
    checks = matter.kinds()
    for wrong in each.irregularities:
        title = "What is wrong" if each.asked == "refund" else "In my favour"
        out += [f"{title}: {wrong.says}.", f"    rule: {wrong.rule} ({standing(wrong)})"]
        for check in checks[wrong.kind]:  # type: ignore[index]
            said = _numbers(check, hide=hide)
            note = f" ({check.note})" if check.note and not hide else ""
            where = f"  [{placed(check.evidence, places)}]" if check.evidence else ""
            out.append(f"    {check.about}: {said or 'no numbers'}{note}{where}")
        if wrong.or_else:
            others = "; or ".join(in_words(kind) for kind in wrong.or_else)  # type: ignore[arg-type]
            out.append(f"    The same records would also show: {others}.")
        out.append("")
    return out


def _asked(each: Disputed, *, hide: bool) -> list[str]:
    if each.asked != "refund":
        return [f"Please send: {text}." for text in each.settled_by] + ([""] if each.settled_by else [])
    if not each.refund and not hide:
        return [f"Amount: {each.how}.", ""]
    named = " and ".join(_money(amount, asset, hide=hide) for asset, amount in each.refund.items())
    return [f"Amount: {named or HIDDEN}: {each.how}.", ""]


def _gain(wrong: Irregularity, matter: Matter, *, hide: bool) -> str:
    by = f", by {number(abs(wrong.amount))} {wrong.unit}".rstrip() if wrong.amount else ""
    where = f" ({matter.checks[0].about})" if matter.checks and not hide else ""
    return f"{wrong.says}{'' if hide else by}{where}"


def _accusation(wrong: Wrong) -> str:
    by = f", by {number(abs(wrong.amount))} {wrong.unit}".rstrip() if wrong.amount else ""
    where = f" [{wrong.evidence[0]}]" if wrong.evidence else ""
    return f"{wrong.says}{by}{where}; {standing(wrong)}"


def _wanted(claim: Claim, *, at_length: bool = False) -> list[str]:
    asked = claim.disputed[0].asked
    if asked == "answer":
        return [
            "I ask how it was calculated: the mark price, the maintenance margin, the margin balance and the fees. "
            f"My own check of the files found {_found(claim)}."
        ]
    if asked == "evidence":
        wanted = tuple(dict.fromkeys(text for each in claim.disputed for text in each.settled_by))
        if not at_length:
            return ["My files do not tell whether it was right. I ask for the records listed in ticket_long.txt: "
                    + "; ".join(wanted[:2]) + (" …" if len(wanted) > 2 else "") + "."]  # fmt: skip
        return ["My files do not tell whether this was right. I accuse nobody. I ask for:"] + [
            f"- {text};" for text in wanted
        ]
    amounts = " and ".join(_money(amount, asset, hide=claim.redacted_amounts) for asset, amount in claim.refund.items())
    if claim.redacted_amounts:
        amounts = f"an amount {HIDDEN}"
    if not amounts:
        return [f"I ask you to check this and to refund what it cost by your own records; or to show that {KEPT}."]
    return [f"I ask you to check this and to refund {amounts}; or to send the records that show that {KEPT}."]


def _found(claim: Claim) -> str:
    """What a question says of the check: it hides nothing that was in favour of the account."""
    return "nothing irregular to my loss" if claim.conclusion == IRREGULAR else "nothing irregular"


def _opening(claim: Claim) -> list[str]:
    return {
        "refund": [
            "I ask you to review the following. By the attached records it does not follow from the rules named below."
        ],
        "evidence": ["I ask for records of the following. The attached files do not tell whether it was right."],
        "answer": [f"I have a question about the following. The attached files show {_found(claim)}."],
    }[claim.disputed[0].asked]


def _attached(claim: Claim) -> list[str]:
    if claim.redacted:
        return ["Evidence", "", f"{len(claim.evidence)} files, left out of this redacted bundle"]
    rows = [
        f"- {each.path or '(left out)'}  {each.size} bytes, SHA-256 {each.sha256}"
        f"{f'; {each.left_out}' if each.left_out else ''}{f'; from {each.origin}' if each.origin else ''}"
        for each in claim.evidence
    ]
    return ["Evidence", "", *rows]


def _rests_on(claim: Claim) -> list[str]:
    lines = [f"Not judged: {text}" for text in claim.problems]
    if claim.assumptions:
        lines.append(f"Assumed, where no rule is published: {', '.join(claim.assumptions)}.")
    return [*lines, ""] if lines else []


def _method(claim: Claim) -> list[str]:
    beside = dict.fromkeys(f" --beside {'/'.join(path[:2])}" for path in _beside(claim))
    again = f" Anybody can repeat it: margincall verify --no-store evidence/{''.join(beside)}"
    again = "" if claim.redacted else again
    return [
        f"Calculated with {claim.made_by}. {NO_STORE}{again}",
        "manifest.sha256 lists every file of this bundle: sha256sum -c manifest.sha256",
    ]


def _beside(claim: Claim) -> Iterator[list[str]]:
    """The parts of the places of files that belong to another account."""
    return (each.path.split("/") for each in claim.evidence if each.path.startswith(f"{BESIDE}/"))


def _block(title: str, rows: Iterator[Row]) -> list[str]:
    lines = _lines(rows)
    return [f"{title}:", *lines] if lines else []


def _lines(rows: Iterator[Row]) -> list[str]:
    found = [f"    {name}: {value}{f'  [{place}]' if place else ''}" for name, value, place in rows]
    return [*found, ""] if found else []


def _money(amount: Decimal, asset: str, *, hide: bool) -> str:
    return f"{HIDDEN if hide else number(amount)} {asset}".rstrip()


def _numbers(check: Check, *, hide: bool) -> str:
    """The numbers of a check. Hidden amounts hide all of them but prices and rates, which the market knows."""
    if hide and check.unit not in ("price", "rate"):
        return HIDDEN if check.numbers else ""
    short = ratio_nearest if check.unit == "rate" else plain
    named = [f"{name.replace('_', ' ')} {number(short(value))}" for name, value in check.numbers.items()]
    unit = f" ({check.unit})" if check.unit and named else ""
    return ", ".join(named) + unit


def _shown(judged: Judged, places: Mapping[str, str], *, hide: bool) -> Judged:
    """What the sheet shows: evidence by its place in the bundle, and hidden amounts hidden."""
    checks: Sequence[Check] = [_bare(each) if hide else each for each in judged.checks]
    wrong = [structs.replace(each, amount=None) if hide else each for each in judged.irregularities]
    noted = [_with_place(each, places) for each in checks]
    return structs.replace(judged, checks=tuple(noted), irregularities=tuple(wrong))


def _bare(check: Check) -> Check:
    if check.unit in ("price", "rate"):
        return check
    return structs.replace(check, numbers={}, note="")


def _with_place(check: Check, places: Mapping[str, str]) -> Check:
    if not check.evidence:
        return check
    where = f"[{placed(check.evidence, places)}]"
    note = check.note or (check.settled_by and f"needs: {check.settled_by}")
    return structs.replace(check, note=f"{note} {where}".strip())
