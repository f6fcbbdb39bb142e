"""One liquidation while it goes on: what the desk remembers of it, and what its stages share."""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.account import Account, PositionKey, PositionSide
from margincall.core.contract import Contract
from margincall.core.events import Fill
from margincall.core.margin import MULTI_ASSET, PoolTerms, PositionTerms, Terms, margin, position_terms
from margincall.core.protocol.deleverage import Candidate
from margincall.core.protocol.waterfall import limit_on_tick
from margincall.core.units import ZERO, Collateral
from margincall.exchange.book import Lots, OrderId, Ticks
from margincall.exchange.events import LiquidationStep
from margincall.exchange.state import Events, Exchange, OpenOrder, Trader

AUTOCLOSE = "autoclose-"
DELEVERAGED = "adl_autoclose"
"""Client order ids by which the venue marks its own orders (documentation of ORDER_TRADE_UPDATE)."""


class Case(Struct, kw_only=True):
    """One liquidation while it goes on: in which exchange, among which events it is told, and what came of it so far.
    `closed` and `lost` are by position, `touched` who else is concerned."""

    state: Exchange
    events: Events
    number: int
    trader: Trader
    pool: str
    wallets: dict[str, Collateral]
    closed: dict[PositionKey, list[Fill]] = {}
    lost: dict[PositionKey, Decimal] = {}
    touched: set[str] = set()
    uncovered: dict[str, Decimal] = {}
    moved: bool = False
    early: bool = False
    """By an injected fault the pool is not at its trigger: it is taken for one that is until something is closed."""

    @property
    def release_assumed(self) -> tuple[str, ...]:
        """What a fill of the case rests on if its pool is an isolated position: that releases a part of its wallet."""
        return ("isolated-release",) if self.pool.startswith("isolated:") else ()

    def fresh_pool(self) -> PoolTerms | None:
        """The liquidated pool as it stands now, if the account still has it."""
        pool = pool_named(terms_of(self.state, self.trader), self.pool)
        return as_due(pool) if pool is not None and self.early and not self.closed else pool


def terms_of(state: Exchange, trader: Trader) -> Terms:
    """Where an account stands at the marks of this moment."""
    return margin(trader.account, state.marks, state.rules.venue)


def pool_named(terms: Terms, name: str) -> PoolTerms | None:
    """The pool of that name, if the account has it."""
    return next((pool for pool in terms.pools if pool.name == name), None)


def as_due(pool: PoolTerms) -> PoolTerms:
    """The pool as if it were at its trigger."""
    return structs.replace(pool, liquidated=True)


def pool_holding(account: Account, key: PositionKey, contract: Contract) -> str:
    """The name of the pool in which the margin of a position and its orders lies."""
    if account.margin_types.get(key[0], "cross") == "isolated":
        return f"isolated:{key[0]}:{key[1]}"
    return f"multi:{MULTI_ASSET}" if account.multi_assets else f"cross:{contract.margin_asset}"


def holdings(state: Exchange, trader: Trader, asset: str = "", symbol: str = "") -> list[PositionTerms]:
    """The terms of an account's open positions, of one margin asset or of one symbol."""
    return [
        position_terms(position, state.marks, state.rules.venue)
        for position in trader.account.open_positions()
        if symbol in ("", position.symbol) and asset in ("", state.markets[position.symbol].contract.margin_asset)
    ]


def own_order(case: Case, key: PositionKey, quantity: Decimal, limit: Decimal) -> OpenOrder:
    """An order of the venue's own for a liquidated position; `quantity` is signed as its fills are. Its limit stands on
    the tick as the venue's rule puts it there."""
    state, (symbol, side) = case.state, key
    contract = state.markets[symbol].contract
    number = next_id(state)
    on_tick = limit_on_tick(limit, contract.tick, sale=quantity < 0, rules=state.rules.waterfall)
    return OpenOrder(
        id=number,
        account=case.trader.name,
        symbol=symbol,
        position_side=side,
        side="BUY" if quantity > 0 else "SELL",
        kind="LIMIT",
        lots=Lots(int(abs(quantity) / contract.lot)),
        ticks=Ticks(int(on_tick / contract.tick)),
        time_in_force="IOC",
        reduce_only=False,
        client_order_id=f"{AUTOCLOSE}{state.time_ms}{number:06d}",
        placed_ms=state.time_ms,
        self_trade_prevention="EXPIRE_MAKER",
    )


def adl_order(state: Exchange, closed: Candidate, quantity: Decimal, price: Decimal) -> OpenOrder:
    """The venue's order by which a position is deleveraged, as its rows in `forceOrders` are: LIMIT, GTC, at a price,
    not reduce-only (documentation). `quantity` is signed as its fill is."""
    contract = state.markets[closed.symbol].contract
    on_tick = limit_on_tick(price, contract.tick, sale=quantity < 0, rules=state.rules.waterfall)
    return OpenOrder(
        id=next_id(state),
        account=closed.account,
        symbol=closed.symbol,
        position_side=closed.side,
        side="BUY" if quantity > 0 else "SELL",
        kind="LIMIT",
        lots=Lots(int(abs(quantity) / contract.lot)),
        ticks=Ticks(int(on_tick / contract.tick)),
        time_in_force="GTC",
        reduce_only=False,
        client_order_id=DELEVERAGED,
        placed_ms=state.time_ms,
    )


def next_id(state: Exchange) -> OrderId:
    """The id of an order of the venue's own."""
    number = OrderId(state.next_order)
    state.next_order += 1
    return number


def tell(
    case: Case, step: str, rule: str, *, symbol: str = "", side: PositionSide = "BOTH",
    asked: Decimal = ZERO, price: Decimal | None = None, applied: Mapping[str, Decimal] | None = None,
    assumptions: tuple[str, ...] = (), orders: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Say a step, with the rule, what it asked for and what was applied."""
    case.events.append(
        LiquidationStep(
            time_ms=case.state.time_ms, number=case.number, account=case.trader.name, step=step, rule=rule,
            symbol=symbol, side=side, asked=asked, price=price, applied=applied or {}, assumptions=assumptions,
            orders=orders,
        )
    )  # fmt: skip
