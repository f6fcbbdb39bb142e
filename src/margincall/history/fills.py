"""Fills that several sources tell of, each kept once.

A fill is known by symbol, trade id and direction. Some carry no trade id: in the stream (id 0), in older exports, and
where a spreadsheet has damaged it. Such a fill is held against one of another file with the same symbol, quantity and
price, and the same order, or (where one of them names no order) the same second, else a neighbouring one within
`TIME_TOLERANCE_MS`; one to one, so that equal rows of one file stay as many as they are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from margincall.core.events import Fill
from margincall.history.flows import in_step
from margincall.history.messages import Place, Placed, agreed, changed, contradiction, fill_of, order_of, time_of
from margincall.wire.problems import Problem

TIME_TOLERANCE_MS = 1000
"""Sources stamp one trade within a second."""
FILL_COMPARED = ("side", "quantity", "price")
FILL_COMPLETED = ("trade_id", "order_id", "client_order_id", "fee", "fee_asset", "realized", "maker", "close")
TradeKey = tuple[str, str]
"""Symbol and trade id."""
Silent = Mapping[str, frozenset[str]]
"""Files -> fields of their events that they do not print."""
NOTHING: frozenset[str] = frozenset()


class Kept:
    """Events that were kept, those that others were found to repeat, and the contradictions between them.

    `silent` tells what files do not print; `sided` are numbers of events whose side another file has told.
    """

    def __init__(self, silent: Silent) -> None:
        """Begin with nothing."""
        self.silent = silent
        self.placed: list[Placed] = []
        self.repeated: list[Placed] = []
        self.problems: list[Problem] = []
        self.sided: set[int] = set()

    def add(self, placed: Placed) -> int:
        """Keep an event; its number."""
        self.placed.append(placed)
        return len(self.placed) - 1

    def has_side(self, number: int) -> bool:
        """Whether any source prints the position side of a kept event."""
        return number in self.sided or "side" not in self.silent.get(self.placed[number].event.source.file, NOTHING)

    def put_side(self, number: int, side: object) -> None:
        """Take the side of a kept event from a source that prints it."""
        self.sided.add(number)
        self.placed[number] = changed(self.placed[number], {"side": side})


def merged_fills(fills: Iterable[Placed], silent: Silent | None = None) -> Kept:
    """Each fill once. `fills` come in the order in which they are believed."""
    kept = Kept(silent or {})
    known: dict[TradeKey, int] = {}
    others: dict[TradeKey, list[int]] = {}
    nameless: list[Placed] = []
    opposed: dict[TradeKey, list[Placed]] = {}
    for placed in fills:
        fill = placed.event
        assert isinstance(fill, Fill)
        if not fill.trade_id:
            nameless.append(placed)
            continue
        key = (fill.symbol, fill.trade_id)
        first = known.setdefault(key, len(kept.placed))
        if first == len(kept.placed):
            kept.placed.append(placed)
            continue
        numbers = [first, *others.get(key, ())]
        if (number := _same_fill(kept, numbers, fill)) is not None:
            _put_together(kept, number, placed)
        elif _has_unlike_order(kept, numbers, fill):
            others.setdefault(key, []).append(kept.add(placed))
        else:
            opposed.setdefault(key, []).append(placed)
    if opposed:
        _merge_opposed(kept, {key: [known[key], *others.get(key, ())] for key in opposed}, opposed)
    if nameless:
        _merge_nameless(kept, nameless)
    return kept


def _same_fill(kept: Kept, numbers: Iterable[int], fill: Fill) -> int | None:
    """The number of the kept fill that `fill` repeats: one of its direction, or else of its order, which cannot both
    buy and sell."""
    known = [(number, fill_of(kept.placed[number])) for number in numbers]
    for number, other in known:
        if _is_buy(other) == _is_buy(fill):
            return number
    return next((number for number, other in known if fill.order_id and fill.order_id == other.order_id), None)


def _has_unlike_order(kept: Kept, numbers: Iterable[int], fill: Fill) -> bool:
    """Whether the orders tell that none of the kept fills is this one: an account that trades with itself has two fills
    under one trade id, of opposite direction and different orders."""
    return bool(fill.order_id) and all(fill_of(kept.placed[number]).order_id for number in numbers)


def _merge_opposed(
    kept: Kept, numbers: Mapping[TradeKey, list[int]], opposed: Mapping[TradeKey, Sequence[Placed]]
) -> None:
    """Fills of the direction opposite to the one kept under their trade id, where no order tells them apart. If any
    file tells both directions, the account traded with itself and both are true; else two files contradict each
    other."""
    files: dict[TradeKey, set[str]] = {
        key: {fill.event.source.file for fill in fills} for key, fills in opposed.items()
    }
    both: set[TradeKey] = set()
    for placed in (*(kept.placed[number] for each in numbers.values() for number in each), *kept.repeated):
        fill = fill_of(placed)
        key = (fill.symbol, fill.trade_id)
        if key in files and fill.source.file in files[key]:
            both.add(key)
    for key, fills in opposed.items():
        known = numbers[key]
        for placed in fills:
            number = _same_fill(kept, known, fill_of(placed))
            if number is None and key in both:
                known.append(kept.add(placed))
            else:
                _put_together(kept, known[0] if number is None else number, placed)


def _is_buy(fill: Fill) -> bool:
    return fill.quantity > 0


class _Outlines:
    """Kept fills by an outline of theirs."""

    def __init__(self, outline: Callable[[Fill], object]) -> None:
        self.outline = outline
        self.numbers: dict[object, list[int]] = {}
        self.next: dict[object, int] = {}

    def add(self, number: int, fill: Fill) -> None:
        self.numbers.setdefault(self.outline(fill), []).append(number)

    def take(self, fill: Fill, kept: Kept, given: set[tuple[str, int]]) -> int | None:
        """The next fill of the same outline that another file told and the one of `fill` did not yet."""
        outline, file = self.outline(fill), fill.source.file
        numbers = self.numbers.get(outline, [])
        for place in range(self.next.get((outline, file), 0), len(numbers)):
            number = numbers[place]
            self.next[outline, file] = place + 1
            known = fill_of(kept.placed[number])
            is_other_order = known.order_id and fill.order_id and known.order_id != fill.order_id
            if known.source.file != file and (file, number) not in given and not is_other_order:
                given.add((file, number))
                return number
        return None


def _merge_nameless(kept: Kept, nameless: Sequence[Placed]) -> None:
    """Fills without a trade id, file by file in the order in which they are believed, against those of other files:
    what agrees in everything first."""
    files: dict[str, list[Placed]] = {}
    for placed in nameless:
        files.setdefault(placed.event.source.file, []).append(placed)
    known_outlines = (_Outlines(_whole), _Outlines(_of_order), _Outlines(_of_second))
    _outline(known_outlines, kept, 0)
    given: set[tuple[str, int]] = set()
    for left_files, fills in zip(range(len(files), 0, -1), files.values(), strict=True):
        left, count = fills, len(kept.placed)
        for outlines in known_outlines:
            waiting, left = left, []
            for placed in waiting:
                known = outlines.take(fill_of(placed), kept, given)
                if known is None:
                    left.append(placed)
                else:
                    _put_together(kept, known, placed)
        kept.placed.extend(_beside_seconds(kept, left, given))
        if left_files > 1:
            _outline(known_outlines, kept, count)


def _beside_seconds(kept: Kept, fills: Sequence[Placed], given: set[tuple[str, int]]) -> list[Placed]:
    """The fills of a file that no fill of a neighbouring second repeats: times may be cut to seconds or rounded. Of two
    fills that name their orders the orders have told already."""
    left = list(fills)
    for is_named in (True, False):
        groups: dict[object, tuple[list[Placed], list[Placed]]] = {}
        for placed in left:
            if bool(fill_of(placed).order_id) == is_named:
                groups.setdefault(_of_price(fill_of(placed)), ([], []))[1].append(placed)
        numbers: dict[Place, int] = {}
        for number, known in enumerate(kept.placed) if groups else ():
            fill, file = fill_of(known), left[0].event.source.file
            if fill.source.file == file or (file, number) in given or (is_named and fill.order_id):
                continue
            if (group := groups.get(_of_price(fill))) is not None:
                group[0].append(known)
                numbers[known.place] = number
        found = [
            pair
            for ours, theirs in groups.values()
            for pair in in_step(sorted(ours, key=time_of), sorted(theirs, key=time_of), TIME_TOLERANCE_MS)
        ]
        for known, placed in found:
            given.add((placed.event.source.file, numbers[known.place]))
            _put_together(kept, numbers[known.place], placed)
        taken = {placed.place for _, placed in found}
        left = [placed for placed in left if placed.place not in taken]
    return left


def _outline(known: Sequence[_Outlines], kept: Kept, first: int) -> None:
    """Enter the kept fills from number `first` on."""
    for number in range(first, len(kept.placed)):
        for outlines in known:
            outlines.add(number, fill_of(kept.placed[number]))


def _whole(fill: Fill) -> object:
    return (*_of_second(fill), fill.fee, fill.realized)


def _of_order(fill: Fill) -> object:
    """Fills that name no order are alone with this."""
    return (fill.symbol, fill.order_id, fill.quantity, fill.price) if fill.order_id else fill.source


def _of_second(fill: Fill) -> tuple[object, ...]:
    return fill.symbol, fill.time_ms // 1000, fill.quantity, fill.price


def _of_price(fill: Fill) -> object:
    return fill.symbol, fill.quantity, fill.price


def _put_together(kept: Kept, number: int, placed: Placed) -> None:
    """Complete the kept fill by another account of it; a stream's word goes before an answer's."""
    first, other = kept.placed[number], placed
    if other.stream and not first.stream:
        first, other = other, first
    mine, theirs = fill_of(first), fill_of(other)
    what = f"trade {mine.trade_id or theirs.trade_id or 'without id'} of {mine.symbol}"
    compared: tuple[str, ...] = FILL_COMPARED
    if "side" in kept.silent.get(placed.event.source.file, NOTHING):
        compared = FILL_COMPARED[1:]
    elif not kept.has_side(number):
        compared = FILL_COMPARED[1:]
        kept.put_side(number, fill_of(placed).side)
        first = changed(first, {"side": fill_of(placed).side})
    found = agreed(what, mine, theirs, compared=compared, completed=FILL_COMPLETED)
    kept.problems.extend(found.problems)
    if abs(mine.time_ms - theirs.time_ms) > TIME_TOLERANCE_MS:
        kept.problems.append(contradiction(f"{what}: time", (mine, mine.time_ms), (theirs, theirs.time_ms)))
    kept.placed[number] = changed(first, found.changes)
    kept.repeated.append(other)


def with_orders(fills: Kept, orders: Kept) -> list[Placed]:
    """The fills, with what their orders say of them: lists of trades print no client order id, so only the order tells
    that a fill was a forced close, and some no position side."""
    known: dict[tuple[str, str], int] = {}
    for number, placed in enumerate(orders.placed):
        order = order_of(placed)
        if order.execution != "ALGO" and order.order_id:
            before = known.setdefault((order.symbol, order.order_id), number)
            if order.client_order_id and not order_of(orders.placed[before]).client_order_id:
                known[order.symbol, order.order_id] = number
    found = fills.placed
    for number, placed in enumerate(found) if known else ():
        fill = placed.event
        assert isinstance(fill, Fill)
        order_number = known.get((fill.symbol, fill.order_id))
        if order_number is not None:
            found[number] = _of_its_order(fills, number, orders, order_number)
    return found


def _of_its_order(fills: Kept, number: int, orders: Kept, order_number: int) -> Placed:
    placed, order = fills.placed[number], order_of(orders.placed[order_number])
    fill = fill_of(placed)
    changes: dict[str, object] = {}
    if not fill.client_order_id and (order.client_order_id or order.close):
        changes = {"client_order_id": order.client_order_id, "close": fill.close or order.close}
    if not fills.has_side(number) and orders.has_side(order_number):
        fills.sided.add(number)
        changes["side"] = order.side
    return changed(placed, changes)
