"""A library of an extra that is not installed: every command says which extra, and none calls it a bug."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from margincall.errors import USAGE
from margincall.extras import EXTRAS
from tests.cli.calling import call
from tests.sources import ROOT

COMMANDS = {
    "aiohttp": (
        ("market", "fetch", "BTCUSDT", "--from", "2025-02-03", "--store", "TMP/store"),
        ("rescue", "--to", "TMP/case", "--key-from", "file:TMP/key"),
    ),
    "keyring": (("rescue", "--to", "TMP/case", "--key-from", "keyring:main"),),
    "polars": (("market", "import", "TMP/BTCUSDT-1m.csv", "--kind", "mark", "--store", "TMP/store"),),
    "jinja2": (("report", "--out", "TMP/page.html", "--no-pdf"),),
    "matplotlib": (("report", "--out", "TMP/page.html", "--no-pdf"),),
    "typst": (("report", "--out", "TMP/page.html"),),
}
CALLS = [(library, arguments) for library, calls in COMMANDS.items() for arguments in calls]


def test_the_table_is_that_of_the_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    held: dict[str, set[str]] = {}
    for extra in ("live", "market", "report"):
        for requirement in extras[extra]:
            held.setdefault(re.split(r"[<>=~!\[ ]", requirement)[0], set()).add(extra)
    assert {name: set(names) for name, names in EXTRAS.items()} == held
    assert COMMANDS.keys() == EXTRAS.keys()


@pytest.mark.parametrize(("library", "arguments"), CALLS, ids=[f"{one}-{call[0]}-{call[1]}" for one, call in CALLS])
def test_a_missing_library_is_a_usage_error_that_names_the_extra(
    library: str, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without(monkeypatch, library)
    (tmp_path / "BTCUSDT-1m.csv").write_text("1738540800000,1,2,1,2,0,1738540859999,0,0,0,0,0\n")
    (tmp_path / "key").write_text(f"{'a' * 64}\n{'b' * 64}\n")
    (tmp_path / "key").chmod(0o600)
    told = call(*(each.replace("TMP", str(tmp_path)) for each in arguments))
    assert told.code == USAGE, told.err
    assert "bug" not in told.err
    assert any(f"margincall[{extra}]" in told.err for extra in EXTRAS[library]), told.err


def _without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """As where it is not installed; what of ours has imported it is imported again."""
    for name in [each for each in sys.modules if each == library or each.startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("margincall.case.transport", "margincall.case.reporting.draw", "margincall.case.reporting.paper"):
        package, _, module = name.rpartition(".")
        monkeypatch.delitem(sys.modules, name, raising=False)
        if package in sys.modules:
            monkeypatch.delattr(sys.modules[package], module, raising=False)
    monkeypatch.setitem(sys.modules, library, None)
