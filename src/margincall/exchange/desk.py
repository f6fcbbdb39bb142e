"""The liquidation desk: carries the waterfall out, step by step, in the order of `docs/spec/liquidation_desk.md`.

What to do next is `core/protocol/waterfall.plan`; how much a fee, a takeover, a deleveraging or a shared loss is, its
neighbours say. Here it is booked and told: every event names its rule, its assumptions and what was applied.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import structs

from margincall.core.account import PositionKey
from margincall.core.assumptions import Assumptions
from margincall.core.clearance import clearance_fee
from margincall.core.contract import Contract, value
from margincall.core.events import Fill
from margincall.core.margin import PoolKind, PoolTerms, Terms
from margincall.core.prices import bankruptcy
from margincall.core.protocol.losses import fund_pays, write_off
from margincall.core.protocol.moves import BAD_DEBT, VENUE_ACCOUNTS, Move
from margincall.core.protocol.waterfall import (
    Cancel,
    Reduce,
    TakeOver,
    bankrupt_quote,
    cancels,
    clearance_moves,
    collateral_left,
    improvement,
    improvement_moves,
    may_clear,
    payable_matches,
    plan,
)
from margincall.core.rounding import AMOUNT_UNIT, booked, quotient
from margincall.core.units import ZERO, Collateral, Price, Quantity
from margincall.exchange import orders
from margincall.exchange.book import Lots, Ticks
from margincall.exchange.events import LiquidationEnded, LiquidationStarted, Warned
from margincall.exchange.ledger import book_moves
from margincall.exchange.liquidation import Case, as_due, own_order, pool_holding, pool_named, tell, terms_of
from margincall.exchange.matching import Outcome, match
from margincall.exchange.state import Events, Exchange, Liquidation, OpenOrder, Trader
from margincall.exchange.takeover import share_loss, take_position_over


def run(state: Exchange, names: Iterable[str], events: Events, done: set[tuple[str, str]]) -> None:
    """Look at these accounts, liquidate what is at its trigger, and go on with whom that concerned; then warn, and
    watch them from where they stand now. `done` are the pools that had their turn in this command; it is added to."""
    concerned, seen = set(names), dict[str, Terms]()
    while concerned:
        following: set[str] = set()
        for name in sorted(concerned.difference(VENUE_ACCOUNTS)):
            trader = state.traders[name]
            seen[name] = terms_of(state, trader)
            following |= _look_at(state, trader, seen[name], done, events)
        concerned = following
    for name in sorted(seen):
        trader = state.traders[name]
        _warn(state, trader, seen[name], events)
        state.watch.update(name, seen[name], trader.warned, state.rules.warning_ratio)
    state.watch.loose.difference_update(VENUE_ACCOUNTS)


def clear_negative(state: Exchange, events: Events) -> set[str]:
    """At each full ten minutes: negative wallets are brought back to 0, by the fund as far as it can, the rest as bad
    debt; then the fund pays older bad debt. Returns the accounts that were cleared."""
    cleared: set[str] = set()
    for trader in state.owners():
        account = trader.account
        if not any(wallet < 0 for wallet in account.wallets.values()):
            trader.topped_up = False
            continue
        if not may_clear(account, transferred_in=trader.topped_up):
            continue
        for asset in sorted(account.wallets):
            if trader.account.wallets[asset] < 0:
                left = _pay_debt(state, trader, asset, events)
                book_moves(state, write_off(trader.name, asset, left), events)
                cleared.add(trader.name)
    if state.rules.waterfall.repay_bad_debt:
        owing = state.traders[BAD_DEBT]
        for asset in sorted(owing.account.wallets):
            _pay_debt(state, owing, asset, events)
    return cleared


def _pay_debt(state: Exchange, debtor: Trader, asset: str, events: Events) -> Decimal:
    """Let the fund pay what a wallet lacks to 0, where it pays debts at the clearance. Returns what it has not paid."""
    debt = -debtor.account.wallets[asset]
    if state.rules.waterfall.after_fund != "deleverage":
        return debt  # the fund has paid when the loss was shared
    cover = fund_pays(debtor.name, asset, debt, state.fund.account.wallets.get(asset, ZERO))
    book_moves(state, cover.moves, events)
    return cover.left


def _look_at(state: Exchange, trader: Trader, terms: Terms, done: set[tuple[str, str]], events: Events) -> set[str]:
    """Liquidate the pools of an account that are at their trigger, each once in a command (`done`); returns who is
    concerned by it, itself included."""
    following: set[str] = set()
    due = [pool.name for pool in terms.pools if pool.liquidated or _is_early(state, trader, pool)]
    for name in [each for each in due if (trader.name, each) not in done]:
        pool = pool_named(terms_of(state, trader), name)
        early = pool is not None and _is_early(state, trader, pool)
        if pool is not None and (early or (pool.liquidated and not _is_late(state, pool))):
            done.add((trader.name, name))
            case = _open_case(state, trader, pool, events)
            case.early = early
            _liquidate(case, as_due(pool) if early else pool)
            if case.moved:
                following |= case.touched | {trader.name}
    return following


def _open_case(state: Exchange, trader: Trader, pool: PoolTerms, events: Events) -> Case:
    """The next liquidation of the exchange, announced."""
    number = state.next_liquidation
    state.next_liquidation += 1
    events.append(
        LiquidationStarted(
            time_ms=state.time_ms, number=number, account=trader.name, pool=pool.name, balance=pool.balance,
            maintenance=pool.maintenance, marks={each.symbol: each.mark for each in pool.positions},
            assumptions=("trigger-comparison", "liquidation-account-order"),
        )
    )  # fmt: skip
    wallets = dict(trader.account.wallets)
    return Case(state=state, events=events, number=number, trader=trader, pool=pool.name, wallets=wallets)


def _liquidate(case: Case, pool: PoolTerms) -> None:
    """Carry the waterfall out over the pool of a case."""
    state = case.state
    rules, assumptions = state.rules.waterfall, state.rules.venue.assumptions
    first = plan(pool, "triggered", assumptions, rules)
    if any(isinstance(step, Cancel) for step in first) and "orders_not_cancelled" not in state.faults:
        _cancel(case)
    fresh = case.fresh_pool()
    if fresh is not None:
        for step in plan(fresh, "cancelled", assumptions, rules):
            if isinstance(step, Reduce):
                _reduce(case, fresh, step)
    if not (rules.fee == "improvement" and case.closed):  # dYdX: only where the order filled nothing
        _take_all_over(case)
    _end(case)


def _cancel(case: Case) -> None:
    """Expire the open orders in scope."""
    state, events, trader = case.state, case.events, case.trader
    scope = [
        order
        for order in sorted(trader.orders.values(), key=lambda each: each.id)
        if cancels(pool_of_order(state, trader, order), case.pool, state.rules.waterfall)
    ]
    for order in scope:
        orders.cancel(state, order, events, status="EXPIRED", reason=orders.LIQUIDATED)
    tell(
        case, "cancel", "open orders are cancelled first", asked=Decimal(len(scope)),
        applied={"orders": Decimal(len(scope))}, orders=tuple(str(order.id) for order in scope),
        assumptions=("cancel-scope",),
    )  # fmt: skip


def pool_of_order(state: Exchange, trader: Trader, order: OpenOrder) -> str:
    """The pool in which an order's margin lies."""
    return pool_holding(trader.account, order.key, state.markets[order.symbol].contract)


