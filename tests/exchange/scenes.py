"""Scenes of matching in plain text: the book before, commands, what they do, the book after. For people first.

    == what the scene shows
    before
      SELL 102   #1 alice 4 | #2 bob 2
      BUY  100   #4 dave 7
    > #9 erin BUY 8 at 103 IOC
      4 at 102 with #1
      2 at 102 with #2
      EXPIRED, 2 lots: IOC
    after
      BUY  100   #4 dave 7

A line of a book is one price, the best of asks at the bottom and of bids at the top, its orders the oldest first
(`#id owner lots`). Prices are ticks, sizes lots. Commands: an order (`#id owner SIDE lots at ticks` or `… market`, then
`bound ticks`, a time in force, a mode of self-trade prevention, `reduces at most lots`), `amend` before one, and
`cancel #id`. What a command does is its fills, makers that expired, and the status; `status: no such order` if refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from margincall.exchange.book import Book, Resting, Side
from margincall.exchange.matching import Order, Outcome, SelfTradePrevention, TimeInForce, amend, apply, execute

FOLDER = Path(__file__).parent
RESTING = re.compile(r"#(\d+) (\w+) (\d+)")
LEVEL = re.compile(r"  (BUY |SELL) (\d+) {3}(.+)")
ORDER = re.compile(r"#(?P<id>\d+) (?P<owner>\w+) (?P<side>BUY|SELL) (?P<lots>\d+) (?P<rest>.+)")
NOBODY = "  empty"


@dataclass(frozen=True)
class Scene:
    """One scene, as it is written: its title, the book before, and all that follows as text."""

    title: str
    before: tuple[str, ...]
    story: tuple[str, ...]

    def played(self) -> tuple[str, ...]:
        """The story as our code tells it: the same commands, with our effects and our book after."""
        book = read_book(self.before)
        told: list[str] = []
        for line in self.story:
            if line.startswith("> "):
                told += [line, *played(book, line.removeprefix("> "))]
        return (*told, "after", *written(book))


def scenes(text: str) -> list[Scene]:
    """All scenes of a text."""
    found = []
    for part in re.split(r"^== ", text, flags=re.MULTILINE)[1:]:
        title, *lines = [line.rstrip() for line in part.splitlines() if line.strip() and not line.startswith("# ")]
        assert lines[0] == "before", f"{title}: the book before comes first"
        start = next(number for number, line in enumerate(lines) if line.startswith("> "))
        found.append(Scene(title, tuple(lines[1:start]), tuple(lines[start:])))
    return found


def read_book(lines: tuple[str, ...]) -> Book:
    """The book of some lines; the orders of each side come in by price, best first, as they do from a snapshot."""
    book = Book()
    for line in lines:
        if line == NOBODY:
            continue
        level = LEVEL.fullmatch(line)
        assert level is not None, f"not a price of a book: {line}"
        for text in level[3].split(" | "):
            order = RESTING.fullmatch(text)
            assert order is not None, f"not an order: {text}"
            side: Side = "BUY" if level[1] == "BUY " else "SELL"
            book.add(Resting(id=int(order[1]), owner=order[2], side=side, ticks=int(level[2]), lots=int(order[3])))
    return book


def written(book: Book) -> list[str]:
    """A book as lines: asks from the worst to the best, then bids from the best to the worst."""
    prices = [("SELL", depth.ticks) for depth in reversed(book.depth("SELL", len(book)))]
    prices += [("BUY", depth.ticks) for depth in book.depth("BUY", len(book))]
    lines = []
    for side, ticks in prices:
        queue = " | ".join(f"#{each.id} {each.owner} {each.lots}" for each in book.queue(side, ticks))
        lines.append(f"  {side:<4} {ticks}   {queue}")
    return lines or [NOBODY]


def read_order(text: str) -> Order:
    """An order from the words of a command."""
    found = ORDER.fullmatch(text)
    assert found is not None, f"not an order: {text}"
    words = found["rest"].replace("reduces at most", "reduces").split()
    order = {"id": int(found["id"]), "owner": found["owner"], "side": found["side"], "lots": int(found["lots"])}
    while words:
        word = words.pop(0)
        if word in get_args(TimeInForce):
            order["time_in_force"] = word
        elif word in get_args(SelfTradePrevention):
            order["self_trade_prevention"] = word
        elif word == "market":
            order["type"] = "MARKET"
        else:
            name = {"at": "ticks", "bound": "ticks", "reduces": "max_lots", "until": "good_till_ms"}[word]
            order[name] = int(words.pop(0))
    return Order(**order)


def played(book: Book, command: str) -> list[str]:
    """Carry out a command; what it did, as lines."""
    if command.startswith("cancel #"):
        order_id = int(command.removeprefix("cancel #"))
        gone = book.cancel(order_id)
        return ["  no such order" if gone is None else f"  #{gone.id} {gone.owner} {gone.lots} cancelled"]
    if command.startswith("amend "):
        outcome = amend(book, read_order(command.removeprefix("amend ")))
        apply(book, outcome)
        return told(outcome)
    return told(execute(book, read_order(command)))


def told(outcome: Outcome) -> list[str]:
    """An outcome as lines."""
    lines = [f"  {fill.lots} at {fill.ticks} with #{fill.maker}" for fill in outcome.fills]
    lines += [f"  #{maker.id} {maker.owner} {maker.lots} expires" for maker in outcome.expired_makers]
    if outcome.cut:
        lines.append(f"  {sized(outcome.cut)} too many to reduce")
    end = f"  {outcome.status}"
    if outcome.rests is not None:
        end += f", {sized(outcome.rests.lots)} rest"
    if outcome.expired:
        end += f", {sized(outcome.expired)}: {outcome.reason}"
    return [*lines, end]


def sized(lots: int) -> str:
    """`1 lot`, `2 lots`."""
    return "1 lot" if lots == 1 else f"{lots} lots"
