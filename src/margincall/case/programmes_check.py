"""A closing held against a programme: each condition met, not met, or not to be told, and the published formula.

Everything here is a pure function of an `Occurrence` and a `Programme`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, assert_never

from msgspec import Struct

from margincall.case.programmes import (
    MINUTE_MS,
    AnyCriterion,
    AsSaid,
    Closing,
    Holding,
    InMode,
    Lost,
    LostShare,
    MarkedDown,
    Mode,
    NotPaidYet,
    OfBase,
    OfClosing,
    OfProduct,
    OfVenue,
    OnDay,
    Programme,
    SinceDay,
    Within,
)
from margincall.core.assumptions import Assumption
from margincall.core.contract import Contract, value
from margincall.core.rounding import booked, exact, plain
from margincall.core.units import ZERO, Price, Quantity
from margincall.wire.durations import DAY_MS
from margincall.wire.iso_time import iso_of, time_of, utc

Holds = Literal["met", "not met", "cannot tell"]
Verdict = Literal["inside", "outside", "cannot tell"]
MET: Holds = "met"
NOT_MET: Holds = "not met"
UNTOLD: Holds = "cannot tell"
PLAIN = ("venue", "product", "base", "closing", "window", "day", "since")
"""Conditions that are told from what was closed, where and when."""
EASTMOST_MS, WESTMOST_MS = 14 * 3_600_000, 12 * 3_600_000
"""How long before the UTC day a day begins in the first time zone, and how long after it ends in the last."""

ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption("stablecoin-at-par", "one US dollar", (), "how the venue turned losses into dollars"),
    Assumption(
        "compensation-units",
        "the collateral, at the index of the trigger",
        ("the position, at the price of its fills",),
        "an account that was paid, with its positions and collateral",
    ),
    Assumption(
        "compensation-difference",
        "the absolute difference, for each contract, of a long and of a short",
        ("only where the account lost by it",),
        "an account that was paid in 2017, with its positions",
    ),
)
"""What the wording of a programme leaves open. The page is `docs/spec/recovery.md`."""


class Range(Struct, frozen=True):
    """An amount that lies between two, both ends included; `high` is none where nothing bounds it."""

    low: Decimal
    high: Decimal | None


class Closed(Struct, frozen=True):
    """What was closed of a position: unsigned quantity, and the average price of its fills."""

    contract: Contract
    quantity: Decimal
    price: Decimal


class Occurrence(Struct, frozen=True):
    """One forced closing as a programme would look at it; whatever is not known is left at its default.

    It happened between `earliest_ms` and `latest_ms` (both included: stamps may be of whole seconds). `collateral` are
    the amounts that backed the position, by asset in capitals; `is_whole` that there was no other. `indices` are their
    prices in US dollars at the trigger, `index_terms` what the change of each index did on the way there (negative: it
    cost margin). `loss` is what forced liquidations lost in US dollars (positive); `net_assets` are those at the
    programme's snapshot.
    """

    earliest_ms: int
    latest_ms: int
    venue: str = ""
    product: str = ""
    base: str = ""
    closing: Closing = ""
    mode: Mode = ""
    collateral: Mapping[str, Decimal] | None = None
    is_whole: bool = True
    indices: Mapping[str, Decimal] = {}
    index_terms: Mapping[str, Decimal] | None = None
    loss: Range | None = None
    net_assets: Decimal | None = None
    compensated: bool | None = None
    closed: Closed | None = None


class Checked(Struct, frozen=True):
    """One condition, how it came out, why, and what would settle it where nobody can tell. `asks` is its kind."""

    asks: str
    criterion: str
    holds: Holds
    because: str
    settled_by: str = ""
    inferred: bool = False


class Reckoned(Struct, frozen=True):
    """What the published formula gives for one kind of units: a precedent, no claim. `amount` is none where `needs`
    says what is missing."""

    units: str
    asset: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    reference: Decimal | None = None
    amount: Decimal | None = None
    needs: str = ""


class Table(Struct, frozen=True):
    """The eligibility table of one closing under one programme."""

    programme: str
    verdict: Verdict
    rows: tuple[Checked, ...]
    by_formula: tuple[Reckoned, ...] = ()

    @property
    def not_met(self) -> tuple[Checked, ...]:
        """The conditions that are not met."""
        return tuple(row for row in self.rows if row.holds == NOT_MET)

    @property
    def is_ruled_out(self) -> bool:
        """Whether it is outside by what was closed, where or when alone."""
        return any(row.asks in PLAIN and not row.inferred for row in self.not_met)

    def counted(self, *, by_collateral: bool) -> tuple[Reckoned, ...]:
        """The units that count: those of the collateral, where it is by collateral, else those of the position."""
        return tuple(row for row in self.by_formula if row.units.startswith("collateral") == by_collateral)


def table(programme: Programme, found: Occurrence, references: Mapping[str, Decimal] | None = None) -> Table:
    """Hold a closing against a programme. Outside as soon as one published condition is not met; inside if all are
    met. One that is only inferred puts nothing outside: then nobody can tell.
    `references` are market prices in the quote currency by symbol, base coin or asset, at the formula's time."""
    rows = tuple(check(each, found) for each in programme.criteria)
    kinds = {row.holds for row in rows}
    is_outside = any(row.holds == NOT_MET and not row.inferred for row in rows)
    verdict: Verdict = "outside" if is_outside else "inside" if kinds <= {MET} else "cannot tell"
    by_formula = reckoned(programme, found, references or {}) if verdict != "outside" else ()
    return Table(programme.id, verdict, rows, by_formula)


