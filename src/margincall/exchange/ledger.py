"""Booking: what every change of an account goes through.

A trade books two fills, a move two flows; both sides in one call, so the books never stand half done. The venue's own
accounts (`insurance_fund`, `fees`, `remainder`, `bad_debt`) are folded as traders' are. Rules:
`docs/spec/liquidation_desk.md`.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct, structs

from margincall.core.account import Position, PositionSide
from margincall.core.contract import Contract, gain, profit, value
from margincall.core.events import AnyEvent, Category, CloseKind, Fill, Flow
from margincall.core.fold import FillTerms, fill_terms, fold, fold_fill
from margincall.core.protocol.moves import FEES, FUND, Move, MoveReason
from margincall.core.rounding import booked, quotient
from margincall.core.units import ZERO, Price, Quantity
from margincall.exchange.events import Moved
from margincall.exchange.state import Events, Exchange, FundEntry, Market, Trader
from margincall.exchange.watch import Kept

CATEGORIES: dict[MoveReason, tuple[Category, str]] = {
    "funding": ("funding", "FUNDING_FEE"),
    "clearance_fee": ("insurance_clear", "INSURANCE_CLEAR"),
    "improvement": ("insurance_clear", "INSURANCE_CLEAR"),
    "negative_balance": ("insurance_clear", "INSURANCE_CLEAR"),
    "socialised_loss": ("adjustment", "ADJUSTMENT"),
    "clawback": ("adjustment", "ADJUSTMENT"),
    "refund": ("insurance_clear", "INSURANCE_CLEAR"),
    "bad_debt": ("insurance_clear", "INSURANCE_CLEAR"),
}
"""How a move is booked: category of the ledger, and the venue's reason of the account update."""
ASSUMED: dict[MoveReason, tuple[str, ...]] = {
    "clearance_fee": ("clearance-fee-cap", "clearance-fee-share"),
    "improvement": ("bankruptcy-split", "improvement-whole-order"),
    "socialised_loss": ("shared-loss-base",),
    "clawback": ("shared-loss-base",),
    "bad_debt": ("bad-debt-write-off",),
}
"""What a move rests on where the venue publishes no rule."""
TAKEN_OVER = "taken-over"
"""Trade id of what the fund takes over: no trade of the market, so the venue prints none."""


class Party(Struct, frozen=True, gc=False):
    """One side of a trade: whose, for which position, by which order. `maker` is none where nobody pays a fee."""

    trader: Trader
    side: PositionSide
    maker: bool | None
    order_id: str = ""
    client_order_id: str = ""
    close: CloseKind = ""


class Deal(Struct, frozen=True, gc=False):
    """What both sides of a trade share."""

    price: Decimal
    trade_id: str


def book_fill(state: Exchange, market: Market, party: Party, quantity: Decimal, deal: Deal) -> Fill:
    """Fold one side of a trade; `quantity` is signed. Profit and fee are as the rules give them; the fee goes to
    `fees`."""
    trader, contract, venue = party.trader, market.contract, state.rules.venue
    bare = Fill(
        time_ms=state.time_ms,
        seq=state.next_flow,
        account=trader.name,
        symbol=contract.symbol,
        side=party.side,
        quantity=quantity,
        price=deal.price,
        trade_id=deal.trade_id,
        order_id=party.order_id,
        client_order_id=party.client_order_id,
        fee_asset=contract.margin_asset,
        maker=party.maker,
        close=party.close,
    )
    state.next_flow += 1
    position = trader.account.position((contract.symbol, party.side))
    terms = fill_terms(position, bare, contract, venue.fees)
    realized, fee = terms.realized, terms.fee or ZERO
    if state.faults and party.close == "liquidation" and party.maker is not None:
        realized, fee = _wrongly(state, contract, position, bare, terms)
    elif party.close == "adl" and (rate := state.faults.get(f"adl_commission:{contract.symbol}")) is not None:
        fee = booked(abs(value(contract, Quantity(quantity), Price(deal.price))) * rate)
    fill = structs.replace(bare, fee=fee, realized=realized)
    trader.account = fold_fill(trader.account, fill, terms, contract)
    if fee:
        asset = contract.margin_asset
        state.fees_due[asset] = state.fees_due.get(asset, ZERO) + fee
    if market.mark is not None:
        worth = value(contract, Quantity(quantity), market.mark)
        cost = fee - gain(contract, value(contract, Quantity(quantity), Price(deal.price)), worth)
        cost += terms.realized - realized
        kept = Kept(contract, venue.brackets(contract.symbol), market.mark)
        state.watch.trade(trader.name, position, quantity, cost, kept)
    return fill


