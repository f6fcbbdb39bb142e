"""The vocabulary of liquidation, as data: a report names a term, says it in one sentence and links its page."""

from msgspec import Struct


class Term(Struct, frozen=True):
    """A word of the glossary: `short` is one sentence, `page` its path in the repository."""

    key: str
    name: str
    short: str
    page: str


def _term(key: str, name: str, short: str) -> Term:
    return Term(key=key, name=name, short=short, page=f"docs/learn/{key}.md")


TERMS: tuple[Term, ...] = (
    _term(
        "mark-price", "Mark price", "The price at which the venue values open positions and decides about liquidation."
    ),
    _term("index-price", "Index price", "A weighted mean of the spot prices of several exchanges."),
    _term("last-price", "Last price", "The price of the latest trade of the contract on this venue."),
    _term("entry-price", "Entry price", "The average price at which the open position was bought or sold."),
    _term(
        "break-even-price",
        "Break-even price",
        "The price at which a position closes without loss once its fees are counted.",
    ),
    _term(
        "liquidation-price",
        "Liquidation price",
        "The mark price at which the margin balance of a position's pool meets its maintenance margin.",
    ),
    _term(
        "bankruptcy-price", "Bankruptcy price", "The price at which the collateral of a position is used up exactly."
    ),
    _term(
        "survival-interval",
        "Survival interval",
        "The mark prices of one contract at which the account stays above its maintenance margin.",
    ),
    _term(
        "initial-margin", "Initial margin", "What must be free to open a position: its value divided by the leverage."
    ),
    _term("maintenance-margin", "Maintenance margin", "The least balance that keeps a position open."),
    _term(
        "maintenance-amount",
        "Maintenance amount",
        "A constant that is taken off the maintenance margin, one for each bracket.",
    ),
    _term(
        "bracket",
        "Bracket",
        "A row of the venue's table: up to this notional, this maintenance rate and this highest leverage.",
    ),
    _term(
        "wallet-balance",
        "Wallet balance",
        "The money that is booked: transfers, realised profit, fees and funding, without open profit or loss.",
    ),
    _term("unrealized-pnl", "Unrealised PnL", "Profit or loss of the open position at the mark price."),
    _term("margin-balance", "Margin balance", "Wallet balance plus unrealised PnL of everything in the pool."),
    _term("margin-ratio", "Margin ratio", "Maintenance margin divided by margin balance."),
    _term("leverage", "Leverage", "The setting that divides a position's value into its initial margin."),
    _term(
        "cross-margin",
        "Cross margin",
        "All cross positions of a margin asset share one wallet and are liquidated together.",
    ),
    _term(
        "isolated-margin",
        "Isolated margin",
        "A position with a wallet of its own, which is at most what it can lose, apart from funding.",
    ),
    _term("hedge-mode", "Hedge mode", "Long and short of one contract are held at the same time, as two positions."),
    _term(
        "multi-assets-mode",
        "Multi-assets mode",
        "All assets of the futures wallet stand behind all positions, valued in USD with a haircut.",
    ),
    _term("margin-call", "Margin call", "A message that the margin ratio is high."),
    _term(
        "liquidation-order",
        "Liquidation order",
        "The order by which the venue closes a position that reached its maintenance margin.",
    ),
    _term(
        "partial-liquidation",
        "Partial liquidation",
        "The venue tries one order first, of a size that is not published, and closes no more where that is enough.",
    ),
    _term("clearance-fee", "Clearance fee", "A fee on what was liquidated, which goes to the insurance fund."),
    _term(
        "insurance-fund",
        "Insurance fund",
        "Money of the venue that takes over what the market does not, and pays negative wallets back to zero.",
    ),
    _term("takeover", "Takeover", "The insurance fund takes a position at its bankruptcy price."),
    _term(
        "auto-deleveraging",
        "Auto-deleveraging",
        "Winning positions are closed to take what neither the market nor the insurance fund takes.",
    ),
    _term(
        "socialised-loss",
        "Socialised loss",
        "A loss that the fund cannot pay is charged to all holders of the contract.",
    ),
    _term("clawback", "Clawback", "A loss that the fund cannot pay is taken from the profits of the winners."),
    _term("negative-balance", "Negative balance", "A wallet below zero after a liquidation."),
    _term(
        "funding",
        "Funding",
        "A payment between longs and shorts at fixed times, which keeps the contract near the index.",
    ),
    _term(
        "stop-order",
        "Stop order",
        "An order that waits for a price and then closes or opens at the market or at a limit.",
    ),
    _term("assumption", "Assumption", "A choice with a name, where the venue publishes no rule."),
    _term(
        "evidence",
        "Evidence",
        "The files from which a liquidation can be explained: streams, answers of the API, exports.",
    ),
)
"""In the order of `docs/learn/README.md`: prices, margin, modes, what happens at the trigger, how a case is judged."""
