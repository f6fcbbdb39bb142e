"""A dispute in words: the ticket, short and long, and what the command says. Plain, polite, no threat, no promise.

What the user is told (`dispute_sheet.py`, `summary`) and what the venue is told are two things: a question does not say
what was found.
"""

from collections.abc import Iterator, Sequence

from margincall.case.assumed import explained, in_a_sentence
from margincall.case.dispute import IN_FAVOUR_ALONE, NOT_ADVISED, Decided, Matter
from margincall.case.dispute_asks import SHORT
from margincall.case.dispute_booking import about_in_words, booking_rows, by, figures
from margincall.case.dispute_cited import Lines
from margincall.case.dispute_sheet import (
    HIDDEN,
    Row,
    booked_rows,
    capital,
    method,
    money,
    numbers_of,
    product_of,
    sheet_rows,
    what,
)
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Irregularity
from margincall.forensics.verify.present import instant
from margincall.wire.claims import Advice, Claim, Disputed, Wrong

BESIDE = "booking", "shared loss"
"""What has no order of its own: the orders of its claim are those of the liquidation after it."""
ASSUMED_MAX = 150
"""Characters that sentences about assumptions may take in one line."""
SHORT_MAX = 1000
"""Characters of the short ticket: what forms of a first message take."""
KEPT = "it follows from the rules"
NO_ADVICE = "This is no legal advice."
LONG_TICKET = "ticket_long.txt"
TICKETS = f"ticket_short.txt and {LONG_TICKET}"
MORE = f"- … and more: see {LONG_TICKET}"
HOW = "I ask how it was calculated, by your own records"
UNTOLD = "My files do not tell whether it was right. I accuse nobody. I ask for"


def short_ticket(claim: Claim, sheets: Sequence[Sequence[Row]] = ()) -> str:
    """The ticket in at most `SHORT_MAX` characters: what, when, the sheet (`sheets`: the rows for each disputed thing),
    what was found, and all that is asked. What of the rest does not fit is in the long one, and it says so."""
    head = [_subject(claim), "", *_who(claim)]
    enclosed = "" if claim.redacted else ", evidence/"
    tail = ["", *_wanted(claim), f"Details, rules and sources: {LONG_TICKET}{enclosed}.", "Thank you."]
    body: list[str] = []
    for place, each in enumerate(claim.disputed):
        body.append(f"- {what(each)}{_ids(each, most=2)}")
        body += [f"  {figures(sheets[place])}"] if len(sheets) > place and sheets[place] else []
        body += [f"  {_accusation(each, wrong)}" for wrong in each.irregularities if each.asked == "refund"]
    kept = list(body)
    while len("\n".join([*head, *kept, *tail])) >= SHORT_MAX and len(kept) > 1:
        kept = [*(kept[:-1] if kept[-1] != MORE else kept[:-2]), MORE]
    text = "\n".join([*head, *kept, *tail])
    return (text if len(text) < SHORT_MAX else text[: SHORT_MAX - 2] + "…") + "\n"


def sheets_of(claim: Claim, decided: Decided, history: Reconstruction | None, lines: Lines) -> list[list[Row]]:
    """The rows of the sheet for each disputed thing."""
    hide = claim.redacted_amounts
    return [
        [*sheet_rows(history, each, lines, hide=hide), *booking_rows(each, lines, hide=hide)]
        for each in decided.matters
    ]


def long_ticket(claim: Claim, decided: Decided, history: Reconstruction | None, lines: Lines) -> str:
    """The whole ticket: fields of the venue's form, what was booked, the sheet, what is wrong under which rule, what is
    asked and how it is calculated, what is assumed, what is attached."""
    hide = claim.redacted_amounts
    out = [_subject(claim), "", "Dear support team,", "", *_opening(claim), "", *_who(claim), ""]
    for count, (each, matter) in enumerate(zip(claim.disputed, decided.matters, strict=True), 1):
        out += [f"{count}. {capital(what(each))}", ""]
        out += _lines(_fields(each))
        if history is not None and matter.cases:
            out += _block("What was booked", booked_rows(history, matter, lines, hide=hide))
            out += _block("At the trigger", sheet_rows(history, matter, lines, hide=hide))
        out += _block("What was booked", booking_rows(matter, lines, hide=hide))
        if each.asked == "refund":
            out += [*_wrongs(each, matter, lines, hide=hide), *_amount(each, hide=hide)]
    is_claim = claim.disputed[0].asked != "answer"
    out += ["What I ask for", "", *_wanted(claim, at_length=True), ""]
    out += [*_attached(claim), "", *(_assumed(claim) if is_claim else []), *method(claim), ""]
    return "\n".join([*out, "Thank you for your time.", ""])


