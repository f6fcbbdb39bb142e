"""What must hold of a rescue, as figures: killed at any request, no secret anywhere, and what is lost when.

python -m tests.accept.rescue            # all of it; writes docs/accept/rescue.json and docs/accept/lost_when.md
"""

import json
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from margincall.case.endpoints import evidence
from margincall.case.folder import check
from margincall.case.judged import Judged, explained, judged
from margincall.case.manifest import without_times
from margincall.case.report import Line, lines
from margincall.case.retention import MARGIN_MOVES, UNFILLED, Retention, expires_ms
from margincall.errors import FINE
from margincall.forensics.unknown import CHECKS
from tests.accept.hashes import src_hash
from tests.recorded import account as made
from tests.recorded.processes import killed, rescue, rescue_here, server
from tests.recorded.running import recorded_at, rescued
from tests.recorded.server import AGES, KEY, SECRET
from tests.sources import ROOT

REPEATED_AT_START = ("/api/v3/time?", "/sapi/v1/account/apiRestrictions?", "/fapi/v1/time?", "/dapi/v1/time?")
"""What every start asks anew: the servers' clocks, and what the key may do."""
FIGURES = ROOT / "docs" / "accept" / "rescue.json"
TABLE = ROOT / "docs" / "accept" / "lost_when.md"
WORKERS = 2
FAULTS = ("echo", "garbage", "break", "half", "redirect", "503", "refuse=-2015", "refuse=-1022", "stamp", "418")


class Plain(NamedTuple):
    """A rescue that nothing disturbed: its folder, and the requests in their order."""

    folder: Path
    requests: list[str]


def plain(scratch: Path) -> Plain:
    """Run it."""
    with server(scratch) as served:
        done = rescue_here(scratch / "case", served)
        assert done.code == FINE, done.err
        return Plain(scratch / "case", served.requests())


def killed_at(number: int, scratch: Path, undisturbed: Plain) -> list[str]:
    """Kill a rescue while its Nth request is in flight, start it again: everything in which it then differs."""
    with server(scratch, "--fault", f"{number}:stall") as served:
        arguments = killed(scratch / "case", served)
        before = len(served.requests())
        done = rescue(scratch / "case", served)
        requests = served.requests()
    wrong = [] if done.returncode == FINE else [f"exit code {done.returncode}: {done.stderr[-300:]}"]
    if before != number:
        wrong.append(f"killed at request {before} instead of {number}")
    if KEY in arguments or SECRET in arguments:
        wrong.append("the list of processes shows a secret")
    wrong += differences(undisturbed.folder, scratch / "case")
    wrong += too_often(requests, undisturbed.requests, requests[number - 1])
    return [f"killed at {number}: {each}" for each in wrong]


def differences(one: Path, other: Path) -> list[str]:
    """Files that differ in name, bytes or mode, and records that differ in anything but their times."""
    found = []
    for flaws in (check(one)[1], check(other)[1]):
        found += [f"{flaw.path}: {flaw.what}" for flaw in flaws]
    files = [{path.relative_to(each): path for path in each.rglob("*") if path.is_file()} for each in (one, other)]
    found += [f"only in one: {name}" for name in sorted(files[0].keys() ^ files[1].keys())]
    for name in sorted(files[0].keys() & files[1].keys()):
        mine, theirs = files[0][name], files[1][name]
        if name.parts[0] != "case.manifest" and mine.read_bytes() != theirs.read_bytes():
            found.append(f"differs: {name}")
        if stat.S_IMODE(mine.stat().st_mode) != stat.S_IMODE(theirs.stat().st_mode):
            found.append(f"differs in mode: {name}")
    said = [list(without_times(check(each)[0].entries)) for each in (one, other)]
    if said[0] != said[1]:
        found.append("the records say other things")
    return found


