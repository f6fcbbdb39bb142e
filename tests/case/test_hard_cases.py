"""Hard cases, told by our exchange, which knows the truth: explain, verify, recover and dispute are right, or cannot
tell.

Files are taken away, cut, or spoilt; the run behind them is with a fault or without. Never is anybody accused of a
fault that was not, never is a number given that the exchange did not have.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from margincall.case.dispute import claim_of, decide
from margincall.case.recover import recover
from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from margincall.core.events import Flow, Order
from margincall.errors import FINE, REFUSED
from margincall.exchange.bundles import NotFound, judged
from margincall.exchange.events import Deleveraged, LiquidationStarted
from margincall.exchange.exports import write_all
from margincall.exchange.play import Played, play
from margincall.exchange.rulesets import RuleSet
from margincall.exchange.scenario import Scenario, read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.forensics.answer import Answer, answer
from margincall.forensics.verify.check import Verified
from margincall.forensics.verify.run import verified
from margincall.venues.embedded import embedded_book
from margincall.wire.claims import Claim
from tests.cli.calling import call
from tests.sources import ROOT

D = Decimal
BOOK = embedded_book()
LEVELS = ("stream.jsonl", "api", "csv")
TRUE_KINDS = frozenset({"too_early", "wrong_brackets", "bad_mark"})
"""What the fault of these runs may be called."""
SCENARIOS = ROOT / "src" / "margincall" / "exchange" / "scenarios"
FALL = """
name = "a fall"
start = 2026-09-20T12:00:00Z
fund = {{ USDT = 100000 }}
[[contract]]
symbol = "BTCUSDT"
path = [["0s", 50000], ["30s", 50000], ["100s", {low}], ["150s", {low}]]
[[account]]
name = "ann"
deposit = {{ USDT = 1000 }}
position = [{{ symbol = "BTCUSDT", side = "long", quantity = 0.8, leverage = 50, at = "10s" }}]
"""
FAULT = """
[[fault]]
kind = "early_liquidation"
symbol = "BTCUSDT"
account = "ann"
at = "80s"
"""
ACCOUNT = """
[[account]]
name = "ann"
margin = "{margin}"
deposit = {{ USDT = {deposit} }}
"""
POSITION = """
[[account.position]]
symbol = "{symbol}"
side = "long"
notional = 20000
leverage = 50
at = "{at}s"
"""
CONTRACT = """
[[contract]]
symbol = "{symbol}"
path = [["0s", {price}], ["30s", {price}], ["{falls}s", {price}], ["{ends}s", {low}], ["90s", {low}]]
"""


class Run(NamedTuple):
    """A run on the exchange, and the folder of what it hands out."""

    played: Played
    rules: RuleSet
    scenario: Scenario
    folder: Path


class Told(NamedTuple):
    """What a user is told."""

    answer: Answer
    verdict: Verified
    claim: Claim


def run_of(text: str, folder: Path) -> Run:
    """Play a scenario, and write what it hands out."""
    scenario = read_scenario(text, "hard.toml")
    rules = rule_set_of(scenario, Path(), BOOK)
    played = play(scenario, rules, Path())
    write_all(played, folder, scenario.day)
    return Run(played, rules, scenario, folder)


def fall(folder: Path, *, faulty: bool) -> Run:
    """A fall that liquidates, or one that does not, with a fault that does."""
    return run_of(FALL.format(low=49400 if faulty else 48300) + (FAULT if faulty else ""), folder)


def told(*paths: Path) -> Told:
    """Everything that the commands say of these files."""
    found = answer(paths, BOOK)
    verdict, _ = verified(found, paths)
    recover(found, as_of="2026-10-01", verdict=verdict)
    decided = decide(found, verdict)
    return Told(found, verdict, claim_of(found, decided, ()))


def files(run: Run, level: str, name: str = "ann") -> tuple[Path, Path]:
    """An account's files, and the market's."""
    return run.folder / name / level, run.folder / "market"


def accusations(said: Told) -> set[str]:
    """Every kind that anybody is accused of."""
    judged = [*said.verdict.liquidations, said.verdict]
    return {wrong.kind for each in judged for wrong in each.irregularities}  # type: ignore[attr-defined]


def check(run: Run, said: Told, name: str = "ann", *, allowed: frozenset[str] = frozenset()) -> None:
    """Nothing that is said is wrong: accusations are allowed ones, numbers at the trigger are those of the exchange,
    and what the desk says of the claim agrees with it."""
    assert accusations(said) <= allowed
    truth = dict(_started(run.played, name))
    for case in said.answer.explained.cases:
        explained = case.explanation
        started = truth.get(explained.order_id)
        if started is None or explained.goes_on_from or explained.kind != "liquidation":
            continue
        trigger = next((each for each in explained.findings if each.kind == "trigger"), None)
        fee = explained.clearance.fee
        assert fee is None or fee in _fees(run.played, name)
        if trigger is None or trigger.verdict == UNCLEAR:
            continue
        verdict = explained.verdict
        assert trigger.verdict == (FAILS if allowed else HOLDS)
        assert verdict.margin_balance in (None, started.balance), explained.order_id
        assert verdict.maintenance_margin in (None, started.maintenance), explained.order_id
        assert verdict.liquidated in ((None, False) if allowed else (None, True))
        assert explained.prices.mark_at_trigger in (None, started.marks[explained.symbol])
    asked = {each.asked for each in said.claim.disputed}
    assert asked <= ({"refund", "evidence"} if allowed else {"evidence", "answer"})
    _desk(run, said, is_wrong=bool(allowed))


def _desk(run: Run, said: Told, *, is_wrong: bool) -> None:
    """The desk finds what the claim means, where it names an order; without a fault it never upholds."""
    try:
        decisions = judged(run.played, run.rules, run.scenario, said.claim)
    except NotFound:
        assert not any(each.order_ids for each in said.claim.disputed)
        return
    assert {each.upheld for each in decisions} <= {is_wrong}


def _started(run: Played, name: str) -> Iterator[tuple[str, LiquidationStarted]]:
    """The first order of each liquidation of the account, with how the liquidation began."""
    now: LiquidationStarted | None = None
    for event in run.events:
        if isinstance(event, LiquidationStarted):
            now = event if event.account == name else None
        elif isinstance(event, Order) and event.close == "liquidation" and now is not None and event.account == name:
            yield event.order_id, now
            now = None


def _fees(run: Played, name: str) -> list[Decimal]:
    return [
        -amount
        for event in run.events
        if isinstance(event, Flow) and event.account == name and event.category == "insurance_clear"
        for amount in event.applied.values()
    ]


# --- gaps of the market -----------------------------------------------------------------------------------


def trigger_ms(run: Run, name: str = "ann") -> int:
    """When the account was liquidated first."""
    return next(
        each.time_ms for each in run.played.events if isinstance(each, LiquidationStarted) and each.account == name
    )


def kept(run: Run, keep: Callable[[int], bool]) -> None:
    """The market's ticks and trades without those of some times."""
    for path in (run.folder / "market").glob("*.jsonl"):
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{line}\n" for line in lines if keep(json.loads(line).get("E", 0)) or "E" not in line))


