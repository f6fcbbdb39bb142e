"""The venue's documented answers: the recorded server prints what they print, and the plan reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from margincall.case.exports import link_of, started, starts
from margincall.case.plan import Known, Scope, plan, rows_of
from margincall.case.request import Answer
from tests.recorded import account as made

LATER = frozenset({"baseQty", "pair", "marginAsset", "modifyId", "deltaType"})
"""Keys that the venue has added since the samples were written, as its change log says."""


def sample(shared: Path, name: str) -> tuple[str, Any]:
    """Path and answer of a documented sample."""
    text = (shared / "api_samples" / "Endpoints-UsdFutures" / f"{name}.txt").read_text(encoding="utf-8")
    _, path, _, body = text.split("\n", 3)
    return path.strip(), json.loads(body)


@pytest.mark.parametrize(
    ("name", "path", "rows"),
    [
        ("Trading/GetUserTrades", "/fapi/v1/userTrades", made.usdm().trades),
        ("Trading/GetOrders", "/fapi/v1/allOrders", made.usdm().orders),
        ("Trading/GetForcedOrders", "/fapi/v1/forceOrders", made.usdm().forced),
        ("Trading/GetConditionalOrders", "/fapi/v1/allAlgoOrders", made.algo_orders()),
        ("Account/GetIncomeHistory", "/fapi/v1/income", made.usdm().income),
        ("Account/GetMarginChangeHistory", "/fapi/v1/positionMargin/history", made.usdm().margin),
        ("Account/GetBrackets", "/fapi/v1/leverageBracket", made.brackets(made.usdm())),
    ],
)
def test_recorded_rows_have_documented_keys(shared: Path, name: str, path: str, rows: list[dict[str, Any]]) -> None:
    """No key is made up, and each is of the documented JSON type."""
    found, documented = sample(shared, name)
    assert found == path
    example = documented[0] if isinstance(documented, list) else documented
    assert rows
    for row in rows[-3:]:
        assert row.keys() <= example.keys() | LATER
        kinds = {key: (type(row[key]), type(example[key])) for key in row.keys() & example.keys()}
        odd = {key: pair for key, pair in kinds.items() if pair[0] is not pair[1] and key not in ("tranId", "tradeId")}
        assert all(isinstance(example[key], int) and isinstance(row[key], float) for key in odd), odd


def test_the_plan_finds_symbols_and_events_in_documented_answers(shared: Path) -> None:
    """As if the venue answered with its samples."""
    answers = dict(
        sample(shared, name)
        for name in (
            "Trading/GetForcedOrders",
            "Account/GetIncomeHistory",
            "Trading/GetPositions",
            "Trading/GetOpenOrders",
        )
    )
    scope = Scope(market="fapi", until_ms=made.EVENT)
    known = Known(scope)
    talk = plan(scope, known)
    step = next(talk)
    try:
        while step.request.name != "allOrders":
            step = talk.send(Answer(200, json.dumps(answers.get(step.request.path, [])).encode()))
    except StopIteration:
        pytest.fail("no orders are asked for")
    assert "BTCUSDT" in known.symbols
    assert ("BTCUSDT", 1596107620044) in known.events


def test_documented_exports_are_understood(shared: Path) -> None:
    """Id and link."""
    path, answer = sample(shared, "Account/GetDownloadIdForTradeHistory")
    endpoint = next(each for each, _ in starts("fapi", made.EVENT) if each.path == path)
    export = started(endpoint, Answer(200, json.dumps(answer).encode()))
    assert export is not None
    assert export.link.identity == "/fapi/v1/trade/asyn/id?downloadId=546975389218332672"
    path, answer = sample(shared, "Account/GetDownloadLinkForTradeHistory")
    assert path == export.link.path
    assert link_of(Answer(200, json.dumps(answer).encode())) == "www.binance.com"
    assert rows_of(Answer(200, json.dumps(answer).encode())) == []