def too_often(requests: Sequence[str], undisturbed: Sequence[str], in_flight: str) -> list[str]:
    """Requests that were sent more often than without the kill, the one in flight and those of a start left out.

    A file behind a link and the question for that link are one step, because links are not kept.
    """
    more = Counter(requests) - Counter(undisturbed)
    more.subtract([in_flight])
    if in_flight.startswith("/export/"):
        number = in_flight.removeprefix("/export/").rstrip("?")
        more.subtract([line for line in undisturbed if line.endswith(f"/asyn/id?downloadId={number}")])
    return [
        f"asked {count} times more: {line}" for line, count in more.items()
        if count > 0 and not line.startswith(REPEATED_AT_START)
    ] + [f"never asked: {line}" for line in Counter(undisturbed) - Counter(requests)]  # fmt: skip


def every_kill(scratch: Path, numbers: Iterable[int] = ()) -> tuple[int, list[str]]:
    """How many kills were tried (all requests of a rescue if none are named), and everything that was wrong."""
    undisturbed = plain(scratch / "plain")
    chosen = list(numbers) or list(range(1, len(undisturbed.requests) + 1))
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda number: killed_at(number, scratch / str(number), undisturbed), chosen)
        return len(chosen), [each for one in found for each in one]


def where_secrets_are(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """The files below a folder, and the named texts, that hold the key, the secret, or a signature."""
    places = [str(path) for path in folder.rglob("*") if path.is_file() and _holds(path.read_bytes())]
    return places + [name for name, text in texts.items() if _holds(text.encode())]


def _holds(data: bytes) -> bool:
    return any(word in data for word in (KEY.encode(), SECRET.encode(), b"signature="))


def secrets(scratch: Path, faults: Sequence[str] = FAULTS) -> tuple[int, list[str]]:
    """How many rescues were listened to, each with another fault of the server, and where a secret was found."""
    found: list[str] = []
    for number, fault in enumerate(faults):
        with server(scratch / str(number), "--fault", f"20:{fault}") as served:
            done = rescue_here(scratch / str(number) / "case", served, "--no-exports")
            log = served.log.read_text()
        heard = {f"{fault}: output": done.out, f"{fault}: errors": done.err, f"{fault}: log": log}
        found += where_secrets_are(scratch / str(number), heard)
    return len(faults), found


def lost(scratch: Path) -> dict[str, dict[str, Line]]:
    """A rescue at each age of the event -> per endpoint what it gave."""
    found = {}
    for age in AGES:
        recorded, clock = recorded_at(age)
        folder = scratch / age
        rescued(folder, recorded, clock, events=(made.EVENT,), symbols=("BTCUSDT", "ETHUSDT"))
        found[age] = {line.endpoint: line for line in lines(check(folder)[0].entries, made.EVENT)}
    return found


LOST_CHECKS: Mapping[Retention, frozenset[str]] = {
    UNFILLED: frozenset({"orders_cancelled"}),
    MARGIN_MOVES: frozenset({"trigger", "limit_price", "orders_cancelled", "clearance_fee", "balance_after"}),
}
"""The checks that a rule of retention takes away for good, of an isolated position: orders without a fill are what was
cancelled; the margin history is what was in the isolated wallet, which decides the trigger, the bankruptcy price, what
is left for the fee and after it. Forced orders and trades are in the exports for a year."""


def lost_checks(folder: Path) -> set[str]:
    """The checks of a rescued folder that nobody can tell for want of a file."""
    return {each.check for each in judged(folder) if each.is_lost}


def due_checks(age_ms: int) -> set[str]:
    """The checks that must be lost at an age, by the rules of retention alone."""
    return {check for rule, checks in LOST_CHECKS.items() if expires_ms(rule, 0) <= age_ms for check in checks}


def unknown_terms(folder: Path) -> list[str]:
    """The terms of the liquidation that an explanation of a rescued folder leaves open, with what would settle them."""
    found = explained(folder)
    cases = [each.explanation for each in found.explained.cases if each.explanation.symbol == "BTCUSDT"]
    return [f"{each.term}: {each.settled_by}" for explanation in cases for each in explanation.unknown]


def event_rows(folder: Path, endpoint: str) -> int:
    """How many rows about the event's symbol on the event's day an endpoint gave."""
    count = 0
    for path in sorted((folder / "evidence").glob(f"{endpoint}*.json")):
        rows = json.loads(path.read_bytes())
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, dict) and row.get("symbol") == "BTCUSDT":
                time_ms = row.get("time") or row.get("createTime") or 0
                count += made.START <= time_ms <= made.EVENT + made.HOUR
    return count


