"""What is assumed is listed: every id that the exchange or its pages name stands in one of the two catalogues."""

import ast
import re
from collections.abc import Iterator

from margincall.core import assumptions as of_the_rules
from margincall.exchange import assumptions as of_the_exchange
from tests.sources import ROOT, Source, python_sources

PAGES = ("exchange", "matching", "liquidation_desk", "waterfall", "deleveraging", "mark_price", "funding")
NAMED = re.compile(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`")


def assumed(text: str) -> set[str]:
    """The ids after the word: (assumed: `a`, `b`)."""
    found = re.findall(r"assumed:((?:[\s,]|and|`[a-z0-9-]+`)*)", text)
    return {name for each in found for name in NAMED.findall(each)}


def in_code(source: Source) -> Iterator[str]:
    """Ids in values of fields that are called `assumptions` or `assumed`."""
    for node in source.nodes:
        if isinstance(node, ast.keyword) and node.arg in ("assumptions", "assumed"):
            value: ast.expr | None = node.value
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in ("assumptions", "assumed"):
            value = node.value
        else:
            continue
        for each in ast.walk(value) if value is not None else ():
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and "-" in each.value:
                yield each.value


def test_no_id_stands_in_both() -> None:
    own = [each.id for each in of_the_exchange.CATALOGUE]
    assert len(own) == len(set(own))
    assert not set(own) & set(of_the_rules.BY_ID)
    assert set(of_the_exchange.BY_ID) == {*own, *of_the_rules.BY_ID}


def test_what_the_code_names_is_listed() -> None:
    for source in python_sources("src/margincall/exchange/"):
        named = assumed(source.text) | set(in_code(source))
        assert named <= set(of_the_exchange.BY_ID), source.path


def test_what_the_pages_name_is_listed() -> None:
    for page in PAGES:
        text = (ROOT / f"docs/spec/{page}.md").read_text(encoding="utf-8")
        assert assumed(text) <= set(of_the_exchange.BY_ID), page


def test_the_page_lists_all_that_the_exchange_assumes() -> None:
    text = (ROOT / "docs/spec/exchange.md").read_text(encoding="utf-8")
    _, _, table = text.partition("## Assumed")
    rows = re.findall(r"^\| `([a-z-]+)` \|", table.partition("\n## ")[0], re.MULTILINE)
    assert sorted(rows) == sorted(each.id for each in of_the_exchange.CATALOGUE)


def test_the_readers_of_this_test_find_something() -> None:
    assert assumed("(assumed: `a-b`, `c-d`) and `e-f`") == {"a-b", "c-d"}
    source = Source(
        "src/margincall/exchange/x.py", "f(assumptions=('g-h',))\nclass A:\n    assumed: tuple = ('i-j',)\n"
    )
    assert set(in_code(source)) == {"g-h", "i-j"}
