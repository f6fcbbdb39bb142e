"""What the exchange assumes where the venue publishes no rule, beside what the rules themselves assume
(`core/assumptions.py`). The page is `docs/spec/exchange.md`, Assumed.
"""

from collections.abc import Mapping

from margincall.core.assumptions import BY_ID as OF_THE_RULES
from margincall.core.assumptions import Assumption

CATALOGUE: tuple[Assumption, ...] = (
    Assumption(
        "check-order",
        "shape, filters, count, notional, price, reduce-only, margin, counterparty",
        (),
        "answers to orders that break several rules at once",
    ),
    Assumption(
        "order-margin",
        "the larger side at its prices over the leverage, and the loss against the mark of a new order",
        (),
        "openOrderInitialMargin and availableBalance of an account with orders on both sides",
    ),
    Assumption(
        "market-order-margin",
        "reach at the dearer of mark and best counterparty, loss at the latter",
        (),
        "market orders that are just accepted and just refused",
    ),
    Assumption(
        "isolated-margin-source",
        "what is free, and no more than the cross wallet holds beyond what orders of isolated positions reserve",
        (),
        "margin moved to an isolated position, or orders of one, of an account with profit that is not realised",
    ),
    Assumption(
        "reduce-only-trim",
        "cut to the position, in the order in which the book would fill them",
        ("refused",),
        "orders of an account with several reduce-only orders whose position shrinks",
    ),
    Assumption(
        "trigger-sequence",
        "each trade of a sweep, after the sweep; the oldest first",
        (),
        "trades and triggered orders of a cascade, by transaction time",
    ),
    Assumption(
        "stop-limit-price",
        "the multipliers of PERCENT_PRICE with the stop price for the mark, before the trigger is looked at",
        (),
        "answers to stop orders whose limit price lies far from their stop price",
    ),
    Assumption(
        "gte-position",
        "the position that the order could reduce: without one it is refused, with its end it expires",
        (),
        "GTE_GTC orders of an account without a position, on the wrong side of one, and of one that turned",
    ),
    Assumption(
        "gte-one-each",
        "of GTE_GTC orders with closePosition one of each type waits for a position",
        (),
        "answers to a second stop, and to a take-profit, of one position",
    ),
    Assumption(
        "gte-told",
        "EXPIRED with reason 6; fired it prints its own time in force and lasts as GTC does",
        (),
        "the user-data stream of GTE_GTC orders whose position was closed, and of one that fired and rested",
    ),
    Assumption(
        "trigger-told",
        "EXPIRED with reason 8 as what it was, then NEW as what it becomes, under one id",
        (),
        "the user-data stream of a stop that fired, and of one that was refused then",
    ),
    Assumption(
        "asset-mode-open",
        "not while anything is open",
        (),
        "a change of the mode with positions and enough margin",
    ),
    Assumption(
        "last-price-trigger",
        "while no source of the index counts, near the last mark that had one",
        ("last-index",),
        "marks and trades of a contract while its index fails",
    ),
    Assumption("contract-filters", "in the shape of BTCUSDT's", (), "exchangeInfo of the day"),
    Assumption(
        "liquidation-account-order",
        "by name",
        (),
        "liquidation orders of several accounts at one mark, by transaction time",
    ),
    Assumption(
        "liquidation-self-trade",
        "EXPIRE_MAKER",
        (),
        "a liquidation order that meets an order of the same account",
    ),
    Assumption(
        "liquidation-taker-fee",
        "the ordinary taker rate",
        ("none",),
        "COMMISSION of the fills of a liquidation order",
    ),
    Assumption("takeover-fee", "none", (), "an account's income around a takeover by the fund"),
    Assumption(
        "bad-debt-write-off",
        "at the first clearance at which the fund has less than the debt",
        (),
        "the wallet of an account after a clearance that an empty fund could not pay",
    ),
    Assumption(
        "takeover-order",
        "an order at the price of the takeover, which expires unfilled",
        ("none",),
        "forceOrders and order history of an account of which the insurance fund has taken a position over",
    ),
    Assumption(
        "shared-loss-base",
        "holdings of the symbol last taken over; profits of all open positions with the asset, at the marks",
        (),
        "nothing: Binance shares no losses",
    ),
    Assumption(
        "funding-isolated-source",
        "the isolated wallet of the position",
        ("available-first",),
        "ACCOUNT_UPDATE of a funding payment of an isolated position while money is free in the cross wallet",
    ),
    Assumption(
        "improvement-whole-order",
        "all matches of the order together",
        (),
        "insurance fund transfers of a dYdX liquidation with several fills",
    ),
    Assumption("liquidation-fee-rate", "that of BTCUSDT, where a symbol's is not known", (), "exchangeInfo of the day"),
    Assumption("dispute-account-as-it-stood", "the account just before the liquidation", (), "nothing: it is our desk"),
    Assumption(
        "refund-is-harm",
        "what the account is worth less at the end of the liquidation than in a run without the faults, at its marks",
        (),
        "refunds that a venue paid",
    ),
)

BY_ID: Mapping[str, Assumption] = {**OF_THE_RULES, **{assumption.id: assumption for assumption in CATALOGUE}}
"""Both catalogues: every id that an event, a rule-set or a page of the exchange may name."""
