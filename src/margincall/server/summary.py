"""How the exchange stands, for the operator: `margincall.exchange.state/1`.

`json_schema()` is committed as `docs/reference/exchange_state.schema.json`.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from margincall.exchange.book import Ticks
from margincall.exchange.state import DisputeEntry, Liquidation, Market, Trader
from margincall.server.assembled import Assembled
from margincall.server.player import Playing
from margincall.version import VERSION

LATEST_TOLD = 20
"""Liquidations that a summary holds."""


class MarketSummary(Struct, frozen=True):
    """One symbol: its prices, none before the first, and how many orders rest."""

    mark: Decimal | None
    index: Decimal | None
    last: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    resting: int
    is_halted: bool


class StateDocument(Struct, frozen=True, kw_only=True):
    """The whole exchange in a few figures. `seq` counts the commands of its journal, `faults` are those injected,
    `paths` what is played; `liquidations` are the latest."""

    schema: str = "margincall.exchange.state/1"
    is_simulated: bool = True
    version: str
    time_ms: int
    rules: str
    api_date: str
    durability: str
    seq: int
    symbols: dict[str, MarketSummary]
    accounts: int
    orders: int
    fund: dict[str, Decimal]
    liquidations: tuple[Liquidation, ...]
    deleveraged: int
    shared_losses: int
    disputes: tuple[DisputeEntry, ...]
    faults: dict[str, Decimal | None]
    paths: tuple[Playing, ...]
    problems: tuple[str, ...] = ()
    assumptions: tuple[str, ...]


def summary(built: Assembled, paths: Iterable[Playing] = ()) -> StateDocument:
    """The exchange as it stands."""
    venue, state = built.venue, built.venue.state
    return StateDocument(
        version=VERSION,
        time_ms=venue.now_ms(),
        rules=state.rules.name,
        api_date=venue.api_date,
        durability=venue.durability,
        seq=venue.engine.seq,
        symbols={symbol: market_summary(market, venue.halted) for symbol, market in state.markets.items()},
        accounts=sum(1 for _ in state.owners()),
        orders=len(state.orders),
        fund=dict(state.fund.account.wallets),
        liquidations=tuple(state.liquidations[-LATEST_TOLD:]),
        deleveraged=len(state.deleveraged),
        shared_losses=len(state.shared_losses),
        disputes=tuple(state.disputes.values()),
        faults=state.faults,
        paths=tuple(paths),
        assumptions=tuple(state.rules.assumed),
    )


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `margincall.exchange.state/1`."""
    return msgspec.json.schema(StateDocument)


def market_summary(market: Market, halted: set[str]) -> MarketSummary:
    """One symbol."""
    return MarketSummary(
        mark=market.mark,
        index=market.index,
        last=market.last,
        bid=_price(market, market.book.best_bid),
        ask=_price(market, market.book.best_ask),
        resting=len(market.book),
        is_halted=market.contract.symbol in halted,
    )


def account_summary(trader: Trader) -> dict[str, object]:
    """One account: its wallets, positions and modes."""
    account = trader.account
    return {
        "name": trader.name,
        "wallets": dict(account.wallets),
        "positions": [
            {"symbol": each.symbol, "side": each.side, "quantity": each.quantity, "margin": each.margin}
            for each in account.open_positions()
        ],
        "orders": len(trader.orders),
        "hedge": trader.hedge,
        "multi_assets": account.multi_assets,
        "leverage": dict(account.leverage),
    }


def _price(market: Market, ticks: Ticks | None) -> Decimal | None:
    return None if ticks is None else ticks * market.contract.tick
