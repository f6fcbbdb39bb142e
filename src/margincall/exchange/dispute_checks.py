"""The checks of one liquidation of the exchange: its events against the marks and rules that should have applied.

They are those of `core/checks.py`. The desk knows its rules and sees every event, so almost nothing is "cannot tell".
Which of them are grounds for a refund: `docs/spec/disputes.md`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core import checks
from margincall.core.account import Account, AssetIndex, Marks, PositionKey
from margincall.core.checks import FAILS, HOLDS, UNCLEAR, Finding
from margincall.core.contract import value
from margincall.core.events import Fill, Order
from margincall.core.fold import fill_terms, fold
from margincall.core.margin import PoolTerms, margin
from margincall.core.prices import bankruptcy
from margincall.core.protocol.moves import FUND
from margincall.core.protocol.waterfall import Reduce, bankrupt_quote, cancels, improvement, plan
from margincall.core.rounding import AMOUNT_UNIT, plain
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange.desk import left_for_fee
from margincall.exchange.events import Deleveraged, LiquidationEnded, LiquidationStarted, LiquidationStep, LossShared
from margincall.exchange.liquidation import pool_holding, pool_named
from margincall.exchange.orders import LIQUIDATED
from margincall.exchange.replay import Seen, folded, marks_by
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.state import DisputeEntry, Events

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


class Course(Struct, frozen=True):
    """One liquidation, cut out of its command: the account before and after, its events, the open orders of the account
    when the venue's first order came, and the asset indices that it was told at."""

    started: LiquidationStarted
    before: Account
    after: Account
    events: Events
    orders: Mapping[str, PositionKey]
    indices: Mapping[str, AssetIndex]

    @property
    def name(self) -> str:
        """The account."""
        return self.started.account

    def steps(self, kind: str) -> Iterator[tuple[int, LiquidationStep]]:
        """The steps of one kind, each with its place among the events."""
        for place, event in enumerate(self.events):
            if isinstance(event, LiquidationStep) and event.step == kind:
                yield place, event


def course(seen: Seen, dispute: DisputeEntry, rules: RuleSet) -> Course:
    """The disputed liquidation as the command's events tell it."""
    start, started = next(
        (place, event)
        for place, event in enumerate(seen.events)
        if isinstance(event, LiquidationStarted) and event.number == dispute.liquidation
    )
    end = next(
        place for place, event in enumerate(seen.events) if place > start and isinstance(event, LiquidationEnded)
    )
    events = seen.events[start : end + 1]
    before = folded(seen.account, seen.events[:start], dispute.account, rules.venue)
    after = folded(before, events, dispute.account, rules.venue)
    told = marks_by(seen, start, started.time_ms)
    return Course(started, before, after, events, _open_orders(seen, start, dispute.account), told.indices)


def findings(found: Course, marks: Marks, rules: RuleSet) -> list[Finding]:
    """Every check that applies; where the pool should not have been liquidated, there is no right price or fee."""
    pool = pool_named(margin(found.before, marks, rules.venue), found.started.pool)
    assert pool is not None, "what was liquidated had a pool"
    trigger = checks.trigger(pool, {}, rules.venue.assumptions)
    about = f"{pool.name}, balance beside a maintenance margin of {plain(pool.maintenance):f}"
    said = [*_marks(found, marks), structs.replace(trigger, about=about, printed=found.started.balance)]
    if trigger.verdict != FAILS:
        said += [*_order(found, pool, rules), *_cancelled(found, rules), *_fee(found, pool, marks, rules)]
        said += _gone_on(found, marks, rules)
        said += _booked(found, rules)
    return [*said, *_after(found, rules)]


