"""The dispute desk: was a liquidation of the exchange right, and if not, what did it cost the account?

`judge` is a pure function of the journal: it replays it as it was and without the operator's faults, holds the
liquidation against the marks and rules that should have applied, and says what it found. `answer` makes the command of
it that books the decision. Nothing is promised: what a decision assumes is named in it. Rules: `docs/spec/disputes.md`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Account, Marks
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.contract import gain, value
from margincall.core.events import Fill
from margincall.core.margin import position_terms
from margincall.core.rounding import booked, exact, plain
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange.commands import AnyCommand, Decide
from margincall.exchange.dispute_checks import Course, course, findings, left_open
from margincall.exchange.replay import Scene, corrected, scene, true_marks
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import DisputeEntry, Exchange

GROUNDS = frozenset(
    {"trigger", "order_size", "limit_price", "fill_price", "orders_cancelled", "clearance_fee", "adl_fee", "left"}
)
"""Checks of which one that does not hold upholds a dispute. A wrong mark or a late desk that cost nothing is none."""
ASSUMED = {
    "loss": "refund-at-true-mark",
    "left": "refund-by-replay",
    "orders_since": "refund-orders-at-mark",
}
"""What a refund rests on, by the finding that gives its amount."""

WORDS = {
    "trigger": ("was", "by the rules", "above the margin by"),
    "fill_price": ("was", "limit", ""),
    "balance_after": ("was", "", ""),
    "orders_cancelled": ("cancelled", "of", ""),
}
"""What a sentence calls printed number, derived one and amount, where it is not the usual; blank: left out."""

Amounts = Mapping[str, Decimal]


class Decision(Struct, frozen=True, kw_only=True):
    """What the desk answers: `refund` by asset is what it would take to put the account right, as far as it was
    found."""

    number: int
    account: str
    liquidation: int
    upheld: bool
    refund: Amounts
    findings: tuple[Finding, ...]


@exact
def judge(rules: RuleSet, commands: Sequence[AnyCommand], dispute: DisputeEntry, *, genesis_ms: int = 0) -> Decision:
    """Decide a dispute by the journal that holds it: the rules it runs by, its commands, and the time at which it
    begins. Raises `NotInJournal` if the commands are those of another one."""
    found = scene(rules, commands, dispute, genesis_ms)
    happened = course(found.was, dispute, rules)
    marks = true_marks(found, dispute, happened.started.time_ms)
    said = [*_history(found, happened), *findings(happened, marks, rules)]
    paid = _cleared(found, happened)
    said += _cleared_findings(paid)
    after = _sum(equity(happened.after, marks, rules.venue), paid)
    if any(each.kind == "trigger" and each.verdict == FAILS for each in said):
        said += _losses(equity(happened.before, marks, rules.venue), after)
    else:
        right = equity(corrected(rules, commands, dispute, found, genesis_ms), marks, rules.venue)
        said += [*_left(after, right), *_orders_since(found, happened, rules)]
    return Decision(
        number=dispute.number,
        account=dispute.account,
        liquidation=dispute.liquidation,
        upheld=any(map(_is_ground, said)),
        refund=_refund(said, rules.venue),
        findings=tuple(said),
    )


def answer(state: Exchange, decision: Decision) -> Decide:
    """The command that books a decision in the exchange that holds the dispute."""
    entry = state.disputes[decision.number]
    assert (entry.account, entry.liquidation) == (decision.account, decision.liquidation), "it is another's dispute"
    return Decide(
        number=decision.number,
        upheld=decision.upheld,
        refund=decision.refund,
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
    """Whether a finding upholds a dispute; a fee that was too low does not."""
    in_favour = finding.kind == "clearance_fee" and finding.amount is not None and finding.amount < 0
    return finding.kind in GROUNDS and finding.verdict == FAILS and not in_favour


def _sum(amounts: Amounts, more: Amounts) -> dict[str, Decimal]:
    return {asset: amounts.get(asset, ZERO) + more.get(asset, ZERO) for asset in sorted({*amounts, *more})}


def _history(found: Scene, happened: Course) -> Iterator[Finding]:
    """What the two runs say of the time before."""
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
    if found.diverged:
        yield Finding(
            kind="diverged",
            verdict=UNCLEAR,
            about=happened.name,
            rule="faults had changed the account before: judged from the account as it stood, not as it might have",
            assumptions=("dispute-account-as-it-stood",),
        )


def _cleared(found: Scene, happened: Course) -> dict[str, Decimal]:
    """What of the debt that the liquidation left the fund has paid since: no refund pays it again."""
    debts = {asset: max(-wallet, ZERO) for asset, wallet in happened.after.wallets.items()}
    return {asset: paid for asset, amount in found.cleared.items() if (paid := min(amount, debts.get(asset, ZERO)))}


def _cleared_findings(paid: Amounts) -> Iterator[Finding]:
    for asset, amount in sorted(paid.items()):
        yield Finding(
            kind="cleared", verdict=HOLDS, about=asset, printed=amount,
            rule="the fund has brought the negative balance back to 0 since: counted as left",
        )  # fmt: skip


def _losses(before: Amounts, after: Amounts) -> Iterator[Finding]:
    """What a liquidation that should not have been cost: by asset, what the account was worth before and after."""
    for asset in sorted({*before, *after}):
        was, left = before.get(asset, ZERO), after.get(asset, ZERO)
        if booked(was - left) > 0:
            yield Finding(
                kind="loss", verdict=FAILS, about=asset,
                rule="what was left, against the account as it stood with its positions at the marks that should apply",
                printed=left, derived=was, amount=left - was, assumptions=(ASSUMED["loss"],),
            )  # fmt: skip


def _left(after: Amounts, right: Amounts) -> Iterator[Finding]:
    """What was left against what a liquidation as it should have been leaves; more than that is no complaint."""
    for asset in sorted({*after, *right}):
        was, due = after.get(asset, ZERO), right.get(asset, ZERO)
        yield Finding(
            kind="left", verdict=FAILS if booked(due - was) > 0 else HOLDS, about=asset,
            rule="what was left, against the replay with the marks and rules that should have applied",
            printed=was, derived=due, amount=was - due, assumptions=(ASSUMED["left"],),
        )  # fmt: skip


def _orders_since(found: Scene, happened: Course, rules: RuleSet) -> Iterator[Finding]:
    """What orders that should have been cancelled have done to the account until the dispute."""
    orders = frozenset(left_open(happened, rules)) if rules.waterfall.cancel != "none" else frozenset()
    done = _results((fill for fill in found.later if fill.order_id in orders), found.marks, rules.venue)
    for asset, result in sorted(done.items()):
        yield Finding(
            kind="orders_since", verdict=FAILS if booked(-result) > 0 else HOLDS, about=asset,
            rule="fills of orders that were to be cancelled, with their fees, at the mark of the dispute",
            printed=result, derived=ZERO, amount=result, assumptions=(ASSUMED["orders_since"],),
        )  # fmt: skip


def _results(fills: Iterable[Fill], marks: Marks, venue: VenueRules) -> dict[str, Decimal]:
    """What fills have won or lost at these marks, less their fees, by margin asset."""
    total: dict[str, Decimal] = {}
    for fill in fills:
        contract = venue.contract(fill.symbol)
        quantity = Quantity(fill.quantity)
        worth = value(contract, quantity, marks.prices[fill.symbol])
        result = gain(contract, value(contract, quantity, Price(fill.price)), worth) - (fill.fee or ZERO)
        total[contract.margin_asset] = total.get(contract.margin_asset, ZERO) + result
    return total


def _refund(said: Iterable[Finding], venue: VenueRules) -> dict[str, Decimal]:
    """By asset: the loss of what should not have been; or what was left too little, at least what the fee was too high;
    and what orders did that should have been cancelled."""
    total: dict[str, Decimal] = {}
    wrong = [(each, each.amount) for each in said if each.verdict == FAILS and each.amount is not None]
    fees = {venue.contract(each.about).margin_asset: amount for each, amount in wrong if each.kind == "clearance_fee"}
    left = {each.about: -amount for each, amount in wrong if each.kind == "left"}
    for asset in sorted({*fees, *left}):
        total[asset] = max(left.get(asset, ZERO), fees.get(asset, ZERO))
    for each, amount in wrong:
        if each.kind in ("loss", "orders_since"):
            total[each.about] = total.get(each.about, ZERO) - amount
    return {asset: due for asset in sorted(total) if (due := booked(total[asset])) > 0}