def table(found: Mapping[str, Mapping[str, Line]], scratch: Path) -> str:
    """What is lost when, as Markdown: per list the rows of the event's day that are left at each age."""
    ages = list(found)
    text = [
        "# What is lost when",
        "",
        "Made by `python -m tests.accept.rescue`: the same account, rescued from the recorded server at four ages of",
        "its liquidation. Numbers are rows about the event's day that the answers still hold. The server forgets as",
        "the venue documents it; the account had one stop-loss and one limit order that never filled.",
        "",
        "| evidence | " + " | ".join(ages) + " |",
        "|---|" + "---|" * len(ages),
    ]
    for name in ("allOrders", "allAlgoOrders", "positionMargin.history", "forceOrders", "userTrades", "income"):
        counts = [event_rows(scratch / age, f"{name}-") for age in ages]
        text.append(f"| `{name}` | " + " | ".join(str(count) if count else "**nothing**" for count in counts) + " |")
    for name in ("markPriceKlines", "indexPriceKlines", "klines", "leverageBracket", "account-v3", "trade.asyn"):
        there = [found[age][name].answers for age in ages]
        text.append(f"| `{name}` | " + " | ".join("there" if each else "**nothing**" for each in there) + " |")
    text += ["", "Checks of the explanation:", "", "| check | " + " | ".join(ages) + " |", "|---|" + "---|" * len(ages)]
    verdicts = {age: {each.check: each for each in judged(scratch / age)} for age in ages}
    for name in CHECKS:
        text.append(f"| {name.replace('_', ' ')} | " + " | ".join(_verdict(verdicts[age], name) for age in ages) + " |")
    text += ["", "What a rescue at that age says is lost, and what it would have told:", ""]
    for age in ages:
        gone = {f"{lost.what}: {lost.tells}": None for line in found[age].values() for lost in line.lost}
        missing = {f"`{line.endpoint}`": None for line in found[age].values() if line.is_missing and line.settles}
        text.append(f"* {age}: {'; '.join((*gone, *missing)) or 'nothing'}")
    present = "The present state (positions, open orders, brackets, settings) is what it is on the day of the rescue:"
    text += ["", f"{present} what it was at the event is lost as soon as it changes.", ""]
    return "\n".join(text)


def _verdict(found: Mapping[str, Judged], check: str) -> str:
    each = found.get(check)
    if each is None:
        return "–"
    rests_on = f" ({', '.join(each.rests_on)})" if each.rests_on else ""
    return "**lost**" if each.is_lost else f"{each.verdict}{rests_on}"


def main() -> int:
    """Everything; 0 if all holds."""
    assert set(evidence("fapi")), "there is something to save"
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        kills, wrong = every_kill(scratch / "kills")
        runs, places = secrets(scratch / "secrets")
        found = lost(scratch / "ages")
        TABLE.write_text(table(found, scratch / "ages"), encoding="utf-8")
        figures: dict[str, Any] = {
            "command": "python -m tests.accept.rescue",
            "src": src_hash(),
            "kills": kills,
            "kills_wrong": wrong,
            "runs_listened_to": runs,
            "secrets_found": places,
            "unknown_at_1h": unknown_terms(scratch / "ages" / "1h"),
            "lost_checks": {age: sorted(lost_checks(scratch / "ages" / age)) for age in AGES},
        }
        due = {age: sorted(due_checks(age_ms)) for age, age_ms in AGES.items()}
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"killed at each of {kills} requests: {len(wrong)} differences")
    print(f"{runs} rescues from a misbehaving server: secrets in {len(places)} places")
    for line in (*wrong, *places):
        print(line)
    for age, checks in figures["lost_checks"].items():
        print(f"{age}: lost are {', '.join(checks) or 'no checks'}")
    as_due = figures["lost_checks"] == due and not figures["unknown_at_1h"]
    return 1 if wrong or places or not as_due else 0


if __name__ == "__main__":
    sys.exit(main())
