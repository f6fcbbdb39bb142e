"""Laws of the liquidation desk: the fund, the order of the waterfall, what a step may do and must leave."""

from collections.abc import Iterator

from margincall.core.contract import profit, value
from margincall.core.events import Fill
from margincall.core.margin import position_terms
from margincall.core.prices import bankruptcy
from margincall.core.protocol.moves import FUND
from margincall.core.units import Price, Quantity
from margincall.exchange.audit.measures import CENT, ZERO, fund_equity, is_flat, pool_name, wallet
from margincall.exchange.audit.shadow import Around, Moment
from margincall.exchange.events import (
    Deleveraged,
    LiquidationEnded,
    LiquidationStarted,
    LiquidationStep,
    LossShared,
    Moved,
)
from margincall.exchange.ledger import TAKEN_OVER


def fund_pays_what_it_has(around: Around) -> Iterator[str]:
    """The fund pays min(loss, its wallet), and takes over only what leaves its equity at the mark at least 0."""
    for moment in around.of((Moved, LossShared, LiquidationStep)):
        event = moment.event
        if isinstance(event, Moved) and event.giver == FUND:
            left = wallet(moment, FUND, event.asset)
            if left < 0:
                yield f"the fund paid {event.amount} {event.asset}, and had {left + event.amount}"
            debt = wallet(moment, event.taker, event.asset)
            # Of a loss that is shared the fund pays what the pool lacks (below), not what was owed before.
            clears = event.reason == "negative_balance" and around.rules.waterfall.after_fund == "deleverage"
            if clears and is_flat(moment, event.taker) and debt < 0 and left > 0:
                yield f"the fund kept {left} {event.asset} and left {event.taker} with {debt}"
        elif isinstance(event, LossShared):
            had = wallet(moment, FUND, event.asset) + event.fund
            if event.fund != min(event.loss, max(had, ZERO)):
                yield f"the fund paid {event.fund} of {event.loss} {event.asset}, and had {had}"
        elif isinstance(event, LiquidationStep) and event.step == "takeover" and event.applied.get("quantity"):
            taken = -event.applied["quantity"]
            contract, mark = around.rules.venue.contract(event.symbol), moment.marks.prices[event.symbol]
            assert event.price is not None
            won = profit(contract, Quantity(taken), value(contract, Quantity(taken), Price(event.price)), mark)
            equity = fund_equity(around, moment, contract.margin_asset)
            if won < 0 and equity < -CENT:
                yield f"the fund took {taken} {event.symbol} at {event.price}, its equity is {equity}"


def waterfall_order(around: Around) -> Iterator[str]:
    """Deleveraged only what the fund cannot take, shared only what it cannot pay."""
    for moment in around.of((LiquidationStep, LossShared)):
        event = moment.event
        if isinstance(event, LossShared):
            left = wallet(moment, FUND, event.asset)
            if event.charges and left > 0:
                yield f"{event.charges} are charged while the fund has {left} {event.asset}"
        elif isinstance(event, LiquidationStep) and event.step == "deleverage" and event.applied.get("quantity"):
            yield from _fund_could(around, moment, event)
            if around.rules.waterfall.fee == "improvement" and _filled(around, moment):
                yield f"{event.account} was deleveraged though its order was filled"


def only_reduced(around: Around) -> Iterator[str]:
    """A fill of a liquidation or a deleveraging brings its account nearer to flat, and not beyond."""
    for moment in around.of(Fill):
        event = moment.event
        assert isinstance(event, Fill)
        held = moment.accounts[event.account].position((event.symbol, event.side)).quantity
        if held * event.quantity >= 0 or abs(event.quantity) > abs(held):
            yield f"{event.account} held {held} {event.symbol} and was made to trade {event.quantity}"


def overlap_is_skipped(around: Around) -> Iterator[str]:
    """dYdX: who takes over a deleveraged position keeps its ratio of balance to maintenance, or betters it."""
    yield from _no_worse(around, "adl")


def not_worsened(around: Around) -> Iterator[str]:
    """dYdX: neither a reducing order nor a deleveraging worsens the liquidated account's ratio or raises its
    maintenance."""
    yield from _no_worse(around, "liquidation")
    for moment in around.of(LiquidationStep):
        event = moment.event
        if isinstance(event, LiquidationStep) and event.step == "reduce" and event.applied.get("quantity"):
            yield from _reduced_no_worse(around, moment, event)


def rest_is_healthy(around: Around) -> Iterator[str]:
    """After a liquidation the rest is above its maintenance, or nothing is left, or it is told that nobody took it."""
    for moment in around.of(LiquidationEnded):
        event = moment.event
        assert isinstance(event, LiquidationEnded)
        pool = around.pool(moment, event.account, event.pool)
        if pool is not None and pool.liquidated and not event.uncovered:
            yield f"{event.account} {event.pool} is at its trigger after its liquidation"


