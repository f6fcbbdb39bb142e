"""The recorded depth and the ladders made of it."""

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margincall.exchange.book import Book, OrderId, Resting, Side
from margincall.exchange.liquidity import RECORDED, Band, Profile, Quote, ladder
from tools.depth_profile import Moment, measured, messages_of, replay, sample, samples

ONE, TWO = Decimal(1), Decimal(2)
FLAT = Profile("made up", ONE, TWO, (Band(TWO, ONE, TWO), Band(Decimal(10), Decimal(3), ONE)))


def test_depth_is_the_sum_of_bands() -> None:
    assert [FLAT.depth("BUY", Decimal(each)) for each in ("0", "1", "2", "3", "10", "99")] == [0, 1, 2, 5, 26, 26]
    assert FLAT.depth("SELL", Decimal(10)) == 12
    assert FLAT.reach_bps == 10


def quotes(
    profile: Profile, mid: str, seed: int, *, tick: str = "0.1", lot: str = "0.001", levels: int = 20
) -> list[Quote]:
    units = {"tick": Decimal(tick), "lot": Decimal(lot)}
    return ladder(profile, Decimal(mid), **units, scale=Decimal(1_000_000), levels=levels, rng=Random(seed))


MIDS = st.decimals(min_value=1, max_value=100_000, places=3)
UNITS = st.sampled_from(["0.0001", "0.01", "1"])


@given(MIDS, st.integers(), UNITS, UNITS, st.integers(1, 60))
def test_a_ladder_rests_without_crossing(mid: Decimal, seed: int, tick: str, lot: str, levels: int) -> None:
    book = Book()
    found = quotes(RECORDED, str(mid), seed, tick=tick, lot=lot, levels=levels)
    for number, (side, ticks, lots) in enumerate(found):
        book.add(Resting(id=OrderId(number), owner="maker", side=side, ticks=ticks, lots=lots))
        price = ticks * Decimal(tick)
        assert price < mid if side == "BUY" else price > mid
        reach = mid * RECORDED.reach_bps / 10_000 + Decimal(tick)
        assert abs(price - mid) <= reach
    assert sum(side == "BUY" for side, _, _ in found) <= levels
    assert found == quotes(RECORDED, str(mid), seed, tick=tick, lot=lot, levels=levels)


@given(st.integers(), st.integers(1, 100), st.sampled_from(["BUY", "SELL"]))
def test_a_side_holds_the_depth_of_the_profile(seed: int, levels: int, side: Side) -> None:
    found = [each for each in quotes(RECORDED, "61800.25", seed, levels=levels) if each[0] == side]
    notional = sum(ticks * lots for _, ticks, lots in found) * Decimal("0.0001")
    wanted = RECORDED.depth(side, RECORDED.reach_bps) * 1_000_000
    # Less than a lot is left, at prices up to 5 % away from the one at which it was owed.
    assert abs(notional - wanted) <= Decimal("0.001") * 65_000


def test_prices_lie_closer_near_the_mid_and_depth_follows_the_profile() -> None:
    found = quotes(RECORDED, "61800.25", 5, levels=100)
    asks = [(ticks, lots) for side, ticks, lots in found if side == "SELL"]
    assert [ticks for ticks, _ in asks] == sorted(ticks for ticks, _ in asks)
    assert asks[0][0] - 618_002 <= 5
    mid = Decimal("61800.25")
    for bps in (20, 50, 100, 200):
        worst = mid * (1 + Decimal(bps) / 10_000)
        resting = sum((t * n * Decimal("0.0001") for t, n in asks if t * Decimal("0.1") <= worst), Decimal(0))
        assert resting / 1_000_000 == pytest.approx(RECORDED.depth("SELL", Decimal(bps)), rel=Decimal("0.12"))


def test_a_coarse_tick_gives_the_nearest_prices_outside() -> None:
    found = quotes(FLAT, "10", 1, tick="1", levels=3)
    assert {(side, ticks) for side, ticks, _ in found} == {("BUY", 9), ("SELL", 11)}
    assert [side for side, _, _ in quotes(FLAT, "1", 1, tick="1", levels=3)] == ["SELL"] * 3