def _wrongly(
    state: Exchange, contract: Contract, position: Position, fill: Fill, terms: FillTerms
) -> tuple[Decimal, Decimal]:
    """Profit and fee of a fill of a liquidation order under the injected faults "wrong_entry" and "wrong_commission";
    without, as the rules give them."""
    realized, fee = terms.realized, terms.fee or ZERO
    by, more = state.faults.get(f"wrong_entry:{contract.symbol}"), state.faults.get("wrong_commission")
    if by is not None and terms.closed:
        part, worse = Quantity(position.direction * terms.closed), terms.released + terms.closed * by
        if contract.is_inverse:
            entry = quotient(part * contract.contract_size, terms.released) + position.direction * by
            worse = value(contract, part, Price(max(entry, contract.tick)))
        realized = booked(profit(contract, part, worse, Price(fill.price)))
    if more is not None:
        traded = abs(value(contract, Quantity(fill.quantity), Price(fill.price)))
        fee = booked(traded * (state.rules.venue.fees.taker + more))
    return realized, fee


def collect_fees(state: Exchange) -> None:
    """Book what the fees of a step come to in the fee account. No history tells it: it stands in the fills."""
    for asset, amount in state.fees_due.items():
        fees = state.traders[FEES]
        said = Flow(time_ms=state.time_ms, applied={asset: amount}, category="commission", reason="COMMISSION")
        fees.account = fold(fees.account, said, state.rules.venue)
    state.fees_due.clear()


def book(state: Exchange, trader: Trader, event: AnyEvent, events: Events) -> None:
    """Fold an event of an account, and say it."""
    trader.account = fold(trader.account, event, state.rules.venue)
    events.append(event)  # type: ignore[arg-type]


def flow(
    state: Exchange,
    trader: Trader,
    amounts: dict[str, Decimal],
    category: Category,
    reason: str,
    *,
    symbol: str = "",
    side: PositionSide | None = None,
) -> Flow:
    """A wallet change with the next number of the exchange."""
    number = state.next_flow
    state.next_flow += 1
    return Flow(
        time_ms=state.time_ms,
        seq=number,
        account=trader.name,
        applied=amounts,
        category=category,
        reason=reason,
        symbol=symbol,
        side=side,
        tran_id=str(number),
    )


def book_moves(
    state: Exchange, moves: Iterable[Move], events: Events, *, symbol: str = "", side: PositionSide | None = None
) -> None:
    """Carry out moves between accounts; `symbol` and `side` say of which position they are."""
    for each in moves:
        category, reason = CATEGORIES[each.reason]
        for name, amount in ((each.giver, -each.amount), (each.taker, each.amount)):
            trader = state.traders[name]
            said = flow(state, trader, {each.asset: amount}, category, reason, symbol=symbol, side=side)
            book(state, trader, said, events)
            if name == FUND:
                note_fund(state, each.reason, each.asset, amount)
        events.append(
            Moved(
                time_ms=state.time_ms, reason=each.reason, giver=each.giver, taker=each.taker,
                asset=each.asset, amount=each.amount, assumptions=ASSUMED.get(each.reason, ()),
            )
        )  # fmt: skip


def note_fund(state: Exchange, reason: str, asset: str, amount: Decimal) -> None:
    """Write a change of the fund's wallet into its history."""
    balance = state.fund.account.wallets.get(asset, ZERO)
    entry = FundEntry(time_ms=state.time_ms, reason=reason, asset=asset, amount=amount, balance=balance)
    state.fund_history.append(entry)
