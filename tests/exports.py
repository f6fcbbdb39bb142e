"""Exports for tests: files of the venue's layouts with given rows, and events written down to them."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from msgspec import structs

from margincall.core.events import AnyEvent, Fill, Flow, Order, PositionClosed, Source
from margincall.history.read import History, read
from margincall.wire.export_keys import (
    ORDER_HEADERS,
    POSITION_HEADERS,
    STATEMENT_HEADERS,
    TRADE_HEADERS,
    TRANSACTION_HEADERS,
)

D = Decimal
TIME = 1_773_736_452_000
"""2026-03-17 08:34:12 UTC."""
USER = "862706699"
HEADERS = {
    f"{kind}/{variant}": header
    for kind, headers in {
        "trade history": TRADE_HEADERS,
        "order history": ORDER_HEADERS,
        "transaction history": TRANSACTION_HEADERS,
        "position history": POSITION_HEADERS,
        "statement": STATEMENT_HEADERS,
    }.items()
    for variant, header in headers.items()
}

FILL = Fill(
    time_ms=TIME,
    symbol="BTCUSDT",
    side="BOTH",
    quantity=D("0.01"),
    price=D("73822.3"),
    trade_id="419925075",
    order_id="49172439177",
    fee=D("0.29528919"),
    fee_asset="USDT",
    realized=D(0),
    maker=False,
)
ORDER = Order(
    time_ms=TIME,
    symbol="BTCUSDT",
    side="BOTH",
    order_id="49172439177",
    client_order_id="autoclose-1773736452000000020",
    status="FILLED",
    execution="",
    order_type="LIMIT",
    time_in_force="IOC",
    buy=True,
    quantity=D("0.01"),
    price=D("73000"),
    average_price=D("73822.3"),
    executed=D("0.01"),
    executed_value=D("738.223"),
    close="liquidation",
)
FUNDING = Flow(
    time_ms=TIME,
    applied={"USDT": D("-0.07779065")},
    category="funding",
    reason="FUNDING_FEE",
    symbol="BTCUSDT",
    tran_id="9",
)
CLOSED = PositionClosed(
    time_ms=TIME,
    symbol="BTCUSDT",
    side="SHORT",
    margin="isolated",
    entry=D("0.86536"),
    average_close=D("0.85298717"),
    max_quantity=D(414),
    closed_quantity=D(414),
    realized=D("5.12235"),
    opened_ms=TIME - 3_600_000,
)

ZONED = "export(UTC+0).csv"


def text(layout: str, *rows: str, end: str = "\r\n", mark: str = "\ufeff") -> bytes:
    """A file of one of the venue's headers with these rows."""
    return (mark + "".join(line + end for line in (HEADERS[layout], *rows))).encode()


def saved(folder: Path, content: bytes | str, name: str = ZONED) -> Path:
    """A file with this content."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def of_rows(folder: Path, layout: str, *rows: str, name: str = ZONED, **options: str) -> History:
    """What a file of these rows says."""
    return read([saved(folder, text(layout, *rows), name)], **options)


def bare(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """Events without their places and accounts."""
    return [
        structs.replace(event, source=Source(""), seq=0, account="", applied=dict(event.applied)) for event in events
    ]


def troubles(history: History) -> list[str]:
    """Messages of problems that are not mere notes."""
    return [problem.message for problem in history.problems if problem.kind not in ("note", "repeat", "ignored")]


def kinds(history: History) -> list[str]:
    """Kinds of all problems that are not mere notes."""
    return [problem.kind for problem in history.problems if problem.kind not in ("note", "ignored")]
