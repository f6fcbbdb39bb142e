"""What follows where files are missing: the worked examples of docs/spec/evidence.md."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from margincall.core.events import Fill, Flow
from margincall.core.fold import books_problem, fold, open_account
from margincall.forensics.evidence import Coverage, Evidence, evidence_of
from margincall.forensics.incidents import find_incidents
from margincall.forensics.unknown import CHECKS
from margincall.history.read import read
from margincall.venues import binance_usdm
from margincall.wire.export_keys import TRANSACTION_HEADERS
from tests.forensics.test_back_cast import INCOME, TRADES, explained, forced, income, trade, unknown
from tests.recorded.account import stamp
from tests.sources import ROOT
from tests.stories import START, SYMBOL

SECOND = START + 60_000
"""The second of the trigger: the venue's order comes 500 ms later."""
LOW = [[(START + 60_500) // 60_000 * 60_000, "49000", "49010", "47200", "47300", "0", 0, "0", 1, "0", "0", "0"]]
"""A candle that reaches the liquidation price of a wallet of 2,975 (47,213.86), not that of 3,075 (47,113.45)."""

FORCED: dict[str, Any] = {
    "side": "BOTH", "quantity": Decimal(-1), "price": Decimal(100), "trade_id": "1", "order_id": "3",
    "close": "liquidation",
}  # fmt: skip
"""A fill of a liquidation, without its symbol and time."""


def transactions(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Rows of an income history as the export prints them: whole seconds, UTC."""
    lines = [
        f"{stamp(row['time'])},{row['incomeType']},{row['income']},{row['asset']},{row['symbol']},{row['tranId']}"
        for row in rows
    ]
    text = "\r\n".join([TRANSACTION_HEADERS["web"], *lines, ""])
    (folder / "transactions(UTC+0).csv").write_text(text, encoding="utf-8")


def found(each: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first finding of a kind."""
    finding: dict[str, Any] = next(finding for finding in each["findings"] if finding["kind"] == kind)
    return finding


# --- doubt ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "lowest", "highest"), [("-100", "2975", "3075"), ("100", "2875", "2975")])
def test_a_flow_in_the_second_of_the_trigger_leaves_the_wallet_in_doubt(
    amount: str, lowest: str, highest: str, tmp_path: Path
) -> None:
    """An export stamps whole seconds: the transfer may have come just before the trigger, or just after."""
    transactions(tmp_path, [*INCOME, income(60_000, "TRANSFER", amount)])
    verdict = explained(tmp_path, income=None)["liquidations"][0]["verdict"]
    assert verdict["wallet_balance"] == "2975"
    assert (verdict["wallet_lowest"], verdict["wallet_highest"]) == (lowest, highest)


def test_a_doubt_that_changes_the_verdict_cannot_tell(tmp_path: Path) -> None:
    """100 went out in that second. Without it the account would have survived the candle's low of 47,200."""
    transactions(tmp_path, [*INCOME, income(60_000, "TRANSFER", "-100")])
    each = explained(tmp_path, income=None, markPriceKlines=LOW)["liquidations"][0]
    assert found(each, "trigger")["verdict"] == "cannot tell"
    assert "the highest wallet in doubt" in found(each, "trigger")["assumptions"]
    stamped = [*INCOME, income(60_000, "TRANSFER", "-100")]
    (tmp_path / "transactions(UTC+0).csv").unlink()
    each = explained(tmp_path, income=stamped, markPriceKlines=LOW)["liquidations"][0]
    assert found(each, "trigger")["verdict"] == "holds"


# --- what belongs to a liquidation ------------------------------------------------------------------------


def test_an_answer_is_judged_when_its_order_was_placed(tmp_path: Path) -> None:
    """100 come in 10 ms after the venue placed its order, and 10 ms before it is filled: too late to count."""
    each = explained(tmp_path, income=[*INCOME, income(60_510, "TRANSFER", "100")])["liquidations"][0]
    assert each["time_ms"] == START + 60_500
    assert each["verdict"]["wallet_balance"] == "2875"


@pytest.mark.parametrize(
    ("symbol", "symbols", "owners"),
    [
        ("", [SYMBOL], [SYMBOL]),
        ("", [SYMBOL, "ETHUSDT"], []),
        ("ETHUSDT", [SYMBOL, "ETHUSDT"], ["ETHUSDT"]),
    ],
)
def test_a_clearance_fee_without_symbol_belongs_to_the_only_one(
    symbol: str, symbols: list[str], owners: list[str]
) -> None:
    """A statement prints none: of two liquidations within a minute it does not tell which."""
    closes = [FORCED | {"time_ms": START + number, "symbol": name} for number, name in enumerate(symbols)]
    fee = Flow(
        time_ms=START + 40, applied={"USDT": Decimal(-75)}, category="insurance_clear", reason="x", symbol=symbol
    )
    incidents = find_incidents([*(Fill(**each) for each in closes), fee], ())
    owning = [each for each in incidents if each.kind == "liquidation" and each.clearances]
    assert [each.symbol for each in owning] == owners


# --- takeovers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rest", "quantity", "realized"), [("-1487.5", "1", "-2687.5"), ("-1400", None, None)])
def test_a_takeover_is_recognised_by_its_profit(
    rest: str, quantity: str | None, realized: str | None, tmp_path: Path
) -> None:
    """Half of the order is filled. A profit without a trade is that of the other half at the limit, 47,025, or it is
    not, and what became of the rest is unknown."""
    half = {"executedQty": "0.5", "cumQuote": "23800", "status": "EXPIRED"}
    rows = [
        income(60_520, "REALIZED_PNL", "-1200", trade="12", symbol=SYMBOL),
        income(61_000, "REALIZED_PNL", rest, symbol=SYMBOL),
    ]
    closing = trade(60_520, 12, 3, buys=False, quantity="0.5", price="47600", realized="-1200")
    each = explained(
        tmp_path, forceOrders=[forced() | half], income=[INCOME[0], *rows, *INCOME[2:]], userTrades=[TRADES[0], closing]
    )["liquidations"][0]
    assert (each["quantity"], each["realized_pnl"]) == (quantity, realized)
    assert ("recorded user-data stream" in unknown(each, "quantity")) == (quantity is None)


def test_profit_without_its_trade_is_kept_apart() -> None:
    """The fills' own books (trade cash, remainder) know nothing of it."""
    rules = binance_usdm.rules([SYMBOL], {}, day="2026-05-28")
    account = open_account({"USDT": Decimal(100)}, (), contracts=rules.contracts)
    row = Flow(time_ms=START, applied={"USDT": Decimal(-30)}, category="realized_pnl", reason="REALIZED_PNL")
    account = fold(account, row, rules)
    assert account.wallets == {"USDT": Decimal(70)}
    assert account.ledger["USDT", "untraded_pnl"] == Decimal(-30)
    assert ("USDT", "realized_pnl") not in account.ledger
    assert books_problem(account, rules) is None


# --- what is judged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_known", "verdict"), [(False, "cannot tell"), (True, "does not hold")])
def test_a_profit_is_judged_where_its_position_is_known(is_known: bool, verdict: str, tmp_path: Path) -> None:
    """1 is sold at 47,600 with a profit of −2,000 instead of −2,400. Where the files begin with it, the position may
    have been bought before them. Where an earlier round trip agrees, it was not."""
    before = [
        trade(500, 9, 8, buys=True, quantity="0.1", price="50000", realized="0") | {"commission": "2.5"},
        trade(600, 10, 8, buys=False, quantity="0.1", price="50100", realized="10") | {"commission": "2.505"},
    ]
    sold = trade(60_520, 12, 3, buys=False, quantity="1", price="47600", realized="-2000") | {"commission": "23.8"}
    rows = [*before, TRADES[0], sold] if is_known else [sold]
    answer = explained(tmp_path, userTrades=rows, income=None, account=None)
    assert [each["verdict"] for each in answer["findings"] if each["kind"] == "realized"] == [verdict]


@pytest.mark.parametrize(
    ("file", "names", "lost"),
    [
        ("markPriceKlines", "one-minute mark candles", {"trigger"}),
        ("forceOrders", "GET /fapi/v1/forceOrders", {"limit_price", "fill_price", "clearance_fee"}),
        ("account", "GET /fapi/v3/account", set(CHECKS) - {"fill_price"}),
    ],
)
def test_a_check_that_the_files_do_not_allow_names_what_would(
    file: str, names: str, lost: set[str], tmp_path: Path
) -> None:
    """Every check is listed once at least. None of these files tells unfilled orders, so that one check is never
    told."""
    each = explained(tmp_path, **{file: None})["liquidations"][0]
    assert {finding["kind"] for finding in each["findings"]} == set(CHECKS)
    unclear = [finding for finding in each["findings"] if finding["verdict"] == "cannot tell"]
    assert {finding["kind"] for finding in unclear if names in finding["settled_by"]} == lost
    assert "GET /fapi/v1/allOrders" in found(each, "orders_cancelled")["settled_by"]


def test_the_page_lists_what_each_check_rests_on() -> None:
    page = (ROOT / "docs/spec/evidence.md").read_text(encoding="utf-8").partition("| check |")[2]
    header, _, *rows = [line.strip("|").split("|") for line in page.partition("\n\n")[0].splitlines()]
    kinds = [name.strip() for name in header]
    marked = {
        name.strip().replace(" ", "_"): {kind for kind, mark in zip(kinds, marks, strict=True) if "●" in mark}
        for name, *marks in rows
    }
    assert marked == {name: set(rests) for name, rests in CHECKS.items()}


# --- lists that the venue forgets -------------------------------------------------------------------------


def test_a_list_proves_something_as_far_back_as_it_is_whole() -> None:
    """Asked 31 days after the event, a margin history is whole since a day after it."""
    opened, day = START, 86_400_000
    fresh, late = (Evidence(coverage=Coverage({"BTCUSDT": START + asked * day - 30 * day})) for asked in (1, 31))
    assert fresh.knows_margin_since(opened, "BTCUSDT")
    assert not fresh.knows_margin_since(opened, "ETHUSDT")
    assert not late.knows_margin_since(opened, "BTCUSDT")
    assert not Evidence().knows_margin_since(opened, "BTCUSDT")
    assert Evidence(coverage=Coverage({"": 0})).knows_margin_since(opened, "BTCUSDT")


def test_a_list_of_orders_is_whole_as_far_back_as_it_shows_an_unfilled_one(tmp_path: Path) -> None:
    """Outside a case folder nobody knows when it was asked. A filled order says nothing."""
    expired = forced() | {"clientOrderId": "web_take", "status": "EXPIRED", "executedQty": "0", "orderId": 2}
    for rows, since in (([forced()], None), ([forced(), expired], expired["updateTime"])):
        path = tmp_path / "allOrders.json"
        path.write_text(json.dumps(rows), encoding="utf-8")
        history = read([path])
        assert evidence_of(history.sources, history.events).coverage == Coverage({}, since)
