"""Real files in all states: what is whole is read, what is not is named with its file, place and text."""

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from margincall.core.events import Fill, MarkPrice, Source, Statement
from margincall.history.files import files_of
from margincall.history.read import History, read

TIME = 1_700_000_000_000


def mark(number: int, **fields: object) -> dict[str, object]:
    """A markPriceUpdate of its own time and price."""
    message = {"e": "markPriceUpdate", "E": TIME + number, "s": "BTCUSDT", "p": str(100 + number)}
    return message | {"i": "1", "P": "1", "r": "0", "T": 0} | fields


def text(*values: object) -> str:
    return "\n".join(json.dumps(value) for value in values)


def numbers(history: History) -> list[int]:
    """Which of the marks were read."""
    return [int(event.price) - 100 for event in history.events if isinstance(event, MarkPrice)]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file of the given name and content."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


Write = Callable[[str, str | bytes], Path]
MARKS = [mark(0), mark(1), mark(2)]
LINES = text(*MARKS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("array.json", json.dumps(MARKS)),
        ("indented.json", json.dumps(MARKS, indent=2)),
        ("lines.jsonl", LINES),
        ("lines.jsonl", LINES + "\n"),
        ("windows.jsonl", LINES.replace("\n", "\r\n")),
        ("objects.json", "\n".join(json.dumps(each, indent=1) for each in MARKS)),
        ("arrays.jsonl", text([mark(0)], [mark(1), mark(2)])),
        ("wrapped.jsonl", text(*({"stream": "x", "data": each} for each in MARKS))),
        ("wrapped_array.json", json.dumps({"stream": "!markPrice@arr", "data": MARKS})),
        ("bom.json", b"\xef\xbb\xbf" + json.dumps(MARKS).encode()),
        ("noname", json.dumps(MARKS)),
        ("zipped.json.gz", gzip.compress(json.dumps(MARKS).encode(), mtime=0)),
        ("members.jsonl.gz", b"".join(gzip.compress(text(each).encode() + b"\n", mtime=0) for each in MARKS)),
    ],
)
def test_layouts(file: Write, name: str, content: str | bytes) -> None:
    history = read([file(name, content)])
    assert history.problems == ()
    assert numbers(history) == [0, 1, 2]
    assert [event.seq for event in history.events] == [0, 1, 2]


def test_places_are_lines_of_the_file(file: Write) -> None:
    path = file("indented.json", json.dumps(MARKS, indent=2))
    lines = path.read_text().splitlines()
    for event in read([path]).events:
        assert event.source.line is not None
        assert event.source.file == str(path)
        assert lines[event.source.line - 1] == "  {"
        assert path.read_bytes()[event.source.byte :].startswith(b'{\n    "e"')


def test_elements_of_equal_text_have_their_own_place(file: Write) -> None:
    row = {"symbol": "", "incomeType": "TRANSFER", "income": "1", "asset": "USDT", "time": TIME, "tranId": ""}
    history = read([file("income.json", json.dumps([row, row, mark(1)], indent=0))])
    assert [event.source.line for event in history.events] == [2, 18]
    (repeat,) = history.problems
    assert (repeat.kind, repeat.place) == ("repeat", "line 10")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (json.dumps(MARKS).encode("utf-16"), "this is UTF-16 text: save it as UTF-8"),
        (json.dumps(MARKS).encode("utf-16-le"), "not text: it holds zero bytes"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not text: it holds zero bytes"),
        (b"PK\x03\x04....", "a damaged zip archive: File is not a zip file"),
        (
            "Time,Type\n2024-01-02,FUNDING_FEE",
            "neither JSON, nor a CSV with a header, nor a reply of the venue's support",
        ),
        ("Time,What,Amount\n2024-01-02,FUNDING_FEE,1", "a table whose columns no export has: `Time`, `What`, `Amount`"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
    ],
)
def test_files_that_cannot_be_used(file: Write, content: str | bytes, message: str) -> None:
    """And the other files are still read."""
    bad = file("bad.json", content)
    history = read([bad, file("good.jsonl", LINES)])
    assert numbers(history) == [0, 1, 2]
    assert [(problem.file, problem.message) for problem in history.problems] == [(str(bad), message)]


