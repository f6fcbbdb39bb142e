"""What the book did not take: the insurance fund takes it over, then others are deleveraged or share the loss.

The order and what each step books: `docs/spec/liquidation_desk.md`, d to f.
"""

from decimal import Decimal

from margincall.core.account import PositionKey
from margincall.core.contract import profit, value
from margincall.core.margin import PoolTerms, cross_wallet
from margincall.core.protocol.deleverage import (
    Closing,
    DeleverageRules,
    Ranked,
    deleverage,
    deleveraging_price,
)
from margincall.core.protocol.losses import Shared, claw_back, fund_pays, socialise
from margincall.core.protocol.moves import FUND
from margincall.core.protocol.waterfall import Fund, TakeOver, take_over
from margincall.core.rounding import booked
from margincall.core.units import ZERO, Collateral, Notional, Price, Quantity
from margincall.exchange import orders
from margincall.exchange.book import Lots
from margincall.exchange.events import Deleveraged, LossShared
from margincall.exchange.ledger import TAKEN_OVER, Deal, Party, book_fill, book_moves, note_fund
from margincall.exchange.liquidation import Case, adl_order, holdings, own_order, tell
from margincall.exchange.queue import ranked
from margincall.exchange.state import DeleveragingLine, Exchange, Market, OpenOrder, SharedLossLine, Trader


def take_position_over(case: Case, step: TakeOver) -> Decimal:
    """Hand a position to the fund at `step.price`, the rest to whom the rules say. Returns what nobody took."""
    state, events, key = case.state, case.events, (step.symbol, step.side)
    market, rules = state.markets[step.symbol], state.rules.waterfall
    assert market.mark is not None
    held = Quantity(-step.quantity)
    took = take_over(market.contract, held, step.price, market.mark, fund=_fund(state, market), rules=rules)
    if took.taken:
        order = own_order(case, key, step.quantity, step.price)
        orders.said(state, order, "NEW", "NEW", events, close="liquidation")
        orders.said(state, order, "EXPIRED", "EXPIRED", events, reason="2", close="liquidation")
        _to_fund(case, key, took.taken, step.price)
        _share_despite_fund(case, key, took.taken, step.price)
    tell(
        case, "takeover", "the insurance fund takes over at the bankruptcy price", symbol=step.symbol, side=step.side,
        asked=step.quantity, price=step.price, applied={"quantity": Decimal(-took.taken)},
        assumptions=(*step.assumptions, "takeover-fee", "takeover-order", *case.release_assumed),
    )  # fmt: skip
    if not took.left:
        return ZERO
    if rules.after_fund != "deleverage":
        _to_fund(case, key, took.left, market.mark)
        tell(
            case, "takeover_at_mark", "what the fund cannot take at that price it takes at the mark",
            symbol=step.symbol, side=step.side, asked=Decimal(-took.left), price=market.mark,
            applied={"quantity": Decimal(-took.left)}, assumptions=("takeover-fee", *case.release_assumed),
        )  # fmt: skip
        return ZERO
    uncovered = _deleverage(case, key, took.left, step.price)
    if uncovered:
        case.uncovered[step.symbol] = case.uncovered.get(step.symbol, ZERO) + uncovered
    assert case.trader.account.position(key).quantity == (uncovered if held > 0 else -uncovered)
    return uncovered


def _to_fund(case: Case, key: PositionKey, taken: Decimal, price: Price) -> None:
    """A trade between the liquidated account and the fund; nobody pays a fee (assumed: `takeover-fee`). `taken` is
    signed as the position that the fund gets."""
    state, events, market = case.state, case.events, case.state.markets[key[0]]
    own = Party(case.trader, key[1], None, close="liquidation")
    fill = book_fill(state, market, own, -taken, Deal(price, TAKEN_OVER))
    other = book_fill(state, market, Party(state.fund, "BOTH", None), taken, Deal(price, TAKEN_OVER))
    events += [fill, other]
    if other.realized:
        note_fund(state, "takeover", market.contract.margin_asset, other.realized)
    case.closed.setdefault(key, []).append(fill)
    case.moved = True
    orders.trim(state, case.trader, market, events)
    orders.expire_tied(state, case.trader, market, events)


