"""The precedents: eligibility at each boundary, and the published amount where a formula was published.

Times, thresholds and amounts are written down here by hand, from the public pages, not read from the data.
"""

from datetime import UTC, datetime
from decimal import Decimal as D

import msgspec
import pytest
from msgspec import structs

from margincall.case.programmes import Programme, programmes, programmes_in
from margincall.case.programmes_check import (
    Closed,
    Occurrence,
    Range,
    Table,
    table,
)
from margincall.case.recover_facts import loss_in_window
from margincall.core.contract import Contract
from margincall.venues import elsewhere
from margincall.venues.registry import contract_of

COLLATERAL = "binance-collateral-2025-10-10"
TOGETHER = "binance-together-2025-10-14"
GUARANTEE = "binance-adl-2021-03-02"
UNTOLD = (GUARANTEE, "binance-2021-05-19", "binance-further-heads-2025-10-10")


def ms(text: str) -> int:
    """Milliseconds of an ISO time, UTC."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000


def named(name: str) -> Programme:
    """The programme of an id."""
    return next(each for each in programmes() if each.id == name)


def at(text: str, **more: object) -> Occurrence:
    """A liquidation at Binance at a time, known to the millisecond; all else as given."""
    time_ms = ms(text)
    plain = Occurrence(time_ms, time_ms, venue="Binance", product="usdm", base="BTC", closing="liquidation")
    return structs.replace(plain, **more)


def row(found: Table, asks: str) -> str:
    """How the condition of a kind came out."""
    return next(each.holds for each in found.rows if each.asks == asks)


HELD = {
    "mode": "multi-assets",
    "collateral": {"USDE": D(1000), "USDT": D(20)},
    "index_terms": {"USDE": D(-340)},
}


@pytest.mark.parametrize(
    ("time", "holds", "verdict"),
    [
        ("2025-10-10T21:35:00", "not met", "outside"),
        ("2025-10-10T21:35:59.999", "not met", "outside"),
        ("2025-10-10T21:36:00", "met", "inside"),
        ("2025-10-10T21:36:00.001", "met", "inside"),
        ("2025-10-10T22:15:59.999", "met", "inside"),
        ("2025-10-10T22:16:00", "cannot tell", "cannot tell"),
        ("2025-10-10T22:16:59.999", "cannot tell", "cannot tell"),
        ("2025-10-10T22:17:00", "not met", "outside"),
        ("2025-10-11T21:50:00", "not met", "outside"),
    ],
)
def test_the_window_of_the_collateral_programme(time: str, holds: str, verdict: str) -> None:
    """21:36 to 22:16 UTC; whether the minute 22:16 counts is not published."""
    found = table(named(COLLATERAL), at(time, **HELD))
    assert (row(found, "window"), found.verdict) == (holds, verdict)


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        ("2025-10-10T21:35:59", "2025-10-10T21:35:59.999", "not met"),
        ("2025-10-10T21:36:00", "2025-10-10T21:36:00.999", "met"),
        ("2025-10-10T21:35:59.500", "2025-10-10T21:36:00.499", "cannot tell"),
        ("2025-10-10T22:15:59.500", "2025-10-10T22:16:00.499", "cannot tell"),
        ("2025-10-10T00:00:00", "2025-10-10T21:35:59.999", "not met"),
        ("2025-10-10T00:00:00", "2025-10-11T00:00:00", "cannot tell"),
    ],
)
def test_a_coarse_stamp_on_the_edge_cannot_tell(first: str, last: str, holds: str) -> None:
    """The closing lies anywhere between two milliseconds."""
    found = at(first, latest_ms=ms(last), **HELD)
    assert row(table(named(COLLATERAL), found), "window") == holds


@pytest.mark.parametrize(
    ("changed", "asks", "holds", "verdict"),
    [
        ({"collateral": {"USDT": D(1000)}}, "collateral", "not met", "outside"),
        ({"collateral": {"USDT": D(1000)}, "is_whole": False}, "collateral", "cannot tell", "cannot tell"),
        ({"collateral": {"USDE": D(0), "USDT": D(1000)}}, "collateral", "not met", "outside"),
        ({"collateral": {"USDE": D("-5"), "USDT": D(1000)}}, "collateral", "not met", "outside"),
        ({"collateral": {"USDE": D("0.00000001")}}, "collateral", "met", "inside"),
        ({"collateral": {"BNSOL": D(1)}}, "collateral", "met", "inside"),
        ({"collateral": {"WBETH": D(1)}}, "collateral", "met", "inside"),
        ({"collateral": {"STETH": D(1)}}, "collateral", "not met", "outside"),
        ({"collateral": None}, "collateral", "cannot tell", "cannot tell"),
        ({"mode": "single-asset"}, "mode", "not met", "cannot tell"),
        ({"mode": "margin", "product": "margin"}, "mode", "met", "inside"),
        ({"mode": "portfolio margin"}, "mode", "met", "inside"),
        ({"mode": "loan", "product": "loan"}, "mode", "met", "inside"),
        ({"mode": ""}, "mode", "cannot tell", "cannot tell"),
        ({"index_terms": {"USDE": D("-0.01")}}, "marked_down", "met", "inside"),
        ({"index_terms": {"USDE": D(0)}}, "marked_down", "cannot tell", "cannot tell"),
        ({"index_terms": {"BTC": D(-900)}}, "marked_down", "cannot tell", "cannot tell"),
        ({"index_terms": None}, "marked_down", "cannot tell", "cannot tell"),
        ({"closing": "adl"}, "closing", "not met", "outside"),
        ({"closing": ""}, "closing", "cannot tell", "cannot tell"),
        ({"venue": "BitMEX"}, "venue", "not met", "outside"),
        ({"venue": ""}, "venue", "cannot tell", "cannot tell"),
        ({"product": "coinm"}, "product", "met", "inside"),
        ({"product": "options"}, "product", "not met", "outside"),
    ],
)
def test_collateral_mode_and_cause(changed: dict[str, object], asks: str, holds: str, verdict: str) -> None:
    """One condition changed at a time, from a case inside."""
    inside = at("2025-10-10T21:50:00", **HELD)
    found = table(named(COLLATERAL), structs.replace(inside, **changed))
    assert (row(found, asks), found.verdict) == (holds, verdict)


def test_what_nobody_can_tell_says_what_would_settle_it() -> None:
    """Every such row of every programme, of a closing of which nothing is known."""
    nothing = Occurrence(ms("2025-10-10T22:16:30"), ms("2025-10-10T22:16:30"))
    for each in programmes():
        for found in table(each, nothing).rows:
            assert bool(found.settled_by) == (found.holds == "cannot tell"), (each.id, found)


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({}, {"collateral USDE": None, "position BTCUSDT": None}),
        ({"USDE": D("0.9995")}, {"collateral USDE": D("339.50000000"), "position BTCUSDT": None}),
        ({"usde": D("0.9995")}, {"collateral USDE": D("339.50000000"), "position BTCUSDT": None}),
        ({"USDE": D("0.60")}, {"collateral USDE": D("60.00000000"), "position BTCUSDT": None}),
        ({"BTCUSDT": D("113000")}, {"collateral USDE": None, "position BTCUSDT": D("2500.00000000")}),
        ({"BTC": D("107999.99")}, {"collateral USDE": None, "position BTCUSDT": D("0.00500000")}),
    ],
)
def test_the_published_difference(given: dict[str, D], rows: dict[str, D | None]) -> None:
    """|liquidation price − market price at 2025-10-11 00:00 UTC| a unit, by hand: 1000 · (0.9995 − 0.66) = 339.5,
    1000 · (0.66 − 0.60) = 60; of a position of 0.5 closed at 108,000: 0.5 · 5,000 = 2,500, 0.5 · 0.01 = 0.005."""
    found = at("2025-10-10T21:50:00", **HELD, indices={"USDE": D("0.66")}, closed=half_a_bitcoin())
    told = table(named(COLLATERAL), found, given).by_formula
    assert {each.units: each.amount for each in told} == rows
    for each in told:
        assert bool(each.needs) == (each.amount is None)
        assert not each.needs or "2025-10-11 00:00 UTC" in each.needs


def half_a_bitcoin() -> Closed:
    """0.5 BTC closed at 108,000."""
    return Closed(contract_of("BTCUSDT"), D("0.5"), D(108_000))


def test_without_an_index_the_collateral_s_amount_is_not_told() -> None:
    """What is missing is named."""
    found = at("2025-10-10T21:50:00", **HELD)
    (told,) = table(named(COLLATERAL), found, {"USDE": D(1)}).by_formula
    assert told.amount is None
    assert "the index of USDE at the trigger" in told.needs


def test_outside_nothing_is_reckoned() -> None:
    """No figure where the case does not fit, whatever prices are given."""
    found = at("2025-10-10T21:35:59.999", **HELD, indices={"USDE": D("0.66")}, closed=half_a_bitcoin())
    assert table(named(COLLATERAL), found, {"USDE": D(1), "BTCUSDT": D(113_000)}).by_formula == ()


def test_bitmex_paid_the_difference_to_1183() -> None:
    """2017-04-15. Inverse: 10,000 contracts of 1 USD closed at 1,092: 10,000/1,092 − 10,000/1,183 = 0.70442378 XBT; a
    linear one of 2 at 1,100: 2 · 83 = 166."""
    inverse = elsewhere.contract("XBTUSD", "inverse", "XBT", "USD")
    day = at("2017-04-15T12:00:00", venue="BitMEX", product="", base="XBT", closed=Closed(inverse, D(10_000), D(1_092)))
    (told,) = table(named("bitmex-2017-04-15"), day).by_formula
    assert (told.amount, told.asset, told.reference) == (D("0.70442378"), "XBT", D("1183.00"))
    linear: Contract = elsewhere.contract("A", "linear", "A", "USD")
    (told,) = table(named("bitmex-2017-04-15"), structs.replace(day, closed=Closed(linear, D(2), D(1_100)))).by_formula
    assert told.amount == D(166)


def test_a_reference_of_one_coin_says_nothing_of_another() -> None:
    """1183.00 is a price of bitcoin. That the contract had to be one on it is inferred: so nobody can tell."""
    other = elsewhere.contract("ETHXBT", "linear", "ETH", "XBT")
    day = at("2017-04-15T12:00:00", venue="BitMEX", product="", base="ETH", closed=Closed(other, D(2), D("0.04")))
    found = table(named("bitmex-2017-04-15"), day)
    assert (row(found, "base"), found.verdict, found.by_formula) == ("not met", "cannot tell", ())


@pytest.mark.parametrize("name", sorted(each.id for each in programmes()))
def test_an_amount_only_where_a_formula_was_published(name: str) -> None:
    """Two of eleven have one."""
    assert (named(name).formula is not None) == (name in {COLLATERAL, "bitmex-2017-04-15"})


FULL = {"loss": Range(D(300), D(300)), "net_assets": D(1000), "compensated": False}


@pytest.mark.parametrize(
    ("time", "holds"),
    [
        ("2025-10-09T23:59:59.999", "not met"),
        ("2025-10-10T00:00:00", "met"),
        ("2025-10-11T23:58:59.999", "met"),
        ("2025-10-11T23:59:00", "cannot tell"),
        ("2025-10-11T23:59:59.999", "cannot tell"),
        ("2025-10-12T00:00:00", "not met"),
    ],
)
def test_the_window_of_the_vouchers(time: str, holds: str) -> None:
    """2025-10-10 00:00 to 2025-10-11 23:59 UTC."""
    found = table(named(TOGETHER), at(time, **FULL))
    assert row(found, "window") == holds
    assert found.verdict == {"met": "inside", "not met": "outside"}.get(holds, holds)


@pytest.mark.parametrize(
    ("loss", "net", "of_loss", "of_share", "verdict"),
    [
        ((D("49.99"), D("49.99")), D(100), "not met", "met", "outside"),
        ((D("50"), D("50")), D(100), "met", "met", "inside"),
        ((D("49.99"), D("50.01")), D(100), "cannot tell", "met", "cannot tell"),
        ((D("49.99"), None), D(100), "cannot tell", "met", "cannot tell"),
        ((D("50"), None), D(100), "met", "met", "inside"),
        ((D("299.90"), D("299.90")), D(1000), "met", "not met", "outside"),
        ((D("299.99999999"), D("299.99999999")), D(1000), "met", "not met", "outside"),
        ((D("300"), D("300")), D(1000), "met", "met", "inside"),
        ((D("299"), D("301")), D(1000), "met", "cannot tell", "cannot tell"),
        ((D("300"), D("300")), D(0), "met", "cannot tell", "cannot tell"),
        ((D("300"), D("300")), D("-1"), "met", "cannot tell", "cannot tell"),
        ((D("300"), D("300")), None, "met", "cannot tell", "cannot tell"),
        (None, D(1000), "cannot tell", "cannot tell", "cannot tell"),
    ],
)
def test_loss_and_its_share(
    loss: tuple[D, D | None] | None, net: D | None, of_loss: str, of_share: str, verdict: str
) -> None:
    """At least 50 USD, and at least 30 % of the net assets of 2025-10-09 23:59 UTC: 29.99 % is not enough."""
    told = {"loss": None if loss is None else Range(*loss), "net_assets": net, "compensated": False}
    found = table(named(TOGETHER), at("2025-10-10T21:20:00", **told))
    assert (row(found, "loss"), row(found, "loss_share"), found.verdict) == (of_loss, of_share, verdict)


def test_the_snapshot_is_named() -> None:
    """Without net assets the row says of which minute they are asked."""
    found = table(named(TOGETHER), at("2025-10-10T21:20:00", loss=Range(D(60), D(60))))
    asked = next(each for each in found.rows if each.asks == "loss_share")
    assert "30 %" in asked.criterion
    assert "2025-10-09 23:59 UTC" in asked.settled_by


@pytest.mark.parametrize(
    ("compensated", "holds", "verdict"),
    [(False, "met", "inside"), (True, "not met", "outside"), (None, "cannot tell", "cannot tell")],
)
def test_who_was_compensated_already_is_out(compensated: bool | None, holds: str, verdict: str) -> None:
    """Excluded from the vouchers."""
    found = table(named(TOGETHER), at("2025-10-10T21:20:00", **{**FULL, "compensated": compensated}))
    assert (row(found, "not_compensated"), found.verdict) == (holds, verdict)


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"time": "2021-03-01T09:59:59.999"}, "outside"),
        ({"time": "2021-03-01T10:00:00"}, "cannot tell"),
        ({"time": "2021-03-04T00:00:00"}, "cannot tell"),
        ({"closing": "liquidation"}, "outside"),
        ({"closing": ""}, "cannot tell"),
        ({"base": "SOL"}, "outside"),
        ({"base": "BNB"}, "cannot tell"),
        ({"product": "coinm"}, "outside"),
    ],
)
def test_the_guarantee_against_deleveraging(changed: dict[str, str], verdict: str) -> None:
    """BTC, ETH and BNB, USDⓈ-M, by deleveraging, since 2021-03-02 (in the first time zone its day begins at 10:00 UTC
    of the day before). The open interest of that moment no file of an account tells."""
    time = changed.get("time", "2022-01-01T00:00:00")
    rest = {name: value for name, value in changed.items() if name != "time"}
    found = table(named(GUARANTEE), at(time, **{"closing": "adl", **rest}))
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("time", "holds"),
    [("2021-03-03T11:59:59.999", "cannot tell"), ("2021-03-03T12:00:00", "met")],
)
def test_a_day_without_an_hour_begins_in_every_zone(time: str, holds: str) -> None:
    """In the last time zone the day ends at noon UTC of the next."""
    assert row(table(named(GUARANTEE), at(time, closing="adl")), "since") == holds


@pytest.mark.parametrize(
    ("name", "venue", "base", "day"),
    [
        ("bitmex-2017-04-15", "BitMEX", "XBT", "2017-04-15"),
        ("gdax-2017-06-21", "Coinbase", "ETH", "2017-06-21"),
        ("gdax-2017-06-21", "GDAX", "ETH", "2017-06-21"),
        ("deribit-2019-10-31", "Deribit", "BTC", "2019-10-31"),
        ("bitmex-2020-02-14", "BitMEX", "XRP", "2020-02-14"),
        ("bitmex-2020-03-13", "BitMEX", "ETH", "2020-03-13"),
        ("binance-2021-05-19", "Binance", "BTC", "2021-05-19"),
    ],
)
def test_precedents_of_which_only_the_day_is_known(name: str, venue: str, base: str, day: str) -> None:
    """On the day, in any time zone, nobody can tell; before 10:00 UTC of the day before, and from noon UTC of the next
    on, it is outside."""
    before, after = {
        "2017-04-15": ("2017-04-14", "2017-04-16"),
        "2017-06-21": ("2017-06-20", "2017-06-22"),
        "2019-10-31": ("2019-10-30", "2019-11-01"),
        "2020-02-14": ("2020-02-13", "2020-02-15"),
        "2020-03-13": ("2020-03-12", "2020-03-14"),
        "2021-05-19": ("2021-05-18", "2021-05-20"),
    }[day]
    times = {
        f"{before}T09:59:59.999": "outside",
        f"{before}T10:00:00": "cannot tell",
        f"{day}T13:00:00": "cannot tell",
        f"{after}T11:59:59.999": "cannot tell",
        f"{after}T12:00:00": "outside",
    }
    verdicts = {each: table(named(name), at(each, venue=venue, base=base)).verdict for each in times}
    assert verdicts == times
    assert table(named(name), at(f"{day}T13:00:00", venue="Kraken", base=base)).verdict == "outside"


def test_another_contract_is_outside_a_precedent_of_one() -> None:
    """XRPUSD of 2020-02-14 and ETHUSD of 2020-03-13."""
    for name, day in (("bitmex-2020-02-14", "2020-02-14"), ("bitmex-2020-03-13", "2020-03-13")):
        assert table(named(name), at(f"{day}T12:00:00", venue="BitMEX", base="XBT")).verdict == "outside"


def test_closed_ones_are_called_closed_and_none_is_open() -> None:
    """As of the sources: of three nobody can tell, all others are closed; refused and report say that nothing is paid.
    No closed one is called closed before a day by which the sources tell it as over."""
    status = {each.id: each.status for each in programmes()}
    assert {name: each for name, each in status.items() if each != "closed"} == dict.fromkeys(UNTOLD, "unknown")
    for each in programmes():
        assert ("nothing can be claimed" in each.claim) == (each.kind in ("refused", "report"))
        assert (each.closed_since != "") == (each.status == "closed")
        if each.closed_since:
            assert each.closed_since >= each.day
            assert each.status_on(each.closed_since) == "closed"
            assert each.closed_since == each.day or each.status_on(each.day) == "unknown"
        assert each.source
        assert each.why_status
    assert len(status) == 11


def test_a_mistake_in_the_data_is_refused() -> None:
    """An unknown kind of condition, a misspelt key, a missing one."""
    good = """[[programme]]