def findings_of_a_hit(seen: Seen, dispute: DisputeEntry, rules: RuleSet) -> Iterator[Finding]:
    """What another's liquidation did to an account: its place in the queue of deleveraging, the fee, and whether the
    fund could have paid what the account was charged."""
    start = next(
        place
        for place, event in enumerate(seen.events)
        if isinstance(event, LiquidationStarted) and event.number == dispute.liquidation
    )
    end = next(place for place in range(start, len(seen.events)) if isinstance(seen.events[place], LiquidationEnded))
    served: dict[tuple[str, bool], int] = {}
    for place in range(start, end):
        event = seen.events[place]
        if isinstance(event, Deleveraged):
            queue = event.symbol, event.quantity > 0
            served[queue] = served.get(queue, 0) + 1
            if event.account == dispute.account and rules.deleveraging.choice == "queue":
                yield _rank(event, served[queue])
        elif isinstance(event, Fill) and event.close == "adl" and event.account == dispute.account:
            about = f"{event.symbol} trade {event.trade_id}"
            yield checks.deleveraging_fee(fee=event.fee or ZERO, about=about)
            account = folded(seen.account, seen.events[:place], dispute.account, rules.venue)
            yield _closed(event, account.position((event.symbol, event.side)).quantity, about)
        elif isinstance(event, LossShared) and dispute.account in event.charges:
            fund = folded(seen.fund, seen.events[:place], FUND, rules.venue).wallets.get(event.asset, ZERO)
            yield _charge(event, dispute.account, fund, rules)


def _rank(event: Deleveraged, served: int) -> Finding:
    return Finding(
        kind="adl_rank", verdict=FAILS if event.rank > served else HOLDS, about=f"{event.symbol} {event.side}",
        rule="the queue is served from its head (docs/spec/deleveraging.md)",
        printed=Decimal(event.rank), derived=Decimal(served), amount=Decimal(event.rank - served),
        assumptions=event.assumptions,
    )  # fmt: skip


def _closed(fill: Fill, held: Quantity, about: str) -> Finding:
    return checks.agrees(
        "adl_size", about, printed=abs(fill.quantity), derived=min(abs(fill.quantity), abs(held)),
        rule="positions are closed, whole or in part (docs/spec/deleveraging.md)",
    )  # fmt: skip


def _charge(event: LossShared, name: str, fund: Decimal, rules: RuleSet) -> Finding:
    charge = event.charges[name]
    wrong = rules.waterfall.after_fund == "deleverage" or fund > 0
    return Finding(
        kind="shared_loss", verdict=FAILS if wrong else HOLDS, about=event.asset,
        rule="others are charged by the rule of the venue, and for what the fund has not (docs/spec/waterfall.md)",
        printed=charge, derived=ZERO if wrong else charge, amount=charge if wrong else ZERO,
        assumptions=event.assumptions,
    )  # fmt: skip


def left_open(found: Course, rules: RuleSet) -> list[str]:
    """Ids of the orders in scope that were not cancelled."""
    scope = found.started.pool
    return [
        order
        for order, key in found.orders.items()
        if cancels(pool_holding(found.before, key, rules.venue.contract(key[0])), scope, rules.waterfall)
    ]


def _open_orders(seen: Seen, start: int, name: str) -> dict[str, PositionKey]:
    """What was open when the venue's own first order came, or the liquidation ended."""
    orders = dict(seen.orders)
    for place, event in enumerate(seen.events):
        if place > start and (isinstance(event, LiquidationEnded) or _is_own(event, name)):
            break
        if isinstance(event, Order) and event.account == name:
            orders.pop(event.order_id, None)
            if event.status in OPEN:
                orders[event.order_id] = event.symbol, event.side
    return orders


def _is_own(event: object, name: str) -> bool:
    """Whether it is the venue's own order for the account."""
    return isinstance(event, Order) and event.account == name and event.close == "liquidation"


def _marks(found: Course, marks: Marks) -> Iterator[Finding]:
    for symbol, mark in sorted(found.started.marks.items()):
        yield checks.agrees(
            "mark", symbol, printed=mark, derived=marks.prices[symbol],
            rule="the mark of that moment, by the journal without the operator's faults",
        )  # fmt: skip
    if found.before.multi_assets:
        for asset in sorted(found.before.wallets):
            yield from _index(asset, found.indices[asset], marks.indices[asset])


