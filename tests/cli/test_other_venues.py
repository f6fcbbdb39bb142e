"""Histories of other venues, as a user gives them: files and folders to `margincall explain`."""

import gzip
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import call
from tests.exports import HEADERS
from tests.sources import ROOT

PAGE = (ROOT / "docs" / "reference" / "canonical-csv.md").read_text(encoding="utf-8")
FILLS, FLOWS, MARKS = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
FILL_HEADER = FILLS.splitlines()[0]
BITMEX_HEADER = "timestamp,transactTime,transactType,transactStatus,currency,amount,fee,walletBalance,marginBalance"
NOT_MODELLED = "are not modelled: sizes, profits and wallets follow, no verdict"
Write = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    """Write files into a folder (a value per name, `__` for the dot); its path."""

    def write(**contents: str) -> str:
        for name, text in contents.items():
            (tmp_path / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return str(tmp_path)

    return write


def asked(*arguments: str, code: int = 0) -> Any:
    """The answer for programs."""
    called = call("explain", "--json", *arguments)
    assert (called.code, called.err) == (code, "")
    return json.loads(called.out)


def told(answer: Any) -> list[tuple[str, str]]:
    """Kind and message of each problem."""
    return [(each["kind"], each["message"]) for each in answer["problems"]]


def wallets(answer: Any) -> dict[str, tuple[dict[str, str], str | None]]:
    return {each["asset"]: (each["causes"], each["balance"]) for each in answer["wallets"]}


def fill(symbol: str = "ABC-PERP", contract: str = "linear,ABC,USDC,", second: int = 0, account: str = "") -> str:
    time = f"2024-05-01T12:00:{second:02}.000Z"
    return f"{time},{account},{symbol},BOTH,BUY,3,20,0.03,USDC,,{second},,,false,,{contract}"


def rows(header: str, *lines: str) -> str:
    return "\n".join([header, *lines]) + "\n"


# --- the canonical CSV ------------------------------------------------------------------------------------


def test_the_example_of_the_page(folder: Write) -> None:
    """What the page says comes after it: wallets, sizes, the forced close, and no verdict."""
    answer = asked(folder(fills__csv=FILLS, flows__csv=FLOWS, marks__csv=MARKS))
    assert wallets(answer) == {
        "USDC": ({"commission": "-0.04", "funding": "-0.25", "realized_pnl": "4.5", "transfer": "100"}, "104.21"),
        "XYZ": ({"commission": "-0.003", "realized_pnl": "-2", "transfer": "8"}, "5.997"),
    }
    assert answer["positions"] == [
        {"symbol": "ABC-PERP", "position_side": "BOTH", "quantity": "0", "entry": None, "realized_pnl": "4.5"},
        {"symbol": "XYZUSD", "position_side": "SHORT", "quantity": "-50", "entry": "50", "realized_pnl": "-2"},
    ]
    (liquidation,) = answer["liquidations"]
    assert (liquidation["symbol"], liquidation["kind"], liquidation["realized_pnl"]) == ("XYZUSD", "liquidation", "-2")
    assert liquidation["verdict"]["liquidated"] is None
    assert liquidation["prices"]["liquidation"] == {"lower": None, "upper": None, "displayed": None, "empty": False}
    unknown = {each["term"]: each["settled_by"] for each in liquidation["unknown"]}
    assert "verdict.liquidated" in unknown
    assert not any("/fapi/" in text for text in unknown.values())
    assert (answer["problems"], answer["findings"], answer["standing"]) == ([], [], None)
    assert NOT_MODELLED in answer["no_verdict"]


def test_a_zip_of_the_example_is_the_same(tmp_path: Path, folder: Write) -> None:
    contents = {"fills.csv": FILLS, "flows.csv": FLOWS, "marks.csv": MARKS}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    zipped = asked(str(tmp_path / "all.zip"))
    (tmp_path / "all.zip").unlink()
    plain = asked(folder(**{name.replace(".", "__"): text for name, text in contents.items()}))
    assert (zipped["wallets"], zipped["positions"]) == (plain["wallets"], plain["positions"])
    assert zipped["liquidations"] == plain["liquidations"]


def test_the_example_for_people(folder: Write, tmp_path: Path) -> None:
    """The same as tables, in Markdown too; a figure that needs rules is asked for without a crash."""
    path, target = folder(fills__csv=FILLS, flows__csv=FLOWS, marks__csv=MARKS), tmp_path / "answer.md"
    called = call("explain", path, "--markdown", str(target))
    assert called.code == 0
    for text in ("XYZUSD SHORT liquidated", "What moved the wallet", "104.21", "Positions", NOT_MODELLED):
        assert text in " ".join(called.out.split())
    assert "| USDC | balance at the end | 104.21 |" in target.read_text(encoding="utf-8")
    assert "maintenance_margin: unknown" in call("explain", path, "--why", "maintenance_margin").out


def test_a_symbol_that_looks_like_binances_is_not_judged_by_its_rules(folder: Write) -> None:
    """Every figure of a verdict is there but the venue's own rules: Binance's tables are not taken for them."""
    contract = "linear,BTC,USDT,"
    closed = fill("BTCUSDT", contract, 2).replace("BUY,3,20", "SELL,3,14").replace("false,", "false,liquidation")
    flow = "2024-05-01T00:00:00.000Z,,USDT,20,transfer,deposit,,,t1,,20"
    mark = "2024-05-01T12:00:01.900Z,BTCUSDT,14"
    answer = asked(
        folder(
            fills__csv=rows(FILL_HEADER, fill("BTCUSDT", contract), closed),
            flows__csv=rows(FLOWS.splitlines()[0], flow),
            marks__csv=rows(MARKS.splitlines()[0], mark),
        )
    )
    (liquidation,) = answer["liquidations"]
    assert liquidation["verdict"]["maintenance_margin"] is None
    assert liquidation["bracket"]["table"] is None
    assert liquidation["realized_pnl"] == "-18"


@pytest.mark.parametrize("fee", ["0.03", ""])
def test_fees_of_another_venue_are_not_held_against_a_rate(folder: Write, fee: str) -> None:
    """Neither a fee nor its absence is a finding; profits that are printed roughly hold within their digits."""
    lines = [fill(second=second).replace("0.03,USDC", f"{fee},{fee and 'USDC'}") for second in range(12)]
    closing = fill(second=30).replace("BUY,3,20", "SELL,36,20.1234").replace("USDC,,", "USDC,4.44,")
    answer = asked(folder(fills__csv=rows(FILL_HEADER, *lines, closing)))
    assert [each["verdict"] for each in answer["findings"]] == ["holds"]
    assert wallets(answer)["USDC"][0]["realized_pnl"] == "4.44"
    other = closing.replace("USDC,4.44,", "USDC,5.55,")
    answer = asked(folder(fills__csv=rows(FILL_HEADER, *lines, other)))
    assert [(each["kind"], each["verdict"]) for each in answer["findings"]] == [("realized", "cannot tell")]


def test_profit_rows_beside_their_fills_count_once(folder: Write) -> None:
    """They belong into the fills; told twice, they are matched by second and amount."""
    profit = "2024-05-01T12:00:01.000Z,,USDC,4.5,realized_pnl,pnl,ABC-PERP,,,,"
    answer = asked(folder(fills__csv=FILLS, flows__csv=rows(FLOWS.splitlines()[0], profit)))
    assert wallets(answer)["USDC"][0]["realized_pnl"] == "4.5"


def test_a_copy_of_a_file_counts_once(folder: Write) -> None:
    """Rows without trade ids too; equal rows of one file are two fills."""
    nameless = rows(FILL_HEADER, *[re.sub(r",0,,,false", ",,,,false", fill())] * 2)
    answer = asked(folder(fills__csv=nameless, copy__csv=nameless))
    assert answer["positions"][0]["quantity"] == "6"


def test_bad_rows_and_columns_are_named_and_the_rest_counts(folder: Write) -> None:
    lines = [
        fill(),
        fill(second=1).replace("BUY", "LONG"),
        fill(second=2).replace("12:00:02.000Z", "12:00:02"),
        "1,2,3",
    ]
    answer = asked(folder(fills__csv=rows(FILL_HEADER + ",note", *[line + "," for line in lines])), code=1)
    assert answer["positions"][0]["quantity"] == "3"
    problems = [(each["place"], each["raw"]) for each in answer["problems"]]
    assert problems == [
        ("line 1", "note"),
        *((f"line {number}", line + ",") for number, line in enumerate(lines[1:], 3)),
    ]
    assert all(each["file"].endswith("fills.csv") for each in answer["problems"])


def test_a_symbol_described_in_two_ways_in_one_file(folder: Write) -> None:
    """File, line and both descriptions; the second row does not count."""
    lines = (fill(), fill(contract="linear,ABC,USDT,", second=1), fill(contract="inverse,ABC,USDC,10", second=2))
    answer = asked(folder(fills__csv=rows(FILL_HEADER, *lines)), code=1)
    assert answer["positions"][0]["quantity"] == "3"
    assert [each["place"] for each in answer["problems"]] == ["line 3", "line 4"]
    first, second = (each["message"] for each in answer["problems"])
    assert "ABC-PERP is linear ABC/USDT here, but linear ABC/USDC in" in first
    assert first.endswith("fills.csv:2")
    assert "inverse ABC/USDC, 10 USDC each here" in second


def test_a_symbol_described_in_two_ways_in_two_files(folder: Write) -> None:
    answer = asked(
        folder(
            a__csv=rows(FILL_HEADER, fill()),
            b__csv=rows(FILL_HEADER, fill(contract="linear,ABC,USDT,", second=1), fill("DEF-PERP", second=2)),
        ),
        code=1,
    )
    assert [each["quantity"] for each in answer["positions"]] == ["3", "3"]
    (problem,) = answer["problems"]
    assert problem["place"] == "line 2"
    assert problem["file"].endswith("b.csv")
    assert re.search(r"linear ABC/USDT here, but linear ABC/USDC in \S+a\.csv:2; the fills of it", problem["message"])


# --- beside Binance's files -------------------------------------------------------------------------------

TRADE = "1,2024-05-01 12:00:00,BTCUSDT,BUY,60000,0.1,6000,3 USDT,0,true,false,7,8"


def test_another_venue_beside_binance_is_another_account(folder: Write) -> None:
    """Its wallets are its own: exit code 3, and a file of each."""
    path = folder(t__csv=rows(HEADERS["trade history/asyn"].replace(",Position Side", ""), TRADE), fills__csv=FILLS)
    called = call("explain", path)
    assert called.code == 3
    assert "t.csv (Binance)" in called.err
    assert "fills.csv:2 (a venue other than Binance)" in called.err


def test_canonical_fills_of_a_symbol_in_binances_files_join_them(folder: Write) -> None:
    """They keep Binance's contract and rules, and it is said; another contract under that name does not count."""
    trades = rows(HEADERS["trade history/asyn"].replace(",Position Side", ""), TRADE)
    path = folder(t__csv=trades, fills__csv=rows(FILL_HEADER, fill("BTCUSDT", "linear,BTC,USDT,", 1)))
    answer = asked(path)
    assert answer["no_verdict"] == ""
    assert ("note", "BTCUSDT is in Binance's own files too: these fills are taken as made there") in told(answer)
    path = folder(fills__csv=rows(FILL_HEADER, fill("BTCUSDT", "linear,BTC,USDC,", 1)))
    answer = asked(path, code=1)
    (message,) = [message for kind, message in told(answer) if kind == "contradiction"]
    assert "linear BTC/USDC here, but linear BTC/USDT as Binance lists it" in message


def test_canonical_flows_and_marks_go_with_binances_files(folder: Write) -> None:
    """They name no venue: a wallet and a price of Binance can be given in them."""
    trades = rows(HEADERS["trade history/asyn"].replace(",Position Side", ""), TRADE)
    flow = "2024-05-01T00:00:00.000Z,,USDT,500,transfer,deposit,,,t1,,500"
    path = folder(
        t__csv=trades,
        flows__csv=rows(FLOWS.splitlines()[0], flow),
        marks__csv=rows(MARKS.splitlines()[0], "2024-05-02T00:00:00.000Z,BTCUSDT,61000"),
    )
    answer = asked(path)
    assert answer["no_verdict"] == ""
    assert wallets(answer)["USDT"] == ({"commission": "-3", "transfer": "500"}, "497")


def test_a_ledger_of_binance_alone_says_what_moved_the_wallet(folder: Write) -> None:
    """No balance is printed in it: what was there before is not known, and no end balance is claimed."""
    header = HEADERS["transaction history/web"]
    assert header == "Time,Type,Amount,Asset,Symbol,Transaction ID"
    lines = ("2024-05-01 12:00:00,FUNDING_FEE,-0.5,USDT,BTCUSDT,1", "2024-05-01 13:00:00,TRANSFER,100,USDT,,2")
    path = folder(transactions__csv=rows(header, *lines))
    called = call("explain", path, "--tz", "UTC")
    assert called.code == 0
    assert "No liquidation" in called.out
    assert re.search(r"change in all\s*\|\s*\+99\.5", called.out)
    assert "no file prints a balance in USDT" in called.out
    assert wallets(asked(path, "--tz", "UTC")) == {"USDT": ({"funding": "-0.5", "transfer": "100"}, None)}


# --- BitMEX -----------------------------------------------------------------------------------------------


def booked(kind: str, amount: int, balance: int, time: str = "2024-05-01T12:00:00.000Z") -> str:
    return f"{time},{time},{kind},Completed,XBt,{amount},,{balance},"


@pytest.mark.parametrize(
    ("balances", "code"), [((100, 130, 90), 0), ((90, 90, 90), 0), ((101, 130, 90), 1), ((100, 130, 91), 1)]
)
def test_balances_of_one_time_run_or_are_shared(folder: Write, balances: tuple[int, ...], code: int) -> None:
    """Both ways are the venue's; an altered balance is noticed, inside of a group as a problem, at its end in a later
    row as a finding."""
    before = booked("Deposit", 60, 60, "2024-05-01T11:00:00.000Z")
    group = (booked("RealisedPNL", amount, balance) for amount, balance in zip((40, 30, -40), balances, strict=True))
    answer = asked(folder(w__csv=rows(BITMEX_HEADER, before, *group)), code=code)
    assert wallets(answer)["XBT"][1] == "0.0000009"
    assert bool(answer["problems"] or answer["findings"]) == bool(code)


def test_a_balance_in_whole_seconds_stands_after_what_was_booked_then(folder: Write) -> None:
    """Profit that follows its fills within a second is inside of the balance that is printed with it."""
    header = FLOWS.splitlines()[0]
    lines = (
        "2024-05-01T00:00:00Z,,USDC,100,transfer,deposit,,,,,100",
        "2024-05-01T01:00:00Z,,USDC,7,realized_pnl,pnl,,,,,107",
        "2024-05-01T02:00:00Z,,USDC,-1,commission,fee,,,,,106",
    )
    answer = asked(folder(flows__csv=rows(header, *lines)))
    assert (answer["findings"], answer["liquidations"]) == ([], [])
    assert wallets(answer)["USDC"][1] == "106"


@pytest.mark.shared
def test_the_real_ledger(shared: Path) -> None:
    """10,329 rows: every end of a group agrees, and the totals are those of `docs/spec/other_venues.md`. The one group
    of which a balance inside does not is told."""
    answer = asked(str(shared / "bitmex_account" / "wallet-history.csv.gz"), code=1)
    assert wallets(answer) == {
        "BMEX": ({"conversion": "-7346", "transfer": "7346.12"}, "0.12"),
        "USDT": ({"conversion": "1.847649"}, "1.847649"),
        "XBT": (
            {
                "conversion": "0.00698",
                "funding": "0.41511312",
                "transfer": "-64.22980949",
                "untraded_pnl": "80.54126063",
            },
            "16.73354426",
        ),
    }
    assert (answer["liquidations"], answer["findings"]) == ([], [])
    (problem,) = answer["problems"]
    assert (problem["kind"], problem["place"]) == ("contradiction", "line 8758")
    assert "BitMEX" in answer["no_verdict"]


@pytest.mark.shared
def test_a_lost_row_of_the_real_ledger_is_noticed(shared: Path, tmp_path: Path) -> None:
    """One row in the middle left out: its amount is missing from the next balance, and something is said to have
    changed the wallet then."""
    lines = gzip.decompress((shared / "bitmex_account" / "wallet-history.csv.gz").read_bytes()).decode().splitlines()
    (tmp_path / "w.csv").write_text("\n".join(lines[:100] + lines[101:]) + "\n", encoding="utf-8")
    answer = asked(str(tmp_path), code=1)
    assert [(each["kind"], each["verdict"], each["amount"]) for each in answer["findings"]] == [
        ("wallet", "does not hold", "-0.03453893")
    ]
    assert [each["kind"] for each in answer["liquidations"]] == ["indirect"]


# --- Hyperliquid ------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_account_with_most_rows_of_the_sample(shared: Path) -> None:
    """All others are named by number, and how to choose one."""
    answer = asked(str(shared / "hyperliquid_2023"), code=1)
    (problem,) = answer["problems"]
    assert problem["kind"] == "other-account"
    assert "acct-a18de2ad7f is kept, which has most rows: --account chooses another" in problem["message"]
    assert "of 260 more" in problem["message"]
    assert [each["symbol"] for each in answer["positions"]] == ["ARB", "DOGE", "DYDX", "ETH", "INJ"]
    assert wallets(answer) == {"USD": ({"realized_pnl": "-1251.12709247", "transfer": "1516.094103"}, None)}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("chosen", "count", "coins"),
    [("acct-62505a117d", 5, 5), pytest.param("", 33, 36, marks=pytest.mark.slow)],
)
def test_every_liquidation_of_the_sample_is_found_with_its_fills(
    shared: Path, chosen: str, count: int, coins: int
) -> None:
    """One account, or each in turn. What is told is size, price and profit, and no verdict."""
    with gzip.open(shared / "hyperliquid_2023" / "liquidations.csv.gz", "rt") as file:
        lines = [line for line in file.read().splitlines()[1:] if chosen in line]
    found = []
    for account in sorted({line.split(",")[1] for line in lines}):
        answer = asked(str(shared / "hyperliquid_2023"), "--account", account)
        assert [kind for kind, _ in told(answer)] == ["note"]
        found += [(account, each) for each in answer["liquidations"]]
    assert len(found) == coins
    assert len({(account, each["time_ms"]) for account, each in found}) == len(lines) == count
    for _, each in found:
        assert (each["kind"], each["verdict"]["liquidated"]) == ("liquidation", None)
        assert each["quantity"] is not None
        assert "the venue lists this second's liquidation" in each["traces"][0]


