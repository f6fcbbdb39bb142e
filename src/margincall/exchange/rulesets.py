"""What an exchange runs by, as one value: contracts, filters, brackets, how marks are made, what a liquidation does.

A journal holds it as text (`rules_text`), in full, so that it is read under its own rules when ours have changed.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from margincall.core.protocol.deleverage import DeleverageRules
from margincall.core.protocol.funding import FundingRules, IntervalRules
from margincall.core.protocol.mark import IndexRules, MarkRules
from margincall.core.protocol.waterfall import CLEARANCE_INTERVAL_MS, WaterfallRules
from margincall.core.rules import VenueRules
from margincall.errors import NothingUsable
from margincall.wire.problems import excerpt

MarkSource = Literal["rule", "given"]
DEFAULT_LEVERAGE = 20
"""A symbol's first leverage, where its listing has no other."""


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
    default_leverage: int = DEFAULT_LEVERAGE


class RuleSet(Struct, frozen=True, kw_only=True):
    """A venue in a box. `venue` holds contracts, brackets, fee rates and assumptions; `listings` the symbols that
    trade. `clearance_ms`: time between two clearances of negative balances. `max_waiting_orders`: the most
    conditional orders of an account; none: the most of each symbol, `Filters.max_stop_orders`.
    `assumed`: ids of the unpublished rules that the set rests on (`docs/spec/assumptions.md`)."""

    name: str
    venue: VenueRules
    listings: Mapping[str, Listing]
    waterfall: WaterfallRules = WaterfallRules()
    deleveraging: DeleverageRules = DeleverageRules()
    warning_ratio: Decimal = Decimal("0.8")
    clearance_ms: int = CLEARANCE_INTERVAL_MS
    max_waiting_orders: int | None = None
    assumed: tuple[str, ...] = ()


class UnknownRules(NothingUsable):
    """A rule-set that says what this margincall does not know, or that is none."""


def rules_text(rules: RuleSet) -> bytes:
    """A rule-set as JSON, in the only way there is: everything is said, decimals as text."""
    return _ENCODER.encode(rules)


def rules_from(text: bytes, where: str) -> RuleSet:
    """The rule-set of a text; a rule that came later has its default. Raises `UnknownRules`, which names `where`."""
    try:
        rules = msgspec.json.decode(text, type=RuleSet)
    except msgspec.MsgspecError as error:
        raise UnknownRules(f"{where}: the rules in it cannot be read: {error}") from None
    said, known = msgspec.json.decode(text), msgspec.json.decode(rules_text(rules))
    unknown = [path for path, _, ours in _unlike(said, known) if ours is None]
    if unknown:
        raise UnknownRules(f"{where}: the rules in it say {unknown[0]!r}, which this margincall does not know")
    return rules


def differences(one: RuleSet, other: RuleSet) -> list[str]:
    """What differs between two rule-sets, a line each: `waterfall.partial is 'restore', not 'whole'`."""
    trees = [msgspec.to_builtins(each, builtin_types=(Decimal,)) for each in (one, other)]
    return [f"{path} is {_told(first)}, not {_told(second)}" for path, first, second in _unlike(*trees)]


def _unlike(one: object, other: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Where two trees differ, in order of the paths, with what stands there in each: None where nothing does."""
    if isinstance(one, list) and isinstance(other, list):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if not (isinstance(one, dict) and isinstance(other, dict)):
        if one != other:
            yield path, one, other
        return
    for key in sorted({*one, *other}):
        yield from _unlike(one.get(key), other.get(key), f"{path}.{key}" if path else str(key))


def _told(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else excerpt(repr(value))


_ENCODER = msgspec.json.Encoder(decimal_format="string", order="deterministic")
