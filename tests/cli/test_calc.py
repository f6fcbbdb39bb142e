"""`margincall calc` as a user calls it; numbers are published or from the peers' yardstick."""

import json

import pytest

from tests.cli.calling import call


def answer(*arguments: str) -> dict[str, object]:
    """The JSON answer of one call."""
    found: dict[str, object] = json.loads(call("calc", "--json", *arguments).out)
    return found


@pytest.mark.parametrize(
    ("arguments", "displayed"),
    [
        (("BTCUSDT", "--long", "0.1@100000", "--isolated", "--leverage", "10"), "90361.44578313"),
        (("BTCUSDT", "--long", "1@60000", "--short", "0.6@62000", "--wallet", "8000"), "37601.62601626"),
        (
            ("BTCUSD_PERP", "--long", "2@37643.10000021", "--isolated", "--wallet", "0.00268058", "--rate", "0.004"),
            "25119.9744576",
        ),
        (
            ("BTCUSDT", "--long", "1@60000", "--wallet", "10000", "--other", "ETHUSDT:-10@3000@3300", "--as-of",
            "2026-09-01"), "53345.38152610",
        ),
    ],
)  # fmt: skip
def test_liquidation_price(arguments: tuple[str, ...], displayed: str) -> None:
    """Linear and inverse, isolated, cross with another position, hedge."""
    positions = answer(*arguments)["positions"]
    assert isinstance(positions, list)
    assert float(positions[0]["liquidation"]["displayed"]) == pytest.approx(float(displayed), abs=1e-8)


def test_for_people() -> None:
    """Pool, interval, bankruptcy price and remedy in one screen."""
    called = call("calc", "BTCUSDT", "--long", "1@60000", "--wallet", "3000", "--mark", "57300")
    assert called.code == 0
    for text in ("survives from", "57,228.91566265", "bankruptcy price", "57,000", "margin ratio", "nothing to do"):
        assert text in called.out


def test_a_remedy_is_said_when_the_target_is_missed() -> None:
    """How much to add, or what to close."""
    called = call("calc", "BTCUSDT", "--long", "1@60000", "--wallet", "3000", "--mark", "57240")
    assert "add 46.2 USDT" in called.out
    assert "close" in called.out


def test_a_liquidated_position_is_exit_code_1() -> None:
    """The answer is an irregularity that programs can branch on."""
    assert call("calc", "BTCUSDT", "--long", "1@60000", "--wallet", "3000", "--mark", "57000").code == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("BTCUSDT", "--long", "1@6000x", "--wallet", "1"), "6000x"),
        (("BTCUSDT", "--long", "1", "--wallet", "1"), "QTY@ENTRY"),
        (("BTCUSDT", "--wallet", "1"), "--long"),
        (("NOTHING", "--long", "1@1", "--wallet", "1"), "NOTHING"),
        (("BTCUSDT", "--long", "1@60000"), "--wallet"),
        (("BTCUSDT", "--long", "1@60000", "--wallet", "NaN"), "NaN"),
        (("BTCUSDT", "--long", "1@60000", "--wallet", "1", "--target", "2"), "--target"),
        (("BTCUSDT", "--long", "1@60000", "--wallet", "1", "--as-of", "2010-01-01"), "margincall brackets import"),
        (("BTCUSDT", "--long", "-1@60000", "--wallet", "1"), "positive"),
        (("ZZZUSDT", "--long", "1@60000", "--wallet", "1"), "ZZZUSDT"),
    ],
)
def test_wrong_flags_are_named(arguments: tuple[str, ...], text: str) -> None:
    """Exit code 3, with the flag and what was expected."""
    called = call("calc", *arguments)
    assert called.code == 3
    assert text in called.err
