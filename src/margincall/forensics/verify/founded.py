"""What founds the size and the cost of a position in the files: without it a funding fee, a size or a profit accuses
nobody.

A recorded stream prints positions; within one file it is taken for whole (assumed: `recording-whole`), between two
anything may have happened. Lists of trades are whole if the list of orders tells the same sizes, order by order.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from itertools import accumulate

from msgspec import Struct

from margincall.core.account import PositionKey
from margincall.core.events import Fill, IndexPrice, MarkCandle, MarkPrice, Order, Statement
from margincall.core.units import ZERO
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.reconstruct import Reconstruction

PRICES = MarkPrice | IndexPrice | MarkCandle
"""Of the market, not of the account."""


class Printed(Struct, frozen=True):
    """A printed size of a position: where, in which file, and whether an update of a stream prints it."""

    place: int
    quantity: Decimal
    file: str
    is_update: bool


class Founded:
    """A history, indexed once: prints and fills of each position, and which orders the lists tell."""

    def __init__(self, history: Reconstruction) -> None:
        """Walk the events once."""
        self.history = history
        self.prints: dict[PositionKey, list[Printed]] = {}
        self.fills: dict[PositionKey, list[int]] = {}
        self.messages: list[int] = []
        """Places of what recordings tell of the account."""
        self._told: list[int] = []
        """Places of everything that is told of the account."""
        self._filled: dict[tuple[str, str], Decimal] = {}
        self._executed: dict[tuple[str, str], Decimal] = {}
        self._disagreeing = {
            each.source for each in history.compared.comparisons if each.field == "position" and not each.agrees
        }
        recordings = {
            event.source.file for event in history.events if isinstance(event, Statement) and event.origin == "update"
        }
        for place, event in enumerate(history.events):
            if not isinstance(event, PRICES):
                self._told.append(place)
                if event.source.file in recordings:
                    self.messages.append(place)
            if isinstance(event, Statement):
                for each in event.positions:
                    if each.quantity is not None:
                        known = Printed(place, each.quantity, event.source.file, event.origin == "update")
                        self.prints.setdefault((each.symbol, each.side), []).append(known)
            elif isinstance(event, Fill) and event.trade_id != TAKEN_OVER:
                self.fills.setdefault((event.symbol, event.side), []).append(place)
                name = event.symbol, event.order_id
                self._filled[name] = self._filled.get(name, ZERO) + abs(event.quantity)
            elif isinstance(event, Order) and event.executed:
                self._executed[event.symbol, event.order_id] = event.executed

    def size_known(self, key: PositionKey, place: int) -> bool:
        """Whether the size of a position before event `place` is founded: the file of that event prints it before, and
        the last print and the next one agree with the fills, or it follows from fills alone."""
        at = bisect_right(self._told, place)  # a price is no message of the account
        place = self._told[at - 1] if at else 0
        file = self.history.events[place].source.file
        printed = [each for each in self._before(key, place) if each.file == file and each.is_update]
        if printed:
            last = printed[-1]
            agrees = self.history.timeline.after(last.place).position(key).quantity == last.quantity
            return agrees and self._next_agrees(key, place, file)
        return self.cost_known(key, place)

    def known_then(self, key: PositionKey, place: int) -> bool:
        """As `size_known`, before event `place`, at which the account itself was told nothing. A recording founds it
        that printed the position last, tells the account's last message before (no other was begun since) and goes on:
        one after it, or a later answer prints the same position."""
        before = [each for each in self._before(key, place) if each.is_update]
        if not before:
            return self.cost_known(key, self._message_before(place))
        last = before[-1]
        agrees = self.history.timeline.after(last.place).position(key).quantity == last.quantity
        then = bisect_left(self.messages, place)
        later = (self.history.events[each].source.file for each in self.messages[then:])
        event = self.history.events[self.messages[then - 1]]
        printed = next((each for each in self.prints[key] if each.place >= place and not each.is_update), None)
        goes_on = last.file in later or (printed is not None and printed.quantity == last.quantity)
        return agrees and event.source.file == last.file and goes_on and self._next_agrees(key, place, last.file)

    def _message_before(self, place: int) -> int:
        """The last event of the account before a place; the place itself if there is none."""
        at = bisect_left(self._told, place)
        return self._told[at - 1] if at else place

    def place_at(self, time_ms: int) -> int:
        """The place of the first event at or after a time; marks of that very time come before it."""
        return bisect_left(self._reached, (time_ms, True))

    @cached_property
    def _reached(self) -> list[tuple[int, bool]]:
        """The latest time up to each place, and whether anything but a mark is of it: an update that stands behind its
        fill is older than what comes before it."""
        times = ((each.time_ms, not isinstance(each, MarkPrice | IndexPrice)) for each in self.history.events)
        return list(accumulate(times, max))

    def _next_agrees(self, key: PositionKey, place: int, file: str) -> bool:
        """Whether the next print of a position in a file follows from the fills: where it does not, a message was lost
        before it, or the last print was none of this moment."""
        later = (each for each in self.prints.get(key, ()) if each.place >= place and each.file == file)
        after = next((each for each in later if each.is_update), None)
        return after is None or self.history.events[after.place].source not in self._disagreeing

    def cost_known(self, key: PositionKey, place: int) -> bool:
        """Whether cost and size of a position before event `place` follow from fills alone: it was flat where the files
        begin, and they hold every fill since."""
        if self.history.opening.account.position(key).quantity:
            return False
        if any(each.is_update for each in self.prints.get(key, ())):
            return self._recorded(key, place)
        last = self.history.timeline.last.position(key).quantity
        shown = self.prints.get(key, ())
        return last == (shown[-1].quantity if shown else ZERO) and self.lists_agree(key[0])

    def _recorded(self, key: PositionKey, place: int) -> bool:
        """Whether one recording holds it all: it prints the position before, its prints agree, and no fill or print of
        the position before it is of another file."""
        file = self.history.events[place].source.file
        before = self._before(key, place)
        earlier = self.fills.get(key, [])[: bisect_left(self.fills.get(key, []), place)]
        files = {each.file for each in before} | {self.history.events[each].source.file for each in earlier}
        about = f"{key[0]} {key[1]}"
        agree = all(
            each.agrees
            for each in self.history.compared.comparisons
            if each.field == "position" and each.about == about and each.source.file == file
        )
        return bool(before) and files == {file} and agree

    def lists_agree(self, symbol: str) -> bool:
        """Whether the trades of each order add up to what the list of orders says that it executed, and no order of
        either list is missing in the other."""
        filled = {name: size for name, size in self._filled.items() if name[0] == symbol}
        executed = {name: size for name, size in self._executed.items() if name[0] == symbol}
        return bool(filled) and filled == executed

    def _before(self, key: PositionKey, place: int) -> Sequence[Printed]:
        found = self.prints.get(key, [])
        return found[: bisect_left(found, place, key=_place)]


def _place(each: Printed) -> int:
    return each.place
