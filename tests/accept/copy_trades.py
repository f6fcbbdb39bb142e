"""Real fills of three lead traders in hedge mode: the profit of every close against what the venue printed.

Each portfolio is folded by itself with the core's own fold, which keeps the cost basis exactly (sum of quantity times
price). Which fills do not count was decided before, from quantities alone (`copy_trades_excluded`). A close agrees
within 2e-8; it is equal if it has the digits of the exact profit truncated to 8 decimals. What agrees without being
equal is listed: no rule is made of it.

`python -m tests.accept.copy_trades [data folder]` prints the figures; exit code 1 if a bound is missed.
"""

import csv
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from margincall.core.account import SIDES, Account
from margincall.core.events import Fill, Source
from margincall.core.fold import FillTerms, books_problem, fill_terms, fold, open_account
from margincall.core.rounding import booked, exact
from margincall.core.rules import VenueRules
from margincall.venues.binance_usdm import rules
from margincall.wire.numbers import decimal_of
from tests.accept import copy_trades_excluded as exclusion
from tests.conftest import data_folder

NEAR = Decimal("2e-8")
CLOSES_AT_LEAST = 1_600
EQUAL_AT_LEAST = Decimal("0.97")
DAY = "2024-04-01"
RATES = (Decimal("0.0005"), Decimal("0.0002"))
"""Taker and maker (the data's description)."""
UNIT = Decimal("1e-8")


class Close(NamedTuple):
    """One close that counts: the profit that was printed, and the exact one."""

    line: int
    symbol: str
    printed: Decimal
    profit: Decimal

    @property
    def difference(self) -> Decimal:
        """Printed minus exact profit as the venue would book it."""
        return self.printed - booked(self.profit)

    @property
    def is_near(self) -> bool:
        """Within 2e-8 of the exact profit."""
        return abs(self.printed - self.profit) <= NEAR

    @property
    def is_equal(self) -> bool:
        """Digit for digit the exact profit, truncated to 8 decimals."""
        return not self.difference


class Outcome(NamedTuple):
    """All closes that count, and what else was seen on the way. `fees` holds printed minus derived fee of each fill,
    none where neither rate comes within 1e-8."""

    closes: list[Close]
    fees: list[Decimal | None]
    opens_with_profit: list[int]
    unbalanced: list[str]


def read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line and row of every fill, in the order of time: the file is newest first."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [(rows.line_num, row) for row in rows][::-1]


def fill_of(line: int, row: Mapping[str, str], seq: int) -> Fill:
    """One row as an event. `quantity` of the file is the value in USDT, `qty` the quantity; the fee is negative where
    it was paid. No trade id is printed, and equal rows are true partial fills: the line tells them apart."""
    size = decimal_of(row["qty"])
    return Fill(
        time_ms=int(row["time"]),
        seq=seq,
        source=Source("fills.csv", line=line),
        account=row["port_id"],
        symbol=row["symbol"],
        side=SIDES[row["positionSide"]],
        quantity=size if row["side"] == "BUY" else -size,
        price=decimal_of(row["price"]),
        trade_id=f"line {line}",
        fee=-decimal_of(row["fee"]),
        fee_asset=row["feeAsset"],
        realized=decimal_of(row["realizedProfit"]),
    )


def counted_fills(rows: Iterable[tuple[int, Mapping[str, str]]], excluded: frozenset[int]) -> list[Fill]:
    """The fills that count, in the order of time."""
    return [fill_of(line, row, seq) for seq, (line, row) in enumerate(rows) if line not in excluded]


@exact
def compare(fills: Iterable[Fill]) -> Outcome:
    """Fold every portfolio and hold each close against its print."""
    fills = list(fills)
    venue = rules({fill.symbol for fill in fills}, {}, day=DAY)
    accounts: dict[str, Account] = {}
    outcome = Outcome([], [_fee_difference(fill) for fill in fills], [], [])
    for fill in fills:
        account = accounts.get(fill.account) or open_account({"USDT": Decimal(0)}, contracts=venue.contracts)
        terms = fill_terms(account.position((fill.symbol, fill.side)), fill, venue.contract(fill.symbol), venue.fees)
        _note(outcome, fill, terms)
        accounts[fill.account] = fold(account, fill, venue)
    outcome.unbalanced.extend(_problems(accounts, venue))
    return outcome


def _note(outcome: Outcome, fill: Fill, terms: FillTerms) -> None:
    assert fill.realized is not None
    assert fill.source.line is not None
    if terms.closed:
        outcome.closes.append(Close(fill.source.line, fill.symbol, fill.realized, terms.profit))
    elif fill.realized:
        outcome.opens_with_profit.append(fill.source.line)


def _fee_difference(fill: Fill) -> Decimal | None:
    """The printed fee minus the value times a rate, truncated; none if neither rate comes near."""
    assert fill.fee is not None
    found = [fill.fee - booked(abs(fill.quantity) * fill.price * rate) for rate in RATES]
    return next((each for each in sorted(found, key=abs) if abs(each) <= UNIT), None)


def _problems(accounts: Mapping[str, Account], venue: VenueRules) -> list[str]:
    found = ((name, books_problem(account, venue)) for name, account in sorted(accounts.items()))
    return [f"{name}: {problem}" for name, problem in found if problem]


def failures(outcome: Outcome) -> list[str]:
    """What misses a bound; nothing if all is well."""
    count = len(outcome.closes)
    equal = sum(close.is_equal for close in outcome.closes)
    found = [
        f"line {close.line}: {close.symbol} printed {close.printed:f}, exact {close.profit:f}"
        for close in outcome.closes
        if not close.is_near
    ]
    if count < CLOSES_AT_LEAST:
        found.append(f"{count} closes, fewer than {CLOSES_AT_LEAST}")
    if equal < EQUAL_AT_LEAST * count:
        found.append(f"{equal} of {count} equal, less than {EQUAL_AT_LEAST:%}")
    found.extend("a fee is no rate of the value" for each in outcome.fees if each is None)
    found.extend(f"line {line}: an opening fill prints a profit" for line in outcome.opens_with_profit)
    return found + outcome.unbalanced


def run(shared: Path) -> Outcome:
    """The comparison over the real file, without the fills of the committed list."""
    rows = read_rows(exclusion.fills_file(shared))
    return compare(counted_fills(rows, exclusion.excluded_lines()))


def main() -> int:
    """Print the figures and every close that is near without being equal; 1 if a bound is missed."""
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder()
    outcome = run(shared)
    missed = failures(outcome)
    count = len(outcome.closes)
    near, equal = sum(close.is_near for close in outcome.closes), sum(close.is_equal for close in outcome.closes)
    for close in outcome.closes:
        if not close.is_equal:
            print(f"    line {close.line:5} {close.symbol:13} printed {close.printed:f}, exact {close.profit:.12f}")
    print(f"{near} of {count} closes within {NEAR:f}; {equal} equal to the last digit ({equal / count:.2%})")
    fees = sum(each is not None for each in outcome.fees)
    print(
        f"{fees} of {len(outcome.fees)} fees within 1e-8 of 0.05 % or 0.02 % of the value, "
        f"{sum(each == 0 for each in outcome.fees)} equal to the last digit"
    )
    print("\n".join(missed[:20]) if missed else "no bound is missed")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
