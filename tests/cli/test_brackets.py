"""`margincall brackets` as a user calls it: output, JSON and exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from margincall.cli.brackets import SCHEMA, brackets
from margincall.errors import DIFFERENCES, FINE, NOTHING_USABLE, USAGE
from margincall.history.bracket_store import FOLDER_VARIABLE

ROWS = [
    {"bracket": 1, "notionalFloor": 0, "notionalCap": 5000, "maintMarginRatio": 0.01, "cum": 0, "initialLeverage": 50},
    {"bracket": 2, "notionalFloor": 5000, "notionalCap": 9000, "maintMarginRatio": 0.025, "cum": 75.0},
]
TABLE = {"symbol": "IOTAUSDT", "brackets": ROWS}
BROKEN = {"symbol": "NEOUSDT", "brackets": [ROWS[0], {**ROWS[1], "cum": 76}]}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command with a store of its own; gives the exit code, what was printed, and what was complained of."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "store"))

    def call(*arguments: object) -> tuple[int, str, str]:
        done = CliRunner().invoke(brackets, [str(each) for each in arguments], standalone_mode=False)
        if isinstance(done.exception, click.ClickException):
            return done.exception.exit_code, done.stdout, done.exception.format_message()
        assert done.exception is None, done.exc_info
        return done.return_value, done.stdout, done.stderr

    return call


def saved(folder: Path, name: str, value: object) -> Path:
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def parsed(printed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed)
    assert found["schema"] == SCHEMA
    assert {"problems", "assumptions"} <= found.keys()
    return found


def test_import_list_show(tmp_path: Path, run: Run) -> None:
    code, printed, _ = run("import", saved(tmp_path, "b_2022-11-25.json", [TABLE]))
    assert (code, "1 of 1 files, 1 tables stored" in printed) == (FINE, True)
    code, printed, _ = run("list")
    assert code == FINE
    assert "imported from b_2022-11-25.json" in printed
    code, printed, _ = run("list", "IOTA/USDT:USDT")
    assert code == FINE
    assert "2022-11-25" in printed
    code, printed, _ = run("show", "iotausdt")
    assert code == FINE
    for text in ("IOTAUSDT as of 2022-11-25", "2.5 %", "9,000", "50x"):
        assert text in printed
    assert "\x1b" not in printed


def test_import_as_json(tmp_path: Path, run: Run) -> None:
    path = saved(tmp_path, "freqtrade-2024.12.json", [TABLE, BROKEN])
    code, printed, complained = run("import", path, "--json")
    found = parsed(printed)
    assert (code, complained) == (DIFFERENCES, "")
    (done,) = found["imports"]
    assert (done["days"], done["tables"], done["rows"]) == (["2024-12-01"], 1, 2)
    (problem,) = found["problems"]
    assert problem["kind"] == "unsound"
    assert (problem["file"], problem["place"]) == (str(path), "[1].brackets[1]")
    assert found["assumptions"] == ["package-version-date"]


def test_a_refused_table_is_complained_of_by_file_symbol_and_row(tmp_path: Path, run: Run) -> None:
    path = saved(tmp_path, "b.json", [TABLE, BROKEN])
    code, _, complained = run("import", path, "--as-of", "2022-11-25")
    assert code == DIFFERENCES
    assert f"{path}: [1].brackets[1]: NEOUSDT: row 2: cum 76 breaks the recurrence, which gives 75" in complained
    assert "'cum': '76'" in complained


def test_without_a_date_the_hint_says_what_to_do(tmp_path: Path, run: Run) -> None:
    code, printed, complained = run("import", saved(tmp_path, "b.json", [TABLE]))
    assert code == USAGE
    assert "0 of 1 files" in printed
    assert "--as-of" in complained


@pytest.mark.parametrize(
    "text", ["", "{}", "a,b\n1,2\n", '[{"symbol": "X', '{"code": -2015, "msg": "Invalid API-key"}']
)
def test_nothing_usable(tmp_path: Path, run: Run, text: str) -> None:
    path = saved(tmp_path, "b_2022-11-25.json", text)
    for command in ("import", "check", "infer"):
        code, _, complained = run(command, path)
        assert code == NOTHING_USABLE, command
        assert complained


@pytest.mark.parametrize(
    "arguments",
    [
        ("import",),
        ("import", "no-such-file.json"),
        ("list", "a b"),
        ("show",),
        ("show", "BTCUSDT", "--as-of", "2021-13-01"),
        ("show", "BTCUSDT", "--as-of", "yesterday"),
        ("infer",),
        ("check", "no-such-file.json"),
        ("check", "--unknown"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    code, _, complained = run(*arguments)
    assert code in (2, USAGE), "click's own code; the main command makes it 3"
    assert complained


def test_folders_are_searched(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    saved(folder, "a_2022-11-25.json", [TABLE])
    saved(folder, "b_2022-12-25.json", [TABLE])
    saved(folder, "notes.txt", "not a table")
    code, printed, complained = run("import", tmp_path / "in")
    assert (code, complained) == (FINE, "")
    assert "2 of 2 files" in printed


def test_show_tells_the_table_in_force_from_the_next(run: Run) -> None:
    code, printed, _ = run("show", "BTCUSDT", "--as-of", "2021-02-01")
    assert code == FINE
    assert printed.index("BTCUSDT as of 2021-01-24") < printed.index("BTCUSDT as of 2021-03-18")
    assert "no limit" in printed
    assert "assumed: bracket-date" in printed
    code, printed, _ = run("show", "BTCUSDT", "--as-of", "2022-03-01")
    assert "2022-04-16" not in printed, "the next table has the same rows"


def test_show_as_json(run: Run) -> None:
    code, printed, _ = run("show", "BTC/USDT:USDT", "--as-of", "2021-02-01", "--json")
    found = parsed(printed)
    assert code == FINE
    assert (found["symbol"], found["day"], found["certainty"]) == ("BTCUSDT", "2021-02-01", "dated")
    assert found["table"]["rows"][3] == {
        "number": 4,
        "floor": "1000000",
        "cap": "5000000",
        "rate": "0.025",
        "cum": "16300",
        "max_leverage": 20,
    }
    assert found["later"]["as_of"] == "2021-03-18"


def test_show_without_a_table_in_force(run: Run) -> None:
    code, printed, complained = run("show", "BTCUSDT", "--as-of", "2019-12-01")
    assert code == DIFFERENCES
    assert "BTCUSDT as of 2020-05-10" in printed
    assert "no table of BTCUSDT is dated at or before 2019-12-01; import one" in complained
    code, printed, complained = run("show", "NOSUCHUSDT", "--json")
    assert code == NOTHING_USABLE
    assert parsed(printed)["table"] is None
    code, _, complained = run("list", "NOSUCHUSDT")
    assert code == NOTHING_USABLE
    assert "import" in complained


def test_infer_solves_a_row_and_names_the_tables(tmp_path: Path, run: Run) -> None:
    prints = [
        {"symbol": "BTCUSDT", "positionAmt": "1", "notional": "3500032.45776000", "maintMargin": "71200.81144400"},
        {"symbol": "BTCUSDT", "positionAmt": "1", "notional": "1200000.10000000", "maintMargin": "13700.00250000"},
    ]
    path = saved(tmp_path, "positions.json", prints)
    code, printed, _ = run("infer", path, "--as-of", "2021-02-01", "--json")
    (found,) = parsed(printed)["symbols"]
    assert code == FINE
    (row,) = found["rows"]
    assert (row["solved"], row["rate"], row["cum"]) == (True, "0.025", "16300")
    assert "2021-01-24" in row["tables"]
    assert found["prints"][0]["in_force"] == {"as_of": "2021-01-24", "rate": "0.025", "cum": "16300", "agrees": True}
    code, printed, _ = run("infer", path)
    assert code == FINE
    assert "2.5 %" in printed
    assert "solved" in printed


def test_infer_finds_that_another_table_was_in_force(tmp_path: Path, run: Run) -> None:
    prints = [{"symbol": "BTCUSDT", "positionAmt": "1", "notional": "9000000.0000", "maintMargin": "208700.0000"}]
    code, printed, _ = run("infer", saved(tmp_path, "positions_2021-03-01.json", prints))
    assert code == DIFFERENCES
    assert "prints that the table in force does not give" in printed
    code, printed, _ = run("infer", tmp_path / "positions_2021-03-01.json", "--as-of", "2021-04-01")
    assert code == FINE


def test_infer_without_a_known_table_is_a_difference(tmp_path: Path, run: Run) -> None:
    prints = [{"symbol": "NOSUCHUSDT", "positionAmt": "1", "notional": "100.00", "maintMargin": "1.00"}]
    code, printed, _ = run("infer", saved(tmp_path, "positions.json", prints))
    assert code == DIFFERENCES
    assert "none known" in printed


def test_check_files_and_store(tmp_path: Path, run: Run) -> None:
    code, printed, _ = run("check")
    assert code == FINE
    assert "are sound" in printed
    code, printed, complained = run("check", saved(tmp_path, "b.json", [TABLE, BROKEN]))
    assert code == DIFFERENCES
    assert "1 tables with 2 rows are sound" in printed
    assert "NEOUSDT: row 2" in complained
    code, printed, _ = run("check", tmp_path / "b.json", "--json")
    assert parsed(printed)["checked"] == [{"name": str(tmp_path / "b.json"), "tables": 1, "rows": 2}]


def test_check_names_what_was_damaged_in_the_store(tmp_path: Path, run: Run) -> None:
    run("import", saved(tmp_path, "b_2022-11-25.json", [TABLE]))
    (stored,) = (tmp_path / "store").iterdir()
    stored.write_bytes(stored.read_bytes().replace(b'"75.0"', b'"76.0"'))
    code, _, complained = run("check")
    assert code == DIFFERENCES
    assert "b_2022-11-25.json: IOTAUSDT" in complained


def test_many_problems_are_counted_not_listed(tmp_path: Path, run: Run) -> None:
    broken = [{"symbol": f"A{number}USDT", "brackets": BROKEN["brackets"]} for number in range(30)]
    code, _, complained = run("check", saved(tmp_path, "b.json", [TABLE, *broken]))
    assert code == DIFFERENCES
    assert "and 10 more; --json lists all" in complained


def test_a_folder_that_cannot_be_read_is_a_problem(tmp_path: Path, run: Run) -> None:
    (tmp_path / "in" / "folder.json").mkdir(parents=True)
    for command in ("import", "check", "infer"):
        code, _, complained = run(command, tmp_path / "in")
        assert code == NOTHING_USABLE
        assert "cannot be opened" in complained or "no maintenance margin" in complained


def test_the_program_ends_with_the_code(tmp_path: Path) -> None:
    table = saved(tmp_path, "table.json", [TABLE])
    code = "from margincall.cli.main import main; main()"
    for arguments, expected in (
        (["check", str(table)], FINE),
        (["import", str(table)], USAGE),
        (["show", "BTCUSDT", "--as-of", "soon"], USAGE),
        (["show", "NOSUCHUSDT"], NOTHING_USABLE),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, "brackets", *arguments],
            env={**os.environ, FOLDER_VARIABLE: str(tmp_path / "store")},
            capture_output=True,
            check=False,
        )
        assert done.returncode == expected, done.stderr
