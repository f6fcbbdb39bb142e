"""Journals that earlier versions wrote are read for ever, each under its own rules, and give what they gave."""

import shutil
from pathlib import Path

import pytest
from msgspec import structs

from margincall.exchange.digest import digest
from margincall.exchange.engine import Engine, read_rules, restored
from margincall.exchange.journal import FORMATS, OtherHeader, read
from margincall.exchange.state import DisputeEntry

DATA = Path(__file__).parent / "data"
STORED = sorted(DATA.glob("journal_v*.bin"))


def expected(path: Path) -> str:
    """The digest that stands beside a stored journal."""
    return path.with_suffix(".digest").read_text(encoding="utf-8").strip()


def test_every_version_has_its_journal() -> None:
    assert [path.stem for path in STORED] == [f"journal_v{version}" for version in sorted(FORMATS)]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_journal_gives_what_it_gave(path: Path, tmp_path: Path) -> None:
    """The events of every command, and the state at the end; and it goes on."""
    state, seq = restored(path)
    assert seq > 50
    assert digest(state) == expected(path)
    copy = Path(shutil.copy(path, tmp_path))
    with Engine.open(copy, read_rules(copy), time_ms=0) as engine:
        assert engine.digest() == expected(path)
        engine.submit(b'{"command":"open_account","account":"dora"}')
        assert engine.sync() == seq + 1
    assert copy.read_bytes().startswith(path.read_bytes())
    assert digest(restored(copy)[0]) != expected(path)


def test_what_the_first_one_tells() -> None:
    """It is worth storing: the desk went all the way, funding was paid, a dispute was upheld."""
    state, _ = restored(STORED[0])
    commands = b"\n".join(record.command for record in read(STORED[0])[1])
    (dispute,) = state.disputes.values()
    assert isinstance(dispute, DisputeEntry)
    assert (dispute.status, state.deleveragings) == ("upheld", 1)
    assert {"clearance_fee", "refund", "deposit"} <= {entry.reason for entry in state.fund_history}
    assert state.fund.account.position(("BTCUSDT", "BOTH")).quantity > 0, "the fund took over"
    assert state.markets["SOLUSDT"].rate
    assert {b"inject_fault", b"batch", b"amend_order", b"countdown"} <= set(commands.split(b'"'))


def test_its_own_rules_count(tmp_path: Path) -> None:
    """Rules that are others by now do not open it."""
    copy = Path(shutil.copy(STORED[0], tmp_path))
    ours = structs.replace(read_rules(copy), clearance_ms=1)
    with pytest.raises(OtherHeader, match="clearance_ms"):
        Engine.open(copy, ours, time_ms=0)
    assert copy.read_bytes() == STORED[0].read_bytes()
