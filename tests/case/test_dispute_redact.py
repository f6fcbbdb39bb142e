"""Ids in texts: masked wherever they stand, and in a time that does not grow with their number."""

import time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from margincall.case.dispute_redact import Names
from margincall.core.events import Fill, Source

ONE = Decimal(1)


def names(*orders: str) -> Names:
    """The masks of these orders, in this order."""
    fills = tuple(
        Fill(
            time_ms=0, source=Source("x"), symbol="BTCUSDT", side="BOTH", quantity=ONE, price=ONE, trade_id="",
            order_id=each,
        )
        for each in orders
    )  # fmt: skip
    history: Any = SimpleNamespace(events=fills)
    return Names(history, ())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("order 7, trade 8", "order order-1, trade 8"),
        ("order 7: sold", "order order-1: sold"),
        ("(order 7)", "(order order-1)"),
        ("7 of 77 orders", "7 of 77 orders"),
        ("order 77", "order 77"),
        ("order x.9/a:1, then", "order order-2, then"),
        ("[x.9/a:1]", "[order-2]"),
        ("x.9/a:12 and x.9/a:1", "x.9/a:12 and order-2"),
        ("a/12345678.json:4", "a/order-3.json:4"),
        ("12345678, 123456789", "order-3, 123456789"),
        ("client-12345678", "client-12345678"),
        ("a mail to me@example.org", "a mail to (address)"),
    ],
)
def test_ids_are_masked_whatever_follows_them(text: str, masked: str) -> None:
    """Short ones after the word that names them, long ones anywhere, never a part of another word."""
    assert names("7", "x.9/a:1", "12345678").masked(text) == masked


def test_many_ids_do_not_make_it_slow() -> None:
    """A text of 20,000 words with as many ids."""
    many = names(*(str(10**12 + each) for each in range(20_000)))
    text = " ".join(f"order {10**12 + each}," for each in range(20_000))
    start = time.process_time()
    said = many.masked(text)
    assert time.process_time() - start < 2
    assert said.startswith("order order-1, order order-2, ")
    assert str(10**12) not in said
