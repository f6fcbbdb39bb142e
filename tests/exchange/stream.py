"""A stream of commands without end, of which each is carried out, so that the seq of a command says which one it is.

    python -m tests.exchange.stream JOURNAL DURABILITY SEED           submits in groups, prints the seq of each sync
    python -m tests.exchange.stream JOURNAL DURABILITY SEED COUNT     so many commands, then prints the digest

Orders come in batches, which count as carried out though their parts be refused. Two makers place orders, one quotes;
thin accounts trade with all they have and are liquidated as the mark goes up and down.
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from margincall.exchange.digest import digest
from margincall.exchange.engine import Engine, events_hash, is_refused
from margincall.exchange.genesis import new_exchange
from margincall.exchange.journal_file import Durability
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import Exchange
from margincall.exchange.step import receive
from tests.exchange.world import BTC, NOON, rule_set

MAKERS = ("maker-1", "maker-2")
QUOTER = "quoter"
THIN = ("thin-1", "thin-2", "thin-3")
OPENING: list[dict[str, Any]] = [
    {"command": "set_mark", "symbol": BTC, "price": "50000"},
    *({"command": "open_account", "account": name} for name in (*MAKERS, QUOTER, *THIN)),
    *({"command": "transfer", "account": name, "asset": "USDT", "amount": "900000000"} for name in (*MAKERS, QUOTER)),
    {"command": "fund", "asset": "USDT", "amount": "2000"},
    *({"command": "set_leverage", "account": name, "symbol": BTC, "leverage": 100} for name in THIN),
    {"command": "set_leverage", "account": QUOTER, "symbol": BTC, "leverage": 1},
]
RULES = rule_set()


def command(number: int) -> bytes:
    """The command that has this seq in every journal of the stream."""
    if number <= len(OPENING):
        return _bytes(OPENING[number - 1])
    return _bytes(_later(number, Random(number)))


def _bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _mark(number: int) -> int:
    """Up and down between 47,500 and 52,500."""
    return 47_500 + abs(number * 37 % 10_000 - 5_000)


def _later(number: int, random: Random) -> dict[str, Any]:
    kind = number % 8
    if kind == 0:
        return {"command": "set_mark", "symbol": BTC, "price": str(_mark(number))}
    if kind == 1:
        return _quote(number, random) if random.random() < 0.4 else _cancel_all(random)
    if kind == 2:
        return {"command": "advance", "time_ms": NOON + 40_000 * number}
    if kind == 3:
        name = random.choice(THIN)
        return {"command": "transfer", "account": name, "asset": "USDT", "amount": str(random.randint(1, 60))}
    names = MAKERS if kind < 7 else THIN
    return {"command": "batch", "commands": [_order(number, random, random.choice(names)) for _ in range(2)]}


def _cancel_all(random: Random) -> dict[str, Any]:
    return {"command": "cancel_all", "account": random.choice(MAKERS), "symbol": BTC}


def _quote(number: int, random: Random) -> dict[str, Any]:
    """Three orders on either side of the mark."""
    bids, asks = (
        [
            {"price": str(_mark(number) + sign * away), "quantity": f"0.{random.randint(1, 99):03}"}
            for away in (5, 9, 40)
        ]
        for sign in (-1, 1)
    )
    return {"command": "quote", "account": QUOTER, "symbol": BTC, "bids": bids, "asks": asks}


def _order(number: int, random: Random, name: str) -> dict[str, Any]:
    """A maker's limit order on either side of the mark; a thin account's at the market, or a stop."""
    side = {"thin-1": "BUY", "thin-2": "SELL"}.get(name) or random.choice(["BUY", "SELL"])
    order = {"command": "place_order", "account": name, "symbol": BTC, "side": side}
    if name in MAKERS:
        price = _mark(number) + (-1 if side == "BUY" else 1) * random.randint(-2, 300)
        return {**order, "type": "LIMIT", "quantity": f"0.{random.randint(100, 900):03}", "price": str(price)}
    if random.random() < 0.3:
        away = random.randint(10, 400) * (1 if side == "BUY" else -1)
        return {**order, "type": "STOP_MARKET", "quantity": "0.05", "stop_price": str(_mark(number) + away)}
    return {**order, "type": "MARKET", "quantity": f"0.{random.randint(100, 900):03}"}


class Course:
    """What the stream does without a journal: by seq, the hash of the events and the digest of the state after."""

    def __init__(self, rules: RuleSet = RULES) -> None:
        self.state: Exchange = new_exchange(rules, NOON)
        self.hashes = [b""]
        self.digests = [digest(self.state)]

    def to(self, seq: int) -> "Course":
        """Go on to a seq."""
        while len(self.hashes) <= seq:
            events = receive(self.state, command(len(self.hashes)))
            assert not is_refused(events), (len(self.hashes), events)
            self.hashes.append(events_hash(events))
            self.digests.append(digest(self.state))
        return self


@cache
def course() -> Course:
    """One course for all tests."""
    return Course()


def engine(path: Path, durability: Durability = "group", **more: Any) -> Engine:
    """The engine of a journal of the stream."""
    return Engine.open(path, RULES, time_ms=NOON, durability=durability, **more)


def submitted(running: Engine, count: int) -> Iterator[int]:
    """Submit the next commands; the seq of each."""
    for _ in range(count):
        seq = running.seq + 1
        running.submit(command(seq))
        assert running.seq == seq, "each command of the stream is carried out"
        yield seq


def main(path: str, durability: Durability, seed: str, count: str = "") -> None:
    """Submit until killed, or so many."""
    random = Random(seed)
    with engine(Path(path), durability) as running:
        while not count or running.seq < int(count):
            for _ in submitted(running, random.randint(1, 5)):
                pass
            if not count:
                print(running.sync(), flush=True)
        print(running.digest())


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