def summary(
    claim: Claim, advice: Advice, folder: str, in_favour: Sequence[Matter] = (), *, anyhow: str = "--anyway"
) -> Iterator[str]:
    """What the command says: what was found, also `in_favour` of the account, what is asked, what was written, and what
    to do with it. `anyhow` is the command that writes a question where nothing was found."""
    for text in claim.problems:
        yield f"Not judged: {text}"
    for matter in in_favour:
        yield from (
            f"  ✗ in your favour: {_gain(wrong, matter, hide=claim.redacted)}" for wrong in matter.irregularities
        )
    if advice == "nothing":
        yield f"{capital(IN_FAVOUR_ALONE if in_favour else NOT_ADVISED)}."
        yield (
            f"{folder} holds a question to the venue, as you asked; it claims nothing."
            if folder
            else f"Nothing was written. To ask the venue how it was calculated all the same:\n      {anyhow}"
        )
        yield NO_ADVICE
        return
    for each in claim.disputed:
        yield f"{what(each)}{_ids(each, most=2)}"
        yield from (f"  ✗ {_accusation(each, wrong)}" for wrong in each.irregularities)
        if each.asked == "refund":
            amounts = " and ".join(money(amount, asset, hide=False) for asset, amount in each.refund.items())
            yield f"  asks: {amounts or 'the amount by the venue'} ({each.how})"
        yield from (f"  ? asks for {text}" for text in each.settled_by)
    if advice == "ask":
        yield "These files cannot tell whether it was right: the ticket accuses nobody and asks for what would tell."
    yield f"Written to {folder}: read {TICKETS} before you send them, and send them by the venue's own support page."
    yield NO_ADVICE


def _subject(claim: Claim) -> str:
    first = claim.disputed[0]
    more = f" and {len(claim.disputed) - 1} more" if len(claim.disputed) > 1 else ""
    kind = {"refund": "Dispute", "evidence": "Request for records", "answer": "Question"}[first.asked]
    return f"{kind}: {what(first)}{more}"


def _who(claim: Claim) -> list[str]:
    account = claim.account or "the one that this ticket is sent from"
    return [f"Account: {account}", f"Product: {product_of(claim)}"]


def _ids(each: Disputed, most: int) -> str:
    if not each.order_ids or each.subject in BESIDE:
        return ""
    more = f" and {len(each.order_ids) - most} more" if len(each.order_ids) > most else ""
    return f", order {', '.join(each.order_ids[:most])}{more}"


def _fields(each: Disputed) -> Iterator[Row]:
    name = "order of the liquidation after it" if each.subject == "booking" else "order id"
    yield name, ", ".join(each.order_ids) or "not in these files", ""
    if each.client_order_ids:
        yield "client order id", ", ".join(each.client_order_ids), ""
    yield (
        "time",
        "; ".join(f"{instant(at)}{f' ({at} ms)' if at % 1000 else ''}" for at in each.times_ms) or "not in these files",
        "",
    )
    if each.open_order_ids:
        yield "my orders that stayed open", ", ".join(each.open_order_ids), ""


def _wrongs(each: Disputed, matter: Matter, lines: Lines, *, hide: bool) -> list[str]:
    """What was found, under which rule, by which numbers; then what may have caused it."""
    out: list[str] = []
    checks = matter.kinds()
    for wrong in each.irregularities:
        out += [f"What is wrong: {wrong.says}.", f"    rule: {wrong.rule} ({_standing(wrong)})"]
        for check in checks[wrong.kind]:  # type: ignore[index]
            said = numbers_of(check, lines, hide=hide)
            note = "" if hide or not check.note else f"({check.note})" if said else check.note
            if said or note:
                out.append(f"    {about_in_words(check)}: {' '.join(filter(None, (said, note)))}")
        if wrong.causes:
            out.append(f"    {capital(_causes(wrong))}.")
        out.append("")
    return out