def _deleverage(case: Case, key: PositionKey, held: Quantity, price: Price) -> Decimal:
    """Close opposite positions for what the fund did not take. Returns what nobody could take, unsigned."""
    state, market = case.state, case.state.markets[key[0]]
    rules = state.rules.deleveraging
    assert market.mark is not None
    at = deleveraging_price(price, market.mark, market.previous_mark or market.mark, rules)
    queue = _served(state, ranked(state, market, -1 if held > 0 else 1, without=frozenset({case.trader.name})))
    found = deleverage(queue, held, at, lot=market.contract.lot, rules=rules, seed=state.deleveragings)
    state.deleveragings += 1
    if found.closings:
        places = {(each.candidate.account, each.candidate.side): each for each in queue}
        order = own_order(case, key, -held, at)
        orders.said(state, order, "NEW", "NEW", case.events, close="liquidation")
        for closing in found.closings:
            _close_against(case, order, closing, places[closing.candidate.account, closing.candidate.side], at)
    orders.trim(state, case.trader, market, case.events)
    orders.expire_tied(state, case.trader, market, case.events)
    tell(
        case, "deleverage", deleveraging_rule(rules), symbol=key[0], side=key[1], asked=-held, price=at,
        assumptions=queue_assumptions(rules),
        applied={"quantity": -(held - (found.uncovered if held > 0 else -found.uncovered))},
    )  # fmt: skip
    return found.uncovered


def _served(state: Exchange, queue: tuple[Ranked, ...]) -> tuple[Ranked, ...]:
    """The queue in the order in which it is served: as it is ranked, unless an injected fault passes over the first."""
    passed = min(int(state.faults.get("adl_out_of_rank") or ZERO), max(len(queue) - 1, 0))
    return (*queue[passed:], *queue[:passed])


def _close_against(case: Case, order: OpenOrder, closing: Closing, place: Ranked, price: Price) -> None:
    """One trade of a deleveraging: both sides by orders of the venue's, without a fee, and the line of its history."""
    state, events, market = case.state, case.events, case.state.markets[order.symbol]
    contract, other, rules = market.contract, state.traders[closing.candidate.account], state.rules.deleveraging
    orders.cancel_all(state, other, order.symbol, events)
    number = str(state.next_trade)
    state.next_trade += 1
    own = Party(case.trader, order.position_side, None, str(order.id), order.client_order_id, "liquidation")
    fill = book_fill(state, market, own, -closing.quantity, Deal(price, number))
    order.filled = Lots(order.filled + int(abs(closing.quantity) / contract.lot))
    order.traded_value += abs(value(contract, Quantity(closing.quantity), price))
    status = "FILLED" if not order.left else "PARTIALLY_FILLED"
    orders.said(state, order, "TRADE", status, events, close="liquidation")
    events.append(fill)
    closed = _close_other(case, market, closing, price, number)
    line = DeleveragingLine(
        number=case.number, time_ms=state.time_ms, account=other.name, counterparty=case.trader.name,
        symbol=order.symbol, side=closing.candidate.side, quantity=closed, price=price, rank=place.rank,
        lights=place.lights, score=place.candidate.score,
    )  # fmt: skip
    state.deleveraged.append(line)
    events.append(
        Deleveraged(
            time_ms=line.time_ms, number=line.number, account=line.account, symbol=line.symbol, side=line.side,
            quantity=line.quantity, price=line.price, rank=line.rank, lights=line.lights, score=line.score,
            rule=deleveraging_rule(rules),
            assumptions=(*queue_assumptions(rules), *(("deleveraging-lights",) if rules.choice == "queue" else ())),
        )
    )  # fmt: skip
    case.closed.setdefault(order.key, []).append(fill)
    case.touched.add(other.name)
    case.moved = True


def _close_other(case: Case, market: Market, closing: Closing, price: Price, number: str) -> Decimal:
    """The deleveraged account's side of the trade `number`: an order of the venue's and its fill, without a fee.
    Returns what it filled, signed."""
    state, events = case.state, case.events
    quantity = _beyond_held(state, closing)
    order = adl_order(state, closing.candidate, quantity, price)
    party = Party(state.traders[order.account], order.position_side, None, str(order.id), order.client_order_id, "adl")
    fill = book_fill(state, market, party, quantity, Deal(price, number))
    order.filled = order.lots
    order.traded_value = abs(value(market.contract, Quantity(quantity), price))
    orders.said(state, order, "TRADE", "FILLED", events, close="adl")
    events.append(fill)
    if quantity != closing.quantity:
        _to_fund_from_other(case, market, closing.quantity - quantity, Deal(price, number))
    return quantity


def _beyond_held(state: Exchange, closing: Closing) -> Decimal:
    """What a deleveraged account trades: its part of the closing, or under the injected fault "oversized_adl", in
    one-way mode, all that it holds and more."""
    candidate = closing.candidate
    more = state.faults.get(f"oversized_adl:{candidate.symbol}")
    if more is None or candidate.side != "BOTH":
        return closing.quantity
    held = state.traders[candidate.account].account.position((candidate.symbol, candidate.side)).quantity
    return -held + (more if closing.quantity > 0 else -more)


def _to_fund_from_other(case: Case, market: Market, quantity: Decimal, deal: Deal) -> None:
    """The fund's side of what a deleveraged account trades beyond its part: `quantity` is signed as the fund's fill."""
    fill = book_fill(case.state, market, Party(case.state.fund, "BOTH", None), quantity, deal)
    case.events.append(fill)
    if fill.realized:
        note_fund(case.state, "takeover", market.contract.margin_asset, fill.realized)