def _index(asset: str, told: AssetIndex, true: AssetIndex) -> Iterator[Finding]:
    """What an asset counts as collateral: its index, and the rates made of it."""
    for name in ("index", "bid", "ask"):
        yield checks.agrees(
            "asset_index", f"{asset} {name}", printed=getattr(told, name), derived=getattr(true, name),
            rule="the asset's index of that moment, by the journal without the operator's faults",
        )  # fmt: skip


def _order(found: Course, pool: PoolTerms, rules: RuleSet) -> Iterator[Finding]:
    """Size and limit of the reducing order, and each of its fills against the limit that it should have had."""
    planned = plan(pool, "cancelled", rules.venue.assumptions, rules.waterfall)
    for place, told in found.steps("reduce"):
        about = f"{told.symbol} {told.side}"
        right = next((each for each in planned if isinstance(each, Reduce)), None)
        if right is None or (right.symbol, right.side) != (told.symbol, told.side) or told.price is None:
            yield Finding(
                kind="order_size", verdict=FAILS, about=about,
                rule="another step would have come next (docs/spec/waterfall.md)",
                printed=told.asked, derived=None if right is None else right.quantity,
            )  # fmt: skip
            return
        yield checks.agrees(
            "order_size", about, printed=told.asked, derived=right.quantity,
            rule=f"size of the order: {rules.waterfall.partial} (docs/spec/waterfall.md)",
        )  # fmt: skip
        yield checks.agrees(
            "limit_price", about, printed=told.price, derived=right.limit,
            rule=f"limit of the order: {rules.waterfall.limit} (docs/spec/waterfall.md)",
        )  # fmt: skip
        for fill in _fills(found, place):
            yield checks.fill_within_limit(
                buy=fill.quantity > 0, price=fill.price, limit=right.limit, about=f"{about} trade {fill.trade_id}"
            )


def _booked(found: Course, rules: RuleSet) -> Iterator[Finding]:
    """Profit and commission of each fill of the venue's orders, by the rules; only what differs is named."""
    account = found.before
    for event in found.events:
        if isinstance(event, Fill) and event.account == found.name:
            contract = rules.venue.contract(event.symbol)
            due = fill_terms(account.position((event.symbol, event.side)), event, contract, rules.venue.fees)
            about = f"{event.symbol} trade {event.trade_id}"
            said = (
                checks.agrees(
                    "realized_pnl", about, printed=event.realized or ZERO, derived=due.realized,
                    rule="profit = size · price against what the position cost (docs/spec/fold.md)",
                ),
                checks.agrees(
                    "commission", about, printed=event.fee or ZERO, derived=due.fee or ZERO,
                    rule="commission = size · price · the account's rate (docs/spec/fold.md)",
                ),
            )  # fmt: skip
            yield from (each for each in said if each.verdict == FAILS)
        if getattr(event, "account", None) == found.name:
            account = fold(account, event, rules.venue)  # type: ignore[arg-type]


def _cancelled(found: Course, rules: RuleSet) -> Iterator[Finding]:
    if rules.waterfall.cancel == "none":
        return
    cancelled = sum(
        isinstance(event, Order) and event.account == found.name and event.expire_reason == LIQUIDATED
        for event in found.events
    )
    yield checks.orders_cancelled_first(
        cancelled=cancelled, still_open=len(left_open(found, rules)), about=found.started.pool, evidence=True
    )


