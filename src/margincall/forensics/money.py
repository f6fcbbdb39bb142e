"""Where the money went: what the events of a liquidation booked, from the margin before to what is left."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from margincall.core.account import Account
from margincall.core.contract import value
from margincall.core.events import Fill, Flow, Order
from margincall.core.margin import cross_wallet
from margincall.core.rounding import exact, ratio_nearest
from margincall.core.rules import VenueRules
from margincall.core.units import ZERO, Price, Quantity
from margincall.forensics.incidents import AFTERMATH_MS, Incident
from margincall.forensics.inferred import TAKEN_OVER
from margincall.forensics.moment import WALLET, Moment, pool_at
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.sheet import Clearance, Step

AFTER_TRADES = ("clearance fee", "made good", "in between", "left", "left in the position")
"""Steps that come after what the trades of a closed position have left."""


class Money(Struct, frozen=True):
    """What an incident booked. `base` is the notional that its orders liquidated; `quantity` what was closed,
    unsigned; `before_fee` what of the pool's balance was left when the clearance fee was taken."""

    realized: Decimal | None
    quantity: Decimal | None
    average: Decimal | None
    clearance: Clearance
    steps: tuple[Step, ...]
    left: dict[str, Decimal]
    before_fee: Decimal | None
    commission: Decimal
    rest_unknown: bool = False


@exact
def money_of(history: Reconstruction, incident: Incident, moment: Moment) -> Money:
    """The applied amounts of an incident."""
    rules = history.rules_at(incident.time_ms)
    fills = [event for place in incident.fills if isinstance(event := history.events[place], Fill)]
    flows = [event for place in incident.clearances if isinstance(event := history.events[place], Flow)]
    booked = {place: _booked_profit(history, place) for place in incident.fills}
    realized = sum(booked.values(), ZERO) if fills else None
    asset = rules.contract(incident.symbol).margin_asset if incident.symbol else ""
    taken = [amount for flow in flows for each, amount in flow.applied.items() if each == asset and amount < ZERO]
    fee = -sum(taken, ZERO) if taken else None
    base = _base(incident, fills, rules)
    rate = ratio_nearest(fee / base) if fee is not None and base else None
    after = history.timeline.after(incident.last)
    unknown_wallets = history.opening.unknown_wallets
    rest_unknown = _rest_unknown(history, incident, fills)
    founded = not WALLET & set(moment.lacks)
    whole = _Booked(incident, moment.account, after, rules, booked, unknown_wallets, founded)
    steps, left = _steps(whole, fills, flows)
    return Money(
        realized=None if rest_unknown else realized,
        quantity=None if rest_unknown else _quantity(incident, fills),
        average=_average(incident, fills, rules),
        clearance=Clearance(fee, rate, base),
        steps=steps,
        left=left,
        before_fee=_before_fee(history, incident, moment, steps) if left and taken else None,
        commission=sum((fill.fee or ZERO for fill in fills if fill.fee_asset in (None, asset)), ZERO),
        rest_unknown=rest_unknown,
    )


def _rest_unknown(history: Reconstruction, incident: Incident, fills: Sequence[Fill]) -> bool:
    """Whether the order left something over, and no file tells what became of it: it may still be open, or the
    insurance fund took it over."""
    order = incident.order
    if order is None or order.executed >= order.quantity or order.status == "NEW":
        return False
    if any(fill.trade_id == TAKEN_OVER for fill in fills):
        return False
    if ("position", f"{incident.symbol} {incident.side}") in history.opening.first:
        return False
    return not _is_left_to_another(history, incident)


def _is_left_to_another(history: Reconstruction, incident: Incident) -> bool:
    """Whether the venue's next liquidation order is for all that the fills leave of the position: then it was all still
    open, and nothing had been taken over."""
    for place in range(max(incident.fills, default=incident.first) + 1, len(history.events)):
        event = history.events[place]
        if event.time_ms - incident.time_ms > AFTERMATH_MS:
            break
        if isinstance(event, Order) and _goes_on(event, incident):
            held = history.timeline.before(place).position((incident.symbol, incident.side)).quantity
            return bool(held) and event.quantity == abs(held)
    return False


def _goes_on(order: Order, incident: Incident) -> bool:
    """Whether an order liquidates the same position further."""
    is_other = order.close == "liquidation" and order.order_id != incident.order_id
    return is_other and (order.symbol, order.side) == (incident.symbol, incident.side)


def _booked_profit(history: Reconstruction, place: int) -> Decimal:
    """The profit that the fill at `place` booked: as printed, else derived."""
    fill = history.events[place]
    assert isinstance(fill, Fill)
    return history.compared.checks[place].terms.realized if fill.realized is None else fill.realized


def _before_fee(history: Reconstruction, incident: Incident, moment: Moment, steps: Sequence[Step]) -> Decimal | None:
    """The balance of the pool just before its first clearance fee, at the prices of the trigger; of an isolated
    position that is closed, what its trades have left. None where prices are missing."""
    if moment.pool is None or not moment.own_mark_known:
        return None
    pool = pool_at(moment, history.timeline.before(incident.clearances[0]))
    if pool is not None:
        own = next(terms for terms in pool.assets if terms.asset == moment.rules.contract(incident.symbol).margin_asset)
        return pool.balance / own.index.index
    if moment.pool.kind != "isolated":
        return ZERO
    asset = moment.rules.contract(incident.symbol).margin_asset
    return sum((step.amount for step in steps if step.asset == asset and step.step not in AFTER_TRADES), ZERO)


