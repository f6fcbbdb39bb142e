"""Imports point one way, and no import leads back to where it started.

A package imports itself and packages of lower layers. Packages of one layer do not know each other.
The front door `margincall/__init__.py` may import everything, and nothing below the top layer imports it.
Imports under `if TYPE_CHECKING:` count for the direction, not for cycles.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from tests.sources import Source, python_sources

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "extras", "version"}),
    frozenset({"core"}),
    frozenset({"venues"}),
    frozenset({"wire"}),
    frozenset({"config"}),
    frozenset({"exchange", "history"}),
    frozenset({"forensics"}),
    frozenset({"guard", "lab"}),
    frozenset({"case"}),
    frozenset({"server", "app"}),
    frozenset({"cli"}),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
TOP = len(LAYERS) - 1
FRONT_DOOR = "margincall"


class Import(NamedTuple):
    """One imported module or name, where it stands, and whether only the type checker sees it."""

    line: int
    target: str
    is_typing: bool


def module_name(path: str) -> str:
    """`src/margincall/core/margin.py` -> `margincall.core.margin`."""
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def resolve(source: Source, node: ast.ImportFrom) -> str:
    """The absolute name of the module in `from module import …`."""
    if not node.level:
        return node.module or ""
    parts = module_name(source.path).split(".")
    up = node.level - 1 if source.path.endswith("/__init__.py") else node.level
    base = parts[: len(parts) - up]
    return ".".join([*base, node.module] if node.module else base)


def typing_lines(source: Source) -> set[int]:
    """Lines of the blocks that only the type checker runs."""
    lines: set[int] = set()
    for node in source.nodes:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return lines


def own_imports(source: Source) -> Iterator[Import]:
    """Imports of the project's own modules; `from package import name` gives `package.name`."""
    hidden = typing_lines(source)
    for node in source.nodes:
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = resolve(source, node)
            targets = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            if target == FRONT_DOOR or target.startswith(FRONT_DOOR + "."):
                yield Import(node.lineno, target, node.lineno in hidden)


def direction_findings(source: Source, packages: frozenset[str]) -> Iterator[str]:
    """Imports that point upwards, sideways, at the front door, or at a package without a layer."""
    name = module_name(source.path)
    if name in (FRONT_DOOR, FRONT_DOOR + ".__main__"):
        return
    here = name.split(".")[1]
    if here not in LEVEL:
        yield source.at(1, f"`{here}` has no layer: give it one in LAYERS of tests/test_imports.py")
        return
    for found in own_imports(source):
        parts = found.target.split(".")
        there = parts[1] if len(parts) > 1 else ""
        if there == here:
            continue
        if there not in LEVEL and there not in packages:
            if LEVEL[here] < TOP:
                yield source.at(found.line, f"`{here}` imports the front door: import from the module itself")
        elif there not in LEVEL or LEVEL[there] >= LEVEL[here]:
            yield source.at(found.line, f"`{here}` must not import `{there}` ({found.target})")


def import_graph(files: list[Source]) -> dict[str, dict[str, str]]:
    """For each module the modules that it imports, each with the place of the import."""
    names = {module_name(source.path) for source in files}
    graph: dict[str, dict[str, str]] = {name: {} for name in names}
    for source in files:
        here = module_name(source.path)
        for found in own_imports(source):
            parent = found.target.rpartition(".")[0]
            there = found.target if found.target in names else parent
            if there in names and there != here and not found.is_typing:
                graph[here].setdefault(there, source.at(found.line, f"imports {there}"))
    return graph


def cycles(graph: Mapping[str, Mapping[str, str]]) -> Iterator[list[str]]:
    """The places of the imports along one cycle for each module where a search from it comes back."""
    seen: set[str] = set()
    for start in sorted(graph):
        if start in seen:
            continue
        paths: list[list[str]] = [[start]]
        visited: set[str] = set()
        while paths:
            path = paths.pop()
            for there in sorted(graph[path[-1]], reverse=True):
                if there == start:
                    seen.update(path)
                    yield [graph[a][b] for a, b in zip(path, [*path[1:], start], strict=True)]
                    paths = []
                    break
                if there not in visited:
                    visited.add(there)
                    paths.append([*path, there])


def test_imports_point_one_way() -> None:
    files = python_sources("src/margincall/")
    packages = frozenset(name for each in files for name in module_name(each.path).split(".")[1:2])
    findings = [finding for each in files for finding in direction_findings(each, packages)]
    assert not findings, "\n" + "\n".join(findings)


def test_no_import_cycles() -> None:
    found = ["\n".join(places) for places in cycles(import_graph(python_sources("src/margincall/")))]
    assert not found, "\n" + "\n\n".join(found)


@pytest.mark.parametrize(
    ("path", "text", "is_refused"),
    [
        ("core/margin.py", "from margincall.core.units import ZERO", False),
        ("core/margin.py", "from margincall.venues import registry", True),
        ("core/margin.py", "from ..venues import registry", True),
        ("core/margin.py", "from . import units", False),
        ("core/margin.py", "from margincall import explain", True),
        ("core/margin.py", "import margincall", True),
        ("core/margin.py", "import margincall.wire.csv", True),
        ("venues/binance.py", "from margincall import core", False),
        ("history/readers.py", "from margincall.exchange import step", True),
        ("history/readers.py", "def read():\n    from margincall.forensics import explain", True),
        ("guard/act.py", "from margincall.case import folder", True),
        ("cli/main.py", "from margincall import __version__", False),
        ("server/app.py", "from margincall.cli import main", True),
        ("new/thing.py", "", True),
        ("core/margin.py", "from margincall.new import thing", True),
        ("__init__.py", "from margincall.forensics import explain", False),
    ],
)
def test_the_direction_rule_refuses_what_it_should(path: str, text: str, is_refused: bool) -> None:
    source = Source(f"src/margincall/{path}", text)
    packages = frozenset({*LEVEL, "new"})
    assert bool(list(direction_findings(source, packages))) is is_refused


def test_the_cycle_rule_finds_a_cycle() -> None:
    texts = {
        "a": "from margincall.core import b",
        "b": "def late():\n    from margincall.core.c import x",
        "c": "from typing import TYPE_CHECKING\nfrom margincall.core.a import y\n",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from margincall.core import e\n",
        "e": "from margincall.core import a, d",
    }
    files = [Source(f"src/margincall/core/{name}.py", text) for name, text in texts.items()]
    (places,) = cycles(import_graph(files))
    assert places == [
        "src/margincall/core/a.py:1: imports margincall.core.b",
        "src/margincall/core/b.py:2: imports margincall.core.c",
        "src/margincall/core/c.py:2: imports margincall.core.a",
    ]