def fee_is_bounded(around: Around) -> Iterator[str]:
    """A fee takes at most the collateral that is left; a penalty at most its rate of the fills."""
    for moment in around.of(LiquidationStep):
        event = moment.event
        if not (isinstance(event, LiquidationStep) and event.step == "fee"):
            continue
        started = around.since(moment.place, LiquidationStarted)
        if around.rules.waterfall.fee == "improvement":
            contract = around.rules.venue.contract(event.symbol)
            fills = [each.event for each in started if isinstance(each.event, Fill)]
            traded = sum((abs(each.quantity * each.price) for each in fills if each.account == event.account), ZERO)
            taken = event.applied[contract.margin_asset]
            if taken > traded * (contract.liquidation_fee or ZERO) or taken > max(event.asked, ZERO):
                yield f"a penalty of {taken} on {traded}, of which {event.asked} was asked"
            continue
        name, taken = pool_name(around, event.number), sum(event.applied.values(), ZERO)
        pool = around.pool(moment, event.account, name)
        if taken > event.asked:
            yield f"a fee of {taken}, and its rate asks for {event.asked}"
        if pool is not None and taken > 0 and pool.balance < -CENT:
            yield f"a fee of {taken} leaves {pool.balance} in {event.account} {name}"


def bankruptcy_price_is_neutral(around: Around) -> Iterator[str]:
    """Whoever takes a whole position at its bankruptcy price leaves balance : maintenance of the pool as they were."""
    for moment in around.of(LiquidationStep):
        event = moment.event
        if not (isinstance(event, LiquidationStep) and event.step == "takeover"):
            continue
        earlier = [each.event for each in around.since(moment.place, LiquidationStarted)]
        # All prices are of the moment before the first: a part that went at the mark moves those after it.
        if any(
            each.applied.get("quantity") != each.asked or "no-bankruptcy-price" in each.assumptions
            for each in (*earlier, event)
            if isinstance(each, LiquidationStep) and each.step == "takeover"
        ):
            continue
        fill = next(each for each in reversed(around.moments) if each.place < moment.place
                    and isinstance(each.event, Fill) and each.event.trade_id == TAKEN_OVER)  # fmt: skip
        name = pool_name(around, event.number)
        first, then = around.pool(fill, event.account, name), around.pool(moment, event.account, name)
        if first is None or first.kind != "cross":
            continue
        balance, kept = (then.balance, then.maintenance) if then is not None else (ZERO, ZERO)
        moved = abs(balance * first.maintenance - first.balance * kept)
        if moved > CENT * (first.maintenance + abs(first.balance)):
            yield f"{event.account}: {first.balance}/{first.maintenance} became {balance}/{kept} at {event.price}"


def not_over_deleveraged(around: Around) -> Iterator[str]:
    """Deleveraged is what was asked, less what nobody could take."""
    for moment in around.of(LiquidationStep):
        event = moment.event
        if isinstance(event, LiquidationStep) and event.step == "deleverage":
            closed = ZERO
            for each in around.since(moment.place, LiquidationStep):
                if isinstance(each.event, Deleveraged) and each.event.number == event.number:
                    closed += each.event.quantity
            applied = event.applied["quantity"]
            if closed != -applied or abs(applied) > abs(event.asked) or applied * event.asked < 0:
                yield f"{event.asked} was to be deleveraged, {applied} is told, {closed} was closed"


def every_liquidation_ends(around: Around) -> Iterator[str]:
    """At most three steps and two a position; and something is closed, or it is told why not."""
    for moment in around.of(LiquidationEnded):
        event = moment.event
        assert isinstance(event, LiquidationEnded)
        during = around.since(moment.place, LiquidationStarted)
        steps = sum(isinstance(each.event, LiquidationStep) for each in during)
        started = next(each for each in around.of(LiquidationStarted) if _number(each) == event.number)
        pool = around.pool(started, event.account, event.pool)
        if pool is None or steps > 3 + 2 * len(pool.positions):
            yield f"{event.account} {event.pool}: {steps} steps"
        closed = any(isinstance(each.event, Fill) for each in during)
        waits = around.rules.waterfall.only_bankrupt  # it tries again with the next command
        if not closed and not event.uncovered and not waits:
            yield f"{event.account} {event.pool}: nothing was closed, and nothing is told of it"


def _number(moment: Moment) -> int:
    return getattr(moment.event, "number", 0)


