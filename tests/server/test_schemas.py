"""The JSON Schemas of what the server tells scripts, and that it tells just that.

`python -m tests.server.test_schemas` writes the committed ones anew.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from margincall.server import listening, summary
from tests.server.running import running
from tests.sources import ROOT

FOLDER = ROOT / "docs/reference"
SCHEMAS = {"exchange_serve": listening.json_schema, "exchange_state": summary.json_schema}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_that_of_the_type(name: str) -> None:
    committed = json.loads((FOLDER / f"{name}.schema.json").read_text())
    assert committed == json.loads(json.dumps(SCHEMAS[name]()))


def test_the_state_is_of_its_type(tmp_path: Path) -> None:
    """Every key and no other; decimals are texts."""
    with running(tmp_path) as (server, found):
        server.control("POST", "/prices", {"prices": {"BTCUSDT": "50000"}})
        server.control("POST", "/faults", {"kind": "stale_index", "on": True, "symbol": "BTCUSDT"})
        points = {"symbol": "BTCUSDT", "points": [[0, "50000"], [60_000, "51000"]]}
        server.control("POST", "/paths", points)
        told: Any = server.control("GET", "/state")
        assert found.built.venue.engine.seq
    assert told["schema"] == "margincall.exchange.state/1"
    assert told["symbols"]["BTCUSDT"]["mark"] == "50000"
    assert told["faults"]
    assert told.keys() == {field.name for field in msgspec.structs.fields(summary.StateDocument)}
    read = msgspec.json.decode(json.dumps(told), type=summary.StateDocument)
    assert msgspec.json.decode(msgspec.json.encode(read)) == told


def test_what_is_printed_at_the_start_is_of_its_type(tmp_path: Path) -> None:
    from margincall.cli.exchange_board import line
    from margincall.server.opened import Options, opened
    from margincall.server.serving import Ports

    with opened(Options(folder=tmp_path, durability="none")) as found:
        told = json.loads(line(found, Ports("127.0.0.1", 1, 2)))
        found.built.close()
    assert told["schema"] == "margincall.exchange.serve/1"
    assert told.keys() == {field.name for field in msgspec.structs.fields(listening.ServeDocument)}
    assert told["keys"][0].keys() == {"account", "key", "secret"}
    assert msgspec.json.encode(msgspec.convert(told, listening.ServeDocument)) == json.dumps(
        told, separators=(",", ":"), ensure_ascii=False
    ).encode()  # fmt: skip


if __name__ == "__main__":
    for each, schema in SCHEMAS.items():
        (FOLDER / f"{each}.schema.json").write_text(json.dumps(schema(), indent=2) + "\n")
