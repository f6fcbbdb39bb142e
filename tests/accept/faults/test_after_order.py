"""The settings of the kinds after the liquidation order: each has an effect that the account's files show, costs it
something, and most sizes lie above the bound."""

from pathlib import Path

import pytest

from margincall.exchange.events import LiquidationEnded
from tests.accept.faults.after_order import AFTER_ORDER
from tests.accept.faults.bounds import state_at
from tests.accept.faults.evidence import Level, save
from tests.accept.faults.trial import laid_out
from tests.worth import worth

SEEDS = range(900, 904)
BEST = Level("stream", "ticks")
FILES = {"stream": "stream.jsonl", "api": "api/*.json", "csv": "csv/*.csv"}
"""The files of each level."""


@pytest.mark.parametrize("kind", AFTER_ORDER)
def test_the_account_is_harmed_and_its_files_show_it(kind: str, tmp_path: Path) -> None:
    pair, size, _ = laid_out(kind, SEEDS[0])
    name = pair.setting.victim
    assert size > 0
    ended_ms = next(each.time_ms for each in pair.faulted.events if isinstance(each, LiquidationEnded))
    was, due = (state_at(pair, ended_ms, faulted=is_faulted) for is_faulted in (True, False))
    told, right = (
        worth(each.traders[name].account, due.prices, pair.setting.rules.venue)["USDT"] for each in (was, due)
    )
    assert told < right
    texts = []
    for folder, run in (("faulted", pair.faulted), ("clean", pair.clean)):
        save(run, [name], tmp_path / folder, pair.setting.start_ms)
        own = tmp_path / folder / name
        texts.append({level: [path.read_text("utf-8") for path in own.glob(which)] for level, which in FILES.items()})
    assert all(texts[0].values())
    assert [level for level in FILES if texts[0][level] != texts[1][level]] == list(FILES)


@pytest.mark.parametrize("kind", AFTER_ORDER)
def test_at_least_half_of_the_sizes_lie_above_the_bound(kind: str, tmp_path: Path) -> None:
    above = 0
    for seed in SEEDS:
        pair, size, _ = laid_out(kind, seed)
        bound = AFTER_ORDER[kind].bound(pair, BEST, tmp_path)
        above += bound is not None and size > bound
    assert 2 * above >= len(SEEDS)