def _amount(each: Disputed, *, hide: bool) -> list[str]:
    if not each.refund and not hide:
        return [f"Amount: {each.how}.", ""]
    named = " and ".join(money(amount, asset, hide=hide) for asset, amount in each.refund.items())
    return [f"Amount: {named or HIDDEN}: {each.how}.", ""]


def _gain(wrong: Irregularity, matter: Matter, *, hide: bool) -> str:
    symbol = matter.cases[0].explanation.symbol if matter.cases else ""
    where = f" ({about_in_words(matter.checks[0])})" if matter.checks and not hide else ""
    return f"{wrong.says}{'' if hide else by(wrong.amount, wrong.unit, symbol)}{where}"


def _accusation(each: Disputed, wrong: Wrong) -> str:
    causes = f"; {_causes(wrong)}" if wrong.causes else ""
    return f"{wrong.says}{by(wrong.amount, wrong.unit, each.symbol)} ({_standing(wrong)}){causes}"


def _standing(wrong: Wrong) -> str:
    """Where the rule is published, and what the check rests on besides that no rule is published for."""
    assumed = "; ".join(map(in_a_sentence, wrong.assumptions))
    if len(assumed) > ASSUMED_MAX:
        assumed = f"{len(wrong.assumptions)} things that {LONG_TICKET} names"
    return f"published: {wrong.source}{f'; assumed: {assumed}' if assumed else ''}"


def _assumed(claim: Claim) -> list[str]:
    """Why an account was not judged, and each thing that is assumed, in a sentence."""
    found = [f"Not judged: {text}" for text in claim.problems]
    if claim.assumptions:
        found += ["Assumed, where no rule is published:", *explained(claim.assumptions)]
    return [*found, ""] if found else []


def _causes(wrong: Wrong) -> str:
    return f"possible cause{'s' if len(wrong.causes) > 1 else ''}: {'; or '.join(wrong.causes)}"


def _wanted(claim: Claim, *, at_length: bool = False) -> list[str]:
    """All that is asked, once; in few words, or `at_length`."""
    asked = claim.disputed[0].asked
    if asked != "refund":
        begin = HOW if asked == "answer" else UNTOLD
        wanted = tuple(dict.fromkeys(text for each in claim.disputed for text in each.settled_by))
        if at_length:
            return [f"{begin}{':' if wanted else '.'}", *(f"- {text};" for text in _of_which(claim, wanted))]
        named = ", ".join(SHORT.get(each, each) for each in wanted)
        return [f"{begin}{': ' if named else ''}{named}."]
    amounts = " and ".join(money(amount, asset, hide=claim.redacted_amounts) for asset, amount in claim.refund.items())
    if claim.redacted_amounts:
        amounts = f"an amount {HIDDEN}"
    if not amounts:
        return [f"I ask you to check this and to refund what it cost by your own records; or to show that {KEPT}."]
    return [f"I ask you to check this and to refund {amounts}; or to send the records that show that {KEPT}."]


def _of_which(claim: Claim, wanted: Sequence[str]) -> Iterator[str]:
    """Each thing that is asked, with the numbers of what it is asked of, where not of all."""
    for text in wanted:
        of = [str(count) for count, each in enumerate(claim.disputed, 1) if text in each.settled_by]
        yield text if len(of) == len(claim.disputed) else f"{text} (of {', '.join(of)})"


def _opening(claim: Claim) -> list[str]:
    return {
        "refund": [
            "I ask you to review the following. By the attached records it does not follow from the rules named below."
        ],
        "evidence": ["I ask for records of the following. The attached files do not tell whether it was right."],
        "answer": ["I have a question about the following."],
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


def _block(title: str, rows: Iterator[Row]) -> list[str]:
    lines = _lines(rows)
    return [f"{title}:", *lines] if lines else []


def _lines(rows: Iterator[Row]) -> list[str]:
    found = [f"    {name}: {value}{_bracketed(place)}" for name, value, place in rows]
    return [*found, ""] if found else []


def _bracketed(place: str) -> str:
    """A place in brackets; how a number is calculated stands in brackets of its own."""
    return f"  {place if place.startswith('(') else f'[{place}]'}" if place else ""