def deleveraging_rule(rules: DeleverageRules) -> str:
    """The rule of a deleveraging in words."""
    return f"{rules.choice} by {rules.ranking}, at the {rules.price} price"


def queue_assumptions(rules: DeleverageRules) -> tuple[str, ...]:
    """What the order of a queue rests on: nothing where it goes by name (dYdX)."""
    scored = ("deleveraging-pnl",) if rules.ranking == "leverage-pnl" else ()
    return (*scored, "deleveraging-ties") if rules.ranking != "account" else ()


def share_loss(case: Case, pool: PoolTerms, symbol: str, isolated_left: Decimal) -> None:
    """Socialised loss or clawback: what the closed pool lacks is paid by the fund, then by others. `isolated_left` is
    what an isolated pool's wallet came to."""
    state, events, trader = case.state, case.events, case.trader
    asset = state.markets[symbol].contract.margin_asset
    if pool.kind == "multi":
        return
    lacks = -isolated_left if pool.kind == "isolated" else -cross_wallet(trader.account, asset, state.rules.venue)
    if lacks <= 0:
        return
    cover = fund_pays(trader.name, asset, lacks, state.fund.account.wallets.get(asset, ZERO))
    book_moves(state, cover.moves, events)
    rule = state.rules.waterfall.after_fund
    others = [each for each in state.owners() if each is not trader]
    if rule == "socialise":
        shared = socialise(trader.name, asset, cover.left, {each.name: held_of(state, each, symbol) for each in others})
    else:
        shared = claw_back(
            trader.name, asset, cover.left, {each.name: _winnings(state, each, asset) for each in others}
        )
    _book_shared(case, asset, rule, shared, loss=lacks, paid=cover.paid)


def _share_despite_fund(case: Case, key: PositionKey, taken: Quantity, price: Price) -> None:
    """The injected fault "socialise_despite_fund": who holds the symbol with a profit pays the fund what it loses by
    taking a position over at `price`, against the mark, up to the fault's value."""
    state, market = case.state, case.state.markets[key[0]]
    most = state.faults.get("socialise_despite_fund")
    if most is None:
        return
    assert market.mark is not None
    lost = -profit(market.contract, taken, value(market.contract, taken, price), market.mark)
    amount, asset = booked(min(max(lost, ZERO), most)), market.contract.margin_asset
    holders = {
        each.name: Quantity(sum((abs(one.quantity) for one in held), ZERO))
        for each in state.owners()
        if each is not case.trader
        and (held := [one for one in holdings(state, each, symbol=key[0]) if one.unrealized > 0])
    }
    if amount and holders:
        shared = socialise(FUND, asset, amount, holders)
        _book_shared(case, asset, "socialise", shared, loss=amount, paid=Collateral(ZERO))


def _book_shared(case: Case, asset: str, rule: str, shared: Shared, *, loss: Decimal, paid: Collateral) -> None:
    """Book what others are charged for a loss, write it into their public history, and tell it."""
    state, trader = case.state, case.trader
    book_moves(state, shared.moves, case.events)
    case.touched |= set(shared.charges)
    state.shared_losses += [
        SharedLossLine(
            number=case.number, time_ms=state.time_ms, account=name, counterparty=trader.name, asset=asset,
            amount=amount, rule=rule,
        )
        for name, amount in shared.charges.items()
    ]  # fmt: skip
    case.events.append(
        LossShared(
            time_ms=state.time_ms, account=trader.name, asset=asset, rule=rule, loss=loss, fund=paid,
            charges=shared.charges, left=shared.left,
            assumptions=("shared-loss-base", *(("bad-debt-write-off",) if shared.left else ())),
        )
    )  # fmt: skip


def held_of(state: Exchange, trader: Trader, symbol: str) -> Quantity:
    """All that an account holds of a symbol, both sides, unsigned."""
    return Quantity(sum((abs(each.quantity) for each in holdings(state, trader, symbol=symbol)), ZERO))


def _winnings(state: Exchange, trader: Trader, asset: str) -> Decimal:
    """Unrealised PnL of an account's positions margined in an asset, at the marks."""
    return sum((each.unrealized for each in holdings(state, trader, asset)), ZERO)


def _fund(state: Exchange, market: Market) -> Fund:
    """The insurance fund as a takeover sees it."""
    asset, symbol = market.contract.margin_asset, market.contract.symbol
    held = holdings(state, state.fund, asset)
    wallet = state.fund.account.wallets.get(asset, ZERO)
    return Fund(
        equity=Collateral(wallet + sum((each.unrealized for each in held), ZERO)),
        held=Quantity(sum((each.quantity for each in held if each.symbol == symbol), ZERO)),
        elsewhere=Notional(sum((each.notional for each in held if each.symbol != symbol), ZERO)),
    )
