"""The exchange behind its journal: what is taken and what is not, going on, other rules, other processes."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec import structs

from margincall.exchange import commands, rulesets
from margincall.exchange import engine as engine_module
from margincall.exchange import step as step_module
from margincall.exchange.digest import digest
from margincall.exchange.engine import Engine, events_hash, is_refused, read_rules, restored
from margincall.exchange.genesis import new_exchange
from margincall.exchange.journal import (
    COMMAND_MAX,
    Divergence,
    Header,
    JournalFailed,
    NotAJournal,
    OtherHeader,
    read,
    read_header,
)
from margincall.exchange.journal_file import FileJournal
from margincall.exchange.rejections import Code
from margincall.exchange.rulesets import RuleSet, UnknownRules, rules_from, rules_text
from margincall.exchange.scenario import ContractPart, Scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.exchange.step import receive
from margincall.venues.embedded import embedded_book
from margincall.version import VERSION
from tests.exchange.stream import OPENING, RULES, command, course, engine, submitted
from tests.exchange.test_any_command import any_command
from tests.exchange.world import BTC, LISTINGS, NOON, rule_set
from tests.sources import ROOT

COUNT = 120


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.journal"


def written(path: Path, count: int = COUNT) -> None:
    """A journal of the first commands of the stream."""
    with engine(path, "none") as running:
        assert list(submitted(running, count))[-1] == count


# --- taking commands --------------------------------------------------------------------------------------


def test_a_new_journal_says_what_it_was_begun_under(path: Path) -> None:
    written(path, 1)
    header = read_header(path)
    assert header == Header(
        code_version=VERSION, rule_set="test", rule_set_hash=digest(RULES), brackets_hash=digest(RULES.venue.tables),
        genesis_ms=NOON, rules=rules_text(RULES),
    )  # fmt: skip


def test_commands_are_journalled_as_they_came(path: Path) -> None:
    written(path)
    course().to(COUNT)
    _, found, _ = read(path)
    assert [(each.seq, each.command, each.events_hash) for each in found] == [
        (seq, command(seq), course().hashes[seq]) for seq in range(1, COUNT + 1)
    ]


def test_nothing_is_acknowledged_before_its_sync(path: Path) -> None:
    with engine(path) as running:
        assert (running.seq, running.sync()) == (0, 0)
        assert list(submitted(running, 5)) == [1, 2, 3, 4, 5]
        assert read(path)[2].seq == 0
        assert (running.seq, running.sync()) == (5, 5)
        assert read(path)[2].seq == 5
        list(submitted(running, 1))
    assert read(path)[2].seq == 6, "closing syncs"


def test_an_engine_goes_on(path: Path) -> None:
    written(path, 70)
    with Engine.open(path, RULES, time_ms=0, durability="none") as running:
        assert (running.seq, running.digest()) == (70, course().to(70).digests[70]), "the clock is the journal's"
        assert list(submitted(running, COUNT - 70))[-1] == COUNT
        assert running.digest() == course().to(COUNT).digests[COUNT]
    state, seq = restored(path)
    assert (digest(state), seq) == (course().digests[COUNT], COUNT)


def test_what_is_refused_changes_neither_state_nor_journal(path: Path) -> None:
    random = Random(1)
    refused = taken = 0
    with engine(path, "none") as running:
        list(submitted(running, COUNT))
        for _ in range(400):
            running.sync()
            before = running.digest(), running.seq, path.stat().st_size
            events = running.submit(commands.encode(any_command(random, running.state.time_ms)))
            assert running.sync() == running.seq
            if is_refused(events):
                refused += 1
                assert (running.digest(), running.seq, path.stat().st_size) == before
            else:
                taken += 1
                assert running.seq == before[1] + 1
    assert min(refused, taken) > 25
    assert restored(path)[1] == COUNT + taken


@pytest.mark.parametrize("raw", [b"", b"{", b'{"command":"advance","time_ms":0}', b" " * (COMMAND_MAX + 1)])
def test_what_is_no_command_is_refused(path: Path, raw: bytes) -> None:
    with engine(path) as running:
        (event,) = running.submit(raw)
        assert event.code in (Code.MALFORMED.code, Code.CLOCK_RUNS_BACK.code)  # type: ignore[union-attr]
        assert (running.seq, running.digest()) == (0, digest(new_exchange(RULES, NOON)))


def test_a_command_is_the_same_with_and_without_json(tmp_path: Path) -> None:
    """Values make the same events and the same journal, byte by byte, as the JSON that is written of them."""
    random, refused = Random(2), 0
    with engine(tmp_path / "values", "none") as of_values, engine(tmp_path / "json", "none") as of_json:
        list(submitted(of_values, COUNT))
        list(submitted(of_json, COUNT))
        for _ in range(1_000):
            command = any_command(random, of_values.state.time_ms)
            events = of_values.carry_out(command)
            assert events == of_json.submit(commands.encode(command))
            refused += is_refused(events)
        assert of_values.digest() == of_json.digest()
    assert 50 < refused < 950
    assert (tmp_path / "values").read_bytes() == (tmp_path / "json").read_bytes()


@pytest.mark.parametrize("amount", ["1E+400", "NaN", "Infinity", "1" * 80])
def test_numbers_that_cannot_be_held_are_refused_as_values_too(path: Path, amount: str) -> None:
    with engine(path) as running:
        (event,) = running.carry_out(commands.Fund(asset="USDT", amount=Decimal(amount)))
        assert event.code == Code.MALFORMED.code  # type: ignore[union-attr]
        assert running.seq == 0


def test_a_batch_is_taken_though_its_parts_are_refused(path: Path) -> None:
    with engine(path) as running:
        events = running.submit(commands.encode(commands.Batch(commands=(_cancel(),))))
        assert len(events) == 1
        assert not is_refused(events)
        assert running.sync() == 1


def _cancel() -> commands.CancelOrder:
    return commands.CancelOrder(account="nobody", symbol=BTC, order_id=1)


# --- what breaks off --------------------------------------------------------------------------------------


def test_a_closed_engine_does_nothing(path: Path) -> None:
    running = engine(path)
    running.close()
    running.close()
    with pytest.raises(JournalFailed):
        running.submit(command(1))


def test_a_bug_in_a_command_stops_the_engine(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have left the state half changed; what came before it is safe."""

    def broken(*_: object) -> Any:
        raise AssertionError("a bug")

    running = engine(path)
    list(submitted(running, 9))
    with monkeypatch.context() as patched:
        patched.setitem(step_module._HANDLERS, commands.OpenAccount, broken)
        with pytest.raises(AssertionError):
            running.submit(b'{"command":"open_account","account":"x"}')
    with pytest.raises(JournalFailed, match="anew"):
        running.digest()
    running.close()
    with engine(path) as running:
        assert (running.seq, running.digest()) == (9, course().to(9).digests[9])


