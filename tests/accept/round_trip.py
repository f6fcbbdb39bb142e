"""The exchange's liquidations, explained from its exports: its own numbers must come back exactly.

A scenario is played; each account that was liquidated gets its files in the venue's shapes; `explain` reads them, as it
reads anybody's. What it says of each liquidation is held against what the exchange booked. The truth is known here.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from margincall.core.events import Fill, Order
from margincall.core.units import ZERO
from margincall.exchange.events import AnyExchangeEvent, LiquidationStarted, LiquidationStep
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.scenario import MAKER
from margincall.forensics.document import document
from margincall.forensics.evidence import evidence_of
from margincall.forensics.explain import explain
from margincall.history.read import read
from margincall.venues.book import book_of

NO_EXPORT = ("account", "symbolConfig", "multiAssetsMargin", "positionMarginHistory")
"""What no CSV tells: how the account stands now, its settings, its isolated margin."""
SHAPES: Mapping[str, tuple[str, ...]] = {
    "stream": ("stream.jsonl",),
    "API": ("api",),
    "CSV": ("csv", *(f"api/{name}.json" for name in NO_EXPORT)),
}
"""Which of an account's files are read together."""


class Truth(NamedTuple):
    """What the exchange booked of one liquidation order that met the book: what its explanation is held against."""

    account: str
    pool: str
    symbol: str
    side: str
    time_ms: int
    order_id: str
    balance: Decimal
    maintenance: Decimal
    mark: Decimal
    limit: Decimal
    fills: tuple[Fill, ...]
    fee: Decimal


class Closed(NamedTuple):
    """What was closed otherwise: the fund's takeovers of a position in one moment, or the fills of a deleveraging."""

    account: str
    kind: Literal["taken over", "deleveraged"]
    fills: tuple[Fill, ...]


class Truths(NamedTuple):
    """All of a run. `known` are the orders, by account, that the venue placed itself."""

    orders: tuple[Truth, ...]
    closed: tuple[Closed, ...]
    known: Mapping[str, frozenset[str]]

    @property
    def accounts(self) -> list[str]:
        """Who was liquidated or deleveraged; the maker has no files."""
        return sorted(set(self.known) - {MAKER})


class Term(NamedTuple):
    """One number as it was booked and as it was explained."""

    account: str
    shape: str
    order_id: str
    term: str
    booked: Any
    explained: Any

    @property
    def is_back(self) -> bool:
        """Whether it came back exactly."""
        if isinstance(self.booked, Decimal | int) and not isinstance(self.booked, bool):
            return self.explained is not None and Decimal(self.explained) == self.booked
        return bool(self.booked == self.explained)


def truths(events: list[AnyExchangeEvent]) -> Truths:
    """Every forced closing. Of a liquidation's orders the one that met the book is the first: its trigger is that of
    the pool."""
    started: dict[int, LiquidationStarted] = {}
    orders: dict[tuple[str, str, str, int], Order] = {}
    fills: dict[tuple[str, str], list[Fill]] = {}
    taken: dict[tuple[str, str, str, int], list[Fill]] = {}
    deleveraged: dict[tuple[str, str], list[Fill]] = {}
    fees: dict[tuple[int, str, str], Decimal] = {}
    known: dict[str, set[str]] = {}
    steps: list[LiquidationStep] = []
    for event in events:
        if isinstance(event, Order | Fill) and event.close:
            known.setdefault(event.account, set()).add(event.order_id)
        match event:
            case LiquidationStarted():
                started[event.number] = event
            case Order(close="liquidation", execution="NEW"):
                # The reducing order comes first; those of takeovers follow.
                orders.setdefault((event.account, event.symbol, event.side, event.time_ms), event)
            case Fill(close="liquidation") if event.trade_id == TAKEN_OVER:
                taken.setdefault((event.account, event.symbol, event.side, event.time_ms), []).append(event)
            case Fill(close="liquidation"):
                fills.setdefault((event.account, event.order_id), []).append(event)
            case Fill(close="adl"):
                deleveraged.setdefault((event.account, event.order_id), []).append(event)
            case LiquidationStep(step="fee"):
                fees[event.number, event.symbol, event.side] = sum(event.applied.values(), ZERO)
            case LiquidationStep(step="reduce"):
                steps.append(event)
            case _:
                pass
    found = []
    for step in steps:
        begun = started[step.number]
        order = orders[step.account, step.symbol, step.side, step.time_ms]
        assert step.price is not None
        found.append(
            Truth(
                account=step.account,
                pool=begun.pool,
                symbol=step.symbol,
                side=step.side,
                time_ms=step.time_ms,
                order_id=order.order_id,
                balance=begun.balance,
                maintenance=begun.maintenance,
                mark=begun.marks[step.symbol],
                limit=step.price,
                fills=tuple(fills.get((step.account, order.order_id), ())),
                fee=fees.get((step.number, step.symbol, step.side), ZERO),
            )
        )
    return Truths(
        tuple(found),
        (
            *(Closed(own[0].account, "taken over", tuple(own)) for own in taken.values()),
            *(Closed(own[0].account, "deleveraged", tuple(own)) for own in deleveraged.values()),
        ),
        {account: frozenset(own) for account, own in known.items()},
    )


