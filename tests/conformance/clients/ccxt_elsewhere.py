"""Methods that ccxt counts among the venue's and that are of its other products, or of no product of it. Each is called
all the same, and has to end in an error of ccxt: because ccxt itself asks it of spot or options alone, because what it
is about is not listed here, or because the server has no such path, like the venue's host of futures."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import ccxt
from outcome import Unsupported

LOANS, CONVERSIONS = "loans of spot margin", "conversions of the spot wallet"
WALLET, OPTIONS, SPOT, NOWHERE = "the spot wallet", "options", "spot", "no product of the venue"
SWAP, PAIR, OPTION = "BTC/USDT:USDT", "BTC/USDT", "BTC/USDT:USDT-261225-60000-C"
ELSEWHERE: dict[str, tuple[str, tuple[object, ...]]] = {
    "borrowCrossMargin": (LOANS, ("USDT", 1)),
    "borrowIsolatedMargin": (LOANS, (PAIR, "USDT", 1)),
    "fetchBorrowInterest": (LOANS, ()),
    "fetchBorrowRateHistory": (LOANS, ("USDT",)),
    "fetchCrossBorrowRate": (LOANS, ("USDT",)),
    "fetchIsolatedBorrowRate": (LOANS, (PAIR,)),
    "fetchIsolatedBorrowRates": (LOANS, ()),
    "repayCrossMargin": (LOANS, ("USDT", 1)),
    "repayIsolatedMargin": (LOANS, (PAIR, "USDT", 1)),
    "createConvertTrade": (CONVERSIONS, ("1", "USDT", "BNB", 1)),
    "fetchConvertCurrencies": (CONVERSIONS, ()),
    "fetchConvertQuote": (CONVERSIONS, ("USDT", "BNB", 1)),
    "fetchConvertTrade": (CONVERSIONS, ("1",)),
    "fetchConvertTradeHistory": (CONVERSIONS, ("USDT", 1_790_000_000_000)),
    "fetchDepositAddress": (WALLET, ("USDT",)),
    "fetchDeposits": (WALLET, ()),
    "fetchTransfers": (WALLET, ()),
    "fetchWithdrawals": (WALLET, ()),
    "transfer": (WALLET, ("USDT", 1, "spot", "future")),
    "withdraw": (WALLET, ("USDT", 1, "0x0")),
    "fetchAllGreeks": (OPTIONS, ()),
    "fetchGreeks": (OPTIONS, (OPTION,)),
    "fetchLedgerEntry": (OPTIONS, ("1", "USDT")),
    "fetchMySettlementHistory": (OPTIONS, ()),
    "fetchOption": (OPTIONS, (OPTION,)),
    "fetchPosition": (OPTIONS, (SWAP,)),
    "fetchSettlementHistory": (OPTIONS, ()),
    "createMarketBuyOrderWithCost": (SPOT, (SWAP, 100)),
    "createMarketOrderWithCost": (SPOT, (SWAP, "buy", 100)),
    "createMarketSellOrderWithCost": (SPOT, (SWAP, 100)),
    "fetchOrderTrades": (SPOT, ("1", SWAP)),
    "cancelAllOrdersWs": (SPOT, (SWAP,)),
    "fetchCurrenciesWs": (SPOT, ()),
    "fetchOpenOrdersWs": (SPOT, (SWAP,)),
    "fetchOrdersWs": (SPOT, (SWAP,)),
    "watchOrdersForSymbols": (NOWHERE, ([SWAP],)),
}


def attempts(ex: Any, methods: set[str]) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Those among some methods: name, product, and the call."""
    for name in sorted(methods & ELSEWHERE.keys()):
        product, given = ELSEWHERE[name]
        yield name, product, partial(getattr(ex, name), *given)


def elsewhere(ask: Callable[[], object], product: str) -> None:
    """Raise `Unsupported` where a call ends in an error of ccxt."""
    try:
        ask()
    except ccxt.BaseError as error:
        raise _unsupported(error, product) from None
    raise AssertionError("it was answered")


async def elsewhere_later(ask: Callable[[], Awaitable[object]], product: str) -> None:
    """The same of what is awaited."""
    try:
        await ask()
    except ccxt.BaseError as error:
        raise _unsupported(error, product) from None
    raise AssertionError("it was answered")


def _unsupported(error: ccxt.BaseError, product: str) -> Unsupported:
    return Unsupported(f"{product} ({type(error).__name__})")
