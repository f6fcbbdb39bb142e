"""What is asked, in which order, and how long lists are asked on."""

import json
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest

from margincall.case import endpoints as venue
from margincall.case.endpoints import CANDLES_MAX, Market
from margincall.case.exports import ending, link_of, started, starts
from margincall.case.plan import MINUTE_MS, Known, Scope, halved, plan, trades, windows
from margincall.case.request import Answer, Request, file_name
from margincall.case.retention import RULES
from margincall.wire.durations import DAY_MS

NOW = 1_780_003_680_000
Rows = list[dict[str, object]]


def answer(rows: object) -> Answer:
    return Answer(200, json.dumps(rows).encode())


def talk(scope: Scope, reply: Callable[[Request], Answer | None]) -> tuple[list[Request], Known]:
    """Everything that is asked, if the venue answers like that."""
    known, asked = Known(scope), []
    steps = plan(scope, known)
    try:
        step = next(steps)
        while True:
            asked.append(step.request)
            step = steps.send(reply(step.request))
    except StopIteration:
        return asked, known


def empty(request: Request) -> Answer:
    return answer([])


def names(asked: Iterable[Request]) -> list[str]:
    return list(dict.fromkeys(request.name for request in asked))


def test_the_present_comes_first_then_what_expires_first() -> None:
    """The state as it is now; the lists that name the symbols; then in order of expiry; public data last."""
    asked, _ = talk(Scope(market="fapi", until_ms=NOW, symbols=("BTCUSDT",), events=(NOW - DAY_MS,)), empty)
    assert names(asked) == [
        "positionRisk-v3", "account-v3", "openOrders", "openAlgoOrders", "positionRisk-v2", "account-v2", "balance-v3",
        "accountConfig", "symbolConfig", "multiAssetsMargin", "positionSide.dual", "leverageBracket", "exchangeInfo",
        "forceOrders", "income", "allOrders", "allAlgoOrders", "positionMargin.history", "userTrades", "commissionRate",
        "fundingRate", "markPriceKlines", "indexPriceKlines", "klines",
    ]  # fmt: skip


def test_coin_m_is_asked_for_what_it_has() -> None:
    """No algo orders, no multi-assets mode; brackets by symbol; the pair of an index without its suffix."""
    asked, _ = talk(Scope(market="dapi", until_ms=NOW, symbols=("BTCUSD_PERP",), events=(NOW,)), empty)
    assert names(asked) == [
        "openOrders", "positionRisk", "account", "balance", "positionSide.dual", "leverageBracket-v2", "exchangeInfo",
        "forceOrders", "income", "allOrders", "positionMargin.history", "userTrades", "commissionRate", "fundingRate",
        "markPriceKlines", "indexPriceKlines", "klines",
    ]  # fmt: skip
    assert {request.param("pair") for request in asked if request.name == "indexPriceKlines"} == {"BTCUSD"}
    assert all(request.path.startswith("/dapi/") and request.host == "dapi" for request in asked)


@pytest.mark.parametrize("market", ["fapi", "dapi"])
def test_every_endpoint_has_a_rule_of_retention_and_every_rule_an_endpoint(market: Market) -> None:
    """The two tables name the same things."""
    both = {name for each in ("fapi", "dapi") for name in venue.evidence(each)}
    assert set(venue.evidence(market)) <= set(RULES)
    assert both == set(RULES)


@pytest.mark.parametrize("market", ["fapi", "dapi"])
def test_windows_cover_all_that_may_be_kept_without_gap_or_overlap(market: Market) -> None:
    """The newest first, none longer than the venue allows."""
    scope = Scope(market=market, until_ms=NOW)
    for group in (venue.ALL_ORDERS, venue.USER_TRADES, venue.INCOME, venue.FORCE_ORDERS, venue.MARGIN_HISTORY):
        for endpoint in venue.of(market, group):
            found = windows(scope, endpoint)
            assert found[0][1] == NOW
            assert all(end - start < endpoint.window_days * DAY_MS for start, end in found)
            assert all(later[0] == earlier[1] + 1 for later, earlier in pairwise(found))
            kept = 30 if endpoint.name.startswith("positionMargin") else 89
            assert found[-1][0] <= NOW - kept * DAY_MS + 1