def test_other_events_than_they_were(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command that differs is named, and the journal is left as it is, and free."""
    written(path)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setitem(step_module._HANDLERS, commands.Fund, lambda state, command: [])
        with pytest.raises(Divergence) as caught:
            engine(path)
    seq = [each["command"] for each in OPENING].index("fund") + 1
    assert (caught.value.seq, caught.value.expected) == (seq, course().to(seq).hashes[seq])
    assert caught.value.got == events_hash([])
    assert f"command {seq} " in str(caught.value)
    assert path.read_bytes() == before
    engine(path).close()


def test_a_journal_of_something_else(path: Path) -> None:
    path.write_bytes(b"time,price\n1,2\n")
    with pytest.raises(NotAJournal):
        engine(path)
    path.write_bytes(b"\x89MCJ")
    with pytest.raises(NotAJournal):
        read_rules(path)
    engine(path).close()
    assert read_rules(path) == RULES, "a beginning that was torn is begun again"


# --- the rules in the journal -----------------------------------------------------------------------------

OTHERS: list[tuple[RuleSet, str]] = [
    (rule_set(clearance_ms=1), "clearance_ms is 600000, not 1"),
    (rule_set(warning_ratio=Decimal("0.9")), "warning_ratio is 0.8, not 0.9"),
    (structs.replace(RULES, name="other"), "name is 'test', not 'other'"),
    (rule_set(listings={BTC: LISTINGS[BTC]}), "listings.BTCUSD_PERP is {"),
    (
        rule_set(waterfall=structs.replace(RULES.waterfall, partial="whole", cancel="none")),
        "waterfall.cancel is 'pool', not 'none'; waterfall.partial is 'restore', not 'whole'",
    ),
]


@pytest.mark.parametrize(("other", "told"), OTHERS, ids=lambda each: each if isinstance(each, str) else "")
def test_other_rules_are_refused_with_what_differs(path: Path, other: RuleSet, told: str) -> None:
    written(path, 20)
    before = path.read_bytes()
    with pytest.raises(OtherHeader) as caught:
        Engine.open(path, other, time_ms=NOON)
    assert told in str(caught.value)
    assert path.read_bytes() == before


def test_only_some_differences_are_told(path: Path) -> None:
    written(path, 1)
    listings = {symbol: structs.replace(each, default_leverage=7) for symbol, each in LISTINGS.items()}
    other = rule_set(listings=listings, name="x", clearance_ms=1, warning_ratio=Decimal(1))
    with pytest.raises(OtherHeader, match="and 2 more"):
        Engine.open(path, other, time_ms=NOON)


def test_the_rules_can_be_taken_out_again(path: Path) -> None:
    written(path, 20)
    assert read_rules(path) == RULES
    with Engine.open(path, read_rules(path), time_ms=0) as running:
        assert running.seq == 20


def test_equal_rules_in_other_words_are_the_same(path: Path) -> None:
    written(path, 20)
    other = structs.replace(RULES, warning_ratio=Decimal("0.800"), listings=dict(reversed(LISTINGS.items())))
    with Engine.open(path, other, time_ms=0) as running:
        assert running.seq == 20
    assert rules_text(other) != rules_text(RULES)
    assert rules_text(structs.replace(RULES, listings=other.listings)) == rules_text(RULES)


def test_a_journal_of_another_version_of_the_code_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If it gives the same events; the version that began it stays in it."""
    monkeypatch.setattr(engine_module, "VERSION", "0.0.1")
    written(path, 30)
    monkeypatch.undo()
    with engine(path) as running:
        assert list(submitted(running, 10))[-1] == 40
    header = read_header(path)
    assert header is not None
    assert (header.code_version, restored(path)[1]) == ("0.0.1", 40)


def test_a_rule_that_came_later_has_its_default() -> None:
    said = msgspec.json.decode(rules_text(RULES))
    del said["waterfall"]["partial"], said["warning_ratio"]
    assert rules_from(msgspec.json.encode(said), "a.journal") == RULES


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", rules_text(RULES)[:-1], rules_text(RULES) + b" 1"])
def test_what_is_no_rule_set(text: bytes) -> None:
    with pytest.raises(UnknownRules, match=r"a\.journal"):
        rules_from(text, "a.journal")


def test_a_rule_that_is_not_known_is_not_ignored(path: Path) -> None:
    said = msgspec.json.decode(rules_text(RULES))
    said["waterfall"]["tax"] = "0.1"
    with pytest.raises(UnknownRules, match=r"waterfall\.tax"):
        rules_from(msgspec.json.encode(said), "a.journal")
    written(path, 1)
    header = read_header(path)
    assert header is not None
    path.unlink()
    FileJournal(path, structs.replace(header, rules=msgspec.json.encode(said))).close()
    with pytest.raises(UnknownRules):
        engine(path)


@pytest.mark.parametrize("name", ["binance_usdm", "binance_coinm", "dydx", "socialised_loss", "clawback"])
def test_the_rules_of_scenarios(path: Path, name: Any) -> None:
    """What venues really run by comes back from a journal as it was."""
    symbol = "BTCUSD_PERP" if name == "binance_coinm" else "BTCUSDT"
    scenario = Scenario(name="one", rules=name, contract=(ContractPart(symbol=symbol, path=((0, Decimal(50_000)),)),))
    rules = rule_set_of(scenario, ROOT, embedded_book())
    assert rules_from(rules_text(rules), "") == rules
    assert rulesets.differences(rules_from(rules_text(rules), ""), rules) == []
    with Engine.open(path, rules, time_ms=NOON) as running:
        assert digest(running.state.rules) == digest(rules)


# --- other processes --------------------------------------------------------------------------------------


def elsewhere(hash_seed: str, path: Path) -> str:
    """Go on with a journal to so many commands in a process with this hash seed: the digest there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.exchange.stream", str(path), "none", "1", str(COUNT)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "src"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_the_same_journal_in_every_process(path: Path, hash_seed: str) -> None:
    """Half of it is replayed there, half is done; then all of it here: the events of each command are compared."""
    written(path, COUNT // 2)
    there = elsewhere(hash_seed, path)
    state, seq = restored(path)
    assert there == digest(state) == course().to(seq).digests[seq]
    assert [each.events_hash for each in read(path)[1]] == course().hashes[1 : seq + 1]


def test_the_digest_of_a_state_does_not_depend_on_the_journal(path: Path) -> None:
    written(path)
    state = new_exchange(RULES, NOON)
    for seq in range(1, COUNT + 1):
        receive(state, command(seq))
    assert digest(state) == digest(restored(path)[0])
