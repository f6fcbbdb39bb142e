"""An order that follows although the first one had left the account above its margin."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from margincall.forensics.answer import answer
from margincall.forensics.verify.check import Verified
from margincall.forensics.verify.run import verified
from margincall.history.bracket_store import load_book
from tests.forensics.test_verify_faults import BIG, named, play

MARK = Decimal("48186.7")
"""The mark of the first order."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A liquidation of three orders, seconds apart: the mark fell further after each."""
    return play(tmp_path_factory.mktemp("steps"), BIG)


def verdict_of(lines: list[str], played: Path, to: Path) -> Verified:
    """What a recording of these lines tells."""
    stream = to / "stream.jsonl"
    stream.write_text("".join(lines))
    return verified(answer([stream, played / "market"], load_book()), [stream, played / "market"])[0]


def of_one_moment(lines: list[str]) -> list[str]:
    """The first two orders, the second as if it had come with the first, at the same mark."""
    times = sorted({int(line.split('"T":')[1].split(",")[0]) for line in lines if '"o":"LIQUIDATION"' in line})
    until = next(place for place, line in enumerate(lines) if f'"T":{times[2]}' in line)
    return [_at_mark_of_first(line, times) for line in lines[:until]]


def _at_mark_of_first(line: str, times: list[int]) -> str:
    """A message of the second order with the time of the first; what is unrealised is printed at that mark."""
    if str(times[1]) not in line:
        return line
    message = json.loads(line.replace(str(times[1]), str(times[0])))
    for held in message.get("a", {}).get("P", []):
        held["up"] = f"{Decimal(held['pa']) * (MARK - Decimal(held['ep'])):.8f}"
    return json.dumps(message) + "\n"


def test_another_order_of_the_same_moment_needs_a_trigger_of_its_own(played: Path, tmp_path: Path) -> None:
    """The marks had not moved, and the first order had restored the margin: too much was closed."""
    lines = (played / "alice" / "stream.jsonl").read_text().splitlines(keepends=True)
    assert named(verdict_of(lines, played, tmp_path)) == set()
    told = verdict_of(of_one_moment(lines), played, tmp_path)
    assert named(told) == {"closed_too_much"}
    (found,) = (each for each in told.liquidations[1].checks if each.verdict == "does not hold")
    assert found.about == "BTCUSDT: another order followed"
    assert (found.numbers["surplus"] or 0) > 0


def test_lists_do_not_tell_what_came_first_but_how_much_was_charged(played: Path, tmp_path: Path) -> None:
    """Both fees are booked in the moment of both orders: each is that of one, and both count before the second."""
    lines = (played / "alice" / "stream.jsonl").read_text().splitlines()
    times = sorted({int(line.split('"T":')[1].split(",")[0]) for line in lines if '"o":"LIQUIDATION"' in line})
    for path in (played / "alice" / "api").iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace(str(times[1]), str(times[0])))
    paths = [tmp_path, played / "market"]
    told = verified(answer(paths, load_book()), paths)[0]
    assert named(told) == {"closed_too_much"}
    fees = [each for part in told.liquidations for each in part.checks if each.kind == "clearance_fee"]
    assert [each.verdict for each in fees] == ["holds"] * 3
    (found,) = (each for each in told.liquidations[1].checks if each.verdict == "does not hold")
    assert found.numbers["surplus"] == Decimal("41476.6685160626")


def test_with_any_message_lost_nobody_is_accused_of_going_on(played: Path, tmp_path: Path) -> None:
    """Beside what the books of the recording itself say: without the fee of the first order nobody can tell."""
    lines = of_one_moment((played / "alice" / "stream.jsonl").read_text().splitlines(keepends=True))
    fees = [place for place, line in enumerate(lines) if "INSURANCE_CLEAR" in line]
    told = verdict_of(lines[: fees[0]] + lines[fees[0] + 1 :], played, tmp_path)
    assert "closed_too_much" not in named(told)
