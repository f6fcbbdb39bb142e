"""What is read first: the verdict in plain words with the term in brackets, the money, and what to do next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from margincall.case.recover import Recovery
from margincall.case.recover_loss import TaxLoss, together
from margincall.case.reporting.checks import counted
from margincall.case.reporting.facts import Part, Tile, Tone
from margincall.case.reporting.wording import amount, brief, brief_percent, brief_signed, sentence
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.rounding import exact
from margincall.forensics.explain import Case
from margincall.forensics.present import Section, headline, judgement
from margincall.forensics.sheet import Explanation
from margincall.forensics.verify.check import IRREGULAR, OPEN, REGULAR, Check, Conclusion, Judged, Verified
from margincall.forensics.verify.present import NAMES, coarse, found_section, unchecked
from margincall.wire.iso_time import day_of

TONES: Mapping[Conclusion, Tone] = {IRREGULAR: "bad", OPEN: "open", REGULAR: "good"}
NOTHING = "No liquidation and no deleveraging was found in these files."
DEBIT = "A debit called adjustment was booked"
NO_REASON = "No document gives its reason: “margincall dispute” asks the venue for it."
UNUSABLE = "Nothing in these files can be used."
UNCHECKED = {"mark": "the mark price", "moment": "the moment of the trigger"}
"""What the checks that verify calls essential are called in a headline."""
MEANS: Mapping[Conclusion, str] = {
    IRREGULAR: "At least one published rule does not hold, under every assumption that is made here.",
    REGULAR: "No published rule is broken, as far as these files tell. That is no proof that all was right.",
    OPEN: "These files do not tell whether the rules were kept. That is neither a suspicion nor an acquittal.",
}
PARTS = {
    "result of the closing trades": "result of the closing trades (realised PnL)",
    "taken over": "lost with what the fund took (takeover)",
    "commission": "fees of the closing trades (commission)",
    "clearance fee": "fee of the liquidation (clearance fee)",
    "made good": "made good by the insurance fund",
}
"""What the parts of a realised result are called where a trader looks first."""
SETTLING_MAX = 3
"""So many files that would settle something are named in the next step; the tables name all."""


@exact
def verdict_part(chosen: Sequence[tuple[Case, Judged]], verified: Verified, recovery: Recovery) -> Part:
    """The page that is read first. `recovery` is that of the chosen closings."""
    judged = [each for _, each in chosen]
    conclusion = structs.replace(verified, liquidations=tuple(judged)).conclusion
    tables = [_each_of_them(chosen, recovery)] if len(chosen) > 1 else []
    wrong = [each for one in judged for each in one.irregularities] + list(verified.irregularities)
    if wrong:
        tables.insert(0, found_section(tuple(wrong)))
    says = [NOTHING] if not chosen else []
    says += [f"{DEBIT}: {_told(each)}. {NO_REASON}" for each in verified.open_debits]
    if len(chosen) == 1:
        told = chosen[0][0].explanation
        says.append(f"{coarse(headline(told))}. {plainly(told)}")
        says += [f"Trace: {trace}" for trace in told.traces]
    return Part(
        key="verdict",
        title="Verdict",
        says=(*says, *_meaning(conclusion, chosen, verified)),
        tone=tone_of(conclusion, judged) if chosen else "plain",
        badge=badge_of(conclusion, judged) if chosen else "",
        level=1,
        tiles=tuple(_tiles([case for case, _ in chosen], recovery)),
        steps=tuple(_steps(conclusion, judged, verified, recovery)) if chosen else (),
        tables=tuple(tables),
    )


def _told(debit: Check) -> str:
    return f"{amount(debit.numbers.get('printed'))} {debit.unit}".strip()


def badge_of(conclusion: Conclusion, judged: Iterable[Judged]) -> str:
    """The conclusion as a headline, with what was not checked although nothing irregular was found."""
    open_ones = _unchecked(judged) if conclusion == REGULAR else []
    if not open_ones:
        return sentence(conclusion)
    return (
        f"{sentence(conclusion)}, but {' and '.join(open_ones)} {'was' if len(open_ones) == 1 else 'were'} not checked"
    )


def tone_of(conclusion: Conclusion, judged: Iterable[Judged]) -> Tone:
    """The colour of a conclusion; without the checks that are worth a headline it is no green one."""
    return "open" if conclusion == REGULAR and _unchecked(judged) else TONES[conclusion]


def _unchecked(judged: Iterable[Judged]) -> list[str]:
    kinds = {check.kind for each in judged for check in unchecked(each)}
    return [name for kind, name in UNCHECKED.items() if kind in kinds]


def plainly(told: Explanation) -> str:
    """The judgement in plain words, the terms in brackets; where nothing follows, as everywhere else."""
    verdict = told.verdict
    balance, needed = verdict.margin_balance, verdict.maintenance_margin
    trigger = next((finding for finding in told.findings if finding.kind == "trigger"), None)
    is_open = trigger is not None and trigger.verdict not in (HOLDS, FAILS)
    if told.kind not in ("liquidation", "indirect") or told.goes_on_from or is_open:
        return sentence(judgement(told))
    if balance is None or needed is None or verdict.liquidated is None:
        return sentence(judgement(told))
    text = judgement(told)
    grounds = text[text.index(", as far as") :] if ", as far as" in text else "."
    says = (
        f"At that moment {amount(balance)} {verdict.asset} were there (margin balance), and "
        f"{amount(needed)} {verdict.asset} were needed to stay open (maintenance margin): "
    )
    if verdict.liquidated:
        return f"{says}too little, so the trigger was right{grounds}"
    return f"{says}enough, so the trigger was NOT reached{grounds}"


def _meaning(conclusion: Conclusion, chosen: Sequence[tuple[Case, Judged]], verified: Verified) -> tuple[str, ...]:
    """The conclusion in a sentence, with the counts of the checks behind it as the tables give them."""
    if not chosen:
        return ()
    checks = _checks([judged for _, judged in chosen], verified)
    beside = f" Of what was booked beside, {counted(verified.checks)}." if verified.checks else ""
    unknown = dict.fromkeys(NAMES.get(each.kind, each.kind) for each in checks if each.verdict == UNCLEAR)
    rest = f" Cannot be told: {', '.join(unknown)}." if unknown else ""
    return MEANS[conclusion], f"{counted(checks[: len(checks) - len(verified.checks)])}.{beside}{rest}"


def _checks(judged: Iterable[Judged], verified: Verified) -> list[Check]:
    return [each for one in judged for each in one.checks] + list(verified.checks)


def _each_of_them(chosen: Sequence[tuple[Case, Judged]], recovery: Recovery) -> Section:
    rows = tuple(
        (
            f"{_sign(judged.conclusion)} {badge_of(judged.conclusion, [judged])}",
            coarse(headline(case.explanation)),
            " and ".join(_total(loss) for loss in closing.realized_loss),
            plainly(case.explanation),
        )
        for (case, judged), closing in zip(chosen, recovery.closings, strict=True)
    )
    return Section("Each of them", ("conclusion", "what", "cost in all", "why"), rows, right=(2,))


def _sign(conclusion: Conclusion) -> str:
    return {IRREGULAR: "✗", OPEN: "?", REGULAR: "✓"}[conclusion]


def _total(loss: TaxLoss) -> str:
    return "cannot tell" if loss.total is None else f"{brief_signed(loss.total)} {loss.asset}"


def _tiles(cases: Sequence[Case], recovery: Recovery) -> Iterator[Tile]:
    """Of one closing what decided it, then the money; of several the money of all."""
    if len(cases) == 1 and not cases[0].explanation.goes_on_from:
        yield from _deciding(cases[0].explanation)
    number = len(recovery.closings)
    note = f"of all {number} together" if number > 1 else ""
    for loss in together([closing.realized_loss for closing in recovery.closings]):
        lacks = f"without: {', '.join(loss.lacks)}" if loss.lacks else "with the fees of its opening"
        yield Tile("cost in all", _total(loss), "; ".join(filter(None, (note, lacks))))
        for part in loss.parts:
            if part.what in PARTS:
                yield Tile(PARTS[part.what], f"{brief_signed(part.amount)} {loss.asset}", note)
    if cases:
        last = max(cases, key=lambda case: case.incident.last).explanation
        for asset, left in last.left.items():
            yield Tile("left", f"{brief(left)} {asset}", "after the last booking")


def _deciding(told: Explanation) -> Iterator[Tile]:
    verdict, prices = told.verdict, told.prices
    if verdict.margin_balance is not None:
        yield Tile("there (margin balance)", f"{brief(verdict.margin_balance)} {verdict.asset}", "at the trigger")
    if verdict.maintenance_margin is not None:
        needed = f"{brief(verdict.maintenance_margin)} {verdict.asset}"
        yield Tile("needed (maintenance margin)", needed, "at the trigger")
    if verdict.margin_ratio is not None:
        yield Tile(
            "needed, of what was there (margin ratio)", brief_percent(verdict.margin_ratio), "liquidated from 100 %"
        )
    if prices.mark_at_trigger is not None:
        yield Tile("price that decided (mark price)", amount(prices.mark_at_trigger), prices.mark_source or "")


def _steps(conclusion: Conclusion, judged: Sequence[Judged], verified: Verified, recovery: Recovery) -> Iterator[str]:
    """What to do next, one sentence each. None of them promises anything."""
    settling = _settling(_checks(judged, verified))
    if conclusion == IRREGULAR:
        yield "Ask the venue: “margincall dispute FILES --out FOLDER” writes the ticket, with numbers and evidence."
    elif conclusion == OPEN:
        if settling:
            yield f"Get what would settle it, and report again: {settling}."
        yield (
            "What you cannot get, ask the venue for: “margincall dispute FILES --out FOLDER” writes the question. It "
            "accuses nobody."
        )
    else:
        if settling:
            yield f"Get what would check the rest, and report again: {settling}."
        yield "A dispute is not advised: no broken rule was found."
    yield from _forgotten(recovery)


def _forgotten(recovery: Recovery) -> Iterator[str]:
    """What the venue does not keep any more on the day from which it is seen, and what goes next."""
    evidence = [each for closing in recovery.closings for each in closing.evidence]
    kept = [each for each in evidence if not each.is_gone]
    left = {each.what for each in kept}
    gone = list(dict.fromkeys(each.what for each in evidence if each.is_gone and each.what not in left))
    if gone:
        yield f"Gone at the venue by {recovery.as_of}: {', '.join(gone)}."
    if kept:
        first = min(kept, key=lambda each: each.until_ms)
        yield (
            f"Save {'what is left' if gone else 'the evidence'}: next to go, on {day_of(first.until_ms)}, are "
            f"{first.what}. “margincall rescue” fetches it."
        )


def _settling(checks: Iterable[Check]) -> str:
    found = list(dict.fromkeys(each.settled_by for each in checks if each.verdict == UNCLEAR and each.settled_by))
    more = f"; and {len(found) - SETTLING_MAX} more, named with the checks" if len(found) > SETTLING_MAX else ""
    return "; ".join(found[:SETTLING_MAX]) + more
