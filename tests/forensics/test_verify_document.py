"""`margincall.verify/1`: its schema is committed, and verdicts follow it."""

import json
from pathlib import Path

import msgspec

from margincall.forensics.verify.check import Kind
from margincall.forensics.verify.conclude import SAYS
from margincall.forensics.verify.document import Document, json_schema
from margincall.forensics.verify.present import NAMES
from margincall.forensics.verify.rules import RULES
from tests.cli.calling import call
from tests.sources import ROOT
from tests.stories import liquidation, written

SCHEMA = ROOT / "docs" / "reference" / "verify.schema.json"
PAGE = ROOT / "docs" / "spec" / "verify.md"


def test_the_committed_schema_is_the_types() -> None:
    """Change the types, and the schema is written anew: `python -m tests.forensics.test_verify_document`."""
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))


def test_a_verdict_follows_the_schema(tmp_path: Path) -> None:
    """Every key and type; a number is a string of digits."""
    said = call("verify", "--json", str(written(liquidation(), tmp_path / "story.jsonl")))
    verdict = json.loads(said.out)
    document = msgspec.convert(verdict, Document, strict=False)
    assert set(verdict) == set(Document.__struct_fields__)
    assert document.liquidations[0].checks
    assert verdict["liquidations"][0]["checks"][0]["numbers"]["margin_balance"]


def test_every_kind_and_every_check_has_its_words_and_its_row_on_the_page() -> None:
    """What can be wrong, in `SAYS` and on the page; what is checked, with a rule and a name."""
    page = PAGE.read_text()
    assert set(SAYS) == set(Kind.__args__)  # type: ignore[attr-defined]
    assert [kind for kind, says in SAYS.items() if f"| `{kind}` | {says}" not in page] == []
    assert set(NAMES) == set(RULES)
    assert [kind for kind in RULES if f"`{kind}`" not in page] == []


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n")
