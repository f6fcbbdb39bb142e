"""What the insurance fund takes over, told by an update alone: in part, and several in one millisecond."""

import json
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from margincall.core.events import Fill, Flow
from margincall.forensics.answer import Answer, answer
from margincall.forensics.going_on import goes_on_from
from margincall.forensics.incidents import find_incidents
from margincall.forensics.inferred import TAKEN_OVER
from margincall.history.bracket_store import load_book
from tests.cli.calling import call

LIMIT = Decimal("48789.991728")
"""Of the takeover of 0.030 in `fund_runs_dry` with a poorer fund: the bankruptcy price, between two ticks, as
the printed profit tells it."""


@pytest.fixture(scope="session")
def dry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an account of which a part is taken over, and the rest deleveraged."""
    folder = tmp_path_factory.mktemp("dry")
    text = files("margincall.exchange").joinpath("scenarios/fund_runs_dry.toml").read_text(encoding="utf-8")
    scenario = folder / "poorer.toml"
    scenario.write_text(text.replace("USDT = 60000", "USDT = 1500"), encoding="utf-8")
    call("exchange", "run", str(scenario), "--out", str(folder / "out"))
    return folder / "out"


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an account of which two positions are taken over in one millisecond."""
    folder = tmp_path_factory.mktemp("two") / "out"
    call("exchange", "run", "two_longs", "--out", str(folder))
    return folder


def taken(found: Answer) -> list[Fill]:
    assert found.explained.history is not None
    events = found.explained.history.events
    return [event for event in events if isinstance(event, Fill) and event.trade_id == TAKEN_OVER]


def changed(stream: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The stream up to its update of the takeover, and that changed."""
    lines = []
    for line in stream.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        is_takeover = message.get("a", {}).get("m") == "INSURANCE_CLEAR" and message["a"]["P"][0]["pa"] == "0.770"
        if is_takeover:
            change(message["a"])
        lines.append(json.dumps(message))
        if is_takeover:
            break
    target.write_text("\n".join(lines), encoding="utf-8")
    return target


def test_a_part_is_taken_over_at_the_limit_of_the_order(dry: Path) -> None:
    (fill,) = taken(answer([dry / "long-2/stream.jsonl", dry / "market"], load_book()))
    assert (fill.quantity, fill.price) == (Decimal("-0.030"), LIMIT)
    assert fill.realized == Decimal("-36.76129566")


def test_at_another_price_a_fill_may_be_missing(dry: Path, tmp_path: Path) -> None:
    """1 USDT more is lost than 0.030 at the limit: nobody knows what happened, and the print is held against it."""

    def lose(update: dict[str, Any]) -> None:
        for place, name in ((update["B"][0], "wb"), (update["P"][0], "cr"), (update["P"][0], "iw")):
            place[name] = str(Decimal(place[name]) - 1)

    stream = changed(dry / "long-2/stream.jsonl", tmp_path / "stream.jsonl", lose)
    found = answer([stream, dry / "market"], load_book())
    assert taken(found) == []
    assert "position" in {finding.kind for finding in found.explained.findings}


@pytest.mark.parametrize("reason", ["ADJUSTMENT", "ORDER"])
def test_only_the_insurance_fund_takes_over(reason: str, dry: Path, tmp_path: Path) -> None:
    stream = changed(dry / "long-2/stream.jsonl", tmp_path / "stream.jsonl", lambda update: update.update(m=reason))
    assert taken(answer([stream, dry / "market"], load_book())) == []


@pytest.mark.parametrize("name", ["income.json", "account.json"])
def test_each_of_two_takeovers_is_told_by_a_row_of_its_own(name: str, two: Path) -> None:
    """Not a second time, whichever of them stands first; the wallet ends where the venue says."""
    folder = two / "alice"
    api = [folder / "api" / each for each in ("income.json", name)]
    found = answer([folder / "stream.jsonl", *api, two / "market"], load_book())
    assert [fill.symbol for fill in taken(found)] == ["ETHUSDT", "BTCUSDT"]
    assert found.explained.history is not None
    assert found.explained.history.timeline.last.wallets["USDT"] == Decimal("1e-8")
    assert not found.is_irregular


def test_a_part_told_by_the_income_alone_is_the_rest_of_the_position(dry: Path) -> None:
    """The order whose limit it was taken at is not the last: what it left went to others after it."""
    (fill,) = taken(answer([dry / "long-2/api", dry / "market"], load_book()))
    assert abs(fill.price - LIMIT) < Decimal("0.1")
    assert fill.quantity == Decimal("-0.030")


@pytest.mark.parametrize("part", ["stream.jsonl", "api"])
def test_a_liquidation_that_goes_on_has_one_trigger(part: str, dry: Path) -> None:
    """Three orders of one second: what is left is taken over, then deleveraged. Nothing is asked for that an order
    without a fill does not have."""
    paths = [str(dry / "long-2" / part), str(dry / "market")]
    said = call("explain", *paths).out
    assert said.count("the trigger was right") == said.count("Verdict sheet") == 1
    assert said.count("BTCUSDT liquidation continued by order ") == said.count("which began with order 98") == 2
    first, second, third = json.loads(call("explain", "--json", *paths).out)["liquidations"]
    assert "goes_on_from" not in first
    assert second["goes_on_from"] == third["goes_on_from"] == first["order_id"] == "98"
    assert second["order_id"] == "99"
    void = {"prices.average_fill", "clearance.fee", "clearance.rate", "clearance.base"}
    assert not void & {each["term"] for each in second["unknown"]}


def test_an_order_between_two_trades_of_the_trader_is_another_liquidation() -> None:
    """He opened it again within the second."""
    order: dict[str, Any] = {"symbol": "BTCUSDT", "side": "BOTH", "price": LIMIT, "close": "liquidation"}
    closed = Fill(time_ms=500, quantity=Decimal(-1), trade_id="1", order_id="1", **order)
    opened = Fill(
        time_ms=700, symbol="BTCUSDT", side="BOTH", quantity=Decimal(1), price=LIMIT, trade_id="2", order_id="2"
    )
    again = Fill(time_ms=900, quantity=Decimal(-1), trade_id="3", order_id="3", **order)
    for events, found in (([closed, again], ("", "1")), ([closed, opened, again], ("", ""))):
        assert goes_on_from(events, find_incidents(events, ())) == found
    later = Fill(time_ms=1501, quantity=Decimal(-1), trade_id="4", order_id="4", **order)
    assert goes_on_from([closed, later], find_incidents([closed, later], ())) == ("", "")


def test_a_wallet_is_made_good_within_ten_minutes() -> None:
    """The fund clears wallets below 0 at full ten minutes: that is no incident of its own. A fee is, so much later."""
    closed = Fill(
        time_ms=270_137, symbol="BTCUSDT", side="BOTH", quantity=Decimal(-1), price=LIMIT, trade_id="1", order_id="1",
        close="liquidation",
    )  # fmt: skip
    for amount, count in ((Decimal("2e-8"), 1), (Decimal("-2e-8"), 2)):
        flow = Flow(time_ms=600_000, applied={"USDT": amount}, category="insurance_clear", reason="INSURANCE_CLEAR")
        assert len(find_incidents([closed, flow], ())) == count
