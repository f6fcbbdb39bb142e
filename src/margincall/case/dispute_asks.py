"""What the venue is asked for where a check cannot be told: each thing once, and nothing that is enclosed."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from margincall.core.checks import UNCLEAR
from margincall.core.events import NOWHERE
from margincall.forensics.explain import Case
from margincall.forensics.reconstruct import Reconstruction
from margincall.forensics.verify.check import Judged
from margincall.forensics.verify.founded import Founded
from margincall.forensics.verify.view import View, tables_confirmed, wallet_sure
from margincall.history.public import NO_MARKET

MARK = "the mark price by which it was triggered"
WALLET = "the wallet balance by which it was triggered"
SHEET = "the unrealised PnL, margin balance and maintenance margin by which it was triggered"
BRACKETS = "the bracket table in force at that time"
INDEX = "the index price, the last price and the terms of the mark price of that second"
REACHED = "the time at which the margin balance reached the maintenance margin"
ORDERS = "the orders that were open at that time, and when each was cancelled"
BANKRUPTCY = "the bankruptcy price that the liquidation order was limited by, and how it was calculated"
LIMIT = "the limit price of the liquidation order"
TRADES = "the trades of the liquidation order"
STEPS = "each step of the liquidation: what was closed by an order, and what was taken over"
FEE = "the clearance fee that was charged"
FEE_BASE = "the rate of the clearance fee and the amount that it was charged on"
COMMISSION = "the rate of the commissions"
PROFIT = "the entry price that the realised profit or loss was calculated from"
FUNDING = "the funding rate, mark price and size that each funding fee was paid on"
RANK = "the ranking of the account in the deleveraging queue"
OTHER_SIDE = "the bankruptcy price of the liquidated order on the other side"
DELEVERAGED = "the size that was deleveraged, and the size that was held"
REASON = "the reason of the adjustment, and the balance of the insurance fund at that time"
BALANCE = "the balance after the liquidation"
RULES = "the rules by which it was triggered, and where they are published"
CHARGED = "what was charged for it, and the amount that it was charged on"

SHORT: Mapping[str, str] = {
    MARK: "mark price",
    WALLET: "wallet balance",
    SHEET: "unrealised PnL, margin balance, maintenance margin",
    BRACKETS: "bracket table in force",
    INDEX: "index price, last price and terms of the mark",
    REACHED: "time at which the margin was used up",
    ORDERS: "open orders and when each was cancelled",
    BANKRUPTCY: "bankruptcy price and how it was calculated",
    LIMIT: "limit of the order",
    TRADES: "trades of the order",
    STEPS: "each step",
    FEE: "clearance fee",
    FEE_BASE: "rate and base of the clearance fee",
    COMMISSION: "rate of the commissions",
    PROFIT: "entry price",
    FUNDING: "rate, mark and size of each funding fee",
    RANK: "rank in the deleveraging queue",
    OTHER_SIDE: "bankruptcy price of the other side",
    DELEVERAGED: "sizes deleveraged and held",
    REASON: "reason of the adjustment, and the insurance fund's balance",
    BALANCE: "balance after it",
    RULES: "rules of the trigger",
    CHARGED: "what was charged, and on what",
}
"""The same in few words: a first message has little room, and must ask for all of it."""
OF_CHECK: Mapping[str, tuple[str, ...]] = {
    "trigger": (MARK, WALLET, SHEET, BRACKETS),
    "moment": (REACHED, MARK),
    "maintenance": (BRACKETS,),
    "mark": (INDEX,),
    "orders_cancelled": (ORDERS,),
    "limit_price": (BANKRUPTCY,),
    "fill_price": (LIMIT, TRADES),
    "partial_steps": (STEPS,),
    "clearance_fee": (FEE, FEE_BASE),
    "commission": (COMMISSION,),
    "realized_pnl": (PROFIT,),
    "funding": (FUNDING,),
    "deleveraging_rank": (RANK,),
    "deleveraging_price": (OTHER_SIDE,),
    "deleveraging_size": (DELEVERAGED,),
    "loss_shared": (REASON,),
    "balance_after": (BALANCE,),
}
"""What would settle each check. A warning is promised by nobody, so nobody asks for it."""
ABOUT_ALL = "trigger", "orders_cancelled", "clearance_fee"
"""What is asked about a liquidation of which the files tell nothing."""
OF_ANOTHER_VENUE = MARK, WALLET, SHEET, RULES, ORDERS, CHARGED
"""What is asked of a venue whose rules are not modelled: nothing in the words of another's."""
SEEN = "published", "printed with the position"
"""A mark that the files print. One that follows from a profit or lies within a candle is not enclosed."""


def asked_for(
    history: Reconstruction | None,
    cases: Sequence[Case],
    judged: Sequence[Judged],
    founded: Callable[[], Founded],
    *,
    is_refused: bool,
    is_elsewhere: bool,
) -> tuple[str, ...]:
    """What the venue is asked for about one liquidation, each thing once: what its open checks would be settled by and
    the files do not hold; all of it where nothing else would be left to ask. `founded` is what founds the history."""
    has = frozenset(_enclosed(history, cases, founded())) if history is not None and cases else frozenset[str]()
    if is_elsewhere:
        return tuple(each for each in OF_ANOTHER_VENUE if each not in has)
    kinds = [check.kind for each in judged for check in each.checks if check.verdict == UNCLEAR]
    is_told = any(each.checks for each in judged)
    wanted = [each for kind in (kinds if is_told and not is_refused else ABOUT_ALL) for each in OF_CHECK.get(kind, ())]
    return tuple(dict.fromkeys([each for each in wanted if each not in has] or wanted))


def _enclosed(history: Reconstruction, cases: Sequence[Case], founded: Founded) -> Iterator[str]:
    """What the files hold of all of these orders."""
    held = [frozenset(_held(history, case, founded)) for case in cases]
    yield from frozenset.intersection(*held)


def _held(history: Reconstruction, case: Case, founded: Founded) -> Iterator[str]:
    moment, incident, told = case.moment, case.incident, case.explanation
    if moment is not None and moment.mark is not None and moment.mark.how in SEEN and moment.mark.source != NOWHERE:
        yield MARK
    if moment is not None and moment.pool is not None and history.book.elsewhere is None:
        view = View(history, case, NO_MARKET, founded)
        if wallet_sure(view):
            yield WALLET
        if tables_confirmed(view):
            yield BRACKETS
    if incident.order is not None and incident.order.price:
        yield LIMIT
    if incident.fills:
        yield TRADES
    if told.clearance.fee is not None:
        yield FEE
