"""What `margincall rescue` shows: the plan, the list for those without a key, and what a rescue left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from margincall.case.endpoints import COMMISSION, of
from margincall.case.exports import starts
from margincall.case.judged import Judged
from margincall.case.plan import Known, Scope, plan
from margincall.case.report import Click, Line
from margincall.case.request import Request
from margincall.case.rescue import RESTRICTIONS, Outcome
from margincall.case.retention import longest
from margincall.forensics.present import Section
from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import day_of, utc

TERMS_SHOWN = 6
EVENTS_SHOWN = 5
OTHER = "OTHERUSDT"


def planned(scope: Scope, *, exports: bool) -> list[Request]:
    """The requests that are certain: those that follow if every list is empty."""
    talk, found = plan(scope, Known(scope)), [RESTRICTIONS]
    for step in talk:
        found.append(step.request)
    return found + ([request for _, request in starts(scope.market, scope.until_ms)] if exports else [])


def _by_endpoint(found: Sequence[Request]) -> dict[str, list[Request]]:
    groups: dict[str, list[Request]] = {}
    for request in found:
        groups.setdefault(request.name, []).append(request)
    return groups


def plan_section(scope: Scope, found: Sequence[Request], budget: int) -> Section:
    """The plan as a table: requests, weight and retention per endpoint, in the order in which they are asked."""
    rows = tuple(
        (name, str(len(group)), str(sum(each.weight for each in group)), _kept(name))
        for name, group in _by_endpoint(found).items()
    )
    total = sum(request.weight for request in found)
    more = list(plan(_with(scope), Known(_with(scope))))
    each_weight = sum(step.request.weight for step in more if OTHER in step.request.identity)
    each_count = sum(OTHER in step.request.identity for step in more)
    note = (
        f"{len(found)} requests, weight {total}; at {budget} a minute {-(-total // budget)} minute(s). Each symbol "
        f"that is found adds {each_count} requests, weight {each_weight}; full answers are asked on."
    )
    return Section("What would be asked, in this order", ("endpoint", "requests", "weight", "kept"), rows, (1, 2), note)


def _with(scope: Scope) -> Scope:
    assert of(scope.market, COMMISSION), "every market has endpoints by symbol"
    return Scope(
        market=scope.market, until_ms=scope.until_ms, symbols=(OTHER,), events=scope.events,
        around_minutes=scope.around_minutes,
    )  # fmt: skip


def _kept(name: str) -> str:
    return "" if name.startswith("account.api") else longest(name).words


def plan_document(scope: Scope, found: Sequence[Request]) -> dict[str, Any]:
    """The plan for programs."""
    requests = [{"host": each.host, "request": each.identity, "weight": each.weight} for each in found]
    weight = sum(each.weight for each in found)
    return {
        "schema": "margincall.rescue-plan/1", "scope": scope, "weight": weight, "requests": requests,
        "problems": [], "assumptions": [],
    }  # fmt: skip


def click_section(event_ms: int, found: Sequence[Click], now_ms: int) -> Section:
    """The list for those without a key."""
    rows = tuple(
        (_until(each.expires_ms, now_ms), each.what, each.where) for each in found
    )  # fmt: skip
    note = (
        "Dates as documented for the API; that the pages keep as long, and how they are called, is assumed. "
        "Then: margincall case new FOLDER, margincall case add FOLDER FILES…"
    )
    return Section(f"To save by hand, for an event of {utc(event_ms)}", ("until", "what", "where"), rows, (), note)


def _until(expires_ms: int | None, now_ms: int) -> str:
    if expires_ms is None:
        return "now"
    if expires_ms > now_ms + 50 * 365 * DAY_MS:
        return "any time"
    return f"{day_of(expires_ms)}{' (gone)' if expires_ms < now_ms else ''}"


def click_document(event_ms: int, found: Sequence[Click]) -> dict[str, Any]:
    """The list for programs."""
    return {
        "schema": "margincall.click-list/1", "event_ms": event_ms, "items": list(found),
        "problems": [], "assumptions": ["pages-keep-as-long-as-api"],
    }  # fmt: skip


def summary(scope: Scope, outcome: Outcome, events: Sequence[int], key: str) -> list[str]:
    """What was done, in sentences."""
    lines = [f"{outcome.asked} answers saved, {outcome.kept} were there already; the key may {key}."]
    if events:
        named = list(dict.fromkeys(utc(each) for each in events))
        lines.append("Forced closes at " + ", ".join(named[-EVENTS_SHOWN:]) + ".")
    else:
        lines.append("No forced close was found; name one with --event TIME to get the candles around it.")
    lines += [f"No answer: {each}" for each in outcome.unanswered]
    lines += [
        f"Still in work at the venue: {each}; start the same command again in an hour." for each in outcome.waiting
    ]
    if outcome.unanswered:
        lines.append("Start the same command again: only what is missing is asked.")
    return lines


def evidence_section(found: Sequence[Line]) -> Section:
    """Per endpoint what there is, and until when the rest can be had."""
    rows = tuple(
        (each.endpoint, str(each.answers), str(each.empty), str(each.refused), _expiry(each), each.said)
        for each in found
        if each.is_asked
    )
    columns = ("endpoint", "with rows", "empty", "refused", "this event's is gone after", "the venue said")
    return Section("Saved", columns, rows, (1, 2, 3))


def _expiry(each: Line) -> str:
    if each.expires_ms is None:
        return "its next change"
    text = day_of(each.expires_ms)
    return "no limit known" if text > "2100" else text


def missing_section(found: Sequence[Line]) -> Section | None:
    """What was gone before the rescue, and what did not come: what each would have told or would settle."""
    rows = []
    for each in found:
        for lost in each.lost:
            rows.append((each.endpoint, lost.what, f"gone since {day_of(lost.since_ms)}", lost.tells))
        if each.is_asked and each.is_missing and each.settles and not each.lost:
            more = len(each.settles) - TERMS_SHOWN
            named = ", ".join(each.settles[:TERMS_SHOWN]) + (f" and {more} more" if more > 0 else "")
            rows.append(
                (each.endpoint, each.what, f"can be had until {_expiry(each)}", f"{each.tells}; terms: {named}")
            )
    if not rows:
        return None
    columns = ("missing", "what", "when", "would turn from “cannot tell” into a verdict")
    return Section("What is missing, and what it would settle", columns, tuple(rows))


def checks_section(found: Sequence[Judged]) -> Section:
    """Every check that an explanation of the case makes now, and what would settle those that nobody can tell."""
    rows = tuple(
        (f"{each.symbol} {utc(each.time_ms)}", each.check, each.verdict, each.settled_by or ", ".join(each.rests_on))
        for each in found
    )
    columns = ("liquidation", "check", "verdict", "missing, or rests on")
    return Section("What this case can tell now", columns, rows)
