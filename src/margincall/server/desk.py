"""The dispute desk of a running server: disputes are opened in the engine, and judged by its journal alone."""

import asyncio
from decimal import localcontext

from margincall.core.rounding import CONTEXT
from margincall.exchange import commands
from margincall.exchange.bundles import commands_of, meant
from margincall.exchange.engine import restored
from margincall.exchange.events import AnyExchangeEvent, Disputed
from margincall.exchange.journal import read
from margincall.exchange.judgement import Decision, answer, judge
from margincall.exchange.rulesets import rules_from
from margincall.exchange.state import DisputeEntry, Events, Exchange
from margincall.server.assembled import JOURNAL, Assembled
from margincall.wire.claims import Claim


async def dispute(built: Assembled, account: str, liquidation: int) -> Decision:
    """Dispute a liquidation, and book what the desk answers; also of a dispute that is open, as a crash between the two
    leaves one. Raises `ApiError` where there is nothing to dispute.

    The journal is read in another thread: a long one takes long, and the exchange goes on meanwhile.
    """
    venue = built.venue
    number = _open(venue.state, account, liquidation)
    if number is None:
        events = await venue.do(commands.Dispute(account=account, liquidation=liquidation))
        number = next(each.number for each in events if isinstance(each, Disputed))
    venue.engine.sync()
    decision = await asyncio.to_thread(_judged, built, venue.state.disputes[number])
    with localcontext(CONTEXT):
        booking = answer(venue.state, decision)
    await venue.do(booking)
    return decision


def _open(state: Exchange, account: str, liquidation: int) -> int | None:
    """The number of the dispute of a liquidation that is open, if one is."""
    for each in state.disputes.values():
        if (each.account, each.liquidation, each.status) == (account, liquidation, "open"):
            return each.number
    return None


async def dispute_claimed(built: Assembled, claim: Claim) -> list[Decision]:
    """Dispute what a claim means, and book what the desk answers. Raises `NotFound` where nothing here fits."""
    built.venue.engine.sync()
    events = await asyncio.to_thread(_events, built)
    return [await dispute(built, each.account, each.liquidation) for each in commands_of(meant(claim, events))]


def _judged(built: Assembled, entry: DisputeEntry) -> Decision:
    header, records, _ = read(built.folder / JOURNAL)
    rules = rules_from(header.rules, JOURNAL)
    found = [commands.decode(each.command) for each in records]
    with localcontext(CONTEXT):
        return judge(rules, found, entry, genesis_ms=header.genesis_ms)


def _events(built: Assembled) -> list[AnyExchangeEvent]:
    """Everything that happened."""
    found: list[AnyExchangeEvent] = []

    def tell(state: Exchange, events: Events) -> None:
        found.extend(events)

    restored(built.folder / JOURNAL, tell)
    return found
