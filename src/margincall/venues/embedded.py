"""The bracket tables that come with the package: `data/*.json`, in the format of `sheets`.

Each sheet names its source and date. They are few; every other table is the user's to import.
"""

from collections.abc import Collection
from functools import cache
from importlib.resources import files

from margincall.venues.book import BracketBook, book_of
from margincall.venues.sheets import Sheet, dated_tables, read_sheets

FILES = ("binance_usdm.json", "binance_usdm_history.json", "binance_coinm.json")


@cache
def embedded_sheets() -> tuple[Sheet, ...]:
    """All sheets of the package, read on first use."""
    folder = files("margincall.venues") / "data"
    return tuple(sheet for name in FILES for sheet in read_sheets((folder / name).read_bytes()))


def embedded_book(symbols: Collection[str] | None = None) -> BracketBook:
    """The embedded tables of these symbols; of all without."""
    return book_of(dated_tables(embedded_sheets(), symbols))
