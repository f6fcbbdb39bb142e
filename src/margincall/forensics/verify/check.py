"""The values of a verification: checks, what they point to, and what follows for each liquidation.

A check holds printed numbers against a published rule. What does not hold is irregular only if no alternative
assumption explains it; which irregularity it is, `conclude` says. Page: `docs/spec/verify.md`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from margincall.core.checks import UNCLEAR, Verdict

Kind = Literal[
    "wrong_brackets",
    "bad_mark",
    "too_early",
    "too_late",
    "orders_not_cancelled",
    "fill_beyond_bankruptcy",
    "closed_too_much",
    "clearance_fee_twice",
    "clearance_fee_base",
    "commission",
    "realized_pnl",
    "funding_rate",
    "deleveraging_rank",
    "deleveraging_price",
    "deleveraging_size",
    "deleveraging_fee",
    "loss_socialised",
    "balance_after",
]
"""What can be wrong with a liquidation, or with what was booked around it. `docs/spec/verify.md` explains each."""

Conclusion = Literal["irregular", "nothing irregular found", "cannot tell"]
IRREGULAR: Conclusion = "irregular"
REGULAR: Conclusion = "nothing irregular found"
OPEN: Conclusion = "cannot tell"

DEBIT = "loss_shared"
"""The check of a debit that the venue calls an adjustment (`booked.py`)."""


class Check(Struct, frozen=True, kw_only=True):
    """One rule held against the files. `numbers` and `times_ms` (UTC) are what was compared, by name: `printed` is the
    venue's, `derived` ours, `difference` the one less the other; `unit` is an asset, "price", "quantity" or "rate".
    `source` and `since` say where the rule stands and of which day the text is, `firm` whether it is published
    or inferred; `evidence` names file and line.
    `points_to` are the irregularities that a check which does not hold speaks for, the likeliest first."""

    kind: str
    verdict: Verdict
    about: str
    rule: str
    source: str
    since: str
    firm: str = "published"
    numbers: Mapping[str, Decimal] = {}
    unit: str = ""
    times_ms: Mapping[str, int] = {}
    note: str = ""
    assumptions: tuple[str, ...] = ()
    evidence: str = ""
    settled_by: str = ""
    points_to: tuple[Kind, ...] = ()


class Irregularity(Struct, frozen=True, kw_only=True):
    """What was found wrong: the kind, in words, the amount (where the check gives one), and the checks (by their place
    in the list) that show it. `or_else` are kinds that the same evidence allows as well."""

    kind: Kind
    says: str
    amount: Decimal | None = None
    unit: str = ""
    checks: tuple[int, ...] = ()
    or_else: tuple[Kind, ...] = ()


class Interval(Struct, frozen=True, kw_only=True):
    """When the trigger was reached, as far as the files tell (UTC milliseconds), and how long the venue took from then
    on: to its order, and to the last booking of the close. `survived_ms` is the last time at which a price is known
    that the account survived, `reached_ms` the first at which one is known that it did not."""

    survived_ms: int | None = None
    reached_ms: int | None = None
    order_ms: int | None = None
    closed_ms: int | None = None

    @property
    def to_order_ms(self) -> tuple[int, int] | None:
        """At least and at most so long from the trigger to the order; none where either end is not known."""
        if self.survived_ms is None or self.reached_ms is None or self.order_ms is None:
            return None
        return max(self.order_ms - self.reached_ms, 0), max(self.order_ms - self.survived_ms, 0)

    @property
    def to_close_ms(self) -> int | None:
        """From the order to the last booking."""
        return None if self.order_ms is None or self.closed_ms is None else self.closed_ms - self.order_ms


class Judged(Struct, frozen=True, kw_only=True):
    """One liquidation or deleveraging, verified. `order_id` and `time_ms` are those of its explanation."""

    kind: str
    symbol: str
    position_side: str
    time_ms: int
    order_id: str
    client_order_id: str
    conclusion: Conclusion
    checks: tuple[Check, ...]
    irregularities: tuple[Irregularity, ...]
    interval: Interval | None = None


class Verified(Struct, frozen=True, kw_only=True):
    """A whole history, verified: each liquidation, and the checks of what was booked beside them (funding, commissions,
    losses shared, the books as a whole). `refused` says why an account is not judged."""

    liquidations: tuple[Judged, ...]
    checks: tuple[Check, ...]
    irregularities: tuple[Irregularity, ...]
    refused: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def conclusion(self) -> Conclusion:
        """Of everything together. Books that contradict themselves leave it open, and so does a debit without a
        reason."""
        if self.irregularities or any(each.irregularities for each in self.liquidations):
            return IRREGULAR
        is_contradicted = any(each.kind == "books" and each.verdict == UNCLEAR and each.numbers for each in self.checks)
        is_open = any(each.conclusion == OPEN for each in self.liquidations) or bool(self.open_debits)
        return OPEN if self.refused or is_contradicted or is_open else REGULAR

    @property
    def open_debits(self) -> tuple[Check, ...]:
        """The debits called adjustments of which these files do not tell whether a rule allows them. One may be a loss
        of others that was shared: no document of the venue lets it charge one, and none gives the reason of an
        adjustment. Without the balance of the insurance fund nobody can tell, so the venue is asked."""
        return tuple(each for each in self.checks if each.kind == DEBIT and each.verdict == UNCLEAR)

    @property
    def is_judged(self) -> bool:
        """Whether there was something to judge, and the account is of a kind that is."""
        return bool(self.liquidations or self.open_debits) and not self.refused
