"""dYdX v4 as a second family of rules: partial liquidations at a fillable price, a penalty instead of a clearance fee,
no takeover, and deleveraging without a ranking.

Source: the chain's public code; limits are those of its test genesis, not of the main network.
`docs/spec/waterfall.md`, `docs/spec/deleveraging.md`.
"""

from decimal import Decimal

from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.waterfall import WaterfallRules

PENALTY = Decimal("0.015")
"""At most so much of a fill better than bankruptcy goes to the fund."""

WATERFALL = WaterfallRules(
    cancel="none",
    partial="share",
    partial_share=Decimal("0.1"),
    least_notional=Decimal(1000),
    most_notional=Decimal(100_000),
    limit="fillable",
    takeover="none",
    fee="improvement",
    only_bankrupt=True,
    quote_unit=Decimal("0.000001"),
)
DELEVERAGING = DeleverageRules(ranking="account", choice="seeded-start", skip_overlap=True)
