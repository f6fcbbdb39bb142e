"""A seeded flow of commands, and the digest of what they do. `python -m tests.exchange.flow SEED COUNT` prints it."""

import hashlib
import random
import sys

import msgspec

from margincall.exchange.book import Book
from margincall.exchange.matching import Order, amend, apply, execute

OWNERS = ("alice", "bob", "carol", "dave")
IN_FORCE = ("GTC", "GTC", "GTC", "GTC", "IOC", "FOK", "GTX")
MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")


def run(seed: int, count: int) -> str:
    """SHA-256 over every outcome and the book at the end."""
    chance = random.Random(seed)
    book = Book()
    digest = hashlib.sha256()
    for number in range(1, count + 1):
        digest.update(msgspec.json.encode(command(book, chance, number)))
    for side in ("BUY", "SELL"):
        digest.update(msgspec.json.encode(list(book.orders(side))))
    return digest.hexdigest()


def command(book: Book, chance: random.Random, number: int) -> object:
    """One command, carried out."""
    known = chance.randrange(1, number + 1)
    if chance.random() < 0.25:
        return book.cancel(known)
    old = book.get(known)
    order = Order(
        id=number,
        owner=chance.choice(OWNERS),
        side=chance.choice(("BUY", "SELL")),
        lots=chance.randint(1, 20),
        ticks=round(chance.gauss(1000, 20)),
        time_in_force=chance.choice(IN_FORCE),
        self_trade_prevention=chance.choice(MODES),
        max_lots=chance.choice((None, None, 5)),
    )
    if old is not None and chance.random() < 0.5:
        outcome = amend(book, msgspec.structs.replace(order, id=old.id, owner=old.owner, side=old.side))
        apply(book, outcome)
        return outcome
    if chance.random() < 0.1:
        order = msgspec.structs.replace(order, type="MARKET", time_in_force="GTC")
    return execute(book, order)


if __name__ == "__main__":
    print(run(int(sys.argv[1]), int(sys.argv[2])))
