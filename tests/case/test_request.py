"""Signing as the venue documents it, and what of a request is kept."""

import pytest

from margincall.case.keys import Credentials
from margincall.case.request import Request, error_of, file_name, query, signed_query

DOCUMENTED = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
KEY = Credentials("dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83", DOCUMENTED)
STAMP = 1591702613943
ORDER = (
    ("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("quantity", "1"), ("price", "9000"),
    ("timeInForce", "GTC"),
)  # fmt: skip


def test_the_documented_query_has_the_documented_signature() -> None:
    """The first example of the documentation, parameter for parameter; the signature comes last."""
    text = signed_query(Request("fapi", "/fapi/v1/order", ORDER), KEY, STAMP, 5000)
    assert text == (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        f"&timestamp={STAMP}&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    )


@pytest.mark.parametrize(
    ("space", "signature"),
    [
        (" ", "f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2"),
        ("", "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4"),
    ],
)
def test_the_mixed_example_holds_with_its_stray_space_only(space: str, signature: str) -> None:
    """The second example was published with a space in the time stamp; without it the signature is another."""
    payload = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
        f"quantity=1&price=9000&recvWindow=5000&timestamp={space}{STAMP}"
    )
    assert KEY.signature(payload) == signature


def test_what_identifies_a_request_holds_neither_time_nor_signature() -> None:
    """Path and parameters as sent; names of other scripts are percent-encoded."""
    request = Request("fapi", "/fapi/v1/allOrders", (("symbol", "币安人生USDT"), ("limit", "1000")))
    assert request.identity == "/fapi/v1/allOrders?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&limit=1000"
    assert Request("fapi", "/fapi/v3/account").identity == "/fapi/v3/account"
    assert query(()) == ""


@pytest.mark.parametrize(
    ("path", "params", "name"),
    [
        ("/fapi/v3/positionRisk", {}, "positionRisk-v3.json"),
        ("/fapi/v1/positionMargin/history", {"symbol": "BTCUSDT"}, "positionMargin.history-BTCUSDT.json"),
        ("/fapi/v1/allOrders", {"symbol": "A", "startTime": "1", "endTime": "2", "limit": "9"}, "allOrders-A-1-2.json"),
        ("/fapi/v1/income", {"startTime": "1", "endTime": "2", "page": "3"}, "income-1-2-page3.json"),
        ("/fapi/v1/userTrades", {"symbol": "A", "fromId": "7"}, "userTrades-A-from7.json"),
        (
            "/fapi/v1/markPriceKlines",
            {"symbol": "BTCUSDT", "interval": "1m", "startTime": "1780000000000", "endTime": "1780000600000"},
            "markPriceKlines-BTCUSDT-1m-1780000000000.json",
        ),
        (
            "/fapi/v1/indexPriceKlines",
            {"pair": "B", "interval": "1m", "startTime": "1"},
            "indexPriceKlines-B-1m-1.json",
        ),
        ("/fapi/v1/leverageBracket", {}, "leverageBracket-2026-05-28.json"),
        ("/dapi/v2/leverageBracket", {}, "leverageBracket-v2-2026-05-28.json"),
    ],
)
def test_files_are_called_after_what_they_hold(path: str, params: dict[str, str], name: str) -> None:
    """Candles name symbol, interval and first minute; bracket tables the day on which they were seen."""
    assert file_name(Request("fapi", path, tuple(params.items())), "2026-05-28") == name


def test_the_venues_error_is_read_and_anything_else_is_none() -> None:
    """`code` may be text, as in some answers."""
    assert error_of(b'{"code":-2015,"msg":"no"}').code == -2015
    assert error_of(b'{"code":"-1021","msg":"no"}').code == -1021
    assert error_of(b"[]").code == 0
    assert error_of(b"<html>").code == 0