def test_no_two_requests_of_a_plan_are_the_same_or_share_a_file() -> None:
    """What identifies a request, and the name of its file, are its own."""
    symbols = ("BTCUSDT", "ETHUSDT", "币安人生USDT", "BTCUSDT_260626")
    asked, _ = talk(Scope(market="fapi", until_ms=NOW, symbols=symbols, events=(NOW - DAY_MS, NOW - 9 * DAY_MS)), empty)
    files = [file_name(request, "2026-05-28").lower() for request in asked]
    assert len({request.identity for request in asked}) == len(asked) == len(set(files))


def test_symbols_and_events_are_found_in_the_answers() -> None:
    """In positions, open orders, forced orders and income; a position of zero names nothing."""

    def reply(request: Request) -> Answer:
        newest = request.param("endTime") == str(NOW)
        rows: dict[str, object] = {
            "positionRisk-v3": [{"symbol": "AUSDT", "positionAmt": "1"}],
            "positionRisk-v2": [
                {"symbol": "ZEROUSDT", "positionAmt": "0.000"}, {"symbol": "../../x", "positionAmt": "1"},
            ],
            "openOrders": [{"symbol": "BUSDT"}],
            "account-v3": {"positions": [{"symbol": "CUSDT", "positionAmt": "-2"}], "assets": []},
            "forceOrders": [{"symbol": "DUSDT", "time": NOW - DAY_MS}] if newest else [],
            "income": [
                {"symbol": "EUSDT", "incomeType": "COMMISSION", "time": NOW - 1},
                {"symbol": "", "incomeType": "INSURANCE_CLEAR", "time": NOW - 5 * DAY_MS},
                {"symbol": "FUSDT", "incomeType": "INSURANCE_CLEAR", "time": "soon"},
            ] if newest else [],
        }  # fmt: skip
        return answer(rows.get(request.name, []))

    asked, known = talk(Scope(market="fapi", until_ms=NOW), reply)
    assert list(known.symbols) == ["AUSDT", "CUSDT", "BUSDT", "DUSDT", "EUSDT", "FUSDT"]
    assert list(known.events) == [("DUSDT", NOW - DAY_MS), ("", NOW - 5 * DAY_MS)]
    marks = {(r.param("symbol"), int(r.param("startTime"))) for r in asked if r.name == "markPriceKlines"}
    assert {symbol for symbol, _ in marks} == set(known.symbols)
    index = [request.param("pair") for request in asked if request.name == "indexPriceKlines"]
    assert index.count("DUSDT") == 2
    assert index.count("AUSDT") == 1


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1,2]", b'{"positions":5}', b"null", b'[{"symbol":5}]'])
def test_answers_that_are_nothing_give_nothing(body: bytes) -> None:
    """A server that misbehaves ends nothing."""
    asked, known = talk(Scope(market="fapi", until_ms=NOW), lambda request: Answer(200, body))
    assert not known.symbols
    assert asked
    assert talk(Scope(market="fapi", until_ms=NOW), lambda request: None)[0] == asked


def test_the_index_of_assets_is_asked_in_multi_assets_mode() -> None:
    """As the account says."""

    def reply(request: Request) -> Answer:
        return answer({"multiAssetsMargin": True} if request.name == "multiAssetsMargin" else [])

    assert "assetIndex" in names(talk(Scope(market="fapi", until_ms=NOW), reply)[0])
    assert "assetIndex" not in names(talk(Scope(market="fapi", until_ms=NOW), empty)[0])


@pytest.mark.parametrize("newest", [True, False])
def test_a_full_list_is_halved_until_nothing_is_cut(newest: bool) -> None:
    """Whichever end the venue cuts: every row arrives."""
    (endpoint,) = venue.of("fapi", venue.FORCE_ORDERS)
    rows: Rows = [{"orderId": number, "time": 1000 + number * 7} for number in range(1234)]
    seen: Rows = []
    asking = halved(endpoint, "", (0, 100_000), seen)
    count = 1
    request = next(asking)
    try:
        while True:
            start, end = int(request.param("startTime")), int(request.param("endTime"))
            there = [row for row in rows if start <= int(str(row["time"])) <= end]
            request = asking.send(answer(there[-100:] if newest else there[:100]))
            count += 1
    except StopIteration:
        pass
    assert {int(str(row["orderId"])) for row in seen} == set(range(1234))
    assert count < 80


def test_a_list_full_within_one_millisecond_ends() -> None:
    """There is nothing left to halve."""
    (endpoint,) = venue.of("fapi", venue.FORCE_ORDERS)
    asking = halved(endpoint, "", (5, 5))
    next(asking)
    with pytest.raises(StopIteration):
        asking.send(answer([{}] * 100))


