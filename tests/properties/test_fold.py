"""What events do to an account: the books balance, a fill in parts is the same fill, and long mirrors short."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from margincall.core.account import Account, Position, PositionKey, PositionSide
from margincall.core.events import AnyEvent, Fill
from margincall.core.fold import books_problem, fold
from margincall.core.rounding import AMOUNT_UNIT, QUOTIENT_UNIT, exact
from margincall.core.rules import VenueRules
from tests.oracle.fold_agreement import to_events, to_rules
from tests.properties.strategies import History, histories

ZERO = Decimal(0)
OTHER: dict[PositionSide, PositionSide] = {"BOTH": "BOTH", "LONG": "SHORT", "SHORT": "LONG"}
MIRROR = Decimal(1_000_000)
"""Prices p become MIRROR − p: more than twice any price of a history."""


def accounts(history: History) -> list[Account]:
    """The account after each event."""
    contracts, events = history
    rules, found = to_rules(contracts), [Account()]
    for event in to_events(events):
        found.append(fold(found[-1], event, rules))
    return found[1:]


@given(histories())
def test_the_books_balance_after_each_event(history: History) -> None:
    rules = to_rules(history[0])
    for account in accounts(history):
        assert books_problem(account, rules) is None


@given(histories())
def test_marks_change_no_account(history: History) -> None:
    contracts, events = history
    after = accounts(history)[-1]
    without = [event for event in events if event["kind"] != "mark"]
    assert accounts((contracts, without))[-1] == after


# --- a fill in parts ------------------------------------------------------------------------------------------------


@given(histories(), st.lists(st.integers(1, 1000), min_size=2, max_size=4))
def test_a_fill_in_parts_changes_only_the_remainder(history: History, weights: list[int]) -> None:
    """Each part truncates its own profit, so a part may book a unit less, which the remainder account holds instead."""
    contracts, events = history
    rules = to_rules(contracts)
    account = Account()
    for event in to_events(events):
        if isinstance(event, Fill):
            whole = structs.replace(event, realized=None, fee=event.fee or ZERO)
            compare_parts(account, whole, parts_of(whole, weights), rules)
        account = fold(account, event, rules)


def parts_of(fill: Fill, weights: list[int]) -> list[Fill]:
    """The fill in parts of these weights, all at its price; the fee, as printed, split likewise."""
    total, units = sum(weights), [ZERO, ZERO]
    parts = []
    for weight in weights[:-1]:
        quantity = fill.quantity * weight / total // AMOUNT_UNIT * AMOUNT_UNIT
        fee = fill.fee * weight / total // AMOUNT_UNIT * AMOUNT_UNIT if fill.fee else ZERO
        units = [units[0] + quantity, units[1] + fee]
        parts.append(structs.replace(fill, quantity=quantity, fee=fee))
    last = structs.replace(fill, quantity=fill.quantity - units[0], fee=(fill.fee or ZERO) - units[1])
    return [part for part in (*parts, last) if part.quantity]


@exact
def compare_parts(account: Account, whole: Fill, parts: list[Fill], rules: VenueRules) -> None:
    one, other = fold(account, whole, rules), account
    for part in parts:
        other = fold(other, part, rules)
    key: PositionKey = (whole.symbol, whole.side)
    before, after, again = account.position(key), one.position(key), other.position(key)
    asset = rules.contract(whole.symbol).margin_asset
    wallet = other.wallets[asset] - one.wallets[asset]
    cost = (after.cost - again.cost) * (-1 if rules.contract(whole.symbol).is_inverse else 1)
    assert again.quantity == after.quantity
    assert abs(cost) <= 2 * len(parts) * QUOTIENT_UNIT
    assert abs(wallet) <= len(parts) * AMOUNT_UNIT
    assert wallet == again.realized - after.realized
    if before.quantity * whole.quantity >= 0:
        assert wallet == 0
        assert other.remainder[asset] == one.remainder[asset] == account.remainder.get(asset, ZERO)
    elif not rules.contract(whole.symbol).is_inverse:
        assert one.remainder[asset] - other.remainder[asset] == wallet + cost
    assert untouched(one, key, asset) == untouched(other, key, asset)


def untouched(account: Account, key: PositionKey, asset: str) -> dict[str, Any]:
    """Everything but this position, the wallet of its asset, and the sums of both."""
    kept = structs.asdict(account)
    kept["positions"] = {each: position for each, position in account.positions.items() if each != key}
    kept["ledger"] = {entry: sum_ for entry, sum_ in account.ledger.items() if entry != (asset, "realized_pnl")}
    for name in ("wallets", "trade_cash", "remainder"):
        kept[name] = {each: amount for each, amount in kept[name].items() if each != asset}
    return kept


# --- long and short -------------------------------------------------------------------------------------------------


@given(histories().filter(lambda history: is_plain(history)))
def test_a_mirrored_history_books_the_same(history: History) -> None:
    """Buys as sells at prices mirrored about a point: every profit is the same, to the last digit."""
    contracts, events = history
    rules = to_rules(contracts)
    one = other = Account()
    for event in to_events(events):
        turned = mirrored(event)
        one, other = fold(one, with_fee(event), rules), fold(other, turned, rules)
        assert other.wallets == one.wallets
        assert other.remainder == one.remainder
        for key, position in one.positions.items():
            compare_mirrored(position, other.position((key[0], OTHER[key[1]])))


@exact
def compare_mirrored(position: Position, opposite: Position) -> None:
    assert (opposite.quantity, opposite.realized) == (-position.quantity, position.realized)
    assert opposite.cost == position.cost - MIRROR * position.quantity


def is_plain(history: History) -> bool:
    """Linear and cross: margin moved to an isolated position depends on its price."""
    contracts, events = history
    linear = all(contract["kind"] == "linear" for contract in contracts.values())
    return linear and not any(event["kind"] == "margin_type" for event in events)


def with_fee(event: AnyEvent) -> AnyEvent:
    """The event with a fee that does not depend on its price."""
    return structs.replace(event, fee=event.fee or ZERO) if isinstance(event, Fill) else event


def mirrored(event: AnyEvent) -> AnyEvent:
    if not isinstance(event, Fill):
        side = getattr(event, "side", None)
        return structs.replace(event, side=OTHER[side]) if side else event
    price, side = MIRROR - event.price, OTHER[event.side]
    return structs.replace(with_fee(event), quantity=-event.quantity, price=price, side=side)
