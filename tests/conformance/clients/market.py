"""A market that a script moves: a maker around a price that the control API sets. (Standard library only.)"""

import json
import time
import urllib.request
from decimal import Decimal

from outcome import Control

SYMBOL = "BTCUSDT"
START, LEVELS, TICK, LOT = Decimal(60_000), 5, Decimal("0.1"), "20"
STEP = Decimal("0.01")
"""How far the price goes at once: the book must have followed, since bids lie near the mark."""
MAKER, TAKER = "conformance-maker", "conformance-taker"
LOOK_S = 0.5


class Market:
    """A maker around a price that a script moves."""

    def __init__(self, control: Control) -> None:
        """The maker's account, money for the fund, a first price and a first trade."""
        self._control, self.price = control, START
        control.account(MAKER, "100000000")
        control.account(TAKER, "1000000")
        control.ask("POST", "/fund", {"asset": "USDT", "amount": "1000000"})
        self._tell()
        self._quote()
        order = {"command": "place_order", "account": TAKER, "symbol": SYMBOL, "side": "BUY", "type": "MARKET"}
        control.ask("POST", "/commands", {**order, "quantity": "0.01"})

    def wait_for_candle(self, rest: str) -> None:
        """Until a minute is over: without a candle freqtrade warns and waits."""
        while True:
            with urllib.request.urlopen(f"{rest}/fapi/v1/klines?symbol={SYMBOL}&interval=1m") as answer:
                if len(json.load(answer)) > 1:
                    return
            time.sleep(LOOK_S)

    def move(self, to: Decimal) -> None:
        """To a price, in steps that the book follows."""
        while self.price != to:
            step = self.price * STEP
            rest = to - self.price
            self.price = to if abs(rest) <= step else (self.price + step.copy_sign(rest)).quantize(TICK)
            self._quote()
            self._tell()

    def _tell(self) -> None:
        self._control.ask("POST", "/prices", {"prices": {SYMBOL: str(self.price)}})

    def _quote(self) -> None:
        sides = {
            name: [{"price": str(self.price + sign * TICK * n), "quantity": LOT} for n in range(1, LEVELS + 1)]
            for name, sign in (("bids", -1), ("asks", 1))
        }
        self._control.ask("POST", "/commands", {"command": "quote", "account": MAKER, "symbol": SYMBOL, **sides})
