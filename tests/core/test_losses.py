"""Who bears a loss: published figures, each rule at its edges."""

from decimal import ROUND_HALF_UP, Decimal

from margincall.core.protocol.losses import claw_back, fund_pays, socialise
from margincall.core.protocol.moves import FUND, REMAINDER, changes

D = Decimal
CENT = D("0.01")


def test_the_fund_pays_what_it_has() -> None:
    for fund, paid in (("1000", "300"), ("100", "100"), ("-5", "0")):
        cover = fund_pays("t", "USDT", D(300), D(fund))
        assert (cover.paid, cover.left) == (D(paid), 300 - D(paid))
        assert changes(cover.moves).get(("t", "USDT"), D(0)) == D(paid)


def test_drift_socialised_loss() -> None:
    """Loss 100, open interest 7 and 4: 9.09091 a contract, rounded up to 1e-6; 5 and 5: 10, each side 50."""
    shared = socialise("t", "USDC", D(100), {"l": D(7), "s": D(-4)}, unit=D("1e-6"))
    assert shared.rate * 1_000_000_000 == 9_090_910_000
    booked = changes(shared.moves)
    assert (booked["t", "USDC"], booked[REMAINDER, "USDC"]) == (100, D("0.00001"))
    even = socialise("t", "USDC", D(100), {"l": D(5), "s": D(-5), "flat": D(0)})
    assert (even.rate, even.charges) == (10, {"l": D(50), "s": D(50)})


def test_nobody_to_share_with() -> None:
    assert socialise("t", "USDC", D(100), {}).left == 100
    assert claw_back("t", "USDC", D(100), {"a": D(-5)}).left == 100


def test_crypto_com_in_proportion() -> None:
    """Loss 10,000 over profits of 50, 45, 30, 30, 15 and 1 thousand."""
    profits = {name: D(1000) * each for name, each in zip("abcdef", (50, 45, 30, 30, 15, 1), strict=True)}
    shared = claw_back("t", "USDT", D(10_000), profits)
    cents = [str(charge.quantize(CENT, ROUND_HALF_UP)) for charge in shared.charges.values()]
    assert cents == ["2923.98", "2631.58", "1754.39", "1754.39", "877.19", "58.48"]
    assert changes(shared.moves)["t", "USDT"] == 10_000


def test_crypto_com_at_a_flat_percent() -> None:
    """Loss 1,000 at a flat 1 %: 1,710 raised, 710 to the fund."""
    profits = {name: D(1000) * each for name, each in zip("abcdef", (50, 45, 30, 30, 15, 1), strict=True)}
    shared = claw_back("t", "USDT", D(1000), profits, minimum=D("0.01"))
    assert sum(shared.charges.values()) == 1710
    assert changes(shared.moves)[FUND, "USDT"] == 710


def test_58coin() -> None:
    """Loss 10,000, fund 2,000, profits of 40 million: a profit of 1,000 pays 0.2."""
    rest = fund_pays("t", "USDT", D(10_000), D(2000)).left
    shared = claw_back("t", "USDT", rest, {"small": D(1000), "others": D(39_999_000)})
    assert shared.charges["small"] == D("0.2")


def test_pro_rata_of_the_paper() -> None:
    """Profits 8, 4, 0.5 and a need of 7.5: 60 % of each."""
    shared = claw_back("t", "USD", D("7.5"), {"a": D(8), "b": D(4), "c": D("0.5")})
    assert shared.rate == D("0.6")
    assert list(shared.charges.values()) == [D("4.8"), D("2.4"), D("0.3")]


def test_no_profit_pays_more_than_itself() -> None:
    shared = claw_back("t", "USD", D(100), {"a": D(8), "b": D(4), "loser": D(-7), "even": D(0)})
    assert (shared.charges, shared.left) == ({"a": D(8), "b": D(4)}, 88)
