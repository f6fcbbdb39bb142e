"""What the exchange hands out: each account's data in the venue's shapes (stream, API answers, CSV exports), and what
the market showed. `wire` spells them; which files there are and what stands in them is said here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from margincall.core.account import Account, PositionKey
from margincall.core.brackets import BracketTable
from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Fill, Flow, IndexPrice, MarginMove, MarkPrice, Order, Setting
from margincall.core.rounding import booked
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO
from margincall.exchange.diary import NO_LIGHTS, Diary
from margincall.exchange.events import (
    AnyExchangeEvent,
    Deleveraged,
    FundingSet,
    IndexSet,
    LiquidationStarted,
    LossShared,
)
from margincall.exchange.genesis import after
from margincall.exchange.ledger import TAKEN_OVER
from margincall.exchange.market_exports import fund_balances, funding_rates, trades
from margincall.exchange.play import Played
from margincall.exchange.queue import lights_of
from margincall.exchange.run_folder import begin
from margincall.exchange.scenario import MAKER, MARKET
from margincall.exchange.standing import is_coin, limit_of
from margincall.exchange.state import FundEntry
from margincall.venues.registry import contract_of
from margincall.wire import encode
from margincall.wire.durations import HOUR_MS, SECOND_MS
from margincall.wire.encode import NO_FUNDING, Funding
from margincall.wire.encode_csv import encoded, file_name
from margincall.wire.encode_market import adl_quantile_rows, clearance_fee_rates
from margincall.wire.encode_orders import force_order_row, order_row
from margincall.wire.encode_state import (
    AccountState,
    account_answer,
    coin_account_answer,
    coin_position_risk_rows,
    leverage_bracket,
    position_risk_rows,
    symbol_config_row,
)
from margincall.wire.iso_time import day_of
from margincall.wire.spelling import Json

CSV_LAYOUTS = ("trade history/asyn", "order history/asyn", "transaction history/web", "statement/older")
"""The exports that a user can download for one account."""
FORCED = ("liquidation", "adl")
FIRST_USER = 10_000_000
"""Users' ids of the exports have at least eight digits."""


def write_all(played: Played, folder: Path, day: str) -> list[str]:
    """Everything a run hands out: the market's folder, and one for each of `concerned`, whose names are returned. What
    an earlier run wrote there is replaced. `day` is the day whose brackets are in force. Raises `OSError`."""
    names, rules = concerned(played.events), played.state.genuine.venue
    begin(folder, [MARKET, *names])
    write_market(folder / MARKET, played.events, rules.tables, day, shown=shown_of(played))
    for name in names:
        seen = lights_of(played.state, name)
        write_account(folder / name, name, played.events, rules, played.state.time_ms, lights=seen)
    return names


def concerned(events: Iterable[AnyExchangeEvent]) -> list[str]:
    """Who was liquidated, deleveraged or charged for another's loss, by name. The maker is left out: its quotes are no
    orders that a user's history lists."""
    found: set[str] = set()
    for event in events:
        if isinstance(event, LiquidationStarted | Deleveraged):
            found.add(event.account)
        elif isinstance(event, LossShared):
            found |= set(event.charges)
    return sorted(found - {MAKER})


def write_account(
    folder: Path,
    name: str,
    events: Sequence[AnyExchangeEvent],
    rules: VenueRules,
    end_ms: int,
    *,
    lights: Mapping[PositionKey, int] = NO_LIGHTS,
) -> None:
    """All files of one account: `stream.jsonl`, `api/*.json`, `csv/*.csv`. `lights` are its places in the queue of
    deleveraging, which no history of one account tells. The brackets that its answers tell are those that the venue
    applied when it liquidated the account last, be they wrong."""
    diary = Diary(name, rules)
    history = list(diary.tell(events))
    _write_lines(folder / "stream.jsonl", encode.stream(history))
    own = list(of_account(name, events))
    own_answers = answers(own, diary.account, diary.snapshot(lights), rules)
    isolated = {symbol for symbol, margin in diary.account.margin_types.items() if margin == "isolated"}
    own_answers["adlQuantile"] = adl_quantile_rows(lights, isolated)
    day = day_of(end_ms if diary.liquidated_ms is None else diary.liquidated_ms)
    own_answers[f"leverageBracket-{day}"] = _brackets(diary.applied)
    for answer, content in own_answers.items():
        _write(folder / "api" / f"{answer}.json", msgspec.json.encode(content))
    nameless = [_as_downloaded(event) for event in own]
    for layout in CSV_LAYOUTS:
        _write(folder / "csv" / file_name(layout, end_ms), encoded(layout, nameless, user=str(number_of(name))))


