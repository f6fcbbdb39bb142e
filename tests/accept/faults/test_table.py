"""The figures of the fault table are what they say: margins to the eighth decimal, sizes against bounds, criteria that
can fail."""

from collections import Counter
from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest

from margincall.core.checks import FAILS, HOLDS, UNCLEAR
from tests.accept.faults.evidence import LEVELS, write_candles
from tests.accept.faults.judge import accused, classed
from tests.accept.faults.plan import VICTIM, Draw, laid, margin_for, plan
from tests.accept.faults.registry import FAULTS
from tests.accept.faults.table import Accusation, Crash, Result, document, markdown, size_of, summary
from tests.accept.faults.trial import Label, Told, Trial
from tests.accept.faults.unfaulted import _scaled, scenario_of

KIND = "too_early"
FAULT = FAULTS[KIND]


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_leaves_what_is_wanted_at_its_worst_second(seed):
    """To 1e-8, in every mode."""
    given = plan(Draw("a plan", seed), modes=(("cross", "isolated", "hedge", "two")[seed],))
    wanted = Decimal("0.12345678")
    margin, _ = margin_for(given, lambda _: wanted)
    found = laid(given, margin, until_worst=True)
    assert found.venue.pool(VICTIM, given.symbol) is not None
    assert abs(found.surplus - wanted) <= Decimal("0.5e-8")


def test_every_attempt_draws_the_same_size():
    """So that what changes nothing is not drawn anew larger."""
    drawn = {Draw(KIND, 3, attempt).size(Decimal(100), Decimal(600_000), Decimal(1)) for attempt in range(5)}
    assert len(drawn) == 1
    assert len({Draw(KIND, seed).size(Decimal(100), Decimal(600_000), Decimal(1)) for seed in range(9)}) > 5


def told(*verdicts, kinds=()):
    """A verdict with checks of the kind's, and these irregularities."""
    checks = [SimpleNamespace(kind=FAULT.checks[0], verdict=each) for each in verdicts]
    found = [SimpleNamespace(kind=each) for each in kinds]
    return SimpleNamespace(checks=checks, irregularities=found, liquidations=[])


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (told(FAILS, kinds=["bad_mark", FAULT.found]), "found"),
        (told(HOLDS, kinds=["bad_mark"]), "wrong kind"),
        (told(HOLDS, HOLDS), "missed"),
        (told(HOLDS, UNCLEAR), "cannot tell"),
        (told(), "cannot tell"),
    ],
)
def test_what_counts_as_found(verdict, outcome):
    """As `docs/spec/fault_bounds.md` says."""
    assert classed(verdict, FAULT) == outcome


def test_irregularities_of_liquidations_and_of_the_history_count():
    """Whichever names it."""
    part = told(kinds=["books"])
    whole = told(kinds=["funding_rate"])
    whole.liquidations = [part]
    assert accused(whole) == ["funding_rate", "books"]


def trial(seed, effective, outcome):
    """A case with the bound 2,000 from every level, told the same from all."""
    label = Label(
        kind=KIND, seed=seed, attempt=0, symbol="BTCUSDT", at_ms=0, drawn=Decimal(effective),
        effective=Decimal(effective), bounds={str(level): Decimal(2_000) for level in LEVELS},
    )  # fmt: skip
    return Trial(label=label, told=tuple(Told(level=str(level), outcome=outcome, accused=()) for level in LEVELS))


def result(*trials, accusations=()):
    """A run of these."""
    crashes = (Crash(seed=1, accounts=2, liquidations=3, found=tuple(accusations)),)
    return Result(seed=1, sizes=len(trials), hash="", seconds=0, trials=trials, crashes=crashes)


def test_a_size_counts_as_above_when_it_is_greater():
    """Equal is not."""
    level = str(LEVELS[0])
    assert size_of(trial(1, 2_000, "found").label, level) == "up to the bound"
    assert size_of(trial(1, 2_001, "found").label, level) == "to 10 × the bound"
    assert size_of(trial(1, 20_001, "found").label, level) == "above 10 × the bound"


def met(*trials, **more):
    """Whether all criteria are."""
    return all(line.is_met for line in summary(result(*trials, **more)))


def test_each_criterion_can_fail():
    """Too few above the bound, too many open, one of another kind, one missed, two accused."""
    good = [trial(seed, 3_000, "found") for seed in range(10)]
    assert met(*good)
    assert met(*good[:8], *(trial(seed, 3_000, "cannot tell") for seed in range(2)))
    assert not met(*good[:7], *(trial(seed, 3_000, "cannot tell") for seed in range(3)))
    assert not met(*good[:9], trial(9, 3_000, "wrong kind"))
    assert not met(*good[:9], trial(9, 3_000, "missed"))
    assert not met(*good[:4], *(trial(seed, 1_000, "cannot tell") for seed in range(6)))
    one = Accusation(seed=1, account="a", evidence="stream, ticks", accused=("books",))
    assert met(*good, accusations=[one])
    assert not met(*good, accusations=[one, one])


def test_the_table_counts_every_verdict():
    """In the page and in the JSON."""
    found = result(trial(1, 3_000, "found"), trial(2, 90_000, "missed"), trial(3, 10, "cannot tell"))
    cells = document(found)["kinds"][KIND]["evidence"]
    counted = sum((Counter(cell) for level in cells.values() for cell in level.values()), Counter())
    assert counted.total() == 3 * len(LEVELS) == document(found)["verdicts"]
    assert "| stream, ticks |  | 0 / 0 / 1 / 0 | 1 / 0 / 0 / 0 | 0 / 0 / 0 / 1 |" in markdown(found)


def test_candles_are_made_of_ticks_and_trades(tmp_path):
    """Open, high, low and close of a minute; one without a trade stands at the price before."""
    ticks = [(0, "10"), (30_000, "12"), (59_999, "11"), (60_000, "9")]
    rows = [{"e": "markPriceUpdate", "s": "X", "E": at, "p": price, "i": "8"} for at, price in ticks]
    (tmp_path / "marks.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    trades = [{"s": "X", "T": 5, "p": "7"}, {"s": "X", "T": 120_001, "p": "6"}]
    (tmp_path / "trades.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, trades)))
    write_candles(tmp_path, tmp_path / "candles")
    marks = msgspec.json.decode((tmp_path / "candles/markPriceKlines-X-1m.json").read_bytes())
    assert [row[:5] for row in marks] == [[0, "10", "12", "10", "11"], [60_000, "9", "9", "9", "9"]]
    lasts = msgspec.json.decode((tmp_path / "candles/klines-X-1m.json").read_bytes())
    assert [row[4] for row in lasts] == ["7", "7", "6"]


def test_crashes_have_all_modes_and_are_drawn_by_their_seed():
    """And a table that was changed since is another one."""
    assert scenario_of(5) == scenario_of(5) != scenario_of(6)
    assert set(scenario_of(5).crowd[0].modes) == {"cross", "isolated", "hedge", "multi"}
    rows = [{"bracket": 1, "maintMarginRatio": 0.004, "cum": 50.0}]
    assert list(_scaled(rows, Decimal("1.5"))) == [{"bracket": 1, "maintMarginRatio": 0.006, "cum": 75.0}]