def _reduce(case: Case, pool: PoolTerms, step: Reduce) -> None:
    """One immediate-or-cancel order, and the fee on what it filled."""
    state, events, key = case.state, case.events, (step.symbol, step.side)
    wallet_before = case.trader.account.position(key).isolated_wallet
    quantity = _size(case, step)
    order = own_order(case, key, quantity, step.limit)
    mark = len(events)
    _meet_book(case, pool, order)
    fills = [event for event in events[mark:] if isinstance(event, Fill) and event.order_id == str(order.id)]
    case.touched |= {event.account for event in events[mark:] if isinstance(event, Fill)}
    case.moved = case.moved or bool(fills)
    tell(
        case, "reduce", f"one order, size: {state.rules.waterfall.partial}", symbol=step.symbol, side=step.side,
        asked=quantity, price=step.limit,
        assumptions=(
            *step.assumptions, "liquidation-self-trade", "liquidation-taker-fee", *case.release_assumed,
            *(("improvement-whole-order",) if state.rules.waterfall.fee == "improvement" else ()),
        ),
        applied={"quantity": sum((fill.quantity for fill in fills), ZERO)},
    )  # fmt: skip
    if not fills:
        return
    case.closed.setdefault(key, []).extend(fills)
    if state.rules.waterfall.fee == "clearance":
        _charge_clearance(case, pool.kind, key, fills, wallet_before)
    else:
        _charge_improvement(case, pool, key, fills)


