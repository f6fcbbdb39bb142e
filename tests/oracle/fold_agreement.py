"""Holds the fold in `margincall.core` against the oracle's: one history in, every difference out."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from margincall.core.account import Account
from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Fill, Flow, MarginMove, MarkPrice, Setting
from margincall.core.fold import fold, total_cross
from margincall.core.rules import FeeRates, VenueRules
from tests.oracle import fold as oracle

TAKER = "0.0005"
STEP_MS = 60_000


def fold_differences(contracts: dict[str, Any], events: Sequence[dict[str, Any]]) -> list[str]:
    """Every term on which the two folds of a history differ, as `path: ours != oracle's`."""
    theirs = oracle.fold([event for event in events if event["kind"] != "mark"], contracts, taker=TAKER)
    ours = _answer(contracts, events)
    paths = sorted({*_numbers(ours), *_numbers(theirs)})
    mine, other = _numbers(ours), _numbers(theirs)
    zero = Decimal(0)
    return [
        f"{path}: {mine.get(path)} != {other.get(path)}"
        for path in paths
        if mine.get(path, zero) != other.get(path, zero)
    ]


def to_contracts(contracts: dict[str, Any]) -> dict[str, Contract]:
    """The contracts as values of `margincall.core`."""
    return {
        symbol: Contract(
            symbol=symbol,
            kind=each["kind"],
            base=each["base"],
            quote="",
            margin_asset=each["margin_asset"],
            tick=Decimal("0.01"),
            lot=Decimal("0.001"),
            contract_size=Decimal(each["contract_size"]),
        )
        for symbol, each in contracts.items()
    }


def to_rules(contracts: dict[str, Any]) -> VenueRules:
    """Rules that are enough for a fold: contracts and fee rates."""
    taker = Decimal(TAKER)
    return VenueRules("", to_contracts(contracts), {}, FeeRates(maker=Decimal("0.0002"), taker=taker))


def to_events(events: Sequence[dict[str, Any]], start_ms: int = 0) -> list[AnyEvent]:
    """The events as values of `margincall.core`, a minute apart."""
    return [to_event(event, start_ms + number * STEP_MS, number) for number, event in enumerate(events)]


def to_event(event: dict[str, Any], time_ms: int, number: int) -> AnyEvent:
    """One event; a fill is one of a taker."""
    symbol = event.get("symbol", "")
    match event["kind"]:
        case "fill":
            return _fill(event, time_ms, number)
        case "flow":
            amounts = {event["asset"]: Decimal(event["amount"])}
            category = event["category"]
            return Flow(
                time_ms=time_ms,
                seq=number,
                category=category,
                reason=category.upper(),
                symbol=symbol,
                side=event.get("side"),
                applied=amounts,
            )
        case "margin":
            amount = Decimal(event["amount"])
            return MarginMove(time_ms=time_ms, seq=number, symbol=symbol, side=event["side"], asset="", amount=amount)
        case "leverage":
            return Setting(time_ms=time_ms, seq=number, symbol=symbol, leverage=int(event["leverage"]))
        case "margin_type":
            return Setting(time_ms=time_ms, seq=number, symbol=symbol, margin=event["margin"])
        case "mark":
            return MarkPrice(time_ms=time_ms, seq=number, symbol=symbol, price=Decimal(event["price"]))
        case kind:
            raise ValueError(f"unknown event: {kind}")


def _fill(event: dict[str, Any], time_ms: int, number: int) -> Fill:
    return Fill(
        time_ms=time_ms,
        seq=number,
        symbol=event["symbol"],
        side=event["side"],
        quantity=Decimal(event["quantity"]),
        price=Decimal(event["price"]),
        trade_id=str(number),
        fee=Decimal(event["fee"]) if "fee" in event else None,
        fee_asset=event.get("fee_asset"),
        realized=Decimal(event["realized"]) if "realized" in event else None,
        maker=False,
    )


def _answer(contracts: dict[str, Any], events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rules = to_rules(contracts)
    account = Account()
    for event in to_events(events):
        account = fold(account, event, rules)
    return {
        "wallet_balances": account.wallets,
        "wallets": total_cross(account, rules),
        "positions": [
            {
                "symbol": position.symbol,
                "side": position.side,
                "quantity": position.quantity,
                "cost": position.cost,
                "isolated_wallet": position.isolated_wallet,
            }
            for position in account.open_positions()
        ],
        "remainder": account.remainder,
    }


def _numbers(answer: dict[str, Any]) -> dict[str, Decimal]:
    """path -> number; what is not there is 0."""
    found = {}
    for part in ("wallet_balances", "wallets", "remainder"):
        found |= {f"{part}.{asset}": Decimal(amount) for asset, amount in answer[part].items()}
    for each in answer["positions"]:
        for field in ("quantity", "cost", "isolated_wallet"):
            found[f"positions[{each['symbol']}{each['side']}].{field}"] = Decimal(each[field])
    return found