class Shown(Struct, frozen=True, kw_only=True):
    """What the market showed that no event tells: the history of the fund, whose contracts it insures; what was known
    of funding at the start; the moving average in a mark (index and mean basis), by the place of its event."""

    fund: Sequence[FundEntry] = ()
    contracts: Mapping[str, Contract] = {}
    funding: Mapping[str, Funding] = {}
    averages: Mapping[int, Decimal] = {}
    by_rule: frozenset[str] = frozenset()
    """Symbols whose marks are made by rule, more than one in a second: each is stamped with its own time."""


NOTHING_SHOWN = Shown()


def shown_of(played: Played) -> Shown:
    """What a run has of it. Before the first settlement the rate is 0, as the mark's rule takes it."""
    rules, begun = played.state.genuine, played.events[0].time_ms if played.events else 0
    funding = {
        symbol: Funding(rate=ZERO, next_ms=after(begun, listing.funding.hours * HOUR_MS))
        for symbol, listing in rules.listings.items()
        if listing.funding is not None
    }
    return Shown(
        fund=played.state.fund_history, contracts=rules.venue.contracts, funding=funding, averages=played.averages,
        by_rule=frozenset(symbol for symbol, each in rules.listings.items() if each.mark_source == "rule"),
    )  # fmt: skip


def write_market(
    folder: Path,
    events: Sequence[AnyExchangeEvent],
    tables: Mapping[str, BracketTable],
    day: str,
    *,
    shown: Shown = NOTHING_SHOWN,
) -> None:
    """What the market showed: marks and asset indices as they were published, trades, the insurance fund's balance,
    funding rates, rates of the clearance fee, and the genuine brackets. A file of which there is nothing is not
    written."""
    lines = {
        "marks": published(events, shown),
        "trades": trades(events),
        "insuranceBalance": fund_balances(shown.fund, shown.contracts),
    }
    for name, messages in lines.items():
        _write_lines(folder / f"{name}.jsonl", messages)
    if rates := funding_rates(events):
        _write(folder / "fundingRate.json", msgspec.json.encode(rates))
    if fees := {name: each.liquidation_fee for name, each in shown.contracts.items() if each.liquidation_fee}:
        _write(folder / "exchangeInfo.json", msgspec.json.encode(clearance_fee_rates(fees, events[-1].time_ms)))
    _write(folder / f"leverageBracket_{day}.json", msgspec.json.encode(_brackets(tables)))


def _brackets(tables: Mapping[str, BracketTable]) -> list[Json]:
    return [leverage_bracket(table, contract_of(symbol)) for symbol, table in sorted(tables.items())]


def published(events: Iterable[AnyExchangeEvent], shown: Shown = NOTHING_SHOWN) -> Iterator[Json]:
    """Public messages; they are stamped with the full second that they are of, as the venue's are, where a price path
    gives one a second. What is set twice in a second without a change is published once; a mark that is made by rule
    is published every second, also where it has not changed, as the venue does."""
    last: dict[str, MarkPrice | IndexPrice] = {}
    known: dict[str, Funding] = dict(shown.funding)
    averages: dict[str, Decimal | None] = {}
    for place, event in enumerate(events):
        for symbol, mark in _unchanged(last, shown.by_rule, event.time_ms):
            last[symbol] = mark
            yield encode.mark_price_update(mark, known.get(symbol, NO_FUNDING), averages.get(symbol))
        if isinstance(event, IndexSet | FundingSet):
            known[event.symbol] = _funding(known.get(event.symbol, NO_FUNDING), event)
        if not isinstance(event, MarkPrice | IndexPrice):
            continue
        name = event.symbol if isinstance(event, MarkPrice) else event.asset
        past = 0 if name in shown.by_rule else event.time_ms % SECOND_MS
        told = structs.replace(event, time_ms=event.time_ms - past)
        if last.get(name) == told:
            continue
        last[name] = told
        if isinstance(told, MarkPrice):
            averages[name] = shown.averages.get(place)
            yield encode.mark_price_update(told, known.get(name, NO_FUNDING), averages[name])
        else:
            yield encode.asset_index_update(told)


