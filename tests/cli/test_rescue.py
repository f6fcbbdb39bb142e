"""`margincall rescue` as a user calls it; against the recorded server in processes of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from margincall.cli.rescue import _Lines
from margincall.errors import FINE, NOTHING_USABLE, REFUSED, USAGE
from tests.cli.calling import call
from tests.recorded import account as made
from tests.recorded.processes import COMMAND, environment, rescue, rescue_here, server
from tests.recorded.processes import command as run_of
from tests.recorded.server import KEY, SECRET
from tests.sources import ROOT

EVENT = ("--event", "2026-05-28T20:27:00")


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key in the environment."""
    monkeypatch.setenv("MARGINCALL_API_KEY", KEY)
    monkeypatch.setenv("MARGINCALL_API_SECRET", SECRET)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, and hosts at which nobody listens."""
    for name in ("MARGINCALL_API_KEY", "MARGINCALL_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("FAPI", "DAPI", "SPOT"):
        monkeypatch.setenv(f"MARGINCALL__RESCUE__{name}", "http://127.0.0.1:9")


def test_without_a_key_the_list_is_dated_and_in_order(nowhere: None) -> None:
    """What is gone first stands first; nothing is saved or asked; the warning stands below."""
    called = call("rescue", "--without-key", *EVENT)
    assert called.code == FINE
    lines = called.out.splitlines()
    dates = [line.split("|")[1].strip()[:10] for line in lines if line.startswith("| 20")]
    assert dates == sorted(dates)
    assert dates[:2] == ["2026-05-31", "2026-06-27"]
    assert called.out.index("| now") < called.out.index("2026-05-31")
    assert "known fraud" in called.out
    assert "assumed" in called.out
    answer = json.loads(call("rescue", "--without-key", *EVENT, "--json").out)
    assert answer["schema"] == "margincall.click-list/1"
    assert answer["event_ms"] == made.EVENT
    assert call("rescue", "--without-key").code == USAGE


def test_the_plan_asks_nothing(nowhere: None) -> None:
    """Endpoints, requests, weight and what a further symbol costs, without a key and without a network."""
    called = call("rescue", "--plan", "--symbol", "btcusdt", *EVENT)
    assert called.code == FINE
    for text in ("forceOrders", "allOrders", "3 months", "Nothing was asked", "adds"):
        assert text in called.out
    answer = json.loads(call("rescue", "--plan", "--symbol", "BTCUSDT", *EVENT, "--json").out)
    assert answer["schema"] == "margincall.rescue-plan/1"
    assert answer["weight"] == sum(each["weight"] for each in answer["requests"])
    assert not any("timestamp" in each["request"] for each in answer["requests"])
    shorter = json.loads(call("rescue", "--plan", "--no-exports", "--json").out)
    assert not any("asyn" in each["request"] for each in shorter["requests"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--to FOLDER"),
        (("--to", "{tmp}/case"), "MARGINCALL_API_KEY"),
        (("--to", "{tmp}/case", "--key-from", "PlantedKey"), "never the key itself"),
        (("--to", "{tmp}/case", "--key-from", "file:{tmp}/none"), "cannot be read"),
        (("--plan", "--event", "yesterday"), "is no time"),
        (("--plan", "--event", "1970-01-01"), "before there were"),
        (("--plan", "--symbol", "../x"), "not a symbol"),
        (("--plan", "--around", "0"), "--around"),
    ],
)
def test_wrong_use_is_told(nowhere: None, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Exit code 3, before anything is written."""
    called = call("rescue", *(word.format(tmp=tmp_path) for word in words))
    assert called.code == USAGE
    assert said in called.err
    assert not (tmp_path / "case").exists()


@pytest.mark.parametrize("address", ["http://fapi.binance.com", "https://user@x.test", "nonsense"])
def test_a_key_is_not_sent_in_the_clear(planted: None, tmp_path: Path, address: str) -> None:
    """https only, but for this machine."""
    called = call("rescue", "--to", str(tmp_path / "case"), "--fapi", address)
    assert called.code == USAGE
    assert not (tmp_path / "case").exists()


