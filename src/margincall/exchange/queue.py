"""The queue of deleveraging as it stands now: who would be closed first, and the lights that each holder sees."""

from margincall.core.account import PositionKey
from margincall.core.protocol.deleverage import Ranked, candidate, rank
from margincall.exchange.liquidation import terms_of
from margincall.exchange.state import Exchange, Market


def lights(state: Exchange, symbol: str) -> tuple[Ranked, ...]:
    """How the holders of a symbol stand in the queue of deleveraging now, longs and shorts each by themselves."""
    return tuple(
        each for direction in (1, -1) for each in ranked(state, state.markets[symbol], direction, without=frozenset())
    )


def lights_of(state: Exchange, name: str) -> dict[PositionKey, int]:
    """The lights that one account sees at its open positions."""
    symbols = {position.symbol for position in state.traders[name].account.open_positions()}
    return {
        (symbol, each.candidate.side): each.lights
        for symbol in sorted(symbols)
        for each in lights(state, symbol)
        if each.candidate.account == name
    }


def ranked(state: Exchange, market: Market, direction: int, *, without: frozenset[str]) -> tuple[Ranked, ...]:
    """The queue of one side of a symbol at the present terms."""
    rules, assumptions, symbol = state.rules.deleveraging, state.rules.venue.assumptions, market.contract.symbol
    found = []
    for trader in state.owners():
        if trader.name in without or not any(
            each.symbol == symbol and each.quantity * direction > 0 for each in trader.account.positions.values()
        ):
            continue
        for pool in terms_of(state, trader).pools:
            found += [
                candidate(trader.name, pool, each, assumptions, rules)
                for each in pool.positions
                if each.symbol == symbol and each.quantity * direction > 0
            ]
    return rank(found, rules)