id = "a"
name = "A"
day = "2026-01-01"
kind = "offer"
status = "open"
why_status = "it says so"
remedy = "x"
source = "y"
confidence = "press"
criteria = [{asks = "venue", names = ["A"]}]
"""
    assert programmes_in(good)[0].venue == "A"
    for wrong in ('asks = "moon"', 'asks = "venue", name = ["A"]', 'asks = "day"'):
        with pytest.raises(msgspec.ValidationError):
            programmes_in(good.replace('asks = "venue", names = ["A"]', wrong))
    with pytest.raises(msgspec.ValidationError):
        programmes_in(good.replace('status = "open"', 'status = "maybe"'))


def test_losses_that_may_count_widen_the_range() -> None:
    """Sure: 100. Perhaps in the window (its last minute), or perhaps no liquidation: 40 each, or not. Outside, or a
    deleveraging: not. One without an upper end leaves none; one without a known loss leaves everything open."""
    sure = at("2025-10-10T12:00:00", loss=Range(D(100), D(110)))
    edge = at("2025-10-11T23:59:30", loss=Range(D(40), D(40)))
    perhaps = at("2025-10-10T12:00:00", loss=Range(D(40), D(40)), closing="")
    outside = at("2025-10-12T00:00:00", loss=Range(D(900), D(900)))
    adl = at("2025-10-10T12:00:00", loss=Range(D(900), D(900)), closing="adl")
    vouchers = named(TOGETHER)
    assert loss_in_window(vouchers, [sure, edge, perhaps, outside, adl]) == Range(D(100), D(190))
    assert loss_in_window(vouchers, [sure, structs.replace(sure, loss=Range(D(1), None))]) == Range(D(101), None)
    assert loss_in_window(vouchers, [sure, structs.replace(edge, loss=None)]) is None
    assert loss_in_window(vouchers, [sure, structs.replace(outside, loss=None)]) == Range(D(100), D(110))
