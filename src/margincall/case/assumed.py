"""Each assumption in one plain sentence, for who receives a ticket and knows no id."""

from collections.abc import Iterator, Mapping, Sequence

SENTENCES: Mapping[str, str] = {
    "trigger-comparison": "a position is liquidated once its margin balance is no more than its maintenance margin",
    "bankruptcy-split": "a cross wallet is split over its positions by their maintenance margins",
    "multi-asset-equity-rate": "in multi-assets mode wallet and unrealised PnL count at bid or ask of the asset index",
    "multi-asset-requirement-rate": "in multi-assets mode maintenance margin counts at the asset index",
    "collateral-moves-with-mark": "the price of the collateral moves as the mark price does",
    "isolated-release": "a partial close releases isolated margin in proportion",
    "clearance-fee-cap": "the clearance fee takes no more than the margin that is left",
    "beyond-last-bracket": "the last row of a bracket table holds for every larger position",
    "displayed-liquidation-price": "the displayed liquidation price is the one at which the balance crosses the margin",
    "warning-threshold": "a warning is sent at a margin ratio of 80 %",
    "wallet-back-cast": "the files hold every change of the wallet until the balance that they print later",
    "candle-resolution": "the mark price passed through every price within its candle",
    "bracket-date": "a bracket table is in force from the day on which it was first seen",
    "bracket-unchanged": "the latest known bracket table was still in force",
    "bracket-rows": "rows that a bracket table leaves out follow from the others",
    "package-version-date": "a bracket table without a day is of the first of its month",
    "index-median": "the sources of the index count alike for the median that bounds outliers",
    "index-stale-source": "a source of the index does not count after five minutes without an update",
    "mark-digits": "index and mark price are cut off after 8 decimals",
    "mark-missing-term": "a mark price is the median of the prices that are known",
    "mark-window-date": "the basis has been averaged over one minute since 2025-01-01",
    "last-price-limit": "the last price counts for the mark up to 5 % from the mark before",
    "impact-thin-book": "in a thin book the impact price is the average of what there is",
    "funding-cap-order": "cap and floor bound the funding rate of the interval",
    "funding-rate-digits": "funding rates are cut off after 8 decimals",
    "cancel-scope": "the orders whose margin is in the liquidated wallet are cancelled, no others",
    "partial-size": "a partial liquidation closes as little as brings the margin ratio to 80 %",
    "liquidation-position-order": "the position with the largest maintenance margin is closed first",
    "liquidation-limit-tick": "the limit of a liquidation order is rounded to the tick that is better for the account",
    "no-bankruptcy-price": "where no price brings the balance to 0, the mark price is the bankruptcy price",
    "takeover-scope": "all positions of a cross wallet are taken over at once",
    "clearance-fee-share": "clearance fees go to the insurance fund",
    "fund-takeover-limit": "the insurance fund takes over positions as far as its own balance carries them",
    "deleveraging-pnl": "the deleveraging rank counts a position's own unrealised PnL",
    "deleveraging-ties": "accounts of equal deleveraging rank are taken in the order of their names",
    "deleveraging-lights": "the deleveraging lights stand for fifths of the accounts",
    "liquidation-delay": "a liquidation follows at once: later than the next mark price is late",
    "adjustment-is-shared-loss": "a debit called adjustment, booked while others are liquidated, is a loss of theirs",
    "clearance-rate-date": "a rate of the clearance fee holds within a month of the day on which it was seen",
    "forced-taker-rate": "an order of the venue pays the account's own taker rate of that day",
    "recording-whole": "a recorded stream lacks no message between its first and its last",
    "margin-after-fee": "the fee of an order is charged before the account is looked at again",
    "mark-median": "the mark price lies between Price 1, the last price, and the index with its latest average basis",
}


def in_a_sentence(name: str) -> str:
    """What an assumption says; one that is chosen by the venue's rule-set (`id:value`) or unknown by its id."""
    return SENTENCES.get(name.partition(":")[0], name.replace("-", " "))


def explained(names: Sequence[str]) -> Iterator[str]:
    """A line for each assumption: its id, and what it says."""
    yield from (f"- {name}: {in_a_sentence(name)}." for name in names)
