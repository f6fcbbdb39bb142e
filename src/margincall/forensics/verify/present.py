"""A verdict in words and tables, for people: sections that the terminal, the report and the dispute bundle print."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import structs

from margincall.core.checks import HOLDS, UNCLEAR
from margincall.forensics.present import MARKS, Section, amount, moment
from margincall.forensics.verify.assumptions import BY_ID
from margincall.forensics.verify.check import (
    IRREGULAR,
    OPEN,
    REGULAR,
    Check,
    Interval,
    Irregularity,
    Judged,
    Verified,
)
from margincall.forensics.verify.conclude import SAYS

NAMES: Mapping[str, str] = {
    "trigger": "trigger against the brackets in force",
    "moment": "acted when the trigger was reached",
    "maintenance": "maintenance margin printed",
    "mark": "mark allowed by index and last price",
    "wick": "wick against other venues",
    "orders_cancelled": "open orders cancelled first",
    "limit_price": "limit is the bankruptcy price",
    "fill_price": "fills within the limit",
    "partial_steps": "no more closed than allowed",
    "clearance_fee": "clearance fee and its base",
    "commission": "commission",
    "realized_pnl": "realised PnL",
    "funding": "funding = rate × mark × size",
    "deleveraging_rank": "deleveraging: rank",
    "deleveraging_price": "deleveraging: price",
    "deleveraging_size": "deleveraging: size",
    "deleveraging_fee": "deleveraging: no fee",
    "loss_shared": "losses of others",
    "warning": "warning (none is promised)",
    "balance_after": "balance after",
    "books": "books add up",
}
"""What each check is called."""


LABELS: Mapping[str, Mapping[str, str]] = {
    "limit_price": {"printed": "limit", "derived": "bankruptcy price"},
    "fill_price": {"printed": "filled at", "derived": "limit"},
    "orders_cancelled": {"printed": "cancelled", "derived": "open before"},
    "balance_after": {"printed": "left", "derived": "at least"},
    "clearance_fee": {"printed": "charged", "derived": "due", "limit": "at most"},
    "partial_steps": {"printed": "closed", "derived": "held"},
    "deleveraging_size": {"printed": "closed", "derived": "held"},
    "deleveraging_fee": {"printed": "charged", "derived": "due"},
}
"""What the numbers of a check are, where `printed` and `derived` say too little."""
ESSENTIAL: Mapping[str, str] = {"mark": "the mark", "moment": "the moment"}
"""Checks that are not decisive, but without which a liquidation was not looked at in full."""


def instant(time_ms: int) -> str:
    """A time as UTC text. One of a whole second has no decimals: exports print no finer, so it claims no more."""
    return coarse(moment(time_ms))


def coarse(text: str) -> str:
    """A text in which times of whole seconds have no decimals."""
    return text.replace(".000 UTC", " UTC")


def headline(each: Judged) -> str:
    """One sentence: which liquidation, what was concluded, and what essential was not checked."""
    left = ", ".join(dict.fromkeys(ESSENTIAL[check.kind] for check in unchecked(each)))
    return f"{_concluded(each)}; not checked: {left}" if left else _concluded(each)


def unchecked(each: Judged) -> tuple[Check, ...]:
    """Of a liquidation in which nothing irregular was found the essential checks that nobody can tell."""
    if each.conclusion != REGULAR:
        return ()
    told = {(check.kind, check.about) for check in each.checks if check.verdict == HOLDS}
    return tuple(
        check
        for check in each.checks
        if check.kind in ESSENTIAL and check.verdict == UNCLEAR and (check.kind, check.about) not in told
    )


def not_checked(each: Judged) -> Iterator[str]:
    """A sentence for each essential check that is open: what was not checked, and what would settle it."""
    for what, settled_by in dict.fromkeys((ESSENTIAL[check.kind], check.settled_by) for check in unchecked(each)):
        yield f"Not checked: {what}. " + (f"It takes {settled_by}." if settled_by else "No file tells it.")


Again = Callable[..., str]
"""Makes of a command's name and words the whole command with the user's paths; "" where it cannot be called so."""


def next_section(verdict: Verified, again: Again) -> Section:
    """What to do next, each with its command."""
    steps = [(what, step) for what, step in _next(verdict, again) if step]
    return Section("Next", ("for", "step"), tuple(steps))


def _next(verdict: Verified, again: Again) -> Iterator[tuple[str, str]]:
    ask = again("dispute", "--out", "my-dispute")
    if verdict.conclusion == IRREGULAR:
        yield "write what to send to the venue", ask
    if verdict.conclusion == OPEN:
        yield "ask the venue for its records", ask
    if not verdict.liquidations:
        yield "which files are read, and what each shows", "margincall explain --help"
        return
    if any(each.settled_by for one in verdict.liquidations for each in _open(one)):
        yield "add what would settle the rest (named above), and verify again", again("verify")
    without_prices = (each for each in verdict.liquidations if any(_lacks_prices(check) for check in each.checks))
    for symbol, day in dict.fromkeys((each.symbol, moment(each.time_ms)[:10]) for each in without_prices):
        for kind in ("index", "last"):
            yield (
                f"candles of the {kind} price",
                f"margincall market fetch {symbol} --kind {kind} --from {day} --to {day}",
            )
    yield "what is left, and what can be asked for", again("recover")
    yield "all of it on one page", again("report")


def _open(each: Judged) -> Iterator[Check]:
    return (check for check in each.checks if check.verdict == UNCLEAR)


def needs_section(each: Judged) -> Section:
    """Each file that would settle an open check, once, with the checks that it takes part in settling."""
    found: dict[str, list[str]] = {}
    for check in _open(each):
        for need in filter(None, check.settled_by.split("; ")):
            named = found.setdefault(need, [])
            if (name := NAMES.get(check.kind, check.kind)) not in named:
                named.append(name)
    rows = tuple((need, ", ".join(names)) for need, names in found.items())
    return Section("What would settle the rest", ("file", "for"), rows)


def _lacks_prices(each: Check) -> bool:
    return each.kind == "mark" and each.verdict == UNCLEAR


def _concluded(each: Judged) -> str:
    name = " ".join(part for part in (each.symbol, each.position_side.replace("BOTH", "")) if part)
    what = {"liquidation": "liquidation", "adl": "deleveraging", "indirect": "closing", "support": "support reply"}
    return f"{name} {what.get(each.kind, each.kind)}, {instant(each.time_ms)}: {each.conclusion.upper()}".strip()


def sections(each: Judged) -> Iterator[Section]:
    """What was found, the checks, what would settle those that are open, and the time that it took."""
    if each.irregularities:
        yield found_section(each.irregularities)
    if each.checks:
        yield checks_section("Checks", [structs.replace(check, settled_by="") for check in each.checks])
    if (needs := needs_section(each)).rows:
        yield needs
    if each.interval is not None and (rows := tuple(interval_rows(each.interval))):
        yield Section("When", ("what", "time (UTC)"), rows)
    if each.conclusion == OPEN and not each.checks:
        yield Section("Checks", ("",), (("? these files tell too little to check anything",),))


def history_sections(verdict: Verified) -> Iterator[Section]:
    """What was booked beside the liquidations, and what all of it rests on."""
    if verdict.irregularities:
        yield found_section(verdict.irregularities)
    if verdict.checks:
        yield checks_section("What was booked beside", verdict.checks)
    chosen = [BY_ID[name] for name in verdict.assumptions if name in BY_ID]
    if chosen:
        rows = tuple((one.id, one.default, one.settled_by) for one in chosen)
        yield Section("Assumed, where the venue publishes no rule", ("id", "assumed", "would be settled by"), rows)


def found_section(found: tuple[Irregularity, ...]) -> Section:
    """What is wrong, in words, with amounts."""
    rows = tuple(
        (
            f"✗ {each.says}",
            f"{amount(each.amount)} {each.unit}".strip() if each.amount is not None else "",
            "; ".join(SAYS[other] for other in each.or_else),
        )
        for each in found
    )
    return Section("Irregular", ("what", "by", "or else"), rows, right=(1,))


def checks_section(title: str, checks: Sequence[Check]) -> Section:
    """Every check: verdict, numbers, rule and source, what would settle it."""
    rows = tuple(
        (
            f"{MARKS.get(each.verdict, '?')} {NAMES.get(each.kind, each.kind)}",
            each.about,
            told(each),
            "; ".join(filter(None, (each.note, each.settled_by and f"needs: {each.settled_by}"))),
            f"{each.source}{f' ({each.since})' if each.since else ''}",
        )
        for each in checks
    )
    return Section(
        title, ("check", "of", "numbers", "note", "rule"), rows, note="✓ holds   ✗ does not hold   ? cannot tell"
    )


def told(each: Check) -> str:
    """The numbers of a check in one text."""
    labels = LABELS.get(each.kind, {})
    named = ((labels.get(name, name.replace("_", " ")), number) for name, number in each.numbers.items())
    return ", ".join(f"{name} {amount(number)}" for name, number in named)


def interval_rows(found: Interval) -> Iterator[tuple[str, str]]:
    """The times of a liquidation, one row each."""
    for name, time_ms in (
        ("last price that was survived", found.survived_ms),
        ("first price that was not", found.reached_ms),
        ("order of the venue", found.order_ms),
        ("last booking", found.closed_ms),
    ):
        if time_ms is not None:
            yield name, instant(time_ms)
    if found.to_order_ms is not None:
        least, most = found.to_order_ms
        yield "from the trigger to the order", f"{least} to {most} ms"
    if found.to_close_ms is not None:
        is_coarse = not found.to_close_ms and not (found.order_ms or 0) % 1000
        yield "from the order to the last booking", "within one second" if is_coarse else f"{found.to_close_ms} ms"
