"""What is said while a long journal is applied again: how far it is, from its first second on, and nothing else."""

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.cli import exchange_board
from margincall.exchange import commands
from margincall.server.archive import Archive
from margincall.server.clock import SimulatedClock
from margincall.server.replaying import AFTER_S, EVERY_S, LOOK_AT, Replaying
from margincall.server.venue import Venue
from tests.server.account_desk import BEGUN_MS, RULES, TODAY

COMMANDS = 10 * LOOK_AT


def reopened(folder: Path, **more: object) -> Venue:
    """A venue on the journal of a folder."""
    return Venue.opened(
        folder / "journal", RULES, SimulatedClock(BEGUN_MS), durability="none", archive=Archive(), api_date=TODAY,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of so many commands."""
    venue = reopened(tmp_path)
    for number in range(COMMANDS):
        venue.carry_out(commands.SetMark(symbol="BTCUSDT", price=Decimal(50_000 + number)))
    venue.close()
    return tmp_path


def test_how_far_it_is_is_told_after_a_second_and_every_so_often(folder: Path) -> None:
    told, reads = (
        list[tuple[int, int]](),
        iter((0.0, AFTER_S / 2, AFTER_S, AFTER_S, AFTER_S + EVERY_S / 2, 9, *[9] * 9)),
    )
    replay = Replaying(folder / "journal", lambda done, total: told.append((done, total)), lambda: next(reads))
    venue = reopened(folder, replaying=(replay.hear,))
    assert told == [(2 * LOOK_AT, COMMANDS), (4 * LOOK_AT, COMMANDS)]
    venue.carry_out(commands.SetMark(symbol="BTCUSDT", price=Decimal(1)))
    assert replay._done == COMMANDS
    venue.close()


def test_a_journal_that_is_short_says_nothing(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    replay = Replaying(folder / "journal", lambda done, total: told.append((done, total)), lambda: 0.0)
    reopened(folder, replaying=(replay.hear,)).close()
    assert told == []


def test_it_is_a_bar_on_a_terminal_and_nothing_for_scripts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with exchange_board.carrying_out(quiet=False) as progress:
        assert progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with exchange_board.carrying_out(quiet=True) as progress:
        assert progress is None
    with exchange_board.carrying_out(quiet=False) as progress:
        assert progress is not None
        progress(1_500, 2_000)
    told = capsys.readouterr()
    assert "1500/2000" in told.err
    assert told.out == ""