def _fund_could(around: Around, moment: Moment, event: LiquidationStep) -> Iterator[str]:
    """Whether the fund could have taken one lot more of what was deleveraged."""
    rules, venue = around.rules.waterfall, around.rules.venue
    step = next(each.event for each in reversed(around.moments) if each.place < moment.place
                and isinstance(each.event, LiquidationStep) and each.event.step == "takeover")  # fmt: skip
    assert isinstance(step, LiquidationStep)
    assert step.price is not None
    if rules.takeover == "none":
        name = pool_name(around, event.number)
        # All prices are of the moment before the first.
        taken_over = next(each for each in around.of(LiquidationStep) if isinstance(each.event, LiquidationStep)
                          and each.event.step == "takeover" and each.event.number == event.number)  # fmt: skip
        pool = around.pool(taken_over, event.account, name)
        if pool is None or pool.balance >= 0:
            yield f"{event.account} was deleveraged with a balance of {pool and pool.balance}"
        return
    contract, mark = venue.contract(event.symbol), moment.marks.prices[event.symbol]
    taken, asked = -step.applied["quantity"], -step.asked
    direction = 1 if asked > 0 else -1
    one = Quantity(contract.lot * direction)
    won = profit(contract, one, value(contract, one, Price(step.price)), mark)
    more = abs(taken) / contract.lot + 1
    equity = fund_equity(around, moment, contract.margin_asset) - won * (more - 1)
    held = moment.accounts[FUND].position((event.symbol, "BOTH")).quantity - taken
    unit = abs(value(contract, one, mark))
    elsewhere = sum((position_terms(each, moment.marks, venue).notional
                     for each in moment.accounts[FUND].open_positions() if each.symbol != event.symbol
                     and venue.contract(each.symbol).margin_asset == contract.margin_asset), ZERO)  # fmt: skip
    limit = None if rules.fund_notional is None else rules.fund_notional * equity - elsewhere
    room = limit is None or unit * (more + direction * held / contract.lot) <= max(limit, ZERO)
    if equity + won * more >= CENT and room:
        yield f"{event.symbol} was deleveraged while the fund, with {equity}, could take {more} lots"


def _filled(around: Around, moment: Moment) -> bool:
    """Whether the reducing order of the liquidation that goes on filled anything."""
    steps = [each.event for each in around.since(moment.place, LiquidationStarted)]
    return any(isinstance(each, LiquidationStep) and each.step == "reduce" and each.applied.get("quantity")
               for each in steps)  # fmt: skip


def _reduced_no_worse(around: Around, moment: Moment, event: LiquidationStep) -> Iterator[str]:
    """Balance : maintenance from before the order's first fill to after its penalty, cross-multiplied. Not of an
    isolated pool, whose profit leaves it, nor where no price could save the account."""
    charged = next((each for each in around.of(LiquidationStep) if each.place > moment.place
                    and isinstance(each.event, LiquidationStep) and each.event.step == "fee"
                    and each.event.number == event.number), None)  # fmt: skip
    if charged is None:
        yield f"{event.account}: {event.applied['quantity']} {event.symbol} were filled without a word of a fee"
        return
    fill = next(each for each in around.since(moment.place, LiquidationStarted)
                if isinstance(each.event, Fill) and each.event.account == event.account)  # fmt: skip
    name = pool_name(around, event.number)
    first, then = around.pool(fill, event.account, name), around.pool(charged, event.account, name)
    if first is None or first.kind != "cross":
        return
    own = next(each for each in first.positions if (each.symbol, each.side) == (event.symbol, event.side))
    if bankruptcy(first, own, around.rules.venue.assumptions) is None:
        return
    maintenance = ZERO if then is None else then.maintenance
    balance = wallet(charged, event.account, own.contract.margin_asset) if then is None else then.balance
    if maintenance > first.maintenance:
        yield f"{event.account}: maintenance rose from {first.maintenance} to {maintenance}"
    if first.balance * maintenance - balance * first.maintenance > CENT * (first.maintenance + abs(first.balance)):
        yield f"{event.account}: {first.balance}/{first.maintenance} became {balance}/{maintenance} by its order"


def _no_worse(around: Around, close: str) -> Iterator[str]:
    """Each deleveraging keeps balance : maintenance of the account on one of its sides, cross-multiplied."""
    fills = [each for each in around.of(Fill) if isinstance(each.event, Fill) and each.event.close]
    for moment in fills:
        event = moment.event
        assert isinstance(event, Fill)
        met = [each for each in fills if isinstance(each.event, Fill) and each.event.trade_id == event.trade_id]
        if event.close != close or not any(isinstance(each.event, Fill) and each.event.close == "adl" for each in met):
            continue
        took = next(each.event for each in reversed(around.moments) if each.place < moment.place
                    and isinstance(each.event, LiquidationStep) and each.event.step == "takeover")  # fmt: skip
        if close == "liquidation" and "no-bankruptcy-price" in getattr(took, "assumptions", ()):
            continue  # no price could save it
        later = next((each for each in around.moments if each.place > moment.place
                      and isinstance(each.event, Deleveraged)), around.after)  # fmt: skip
        pools = {pool.name: pool for pool in around.shadow.terms(event.account, moment).pools}
        for pool in around.shadow.terms(event.account, later).pools:
            first = pools.get(pool.name)
            if first is None or not any(each.symbol == event.symbol for each in first.positions):
                continue
            if pool.maintenance > first.maintenance:
                yield f"{event.account}: maintenance rose from {first.maintenance} to {pool.maintenance}"
            gap = first.balance * pool.maintenance - pool.balance * first.maintenance
            if gap > CENT * (first.maintenance + abs(first.balance)):
                yield (f"{event.account}: {first.balance}/{first.maintenance} became "
                       f"{pool.balance}/{pool.maintenance}")  # fmt: skip
