"""The file format of bracket tables."""

from decimal import Decimal

import pytest
from msgspec import Raw

from margincall.core.brackets import Bracket
from margincall.venues.sheets import BrokenSheet, Sheet, dated_tables, encode_rows, read_sheets, write_sheets

ROWS = (
    Bracket(1, Decimal(0), Decimal("5000"), Decimal("0.0100"), Decimal(0), 50),
    Bracket(2, Decimal(5000), Decimal(25000), Decimal("0.025"), Decimal(75), None),
)


def sheet(rows: Raw) -> Sheet:
    return Sheet("2022-11-25", "a test", "binance_usdm", {"IOTAUSDT": rows}, coefficients={"IOTAUSDT": Decimal("1.5")})


def test_what_is_written_is_read_to_the_digit() -> None:
    (dated,) = dated_tables(read_sheets(write_sheets([sheet(encode_rows(ROWS))])))
    assert dated.table.rows == ROWS
    assert str(dated.table.rows[0].rate) == "0.0100"
    assert dated.table.coefficient == Decimal("1.5")
    assert dated.table.name == "binance_usdm 2022-11-25"


@pytest.mark.parametrize(
    "data", [b"", b"[", b"{}", b'[{"as_of": "2022-11-25"}]', b'[{"as_of":"","source":"","venue":"","tables":{},"x":1}]']
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenSheet):
        read_sheets(data)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (b"[]", "no rows"),
        (b'[["0","5000","0.01","0"]]', "length"),
        (b'[["0","NaN","0.01","0",50]]', "not finite"),
        (b'[["0","x","0.01","0",50]]', "decimal"),
        (b'[["0","5000","0.01","0",50],["5000","25000","0.025","76",20]]', "row 2: cum 76 breaks the recurrence"),
    ],
)
def test_an_unsound_table_is_never_loaded(rows: bytes, message: str) -> None:
    with pytest.raises(BrokenSheet, match=message):
        list(dated_tables([sheet(Raw(rows))]))
