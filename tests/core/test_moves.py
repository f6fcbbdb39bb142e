"""Moves between accounts: always of a positive amount."""

from decimal import Decimal

from margincall.core.protocol.moves import Move, changes, move

D = Decimal


def test_a_negative_amount_goes_the_other_way() -> None:
    assert move("funding", "a", "b", "USDT", D(-1)) == (Move("funding", "b", "a", "USDT", D(1)),)
    assert move("funding", "a", "b", "USDT", D(1)) == (Move("funding", "a", "b", "USDT", D(1)),)
    assert move("funding", "a", "b", "USDT", D(0)) == ()


def test_changes_are_by_account_and_asset() -> None:
    moves = [
        Move("funding", "a", "b", "USDT", D(3)),
        Move("funding", "b", "a", "USDT", D(1)),
        *move("funding", "a", "b", "BTC", D(5)),
    ]
    assert changes(moves) == {("a", "USDT"): -2, ("b", "USDT"): 2, ("a", "BTC"): -5, ("b", "BTC"): 5}
