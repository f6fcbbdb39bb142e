"""Debits that the venue calls adjustments and that nobody can explain: what verify, recover, dispute and report say of
them is said here once.

Such a debit may be a loss of others that was shared. No document of the venue lets it charge one, and none gives the
reason of an adjustment: without the balance of the insurance fund nobody can tell, so the venue is asked.
"""

from margincall.core.checks import UNCLEAR
from margincall.forensics.verify.check import OPEN, REGULAR, Check, Conclusion, Verified

KIND = "loss_shared"
"""The check of such a debit (`forensics/verify/booked.py`)."""
ASKED = "the reason of the adjustment, from the venue: margincall dispute asks for it"


def open_debits(verified: Verified) -> tuple[Check, ...]:
    """The debits of which these files do not tell whether a rule allows them."""
    return tuple(each for each in verified.checks if each.kind == KIND and each.verdict == UNCLEAR)


def concluded(verified: Verified) -> Conclusion:
    """The conclusion of everything together: a debit that nobody can explain leaves it open."""
    return OPEN if verified.conclusion == REGULAR and open_debits(verified) else verified.conclusion


def is_judged(verified: Verified) -> bool:
    """Whether there was something to judge, and the account is of a kind that is."""
    return bool(verified.liquidations or open_debits(verified)) and not verified.refused
