"""Accounts that are liquidated while a client looks on. The market goes on by itself (`--demo`), so a price that is set
stays for a moment only; what an account makes of it stays."""

import time
from collections.abc import Callable
from decimal import Decimal

from outcome import Control

DEPOSIT, LEVERAGE = "200", 125
SHARE = Decimal("0.9")
"""Of what the deposit bears at that leverage: the rest pays for fees."""
STEPS = [Decimal(step) / 10_000 for step in (*range(28, 60, 2), *range(60, 400, 40))]
"""How far the price is let fall, part by part: first to a margin call, then on until it is liquidated."""
PATIENCE_S = 60


def quantity(price: Decimal, lot: str = "0.001") -> Decimal:
    """What such an account can buy."""
    return (Decimal(DEPOSIT) * LEVERAGE * SHARE / price).quantize(Decimal(lot))


def new(control: Control, name: str, symbol: str = "BTCUSDT") -> tuple[str, str]:
    """An account with that leverage; its key and secret."""
    return control.account(name, DEPOSIT, leverage={symbol: LEVERAGE})


def fall(control: Control, entry: Decimal, gone: Callable[[], object], symbol: str = "BTCUSDT") -> None:
    """Let the price fall from an entry price until an account that was long is gone. Raises `AssertionError`."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for step in STEPS:
            price = (entry * (1 - step)).quantize(Decimal("0.1"))
            control.ask("POST", "/prices", {"prices": {symbol: str(price)}})
            if gone():
                return
    raise AssertionError(f"it was not liquidated within {PATIENCE_S} s")