@pytest.mark.parametrize("faulty", [False, True])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("before", "after"), [(1, 0), (4, 4), (60, 0), (60, 10), (0, 60), (120, 120)])
def test_gaps_of_the_market_across_the_minute(
    before: int, after: int, level: str, *, faulty: bool, tmp_path: Path
) -> None:
    """Seconds to minutes without a mark around the trigger."""
    run = fall(tmp_path, faulty=faulty)
    at = trigger_ms(run)
    kept(run, lambda time_ms: not at - before * 1000 <= time_ms <= at + after * 1000)
    check(run, told(*files(run, level)), allowed=TRUE_KINDS if faulty else frozenset())


@pytest.mark.parametrize("faulty", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_no_market_at_all(level: str, *, faulty: bool, tmp_path: Path) -> None:
    """The account's own files alone: no trigger can be told, and nobody is accused of one."""
    run = fall(tmp_path, faulty=faulty)
    own, market = files(run, level)
    said = told(own, *market.glob("leverageBracket*"))
    check(run, said, allowed=TRUE_KINDS if faulty else frozenset())
    assert said.claim.advice != "dispute" or level == "stream.jsonl"


# --- a history that begins inside a position --------------------------------------------------------------


def cut(run: Run, since_ms: int, level: str) -> Path:
    """The account's files from a time on, as somebody has them who recorded or downloaded too late."""
    own = run.folder / "ann" / level
    if level == "stream.jsonl":
        lines = [line for line in own.read_text().splitlines() if json.loads(line)["E"] >= since_ms]
        own.write_text("".join(f"{line}\n" for line in lines))
    elif level == "api":
        for path in own.glob("*.json"):
            rows = json.loads(path.read_text())
            if isinstance(rows, list):
                path.write_text(json.dumps([row for row in rows if int(row.get("time", since_ms)) >= since_ms]))
    return own


@pytest.mark.parametrize("faulty", [False, True])
@pytest.mark.parametrize("level", LEVELS[:2])
@pytest.mark.parametrize("seconds", [11, 40, 70])
def test_a_history_that_begins_inside_a_position(seconds: int, level: str, *, faulty: bool, tmp_path: Path) -> None:
    """Its opening, and the deposit, are not in the files."""
    run = fall(tmp_path, faulty=faulty)
    own = cut(run, run.scenario.start + seconds * 1000, level)
    check(run, told(own, run.folder / "market"), allowed=TRUE_KINDS if faulty else frozenset())


# --- three liquidations in one minute ---------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("margin", ["isolated", "cross"])
@pytest.mark.parametrize("apart", [0, 1, 15])
def test_three_liquidations_in_one_minute(apart: int, margin: str, level: str, tmp_path: Path) -> None:
    """Three contracts fall within a minute, or in one second."""
    prices = {"BTCUSDT": 50_000, "ETHUSDT": 3_000, "SOLUSDT": 150}
    text = 'name = "three"\nstart = 2026-09-20T12:00:00Z\nfund = { USDT = 100000 }\n'
    for number, (symbol, price) in enumerate(prices.items()):
        falls = 35 + number * apart
        low = D(price) * D("0.97")
        text += CONTRACT.format(symbol=symbol, price=price, low=low, falls=falls, ends=falls + 4)
    text += ACCOUNT.format(margin=margin, deposit=2500 if margin == "isolated" else 1300)
    for number, symbol in enumerate(prices):
        text += POSITION.format(symbol=symbol, at=5 + number)
    run = run_of(text, tmp_path)
    said = told(*files(run, level))
    check(run, said)
    told_orders = {each.order_id for each in said.verdict.liquidations if each.order_id}
    if level != "csv":
        assert told_orders >= {order for order, _ in _started(run.played, "ann")}
    assert len({event.number for _, event in _started(run.played, "ann")}) >= (3 if margin == "isolated" else 1)


# --- liquidation and deleveraging together ----------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_liquidation_and_deleveraging_together(level: str, tmp_path: Path) -> None:
    """The fund runs dry: each of the accounts that were liquidated, and of those that were closed for them."""
    run = run_of((SCENARIOS / "fund_runs_dry.toml").read_text(), tmp_path)
    deleveraged = {each.account for each in run.played.events if isinstance(each, Deleveraged)}
    liquidated = {each.account for each in run.played.events if isinstance(each, LiquidationStarted)}
    assert len(deleveraged) >= 1
    assert len(liquidated) >= 3
    for name in sorted(deleveraged | liquidated):
        said = told(*files(run, level, name))
        check(run, said, name)
        kinds = {each.kind for each in said.verdict.liquidations}
        if level != "csv":
            assert ("adl" in kinds) == (name in deleveraged)
            assert ("liquidation" in kinds) == (name in liquidated)


# --- an account kind that is not modelled -----------------------------------------------------------------

MARKS_OF_KINDS: Mapping[str, dict[str, Any]] = {
    "grid": {"e": "GRID_UPDATE", "T": 0, "E": 0, "gu": {"si": 1, "st": "GRID", "ss": "WORKING", "s": "BTCUSDT"}},
    "portfolio": {"e": "riskLevelChange", "E": 0, "u": "1.2", "s": "MARGIN_CALL", "eq": "30", "ae": "30", "m": "15"},
}


@pytest.mark.parametrize("faulty", [False, True])
@pytest.mark.parametrize("kind", MARKS_OF_KINDS)
def test_an_account_that_is_not_modelled(kind: str, *, faulty: bool, tmp_path: Path) -> None:
    """Refused with the reason: no verdict, no accusation even where there was a fault; the ticket asks."""
    run = fall(tmp_path, faulty=faulty)
    own, market = files(run, "stream.jsonl")
    mark = {**MARKS_OF_KINDS[kind], "E": run.scenario.start + 20_000}
    with own.open("a") as file:
        file.write(json.dumps(mark) + "\n")
    said = told(own, market)
    assert said.verdict.refused
    assert accusations(said) == set()
    assert (said.claim.advice, said.claim.conclusion) == ("ask", "cannot tell")
    assert said.claim.problems == said.verdict.refused
    assert all(each.asked == "evidence" and each.settled_by and not each.refund for each in said.claim.disputed)


# --- a folder that was tampered with ----------------------------------------------------------------------


def _changed(case: Path) -> None:
    path = next((case / "evidence").glob("stream*"))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b'"', b"'", 1))


def _missing(case: Path) -> None:
    next((case / "evidence").glob("marks*")).unlink()


def _record(case: Path) -> None:
    path = case / "case.manifest"
    path.write_bytes(path.read_bytes().replace(b"stream", b"strean", 1))


@pytest.mark.parametrize("spoil", [_changed, _missing, _record])
def test_a_folder_that_was_tampered_with(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    """Every command refuses it, with the place, and writes nothing."""
    run = fall(tmp_path / "run", faulty=True)
    case = tmp_path / "case"
    own, market = files(run, "stream.jsonl")
    assert call("case", "new", str(case)).code == FINE
    assert call("case", "add", str(case), str(own), *map(str, sorted(market.iterdir()))).code == FINE
    spoil(case)
    for command in (["explain"], ["verify"], ["recover"], ["dispute", "--out", str(tmp_path / "b")]):
        said = call(command[0], str(case), *command[1:])
        assert said.code == REFUSED, command
        assert "not as it was written" in said.err
    assert not (tmp_path / "b").exists()
