"""The command: what it prints, whom it lets in, how it ends; and the market for show."""

import contextlib
import http.client
import io
import json
import re
import signal
import stat
import time
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from margincall.cli.exchange_board import Board, banner, reading
from margincall.cli.exchange_serve import serve
from margincall.errors import Refused, UsageError
from margincall.exchange.journal import JournalFailed
from margincall.exchange.rulesets import MarkSource
from margincall.server.assembled import Assembled, assembled
from margincall.server.clock import SimulatedClock, WallClock
from margincall.server.control.app import control_app
from margincall.server.demo import CROWD, Demo
from margincall.server.keys import issue
from margincall.server.listing import rules_for
from margincall.server.opened import Options, opened
from margincall.server.player import Player
from margincall.server.prices import priced
from margincall.server.serving import Ports, is_loopback
from margincall.server.venue import IDLE_MS
from tests.cli.calling import call
from tests.server.running import exchanged, process, running
from tests.sources import ROOT

START_MS = 1_791_158_400_000


def built(folder: Path, symbols: tuple[str, ...] = (), time_ms: int = START_MS) -> Assembled:
    """A server's parts, with a simulated clock."""
    return assembled(folder, rules_for("usdm", symbols), SimulatedClock(time_ms), durability="none")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    with process(tmp_path / "folder") as server:
        status, answer = exchanged(server.port, "GET", "/fapi/v1/time", None, {})
        assert status == 200
        assert abs(answer["serverTime"] - time.time() * 1000) < 60_000
        assert server.end(number) == (0, "")


def test_secrets_are_told_once_and_kept_from_others(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with process(folder) as server:
        secrets = [each.secret for each in server.keys]
        assert len(secrets) == 2
        own = server.keys[0]
        assert server.ask("GET", "/fapi/v1/openOrders", {}, own) == (200, [])
    path = folder / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secrets[0] in path.read_text(encoding="utf-8")
    for each in (folder / "journal", folder / "archive"):
        assert secrets[0].encode() not in each.read_bytes()
    with process(folder) as server:
        assert not any(secret in json.dumps(server.told) for secret in secrets)
        assert server.ask("GET", "/fapi/v1/openOrders", {}, own) == (200, [])


def test_an_address_that_others_reach_must_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="--expose"), opened(Options(host="0.0.0.0", folder=tmp_path)):
        pass
    assert list(tmp_path.iterdir()) == []
    code, _, errors = call("exchange", "serve", "--host", "0.0.0.0", "--folder", str(tmp_path))
    assert (code, "--expose" in errors) == (4, True)


def test_a_banner_says_that_it_is_simulated_and_who_reaches_it(tmp_path: Path) -> None:
    for is_exposed in (False, True):
        with opened(Options(folder=tmp_path / str(is_exposed), is_exposed=is_exposed)) as found:
            text = "\n".join(banner(found, Ports("0.0.0.0", 8000, 8001)))
            found.built.close()
        assert text.startswith("SIMULATED")
        assert ("WARNING" in text) is is_exposed
        assert all(each.secret in text for each in found.keys)
        assert all(len(line) <= 80 or line.startswith(("Folder", "WARNING")) for line in text.splitlines())


def test_a_long_journal_is_announced_before_it_is_read(tmp_path: Path) -> None:
    assert list(reading(tmp_path)) == []
    journal = tmp_path / "journal"
    journal.write_bytes(b"x" * 999_999)
    assert list(reading(tmp_path)) == []
    journal.write_bytes(b"x" * 2_000_000)
    assert ["2 MB" in each for each in reading(tmp_path)] == [True]


