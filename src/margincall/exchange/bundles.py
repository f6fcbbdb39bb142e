"""The dispute desk reads a bundle: what on this exchange does a claim mean, whose is it, and what does the desk say?

A claim names orders and times, the exchange's journal has liquidations. Found is by the venue's own numbers: by order
id, else by time; nothing that a claim says about right or wrong is looked at, the desk judges by its journal alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import localcontext

from msgspec import Struct

from margincall.core.events import Fill, Order
from margincall.core.rounding import CONTEXT
from margincall.errors import UsageError
from margincall.exchange.commands import AnyCommand, Dispute
from margincall.exchange.events import AnyExchangeEvent, Deleveraged, LiquidationEnded, LiquidationStarted, LossShared
from margincall.exchange.exports import number_of
from margincall.exchange.judgement import Decision, answer, judge
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.play import Played
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.scenario import Scenario
from margincall.exchange.step import step
from margincall.wire.claims import Claim, Disputed
from margincall.wire.durations import SECOND_MS

FORCED = ("liquidation", "adl")


class Meant(Struct, frozen=True):
    """What a disputed thing is on this exchange: the account, and the liquidation that closed or charged it."""

    account: str
    liquidation: int
    disputed: Disputed


class NotFound(UsageError):
    """A claim about what this exchange does not know."""


def meant(claim: Claim, events: Sequence[AnyExchangeEvent]) -> list[Meant]:
    """Each disputed thing once, in the order of the claim; a booking by the liquidation that it led to. Raises
    `NotFound` where nothing here fits, or where the orders are not those of the account that the claim names."""
    found: dict[tuple[str, int], Meant] = {}
    hits = list(_hits(events))
    for each in claim.disputed:
        for account, number in _fitting(each, claim, hits):
            found.setdefault((account, number), Meant(account, number, each))
    if not found:
        raise NotFound("no liquidation, deleveraging or shared loss of this exchange fits the claim")
    accounts = {each.account for each in found.values()}
    if len(accounts) > 1:
        raise NotFound(f"the claim fits {len(accounts)} accounts, and does not name one of them")
    if claim.account and accounts and not _is_named(claim.account, *accounts):
        raise NotFound("the claim names another account than that whose orders it lists")
    return list(found.values())


def commands_of(found: Iterable[Meant]) -> list[Dispute]:
    """The commands that open these disputes."""
    return [Dispute(account=each.account, liquidation=each.liquidation) for each in found]


class _Hit(Struct, frozen=True):
    """What a liquidation did to one account: by which order, when, to which symbol ("" where only money moved)."""

    account: str
    number: int
    time_ms: int
    symbol: str
    order_id: str
    subject: str


def _hits(events: Iterable[AnyExchangeEvent]) -> Iterator[_Hit]:
    """Every order and fill of a liquidation or deleveraging, and every charge for one. A charge for what was left after
    a liquidation belongs to the last one of the account that left it."""
    now: LiquidationStarted | None = None
    last: dict[str, int] = {}
    for event in events:
        if isinstance(event, LiquidationStarted):
            now = event
            last[event.account] = event.number
        elif isinstance(event, LiquidationEnded):
            now = None
        elif isinstance(event, LossShared):
            number = now.number if now is not None else last.get(event.account, 0)
            for name in event.charges:
                yield _Hit(name, number, event.time_ms, "", "", "shared loss")
        elif now is not None and isinstance(event, Deleveraged):
            yield _Hit(event.account, now.number, event.time_ms, event.symbol, "", "deleveraging")
        elif now is not None and isinstance(event, Fill | Order) and event.close in FORCED:
            is_own = event.account == now.account
            is_order = not (isinstance(event, Fill) and event.trade_id == TAKEN_OVER)
            order_id = event.order_id if is_order else ""
            subject = "liquidation" if is_own else "deleveraging"
            yield _Hit(event.account, now.number, event.time_ms, event.symbol, order_id, subject)


def _fitting(each: Disputed, claim: Claim, hits: Sequence[_Hit]) -> Iterator[tuple[str, int]]:
    """Account and number of what fits: by order id and symbol; without an order here, by time (the second, as exports
    stamp no finer), symbol and what it was."""
    by_order = [hit for hit in hits if hit.order_id and hit.order_id in each.order_ids and hit.symbol == each.symbol]
    if by_order:
        yield from ((hit.account, hit.number) for hit in by_order)
        return
    if each.order_ids:
        return
    seconds = {time_ms // SECOND_MS for time_ms in each.times_ms}
    for hit in hits:
        is_here = hit.time_ms // SECOND_MS in seconds and hit.symbol in ("", each.symbol)
        if is_here and hit.subject == each.subject and (not claim.account or _is_named(claim.account, hit.account)):
            yield hit.account, hit.number


def _is_named(reference: str, account: str) -> bool:
    """Whether a reference is the account's: its name, or the number that the exports print."""
    return reference in (account, str(number_of(account)))


def judged(run: Played, rules: RuleSet, scenario: Scenario, claim: Claim) -> list[Decision]:
    """Dispute what a claim means at the end of a run, and let the desk answer, by its own journal: refunds are booked,
    and the commands are of the run as all others are. Raises `NotFound`."""
    decisions: list[Decision] = []
    for command in commands_of(meant(claim, run.events)):
        opened = run.state.next_dispute
        _carry_out(run, command)
        if run.state.next_dispute == opened:
            raise NotFound(f"liquidation {command.liquidation} of {command.account} cannot be disputed (again)")
        with localcontext(CONTEXT):
            decisions.append(judge(rules, run.commands, run.state.disputes[opened], genesis_ms=scenario.start))
        _carry_out(run, answer(run.state, decisions[-1]))
    return decisions


def _carry_out(run: Played, command: AnyCommand) -> None:
    """One command of the run, kept with what it gave."""
    events = step(run.state, command)
    run.commands.append(command)
    run.events += events
