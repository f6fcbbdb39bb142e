"""A constructed account in multi-assets mode whose collateral falls: 200 USDE and 10 USDT back a long of 0.1 BTC.

USDE is counted at 1, then at 0.05; the position, bought at 50,000 for a fee of 2.5, is sold at 49,900 (−10), and the
clearance takes 7. The liquidation order comes 60.5 s after the first message.
"""

from pathlib import Path
from typing import Any

from tests import stories
from tests.stories import START, mark, order, written

TRIGGER = 60_500
CLIENT = "autoclose-1780000060500000001"


def message(
    at: int, reason: str, *balances: tuple[str, str, str], quantity: str = "", result: str = "0"
) -> dict[str, Any]:
    """An ACCOUNT_UPDATE of (asset, wallet, change), with the cross position if a quantity is given."""
    held = {**stories.position(quantity, "50000" if quantity != "0" else "0", result, "0"), "mt": "cross"}
    said = [{"a": asset, "wb": wallet, "cw": wallet, "bc": change} for asset, wallet, change in balances]
    body = {"m": reason, "B": said, "P": [held] if quantity else []}
    return {"e": "ACCOUNT_UPDATE", "E": START + at + 1, "T": START + at, "a": body}


def index(at: int, asset: str, price: str) -> dict[str, Any]:
    """An assetIndexUpdate."""
    said = {"s": f"{asset}USD", "i": price, "b": "0", "a": "0", "B": price, "A": price, "q": "0", "g": "0"}
    return {"e": "assetIndexUpdate", "E": START + at, **said}


def setting(*, multi_assets: bool) -> dict[str, Any]:
    """An ACCOUNT_CONFIG_UPDATE."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": START, "T": START, "ai": {"j": multi_assets}}


def liquidation(collateral: str = "USDE", *, multi_assets: bool = True) -> list[dict[str, Any]]:
    """The story as user-data messages."""
    bought = {"side": "BUY", "q": "0.1"}
    sold = {
        "side": "SELL",
        "client": CLIENT,
        "o": "LIQUIDATION",
        "ot": "LIQUIDATION",
        "f": "IOC",
        "p": "49800",
        "q": "0.1",
    }
    return [
        setting(multi_assets=multi_assets),
        message(1, "DEPOSIT", (collateral, "200", "200")),
        message(2, "DEPOSIT", ("USDT", "10", "10")),
        index(900, collateral, "1"),
        index(900, "USDT", "1"),
        mark(900, "50000"),
        order(1000, 1, execution="NEW", status="NEW", **bought),
        message(1000, "ORDER", ("USDT", "7.5", "0"), quantity="0.1"),
        order(1000, 1, execution="TRADE", status="FILLED", l="0.1", z="0.1", L="50000", n="2.5", t=11, **bought),
        message(30_000, "FUNDING_FEE", ("USDT", "7", "-0.5")),
        index(59_000, collateral, "0.05"),
        index(59_000, "USDT", "1"),
        mark(59_000, "49990"),
        order(TRIGGER, 3, execution="NEW", status="NEW", **sold),
        message(TRIGGER + 20, "ORDER", ("USDT", "-3", "0"), quantity="0", result="-10"),
        order(
            TRIGGER + 20, 3, execution="TRADE", status="FILLED", l="0.1", z="0.1", L="49900", ap="49900", n="0", t=12,
            rp="-10", **sold,
        ),
        message(TRIGGER + 40, "INSURANCE_CLEAR", ("USDT", "-10", "-7")),
    ]  # fmt: skip


def moved(value: Any, by: int) -> Any:
    """The same messages with all times (`E` and `T`) moved."""
    if isinstance(value, dict):
        return {
            key: each + by if key in ("E", "T") and isinstance(each, int) else moved(each, by)
            for key, each in value.items()
        }
    return [moved(each, by) for each in value] if isinstance(value, list) else value


def at(time_ms: int, messages: list[dict[str, Any]], path: Path) -> Path:
    """The messages in a file, with the liquidation order at a time."""
    return written(moved(messages, time_ms - START - TRIGGER), path)
