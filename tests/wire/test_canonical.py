"""The canonical CSV: the documented example, both directions, and what is refused."""

import csv
import re
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.core.account import Account, Marks
from margincall.core.contract import Contract
from margincall.core.events import AnyEvent, Category, Fill, Flow, MarkPrice, Order, Source, Statement
from margincall.core.fold import books_problem, fold, open_account
from margincall.core.margin import margin
from margincall.core.rules import MissingBrackets
from margincall.core.units import Price
from margincall.venues import elsewhere
from margincall.wire import canonical
from margincall.wire.exports import columns_of
from margincall.wire.iso_time import BadTime, iso_of, time_of
from margincall.wire.row import BadRow, Notes
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "reference" / "canonical-csv.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
FILLS, FLOWS, MARKS = (list(csv.DictReader(text.splitlines())) for text in EXAMPLES)
SOURCE = Source("fills.csv", line=2)
FILL = FILLS[0]
FLOW = FLOWS[0]


def read(rows: list[dict[str, str]]) -> list[AnyEvent]:
    """The events of rows, each by the shape that its header has; nothing may be noted."""
    found: list[AnyEvent] = []
    for number, row in enumerate(rows):
        notes = Notes(Source("page.csv", line=number + 2))
        found.extend(columns_of(list(row)).shape.read(row, notes))
        assert notes.problems == []
    return found


def contracts_of(rows: list[dict[str, str]]) -> dict[str, Contract]:
    """The contracts that rows of fills describe."""
    notes = Notes(SOURCE)
    for row in rows:
        canonical.fill(row, notes)
    return {contract.symbol: contract for contract in notes.contracts}


def folded() -> Account:
    contracts = contracts_of(FILLS)
    account = open_account({}, contracts=contracts)
    for event in sorted([*read(FLOWS), *read(FILLS)], key=lambda event: event.time_ms):
        account = fold(account, event, elsewhere.rules(contracts))
    assert books_problem(account, elsewhere.rules(contracts)) is None
    return account


def test_the_example_of_the_page_folds_to_what_the_page_says() -> None:
    account = folded()
    assert account.wallets == {"USDC": Decimal("104.21"), "XYZ": Decimal("5.997")}
    (position,) = account.open_positions()
    assert (position.symbol, position.side, position.quantity, position.cost) == ("XYZUSD", "SHORT", -50, -10)


def test_no_margin_follows() -> None:
    """Sizes, profits and wallets, but no verdict."""
    venue = elsewhere.rules(contracts_of(FILLS))
    with pytest.raises(MissingBrackets):
        margin(folded(), Marks({"XYZUSD": Price(Decimal("62.4"))}), venue)


def test_the_example_is_written_back_as_it_stands() -> None:
    contracts = contracts_of(FILLS)
    rows = canonical.rows_of([*read(FILLS), *read(FLOWS), *read(MARKS)], contracts)
    columns = (canonical.FILL_COLUMNS, canonical.FLOW_COLUMNS, canonical.MARK_COLUMNS)
    assert [canonical.text_of(*each) for each in zip(columns, rows, strict=True)] == EXAMPLES


def test_the_page_names_every_column_and_cause() -> None:
    for columns in (canonical.FILL_COLUMNS, canonical.FLOW_COLUMNS, canonical.MARK_COLUMNS):
        assert all(f"`{column}`" in PAGE for column in columns)
    assert all(f"`{cause}`" in PAGE for cause in canonical.CAUSES.values())


def test_a_balance_is_a_statement_and_is_not_applied() -> None:
    flow, statement = read([FLOW | {"balance": "77"}])
    assert isinstance(flow, Flow)
    assert isinstance(statement, Statement)
    assert flow.applied == {"USDC": 100}
    assert statement.balances[0].wallet == 77


def test_a_row_without_an_id_has_none() -> None:
    (fill,) = read([FILL | {"trade_id": ""}])
    assert isinstance(fill, Fill)
    assert fill.trade_id == ""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time", "2024-05-01T12:00:00"),
        ("time", "2024-05-01T12:00:00+02:00"),
        ("time", "2024-02-30T12:00:00Z"),
        ("time", "1714564800"),
        ("time", ""),
        ("symbol", "ABC PERP"),
        ("side", "LONG"),
        ("position_side", "UP"),
        ("quantity", "-3"),
        ("quantity", "0"),
        ("quantity", "1,000"),
        ("price", "0"),
        ("price", "NaN"),
        ("fee_asset", ""),
        ("maker", "yes"),
        ("close", "margin call"),
        ("contract", "quanto"),
        ("contract", ""),
        ("contract", "inverse"),
        ("contract_size", "0.01"),
        ("quote", ""),
        ("base", "abc"),
    ],
)
def test_a_bad_fill_is_refused(column: str, value: str) -> None:
    with pytest.raises(BadRow) as error:
        canonical.fill(FILL | {column: value}, Notes(SOURCE))
    assert "canonical fills" in str(error.value)


