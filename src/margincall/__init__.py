"""margincall: what happened to a leveraged position, was it right, and how to stop it happening again.

The front door. Users call functions and read values; everything that is not listed here may move. Names are imported
when they are first used, so that the command line starts quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from margincall.version import VERSION

if TYPE_CHECKING:
    from margincall.core.account import Account, AssetIndex, Marks, Position
    from margincall.core.assumptions import Assumption, Assumptions
    from margincall.core.brackets import Bracket, BracketTable
    from margincall.core.checks import Finding
    from margincall.core.contract import Contract
    from margincall.core.fold import fold
    from margincall.core.margin import PoolTerms, PositionTerms, Terms, margin
    from margincall.core.prices import Interval, PositionPrices, prices
    from margincall.core.remedy import Remedy, remedy
    from margincall.core.rules import FeeRates, VenueRules
    from margincall.errors import MargincallError
    from margincall.forensics.explain import explain
    from margincall.forensics.sheet import Explanation
    from margincall.history.read import History, read
    from margincall.venues.book import BracketBook

__version__ = VERSION

__all__ = [
    "Account",
    "AssetIndex",
    "Assumption",
    "Assumptions",
    "Bracket",
    "BracketBook",
    "BracketTable",
    "Contract",
    "explain",
    "Explanation",
    "FeeRates",
    "Finding",
    "fold",
    "History",
    "Interval",
    "margin",
    "MargincallError",
    "Marks",
    "PoolTerms",
    "Position",
    "PositionPrices",
    "PositionTerms",
    "prices",
    "read",
    "Remedy",
    "remedy",
    "Terms",
    "VenueRules",
]

_HOMES = {
    "Account": "margincall.core.account",
    "AssetIndex": "margincall.core.account",
    "Assumption": "margincall.core.assumptions",
    "Assumptions": "margincall.core.assumptions",
    "Bracket": "margincall.core.brackets",
    "BracketBook": "margincall.venues.book",
    "BracketTable": "margincall.core.brackets",
    "Contract": "margincall.core.contract",
    "explain": "margincall.forensics.explain",
    "Explanation": "margincall.forensics.sheet",
    "FeeRates": "margincall.core.rules",
    "Finding": "margincall.core.checks",
    "fold": "margincall.core.fold",
    "History": "margincall.history.read",
    "Interval": "margincall.core.prices",
    "margin": "margincall.core.margin",
    "MargincallError": "margincall.errors",
    "Marks": "margincall.core.account",
    "PoolTerms": "margincall.core.margin",
    "Position": "margincall.core.account",
    "PositionPrices": "margincall.core.prices",
    "PositionTerms": "margincall.core.margin",
    "prices": "margincall.core.prices",
    "read": "margincall.history.read",
    "Remedy": "margincall.core.remedy",
    "remedy": "margincall.core.remedy",
    "Terms": "margincall.core.margin",
    "VenueRules": "margincall.core.rules",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'margincall' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