@pytest.mark.parametrize(("host", "is_own"), [("127.0.0.2", True), ("::1", True), ("localhost", True), ("::", False)])
def test_which_addresses_are_of_this_machine(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--start", "2026-01-05T00:00:00Z"], "--clock simulated"),
        (["--clock", "simulated", "--start", "soon"], "2026-01-05T00:00:00Z"),
        (["--clock", "simulated", "--demo"], "--demo"),
        (["--symbols", "NOPE"], "BTCUSDT"),
        (["--port", "8123", "--control-port", "8123"], "need a port each"),
        (["--api-date", "yesterday"], "2026-11-01"),
        (["--api-date", "20260801"], "2026-11-01"),
        (["--rules", "dydx", "--symbols", "BTCUSDT"], "BTC-USD"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, flags: list[str], words: str) -> None:
    code, _, errors = call("exchange", "serve", "--folder", str(tmp_path), *flags)
    assert (code, words in errors) == (3, True), errors


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "one") as (server, _):
        code, _, errors = call("exchange", "serve", "--folder", str(tmp_path / "two"), "--port", str(server.port))
        assert (code, f"127.0.0.1:{server.port}" in errors, "--port" in errors) == (3, True, True)
        flags = ("--port", "0", "--control-port", str(server.port))
        code, _, errors = call("exchange", "serve", "--folder", str(tmp_path / "three"), *flags)
        assert (code, "another with --control-port" in errors) == (3, True)


def test_an_address_is_that_of_the_socket_whatever_a_header_says(tmp_path: Path) -> None:
    with running(tmp_path) as (server, _):
        for number in (1, 2, 3):
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            connection.request("GET", "/fapi/v1/ping", headers={"X-Forwarded-For": f"10.0.0.{number}"})
            response = connection.getresponse()
            response.read()
            assert response.headers["x-mbx-used-weight-1m"] == str(number)
            connection.close()


def test_a_folder_goes_on_under_its_own_rules(tmp_path: Path) -> None:
    with opened(Options(folder=tmp_path, rules="socialised", symbols=("ETHUSDT", "SOLUSDT"))) as found:
        found.built.close()
    with opened(Options(folder=tmp_path)) as found:
        assert found.built.venue.state.rules == rules_for("socialised", ("ETHUSDT", "SOLUSDT"))
        found.built.close()
    again = Options(folder=tmp_path, rules="socialised", symbols=("SOLUSDT", "ETHUSDT"), marks="given")
    for same in (again, Options(folder=tmp_path, rules="socialised")):
        with opened(same) as found:
            found.built.close()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"rules": "dydx"}, "--rules usdm, not dydx"),
        ({"symbols": ("BTCUSDT",)}, "--symbols BTCUSDT,ETHUSDT, not BTCUSDT"),
        ({"marks": "rule"}, "--marks given, not rule"),
    ],
)
def test_what_a_folder_was_not_begun_with_is_told_by_the_flag(tmp_path: Path, asked: Any, told: str) -> None:
    with opened(Options(folder=tmp_path, symbols=("BTCUSDT", "ETHUSDT"))) as found:
        found.built.close()
    with pytest.raises(UsageError) as refused, opened(Options(folder=tmp_path, **asked)):
        pass
    assert str(refused.value) == (
        f"{tmp_path} was begun with {told}, and keeps its own: leave the flag out, or choose another --folder"
    )


def test_a_journal_without_a_whole_header_is_begun_again_with_what_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"")
    with opened(Options(folder=tmp_path, rules="dydx")) as found:
        assert found.built.venue.state.rules.name == "dydx"
        found.built.close()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "within"):
        with pytest.raises(UsageError, match="there is a file of that name"), opened(Options(folder=path)):
            pass


def test_multi_assets_mode_can_be_entered_from_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path) as (server, found):
            own = next(iter(server.keys), None)
            if own is not None:
                wanted = {"multiAssetsMargin": "true"}
                assert server.ask("POST", "/fapi/v1/multiAssetsMargin", wanted, own)[0] == 200
            rows = exchanged(server.port, "GET", "/fapi/v1/assetIndex", None, {})[1]
            assert [(row["symbol"], row["bidRate"], row["askRate"]) for row in rows] == [
                ("USDTUSD", "0.99990000", "1.00010000")
            ]
            assert found.built.venue.state.traders["demo-1"].account.multi_assets


