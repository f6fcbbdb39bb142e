"""One real BitMEX account's wallet history: every balance follows from the one before.

The flows are folded by the core; what a row prints of the balance is compared and never enters the fold. Rows of one
(currency, timestamp) are a group: within it the printed balances run from row to row, or all of them are the one at
its end. A group that does neither is an exception and is listed. Every row has a cause, and the causes of a currency
add up to its last balance.

`python -m tests.accept.bitmex [data folder]` prints the figures; exit code 1 if anything but the known exception fails.
"""

import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from margincall.core.account import Account
from margincall.core.events import AnyEvent, Flow, Statement
from margincall.core.fold import books_problem, fold, open_account
from margincall.core.rounding import exact, plain
from margincall.core.units import ZERO
from margincall.venues import elsewhere
from margincall.wire.bitmex import wallet_history
from margincall.wire.iso_time import iso_of
from tests.accept import rows
from tests.conftest import data_folder

KNOWN = frozenset({("XBT", "2024-11-03T16:06:41.943Z")})
"""The one exception that is known: both rows print balances, the second follows from the group, the first does not."""

Kind = Literal["single", "running", "shared end", "exception"]


class Group(NamedTuple):
    """Rows of one currency at one time: the balances they print, and those that follow from the fold."""

    asset: str
    time_ms: int
    kind: Kind
    amounts: tuple[Decimal, ...]
    printed: tuple[Decimal, ...]
    derived: tuple[Decimal, ...]

    @property
    def ends_well(self) -> bool:
        """Whether the last printed balance follows, so that the ledger goes on without a gap."""
        return self.printed[-1] == self.derived[-1]

    def __str__(self) -> str:
        """One line: what was printed and what follows."""
        lines = ", ".join(
            f"{plain(amount)} -> printed {plain(printed)} derived {plain(derived)}"
            for amount, printed, derived in zip(self.amounts, self.printed, self.derived, strict=True)
        )
        return f"{self.asset} {iso_of(self.time_ms)}: {lines}; the end {'agrees' if self.ends_well else 'DIFFERS'}"


class Cause(NamedTuple):
    """What one reason adds up to in one currency."""

    asset: str
    category: str
    reason: str
    rows: int
    total: Decimal


class Outcome(NamedTuple):
    """The whole history: groups, causes, and the account at the end."""

    groups: list[Group]
    causes: list[Cause]
    account: Account


def history_file(shared: Path) -> Path:
    """The wallet history."""
    return shared / "bitmex_account" / "wallet-history.csv.gz"


@exact
def compare(found: Iterable[AnyEvent]) -> Outcome:
    """Fold the flows in the file's order and compare group by group."""
    venue = elsewhere.rules({})
    account = open_account({}, contracts={})
    groups: list[Group] = []
    causes: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for (asset, time_ms), pairs in groupby(_pairs(found), key=lambda pair: (pair[0], pair[1].time_ms)):
        amounts, printed, derived = [], [], []
        for _, flow, balance in pairs:
            account = fold(account, flow, venue)
            amounts.append(flow.applied[asset])
            printed.append(balance)
            derived.append(Decimal(account.wallets[asset]))
            count, total = causes.get((asset, flow.category, flow.reason), (0, ZERO))
            causes[asset, flow.category, flow.reason] = count + 1, total + flow.applied[asset]
        kind = kind_of(printed, derived)
        groups.append(Group(asset, time_ms, kind, tuple(amounts), tuple(printed), tuple(derived)))
    return Outcome(groups, [Cause(*key, *value) for key, value in sorted(causes.items())], account)


def _pairs(found: Iterable[AnyEvent]) -> Iterator[tuple[str, Flow, Decimal]]:
    """Asset, flow and printed balance of every row: the reader gives a flow and then its statement."""
    flow: Flow | None = None
    for event in found:
        if isinstance(event, Flow):
            assert flow is None, f"{flow}: no balance is printed"
            flow = event
        else:
            assert isinstance(event, Statement)
            assert flow is not None
            (balance,) = event.balances
            assert balance.wallet is not None
            yield balance.asset, flow, balance.wallet
            flow = None


def kind_of(printed: list[Decimal], derived: list[Decimal]) -> Kind:
    """How the balances that a group prints hang together with those that follow."""
    if printed == derived:
        return "single" if len(printed) == 1 else "running"
    return "shared end" if set(printed) == {derived[-1]} else "exception"


def exceptions(outcome: Outcome) -> list[Group]:
    """The groups whose balances do not follow."""
    return [group for group in outcome.groups if group.kind == "exception"]


def unreconciled(outcome: Outcome) -> list[str]:
    """Currencies whose causes do not add up to the last balance, and rows without a cause."""
    found = [f"{cause.rows} rows of {cause.reason!r} have no cause" for cause in outcome.causes if _is_unnamed(cause)]
    last = {group.asset: group.printed[-1] for group in outcome.groups}
    for asset, balance in sorted(last.items()):
        total = sum((cause.total for cause in outcome.causes if cause.asset == asset), ZERO)
        if not total == balance == outcome.account.wallets[asset]:
            found.append(f"{asset}: causes {total:f}, wallet {outcome.account.wallets[asset]:f}, printed {balance:f}")
    problem = books_problem(outcome.account, elsewhere.rules({}))
    return [*found, problem] if problem else found


def _is_unnamed(cause: Cause) -> bool:
    return cause.category == "unknown"


def failures(outcome: Outcome) -> list[str]:
    """What is wrong beyond the exception that is known."""
    found = [str(group) for group in exceptions(outcome) if (group.asset, iso_of(group.time_ms)) not in KNOWN]
    found += [str(group) for group in exceptions(outcome) if not group.ends_well]
    return found + unreconciled(outcome)


def styles(outcome: Outcome) -> list[tuple[Kind, int, str, str]]:
    """How many groups print in each way, and from when to when."""
    found: dict[Kind, list[int]] = {}
    for group in outcome.groups:
        found.setdefault(group.kind, []).append(group.time_ms)
    return [(kind, len(times), iso_of(min(times)), iso_of(max(times))) for kind, times in sorted(found.items())]


def run(shared: Path) -> Outcome:
    """The comparison over the real file."""
    return compare(rows.events(history_file(shared), wallet_history))


def main() -> int:
    """Print causes, styles and exceptions; 1 if anything fails that is not known."""
    outcome = run(Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder())
    for cause in outcome.causes:
        print(
            f"    {cause.asset:5} {cause.category:13} {cause.reason:20} {cause.rows:6} rows {plain(cause.total):>18f}"
        )
    for asset, wallet in sorted(outcome.account.wallets.items()):
        print(f"    {asset:5} {'balance':13} {'':20} {'':6}      {plain(wallet):>18f}")
    for kind, count, first, last in styles(outcome):
        print(f"    {count:5} groups {kind:11} {first} to {last}")
    found = exceptions(outcome)
    for group in found:
        print(f"    exception: {group}")
    missed = failures(outcome)
    count = sum(len(group.amounts) for group in outcome.groups)
    print(f"{count} rows, {len(outcome.groups)} groups, {len(found)} exceptions, {len(missed)} failures")
    print("\n".join(missed[:20]))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
