"""What a result was measured on: hashes over the sources, so that a result of other sources is not taken for one of
these.

A hash covers the sorted paths (from the root, with forward slashes) and the bytes of the files.
"""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from tests.sources import ROOT


def hash_of(paths: Iterable[Path], root: Path = ROOT) -> str:
    """SHA-256 over path and content of each file, in order of path."""
    found = hashlib.sha256()
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in paths):
        content = path.read_bytes()
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def src_hash(root: Path = ROOT) -> str:
    """All of the package: code and data."""
    source = root / "src"
    return hash_of([*source.rglob("*.py"), *source.rglob("*.json")], root)


def core_hash(root: Path = ROOT) -> str:
    """The rules alone."""
    return hash_of(core_files(root), root)


def oracle_hash(root: Path = ROOT) -> str:
    """The rules and the oracle that they are compared with: what a result of the oracle run depends on."""
    return hash_of([*core_files(root), *oracle_files(root)], root)


def exchange_hash(root: Path = ROOT) -> str:
    """What the soak depends on: all that it imports, the data of the venues, the run itself. What a scenario says and
    what is exported is not part of it."""
    return hash_of([*_engine(root), root / "tests/accept/soak_run.py"], root)


def waterfall_hash(root: Path = ROOT) -> str:
    """What the comparison of the desk depends on: the same engine, the oracle, the run itself."""
    oracle = (root / "tests/oracle").glob("*.py")
    return hash_of([*_engine(root), *oracle, root / "tests/accept/waterfall_run.py"], root)


def _engine(root: Path) -> list[Path]:
    source = root / "src"
    return [*imported(source, "margincall.exchange.soak"), *(source / "margincall/venues").rglob("*.json")]


def mutation_hash(root: Path = ROOT) -> str:
    """The rules, the mistakes planted in them, and the tests that must find those."""
    tests = root / "tests"
    killers = [*(tests / "cases").glob("*.py"), *(tests / "cases").glob("*.case"), *oracle_files(root)]
    real = tests / "forensics/test_real_stream.py"
    own = [*(tests / "mutation").glob("*.py"), *([real] if real.exists() else [])]
    return hash_of([*core_files(root), *killers, *own], root)


def imported(source: Path, module: str) -> list[Path]:
    """The files of all modules below `source` that a module imports, directly or not, and its own."""
    found: dict[Path, None] = {}
    waiting = [module]
    while waiting:
        place = source / waiting.pop().replace(".", "/")
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file() and path not in found:
                found[path] = None
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.ImportFrom) and node.module:
                        waiting += [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    return sorted(found)


DESK = ("desk", "venue", "book", "waterfall", "deleverage", "losses", "generate_desk", "generate_rules", "test_desk")
"""Files of the oracle that are about the exchange's liquidation desk alone."""


def oracle_files(root: Path = ROOT) -> list[Path]:
    """The oracle of the rules."""
    others = {*DESK, "desk_agreement"}
    return sorted(path for path in (root / "tests/oracle").glob("*.py") if path.stem not in others)


def core_files(root: Path = ROOT) -> list[Path]:
    """The files of the rules, in order of path."""
    return sorted((root / "src/margincall/core").glob("*.py"))


def serve_hash(root: Path = ROOT) -> str:
    """What the long runs against a served exchange depend on: all that the server imports, the data of the venues, and
    the runs themselves."""
    source, tests = root / "src", root / "tests"
    runs = [*(tests / "accept").glob("serve_*.py"), tests / "server/running.py"]
    parts = [*imported(source, "margincall.server.opened"), *(source / "margincall/venues").rglob("*.json")]
    return hash_of([*parts, *runs], root)
