"""What an exchange runs by, as one value: contracts, filters, brackets, how marks are made, what a liquidation does."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.funding import FundingRules, IntervalRules
from margincall.core.protocol.mark import IndexRules, MarkRules
from margincall.core.protocol.waterfall import CLEARANCE_INTERVAL_MS, WaterfallRules
from margincall.core.rules import VenueRules

MarkSource = Literal["rule", "given"]


class Filters(Struct, frozen=True, kw_only=True):
    """The venue's limits for orders of one symbol (`exchangeInfo`); none: no such limit.

    `multiplier_up` and `multiplier_down` bound a limit price by the mark (PERCENT_PRICE), `market_bound` is how far
    from the mark a market order may trade, `trigger_protect` how far mark and last may lie apart for a protected
    trigger: all fractions.
    """

    min_price: Decimal = Decimal(0)
    max_price: Decimal | None = None
    min_quantity: Decimal = Decimal(0)
    max_quantity: Decimal | None = None
    max_market_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    max_orders: int = 200
    max_stop_orders: int = 10
    multiplier_up: Decimal | None = None
    multiplier_down: Decimal | None = None
    market_bound: Decimal | None = None
    trigger_protect: Decimal = Decimal("0.05")


class Listing(Struct, frozen=True, kw_only=True):
    """How one symbol trades: its filters, and how index, mark and funding are made. `mark_source` "given": the mark
    comes as a command. No funding without `funding`."""

    filters: Filters = Filters()
    mark_source: MarkSource = "given"
    index: IndexRules | None = None
    mark: MarkRules | None = None
    funding: FundingRules | None = None
    intervals: IntervalRules | None = None
    default_leverage: int = 20


class RuleSet(Struct, frozen=True, kw_only=True):
    """A venue in a box. `venue` holds contracts, brackets, fee rates and assumptions; `listings` the symbols that
    trade. `clearance_ms`: time between two clearances of negative balances. `assumed`: ids of the unpublished rules
    that the set rests on (`docs/spec/assumptions.md`)."""

    name: str
    venue: VenueRules
    listings: Mapping[str, Listing]
    waterfall: WaterfallRules = WaterfallRules()
    deleveraging: DeleverageRules = DeleverageRules()
    warning_ratio: Decimal = Decimal("0.8")
    clearance_ms: int = CLEARANCE_INTERVAL_MS
    assumed: tuple[str, ...] = ()
