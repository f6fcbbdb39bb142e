"""Make the example that `margincall explain` explains where it is given no files.

    python -m tools.make_example

It plays the scenario `two_longs` of the package and keeps what alice could have saved: her user-data stream, and of the
published marks those shortly before each of her messages and before the liquidation. Beside it, the notes that are
printed first: that it is simulated, how to play it again, and by which assumed rules.
"""

import textwrap
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
from msgspec import Struct

from margincall.core.rounding import plain
from margincall.exchange.diary import told
from margincall.exchange.events import LiquidationStarted
from margincall.exchange.exports import published
from margincall.exchange.play import Played, play
from margincall.exchange.scenario import Scenario, read_scenario
from margincall.exchange.scenario_rules import rule_set_of
from margincall.venues.embedded import embedded_book
from margincall.wire.encode import Json, stream

SCENARIO = "two_longs"
ACCOUNT = "alice"
BEFORE_MS = 3_000
"""So long before a message of the account the marks are kept."""
FALL_MS = 30_000
"""So long before the liquidation."""
FOLDER = Path(__file__).resolve().parent.parent / "src" / "margincall" / "forensics" / "data"


class Made(Struct, frozen=True):
    """The two files of the example, and the run that they are of."""

    stream: bytes
    notes: str
    played: Played


def make() -> Made:
    """Play the scenario; nothing is written. Its brackets are those of the package, whatever else is installed."""
    text = (files("margincall.exchange") / "scenarios" / f"{SCENARIO}.toml").read_text(encoding="utf-8")
    scenario = read_scenario(text, name=f"{SCENARIO}.toml")
    played = play(scenario, rule_set_of(scenario, Path(), embedded_book()), Path())
    lines = [msgspec.json.encode(message) + b"\n" for message in messages(played)]
    return Made(b"".join(lines), "".join(f"{line}\n" for line in notes(scenario, played)), played)


def messages(played: Played) -> list[Json]:
    """The account's messages and the marks around them, by time; of one time the marks come first."""
    own = list(stream(told(ACCOUNT, played.events, played.state.genuine.venue)))
    spans = [(_time(each) - BEFORE_MS, _time(each)) for each in own]
    spans += [(each.time_ms - FALL_MS, each.time_ms) for each in liquidations(played)]
    marks = [each for each in published(played.events) if any(low <= _time(each) <= high for low, high in spans)]
    return sorted([*marks, *own], key=_time)


def liquidations(played: Played) -> list[LiquidationStarted]:
    """What happened to the account."""
    return [each for each in played.events if isinstance(each, LiquidationStarted) and each.account == ACCOUNT]


def notes(scenario: Scenario, played: Played) -> Iterator[str]:
    """What is said before the example is explained."""
    yield f"Example: simulated, made by `margincall exchange run {SCENARIO}`, seed {scenario.seed}."
    yield f"Account: {ACCOUNT}; no real one. Rules: {scenario.rules}, contracts, fees and brackets as of {scenario.day}"
    yield f"Simulated: prices on straight lines that someone drew, {_paths(scenario)}"
    yield "Simulated: all other orders, in the shape of one symbol's recorded depth; few of them towards the end"
    yield "Assumed by the exchange where the venue publishes no rule (docs/spec/assumptions.md):"
    names = ", ".join(assumed(played))
    yield from textwrap.wrap(names, 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def assumed(played: Played) -> Sequence[str]:
    """The assumptions that the account's liquidation rests on, by what its events say."""
    mine = [each for each in played.events if getattr(each, "account", "") == ACCOUNT]
    return sorted({name for each in mine for name in getattr(each, "assumptions", ())})


def _paths(scenario: Scenario) -> str:
    return ", ".join(
        f"{part.symbol} from {plain(part.path[0][1]):,f} to {plain(part.path[-1][1]):,f}" for part in scenario.contract
    )


def _time(message: Json) -> int:
    return int(str(message["E"]))


def main() -> None:
    """Write both files."""
    made = make()
    (FOLDER / "example.jsonl").write_bytes(made.stream)
    (FOLDER / "example.txt").write_text(made.notes, encoding="utf-8")


if __name__ == "__main__":
    main()
