"""`margincall market`, in this process."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from margincall.errors import DIFFERENCES, FINE, NOTHING_USABLE, USAGE
from margincall.history.market.document import MarketDocument, json_schema
from tests.cli.calling import call
from tests.history.market_files import KLINES, MINUTE, START, kline, written, zipped
from tests.history.market_server import MarketServer, running
from tests.sources import ROOT

SCHEMA = ROOT / "docs" / "reference" / "market.schema.json"


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARGINCALL__MARKET__FOLDER", str(tmp_path / "store"))


@pytest.fixture
def venue() -> Iterator[MarketServer]:
    """A venue on the loopback, in a thread of its own."""
    server = MarketServer(refused="premiumIndexKlines")
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with running(server):
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def test_import_and_show(tmp_path: Path) -> None:
    """What is stored, its rows with price and source; a folder is searched."""
    folder = tmp_path / "futures" / "um" / "markPriceKlines"
    zipped(folder / "BTCUSDT-1m-2025-02.zip", [kline(each) for each in range(3)])
    zipped(folder.parent / "klines" / "BTCUSDT-1m-2025-02.zip", [KLINES, kline(0)])
    done = call("market", "import", str(tmp_path / "futures"))
    assert (done.code, done.err) == (FINE, "")
    shown = call("market", "show")
    assert shown.code == FINE
    assert "mark 1m" in shown.out
    assert "last 1m" in shown.out
    rows = call("market", "show", "BTCUSDT", "--kind", "mark", "--from", "2025-02-03T00:01", "--to", "2025-02-03T00:02")
    assert rows.code == FINE
    assert rows.out.count("open 100.10") == 1
    assert "BTCUSDT-1m-2025-02.csv:2" in rows.out.replace("\n", "")


@pytest.mark.parametrize("given", ["store", "store/binance_usdm", "."])
def test_the_store_is_not_imported_into_itself(given: str, tmp_path: Path) -> None:
    """Its own folder, a part of it, or one that holds it: refused with the reason, and nothing changes."""
    zipped(tmp_path / "markPriceKlines" / "BTCUSDT-1m-2025-02.zip", [kline(each) for each in range(3)])
    assert call("market", "import", str(tmp_path / "markPriceKlines"), "--kind", "mark").code == FINE
    before = {path: path.read_bytes() for path in (tmp_path / "store").rglob("*.parquet")}
    (tmp_path / "store" / "binance_usdm").mkdir(exist_ok=True)
    assert before
    said = call("market", "import", str(tmp_path / given))
    assert said.code == USAGE
    assert "in the store" in said.err
    assert {path: path.read_bytes() for path in (tmp_path / "store").rglob("*.parquet")} == before


def test_gaps_and_impossible_rows_are_told(tmp_path: Path) -> None:
    """Exit code 1, at the import and whenever the store is shown; the sound rows are there."""
    file = written(
        tmp_path / "markPriceKlines" / "BTCUSDT-1m-2025-02.csv", [kline(0), kline(1, high="1"), kline(2), kline(4)]
    )
    done = call("market", "import", str(file))
    assert done.code == DIFFERENCES
    assert f"{file}: line 2: the high 1 lies below open or close" in done.err
    assert "2025-02-03 00:01:00 UTC" in done.out
    shown = json.loads(call("market", "show", "--json").out)
    (series,) = shown["series"]
    assert (series["rows"], series["missing"], series["impossible"], series["conflicts"]) == (3, 2, 1, 0)
    assert [gap["start_ms"] for gap in series["gaps"]] == [START + MINUTE, START + 3 * MINUTE]
    assert shown["problems"][0]["place"] == "line 2"
    assert call("market", "show").code == DIFFERENCES


def test_answers_for_programs_follow_the_schema(tmp_path: Path) -> None:
    file = written(tmp_path / "klines" / "BTCUSDT-1m-2025-02.csv", [kline(0)])
    for called in (
        call("market", "import", str(file), "--json"),
        call("market", "show", "--json"),
        call("market", "show", "BTCUSDT", "--from", "2025-02-03", "--json"),
    ):
        assert called.code == FINE
        found = msgspec.json.decode(called.out, type=MarketDocument)
        assert found.schema == "margincall.market/1"
    assert found.rows[0].values["open"] == "100.10"
    assert found.rows[0].source == str(file)


def test_the_committed_schema_is_the_types() -> None:
    """Change the types, and the schema is written anew: `python -m tests.cli.test_market`."""
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))


def test_fetch(venue: MarketServer) -> None:
    """Without a key; from a base address that is not the venue's."""
    words = ("--from", "2025-02-03", "--to", "2025-02-03T01:00", "--base", venue.base)
    done = call("market", "fetch", "BTCUSDT", *words)
    assert done.code == FINE, done.err
    assert {path for path, _ in venue.asked} == {"/fapi/v1/markPriceKlines"}
    assert all("X-MBX-APIKEY" not in headers for headers in venue.headers)
    assert all("signature" not in params for _, params in venue.asked)
    assert json.loads(call("market", "show", "--json").out)["series"][0]["rows"] == 60
    refused = call("market", "fetch", "BTCUSDT", "--kind", "premium", *words)
    assert refused.code == NOTHING_USABLE
    assert "Invalid symbol" in refused.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["import", "{tmp}/nothing"], USAGE),
        (["import", "{tmp}/unnamed.csv"], NOTHING_USABLE),
        (["import", "{tmp}/unnamed.csv", "--kind", "marks"], NOTHING_USABLE),
        (["show"], NOTHING_USABLE),
        (["show", "--from", "2025-02-03"], USAGE),
        (["show", "BTCUSDT", "--from", "yesterday"], USAGE),
        (["fetch", "BTCUSDT", "--from", "2025-02-03", "--base", "http://example.org"], USAGE),
        (["fetch", "BTCUSDT", "--from", "2025-02-03", "--interval", "1M"], USAGE),
        (["fetch", "BTCUSDT", "--from", "2025-02-03", "--kind", "trades"], USAGE),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, words: list[str], code: int) -> None:
    written(tmp_path / "unnamed.csv", [kline(0)])
    called = call("market", *(word.format(tmp=tmp_path) for word in words))
    assert called.code == code
    assert called.err


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2) + "\n")
