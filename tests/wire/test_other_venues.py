"""Rows of BitMEX's wallet history and of Hyperliquid's sample, one by one; and the table of shapes."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.core.events import AnyEvent, BalancePrint, Fill, Flow, Source, Statement, TotalsPrint
from margincall.wire import bitmex, canonical, hyperliquid
from margincall.wire.export_rows import RowReader
from margincall.wire.exports import BINANCE, SHAPES, BadHeader, Shape, columns_of
from margincall.wire.row import BadRow, Notes
from tests.accept import rows

SOURCE = Source("file.csv", line=7)
WALLET = {
    "timestamp": "2024-10-01T12:00:00.187Z",
    "transactTime": "2024-10-01T12:00:00.100Z",
    "transactType": "Funding",
    "transactStatus": "Completed",
    "currency": "XBt",
    "amount": "-16624",
    "fee": "16624",
    "walletBalance": "1547298876",
    "marginBalance": "",
}
TRADE = {
    "time": "2023-03-01T00:00:01Z",
    "user": "a",
    "coin": "ETH",
    "side": "Ask",
    "px": "1655.5",
    "sz": "0.0452",
    "crossed": "true",
}
LIQUIDATION = {
    "time": "2023-03-01T00:00:01Z",
    "user": "a",
    "liquidated_ntl_pos": "100.5",
    "liquidated_account_value": "0.9",
    "leverage_type": "Cross",
}


def notes() -> Notes:
    return Notes(SOURCE)


def test_a_row_of_the_wallet_history() -> None:
    """The fee is inside the amount; the booking time counts."""
    assert bitmex.wallet_history(WALLET, notes()) == [
        Flow(
            time_ms=1_727_784_000_187,
            source=SOURCE,
            applied={"XBT": Decimal("-0.00016624")},
            category="funding",
            reason="Funding",
        ),
        Statement(
            time_ms=1_727_784_000_187,
            source=SOURCE,
            origin="update",
            about="Funding",
            balances=(BalancePrint("XBT", wallet=Decimal("15.47298876")),),
        ),
    ]


@pytest.mark.parametrize(
    ("currency", "asset", "amount"), [("XBt", "XBT", "0.01"), ("USDt", "USDT", "1"), ("BMEx", "BMEX", "1")]
)
def test_units_of_a_currency(currency: str, asset: str, amount: str) -> None:
    flow, _ = bitmex.wallet_history(WALLET | {"currency": currency, "amount": "1000000"}, notes())
    assert isinstance(flow, Flow)
    assert flow.applied == {asset: Decimal(amount)}


def test_a_cancelled_withdrawal_moves_nothing() -> None:
    flow, statement = bitmex.wallet_history(
        WALLET | {"transactType": "Withdrawal", "transactStatus": "Canceled"}, notes()
    )
    assert isinstance(flow, Flow)
    assert (flow.applied, flow.category, flow.reason) == ({"XBT": 0}, "transfer", "Withdrawal Canceled")
    assert isinstance(statement, Statement)


def test_an_unknown_type_is_applied_and_noted() -> None:
    found = notes()
    flow, _ = bitmex.wallet_history(WALLET | {"transactType": "Gift"}, found)
    assert isinstance(flow, Flow)
    assert flow.category == "unknown"
    assert [problem.kind for problem in found.problems] == ["unknown-type"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("currency", "Gwei"), ("amount", "1.5"), ("transactStatus", "Pending"), ("timestamp", "2024-10-01 12:00:00")],
)
def test_a_bad_row_of_the_wallet_history(key: str, value: str) -> None:
    with pytest.raises(BadRow):
        bitmex.wallet_history(WALLET | {key: value}, notes())


def test_a_trade() -> None:
    """Ask sells; who crossed took."""
    assert hyperliquid.trade(TRADE, notes()) == [
        Fill(
            time_ms=1_677_628_801_000,
            source=SOURCE,
            account="a",
            symbol="ETH",
            side="BOTH",
            quantity=Decimal("-0.0452"),
            price=Decimal("1655.5"),
            trade_id="",
            maker=False,
        )
    ]


@pytest.mark.parametrize(("key", "value"), [("side", "Buy"), ("sz", "0"), ("px", "-1"), ("crossed", ""), ("user", "")])
def test_a_bad_trade(key: str, value: str) -> None:
    with pytest.raises(BadRow):
        hyperliquid.trade(TRADE | {key: value}, notes())


@pytest.mark.parametrize(("delta", "reason"), [("2000", "deposit"), ("-29.85084", "withdrawal")])
def test_a_deposit_and_a_withdrawal(delta: str, reason: str) -> None:
    row = {"time": "2023-03-01T00:00:01Z", "user": "a", "delta_usd": delta}
    (flow,) = hyperliquid.ledger(row, notes())
    assert isinstance(flow, Flow)
    assert (flow.applied, flow.category, flow.reason) == ({"USD": Decimal(delta)}, "transfer", reason)


def test_a_liquidation() -> None:
    (statement,) = hyperliquid.liquidation(LIQUIDATION, notes())
    assert isinstance(statement, Statement)
    assert statement.totals == TotalsPrint(balance=Decimal("0.9"))
    assert statement.about == "liquidation Cross"
    found = hyperliquid.liquidation_of(LIQUIDATION, notes())
    assert (found.account, found.notional, found.value) == ("a", Decimal("100.5"), Decimal("0.9"))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (WALLET, "BitMEX wallet history"),
        (TRADE, "Hyperliquid trades"),
        ({"time": "", "user": "", "delta_usd": ""}, "Hyperliquid ledger"),
        (LIQUIDATION, "Hyperliquid liquidations"),
        (dict.fromkeys(canonical.FILL_COLUMNS, ""), "canonical fills"),
        (dict.fromkeys(canonical.FLOW_COLUMNS, ""), "canonical flows"),
        (dict.fromkeys(canonical.MARK_COLUMNS, ""), "canonical marks"),
    ],
)
def test_one_shape_fits_a_header(header: dict[str, str], name: str) -> None:
    """And none of Binance's."""
    assert columns_of(list(header)).shape.name == name
    others = [shape for shape in SHAPES if shape.venue != BINANCE]
    fitting = [shape.name for shape in others if _fits(shape, header)]
    assert fitting == [name]
    with pytest.raises(BadHeader):
        columns_of(list(header), [shape for shape in SHAPES if shape.venue == BINANCE])


def _fits(shape: Shape, header: dict[str, str]) -> bool:
    try:
        columns_of(list(header), [shape])
    except BadHeader:
        return False
    return True


@pytest.mark.shared
def test_real_histories_pass_through_the_canonical_csv(shared: Path) -> None:
    """BitMEX's ledger and all fills of the sample: written as canonical rows and read again, nothing is changed."""
    ledger = rows.events(shared / "bitmex_account" / "wallet-history.csv.gz", bitmex.wallet_history)
    fills = rows.events(shared / "hyperliquid_2023" / "trades.csv.gz", hyperliquid.trade)
    coins = {event.symbol for event in fills if isinstance(event, Fill)}
    contracts = {coin: hyperliquid.contract(coin) for coin in coins}
    fill_rows, flow_rows, _ = canonical.rows_of([*ledger, *fills], contracts)
    assert read_again(canonical.fill, fill_rows, fills) == fills
    assert read_again(canonical.flow, flow_rows, ledger[::2]) == ledger


def read_again(read: RowReader, found: list[dict[str, str]], events: list[AnyEvent]) -> list[AnyEvent]:
    """The events of the rows, each with the place that its event had."""
    return [event for row, old in zip(found, events, strict=True) for event in read(row, Notes(old.source))]