def _unchanged(
    last: Mapping[str, MarkPrice | IndexPrice], by_rule: frozenset[str], time_ms: int
) -> Iterator[tuple[str, MarkPrice]]:
    """The marks made by rule that have not changed until before a time: one for each second since the last."""
    for symbol in sorted(by_rule & last.keys()):
        mark = last[symbol]
        while isinstance(mark, MarkPrice) and mark.time_ms + SECOND_MS < time_ms:
            mark = structs.replace(mark, time_ms=mark.time_ms + SECOND_MS)
            yield symbol, mark


def _funding(before: Funding, event: IndexSet | FundingSet) -> Funding:
    """What is known of a contract's funding after an event; the next time is that of the whole interval after it."""
    if isinstance(event, IndexSet):
        return structs.replace(before, index=event.index)
    next_ms = event.time_ms + event.hours * HOUR_MS
    return structs.replace(before, rate=event.rate, next_ms=next_ms - next_ms % HOUR_MS)


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


def _as_downloaded(event: AnyEvent) -> AnyEvent:
    """An event as a user's own download tells it: under the user's number, values with the decimals that are
    printed."""
    if isinstance(event, Order) and event.executed_value is not None:
        return structs.replace(event, account="", executed_value=booked(event.executed_value))
    return structs.replace(event, account="")


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


def answers(history: Sequence[AnyEvent], account: Account, state: AccountState, rules: VenueRules) -> dict[str, object]:
    """The API's answers about one account, by the name of their endpoint; `history` as `of_account` gives it, the
    account with the settings it ends with, and how it stands. COIN-M has no answer that tells settings alone, and no
    multi-assets mode (facts of its documentation): they stand in its `account`."""
    if is_coin(rules):
        own: dict[str, object] = {
            "account": coin_account_answer(state), "positionRisk": coin_position_risk_rows(state)
        }  # fmt: skip
    else:
        own = {
            "symbolConfig": [_symbol_config(account, symbol, rules) for symbol in sorted(account.leverage)],
            "multiAssetsMargin": {"multiAssetsMargin": account.multi_assets},
            "account": account_answer(state),
            "positionRisk": position_risk_rows(state),
        }
    return {**_lists(history), **own}


def _lists(history: Sequence[AnyEvent]) -> dict[str, object]:
    """The answers that are lists of what happened."""
    fills = [event for event in history if isinstance(event, Fill)]
    orders = _first_and_last(history)
    moves = [event for event in history if isinstance(event, MarginMove)]
    return {
        "userTrades": [encode.user_trade_row(fill) for fill in fills],
        "income": [row for event in history if isinstance(event, Fill | Flow) for row in encode.income_rows(event)],
        "allOrders": [order_row(last, first.time_ms) for first, last in orders],
        "forceOrders": [force_order_row(last, first.time_ms) for first, last in orders if last.close in FORCED],
        "positionMarginHistory": [encode.margin_change_row(move) for move in moves],
    }


def _symbol_config(account: Account, symbol: str, rules: VenueRules) -> Json:
    is_isolated = account.margin_types.get(symbol) == "isolated"
    limit = limit_of(account, rules, symbol)
    return symbol_config_row(symbol, account.leverage[symbol], limit, is_isolated=is_isolated)


def number_of(name: str) -> int:
    """The user's id that the exports print: a number of 8 to 15 digits that belongs to the name (of its SHA-256)."""
    return FIRST_USER + int.from_bytes(sha256(name.encode()).digest()[:6], "big")


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
    if lines := b"".join(msgspec.json.encode(message) + b"\n" for message in messages):
        _write(path, lines)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
