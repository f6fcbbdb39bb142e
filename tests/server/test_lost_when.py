"""What is lost when, at a living exchange: as at the recorded server."""

import pytest

from tests.accept.serve_way import cells, lost_when, unlike

RECORDED = "| check | 1h | 4d |\n|---|---|---|\n| `allOrders` | 3 | **nothing** |\n* 1h: nothing\n* 4d: orders\n"


@pytest.mark.slow
def test_a_living_exchange_forgets_as_the_recorded_server_does() -> None:
    assert lost_when().startswith("1h: none lost; 4d: orders_cancelled; 31d: ")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("nothing**", "nothing** ", None),
        ("| 3 |", "| 4 |", None),
        ("| 3 |", "| **nothing** |", "allOrders"),
        ("allOrders", "userTrades", "other rows"),
        ("* 4d: orders", "* 4d: nothing", "said to be lost"),
    ],
)
def test_another_table_is_noticed(before: str, after: str, said: str | None) -> None:
    found = list(unlike(RECORDED.replace(before, after), RECORDED))
    assert bool(found) is bool(said)
    assert all(str(said) in each for each in found)
    assert set(cells(RECORDED)) == {"check", "`allOrders`"}
