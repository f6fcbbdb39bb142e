"""Whether the open orders of a pool were cancelled before its liquidation order came."""

from decimal import Decimal

from margincall.core import checks
from margincall.core.checks import UNCLEAR, Finding
from margincall.core.events import Order
from margincall.forensics.incidents import Incident
from margincall.forensics.moment import Moment
from margincall.forensics.orders import OrderState
from margincall.forensics.reconstruct import Reconstruction
from margincall.wire.durations import SECOND_MS


def orders_finding(history: Reconstruction, incident: Incident, moment: Moment) -> Finding | None:
    """Orders of the pool's symbols: those of other pools may stay. None where orders that ended without a fill may have
    been forgotten by the venue: that no other is there proves nothing."""
    if not history.evidence.knows_unfilled_since(incident.time_ms):
        return None
    symbols = pool_symbols(history, incident, moment)
    placed = [order for order in history.orders.before(incident.first) if order.symbol in symbols]
    before = [order for order in placed if not _came_then(history, incident, order)]
    still = [order for order in before if order.is_open]
    tied = [order for order in still if _is_tied(history, incident, order)]
    if still and len(tied) == len(still):
        first = sum(place < incident.first for place in incident.cancelled)
        return Finding(
            kind="orders_cancelled",
            verdict=UNCLEAR,
            about=moment.pool.name if moment.pool is not None else incident.symbol,
            rule="all open orders are cancelled first; these were in the same moment, as finely as the files stamp",
            printed=Decimal(first),
            derived=Decimal(first + len(still)),
            source=str(history.events[incident.first].source),
        )
    return checks.orders_cancelled_first(
        cancelled=len(incident.cancelled),
        still_open=sum(order.is_open for order in before),
        about=moment.pool.name if moment.pool is not None else incident.symbol,
        evidence=moment.pool is not None and bool(before),
        source=str(history.events[incident.first].source),
    )


def _came_then(history: Reconstruction, incident: Incident, order: OrderState) -> bool:
    """Whether an order was placed in the moment of the liquidation order, as finely as the files stamp: it may have
    come after it."""
    first = history.events[incident.first]
    if isinstance(first, Order) and first.execution:
        return False  # a stream tells what came first
    coarse = {first.source.file, order.file} & history.evidence.whole_seconds
    return order.since_ms >= incident.time_ms - (SECOND_MS if coarse else 0)


def _is_tied(history: Reconstruction, incident: Incident, order: OrderState) -> bool:
    """Whether the order ended in the same moment as the liquidation order came, as finely as the files stamp."""
    if order.ended_ms is None:
        return False
    first = history.events[incident.first]
    files = {first.source.file, order.file}
    apart = order.ended_ms - incident.time_ms
    return apart <= (SECOND_MS if files & history.evidence.whole_seconds else 0)


def pool_symbols(history: Reconstruction, incident: Incident, moment: Moment) -> set[str]:
    """The symbols whose orders hold margin of the pool: all in multi-assets mode, the position's own if isolated, else
    those that are margined in the same asset and not isolated."""
    contracts = history.book.contracts
    if moment.pool is None or moment.pool.kind == "isolated":
        return {incident.symbol}
    if moment.pool.kind == "multi":
        return set(contracts)
    asset = contracts[incident.symbol].margin_asset
    return {
        symbol
        for symbol, contract in contracts.items()
        if contract.margin_asset == asset and moment.account.margin_types.get(symbol, "cross") == "cross"
    }
