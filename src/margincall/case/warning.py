"""The one sentence that stands under every answer about a loss."""

NO_RECOVERY = (
    "Nobody can promise that money comes back. Offers to recover liquidation losses for a fee are a known fraud; "
    "never share keys or pay in advance."
)
