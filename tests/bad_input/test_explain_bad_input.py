"""Bad input to `margincall explain`: a clear message with file, place and raw text, and the rest is still explained."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import Called, call
from tests.stories import START, SYMBOL, liquidation, written

FORTY_ONE = "1" + "0" * 40


def explained(folder: Path, *more: Path) -> tuple[Called, dict[str, Any]]:
    """`margincall explain --json` of the story and more files."""
    story = written(liquidation(), folder / "story.jsonl")
    called = call("explain", "--json", str(story), *map(str, more))
    return called, json.loads(called.out)


def with_message(message: dict[str, Any] | str) -> Callable[[Path], Path]:
    """A file of one good and one bad line."""

    def write(folder: Path) -> Path:
        text = message if isinstance(message, str) else json.dumps(message)
        path = folder / "bad.jsonl"
        path.write_text(json.dumps({"e": "listenKeyExpired", "E": START, "listenKey": "x"}) + "\n" + text + "\n")
        return path

    return write


def trade(**changes: Any) -> dict[str, Any]:
    """The opening trade of the story with changed order fields; `None` leaves a field out."""
    message = json.loads(json.dumps(liquidation()[4]))
    for key, value in changes.items():
        if value is None:
            del message["o"][key]
        else:
            message["o"][key] = value
    return message


def raw(data: bytes, name: str = "bad.json") -> Callable[[Path], Path]:
    """A file of these bytes."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return write


LINES = "".join(json.dumps(message) + "\n" for message in liquidation()).encode()
ARRAY = json.dumps(liquidation()).encode()