def check(criterion: AnyCriterion, found: Occurrence) -> Checked:
    """One condition."""
    holds, because, settled_by = _held(criterion, found)
    return Checked(
        str(criterion.__struct_config__.tag), words(criterion), holds, because, settled_by, criterion.inferred
    )


def words(criterion: AnyCriterion) -> str:
    """A condition in words."""
    match criterion:
        case OfVenue():
            return f"account at {_either(criterion.names)}"
        case OfProduct():
            return f"product {_either(criterion.products)}"
        case OfBase():
            return f"contract on {_either(criterion.bases)}"
        case OfClosing():
            return "closed by liquidation" if criterion.closing == "liquidation" else "closed by deleveraging"
        case Within():
            return f"between {minute(criterion.start_ms)} and {minute(criterion.end_ms)}"
        case OnDay():
            return f"on {criterion.day}"
        case SinceDay():
            return f"from {criterion.day} on"
        case Holding():
            return f"{_either(criterion.assets)} as collateral"
        case InMode():
            return f"mode: {_either(criterion.modes)}"
        case MarkedDown():
            return f"the fall of {_either(criterion.assets)} led to the trigger"
        case Lost():
            return f"forced liquidations lost at least {criterion.at_least} USD"
        case LostShare():
            share = plain(criterion.at_least * 100)
            return f"they lost at least {share} % of the net assets of {minute(criterion.snapshot_ms)}"
        case NotPaidYet():
            return "not compensated otherwise"
        case AsSaid():
            return criterion.text
        case _:
            assert_never(criterion)


def minute(time_ms: int) -> str:
    """A time as programmes print it: `2025-10-10 21:36 UTC`."""
    return utc(time_ms)[:16] + " UTC"


_Held = tuple[Holds, str, str]


@exact
def _held(criterion: AnyCriterion, found: Occurrence) -> _Held:
    match criterion:
        case OfVenue():
            return _among(found.venue, criterion.names, "files that name the venue")
        case OfProduct():
            return _among(found.product, criterion.products, "files that name the contract")
        case OfBase():
            return _among(found.base, criterion.bases, "files that name the contract")
        case OfClosing():
            return _among(found.closing, (criterion.closing,), "the order (forceOrders, order history)")
        case Within():
            return _within(criterion, found)
        case OnDay():
            return _on_day(criterion, found)
        case SinceDay():
            return _since(criterion, found)
        case Holding():
            return _holding(criterion, found)
        case InMode():
            return _among(found.mode, criterion.modes, "the account's mode (multiAssetsMargin, a user-data stream)")
        case MarkedDown():
            return _marked_down(criterion, found)
        case Lost():
            return _lost(found.loss, criterion.at_least, "USD")
        case LostShare():
            return _lost_share(criterion, found)
        case NotPaidYet():
            return _not_paid(found)
        case AsSaid():
            return UNTOLD, "no file of an account tells", criterion.settled_by
        case _:
            assert_never(criterion)


