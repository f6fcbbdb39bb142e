"""The settings of the chosen kinds: each has an effect that the account's files show, costs it something, and most
sizes lie above the bound."""

from decimal import Decimal
from pathlib import Path

import pytest

from margincall.exchange.play import Played
from tests.accept.faults.case import Pair
from tests.accept.faults.chosen import CHOSEN
from tests.accept.faults.evidence import LEVELS, save
from tests.accept.faults.plan import VICTIM
from tests.accept.faults.trial import laid_out
from tests.worth import worth

SEEDS = range(900, 908)
FILES = {"stream": "stream.jsonl", "api": "api/userTrades.json", "csv": "csv/Binance-Futures-Trade-History-*.csv"}
"""A file of each level in which all three show."""


def worth_of(run: Played, pair: Pair) -> Decimal:
    """What the account is worth at the end, at the marks of the run without the fault."""
    account = run.state.traders[VICTIM].account
    return worth(account, pair.clean.state.prices, pair.setting.rules.venue)["USDT"]


def texts(run: Played, pair: Pair, folder: Path) -> dict[str, str]:
    save(run, [VICTIM], folder, pair.setting.start_ms)
    found = {level: next((folder / VICTIM).glob(pattern)) for level, pattern in FILES.items()}
    return {level: path.read_text(encoding="utf-8") for level, path in found.items()}


@pytest.mark.parametrize("kind", CHOSEN)
def test_the_account_is_harmed_and_its_files_show_it(kind: str, tmp_path: Path) -> None:
    pair, size, _ = laid_out(kind, SEEDS[0])
    assert size > 0
    assert worth_of(pair.faulted, pair) < worth_of(pair.clean, pair)
    was, due = texts(pair.faulted, pair, tmp_path / "faulted"), texts(pair.clean, pair, tmp_path / "clean")
    assert [level for level in FILES if was[level] != due[level]] == list(FILES)


@pytest.mark.parametrize("kind", CHOSEN)
def test_at_least_half_of_the_sizes_lie_above_the_bound(kind: str, tmp_path: Path) -> None:
    """From stream and answers, with ticks and candles alike: none of the bounds rests on a mark. (Exports do not tell
    that they begin with the account.)"""
    above = 0
    for seed in SEEDS:
        pair, size, _ = laid_out(kind, seed)
        bounds = [CHOSEN[kind].bound(pair, level, tmp_path) for level in LEVELS if level.account != "csv"]
        above += all(bound is not None and size > bound for bound in bounds)
    assert 2 * above >= len(SEEDS)