def _size(case: Case, step: Reduce) -> Quantity:
    """How much the reducing order is for: as planned, or under the injected fault "oversized_order" all that is
    held and more."""
    more = case.state.faults.get(f"oversized_order:{step.symbol}")
    if more is None:
        return step.quantity
    held = case.trader.account.position((step.symbol, step.side)).quantity
    return Quantity(-held + (more if step.quantity > 0 else -more))


def _meet_book(case: Case, pool: PoolTerms, order: OpenOrder) -> None:
    """Let the reducing order trade: with `improvement` only the matches that the fund can pay."""
    state, events, market = case.state, case.events, case.state.markets[order.symbol]
    if state.rules.waterfall.fee != "improvement":
        orders.submit(state, order, events, bound=_beyond(state, order), close="liquidation")
        return
    meeting = orders.meeting(order, case.trader, market, _beyond(state, order))
    outcome = match(market.book, meeting)
    matches = [
        (orders.signed(order, orders.quantity_of(market, fill.lots)), orders.price_of(market, fill.ticks))
        for fill in outcome.fills
    ]
    asset = market.contract.margin_asset
    fund = Collateral(state.fund.account.wallets.get(asset, ZERO))
    bankrupt = _bankruptcy_in(pool, order.key, state.rules.venue.assumptions)
    paid = payable_matches(matches, bankrupt, fund, state.rules.waterfall.quote_unit)
    if paid < len(matches):
        lots = Lots(sum(fill.lots for fill in outcome.fills[:paid]))
        met = match(market.book, structs.replace(meeting, lots=lots)) if lots else Outcome()
        left = Lots(outcome.filled + outcome.expired - lots)
        outcome = structs.replace(met, cut=outcome.cut, expired=left, reason="IOC")
    orders.said(state, order, "NEW", "NEW", events, close="liquidation")
    orders.carry_out(state, order, outcome, events, close="liquidation")


def _beyond(state: Exchange, order: OpenOrder) -> Ticks | None:
    """The injected fault "fill_beyond_bankruptcy": the price up to which the order trades, worse than the limit that it
    prints; none where it is the limit."""
    beyond = state.faults.get(f"fill_beyond_bankruptcy:{order.symbol}")
    if beyond is None or order.ticks is None:
        return None
    ticks = int(beyond / state.markets[order.symbol].contract.tick)
    return Ticks(order.ticks + ticks if order.side == "BUY" else max(order.ticks - ticks, 1))


def _bankruptcy_in(pool: PoolTerms, key: PositionKey, assumptions: Assumptions) -> Price:
    """The bankruptcy price of a position of a pool; the mark where there is none (assumed: `no-bankruptcy-price`)."""
    position = next(each for each in pool.positions if (each.symbol, each.side) == key)
    return bankruptcy(pool, position, assumptions) or position.mark


def _charge_clearance(
    case: Case, kind: PoolKind, key: PositionKey, fills: list[Fill], wallet_before: Collateral
) -> None:
    """The clearance fee on what was filled, capped by the collateral that is left."""
    state, rules = case.state, case.state.rules.waterfall
    contract = state.markets[key[0]].contract
    base = sum((abs(value(contract, Quantity(fill.quantity), Price(fill.price))) for fill in fills), ZERO)
    left = left_for_fee(case.fresh_pool(), kind, contract.margin_asset, fills, wallet_before)
    rate = _fee_rate(state, contract)
    asset, wrongly = contract.margin_asset, state.faults.get("wrong_fee_base") or ZERO
    fee = clearance_fee(base + wrongly, rate, left, rules.fee_cap)
    _book_fee(case, key, clearance_moves(case.trader.name, asset, fee, rules))
    unknown = tuple(each for each in state.rules.assumed if each == "liquidation-fee-rate")
    tell(
        case, "fee", "clearance fee = min(rate · liquidated notional, collateral left)", symbol=key[0], side=key[1],
        asked=rate * base, applied={asset: fee}, assumptions=("clearance-fee-cap", "clearance-fee-share", *unknown),
    )  # fmt: skip
    if again := _charged_again(state, fee):
        _book_fee(case, key, clearance_moves(case.trader.name, asset, again, rules))
        _tell_again(case, key, asset, again)


