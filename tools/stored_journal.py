"""Writes the stored journal of a format version, which later versions must read: `python -m tools.stored_journal 1`.

    python -m tools.stored_journal 1 --digest     the state itself has changed: the digest of its end anew

One day in small: orders of every sort, funding, a fault of the operator, a liquidation of which the fund takes a part
over and the rest is deleveraged, a dispute and its decision. What was once written is a promise and not written again:
the events of its commands stay as they are, whatever else a state comes to hold.
"""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from margincall.exchange import commands
from margincall.exchange.digest import digest
from margincall.exchange.engine import Engine, is_refused, restored
from margincall.exchange.journal import VERSION
from margincall.exchange.judgement import answer, judge
from tests.exchange.world import BTC, COIN, ETH, HOUR, NOON, RULED, rule_set
from tests.sources import ROOT

FOLDER = ROOT / "tests" / "exchange" / "data"
START = NOON + 4 * HOUR - 20_000
"""Twenty seconds before funding."""


class Story:
    """The commands of the journal, one after the other; each must be carried out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.told: list[commands.AnyCommand] = []

    def tell(self, raw: bytes) -> None:
        """Submit a command as it comes from outside."""
        events = self.engine.submit(raw)
        assert not is_refused(events), (raw, events)
        self.told.append(commands.decode(raw))

    def say(self, command: str, **fields: Any) -> None:
        """A command in JSON."""
        self.tell(json.dumps({"command": command, **fields}).encode())

    def of(self, account: str, command: str, **fields: Any) -> None:
        """A command of an account."""
        self.say(command, account=account, **fields)

    def order(self, account: str, side: str, quantity: str, price: str = "", **more: Any) -> None:
        """A limit order, or without a price one at the market."""
        kind = {"type": "LIMIT", "price": price} if price else {"type": "MARKET"}
        fields = {"symbol": BTC, "side": side, "quantity": quantity, **kind, **more}
        self.of(account, "place_order", **fields)

    def later(self, milliseconds: int) -> None:
        """Let time go by."""
        self.say("advance", time_ms=self.engine.state.time_ms + milliseconds)


def opening(story: Story) -> None:
    """Prices, accounts, money, settings."""
    for symbol, price in ((BTC, "50000"), (ETH, "2000"), (COIN, "50000")):
        story.say("set_mark", symbol=symbol, price=price)
    sources = [{"name": "a", "price": "100"}, {"name": "b", "price": "100.04", "weight": "2"}]
    story.say("set_index", symbol=RULED, sources=sources)
    story.say("fund", asset="USDT", amount="21000")
    for name, amount in (("maker", "1000000"), ("alice", "560"), ("bob", "9000"), ("carol", "40000")):
        story.of(name, "open_account")
        story.of(name, "transfer", asset="USDT", amount=amount)
    story.of("maker", "transfer", asset="BTC", amount="3")
    story.of("carol", "set_position_mode", hedge=True)
    story.of("bob", "set_margin_type", symbol=ETH, margin="isolated")
    for name, leverage in (("alice", 100), ("bob", 50)):
        story.of(name, "set_leverage", symbol=BTC, leverage=leverage)


def trading(story: Story) -> None:
    """Orders of every sort, and funding."""
    story.later(1_500)
    story.order("maker", "SELL", "30", "100.05", symbol=RULED)
    story.order("bob", "BUY", "25.5", symbol=RULED)
    story.order("maker", "BUY", "100", "49990.5", symbol=COIN)
    story.order("maker", "SELL", "3", "2000", symbol=ETH, time_in_force="GTX")
    story.order("bob", "BUY", "2", "2001", symbol=ETH, time_in_force="FOK")
    story.of("bob", "move_margin", symbol=ETH, amount="25")
    story.order("carol", "SELL", "0.2", "50100", position_side="SHORT", client_order_id="mine")
    story.order("carol", "BUY", "0.1", "50300", position_side="SHORT", type="STOP", stop_price="50200")
    trailing = {"type": "TRAILING_STOP_MARKET", "callback_rate": "0.5", "working_type": "MARK_PRICE"}
    story.order("bob", "SELL", "25.5", symbol=RULED, reduce_only=True, **trailing)
    story.of("maker", "countdown", symbol=ETH, countdown_ms=60_000)
    levels = [{"price": price, "quantity": "0.2"} for price in ("1999.5", "1998", "2002", "2010.25")]
    story.of("maker", "quote", symbol=ETH, bids=levels[:2], asks=levels[2:])
    orders = [
        {"command": "place_order", "account": "maker", "symbol": BTC, "side": "BUY", "type": "LIMIT",
         "quantity": quantity, "price": price, "time_in_force": "GTD", "good_till_ms": START + 700_000}
        for quantity, price in (("0.05", "49700"), ("0.1", "49900"), ("0.1", "9"))
    ]  # fmt: skip
    story.say("batch", commands=[*orders, {**orders[0], "quantity": "0.07", "price": "49650", "good_till_ms": 1}])
    story.later(20_000)
    story.of("maker", "quote", symbol=ETH, bids=levels[:1], asks=levels[3:])
    story.of("carol", "amend_order", symbol=BTC, order_id=6, quantity="0.15", price="50050")
    story.of("carol", "cancel_order", symbol=BTC, client_order_id="mine")


def hedging(story: Story) -> None:
    """Carol holds both sides of a coin-margined contract."""
    story.of("carol", "transfer", asset="BTC", amount="0.5")
    story.of("carol", "set_leverage", symbol=COIN, leverage=10)
    story.order("maker", "SELL", "40", "50010.5", symbol=COIN)
    story.order("carol", "SELL", "60", "49990.5", symbol=COIN, position_side="SHORT")
    story.order("carol", "BUY", "30", symbol=COIN, position_side="LONG")
    stop = {"type": "STOP_MARKET", "stop_price": "49800", "close_position": True, "working_type": "MARK_PRICE"}
    story.of("carol", "place_order", symbol=COIN, side="SELL", position_side="LONG", **stop)
    story.order("carol", "BUY", "10", "50005", symbol=COIN, position_side="SHORT")
    story.of("carol", "transfer", asset="USDT", amount="-12.5")


def liquidation(story: Story) -> None:
    """Alice buys with all she has; the mark falls, under a clearance rate that is wrong."""
    story.order("maker", "SELL", "1", "50000")
    story.order("alice", "BUY", "1")
    story.order("bob", "SELL", "0.4", "49950")
    story.order("alice", "BUY", "0.05", "48000")
    story.order("alice", "SELL", "1", type="STOP_MARKET", stop_price="49000", reduce_only=True)
    story.say("set_mark", symbol=BTC, price="49850")
    story.say("inject_fault", kind="wrong_clearance_rate", on=True, value="0.02")
    story.say("set_marks", prices={BTC: "49600", ETH: "1990", COIN: "49610"})
    story.say("inject_fault", kind="wrong_clearance_rate", on=False)


def dispute(story: Story) -> None:
    """Alice is right, and is paid."""
    story.later(30_000)
    story.of("alice", "dispute", liquidation=1)
    state = story.engine.state
    decision = judge(state.genuine, story.told, state.disputes[1], genesis_ms=START)
    story.tell(commands.encode(answer(state, decision)))
    story.say("set_asset_index", asset="BTC", index="49600", bid="47120", ask="52080")
    story.later(600_000)
    story.of("bob", "cancel_all", symbol=RULED)
    story.order("bob", "SELL", "0.2", "49500", time_in_force="IOC")


def write(path: Path) -> str:
    """The journal of the story; the digest of its end."""
    rules = rule_set(warning_ratio=Decimal("0.7"))
    with Engine.open(path, rules, time_ms=START) as engine:
        story = Story(engine)
        for chapter in (opening, trading, hedging, liquidation, dispute):
            chapter(story)
        return engine.digest()


def main() -> None:
    """Write journal and digest, unless they are there; or the digest alone, if all events are what they were."""
    version, only_digest = int(sys.argv[1]), sys.argv[2:] == ["--digest"]
    path = FOLDER / f"journal_v{version}.bin"
    if only_digest:
        path.with_suffix(".digest").write_text(digest(restored(path)[0]) + "\n", encoding="utf-8")
        return
    if version != VERSION:
        sys.exit(f"this margincall writes version {VERSION}")
    if path.exists():
        sys.exit(f"{path} was written before: it is kept as it is")
    FOLDER.mkdir(exist_ok=True)
    path.with_suffix(".digest").write_text(write(path) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