def test_a_missing_file(tmp_path: Path) -> None:
    (problem,) = read([tmp_path / "none.json"]).problems
    assert problem.message == "cannot be opened: No such file or directory"


@pytest.mark.parametrize("cut", [1, 30, len(json.dumps(mark(2))) + 1])
def test_a_cut_array_gives_what_is_whole(file: Write, cut: int) -> None:
    path = file("cut.json", json.dumps(MARKS, indent=1)[:-cut].rstrip("]"))
    history = read([path])
    assert numbers(history)[:2] == [0, 1]
    (problem,) = history.problems
    assert (problem.kind, problem.file) == ("cut", str(path))
    assert problem.place.startswith("line ")
    assert problem.message == "the file ends in the middle: this part is not whole"


def test_cut_lines_give_what_is_whole(file: Write) -> None:
    history = read([file("cut.jsonl", LINES[:-10])])
    assert numbers(history) == [0, 1]
    (problem,) = history.problems
    assert (problem.kind, problem.place) == ("cut", "line 3")
    assert problem.raw.startswith('{"e": "markPriceUpdate"')


def test_a_cut_gzip_file_gives_what_is_whole(file: Write) -> None:
    """As a recorder leaves it that was stopped hard."""
    content = text(*map(mark, range(2000))).encode()
    history = read([file("cut.jsonl.gz", gzip.compress(content)[:-300])])
    found = numbers(history)
    assert 100 < len(found) < 2000
    assert found == list(range(len(found)))
    assert {problem.kind for problem in history.problems} == {"cut"}
    assert history.problems[0].message == "the gzip data ends early: the file is cut off"


def test_a_damaged_gzip_file(file: Write) -> None:
    lines = text(*({"e": "kline", "x": Random(number).randbytes(100).hex()} for number in range(2000)))
    packer = zlib.compressobj(wbits=31)
    sound = packer.compress(lines.encode()) + packer.flush(zlib.Z_FULL_FLUSH)
    history = read([file("bad.gz", sound + b"\xff" * 100)])
    damaged, ignored, *cut = history.problems
    assert damaged.message.startswith("damaged gzip data, read up to there")
    assert ignored.kind == "ignored"
    assert [each.kind for each in cut] == ["cut"]


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        (b'{"e":"markPriceUpdate","E":%d,"s":"BTCUSDT","p":NaN}' % TIME, "'NaN' is not a finite decimal number"),
        (b'{"e":"markPriceUpdate","E":%d,"s":"BTCUSDT","p":Infinity}' % TIME, "'Infinity' is not a finite"),
        (b'{"e":"markPriceUpdate","E":%d,"s":"BTCUSDT","p":1e400}' % TIME, "longer than 40 digits"),
        (b'{"e":"markPriceUpdate","E":%d,"s":"BTCUSDT","p":%d}' % (TIME, 10**40), "longer than 40 digits"),
        (b'{"e":"markPriceUpdate","E":%d,"s":"BTC\xe9","p":1}' % TIME, "not UTF-8 text"),
        (b'{"e":"markPriceUpdate" "E":1}', "not JSON"),
        (b'{"e":"markPriceUpdate","e":"x",}', "not JSON"),
        (b"5", "expected an object, found '5'"),
        (b'"text"', "expected an object, found 'text'"),
        (b"null", "expected an object, found 'None'"),
        (b"[" * 5000 + b"]" * 5000, "JSON nested too deeply"),
    ],
)
@pytest.mark.parametrize("layout", ["array", "lines"])
def test_a_bad_element_costs_nothing_else(file: Write, bad: bytes, part: str, layout: str) -> None:
    first, second = (json.dumps(each).encode() for each in MARKS[:2])
    content = b"[" + b",\n".join([first, bad, second]) + b"]" if layout == "array" else b"\n".join([first, bad, second])
    path = file("a.json", content)
    history = read([path])
    assert numbers(history) == [0, 1]
    (problem,) = history.problems
    assert (problem.file, problem.place) == (str(path), "line 2")
    assert part in problem.message
    assert problem.raw