def left_for_fee(
    fresh: PoolTerms | None, kind: PoolKind, asset: str, fills: Iterable[Fill], wallet_before: Collateral
) -> Decimal:
    """The collateral that a clearance fee may take: the fresh pool's balance; of an isolated position that was closed
    whole its wallet and what the fills made of it."""
    if fresh is not None:
        return collateral_left(fresh, asset)
    if kind == "isolated":
        return wallet_before + sum(((fill.realized or ZERO) - (fill.fee or ZERO) for fill in fills), ZERO)
    return ZERO


def _fee_rate(state: Exchange, contract: Contract) -> Decimal:
    """The rate of the fee: the contract's, or the injected fault's."""
    return state.faults.get("wrong_clearance_rate") or contract.liquidation_fee or ZERO


def _charge_improvement(case: Case, pool: PoolTerms, key: PositionKey, fills: list[Fill]) -> None:
    """dYdX: a part of what the fills were better than bankruptcy; negative what the fund pays for worse ones."""
    state, rules = case.state, case.state.rules.waterfall
    contract = state.markets[key[0]].contract
    held = next(each.quantity for each in pool.positions if (each.symbol, each.side) == key)
    price = _bankruptcy_in(pool, key, state.rules.venue.assumptions)
    filled = Quantity(sum((fill.quantity for fill in fills), ZERO))
    received = -sum((fill.quantity * fill.price for fill in fills), ZERO)
    bankrupt = bankrupt_quote(held, filled, price, rules.quote_unit)
    surplus, rate, asset = received - bankrupt, _fee_rate(state, contract), contract.margin_asset
    fee = Collateral(booked(improvement(received, bankrupt, rate)))
    if wrongly := state.faults.get("wrong_fee_base"):
        fee = Collateral(booked(min(rate * (abs(received) + wrongly), surplus)))
    _book_fee(case, key, improvement_moves(case.trader.name, asset, fee, rules))
    tell(
        case, "fee", "penalty = min(rate · fills, what they are better than bankruptcy); what is worse the fund pays",
        symbol=key[0], side=key[1], asked=rate * abs(received) if surplus > 0 else surplus,
        applied={asset: fee}, assumptions=("bankruptcy-split", "improvement-whole-order"),
    )  # fmt: skip
    if again := _charged_again(state, fee):
        _book_fee(case, key, improvement_moves(case.trader.name, asset, again, rules))
        _tell_again(case, key, asset, again)


def _charged_again(state: Exchange, fee: Collateral) -> Collateral:
    """The injected fault "fee_twice": what of a fee is charged once more, whatever is left; of any fee the least amount
    that can be booked."""
    share = state.faults.get("fee_twice")
    return Collateral(max(booked(fee * share), AMOUNT_UNIT)) if share is not None and fee > 0 else Collateral(ZERO)


def _tell_again(case: Case, key: PositionKey, asset: str, fee: Collateral) -> None:
    tell(case, "fee", "the fee is charged again", symbol=key[0], side=key[1], applied={asset: fee})


def _book_fee(case: Case, key: PositionKey, moves: tuple[Move, ...]) -> None:
    """Book the moves of a fee on what was closed of a position."""
    name = case.trader.name
    book_moves(case.state, moves, case.events, symbol=key[0], side=key[1])
    case.moved = case.moved or bool(moves)
    case.lost[key] = case.lost.get(key, ZERO) + sum(
        (move.amount * (1 if move.giver == name else -1) for move in moves), ZERO
    )