def explained(folder: Path, account: str, shape: str) -> dict[str, Any]:
    """`margincall explain` of one account's files of a shape, with the market's."""
    history = read([*(folder / account / part for part in SHAPES[shape]), folder / "market"])
    evidence = evidence_of(history.sources, history.events)
    return document(explain(history.events, book_of(history.tables), evidence=evidence))


def terms(found: Truths, folder: Path, shape: str) -> Iterator[Term]:
    """Every number of these closings, as booked and as explained from the files of a shape."""
    for account in found.accounts:
        told = explained(folder, account, shape)["liquidations"]
        by_order = {each["order_id"]: each for each in told}
        for truth in found.orders:
            if truth.account == account:
                for name, booked, given in _of_order(truth, by_order.get(truth.order_id)):
                    yield Term(account, shape, truth.order_id, name, booked, given)
        for closed in found.closed:
            if closed.account == account:
                for name, booked, given in _of_closed(closed, told):
                    yield Term(account, shape, closed.fills[0].order_id, name, booked, given)
        invented = sorted(each["order_id"] for each in told if each["order_id"] not in found.known[account])
        yield Term(account, shape, "", "incidents that never were", [], invented)


def _of_order(truth: Truth, given: dict[str, Any] | None) -> Iterator[tuple[str, Any, Any]]:
    yield "found", True, given is not None
    if given is None:
        return
    yield "symbol", truth.symbol, given["symbol"]
    yield "position side", truth.side, given["position_side"]
    yield "liquidated", True, given["verdict"]["liquidated"]
    yield "margin balance", truth.balance, given["verdict"]["margin_balance"]
    yield "maintenance margin", truth.maintenance, given["verdict"]["maintenance_margin"]
    yield "mark", truth.mark, given["prices"]["mark_at_trigger"]
    yield "limit", truth.limit, given["prices"]["order_limit"]
    yield "clearance fee", truth.fee or None, given["clearance"]["fee"] or None
    if truth.fills:
        yield from _of_fills(truth.fills, given)
        yield "commission", -sum((fill.fee or ZERO for fill in truth.fills), ZERO), _steps([given], "commission")


def _of_fills(fills: Sequence[Fill], given: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    yield "quantity", sum(abs(fill.quantity) for fill in fills), given["quantity"]
    yield "notional", sum(abs(fill.quantity) * fill.price for fill in fills), given["clearance"]["base"]
    yield "realised", sum((fill.realized or ZERO for fill in fills), ZERO), given["realized_pnl"]


def _of_closed(closed: Closed, told: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """A takeover has no trade: what is told of it is its profit. Who is deleveraged gets an order with fills."""
    first = closed.fills[0]
    if closed.kind == "taken over":
        here = [
            each
            for each in told
            if (each["symbol"], each["position_side"]) == (first.symbol, first.side)
            and each["time_ms"] // 1000 == first.time_ms // 1000
        ]
        yield "taken over", sum((fill.realized or ZERO for fill in closed.fills), ZERO), _steps(here, "taken over")
        return
    given = next((each for each in told if each["order_id"] == first.order_id), None)
    yield "deleveraging found", "adl", given and given["kind"]
    if given is not None:
        yield from _of_fills(closed.fills, given)


def _steps(told: list[dict[str, Any]], name: str) -> Decimal:
    amounts = [Decimal(step["amount"]) for each in told for step in each["waterfall"] if step["step"] == name]
    return sum(amounts, ZERO)
