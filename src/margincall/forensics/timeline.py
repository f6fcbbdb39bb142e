"""The account at every moment of its history, without keeping every account.

Accounts are values; a snapshot is kept every so many events, and the rest is folded again when asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from margincall.core.account import Account
from margincall.core.events import AnyEvent, Fill, Order
from margincall.core.fold import FillTerms, fill_terms, fold, fold_fill
from margincall.forensics.rulebook import RulesAt

SNAPSHOT_EVERY = 256


class Watcher(Protocol):
    """Sees each event once while a history is folded: its place, the account before and after it, and for a fill what
    the rules derive for it."""

    def see(self, place: int, event: AnyEvent, before: Account, after: Account, terms: FillTerms | None) -> None:
        """Take one event in."""


class Timeline:
    """`before(i)` is the account just before event `i`, `after(i)` just after it."""

    def __init__(
        self, opening: Account, events: Sequence[AnyEvent], rules_at: RulesAt, watchers: Iterable[Watcher] = ()
    ) -> None:
        """Fold all events once, keeping snapshots; `watchers` see each event. Raises what `fold` raises."""
        self.events = events
        self._rules_at = rules_at
        self._snapshots = [opening]
        seeing = [each.see for each in watchers]
        before = opening
        for place, event in enumerate(events):
            rules = rules_at(event.time_ms)
            terms = None
            if isinstance(event, Fill):
                contract = rules.contract(event.symbol)
                terms = fill_terms(before.position((event.symbol, event.side)), event, contract, rules.fees)
                after = fold_fill(before, event, terms, contract)
            elif isinstance(event, Order):
                after = before
            else:
                after = fold(before, event, rules)
            for see in seeing:
                see(place, event, before, after, terms)
            if (place + 1) % SNAPSHOT_EVERY == 0:
                self._snapshots.append(after)
            before = after
        self.last = before

    def before(self, place: int) -> Account:
        """The account just before event `place` (0 gives the opening)."""
        start = place // SNAPSHOT_EVERY
        account = self._snapshots[start]
        for _, _, after in self._fold_from(account, start * SNAPSHOT_EVERY, place):
            account = after
        return account

    def after(self, place: int) -> Account:
        """The account just after event `place`."""
        return self.before(place + 1)

    def walk(self) -> Iterator[tuple[AnyEvent, Account, Account]]:
        """Each event with the account before and after it."""
        return self._fold_from(self._snapshots[0], 0, len(self.events))

    def _fold_from(self, account: Account, start: int, end: int) -> Iterator[tuple[AnyEvent, Account, Account]]:
        for place in range(start, end):
            event = self.events[place]
            after = fold(account, event, self._rules_at(event.time_ms))
            yield event, account, after
            account = after
