"""All liquidation prices of one account, against freqtrade's dry run. Runs in the environment that has freqtrade.

`python -m benchmarks.against_freqtrade` prints JSON. Both price the same account with the same brackets; the third
price is an exact bisection with the bracket resolved at the answer. freqtrade is called as its dry run calls it: once
per position, the others as open trades.
"""

import json
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

from freqtrade import __version__ as freqtrade_version
from freqtrade.enums import CandleType, MarginMode, RunMode, TradingMode
from freqtrade.exchange.binance import Binance

from benchmarks.accounts import LEVERAGE, Held, held, ours, rows_of, wallet_of
from benchmarks.timing import best
from margincall.core.margin import margin
from margincall.core.prices import intervals

COUNTS = (1, 10, 50)
SHOWN = 3
EXACT, NEAR = 1e-7, 1e-3
"""Relative distances: what eight printed decimals can show, and what a trader might call right."""


class Trade:
    """What freqtrade's formula reads of an open trade."""

    def __init__(self, each: Held) -> None:
        """All floats, as freqtrade keeps them."""
        self.pair = each.pair
        self.amount = abs(float(each.quantity))
        self.open_rate = float(each.entry)
        self.is_short = each.quantity.startswith("-")
        self.stake_amount = self.amount * self.open_rate / LEVERAGE


def exchange() -> Binance:
    """The peer's exchange in dry run, without a network; marks come from `marks` instead of a request."""
    config: dict[str, Any] = {
        "exchange": {"name": "binance", "pair_whitelist": [], "key": "", "secret": ""},
        "dry_run": True,
        "runmode": RunMode.DRY_RUN,
        "stake_currency": "USDT",
        "trading_mode": TradingMode.FUTURES,
        "margin_mode": MarginMode.CROSS,
        "candle_type_def": CandleType.FUTURES,
        "liquidation_buffer": 0.05,
    }
    found = Binance(config, validate=False)
    found.fill_leverage_tiers()
    return found


def compared(peer: Binance, tiers: dict[str, Any], count: int) -> dict[str, Any]:
    """One row: seconds of both for an account of `count` positions, and some prices of both beside the exact one."""
    positions = held(tiers, count)
    trades = [Trade(each) for each in positions]
    wallet = float(wallet_of(positions))
    marks = {each.pair: {"markPrice": float(each.mark)} for each in positions}
    peer.fetch_funding_rates = lambda pairs=None: marks
    account, prices, rules = ours(tiers, positions)

    def theirs() -> list[float | None]:
        return [
            peer.dry_run_liquidation_price(
                trade.pair, trade.open_rate, trade.is_short, trade.amount, trade.stake_amount, LEVERAGE, wallet, trades
            )
            for trade in trades
        ]

    def mine() -> object:
        return intervals(margin(account, prices, rules), rules)

    their_seconds, our_seconds = best([theirs, mine])
    found = intervals(margin(account, prices, rules), rules)
    rows = [
        {
            "symbol": each.symbol,
            "side": "short" if each.quantity.startswith("-") else "long",
            "freqtrade": their_price,
            "ours": _text(_end(found["cross:USDT", each.symbol], each)),
            "exact": exact_price(tiers, positions, each),
        }
        for each, their_price in zip(positions, theirs(), strict=True)
    ]
    shown = [row for row in rows if row["ours"] is not None]
    return {
        "positions": len(positions),
        "freqtrade_us": round(their_seconds * 1e6, 1),
        "ours_us": round(our_seconds * 1e6, 1),
        "ratio": round(their_seconds / our_seconds, 2),
        "ours_exact": sum(agrees(row["ours"], row["exact"], EXACT) for row in rows),
        "freqtrade_near": sum(agrees(row["freqtrade"], row["exact"], NEAR) for row in rows),
        "prices": shown[-SHOWN:],
    }


def _end(interval: Any, each: Held) -> Decimal | None:
    end: Decimal | None = interval.upper if each.quantity.startswith("-") else interval.lower
    return end


def _text(end: Decimal | None) -> str | None:
    return None if end is None else str(end)


def agrees(price: Any, exact: str | None, tolerance: float) -> bool:
    """Whether a price is the exact one; where there is none, none is right, and so is a price below zero."""
    if exact is None or price is None:
        return exact is None and (price is None or float(price) <= 0)
    return abs(float(price) / float(exact) - 1) <= tolerance


def exact_price(tiers: dict[str, Any], positions: list[Held], which: Held) -> str | None:
    """Bisection on balance − maintenance with exact fractions, the bracket looked up at each candidate price."""
    wallet = Fraction(wallet_of(positions))

    def surplus(price: Fraction) -> Fraction:
        total = wallet
        for each in positions:
            mark = price if each is which else Fraction(each.mark)
            quantity = Fraction(each.quantity)
            notional = abs(quantity) * mark
            needed = max(notional * Fraction(row.rate) - Fraction(row.cum) for row in rows_of(tiers[each.pair]))
            total += quantity * (mark - Fraction(each.entry)) - needed
        return total

    short = which.quantity.startswith("-")
    alive = Fraction(which.mark)
    dead = alive * 1000 if short else Fraction(1, 10**9)
    if surplus(alive) < 0 or surplus(dead) >= 0:
        return None
    for _ in range(80):
        middle = (alive + dead) / 2
        alive, dead = (middle, dead) if surplus(middle) >= 0 else (alive, middle)
    return f"{float(alive):.8f}"


def main() -> None:
    """Print the comparison as JSON."""
    peer = exchange()
    tiers = peer.load_leverage_tiers()
    rows = [compared(peer, tiers, count) for count in COUNTS]
    print(json.dumps({"freqtrade": freqtrade_version, "python": sys.version.split()[0], "accounts": rows}))


if __name__ == "__main__":
    main()
