"""A rescue against the recorded server: what is saved, what happens when the venue misbehaves, how it goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from margincall.case.client import Banned, KeyRejected, Unanswered
from margincall.case.folder import check, read_manifest
from margincall.case.keys import Permissions
from margincall.case.manifest import Begun, Declined, Finished, without_times
from margincall.case.report import lines, name_of
from margincall.case.rescue import Settings, permissions_of
from margincall.errors import Refused, UsageError
from margincall.wire.iso_time import utc
from tests.recorded import account as made
from tests.recorded.rules import Refusal
from tests.recorded.running import recorded_at, rescued, with_client
from tests.recorded.server import TOKEN

STARTING = ("/fapi/v1/time", "/sapi/v1/account/apiRestrictions", "/api/v3/time")
QUICK = Settings(exports=False)


def rows(folder: Path, prefix: str) -> list[dict[str, Any]]:
    """The rows of all saved answers of an endpoint."""
    return [
        row for path in sorted((folder / "evidence").glob(f"{prefix}*.json")) for row in json.loads(path.read_bytes())
    ]


def repeated(log: list[str]) -> list[str]:
    """Requests that were sent more than once, those of each start left out."""
    return [line for line in set(log) if log.count(line) > 1 and not line.startswith(STARTING)]


def test_everything_that_the_venue_still_has_is_saved(tmp_path: Path) -> None:
    """Every trade, order and income row once at least, across windows, pages and full answers; nothing asked twice."""
    recorded, clock = recorded_at("1h")
    outcome = rescued(tmp_path / "case", recorded, clock)
    assert outcome.is_whole
    assert recorded.violations == []
    assert set(recorded.statuses) == {200}
    assert repeated(recorded.log) == []
    folder = tmp_path / "case"
    mine = made.usdm()
    assert {row["id"] for row in rows(folder, "userTrades-")} == {row["id"] for row in mine.trades}
    assert {row["orderId"] for row in rows(folder, "allOrders-")} == {row["orderId"] for row in mine.orders}
    assert {row["orderId"] for row in rows(folder, "forceOrders-")} == {row["orderId"] for row in mine.forced}
    assert sorted(row["time"] for row in rows(folder, "income-")) == sorted(row["time"] for row in mine.income)
    assert rows(folder, "positionMargin.history-BTCUSDT") == mine.margin
    assert [row["algoId"] for row in rows(folder, "allAlgoOrders-")] == [2146760]
    marks = json.loads((folder / f"evidence/markPriceKlines-BTCUSDT-1m-{made.EVENT - 2 * made.HOUR}.json").read_bytes())
    assert marks[0][0] == made.EVENT - 2 * made.HOUR
    assert [row[0] for row in marks] == list(range(marks[0][0], marks[-1][0] + 1, 60_000))
    assert (folder / "evidence/trade.asyn-545923594199212033.csv").read_bytes() == made.export(mine, "trade")
    manifest, flaws = check(folder)
    assert flaws == ()
    assert isinstance(manifest.entries[-1].said, Finished)
    assert {entry.offset_ms for entry, _ in manifest.files} == {recorded.now() - clock.ms}


def test_coin_m_goes_the_same_way(tmp_path: Path) -> None:
    """With its own paths."""
    recorded, clock = recorded_at("1h")
    outcome = rescued(tmp_path / "case", recorded, clock, market="dapi")
    assert outcome.is_whole
    assert set(recorded.statuses) == {200}
    asked = [line for line in recorded.log if not line.startswith(("/sapi", "/export", "/api/v3/time"))]
    assert all(line.startswith("/dapi/") for line in asked)
    assert {row["id"] for row in rows(tmp_path / "case", "userTrades-")} == {60001, 60002}
    with pytest.raises(UsageError, match="folders apart"):
        rescued(tmp_path / "case", recorded, clock, market="fapi")


def test_a_finished_rescue_asks_nothing_again(tmp_path: Path) -> None:
    """All answers come from the folder."""
    recorded, clock = recorded_at("1h")
    first = rescued(tmp_path / "case", recorded, clock)
    before = read_manifest(tmp_path / "case")
    recorded, clock = recorded_at("4d")
    second = rescued(tmp_path / "case", recorded, clock)
    assert (second.asked, second.kept) == (0, first.asked)
    assert [line.partition("?")[0] for line in recorded.log] == [STARTING[2], STARTING[1], STARTING[0]]
    assert read_manifest(tmp_path / "case") == before


def test_evidence_that_was_altered_is_not_built_upon(tmp_path: Path) -> None:
    """A rescue does not go on from it."""
    recorded, clock = recorded_at("1h", faults={40: "418"})
    with pytest.raises(Banned):
        rescued(tmp_path / "case", recorded, clock)
    path = tmp_path / "case/evidence/account-v3.json"
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with pytest.raises(Refused, match="account-v3"):
        rescued(tmp_path / "case", recorded, clock)


def test_a_ban_stops_the_run_and_it_goes_on_later(tmp_path: Path) -> None:
    """Not one request after the 418; afterwards what is left."""
    recorded, clock = recorded_at("1h", faults={40: "418"})
    with pytest.raises(Banned, match=utc(recorded.now() + 120_000)):
        rescued(tmp_path / "case", recorded, clock)
    assert len(recorded.log) == 40
    banned = recorded.log[-1]
    recorded.faults.clear()
    assert rescued(tmp_path / "case", recorded, clock).is_whole
    assert repeated(recorded.log) == [banned]
    assert check(tmp_path / "case")[1] == ()


def test_what_the_venue_refuses_is_kept_apart_and_the_run_goes_on(tmp_path: Path) -> None:
    """As received, with code and words; asked again only if the user says so."""
    recorded, clock = recorded_at("1h")
    path = "/fapi/v1/positionMargin/history"
    recorded.refused[path] = Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
    outcome = rescued(tmp_path / "case", recorded, clock, settings=QUICK)
    assert outcome.is_whole
    manifest, flaws = check(tmp_path / "case")
    assert flaws == ()
    refusals = [file for _, file in manifest.files if isinstance(file, Declined)]
    assert {(each.status, each.code) for each in refusals} == {(401, -2015)}
    assert all(each.path.startswith("refused/") and each.origin.startswith(path) for each in refusals)
    found = {line.endpoint: line for line in lines(manifest.entries, made.EVENT)}["positionMargin.history"]
    assert (found.refused, found.is_missing) == (2, True)
    assert "permissions for action" in found.said
    recorded.refused.clear()
    assert rescued(tmp_path / "case", recorded, clock, settings=QUICK).asked == 0
    again = rescued(tmp_path / "case", recorded, clock, settings=Settings(exports=False, retry_refused=True))
    assert again.asked == 2
    assert rows(tmp_path / "case", "positionMargin.history-BTCUSDT") == made.usdm().margin
    assert check(tmp_path / "case")[1] == ()


@pytest.mark.parametrize(("code", "number"), [(-2015, 2), (-2015, 4), (-2014, 2), (-2014, 4), (-1022, 30)])
def test_a_key_that_the_venue_does_not_accept_ends_the_run(tmp_path: Path, code: int, number: int) -> None:
    """−2015 at the permissions or the first request; a malformed key or a wrong secret at any."""
    recorded, clock = recorded_at("1h", faults={number: f"refuse={code}"})
    with pytest.raises(KeyRejected, match=str(code)):
        rescued(tmp_path / "case", recorded, clock)
    assert len(recorded.log) == number


def test_an_endpoint_that_does_not_answer_is_left_for_later(tmp_path: Path) -> None:
    """The others go on; what is missing is asked by the next run alone."""
    recorded, clock = recorded_at("1h", faults=dict.fromkeys(range(20, 25), "503"))
    outcome = rescued(tmp_path / "case", recorded, clock, settings=QUICK)
    assert len(outcome.unanswered) == 1
    assert not outcome.is_whole
    assert not any(isinstance(each.said, Finished) for each in read_manifest(tmp_path / "case").entries)
    second = rescued(tmp_path / "case", recorded, clock, settings=QUICK)
    assert (second.asked, second.is_whole) == (1, True)
    uninterrupted, clock = recorded_at("1h")
    rescued(tmp_path / "other", uninterrupted, clock, settings=QUICK)
    assert {path.name for path in (tmp_path / "case/evidence").iterdir()} == {
        path.name for path in (tmp_path / "other/evidence").iterdir()
    }


def test_a_venue_out_of_reach_ends_the_run(tmp_path: Path) -> None:
    """After three requests in a row without an answer."""
    recorded, clock = recorded_at("1h", faults=dict.fromkeys(range(20, 60), "break"))
    with pytest.raises(Unanswered, match="in a row"):
        rescued(tmp_path / "case", recorded, clock)
    assert len(recorded.log) == 19 + 3 * 5


@pytest.mark.parametrize("fault", ["429", "503", "break", "half", "stamp", "echo"])
def test_a_passing_fault_leaves_no_trace_in_the_folder(tmp_path: Path, fault: str) -> None:
    """The folder is that of an undisturbed rescue."""
    recorded, clock = recorded_at("1h")
    rescued(tmp_path / "plain", recorded, clock, settings=QUICK)
    recorded, clock = recorded_at("1h", faults={25: fault})
    rescued(tmp_path / "case", recorded, clock, settings=QUICK)
    said = [list(without_times(read_manifest(tmp_path / name).entries))[1:] for name in ("plain", "case")]
    assert said[0] == said[1]


def test_garbage_is_kept_as_it_came(tmp_path: Path) -> None:
    """It is what the venue answered; nothing follows from it."""
    recorded, clock = recorded_at("1h", faults={5: "garbage"})
    assert rescued(tmp_path / "case", recorded, clock, settings=QUICK).is_whole
    assert (tmp_path / "case/evidence/account-v3.json").read_bytes() == b"<html>we are moving</html>"


def test_the_weight_of_a_minute_is_never_passed(tmp_path: Path) -> None:
    """The server allows 2,400 and would answer 429; it never has to."""
    recorded, clock = recorded_at("1h")
    recorded.weight_limit = 2400
    assert rescued(tmp_path / "case", recorded, clock, budget=1800).is_whole
    assert recorded.over == 0
    assert 429 not in recorded.statuses
    assert clock.slept


def test_a_greedy_budget_is_told_by_429_and_still_ends(tmp_path: Path) -> None:
    """Waiting as the venue says."""
    recorded, clock = recorded_at("1h")
    recorded.weight_limit = 2400
    assert rescued(tmp_path / "case", recorded, clock, settings=QUICK, budget=100_000).is_whole


def test_exports_are_started_once_and_waited_for(tmp_path: Path) -> None:
    """The link is not saved, the file is; a rescue that could not wait goes on with the same export."""
    recorded, clock = recorded_at("1h")
    recorded.export_polls = 20
    outcome = rescued(tmp_path / "case", recorded, clock)
    assert len(outcome.waiting) == 3
    assert sum(clock.slept) > 120
    recorded.export_polls = 0
    assert rescued(tmp_path / "case", recorded, clock).is_whole
    assert sum(line.split("?")[0].endswith("/asyn") for line in recorded.log) == 3
    for path in (tmp_path / "case").rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize("said", [None, {"enableReading": True}, []])
def test_permissions_that_cannot_be_asked_are_not_known(said: Any) -> None:
    """Not found, or half an answer."""
    recorded, clock = recorded_at("1h")
    recorded.permissions = said
    found = with_client(recorded, clock, permissions_of)
    assert not found.is_known


def test_permissions_are_read_from_the_spot_host() -> None:
    """By a signed request."""
    recorded, clock = recorded_at("1h")
    assert with_client(recorded, clock, permissions_of) == Permissions((), reads=True)
    recorded.permissions = {**(recorded.permissions or {}), "enableFutures": True}
    assert with_client(recorded, clock, permissions_of).acts == ("trade futures",)


def test_the_scope_is_written_down(tmp_path: Path) -> None:
    """Until when, what was named, what the key may do; the name of an endpoint follows from a saved request."""
    recorded, clock = recorded_at("1h")
    rescued(tmp_path / "case", recorded, clock, settings=QUICK, symbols=("XRPUSDT",), events=(made.EVENT,))
    begin = read_manifest(tmp_path / "case").entries[1].said
    assert begin == Begun("fapi", made.EVENT + made.HOUR + 60_000, ("XRPUSDT",), (made.EVENT,), 120, "may: only read")
    assert any(line.startswith("/fapi/v1/allOrders?symbol=XRPUSDT") for line in recorded.log)
    assert name_of("/fapi/v3/positionRisk") == "positionRisk-v3"
    assert name_of("/fapi/v1/order/asyn/id?downloadId=5") == "order.asyn"
    assert name_of("/dapi/v2/leverageBracket") == "leverageBracket-v2"
