"""The exchange's liquidations, explained from its exports: its own numbers must come back exactly.

A scenario is played; each account that was liquidated gets its files in the venue's shapes; `explain` reads them, as it
reads anybody's. What it says of each liquidation is held against what the exchange booked. The truth is known here.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from margincall.core.events import Fill, Order
from margincall.exchange.events import AnyExchangeEvent, LiquidationStarted, LiquidationStep
from margincall.exchange.exports import write_account, write_market
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.play import Played
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
    "CSV": (
        "csv",
        *(f"api/{name}.json" for name in ("account", "symbolConfig", "multiAssetsMargin", "positionMarginHistory")),
    ),
}
"""Which of an account's files are read together."""


class Truth(NamedTuple):
    """What the exchange booked of one liquidation order: what the explanation is held against."""

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


class Difference(NamedTuple):
    """A number that did not come back."""

    account: str
    shape: str
    order_id: str
    term: str
    booked: Any
    explained: Any


def truths(events: list[AnyExchangeEvent]) -> list[Truth]:
    """Every liquidation order that met the book: the first of its liquidation, whose trigger is that of the pool."""
    found: list[Truth] = []
    started: dict[int, LiquidationStarted] = {}
    orders: dict[tuple[str, str, str, int], Order] = {}
    fills: dict[tuple[str, str], list[Fill]] = {}
    fees: dict[tuple[int, str, str], Decimal] = {}
    steps: list[LiquidationStep] = []
    for event in events:
        match event:
            case LiquidationStarted():
                started[event.number] = event
            case Order(close="liquidation", execution="NEW"):
                # The reducing order comes first; those of takeovers follow.
                orders.setdefault((event.account, event.symbol, event.side, event.time_ms), event)
            case Fill(close="liquidation") if event.trade_id != TAKEN_OVER:
                fills.setdefault((event.account, event.order_id), []).append(event)
            case LiquidationStep(step="fee"):
                fees[event.number, event.symbol, event.side] = sum(event.applied.values(), Decimal(0))
            case LiquidationStep(step="reduce"):
                steps.append(event)
            case _:
                pass
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
                fee=fees.get((step.number, step.symbol, step.side), Decimal(0)),
            )
        )
    return found


def export(played: Played, folder: Path, day: str) -> None:
    """Write the files of all accounts that were liquidated, and of the market."""
    rules = played.state.genuine.venue
    write_market(folder / "market", played.events, rules.tables, day)
    for name in sorted({event.account for event in played.events if isinstance(event, LiquidationStarted)}):
        write_account(folder / name, name, played.events, rules, played.state.time_ms)


def explained(folder: Path, account: str, shape: str) -> dict[str, Any]:
    """`margincall explain` of one account's files of a shape, with the market's."""
    history = read([*(folder / account / part for part in SHAPES[shape]), folder / "market"])
    evidence = evidence_of(history.sources, history.events)
    return document(explain(history.events, book_of(history.tables), evidence=evidence))


def differences(found: list[Truth], folder: Path, shape: str) -> Iterator[Difference]:
    """Every number of these liquidations that does not come back from the files of a shape."""
    for account in sorted({truth.account for truth in found}):
        answer = explained(folder, account, shape)
        told = {each["order_id"]: each for each in answer["liquidations"]}
        for truth in found:
            if truth.account == account:
                for term, booked, given in _terms(truth, told.get(truth.order_id)):
                    if not _same(booked, given):
                        yield Difference(account, shape, truth.order_id, term, booked, given)


def _terms(truth: Truth, given: dict[str, Any] | None) -> Iterator[tuple[str, Any, Any]]:
    yield "found", True, given is not None
    if given is None:
        return
    yield "symbol", truth.symbol, given["symbol"]
    yield "liquidated", True, given["verdict"]["liquidated"]
    yield "margin balance", truth.balance, given["verdict"]["margin_balance"]
    yield "maintenance margin", truth.maintenance, given["verdict"]["maintenance_margin"]
    yield "mark", truth.mark, given["prices"]["mark_at_trigger"]
    yield "limit", truth.limit, given["prices"]["order_limit"]
    if truth.fills:
        yield "clearance fee", truth.fee or None, given["clearance"]["fee"] or None
        yield "quantity", sum(abs(fill.quantity) for fill in truth.fills), given["quantity"]


def _same(booked: Any, given: Any) -> bool:
    if isinstance(booked, Decimal | int) and not isinstance(booked, bool):
        return given is not None and Decimal(given) == booked
    return bool(booked == given)
