"""What the exchange hands out: each account's data in the venue's shapes (stream, API answers, CSV exports), and what
the market showed. `wire` spells them; which files there are and what stands in them is said here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from margincall.core.account import Account
from margincall.core.brackets import BracketTable
from margincall.core.events import AnyEvent, Fill, Flow, IndexPrice, MarginMove, MarkPrice, Order, Setting, Statement
from margincall.core.rounding import plain
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.exchange.diary import Diary
from margincall.exchange.events import AnyExchangeEvent
from margincall.exchange.ledger import TAKEN_OVER
from margincall.wire import encode
from margincall.wire.durations import SECOND_MS
from margincall.wire.encode import Json
from margincall.wire.encode_csv import encoded, file_name

CSV_LAYOUTS = ("trade history/asyn", "order history/asyn", "transaction history/web", "statement/older")
"""The exports that a user can download for one account."""
FORCED = ("liquidation", "adl")


def write_account(folder: Path, name: str, events: Sequence[AnyExchangeEvent], rules: VenueRules, end_ms: int) -> None:
    """All files of one account: `stream.jsonl`, `api/*.json`, `csv/*.csv`."""
    diary = Diary(name, rules)
    history = list(diary.tell(events))
    _write_lines(folder / "stream.jsonl", encode.stream(history))
    own = list(of_account(name, events))
    for answer, content in answers(own, diary.account, diary.snapshot()).items():
        _write(folder / "api" / f"{answer}.json", msgspec.json.encode(content))
    for layout in CSV_LAYOUTS:
        _write(folder / "csv" / file_name(layout, end_ms), encoded(layout, own, user=str(number_of(name))))


def write_market(
    folder: Path, events: Iterable[AnyExchangeEvent], tables: Mapping[str, BracketTable], day: str
) -> None:
    """What the market showed: marks and asset indices as they were published, and the brackets in force."""
    _write_lines(folder / "marks.jsonl", published(events))
    brackets = [leverage_bracket(table) for _, table in sorted(tables.items())]
    _write(folder / f"leverageBracket_{day}.json", msgspec.json.encode(brackets))


def published(events: Iterable[AnyExchangeEvent]) -> Iterator[Json]:
    """Public messages; they are stamped with the full second that they are of, as the venue's are. What is set twice
    in a second without a change is published once."""
    last: dict[str, MarkPrice | IndexPrice] = {}
    for event in events:
        if not isinstance(event, MarkPrice | IndexPrice):
            continue
        told = structs.replace(event, time_ms=event.time_ms - event.time_ms % SECOND_MS)
        name = told.symbol if isinstance(told, MarkPrice) else told.asset
        if last.get(name) == told:
            continue
        last[name] = told
        yield encode.mark_price_update(told) if isinstance(told, MarkPrice) else encode.asset_index_update(told)


def of_account(name: str, events: Iterable[AnyExchangeEvent]) -> Iterator[AnyEvent]:
    """What an account's lists hold: its orders, trades and wallet changes. What the fund took over is no trade; the
    income history tells its profit alone."""
    for event in events:
        if not isinstance(event, Fill | Flow | MarginMove | Setting | Order) or event.account != name:
            continue
        if isinstance(event, Fill) and event.trade_id == TAKEN_OVER:
            yield _profit(event)
        else:
            yield event


def _profit(fill: Fill) -> Flow:
    """The profit of a takeover, as a row without a trade."""
    return Flow(
        time_ms=fill.time_ms,
        seq=fill.seq,
        account=fill.account,
        applied={fill.fee_asset or "": fill.realized or ZERO},
        category="realized_pnl",
        reason="REALIZED_PNL",
        symbol=fill.symbol,
        side=fill.side,
        tran_id=str(fill.seq),
    )


def answers(history: Sequence[AnyEvent], settings: Account, snapshot: Statement) -> dict[str, object]:
    """The API's answers about one account, by the name of their endpoint; `history` as `of_account` gives it, the
    account with the settings it ends with."""
    fills = [event for event in history if isinstance(event, Fill)]
    orders = _first_and_last(history)
    return {
        "userTrades": [encode.user_trade_row(fill) for fill in fills],
        "income": [row for event in history if isinstance(event, Fill | Flow) for row in encode.income_rows(event)],
        "allOrders": [{**encode.order_row(last), "time": first.time_ms} for first, last in orders],
        "forceOrders": [
            {**encode.order_row(last), "time": first.time_ms} for first, last in orders if last.close in FORCED
        ],
        "positionMarginHistory": [
            encode.margin_change_row(event) for event in history if isinstance(event, MarginMove)
        ],
        "symbolConfig": [_symbol_config(settings, symbol) for symbol in sorted(settings.leverage)],
        "multiAssetsMargin": {"multiAssetsMargin": settings.multi_assets},
        "account": encode.account_answer(snapshot),
        "positionRisk": encode.position_risk_rows(snapshot),
    }


def _symbol_config(account: Account, symbol: str) -> Json:
    """A row of `symbolConfig`."""
    is_isolated = account.margin_types.get(symbol) == "isolated"
    return {
        "symbol": symbol,
        "marginType": "ISOLATED" if is_isolated else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": account.leverage[symbol],
        "maxNotionalValue": "1000000",
    }


def leverage_bracket(table: BracketTable) -> Json:
    """A symbol's entry of `leverageBracket`."""
    return {
        "symbol": table.symbol,
        "brackets": [
            {
                "bracket": row.number,
                "initialLeverage": row.max_leverage or 1,
                "notionalCap": f"{plain(row.cap):f}",
                "notionalFloor": f"{plain(row.floor):f}",
                "maintMarginRatio": f"{plain(row.rate):f}",
                "cum": f"{plain(row.cum):f}",
            }
            for row in table.rows
        ],
    }


def number_of(name: str) -> int:
    """The user's id that the exports print: a number that belongs to the name."""
    return 10_000_000 + int.from_bytes(name.encode()[:8], "big") % 90_000_000


def _first_and_last(history: Iterable[AnyEvent]) -> list[tuple[Order, Order]]:
    """Each order in its first and its last state: a list of the API shows when it was placed, and how it ended."""
    first: dict[str, Order] = {}
    last: dict[str, Order] = {}
    for event in history:
        if isinstance(event, Order):
            first.setdefault(event.order_id, event)
            last[event.order_id] = event
    return [(order, last[order_id]) for order_id, order in first.items()]


def _write_lines(path: Path, messages: Iterable[Json]) -> None:
    _write(path, b"".join(msgspec.json.encode(message) + b"\n" for message in messages))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
