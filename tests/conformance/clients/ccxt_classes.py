"""ccxt: classes of errors that need a market which stands still, and what gives back the classes of production.

The others are in `ccxt_errors.py`. As a client of the runner it shows what a plain address of the loopback gives, then
the line of `docs/how-to/serve.md` in its place. By the venue's own address: `tls_ccxt.py`.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import ccxt
import ccxt_errors
from ccxt_errors import Case
from ccxt_urls import sandbox
from market import START, SYMBOL, Market
from outcome import Control, Outcomes, arguments, refused

S, ETH = "BTC/USDT:USDT", "ETHUSDT"
FAR = {"bid": Decimal(2_590), "ask": Decimal(2_700)}
MARKS = (Decimal(2_600), Decimal(2_500))
"""Of the other symbol: the ask is near the first mark, and too far from the second."""
MOST_ASKED = 400


def order(**params: object) -> Callable[[Any], object]:
    """A raw order."""
    given = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01", **params}
    return lambda ex: ex.fapiPrivatePostOrder(given)


def too_large(ex: Any) -> object:
    """More than may be held with the highest leverage of all, which is set for it."""
    ex.set_leverage(125, S)
    try:
        return ex.create_order(S, "market", "buy", 8)
    finally:
        ex.set_leverage(20, S)


def hurry(ex: Any) -> object:
    """More weight than a minute has."""
    ex.enableRateLimit = False
    return [ex.fapiPublicGetDepth({"symbol": SYMBOL, "limit": 1000}) for _ in range(MOST_ASKED)]


STILL = (
    Case(-2027, ccxt.OperationRejected, ccxt.ExchangeError, too_large),
    Case(-4131, ccxt.OperationRejected, ccxt.ExchangeError, order(symbol=ETH)),
    Case(-5021, ccxt.OrderNotFillable, ccxt.InvalidOrder, lambda ex: ex.create_order(
        S, "limit", "buy", 0.01, float(START) - 500, {"timeInForce": "FOK"}
    )),
    Case(-4016, ccxt.BadRequest, ccxt.BadRequest, order(type="LIMIT", timeInForce="GTC", price="90000")),
    Case(-1116, ccxt.BadRequest, ccxt.BadRequest, order(type="MARKT")),
    Case(-1117, ccxt.BadRequest, ccxt.BadRequest, order(side="LONG")),
)  # fmt: skip
LIMIT = Case(-1003, ccxt.DDoSProtection, ccxt.DDoSProtection, hurry)
"""With status 429 ccxt reads no code. It ends everything else for a minute, so it comes last."""


def prepare(control: Control) -> None:
    """A market, and another whose asks are too far away."""
    Market(control)
    control.account("far", "1000000")
    for mark in MARKS:
        control.ask("POST", "/prices", {"prices": {ETH: str(mark)}})
        if mark == MARKS[0]:
            quote = {f"{side}s": [{"price": str(price), "quantity": "10"}] for side, price in FAR.items()}
            control.ask("POST", "/commands", {"command": "quote", "account": "far", "symbol": ETH, **quote})


def tell(ex: Any, outcomes: Outcomes, cases: Iterable[Case], *, is_genuine: bool, note: str = "") -> None:
    """Bring about refusals with a client of an account in one-way mode with 10,000 USDT and nothing open."""
    for case in cases:
        wanted = case.genuine if is_genuine else case.plain
        outcomes.show(f"error {case.code}{note}", lambda case=case, wanted=wanted: refused(
            lambda: case.work(ex), wanted, str(case.code)
        ))  # fmt: skip


def main() -> None:
    """By a plain address of the loopback: as it is, and with the line of the how-to page."""
    said = arguments()
    outcomes, control = Outcomes("ccxt_classes", said.out), Control(said.control, said.token)
    prepare(control)
    plain = sandbox(ccxt.binanceusdm, said.key, said.secret, said)
    tell(plain, outcomes, STILL, is_genuine=False)
    patched = sandbox(ccxt.binanceusdm, *control.account("patched"), said)
    patched.load_markets()
    patched.exceptions["exact"].update(patched.exceptions["linear"]["exact"])
    cases = [each for each in (*ccxt_errors.CASES, *STILL) if each.genuine is not each.plain]
    tell(patched, outcomes, cases, is_genuine=True, note=", with the table of futures merged in")
    tell(plain, outcomes, (LIMIT,), is_genuine=False, note=" with status 429")


if __name__ == "__main__":
    main()
