"""The fold against real fills in hedge mode: every close that counts, and small fills that show what would be seen."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.rounding import booked
from tests.accept import copy_trades as accept
from tests.accept import copy_trades_excluded as exclusion

HEADER = (
    "time,symbol,side,price,fee,feeAsset,quantity,quantityAsset,realizedProfit,realizedProfitAsset,baseAsset,qty,"
    "positionSide,activeBuy,port_id\n"
)
LONG = ("BUY 3 at 1.1", "BUY 4 at 1.3", "SELL 5 at 1.25", "SELL 2 at 1.2")


@pytest.mark.shared
def test_the_list_of_exclusions_is_that_of_the_file(shared: Path) -> None:
    """The committed list is what the command writes: 1,661 of 1,663 closes count."""
    found = exclusion.document(exclusion.fills_file(shared))
    assert json.loads(exclusion.LIST.read_text()) == found
    assert (found["closes_counted"], found["closes"]) == (1_661, 1_663)


@pytest.mark.shared
def test_every_close_that_counts_agrees(shared: Path) -> None:
    """N of N within 2e-8; 1,614 of them equal to the last digit; no other print is off."""
    outcome = accept.run(shared)
    assert accept.failures(outcome) == []
    assert len(outcome.closes) == 1_661
    assert sum(close.is_equal for close in outcome.closes) == 1_614


@pytest.mark.shared
def test_read_forwards_the_file_does_not_agree(shared: Path) -> None:
    """The order matters: newest first, hundreds of closes are off."""
    rows = accept.read_rows(exclusion.fills_file(shared))
    outcome = accept.compare(accept.counted_fills(rows[::-1], exclusion.excluded_lines()))
    assert sum(not close.is_near for close in outcome.closes) > 100


@pytest.mark.shared
def test_without_the_exclusions_the_file_does_not_agree(shared: Path) -> None:
    """The leg that was open when the file begins is off if it is folded from flat."""
    rows = accept.read_rows(exclusion.fills_file(shared))
    found = accept.failures(accept.compare(accept.counted_fills(rows, frozenset())))
    assert any("BTCUSDT" in line for line in found)


def file_of(folder: Path, texts: tuple[str, ...], changes: Mapping[int, Mapping[str, str]] = {}) -> Path:
    """A file, newest first, of one leg of one portfolio, with the profits and fees that follow from its fills."""
    rows, quantity, cost = [], Decimal(0), Decimal(0)
    for number, text in enumerate(texts):
        side, size, _, price = text.split()
        size, price = Decimal(size), Decimal(price)
        profit = Decimal(0)
        if side == "BUY":
            quantity, cost = quantity + size, cost + size * price
        else:
            part = cost * size / quantity
            profit, quantity, cost = size * price - part, quantity - size, cost - part
        row = {
            "time": "1714000000000",
            "symbol": "ABCUSDT",
            "side": side,
            "price": f"{price}",
            "fee": f"{-booked(size * price * Decimal('0.0005')):f}",
            "feeAsset": "USDT",
            "quantity": f"{size * price}",
            "quantityAsset": "USDT",
            "realizedProfit": f"{booked(profit):f}",
            "realizedProfitAsset": "USDT",
            "baseAsset": "ABC",
            "qty": f"{size}",
            "positionSide": "LONG",
            "activeBuy": "True",
            "port_id": "1",
        }
        rows.append(",".join({**row, **changes.get(number, {})}.values()) + "\n")
    folder.joinpath("fills.csv").write_text(HEADER + "".join(reversed(rows)))
    return folder / "fills.csv"


def failures(path: Path) -> list[str]:
    """What misses a bound, without the number of closes."""
    outcome = accept.compare(accept.counted_fills(accept.read_rows(path), frozenset()))
    return [each for each in accept.failures(outcome) if "fewer than" not in each]


def test_fills_that_follow_from_each_other_agree(tmp_path: Path) -> None:
    """Four fills of one second in the file's order."""
    assert failures(file_of(tmp_path, LONG)) == []


@pytest.mark.parametrize(
    ("number", "key", "value"),
    [
        (0, "price", "1.1001"),
        (1, "qty", "4.1"),
        (2, "realizedProfit", "0.17857147"),
        (3, "realizedProfit", "-0.02857146"),
        (2, "price", "1.26"),
        (0, "realizedProfit", "0.1"),
        (1, "fee", "-0.00260002"),
    ],
)
def test_an_altered_fill_is_noticed(tmp_path: Path, number: int, key: str, value: str) -> None:
    """A price, a quantity, a profit that is 2e-8 off and more, a profit of an opening fill, a fee."""
    assert failures(file_of(tmp_path, LONG, {number: {key: value}}))


def test_a_leg_counts_from_the_row_after_the_last_close_that_exceeds_it(tmp_path: Path) -> None:
    """Only the quantities decide; lines are those of the file, newest first."""
    texts = ("BUY 3 at 1", "SELL 2 at 1", "SELL 1 at 1", "BUY 1 at 1", "SELL 1 at 1")
    path = file_of(tmp_path, texts, {1: {"qty": "4"}})
    (leg,) = exclusion.counted(exclusion.orders(path))
    assert leg.exceeding == (5, 4)
    assert leg.excluded == (6, 5, 4)
    assert (leg.closes, leg.counted) == (3, 1)
