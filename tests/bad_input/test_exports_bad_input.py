"""Bad exports beside a good history: said with file, line and text; the rest is explained."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from margincall.history.read import read
from margincall.wire.encode_csv import encoded
from tests.cli.calling import Called, call
from tests.exports import saved, text
from tests.stories import liquidation, written

WEB = "trade history/web"


def row(number: int = 77, time: str = "2026-05-28 20:26:50", **cells: str) -> str:
    """A trade of another symbol, so that the story stays as it is."""
    known = {"symbol": "ETHUSDT", "price": "2000", "user": "1", "order": str(number), **cells}
    told = f"{known['user']},{time},{known['symbol']},BUY,{known['price']},1,2000,1 USDT,0,true,false"
    return f"{told},{number},{known['order']}"


BAD: dict[str, tuple[bytes, str, str, str]] = {
    "a shifted row": (text(WEB, row(), "," + row()), "line 3", "14 cells, the header 13", ",1,2026"),
    "a renamed column": (text(WEB, row()).replace(b"Price", b"Prise"), "line 1", "(is `Prise` meant?)", "Prise"),
    "a missing column": (text(WEB, row()).replace(b"Quantity,", b""), "line 1", "`Quantity` is missing", "Price,A"),
    "a bad number": (text(WEB, row(price="2_000")), "line 2", "'2_000' is not a finite", "2_000"),
    "no such day": (text(WEB, row(time="2026-02-30 01:02:03")), "line 2", "no date and time that exists", "2026-02-30"),
    "dates of a spreadsheet": (text(WEB, row(time="03/04/2026 01:02:03")), "line 2", "day first or", "03/04"),
    "times without seconds": (text(WEB, row(time="2026-05-28 20:26")), "line 2", "has no seconds", "20:26"),
    "an unknown symbol": (text(WEB, row(symbol="ETHEREUM")), "line 2", "'ETHEREUM' is no symbol", "ETHEREUM"),
    "mangled ids": (text(WEB, row(order="8.38977E+18")), "line 2", "cut to 15 digits", "8.38977E+18"),
    "another account": (text(WEB, row(), row(78), row(79, user="2")), "", "1 of 2 in", "1"),
    "a table of something else": (b"Name,Street,Town\r\na,b,c\r\n", "line 1", "whose columns no export has", "Name"),
    "an unknown operation": (
        text("statement/older", "1,2026-05-28 20:26:50,USD-MFutures,Gift,USDT,0,"),
        "line 2",
        "'Gift' is not known",
        "Gift",
    ),
}  # fmt: skip


def explained(folder: Path, *more: Path) -> tuple[Called, dict[str, Any]]:
    """`margincall explain --json` of the story and more files."""
    called = call("explain", "--json", str(written(liquidation(), folder / "story.jsonl")), *map(str, more))
    return called, json.loads(called.out)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_export_beside_a_good_history(name: str, tmp_path: Path) -> None:
    content, place, message, raw = BAD[name]
    bad = saved(tmp_path, content)
    called, answer = explained(tmp_path, bad)
    problems = [
        each for each in answer["problems"] if each["file"] == str(bad) and each["kind"] not in ("note", "ignored")
    ]
    assert [each["place"] for each in problems] == [place]
    assert message in problems[0]["message"]
    assert raw in problems[0]["raw"] + problems[0]["message"]
    assert called.code == 1
    assert [each["verdict"]["liquidated"] for each in answer["liquidations"]] == [True]


def test_without_a_zone_the_answer_says_what_to_do(tmp_path: Path) -> None:
    bad = saved(tmp_path, text(WEB, row()), "export.csv")
    _, answer = explained(tmp_path, bad)
    assert any("--tz UTC+3" in each["message"] for each in answer["problems"])
    called = call("explain", "--json", "--tz", "UTC+3", str(tmp_path / "story.jsonl"), str(bad))
    assert called.code == 0
    assert all("--tz" not in each["message"] for each in json.loads(called.out)["problems"])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--tz", "Mars/Base", "is no time zone"),
        ("--from", "soon", "is no date or time"),
        ("--to", "2026-99-99", "is no date or time"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(tmp_path: Path, option: str, value: str, message: str) -> None:
    called = call("explain", option, value, str(written(liquidation(), tmp_path / "story.jsonl")))
    assert called.code == 3
    assert message in called.err


def test_a_chosen_time_is_all_that_is_explained(tmp_path: Path) -> None:
    story = written(liquidation(), tmp_path / "story.jsonl")
    called = call("explain", "--json", "--to", "2020-01-01", str(story))
    answer = json.loads(called.out)
    assert answer["liquidations"] == []
    assert any("outside of --from and --to" in each["message"] for each in answer["problems"])


def test_a_sparse_file_of_two_gigabytes_is_refused_in_under_a_second(tmp_path: Path) -> None:
    """Of zeros, and of an export that is far too large; the hint says what to do."""
    for name, head in (("zeros.csv", b""), ("export(UTC+0).csv", text(WEB, row()))):
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(head)
            file.truncate(2**31)
        began = time.perf_counter()
        problems = read([path]).problems
        assert time.perf_counter() - began < 1
        assert len(problems) == 1
        assert ("--from and --to" in problems[0].message) == bool(head)


# --- the whole way from exports ---------------------------------------------------------------------------


def exports(folder: Path, *layouts: str, newest_first: bool = True) -> list[Path]:
    """The story written down to exports."""
    events = read([written(liquidation(), folder / "story.jsonl")]).events
    return [
        saved(folder, encoded(layout, events, user="1", newest_first=newest_first), f"{number}(UTC+0).csv")
        for number, layout in enumerate(layouts)
    ]


@pytest.mark.parametrize(
    "layouts",
    [
        ("trade history/web",),
        ("order history/asyn",),
        ("transaction history/web", "statement/newer"),
        ("trade history/older", "order history/web", "statement/older"),
    ],
)
def test_exports_beside_the_stream_change_nothing(tmp_path: Path, layouts: tuple[str, ...]) -> None:
    called, answer = explained(tmp_path, *exports(tmp_path, *layouts))
    _, alone = explained(tmp_path)
    assert called.code == 0
    assert answer["liquidations"] == alone["liquidations"]


def test_the_order_history_alone_proves_the_forced_close(tmp_path: Path) -> None:
    called = call("explain", "--json", *map(str, exports(tmp_path, "order history/web")))
    (each,) = json.loads(called.out)["liquidations"]
    assert each["client_order_id"].startswith("autoclose-")
    assert each["prices"]["order_limit"] == "47525"
    assert each["realized_pnl"] is None


def test_trades_orders_and_transactions_together_tell_the_money(tmp_path: Path) -> None:
    """Without a stream: profit and clearance as the venue booked them, in whole seconds."""
    paths = exports(tmp_path, "trade history/web", "order history/web", "transaction history/web")
    (each,) = json.loads(call("explain", "--json", *map(str, paths)).out)["liquidations"]
    assert each["realized_pnl"] == "-2400"
    assert each["clearance"]["fee"] == "75"
    assert each["time_ms"] % 1000 == 0
