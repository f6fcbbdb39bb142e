"""Compensation that venues have paid, offered or refused, as dated data: what each asked, and by which formula it paid.

The data are `data/programmes.toml`, the page is `docs/spec/recovery.md`; `programmes_check.py` holds a case against
them. A programme is a precedent: that one was paid once does not mean that another will be.
"""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

MINUTE_MS = 60_000

Kind = Literal["compensation", "goodwill", "guarantee", "offer", "refused", "report"]
Status = Literal["open", "closed", "unknown"]
Confidence = Literal["official", "press", "commentary"]
"""Who says so: the venue itself; newspapers and other public pages; one commentator."""
Closing = Literal["liquidation", "adl", ""]
"""What closed the position: a liquidation, a deleveraging; "" where the files do not tell."""
Mode = Literal["single-asset", "multi-assets", "portfolio margin", "margin", "loan", ""]


class Criterion(Struct, frozen=True, forbid_unknown_fields=True, tag_field="asks"):
    """One condition. `inferred`: it is not among the published ones, but follows from how the programme was applied."""

    inferred: bool = False


class OfVenue(Criterion, frozen=True, kw_only=True, tag="venue"):
    """The account is at one of these venues."""

    names: tuple[str, ...]


class OfProduct(Criterion, frozen=True, kw_only=True, tag="product"):
    """The position is of one of these products: usdm, coinm."""

    products: tuple[str, ...]


class OfBase(Criterion, frozen=True, kw_only=True, tag="base"):
    """The contract's base coin is one of these."""

    bases: tuple[str, ...]


class OfClosing(Criterion, frozen=True, kw_only=True, tag="closing"):
    """The position was closed in this way."""

    closing: Literal["liquidation", "adl"]


class Within(Criterion, frozen=True, kw_only=True, tag="window"):
    """The closing lies in a window that is published to the minute, in milliseconds UTC. Whether the minute of its end
    counts is not published: there nobody can tell. `said` adds what else the venue said of cases outside."""

    start_ms: int
    end_ms: int
    said: str = ""


class OnDay(Criterion, frozen=True, kw_only=True, tag="day"):
    """The sources name a day and no hours: on that day, wherever its midnight is, nobody can tell."""

    day: str


class SinceDay(Criterion, frozen=True, kw_only=True, tag="since"):
    """It applies from a day on; the hour is not in the sources."""

    day: str


class Holding(Criterion, frozen=True, kw_only=True, tag="collateral"):
    """One of these assets was collateral of the position."""

    assets: tuple[str, ...]


class InMode(Criterion, frozen=True, kw_only=True, tag="mode"):
    """The account's mode is one of these."""

    modes: tuple[Mode, ...]


class MarkedDown(Criterion, frozen=True, kw_only=True, tag="marked_down"):
    """The fall of one of these assets' index led to the trigger, not the position's price alone."""

    assets: tuple[str, ...]


class Lost(Criterion, frozen=True, kw_only=True, tag="loss"):
    """Forced liquidations in the window lost at least so many US dollars."""

    at_least: Decimal


class LostShare(Criterion, frozen=True, kw_only=True, tag="loss_share"):
    """They lost at least this share (0.3 is 30 %) of the net assets at a snapshot (milliseconds UTC)."""

    at_least: Decimal
    snapshot_ms: int


class NotPaidYet(Criterion, frozen=True, kw_only=True, tag="not_compensated"):
    """The account got no other compensation for it."""


class AsSaid(Criterion, frozen=True, kw_only=True, tag="said"):
    """A condition on which no file of an account says anything; `settled_by` would."""

    text: str
    settled_by: str


AnyCriterion = (
    OfVenue
    | OfProduct
    | OfBase
    | OfClosing
    | Within
    | OnDay
    | SinceDay
    | Holding
    | InMode
    | MarkedDown
    | Lost
    | LostShare
    | NotPaidYet
    | AsSaid
)


class PriceDifference(Struct, frozen=True, forbid_unknown_fields=True):
    """A published formula: for each unit |price at which it was liquidated − reference|. The reference is a published
    price, or else the market price at a time (milliseconds UTC). `words` is the formula in a sentence; `collateral`
    says that the units may be those of the collateral."""

    words: str
    reference: Decimal | None = None
    reference_ms: int | None = None
    collateral: bool = False


class Programme(Struct, frozen=True, forbid_unknown_fields=True):
    """One programme or precedent. `day` is that of the event, or of the announcement where `day_is` says so; `paid` is
    what is known to have been paid to all together; `why_status` says on what the status rests; `closed_since` is a day
    by which the sources tell a closed one as over ("" where none is known)."""

    id: str
    name: str
    day: str
    kind: Kind
    status: Status
    why_status: str
    remedy: str
    source: str
    confidence: Confidence
    criteria: tuple[AnyCriterion, ...]
    paid: str = ""
    closed_since: str = ""
    day_is: Literal["event", "announcement"] = "event"
    formula: PriceDifference | None = None

    @property
    def venue(self) -> str:
        """The name of its venue."""
        return next(each.names[0] for each in self.criteria if isinstance(each, OfVenue))

    def status_on(self, day: str) -> Status:
        """Its status seen from an ISO day: what the sources tell as over only later was not known to be then."""
        return "unknown" if self.status == "closed" and day < self.closed_since else self.status

    def claim_on(self, day: str) -> str:
        """What can be claimed under it, seen from an ISO day, in a sentence; never a promise."""
        if self.status_on(day) != self.status:
            return "whether it was closed by that day is not in the sources"
        return self.claim

    @property
    def claim(self) -> str:
        """What can be claimed under it as of the sources, in a sentence; never a promise."""
        if self.kind == "refused":
            return "it was refused: nothing can be claimed under it"
        if self.kind == "report":
            return "a report, no programme: nothing can be claimed under it"
        if self.status == "closed":
            return "closed, as far as the sources go"
        if self.status == "open":
            return "open, as far as the sources go: whether and what is paid the venue decides"
        return "whether it still applies is not known: " + self.why_status


class _Listed(Struct, frozen=True, forbid_unknown_fields=True):
    programme: tuple[Programme, ...]


@cache
def programmes() -> tuple[Programme, ...]:
    """All programmes, in order of their days."""
    raw = (files("margincall.case") / "data" / "programmes.toml").read_text(encoding="utf-8")
    return programmes_in(raw)


def programmes_in(text: str) -> tuple[Programme, ...]:
    """The programmes of a TOML text, in order of their days. Raises `msgspec.ValidationError` on anything that is not
    as it should be."""
    listed = msgspec.convert(tomllib.loads(text), _Listed)
    return tuple(sorted(listed.programme, key=lambda each: (each.day, each.id)))