def test_symbols_beside_the_catalogue_are_listed_and_what_is_assumed_is_named() -> None:
    rules = rules_for("usdm", ("BTCUSDT", "DOGEUSDT"))
    assert list(rules.listings) == list(rules.venue.contracts) == ["BTCUSDT", "DOGEUSDT"]
    assert rules.listings["BTCUSDT"] == rules_for("usdm").listings["BTCUSDT"]
    assert {"contract-steps", "liquidation-fee-rate"} <= {*rules.assumed}
    assert "contract-steps" not in rules_for("usdm").assumed


def test_a_machine_whose_clock_is_behind_the_journal_is_refused(tmp_path: Path) -> None:
    ahead_ms = WallClock().now_ms() + 3_600_000
    built(tmp_path, time_ms=ahead_ms).close()
    with pytest.raises(UsageError, match="ahead"):
        assembled(tmp_path, rules_for("usdm"), WallClock())
    clock = SimulatedClock(START_MS)
    assembled(tmp_path, rules_for("usdm"), clock).close()
    assert clock.now_ms() == ahead_ms


def test_the_timer_lets_things_fall_due_and_spares_the_journal(tmp_path: Path) -> None:
    found = built(tmp_path)
    venue, clock = found.venue, found.venue.clock
    assert isinstance(clock, SimulatedClock)
    due_ms = venue.state.timers[0][0]
    for step_ms in range(0, due_ms - START_MS, IDLE_MS // 4):
        clock.set(START_MS + step_ms)
        venue.tick()
    assert venue.engine.seq < (due_ms - START_MS) / IDLE_MS + 2
    clock.set(due_ms)
    venue.tick()
    assert venue.state.time_ms == due_ms
    assert venue.state.timers[0][0] > due_ms
    found.close()


def test_the_market_for_show_liquidates_within_a_minute(tmp_path: Path) -> None:
    found = built(tmp_path)
    venue, clock = found.venue, found.venue.clock
    assert isinstance(clock, SimulatedClock)
    demo = Demo(venue, seed=9)
    demo.begin()
    for step in range(1, 241):
        clock.set(START_MS + step * 250)
        demo.step()
    state = venue.state
    assert len(CROWD) >= 20
    assert {each.account for each in state.liquidations} <= {*CROWD}
    assert len(state.liquidations) >= 3
    assert all(market.last is not None for market in state.markets.values())
    assert sum(1 for name in CROWD if any(state.traders[name].account.open_positions())) > 12
    assert state.fund.account.wallets["USDT"] != Decimal(10**6)
    digest = venue.engine.digest()
    found.close()
    again = built(tmp_path)
    assert again.venue.engine.digest() == digest
    Demo(again.venue, seed=8).begin()
    again.close()


@pytest.mark.parametrize("marks", ["given", "rule"])
def test_the_market_for_show_goes_on_from_the_prices_of_the_operator(tmp_path: Path, marks: MarkSource) -> None:
    with opened(Options(folder=tmp_path, durability="none", marks=marks)) as found:
        venue, low = found.built.venue, Decimal(57_000)
        demo = Demo(venue, seed=7)
        demo.begin()
        for _ in range(8):
            demo.step()
        market = venue.state.markets["BTCUSDT"]
        ether = demo.prices["ETHUSDT"]
        assert demo.prices["BTCUSDT"] > Decimal(58_500)
        for command in priced(venue.state, {"BTCUSDT": low}):
            venue.carry_out(command)
        for _ in range(4):
            demo.step()
        assert abs(demo.prices["BTCUSDT"] / low - 1) < Decimal("0.02")
        assert market.book.best_bid is not None
        assert market.book.best_ask is not None
        assert abs(market.book.best_bid * market.contract.tick / low - 1) < Decimal("0.03")
        assert abs(market.book.best_ask * market.contract.tick / low - 1) < Decimal("0.03")
        assert abs(demo.prices["ETHUSDT"] / ether - 1) < Decimal("0.02")
        found.built.close()


@pytest.mark.parametrize("seed", range(8))
def test_so_it_does_whatever_the_seed(tmp_path: Path, seed: int) -> None:
    found = built(tmp_path)
    venue, clock = found.venue, found.venue.clock
    assert isinstance(clock, SimulatedClock)
    demo = Demo(venue, seed)
    demo.begin()
    steps = 0
    while not venue.state.liquidations and steps < 240:
        steps += 1
        clock.set(START_MS + steps * 250)
        demo.step()
    found.close()
    assert steps < 240


def test_nor_does_it_end_where_prices_do(tmp_path: Path) -> None:
    """Prices walk up to where the exchange takes none."""
    with contextlib.closing(built(tmp_path)) as found:
        venue = found.venue
        demo = Demo(venue, seed=7)
        demo.begin()
        last = Decimal("9" * 19)
        for command in priced(venue.state, {"BTCUSDT": last}):
            venue.carry_out(command)
        for _ in range(100):
            demo.step()
        mark = venue.state.markets["BTCUSDT"].mark
        assert mark is not None
        assert last * 9 / 10 < mark < last + 1


def test_the_board_shows_prices_liquidations_and_keys(tmp_path: Path) -> None:
    with opened(Options(folder=tmp_path, durability="none")) as found:
        demo = Demo(found.built.venue, seed=7)
        demo.begin()
        for _ in range(120):
            demo.step()
        target = Console(width=100, record=True, file=io.StringIO())
        target.print(Board(found).drawn(target))
        shown = target.export_text()
        state = found.built.venue.state
        for market in state.markets.values():
            assert market.last is not None
            assert f"{market.last:.1f}" in shown
        line = state.liquidations[-1]
        assert f"{line.lost:,.2f} USDT" in shown
        assert f"{state.fund.account.wallets['USDT']:,.2f} USDT" in shown
        assert found.keys[0].key in shown
        assert found.keys[0].secret not in shown
        found.built.close()


@pytest.mark.parametrize(("height", "latest"), [(24, 7), (20, 3), (60, 8)])
def test_the_board_is_no_higher_than_the_terminal(tmp_path: Path, height: int, latest: int) -> None:
    with opened(Options(folder=tmp_path, durability="none")) as found:
        demo = Demo(found.built.venue, seed=7)
        demo.begin()
        while len(found.built.venue.state.liquidations) < 8:
            demo.step()
        found.built.keys.add(issue("demo-1"))
        target = Console(width=80, height=height, record=True, file=io.StringIO())
        target.print(Board(found).drawn(target))
        lines = target.export_text().splitlines()
        assert len(lines) <= height
        assert sum(each.count(" USDT") for each in lines if "Insurance" not in each) == latest
        assert sum(each.startswith("Key ") for each in lines) == 3
        found.built.close()


def test_requests_are_counted(tmp_path: Path) -> None:
    with running(tmp_path) as (server, found):
        for number in (1, 2):
            exchanged(server.port, "GET", "/fapi/v1/time", None, {})
            assert found.serving.requests == number


def test_a_journal_that_fails_ends_the_server(tmp_path: Path) -> None:
    def served() -> None:
        with running(tmp_path) as (server, found), contextlib.suppress(OSError):
            found.built.venue.engine.close()
            while True:
                exchanged(server.port, "GET", "/fapi/v1/ping", None, {})

    with pytest.raises(JournalFailed):
        served()


def test_the_page_names_every_flag_and_every_path_of_the_control_api() -> None:
    page = (ROOT / "docs" / "how-to" / "serve.md").read_text(encoding="utf-8")
    flags = {name for each in serve.params for name in each.opts if name.startswith("--")}
    assert flags == set(re.findall(r"`(--[a-z-]+)[`  ]", page)) | {"--start"}
    built = SimpleNamespace(keys=None, venue=SimpleNamespace(settled=None))
    app = control_app(cast(Assembled, built), cast(Player, None), "")
    served = {
        (method, route.path.replace("{name}", "NAME").replace("{symbol}", "SYMBOL"))
        for route in app.app.routes
        for method in route.methods - {"HEAD"}
    }
    told = {
        (method.strip(" ,"), path)
        for methods, path in re.findall(r"^\| ((?:GET|POST)[A-Z, ]*) `(/[^`]*)`", page, re.MULTILINE)
        for method in methods.split(",")
    }
    assert told == served