@pytest.mark.shared
def test_liquidations_without_the_fills(shared: Path, tmp_path: Path) -> None:
    """The row alone says that there was one, and of what account value."""
    shutil.copy(shared / "hyperliquid_2023" / "liquidations.csv.gz", tmp_path)
    answer = asked(str(tmp_path), "--account", "acct-b5c35bc2d3")
    (liquidation,) = answer["liquidations"]
    assert (liquidation["kind"], liquidation["symbol"], liquidation["quantity"]) == ("indirect", "", None)
    assert "at an account value of 6.382163; its fills are not in the files" in liquidation["traces"][0]


# --- one account of several -------------------------------------------------------------------------------


def test_an_account_is_chosen(folder: Write) -> None:
    """Rows of the others are left out with a note; rows without a name stay."""
    lines = (fill(account="a"), fill(account="a", second=1), fill("DEF-PERP", account="b", second=2))
    path = folder(fills__csv=rows(FILL_HEADER, *lines), flows__csv=FLOWS)
    answer = asked(path, "--account", "b")
    assert [each["symbol"] for each in answer["positions"]] == ["DEF-PERP"]
    (note,) = told(answer)
    assert note[0] == "note"
    assert re.search(r"b is explained; rows of other accounts are left out \(2 of a in \S+fills\.csv\)", note[1])
    assert [each["symbol"] for each in asked(path, code=1)["positions"]] == ["ABC-PERP"]


def test_a_user_id_of_binance_is_chosen(folder: Write) -> None:
    header = HEADERS["trade history/asyn"].replace(",Position Side", "")
    lines = (TRADE, TRADE.replace(",7,8", ",8,9"), "2" + TRADE[1:].replace("BTCUSDT", "ETHUSDT"))
    path = folder(t__csv=rows(header, *lines))
    answer = asked(path, "--account", "2")
    assert any("2 is explained" in message for _, message in told(answer))


def test_an_account_that_no_file_names(folder: Write) -> None:
    called = call("explain", folder(fills__csv=rows(FILL_HEADER, fill(account="a"))), "--account", "b")
    assert called.code == 3
    assert "--account b: no row of these files is of it; rows are 1 of a" in called.err
    called = call("explain", folder(fills__csv=FILLS), "--account", "b")
    assert "no row names an account" in called.err
