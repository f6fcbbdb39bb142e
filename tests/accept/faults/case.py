"""The values of a fault table: a setting with its fault, its two runs, and what a kind of fault is."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from margincall.core.events import Fill
from margincall.core.units import ZERO
from margincall.exchange import commands
from margincall.exchange.events import AnyExchangeEvent, LiquidationStarted, LiquidationStep
from margincall.exchange.play import Played
from margincall.exchange.rulesets import RuleSet
from tests.accept.faults.evidence import Level
from tests.accept.faults.plan import VICTIM, Draw
from tests.accept.faults.venue import Venue, replayed

UNIT = Decimal("1e-8")
"""The last digit of an amount."""


class Setting(NamedTuple):
    """What a case plays: all commands with the fault among them, whose files are looked at, those of another account of
    the same owner, and what the fault is about. `drawn` is its size in the unit of its kind."""

    drawn: Decimal
    rules: RuleSet
    start_ms: int
    commands: tuple[commands.AnyCommand, ...]
    symbol: str
    at_ms: int
    victim: str = VICTIM
    beside: str = ""


class Pair(NamedTuple):
    """The two runs of a setting: with the fault, and without."""

    setting: Setting
    faulted: Played
    clean: Played


class Fault(NamedTuple):
    """A kind of fault. `effective` is the size that it had, from its two runs; none where it changed nothing.
    `bound` is the smallest size that a level can show, given the folder in which all files of the faulted run are; none
    where that level shows none. `found` is the irregularity that `verify` should name, `checks` are those it rests on.
    """

    title: str
    unit: str
    setting: Callable[[Draw], Setting]
    effective: Callable[[Pair], Decimal | None]
    bound: Callable[[Pair, Level, Path], Decimal | None]
    found: str
    checks: tuple[str, ...]


def of_venue(
    venue: Venue,
    faults: Iterable[tuple[int, commands.InjectFault]],
    *,
    drawn: Decimal,
    symbol: str,
    at_ms: int,
    victim: str = VICTIM,
    beside: str = "",
) -> Setting:
    """A setting of what a venue was told, with faults at their times."""
    told: list[commands.AnyCommand] = list(venue.run.commands)
    for time_ms, fault in faults:
        told = inserted(told, time_ms, fault)
    return Setting(drawn, venue.rules, venue.start_ms, tuple(told), symbol, at_ms, victim, beside)


def inserted(
    told: Sequence[commands.AnyCommand], time_ms: int, fault: commands.AnyCommand
) -> list[commands.AnyCommand]:
    """The commands with one more at a time: after all that happens by then."""
    for place, command in enumerate(told):
        if isinstance(command, commands.Advance) and command.time_ms > time_ms:
            return [*told[:place], commands.Advance(time_ms=time_ms), fault, *told[place:]]
    return [*told, commands.Advance(time_ms=time_ms), fault]


def both(setting: Setting) -> Pair:
    """Play a setting with its fault and without."""
    runs = [
        replayed(setting.rules, setting.start_ms, setting.commands, faulted=is_faulted) for is_faulted in (True, False)
    ]
    return Pair(setting, *runs)


def begun(run: Played, account: str) -> list[LiquidationStarted]:
    """The liquidations of an account, in order."""
    return [each for each in run.events if isinstance(each, LiquidationStarted) and each.account == account]


def steps(run: Played, account: str, step: str) -> list[LiquidationStep]:
    """The steps of a kind in an account's liquidations, in order."""
    return [
        each
        for each in run.events
        if isinstance(each, LiquidationStep) and each.account == account and each.step == step
    ]


def fills(events: Iterable[AnyExchangeEvent], account: str, symbol: str) -> list[Fill]:
    """An account's fills of a symbol."""
    return [each for each in events if isinstance(each, Fill) and (each.account, each.symbol) == (account, symbol)]


def held(run: Played, account: str, symbol: str, before_ms: int) -> dict[str, Decimal]:
    """What an account held of a symbol just before a time, by position side; signed."""
    found: dict[str, Decimal] = {}
    for fill in fills(run.events, account, symbol):
        if fill.time_ms < before_ms:
            found[fill.side] = found.get(fill.side, ZERO) + fill.quantity
    return {side: quantity for side, quantity in found.items() if quantity}