def _fee(found: Course, pool: PoolTerms, marks: Marks, rules: RuleSet) -> Iterator[Finding]:
    """The fee on what the order filled, by the rule and the rate of the venue."""
    reduced = next((place for place, _ in found.steps("reduce")), None)
    for number, (_, told) in enumerate(found.steps("fee")):
        assert reduced is not None, "a fee is on what an order filled"
        if number:
            yield checks.agrees(
                "fee_twice", told.symbol, printed=sum(told.applied.values(), ZERO), derived=ZERO,
                rule="one fee on what an order filled (docs/spec/liquidation_desk.md, c)",
            )  # fmt: skip
            continue
        contract, key = rules.venue.contract(told.symbol), (told.symbol, told.side)
        fills, rate = _fills(found, reduced), contract.liquidation_fee or ZERO
        if rules.waterfall.fee == "improvement":
            yield from _improvement(told, pool, fills, rate, rules)
            continue
        account = folded(found.before, found.events[:reduced], found.name, rules.venue)
        fresh = pool_named(margin(account, marks, rules.venue), found.started.pool)
        wallet = found.before.position(key).isolated_wallet
        yield checks.clearance_fee(
            fee=sum(told.applied.values(), ZERO),
            base=sum((abs(value(contract, Quantity(fill.quantity), Price(fill.price))) for fill in fills), ZERO),
            rate=rate,
            left=left_for_fee(fresh, pool.kind, contract.margin_asset, fills, wallet),
            about=told.symbol,
        )


def _gone_on(found: Course, marks: Marks, rules: RuleSet) -> Iterator[Finding]:
    """Whether the pool met its margin again after the order and its fee, and the desk went on; else nothing is said."""
    taken = next((place for place, _ in found.steps("takeover")), None)
    charged = [place for place, _ in found.steps("fee")]
    if taken is None or not charged:
        return
    account = folded(found.before, found.events[: charged[-1]], found.name, rules.venue)
    pool = pool_named(margin(account, marks, rules.venue), found.started.pool)
    if pool is not None and not pool.liquidated:
        yield Finding(
            kind="gone_on", verdict=FAILS, about=pool.name,
            rule="a pool that meets its margin after the order is left alone (docs/spec/waterfall.md)",
            printed=pool.balance, derived=pool.maintenance, amount=pool.surplus,
        )  # fmt: skip


def _improvement(
    told: LiquidationStep, pool: PoolTerms, fills: list[Fill], rate: Decimal, rules: RuleSet
) -> Iterator[Finding]:
    """The penalty on fills better than bankruptcy; what the fund pays for worse ones is bounded by what it had."""
    own = next(each for each in pool.positions if (each.symbol, each.side) == (told.symbol, told.side))
    bankrupt = bankruptcy(pool, own, rules.venue.assumptions) or own.mark
    received = -sum((fill.quantity * fill.price for fill in fills), ZERO)
    filled = Quantity(sum((fill.quantity for fill in fills), ZERO))
    due = bankrupt_quote(own.quantity, filled, bankrupt, rules.waterfall.quote_unit)
    amount = improvement(received, due, rate)
    if amount >= 0:
        yield checks.agrees(
            "clearance_fee", told.symbol, printed=sum(told.applied.values(), ZERO), derived=amount,
            tolerance=AMOUNT_UNIT,
            rule="min(rate · fill, what the fill is better than bankruptcy) (docs/spec/waterfall.md)",
        )  # fmt: skip


def _after(found: Course, rules: RuleSet) -> Iterator[Finding]:
    """Wallets that are not negative, and no fee for whom the liquidation deleveraged."""
    if next(found.after.open_positions(), None) is None and not found.after.multi_assets:
        for asset, wallet in sorted(found.after.wallets.items()):
            said = checks.not_negative(wallet=wallet, about=asset)
            if said.verdict == FAILS:
                due = f"{said.rule}; at the next full {rules.clearance_ms // 60_000} minutes, as far as it can"
                said = structs.replace(said, verdict=UNCLEAR, rule=due)
            yield said
    for event in found.events:
        if isinstance(event, Fill) and event.close == "adl":
            about = f"{event.symbol} trade {event.trade_id}"
            yield checks.deleveraging_fee(fee=event.fee or ZERO, about=about)


def _fills(found: Course, place: int) -> list[Fill]:
    """What the reducing order filled: the account's fills before its step was told."""
    return [event for event in found.events[:place] if isinstance(event, Fill) and event.account == found.name]