def _among(value: str, asked: Sequence[str], settled_by: str) -> _Held:
    if not value:
        return UNTOLD, "the files do not tell", settled_by
    is_met = value.casefold() in {each.casefold() for each in asked}
    return (MET if is_met else NOT_MET), value, ""


def _within(asked: Within, found: Occurrence) -> _Held:
    when = iso_of(found.earliest_ms) if found.earliest_ms == found.latest_ms else _span(found)
    if found.latest_ms < asked.start_ms or found.earliest_ms >= asked.end_ms + MINUTE_MS:
        return NOT_MET, f"{when} lies outside" + (f"; {asked.said}" if asked.said else ""), ""
    if asked.start_ms <= found.earliest_ms and found.latest_ms < asked.end_ms:
        return MET, when, ""
    if found.latest_ms >= asked.end_ms:
        return UNTOLD, f"{when}: whether the last minute counts is not published", "the venue's own decision"
    return UNTOLD, f"{when}: the stamp is too coarse", "a file with milliseconds (user-data stream, API)"


def _span(found: Occurrence) -> str:
    return f"{iso_of(found.earliest_ms)} to {iso_of(found.latest_ms)}"


def _on_day(asked: OnDay, found: Occurrence) -> _Held:
    start = time_of(f"{asked.day}T00:00:00Z")
    if found.latest_ms < start - EASTMOST_MS or found.earliest_ms >= start + DAY_MS + WESTMOST_MS:
        return NOT_MET, f"{utc(found.earliest_ms)} is another day everywhere", ""
    return UNTOLD, f"{utc(found.earliest_ms)}: the hours are not in the sources", "the hours of the event"


def _since(asked: SinceDay, found: Occurrence) -> _Held:
    start = time_of(f"{asked.day}T00:00:00Z")
    if found.latest_ms < start - EASTMOST_MS:
        return NOT_MET, f"{utc(found.earliest_ms)} is before it", ""
    if found.earliest_ms >= start + DAY_MS + WESTMOST_MS:
        return MET, utc(found.earliest_ms), ""
    return UNTOLD, f"{utc(found.earliest_ms)}: the hour is not in the sources", "the hour of the announcement"


def _holding(asked: Holding, found: Occurrence) -> _Held:
    if found.collateral is None:
        return UNTOLD, "what backed the position is not known", "the account at the trigger (account answer, a stream)"
    held = {asset: amount for asset, amount in found.collateral.items() if asset in asked.assets and amount > ZERO}
    if not held and not found.is_whole:
        return UNTOLD, "it is not in the files, which do not list every asset", "an account answer with all assets"
    if not held:
        others = ", ".join(sorted(asset for asset, amount in found.collateral.items() if amount > ZERO)) or "nothing"
        return NOT_MET, f"{others} backed the position", ""
    return MET, ", ".join(f"{plain(amount):f} {asset}" for asset, amount in sorted(held.items())), ""


def _marked_down(asked: MarkedDown, found: Occurrence) -> _Held:
    missing = "the assets' indices from the last safe moment to the trigger"
    if found.index_terms is None:
        return UNTOLD, "the way to the trigger is not known", missing
    fell = {asset: amount for asset, amount in found.index_terms.items() if asset in asked.assets and amount < ZERO}
    if not fell:
        return UNTOLD, "no fall of their index stands in the cause, as far back as the files tell", missing
    return MET, ", ".join(f"{asset}: {plain(amount):f} USD" for asset, amount in sorted(fell.items())), ""


