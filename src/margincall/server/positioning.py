"""Who holds what, looked at every five minutes of the exchange's clock: open interest, long and short accounts, the
takers' volumes, the basis, and how likely deleveraging is.

The venue publishes what it counts, not everything about how: `docs/spec/serve.md`, Assumed (`top-traders`,
`adl-risk`).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import Struct

from margincall.core.contract import notional
from margincall.core.rounding import exact
from margincall.core.units import ZERO, Quantity
from margincall.exchange.liquidation import terms_of
from margincall.exchange.state import Exchange, Trader
from margincall.wire.durations import MINUTE_MS

LOOK_MS = 5 * MINUTE_MS
RISK_MS = 30 * MINUTE_MS
TOP = 5
"""Every fifth account is a top one: 20 % of them (documentation of `topLongShortAccountRatio`)."""
SAFE, TENSE = Decimal("0.01"), Decimal("0.001")
"""What the fund must hold of the value of all open positions for the risk to be low, or medium."""


class Split(Struct, frozen=True):
    """How many accounts are long and short by net, and what they hold on either side (unsigned)."""

    longs: int = 0
    shorts: int = 0
    bought: Decimal = ZERO
    sold: Decimal = ZERO


class Sample(Struct, frozen=True, kw_only=True):
    """One look at one symbol. `bought` and `sold` are the takers' volumes since the exchange began."""

    time_ms: int
    open_interest: Decimal
    value: Decimal
    mark: Decimal | None
    index: Decimal | None
    last: Decimal | None
    everybody: Split
    top: Split
    bought: Decimal
    sold: Decimal


def open_interest(state: Exchange, symbol: str) -> Decimal:
    """What is held long, by everybody and the insurance fund: as much as is held short."""
    return sum(
        (each.quantity for trader in state.traders.values() for each in trader.account.open_positions()
         if each.symbol == symbol and each.quantity > 0), ZERO,
    )  # fmt: skip


@exact
def top_accounts(state: Exchange) -> frozenset[str]:
    """The 20 % of all accounts with the largest margin balance, one at least."""
    owners = sorted((-_balance(state, each), each.name) for each in state.owners())
    return frozenset(name for _, name in owners[: -(-len(owners) // TOP)])


def _balance(state: Exchange, trader: Trader) -> Decimal:
    """An account's margin balance in USD; an asset without an index counts as one."""
    found = ZERO
    for pool in terms_of(state, trader).pools:
        index = state.indices.get(pool.asset)
        found += pool.balance * index.index if index is not None else pool.balance
    return found


def splits(state: Exchange, names: frozenset[str] | None = None) -> Mapping[str, Split]:
    """The accounts by symbol: all of them, or some."""
    net: dict[str, list[Decimal]] = {}
    sides: dict[str, list[Decimal]] = {}
    for trader in state.owners():
        if names is None or trader.name in names:
            for symbol, held in _held(trader).items():
                net.setdefault(symbol, []).append(sum(held, ZERO))
                sides.setdefault(symbol, []).extend(held)
    return {
        symbol: Split(
            longs=sum(each > 0 for each in net[symbol]), shorts=sum(each < 0 for each in net[symbol]),
            bought=sum((each for each in held if each > 0), ZERO), sold=-sum((each for each in held if each < 0), ZERO),
        )
        for symbol, held in sides.items()
    }  # fmt: skip


def _held(trader: Trader) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = {}
    for each in trader.account.open_positions():
        found.setdefault(each.symbol, []).append(each.quantity)
    return found


@exact
def look(state: Exchange, takers: Mapping[str, tuple[Decimal, Decimal]]) -> Iterator[tuple[str, Sample]]:
    """All symbols now; `takers` are their volumes, bought and sold."""
    everybody, top = splits(state), splits(state, top_accounts(state))
    for symbol, market in state.markets.items():
        held = open_interest(state, symbol)
        bought, sold = takers.get(symbol, (ZERO, ZERO))
        yield (
            symbol,
            Sample(
                time_ms=state.time_ms, open_interest=held, mark=market.mark, index=market.index, last=market.last,
                value=notional(market.contract, Quantity(held), market.mark) if market.mark is not None else ZERO,
                everybody=everybody.get(symbol, Split()), top=top.get(symbol, Split()), bought=bought, sold=sold,
            ),
        )  # fmt: skip


@exact
def adl_risk(state: Exchange, symbol: str) -> str:
    """low, medium or high: the fund's balance against the value of all open positions with its asset."""
    asset = state.markets[symbol].contract.margin_asset
    worth = ZERO
    for name, market in state.markets.items():
        if market.contract.margin_asset == asset and market.mark is not None:
            worth += notional(market.contract, Quantity(open_interest(state, name)), market.mark)
    fund = state.fund.account.wallets.get(asset, ZERO)
    if fund >= worth * SAFE:
        return "low"
    return "medium" if fund >= worth * TENSE else "high"