# --- the stream -------------------------------------------------------------------------------------------


def update(first: int, last: int, previous: int, **sides: list[list[str]]) -> dict[str, Any]:
    data = {"e": "depthUpdate", "T": last * 1000, "U": first, "u": last, "pu": previous, "b": [], "a": [], **sides}
    return {"stream": "x@depth", "data": data}


def snapshot(last: int) -> dict[str, Any]:
    return {"lastUpdateId": last, "T": last, "bids": [["99", "1"], ["98", "2"]], "asks": [["101", "3"]]}


def seen(messages: list[dict[str, Any]]) -> list[int]:
    return [each.update for each in replay(messages)]


def test_the_chain_of_updates() -> None:
    old, containing, after = update(1, 4, 0), update(5, 8, 4), update(9, 12, 8)
    # What ended before the snapshot is dropped, the first one must contain its id, whether it came before or after.
    assert seen([old, containing, snapshot(6), after]) == [8, 12]
    assert seen([old, snapshot(6), containing, after]) == [8, 12]
    assert seen([snapshot(6), old, containing, after]) == [8, 12]
    assert seen([old, containing, after]) == []
    # An update is missing: nothing until another snapshot.
    assert seen([snapshot(6), after, update(13, 14, 12)]) == []
    lost = [snapshot(6), containing, update(11, 12, 10), update(13, 14, 12)]
    assert seen([*lost, update(15, 16, 14)]) == [8]
    assert seen([*lost, snapshot(13), update(15, 16, 14)]) == [8, 14, 16]


def test_an_update_sets_sizes_and_zero_removes() -> None:
    (moment,) = replay([snapshot(6), update(5, 8, 4, b=[["99", "0.000"], ["97", "5"]], a=[["101", "4"], ["105", "0"]])])
    assert moment.bids == {Decimal(98): Decimal(2), Decimal(97): Decimal(5)}
    assert moment.asks == {Decimal(101): Decimal(4)}
    assert (moment.best, moment.low, moment.high) == ((98, 101), 98, 101)


def test_a_sample_is_notional_per_basis_point() -> None:
    d = Decimal
    bids, asks = {d("9999"): d(2), d("9998.5"): d(4)}, {d("10001"): d(3), d("10004"): d(1)}
    found = sample(Moment(0, 0, bids, asks, d("9998"), d("10002")))
    # The mid is 10000: one basis point is 1. Bands end at 1, 2, 3, 5, …
    assert found.bands[0] == (2 * 9999, 3 * 10001, True)
    assert found.bands[1] == (4 * d("9998.5"), 0, True)
    assert found.bands[3] == (0, d(10004) / 2, False)


def test_the_recorded_profile_is_that_of_the_recording(shared: Path) -> None:
    found = list(samples(replay(messages_of(shared / "order_book_stream" / "binance-usdm-btcusdt-20240808.gz"))))
    assert len(found) == 335
    assert measured(found, RECORDED.source) == RECORDED


def test_the_replayed_book_agrees_with_every_recorded_best_price(shared: Path) -> None:
    path = shared / "order_book_stream" / "binance-usdm-btcusdt-20240808.gz"
    messages = (each for number, each in enumerate(messages_of(path)) if number < 25_000)
    tickers: dict[int, tuple[Decimal, ...]] = {}

    def watched() -> Any:
        for each in messages:
            data = each.get("data", {})
            if data.get("e") == "bookTicker":
                tickers[data["u"]] = tuple(Decimal(data[key]) for key in "bBaA")
            yield each

    compared = 0
    for moment in replay(watched()):
        if ticker := tickers.get(moment.update):
            bid, ask = moment.best
            assert (bid, moment.bids[bid], ask, moment.asks[ask]) == ticker
            compared += 1
    assert compared > 100