def _lost(loss: Range | None, at_least: Decimal, unit: str) -> _Held:
    if loss is None:
        return UNTOLD, "the loss in US dollars is not known", "income history; for a coin its price in US dollars"
    if loss.low >= at_least:
        return MET, f"{_amounts(loss)} {unit}", ""
    if loss.high is not None and loss.high < at_least:
        return NOT_MET, f"{_amounts(loss)} {unit}", ""
    return UNTOLD, f"{_amounts(loss)} {unit}: whether fees count is not published", "the venue's own decision"


def _lost_share(asked: LostShare, found: Occurrence) -> _Held:
    snapshot = f"net assets at {minute(asked.snapshot_ms)}"
    if found.net_assets is None:
        return UNTOLD, f"the {snapshot} are not in the files", f"{snapshot} of all accounts, in USD (--net-assets)"
    if found.net_assets <= ZERO:
        return UNTOLD, f"{snapshot}: {plain(found.net_assets):f} USD, a share of that means nothing", "the venue's word"
    holds, because, settled_by = _lost(found.loss, asked.at_least * found.net_assets, "USD")
    return holds, f"{because}, of {plain(found.net_assets):f} USD", settled_by


def _not_paid(found: Occurrence) -> _Held:
    if found.compensated is None:
        return UNTOLD, "the files do not tell", "whether you were paid otherwise (--compensated)"
    return (NOT_MET, "paid otherwise, as you say", "") if found.compensated else (MET, "as you say", "")


def _amounts(loss: Range) -> str:
    low = f"{plain(loss.low):f}"
    if loss.high is None:
        return f"{low} or more"
    return low if loss.low == loss.high else f"{low} to {plain(loss.high):f}"


def _either(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@exact
def reckoned(programme: Programme, found: Occurrence, references: Mapping[str, Decimal]) -> tuple[Reckoned, ...]:
    """What the programme's published formula gives, in the units that its words allow; nothing without a formula.
    Amounts are cut to the unit that the venue books."""
    formula = programme.formula
    if formula is None:
        return ()
    at = minute(formula.reference_ms) if formula.reference_ms is not None else ""
    given = {asset.upper(): price for asset, price in references.items()}
    rows = []
    if formula.collateral:
        asked = {asset for each in programme.criteria if isinstance(each, Holding) for asset in each.assets}
        held = {asset: amount for asset, amount in (found.collateral or {}).items() if amount > ZERO}
        rows += [_of_collateral(found, asset, held[asset], given, at) for asset in sorted(asked & set(held))]
    # A fixed reference is the price of one coin: of another it says nothing, whoever inferred the condition.
    bases = [check(each, found).holds for each in programme.criteria if isinstance(each, OfBase)]
    if found.closed is not None and NOT_MET not in bases:
        rows.append(_of_position(found.closed, given, at, formula.reference))
    return tuple(rows)


def _of_collateral(
    found: Occurrence, asset: str, quantity: Decimal, references: Mapping[str, Decimal], at: str
) -> Reckoned:
    price, reference = found.indices.get(asset), references.get(asset)
    needs = [f"the index of {asset} at the trigger"] if price is None else []
    needs += [f"the market price of {asset} at {at} (--reference {asset}=PRICE)"] if reference is None else []
    amount = booked(quantity * abs(price - reference)) if price is not None and reference is not None else None
    return Reckoned(f"collateral {asset}", "USD", quantity, price, reference, amount, "; ".join(needs))


def _of_position(closed: Closed, references: Mapping[str, Decimal], at: str, fixed: Decimal | None) -> Reckoned:
    contract = closed.contract
    reference = fixed if fixed is not None else references.get(contract.symbol, references.get(contract.base))
    units, asset = f"position {contract.symbol}", contract.margin_asset
    if reference is None or reference <= ZERO:
        needs = f"the market price of {contract.symbol} at {at} (--reference {contract.symbol}=PRICE)"
        return Reckoned(units, asset, closed.quantity, closed.price, None, None, needs)
    quantity = Quantity(closed.quantity)
    apart = value(contract, quantity, Price(closed.price)) - value(contract, quantity, Price(reference))
    return Reckoned(units, asset, closed.quantity, closed.price, reference, booked(abs(apart)))