@pytest.mark.parametrize(("column", "value"), [("amount", ""), ("cause", "gift"), ("asset", "usdc"), ("time", "soon")])
def test_a_bad_flow_is_refused(column: str, value: str) -> None:
    with pytest.raises(BadRow):
        canonical.flow(FLOW | {column: value}, Notes(SOURCE))


def test_an_unknown_column_is_noted_and_the_rest_counts() -> None:
    notes = Notes(SOURCE)
    (event,) = canonical.mark(MARKS[0] | {"index": "40"}, notes)
    assert isinstance(event, MarkPrice)
    assert [problem.kind for problem in notes.problems] == ["unknown-key"]


def test_what_no_row_can_hold_is_refused() -> None:
    order = Order(
        time_ms=1, symbol="A", side="BOTH", order_id="1", client_order_id="", status="NEW", execution="NEW",
        order_type="LIMIT", time_in_force="GTC", buy=True, quantity=Decimal(1), price=Decimal(1),
    )  # fmt: skip
    two = Flow(time_ms=1, applied={"A": Decimal(1), "B": Decimal(1)}, category="transfer", reason="")
    lone = Statement(time_ms=1, origin="account")
    for event in (order, two, lone):
        with pytest.raises(canonical.NotCanonical):
            canonical.rows_of([event], {})


amounts = st.decimals("-1e9", "1e9", places=8, allow_nan=False)
sizes = st.decimals("1e-8", "1e9", places=8, allow_nan=False)
texts = st.text("abc0-9_", max_size=6)


@st.composite
def fills(draw: st.DrawFn) -> Fill:
    fee = draw(st.none() | amounts)
    return Fill(
        time_ms=draw(st.integers(1_000_000_000_000, 2_000_000_000_000)),
        source=SOURCE,
        account=draw(texts),
        symbol="XYZUSD",
        side=draw(st.sampled_from(["BOTH", "LONG", "SHORT"])),
        quantity=draw(sizes) * draw(st.sampled_from([1, -1])),
        price=draw(sizes),
        trade_id=draw(st.text("123", max_size=5)),
        order_id=draw(texts),
        client_order_id=draw(texts),
        fee=fee,
        fee_asset=None if fee is None else "XYZ",
        realized=draw(st.none() | amounts),
        maker=draw(st.none() | st.booleans()),
        close=draw(st.sampled_from(["", "liquidation", "adl", "settlement"])),
    )


@given(fills(), st.sampled_from(["linear", "inverse"]))
def test_a_fill_comes_back_as_it_was(fill: Fill, kind: str) -> None:
    contract = elsewhere.contract("XYZUSD", kind, "XYZ", "USD", contract_size=Decimal(10 if kind == "inverse" else 1))  # type: ignore[arg-type]
    row = reread(canonical.FILL_COLUMNS, canonical.fill_row(fill, contract))
    assert canonical.fill(row, Notes(SOURCE)) == [fill]
    assert contracts_of([row]) == {"XYZUSD": contract}


@given(amounts, st.none() | amounts, st.sampled_from(list(canonical.CAUSES.values())), texts)
def test_a_flow_comes_back_as_it_was(amount: Decimal, balance: Decimal | None, cause: Category, reason: str) -> None:
    flow = Flow(time_ms=1_700_000_000_001, source=SOURCE, applied={"XYZ": amount}, category=cause, reason=reason)
    row = reread(canonical.FLOW_COLUMNS, canonical.flow_row(flow, balance))
    first, *others = canonical.flow(row, Notes(SOURCE))
    assert first == flow
    assert [each.balances[0].wallet for each in others if isinstance(each, Statement)] == (
        [] if balance is None else [balance]
    )


def reread(columns: tuple[str, ...], row: Mapping[str, str]) -> dict[str, str]:
    """The row through the text of a file."""
    (found,) = csv.DictReader(canonical.text_of(columns, [row]).splitlines())
    return found


@given(st.integers(1_000_000_000_000, 9_999_999_999_999))
def test_a_time_comes_back_as_it_was(time_ms: int) -> None:
    assert time_of(iso_of(time_ms)) == time_of(str(time_ms)) == time_ms


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00Z", None),
        ("2024-05-01T12:00:00.1239Z", 1_714_564_800_123),
        ("2024-05-01 12:00:00.5+0000", 1_714_564_800_500),
        ("2024-05-01T12:00:60Z", None),
        ("24-05-01 12:00:00Z", None),
    ],
)
def test_times(text: str, time_ms: int | None) -> None:
    if time_ms is None:
        with pytest.raises(BadTime):
            time_of(text)
    else:
        assert time_of(text) == time_ms