def test_text_between_elements_is_not_passed_over(file: Write) -> None:
    first, second = map(json.dumps, MARKS[:2])
    history = read([file("a.json", f"[{first}, oops\n, {second}]")])
    assert numbers(history) == [0, 1]
    assert [problem.raw for problem in history.problems] == ["oops"]


def test_numbers_are_exact(file: Write) -> None:
    """JSON numbers keep their digits; nothing passes through a binary float."""
    (event,) = read([file("a.json", '[{"e":"markPriceUpdate","E":1700000000000,"s":"BTCUSDT","p":0.10}]')]).events
    assert isinstance(event, MarkPrice)
    assert str(event.price) == "0.10"


def test_what_repeats_itself_is_told_once_with_its_number(file: Write) -> None:
    forced = {"e": "forceOrder", "E": TIME, "o": {}}
    history = read([file("a.jsonl", text(mark(0, new=1), forced, mark(1, new=2), mark(2, new=3), forced))])
    assert [(problem.kind, problem.place, problem.message) for problem in history.problems] == [
        ("unknown-key", "line 1", "markPriceUpdate: key `new` is not known and was not read (3 times)"),
        (
            "ignored",
            "line 2",
            "forceOrder: liquidations of the whole market, not this account's; nothing is booked from it (2 times)",
        ),
    ]


def test_folders_are_walked(file: Write, tmp_path: Path) -> None:
    file("b/2.jsonl", text(mark(1)))
    file("a.json", text(mark(0)))
    file("b/c/3.json.gz", gzip.compress(text(mark(2)).encode()))
    file(".hidden.json", "{")
    file(".git/x.json", "{")
    picture = file("shot.png", b"\x89PNG")
    history = read([tmp_path])
    assert numbers(history) == [0, 1, 2]
    assert [(problem.file, problem.kind) for problem in history.problems] == [(str(picture), "ignored")]
    assert [Path(each.file).name for each in history.sources] == ["a.json", "2.jsonl", "3.json.gz"]
    assert [each.counts for each in history.sources] == [{"mark_price": 1}] * 3


def test_a_file_given_twice_is_read_once(file: Write, tmp_path: Path) -> None:
    path = file("a.json", LINES)
    history = read([tmp_path, path, path])
    assert numbers(history) == [0, 1, 2]
    assert {problem.kind for problem in history.problems} == {"repeat"}


def test_a_named_file_is_kept_though_its_folder_would_leave_it_out(file: Write, tmp_path: Path) -> None:
    path = file("marks.csv", LINES)
    found, _ = files_of([tmp_path, path])
    assert found == [path]


def test_rows_that_fill_a_file_are_one_answer(file: Write) -> None:
    risk = {"symbol": "BTCUSDT", "positionAmt": "1", "unRealizedProfit": "0", "updateTime": 0}
    rows = [risk, risk | {"symbol": "ETHUSDT", "updateTime": TIME}, risk | {"symbol": "BNBUSDT"}]
    (statement,) = read([file("risk.json", json.dumps(rows))]).events
    assert isinstance(statement, Statement)
    assert (statement.time_ms, len(statement.positions)) == (TIME, 3)


def test_an_answer_of_unknown_time_is_noted(file: Write) -> None:
    risk = {"symbol": "BTCUSDT", "positionAmt": "0", "unRealizedProfit": "0", "updateTime": 0}
    history = read([file("risk.json", json.dumps([risk, risk | {"symbol": "ETHUSDT"}]))])
    assert [event.time_ms for event in history.events] == [0]
    assert [problem.kind for problem in history.problems] == ["note"]