def test_trades_go_on_from_the_last_one() -> None:
    """With `fromId` alone, until an answer is not full or passes the window."""
    (endpoint,) = venue.of("fapi", venue.USER_TRADES)
    asking = trades(endpoint, "BTCUSDT", (0, 5000))
    first = next(asking)
    assert (first.param("startTime"), first.param("fromId")) == ("0", "")
    second = asking.send(answer([{"id": number, "time": 10} for number in range(1000)]))
    assert dict(second.params) == {"symbol": "BTCUSDT", "fromId": "1000", "limit": "1000"}
    with pytest.raises(StopIteration):
        asking.send(answer([{"id": number, "time": 6000} for number in range(1000, 2000)]))


def test_a_venue_that_repeats_its_trades_does_not_hold_us_for_ever() -> None:
    """The id must grow."""
    (endpoint,) = venue.of("fapi", venue.USER_TRADES)
    asking = trades(endpoint, "BTCUSDT", (0, 5000))
    next(asking)
    asking.send(answer([{"id": 7, "time": 10}] * 1000))
    with pytest.raises(StopIteration):
        asking.send(answer([{"id": 7, "time": 10}] * 1000))


def test_candles_lie_around_the_event_and_are_joined_where_they_meet() -> None:
    """Two hours on each side; a second event an hour later widens the span; weights as documented."""
    events = (NOW - DAY_MS, NOW - DAY_MS + 60 * MINUTE_MS, NOW - 1)
    scope = Scope(market="fapi", until_ms=NOW, symbols=("BTCUSDT",), events=events)
    asked = [request for request in talk(scope, empty)[0] if request.name == "markPriceKlines"]
    spans = [(int(each.param("startTime")), int(each.param("limit")), each.weight) for each in asked]
    day_before = (NOW - DAY_MS) // MINUTE_MS * MINUTE_MS
    assert spans == [
        (day_before - 120 * MINUTE_MS, 301, 2),
        ((NOW - 1) // MINUTE_MS * MINUTE_MS - 120 * MINUTE_MS, 122, 2),
    ]
    assert all(
        int(each.param("endTime")) - int(each.param("startTime")) + 1 == int(each.param("limit")) * MINUTE_MS
        for each in asked
    )


def test_long_spans_are_cut_into_what_one_request_may_hold() -> None:
    """A day on each side."""
    scope = Scope(market="fapi", until_ms=NOW, symbols=("A",), events=(NOW - 9 * DAY_MS,), around_minutes=1440)
    limits = [int(r.param("limit")) for r in talk(scope, empty)[0] if r.name == "markPriceKlines"]
    assert limits == [CANDLES_MAX, CANDLES_MAX, 881]


def test_exports_cover_a_year_that_is_over() -> None:
    """Three of the five that a month allows."""
    found = starts("fapi", NOW)
    assert [request.name for _, request in found] == ["order.asyn", "trade.asyn", "income.asyn"]
    for _, request in found:
        assert int(request.param("endTime")) < NOW
        assert int(request.param("endTime")) - int(request.param("startTime")) < 365 * DAY_MS


def test_an_export_is_known_by_its_id() -> None:
    """An id that cannot stand in a file's name starts nothing."""
    endpoint, _ = starts("fapi", NOW)[0]
    export = started(endpoint, answer({"avgCostTimestampOfLast30d": 1, "downloadId": "54592"}))
    assert export is not None
    assert export.link.identity == "/fapi/v1/order/asyn/id?downloadId=54592"
    assert export.file == "order.asyn-54592"
    for odd in ({"downloadId": "../x"}, {}, [], {"downloadId": None}):
        assert started(endpoint, answer(odd)) is None
    assert started(endpoint, None) is None


def test_the_link_counts_when_the_export_is_completed() -> None:
    """Not before."""
    done = {"downloadId": "1", "status": "completed", "url": "https://x.test/f?sig=secret", "isExpired": None}
    assert link_of(answer(done)) == "https://x.test/f?sig=secret"
    assert link_of(answer({**done, "status": "processing", "url": ""})) == ""
    assert link_of(Answer(200, b"<html>")) == ""


def test_the_ending_of_a_download_follows_its_bytes() -> None:
    """Zip, gzip, else text."""
    assert [ending(b"PK\x03\x04"), ending(b"\x1f\x8b\x08"), ending(b"a,b")] == [".zip", ".gz", ".csv"]
