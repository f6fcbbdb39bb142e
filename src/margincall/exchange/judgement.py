"""The dispute desk: was a liquidation of the exchange right, and what did the operator's faults cost the account?

`judge` is a pure function of the journal: it replays it as it was and without the operator's faults, holds the
liquidation against the marks and rules that should have applied, and says what it found; the refund is the difference
of the two runs. `answer` makes the command that books the decision. Nothing is promised: what a decision assumes is
named in it. Rules: `docs/spec/disputes.md`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Account, Marks
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.margin import position_terms
from margincall.core.rounding import booked, exact, plain
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.exchange.commands import AnyCommand, Decide
from margincall.exchange.dispute_checks import Course, course, findings, findings_of_a_hit
from margincall.exchange.replay import Scene, accounts_at_end, marks_at_end, scene, true_marks
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import DisputeEntry, Exchange

GROUNDS = frozenset(
    {"trigger", "order_size", "limit_price", "fill_price", "orders_cancelled", "clearance_fee", "fee_twice", "adl_fee"}
    | {"adl_rank", "shared_loss", "funding_rate", "harm", "realized_pnl", "commission", "adl_size", "gone_on"}
)
"""Checks of which one that does not hold upholds a dispute. A wrong mark or a late desk that cost nothing is none."""
ASSUMED = "refund-is-harm"
"""What every refund rests on."""

WORDS = {
    "trigger": ("was", "by the rules", "above the margin by"),
    "gone_on": ("balance", "maintenance margin", "above it by"),
    "fill_price": ("was", "limit", ""),
    "balance_after": ("was", "", ""),
    "orders_cancelled": ("cancelled", "of", ""),
}
"""What a sentence calls printed number, derived one and amount, where it is not the usual; blank: left out."""

Amounts = Mapping[str, Decimal]


class Decision(Struct, frozen=True, kw_only=True):
    """What the desk answers: `refund` by asset is the harm that was found, `ended_ms` when the liquidation ended, as of
    which it is measured."""

    number: int
    account: str
    liquidation: int
    upheld: bool
    refund: Amounts
    findings: tuple[Finding, ...]
    ended_ms: int


@exact
def judge(rules: RuleSet, commands: Sequence[AnyCommand], dispute: DisputeEntry, *, genesis_ms: int = 0) -> Decision:
    """Decide a dispute by the journal that holds it: the rules it runs by, its commands, and the time at which it
    begins. Raises `NotInJournal` if the commands are those of another one."""
    found = scene(rules, commands, dispute, genesis_ms)
    said: list[Finding] = []
    if dispute.about == "liquidation":
        happened = course(found.was, dispute, rules)
        said += [*_late(found, happened), *_diverged(found, dispute)]
        said += findings(happened, true_marks(found, dispute, happened.started.time_ms), rules)
    else:
        said += [*_diverged(found, dispute), *findings_of_a_hit(found.was, dispute, rules)]
    was, due = accounts_at_end(found, dispute.account, rules.venue)
    marks = marks_at_end(found)
    said += found.funding
    said += _refunded_findings(found)
    said += _cleared_findings(found, was)
    said += _harm(equity(was, marks, rules.venue), equity(due, marks, rules.venue))
    return Decision(
        number=dispute.number,
        account=dispute.account,
        liquidation=dispute.liquidation,
        upheld=any(map(_is_ground, said)),
        refund=_refund(said),
        findings=tuple(said),
        ended_ms=found.ended_ms,
    )


def answer(state: Exchange, decision: Decision) -> Decide:
    """The command that books a decision in the exchange that holds the dispute. Nothing is paid twice: what the fund
    has paid of the account's debt since is taken off, and what it was refunded since for other liquidations, as a harm
    that lasts is in the difference of each. (What it was refunded before is in what it was worth.)"""
    entry = state.disputes[decision.number]
    assert (entry.account, entry.liquidation) == (decision.account, decision.liquidation), "it is another's dispute"
    paid: list[Amounts] = [each.refund for each in state.disputes.values() if each.account == entry.account]
    paid += [{each.about: -(each.printed or ZERO)} for each in decision.findings if each.kind == "refunded"]
    paid += [{each.about: each.printed or ZERO} for each in decision.findings if each.kind == "cleared"]
    owed = {
        asset: amount - sum((each.get(asset, ZERO) for each in paid), ZERO) for asset, amount in decision.refund.items()
    }
    return Decide(
        number=decision.number,
        upheld=decision.upheld,
        refund={asset: amount for asset, amount in owed.items() if amount > 0},
        findings=tuple(map(sentence, decision.findings)),
    )


def equity(account: Account, marks: Marks, venue: VenueRules) -> dict[str, Decimal]:
    """What an account is worth at these marks, by asset: wallet and unrealised PnL."""
    total: dict[str, Decimal] = dict(account.wallets)
    for position in account.open_positions():
        terms = position_terms(position, marks, venue)
        asset = terms.contract.margin_asset
        total[asset] = total.get(asset, ZERO) + terms.unrealized
    return total


def sentence(finding: Finding) -> str:
    """A finding as one line of text."""
    words = WORDS.get(finding.kind, ("was", "by the rules", "difference"))
    numbers = zip(words, (finding.printed, finding.derived, finding.amount), strict=True)
    said = [f"{word} {plain(number):f}" for word, number in numbers if word and number is not None]
    assumed = [f"assumed: {', '.join(finding.assumptions)}"] if finding.assumptions else []
    return "; ".join([f"{finding.kind} {finding.verdict}: {finding.about}", *said, finding.rule, *assumed])


def _is_ground(finding: Finding) -> bool:
    """Whether a finding upholds a dispute; a fee that was too low, or funding that was paid too much, does not."""
    amount = finding.amount or ZERO
    in_favour = (finding.kind == "clearance_fee" and amount < 0) or (finding.kind == "funding_rate" and amount > 0)
    return finding.kind in GROUNDS and finding.verdict == FAILS and not in_favour


def _late(found: Scene, happened: Course) -> Iterator[Finding]:
    """Whether the desk acted in time."""
    if found.late is not None:
        yield Finding(
            kind="moment",
            verdict=FAILS,
            about=f"{happened.started.pool}, milliseconds",
            rule="a pool at its trigger is liquidated at once (docs/spec/liquidation_desk.md)",
            printed=Decimal(happened.started.time_ms),
            derived=Decimal(found.late.time_ms),
            amount=Decimal(happened.started.time_ms - found.late.time_ms),
        )


def _diverged(found: Scene, dispute: DisputeEntry) -> Iterator[Finding]:
    """What the two runs say of the time before."""
    if found.diverged:
        yield Finding(
            kind="diverged",
            verdict=UNCLEAR,
            about=dispute.account,
            rule="faults had changed the account before: what follows is checked from the account as it stood",
            assumptions=("dispute-account-as-it-stood",),
        )


def _refunded_findings(found: Scene) -> Iterator[Finding]:
    """What the account had been refunded before the liquidation ended."""
    for asset, amount in sorted(found.refunded.items()):
        yield Finding(
            kind="refunded", verdict=HOLDS, about=asset, printed=amount,
            rule="refunded before for other liquidations: that much of an earlier harm is paid",
        )  # fmt: skip


def _cleared_findings(found: Scene, after: Account) -> Iterator[Finding]:
    """What of the debt that the account was left with the fund has paid since."""
    for asset, amount in sorted(found.cleared.items()):
        if paid := min(amount, max(-after.wallets.get(asset, ZERO), ZERO)):
            yield Finding(
                kind="cleared", verdict=HOLDS, about=asset, printed=paid,
                rule="the fund has brought the negative balance back to 0 since: that much of the harm is paid",
            )  # fmt: skip


def _harm(was: Amounts, due: Amounts) -> Iterator[Finding]:
    """What the account was worth at the end of the liquidation, against what it would have been worth then without the
    faults: both at the marks of the run without them. More than that is no complaint."""
    for asset in sorted({*was, *due}):
        told, right = was.get(asset, ZERO), due.get(asset, ZERO)
        yield Finding(
            kind="harm", verdict=FAILS if booked(right - told) > 0 else HOLDS, about=asset,
            rule="what the account was worth, against a run of the same journal without the operator's faults",
            printed=told, derived=right, amount=told - right, assumptions=(ASSUMED,),
        )  # fmt: skip


def _refund(said: Iterable[Finding]) -> dict[str, Decimal]:
    """The harm by asset."""
    harms = {each.about: -each.amount for each in said if each.kind == "harm" and each.amount is not None}
    return {asset: due for asset, harm in harms.items() if (due := booked(harm)) > 0}
