"""Histories to write down in every shape: the golden liquidations, and the sessions of a real stream.

A story is what happened (events of the account), what the market showed (marks, indices, bracket tables), and where the
account stands at its end, as an `account` answer would print it.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

from margincall.core.account import SIDES, MarginType, PositionKey, PositionSide
from margincall.core.contract import value
from margincall.core.events import (
    AnyEvent,
    BalancePrint,
    Category,
    Fill,
    Flow,
    MarginMove,
    Order,
    PositionClosed,
    PositionPrint,
    Setting,
    Statement,
)
from margincall.core.margin import cross_wallet
from margincall.core.rounding import booked, exact, plain
from margincall.core.units import ZERO, Price, Quantity
from margincall.forensics.reconstruct import Reconstruction, reconstruct
from margincall.forensics.rulebook import Rulebook
from margincall.history.read import read
from margincall.venues.book import BracketBook
from margincall.venues.embedded import embedded_book
from margincall.venues.registry import contract_of
from margincall.wire.encode import Json
from margincall.wire.export_keys import COIN_M
from tests.cases import venue
from tests.cases.answers import book
from tests.cases.from_oracle import Told, told
from tests.cases.text import Case, cases
from tests.cases.trader import actions

SESSIONS = range(1, 10)
TAKEN_OVER = "taken over"
FIRST_TRANSACTION = 700_001


CHANGES: Mapping[str, tuple[str, Category, int]] = {
    "deposit": ("TRANSFER", "transfer", 1),
    "withdraw": ("TRANSFER", "transfer", -1),
    "funding": ("FUNDING_FEE", "funding", 1),
    "clearance": ("INSURANCE_CLEAR", "insurance_clear", -1),
    "made good": ("INSURANCE_CLEAR", "insurance_clear", 1),
    TAKEN_OVER: ("REALIZED_PNL", "realized_pnl", 1),
}
"""What a line of a case is in the income history: type, category, sign."""


class Story(NamedTuple):
    """`stream` is the file of the user-data stream, `events` what happened in the account, `market` messages of public
    streams, `snapshot` the account at the end."""

    name: str
    stream: bytes
    events: tuple[AnyEvent, ...]
    market: tuple[Json, ...]
    snapshot: Statement
    settings: tuple[Setting, ...]
    tables: BracketBook
    hedged: bool = False
    isolated: bool = False
    taken_over: bool = False


def golden() -> Iterator[Story]:
    """The golden cases that tell a history with a liquidation or a deleveraging."""
    for case in cases():
        if case.is_history and any(action.verb in ("liquidation", "deleveraging") for action in actions(case)):
            yield _of_case(case)


def sessions(shared: Path) -> Iterator[Story]:
    """The sessions of the real stream. They hold no liquidation."""
    for number in SESSIONS:
        path = shared / "binance_user_stream" / f"session-{number:02d}.json"
        events = read([path]).events
        tables = embedded_book({"BNBUSDT"})
        history = reconstruct(events, Rulebook({"BNBUSDT"}, tables))
        account, rules = history.timeline.last, history.rules_at(events[-1].time_ms)
        kept = tuple(_charged(history, place) for place in range(len(history.events)) if _happened(history, place))
        changes = [event.time_ms for event in kept if isinstance(event, Fill | Flow)]
        snapshot = Statement(
            time_ms=max(changes, default=0),
            origin="account",
            balances=tuple(
                BalancePrint(asset, wallet, cross_wallet(account, asset, rules))
                for asset, wallet in sorted(account.wallets.items())
            ),
            positions=tuple(
                PositionPrint(symbol, side, held.quantity, margin=held.margin, isolated_wallet=held.isolated_wallet)
                for (symbol, side), held in sorted(account.positions.items())
            ),
        )
        settings = tuple(
            Setting(time_ms=0, symbol=symbol, leverage=account.leverage.get(symbol, 20), margin=held.margin)
            for (symbol, _), held in account.positions.items()
        )
        yield Story(f"session-{number:02d}", path.read_bytes(), kept, (), snapshot, settings, tables)


def _of_case(case: Case) -> Story:
    steps = list(told(case))
    market = [message for message in venue.messages(case) if message["e"] in PUBLIC]
    private = [message for message in venue.messages(case) if message["e"] not in PUBLIC]
    found = actions(case)
    events = tuple(_account_events(case, steps))
    symbols = {action["symbol"] for action in found if action.verb == "isolated"}
    return Story(
        name=case.name,
        stream=b"".join(msgspec.json.encode(message) + b"\n" for message in private),
        events=events,
        market=tuple(market),
        snapshot=_snapshot(steps, events),
        settings=tuple(_settings(steps)),
        tables=book(case),
        hedged=any(isinstance(event, Fill) and event.side != "BOTH" for event in events),
        isolated=bool(symbols),
        taken_over=any(action.verb in (TAKEN_OVER, "unseen") for action in found),
    )


def _happened(history: Reconstruction, place: int) -> bool:
    return not isinstance(history.events[place], Statement)


def _charged(history: Reconstruction, place: int) -> AnyEvent:
    """An event, a fill with the fee that was charged: one fill of the stream prints none, though the wallet fell."""
    check = history.compared.checks.get(place)
    if check is None or check.fill.fee is not None:
        return history.events[place]
    return msgspec.structs.replace(check.fill, fee=check.terms.fee, fee_asset="USDT")


PUBLIC = frozenset({"markPriceUpdate", "assetIndexUpdate", "contractInfo"})
"""Messages of public streams."""


def _account_events(case: Case, steps: list[Told]) -> Iterator[AnyEvent]:
    """What happened, without what the venue prints about it."""
    moves = [
        MarginMove(
            time_ms=step.action.time_ms,
            symbol=step.action["symbol"],
            side=SIDES[step.action.key[1]],
            asset=step.action["asset"],
            amount=Decimal(step.action["amount"]),
        )
        for step in steps
        if step.action.verb == "margin"
    ]
    is_coin = any("_" in symbol for symbol, _ in steps[-1].positions)
    flows = [flow for step in steps if (flow := _flow(step, COIN_M if is_coin else "")) is not None]
    others = [event for event in venue.events(case) if isinstance(event, Fill | Order)]
    numbered = sorted([*moves, *flows, *others], key=lambda event: event.time_ms)
    for number, event in enumerate(numbered, FIRST_TRANSACTION):
        yield msgspec.structs.replace(event, tran_id=str(number)) if isinstance(event, Flow) else event


def _flow(step: Told, account: str) -> Flow | None:
    """The wallet change of a line that is no trade, as an income history tells it: with its symbol.

    A takeover is no trade. What it lost must stand in the income history, or the wallet would not follow from it
    (assumed: as REALIZED_PNL without a trade id; no sample of one is published).
    """
    action = step.action
    if action.verb not in CHANGES:
        return None
    kind, category, sign = CHANGES[action.verb]
    amount = Decimal(step.profit) if action.verb == TAKEN_OVER else sign * Decimal(action["amount"])
    asset = action.get("asset") or ("USDT" if "_" not in action["symbol"] else action["symbol"].partition("USD")[0])
    symbol = action.get("symbol")
    return Flow(
        time_ms=action.time_ms,
        account=account,
        applied={asset: amount},
        category=category,
        reason=kind,
        symbol=symbol,
    )


def _settings(steps: list[Told]) -> Iterator[Setting]:
    """The last leverage and margin type of each symbol, and the mode of the account."""
    symbols = sorted({symbol for step in steps for symbol, _ in step.positions})
    leverage = {step.action["symbol"]: int(step.action["leverage"]) for step in steps if step.action.verb == "leverage"}
    isolated = {step.action["symbol"] for step in steps if step.action.verb == "isolated"}
    for symbol in symbols:
        margin = "isolated" if symbol in isolated else "cross"
        yield Setting(time_ms=0, symbol=symbol, leverage=leverage.get(symbol, 20), margin=margin)
    yield Setting(time_ms=0, multi_assets=any(step.action.verb == "multi-assets" for step in steps))


def _snapshot(steps: list[Told], events: tuple[AnyEvent, ...]) -> Statement:
    last = steps[-1]
    changes = [event.time_ms for event in events if isinstance(event, Fill | Flow)]
    return Statement(
        time_ms=max(changes),
        origin="account",
        balances=tuple(
            BalancePrint(asset, Decimal(whole), Decimal(cross))
            for asset, (whole, cross) in sorted(last.wallets.items())
        ),
        positions=tuple(
            PositionPrint(
                symbol,
                SIDES[side],
                quantity=Decimal(shown.quantity),
                margin="isolated" if shown.margin == "isolated" else "cross",
                isolated_wallet=Decimal(shown.isolated_wallet),
            )
            for (symbol, side), shown in sorted(last.positions.items())
        ),
    )


def closed_positions(events: tuple[AnyEvent, ...]) -> Iterator[PositionClosed]:
    """The rows of a position history: one for each position that trades opened and closed wholly."""
    running: dict[PositionKey, list[Fill]] = {}
    held: dict[PositionKey, Decimal] = {}
    isolated = {event.symbol for event in events if isinstance(event, MarginMove)}
    for event in events:
        if isinstance(event, Fill):
            key = (event.symbol, event.side)
            before, after = held.get(key, ZERO), held.get(key, ZERO) + event.quantity
            held[key] = after
            if before * after < 0:
                running.pop(key, None)  # turned over in one trade: the venue's row of that is not published
                continue
            running.setdefault(key, []).append(event)
            if not after:
                found = _closed(running.pop(key), "isolated" if event.symbol in isolated else "cross")
                if found is not None:
                    yield found


def _closed(fills: list[Fill], margin: MarginType) -> PositionClosed | None:
    sign = 1 if fills[0].quantity > 0 else -1
    opening = [fill for fill in fills if fill.quantity * sign > 0]
    closing = [fill for fill in fills if fill.quantity * sign < 0]
    size = sum((abs(fill.quantity) for fill in opening), ZERO)
    if size != sum((abs(fill.quantity) for fill in closing), ZERO):
        return None
    largest = total = ZERO
    for fill in fills:
        total += fill.quantity * sign
        largest = max(largest, total)
    side: PositionSide = "LONG" if sign > 0 else "SHORT"
    return PositionClosed(
        time_ms=fills[-1].time_ms,
        symbol=fills[0].symbol,
        side=side,
        margin=margin,
        entry=average_price(opening),
        average_close=average_price(closing),
        max_quantity=largest,
        closed_quantity=size,
        realized=sum((fill.realized or ZERO for fill in fills), ZERO),
        opened_ms=fills[0].time_ms,
    )


@exact
def average_price(fills: list[Fill]) -> Decimal:
    """Average price as the venue prints it: to eight decimals; of an inverse contract the harmonic one."""
    contract = contract_of(fills[0].symbol)
    size = sum((abs(fill.quantity) for fill in fills), ZERO)
    worth = sum((abs(value(contract, Quantity(fill.quantity), Price(fill.price))) for fill in fills), ZERO)
    exact_price = size * contract.contract_size / worth if contract.is_inverse else worth / size
    return plain(booked(exact_price))
