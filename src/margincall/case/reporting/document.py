"""The machine-readable report, `margincall.report/1`. Decimals are strings, times are `*_ms` integers.

The schema is the type `ReportDocument`; `json_schema()` is committed as `docs/reference/report.schema.json`.
"""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from margincall.case.reporting.facts import Facts, Part, Word
from margincall.core.assumptions import Assumption
from margincall.forensics.document import Trouble, plain_value, without_prose

SCHEMA = "margincall.report/1"


class ReportDocument(Struct, frozen=True):
    """`margincall.report/1`: what the page and the PDF say, text by text, with the numbers of their charts. `as_of` is
    the ISO day from which recovery is seen, `notes` qualify everything, `problems` are what could not be read."""

    schema: str
    title: str
    subtitle: str
    as_of: str
    notes: tuple[str, ...]
    verdict: Part
    parts: tuple[Part, ...]
    glossary: tuple[Word, ...]
    warning: str
    problems: tuple[Trouble, ...]
    assumptions: tuple[Assumption, ...]


def report_document(facts: Facts) -> dict[str, Any]:
    """The report as plain values, in the order of the schema."""
    return {"schema": SCHEMA, **plain_facts(facts)}


def plain_facts(facts: Facts) -> dict[str, Any]:
    """The facts as plain values: decimals as strings of digits."""
    found: dict[str, Any] = plain_value(msgspec.to_builtins(facts, builtin_types=(Decimal,)))
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the report: names and types, without the prose of the docstrings."""
    found: dict[str, Any] = without_prose(msgspec.json.schema(ReportDocument))
    return found
