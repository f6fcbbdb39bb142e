"""Which terms of an explanation a kind of file may leave unknown, derived from its header alone.

A header is a set of columns. `FACTS` says which columns tell which fact, `NEEDS` which facts a term takes. A term may
be unknown in a set of files only if their headers together do not tell what it needs. This table was made before any
explanation was computed from projected exports, and is not changed to fit one. It was corrected once, where it had
overlooked that the header of statements has no symbol: the fee row of two liquidations in one minute names neither.

Marks, indices and bracket tables are no account's files: they are there in every projection.
"""

from collections.abc import Collection, Mapping

STREAM = "stream"
API = "api"
HEADERS: Mapping[str, str] = {
    # Messages ORDER_TRADE_UPDATE and ACCOUNT_UPDATE, as columns.
    STREAM: "Milliseconds,Symbol,Side,Position Side,Price,Quantity,Fee,Realized Profit,Trade ID,Order ID,"
    "Client Order Id,Type,Amount,Asset,Wallet Balance,Margin Mode,Isolated Wallet,Position Amount",
    # userTrades, allOrders, forceOrders, income, positionMargin/history, symbolConfig, multiAssetsMargin, account.
    API: "Milliseconds,Symbol,Side,Position Side,Price,Quantity,Fee,Realized Profit,Trade ID,Order ID,"
    "Client Order Id,Type,Amount,Asset,Wallet Balance,Margin Mode,Isolated Wallet",
    "trade history (web)": "Uid,Time,Symbol,Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade ID,"
    "Order ID",
    "trade history (older)": "Date(UTC),Symbol,Side,Price,Quantity,Amount,Fee,Fee Coin,Realized Profit,Quote Asset",
    "trade history (API)": "Uid,Time(UTC),Symbol,Side,Position Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,"
    "Maker,Trade Id,Order Id",
    "order history": "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,"
    "Executed Quote Amount,Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,Update Time,"
    "Order No",
    "transaction history": "Time,Type,Amount,Asset,Symbol,Transaction ID",
    "transaction history (legacy)": "Date(UTC),type,Amount,Asset,Symbol,Transaction ID",
    "position history": "Symbol,Margin Mode,Position Side,Entry Price,Avg. Close Price,Max Open Interest,Closed Vol.,"
    "Closing PNL,Opened,Closed,Status",
    "statements": "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark",
}
"""Kind of file -> its columns; those of exports exactly as the venue writes them."""

TRADE = frozenset({"side", "price", "quantity", "fee", "realized profit"})
FACTS: Mapping[str, tuple[frozenset[str], ...]] = {
    "trades": (TRADE,),
    "trades of orders": (TRADE | {"order id"},),
    "position sides": (TRADE | {"position side"},),
    "sides of orders": (frozenset({"position side", "order no"}), TRADE | {"position side", "order id"}),
    "forced orders": (frozenset({"client order id", "price"}),),
    "flows": (frozenset({"type", "amount", "asset"}), frozenset({"operation", "change", "coin"})),
    "symbols of flows": (frozenset({"type", "amount", "asset", "symbol"}),),
    "wallets": (frozenset({"wallet balance"}),),
    "margin modes": (frozenset({"margin mode", "client order id"}),),
    "margin moves": (frozenset({"isolated wallet"}),),
    "takeovers": (frozenset({"position amount"}),),
}
"""Fact -> sets of columns, one of which a single header must have. A position history names the margin mode of what
is closed, but no header without client order ids tells of which order."""

POSITION = ("trades",)
POOL = ("trades", "flows", "wallets", "margin modes")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "order_id": (),
    "client_order_id": (),
    "symbol": (),
    "position_side": (),
    "quantity": (),
    "prices.order_limit": (),
    "prices.average_fill": (),
    "prices.mark_at_trigger": (),
    "prices.entry": POSITION,
    "prices.break_even": POSITION,
    "bracket.table": POSITION,
    "bracket.as_of": POSITION,
    "bracket.notional": POSITION,
    "bracket.rate": POSITION,
    "bracket.cum": POSITION,
    "clearance.fee": ("flows",),
    "clearance.rate": ("flows",),
    "clearance.base": (),
    "realized_pnl": ("trades of orders",),
    "verdict.wallet_balance": POOL,
    "verdict.unrealized_pnl": POOL,
    "verdict.margin_balance": POOL,
    "verdict.maintenance_margin": POOL,
    "verdict.margin_ratio": POOL,
    "verdict.liquidated": POOL,
    "prices.liquidation": POOL,
    "prices.bankruptcy": POOL,
    "left": POOL,
    "cause": POOL,
}
"""Term -> facts that it takes beside the forced order itself."""
OF_ITS_FEE = ("clearance.fee", "clearance.rate")
"""Terms that take the symbol of a flow, where several liquidations lie within a minute."""
OF_THE_POSITION = tuple(term for term, facts in NEEDS.items() if "trades" in facts)
"""Terms that take to know which leg a trade belongs to, in hedge mode."""
TAKEN_OVER = ("quantity", "realized_pnl", "clearance.base", "clearance.rate", "prices.average_fill", "left", "cause")
"""Terms that take the takeover, where the insurance fund took over a part."""


def columns(shape: str) -> frozenset[str]:
    """The columns of a kind of file, without regard to case; `Time(UTC)` and the like count as they are."""
    return frozenset(each.strip().casefold() for each in HEADERS[shape].split(","))


def facts_of(shapes: Collection[str]) -> frozenset[str]:
    """What the headers of these files tell together."""
    found = {
        fact
        for fact, alternatives in FACTS.items()
        if any(needed <= columns(shape) for shape in shapes for needed in alternatives)
    }
    if {"trades of orders", "sides of orders"} <= found:
        found.add("position sides")
    return frozenset(found)


def may_be_unknown(
    shapes: Collection[str],
    *,
    hedged: bool,
    isolated: bool,
    taken_over: bool,
    several: bool,
) -> frozenset[str]:
    """The terms that these files may leave open about a story. `hedged`: it is in hedge mode; `isolated`: the position
    is; `taken_over`: the insurance fund took over a part;
    `several`: several liquidations lie within a minute. Without forced orders the liquidation itself may be."""
    found = facts_of(shapes)
    if "forced orders" not in found:
        return frozenset({"liquidations", *NEEDS})
    return frozenset(
        term
        for term, needed in NEEDS.items()
        if not set(needed) <= found
        or (hedged and term in OF_THE_POSITION and "position sides" not in found)
        or (isolated and "wallets" in needed and "margin moves" not in found)
        or (taken_over and term in TAKEN_OVER and "takeovers" not in found)
        or (several and term in OF_ITS_FEE and "symbols of flows" not in found)
    )


SUPPLIES: Mapping[str, str] = {
    "trades": "the trades of the position",
    "trades of orders": "the trades of the position",
    "position sides": "the position side of the trades",
    "forced orders": "the order history",
    "flows": "the income history",
    "symbols of flows": "the income history",
    "wallets": "`account` answer",
    "margin modes": "cross or isolated",
    "margin moves": "the margin history",
    "takeovers": "what became of the rest",
}
"""Fact -> what the explanation must call the file that tells it."""
