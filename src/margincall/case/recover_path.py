"""How a complaint goes, under which terms, until when, as far as public sources go; what the venue forgets when.

Nothing here is legal advice. Where the sources name no deadline the answer says so: that is no promise of time.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from margincall.case.retention import RULES, Retention, expires_ms
from margincall.wire.durations import DAY_MS
from margincall.wire.exports import BINANCE
from margincall.wire.iso_time import day_of

NO_DEADLINE = "no deadline found in the sources"
ADGM_TERMS_SINCE = "2026-01-05"
"""Since this UTC day the contracting parties are the ADGM entities (the hour is not in the sources)."""
CHANGE_DAYS = ("2026-01-04", "2026-01-05", "2026-01-06")
"""UTC days on which it was 2026-01-05 somewhere."""
HOUR_UNKNOWN = (
    "The terms changed on 2026-01-05; at which hour, and in which time zone, is not in the sources. So near to it "
    "either terms may apply."
)
COMMENTARY_2026 = "commentary: habibalmulla.com/?p=2780; waselandwasel.com (The cost of clarity)"


class PathStep(Struct, frozen=True):
    """One step of a complaint: what it is, what to send, until when."""

    step: str
    send: str
    deadline: str
    source: str


class Path(Struct, frozen=True):
    """The way of a complaint. `terms` names those that were in force at the event; `since` is their day, "" where it is
    not known; `notes` are what the sources leave open."""

    terms: str
    since: str
    steps: tuple[PathStep, ...]
    notes: tuple[str, ...]


class Kept(Struct, frozen=True):
    """One kind of evidence that the venue keeps for a time: until when (milliseconds UTC), and whether it is gone."""

    what: str
    until_ms: int
    is_gone: bool
    days_left: int
    tells: str
    source: str


TICKET = PathStep(
    "ticket to the venue's support",
    "account reference, order ids, exact UTC times, prices, amounts, what is asked",
    NO_DEADLINE,
    "practice; the venue answers with wallet, unrealised profit, margin balance and maintenance margin",
)
COMPLAINT = PathStep("complaint", "the ticket's number and what is wrong in the answer", NO_DEADLINE, COMMENTARY_2026)
NOTICE = PathStep(
    "notice of claim, and negotiation", "the claim with its amount and evidence", NO_DEADLINE, COMMENTARY_2026
)
NEW_ONLY = "told of the new terms only (commentary); not in the sources for the old terms"
OLD_COMPLAINT, OLD_NOTICE = (PathStep(each.step, each.send, each.deadline, NEW_ONLY) for each in (COMPLAINT, NOTICE))
NOT_ADVICE = "This is no legal advice; periods of limitation are a matter of law and were not looked up."
UNREAD = (
    "The venue's Exchange Rules and Clearing Rules, in force since 2026-01-05, were not found as text: read them "
    "before a claim."
)
NEW_TERMS = Path(
    terms="terms of use since 2026-01-05: Nest Exchange Limited (matching), Nest Clearing and Custody Limited "
    "(custody, counterparty of derivatives), Nest Trading Limited (broker); law of ADGM",
    since=ADGM_TERMS_SINCE,
    steps=(
        TICKET,
        COMPLAINT,
        NOTICE,
        PathStep(
            "ICC arbitration, seat ADGM, three arbitrators, no expedited procedure (clause 37)",
            "the request; its cost is not in the sources",
            NO_DEADLINE,
            COMMENTARY_2026,
        ),
    ),
    notes=(
        "Which of the three companies answers for what: matching and outages the exchange, derivatives the clearing "
        "house (commentary).",
        UNREAD,
        NOT_ADVICE,
    ),
)
OLD_TERMS = Path(
    terms="terms of use before 2026-01-05, with the Futures Services Agreement (last revised 2021-12-23)",
    since="",
    steps=(
        TICKET,
        OLD_COMPLAINT,
        OLD_NOTICE,
        PathStep(
            "arbitration; sources disagree: HKIAC in Hong Kong (2017 to 2025), or ICC with its seat in DIFC just "
            "before 2026; both can be true of different times",
            "the request; filing at HKIAC cost about 60,000 to 65,000 USD in 2021",
            NO_DEADLINE,
            "commentary: waselandwasel.com, forkast.news (HKIAC); habibalmulla.com/?p=2780 (ICC, DIFC)",
        ),
    ),
    notes=(
        "Whether a claim of an older event goes by the new terms is not settled in the sources.",
        "Read the terms that you accepted, and those in force today.",
        UNREAD,
        NOT_ADVICE,
    ),
)
UNDATED = Path(
    terms="which terms were in force is not known: the event has no time",
    since="",
    steps=OLD_TERMS.steps[:-1],
    notes=(*NEW_TERMS.notes[:1], *OLD_TERMS.notes[1:]),
)
ELSEWHERE = Path(
    terms="the sources hold nothing on complaints at this venue",
    since="",
    steps=(PathStep("ticket to the venue's support", TICKET.send, NO_DEADLINE, "practice"),),
    notes=("Read the venue's own terms.", NOT_ADVICE),
)


def path_of(event_ms: int, venue: str = BINANCE) -> Path:
    """The way of a complaint about an event at a time; 0 stands for a time that nobody knows."""
    if venue.casefold() != BINANCE.casefold():
        return ELSEWHERE
    if not event_ms:
        return UNDATED
    path = NEW_TERMS if day_of(event_ms) >= ADGM_TERMS_SINCE else OLD_TERMS
    return structs.replace(path, notes=(HOUR_UNKNOWN, *path.notes)) if day_of(event_ms) in CHANGE_DAYS else path


def kept(event_ms: int, today_ms: int) -> tuple[Kept, ...]:
    """What Binance keeps of an event, until when, the first to go first; seen from the beginning of a day. What shows
    the present only, and what has no limit, is left out."""
    rules: dict[Retention, None] = dict.fromkeys(rule for each in RULES.values() for rule in each if _is_limited(rule))
    return tuple(sorted((_kept(rule, event_ms, today_ms) for rule in rules), key=lambda each: each.until_ms))


def _is_limited(rule: Retention) -> bool:
    return not rule.is_now_only and not rule.assumed


def _kept(rule: Retention, event_ms: int, today_ms: int) -> Kept:
    until = expires_ms(rule, event_ms)
    left = max(until - today_ms, 0) // DAY_MS
    return Kept(rule.what, until, until <= today_ms, left, rule.tells, rule.source)


def first_gone(found: Sequence[Kept]) -> str:
    """In words what goes first of what is still there; "" where nothing is."""
    return next((f"{each.what}, {each.days_left} days left" for each in found if not each.is_gone), "")