def test_a_support_reply_as_text(file: Write) -> None:
    (statement,) = read([file("reply.txt", "Wallet balance: 25,923.05 USDT\ntime: 1700000000000\n")]).events
    assert isinstance(statement, Statement)
    assert (statement.origin, statement.time_ms) == ("support", TIME)


def test_marks_of_refused_accounts_are_told_once(file: Write) -> None:
    grid = {"e": "GRID_UPDATE", "E": TIME, "T": TIME, "gu": {}}
    history = read([file("a.jsonl", text(grid, grid)), file("b.jsonl", text(grid, grid))])
    assert [mark.kind for mark in history.unmodelled] == ["strategy"]


BRACKETS = [
    {
        "symbol": "ETHUSDT",
        "brackets": [
            {
                "bracket": 1,
                "initialLeverage": 75,
                "notionalCap": 10000,
                "notionalFloor": 0,
                "maintMarginRatio": 0.0065,
                "cum": 0,
            }
        ],
    }
]


def test_bracket_tables_are_dated_by_the_file_name(file: Write) -> None:
    history = read([file("leverageBracket-2024-10-24.json", json.dumps(BRACKETS))])
    (found,) = history.tables
    assert (found.table.symbol, found.table.as_of, found.venue) == ("ETHUSDT", "2024-10-24", "binance_usdm")
    assert str(found.table.rows[0].rate) == "0.0065"
    assert history.problems == ()
    assert history.sources[0].counts == {"bracket_table": 1}


def test_bracket_tables_without_a_date_are_not_used(file: Write) -> None:
    history = read([file("brackets.json", json.dumps(BRACKETS))])
    assert history.tables == ()
    assert [problem.kind for problem in history.problems] == ["undated"]


def test_bracket_tables_of_a_stream_are_dated_by_their_message(file: Write) -> None:
    row = {"bs": 1, "bnf": 0, "bnc": 5000, "mmr": 0.01, "cf": 0, "mi": 21, "ma": 50}
    info = {"e": "contractInfo", "E": TIME, "s": "IOTAUSDT", "bks": [row]}
    broken = info | {"bks": [row | {"cf": 5}]}
    path = file("stream.jsonl", text(mark(0), info, {"stream": "x", "data": broken}, mark(1)))
    history = read([path])
    assert numbers(history) == [0, 1]
    assert [found.table.as_of for found in history.tables] == ["2023-11-14"]
    (problem,) = history.problems
    assert (problem.kind, problem.place) == ("unsound", "line 3 bks[0]")


def test_progress_adds_up_to_the_bytes_of_all_files(file: Write) -> None:
    paths = [file("a.json", LINES), file("b.gz", gzip.compress(LINES.encode())), file("c.json", "")]
    told: list[int] = []
    read(paths, told.append)
    assert sum(told) == sum(path.stat().st_size for path in paths)


def test_a_large_file_tells_its_progress_on_the_way(file: Write) -> None:
    told: list[int] = []
    read([file("large.jsonl", text(*map(mark, range(30_000))))], told.append)
    assert len(told) > 2


def test_sources_name_file_and_line() -> None:
    assert str(Source("a.json", 12, 400)) == "a.json:12"


def test_api_dumps_of_an_account(file: Write) -> None:
    trade = {
        "symbol": "BTCUSDT",
        "id": 5,
        "orderId": 11,
        "side": "SELL",
        "price": "99",
        "qty": "0.5",
        "realizedPnl": "0",
        "commission": "0.1",
        "commissionAsset": "USDT",
        "time": TIME,
    }
    (event,) = read([file("userTrades.json", json.dumps([trade]))]).events
    assert isinstance(event, Fill)
    assert event.side == "BOTH"
