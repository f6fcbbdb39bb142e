"""One real BitMEX wallet history, and small ledgers that show what would be noticed."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.events import Flow, Source
from margincall.wire.bitmex import wallet_history
from margincall.wire.row import Notes
from tests.accept import bitmex as accept
from tests.accept import rows

DAY, LATER = "2020-05-01T12:00:00.000Z", "2020-05-02T12:00:00.000Z"
Line = tuple[str, str, str, str, int, int]
LEDGER: tuple[Line, ...] = (
    (DAY, "Deposit", "Completed", "XBt", 1_000, 1_000),
    (LATER, "RealisedPNL", "Completed", "XBt", 50, 930),
    (LATER, "RealisedPNL", "Completed", "XBt", -120, 930),
    ("2024-05-01T00:00:00.000Z", "Funding", "Completed", "XBt", -5, 925),
    ("2024-05-01T00:00:00.000Z", "RealisedPNL", "Completed", "XBt", 7, 932),
    ("2024-05-02T00:00:00.000Z", "Withdrawal", "Canceled", "XBt", -400, 932),
    ("2024-05-02T00:00:00.000Z", "Conversion", "Completed", "USDt", 2_000_000, 2_000_000),
)


@pytest.mark.shared
def test_every_balance_follows_but_the_known_one(shared: Path) -> None:
    """10,329 rows; one exception, whose end agrees; causes add up to the last balance of each currency."""
    outcome = accept.run(shared)
    assert accept.failures(outcome) == []
    assert sum(len(group.amounts) for group in outcome.groups) == 10_329
    (exception,) = accept.exceptions(outcome)
    assert exception.ends_well
    assert {asset: f"{wallet.normalize():f}" for asset, wallet in outcome.account.wallets.items()} == {
        "XBT": "16.73354426",
        "USDT": "1.847649",
        "BMEX": "0.12",
    }


@pytest.mark.shared
@pytest.mark.parametrize("place", [0, 1, 5_000, 10_328])
def test_an_altered_amount_is_noticed_in_the_real_file(shared: Path, place: int) -> None:
    """One satoshi more in one row: that currency's balances no longer follow."""
    found = rows.events(accept.history_file(shared), wallet_history)
    flow = found[2 * place]
    assert isinstance(flow, Flow)
    ((asset, amount),) = flow.applied.items()
    changed = Flow(time_ms=flow.time_ms, applied={asset: amount + Decimal("1e-8")}, category="funding", reason="")
    assert accept.failures(accept.compare([*found[: 2 * place], changed, *found[2 * place + 1 :]]))


def compare(ledger: tuple[Line, ...]) -> accept.Outcome:
    """The comparison over a small ledger."""
    names = ("timestamp", "transactType", "transactStatus", "currency", "amount", "walletBalance")
    notes = Notes(Source("w.csv", line=2))
    return accept.compare(
        event for line in ledger for event in wallet_history(dict(zip(names, map(str, line), strict=True)), notes)
    )


def test_a_ledger_of_both_styles_agrees() -> None:
    """A shared end, then running balances; a cancelled withdrawal moves nothing; currencies are apart."""
    outcome = compare(LEDGER)
    assert accept.failures(outcome) == []
    assert [group.kind for group in outcome.groups] == ["single", "shared end", "running", "single", "single"]
    assert {(cause.asset, cause.reason): cause.total for cause in outcome.causes} == {
        ("XBT", "Deposit"): Decimal("0.00001"),
        ("XBT", "RealisedPNL"): Decimal("-0.00000063"),
        ("XBT", "Funding"): Decimal("-0.00000005"),
        ("XBT", "Withdrawal Canceled"): Decimal(0),
        ("USDT", "Conversion"): Decimal(2),
    }


@pytest.mark.parametrize("place", range(len(LEDGER)))
@pytest.mark.parametrize(("column", "step"), [(4, 1), (4, -1), (5, 1), (5, -1)])
def test_an_altered_amount_or_balance_is_noticed(place: int, column: int, step: int) -> None:
    """By one smallest unit, in any row; the amount of a cancelled withdrawal alone means nothing."""
    line = list(LEDGER[place])
    line[column] += step
    altered = (*LEDGER[:place], tuple(line), *LEDGER[place + 1 :])
    is_cancelled = column == 4 and line[2] == "Canceled"
    assert bool(accept.failures(compare(altered))) is not is_cancelled


def test_rows_out_of_order_and_missing_are_noticed() -> None:
    """Running balances depend on the order; a missing row leaves a gap."""
    first, *others, fourth, fifth, sixth, seventh = LEDGER
    assert accept.failures(compare((first, *others, fifth, fourth, sixth, seventh)))
    assert accept.failures(compare((first, *others, fifth, sixth, seventh)))


def test_a_row_without_a_cause_is_noticed() -> None:
    """An unknown type is applied, and named as unknown."""
    line = (DAY, "Gift", "Completed", "XBt", 5, 5)
    assert accept.failures(compare((line,))) == ["1 rows of 'Gift' have no cause"]


def test_only_the_known_exception_passes() -> None:
    """Another group whose end agrees but whose rows do not is a failure."""
    ledger = (
        LEDGER[0],
        (LATER, "Funding", "Completed", "XBt", 1, 1_002),
        (LATER, "Funding", "Completed", "XBt", 2, 1_003),
    )
    (failure,) = accept.failures(compare(ledger))
    assert failure.endswith("the end agrees")
