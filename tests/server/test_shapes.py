"""Every answer and every stream that has a sample of the venue's: key by key, type by type, and none forgotten."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from margincall.server.answers.table import ROUTES
from margincall.server.routing import Table
from tests.server import deviations
from tests.server.account_desk import TODAY, Desk
from tests.server.comparison import (
    ENDPOINTS,
    STREAMS,
    differences,
    endpoint_sample,
    names,
    stream_sample,
)
from tests.server.shape_scenes import BEFORE_ALGO, BTC, ENDPOINT_CASES, TRAILING, bare, opened, plain
from tests.server.stream_scenes import STREAM_CASES, StreamCase, played, traded

Scenes = Callable[[str], Desk]
LIKE: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "GET /fapi/v2/balance": ("GET", "/fapi/v3/balance", {}),
    "GET /fapi/v1/rpiDepth": ("GET", "/fapi/v1/depth", BTC),
    "GET /fapi/v1/ticker/price": ("GET", "/fapi/v2/ticker/price", BTC),
}
"""Routes without a sample of their own, and whose answer theirs is like."""


RECORDED, RECORDED_ON, MANY = "order_book_stream/binance-usdm-btcusdt-20240808.gz", "2024-08-08", 5_000


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenes]:
    """The scene of a sample's case; one that cases leave as it was is set up once."""
    kept: dict[object, Desk] = {}
    made: list[Desk] = []

    def found(name: str) -> Desk:
        case = ENDPOINT_CASES[name]
        key = (case.scene, case.date)
        if case.scene is bare or key not in kept:
            kept[key] = opened(tmp_path_factory.mktemp("scene"), case)
            made.append(kept[key])
        return kept[key]

    yield found
    for desk in made:
        desk.__exit__()


@pytest.mark.parametrize("name", ENDPOINT_CASES)
def test_an_answer_has_the_shape_of_its_sample(scenes: Scenes, shared: Path, name: str) -> None:
    sample = endpoint_sample(shared, name)
    told = ENDPOINT_CASES[name].ask(scenes(name), sample.method, sample.path)
    assert differences(told, sample.told) == deviations.ENDPOINTS.get(name, {}).keys()


@pytest.mark.parametrize("name", STREAM_CASES)
def test_a_message_has_the_shape_of_its_sample(tmp_path: Path, shared: Path, name: str) -> None:
    messages = played(tmp_path, STREAM_CASES[name])
    assert messages, "nothing was told"
    found = {each for message in messages for each in differences(message, stream_sample(shared, name).told)}
    assert found == deviations.STREAMS.get(name, {}).keys()


@pytest.mark.parametrize("topic", ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"])
def test_a_message_has_the_shape_of_the_recorded_stream(tmp_path: Path, shared: Path, topic: str) -> None:
    """As the venue sent it on that day; it sent the book at another speed."""
    theirs = []
    with gzip.open(shared / RECORDED, "rt") as lines:
        for line in islice(lines, MANY):
            message = json.loads(line.partition(" ")[2])
            if message.get("stream", "@").split("@")[1] == topic.split("@")[1]:
                theirs.append(message["data"])
    assert theirs
    ours = played(tmp_path, StreamCase(traded, topic, date=RECORDED_ON))
    assert ours
    for each in ours:
        assert min((differences(each, other) for other in theirs[:50]), key=len) == set()


def test_every_sample_and_every_route_is_compared(shared: Path) -> None:
    """The count is printed (`-rP`)."""
    samples, streams = names(shared, ENDPOINTS), names(shared, STREAMS)
    compared = {**ENDPOINT_CASES, **STREAM_CASES}.keys()
    assert compared | deviations.NOT_SERVED.keys() == {*samples, *streams}
    assert not compared & deviations.NOT_SERVED.keys()
    assert deviations.ENDPOINTS.keys() <= ENDPOINT_CASES.keys()
    assert deviations.STREAMS.keys() <= STREAM_CASES.keys()
    paths = {f"{each.method} {each.path}" for each in (endpoint_sample(shared, name) for name in ENDPOINT_CASES)}
    served = {f"{method} {path}" for method, path in Table(ROUTES, TODAY).routes}
    assert paths | deviations.UNSAMPLED.keys() == served
    assert not paths & deviations.UNSAMPLED.keys()
    assert LIKE.keys() <= deviations.UNSAMPLED.keys()
    print(
        f"{len(ENDPOINT_CASES)} answers of {len(samples)} samples and {len(STREAM_CASES)} streams of {len(streams)} "
        f"compared; {len(deviations.NOT_SERVED)} samples are not served; {len(paths)} routes of {len(served)} have a "
        f"sample; {sum(map(len, [*deviations.ENDPOINTS.values(), *deviations.STREAMS.values()]))} named differences"
    )


@pytest.mark.parametrize("route", LIKE)
def test_routes_without_a_sample_are_like_their_sisters(scenes: Scenes, route: str) -> None:
    desk = scenes("Account/GetBalances")
    method, path, params = LIKE[route]
    ours, theirs = desk.ask(*route.split(), **params), desk.ask(method, path, **params)
    assert differences(ours, theirs) == differences(theirs, ours) == set()


def test_an_order_that_is_tried_is_like_one_that_is_placed(scenes: Scenes, shared: Path, tmp_path: Path) -> None:
    case = plain(scene=bare, date=BEFORE_ALGO, **TRAILING)
    with opened(tmp_path, case) as desk:
        told = case.ask(desk, "POST", "/fapi/v1/order/test")
    assert differences(told, endpoint_sample(shared, "Trading/PlaceOrder").told) == set()


def test_a_stream_without_its_message_would_be_seen(tmp_path: Path) -> None:
    """A scene in which nothing is told gives no message to compare."""

    async def nothing(_: object) -> None:
        pass

    assert played(tmp_path, StreamCase(nothing)) == []


THEIRS: Any = [{"a": "1.5", "b": 1, "c": {"d": True}, "e": None, "f": 0.5, "g": [["1", 2]]}]
GOOD: Any = {"a": "2", "b": 2, "c": {"d": False}, "e": None, "f": 1.5, "g": [["3", 4], ["5", 6]]}


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"a": 1}, "[].a: int, not amount"),
        ({"a": "x"}, "[].a: text, not amount"),
        ({"b": "1"}, "[].b: amount, not int"),
        ({"b": True}, "[].b: flag, not int"),
        ({"b": 1.5}, "[].b: float, not int"),
        ({"c": {"d": "true"}}, "[].c.d: text, not flag"),
        ({"c": {}}, "[].c.d: missing"),
        ({"c": []}, "[].c: list, not object"),
        ({"e": 0}, "[].e: int, not null"),
        ({"f": 1}, "[].f: int, not float"),
        ({"g": []}, "[].g: no rows"),
        ({"g": [["1"]]}, "[].g[]: amount, not amount int"),
        ({"h": 1}, "[].h: more"),
    ],
)
def test_a_difference_is_seen(changed: dict[str, object], difference: str) -> None:
    """The comparison itself: of several rows one that is wrong is found."""
    assert differences([GOOD], THEIRS) == set()
    assert differences([GOOD, {**GOOD, **changed}], THEIRS) == {difference}
    assert differences([], THEIRS) == {"$: no rows"}
