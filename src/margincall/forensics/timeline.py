"""The account at every moment of its history, without keeping every account.

Accounts are values; a snapshot is kept every so many events, and the rest is folded again when asked for.
"""

from collections.abc import Iterator, Sequence

from margincall.core.account import Account
from margincall.core.events import AnyEvent
from margincall.core.fold import fold
from margincall.forensics.rulebook import RulesAt

SNAPSHOT_EVERY = 256


class Timeline:
    """`before(i)` is the account just before event `i`, `after(i)` just after it."""

    def __init__(self, opening: Account, events: Sequence[AnyEvent], rules_at: RulesAt) -> None:
        """Fold all events once, keeping snapshots. Raises what `fold` raises."""
        self.events = events
        self._rules_at = rules_at
        self._snapshots = [opening]
        self.last = opening
        for place, (_, _, account) in enumerate(self._fold_from(opening, 0, len(events))):
            self.last = account
            if (place + 1) % SNAPSHOT_EVERY == 0:
                self._snapshots.append(account)

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
