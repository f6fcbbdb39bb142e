"""How the exchange stands, for the operator: `margincall.exchange.state/1`."""

from decimal import Decimal

from msgspec import structs

from margincall.exchange.book import Ticks
from margincall.exchange.state import Liquidation, Market, Trader
from margincall.server.assembled import Assembled
from margincall.version import VERSION

LATEST_TOLD = 20
"""Liquidations that a summary holds."""


def summary(built: Assembled) -> dict[str, object]:
    """The whole exchange in a few figures."""
    venue, state = built.venue, built.venue.state
    return {
        "schema": "margincall.exchange.state/1",
        "is_simulated": True,
        "version": VERSION,
        "time_ms": venue.now_ms(),
        "rules": state.rules.name,
        "api_date": venue.api_date,
        "durability": venue.durability,
        "seq": venue.engine.seq,
        "symbols": {symbol: market_summary(market, venue.halted) for symbol, market in state.markets.items()},
        "accounts": sum(1 for _ in state.owners()),
        "orders": len(state.orders),
        "fund": dict(state.fund.account.wallets),
        "liquidations": [line(each) for each in state.liquidations[-LATEST_TOLD:]],
        "deleveraged": len(state.deleveraged),
        "shared_losses": len(state.shared_losses),
        "disputes": list(state.disputes.values()),
        "faults": state.faults,
        "problems": [],
        "assumptions": list(state.rules.assumed),
    }


def market_summary(market: Market, halted: set[str]) -> dict[str, object]:
    """One symbol."""
    return {
        "mark": market.mark,
        "index": market.index,
        "last": market.last,
        "bid": _price(market, market.book.best_bid),
        "ask": _price(market, market.book.best_ask),
        "resting": len(market.book),
        "is_halted": market.contract.symbol in halted,
    }


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


def line(each: Liquidation) -> dict[str, object]:
    """One line of the public history."""
    return structs.asdict(each)


def _price(market: Market, ticks: Ticks | None) -> Decimal | None:
    return None if ticks is None else ticks * market.contract.tick
