"""Small histories in the venue's own shape, for tests of the whole way: one isolated long that is liquidated.

Isolated long 1 BTC @ 50,000, 20x: margin 2,500, fee 25 (0.05 %). The mark falls to 47,660; the order is limited at the
bankruptcy price 47,525 (= 50,000 − 2,475), fills at 47,600; clearance takes what is left, 75.
"""

import json
from pathlib import Path
from typing import Any

START = 1_780_000_000_000
SYMBOL = "BTCUSDT"


def update(
    at: int, reason: str, wallet: str, change: str = "0", *, cross: str, position: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An ACCOUNT_UPDATE with one balance and at most one position."""
    balance = {"a": "USDT", "wb": wallet, "cw": cross, "bc": change}
    return {
        "e": "ACCOUNT_UPDATE",
        "E": START + at + 1,
        "T": START + at,
        "a": {"m": reason, "B": [balance], "P": [position] if position else []},
    }


def position(quantity: str, entry: str, realized: str, wallet: str, unrealized: str = "0") -> dict[str, Any]:
    """A printed isolated position."""
    return {
        "s": SYMBOL, "pa": quantity, "ep": entry, "bep": "0", "cr": realized, "up": unrealized,
        "mt": "isolated", "iw": wallet, "ps": "BOTH",
    }  # fmt: skip


def order(
    at: int, number: int, *, client: str = "web_1", side: str, execution: str, status: str, **more: Any
) -> dict[str, Any]:
    """An ORDER_TRADE_UPDATE."""
    said = {
        "s": SYMBOL, "c": client, "S": side, "o": "MARKET", "f": "GTC", "q": "1", "p": "0", "ap": "0", "sp": "0",
        "x": execution, "X": status, "i": number, "l": "0", "z": "0", "L": "0", "N": "USDT", "n": "0", "T": START + at,
        "t": 0, "b": "0", "a": "0", "m": False, "R": False, "wt": "CONTRACT_PRICE", "ot": "MARKET", "ps": "BOTH",
        "cp": False, "pP": False, "si": 0, "ss": 0, "rp": "0", "er": "0",
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": START + at + 1, "T": START + at, "o": {**said, **more}}


def mark(at: int, price: str) -> dict[str, Any]:
    """A published mark price."""
    return {
        "e": "markPriceUpdate", "E": START + at, "s": SYMBOL, "p": price, "i": price, "P": "0", "r": "0.0001",
        "T": START + 28_800_000,
    }  # fmt: skip


def liquidation() -> list[dict[str, Any]]:
    """The story as user-data messages, with full evidence."""
    return [
        update(0, "DEPOSIT", "3000", "3000", cross="3000"),
        {"e": "ACCOUNT_CONFIG_UPDATE", "E": START + 5, "T": START + 5, "ac": {"s": SYMBOL, "l": 20}},
        order(1000, 1, side="BUY", execution="NEW", status="NEW"),
        update(1000, "ORDER", "2975", cross="500", position=position("1", "50000", "0", "2475")),
        order(1000, 1, side="BUY", execution="TRADE", status="FILLED", l="1", z="1", L="50000", n="25", t=11),
        order(2000, 2, side="SELL", execution="NEW", status="NEW", o="LIMIT", ot="LIMIT", p="52000", q="1"),
        mark(59_000, "49000"),
        mark(60_000, "47660"),
        order(60_400, 2, side="SELL", execution="EXPIRED", status="EXPIRED", o="LIMIT", ot="LIMIT", p="52000", er="5"),
        order(
            60_500, 3, client="autoclose-1780000060500000001", side="SELL", execution="NEW", status="NEW",
            o="LIQUIDATION", ot="LIQUIDATION", f="IOC", p="47525",
        ),
        update(60_520, "ORDER", "575", cross="575", position=position("0", "0", "-2400", "0")),
        order(
            60_520, 3, client="autoclose-1780000060500000001", side="SELL", execution="TRADE", status="FILLED",
            o="LIQUIDATION", ot="LIQUIDATION", f="IOC", p="47525", l="1", z="1", L="47600", ap="47600", n="0", t=12,
            rp="-2400",
        ),
        update(60_540, "INSURANCE_CLEAR", "500", "-75", cross="500"),
    ]  # fmt: skip


def written(messages: list[dict[str, Any]], path: Path) -> Path:
    """The messages as JSON lines in a file."""
    path.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
    return path
