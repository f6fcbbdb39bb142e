"""The venue's support named a few sums; a customer saved them as JSON or pasted the text."""

from decimal import Decimal

import pytest

from margincall.core.events import Source, Statement, TotalsPrint
from margincall.wire.reading import Reading, reading
from margincall.wire.support import is_support_text, support_text
from margincall.wire.values import read_value

PLACE = Source("reply.txt", 1, 0)
TIME = 1_629_800_000_000
SUMS = TotalsPrint(
    wallet=Decimal("25923.05553202"),
    unrealized=Decimal("-17444.086776"),
    balance=Decimal("8478.968756"),
    maintenance=Decimal("8501.442188"),
)
PASTED = """Dear customer,
at the moment of the liquidation your account had:
  - Wallet Balance: 25,923.05553202 USDT
  - Unrealized PNL: -17444.086776 USDT
  - Margin balance = 8478.968756
  - Maintenance Margin 8,501.442188 USDT.
Time: 2021-08-24 10:13:20 (UTC)
"""


def read(text: str) -> Reading:
    return reading(support_text, text, PLACE, stream=False)


def test_pasted_text() -> None:
    assert is_support_text(PASTED)
    found = read(PASTED)
    assert found.problems == ()
    assert found.events == (Statement(time_ms=TIME, source=PLACE, origin="support", totals=SUMS),)


def test_json() -> None:
    value = {
        "type": "supportReply",
        "time": TIME,
        "walletBalance": "25923.05553202",
        "unrealizedProfit": "-17444.086776",
        "marginBalance": "8478.968756",
        "maintMargin": "8501.442188",
    }
    (found,) = read_value(value, PLACE)
    assert found.events == (Statement(time_ms=TIME, source=PLACE, origin="support", totals=SUMS),)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("wallet balance: 25923.05553202", "wallet", "25923.05553202"),
        ("Total Wallet Balance is 5 USDT", "wallet", "5"),
        ("UNREALISED PROFIT: −1,234.5", "unrealized", "-1234.5"),
        ("unrealized profit = +0.1", "unrealized", "0.1"),
        ("Maintenance Margin (USDT): 7", "maintenance", "7"),
    ],
)
def test_labels_and_amounts(line: str, name: str, value: str) -> None:
    (statement,) = read(line).events
    assert isinstance(statement, Statement)
    assert statement.totals == TotalsPrint(**{name: Decimal(value)})


def test_a_reply_without_time_is_noted() -> None:
    found = read("margin balance: 5")
    assert [event.time_ms for event in found.events] == [0]
    assert [problem.kind for problem in found.problems] == ["note"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("margin balance: 5\nwallet balance: about five\ntime: 1629800000000", "unreadable"),
        ("margin balance: 5\nmargin balance: 6\ntime: 1629800000000", "contradiction"),
        ("margin balance: 5\ntime: yesterday\ntime: 1629800000000", "unreadable"),
        ("margin balance: 5\ntime: 1629800000\ntime: 1629800000000", "unreadable"),
    ],
)
def test_a_bad_line_is_named_and_the_others_read(text: str, kind: str) -> None:
    found = read(text)
    (problem,) = found.problems
    assert problem.kind == kind
    assert problem.raw in text
    (statement,) = found.events
    assert isinstance(statement, Statement)
    assert statement.totals == TotalsPrint(balance=Decimal(5))


def test_no_sum_at_all() -> None:
    assert not is_support_text("Dear customer, we are sorry.")
    found = read("wallet balance: ?")
    assert found.events == ()
    assert [problem.message for problem in found.problems][-1] == "support reply: it names none of the four sums"
