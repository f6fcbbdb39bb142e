"""A long that was traded around thousands of times, then liquidated in a thousand pieces: the size of a busy account.

Cross long of 1 BTC. Every fifth of a second a thousandth is bought or sold, while the mark swings and falls; what the
account printed follows from its fills, exactly. The liquidation price is (e·q − w) / (q·(1 − 0.004)), the bankruptcy
price e − w/q, with the first bracket of the embedded table.
"""

import math
from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

from tests.stories import mark, order, position, update, written

RATE = Decimal("0.0005")
MAINTENANCE = Decimal("0.004")
TICK = Decimal("0.1")
PIECES = 1000
EVERY_MS = 200
STEP = Decimal("0.001")
UNIT = Decimal("1e-8")


class Trader:
    """The books of one account: wallet, size and cost, as the venue would book them."""

    def __init__(self, wallet: Decimal) -> None:
        self.wallet, self.size, self.cost, self.number = wallet, Decimal(0), Decimal(0), 0

    def fill(self, at: int, size: Decimal, price: Decimal, **forced: Any) -> dict[str, Any]:
        """The message of one fill: positive buys."""
        self.number += 1
        fee = (abs(size) * price * RATE).quantize(UNIT, ROUND_DOWN)
        gain = Decimal(0)
        if size < 0:
            gain = (-size * (price - self.cost / self.size)).quantize(UNIT, ROUND_DOWN)
            self.cost += size * self.cost / self.size
        else:
            self.cost += size * price
        self.size += size
        self.wallet += gain - fee
        number = forced.pop("number", self.number)
        side, status = ("BUY" if size > 0 else "SELL"), forced.pop("status", "FILLED")
        said = {"l": str(abs(size)), "z": str(abs(size)), "q": str(abs(size)), "L": str(price), "ap": str(price)}
        said |= {"n": f"{fee:f}", "t": self.number, "rp": f"{gain:f}", **forced}
        return order(at, number, side=side, execution="TRADE", status=status, **said)


def messages(fills: int) -> Iterator[dict[str, Any]]:
    """The whole story with at least so many fills, the liquidation's included."""
    trader = Trader(Decimal(4000))
    yield update(0, "DEPOSIT", "4000", "4000", cross="4000")
    yield {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": 1_780_000_000_005,
        "T": 1_780_000_000_005,
        "ac": {"s": "BTCUSDT", "l": 50},
    }
    flat = {**position("0", "0", "0", "0"), "mt": "cross"}
    yield update(10, "MARGIN_TYPE_CHANGE", "4000", cross="4000", position=flat)
    yield mark(900, "50000")
    yield trader.fill(1000, Decimal(1), Decimal(50000))
    at, count = 1000, fills - PIECES - 1
    count += count % 2
    for number in range(count):
        at += EVERY_MS
        price = _price(number / count)
        if at % 1000 == 0:
            yield mark(at, str(price))
        yield trader.fill(at, STEP if number % 2 == 0 else -STEP, price)
    yield from _liquidated(trader, at)


def _price(share: float) -> Decimal:
    """The mark at a share of the way: a fall of three hundred with swings of two hundred."""
    return Decimal(round(50000 - 300 * share + 200 * math.sin(share * 40))) + TICK


def _liquidated(trader: Trader, at: int) -> Iterator[dict[str, Any]]:
    entry = trader.cost / trader.size
    trigger = (trader.cost - trader.wallet) / (trader.size * (1 - MAINTENANCE))
    bankruptcy = (entry - trader.wallet / trader.size).quantize(TICK, ROUND_DOWN) + TICK
    at = -(-at // 1000) * 1000
    last = Decimal(49900)
    while last > trigger:
        at += 1000
        last = max(last - 40, trigger.quantize(TICK, ROUND_DOWN) - TICK)
        yield mark(at, str(last))
    client = f"autoclose-{1_780_000_000_000 + at}000001"
    order_id = trader.number + 10
    head = {"o": "LIQUIDATION", "ot": "LIQUIDATION", "f": "IOC", "p": str(bankruptcy), "q": str(trader.size)}
    yield order(at + 200, order_id, client=client, side="SELL", execution="NEW", status="NEW", **head)
    piece, whole, done = trader.size / PIECES, trader.size, Decimal(0)
    for number in range(PIECES):
        done += piece
        price = last - TICK * (number // 40)
        status = "FILLED" if done == whole else "PARTIALLY_FILLED"
        said = {**head, "z": str(done), "l": str(piece), "c": client, "number": order_id, "status": status}
        yield trader.fill(at + 210, -piece, max(price, bankruptcy), **said)
    if trader.wallet > 0:
        left, wallet = trader.wallet, Decimal(0)
        yield update(at + 300, "INSURANCE_CLEAR", f"{wallet}", f"{-left:f}", cross="0")


def story(path: Path, fills: int) -> Path:
    """The story in a file."""
    return written(list(messages(fills)), path)
