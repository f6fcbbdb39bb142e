"""Which class of ccxt a refusal becomes. ccxt looks the codes of futures up in a table of their own where the address
is the venue's, and in the general one by any other; so by a plain loopback address some become an `ExchangeError`."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import ccxt
from outcome import Outcomes, refused

SYMBOL, PAIR = "BTC/USDT:USDT", "BTCUSDT"


class Case(NamedTuple):
    """A refusal: its code, the class by the venue's address and by another, and what brings it about."""

    code: int
    genuine: type[Exception]
    plain: type[Exception]
    work: Callable[[Any], object]


def _mark(ex: Any) -> float:
    return float(ex.fetch_mark_price(SYMBOL)["markPrice"])


def _order(
    ex: Any, part: float, kind: str = "limit", side: str = "buy", amount: float = 0.01, **more: object
) -> object:
    """An order at a part of the mark."""
    price = float(ex.price_to_precision(SYMBOL, _mark(ex) * part))
    return ex.create_order(SYMBOL, kind, side, amount, None if kind == "market" else price, more)


def _algo(ex: Any, part: float) -> object:
    price = float(ex.price_to_precision(SYMBOL, _mark(ex) * part))
    return ex.create_order(SYMBOL, "STOP_MARKET", "sell", 0.01, None, {"triggerPrice": price})


def _raw(ex: Any, **params: object) -> object:
    return ex.fapiPrivatePostOrder({"symbol": PAIR, "side": "BUY", **params})


def _stale(ex: Any) -> object:
    stale = ex.milliseconds() - 20_000
    return ex.fapiPrivateGetOpenOrders({"timestamp": stale})


def _other(key: str | None = None, secret: str | None = None) -> Callable[[Any], object]:
    """The balance, asked with another key or secret."""

    def work(ex: Any) -> object:
        before = ex.apiKey, ex.secret
        ex.apiKey, ex.secret = key or ex.apiKey, secret or ex.secret
        try:
            return ex.fetch_balance()
        finally:
            ex.apiKey, ex.secret = before

    return work


CASES = (
    Case(-2019, ccxt.InsufficientFunds, ccxt.ExchangeError, lambda ex: _order(ex, 1, "market", amount=50)),
    Case(-2021, ccxt.OrderImmediatelyFillable, ccxt.ExchangeError, lambda ex: _algo(ex, 1.02)),
    Case(-2022, ccxt.InvalidOrder, ccxt.ExchangeError, lambda ex: _order(ex, 0.97, reduceOnly=True)),
    Case(-4120, ccxt.InvalidOrder, ccxt.ExchangeError, lambda ex: _raw(
        ex, type="STOP_MARKET", quantity="0.01", stopPrice="1000",
    )),
    Case(-4164, ccxt.InvalidOrder, ccxt.ExchangeError, lambda ex: _raw(
        ex, type="LIMIT", timeInForce="GTC", quantity="0.001", price=str(round(_mark(ex) * 0.3)),
    )),
    Case(-5022, ccxt.OrderNotFillable, ccxt.InvalidOrder, lambda ex: _order(ex, 1.02, timeInForce="GTX")),
    Case(-2011, ccxt.OrderNotFound, ccxt.OrderNotFound, lambda ex: ex.cancel_order("1", SYMBOL)),
    Case(-2013, ccxt.OrderNotFound, ccxt.OrderNotFound, lambda ex: ex.fetch_order("1", SYMBOL)),
    Case(-1121, ccxt.BadSymbol, ccxt.BadSymbol, lambda ex: ex.fapiPublicGetDepth({"symbol": "NOSUCHUSDT"})),
    Case(-1021, ccxt.InvalidNonce, ccxt.InvalidNonce, _stale),
    Case(-1022, ccxt.AuthenticationError, ccxt.AuthenticationError, _other(secret="wrong")),
    Case(-2014, ccxt.AuthenticationError, ccxt.AuthenticationError, _other(key="short")),
    Case(-2015, ccxt.AuthenticationError, ccxt.AuthenticationError, _other(key="SIM" + "x" * 61)),
    Case(-1102, ccxt.BadRequest, ccxt.BadRequest, lambda ex: _raw(ex, type="LIMIT", quantity="0.01")),
    Case(-1111, ccxt.BadRequest, ccxt.BadRequest, lambda ex: _raw(ex, type="MARKET", quantity="0.01234")),
    Case(-4028, ccxt.BadRequest, ccxt.BadRequest, lambda ex: ex.fapiPrivatePostLeverage(
        {"symbol": PAIR, "leverage": 200}
    )),
    Case(-4046, ccxt.MarginModeAlreadySet, ccxt.MarginModeAlreadySet, lambda ex: _twice(
        lambda: ex.fapiPrivatePostMarginType({"symbol": "ETHUSDT", "marginType": "ISOLATED"})
    )),
    Case(-4059, ccxt.OperationRejected, ccxt.OperationRejected, lambda ex: ex.set_position_mode(False)),
    Case(-4061, ccxt.OperationRejected, ccxt.OperationRejected, lambda ex: _order(ex, 0.97, positionSide="LONG")),
)  # fmt: skip


def _twice(work: Callable[[], object]) -> object:
    with contextlib.suppress(ccxt.ExchangeError):
        work()
    return work()


def tell(ex: Any, outcomes: Outcomes, *, is_genuine: bool) -> None:
    """Bring about each refusal with a client of an account in one-way mode with 10,000 USDT and nothing open.
    `is_genuine`: the client uses the venue's address."""
    for case in CASES:
        wanted = case.genuine if is_genuine else case.plain

        def work(case: Case = case, wanted: type[Exception] = wanted) -> None:
            refused(lambda: case.work(ex), wanted, str(case.code))

        outcomes.show(f"error {case.code}", work)