UNREADABLE = {
    "empty file": (raw(b""), "empty"),
    "only spaces": (raw(b"  \n \n"), ""),
    "binary": (raw(bytes(range(256)) * 4), ""),
    "wrong encoding (UTF-16)": (raw(ARRAY.decode().encode("utf-16")), ""),
    "wrong encoding (Latin-1)": (raw(b'[{"e":"\xe9\xe8"}]'), ""),
    "truncated array": (raw(ARRAY[: len(ARRAY) * 2 // 3]), ""),
    "truncated gzip": (raw(gzip.compress(ARRAY, mtime=0)[:-40], "bad.json.gz"), ""),
    "no JSON": (raw(b"hello, world"), "JSON"),
    "missing key": (with_message(trade(L=None, t=99)), "L"),
    "unknown event": (with_message({"e": "SOMETHING_NEW", "E": START}), "SOMETHING_NEW"),
    "unknown update reason": (
        with_message({"e": "ACCOUNT_UPDATE", "E": START, "T": START, "a": {"m": "GIFT", "B": [], "P": []}}),
        "GIFT",
    ),
    "unknown key": (with_message(trade(t=99, zz="1")), "zz"),
    "unknown income type": (
        with_message(
            {"symbol": "", "incomeType": "MYSTERY", "income": "1", "asset": "USDT", "info": "", "time": START,
            "tranId": 1, "tradeId": ""} ),
        "MYSTERY",
    ),
    "wrong type": (with_message(trade(t=99, l=True)), "'True' is not a number"),
    "NaN as a string": (with_message(trade(t=99, L="NaN")), "NaN"),
    "NaN as a number": (with_message(json.dumps(trade(t=99)).replace('"50000"', "NaN")), "NaN"),
    "Infinity": (with_message(trade(t=99, n="Infinity")), "Infinity"),
    "41 digits": (with_message(trade(t=99, L=FORTY_ONE)), FORTY_ONE),
    "39 digits": (with_message(trade(t=99, l="9" * 39)), "9" * 39),
    "underscores": (with_message(trade(t=99, L="50_000")), "50_000"),
    "blank number": (with_message(trade(t=99, L="")), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_bad_file_beside_a_good_one(name: str, tmp_path: Path) -> None:
    """The problem names file, place and text; the good file's liquidation is explained all the same."""
    write, text = UNREADABLE[name]
    bad = write(tmp_path)
    called, answer = explained(tmp_path, bad)
    problems = [problem for problem in answer["problems"] if problem["file"] == str(bad)]
    assert problems, answer["problems"]
    assert any(text in problem["message"] + problem["raw"] for problem in problems), problems
    assert all(problem["message"] for problem in problems)
    assert called.code == 1
    assert [each["verdict"]["liquidated"] for each in answer["liquidations"]][:1] == [True]


@pytest.mark.parametrize("name", ["empty file", "binary", "no JSON", "wrong encoding (UTF-16)"])
def test_nothing_usable_is_exit_code_2(name: str, tmp_path: Path) -> None:
    """Only unreadable files: exit code 2, the reason, and what to do."""
    bad = UNREADABLE[name][0](tmp_path)
    called = call("explain", str(bad))
    assert called.code == 2
    assert bad.name in called.out
    assert "margincall explain --help" in called.err


def test_a_missing_path_is_a_usage_error(tmp_path: Path) -> None:
    """Exit code 3, and the path is named."""
    called = call("explain", str(tmp_path / "nowhere.json"))
    assert called.code == 3
    assert "nowhere.json" in called.err


def test_an_unknown_symbol_is_left_out_and_named(tmp_path: Path) -> None:
    """A symbol that no venue lists does not stop the rest."""
    path = with_message(trade(t=99, s="NOTASYMBOL"))(tmp_path)
    called, answer = explained(tmp_path, path)
    assert called.code == 1
    assert any("'NOTASYMBOL' is no symbol" in problem["message"] for problem in answer["problems"])
    assert answer["liquidations"][0]["verdict"]["liquidated"] is True


def test_an_unknown_asset_is_carried_not_dropped(tmp_path: Path) -> None:
    """An asset that nobody knows still has a wallet."""
    message = liquidation()[0]
    message["a"]["B"][0] = {"a": "NEWCOIN", "wb": "5", "cw": "5", "bc": "5"}
    _, answer = explained(tmp_path, with_message(message)(tmp_path))
    assert answer["liquidations"][0]["verdict"]["liquidated"] is True
    assert not [problem for problem in answer["problems"] if problem["kind"] == "unreadable"]


def test_repeated_events_count_once(tmp_path: Path) -> None:
    """The same file twice, under two names: the same answer, and the repeat is said."""
    copy = written(liquidation(), tmp_path / "copy.jsonl")
    _, once = explained(tmp_path)
    _, twice = explained(tmp_path, copy)
    assert once["liquidations"][0]["verdict"] == twice["liquidations"][0]["verdict"]
    assert len(twice["liquidations"]) == 1
    assert any(problem["kind"] == "repeat" for problem in twice["problems"])


def test_a_missing_event_is_a_finding(tmp_path: Path) -> None:
    """Without the opening fill's message the update stands alone, and the answer says so."""
    messages = liquidation()
    del messages[4]
    called = call("explain", "--json", str(written(messages, tmp_path / "story.jsonl")))
    answer = json.loads(called.out)
    assert "update_without_fill" in {finding["kind"] for finding in answer["findings"]}


def test_contradictory_fills_are_named_with_both_texts(tmp_path: Path) -> None:
    """The same trade with another price in a second file: a contradiction, and the stream's is kept."""
    row = {
        "symbol": SYMBOL, "id": 11, "orderId": 1, "side": "BUY", "price": "50001", "qty": "1", "quoteQty": "50001",
        "realizedPnl": "0", "commission": "25", "commissionAsset": "USDT", "time": START + 1000, "positionSide": "BOTH",
        "buyer": True, "maker": False,
    }  # fmt: skip
    path = tmp_path / "userTrades.json"
    path.write_text(json.dumps([row]))
    called, answer = explained(tmp_path, path)
    found = [problem for problem in answer["problems"] if problem["kind"] == "contradiction"]
    assert called.code == 1
    assert len(found) == 1
    assert "50001" in found[0]["message"] + found[0]["raw"]
    assert "50000" in found[0]["message"] + found[0]["raw"]
    assert answer["liquidations"][0]["prices"]["entry"] == "50000"


def test_only_a_later_bracket_table_is_cannot_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table newer than the event gives no verdict; the answer says which file to import."""
    monkeypatch.setenv("MARGINCALL__STORE__FOLDER", str(tmp_path / "store"))
    early = json.loads(json.dumps(liquidation()).replace("17800", "15400"))
    called = call("explain", "--json", str(written(early, tmp_path / "early.jsonl")))
    each = json.loads(called.out)["liquidations"][0]
    assert each["verdict"]["liquidated"] is None
    assert [finding["verdict"] for finding in each["findings"] if finding["kind"] == "trigger"] == ["cannot tell"]
    assert any("margincall brackets import" in unknown["settled_by"] for unknown in each["unknown"])


def test_no_mark_price(tmp_path: Path) -> None:
    """Without a mark there is no verdict, but the interval, the bankruptcy price and the money are still known."""
    messages = [message for message in liquidation() if message["e"] != "markPriceUpdate"]
    called = call("explain", "--json", str(written(messages, tmp_path / "story.jsonl")))
    each = json.loads(called.out)["liquidations"][0]
    assert each["verdict"]["liquidated"] is None
    assert each["prices"]["mark_at_trigger"] is None
    assert each["prices"]["liquidation"]["lower"] == "47715.863453815262"
    assert each["prices"]["bankruptcy"] == "47525"
    unknown = {item["term"]: item["settled_by"] for item in each["unknown"]}
    assert "mark price" in unknown["prices.mark_at_trigger"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"e": "GRID_UPDATE", "T": START, "E": START, "gu": {"si": 1, "st": "GRID", "ss": "WORKING", "s": SYMBOL}},
        "grid"), (
            {"symbol": "", "incomeType": "WELCOME_BONUS", "income": "10", "asset": "USDT", "info": "", "time": START,
             "tranId": 1, "tradeId": ""},
            "bonus",
        ),
        ({"uniMMR": "5.1", "accountEquity": "100", "actualEquity": "100", "accountInitialMargin": "1",
          "accountMaintMargin": "1", "accountStatus": "NORMAL"}, "ortfolio"),
    ],
)  # fmt: skip
def test_a_kind_of_account_that_is_not_modelled_is_refused(
    message: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    """No verdict is derived; the reason is said; what the venue applied is still listed."""
    path = tmp_path / "kind.json"
    path.write_text(json.dumps([message]))
    called, answer = explained(tmp_path, path)
    assert called.code == 1
    assert any(reason in text for text in answer["refused"]), answer["refused"]
    each = answer["liquidations"][0]
    assert each["verdict"]["liquidated"] is None
    assert each["realized_pnl"] == "-2400"
