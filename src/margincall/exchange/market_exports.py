"""What the market showed beside its marks: trades, the insurance fund's balance, funding rates, each in the venue's
shape (`wire/encode_market.py`).

Trades are those of the book: what the fund took over and what was deleveraged is none of them, as at the venue.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.contract import Contract
from margincall.exchange.events import AnyExchangeEvent, FundingSet, Trade
from margincall.exchange.state import FundEntry
from margincall.wire.encode_market import AggTrade, agg_trade_message, funding_rate_row, insurance_balance
from margincall.wire.spelling import Json

WITHIN_MS = 100
"""Trades at one price and of one taker's side within so long are one message (documentation of `aggTrade`)."""


class Side(Struct, frozen=True):
    """What the trades of one message have in common."""

    symbol: str
    price: Decimal
    buyer_is_maker: bool


def trades(events: Iterable[AnyExchangeEvent]) -> Iterator[Json]:
    """`aggTrade` messages: trades that follow each other, at one price and of one taker's side, are added up."""
    numbers: dict[str, int] = {}
    held: list[Trade] = []
    for event in events:
        if not isinstance(event, Trade):
            continue
        if held and not _goes_with(held, event):
            yield _message(held, numbers)
            held = []
        held.append(event)
    if held:
        yield _message(held, numbers)


def _goes_with(held: Sequence[Trade], event: Trade) -> bool:
    return (
        Side(event.symbol, event.price, event.buyer_is_maker)
        == Side(held[0].symbol, held[0].price, held[0].buyer_is_maker)
        and event.time_ms - held[0].time_ms < WITHIN_MS
        and event.trade_id == held[-1].trade_id + 1
    )


def _message(held: Sequence[Trade], numbers: dict[str, int]) -> Json:
    first, last = held[0], held[-1]
    numbers[first.symbol] = number = numbers.get(first.symbol, 0) + 1
    return agg_trade_message(
        AggTrade(
            time_ms=last.time_ms, symbol=first.symbol, number=number, price=first.price,
            quantity=sum((each.quantity for each in held), Decimal(0)),
            first=first.trade_id, last=last.trade_id, buyer_is_maker=first.buyer_is_maker,
        )
    )  # fmt: skip


def fund_balances(history: Iterable[FundEntry], contracts: Mapping[str, Contract]) -> Iterator[Json]:
    """The answer of `insuranceBalance` after each change of the fund's wallet: all symbols of the exchange share one
    fund, and what it holds of positions counts at what it paid for them."""
    symbols = sorted(contracts)
    held: dict[str, tuple[Decimal, int]] = {}
    for each in history:
        held[each.asset] = each.balance, each.time_ms
        yield insurance_balance(symbols, held)


def funding_rates(events: Iterable[AnyExchangeEvent]) -> list[Json]:
    """Rows of `fundingRate`: the rate that was told at each settlement."""
    return [
        funding_rate_row(each.symbol, rate=each.rate, time_ms=each.time_ms, mark=each.mark)
        for each in events
        if isinstance(each, FundingSet)
    ]