def _base(incident: Incident, fills: Sequence[Fill], rules: VenueRules) -> Decimal | None:
    """Notional liquidated by orders ("charged on the amount liquidated only"), not what was taken over."""
    traded = [fill for fill in fills if fill.trade_id != TAKEN_OVER]
    if traded:
        contract = rules.contract(incident.symbol)
        return sum((abs(value(contract, Quantity(fill.quantity), Price(fill.price))) for fill in traded), ZERO)
    order = incident.order
    if order is not None and order.executed and order.executed_value:
        return order.executed_value
    if order is not None and order.executed and order.average_price:
        contract = rules.contract(incident.symbol)
        return abs(value(contract, Quantity(order.executed), Price(order.average_price)))
    return None


def _quantity(incident: Incident, fills: Sequence[Fill]) -> Decimal | None:
    if fills:
        return sum((abs(fill.quantity) for fill in fills), ZERO)
    return incident.order.executed if incident.order is not None and incident.order.executed else None


def _average(incident: Incident, fills: Sequence[Fill], rules: VenueRules) -> Decimal | None:
    traded = [fill for fill in fills if fill.trade_id != TAKEN_OVER]
    contract = rules.contract(incident.symbol) if incident.symbol else None
    if not traded:
        order = incident.order
        if order is None or not order.average_price:
            return None
        if contract is None or contract.is_inverse or not order.executed_value or not order.executed:
            return order.average_price
        return ratio_nearest(order.executed_value / order.executed)
    assert contract is not None, "fills have a symbol"
    worth = sum((abs(value(contract, Quantity(fill.quantity), Price(fill.price))) for fill in traded), ZERO)
    size = sum((abs(fill.quantity) for fill in traded), ZERO)
    return ratio_nearest(size * contract.contract_size / worth if contract.is_inverse else worth / size)


class _Booked(Struct, frozen=True):
    """An incident, the account before and after it, the profit that each of its fills (by place) booked, the assets
    whose opening wallet no file prints, and whether the wallet before it is known."""

    incident: Incident
    account: Account
    after: Account
    rules: VenueRules
    profits: dict[int, Decimal]
    unknown_wallets: tuple[str, ...]
    is_founded: bool

    def profit(self, fills: Sequence[Fill], *, taken_over: bool) -> Decimal | None:
        """The profit of the fills that are (or are not) a takeover; none if there are no such fills."""
        chosen = [
            profit
            for profit, fill in zip(self.profits.values(), fills, strict=True)
            if (fill.trade_id == TAKEN_OVER) == taken_over
        ]
        return sum(chosen, ZERO) if chosen else None


def _steps(
    booked: _Booked, fills: Sequence[Fill], flows: Sequence[Flow]
) -> tuple[tuple[Step, ...], dict[str, Decimal]]:
    symbol = booked.incident.symbol
    if not symbol or not (fills or flows):
        return (), {}
    asset = booked.rules.contract(symbol).margin_asset
    held = booked.account.position((symbol, booked.incident.side))
    isolated = held.margin == "isolated" and bool(held.quantity)
    before = held.isolated_wallet if isolated else cross_wallet(booked.account, asset, booked.rules)
    founded = booked.is_founded and (isolated or asset not in booked.unknown_wallets)
    steps = [Step("margin before", before, asset, "you")] if founded else []
    amount = booked.profit(fills, taken_over=False)
    if amount is not None:
        steps.append(Step("loss" if amount < 0 else "profit", amount, asset, "the other side of the trades"))
    amount = booked.profit(fills, taken_over=True)
    if amount is not None:
        steps.append(Step("taken over", amount, asset, "insurance fund, with the position"))
    for fee_asset in sorted({fill.fee_asset or asset for fill in fills if fill.fee}):
        paid = sum((fill.fee or ZERO for fill in fills if (fill.fee_asset or asset) == fee_asset), ZERO)
        steps.append(Step("commission", -paid, fee_asset, "the venue"))
    for flow in flows:
        for each, amount in flow.applied.items():
            name, to = (
                ("clearance fee", "insurance fund") if amount < 0 else ("made good", "you, from the insurance fund")
            )
            steps.append(Step(name, amount, each, to))
    if not founded:
        return tuple(steps), {}
    left = sum((step.amount for step in steps if step.asset == asset), ZERO)
    if not isolated:
        between = cross_wallet(booked.after, asset, booked.rules) - left
        steps += [Step("in between", between, asset, "other events of the account")] if between else []
        left += between
        steps.append(Step("left", left, asset, "you"))
        return tuple(steps), {asset: left}
    kept = booked.after.position(held.key)
    still = kept.isolated_wallet if kept.quantity else ZERO
    if still:
        steps.append(Step("left in the position", still, asset, "you, as margin of what is still open"))
    steps.append(Step("left", left - still, asset, "you, in the cross wallet"))
    return tuple(steps), {asset: left}