def test_a_missing_extra_is_named(planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install 'margincall[live]'`."""
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "margincall.case.transport", raising=False)
    called = call("rescue", "--to", str(tmp_path / "case"))
    assert called.code == USAGE
    assert "pip install 'margincall[live]'" in called.err


def test_a_keyring_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one it says so."""
    import keyring

    asked = []

    def get_password(service: str, name: str) -> None:
        asked.append((service, name))

    monkeypatch.setattr(keyring, "get_password", get_password)
    called = call("rescue", "--to", str(tmp_path / "case"), "--key-from", "keyring:main")
    assert (called.code, asked) == (USAGE, [("margincall", "main")])

    def fails(service: str, name: str) -> None:
        raise keyring.errors.NoKeyringError("none")

    monkeypatch.setattr(keyring, "get_password", fails)
    assert "cannot be used" in call("rescue", "--to", str(tmp_path / "case"), "--key-from", "keyring:main").err


def test_a_rescue_says_what_it_saved_and_what_expires(tmp_path: Path) -> None:
    """As a process: a table with dates, nothing missing an hour after; then explain and check read the folder."""
    with server(tmp_path / "server") as served:
        done = rescue(tmp_path / "case", served)
        again = rescue_here(tmp_path / "case", served, "--json")
        once_more = rescue_here(tmp_path / "case", served, "--again", "--no-exports")
    assert done.returncode == FINE, done.stderr
    for text in ("2026-05-28 20:27:00 UTC", "the key may only read", "2026-05-31", "2026-08-26", "known fraud"):
        assert text in done.stdout
    assert "What is missing" not in done.stdout
    answer = json.loads(again.out)
    assert answer["schema"] == "margincall.rescue/1"
    assert (answer["outcome"]["asked"], answer["outcome"]["unanswered"]) == (0, [])
    assert "finished before" in again.err
    assert " 0 were there already" in once_more.out
    assert call("case", "check", str(tmp_path / "case")).code == FINE
    explained = json.loads(call("explain", str(tmp_path / "case"), "--json").out)
    liquidation = explained["liquidations"][0]
    assert (liquidation["symbol"], liquidation["time_ms"]) == ("BTCUSDT", made.EVENT)
    assert liquidation["prices"]["order_limit"] == "47425"
    assert liquidation["clearance"]["fee"] == "75"


def test_after_a_month_it_says_what_is_lost(tmp_path: Path) -> None:
    """Unfilled orders after three days, margin moves after thirty."""
    with server(tmp_path / "server", "--age", "31d") as served:
        done = rescue_here(tmp_path / "case", served, "--no-exports")
    assert "What is missing" in done.out
    assert "gone since 2026-05-31" in done.out
    assert "gone since 2026-06-27" in done.out


def test_a_key_file_works_and_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Exit code 4 before anything is asked."""
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n{SECRET}\n")
    with server(tmp_path / "server") as served:
        key.chmod(0o644)
        refused = rescue_here(tmp_path / "case", served, "--key-from", f"file:{key}")
        assert served.requests() == []
        key.chmod(0o600)
        taken = rescue_here(tmp_path / "case", served, "--key-from", f"file:{key}", "--no-exports")
    assert refused.code == REFUSED
    assert KEY not in refused.out + refused.err
    assert taken.code == FINE


@pytest.mark.parametrize("permissions", ["acts", "unknown"])
def test_a_key_that_may_do_more_is_refused_unless_insisted(tmp_path: Path, permissions: str) -> None:
    """Exit code 4, with what the key may do; nothing but the permissions was asked. --insist goes on and says so."""
    option = {"acts": "enableFutures", "unknown": "none"}[permissions]
    with server(tmp_path / "server", "--may", option) as served:
        refused = rescue_here(tmp_path / "case", served)
        assert [line.partition("?")[0] for line in served.requests()] == [
            "/api/v3/time", "/sapi/v1/account/apiRestrictions",
        ]  # fmt: skip
        insisted = rescue_here(tmp_path / "case", served, "--insist", "--no-exports")
    assert refused.code == REFUSED
    said = {"acts": "trade futures", "unknown": "could not be asked"}[permissions]
    assert said in refused.err
    assert insisted.code == FINE
    assert "insisted" in insisted.err


@pytest.mark.parametrize("insisted", [(), ("--insist",)])
def test_a_venue_that_cannot_be_reached_at_all_is_told(
    nowhere: None, planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, insisted: tuple[str, ...]
) -> None:
    """Exit code 2, and no word about the key: nothing was asked of it."""
    monkeypatch.setattr("margincall.case.client.BACKOFF_S", (0.0,))
    called = call("rescue", "--to", str(tmp_path / "case"), *insisted)
    assert called.code == NOTHING_USABLE
    assert "cannot be reached" in called.err
    assert "this key may" not in called.err
    assert not (tmp_path / "case").exists()


def test_where_only_the_spot_host_is_silent_the_key_counts_as_one_that_acts(
    nowhere: None, planted: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4: the account is there, what the key may do is not known."""
    monkeypatch.setattr("margincall.case.client.BACKOFF_S", (0.0,))
    with server(tmp_path / "server") as served:
        for market, words in (("fapi", ()), ("dapi", ("--coin-m",))):
            called = call("rescue", "--to", str(tmp_path / "case"), f"--{market}", served.base, *words)
            assert called.code == REFUSED
            assert "could not be asked" in called.err
        assert served.requests() == ["/fapi/v1/time?", "/dapi/v1/time?"]


def test_a_ban_ends_with_its_time_and_exit_code_4(tmp_path: Path) -> None:
    """Started again it goes on."""
    with server(tmp_path / "server", "--fault", "30:418") as served:
        banned = rescue_here(tmp_path / "case", served, "--no-exports")
        assert len(served.requests()) == 30
        resumed = rescue_here(tmp_path / "case", served, "--no-exports")
    assert banned.code == REFUSED
    assert "bans this address until 2026-05-28 21:29" in banned.err
    assert resumed.code == FINE
    assert "going on where it stopped" in resumed.err


def test_help_and_explain_import_no_network() -> None:
    """`margincall --help` stays quick; what needs no network loads none."""
    text = (
        "import sys; from margincall.cli.main import cli\n"
        "for words in ('--help', 'rescue --help', 'rescue --plan', 'case --help', 'explain --help'):\n"
        "    try: cli.main(words.split(), standalone_mode=False)\n"
        "    except SystemExit: pass\n"
        "print('LOADED', sorted({'aiohttp', 'keyring', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_the_base_address_comes_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`MARGINCALL__RESCUE__FAPI` and its like."""
    with server(tmp_path / "server") as served:
        names = {f"MARGINCALL__RESCUE__{name}": served.base for name in ("FAPI", "DAPI", "SPOT")}
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "rescue", "--to", str(tmp_path / "case"), "--no-exports", "--coin-m"],
            env=environment(names), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert any(line.startswith("/dapi/v1/income?") for line in served.requests())
    assert done.returncode == FINE, done.stderr


def test_on_a_terminal_a_bar_shows_how_far_it_is(tmp_path: Path) -> None:
    """How many requests are settled, of how many, and which one is asked; no secret in it."""
    with server(tmp_path / "server") as served:
        screen, terminal = os.openpty()
        arguments = run_of(tmp_path / "case", served, "--no-exports")
        process = subprocess.Popen(
            arguments, env=environment({"TERM": "xterm"}), stderr=terminal, stdout=subprocess.PIPE
        )
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # a closed terminal is an error on Linux, an end elsewhere
            while part := os.read(screen, 65536):
                shown += part
        process.communicate()
        os.close(screen)
    assert process.returncode == FINE
    assert b"/fapi/v1/" in shown
    assert re.search(rb"\d+/\d+", shown)
    assert not any(word.encode() in shown for word in (KEY, SECRET, "signature"))


def test_elsewhere_a_line_shows_it_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    times_s = iter((0.0, 1.0, 10.0, 12.0, 19.9, 20.1))
    tell = _Lines(lambda: next(times_s))
    for done in range(5):
        tell(done, 9 - done, f"request {done}")
    assert capsys.readouterr().err == "1 of 9, now request 1\n4 of 9, now request 4\n"


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    with server(tmp_path / "server", "--fault", "20:stall") as served:
        words = run_of(tmp_path / "case", served)
        with subprocess.Popen(words, env=environment(), cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
            try:
                served.wait_until_stalled()
                run.send_signal(signal.SIGINT)
                _, said = run.communicate(timeout=30)
            finally:
                run.kill()
    assert run.returncode == 130
    assert "what is saved stays" in said
    assert "same command" in said
    assert "Traceback" not in said