def _take_all_over(case: Case) -> None:
    """Stage "reduced": takeovers until the plan is empty or nobody takes anything more."""
    rules, assumptions = case.state.rules.waterfall, case.state.rules.venue.assumptions
    while True:
        pool = case.fresh_pool()
        if pool is None:
            return
        pool = as_due(pool) if _is_needless(case, pool) else pool
        steps = [step for step in plan(pool, "reduced", assumptions, rules) if isinstance(step, TakeOver)]
        if not steps:
            return
        isolated = sum((each.position.isolated_wallet for each in pool.positions), ZERO)
        before = {key: len(fills) for key, fills in case.closed.items()}
        for step in steps:
            if take_position_over(case, step):
                return  # nobody takes the rest
        if rules.after_fund != "deleverage" and not _is_open(case):
            profits = sum(
                (fill.realized or ZERO for key, fills in case.closed.items() for fill in fills[before.get(key, 0) :]),
                ZERO,
            )
            share_loss(case, pool, steps[-1].symbol, isolated + profits)


def _is_needless(case: Case, pool: PoolTerms) -> bool:
    """The injected fault "needless_takeover": the desk goes on with a pool that meets its margin again since the
    reducing order."""
    symbols = {key[0] for key in case.closed}
    return not pool.liquidated and any(f"needless_takeover:{each}" in case.state.faults for each in symbols)


def _is_open(case: Case) -> bool:
    """Whether the pool still holds a position."""
    pool = case.fresh_pool()
    return pool is not None and bool(pool.positions)


def _end(case: Case) -> None:
    """The liquidation's line in the public history for each position, and what the account lost."""
    state = case.state
    for key, fills in case.closed.items():
        contract = state.markets[key[0]].contract
        lost = case.lost.get(key, ZERO) - sum(((fill.realized or ZERO) - (fill.fee or ZERO) for fill in fills), ZERO)
        state.liquidations.append(
            Liquidation(
                number=case.number, time_ms=state.time_ms, account=case.trader.name, pool=case.pool, symbol=key[0],
                quantity=sum((fill.quantity for fill in fills), ZERO), lost=lost, asset=contract.margin_asset,
                price=average_price(contract, fills),
            )
        )  # fmt: skip
    after = case.trader.account.wallets
    case.events.append(
        LiquidationEnded(
            time_ms=state.time_ms, number=case.number, account=case.trader.name, pool=case.pool,
            lost={asset: wallet - after[asset] for asset, wallet in case.wallets.items() if wallet != after[asset]},
            uncovered=case.uncovered,
        )
    )  # fmt: skip


def average_price(contract: Contract, fills: Sequence[Fill]) -> Decimal:
    """At which price all fills would have had the value that they had: the mean by quantity, of an inverse contract the
    harmonic one."""
    prices = {fill.price for fill in fills}
    if len(prices) == 1:
        return prices.pop()  # exactly, where a quotient of rounded values would be next to it
    sizes, values = ZERO, ZERO
    for fill in fills:
        sizes += abs(fill.quantity) * contract.contract_size
        values += abs(value(contract, Quantity(fill.quantity), Price(fill.price)))
    return quotient(sizes, values) if contract.is_inverse else quotient(values, sizes)


def _warn(state: Exchange, trader: Trader, terms: Terms, events: Events) -> None:
    """A margin call for each pool that has come to the warning ratio; a pool that is below it can be warned again."""
    warned = []
    for pool in terms.pools:
        if not pool.positions or pool.maintenance < state.rules.warning_ratio * pool.balance:
            continue
        warned.append(pool.name)
        if pool.name not in trader.warned and not pool.liquidated and pool.ratio is not None:
            events.append(
                Warned(
                    time_ms=state.time_ms, account=trader.name, pool=pool.name, ratio=pool.ratio,
                    balance=pool.balance, maintenance=pool.maintenance,
                )
            )  # fmt: skip
    trader.warned = warned


def _is_late(state: Exchange, pool: PoolTerms) -> bool:
    """The injected fault "late_liquidation": the desk does not see a pool whose symbol it is asked to overlook."""
    return any(f"late_liquidation:{each.symbol}" in state.faults for each in pool.positions)


def _is_early(state: Exchange, trader: Trader, pool: PoolTerms) -> bool:
    """The injected fault "early_liquidation": the desk takes a pool that is not at its trigger for one that is."""
    return not pool.liquidated and any(
        f"early_liquidation:{each.symbol}:{trader.name}" in state.faults for each in pool.positions
    )
