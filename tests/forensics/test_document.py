"""`margincall.explain/1`: its schema is committed, answers follow it, and answers of earlier versions still do."""

import json
from pathlib import Path

import msgspec
import pytest

from margincall.forensics.document import Document, json_schema
from tests.cli.calling import call
from tests.sources import ROOT
from tests.stories import liquidation, written

SCHEMA = ROOT / "docs" / "reference" / "explain.schema.json"
STORED = sorted((Path(__file__).parent / "stored").glob("explain-*.json"))


def test_the_committed_schema_is_the_types() -> None:
    """Change the types, and the schema is written anew: `python -m tests.forensics.test_document`."""
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))


def test_an_answer_follows_the_schema(tmp_path: Path) -> None:
    """Every key and type; a number is a string of digits."""
    answer = json.loads(call("explain", "--json", str(written(liquidation(), tmp_path / "story.jsonl"))).out)
    document = msgspec.convert(answer, Document, strict=False)
    assert set(answer) == set(Document.__struct_fields__)
    assert document.liquidations[0].verdict.liquidated is True


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.name)
def test_earlier_answers_are_still_understood(path: Path) -> None:
    """A program that reads answers keeps working: stored ones convert, and no key has vanished."""
    stored = json.loads(path.read_text())
    document = msgspec.convert(stored, Document, strict=False)
    assert set(stored) <= set(Document.__struct_fields__)
    assert set(stored["liquidations"][0]) <= set(type(document.liquidations[0]).__struct_fields__)


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n")
