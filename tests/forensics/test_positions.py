"""The position history against the fills: it follows from them, it does not, or nobody can tell."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from margincall.core.checks import Finding
from margincall.core.events import AnyEvent, Fill, PositionClosed
from margincall.core.fold import fold, open_account
from margincall.core.rules import VenueRules
from margincall.forensics.positions import closed_positions
from margincall.history.read import read
from margincall.venues import binance_coinm, binance_usdm
from margincall.wire.encode_csv import encoded
from tests.exports import CLOSED, FILL, TIME, saved

D = Decimal
OPENED = TIME - 3_600_000


def rules_at(time_ms: int) -> VenueRules:
    return binance_usdm.rules(["BTCUSDT"], {}, day="2026-03-17")


def coin_rules_at(time_ms: int) -> VenueRules:
    return binance_coinm.rules(["BTCUSD_PERP"], {}, day="2026-03-17")


def fill(at_ms: int, quantity: str, price: str, realized: str | None = "0", side: str = "BOTH", **more: object) -> Fill:
    profit = None if realized is None else D(realized)
    return structs.replace(
        FILL,
        time_ms=at_ms,
        quantity=D(quantity),
        price=D(price),
        realized=profit,
        side=side,
        trade_id=str(at_ms),
        **more,
    )


SHORT = structs.replace(
    CLOSED,
    entry=D(110),
    average_close=D(90),
    max_quantity=D(2),
    closed_quantity=D(2),
    realized=D(40),
)
"""1 sold at 120 and 1 at 100, both bought back at 90."""
FILLS = [
    fill(OPENED + 10, "-1", "120"),
    fill(OPENED + 5_000, "-1", "100"),
    fill(TIME - 7_000, "0.5", "90", "10"),
    fill(TIME + 400, "1.5", "90", "30"),
]


def found(position: PositionClosed, fills: Sequence[AnyEvent]) -> Finding:
    (finding,) = closed_positions([*fills, position], rules_at)
    assert finding.kind == "position_history"
    return finding


def test_a_position_that_follows_from_its_fills_holds() -> None:
    """Stamps of fills may be finer than those of the position."""
    finding = found(SHORT, FILLS)
    assert (finding.verdict, finding.printed, finding.derived) == ("holds", D(40), D(40))
    assert "profit" in finding.about


@pytest.mark.parametrize(
    ("change", "term", "amount"),
    [
        ({"entry": D(111)}, "entry", D(1)),
        ({"max_quantity": D(3)}, "largest size", D(1)),
        ({"closed_quantity": D("2.5")}, "closed quantity", D("0.5")),
        ({"average_close": D("90.1")}, "average close price", D("0.1")),
        ({"realized": D(39)}, "profit", D(-1)),
    ],
)
def test_what_differs_is_named_with_both_values(change: dict[str, Decimal], term: str, amount: Decimal) -> None:
    finding = found(structs.replace(SHORT, **change), FILLS)
    assert finding.verdict == "does not hold"
    assert (finding.about.rpartition(": ")[2], finding.amount) == (term, amount)


def test_what_rounding_may_explain_nobody_can_tell() -> None:
    """The export that was seen prints 5.12235 where the product of its averages is 5.12235162: it may be rounded."""
    fills = [
        fill(OPENED, "-414", "0.86536"),
        fill(TIME, "414", "0.85298717", "5.12235162"),
    ]
    assert found(CLOSED, fills).verdict == "cannot tell"
    assert found(structs.replace(CLOSED, realized=D("5.12235163")), fills).verdict == "holds"
    assert found(structs.replace(CLOSED, realized=D("5.12237")), fills).verdict == "does not hold"


@pytest.mark.parametrize(
    ("fills", "why"),
    [
        ([], "no file holds the fills"),
        (FILLS[:3], "leave 1.5 open"),
        (FILLS[1:], "close more than they open"),
        (FILLS[:2], "no file holds the fills"),
        ([structs.replace(each, side="LONG") for each in FILLS], "no file holds the fills"),
    ],
)
def test_without_all_fills_nobody_can_tell(fills: list[AnyEvent], why: str) -> None:
    finding = found(SHORT, fills)
    assert finding.verdict == "cannot tell"
    assert why in finding.rule


def test_without_printed_profits_the_profit_is_not_told() -> None:
    fills = [structs.replace(each, realized=None) for each in FILLS]
    assert found(SHORT, fills).verdict == "cannot tell"
    assert found(structs.replace(SHORT, average_close=D(91)), fills).verdict == "does not hold"


def test_an_entry_after_partial_closes_is_not_compared() -> None:
    """No rule is published for it."""
    fills = [
        FILLS[0],
        fill(OPENED + 1000, "0.5", "90", "15"),
        fill(OPENED + 2000, "-0.5", "80"),
        fill(TIME, "1", "90", "10"),
    ]
    position = structs.replace(SHORT, max_quantity=D(1), closed_quantity=D("1.5"), realized=D(25), entry=D(1))
    assert found(position, fills).verdict == "holds"


def test_each_leg_of_a_hedge_has_its_own_fills() -> None:
    legs = [structs.replace(each, side="SHORT") for each in FILLS]
    other = [fill(OPENED + 20, "7", "100", side="LONG")]
    assert found(SHORT, [*legs, *other]).verdict == "holds"


def test_averages_of_inverse_contracts_are_weighed_by_value() -> None:
    """10 contracts at 100 and 10 at 200 average at 133.33…"""
    coin = {"symbol": "BTCUSD_PERP"}
    fills = [
        fill(OPENED, "10", "100", **coin),
        fill(OPENED, "10", "200", **coin),
        fill(TIME, "-20", "150", "1", **coin),
    ]
    position = structs.replace(
        SHORT, symbol="BTCUSD_PERP", side="LONG", entry=D("133.33333333"), average_close=D(150), max_quantity=D(20),
        closed_quantity=D(20), realized=D(1),
    )  # fmt: skip
    (finding,) = closed_positions([*fills, position], coin_rules_at)
    assert finding.verdict == "holds"


def test_the_fold_ignores_it() -> None:
    account = open_account({"USDT": D(100)}, contracts={})
    assert fold(account, SHORT, rules_at(TIME)) == account


def test_exports_alone_lead_to_the_finding(tmp_path: Path) -> None:
    """From the trade history and the position history, both in whole seconds."""
    paths = [
        saved(tmp_path, encoded("trade history/web", FILLS), "trades(UTC+0).csv"),
        saved(tmp_path, encoded("position history/web", [SHORT]), "positions(UTC+0).csv"),
    ]
    (finding,) = closed_positions(read(paths).events, rules_at)
    assert (finding.verdict, finding.source) == ("holds", f"{paths[1]}:2")
